//! Interfaces that instances make for themselves: VMACs and ipvlans.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::vrrp::IpvlanMode;

/// An interface of an instance's own, on top of another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OwnLink {
    /// Its name, at most 15 bytes; no two in a configuration have the same.
    pub name: String,
    /// The interface that it lies upon.
    pub base: String,
    /// What it is.
    pub kind: OwnLinkKind,
    /// `group`: the interface group, as written.
    pub group: Option<String>,
    /// `vrf`: the VRF device that it belongs to.
    pub vrf: Option<String>,
    /// Adverts leave by it: no `vmac_xmit_base`, and it is not for single addresses only.
    pub transmits: bool,
    /// It carries IPv4: of the instance, or of an address.
    pub ipv4: bool,
    /// It carries IPv6.
    pub ipv6: bool,
}

/// What an interface of an instance's own is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OwnLinkKind {
    /// `use_vmac`: a macvlan in private mode with this MAC.
    Vmac([u8; 6]),
    /// `use_ipvlan`: an ipvlan in mode L2.
    Ipvlan {
        /// `bridge`, `private`, `vepa`.
        mode: IpvlanMode,
        /// The address that adverts come from, which it has as long as it is there.
        address: Option<IpAddr>,
    },
}
