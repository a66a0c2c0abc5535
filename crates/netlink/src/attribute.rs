//! Netlink attributes: written with the errors kept for the end, read without a panic.
//!
//! ```text
//!  0               1               2               3
//!  +-------------------------------+-------------------------------+
//!  | length, with these 4 bytes    |N|B| type                      |   N: nested, B: big-endian
//!  +-------------------------------+-------------------------------+
//!  | payload, padded to 4 bytes ...                                |
//! ```

use std::io::Cursor;
use std::net::IpAddr;

use neli::attr::Attribute;
use neli::genl::{AttrTypeBuilder, Nlattr, NlattrBuilder};
use neli::types::{Buffer, GenlBuffer};
use neli::{FromBytesWithInput, Size, ToBytes};

use crate::error::Malformed;

/// The longest payload: the length field has 16 bits and counts the 4 bytes of the header too.
const MAX_PAYLOAD: usize = u16::MAX as usize - 4;

/// A list of attributes on its way into a message. What cannot be written is remembered and
/// reported by [`crate::Message`] when it is sent.
#[derive(Clone, Debug, Default)]
pub struct AttributeWriter {
    attributes: GenlBuffer<u16, Buffer>,
    failed: Option<&'static str>,
}

impl AttributeWriter {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a number of the host's byte order, or anything else that neli can write.
    pub fn put(self, kind: u16, value: impl Size + ToBytes) -> Self {
        self.push(kind, false, value)
    }

    /// Adds a 32 bit number in network byte order.
    pub fn put_be32(self, kind: u16, value: u32) -> Self {
        self.push(kind, false, value.to_be_bytes())
    }

    /// Adds bytes as they are.
    pub fn bytes(self, kind: u16, value: &[u8]) -> Self {
        self.push(kind, false, value)
    }

    /// Adds an address in network byte order, 4 or 16 bytes.
    pub fn address(self, kind: u16, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => self.push(kind, false, address.octets()),
            IpAddr::V6(address) => self.push(kind, false, address.octets()),
        }
    }

    /// Adds a text with its terminating zero byte.
    pub fn text(self, kind: u16, value: &str) -> Self {
        self.push(kind, false, value)
    }

    /// Adds a list of attributes as one attribute.
    pub fn nested(mut self, kind: u16, inner: Self) -> Self {
        match inner.finish() {
            Ok(bytes) => self.push(kind, true, Buffer::from(bytes)),
            Err(reason) => {
                self.failed.get_or_insert(reason);
                self
            }
        }
    }

    fn push(mut self, kind: u16, nested: bool, value: impl Size + ToBytes) -> Self {
        if value.unpadded_size() > MAX_PAYLOAD {
            self.failed.get_or_insert("an attribute is longer than 65,531 bytes");
            return self;
        }
        let attribute =
            AttrTypeBuilder::default().nla_type(kind).nla_nested(nested).build().ok().and_then(
                |kind| NlattrBuilder::default().nla_type(kind).nla_payload(value).build().ok(),
            );
        match attribute {
            Some(attribute) => self.attributes.push(attribute),
            None => {
                self.failed.get_or_insert("an attribute cannot be written");
            }
        }
        self
    }

    /// The bytes of the list, or why it cannot be written.
    pub fn finish(self) -> Result<Vec<u8>, &'static str> {
        if let Some(reason) = self.failed {
            return Err(reason);
        }
        let mut bytes = Cursor::new(Vec::with_capacity(self.attributes.unpadded_size()));
        match self.attributes.to_bytes(&mut bytes) {
            Ok(()) => Ok(bytes.into_inner()),
            Err(_) => Err("an attribute cannot be written"),
        }
    }
}

/// A list of attributes that came in. Of two with the same type the first counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes(GenlBuffer<u16, Buffer>);

impl Attributes {
    /// Reads a list; an error when a length points outside.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        GenlBuffer::from_bytes_with_input(&mut Cursor::new(bytes), bytes.len())
            .map(Self)
            .map_err(|_| Malformed("an attribute's length is wrong"))
    }

    /// The payload of the attribute `kind`.
    pub fn get(&self, kind: u16) -> Option<&[u8]> {
        self.iter().find(|(found, _)| *found == kind).map(|(_, payload)| payload)
    }

    /// All of them, in order: type and payload.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &[u8])> {
        self.0.iter().map(|attribute| {
            let attribute: &Nlattr<u16, Buffer> = attribute;
            (*attribute.nla_type().nla_type(), attribute.payload().as_ref())
        })
    }

    /// A byte.
    pub fn u8(&self, kind: u16) -> Option<u8> {
        self.get(kind)?.first().copied()
    }

    /// A 16 bit number of the host's byte order.
    pub fn u16(&self, kind: u16) -> Option<u16> {
        self.array(kind).map(u16::from_ne_bytes)
    }

    /// A 16 bit number of network byte order.
    pub fn u16_be(&self, kind: u16) -> Option<u16> {
        self.array(kind).map(u16::from_be_bytes)
    }

    /// A 32 bit number of the host's byte order.
    pub fn u32(&self, kind: u16) -> Option<u32> {
        self.array(kind).map(u32::from_ne_bytes)
    }

    /// An address; the number of bytes tells the family.
    pub fn address(&self, kind: u16) -> Option<IpAddr> {
        match self.get(kind)?.len() {
            4 => self.array::<4>(kind).map(IpAddr::from),
            16 => self.array::<16>(kind).map(IpAddr::from),
            _ => None,
        }
    }

    /// A text, up to its terminating zero byte. Bytes that are not UTF-8 are replaced.
    pub fn text(&self, kind: u16) -> Option<String> {
        let bytes = self.get(kind)?;
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        bytes.get(..end).map(|text| String::from_utf8_lossy(text).into_owned())
    }

    /// The attributes inside the attribute `kind`; `None` when there is none.
    pub fn nested(&self, kind: u16) -> Result<Option<Self>, Malformed> {
        self.get(kind).map(Self::parse).transpose()
    }

    /// The first `N` bytes of an attribute that is at least that long.
    fn array<const N: usize>(&self, kind: u16) -> Option<[u8; N]> {
        self.get(kind)?.first_chunk::<N>().copied()
    }
}

#[cfg(test)]
mod tests;
