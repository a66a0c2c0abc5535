//! How many requests to the kernel fit one turn, and how long they may be put off.

use base::Duration;

/// What the requests of one turn should take, so that the next advert is never far. An address costs
/// 7 µs on an interface with few, and up to 300 on one with ten thousand.
const TURN: Duration = Duration::from_micros(1_500);

/// What is tried where nothing is known.
const FIRST: usize = 16;

/// The least: progress is made however slow the kernel is.
const LEAST: usize = 2;

/// The most: two full batches.
const MOST: usize = 256;

/// The number of requests for the next turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    requests: usize,
    /// Whether that is known of removals. What an addition costs says nothing about them.
    removing: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self { requests: FIRST, removing: false }
    }
}

impl Pace {
    /// At most so many requests, which are removals or none are.
    pub(super) fn requests(&mut self, removing: bool) -> usize {
        if self.removing != removing {
            *self = Self { requests: FIRST, removing };
        }
        self.requests
    }

    /// Nothing is known any longer: another plan begins.
    pub(super) const fn forget(&mut self) {
        self.requests = FIRST;
    }

    /// Learns from what so many took.
    pub(super) fn learn(&mut self, requests: usize, took: Duration) {
        let fitting =
            u128::from(TURN.as_micros()) * requests as u128 / u128::from(took.as_micros()).max(1);
        let fitting = usize::try_from(fitting).unwrap_or(MOST);
        self.requests = fitting.min(self.requests * 2).clamp(LEAST, MOST);
    }
}

/// What may still be put off by a turn: where there is a reason in every turn, it is done all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    turns: u8,
    limit: u8,
}

impl Patience {
    /// So many turns in a row may put it off.
    pub(super) const fn of(limit: u8) -> Self {
        Self { turns: 0, limit }
    }

    /// Whether what follows waits for the next turn, because this one has a `reason`.
    pub(super) fn puts_off(&mut self, reason: bool) -> bool {
        let waits = reason && self.turns < self.limit;
        self.turns += u8::from(waits);
        waits
    }

    /// It is done.
    pub(super) const fn is_over(&mut self) {
        self.turns = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_that_changes_in_every_turn_is_put_off_twice_and_then_carried_out() {
        let mut patience = Patience::of(2);
        // 1,001 addresses, other wishes in each turn: gathered anew each time, and much to compare.
        let mut sends = || {
            let sends = !patience.puts_off(true) && !patience.puts_off(true);
            if sends {
                patience.is_over();
            }
            sends
        };
        let turns: Vec<bool> = (0..6).map(|_| sends()).collect();
        assert_eq!(turns, [false, false, true, false, false, true]);
        assert!(!Patience::of(2).puts_off(false), "little goes at once");
    }

    /// The requests of each turn while one costs so many microseconds.
    fn turns(pace: &mut Pace, removing: bool, cost: u64) -> Vec<usize> {
        let mut turn = || {
            let requests = pace.requests(removing);
            pace.learn(requests, Duration::from_micros(cost * requests as u64));
            requests
        };
        (0..7).map(|_| turn()).collect()
    }

    #[test]
    fn a_turn_takes_what_it_may_whatever_a_request_costs() {
        let mut pace = Pace::default();
        assert_eq!(turns(&mut pace, false, 7), [16, 32, 64, 128, 214, 214, 214]);
        assert_eq!(turns(&mut pace, false, 100), [214, 15, 15, 15, 15, 15, 15]);
        assert_eq!(turns(&mut pace, false, 5_000)[6], LEAST, "never nothing");
        assert_eq!(turns(&mut pace, false, 1)[6], 128);
        assert_eq!(turns(&mut pace, false, 1)[6], MOST, "never without bound");
    }

    #[test]
    fn what_is_known_of_additions_is_not_taken_for_removals() {
        let mut pace = Pace::default();
        turns(&mut pace, false, 7);
        assert_eq!(pace.requests(true), FIRST);
        turns(&mut pace, true, 7);
        pace.forget();
        assert_eq!(pace.requests(true), FIRST);
    }
}
