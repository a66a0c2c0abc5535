//! PID files: written, locked while the process lives, removed at its end.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, fcntl};
use thiserror::Error;

/// A file is replaced under us at most so often before we give up.
const ATTEMPTS: usize = 3;

/// Why there is no PID file.
#[derive(Debug, Error)]
pub enum PidFileError {
    /// A running daemon has it.
    #[error("Another process has pid file {} locked", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("Unable to {action} pid file {} - {source}", path.display())]
    Io {
        /// `open`, `lock`, `write`, `remove`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A PID file that this process has locked. The lock belongs to the open file, so it survives a
/// `fork` and ends when the last process that has it is gone. Dropping it leaves the file: only the
/// process that owns the file may remove it, and forked ones drop it too.
#[derive(Debug)]
pub struct PidFile {
    file: File,
    path: PathBuf,
}

impl PidFile {
    /// Opens or takes over the file and locks it. Nothing is written yet. A symbolic link is refused: in a
    /// directory of others it would lead root to write into any file.
    ///
    /// # Errors
    /// [`PidFileError::Locked`] when a living process has it; the system's, `ELOOP` for a link.
    pub fn open(path: &Path) -> Result<Self, PidFileError> {
        let failed = |action, source| PidFileError::Io { action, path: path.to_owned(), source };
        for _ in 0..ATTEMPTS {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o644)
                .custom_flags(libc::O_NOFOLLOW)
                .open(path)
                .map_err(|error| failed("open", error))?;
            match lock(&file) {
                Ok(true) => {}
                Ok(false) => return Err(PidFileError::Locked { path: path.to_owned() }),
                Err(error) => return Err(failed("lock", error)),
            }
            // Its former owner may have removed it between our open and our lock.
            if is_still_at(&file, path) {
                return Ok(Self { file, path: path.to_owned() });
            }
        }
        Err(failed("lock", io::ErrorKind::Interrupted.into()))
    }

    /// The file that this process had locked before it executed its present program.
    pub fn inherited(file: OwnedFd, path: &Path) -> Self {
        Self { file: file.into(), path: path.to_owned() }
    }

    /// Writes `pid`, replacing what stood there; mode 0644 whatever the umask.
    ///
    /// # Errors
    /// The system's: disk full.
    pub fn write(&mut self, pid: i32) -> Result<(), PidFileError> {
        let written = self
            .file
            .set_permissions(Permissions::from_mode(0o644))
            .and_then(|()| self.file.set_len(0))
            .and_then(|()| io::Seek::rewind(&mut self.file))
            .and_then(|()| self.file.write_all(format!("{pid}\n").as_bytes()));
        written.map_err(|error| self.failed("write", error))
    }

    /// Whether that process stands in it.
    pub fn names(&self, pid: i32) -> bool {
        let mut text = [0; 16];
        let length = self.file.read_at(&mut text, 0).unwrap_or(0);
        text.get(..length) == Some(format!("{pid}\n").as_bytes())
    }

    /// Removes the file, then the lock. A file that is gone already is fine.
    ///
    /// # Errors
    /// The system's.
    pub fn remove(self) -> Result<(), PidFileError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.failed("remove", error))
            }
            _ => Ok(()),
        }
    }

    /// Whether it is still the file that lies there, and was not removed by a process that has it too.
    pub fn is_in_place(&self) -> bool {
        is_still_at(&self.file, &self.path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn failed(&self, action: &'static str, source: io::Error) -> PidFileError {
        PidFileError::Io { action, path: self.path.clone(), source }
    }
}

impl AsFd for PidFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Whether the write lock was free and is ours now.
fn lock(file: &File) -> io::Result<bool> {
    let whole_file = libc::flock {
        l_type: i16::try_from(libc::F_WRLCK).map_err(io::Error::other)?,
        l_whence: i16::try_from(libc::SEEK_SET).map_err(io::Error::other)?,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    match fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file)) {
        Ok(_) => Ok(true),
        Err(nix::Error::EAGAIN | nix::Error::EACCES) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn is_still_at(file: &File, path: &Path) -> bool {
    let (Ok(ours), Ok(there)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    (ours.dev(), ours.ino()) == (there.dev(), there.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_the_number_and_a_newline_readable_by_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pid");
        fs::write(&path, "a long rest of a dead process\n").unwrap();
        let mut pid_file = PidFile::open(&path).unwrap();
        pid_file.write(4711).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "4711\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert!(pid_file.names(4711) && !pid_file.names(471));
        pid_file.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, path) = (folder.path().join("victim"), folder.path().join("a.pid"));
        fs::write(&victim, "mine").unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        assert!(matches!(PidFile::open(&path), Err(PidFileError::Io { action: "open", .. })));
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
    }

    #[test]
    fn a_file_that_another_process_has_removed_is_not_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pid");
        let first = PidFile::open(&path).unwrap();
        assert!(first.is_in_place());
        fs::remove_file(&path).unwrap();
        assert!(!first.is_in_place());
        let second = PidFile::open(&path).unwrap();
        assert!(second.is_in_place() && !first.is_in_place());
    }

    #[test]
    fn a_second_owner_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pid");
        let first = PidFile::open(&path).unwrap();
        let error = PidFile::open(&path).unwrap_err();
        let expected = format!("Another process has pid file {} locked", path.display());
        assert_eq!(error.to_string(), expected);
        drop(first);
        assert!(path.exists(), "only `remove` removes");
        PidFile::open(&path).unwrap();
    }

    #[test]
    fn a_folder_that_is_missing_is_an_error_with_the_path() {
        let error = PidFile::open(Path::new("/no/such/folder/a.pid")).unwrap_err();
        assert!(error.to_string().starts_with("Unable to open pid file /no/such/folder/a.pid"));
    }
}
