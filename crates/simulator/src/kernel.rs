//! The virtual addresses in a machine's kernel, which removes those whose lifetime is over.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use base::{Duration, Instant};
use vrrp_stack::DesiredAddress;

/// The kernel counts in ticks, and may be early by that much.
const EARLY: Duration = Duration::from_millis(20);

/// Addresses, by the clock of their machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Addresses {
    /// Until when each lasts; `None` is for ever.
    until: BTreeMap<IpAddr, Option<Instant>>,
    /// By how much it removes an address later than it could: up to 0.2 s were seen.
    pub late: Duration,
    /// Addresses that it has removed by itself.
    pub ended: u64,
}

impl Addresses {
    /// Which there are.
    pub fn set(&self) -> BTreeSet<IpAddr> {
        self.until.keys().copied().collect()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.until.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.until.len()
    }

    /// The machine was switched off.
    pub(crate) fn clear(&mut self) {
        self.until.clear();
    }

    /// What the driver does at the end of a turn: the difference alone.
    pub(crate) fn reconcile(&mut self, now: Instant, wanted: &[DesiredAddress]) {
        let names: BTreeSet<IpAddr> = wanted.iter().map(|one| one.net.addr()).collect();
        self.until.retain(|address, _| names.contains(address));
        for one in wanted {
            let lasts = self.until.get(&one.net.addr()).map(Option::is_none);
            if lasts != Some(one.lease.is_none()) {
                self.install(now, one);
            }
        }
    }

    /// Lifetimes begin anew, of addresses that are there.
    pub(crate) fn renew(&mut self, now: Instant, leased: &[DesiredAddress]) {
        for one in leased {
            if self.until.contains_key(&one.net.addr()) {
                self.install(now, one);
            }
        }
    }

    fn install(&mut self, now: Instant, one: &DesiredAddress) {
        let lifetime = one.lease.map(|seconds| Duration::from_secs(seconds.into()));
        let until = lifetime.map(|span| now + span.saturating_sub(EARLY) + self.late);
        self.until.insert(one.net.addr(), until);
    }

    /// When the first of them ends.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.until.values().flatten().min().copied()
    }

    /// Removes what has had its time, and says what that was.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<IpAddr> {
        let is_over = |until: &Option<Instant>| until.is_some_and(|until| until <= now);
        let over: Vec<IpAddr> =
            self.until.iter().filter(|(_, until)| is_over(until)).map(|(at, _)| *at).collect();
        for address in &over {
            self.until.remove(address);
            self.ended += 1;
        }
        over
    }
}
