//! Memory that is written once, sealed, and handed to another process by descriptor.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use thiserror::Error;

const SEALS: SealFlag = SealFlag::F_SEAL_SEAL
    .union(SealFlag::F_SEAL_SHRINK)
    .union(SealFlag::F_SEAL_GROW)
    .union(SealFlag::F_SEAL_WRITE);

/// Why sealed memory cannot be read.
#[derive(Debug, Error)]
pub enum MemfdError {
    /// Its writer could still change it.
    #[error("the memory handed over is not sealed")]
    NotSealed,
    /// It is longer than the reader allows.
    #[error("{length} bytes were handed over, at most {limit} are allowed")]
    TooLong {
        /// Bytes it has.
        length: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The system refused.
    #[error("the memory handed over cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Sealed memory with these bytes: nobody can change it any more, this process included.
/// `name` is what `/proc/PID/fd` shows.
///
/// # Errors
/// The system call's: out of memory, too many open files.
pub fn create_sealed(name: &str, bytes: &[u8]) -> io::Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let mut file = File::from(memfd_create(name, flags)?);
    file.write_all(bytes)?;
    fcntl(&file, FcntlArg::F_ADD_SEALS(SEALS))?;
    Ok(file.into())
}

/// The bytes of sealed memory, at most `limit`. May be read again, from any process.
///
/// # Errors
/// As [`MemfdError`] says.
pub fn read_sealed(fd: BorrowedFd<'_>, limit: u64) -> Result<Vec<u8>, MemfdError> {
    let seals = fcntl(fd, FcntlArg::F_GET_SEALS).map_err(|_| MemfdError::NotSealed)?;
    if !SealFlag::from_bits_retain(seals).contains(SEALS) {
        return Err(MemfdError::NotSealed);
    }
    let file = File::from(fd.as_fd().try_clone_to_owned()?);
    let length = file.metadata()?.len();
    let too_long = MemfdError::TooLong { length, limit };
    if length > limit {
        return Err(too_long);
    }
    let Ok(size) = usize::try_from(length) else { return Err(too_long) };
    let mut bytes = vec![0; size];
    // Not `read`: the position in the file is shared with every process that has it.
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_twice() {
        let fd = create_sealed("test", b"configuration").unwrap();
        assert_eq!(read_sealed(fd.as_fd(), 100).unwrap(), b"configuration");
        assert_eq!(read_sealed(fd.as_fd(), 100).unwrap(), b"configuration");
    }

    #[test]
    fn sealed_memory_cannot_be_written() {
        let mut file = File::from(create_sealed("test", b"x").unwrap());
        assert!(file.write_all(b"y").is_err());
        assert!(file.set_len(0).is_err());
    }

    #[test]
    fn unsealed_memory_and_plain_files_are_refused() {
        let open = memfd_create("test", MFdFlags::MFD_ALLOW_SEALING).unwrap();
        assert!(matches!(read_sealed(open.as_fd(), 100), Err(MemfdError::NotSealed)));
        let file = tempfile::tempfile().unwrap();
        assert!(matches!(read_sealed(file.as_fd(), 100), Err(MemfdError::NotSealed)));
    }

    #[test]
    fn longer_than_the_limit_is_refused_with_numbers() {
        let fd = create_sealed("test", &[0; 11]).unwrap();
        let error = read_sealed(fd.as_fd(), 10).unwrap_err();
        assert_eq!(error.to_string(), "11 bytes were handed over, at most 10 are allowed");
    }
}
