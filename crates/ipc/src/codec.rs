//! Values as bytes: the only place that knows bincode.
//!
//! Version 1.3.3 with fixed-size integers: byte for byte what its maintained successors write, so
//! there is a way out. The limit and the ban on trailing bytes are what makes it safe on bytes that
//! somebody else wrote. Rules for the types: no `skip_serializing_if`, `flatten` or `untagged`, which
//! do not survive the way there and back.

use std::io::{Read, Write};

use bincode::{ErrorKind, Options};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// The longest record in bytes.
pub const RECORD_LIMIT: usize = 64 * 1024;

/// Why a value cannot be written or read.
#[derive(Debug, Error)]
pub enum CodecError {
    /// It would be too long.
    #[error("the message needs {length} bytes, at most {limit} are allowed")]
    TooLong {
        /// Bytes it needs.
        length: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The type cannot be written.
    #[error("the message cannot be written: {0}")]
    Unwritable(#[source] bincode::Error),
    /// The bytes are not such a message.
    #[error("{length} bytes are no valid message: {reason}")]
    Invalid {
        /// Bytes that came.
        length: usize,
        /// What is wrong.
        reason: bincode::Error,
    },
}

fn options(limit: u64) -> impl Options {
    bincode::DefaultOptions::new().with_fixint_encoding().with_limit(limit).reject_trailing_bytes()
}

pub(crate) fn encode<T: Serialize + ?Sized>(value: &T, limit: u64) -> Result<Vec<u8>, CodecError> {
    length(value, limit)?;
    options(limit).serialize(value).map_err(CodecError::Unwritable)
}

/// How many bytes it is, at most `limit`.
pub(crate) fn length<T: Serialize + ?Sized>(value: &T, limit: u64) -> Result<u64, CodecError> {
    match options(u64::MAX).serialized_size(value).map_err(CodecError::Unwritable)? {
        length if length > limit => Err(CodecError::TooLong { length, limit }),
        length => Ok(length),
    }
}

/// Writes what [`length`] was asked about.
pub(crate) fn encode_to<T: Serialize + ?Sized>(
    to: &mut dyn Write,
    value: &T,
) -> Result<(), CodecError> {
    options(u64::MAX).serialize_into(to, value).map_err(CodecError::Unwritable)
}

/// Reads a value that is `length` bytes long and all that there is.
pub(crate) fn decode_from<T: DeserializeOwned>(
    mut from: impl Read,
    length: u64,
) -> Result<T, CodecError> {
    let invalid = |reason| {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        CodecError::Invalid { length, reason }
    };
    let value = options(length).deserialize_from(&mut from).map_err(invalid)?;
    match from.read(&mut [0]) {
        Ok(0) => Ok(value),
        Ok(_) => Err(invalid(ErrorKind::Custom("bytes are left".to_owned()).into())),
        Err(error) => Err(invalid(error.into())),
    }
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8], limit: u64) -> Result<T, CodecError> {
    options(limit)
        .deserialize(bytes)
        .map_err(|reason| CodecError::Invalid { length: bytes.len(), reason })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_longer_than_the_limit_is_refused_with_numbers() {
        let error = encode(&vec![0_u8; 100], 64).unwrap_err();
        assert_eq!(error.to_string(), "the message needs 108 bytes, at most 64 are allowed");
    }

    #[test]
    fn what_is_written_piece_by_piece_is_the_same_and_read_the_same() {
        let value = (7_u32, "text".to_owned(), vec![Some(1_u8), None]);
        let mut written = Vec::new();
        encode_to(&mut written, &value).unwrap();
        assert_eq!(written, encode(&value, 100).unwrap());
        let length = written.len() as u64;
        assert_eq!(
            decode_from::<(u32, String, Vec<Option<u8>>)>(&written[..], length).unwrap(),
            value
        );
        assert!(decode_from::<(u32, String)>(&written[..], length).is_err(), "bytes are left");
        assert!(decode_from::<u64>(&written[..5], 5).is_err(), "bytes are missing");
        assert!(decode_from::<(u32, String)>(&[0; 4 + 8][..], 4).is_err(), "longer than it may be");
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = encode(&7_u32, 64).unwrap();
        bytes.push(0);
        assert!(matches!(decode::<u32>(&bytes, 64), Err(CodecError::Invalid { length: 5, .. })));
    }

    #[test]
    fn a_length_that_is_a_lie_is_refused_without_the_memory() {
        let bytes = u64::MAX.to_le_bytes();
        assert!(decode::<String>(&bytes, 1 << 16).is_err());
        assert!(decode::<Vec<u64>>(&(1_u64 << 40).to_le_bytes(), 1 << 16).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(words in prop::collection::vec(any::<String>(), 0..9), number: u64) {
            let value = (words, Some(number));
            let bytes = encode(&value, 1 << 20).unwrap();
            prop_assert_eq!(decode::<(Vec<String>, Option<u64>)>(&bytes, 1 << 20).unwrap(), value);
        }

        #[test]
        fn no_byte_string_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<crate::ToParent<crate::message::tests::Record>>(&bytes, 1 << 16);
            let _ = decode::<crate::ToChild>(&bytes, 1 << 16);
            let _ = decode::<crate::BuildId>(&bytes, 1 << 16);
        }
    }
}
