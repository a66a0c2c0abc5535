//! Generic netlink: families are found by name, commands are bytes.

use std::fmt;

use neli::consts::nl::NlmF;
use neli::genl::{Genlmsghdr, GenlmsghdrBuilder, NoUserHeader};

use crate::attribute::{AttributeWriter, Attributes};
use crate::engine::Engine;
use crate::error::{Error, Malformed, Refusal};
use crate::frame::Reply;
use crate::message::{Message, Request};
use crate::transport::Transport;

const GENL_ID_CTRL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const CTRL_VERSION: u8 = 1;
const ENOENT: i32 = 2;

/// A message of a generic netlink family.
pub fn message(
    family: u16,
    version: u8,
    command: u8,
    flags: NlmF,
    attributes: AttributeWriter,
) -> Message {
    let header: Result<Genlmsghdr<u8, u16>, _> =
        GenlmsghdrBuilder::<u8, u16, NoUserHeader>::default().cmd(command).version(version).build();
    match header {
        Ok(header) => Message::new(family, flags, &header, attributes),
        Err(_) => Message::unwritable(family, "its generic netlink header cannot be written"),
    }
}

/// Command and attributes of a reply of a generic netlink family.
pub fn split(reply: &Reply<'_>) -> Result<(u8, Attributes), Malformed> {
    let (header, attributes) = reply.split::<Genlmsghdr<u8, u16>>()?;
    Ok((*header.cmd(), attributes))
}

/// The number of the generic netlink family `name`.
///
/// # Errors
/// [`Error::NoFamily`] when the kernel has none of this name: its module is missing.
pub fn family<T: Transport>(engine: &mut Engine<T>, name: &str) -> Result<u16, Error> {
    let found = engine.query(&GetFamily(name), |reply| {
        let (_, attributes) = split(reply)?;
        Ok(attributes.u16(CTRL_ATTR_FAMILY_ID))
    });
    match found {
        Ok(numbers) => {
            numbers.first().copied().ok_or_else(|| Error::NoReply(GetFamily(name).to_string()))
        }
        Err(Error::Refused(Refusal { errno: ENOENT, .. })) => Err(Error::NoFamily(name.to_owned())),
        Err(error) => Err(error),
    }
}

struct GetFamily<'a>(&'a str);

impl fmt::Display for GetFamily<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "find netlink family {}", self.0)
    }
}

impl Request for GetFamily<'_> {
    fn message(&self) -> Message {
        let name = AttributeWriter::new().text(CTRL_ATTR_FAMILY_NAME, self.0);
        message(GENL_ID_CTRL, CTRL_VERSION, CTRL_CMD_GETFAMILY, NlmF::empty(), name)
    }
}
