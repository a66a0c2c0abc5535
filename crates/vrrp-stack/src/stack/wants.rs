//! What the stack wants of the kernel, as it should be now.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use base::{IfIndex, IpNet};
use wire::Family;

use super::Stack;
use crate::addresses::{self, DesiredAddress};
use crate::output::SocketKey;
use crate::router::VirtualRouter;
use crate::state::State;

impl Stack {
    /// The addresses that must be installed now, in the order of the configuration: the kernel makes
    /// the first of a network its primary address. None is in it twice.
    pub fn desired_addresses(&self) -> Vec<DesiredAddress> {
        let masters = self.routers.iter().filter(|router| router.holds_addresses());
        let all = masters.flat_map(|router| self.addresses_of(router));
        let live = self.routers.iter().filter(|router| *router.state() != State::Stopped);
        let sources = live.filter_map(|router| router.own_source(&self.links));
        let mut seen = HashSet::new();
        sources.chain(all).filter(|address| seen.insert((address.index, address.net))).collect()
    }

    fn addresses_of(&self, router: &VirtualRouter) -> impl Iterator<Item = DesiredAddress> {
        let lease = router.config().lease_seconds();
        router.vips().filter_map(move |vip| {
            let address = addresses::desired(&self.links, vip)?;
            Some(DesiredAddress { lease, ..address })
        })
    }

    /// Where ARP (IPv4) or neighbour advertisements (IPv6) of others must be heard: masters look for
    /// somebody who answers for their addresses (`conflict_detection`), and witnesses on a link answer
    /// there.
    pub fn heard_links(&self) -> BTreeSet<(IfIndex, Family)> {
        let masters = self.routers.iter().filter(|router| router.watches_claims());
        let places = masters.flat_map(|router| router.places(&self.links));
        let places = places.map(|(index, net)| (index, Family::of(net.addr())));
        let witnesses = self.arbiters.interfaces();
        let witnesses = witnesses.filter_map(|name| self.links.named(name));
        let witnesses = witnesses.map(|link| (link.index, Family::Ipv4));
        places.chain(witnesses).collect()
    }

    /// Addresses whose lease begins anew, since the last call (`vip_lease`).
    pub fn take_renewals(&mut self) -> Vec<DesiredAddress> {
        let due = std::mem::take(&mut self.renewals);
        let routers = due.into_iter().filter_map(|at| self.routers.get(at));
        let holders = routers.filter(|router| router.holds_addresses());
        holders.flat_map(|router| self.addresses_of(router)).collect()
    }

    /// Every address that is this stack's business. What is in here and not desired has to be
    /// removed, whoever left it there.
    pub fn managed_addresses(&self) -> BTreeSet<(IfIndex, IpNet)> {
        let configured = self.routers.iter().flat_map(|router| router.places(&self.links));
        let sources = self.routers.iter().filter_map(|router| router.own_source(&self.links));
        let sources = sources.map(|source| (source.index, source.net));
        configured.chain(sources).chain(self.retired.iter().copied()).collect()
    }

    /// Where addresses of a router with `no_track` live.
    pub fn untracked_places(&self, router: &VirtualRouter) -> Vec<(IfIndex, IpNet)> {
        router.places_of(&self.links, true)
    }

    /// The kernel has been brought to [`Self::desired_addresses`]: addresses of a former
    /// configuration are nobody's business any longer.
    pub fn forget_retired(&mut self) {
        self.generation += u64::from(!self.retired.is_empty());
        self.retired.clear();
    }

    /// Addresses that are here while nobody may talk to them (`no_accept`).
    pub fn dropped_addresses(&self) -> BTreeSet<(IfIndex, IpAddr)> {
        let refusing = self.routers.iter().filter(|router| router.drops_packets());
        let places = refusing.flat_map(|router| router.places(&self.links));
        places.map(|(index, net)| (index, net.addr())).collect()
    }

    /// Grows whenever [`Self::desired_addresses`], [`Self::managed_addresses`],
    /// [`Self::dropped_addresses`] or [`Self::desired_sockets`] may have changed, so that a driver
    /// looks at them only then.
    pub const fn wants_generation(&self) -> u64 {
        self.generation
    }

    /// Where adverts must be heard.
    pub fn desired_sockets(&self) -> BTreeSet<SocketKey> {
        let live = self.routers.iter().filter(|router| *router.state() != State::Stopped);
        live.flat_map(|router| {
            let hears = router.home_index(&self.links).map(|home| router.socket(home));
            let heartbeats = router.heartbeat_ways(&self.links).into_iter();
            let heartbeats = heartbeats.map(|(_, way)| way.socket);
            hears.into_iter().chain(router.sending_socket(&self.links)).chain(heartbeats)
        })
        .collect()
    }

    /// Which of the links that instances make for themselves are to be up, as far as the interfaces
    /// below them are up.
    pub fn raised_links(&self) -> BTreeSet<&str> {
        let links = self.routers.iter().flat_map(VirtualRouter::raised_links);
        let on_base = links.filter(|link| self.links.named(&link.base).is_some_and(|base| base.up));
        on_base.map(|link| link.name.as_str()).collect()
    }
}
