//! When a line was written, and by which process. Where lines are gathered neither is asked of the system
//! for each of them: ten thousand lines of one turn would be as many system calls for the same second.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sys::clock::{self, LocalTime};

/// Lines with the time of one look at the clock: a turn that says more takes longer than a moment.
const LINES: u32 = 256;

/// What stands before a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) time: LocalTime,
    pub(crate) pid: u32,
}

struct Last {
    gathers: bool,
    stamp: Option<Stamp>,
    /// Uses of it that are left.
    left: u32,
}

static LAST: Mutex<Last> = Mutex::new(Last::new());

/// From now on lines of one turn have one stamp.
pub(crate) fn gather() {
    last().gathers = true;
}

/// Whether they have.
pub(crate) fn gathers() -> bool {
    last().gathers
}

/// The turn is over.
pub(crate) fn renew() {
    last().stamp = None;
}

/// The stamp of a line that is written now.
pub(crate) fn now() -> Stamp {
    last().now()
}

fn last() -> MutexGuard<'static, Last> {
    // A panic while logging leaves nothing half done that could matter.
    LAST.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Last {
    const fn new() -> Self {
        Self { gathers: false, stamp: None, left: 0 }
    }

    fn now(&mut self) -> Stamp {
        if let Some(stamp) = self.stamp
            && self.left > 0
        {
            self.left -= 1;
            return stamp;
        }
        let stamp = Stamp { time: clock::local_time(), pid: std::process::id() };
        if self.gathers {
            self.stamp = Some(stamp);
            self.left = LINES - 1;
        }
        stamp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_serves_a_turn_and_at_most_so_many_lines() {
        let mut last = Last::new();
        last.now();
        assert_eq!(last.stamp, None, "nobody gathers");
        last.gathers = true;
        for _ in 0..LINES {
            last.now();
        }
        assert_eq!(last.left, 0);
        last.now();
        assert_eq!(last.left, LINES - 1, "the clock was read again");
    }
}
