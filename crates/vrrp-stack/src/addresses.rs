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
}

/// Where a configured address lives, if its interface exists.
pub(crate) fn place(links: &Links, address: &VirtualAddress) -> Option<(IfIndex, IpNet)> {
    Some((links.named(&address.interface)?.index, address.net))
}

/// A configured address as the kernel gets it, if its interface exists.
pub(crate) fn desired(links: &Links, address: &VirtualAddress) -> Option<DesiredAddress> {
    Some(DesiredAddress {
        index: links.named(&address.interface)?.index,
        net: address.net,
        label: address.label.clone(),
        scope: address.scope.0,
        broadcast: address.broadcast,
    })
}
