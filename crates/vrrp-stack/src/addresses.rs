//! Addresses that belong on an interface.

use std::net::{IpAddr, Ipv4Addr};

use base::{IfIndex, IpNet};
use control_plane::model::VirtualAddress;
use control_plane::model::vrrp::AddressFlags;

use crate::links::Links;

/// An address that has to be installed now, as the kernel gets it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DesiredAddress {
    /// On this interface.
    pub index: IfIndex,
    /// Address and prefix length.
    pub net: IpNet,
    /// `label` (IPv4 only).
    pub label: Option<String>,
    /// Scope as the kernel counts it: 0 global, 253 link, 254 host.
    pub scope: u8,
    /// Broadcast address (IPv4 only).
    pub broadcast: Option<Ipv4Addr>,
    /// Do without duplicate address detection (IPv6): a virtual address has to work at once.
    pub nodad: bool,
    /// Seconds for which the address may be chosen as a source; `None` is for ever.
    pub preferred_lifetime: Option<u32>,
    /// Seconds until the kernel removes it unless it is renewed (`vip_lease`); `None` is for ever.
    pub lease: Option<u32>,
    /// The other end of a point-to-point link.
    pub peer: Option<IpAddr>,
    /// Flags as the kernel counts them: `home` 0x10, `mngtmpaddr` 0x100, `noprefixroute` 0x200,
    /// `autojoin` 0x400.
    pub flags: u32,
}

/// Where a configured address lives, if its interface exists.
pub(crate) fn place(links: &Links, address: &VirtualAddress) -> Option<(IfIndex, IpNet)> {
    Some((links.named(&address.interface)?.index, address.net))
}

/// A configured address as the kernel gets it, if its interface exists.
pub(crate) fn desired(links: &Links, address: &VirtualAddress) -> Option<DesiredAddress> {
    Some(DesiredAddress::on(links.named(&address.interface)?.index, address))
}

impl DesiredAddress {
    /// An address that adverts come from, and that is used for nothing else.
    pub(crate) fn source(index: IfIndex, address: IpAddr) -> Self {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let net = IpNet::new_assert(address, bits);
        let preferred_lifetime = address.is_ipv6().then_some(0);
        Self { preferred_lifetime, ..Self::on(index, &VirtualAddress::new(net, "")) }
    }

    /// A configured address on an interface that is there.
    pub fn on(index: IfIndex, address: &VirtualAddress) -> Self {
        Self {
            index,
            net: address.net,
            label: address.label.clone(),
            scope: address.scope.0,
            broadcast: address.broadcast,
            nodad: address.net.addr().is_ipv6() && !address.flags.no_dad,
            preferred_lifetime: address.preferred_lifetime,
            lease: None,
            peer: address.peer,
            flags: flags(address.flags),
        }
    }
}

fn flags(flags: AddressFlags) -> u32 {
    let all = [
        (flags.home, 0x10),
        (flags.manage_temporary, 0x100),
        (flags.no_prefix_route, 0x200),
        (flags.auto_join, 0x400),
    ];
    all.into_iter().filter(|(is_set, _)| *is_set).map(|(_, bit)| bit).sum()
}
