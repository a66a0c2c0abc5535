//! Where a router lives: its interface, or for unicast a VRF or nothing at all; the VMAC or ipvlan
//! that its adverts leave by; and the sockets that follow from that.

use std::net::IpAddr;

use base::IfIndex;
use control_plane::model::own_link::{OwnLink, OwnLinkKind};
use wire::ah;
use wire::checksum::VRRP_PROTOCOL;

use super::{Fault, VirtualRouter};
use crate::addresses::DesiredAddress;
use crate::link::Link;
use crate::links::Links;
use crate::output::SocketKey;
use crate::state::State;

impl VirtualRouter {
    /// The interface that it lives on; for unicast without one its VRF. Empty when routing chooses
    /// where unicast goes.
    pub fn home_name(&self) -> &str {
        let of_vrf = || self.config.vrf.as_deref().unwrap_or_default();
        if self.config.interface.is_empty() { of_vrf() } else { &self.config.interface }
    }

    /// The interface, or VRF, of [`Self::home_name`].
    pub(crate) fn home<'a>(&self, links: &'a Links) -> Option<&'a Link> {
        links.named(self.home_name())
    }

    /// Where its packets arrive.
    pub(crate) fn home_index(&self, links: &Links) -> Option<IfIndex> {
        if self.home_name().is_empty() {
            return Some(SocketKey::ANYWHERE);
        }
        self.home(links).map(|link| link.index)
    }

    /// What its home makes impossible. What only follows from another cause is none of its own.
    pub(super) fn own_faults(&mut self, links: &Links) -> Vec<Fault> {
        let link = self.home(links);
        let anywhere = self.home_name().is_empty();
        let primary = self.configured_source().or_else(|| {
            let link = self.own_addressed(links).unwrap_or(link);
            link.and_then(|link| link.primary(self.family))
        });
        self.source = primary.or(self.source);
        let unicast = self.config.unicast.as_ref();
        let lonely = unicast.is_some_and(|u| u.fault_without_peer && u.peers.is_empty());
        let missing = link.is_none() && !anywhere;
        let down = link.is_some_and(|link| !link.up) && !self.config.dont_track_primary;
        let unlinked = !missing && self.sending_socket(links).is_none();
        let is_there = !missing && !unlinked;
        let causes = [
            (self.config.duplicate_of.is_some(), Fault::VridInUse),
            (lonely, Fault::NoPeer),
            (missing, Fault::InterfaceMissing),
            (down, Fault::LinkDown),
            (unlinked, Fault::OwnLinkMissing),
            (is_there && primary.is_none(), Fault::NoPrimaryAddress),
            (!missing && self.lacks_source(links), Fault::SourceMissing),
        ];
        causes.into_iter().filter_map(|(is_so, fault)| is_so.then_some(fault)).collect()
    }

    /// `track_src_ip`: without an interface the address may be on any.
    fn lacks_source(&self, links: &Links) -> bool {
        let source = self.config.source.filter(|_| self.config.track_source);
        let place = match self.home(links) {
            Some(link) if !self.config.interface.is_empty() => link.index,
            _ => SocketKey::ANYWHERE,
        };
        source.is_some_and(|source| !links.has_source(place, source))
    }

    /// Adverts come from an address that the ipvlan has by itself, as nobody has configured one;
    /// with the ipvlan, if it is there.
    fn own_addressed<'a>(&self, links: &'a Links) -> Option<Option<&'a Link>> {
        let own = self.transmitting_link()?;
        matches!(own.kind, OwnLinkKind::Ipvlan { .. }).then(|| links.named(&own.name))
    }

    /// The interface that has, or lacks, the address that adverts come from.
    pub(super) fn source_name(&self) -> &str {
        let own = self.transmitting_link();
        let ipvlan = own.filter(|own| matches!(own.kind, OwnLinkKind::Ipvlan { .. }));
        ipvlan.map_or_else(|| self.home_name(), |own| &own.name)
    }

    /// The socket that it hears adverts with on its interface.
    pub fn socket(&self, index: IfIndex) -> SocketKey {
        let group = self.config.unicast.is_none().then_some(self.group);
        let protocol = if self.ah_key().is_some() { ah::PROTOCOL } else { VRRP_PROTOCOL };
        SocketKey { index, family: self.family, group, protocol, foreign_source: false }
    }

    /// The socket that its adverts leave by: of its VMAC, or the one that it hears with.
    pub(crate) fn sending_socket(&self, links: &Links) -> Option<SocketKey> {
        let home = self.home_index(links)?;
        let Some(own) = self.transmitting_link() else { return Some(self.socket(home)) };
        let socket = self.socket(links.named(&own.name)?.index);
        let group = socket.group.filter(|_| matches!(own.kind, OwnLinkKind::Vmac(_)));
        Some(SocketKey { group, foreign_source: true, ..socket })
    }

    /// Whether it hears adverts on this interface now. While a VMAC is up the kernel gives it alone
    /// the adverts of a peer, which come from the same MAC; those from another MAC arrive at both.
    /// While it is down all arrive at the interface below it.
    pub(crate) fn hears_on(&self, index: IfIndex, links: &Links) -> bool {
        let own = self.transmitting_link().filter(|link| matches!(link.kind, OwnLinkKind::Vmac(_)));
        let own = own.filter(|_| self.state.is_master());
        let own = own.and_then(|own| links.named(&own.name)).filter(|link| link.up);
        own.map(|link| link.index).or_else(|| self.home_index(links)) == Some(index)
    }

    /// The VMAC or ipvlan that its adverts leave by.
    pub(crate) fn transmitting_link(&self) -> Option<&OwnLink> {
        self.config.own_links.iter().find(|link| link.transmits)
    }

    /// The address that an ipvlan of its own has as long as it is there.
    pub(crate) fn own_source(&self, links: &Links) -> Option<DesiredAddress> {
        let own = self.transmitting_link()?;
        let address = ipvlan_address(own)?;
        Some(DesiredAddress::source(links.named(&own.name)?.index, address))
    }

    /// The source of adverts that the configuration names.
    pub(crate) fn configured_source(&self) -> Option<IpAddr> {
        self.config.source.or_else(|| self.transmitting_link().and_then(ipvlan_address))
    }

    /// Which of its own links are to be up: a VMAC while it is master, for a backup must not take
    /// packets that are sent to the virtual MAC (RFC 9568 section 6.4.2); an ipvlan always.
    pub(crate) fn raised_links(&self) -> impl Iterator<Item = &OwnLink> {
        let is_master = self.state.is_master();
        let lives = self.state != State::Stopped;
        self.config.own_links.iter().filter(move |link| match link.kind {
            OwnLinkKind::Vmac(_) => is_master,
            OwnLinkKind::Ipvlan { .. } => lives,
        })
    }
}

const fn ipvlan_address(link: &OwnLink) -> Option<IpAddr> {
    match link.kind {
        OwnLinkKind::Ipvlan { address, .. } => address,
        OwnLinkKind::Vmac(_) => None,
    }
}
