//! Addresses of an instance with their defaults.

use std::net::IpAddr;

use crate::build::address::AddressDraft;
use crate::model::{AddressScope, VirtualAddress};

/// The kernel's scope of link-local addresses.
const SCOPE_LINK: AddressScope = AddressScope(253);

/// An address on `interface`, unless it names another one.
pub(super) fn resolve(draft: AddressDraft, interface: &str) -> VirtualAddress {
    let address = draft.net.addr();
    let scope = if is_link_local(address) { SCOPE_LINK } else { AddressScope::default() };
    // A lone IPv6 address is deprecated at once, so that it is not taken as a source.
    let lone_ipv6 = !address.is_ipv4() && draft.net.prefix_len() == 128;
    VirtualAddress {
        broadcast: draft.broadcast(),
        label: draft.label,
        scope: draft.scope.unwrap_or(scope),
        peer: draft.peer,
        flags: draft.flags,
        preferred_lifetime: draft.preferred_lifetime.unwrap_or(if lone_ipv6 {
            Some(0)
        } else {
            None
        }),
        no_track: draft.no_track,
        use_vmac: draft.use_vmac,
        ..VirtualAddress::new(draft.net, draft.interface.unwrap_or_else(|| interface.to_owned()))
    }
}

/// fe80::/10 (RFC 4291 section 2.5.6).
fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}
