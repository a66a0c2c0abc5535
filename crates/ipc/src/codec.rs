//! Values as bytes: the only place that knows bincode.
//!
//! Version 1.3.3 with fixed-size integers: byte for byte what its maintained successors write, so
//! there is a way out. The limit and the ban on trailing bytes are what makes it safe on bytes that
//! somebody else wrote. Rules for the types: no `skip_serializing_if`, `flatten` or `untagged`, which
//! do not survive the way there and back.

use bincode::Options;
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
    let unlimited = options(u64::MAX);
    let length = unlimited.serialized_size(value).map_err(CodecError::Unwritable)?;
    if length > limit {
        return Err(CodecError::TooLong { length, limit });
    }
    options(limit).serialize(value).map_err(CodecError::Unwritable)
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
