//! Bounded waiting: nothing in the lab sleeps and hopes.

use std::fmt::Debug;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Pause between two looks at the same thing.
const POLL: Duration = Duration::from_millis(5);

/// Looks again and again until `probe` has an answer; after `limit` the test fails and says what
/// was awaited. Returns the answer and the time that passed.
pub fn until<T>(
    limit: Duration,
    what: &str,
    mut probe: impl FnMut() -> Option<T>,
) -> (T, Duration) {
    let start = Instant::now();
    loop {
        if let Some(answer) = probe() {
            return (answer, start.elapsed());
        }
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        sleep(POLL);
    }
}

/// Waits until `condition` holds. Returns the time that passed.
pub fn eventually(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) -> Duration {
    until(limit, what, || condition().then_some(())).1
}

/// Waits until `look` returns `wanted`; a failure shows what it returned last.
pub fn becomes<T: PartialEq + Debug>(
    limit: Duration,
    what: &str,
    wanted: &T,
    mut look: impl FnMut() -> T,
) -> Duration {
    let start = Instant::now();
    loop {
        let seen = look();
        if seen == *wanted {
            return start.elapsed();
        }
        assert!(
            start.elapsed() < limit,
            "not within {limit:?}: {what}: wanted {wanted:?}, last seen {seen:?}"
        );
        sleep(POLL);
    }
}

/// Watches for the whole of `period` that `condition` holds at every look.
pub fn stays(period: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while start.elapsed() < period {
        assert!(condition(), "after {:?} of {period:?} no longer true: {what}", start.elapsed());
        sleep(POLL);
    }
}
