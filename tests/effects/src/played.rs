//! A machine in virtual time.

#![allow(clippy::panic, reason = "a test fails by panicking")]

use base::Instant;

/// So many timeouts mean that a machine asks for one after the other without getting anywhere.
const TURNS: usize = 1_000_000;

/// A machine with the world around it, whose clock is a number.
pub trait Played {
    /// The clock.
    fn now(&mut self) -> &mut Instant;

    /// When the machine wants to be woken.
    fn next_timeout(&self) -> Option<Instant>;

    /// Tells the machine that it is time, and lets its world answer.
    fn time_out(&mut self);

    /// Lets time pass until `end`, with all that happens by itself meanwhile.
    ///
    /// # Panics
    /// The machine does not come to rest.
    fn play_until(&mut self, end: Instant) {
        for _ in 0..TURNS {
            match self.next_timeout() {
                Some(at) if at <= end => {
                    *self.now() = at.max(*self.now());
                    self.time_out();
                }
                _ => {
                    *self.now() = end.max(*self.now());
                    return;
                }
            }
        }
        panic!("the machine does not come to rest before {end:?}");
    }
}

#[cfg(test)]
mod tests {
    use base::Duration;

    use super::*;

    /// Is woken each second, a hundred times.
    struct Clock {
        now: Instant,
        woken: Vec<u64>,
    }

    impl Played for Clock {
        fn now(&mut self) -> &mut Instant {
            &mut self.now
        }

        fn next_timeout(&self) -> Option<Instant> {
            let many = self.woken.len() as u64;
            (many < 100).then(|| Instant::default() + Duration::from_secs(many))
        }

        fn time_out(&mut self) {
            self.woken.push(self.now.saturating_since(Instant::default()).as_millis());
        }
    }

    #[test]
    fn a_machine_is_woken_when_it_wants_and_time_does_not_go_back() {
        let mut clock = Clock { now: Instant::default(), woken: Vec::new() };
        clock.play_until(Instant::default() + Duration::from_millis(2_500));
        assert_eq!(clock.woken, [0, 1_000, 2_000]);
        clock.play_until(Instant::default() + Duration::from_millis(1_000));
        assert_eq!(clock.now, Instant::default() + Duration::from_millis(2_500));
    }
}
