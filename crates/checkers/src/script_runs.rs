//! When scripts of checks ran last and how they ended. It is shown, and decides nothing.

use std::collections::BTreeMap;

use base::Instant;
use serde::{Deserialize, Serialize};

use crate::layout::Layout;
use crate::names::ServerId;
use crate::probes::CheckIndex;

/// The last run of a check's script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptRun {
    /// When it began.
    pub started: Instant,
    /// What the last one exited with; 0 before one has.
    pub status: i32,
}

/// Of each server, by a check's place among its checks; those of BFD are not counted.
pub type ScriptRunsOf = BTreeMap<ServerId, BTreeMap<usize, ScriptRun>>;

/// Of all checks that have run a script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ScriptRuns(BTreeMap<CheckIndex, ScriptRun>);

impl ScriptRuns {
    pub(crate) fn started(&mut self, check: CheckIndex, now: Instant) {
        let run = self.0.entry(check).or_insert(ScriptRun { started: now, status: 0 });
        run.started = now;
    }

    pub(crate) fn exited(&mut self, check: CheckIndex, status: i32) {
        if let Some(run) = self.0.get_mut(&check) {
            run.status = status;
        }
    }

    /// The checks have new places in the list: `moved` tells where one went, `None` for away.
    pub(crate) fn renumber(&mut self, moved: impl Fn(CheckIndex) -> Option<CheckIndex>) {
        let runs = std::mem::take(&mut self.0).into_iter();
        self.0 = runs.filter_map(|(check, run)| Some((moved(check)?, run))).collect();
    }

    pub(crate) fn by_server(&self, layout: &Layout) -> ScriptRunsOf {
        let mut all = ScriptRunsOf::new();
        for (&index, &run) in &self.0 {
            let check = layout.checks.get(index);
            let server = check.and_then(|check| layout.servers.get(check.server));
            let Some(server) = server else { continue };
            let place = index.saturating_sub(server.checks.start);
            all.entry(server.id()).or_default().insert(place, run);
        }
        all
    }
}
