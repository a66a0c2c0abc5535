//! A router and the lease of its addresses (`vip_lease`).

use std::collections::BTreeSet;
use std::net::IpAddr;

use base::{Duration, IfIndex, Instant};

use super::{Turn, VirtualRouter};
use crate::event::Saying;
use crate::lease::{Lease, Renewal};

impl VirtualRouter {
    /// How long its addresses last without an advert.
    pub(crate) fn lease_length(&self) -> Option<Duration> {
        self.config.lease_seconds().map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// Whether its addresses belong here now: it is master, and its adverts leave as far as they
    /// have to.
    pub fn holds_addresses(&self) -> bool {
        self.state.is_master() && !(self.lease.has_lapsed() && self.lease_length().is_some())
    }

    /// When its lease ends unless an advert leaves.
    pub(super) fn lease_ends_at(&self) -> Option<Instant> {
        let length = self.lease_length().filter(|_| self.state.is_master())?;
        self.lease.ends_at(length)
    }

    /// Gives the addresses up when the lease has ended.
    pub(super) fn serve_lease(&mut self, turn: &mut Turn<'_>) {
        let Some(length) = self.lease_length().filter(|_| self.state.is_master()) else { return };
        if self.lease.end_if_due(turn.now, length) {
            self.end_lease(turn, length);
        }
    }

    fn end_lease(&mut self, turn: &mut Turn<'_>, length: Duration) {
        *turn.generation += 1;
        self.statistics.split_brain.leases_ended += 1;
        turn.announcements.cancel(&self.places(turn.links));
        self.say(turn, Saying::LeaseEnded(length));
    }

    /// A successor begins, with these virtual addresses in the kernel: when a predecessor's lease has
    /// ended, an advert has to leave before they come back.
    pub(crate) fn find_addresses(
        &mut self,
        turn: &mut Turn<'_>,
        held: &BTreeSet<(IfIndex, IpAddr)>,
    ) {
        let places = self.places(turn.links);
        let any = places.iter().any(|(index, net)| held.contains(&(*index, net.addr())));
        if self.state.is_master() && self.lease_length().is_some() && !any {
            self.lease.lapse();
        }
    }

    /// An address is gone from the kernel. Of a lease that a predecessor began this is the end; else
    /// somebody has removed it, and it is put back.
    pub(crate) fn lose_address(&mut self, turn: &mut Turn<'_>, lost: (IfIndex, IpAddr)) {
        let Some(length) = self.lease_length().filter(|_| self.state.is_master()) else { return };
        let places = self.places(turn.links);
        let is_ours = places.iter().any(|(index, net)| (*index, net.addr()) == lost);
        if is_ours && self.lease.is_inherited() {
            self.lease.lapse();
            self.end_lease(turn, length);
        }
    }

    /// The kernel took one of its adverts. Whether it is to be told that the lease begins anew.
    pub(crate) fn advert_left(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(length) = self.lease_length().filter(|_| self.state.is_master()) else {
            return false;
        };
        let renewal = self.lease.advert_left(turn.now, length);
        if renewal == Renewal::Revived {
            *turn.generation += 1;
            self.say(turn, Saying::LeaseRevived);
            self.announce_all(turn, self.config.garp.repeat);
        }
        renewal == Renewal::Due
    }

    /// It goes on with another lease.
    pub(super) const fn change_lease(&mut self, now: Instant) {
        self.lease = Lease::inherited(now, self.lease.has_lapsed());
    }
}
