//! Addresses that the kernel has.

use std::net::{IpAddr, Ipv4Addr};

use base::{IfIndex, IpNet};
use neli::rtnl::Ifaddrmsg;
use netlink::{Malformed, Reply};

pub(crate) const RTM_NEWADDR: u16 = 20;
pub(crate) const RTM_DELADDR: u16 = 21;
pub(crate) const RTM_GETADDR: u16 = 22;

pub(crate) const IFA_ADDRESS: u16 = 1;
pub(crate) const IFA_LOCAL: u16 = 2;
pub(crate) const IFA_LABEL: u16 = 3;
pub(crate) const IFA_BROADCAST: u16 = 4;
pub(crate) const IFA_CACHEINFO: u16 = 6;
pub(crate) const IFA_FLAGS: u16 = 8;
pub(crate) const IFA_PROTO: u16 = 11;

/// No duplicate address detection (`IFA_F_NODAD`).
pub const NODAD: u32 = 0x02;
/// Another host has the address (`IFA_F_DADFAILED`).
pub const DADFAILED: u32 = 0x08;
/// Not usable before duplicate address detection ends (`IFA_F_TENTATIVE`).
pub const TENTATIVE: u32 = 0x40;

/// Not to be chosen as a source: its preferred lifetime has ended (`IFA_F_DEPRECATED`).
pub(crate) const DEPRECATED: u32 = 0x20;

/// `IFA_F_HOMEADDRESS`, `_MANAGETEMPADDR`, `_NOPREFIXROUTE`, which the kernel changes of an IPv6 address
/// where it is.
pub(crate) const CHANGEABLE: u32 = 0x10 | 0x100 | 0x200;

/// `IFA_F_MCAUTOJOIN`, which has an effect only when the address is added.
pub(crate) const AUTOJOIN: u32 = 0x400;

/// `IFA_F_NOPREFIXROUTE` and [`AUTOJOIN`]: what an IPv4 address can have, by which it is made anew.
pub(crate) const OF_IPV4: u32 = 0x200 | AUTOJOIN;

/// It has no lifetime (`IFA_F_PERMANENT`).
pub const PERMANENT: u32 = 0x80;

/// The mark of keepalived on what it adds (`RTPROT_KEEPALIVED`, also for addresses).
pub const PROTOCOL_KEEPALIVED: u8 = 18;

/// An address on an interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Which interface.
    pub index: IfIndex,
    /// The address (with its host part) and its prefix length.
    pub net: IpNet,
    /// The other end of a point-to-point address.
    pub peer: Option<IpAddr>,
    /// Scope: 0 global, 253 link, 254 host.
    pub scope: u8,
    /// `IFA_F_*`, such as [`TENTATIVE`].
    pub flags: u32,
    /// Label (IPv4; the interface's name unless set).
    pub label: Option<String>,
    /// Broadcast address (IPv4).
    pub broadcast: Option<Ipv4Addr>,
    /// Who added it, where the kernel keeps that (5.18 and later): [`PROTOCOL_KEEPALIVED`].
    pub protocol: Option<u8>,
}

impl Address {
    /// The address without its prefix length.
    pub fn ip(&self) -> IpAddr {
        self.net.addr()
    }

    /// Whether a socket can be bound to it: its duplicate address detection has passed.
    pub fn usable(&self) -> bool {
        self.detection() == 0
    }

    /// Whether somebody else has it: its duplicate address detection has failed.
    pub fn is_duplicate(&self) -> bool {
        self.flags & DADFAILED != 0
    }

    /// How far its duplicate address detection is.
    pub(crate) fn detection(&self) -> u32 {
        self.flags & (TENTATIVE | DADFAILED)
    }
}

/// The address that a message describes; `None` for families other than IPv4 and IPv6.
pub(crate) fn decode(reply: &Reply<'_>) -> Result<Option<Address>, Malformed> {
    let (header, attributes) = reply.split::<Ifaddrmsg>()?;
    let address = attributes.address(IFA_ADDRESS);
    // IFA_LOCAL is ours and IFA_ADDRESS the peer's where both are there and differ
    let local = attributes.address(IFA_LOCAL);
    let (Some(index), Some(ip)) = (IfIndex::new(*header.ifa_index()), local.or(address)) else {
        return Ok(None);
    };
    let net = IpNet::new(ip, *header.ifa_prefixlen())
        .map_err(|_| Malformed("an address has an impossible prefix length"))?;
    let short_flags = || u32::from(header.ifa_flags().bits());
    Ok(Some(Address {
        index,
        net,
        peer: address.filter(|address| *address != ip),
        scope: u8::from(*header.ifa_scope()),
        flags: attributes.u32(IFA_FLAGS).unwrap_or_else(short_flags),
        label: attributes.text(IFA_LABEL),
        broadcast: match attributes.address(IFA_BROADCAST) {
            Some(IpAddr::V4(broadcast)) => Some(broadcast),
            _ => None,
        },
        protocol: attributes.u8(IFA_PROTO).filter(|protocol| *protocol != 0),
    }))
}
