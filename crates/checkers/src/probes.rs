//! Which probes run and which wait: at most [`MAX_IN_FLIGHT`] at a time (or fewer, where
//! the system has fewer descriptors), the rest first come, first
//! served, so that descriptors are bounded and no check starves.

use std::collections::{BTreeMap, VecDeque};

use crate::dialogue::Dialogue;
use crate::output::ProbeId;

/// Probes that may run at the same time; each costs the driver a descriptor.
pub const MAX_IN_FLIGHT: usize = 4096;

/// A check's place in the machine's list.
pub(crate) type CheckIndex = usize;

/// The running and the waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Probes {
    /// How many may run at a time.
    places: usize,
    in_flight: BTreeMap<ProbeId, InFlight>,
    waiting: VecDeque<CheckIndex>,
    next: u64,
}

/// A probe that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InFlight {
    pub(crate) check: CheckIndex,
    /// What is said to the server, where something is.
    pub(crate) dialogue: Option<Dialogue>,
    /// The way to the server is open.
    pub(crate) connected: bool,
}

impl Default for Probes {
    fn default() -> Self {
        Self {
            places: MAX_IN_FLIGHT,
            in_flight: BTreeMap::new(),
            waiting: VecDeque::new(),
            next: 0,
        }
    }
}

impl Probes {
    /// At most so many run at a time from now on; at least one, at most [`MAX_IN_FLIGHT`].
    pub(crate) fn limit(&mut self, places: usize) {
        self.places = places.clamp(1, MAX_IN_FLIGHT);
    }

    /// The check wants to be probed as soon as there is a place. It waits once at most: the caller
    /// knows whether it does already.
    pub(crate) fn enqueue(&mut self, check: CheckIndex) {
        self.waiting.push_back(check);
    }

    /// The next check to be probed, if there is a place for it.
    pub(crate) fn take_next(&mut self) -> Option<CheckIndex> {
        if self.in_flight.len() >= self.places {
            return None;
        }
        self.waiting.pop_front()
    }

    /// The check is being probed from now on; the name of its probe.
    pub(crate) fn start(&mut self, check: CheckIndex, dialogue: Option<Dialogue>) -> ProbeId {
        let probe = ProbeId(self.next);
        self.next += 1;
        self.in_flight.insert(probe, InFlight { check, dialogue, connected: false });
        probe
    }

    /// A probe that runs.
    pub(crate) fn running(&mut self, probe: ProbeId) -> Option<&mut InFlight> {
        self.in_flight.get_mut(&probe)
    }

    /// A probe ended; what it was, or `None` when it is not running.
    pub(crate) fn finish(&mut self, probe: ProbeId) -> Option<InFlight> {
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
        for (probe, running) in std::mem::take(&mut self.in_flight) {
            match moved(running.check) {
                Some(check) => {
                    self.in_flight.insert(probe, InFlight { check, ..running });
                }
                None => orphans.push(probe),
            }
        }
        self.waiting = self.waiting.iter().filter_map(|&check| moved(check)).collect();
        orphans
    }
}
