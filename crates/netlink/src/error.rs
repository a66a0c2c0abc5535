//! What can go wrong between us and the kernel, and who is wrong.

use std::fmt;
use std::io;

/// The kernel refused one request. Everything else in the same batch is not touched by that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which request of the call, counted from 0.
    pub index: usize,
    /// The request in words: `add address 10.0.0.1/32 dev eth0`.
    pub request: String,
    /// The kernel's error number (positive).
    pub errno: i32,
    /// What the kernel adds to the number, where it says anything.
    pub message: Option<String>,
    /// What may help, where the asker knows.
    pub hint: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = io::Error::from_raw_os_error(self.errno);
        write!(f, "cannot {}: {reason}", self.request)?;
        if let Some(text) = &self.message {
            write!(f, ", the kernel says: {text}")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

/// Bytes that are not what their place says they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed netlink message: {0}")]
pub struct Malformed(pub &'static str);

/// Why a whole call failed. Some of its requests may have been carried out all the same: the caller's
/// picture of the kernel is void and has to be made anew by a dump.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket could not be made or set up.
    #[error("cannot open a netlink socket ({step}): {source}")]
    Open {
        /// Which step.
        step: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The kernel did not take the datagram; nothing of it was carried out.
    #[error("cannot send netlink requests, the first is to {request}: {source}")]
    Send {
        /// The first request of the datagram.
        request: String,
        /// Why.
        source: io::Error,
    },
    /// Reading failed.
    #[error("cannot read netlink replies: {0}")]
    Receive(#[source] io::Error),
    /// The receive queue ran over (`ENOBUFS`): replies or events are lost.
    #[error("the kernel dropped netlink messages for want of buffer space")]
    Overrun,
    /// The kernel answered less than it has to.
    #[error("the kernel did not answer the request to {0}")]
    NoReply(String),
    /// A datagram did not fit into the buffer.
    #[error("netlink datagram of {length} bytes is larger than the buffer of {buffer}")]
    Truncated {
        /// Bytes of the datagram.
        length: usize,
        /// Bytes that there was room for.
        buffer: usize,
    },
    /// What came makes no sense.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A request cannot be written as netlink (too long, for example); nothing was sent.
    #[error("cannot write the request to {request} as netlink: {reason}")]
    Encode {
        /// The request in words.
        request: String,
        /// Why.
        reason: &'static str,
    },
    /// The kernel refused a query or a dump.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The table changed faster than it could be dumped.
    #[error("the table changed during each of {tries} tries to {request}")]
    Interrupted {
        /// The dump in words.
        request: String,
        /// How often it was tried.
        tries: u32,
    },
    /// A dump did not end within its bound.
    #[error("more than {limit} entries while trying to {request}")]
    TooMany {
        /// The dump in words.
        request: String,
        /// The bound.
        limit: usize,
    },
    /// The kernel has no generic netlink family of this name.
    #[error("the kernel has no netlink family {0}")]
    NoFamily(String),
}

impl Error {
    /// The kernel's error number, if there is one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Open { source, .. } | Self::Send { source, .. } | Self::Receive(source) => {
                source.raw_os_error()
            }
            Self::Refused(refusal) => Some(refusal.errno),
            _ => None,
        }
    }
}
