//! Log files (`-g`): a process of its own writes them, for a disk may be slow or hang. The others give
//! it their lines through a pipe that never makes them wait.
//!
//! A line in the pipe is the letter of its process, then the line as the console has it.

use std::fs::{self, File};
use std::io::{self, BufRead, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::identity::Process;
use crate::line;
use crate::stamp;

/// All processes, with their letters and what is put into the names of their files.
const PROCESSES: [(Process, u8, &str); 3] = [
    (Process::Parent, b'P', ""),
    (Process::Vrrp, b'V', "_vrrp"),
    (Process::Checkers, b'C', "_healthcheckers"),
];

/// The end of the pipe that lines go into.
#[derive(Debug)]
pub(crate) struct LogFile {
    pipe: File,
    letter: AtomicU8,
    /// Lines for which there was no room.
    lost: AtomicU64,
}

impl LogFile {
    /// Of the parent, and of its children after [`Self::set_process`].
    pub(crate) fn new(pipe: OwnedFd) -> io::Result<Self> {
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self { pipe: pipe.into(), letter: AtomicU8::new(b'P'), lost: AtomicU64::new(0) })
    }

    pub(crate) fn set_process(&self, process: Process) {
        let found = PROCESSES.iter().find(|(one, ..)| *one == process);
        self.letter.store(found.map_or(b'P', |(_, letter, _)| *letter), Ordering::Relaxed);
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// A line goes in whole or not at all: it is shorter than `PIPE_BUF`.
    pub(crate) fn log(&self, text: &str) {
        let mut record = vec![self.letter.load(Ordering::Relaxed)];
        record.extend(line::console(stamp::now().time, text).into_bytes());
        if (&self.pipe).write(&record).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Writes what comes until everybody has closed the pipe, each process into its own file: of
/// `keepalived.log` the VRRP process gets `keepalived_vrrp.log`. A file that was moved away or deleted
/// is made anew, so nobody has to be told of a rotation. A line that cannot be written is lost.
///
/// # Errors
/// The pipe's.
pub fn write_log_files(lines: impl BufRead, base: &Path) -> io::Result<()> {
    let mut files = PROCESSES.map(|(_, letter, suffix)| (letter, Target::new(base, suffix)));
    for line in lines.split(b'\n') {
        let mut line = line?;
        line.push(b'\n');
        let Some((letter, text)) = line.split_first() else { continue };
        if let Some((_, target)) = files.iter_mut().find(|(one, _)| one == letter) {
            // There is nobody to tell.
            let _ = target.write(text);
        }
    }
    Ok(())
}

/// The files that [`write_log_files`] would lose lines of, and why.
pub fn hindered_log_files(base: &Path) -> Vec<(PathBuf, io::Error)> {
    let paths = PROCESSES.iter().map(|(.., suffix)| with_suffix(base, suffix));
    let hindered = paths.filter_map(|path| {
        let error = sys::files::may_append_no_follow(&path).err()?;
        // The system speaks of too many levels.
        let error = if path.is_symlink() {
            io::Error::other("it is a symbolic link, which is not followed")
        } else {
            error
        };
        Some((path, error))
    });
    hindered.collect()
}

/// One file.
struct Target {
    path: PathBuf,
    open: Option<(File, u64)>,
}

impl Target {
    fn new(base: &Path, suffix: &str) -> Self {
        Self { path: with_suffix(base, suffix), open: None }
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let there = fs::symlink_metadata(&self.path).map(|found| found.ino()).ok();
        if self.open.as_ref().map(|(_, number)| *number) != there {
            self.open = None;
        }
        let (file, _) = match &mut self.open {
            Some(open) => open,
            none => {
                let file = sys::files::append_no_follow(&self.path)?;
                let number = file.metadata()?.ino();
                none.insert((file, number))
            }
        };
        file.write_all(text)
    }
}

/// `/var/log/keepalived_vrrp.log` of `/var/log/keepalived.log`: before the last dot of the name.
fn with_suffix(base: &Path, suffix: &str) -> PathBuf {
    let part = |part: Option<&std::ffi::OsStr>| {
        part.map(|part| part.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let extension = base.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
    let stem = part(base.file_stem());
    base.with_file_name(format!("{stem}{suffix}{}", extension.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor, Read};

    use super::*;

    fn write(base: &Path, lines: &str) {
        write_log_files(Cursor::new(lines.to_owned()), base).unwrap();
    }

    #[test]
    fn each_process_has_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("keepalived.log");
        write(&base, "Pone\nVtwo\nCthree\nPfour\n?five\n\n");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("keepalived.log"), "one\nfour\n");
        assert_eq!(read("keepalived_vrrp.log"), "two\n");
        assert_eq!(read("keepalived_healthcheckers.log"), "three\n");
    }

    #[test]
    fn a_name_without_a_dot_gets_its_suffix_at_the_end() {
        assert_eq!(with_suffix(Path::new("/x.d/log"), "_vrrp"), Path::new("/x.d/log_vrrp"));
        assert_eq!(with_suffix(Path::new("a.b.log"), "_vrrp"), Path::new("a.b_vrrp.log"));
    }

    #[test]
    fn a_file_that_was_moved_away_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("log");
        let mut target = Target::new(&base, "");
        target.write(b"one\n").unwrap();
        fs::rename(&base, folder.path().join("log.1")).unwrap();
        target.write(b"two\n").unwrap();
        assert_eq!(fs::read_to_string(&base).unwrap(), "two\n");
        assert_eq!(fs::read_to_string(folder.path().join("log.1")).unwrap(), "one\n");
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        fs::write(&victim, "mine\n").unwrap();
        let base = folder.path().join("log");
        std::os::unix::fs::symlink(&victim, &base).unwrap();
        assert!(Target::new(&base, "").write(b"text\n").is_err());
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine\n");
    }

    #[test]
    fn what_hinders_a_log_file_is_known_before_the_first_line_and_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("k.log");
        let said = |base: &Path| {
            let lines = hindered_log_files(base).into_iter();
            lines.map(|(path, why)| format!("{}: {why}", path.display())).collect::<Vec<_>>()
        };
        assert_eq!(said(&base), [""; 0]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let link = folder.path().join("k_vrrp.log");
        std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
        let wanted = format!("{}: it is a symbolic link, which is not followed", link.display());
        assert_eq!(said(&base), [wanted]);
        let missing = said(&folder.path().join("no/k.log"));
        assert!(missing.len() == 3 && missing[0].contains("No such file"), "{missing:?}");
    }

    #[test]
    fn a_pipe_that_nobody_reads_loses_lines_and_counts_them() {
        let (reader, writer) = io::pipe().unwrap();
        let log = LogFile::new(writer.into()).unwrap();
        log.set_process(Process::Vrrp);
        for _ in 0..10_000 {
            log.log("(VI_1) Entering MASTER STATE");
        }
        assert!(log.lost() > 0);
        drop(log);
        let mut text = String::new();
        BufReader::new(reader).read_to_string(&mut text).unwrap();
        let whole = |line: &str| line.starts_with('V') && line.ends_with("MASTER STATE");
        assert!(text.lines().all(whole), "no line is cut");
    }
}
