//! A request before it is sent.

use std::fmt;
use std::io::Cursor;

use neli::ToBytes;
use neli::consts::nl::NlmF;
use neli::nl::{NlPayload, NlmsghdrBuilder};
use neli::types::Buffer;

use crate::attribute::AttributeWriter;

/// Something to ask of the kernel. Its `Display` is the request in words, to go after "cannot":
/// `add address 10.0.0.1/32 dev eth0`.
pub trait Request: fmt::Display {
    /// The netlink message; its flags without REQUEST, ACK and DUMP, which the engine sets.
    fn message(&self) -> Message;
}

/// Type, flags and payload of a netlink message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: NlmF,
    payload: Result<Vec<u8>, &'static str>,
}

impl Message {
    /// A message of a fixed header and attributes. An error of either waits until the message is
    /// sent, which then fails with [`crate::Error::Encode`].
    pub fn new(kind: u16, flags: NlmF, header: &impl ToBytes, attributes: AttributeWriter) -> Self {
        let mut bytes = Cursor::new(Vec::with_capacity(128));
        let payload = header
            .to_bytes(&mut bytes)
            .and_then(|()| header.pad(&mut bytes))
            .map_err(|_| "its header cannot be written")
            .and_then(|()| attributes.finish())
            .map(|attributes| {
                let mut payload = bytes.into_inner();
                payload.extend_from_slice(&attributes);
                payload
            });
        Self { kind, flags, payload }
    }

    /// A message whose header could not be made; sending it fails with [`crate::Error::Encode`].
    pub fn unwritable(kind: u16, reason: &'static str) -> Self {
        Self { kind, flags: NlmF::empty(), payload: Err(reason) }
    }

    /// The bytes after the netlink header.
    pub fn payload(&self) -> Result<&[u8], &'static str> {
        self.payload.as_deref().map_err(|reason| *reason)
    }

    /// Appends the whole message to `datagram`.
    pub(crate) fn write(
        self,
        flags: NlmF,
        sequence: u32,
        datagram: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        const UNWRITABLE: &str = "its netlink header cannot be written";
        let message = NlmsghdrBuilder::default()
            .nl_type(self.kind)
            .nl_flags(self.flags | flags)
            .nl_seq(sequence)
            .nl_payload(NlPayload::Payload(Buffer::from(self.payload?)))
            .build()
            .map_err(|_| UNWRITABLE)?;
        let start = datagram.len();
        let mut cursor = Cursor::new(std::mem::take(datagram));
        cursor.set_position(start as u64);
        let written = message.to_bytes(&mut cursor).map_err(|_| UNWRITABLE);
        *datagram = cursor.into_inner();
        if written.is_err() {
            datagram.truncate(start);
        }
        written
    }
}
