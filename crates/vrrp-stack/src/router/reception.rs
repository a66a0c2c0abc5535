//! Which packets are adverts for a router (RFC 9568 section 7.1).

use std::collections::BTreeSet;
use std::net::IpAddr;

use base::Priority;
use wire::vrrp::{Advert, Body, Checksum, Password, Rules, Version};
use wire::{AdvertError, AdvertView, Carrier, Family, ah};

use super::paths::{PathId, SERVICE};
use super::{Turn, VirtualRouter};
use crate::complaint::Complaint;
use crate::event::Saying;
use crate::state::State;

impl VirtualRouter {
    /// A packet with this router's id came in on its interface. `sealed` is the whole datagram when
    /// the advert was inside an authentication header.
    pub(crate) fn receive(
        &mut self,
        turn: &mut Turn<'_>,
        view: AdvertView<'_>,
        carrier: &Carrier,
        sealed: Option<&[u8]>,
        path: PathId,
    ) {
        if !matches!(self.state, State::Backup(_) | State::Master(_)) {
            return;
        }
        self.tell_sometimes(turn.now);
        let own = self.source_on(turn.links, path);
        if own == Some(carrier.source) || self.ignores_adverts() {
            return;
        }
        match self.examine(turn, view, carrier, sealed, path) {
            Ok(advert) => self.heed(turn, path, (own, carrier.source), &advert),
            Err(complaint) => self.complain(turn, complaint),
        }
    }

    /// An advert that passed every check has come by a path: what it means, unless it is a copy.
    fn heed(
        &mut self,
        turn: &mut Turn<'_>,
        path: PathId,
        (own, from): (Option<IpAddr>, IpAddr),
        advert: &Advert,
    ) {
        self.hear_path(turn, path);
        if self.path_count() == 1 {
            return self.handle_advert(turn, (own, from), advert);
        }
        let priority = advert.priority.map_or(0, Priority::get);
        if self.paths.is_copy(turn.now, path, priority, self.config.advert_interval) {
            return;
        }
        let patience = self.active_down_interval(self.config.advert_interval);
        let named = self.paths.attribute(turn.now, path, from, priority, patience);
        let own = if named == from { own } else { self.source };
        self.handle_advert(turn, (own, named), advert);
    }

    /// Reads and checks a packet; what is wrong is counted.
    fn examine(
        &mut self,
        turn: &mut Turn<'_>,
        view: AdvertView<'_>,
        carrier: &Carrier,
        sealed: Option<&[u8]>,
        path: PathId,
    ) -> Result<Advert, Complaint> {
        let from = carrier.source;
        let rules = if path == SERVICE { self.rules(from)? } else { self.heartbeat_rules(path) };
        let (view, trailer) = self.split_trailer(view, from);
        let advert = self.parse(turn, view, carrier, rules)?;
        self.check_trailer(turn, from, view.bytes(), trailer)?;
        let reach = if path == SERVICE { self.reach() } else { self.heartbeat_reach(path) };
        self.check_seal(from, sealed, reach)?;
        self.check_authentication(from, &advert)?;
        self.check_interval(from, &advert)?;
        // With several paths it is not known yet whether the sender has another name.
        if self.path_count() == 1 {
            self.name_master(turn, from);
        }
        self.compare_interval(turn, &advert);
        self.compare_addresses(turn, from, &advert);
        Ok(advert)
    }

    /// `owner_ignore_adverts`: whoever owns the addresses need not listen to others.
    fn ignores_adverts(&self) -> bool {
        self.config.owner_ignore_adverts && self.priority.is_owner()
    }

    /// Whether a packet to this address is for this router.
    pub(crate) fn is_addressed_by(&self, destination: IpAddr) -> bool {
        match self.config.unicast {
            Some(_) => self.source.is_none_or(|own| destination == own),
            None => destination == self.group,
        }
    }

    /// What a packet of this sender has to obey. Unicast may come over routers.
    fn rules(&self, from: IpAddr) -> Result<Rules, Complaint> {
        let mut rules = Rules::multicast(self.version());
        rules.checksum = self.checksum();
        if let Some(unicast) = &self.config.unicast {
            let peer = unicast.peers.iter().find(|peer| peer.address == from);
            rules.hop_limit = match peer {
                Some(peer) => peer.min_ttl..=peer.max_ttl,
                None if unicast.check_source || self.config.hmac.is_some() => {
                    return Err(Complaint::NoPeer(from));
                }
                None => 0..=u8::MAX,
            };
        }
        Ok(rules)
    }

    /// Reads an advert. Where the configuration does not say which kind of checksum unicast peers
    /// make, both are taken, and the old one is made too once it was heard.
    fn parse(
        &mut self,
        turn: &mut Turn<'_>,
        view: AdvertView<'_>,
        carrier: &Carrier,
        rules: Rules,
    ) -> Result<Advert, Complaint> {
        let open = self.config.unicast.as_ref().is_some_and(|one| one.old_checksum.is_none());
        let open = open && rules.version == Version::V3 && !self.config.checksum_as_v2;
        let parsed = match Advert::parse(view, carrier, &rules) {
            Err(AdvertError::Checksum) if open => {
                let old = self.old_checksum_heard;
                let other = if old { Checksum::Standard } else { Checksum::Towards(self.group) };
                let parsed = Advert::parse(view, carrier, &Rules { checksum: other, ..rules });
                if parsed.is_ok() && !old {
                    self.old_checksum_heard = true;
                    self.say(turn, Saying::OldChecksum);
                }
                parsed
            }
            parsed => parsed,
        };
        parsed.map_err(|why| self.refuse(carrier.source, why))
    }

    /// The advert and what stands behind it, where a trailer may.
    fn split_trailer<'a>(&self, view: AdvertView<'a>, from: IpAddr) -> (AdvertView<'a>, &'a [u8]) {
        let length = view.expected_len(Family::of(from));
        let split = view.bytes().split_at_checked(length).filter(|_| self.config.hmac.is_some());
        let split = split.and_then(|(advert, rest)| Some((AdvertView::new(advert).ok()?, rest)));
        split.unwrap_or((view, &[]))
    }

    fn refuse(&mut self, from: IpAddr, why: AdvertError) -> Complaint {
        let counter = match why {
            AdvertError::Length { .. } | AdvertError::Vrid => {
                &mut self.statistics.packet_length_errors
            }
            AdvertError::Version { .. } => &mut self.statistics.version_errors,
            AdvertError::Type(_) => &mut self.statistics.invalid_type,
            AdvertError::HopLimit { .. } => &mut self.statistics.ttl_errors,
            AdvertError::Checksum => &mut self.statistics.checksum_errors,
        };
        *counter += 1;
        match why {
            AdvertError::Version { received, expected } => {
                Complaint::WrongVersion { from, received, expected }
            }
            why => Complaint::Unreadable { from, why },
        }
    }

    /// `auth_type AH`: the authentication header has to be there, with the right sum.
    fn check_seal(
        &mut self,
        from: IpAddr,
        sealed: Option<&[u8]>,
        reach: ah::Reach,
    ) -> Result<(), Complaint> {
        match (self.ah_key(), sealed) {
            (None, None) => Ok(()),
            (Some(key), Some(datagram)) if ah::is_authentic(datagram, &key, reach) => {
                // keepalived refuses numbers that it has seen, so a newcomer counts on from what it hears.
                let next = ah::sequence(datagram).map_or(0, |heard| heard.wrapping_add(1));
                self.sequence = self.sequence.max(next);
                Ok(())
            }
            (Some(_), Some(_)) => {
                self.statistics.auth_failure += 1;
                Err(Complaint::WrongSeal(from))
            }
            (Some(_), None) | (None, Some(_)) => {
                self.statistics.auth_type_mismatch += 1;
                let (received, expected) = if sealed.is_some() { (2, 0) } else { (0, 2) };
                Err(Complaint::WrongAuthType { from, received, expected })
            }
        }
    }

    /// Version 2 (RFC 2338 section 5.3.6): type and password have to be ours.
    fn check_authentication(&mut self, from: IpAddr, advert: &Advert) -> Result<(), Complaint> {
        let Body::V2 { password: theirs, .. } = advert.body else { return Ok(()) };
        let ours = self.password();
        if theirs.kind() != ours.kind() {
            let known = matches!(theirs, Password::None | Password::Simple(_) | Password::Other(2));
            let statistics = &mut self.statistics;
            let counter = if known {
                &mut statistics.auth_type_mismatch
            } else {
                &mut statistics.invalid_auth_type
            };
            *counter += 1;
            let (received, expected) = (theirs.kind(), ours.kind());
            return Err(Complaint::WrongAuthType { from, received, expected });
        }
        if theirs != ours {
            self.statistics.auth_failure += 1;
            return Err(Complaint::WrongPassword(from));
        }
        Ok(())
    }

    /// Version 2 refuses another interval (RFC 3768 section 7.1); version 3 only mentions it, but one
    /// of 0 (RFC 9568 section 7.1 with erratum 8301), after which a master would be gone at once.
    fn check_interval(&mut self, from: IpAddr, advert: &Advert) -> Result<(), Complaint> {
        let (ours, theirs) = (self.config.advert_interval, advert.interval());
        match advert.body {
            Body::V2 { .. } | Body::V3 { centis: 0 } if ours != theirs => {
                self.statistics.advert_interval_errors += 1;
                Err(Complaint::WrongInterval { from, ours, theirs })
            }
            Body::V2 { .. } | Body::V3 { .. } => Ok(()),
        }
    }

    /// Another interval of version 3 is said; the advert counts all the same.
    fn compare_interval(&mut self, turn: &mut Turn<'_>, advert: &Advert) {
        let (ours, theirs) = (self.config.advert_interval, advert.interval());
        if ours != theirs {
            self.complain(turn, Complaint::OtherInterval { ours, theirs });
        }
    }

    /// A backup says whom it hears, before anything that it has to say about it; once for each
    /// master, also when it was in FAULT meanwhile.
    pub(super) fn name_master(&mut self, turn: &mut Turn<'_>, from: IpAddr) {
        if matches!(self.state, State::Backup(_)) && self.heard.replace(from) != Some(from) {
            self.say(turn, Saying::MasterIs(from));
        }
    }

    /// Another list of addresses is counted and said; the advert counts all the same. The order is
    /// nobody's business. Of more addresses than fit, as many as fit are expected.
    fn compare_addresses(&mut self, turn: &mut Turn<'_>, from: IpAddr, advert: &Advert) {
        if self.config.skip_check_advert_addresses && self.hears(from) {
            return;
        }
        let ours = self.config.virtual_addresses.iter().map(|vip| vip.address());
        let expected = ours.len().min(self.most_addresses(self.mtu(turn.links)));
        let received = advert.addresses.len();
        let complaint = if expected != received {
            Complaint::WrongAddressCount { expected, received }
        } else {
            let ours: BTreeSet<IpAddr> = ours.collect();
            if advert.addresses.iter().all(|address| ours.contains(address)) {
                return;
            }
            Complaint::WrongAddresses { from }
        };
        self.statistics.address_list_errors += 1;
        self.complain(turn, complaint);
    }

    fn hears(&self, from: IpAddr) -> bool {
        match self.state {
            State::Backup(backup) => backup.active.is_some_and(|active| active.address == from),
            _ => false,
        }
    }

    fn complain(&mut self, turn: &mut Turn<'_>, complaint: Complaint) {
        if self.complained.insert(complaint.kind()) {
            self.say(turn, Saying::Complaint(complaint));
        }
    }
}
