//! Which scripts can be run at all: they must exist, and when scripts are guarded
//! (`enable_script_security`) nobody but root may be able to change one that root runs.

use std::path::{Path, PathBuf};

use crate::model::Command;
use crate::source::{FileFacts, FileKind, Source};

/// Where a program without a slash in its name is looked for, as keepalived does.
const SEARCH_PATH: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Whether a script can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It can.
    Fine,
    /// There is no such program, or it cannot be executed.
    Missing,
    /// Others could change this path.
    Insecure(PathBuf),
}

/// Looks at the program of a command.
pub(crate) fn judge(command: &Command, enforce: bool, source: &dyn Source) -> Verdict {
    let Some(path) = find(&command.program, source) else { return Verdict::Missing };
    if !enforce || !runs_as_root(command) {
        return Verdict::Fine;
    }
    match writable_by_others(&path, source) {
        Some(part) => Verdict::Insecure(part),
        None => Verdict::Fine,
    }
}

/// The file that a program's name leads to, when it can be executed.
fn find(program: &str, source: &dyn Source) -> Option<PathBuf> {
    let fits = |path: &Path| {
        let facts = source.facts(path);
        facts.kind == FileKind::Regular && facts.is_executable()
    };
    if program.contains('/') {
        let path = PathBuf::from(program);
        return fits(&path).then_some(path);
    }
    SEARCH_PATH.iter().map(|directory| Path::new(directory).join(program)).find(|path| fits(path))
}

fn runs_as_root(command: &Command) -> bool {
    command.user.as_ref().is_none_or(|user| user.user == "root" || user.user == "0")
}

/// The first part of a path that somebody other than root may change. A sticky directory such as
/// /tmp is fine: what root put there, others cannot replace.
fn writable_by_others(path: &Path, source: &dyn Source) -> Option<PathBuf> {
    let parts: Vec<&Path> = path.ancestors().collect();
    let bad = |part: &&&Path| {
        let facts = source.link_facts(part);
        facts.kind != FileKind::Missing && changeable(&facts)
    };
    parts.iter().rev().find(bad).map(|part| part.to_path_buf())
}

const fn changeable(facts: &FileFacts) -> bool {
    const GROUP_WRITE: u32 = 0o020;
    const OTHER_WRITE: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    if matches!(facts.kind, FileKind::Symlink) {
        // The bits of a link mean nothing; its directory decides, and that is looked at too.
        return facts.uid != 0;
    }
    let sticky = matches!(facts.kind, FileKind::Directory) && facts.mode & STICKY != 0;
    let by_group = facts.mode & GROUP_WRITE != 0 && facts.gid != 0;
    let by_others = facts.mode & OTHER_WRITE != 0;
    facts.uid != 0 || ((by_group || by_others) && !sticky)
}
