//! Files opened with more care than the standard library takes.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens a file to write at its end, making it if need be. A symbolic link at the end of the path is
/// refused: root must not be led to write into another file.
///
/// # Errors
/// `FilesystemLoop` (`ELOOP`) for a symbolic link; the system's others.
pub fn append_no_follow(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).custom_flags(libc::O_NOFOLLOW).open(path)
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
    fn what_cannot_be_written_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a directory");
        fs::create_dir(&path).unwrap();
        replace(&path, lines(&["dump"])).unwrap_err();
        assert!(path.is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
    }
}
