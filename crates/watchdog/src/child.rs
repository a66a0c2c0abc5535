//! The life of one child.
//!
//! ```text
//!            fork                 exit
//!  Forking --------> Running ------------> Waiting --+   restart_at
//!     ^                 |                            |
//!     +-----------------|----------------------------+
//!                       +--> Ended (orderly, permanent error, or not to be respawned)
//! ```

use base::{Duration, Instant};

/// A child that lived this long was well: the next one starts at once.
pub const WELL_AFTER: Duration = Duration::from_secs(1);
/// The longest wait between two tries.
pub const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// The wait after the second early death in a row; it doubles with each further one.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// Where a child is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Child {
    /// The process has been told to fork it and has not answered yet.
    Forking {
        /// Deaths in a row before [`WELL_AFTER`].
        early_deaths: u32,
    },
    /// It runs.
    Running {
        /// Its process id.
        pid: i32,
        /// When it was forked.
        since: Instant,
        /// It has said that it is up.
        ready: bool,
        /// Deaths in a row before [`WELL_AFTER`] that it follows.
        early_deaths: u32,
    },
    /// It died early more than once; the next try comes later.
    Waiting {
        /// When.
        restart_at: Instant,
        /// Deaths in a row before [`WELL_AFTER`].
        early_deaths: u32,
    },
    /// It does not run and will not be started.
    Ended,
}

impl Child {
    /// Its process id while it runs.
    pub const fn pid(self) -> Option<i32> {
        match self {
            Self::Running { pid, .. } => Some(pid),
            _ => None,
        }
    }

    /// Whether it runs and has said so.
    pub const fn is_ready(self) -> bool {
        matches!(self, Self::Running { ready: true, .. })
    }

    /// What follows a death at `now` that calls for a respawn, and how long it is put off.
    #[must_use]
    pub fn died(self, now: Instant) -> (Self, Duration) {
        let early_deaths = match self {
            Self::Running { since, early_deaths, .. } => {
                if now.saturating_since(since) >= WELL_AFTER {
                    0
                } else {
                    early_deaths.saturating_add(1)
                }
            }
            Self::Forking { early_deaths } | Self::Waiting { early_deaths, .. } => {
                early_deaths.saturating_add(1)
            }
            Self::Ended => return (Self::Ended, Duration::ZERO),
        };
        let wait = backoff(early_deaths);
        if wait.is_zero() {
            (Self::Forking { early_deaths }, wait)
        } else {
            (Self::Waiting { restart_at: now + wait, early_deaths }, wait)
        }
    }
}

/// The wait after so many early deaths in a row: none after the first, then 0.1 s, doubling to
/// [`MAX_BACKOFF`].
fn backoff(early_deaths: u32) -> Duration {
    match early_deaths {
        0 | 1 => Duration::ZERO,
        more => FIRST_BACKOFF.saturating_mul(1 << (more - 2).min(32)).min(MAX_BACKOFF),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_micros(1_000_000);

    fn running(early_deaths: u32) -> Child {
        Child::Running { pid: 7, since: START, ready: true, early_deaths }
    }

    #[test]
    fn a_child_that_was_well_is_replaced_at_once_however_often_others_died_before() {
        let (next, wait) = running(9).died(START + WELL_AFTER);
        assert_eq!((next, wait), (Child::Forking { early_deaths: 0 }, Duration::ZERO));
    }

    #[test]
    fn the_first_early_death_costs_nothing_and_each_further_one_twice_as_much() {
        let died = START + Duration::from_millis(1);
        let waits: Vec<u64> = (0..14).map(|n| running(n).died(died).1.as_millis()).collect();
        assert_eq!(
            waits,
            [0, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000, 60000]
        );
    }

    #[test]
    fn the_backoff_of_a_child_that_has_always_died_does_not_overflow() {
        assert_eq!(backoff(u32::MAX), MAX_BACKOFF);
    }
}
