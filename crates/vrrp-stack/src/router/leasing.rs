//! A router and the lease of its addresses (`vip_lease`).

use base::{Duration, Instant};

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
            *turn.generation += 1;
            self.dirty = true;
            self.statistics.split_brain.leases_ended += 1;
            turn.announcements.cancel(&self.places(turn.links));
            self.say(turn, Saying::LeaseEnded(length));
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
            self.dirty = true;
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
