//! Multicast notifications, on a socket of their own.

use crate::engine::{RECEIVE_BUFFER, receive};
use crate::error::{Error, Malformed};
use crate::frame::{Frames, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN, Reply};
use crate::transport::Transport;

/// What one read of the event socket gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<I> {
    /// The events, in order.
    pub items: Vec<I>,
    /// Events were lost (or could not be read): dump the tables.
    pub lost: bool,
    /// The bound was reached: there may be more to read.
    pub more: bool,
}

/// The receiving end of notifications.
#[derive(Debug)]
pub struct Events<T> {
    transport: T,
    buffer: Vec<u8>,
}

impl<T: Transport> Events<T> {
    /// Notifications of the groups that `transport` has joined.
    pub fn new(transport: T) -> Self {
        Self { transport, buffer: vec![0; RECEIVE_BUFFER] }
    }

    /// The socket.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// The socket, for a test that plays the kernel.
    pub fn transport_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Reads at most `limit` datagrams, without waiting. `decode` may pass over a message with
    /// `None`.
    ///
    /// # Errors
    /// [`Error::Receive`] when the socket itself fails.
    pub fn read<I>(
        &mut self,
        limit: usize,
        mut decode: impl FnMut(&Reply<'_>) -> Result<Option<I>, Malformed>,
    ) -> Result<Batch<I>, Error> {
        let mut batch = Batch { items: Vec::new(), lost: false, more: false };
        for _ in 0..limit {
            let datagram = match receive(&mut self.transport, &mut self.buffer) {
                Ok(Some(datagram)) => datagram,
                Ok(None) => return Ok(batch),
                Err(Error::Overrun | Error::Truncated { .. }) => {
                    batch.lost = true;
                    continue;
                }
                Err(error) => return Err(error),
            };
            for reply in Frames::new(datagram) {
                match reply.map(|reply| (reply.kind, decode_event(&reply, &mut decode))) {
                    Ok((NLMSG_OVERRUN, _)) | Ok((_, Err(_))) | Err(_) => batch.lost = true,
                    Ok((_, Ok(Some(item)))) => batch.items.push(item),
                    Ok((_, Ok(None))) => {}
                }
            }
        }
        batch.more = true;
        Ok(batch)
    }
}

/// Hands on what is an event, and not a message about messages.
fn decode_event<I>(
    reply: &Reply<'_>,
    decode: &mut impl FnMut(&Reply<'_>) -> Result<Option<I>, Malformed>,
) -> Result<Option<I>, Malformed> {
    match reply.kind {
        NLMSG_NOOP | NLMSG_ERROR | NLMSG_DONE | NLMSG_OVERRUN => Ok(None),
        _ => decode(reply),
    }
}

#[cfg(test)]
mod tests;
