//! What the stack has to know about a network interface.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::IfIndex;
use wire::{Family, MacAddress};

/// A network interface as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// Its number.
    pub index: IfIndex,
    /// Its name.
    pub name: String,
    /// `IFF_UP` and `IFF_RUNNING`: packets can leave and arrive.
    pub up: bool,
    /// Its hardware address; sender of gratuitous ARP.
    pub mac: MacAddress,
    /// The source of IPv4 adverts: the first address of the interface that is none of
    /// [`Stack::managed_addresses`](crate::Stack::managed_addresses).
    pub primary_v4: Option<Ipv4Addr>,
    /// The source of IPv6 adverts: the link-local address (RFC 9568 section 5.1.2.1).
    pub link_local_v6: Option<Ipv6Addr>,
    /// Bytes of a datagram that the interface carries.
    pub mtu: u32,
    /// Not `IFF_NOARP`: neighbours learn addresses from ARP.
    pub arp: bool,
}

impl Link {
    /// The source of adverts of a family: RFC 9568's primary IPvX address.
    pub fn primary(&self, family: Family) -> Option<IpAddr> {
        match family {
            Family::Ipv4 => self.primary_v4.map(IpAddr::V4),
            Family::Ipv6 => self.link_local_v6.map(IpAddr::V6),
        }
    }
}
