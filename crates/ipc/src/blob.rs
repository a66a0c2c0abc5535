//! What is too large for a record: a configuration, the last known state of a child. Written once
//! into sealed memory, handed over by descriptor, read by whoever gets it.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sys::memfd::{self, MemfdError};
use thiserror::Error;

use crate::codec::{CodecError, decode, decode_from, encode, encode_to, length};

/// The largest blob in bytes: a configuration of a million servers is far below.
pub const BLOB_LIMIT: u64 = 256 * 1024 * 1024;

/// Why a blob cannot be written or read.
#[derive(Debug, Error)]
pub enum BlobError {
    /// The value or the bytes.
    #[error(transparent)]
    Content(#[from] CodecError),
    /// The memory it is in.
    #[error(transparent)]
    Memory(#[from] MemfdError),
    /// No memory to write it to.
    #[error("no memory to hand over: {0}")]
    Io(#[from] io::Error),
    /// The file it is in.
    #[error("the file that holds it: {0}")]
    File(#[source] io::Error),
}

/// A value in sealed memory. `name` is what `/proc/PID/fd` shows.
///
/// # Errors
/// As [`BlobError`] says.
pub fn write<T: Serialize + ?Sized>(name: &str, value: &T) -> Result<OwnedFd, BlobError> {
    let length = length(value, BLOB_LIMIT)?;
    memfd::create_sealed_by(name, length, |file| Ok(encode_to(file, value)?))
}

/// The value in sealed memory; may be read again.
///
/// # Errors
/// As [`BlobError`] says; memory that is not sealed is refused.
pub fn read<T: DeserializeOwned>(fd: BorrowedFd<'_>) -> Result<T, BlobError> {
    let (file, length) = memfd::open_sealed(fd, BLOB_LIMIT)?;
    Ok(decode_from(file, length)?)
}

/// A value in a file without a name on the file system of `directory`, for this user alone.
///
/// # Errors
/// As [`BlobError`] says.
pub fn write_unnamed<T: Serialize + ?Sized>(
    directory: &Path,
    value: &T,
) -> Result<OwnedFd, BlobError> {
    let bytes = encode(value, BLOB_LIMIT)?;
    sys::files::create_unnamed(directory, &bytes).map_err(BlobError::File)
}

/// The value that [`write_unnamed`] wrote.
///
/// # Errors
/// As [`BlobError`] says; another file is refused.
pub fn read_unnamed<T: DeserializeOwned>(fd: BorrowedFd<'_>) -> Result<T, BlobError> {
    let bytes = sys::files::read_unnamed(fd, BLOB_LIMIT).map_err(BlobError::File)?;
    Ok(decode(&bytes, BLOB_LIMIT)?)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn a_large_value_is_read_as_it_was_written() {
        let value: Vec<(u32, String)> = (0..50_000).map(|id| (id, id.to_string())).collect();
        let fd = write("test", &value).unwrap();
        assert_eq!(read::<Vec<(u32, String)>>(fd.as_fd()).unwrap(), value);
        assert_eq!(read::<Vec<(u32, String)>>(fd.as_fd()).unwrap(), value, "and again");
    }

    #[test]
    fn a_value_of_another_type_is_an_error() {
        let fd = write("test", &7_u8).unwrap();
        assert!(matches!(read::<String>(fd.as_fd()), Err(BlobError::Content(_))));
    }
}
