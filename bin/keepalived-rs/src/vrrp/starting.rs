//! Tracking scripts that are due, on their way to a process. A fork takes a part of a millisecond, and
//! a thousand scripts may be due at once: only so many start in one turn that no advert waits for them.

use std::collections::VecDeque;

use base::Duration;
use control_plane::model::Command;
use vrrp_stack::RunId;

/// What the forks of one turn may take, but for the last of them.
const TURN: Duration = Duration::from_micros(500);

/// Scripts that wait, each once: a tracker asks again only after it has heard of the end.
#[derive(Default)]
pub(super) struct Starting {
    waiting: VecDeque<Due>,
}

/// A script that is to be started.
pub(super) struct Due {
    pub(super) run: RunId,
    pub(super) name: String,
    pub(super) command: Command,
}

impl Starting {
    /// This one, too.
    pub(super) fn add(&mut self, due: Due) {
        self.waiting.push_back(due);
    }

    /// This one is not wanted any longer. `false`: it does not wait here.
    pub(super) fn forget(&mut self, run: RunId) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|due| due.run != run);
        self.waiting.len() != before
    }

    /// Whether some wait for the next turn.
    pub(super) fn is_busy(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Starts as many as fit in a turn, one at least. `clock` is asked after each.
    pub(super) fn step(
        &mut self,
        mut clock: impl FnMut() -> base::Instant,
        mut start: impl FnMut(Due),
    ) {
        let begin = clock();
        while let Some(due) = self.waiting.pop_front() {
            start(due);
            if clock().saturating_since(begin) >= TURN {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use base::Instant;

    use super::*;

    fn due(run: u64) -> Due {
        let command = Command { program: "/bin/true".into(), args: Vec::new(), user: None };
        Due { run: RunId(run), name: format!("s{run}"), command }
    }

    /// What one turn starts when each fork takes so many microseconds.
    fn turn(starting: &mut Starting, micros: u64) -> Vec<RunId> {
        let (mut now, mut started) = (0, Vec::new());
        let clock = || {
            now += micros;
            Instant::from_micros(now)
        };
        starting.step(clock, |due| started.push(due.run));
        started
    }

    #[test]
    fn forks_that_are_slow_are_spread_over_turns_in_their_order() {
        let mut starting = Starting::default();
        (0..5).for_each(|run| starting.add(due(run)));
        assert_eq!(turn(&mut starting, 250), [RunId(0), RunId(1)]);
        assert_eq!(turn(&mut starting, 10_000), [RunId(2)], "never nothing");
        assert!(starting.is_busy());
        assert_eq!(turn(&mut starting, 1), [RunId(3), RunId(4)]);
        assert!(!starting.is_busy());
    }

    #[test]
    fn a_script_that_is_given_up_before_its_turn_does_not_start() {
        let mut starting = Starting::default();
        (0..2).for_each(|run| starting.add(due(run)));
        assert!(starting.forget(RunId(0)));
        assert!(!starting.forget(RunId(0)));
        assert_eq!(turn(&mut starting, 1), [RunId(1)]);
    }
}
