//! A limit for lines that somebody else can trigger. Pure.

use base::{Duration, Instant};

/// At most `burst` lines an interval from one place in the code. What is held back is counted and
/// said with the next line that is let through. Keep one for each place, or for each object there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RateLimit {
    burst: u32,
    interval: Duration,
    interval_began: Option<Instant>,
    said: u32,
    held_back: u64,
}

impl RateLimit {
    /// `burst` lines in each `interval`. No burst is no line at all.
    pub const fn new(burst: u32, interval: Duration) -> Self {
        Self { burst, interval, interval_began: None, said: 0, held_back: 0 }
    }

    /// The line to log, or `None` when it is one too many. `text` is called only when it is needed.
    pub fn line(&mut self, now: Instant, text: impl FnOnce() -> String) -> Option<String> {
        let is_over = |began: Instant| now.saturating_since(began) >= self.interval;
        if self.interval_began.is_none_or(is_over) {
            self.interval_began = Some(now);
            self.said = 0;
        }
        if self.said >= self.burst {
            self.held_back = self.held_back.saturating_add(1);
            return None;
        }
        self.said += 1;
        Some(match std::mem::take(&mut self.held_back) {
            0 => text(),
            held_back => format!("{} ({held_back} more like this were not logged)", text()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    fn line(limit: &mut RateLimit, seconds: u64) -> Option<String> {
        limit.line(at(seconds), || "wrong checksum".to_owned())
    }

    #[test]
    fn a_flood_is_a_few_lines_and_a_number() {
        let mut limit = RateLimit::new(2, Duration::from_secs(10));
        assert!(line(&mut limit, 0).is_some() && line(&mut limit, 1).is_some());
        for second in 2..9 {
            assert_eq!(line(&mut limit, second), None);
        }
        let next = line(&mut limit, 10).unwrap();
        assert_eq!(next, "wrong checksum (7 more like this were not logged)");
        assert_eq!(line(&mut limit, 11).unwrap(), "wrong checksum");
        assert_eq!(line(&mut limit, 12), None);
    }

    #[test]
    fn rare_lines_are_all_logged() {
        let mut limit = RateLimit::new(1, Duration::from_secs(10));
        for second in [0, 10, 25, 1_000] {
            assert_eq!(line(&mut limit, second).unwrap(), "wrong checksum");
        }
    }

    #[test]
    fn a_text_that_is_not_logged_is_not_made() {
        let mut limit = RateLimit::new(0, Duration::from_secs(10));
        assert_eq!(limit.line(at(0), || panic!("made")), None);
    }
}
