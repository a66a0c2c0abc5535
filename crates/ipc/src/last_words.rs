//! The last record of a child that makes room for its successor: all that it knows, in an envelope
//! that any version can read. The parent that hears it may be of another version than the child, so
//! it understands nothing else that lies in the channel.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::de::DeserializeOwned;
use sys::seqpacket;

use crate::codec::RECORD_LIMIT;
use crate::envelope;

/// The record; its descriptor is the envelope.
pub(crate) const RECORD: &[u8] = b"keepalived-rs: last words";

/// The parent's word for it, the same in every version.
pub(crate) const RETIRE: &[u8] = b"keepalived-rs: retire";

/// Records looked at in one call: more than ever wait in one channel.
const RECORDS_A_CALL: usize = 4096;

/// What a predecessor has said.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<K> {
    /// Nothing that counts, so far.
    Nothing,
    /// All it knows. Nothing follows.
    Words(K),
    /// It has left without a word.
    Closed,
}

/// The parent's end of the channel to a child of its former binary.
pub struct LastWords<K> {
    socket: OwnedFd,
    buffer: Vec<u8>,
    knows: PhantomData<fn() -> K>,
}

impl<K: DeserializeOwned> LastWords<K> {
    /// Listens at the parent's end of a [`crate::Channel`] of any version.
    pub fn new(socket: OwnedFd) -> Self {
        Self { socket, buffer: vec![0; RECORD_LIMIT], knows: PhantomData }
    }

    /// Asks the child to say its last words.
    ///
    /// # Errors
    /// The system's; `WouldBlock` when it does not read.
    pub fn ask(&self) -> io::Result<()> {
        match seqpacket::send(self.socket.as_fd(), RETIRE, &[])? {
            true => Ok(()),
            false => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// What has come. What is no last word is left out.
    ///
    /// # Errors
    /// The system's; `InvalidData` when what the child knows cannot be read.
    pub fn hear(&mut self) -> io::Result<Heard<K>> {
        for _ in 0..RECORDS_A_CALL {
            match seqpacket::receive(self.socket.as_fd(), &mut self.buffer) {
                Ok(seqpacket::Received::NotNow) => return Ok(Heard::Nothing),
                Ok(seqpacket::Received::Closed) => return Ok(Heard::Closed),
                Ok(seqpacket::Received::Record { length, fds, .. }) => {
                    if self.buffer.get(..length) != Some(RECORD) {
                        continue;
                    }
                    let words = fds.first().ok_or(io::ErrorKind::InvalidData)?;
                    return envelope::read(words.as_fd()).map(Heard::Words).map_err(|error| {
                        io::Error::new(io::ErrorKind::InvalidData, error.to_string())
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Ok(Heard::Closed);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Heard::Nothing)
    }
}

impl<K> AsFd for LastWords<K> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<K> fmt::Debug for LastWords<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastWords").field("socket", &self.socket).finish_non_exhaustive()
    }
}
