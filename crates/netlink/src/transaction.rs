//! Transactions of nfnetlink: all requests or none.
//!
//! ```text
//! [BATCH_BEGIN][request]...[last request +ACK][BATCH_END]
//! ```
//!
//! The kernel answers for the whole batch with the sequence number of BATCH_BEGIN (no permission, no
//! memory), for a request with its own, and for the last one always, unless it never got that far.

use std::fmt;

use neli::consts::nl::NlmF;
use neli::{Size, ToBytes};

use crate::attribute::AttributeWriter;
use crate::engine::{Engine, Step, name_request, refusal};
use crate::error::{Error, Refusal};
use crate::message::{Message, Request};
use crate::transport::Transport;

const NFNL_MSG_BATCH_BEGIN: u16 = 0x10;
const NFNL_MSG_BATCH_END: u16 = 0x11;

/// `struct nfgenmsg`, the fixed header of all nfnetlink messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Size, ToBytes)]
pub struct NfHeader {
    family: u8,
    version: u8,
    resource: u16,
}

impl NfHeader {
    /// A header of protocol family `family` (2 is IPv4, 10 is IPv6, 0 is any).
    pub fn new(family: u8) -> Self {
        Self { family, version: 0, resource: 0 }
    }

    /// The header of a batch's begin and end: `subsystem` is the part of nfnetlink it is for.
    fn batch(subsystem: u8) -> Self {
        Self { family: 0, version: 0, resource: u16::from(subsystem).to_be() }
    }
}

/// Why nothing of a transaction was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aborted {
    /// The requests that the kernel objects to; with index `usize::MAX` the whole.
    pub refusals: Vec<Refusal>,
}

/// The first says why; the others mostly follow from it.
impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.refusals[..] {
            [] => f.write_str("the kernel refused without a reason"),
            [only] => only.fmt(f),
            [first, rest @ ..] => write!(f, "{first} (and {} more requests)", rest.len()),
        }
    }
}

impl std::error::Error for Aborted {}

impl<T: Transport> Engine<T> {
    /// Carries out all `requests` or none. They go into one datagram, so their size together is
    /// bounded by the socket's send buffer.
    ///
    /// # Errors
    /// The outer error as for [`Engine::run`]; the inner one when the kernel refused.
    pub fn transact<R: Request>(
        &mut self,
        subsystem: u8,
        requests: &[R],
    ) -> Result<Result<(), Aborted>, Error> {
        if requests.is_empty() {
            return Ok(Ok(()));
        }
        let edge = |kind| {
            let header = NfHeader::batch(subsystem);
            Message::new(kind, NlmF::empty(), &header, AttributeWriter::new())
        };
        let mut messages = vec![edge(NFNL_MSG_BATCH_BEGIN)];
        messages.extend(requests.iter().map(R::message));
        messages.push(edge(NFNL_MSG_BATCH_END));
        let last = requests.len();
        let flags = |offset: usize| match offset == last {
            true => NlmF::REQUEST | NlmF::ACK,
            false => NlmF::REQUEST,
        };
        let whole = || format!("carry out a batch of {last} firewall requests");
        let describe = |offset: usize| {
            let request = offset.checked_sub(1).and_then(|index| requests.get(index));
            request.map_or_else(whole, R::to_string)
        };
        let first = self.send(messages, &flags, &describe)?;
        let mut refusals = Vec::new();
        let ended = self.answers(first, last + 2, &mut |offset, outcome| {
            if outcome.errno != 0 {
                let index = offset.checked_sub(1).unwrap_or(usize::MAX);
                refusals.push(refusal(index, describe(offset), outcome));
            }
            if offset == last { Step::Finished } else { Step::More }
        });
        match ended {
            // a batch that is refused as a whole has no answer for its last request
            Err(Error::NoReply(_)) if !refusals.is_empty() => {}
            other => other.map_err(|error| name_request(error, whole()))?,
        }
        Ok(if refusals.is_empty() { Ok(()) } else { Err(Aborted { refusals }) })
    }
}

#[cfg(test)]
mod tests;
