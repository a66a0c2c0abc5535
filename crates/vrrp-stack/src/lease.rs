//! `vip_lease`: the addresses of a master last only while its adverts leave.
//!
//! They are installed with a lifetime, and that lifetime begins anew with an advert that the kernel
//! took. A process that is frozen, starved or dead renews nothing, and the kernel removes the
//! addresses. One that runs but whose adverts do not leave sees the same end by itself, so that it
//! does not put back what the kernel has just removed.

use base::{Duration, Instant};

/// The kernel may end a lifetime a little early (20 ms of rounding); the machine is not later.
const MARGIN: Duration = Duration::from_millis(50);

/// A lease is renewed when less than three quarters of it are left: with every advert at the usual
/// intervals, every fourth of it when adverts come faster.
const RENEW_AFTER: u64 = 4;

/// The lease of one router's addresses. It means something while the router is master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Lease {
    /// When it began anew.
    since: Instant,
    /// It has ended: no advert has left in time.
    lapsed: bool,
    /// What the kernel has is older than `since`, or of another length.
    inherited: bool,
}

/// What an advert means for the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// Nothing yet.
    Early,
    /// The kernel is to be told.
    Due,
    /// It had ended; the addresses may come back.
    Revived,
}

impl Lease {
    /// One that begins now, with addresses that are about to be installed.
    pub(crate) const fn beginning(now: Instant) -> Self {
        Self { since: now, lapsed: false, inherited: false }
    }

    /// Whether it has ended.
    pub(crate) const fn has_lapsed(&self) -> bool {
        self.lapsed
    }

    /// When it ends unless an advert leaves.
    pub(crate) fn ends_at(&self, length: Duration) -> Option<Instant> {
        (!self.lapsed).then_some(self.since + length.saturating_sub(MARGIN))
    }

    /// Ends it when its time has come; whether it did.
    pub(crate) fn end_if_due(&mut self, now: Instant, length: Duration) -> bool {
        let ends = self.ends_at(length).is_some_and(|end| end <= now);
        self.lapsed |= ends;
        ends
    }

    /// An advert has left.
    pub(crate) fn advert_left(&mut self, now: Instant, length: Duration) -> Renewal {
        if self.lapsed {
            *self = Self::beginning(now);
            return Renewal::Revived;
        }
        let age = now.saturating_since(self.since);
        if age.saturating_mul(RENEW_AFTER) < length && !self.inherited {
            return Renewal::Early;
        }
        *self = Self::beginning(now);
        Renewal::Due
    }

    /// It began with a predecessor, and no advert has left since: when it ends, the kernel alone knows.
    pub(crate) const fn is_inherited(&self) -> bool {
        self.inherited && !self.lapsed
    }

    /// The kernel has ended it.
    pub(crate) const fn lapse(&mut self) {
        self.lapsed = true;
    }

    /// What is in the kernel may be about to end, as after a predecessor's death: the next advert
    /// renews it. What had ended stays so until then.
    pub(crate) const fn inherited(now: Instant, lapsed: bool) -> Self {
        Self { since: now, lapsed, inherited: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(3);

    fn at(millis: u64) -> Instant {
        Instant::from_micros(1_000_000_000) + Duration::from_millis(millis)
    }

    #[test]
    fn a_lease_is_renewed_by_adverts_and_at_most_four_times_in_its_length() {
        let mut lease = Lease::beginning(at(0));
        assert_eq!(lease.advert_left(at(100), LENGTH), Renewal::Early);
        assert_eq!(lease.advert_left(at(750), LENGTH), Renewal::Due);
        assert_eq!(lease.advert_left(at(900), LENGTH), Renewal::Early);
        assert_eq!(lease.ends_at(LENGTH), Some(at(750 + 2950)));
    }

    #[test]
    fn a_lease_ends_no_later_than_the_kernels_and_an_advert_revives_it() {
        let mut lease = Lease::beginning(at(0));
        assert!(!lease.end_if_due(at(2949), LENGTH));
        assert!(lease.end_if_due(at(2950), LENGTH));
        assert!(lease.has_lapsed());
        assert_eq!(lease.ends_at(LENGTH), None);
        assert!(!lease.end_if_due(at(9000), LENGTH), "it ends once");
        assert_eq!(lease.advert_left(at(9000), LENGTH), Renewal::Revived);
        assert_eq!(lease.ends_at(LENGTH), Some(at(9000 + 2950)));
    }

    #[test]
    fn the_first_advert_of_a_successor_renews() {
        let mut lease = Lease::inherited(at(0), false);
        assert_eq!(lease.advert_left(at(0), LENGTH), Renewal::Due);
    }
}
