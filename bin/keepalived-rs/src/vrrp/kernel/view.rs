//! What is there: interfaces and addresses, as the mirror has them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base::IfIndex;
use netlink_reflector::{Address, Change, PROTOCOL_KEEPALIVED};
use telemetry::{Below, LinkKind, LinkView, Macvlan};
use vrrp_stack::{Link, Scope, Setting};

use super::{Kernel, proc_of};
use crate::vrrp::settings::Access;

/// The interfaces that were up and running at least once, for the dumps.
#[derive(Debug, Default)]
pub(super) struct SeenUp(BTreeSet<IfIndex>);

impl SeenUp {
    pub(super) fn look(&mut self, link: &netlink_reflector::Link) {
        if link.up && link.running {
            self.0.insert(link.index);
        }
    }

    pub(super) fn learn(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::LinkNew(link) | Change::LinkChanged(link) => self.look(link),
                Change::LinkRemoved(index, _) => {
                    self.0.remove(index);
                }
                _ => {}
            }
        }
    }

    fn contains(&self, index: IfIndex) -> bool {
        self.0.contains(&index)
    }
}

impl Kernel {
    /// Addresses that somebody else has, as duplicate address detection has found.
    pub(in crate::vrrp) fn duplicates(&self) -> impl Iterator<Item = &Address> {
        let links = self.reflector.links();
        let all = links.flat_map(|link| self.reflector.addresses(link.index));
        all.filter(|address| address.is_duplicate())
    }

    /// Whether an interface forwards IPv6 packets: it is a router to its neighbours.
    pub(in crate::vrrp) fn is_ipv6_router(&self, index: IfIndex) -> bool {
        let scope = Scope::Link(index);
        let forwarding = Setting { scope, name: "ipv6/conf/forwarding".to_owned() };
        proc_of(&self.reflector).read(&forwarding).is_ok_and(|value| value != "0")
    }

    /// All interfaces, as the stack sees them. `ours` are addresses that are no source of adverts.
    pub(in crate::vrrp) fn links(&self, ours: &BTreeSet<IpAddr>) -> Vec<Link> {
        self.reflector.links().map(|link| self.describe(link, ours)).collect()
    }

    /// All interfaces, as somebody who asks sees them.
    pub(in crate::vrrp) fn link_views(&self, ours: &BTreeSet<IpAddr>) -> Vec<LinkView> {
        let all = self.reflector.links();
        all.map(|link| {
            let master = link.master.and_then(|index| self.reflector.link(index));
            let vrf = master.filter(|master| master.kind.as_deref() == Some("vrf"));
            LinkView {
                up: link.up,
                running: self.is_running(link),
                seen_up: self.seen_up.contains(link.index),
                kind: self.kind(link),
                group: link.group,
                vrf: vrf.map(|vrf| vrf.name.clone()),
                ..LinkView::from(self.describe(link, ours))
            }
        })
        .collect()
    }

    /// Whether it can send; of those that are polled by what they say.
    fn is_running(&self, link: &netlink_reflector::Link) -> bool {
        self.linkbeat.has_link(&link.name).unwrap_or(link.running)
    }

    fn kind(&self, link: &netlink_reflector::Link) -> LinkKind {
        let below = |parent: IfIndex| match link.parent_namespace {
            Some(namespace) => Some(Below::Elsewhere { index: parent.get(), namespace }),
            None => self.reflector.link(parent).map(|below| Below::Here(below.name.clone())),
        };
        let is_macvlan = link.kind.as_deref() == Some("macvlan");
        let below = link.parent.filter(|_| is_macvlan).and_then(below);
        LinkKind {
            hardware: link.hardware,
            broadcast: link.broadcast,
            loopback: link.loopback,
            point_to_point: link.point_to_point,
            multicast: link.multicast,
            macvlan: below.map(|below| Macvlan { mode: link.mode.unwrap_or(0), below }),
        }
    }

    /// All addresses that are here.
    pub(in crate::vrrp) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.reflector.links().flat_map(|link| self.reflector.addresses(link.index))
    }

    /// One interface, as the stack sees it.
    pub(in crate::vrrp) fn link(&self, index: IfIndex, ours: &BTreeSet<IpAddr>) -> Option<Link> {
        self.reflector.link(index).map(|link| self.describe(link, ours))
    }

    /// What an interface is called, or its number.
    pub(in crate::vrrp) fn name(&self, index: IfIndex) -> String {
        self.reflector.link(index).map_or_else(|| index.to_string(), |link| link.name.clone())
    }

    /// The number of the interface of that name.
    pub(in crate::vrrp) fn index_of(&self, name: &str) -> Option<IfIndex> {
        self.reflector.link_by_name(name).map(|link| link.index)
    }

    /// Whether an address is there.
    pub(in crate::vrrp) fn has(&self, index: IfIndex, address: IpAddr) -> bool {
        self.reflector.address(index, address).is_some()
    }

    /// Those of these addresses that are there, by interface.
    pub(in crate::vrrp) fn held(
        &self,
        links: &[Link],
        ours: &BTreeSet<IpAddr>,
    ) -> BTreeSet<(IfIndex, IpAddr)> {
        let places =
            links.iter().flat_map(|link| ours.iter().map(|address| (link.index, *address)));
        places.filter(|(index, address)| self.has(*index, *address)).collect()
    }

    /// Whether an address is there, on whatever interface.
    pub(in crate::vrrp) fn has_somewhere(&self, address: IpAddr) -> bool {
        self.reflector.links().any(|link| self.has(link.index, address))
    }

    fn describe(&self, link: &netlink_reflector::Link, ours: &BTreeSet<IpAddr>) -> Link {
        // Static addresses of ours come later, virtual ones last: only the owner of one has it as its
        // own. None is a source before its duplicate address detection is over (RFC 4862 section 5.4).
        let rank = |address: &Address| {
            let is_virtual = ours.contains(&address.net.addr());
            let added_by_us = address.protocol == Some(PROTOCOL_KEEPALIVED);
            match (is_virtual, added_by_us) {
                (false, false) => Some(0),
                (false, true) => Some(1),
                (true, false) => Some(2),
                (true, true) => None,
            }
        };
        let is_own = |address: &Address| address.usable() && rank(address).is_some();
        let mut own = self.reflector.mirror().addresses_by_age(link.index, is_own);
        own.sort_by_key(|address| rank(address));
        let own = || own.iter().map(|address| address.net.addr());
        let primary_v4 = own().find_map(|address| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        });
        let link_local_v6 = own().find_map(|address| match address {
            IpAddr::V6(address) if address.is_unicast_link_local() => Some(address),
            _ => None,
        });
        Link {
            index: link.index,
            name: link.name.clone(),
            up: link.up && self.is_running(link),
            // Without one it takes no part in ARP either.
            mac: link.mac.unwrap_or_default(),
            primary_v4,
            link_local_v6,
            mtu: link.mtu,
            arp: !link.noarp,
        }
    }
}
