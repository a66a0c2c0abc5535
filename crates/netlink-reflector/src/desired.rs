//! Addresses that should be there, and the requests that make it so.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use base::{IfIndex, IpNet};
use neli::consts::nl::NlmF;
use neli::consts::rtnl::{IfaF, RtAddrFamily, RtScope};
use neli::rtnl::IfaddrmsgBuilder;
use netlink::{AttributeWriter, Message, Request};

use crate::address::{
    AUTOJOIN, Address, CHANGEABLE, DEPRECATED, IFA_ADDRESS, IFA_BROADCAST, IFA_CACHEINFO,
    IFA_FLAGS, IFA_LABEL, IFA_LOCAL, IFA_PROTO, NODAD, OF_IPV4, PERMANENT, PROTOCOL_KEEPALIVED,
    RTM_DELADDR, RTM_NEWADDR,
};
use crate::mirror::Mirror;

/// An address that should be on an interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DesiredAddress {
    /// Which interface.
    pub index: IfIndex,
    /// The address (with its host part) and its prefix length.
    pub net: IpNet,
    /// `label` (IPv4, at most 15 bytes); `None` is the interface's name.
    pub label: Option<String>,
    /// `scope`: 0 global, 253 link, 254 host. The kernel finds out by itself for IPv6.
    pub scope: u8,
    /// `brd` (IPv4).
    pub broadcast: Option<Ipv4Addr>,
    /// Do without duplicate address detection (IPv6): a virtual address has to work at once.
    pub nodad: bool,
    /// Seconds for which the address may be chosen as a source (IPv6); `None` is for ever, 0 never.
    pub preferred_lifetime: Option<u32>,
    /// Seconds until the kernel removes it unless it is renewed ([`Reflector::renew`]); `None` is
    /// for ever.
    ///
    /// [`Reflector::renew`]: crate::Reflector::renew
    pub lease: Option<u32>,
    /// The other end of a point-to-point link.
    pub peer: Option<IpAddr>,
    /// More of `IFA_F_*`: `home`, `mngtmpaddr`, `noprefixroute`, `autojoin`.
    pub flags: u32,
}

impl DesiredAddress {
    /// An address of global scope with nothing special.
    pub fn new(index: IfIndex, net: IpNet) -> Self {
        Self {
            index,
            net,
            label: None,
            scope: 0,
            broadcast: None,
            nodad: false,
            preferred_lifetime: None,
            lease: None,
            peer: None,
            flags: 0,
        }
    }

    /// Whether `actual` will do. One that somebody else has added does as it is; our own is made
    /// anew when the configuration of it has changed in what [`AddressRequest::Renew`] does not change.
    fn is_met_by(&self, actual: &Address, interface: Option<&str>) -> bool {
        if actual.protocol != Some(PROTOCOL_KEEPALIVED) {
            return true;
        }
        let other = self.flags ^ actual.flags;
        if self.net.addr().is_ipv6() {
            return self.peer == actual.peer && other & AUTOJOIN == 0;
        }
        let label = self.label.as_deref().or(interface);
        other & OF_IPV4 == 0
            && self.scope == actual.scope
            && self.peer == actual.peer
            && self.broadcast == actual.broadcast
            && (label.is_none() || actual.label.as_deref() == label)
    }

    /// Whether `actual` is not as lasting as it should be: one of ours got or lost its lease by a
    /// reload, or somebody else's is to have one.
    fn lasts_otherwise(&self, actual: &Address) -> bool {
        let lasts = actual.flags & PERMANENT != 0;
        match self.lease {
            Some(_) => lasts,
            None => !lasts && actual.protocol == Some(PROTOCOL_KEEPALIVED),
        }
    }

    /// Whether our IPv6 address has flags by another configuration, or may (not) be chosen as a source. How
    /// much is left of a preferred lifetime is not looked at.
    fn is_used_otherwise(&self, actual: &Address) -> bool {
        let is_ours = actual.protocol == Some(PROTOCOL_KEEPALIVED) && self.net == actual.net;
        if !is_ours || self.net.addr().is_ipv4() {
            return false;
        }
        let is_deprecated = actual.flags & DEPRECATED != 0;
        let wrong = match (self.lease, self.preferred_lifetime) {
            (Some(_), _) => false,
            (None, None) => is_deprecated,
            (None, Some(0)) => !is_deprecated,
            (None, Some(_)) => false,
        };
        wrong || (self.flags ^ actual.flags) & CHANGEABLE != 0
    }

    /// What the kernel knows of the configuration in its flags.
    pub(crate) fn kept_flags(&self) -> u32 {
        let lasts = if self.lease.is_some() { 0 } else { PERMANENT };
        if self.net.addr().is_ipv4() {
            return self.flags & OF_IPV4 | lasts;
        }
        let nodad = if self.nodad { NODAD } else { 0 };
        let deprecated = if self.preferred_lifetime == Some(0) { DEPRECATED } else { 0 };
        self.flags & (CHANGEABLE | AUTOJOIN) | nodad | deprecated | lasts
    }

    /// `struct ifa_cacheinfo`: preferred, valid, and two times that only the kernel fills in.
    fn lifetimes(&self) -> Option<Vec<u8>> {
        let preferred = self.preferred_lifetime.filter(|_| self.net.addr().is_ipv6());
        if preferred.is_none() && self.lease.is_none() {
            return None;
        }
        let valid = self.lease.unwrap_or(u32::MAX);
        let preferred = preferred.unwrap_or(valid).min(valid);
        Some([preferred, valid, 0, 0].map(u32::to_ne_bytes).concat())
    }

    /// What the kernel will have once it has added it.
    pub(crate) fn as_added(&self, interface: &str) -> Address {
        let is_ipv4 = self.net.addr().is_ipv4();
        Address {
            index: self.index,
            net: self.net,
            peer: self.peer,
            scope: self.scope,
            flags: self.kept_flags(),
            label: is_ipv4.then(|| self.label.clone().unwrap_or_else(|| interface.to_owned())),
            broadcast: self.broadcast,
            protocol: Some(PROTOCOL_KEEPALIVED),
        }
    }
}

/// One request about an address, with the name of its interface for the words.
#[derive(Clone, Debug)]
pub(crate) enum AddressRequest {
    Add(DesiredAddress, Arc<str>),
    /// Its lifetimes begin anew, and an IPv6 address gets these flags.
    Renew(DesiredAddress, Arc<str>),
    /// With the peer, without which the kernel does not find it.
    Remove(IfIndex, IpNet, Option<IpAddr>, Arc<str>),
}

impl AddressRequest {
    /// Whether the kernel may remove other addresses with this one: with the first IPv4 address of
    /// a network all others of it go, unless `promote_secondaries` is set.
    pub(crate) fn may_take_others(&self) -> bool {
        match self {
            Self::Add(..) | Self::Renew(..) => false,
            Self::Remove(_, net, ..) => net.addr().is_ipv4() && net.prefix_len() < 32,
        }
    }

    pub(crate) fn key(&self) -> (IfIndex, IpNet) {
        match self {
            Self::Add(desired, _) | Self::Renew(desired, _) => (desired.index, desired.net),
            Self::Remove(index, net, ..) => (*index, *net),
        }
    }
}

impl fmt::Display for AddressRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add(desired, dev) => write!(f, "add address {} dev {dev}", desired.net),
            Self::Renew(desired, dev) => write!(f, "renew address {} dev {dev}", desired.net),
            Self::Remove(_, net, _, dev) => write!(f, "remove address {net} dev {dev}"),
        }
    }
}

impl Request for AddressRequest {
    fn message(&self) -> Message {
        match self {
            Self::Add(desired, _) => message(
                RTM_NEWADDR,
                NlmF::CREATE | NlmF::EXCL,
                desired.index,
                desired.net,
                desired.scope,
                added_attributes(desired),
            ),
            Self::Renew(desired, _) => message(
                RTM_NEWADDR,
                NlmF::REPLACE,
                desired.index,
                desired.net,
                desired.scope,
                renewed_attributes(desired),
            ),
            // the prefix length counts for the kernel only when there is an IFA_ADDRESS
            Self::Remove(index, net, peer, _) => message(
                RTM_DELADDR,
                NlmF::empty(),
                *index,
                *net,
                0,
                both(AttributeWriter::new(), net.addr(), *peer),
            ),
        }
    }
}

fn both(attributes: AttributeWriter, address: IpAddr, peer: Option<IpAddr>) -> AttributeWriter {
    attributes.address(IFA_LOCAL, address).address(IFA_ADDRESS, peer.unwrap_or(address))
}

fn added_attributes(desired: &DesiredAddress) -> AttributeWriter {
    let mut attributes = both(AttributeWriter::new(), desired.net.addr(), desired.peer);
    let nodad = if desired.nodad && desired.net.addr().is_ipv6() { NODAD } else { 0 };
    if desired.flags | nodad != 0 {
        attributes = attributes.put(IFA_FLAGS, desired.flags | nodad);
    }
    if desired.net.addr().is_ipv4() {
        if let Some(broadcast) = desired.broadcast {
            attributes = attributes.address(IFA_BROADCAST, broadcast.into());
        }
        if let Some(label) = &desired.label {
            attributes = attributes.text(IFA_LABEL, label);
        }
    }
    if let Some(lifetimes) = desired.lifetimes() {
        attributes = attributes.bytes(IFA_CACHEINFO, &lifetimes);
    }
    attributes.put(IFA_PROTO, PROTOCOL_KEEPALIVED)
}

/// The same, with lifetimes in any case: without them the kernel keeps those that it has.
fn renewed_attributes(desired: &DesiredAddress) -> AttributeWriter {
    let attributes = added_attributes(desired);
    if desired.lifetimes().is_some() {
        return attributes;
    }
    let for_ever = [u32::MAX, u32::MAX, 0, 0].map(u32::to_ne_bytes).concat();
    attributes.bytes(IFA_CACHEINFO, &for_ever)
}

fn message(
    kind: u16,
    flags: NlmF,
    index: IfIndex,
    net: IpNet,
    scope: u8,
    attributes: AttributeWriter,
) -> Message {
    let family = if net.addr().is_ipv4() { RtAddrFamily::Inet } else { RtAddrFamily::Inet6 };
    let header = IfaddrmsgBuilder::default()
        .ifa_family(family)
        .ifa_prefixlen(net.prefix_len())
        .ifa_flags(IfaF::empty())
        .ifa_scope(RtScope::from(scope))
        .ifa_index(index.get())
        .build();
    match header {
        Ok(header) => Message::new(kind, flags, &header, attributes),
        Err(_) => Message::unwritable(kind, "its address header cannot be written"),
    }
}

/// The requests that lead from the mirror to `desired`: removals first, so that an address can be
/// made anew, then additions in the order of `desired`, of which the first of a network becomes its
/// primary address. What is neither managed nor desired is not looked at.
pub(crate) fn difference(
    mirror: &Mirror,
    managed: &BTreeSet<(IfIndex, IpNet)>,
    desired: &[DesiredAddress],
) -> Vec<AddressRequest> {
    // Ten thousand of them are no work for a tree: this is done between two adverts.
    let mut wanted: HashSet<(IfIndex, IpNet)> = HashSet::with_capacity(desired.len());
    let is_first = |desired: &&DesiredAddress| wanted.insert((desired.index, desired.net));
    let desired: Vec<&DesiredAddress> = desired.iter().filter(is_first).collect();
    let mut devices: BTreeMap<IfIndex, Arc<str>> = BTreeMap::new();
    let mut device = |index: IfIndex| {
        Arc::clone(devices.entry(index).or_insert_with(|| mirror.device(index).into()))
    };
    let gone = managed.iter().filter(|place| !wanted.contains(place));
    let mut requests: Vec<AddressRequest> = gone
        .filter_map(|(index, net)| mirror.address(*index, *net))
        .map(|found| removal(found, device(found.index)))
        .collect();
    let mut additions = Vec::new();
    for desired in desired {
        let (index, net) = (desired.index, desired.net);
        let is_going = |other: &Address| {
            let place = (other.index, other.net);
            managed.contains(&place) && !wanted.contains(&place)
        };
        let other = || other_prefix(mirror, index, net).filter(|other| !is_going(other));
        let actual = mirror.address(index, net).or_else(other);
        match actual {
            Some(actual) => {
                let name = mirror.link(index).map(|link| link.name.as_str());
                if desired.is_met_by(actual, name) {
                    if desired.lasts_otherwise(actual) || desired.is_used_otherwise(actual) {
                        additions.push(AddressRequest::Renew(desired.clone(), device(index)));
                    }
                    continue;
                }
                requests.push(removal(actual, device(actual.index)));
            }
            // nowhere to add it to: the link's arrival makes a new occasion
            None if mirror.link(index).is_none() => continue,
            None => {}
        }
        additions.push(AddressRequest::Add(desired.clone(), device(index)));
    }
    // A new master only adds: thousands are not moved once more.
    if requests.is_empty() {
        return additions;
    }
    requests.append(&mut additions);
    requests
}

fn removal(found: &Address, device: Arc<str>) -> AddressRequest {
    AddressRequest::Remove(found.index, found.net, found.peer, device)
}

/// An IPv6 address is on an interface once, whatever its prefix length; an IPv4 address may be there
/// with several.
fn other_prefix(mirror: &Mirror, index: IfIndex, net: IpNet) -> Option<&Address> {
    let ip = net.addr();
    if ip.is_ipv6() { mirror.find(index, ip) } else { None }
}

#[cfg(test)]
mod tests;
