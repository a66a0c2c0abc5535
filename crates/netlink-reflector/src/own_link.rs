//! Interfaces on top of another one that a process makes, raises and removes: macvlans with a virtual
//! router's MAC, and ipvlans.

use std::fmt;

use base::IfIndex;
use neli::consts::nl::NlmF;
use neli::consts::rtnl::{Iff, RtAddrFamily};
use neli::rtnl::IfinfomsgBuilder;
use netlink::{AttributeWriter, Message, Request};

use crate::link::{
    IFF_UP, IFLA_ADDRESS, IFLA_GROUP, IFLA_IFNAME, IFLA_INFO_DATA, IFLA_INFO_KIND,
    IFLA_IPVLAN_FLAGS, IFLA_LINK, IFLA_LINKINFO, IFLA_MASTER, IFLA_MODE, Link, RTM_DELLINK,
    RTM_NEWLINK,
};

/// MACVLAN_MODE_PRIVATE: packets between two macvlans of one base go nowhere.
const MODE_PRIVATE: u32 = 1;
/// IPVLAN_MODE_L2.
const MODE_L2: u16 = 0;

/// An interface that should be there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OwnLink {
    /// Its name, at most 15 bytes.
    pub name: String,
    /// The interface that it lies upon.
    pub base: IfIndex,
    /// What it is.
    pub kind: OwnLinkKind,
    /// The group it belongs to, by number.
    pub group: Option<u32>,
    /// The VRF that it belongs to.
    pub master: Option<IfIndex>,
}

/// What an interface of our own is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OwnLinkKind {
    /// A macvlan in private mode with this MAC.
    Macvlan([u8; 6]),
    /// An ipvlan in mode L2 with these flags: 0 bridge, 1 private, 2 VEPA.
    Ipvlan(u16),
}

impl OwnLinkKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Macvlan(_) => "macvlan",
            Self::Ipvlan(_) => "ipvlan",
        }
    }

    const fn mode(self) -> u32 {
        match self {
            Self::Macvlan(_) => MODE_PRIVATE,
            Self::Ipvlan(_) => MODE_L2 as u32,
        }
    }
}

impl OwnLink {
    /// Whether an interface that is there will do: one that a predecessor has left. Its name and its
    /// group are no matter: they can be changed.
    pub fn is_met_by(&self, actual: &Link) -> bool {
        let same_kind = match self.kind {
            OwnLinkKind::Macvlan(mac) => actual.mac == Some(mac),
            OwnLinkKind::Ipvlan(flags) => actual.ipvlan_flags == Some(flags),
        };
        same_kind
            && actual.kind.as_deref() == Some(self.kind.name())
            && actual.mode == Some(self.kind.mode())
            && actual.parent == Some(self.base)
            && actual.master == self.master
    }

    fn attributes(&self) -> AttributeWriter {
        let (kind, mode) = (self.kind.name(), self.kind.mode());
        let data = AttributeWriter::new();
        let data = match self.kind {
            OwnLinkKind::Macvlan(_) => data.put(IFLA_MODE, mode),
            OwnLinkKind::Ipvlan(flags) => {
                data.put(IFLA_MODE, MODE_L2).put(IFLA_IPVLAN_FLAGS, flags)
            }
        };
        let info = AttributeWriter::new().text(IFLA_INFO_KIND, kind).nested(IFLA_INFO_DATA, data);
        let mut attributes =
            AttributeWriter::new().text(IFLA_IFNAME, &self.name).put(IFLA_LINK, self.base.get());
        if let OwnLinkKind::Macvlan(mac) = self.kind {
            attributes = attributes.bytes(IFLA_ADDRESS, &mac);
        }
        if let Some(group) = self.group {
            attributes = attributes.put(IFLA_GROUP, group);
        }
        if let Some(master) = self.master {
            attributes = attributes.put(IFLA_MASTER, master.get());
        }
        attributes.nested(IFLA_LINKINFO, info)
    }
}

/// One request about an interface of our own, with its name for the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkRequest {
    /// Make it; it is down.
    Create(OwnLink),
    /// Switch it on or off.
    Raise(IfIndex, bool, String),
    /// Remove it and what is on it.
    Remove(IfIndex, String),
    /// Give it this name instead of the other. Before Linux 6.2 it has to be down.
    Rename(IfIndex, String, String),
    /// Move it to this group.
    Group(IfIndex, u32, String),
}

impl fmt::Display for LinkRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(link) => write!(f, "add {} interface {}", link.kind.name(), link.name),
            Self::Raise(_, true, name) => write!(f, "set interface {name} up"),
            Self::Raise(_, false, name) => write!(f, "set interface {name} down"),
            Self::Remove(_, name) => write!(f, "remove interface {name}"),
            Self::Rename(_, name, from) => write!(f, "rename interface {from} to {name}"),
            Self::Group(_, group, name) => write!(f, "move interface {name} to group {group}"),
        }
    }
}

impl Request for LinkRequest {
    fn message(&self) -> Message {
        let none = AttributeWriter::new;
        match self {
            Self::Create(link) => {
                message(RTM_NEWLINK, NlmF::CREATE | NlmF::EXCL, None, None, link.attributes())
            }
            Self::Raise(index, up, _) => {
                message(RTM_NEWLINK, NlmF::empty(), Some(*index), Some(*up), none())
            }
            Self::Remove(index, _) => {
                message(RTM_DELLINK, NlmF::empty(), Some(*index), None, none())
            }
            Self::Rename(index, name, _) => {
                let attributes = none().text(IFLA_IFNAME, name);
                message(RTM_NEWLINK, NlmF::empty(), Some(*index), None, attributes)
            }
            Self::Group(index, group, _) => {
                let attributes = none().put(IFLA_GROUP, *group);
                message(RTM_NEWLINK, NlmF::empty(), Some(*index), None, attributes)
            }
        }
    }
}

fn message(
    kind: u16,
    flags: NlmF,
    index: Option<IfIndex>,
    up: Option<bool>,
    attributes: AttributeWriter,
) -> Message {
    let index = index.map_or(Ok(0), |index| i32::try_from(index.get()));
    let header = index.ok().and_then(|index| {
        let bits = |set| Iff::from_bits_truncate(if set { IFF_UP } else { 0 });
        IfinfomsgBuilder::default()
            .ifi_family(RtAddrFamily::Unspecified)
            .ifi_index(index)
            .ifi_flags(bits(up == Some(true)))
            .ifi_change(bits(up.is_some()))
            .build()
            .ok()
    });
    match header {
        Some(header) => Message::new(kind, flags, &header, attributes),
        None => Message::unwritable(kind, "its link header cannot be written"),
    }
}
