//! What has to be done with processes of tracking scripts. A start takes a tenth of a millisecond, the
//! end of a process some hundredths, and a thousand scripts may be due at once: only so much is done
//! in one turn that no advert waits for it.

use std::collections::{BTreeSet, HashMap, VecDeque};

use base::{Duration, Instant};
use control_plane::model::Command;
use scheduler::Token;
use sys::Signal;
use vrrp_stack::RunId;

/// What all of it may take in one turn, but for the last piece.
pub(super) const TURN: Duration = Duration::from_micros(500);

/// Work that waits. Each script is here a few times at most: a tracker asks again only after it has
/// heard of the end.
#[derive(Default)]
pub(super) struct ScriptWork {
    /// Ended, as the kernel says; to be collected before others start, for what ended in time is not
    /// to be found late.
    ended: VecDeque<Token>,
    /// Those of them that the stack has to know of before its time goes on.
    untold: BTreeSet<RunId>,
    /// To be done, in their order.
    waiting: VecDeque<Waiting>,
    /// Those that are to be started.
    due: HashMap<RunId, Due>,
}

enum Waiting {
    Start(RunId),
    Signal(RunId, Signal),
}

/// A script that is to be started.
pub(super) struct Due {
    pub(super) run: RunId,
    pub(super) name: String,
    pub(super) command: Command,
}

/// One piece of work.
pub(super) enum Work {
    /// To learn how the process behind this token has ended.
    Collect(Token),
    /// To send this to the processes of a script.
    Signal(RunId, Signal),
    /// To start a script.
    Start(Due),
}

impl ScriptWork {
    /// The process behind this token has ended, that of this start of a tracked script.
    pub(super) fn collect(&mut self, token: Token, run: Option<RunId>) {
        self.ended.push_back(token);
        self.untold.extend(run);
    }

    /// The tracked scripts that have ended since the last call: how, may be learnt later.
    pub(super) fn take_ended(&mut self) -> BTreeSet<RunId> {
        std::mem::take(&mut self.untold)
    }

    /// This one is to be started.
    pub(super) fn start(&mut self, due: Due) {
        self.waiting.push_back(Waiting::Start(due.run));
        self.due.insert(due.run, due);
    }

    /// This one gets a signal.
    pub(super) fn signal(&mut self, run: RunId, signal: Signal) {
        self.waiting.push_back(Waiting::Signal(run, signal));
    }

    /// This one is not wanted any longer. `false`: it does not wait to be started.
    pub(super) fn forget(&mut self, run: RunId) -> bool {
        self.due.remove(&run).is_some()
    }

    /// Those that are to be started, in no order.
    pub(super) fn commands(&self) -> impl Iterator<Item = &Command> {
        self.due.values().map(|due| &due.command)
    }

    /// Whether some of it waits for the next turn.
    pub(super) fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || !self.ended.is_empty()
    }

    /// Does as much as fits in `limit`, one piece at least. `clock` is asked after each.
    pub(super) fn step(
        &mut self,
        limit: Duration,
        mut clock: impl FnMut() -> Instant,
        mut act: impl FnMut(Work),
    ) {
        if !self.is_busy() {
            return;
        }
        let begin = clock();
        while let Some(work) = self.next() {
            act(work);
            if clock().saturating_since(begin) >= limit {
                return;
            }
        }
    }

    fn next(&mut self) -> Option<Work> {
        if let Some(token) = self.ended.pop_front() {
            return Some(Work::Collect(token));
        }
        while let Some(waiting) = self.waiting.pop_front() {
            match waiting {
                Waiting::Signal(run, signal) => return Some(Work::Signal(run, signal)),
                Waiting::Start(run) => {
                    if let Some(due) = self.due.remove(&run) {
                        return Some(Work::Start(due));
                    }
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::*;

    fn due(run: u64) -> Due {
        let command = Command { program: "/bin/true".into(), args: Vec::new(), user: None };
        Due { run: RunId(run), name: format!("s{run}"), command }
    }

    /// What one turn does when each piece takes so many microseconds.
    fn turn(work: &mut ScriptWork, micros: u64) -> Vec<String> {
        let (mut now, mut done) = (0, Vec::new());
        let clock = || {
            now += micros;
            Instant::from_micros(now)
        };
        work.step(TURN, clock, |one| {
            done.push(match one {
                Work::Start(due) => format!("start {}", due.run.0),
                Work::Signal(run, signal) => format!("{signal:?} to {}", run.0),
                Work::Collect(_) => "collect".to_owned(),
            });
        });
        done
    }

    #[test]
    fn starts_that_are_slow_are_spread_over_turns_in_their_order() {
        let mut work = ScriptWork::default();
        (0..5).for_each(|run| work.start(due(run)));
        assert_eq!(turn(&mut work, 250), ["start 0", "start 1"]);
        assert_eq!(turn(&mut work, 10_000), ["start 2"], "never nothing");
        assert!(work.is_busy());
        assert_eq!(turn(&mut work, 1), ["start 3", "start 4"]);
        assert!(!work.is_busy());
    }

    #[test]
    fn a_script_that_is_given_up_before_its_turn_does_not_start() {
        let mut work = ScriptWork::default();
        (0..2).for_each(|run| work.start(due(run)));
        assert!(work.forget(RunId(0)));
        assert!(!work.forget(RunId(0)));
        assert_eq!(turn(&mut work, 1), ["start 1"]);
    }

    #[test]
    fn signals_to_a_thousand_scripts_are_spread_over_turns() {
        let mut work = ScriptWork::default();
        (0..1_000).for_each(|run| work.signal(RunId(run), Signal::TERM));
        let mut turns = 0;
        while work.is_busy() {
            assert!(turn(&mut work, 20).len() <= 25);
            turns += 1;
        }
        assert_eq!(turns, 40);
    }

    #[test]
    fn what_has_ended_is_collected_before_others_start() {
        let mut scheduler = scheduler::Scheduler::new(&[]).unwrap();
        let (here, _there) = std::os::unix::net::UnixStream::pair().unwrap();
        let token = scheduler.register(here.as_fd(), scheduler::Interest::Read).unwrap();
        let mut work = ScriptWork::default();
        work.start(due(1));
        work.collect(token, Some(RunId(0)));
        assert_eq!(turn(&mut work, 500), ["collect"]);
        assert_eq!(turn(&mut work, 500), ["start 1"]);
        assert_eq!(work.take_ended(), BTreeSet::from([RunId(0)]));
        assert!(work.take_ended().is_empty(), "told once");
    }
}
