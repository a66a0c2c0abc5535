//! A router's own adverts and announcements.

use std::net::IpAddr;

use base::{IfIndex, IpNet, Priority};
use control_plane::model::vrrp::Vmac;
use control_plane::model::{Authentication, VirtualAddress};
use wire::ah::{self, Reach};
use wire::checksum::VRRP_PROTOCOL;
use wire::trailer::Sequence;
use wire::vrrp::{Advert, AdvertView, Body, Checksum, HOP_LIMIT, Password, Version};
use wire::{Family, ipv4};

use super::paths::Way;
use super::{Turn, VirtualRouter};
use crate::addresses;
use crate::event::Saying;
use crate::links::Links;
use crate::output::{OutgoingAdvert, Output, SocketKey};

/// Every IPv6 link carries that much (RFC 8200 section 5).
pub(crate) const SMALLEST_MTU: u32 = 1_280;

/// The kernel writes it (RFC 8200 section 3).
const IPV6_HEADER_LEN: usize = 40;

impl VirtualRouter {
    /// Sends an advert to the group or to each peer; `None` is priority 0. Without an interface or
    /// an address nothing can be sent.
    pub(super) fn send_advert(&mut self, turn: &mut Turn<'_>, priority: Option<Priority>) {
        let number = self.next_sequence(turn);
        let service = self
            .sending_socket(turn.links)
            .zip(self.source)
            .into_iter()
            .flat_map(|(socket, source)| self.service_ways(socket, source));
        let heartbeats = self.heartbeat_ways(turn.links).into_iter().map(|(_, way)| way);
        let advert = self.advert(priority, self.mtu(turn.links));
        let mut sent = false;
        for way in service.chain(heartbeats) {
            if let Some(advert) = self.outgoing(&advert, &way, number) {
                turn.out.push(Output::SendAdvert(advert));
                sent = true;
            }
        }
        if !sent {
            return;
        }
        self.identification = self.identification.checked_add(1).unwrap_or(1);
        self.sequence = self.sequence.wrapping_add(1);
        self.last_advert_at = Some(turn.now);
        self.statistics.advert_sent += 1;
        if priority.is_none() {
            self.statistics.priority_zero_sent += 1;
        }
    }

    /// To the group, or to each peer, by the interface of the instance or its VMAC.
    fn service_ways(&self, socket: SocketKey, source: IpAddr) -> Vec<Way> {
        let ttl = self.config.unicast.as_ref().and_then(|unicast| unicast.ttl);
        let hop_limit = ttl.unwrap_or(HOP_LIMIT);
        let way = |destination| Way { socket, source, destination, hop_limit, reach: self.reach() };
        match &self.config.unicast {
            Some(unicast) => unicast.peers.iter().map(|peer| way(peer.address)).collect(),
            None => vec![way(self.group)],
        }
    }

    fn advert(&self, priority: Option<Priority>, mtu: u32) -> Advert {
        let addresses = self.config.virtual_addresses.iter().map(|vip| vip.address());
        let addresses = addresses.take(self.most_addresses(mtu)).collect();
        Advert { vrid: self.config.vrid, priority, addresses, body: self.body() }
    }

    fn outgoing(
        &self,
        advert: &Advert,
        way: &Way,
        number: Option<Sequence>,
    ) -> Option<OutgoingAdvert> {
        let Way { socket, source, destination, hop_limit, reach } = *way;
        let payload = advert.emit_with(source, destination, self.checksum());
        let payload = self.with_trailer(payload, source, number);
        let datagram = match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let header = ipv4::Header {
                    identification: self.identification,
                    ttl: hop_limit,
                    protocol: VRRP_PROTOCOL,
                    source,
                    destination,
                };
                match self.ah_key() {
                    Some(key) => ah::emit(&header, self.sequence, &payload, &key, reach)?,
                    None => ipv4::emit(&header, &payload)?,
                }
            }
            (IpAddr::V6(_), IpAddr::V6(_)) => payload,
            _ => return None,
        };
        let instance = self.config.name.clone();
        let leased = self.lease_length().is_some();
        Some(OutgoingAdvert { socket, datagram, source, destination, hop_limit, instance, leased })
    }

    /// `auth_type AH`: the key.
    pub(super) fn ah_key(&self) -> Option<ah::Key> {
        match self.config.authentication {
            Authentication::Ah(key) => Some(key),
            Authentication::None | Authentication::Pass(_) => None,
        }
    }

    pub(super) fn reach(&self) -> Reach {
        if self.config.unicast.is_some() { Reach::Routed } else { Reach::Link }
    }

    /// How checksums of version 3 are made here.
    pub(super) fn checksum(&self) -> Checksum {
        let old = self.config.unicast.as_ref().and_then(|unicast| unicast.old_checksum);
        match old {
            _ if self.config.checksum_as_v2 => Checksum::AsV2,
            Some(true) => Checksum::Towards(self.group),
            None if self.old_checksum_heard => Checksum::Towards(self.group),
            Some(false) | None => Checksum::Standard,
        }
    }

    fn body(&self) -> Body {
        let interval = self.config.advert_interval;
        match self.version() {
            Version::V2 => Body::V2 {
                seconds: u8::try_from(interval.as_secs()).unwrap_or(u8::MAX),
                password: self.password(),
            },
            Version::V3 => {
                Body::V3 { centis: u16::try_from(interval.as_centis()).unwrap_or(u16::MAX) }
            }
        }
    }

    pub(super) fn password(&self) -> Password {
        match self.config.authentication {
            Authentication::None => Password::None,
            Authentication::Pass(text) => Password::Simple(text),
            Authentication::Ah(_) => Password::Other(2),
        }
    }

    /// As many addresses as fit into one packet of the interface.
    pub(super) fn most_addresses(&self, mtu: u32) -> usize {
        let room = usize::try_from(mtu).unwrap_or(usize::MAX).saturating_sub(self.overhead());
        (room / self.family.address_len()).min(usize::from(u8::MAX))
    }

    /// What an advert has besides addresses, with the header of the datagram.
    fn overhead(&self) -> usize {
        let header = match self.family {
            Family::Ipv4 => ipv4::HEADER_LEN,
            Family::Ipv6 => IPV6_HEADER_LEN,
        };
        let auth = match self.version() {
            Version::V2 => AdvertView::AUTH_LEN,
            Version::V3 => 0,
        };
        let sealed = if self.ah_key().is_some() { ah::HEADER_LEN } else { 0 };
        header + sealed + AdvertView::HEADER_LEN + auth + self.trailer_len()
    }

    /// What its interface carries.
    pub(super) fn mtu(&self, links: &Links) -> u32 {
        self.home(links).map_or(SMALLEST_MTU, |link| link.mtu)
    }

    /// Bytes of one of its adverts: of IPv4 with the header of the datagram.
    pub(crate) fn datagram_length(&self, mtu: u32) -> u32 {
        let count = self.config.virtual_addresses.len().min(self.most_addresses(mtu));
        let length = self.overhead() + count * self.family.address_len();
        let length = match self.family {
            Family::Ipv4 => length,
            Family::Ipv6 => length - IPV6_HEADER_LEN,
        };
        u32::try_from(length).unwrap_or(u32::MAX)
    }

    /// Tells the neighbours of every address, `repeat` times.
    pub(super) fn announce_all(&self, turn: &mut Turn<'_>, repeat: u32) {
        self.announce(turn, repeat, |_| true);
    }

    /// Tells the neighbours of some addresses as after a takeover: they were added, or put back.
    pub(crate) fn announce_some(&self, turn: &mut Turn<'_>, which: impl Fn(IpAddr) -> bool) {
        if self.state.is_master() {
            self.announce(turn, self.config.garp.repeat, |vip| which(vip.address()));
        }
    }

    /// An interface is there again: what is on it is announced as after a takeover.
    pub(crate) fn announce_on(&self, turn: &mut Turn<'_>, interface: &str) {
        if self.state.is_master() {
            self.announce(turn, self.config.garp.repeat, |vip| vip.interface == interface);
        }
    }

    /// `garp_extra_if`: once for addresses that are on other interfaces than the instance itself,
    /// where no advert tells switches of it: on VMACs, or with `all` on every interface.
    pub(super) fn announce_extra(&self, turn: &mut Turn<'_>) {
        let own_links = &self.config.own_links;
        let main = match self.config.vmac {
            Vmac::None | Vmac::Ipvlan { .. } => None,
            Vmac::Macvlan { .. } => own_links.first().map(|link| &link.name),
        };
        let main = main.unwrap_or(&self.config.interface);
        let all = self.config.garp.extra_all;
        self.announce(turn, 1, |vip| {
            vip.interface != *main
                && (all || own_links.iter().any(|link| link.name == vip.interface))
        });
    }

    fn announce(&self, turn: &mut Turn<'_>, repeat: u32, which: impl Fn(&VirtualAddress) -> bool) {
        if repeat == 0 || !self.holds_addresses() {
            return;
        }
        for vip in self.vips() {
            let Some(link) = turn.links.named(&vip.interface) else { continue };
            let address = vip.address();
            if !link.arp || !which(vip) {
                continue;
            }
            let spacing = match address {
                IpAddr::V4(_) => self.config.garp.interval,
                IpAddr::V6(_) => self.config.garp.gna_interval,
            };
            turn.announcements.add(turn.now, link, address, repeat, spacing);
            if !turn.announcements.is_quiet {
                let interface = link.name.clone();
                self.say(turn, Saying::Announcing { interface, address });
            }
        }
    }

    /// Where its addresses with or without `no_track` live, as far as their interfaces exist.
    pub(crate) fn places_of(&self, links: &Links, no_track: bool) -> Vec<(IfIndex, IpNet)> {
        let vips = self.vips().filter(|vip| vip.no_track == no_track);
        vips.filter_map(|vip| addresses::place(links, vip)).collect()
    }

    /// Where its addresses live, as far as their interfaces exist.
    pub(crate) fn places(&self, links: &Links) -> Vec<(IfIndex, IpNet)> {
        self.vips().filter_map(|vip| addresses::place(links, vip)).collect()
    }
}
