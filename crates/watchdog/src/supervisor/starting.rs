//! A child that is not up in time: until it is, nobody feels its pulse, and what its predecessor has left
//! has nobody who speaks for it.

use base::{Duration, Instant};

use super::{Output, Phase, Supervisor};
use crate::pulse::OVERSLEPT;
use crate::role::Role;

/// From the fork, or from the word to begin, to the word that it is up. Ten thousand addresses take a
/// fraction of that.
pub(super) const START_LIMIT: Duration = Duration::from_secs(10);

/// Each start in a row that takes too long doubles it, so often at most: a machine may be so slow.
const DOUBLINGS: u32 = 4;

/// The start of one child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Starting {
    /// It has to be up; `None` when it was not, or is not there yet.
    deadline: Option<Instant>,
    /// Starts in a row that have taken too long.
    late: u32,
}

impl Starting {
    fn limit(self) -> Duration {
        START_LIMIT.saturating_mul(1 << self.late.min(DOUBLINGS))
    }
}

impl Supervisor {
    /// It begins now and has nobody beside it who does its work.
    pub(super) fn await_readiness(&mut self, now: Instant, role: Role) {
        if self.settings.no_heartbeat {
            return;
        }
        let none = Starting { deadline: None, late: 0 };
        let starting = self.starting.entry(role).or_insert(none);
        starting.deadline = Some(now + starting.limit());
    }

    /// It has ended. One that has done so by itself was not late.
    pub(super) fn start_is_over(&mut self, role: Role) {
        if self.starting.get(&role).is_some_and(|starting| starting.deadline.is_some()) {
            self.starting.remove(&role);
        }
    }

    fn watches_starts(&self) -> bool {
        !matches!(self.phase, Phase::Stopping { .. } | Phase::Over)
    }

    pub(super) fn starts_timeout(&self) -> Option<Instant> {
        let all = self.starting.values().filter_map(|starting| starting.deadline).min();
        all.filter(|_| self.watches_starts())
    }

    pub(super) fn end_long_starts(&mut self, now: Instant, out: &mut Vec<Output>) {
        if !self.watches_starts() {
            return;
        }
        for role in Role::ALL {
            let Some(starting) = self.starting.get_mut(&role) else { continue };
            let Some(deadline) = starting.deadline.filter(|deadline| *deadline <= now) else {
                continue;
            };
            if now.saturating_since(deadline) >= OVERSLEPT {
                // The whole machine has slept.
                starting.deadline = Some(now + starting.limit());
                continue;
            }
            *starting = Starting { deadline: None, late: starting.late.saturating_add(1) };
            self.end_frozen(role, out);
        }
    }
}
