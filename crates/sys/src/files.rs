//! Files opened with more care than the standard library takes.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Opens a file to write at its end, making it if need be. A symbolic link at the end of the path is
/// refused: root must not be led to write into another file.
///
/// # Errors
/// `FilesystemLoop` (`ELOOP`) for a symbolic link; the system's others.
pub fn append_no_follow(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).custom_flags(libc::O_NOFOLLOW).open(path)
}

/// Whether [`append_no_follow`] would do, without making a file.
///
/// # Errors
/// Those of [`append_no_follow`], as far as they can be foreseen.
pub fn may_append_no_follow(path: &Path) -> io::Result<()> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    match OpenOptions::new().append(true).custom_flags(flags).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // It can be made where there is a directory for it.
            path.parent().is_some_and(Path::is_dir).then_some(()).ok_or(error)
        }
        other => other.map(drop),
    }
}

/// Puts a file of these lines at `path`, whole or not at all: a reader sees the old one or the new
/// one. What lies there is replaced, be it a link, and never written through; nothing is left beside
/// it when that fails. Mode 0666 less the umask.
///
/// # Errors
/// The system's: no such directory, disk full, a directory at `path`.
pub fn replace(path: &Path, lines: impl Iterator<Item = String>) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}", std::process::id()));
    let temporary = path.with_file_name(temporary);
    write_new(&temporary, lines).and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| {
        // Nothing to remove when it could not be made; the first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    })
}

fn write_new(path: &Path, lines: impl Iterator<Item = String>) -> io::Result<()> {
    // Left over from a process of the same number that was killed.
    let _ = fs::remove_file(path);
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let mut out = BufWriter::new(file);
    for line in lines {
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")?;
    }
    out.into_inner()?.flush()
}

/// The first `limit` bytes of a plain file. Nothing is waited for: a pipe or a device is refused.
///
/// # Errors
/// `InvalidInput` for anything but a plain file; the system's others.
pub fn read_small(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file without a name on the file system of `directory`, with these bytes: it is gone when nobody
/// has it open any longer. Only this user can open it, through `/proc`.
///
/// # Errors
/// The system's: no such directory, disk full; `Unsupported` (`EOPNOTSUPP`) where the file system has
/// no such files.
pub fn create_unnamed(directory: &Path, bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600).custom_flags(libc::O_TMPFILE);
    let mut file = options.open(directory)?;
    file.write_all(bytes)?;
    Ok(file.into())
}

/// The bytes of what [`create_unnamed`] made, at most `limit`.
///
/// # Errors
/// `InvalidData` for a file that has a name, that somebody else could have written, or that is
/// longer; the system's others.
pub fn read_unnamed(fd: BorrowedFd<'_>, limit: u64) -> io::Result<Vec<u8>> {
    let file = File::from(fd.try_clone_to_owned()?);
    let facts = file.metadata()?;
    let is_ours = facts.uid() == 0 || facts.uid() == nix::unistd::geteuid().as_raw();
    let is_private = facts.is_file() && facts.nlink() == 0 && facts.mode() & 0o077 == 0;
    let size = usize::try_from(facts.len()).ok().filter(|_| facts.len() <= limit);
    let Some(size) = size.filter(|_| is_ours && is_private) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let mut bytes = vec![0; size];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Makes a file with this text, mode 0644 less the umask. One that is there stays as it is, or
/// with `overwrite` gets the text; a symbolic link at the end of the path is refused.
///
/// # Errors
/// `FilesystemLoop` (`ELOOP`) for a symbolic link; the system's others.
pub fn initialise(path: &Path, text: &str, overwrite: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o644).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    if overwrite {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    match options.open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()),
        Err(error) if !overwrite && error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn what_is_written_stands_after_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        for word in ["one ", "two"] {
            append_no_follow(&path).unwrap().write_all(word.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "one two");
    }

    #[test]
    fn a_symbolic_link_is_refused_and_its_target_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let error = append_no_follow(&link).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ELOOP));
        assert!(!target.exists());
    }

    fn lines(words: &[&str]) -> impl Iterator<Item = String> {
        words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keepalived.data");
        replace(&path, lines(&["a", "b"])).unwrap();
        replace(&path, lines(&["c"])).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "c\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_replaced_and_its_target_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        replace(&link, lines(&["dump"])).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
    }

    #[test]
    fn of_a_plain_file_the_beginning_is_read_and_a_pipe_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [file, pipe] = ["file", "pipe"].map(|name| folder.path().join(name));
        fs::write(&file, "12345").unwrap();
        assert_eq!(read_small(&file, 3).unwrap(), b"123");
        crate::fifo::make(&pipe, None).unwrap();
        assert_eq!(read_small(&pipe, 3).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_file_without_a_name_is_read_and_one_with_a_name_is_refused() {
        use std::os::fd::AsFd;
        let folder = tempfile::tempdir().unwrap();
        let unnamed = create_unnamed(folder.path(), b"configuration").unwrap();
        assert_eq!(read_unnamed(unnamed.as_fd(), 13).unwrap(), b"configuration");
        assert!(read_unnamed(unnamed.as_fd(), 12).is_err(), "too long");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let named = File::create(folder.path().join("named")).unwrap();
        assert!(read_unnamed(named.as_fd(), 100).is_err());
    }

    #[test]
    fn a_file_is_initialised_once_or_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        let text = || fs::read_to_string(&path).unwrap();
        initialise(&path, "5\n", false).unwrap();
        initialise(&path, "6\n", false).unwrap();
        assert_eq!(text(), "5\n");
        initialise(&path, "7\n", true).unwrap();
        assert_eq!(text(), "7\n");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(initialise(&link, "8\n", true).is_err());
        assert_eq!(text(), "7\n");
    }

    #[test]
    fn what_cannot_be_written_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a directory");
        fs::create_dir(&path).unwrap();
        replace(&path, lines(&["dump"])).unwrap_err();
        assert!(path.is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
    }
}
