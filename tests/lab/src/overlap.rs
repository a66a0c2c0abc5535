//! How long two nodes hold one address.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::node::Node;

/// Pause between two looks.
const POLL: Duration = Duration::from_millis(5);

/// Who held an address while something happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Both did.
    pub both: Duration,
    /// Neither did.
    pub neither: Duration,
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (both, neither) = (self.both.as_secs_f64(), self.neither.as_secs_f64());
        write!(f, "two nodes held it for {both:.2} s, none for {neither:.2} s")
    }
}

/// Watches who holds `address` while `work` goes on.
pub fn watch<T>(nodes: [&Node; 2], address: &str, work: impl FnOnce() -> T) -> (Held, T) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut held = Held::default();
            let mut last = Instant::now();
            while !over.load(Ordering::Relaxed) {
                thread::sleep(POLL);
                let [one, two] = nodes;
                // The first is looked at twice: a handover between two looks is no overlap.
                let before = one.holds(address);
                let other = two.holds(address);
                let after = one.holds(address);
                let span = std::mem::replace(&mut last, Instant::now()).elapsed();
                match (before && after, before || after, other) {
                    (true, _, true) => held.both += span,
                    (_, false, false) => held.neither += span,
                    _ => {}
                }
            }
            held
        });
        // The watcher ends even when the work fails.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        over.store(true, Ordering::Relaxed);
        let held = watcher.join().unwrap_or_default();
        match result {
            Ok(result) => (held, result),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
