//! `-g`: the process that writes log files, which is this program again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use sys::{Child, Spawn, spawn_with};

use crate::temporary;

/// The argument that makes this program the writer; the file follows it.
pub(crate) const WRITER: &str = "--write-log";

/// This program, also when its file has been replaced.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// Log files are root's and his group's.
const UMASK: u32 = 0o137;

/// `-g` without a name.
pub(crate) fn default_file() -> PathBuf {
    temporary::directory().join("keepalived.log")
}

/// The process that writes log files, for who starts another one when it has died.
pub(crate) struct Writer {
    base: PathBuf,
    child: Child,
    /// The end of the pipe that it reads. What waits there when it dies is its successor's to write.
    lines: OwnedFd,
}

impl Writer {
    /// Starts it; what goes into the other end of its pipe, given with it, is written. It ends when
    /// all processes that have that end have ended.
    pub(crate) fn start(base: &Path) -> io::Result<(Self, OwnedFd)> {
        let (lines, pipe) = io::pipe()?;
        let (lines, base) = (lines.into(), std::path::absolute(base)?);
        let child = spawn(&base, &lines)?;
        Ok((Self { base, child, lines }, pipe.into()))
    }

    /// Starts another one, which reads on.
    pub(crate) fn start_again(&mut self) -> io::Result<()> {
        self.child = spawn(&self.base, &self.lines)?;
        Ok(())
    }
}

/// Readable when it has ended.
impl AsFd for Writer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.child.as_fd()
    }
}

fn spawn(base: &Path, lines: &OwnedFd) -> io::Result<Child> {
    let null = File::create("/dev/null")?;
    let base = base.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
    let writer = Spawn {
        program: OWN_PROGRAM.to_owned(),
        args: vec![WRITER.to_owned(), base.to_owned()],
        env: BTreeMap::new(),
        user: None,
        groups: Vec::new(),
        umask: UMASK,
    };
    spawn_with(&writer, lines.as_fd(), null.as_fd())
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
