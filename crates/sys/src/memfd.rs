//! Memory that is written once, sealed, and handed to another process by descriptor.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
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

/// Bytes that are read and written at a time: what is in sealed memory is not in this process once more.
const PART: u64 = 128 * 1024;

/// Sealed memory with these bytes.
///
/// # Errors
/// As [`create_sealed_by`].
pub fn create_sealed(name: &str, bytes: &[u8]) -> io::Result<OwnedFd> {
    create_sealed_by(name, bytes.len() as u64, |file| file.write_all(bytes))
}

/// Sealed memory with the `length` bytes or so that `write` writes: nobody can change it any more, this
/// process included. `name` is what `/proc/PID/fd` shows.
///
/// # Errors
/// Those of `write`, and the system call's: out of memory, too many open files.
pub fn create_sealed_by<E: From<io::Error>>(
    name: &str,
    length: u64,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<OwnedFd, E> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let file = File::from(memfd_create(name, flags).map_err(io::Error::from)?);
    let mut file = BufWriter::with_capacity(part(length), file);
    write(&mut file)?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    fcntl(&file, FcntlArg::F_ADD_SEALS(SEALS)).map_err(io::Error::from)?;
    Ok(file.into())
}

/// Room for what is read or written at a time, of `length` bytes.
fn part(length: u64) -> usize {
    usize::try_from(length.min(PART)).unwrap_or_default()
}

/// A file from its beginning. Not by `read`: the position in the file is shared with every process that
/// has it.
#[derive(Debug)]
struct FromStart {
    file: File,
    at: u64,
}

impl Read for FromStart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(buffer, self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

/// The bytes of sealed memory, at most `limit`.
///
/// # Errors
/// As [`MemfdError`] says.
pub fn read_sealed(fd: BorrowedFd<'_>, limit: u64) -> Result<Vec<u8>, MemfdError> {
    let (mut file, length) = open_sealed(fd, limit)?;
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Sealed memory, to be read from its beginning, and how many bytes it has, at most `limit`. May be opened
/// again, from any process.
///
/// # Errors
/// As [`MemfdError`] says.
pub fn open_sealed(fd: BorrowedFd<'_>, limit: u64) -> Result<(impl Read, u64), MemfdError> {
    let seals = fcntl(fd, FcntlArg::F_GET_SEALS).map_err(|_| MemfdError::NotSealed)?;
    if !SealFlag::from_bits_retain(seals).contains(SEALS) {
        return Err(MemfdError::NotSealed);
    }
    let file = File::from(fd.as_fd().try_clone_to_owned()?);
    let length = file.metadata()?.len();
    if length > limit {
        return Err(MemfdError::TooLong { length, limit });
    }
    Ok((BufReader::with_capacity(part(length), FromStart { file, at: 0 }), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(bytes: &[u8]) -> OwnedFd {
        create_sealed("test", bytes).unwrap()
    }

    fn bytes(fd: &OwnedFd) -> Vec<u8> {
        read_sealed(fd.as_fd(), 1 << 20).unwrap()
    }

    #[test]
    fn what_was_written_is_read_twice() {
        let fd = sealed(b"configuration");
        assert_eq!(bytes(&fd), b"configuration");
        assert_eq!(bytes(&fd), b"configuration");
    }

    #[test]
    fn what_is_larger_than_a_part_is_read_as_it_was_written() {
        let long: Vec<u8> = (0..3 * PART + 7).map(|n| (n % 251) as u8).collect();
        assert_eq!(bytes(&sealed(&long)), long);
    }

    #[test]
    fn what_its_writer_gives_up_is_no_sealed_memory() {
        let given_up = create_sealed_by("test", 1, |_| Err(io::Error::other("no value")));
        assert_eq!(given_up.unwrap_err().to_string(), "no value");
    }

    #[test]
    fn sealed_memory_cannot_be_written() {
        let mut file = File::from(sealed(b"x"));
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
        let fd = sealed(&[0; 11]);
        let error = read_sealed(fd.as_fd(), 10).err().unwrap();
        assert_eq!(error.to_string(), "11 bytes were handed over, at most 10 are allowed");
    }
}
