//! What another version of this program has to read: it says itself what it is. Between processes of
//! one build the layout of a message is known ([`crate::blob`]); the next version may have more
//! fields, so here every field carries its name (CBOR, RFC 8949). A reader skips those that it does
//! not know, and a field that is new in a version has a default (`#[serde(default)]`).
//!
//! ```text
//! "keepalived-rs hand-over, format 1\n"  CBOR
//! ```
//! The format's number changes only with a change that defaults cannot bridge.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sys::memfd::{self, MemfdError};
use thiserror::Error;

use crate::blob::BLOB_LIMIT;

const MARK: &[u8] = b"keepalived-rs hand-over, format 1\n";

/// Why something cannot be handed to or taken from another version.
#[derive(Debug, Error)]
pub enum EnvelopeError {
    /// Written by a version that hands over in another format, or by another program.
    #[error("it hands over as '{theirs}', this one takes '{ours}'")]
    OtherFormat {
        /// What stands at the beginning, as far as it is text.
        theirs: String,
        /// What this version writes.
        ours: String,
    },
    /// The content has not what this version needs.
    #[error("what is handed over cannot be read: {0}")]
    Content(String),
    /// The value cannot be written.
    #[error("the state cannot be written: {0}")]
    Unwritable(String),
    /// The memory it is in.
    #[error(transparent)]
    Memory(#[from] MemfdError),
    /// No memory to write it to.
    #[error("no memory to hand over: {0}")]
    Io(#[source] io::Error),
}

/// A value in sealed memory. `name` is what `/proc/PID/fd` shows.
///
/// # Errors
/// As [`EnvelopeError`] says.
pub fn write<T: Serialize>(name: &str, value: &T) -> Result<OwnedFd, EnvelopeError> {
    let mut bytes = MARK.to_vec();
    ciborium::into_writer(value, &mut bytes)
        .map_err(|error| EnvelopeError::Unwritable(error.to_string()))?;
    memfd::create_sealed(name, &bytes).map_err(EnvelopeError::Io)
}

/// The value in sealed memory; may be read again.
///
/// # Errors
/// As [`EnvelopeError`] says; memory that is not sealed is refused.
pub fn read<T: DeserializeOwned>(fd: BorrowedFd<'_>) -> Result<T, EnvelopeError> {
    decode(&memfd::read_sealed(fd, BLOB_LIMIT)?)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, EnvelopeError> {
    let Some(content) = bytes.strip_prefix(MARK) else {
        let theirs = first_line(bytes.get(..MARK.len()).unwrap_or(bytes));
        return Err(EnvelopeError::OtherFormat { theirs, ours: first_line(MARK) });
    };
    ciborium::from_reader(content).map_err(|error| EnvelopeError::Content(error.to_string()))
}

fn first_line(bytes: &[u8]) -> String {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::IpAddr;
    use std::os::fd::AsFd;

    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Old {
        name: String,
        states: BTreeMap<IpAddr, Option<u64>>,
        retired: bool,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct New {
        states: BTreeMap<IpAddr, Option<u64>>,
        name: String,
        #[serde(default)]
        added: Vec<u8>,
    }

    fn old() -> Old {
        let states = [("10.0.0.1".parse().unwrap(), Some(7)), ("fe80::1".parse().unwrap(), None)];
        Old { name: "VI_1".into(), states: states.into(), retired: true }
    }

    #[test]
    fn a_version_with_other_fields_in_another_order_reads_what_both_know() {
        let fd = write("test", &old()).unwrap();
        let new: New = read(fd.as_fd()).unwrap();
        assert_eq!(new, New { states: old().states, name: "VI_1".into(), added: Vec::new() });
        assert_eq!(read::<Old>(fd.as_fd()).unwrap(), old(), "and again, by its own version");
    }

    #[test]
    fn a_field_that_is_missing_and_has_no_default_is_named() {
        let fd = write("test", &BTreeMap::from([("name", "VI_1")])).unwrap();
        let error = read::<Old>(fd.as_fd()).unwrap_err().to_string();
        assert!(error.contains("missing field `states`"), "{error}");
    }

    #[test]
    fn another_format_is_refused_with_both_names() {
        let bytes = b"keepalived-rs hand-over, format 2\n\xa0";
        let error = decode::<Old>(bytes).unwrap_err().to_string();
        assert_eq!(
            error,
            "it hands over as 'keepalived-rs hand-over, format 2', \
             this one takes 'keepalived-rs hand-over, format 1'"
        );
    }

    proptest! {
        #[test]
        fn no_byte_string_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<Old>(&bytes);
            let _ = decode::<Old>(&[MARK, &bytes].concat());
        }
    }
}
