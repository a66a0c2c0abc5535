//! Named pipes that events are written to.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, chown};
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::users::User;

/// Makes a named pipe with mode 0600, of that owner. Whether it was made: one that is there already
/// is somebody else's to remove.
///
/// # Errors
/// `AlreadyExists` when something else is there; the system's others.
pub fn make(path: &Path, owner: Option<User>) -> io::Result<bool> {
    match mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR) {
        Ok(()) => {}
        Err(nix::Error::EEXIST) if path.symlink_metadata()?.file_type().is_fifo() => {
            return Ok(false);
        }
        Err(error) => return Err(error.into()),
    }
    if let Some(User { uid, gid }) = owner {
        chown(path, Some(uid), Some(gid))?;
    }
    Ok(true)
}

/// The writing end of a named pipe. It never waits, and it does not notice when its reader leaves.
#[derive(Debug)]
pub struct Fifo {
    file: File,
}

impl Fifo {
    /// Opens a named pipe, with or without a reader.
    ///
    /// # Errors
    /// `InvalidInput` when it is none; `FilesystemLoop` for a symbolic link; the system's others.
    pub fn open(path: &Path) -> io::Result<Self> {
        // Reading as well: without a reader there is nobody to be told by SIGPIPE that there is none.
        let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW;
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
        if !file.metadata()?.file_type().is_fifo() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "this is no named pipe"));
        }
        Ok(Self { file })
    }

    /// Writes a line, whole or not at all. `false` when the reader has left no room for it.
    ///
    /// # Errors
    /// `InvalidInput` for a line that the kernel would not write at once (more than 4096 bytes); the
    /// system's others.
    pub fn write(&self, line: &[u8]) -> io::Result<bool> {
        if line.len() > libc::PIPE_BUF {
            return Err(ErrorKind::InvalidInput.into());
        }
        match (&self.file).write(line) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn lines_wait_for_a_reader_and_a_full_pipe_does_not_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        assert!(make(&path, None).unwrap());
        assert!(!make(&path, None).unwrap(), "it is there already");
        let fifo = Fifo::open(&path).unwrap();
        assert!(fifo.write(b"one\n").unwrap());
        let mut reader =
            OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&path).unwrap();
        let mut bytes = [0; 16];
        assert_eq!(reader.read(&mut bytes).unwrap(), 4);
        drop(reader);
        let mut written = 0;
        while fifo.write(&[b'x'; 4096]).unwrap() {
            written += 1;
            assert!(written < 10_000, "a pipe has an end");
        }
        assert!(written > 0);
    }

    #[test]
    fn what_is_no_pipe_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "").unwrap();
        assert_eq!(make(&path, None).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(Fifo::open(&path).unwrap_err().kind(), ErrorKind::InvalidInput);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(Fifo::open(&link).is_err());
    }
}
