//! Addresses that belong on an interface.

use std::net::Ipv4Addr;

use base::{IfIndex, IpNet};
use control_plane::model::VirtualAddress;

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
    /// Seconds for which the address may be chosen as a source; `None` is for ever. An IPv6
    /// address of its own (/128) is chosen for nothing unless `preferred_lft` says so.
    pub preferred_lifetime: Option<u32>,
}

/// Where a configured address lives, if its interface exists.
pub(crate) fn place(links: &Links, address: &VirtualAddress) -> Option<(IfIndex, IpNet)> {
    Some((links.named(&address.interface)?.index, address.net))
}

/// A configured address as the kernel gets it, if its interface exists.
pub(crate) fn desired(links: &Links, address: &VirtualAddress) -> Option<DesiredAddress> {
    let single = address.net.addr().is_ipv6() && address.net.prefix_len() == 128;
    let never = single.then_some(0);
    Some(DesiredAddress {
        index: links.named(&address.interface)?.index,
        net: address.net,
        label: address.label.clone(),
        scope: address.scope.0,
        broadcast: address.broadcast,
        nodad: address.net.addr().is_ipv6(),
        preferred_lifetime: address.preferred_lifetime.or(never),
    })
}
