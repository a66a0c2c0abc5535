//! Where configuration files come from. The parser never opens a file itself: tests, fuzzing and
//! "test this file of another machine" give it another [`Source`].

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct SourceError {
    /// The system's words.
    pub reason: String,
}

impl From<io::Error> for SourceError {
    /// The system's words, without Rust's "(os error 2)".
    fn from(error: io::Error) -> Self {
        let text = error.to_string();
        let reason = text.split(" (os error").next().unwrap_or(&text).to_owned();
        Self { reason }
    }
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Nothing.
    Missing,
    /// A directory.
    Directory,
    /// A regular file.
    Regular,
    /// A symbolic link; only when links are not followed.
    Symlink,
    /// A device, a pipe, a socket.
    Other,
}

/// What the configuration may depend on about a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// What it leads to.
    pub kind: FileKind,
    /// Permission bits, 0 when missing.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl FileFacts {
    /// Of a path that leads nowhere.
    pub const MISSING: Self = Self { kind: FileKind::Missing, mode: 0, uid: 0, gid: 0 };

    /// Whether anybody may execute it.
    pub const fn is_executable(&self) -> bool {
        self.mode & 0o111 != 0
    }
}

/// What the parser asks of the world.
pub trait Source {
    /// A file, to be read once from its start to its end.
    fn open(&self, path: &Path) -> Result<Box<dyn BufRead + '_>, SourceError>;
    /// Paths that a pattern with `* ? [ ]` matches, sorted.
    fn glob(&self, pattern: &str) -> Vec<PathBuf>;
    /// An environment variable.
    fn env(&self, name: &str) -> Option<String>;
    /// Facts of a path, links followed.
    fn facts(&self, path: &Path) -> FileFacts;
    /// Facts of a path, without following a link in its last part.
    fn link_facts(&self, path: &Path) -> FileFacts;
    /// Whether a user exists; `None` when that cannot be told here.
    fn has_user(&self, name: &str) -> Option<bool>;
    /// Whether a group exists; `None` when that cannot be told here.
    fn has_group(&self, name: &str) -> Option<bool>;
}

/// Bytes of a file that are read at a time.
const BUFFER: usize = 64 * 1024;

/// The file system of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct FsSource;

impl Source for FsSource {
    fn open(&self, path: &Path) -> Result<Box<dyn BufRead + '_>, SourceError> {
        let file = std::fs::File::open(path)?;
        Ok(Box::new(BufReader::with_capacity(BUFFER, file)))
    }

    fn glob(&self, pattern: &str) -> Vec<PathBuf> {
        let found = glob::glob(pattern).map(|paths| paths.flatten().collect());
        found.unwrap_or_default()
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn facts(&self, path: &Path) -> FileFacts {
        std::fs::metadata(path).map_or(FileFacts::MISSING, |data| facts_of(&data))
    }

    fn link_facts(&self, path: &Path) -> FileFacts {
        std::fs::symlink_metadata(path).map_or(FileFacts::MISSING, |data| facts_of(&data))
    }

    fn has_user(&self, name: &str) -> Option<bool> {
        listed_in("/etc/passwd", name)
    }

    fn has_group(&self, name: &str) -> Option<bool> {
        listed_in("/etc/group", name)
    }
}

fn facts_of(data: &std::fs::Metadata) -> FileFacts {
    use std::os::unix::fs::MetadataExt;
    let kind = data.file_type();
    let kind = if kind.is_dir() {
        FileKind::Directory
    } else if kind.is_file() {
        FileKind::Regular
    } else if kind.is_symlink() {
        FileKind::Symlink
    } else {
        FileKind::Other
    };
    FileFacts { kind, mode: data.mode() & 0o7777, uid: data.uid(), gid: data.gid() }
}

/// Whether `name` is in a file like `/etc/passwd`. When it is not, another name service of the
/// host may still know it, so the answer is `None` unless the file is the only one in use.
fn listed_in(path: &str, name: &str) -> Option<bool> {
    let text = std::fs::read_to_string(path).ok()?;
    if text.lines().any(|line| line.split(':').next() == Some(name)) {
        return Some(true);
    }
    let services = std::fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
    let key = if path.ends_with("group") { "group:" } else { "passwd:" };
    let local = ["files", "compat", "systemd"];
    let only_local = services
        .lines()
        .find_map(|line| line.trim().strip_prefix(key))
        .is_none_or(|list| list.split_whitespace().all(|service| local.contains(&service)));
    only_local.then_some(false)
}

/// Files that only exist in memory, for tests and fuzzing.
#[derive(Clone, Debug, Default)]
pub struct MemorySource {
    /// Contents by path.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    /// Further paths that exist, with their facts.
    pub facts: BTreeMap<PathBuf, FileFacts>,
    /// Environment.
    pub env: BTreeMap<String, String>,
}

impl MemorySource {
    /// One file.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Vec<u8>>) -> Self {
        let files = BTreeMap::from([(path.into(), text.into())]);
        Self { files, ..Self::default() }
    }

    /// One more file.
    #[must_use]
    pub fn with(mut self, path: impl Into<PathBuf>, text: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), text.into());
        self
    }

    /// A file that can be executed.
    #[must_use]
    pub fn with_program(mut self, path: impl Into<PathBuf>) -> Self {
        let facts = FileFacts { kind: FileKind::Regular, mode: 0o755, uid: 0, gid: 0 };
        self.facts.insert(path.into(), facts);
        self
    }

    fn is_directory(&self, path: &Path) -> bool {
        let inside = |file: &PathBuf| file.starts_with(path) && file != path;
        self.files.keys().any(inside) || self.facts.keys().any(inside)
    }
}

impl Source for MemorySource {
    fn open(&self, path: &Path) -> Result<Box<dyn BufRead + '_>, SourceError> {
        let missing = || SourceError { reason: "No such file or directory".to_owned() };
        Ok(Box::new(self.files.get(path).ok_or_else(missing)?.as_slice()))
    }

    fn glob(&self, pattern: &str) -> Vec<PathBuf> {
        let Ok(pattern) = glob::Pattern::new(pattern) else { return Vec::new() };
        let options = glob::MatchOptions { require_literal_separator: true, ..Default::default() };
        self.files.keys().filter(|path| pattern.matches_path_with(path, options)).cloned().collect()
    }

    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    fn facts(&self, path: &Path) -> FileFacts {
        if let Some(facts) = self.facts.get(path) {
            return *facts;
        }
        if self.files.contains_key(path) {
            return FileFacts { kind: FileKind::Regular, mode: 0o644, uid: 0, gid: 0 };
        }
        if self.is_directory(path) {
            return FileFacts { kind: FileKind::Directory, mode: 0o755, uid: 0, gid: 0 };
        }
        FileFacts::MISSING
    }

    fn link_facts(&self, path: &Path) -> FileFacts {
        self.facts(path)
    }

    fn has_user(&self, name: &str) -> Option<bool> {
        Some(["root", "nobody"].contains(&name))
    }

    fn has_group(&self, name: &str) -> Option<bool> {
        Some(["root", "nogroup"].contains(&name))
    }
}
