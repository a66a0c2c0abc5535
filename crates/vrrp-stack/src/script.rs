//! One `vrrp_script`: when it runs, and whether it counts as up.

use std::collections::BTreeSet;
use std::fmt;

use base::Instant;
use control_plane::model::VrrpScript;
use serde::{Deserialize, Serialize};

use crate::dismissed::PATIENCE;
use crate::event::{Event, ScriptSaying};
use crate::output::{KillSignal, Output, Outputs};

/// One start of a script; no two starts of a stack have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// How a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitKind {
    /// With this exit status.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It never ran.
    NotStarted,
}

/// Whether a script counts as up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// It has not ended once.
    Unknown,
    /// It succeeded often enough.
    Up,
    /// It failed often enough.
    Down,
}

/// Whether the script runs now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// Nobody needs it any longer.
    Stopped,
    /// It is due then.
    Waiting { start_at: Instant },
    /// It runs, and is ended then; `None` when it has ended, and how is still to be learnt.
    Running { run: RunId, started_at: Instant, end_at: Option<Instant> },
    /// It was asked to end, and is killed then, if it has not been.
    Ending { run: RunId, started_at: Instant, kill_at: Option<Instant> },
}

/// A script and its verdict.
///
/// ```text
///            start_at            end_at                kill_at
///  Waiting ------------> Running ---------> Ending(TERM) ------> Ending(KILL)
///     ^                     | exit: counts      | exit: has counted     |
///     +---------------------+-------------------+-----------------------+
/// ```
///
/// The first result decides alone. After that `rise` successes or `fall` failures in a row are
/// needed to change the verdict.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ScriptTracker {
    config: VrrpScript,
    verdict: Verdict,
    /// Results in a row that speak against the verdict.
    streak: u32,
    /// Whether no result has come yet, whatever was presumed.
    first: bool,
    last_status: i32,
    phase: Phase,
}

impl fmt::Debug for ScriptTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { config, verdict, streak, phase, .. } = self;
        write!(f, "ScriptTracker({}, {verdict:?}, streak {streak}, {phase:?})", config.name)
    }
}

/// What of a script a successor needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ScriptSnapshot {
    /// Its name.
    pub name: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// Results in a row that speak against the verdict.
    pub streak: u32,
    /// Exit status of the last run.
    pub last_status: i32,
}

impl ScriptTracker {
    /// A script that is due at once.
    pub fn new(now: Instant, config: VrrpScript) -> Self {
        let verdict = if config.init_fail { Verdict::Down } else { Verdict::Unknown };
        let phase = Phase::Waiting { start_at: now };
        Self { config, verdict, streak: 0, first: true, last_status: 0, phase }
    }

    /// The script goes on from what a predecessor knew.
    pub fn resume(&mut self, known: &ScriptSnapshot) {
        self.verdict = known.verdict;
        self.streak = known.streak;
        self.last_status = known.last_status;
        self.first = known.verdict == Verdict::Unknown;
    }

    /// What a successor needs.
    pub fn snapshot(&self) -> ScriptSnapshot {
        ScriptSnapshot {
            name: self.config.name.clone(),
            verdict: self.verdict,
            streak: self.streak,
            last_status: self.last_status,
        }
    }

    /// Whether it counts as up.
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Its configuration.
    pub const fn config(&self) -> &VrrpScript {
        &self.config
    }

    /// The start whose end is awaited.
    pub const fn run(&self) -> Option<RunId> {
        match self.phase {
            Phase::Running { run, .. } | Phase::Ending { run, .. } => Some(run),
            Phase::Stopped | Phase::Waiting { .. } => None,
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub const fn next_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Stopped => None,
            Phase::Waiting { start_at } => Some(start_at),
            Phase::Running { end_at, .. } => end_at,
            Phase::Ending { kill_at, .. } => kill_at,
        }
    }

    /// Starts the script when it is due, and ends one that takes too long. `fresh` names the next
    /// start and moves on when it is used.
    pub fn handle_timeout(&mut self, now: Instant, fresh: &mut RunId, out: &mut Outputs) {
        if self.next_timeout().is_none_or(|due| due > now) {
            return;
        }
        match self.phase {
            Phase::Stopped => {}
            Phase::Waiting { .. } => {
                let run = *fresh;
                fresh.0 += 1;
                let end_at = Some(now + self.config.timeout);
                self.phase = Phase::Running { run, started_at: now, end_at };
                let (name, command) = (self.config.name.clone(), self.config.command.clone());
                out.push(Output::StartScript { run, name, command });
            }
            Phase::Running { run, started_at, .. } => {
                let kill_at = Some(now + PATIENCE);
                self.phase = Phase::Ending { run, started_at, kill_at };
                out.push(Output::KillScript { run, signal: KillSignal::Term });
                self.count(false, ScriptSaying::TimedOut, out);
            }
            Phase::Ending { run, started_at, .. } => {
                self.phase = Phase::Ending { run, started_at, kill_at: None };
                out.push(Output::KillScript { run, signal: KillSignal::Kill });
            }
        }
    }

    /// These runs have ended; [`handle_exit`](Self::handle_exit) says later how. What ended in time is not
    /// found late, however long that takes.
    pub fn handle_end(&mut self, runs: &BTreeSet<RunId>) {
        match &mut self.phase {
            Phase::Running { run, end_at: at, .. } | Phase::Ending { run, kill_at: at, .. } => {
                if runs.contains(run) {
                    *at = None;
                }
            }
            Phase::Stopped | Phase::Waiting { .. } => {}
        }
    }

    /// The run that was awaited has ended.
    pub fn handle_exit(&mut self, now: Instant, status: ExitKind, out: &mut Outputs) {
        let (started_at, counted) = match self.phase {
            Phase::Running { started_at, .. } => (started_at, false),
            Phase::Ending { started_at, .. } => (started_at, true),
            Phase::Stopped | Phase::Waiting { .. } => return,
        };
        self.phase = Phase::Waiting { start_at: self.next_start(started_at, now) };
        if counted {
            return;
        }
        let (good, failure) = match status {
            ExitKind::Code(code) => (code == 0, ScriptSaying::FailedWithStatus(code)),
            ExitKind::Signal(signal) => (false, ScriptSaying::FailedBySignal(signal)),
            ExitKind::NotStarted => (false, ScriptSaying::NotStarted),
        };
        if let ExitKind::Code(code) = status
            && code != self.last_status
        {
            self.last_status = code;
            self.say(ScriptSaying::NowReturning(code), out);
        }
        self.count(good, failure, out);
    }

    /// Nobody needs the script any longer. Returns the run that has to be ended; its end means nothing.
    #[must_use]
    pub fn stop(&mut self) -> Option<RunId> {
        let run = self.run();
        self.phase = Phase::Stopped;
        run
    }

    /// Takes another configuration of the same script over; its verdict stays. Returns the run of
    /// another command than the new one, which has to be ended.
    #[must_use]
    pub fn reconfigure(
        &mut self,
        now: Instant,
        config: VrrpScript,
        out: &mut Outputs,
    ) -> Option<RunId> {
        let old = self.run().filter(|_| config.command != self.config.command);
        if old.is_some() {
            self.phase = Phase::Waiting { start_at: now };
        }
        self.config = config;
        if self.verdict != Verdict::Unknown {
            self.say(ScriptSaying::KeptOnReload { up: self.verdict == Verdict::Up }, out);
        }
        old
    }

    /// Starts are `interval` apart. One that would overlap with a run that takes longer is left
    /// out, so that the rhythm stays.
    fn next_start(&self, started_at: Instant, now: Instant) -> Instant {
        let interval = self.config.interval;
        let passed = now.saturating_since(started_at).as_micros();
        let steps = passed.checked_div(interval.as_micros()).unwrap_or(0).saturating_add(1);
        started_at + interval.saturating_mul(steps)
    }

    fn count(&mut self, good: bool, failure: ScriptSaying, out: &mut Outputs) {
        let (now_is, needed) =
            if good { (Verdict::Up, self.config.rise) } else { (Verdict::Down, self.config.fall) };
        let first = std::mem::take(&mut self.first);
        if self.verdict == now_is {
            self.streak = 0;
            if first && !good {
                self.say(failure, out);
            }
            return;
        }
        self.streak += 1;
        if first || self.streak >= needed {
            self.verdict = now_is;
            self.streak = 0;
            self.say(if good { ScriptSaying::Succeeded } else { failure }, out);
        }
    }

    fn say(&self, says: ScriptSaying, out: &mut Outputs) {
        out.push(Output::Log(Event::Script { name: self.config.name.clone(), says }));
    }
}

#[cfg(test)]
mod tests;
