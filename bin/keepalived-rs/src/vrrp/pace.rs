//! How many requests to the kernel fit one turn.

use base::Duration;

/// What the requests of one turn may take, so that the next advert is never far. An address costs 7 µs
/// on an interface with few, and ten times that on one with ten thousand.
const TURN: Duration = Duration::from_millis(2);

/// Below this there is room for twice as many.
const SHORT: Duration = Duration::from_micros(500);

/// The least: progress is made however slow the kernel is.
const LEAST: usize = 16;

/// The most, and what is tried first where little is known: two full batches.
const MOST: usize = 256;

/// The number of requests for the next turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace(usize);

impl Default for Pace {
    fn default() -> Self {
        Self(MOST)
    }
}

impl Pace {
    /// At most so many requests.
    pub(super) const fn requests(self) -> usize {
        self.0
    }

    /// Learns from a turn that used all of them, or fewer.
    pub(super) fn learn(&mut self, took: Duration) {
        if took > TURN {
            self.0 = (self.0 / 2).max(LEAST);
        } else if took < SHORT {
            self.0 = (self.0 * 2).min(MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_kernel_is_asked_for_less_and_a_fast_one_for_more() {
        let mut pace = Pace::default();
        for _ in 0..10 {
            pace.learn(Duration::from_millis(20));
        }
        assert_eq!(pace.requests(), LEAST, "never nothing");
        pace.learn(Duration::from_millis(1));
        assert_eq!(pace.requests(), LEAST, "what fits stays");
        for _ in 0..10 {
            pace.learn(Duration::from_micros(100));
        }
        assert_eq!(pace.requests(), MOST, "never without bound");
    }
}
