//! Whether a script may run. Pure, but for [`SystemFacts`].

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sys::users::User;
use thiserror::Error;

/// What something in the file system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A plain file.
    File,
    /// A symbolic link, itself and not what it leads to.
    Link,
    /// A device, a socket, a pipe.
    Other,
}

/// What the file system says about one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fact {
    /// What it is.
    pub kind: Kind,
    /// Its owner's number.
    pub uid: u32,
    /// Its group's number.
    pub gid: u32,
    /// Its permission bits, the sticky bit included.
    pub mode: u32,
}

/// A file system to ask. Tests have one of their own.
pub trait Facts {
    /// What is at `path`, not following a link at its end.
    ///
    /// # Errors
    /// The system's: not found, no permission.
    fn at(&self, path: &Path) -> io::Result<Fact>;

    /// What is at `path`, or where the links at it lead.
    ///
    /// # Errors
    /// The system's: not found, no permission.
    fn behind(&self, path: &Path) -> io::Result<Fact>;

    /// What the symbolic link at `path` says.
    ///
    /// # Errors
    /// The system's: not found, no link, no permission.
    fn leads_to(&self, path: &Path) -> io::Result<PathBuf>;
}

/// The real file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFacts;

impl Facts for SystemFacts {
    fn at(&self, path: &Path) -> io::Result<Fact> {
        fs::symlink_metadata(path).map(|metadata| Fact::from_metadata(&metadata))
    }

    fn behind(&self, path: &Path) -> io::Result<Fact> {
        fs::metadata(path).map(|metadata| Fact::from_metadata(&metadata))
    }

    fn leads_to(&self, path: &Path) -> io::Result<PathBuf> {
        fs::read_link(path)
    }
}

impl Fact {
    fn from_metadata(metadata: &fs::Metadata) -> Self {
        let kind = match metadata.file_type() {
            it if it.is_dir() => Kind::Folder,
            it if it.is_file() => Kind::File,
            it if it.is_symlink() => Kind::Link,
            _ => Kind::Other,
        };
        Self { kind, uid: metadata.uid(), gid: metadata.gid(), mode: metadata.mode() & 0o7777 }
    }
}

/// How others could change what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weakness {
    /// It belongs to this user, who is not root.
    Owner(u32),
    /// This group may write to it.
    Group(u32),
    /// Everybody may write to it.
    Everybody,
    /// It is neither a folder on the way to the script nor a plain file at its end.
    Type,
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(uid) => write!(f, "is owned by uid {uid}, not by root"),
            Self::Group(gid) => write!(f, "can be written by group {gid}"),
            Self::Everybody => f.write_str("can be written by everybody"),
            Self::Type => f.write_str("is of the wrong file type"),
        }
    }
}

/// Why a script does not run. The text is for the log.
#[derive(Debug, Error)]
pub enum Refusal {
    /// Nothing there, or no way to it.
    #[error("Script {} cannot be accessed - {reason}", path.display())]
    NotFound {
        /// The script.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// Its user may not execute it.
    #[error(
        "WARNING - script '{}' is not executable for uid:gid {}:{} - disabling.",
        path.display(), user.uid, user.gid
    )]
    NotExecutable {
        /// The script.
        path: PathBuf,
        /// Whom it would run as.
        user: User,
    },
    /// It would run as root, and others could change it (`enable_script_security`).
    #[error("Unsafe permissions for script '{}': {} {weakness} - disabling.", path.display(), component.display())]
    Insecure {
        /// The script.
        path: PathBuf,
        /// The part of its path that is weak.
        component: PathBuf,
        /// How.
        weakness: Weakness,
    },
}

/// Where a program without a slash in its name is found: the first executable file of that name in
/// the folders of `search`, which is written as `PATH` is. A name with a slash is what it is.
///
/// # Errors
/// [`Refusal::NotFound`].
pub fn find(program: &str, search: &str, facts: &impl Facts) -> Result<PathBuf, Refusal> {
    if program.contains('/') {
        return Ok(PathBuf::from(program));
    }
    let is_program = |path: &PathBuf| {
        facts.behind(path).is_ok_and(|fact| fact.kind == Kind::File && fact.mode & 0o111 != 0)
    };
    let candidates = search.split(':').filter(|folder| folder.starts_with('/'));
    candidates.map(|folder| Path::new(folder).join(program)).find(is_program).ok_or_else(|| {
        Refusal::NotFound { path: PathBuf::from(program), reason: io::ErrorKind::NotFound.into() }
    })
}

/// The script at `path` as it is to be run by `user`: by its real path, or with `keep_links` by the
/// name that it has, which a program of many names (busybox) goes by.
///
/// With `enforce` and for root, also whether others could change it or swap it: everything on the
/// way, the root folder and links included, and the file belong to root and are written by no one
/// else. A folder with the sticky bit, in which nobody can remove another's files, may be written by
/// others; a link's own bits mean nothing.
///
/// # Errors
/// As [`Refusal`] says: the first that is found, from the root folder on.
pub fn check(
    path: &Path,
    user: User,
    Rules { enforce, keep_links }: Rules,
    facts: &impl Facts,
) -> Result<PathBuf, Refusal> {
    let not_found = |reason| Refusal::NotFound { path: path.to_owned(), reason };
    let file = facts.behind(path).map_err(not_found)?;
    if file.kind != Kind::File || !may_execute(file, user) {
        return Err(Refusal::NotExecutable { path: path.to_owned(), user });
    }
    let way = way(path, facts);
    let real = |way: &[(PathBuf, Fact)]| way.last().map(|(real, _)| real.clone());
    let named = || path.to_owned();
    if !enforce || user.uid != 0 {
        let real = way.ok().filter(|_| !keep_links).and_then(|way| real(&way));
        return Ok(real.unwrap_or_else(named));
    }
    let way = way.map_err(not_found)?;
    let end = real(&way);
    for (component, fact) in &way {
        let wanted = if Some(component) == end.as_ref() { Kind::File } else { Kind::Folder };
        if let Some(weakness) = weakness(*fact, wanted) {
            let component = component.clone();
            return Err(Refusal::Insecure { path: named(), component, weakness });
        }
    }
    Ok(end.filter(|_| !keep_links).unwrap_or_else(named))
}

/// What a script has to be like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// `enable_script_security`.
    pub enforce: bool,
    /// `use_symlink_paths`.
    pub keep_links: bool,
}

/// Links on the way to one file, as the kernel allows them.
const MAX_LINKS: usize = 40;

/// Everything on the way to what `path` leads to, each with what it is: folders, links and what is
/// behind them, last the thing itself.
fn way(path: &Path, facts: &impl Facts) -> io::Result<Vec<(PathBuf, Fact)>> {
    if !path.is_absolute() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let root = PathBuf::from("/");
    let mut way = vec![(root.clone(), facts.at(&root)?)];
    let parts =
        |path: &Path| path.components().map(|part| part.as_os_str().to_owned()).rev().collect();
    // What is still to go, the next part last.
    let mut ahead: Vec<OsString> = parts(path);
    let mut here = root;
    let mut links = 0;
    while let Some(part) = ahead.pop() {
        if part == ".." {
            here.pop();
            continue;
        }
        let next = here.join(&part);
        if part == "/" {
            here = next;
            continue;
        }
        let fact = facts.at(&next)?;
        way.push((next.clone(), fact));
        if fact.kind != Kind::Link {
            here = next;
            continue;
        }
        links += 1;
        if links > MAX_LINKS {
            return Err(io::Error::other("too many symbolic links"));
        }
        let mut further: Vec<OsString> = parts(&facts.leads_to(&next)?);
        ahead.append(&mut further);
    }
    Ok(way)
}

fn weakness(fact: Fact, wanted: Kind) -> Option<Weakness> {
    let is_sticky_folder = fact.kind == Kind::Folder && fact.mode & 0o1000 != 0;
    match fact {
        Fact { kind: Kind::Link, uid, .. } => (uid != 0).then_some(Weakness::Owner(uid)),
        Fact { kind, .. } if kind != wanted => Some(Weakness::Type),
        Fact { uid, .. } if uid != 0 => Some(Weakness::Owner(uid)),
        _ if is_sticky_folder => None,
        Fact { mode, .. } if mode & 0o002 != 0 => Some(Weakness::Everybody),
        Fact { mode, gid, .. } if mode & 0o020 != 0 => Some(Weakness::Group(gid)),
        _ => None,
    }
}

/// As the kernel decides it, one class of three; root needs any execute bit.
const fn may_execute(file: Fact, user: User) -> bool {
    let mask = if user.uid == 0 {
        0o111
    } else if user.uid == file.uid {
        0o100
    } else if user.gid == file.gid {
        0o010
    } else {
        0o001
    };
    file.mode & mask != 0
}

#[cfg(test)]
mod tests;
