//! Runs of scripts that nobody needs any longer.

use std::collections::{BTreeMap, BTreeSet};

use base::{Duration, Instant};

use crate::output::{KillSignal, Output, Outputs};
use crate::script::RunId;

/// How long a script that was asked to end may take before it is killed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// Those that were asked to end. One that does not hear is killed, so that reloads do not heap up
/// processes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Dismissed(BTreeMap<RunId, Instant>);

impl Dismissed {
    /// Asks a run to end.
    pub(crate) fn add(&mut self, now: Instant, run: RunId, out: &mut Outputs) {
        out.push(Output::KillScript { run, signal: KillSignal::Term });
        self.0.insert(run, now + PATIENCE);
    }

    /// These have ended.
    pub(crate) fn forget(&mut self, runs: &BTreeSet<RunId>) {
        self.0.retain(|run, _| !runs.contains(run));
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }

    /// Kills who has not ended in time.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Outputs) {
        self.0.retain(|run, kill_at| {
            let is_late = *kill_at <= now;
            if is_late {
                out.push(Output::KillScript { run: *run, signal: KillSignal::Kill });
            }
            !is_late
        });
    }
}
