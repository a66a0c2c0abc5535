//! One end of the way between two processes.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sys::seqpacket;
use thiserror::Error;

use crate::codec::{CodecError, RECORD_LIMIT, decode, encode};
use crate::envelope;
use crate::identity::BuildId;
use crate::last_words;
use crate::message::Coalesce;
use crate::queue::{QUEUE_LIMIT, Queue, Waiting};

/// Why a message was not taken.
#[derive(Debug, Error)]
pub enum SendError {
    /// The message itself.
    #[error(transparent)]
    Message(#[from] CodecError),
    /// The other process does not read.
    #[error("{QUEUE_LIMIT} messages wait already: the other process does not read them")]
    Full,
    /// The other process is gone.
    #[error("the other process has closed the channel")]
    Closed,
    /// The system refused.
    #[error("the channel failed: {0}")]
    Io(#[source] io::Error),
}

/// Why nothing more can be received. After any of these the channel is of no use.
#[derive(Debug, Error)]
pub enum ReceiveError {
    /// The other process is gone.
    #[error("the other process has closed the channel")]
    Closed,
    /// Mixed binaries.
    #[error("the other process is of build {other}, this one of {this}")]
    OtherBuild {
        /// This process.
        this: BuildId,
        /// The other.
        other: BuildId,
    },
    /// What came first is no identity.
    #[error("the other process did not say what build it is: {0}")]
    NoIdentity(#[source] CodecError),
    /// What came is no message.
    #[error(transparent)]
    Message(#[from] CodecError),
    /// What came is longer than any message may be.
    #[error("a message is longer than {RECORD_LIMIT} bytes")]
    TooLong,
    /// The system refused.
    #[error("the channel failed: {0}")]
    Io(#[source] io::Error),
}

/// A message, with what came along.
#[derive(Debug)]
pub struct Received<Rx> {
    /// The message.
    pub message: Rx,
    /// Its descriptors, at most [`sys::seqpacket::MAX_FDS`].
    pub fds: Vec<OwnedFd>,
}

/// One end: it sends `Tx` and receives `Rx`, in order, and never waits. Register [`Self::as_fd`] for
/// reading; for writing too while [`Self::wants_to_write`].
///
/// The first record in both directions is the [`BuildId`], which the channel sends and checks itself.
pub struct Channel<Tx: Coalesce, Rx> {
    socket: OwnedFd,
    queue: Queue<Tx::Key, Vec<OwnedFd>>,
    buffer: Vec<u8>,
    peer_is_known: bool,
    is_to_retire: bool,
    receives: PhantomData<fn() -> Rx>,
}

impl<Tx, Rx> Channel<Tx, Rx>
where
    Tx: Coalesce + Serialize,
    Rx: Coalesce + DeserializeOwned,
{
    /// Both ends, to be parted by a fork: each process drops the one that is not its own.
    ///
    /// # Errors
    /// The system's: too many open files.
    pub fn pair() -> Result<(Self, Channel<Rx, Tx>), SendError>
    where
        Tx: DeserializeOwned,
        Rx: Serialize,
    {
        let (here, there) = seqpacket::pair().map_err(SendError::Io)?;
        Ok((Self::new(here)?, Channel::new(there)?))
    }

    fn new(socket: OwnedFd) -> Result<Self, SendError> {
        let record = encode(&BuildId::this::<Tx, Rx>(), LIMIT)?;
        let mut channel = Self {
            socket,
            queue: Queue::new(),
            buffer: vec![0; RECORD_LIMIT],
            peer_is_known: false,
            is_to_retire: false,
            receives: PhantomData,
        };
        channel.queue.push(Waiting { key: None, record, fds: Vec::new() });
        channel.flush()?;
        Ok(channel)
    }

    /// Sends a message, at once or when there is room.
    ///
    /// # Errors
    /// As [`SendError`] says. After [`SendError::Full`] the message is not sent but the channel
    /// still works.
    pub fn send(&mut self, message: &Tx) -> Result<(), SendError> {
        self.send_with(message, Vec::new())
    }

    /// Sends a message with descriptors, at most [`sys::seqpacket::MAX_FDS`].
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn send_with(&mut self, message: &Tx, fds: Vec<OwnedFd>) -> Result<(), SendError> {
        let record = encode(message, LIMIT)?;
        if fds.len() > seqpacket::MAX_FDS {
            return Err(SendError::Io(io::ErrorKind::InvalidInput.into()));
        }
        self.flush()?;
        if !self.queue.push(Waiting { key: message.coalesce_key(), record, fds }) {
            return Err(SendError::Full);
        }
        self.flush()
    }

    /// Sends all that this process knows to a parent of whatever version, and forgets what waited:
    /// nothing counts after that. [`Self::flush`] while [`Self::wants_to_write`].
    ///
    /// # Errors
    /// As [`Self::flush`]; what `known` cannot be written for is [`SendError::Io`].
    pub fn say_last_words<K: Serialize>(&mut self, known: &K) -> Result<(), SendError> {
        let words = envelope::write("last-words", known)
            .map_err(|error| SendError::Io(io::Error::other(error.to_string())))?;
        self.queue = Queue::new();
        let record = last_words::RECORD.to_vec();
        self.queue.push(Waiting { key: None, record, fds: vec![words] });
        self.flush()
    }

    /// Sends what waits, as far as there is room: to be called when the socket is writable.
    ///
    /// # Errors
    /// [`SendError::Closed`] or [`SendError::Io`].
    pub fn flush(&mut self) -> Result<(), SendError> {
        while let Some(first) = self.queue.first() {
            let fds: Vec<_> = first.fds.iter().map(AsFd::as_fd).collect();
            match seqpacket::send(self.socket.as_fd(), &first.record, &fds) {
                Ok(true) => self.queue.remove_first(),
                Ok(false) => return Ok(()),
                Err(error) if is_gone(&error) => return Err(SendError::Closed),
                Err(error) => return Err(SendError::Io(error)),
            }
        }
        Ok(())
    }

    /// Whether messages wait for room.
    pub fn wants_to_write(&self) -> bool {
        !self.queue.is_empty()
    }

    /// How many messages wait for room.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether [`Self::receive`] has met the parent's word to say the last words.
    pub const fn is_to_retire(&self) -> bool {
        self.is_to_retire
    }

    /// The next message, or `None` when there is none now.
    ///
    /// # Errors
    /// As [`ReceiveError`] says.
    pub fn receive(&mut self) -> Result<Option<Received<Rx>>, ReceiveError> {
        if !self.peer_is_known {
            let Some(Received { message: other, .. }) =
                self.next(|bytes| decode(bytes, LIMIT).map_err(ReceiveError::NoIdentity))?
            else {
                return Ok(None);
            };
            let this = BuildId::this::<Tx, Rx>();
            if other != this {
                return Err(ReceiveError::OtherBuild { this, other });
            }
            self.peer_is_known = true;
        }
        self.next(|bytes| Ok(decode(bytes, LIMIT)?))
    }

    fn next<T>(
        &mut self,
        read: impl FnOnce(&[u8]) -> Result<T, ReceiveError>,
    ) -> Result<Option<Received<T>>, ReceiveError> {
        match seqpacket::receive(self.socket.as_fd(), &mut self.buffer) {
            Ok(seqpacket::Received::NotNow) => Ok(None),
            Ok(seqpacket::Received::Closed) => Err(ReceiveError::Closed),
            Ok(seqpacket::Received::Record { truncated: true, .. }) => Err(ReceiveError::TooLong),
            Ok(seqpacket::Received::Record { length, .. })
                if self.buffer.get(..length) == Some(last_words::RETIRE) =>
            {
                self.is_to_retire = true;
                Ok(None)
            }
            // For a parent of another version; this one knows what it says already.
            Ok(seqpacket::Received::Record { length, .. })
                if self.buffer.get(..length) == Some(last_words::RECORD) =>
            {
                Ok(None)
            }
            Ok(seqpacket::Received::Record { length, fds, .. }) => {
                let message = read(self.buffer.get(..length).unwrap_or_default())?;
                Ok(Some(Received { message, fds }))
            }
            Err(error) if is_gone(&error) => Err(ReceiveError::Closed),
            Err(error) => Err(ReceiveError::Io(error)),
        }
    }
}

const LIMIT: u64 = RECORD_LIMIT as u64;

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

impl<Tx: Coalesce, Rx> AsFd for Channel<Tx, Rx> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<Tx: Coalesce, Rx> fmt::Debug for Channel<Tx, Rx> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("socket", &self.socket).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
