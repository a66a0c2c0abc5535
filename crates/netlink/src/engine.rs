//! The request engine: batches, queries and dumps over a [`Transport`].
//!
//! ```text
//! run:   [req 1][req 2] ... [req 128 +ACK]  ->  one answer for each that fails, one for the last
//! query: [req +ACK]                         ->  replies ... ACK
//! dump:  [req +DUMP]                        ->  entries ... DONE; again if the table changed
//! ```
//!
//! The kernel answers inside `send`, so reading never waits: a queue that is empty before the last
//! answer has come means that the answer is lost.

use std::io::{self, ErrorKind};

use neli::consts::nl::NlmF;

use crate::error::{Error, Malformed, Refusal};
use crate::frame::Reply;
use crate::frame::{Frames, HEADER, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN, Outcome};
use crate::message::{Message, Request};
use crate::transport::Transport;

/// Requests in one datagram at most. If all of them fail, as many answers come back, and the
/// default receive buffer holds about 256.
pub const MAX_BATCH: usize = 128;

/// Bytes in one datagram after which the next request starts a new one. Well below the kernel's
/// default send buffer of 212,992 bytes, above which it refuses a datagram.
const MAX_BYTES: usize = 64 * 1024;

/// The kernel fills dump datagrams up to 32 KiB when the reader offers that much.
pub(crate) const RECEIVE_BUFFER: usize = 64 * 1024;

/// Datagrams read for one call at most: a bound where the kernel is expected to be sane.
const MAX_DATAGRAMS: usize = 1 << 20;

/// Entries in one dump at most.
const MAX_ENTRIES: usize = 4_000_000;

/// How often a dump is tried whose table changes meanwhile, or whose replies are lost.
const DUMP_TRIES: u32 = 8;

const ENOBUFS: i32 = 105;

/// Requests to the kernel and their answers, over one socket of its own.
#[derive(Debug)]
pub struct Engine<T> {
    transport: T,
    next_sequence: u32,
    buffer: Vec<u8>,
}

/// How a read of answers went on.
pub(crate) enum Step {
    More,
    Finished,
}

impl<T: Transport> Engine<T> {
    /// An engine that is the only user of `transport`.
    pub fn new(transport: T) -> Self {
        Self { transport, next_sequence: 1, buffer: vec![0; RECEIVE_BUFFER] }
    }

    /// The socket.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// The socket, for a test that plays the kernel.
    pub fn transport_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Carries out all `requests` in order, in as few datagrams as possible; one that is refused
    /// does not stop the others. Returns the refused ones; no requests, no system call.
    ///
    /// # Errors
    /// Any error but [`Error::Encode`] of the first datagram leaves it open which requests were
    /// carried out.
    pub fn run<R: Request>(&mut self, requests: &[R]) -> Result<Vec<Refusal>, Error> {
        let mut refusals = Vec::new();
        let mut start = 0;
        while let Some(rest) = requests.get(start..).filter(|rest| !rest.is_empty()) {
            let messages = next_batch(rest);
            let batch = rest.get(..messages.len()).unwrap_or(rest);
            let describe = |offset: usize| batch.get(offset).map(R::to_string).unwrap_or_default();
            let count = messages.len();
            let flags = |offset: usize| match offset + 1 == count {
                true => NlmF::REQUEST | NlmF::ACK,
                false => NlmF::REQUEST,
            };
            let first = self.send(messages, &flags, &describe)?;
            self.answers(first, count, &mut |offset, outcome| {
                if outcome.errno != 0 {
                    refusals.push(refusal(start + offset, describe(offset), outcome));
                }
                if offset + 1 == count { Step::Finished } else { Step::More }
            })
            .map_err(|error| name_request(error, describe(0)))?;
            start += count;
        }
        Ok(refusals)
    }

    /// Asks for something that is answered by one or a few messages, and returns what `decode`
    /// makes of them; it may pass over one with `None`.
    ///
    /// # Errors
    /// [`Error::Refused`] with the kernel's reason, and everything that can go wrong on the way.
    pub fn query<R: Request, I>(
        &mut self,
        request: &R,
        decode: impl FnMut(&Reply<'_>) -> Result<Option<I>, Malformed>,
    ) -> Result<Vec<I>, Error> {
        self.collect(request, NlmF::REQUEST | NlmF::ACK, decode).map(|(items, _)| items)
    }

    /// Reads a table of the kernel; starts again when it changed meanwhile.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when it changed every time, [`Error::Refused`] with the kernel's
    /// reason, and everything that can go wrong on the way.
    pub fn dump<R: Request, I>(
        &mut self,
        request: &R,
        mut decode: impl FnMut(&Reply<'_>) -> Result<Option<I>, Malformed>,
    ) -> Result<Vec<I>, Error> {
        for _ in 0..DUMP_TRIES {
            match self.collect(request, NlmF::REQUEST | NlmF::DUMP, &mut decode) {
                Ok((items, false)) => return Ok(items),
                Ok((_, true)) => {}
                Err(Error::Overrun) => self.discard()?,
                Err(error) => return Err(error),
            }
        }
        Err(Error::Interrupted { request: request.to_string(), tries: DUMP_TRIES })
    }

    /// Sends one request and gathers its replies; also whether the table changed meanwhile.
    fn collect<R: Request, I>(
        &mut self,
        request: &R,
        flags: NlmF,
        mut decode: impl FnMut(&Reply<'_>) -> Result<Option<I>, Malformed>,
    ) -> Result<(Vec<I>, bool), Error> {
        let describe = |_| request.to_string();
        let first = self.send(vec![request.message()], &|_| flags, &describe)?;
        let mut items = Vec::new();
        let mut interrupted = false;
        let mut wrong = None;
        // An entry that cannot be read is reported after the end: a dump that is left half read
        // would make the kernel refuse the next one.
        let ended = self.replies(first, 1, &mut |_, reply| {
            interrupted |= reply.is_interrupted();
            let outcome = match reply.kind {
                NLMSG_ERROR => reply.error()?,
                NLMSG_DONE => reply.done(),
                _ => {
                    match decode(reply) {
                        Ok(Some(item)) if items.len() < MAX_ENTRIES => items.push(item),
                        Ok(Some(_)) => {
                            let request = request.to_string();
                            wrong = Some(Error::TooMany { request, limit: MAX_ENTRIES });
                        }
                        Ok(None) => {}
                        Err(error) => wrong = Some(error.into()),
                    }
                    return Ok(Step::More);
                }
            };
            if outcome.errno != 0 {
                wrong = Some(refusal(0, request.to_string(), outcome).into());
            }
            Ok(Step::Finished)
        });
        ended.map_err(|error| name_request(error, request.to_string()))?;
        wrong.map_or(Ok((items, interrupted)), Err)
    }

    /// Sends `messages` as one datagram and returns the sequence number of the first.
    pub(crate) fn send(
        &mut self,
        messages: Vec<Message>,
        flags: &dyn Fn(usize) -> NlmF,
        describe: &dyn Fn(usize) -> String,
    ) -> Result<u32, Error> {
        let first = self.next_sequence;
        let mut sequence = first;
        let mut datagram = Vec::with_capacity(messages.len() * 128);
        for (offset, message) in messages.into_iter().enumerate() {
            message
                .write(flags(offset), sequence, &mut datagram)
                .map_err(|reason| Error::Encode { request: describe(offset), reason })?;
            sequence = sequence.wrapping_add(1);
        }
        self.next_sequence = sequence;
        let sent = retry(|| self.transport.send(&datagram));
        sent.map_err(|source| Error::Send { request: describe(0), source })?;
        Ok(first)
    }

    /// Reads error messages and acknowledgements, and hands each to `each` with the number of the
    /// request it answers, counted from `first`, until that says it was the last.
    pub(crate) fn answers(
        &mut self,
        first: u32,
        count: usize,
        each: &mut dyn FnMut(usize, Outcome) -> Step,
    ) -> Result<(), Error> {
        self.replies(first, count, &mut |offset, reply| match reply.kind {
            NLMSG_ERROR => Ok(each(offset, reply.error()?)),
            _ => Ok(Step::More),
        })
    }

    /// Reads messages that answer one of `count` requests from `first` on. Others are left from a
    /// call that failed and are passed over.
    fn replies(
        &mut self,
        first: u32,
        count: usize,
        each: &mut dyn FnMut(usize, &Reply<'_>) -> Result<Step, Malformed>,
    ) -> Result<(), Error> {
        for _ in 0..MAX_DATAGRAMS {
            let Some(datagram) = receive(&mut self.transport, &mut self.buffer)? else {
                return Err(Error::NoReply(String::new()));
            };
            for reply in Frames::new(datagram) {
                let reply = reply?;
                if reply.kind == NLMSG_OVERRUN {
                    return Err(Error::Overrun);
                }
                let offset = reply.sequence.wrapping_sub(first) as usize;
                if offset >= count || reply.kind == NLMSG_NOOP {
                    continue;
                }
                if let Step::Finished = each(offset, &reply)? {
                    return Ok(());
                }
            }
        }
        Err(Error::NoReply(String::new()))
    }

    /// Empties the receive queue.
    fn discard(&mut self) -> Result<(), Error> {
        for _ in 0..MAX_DATAGRAMS {
            match receive(&mut self.transport, &mut self.buffer) {
                Ok(None) => return Ok(()),
                Ok(Some(_)) | Err(Error::Overrun | Error::Truncated { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The messages of the next datagram: at least one.
fn next_batch<R: Request>(requests: &[R]) -> Vec<Message> {
    let mut messages = Vec::with_capacity(requests.len().min(MAX_BATCH));
    let mut bytes = 0;
    for request in requests.iter().take(MAX_BATCH) {
        let message = request.message();
        bytes += HEADER + message.payload().map_or(0, <[u8]>::len);
        if bytes > MAX_BYTES && !messages.is_empty() {
            break;
        }
        messages.push(message);
    }
    messages
}

pub(crate) fn refusal(index: usize, request: String, outcome: Outcome) -> Refusal {
    Refusal { index, request, errno: outcome.errno, message: outcome.message, hint: None }
}

/// Fills in which request went without an answer.
pub(crate) fn name_request(error: Error, request: String) -> Error {
    match error {
        Error::NoReply(_) => Error::NoReply(request),
        other => other,
    }
}

/// One datagram, or `None` when the queue is empty.
pub(crate) fn receive<'a>(
    transport: &mut impl Transport,
    buffer: &'a mut [u8],
) -> Result<Option<&'a [u8]>, Error> {
    let length = match retry(|| transport.receive(buffer)) {
        Ok(length) => length,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
        Err(error) if error.raw_os_error() == Some(ENOBUFS) => return Err(Error::Overrun),
        Err(error) => return Err(Error::Receive(error)),
    };
    let room = buffer.len();
    buffer.get(..length).map(Some).ok_or(Error::Truncated { length, buffer: room })
}

/// Again while a signal comes in between. Each try is one system call that ends at once.
fn retry<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
