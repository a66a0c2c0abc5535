//! The wall clock, which adverts with a trailer (`auth_hmac`) carry.

use base::{Duration, Instant};

/// The wall clock as it was told last: how far it is from the clock that timers use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct WallClock {
    /// Microseconds from 1970 to the moment 0 of the other clock.
    offset: u64,
}

impl WallClock {
    /// It says `wall`, time since 1970, at this moment.
    pub(crate) fn set(&mut self, now: Instant, wall: Duration) {
        let since = now.saturating_since(Instant::default());
        self.offset = wall.saturating_sub(since).as_micros();
    }

    /// Time since 1970.
    pub(crate) fn at(self, now: Instant) -> Duration {
        Duration::from_micros(self.offset) + now.saturating_since(Instant::default())
    }
}
