//! `-g`: the process that writes log files, which is this program again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use sys::{Spawn, spawn_with};

/// The argument that makes this program the writer; the file follows it.
pub(crate) const WRITER: &str = "--write-log";

/// This program, also when its file has been replaced.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// Log files are root's and his group's.
const UMASK: u32 = 0o137;

/// `-g` without a name.
pub(crate) fn default_file() -> PathBuf {
    std::env::temp_dir().join("keepalived.log")
}

/// Starts the writer; what goes into this end of its pipe is written. It ends when all processes that
/// have it have ended.
pub(crate) fn start(base: &Path) -> io::Result<OwnedFd> {
    let (lines, pipe) = io::pipe()?;
    let null = File::create("/dev/null")?;
    let base = std::path::absolute(base)?;
    let base = base.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
    let writer = Spawn {
        program: OWN_PROGRAM.to_owned(),
        args: vec![WRITER.to_owned(), base.to_owned()],
        env: BTreeMap::new(),
        user: None,
        groups: Vec::new(),
        umask: UMASK,
    };
    spawn_with(&writer, lines.as_fd(), null.as_fd())?;
    Ok(pipe.into())
}

/// Whether that process is a writer.
pub(crate) fn is_writer(pid: i32) -> bool {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    words.split(|byte| *byte == 0).nth(1) == Some(WRITER.as_bytes())
}

/// Writes what comes from standard input; the exit status.
pub(crate) fn run(base: Option<PathBuf>) -> i32 {
    let Some(base) = base else { return 1 };
    // The process that started this one may become a daemon and end, and the last lines are still
    // to come when the daemon itself has ended.
    let written = sys::process::outlive_parent()
        .and_then(|()| logging::write_log_files(io::stdin().lock(), &base));
    i32::from(written.is_err())
}
