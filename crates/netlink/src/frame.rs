//! Cutting a datagram into messages by their own lengths.
//!
//! neli reads one message at a time: an acknowledgement with extended attributes would leave its
//! cursor in the middle of a buffer that holds more than one.

use std::io::Cursor;

use neli::{FromBytesWithInput, Header};

use crate::attribute::Attributes;
use crate::error::Malformed;

pub(crate) const HEADER: usize = 16;
pub(crate) const NLMSG_NOOP: u16 = 1;
pub(crate) const NLMSG_ERROR: u16 = 2;
pub(crate) const NLMSG_DONE: u16 = 3;
pub(crate) const NLMSG_OVERRUN: u16 = 4;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLM_F_CAPPED: u16 = 0x100;
const NLM_F_ACK_TLVS: u16 = 0x200;
const NLMSGERR_ATTR_MSG: u16 = 1;

/// One message from the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// `nlmsg_seq`.
    pub sequence: u32,
    /// What follows the netlink header.
    pub payload: &'a [u8],
}

/// The outcome that an NLMSG_ERROR or NLMSG_DONE message carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Positive; 0 is success.
    pub(crate) errno: i32,
    pub(crate) message: Option<String>,
}

impl<'a> Reply<'a> {
    /// Reads the fixed header `H` at the front of the payload, and the attributes behind it.
    pub fn split<H>(&self) -> Result<(H, Attributes), Malformed>
    where
        H: FromBytesWithInput<Input = usize> + Header,
    {
        const SHORT: Malformed = Malformed("it is shorter than its header");
        let size = H::header_size();
        let (head, rest) = self.payload.split_at_checked(size).ok_or(SHORT)?;
        let header = H::from_bytes_with_input(&mut Cursor::new(head), size).map_err(|_| SHORT)?;
        Ok((header, Attributes::parse(rest)?))
    }

    /// Whether the table changed while it was dumped.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.flags & NLM_F_DUMP_INTR != 0
    }

    /// Error number and text of an NLMSG_ERROR.
    pub(crate) fn error(&self) -> Result<Outcome, Malformed> {
        const SHORT: Malformed = Malformed("an error message is too short");
        let errno = self.errno().ok_or(SHORT)?;
        let body = self.payload.get(4..).unwrap_or_default();
        // Behind the number comes the request that it is about: its header only when the kernel
        // capped it (or all went well), else whole; then the attributes.
        let echoed = match Frames::header(body) {
            Some((length, _)) if errno != 0 && self.flags & NLM_F_CAPPED == 0 => align(length),
            _ => HEADER,
        };
        Ok(Outcome { errno, message: self.text(body.get(echoed..)) })
    }

    /// Error number and text of an NLMSG_DONE; no number is success.
    pub(crate) fn done(&self) -> Outcome {
        let message = self.text(self.payload.get(4..));
        Outcome { errno: self.errno().unwrap_or(0), message }
    }

    fn errno(&self) -> Option<i32> {
        let number = self.payload.first_chunk::<4>().copied().map(i32::from_ne_bytes)?;
        Some(number.checked_neg().unwrap_or(i32::MAX))
    }

    /// The kernel's words are a help, not a need: what cannot be read is left out.
    fn text(&self, attributes: Option<&[u8]>) -> Option<String> {
        if self.flags & NLM_F_ACK_TLVS == 0 {
            return None;
        }
        let text = Attributes::parse(attributes?).ok()?.text(NLMSGERR_ATTR_MSG)?;
        Some(text).filter(|text| !text.is_empty())
    }
}

/// The messages of one datagram. After an error it is at its end.
#[derive(Clone, Debug)]
pub(crate) struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    pub(crate) fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }

    /// Length and type of the message at the front of `bytes`.
    fn header(bytes: &[u8]) -> Option<(usize, u16)> {
        let length = u32::from_ne_bytes(*bytes.first_chunk::<4>()?);
        let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk::<2>()?);
        Some((usize::try_from(length).ok()?, kind))
    }

    fn cut(&mut self) -> Option<Reply<'a>> {
        let (length, kind) = Self::header(self.rest)?;
        let message = self.rest.get(..length)?;
        let flags = u16::from_ne_bytes(*message.get(6..)?.first_chunk::<2>()?);
        let sequence = u32::from_ne_bytes(*message.get(8..)?.first_chunk::<4>()?);
        let payload = message.get(HEADER..)?;
        // the padding of the last message may be left out
        self.rest = self.rest.get(align(length)..).unwrap_or_default();
        Some(Reply { kind, flags, sequence, payload })
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Reply<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let reply = self.cut();
        if reply.is_none() {
            self.rest = &[];
        }
        Some(reply.ok_or(Malformed("a message's length is wrong")))
    }
}

/// `length` rounded up to the 4 bytes that messages are padded to.
fn align(length: usize) -> usize {
    length.saturating_add(3) & !3
}

#[cfg(test)]
mod tests;
