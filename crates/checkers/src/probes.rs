//! Which probes run and which wait: at most [`MAX_IN_FLIGHT`] at a time, the rest first come, first
//! served, so that descriptors are bounded and no check starves.

use std::collections::{BTreeMap, VecDeque};

use crate::output::ProbeId;

/// Probes that may run at the same time; each costs the driver a descriptor.
pub const MAX_IN_FLIGHT: usize = 4096;

/// A check's place in the machine's list.
pub(crate) type CheckIndex = usize;

/// The running and the waiting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Probes {
    in_flight: BTreeMap<ProbeId, CheckIndex>,
    waiting: VecDeque<CheckIndex>,
    next: u64,
}

impl Probes {
    /// The check wants to be probed as soon as there is a place. It waits once at most: the caller
    /// knows whether it does already.
    pub(crate) fn enqueue(&mut self, check: CheckIndex) {
        self.waiting.push_back(check);
    }

    /// The next check to be probed and the name of its probe, if there is a place for it.
    pub(crate) fn start_next(&mut self) -> Option<(CheckIndex, ProbeId)> {
        if self.in_flight.len() >= MAX_IN_FLIGHT {
            return None;
        }
        let check = self.waiting.pop_front()?;
        let probe = ProbeId(self.next);
        self.next += 1;
        self.in_flight.insert(probe, check);
        Some((check, probe))
    }

    /// A probe ended; whose it was, or `None` when it is not running.
    pub(crate) fn finish(&mut self, probe: ProbeId) -> Option<CheckIndex> {
        self.in_flight.remove(&probe)
    }

    /// All that run, for an end of everything.
    pub(crate) fn take_in_flight(&mut self) -> impl Iterator<Item = ProbeId> + use<> {
        std::mem::take(&mut self.in_flight).into_keys()
    }

    /// How many run and how many wait.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.in_flight.len(), self.waiting.len())
    }

    /// The checks have new places in the list: `moved` tells where one went, `None` for away.
    /// Returns the probes whose check is gone.
    pub(crate) fn renumber(
        &mut self,
        moved: impl Fn(CheckIndex) -> Option<CheckIndex>,
    ) -> Vec<ProbeId> {
        let mut orphans = Vec::new();
        for (probe, check) in std::mem::take(&mut self.in_flight) {
            match moved(check) {
                Some(new) => drop(self.in_flight.insert(probe, new)),
                None => orphans.push(probe),
            }
        }
        self.waiting = self.waiting.iter().filter_map(|&check| moved(check)).collect();
        orphans
    }
}
