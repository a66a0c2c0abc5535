//! Directories that are watched for changes of the files in them.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

/// A watched directory.
pub type WatchId = WatchDescriptor;

/// Watched directories. The descriptor is readable when something happened in one.
#[derive(Debug)]
pub struct Watch(Inotify);

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A file of that name was written and closed, made, removed, or renamed from or to that name.
    Touched(WatchId, OsString),
    /// The directory itself is gone or was renamed: nothing more will come of it.
    Gone(WatchId),
    /// So much that the kernel kept no record of it.
    Anything,
}

impl Watch {
    /// Nothing is watched yet.
    ///
    /// # Errors
    /// The system's: too many of them, too many open files.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?))
    }

    /// Watches a directory; one that is watched keeps its name.
    ///
    /// # Errors
    /// The system's: no such directory, too many watches.
    pub fn add(&self, directory: &Path) -> io::Result<WatchId> {
        // A write without a close is not told: half a number would be read.
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        Ok(self.0.add_watch(directory, flags)?)
    }

    /// Watches a directory no longer.
    pub fn remove(&self, id: WatchId) {
        // It may be gone already.
        let _ = self.0.rm_watch(id);
    }

    /// What happened since the last call, at most about a hundred things; empty when there is
    /// nothing more.
    ///
    /// # Errors
    /// The system's; none is known.
    pub fn read(&self) -> io::Result<Vec<Happened>> {
        let events = match self.0.read_events() {
            Ok(events) => events,
            Err(nix::Error::EAGAIN) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let gone = AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_UNMOUNT
            | AddWatchFlags::IN_IGNORED;
        Ok(events
            .into_iter()
            .filter_map(|event| match event.name {
                _ if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) => Some(Happened::Anything),
                _ if event.mask.intersects(gone) => Some(Happened::Gone(event.wd)),
                name => Some(Happened::Touched(event.wd, name?)),
            })
            .collect())
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_written_made_renamed_or_removed_is_told_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let watch = Watch::new().unwrap();
        let id = watch.add(folder.path()).unwrap();
        assert_eq!(watch.read().unwrap(), []);
        let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
        let touched = |name: &str| Happened::Touched(id, name.into());
        fs::write(&a, "1").unwrap();
        assert_eq!(watch.read().unwrap(), [touched("a"), touched("a")]);
        fs::rename(&a, &b).unwrap();
        assert_eq!(watch.read().unwrap(), [touched("a"), touched("b")]);
        fs::remove_file(&b).unwrap();
        assert_eq!(watch.read().unwrap(), [touched("b")]);
        fs::remove_dir(folder.path()).unwrap();
        assert!(watch.read().unwrap().contains(&Happened::Gone(id)));
    }

    #[test]
    fn what_is_no_directory_cannot_be_watched() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Watch::new().unwrap().add(file.path()).is_err());
    }
}
