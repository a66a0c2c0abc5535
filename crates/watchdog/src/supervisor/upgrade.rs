//! Another binary takes over: the trial in this one, the succession of the children in the next.
//!
//! ```text
//!  old:  Running --reload--> Running --> Trial --passed--> (exec)
//!                                          |
//!                                          +-- failed, late: the old one goes on
//!  new:  for each child: fork, warm, retire the old one, begin
//! ```

use std::collections::BTreeSet;

use base::{Duration, Instant};

use super::{Exit, Output, Phase, Settings, Signal, Supervisor};
use crate::child::Child;
use crate::event::Event;
use crate::predecessor::{LINGER_LIMIT, PROOF, Predecessor, RETIRE_LIMIT, WARM_LIMIT};
use crate::role::Role;

/// What a new binary may take to prove itself: it reads the configuration.
pub const TRIAL_LIMIT: Duration = Duration::from_secs(20);

/// What ends a program that has a mistake: SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV.
const CRASH_SIGNALS: [i32; 5] = [4, 6, 7, 8, 11];

/// How long the children of a new binary are on probation once they have begun.
pub(super) const PROBATION: Duration = Duration::from_secs(10);

/// Crashes on probation that mean: back to the former binary.
const CRASHES: u32 = 2;

/// Whether a new binary does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Probation {
    until: Instant,
    crashes: u32,
}

impl Supervisor {
    /// Goes on where the former binary was: its children work and are replaced, those that are
    /// wanted besides are started. `reload`: one was asked for and not served.
    pub fn resume(
        settings: Settings,
        predecessors: &BTreeSet<Role>,
        wanted: &BTreeSet<Role>,
        reload: bool,
        out: &mut Vec<Output>,
    ) -> Self {
        let wanted: BTreeSet<Role> = wanted.union(predecessors).copied().collect();
        let mut supervisor = Self::start(settings, &wanted, out);
        let working = Predecessor::Working { deadline: None };
        supervisor.predecessors = predecessors.iter().map(|role| (*role, working)).collect();
        if predecessors.is_empty() {
            // Nothing is to be handed over by anybody.
            out.push(Output::CloseWayBack);
            out.push(Output::Log(Event::Upgraded));
        }
        if reload {
            supervisor.on_reload(out);
        }
        supervisor
    }

    /// Whether children of the former binary still do their work.
    pub(super) fn is_in_succession(&self) -> bool {
        self.predecessors.values().any(|predecessor| predecessor.is_in_charge())
    }

    pub(super) fn works(&self, role: Role) -> bool {
        self.predecessors.get(&role).is_some_and(|predecessor| predecessor.is_in_charge())
    }

    pub(super) fn on_upgrade(&mut self, out: &mut Vec<Output>) {
        if matches!(self.phase, Phase::Trial { .. } | Phase::Stopping { .. } | Phase::Over) {
            return;
        }
        // The new binary reads the files. What it reads must be what runs.
        self.upgrade_wanted = true;
        self.on_reload(out);
    }

    /// A reload that an upgrade has asked for is over.
    pub(super) fn go_on_with_upgrade(
        &mut self,
        now: Instant,
        reloaded: bool,
        out: &mut Vec<Output>,
    ) {
        if !std::mem::take(&mut self.upgrade_wanted) {
            return;
        }
        if reloaded {
            self.phase = Phase::Trial { deadline: now + TRIAL_LIMIT };
            out.push(Output::Try);
        } else {
            let why = "its configuration cannot be loaded".to_owned();
            out.push(Output::Log(Event::UpgradeRefused(why)));
        }
    }

    pub(super) fn on_trial_passed(&mut self, out: &mut Vec<Output>) {
        if matches!(self.phase, Phase::Trial { .. }) {
            out.push(Output::TakeOver { reload: self.reload_again });
        }
    }

    /// The trial or the exec has failed: this binary goes on.
    pub(super) fn on_upgrade_failed(&mut self, why: String, out: &mut Vec<Output>) {
        if !matches!(self.phase, Phase::Trial { .. }) {
            return;
        }
        self.phase = Phase::Running;
        out.push(Output::EndTrial);
        out.push(Output::Log(Event::UpgradeRefused(why)));
        if std::mem::take(&mut self.reload_again) {
            self.on_reload(out);
        }
    }

    /// A child stands ready beside its predecessor.
    pub(super) fn on_warm(&mut self, now: Instant, role: Role) {
        if let Phase::Stopping { .. } = self.phase {
            return;
        }
        if let Some(predecessor @ Predecessor::Working { .. }) = self.predecessors.get_mut(&role) {
            *predecessor = Predecessor::Proving { deadline: now + PROOF };
        }
    }

    /// A predecessor has said its last words.
    pub(super) fn on_retired(&mut self, now: Instant, role: Role, out: &mut Vec<Output>) {
        if !self.works(role) {
            return;
        }
        let lingering = Predecessor::Lingering { deadline: now + LINGER_LIMIT };
        self.predecessors.insert(role, lingering);
        if !matches!(self.phase, Phase::Stopping { .. }) {
            self.begin(now, role, out);
        }
    }

    pub(super) fn on_predecessor_exited(
        &mut self,
        now: Instant,
        role: Role,
        out: &mut Vec<Output>,
    ) {
        let worked = self.works(role);
        self.predecessors.remove(&role);
        if let Phase::Stopping { status, .. } = self.phase {
            return self.finish_if_all_ended(status, out);
        }
        if worked {
            self.begin(now, role, out);
        }
    }

    /// Whether this end of a child shows that the new binary is no good. A kill is somebody's will.
    pub(super) fn fails_probation(&mut self, now: Instant, exit: Exit) -> bool {
        let is_crash = match exit {
            Exit::Signal(signal) => CRASH_SIGNALS.contains(&signal),
            Exit::Status(_) => exit.is_permanent(),
        };
        let Some(probation) = self.probation.as_mut().filter(|one| now < one.until) else {
            return false;
        };
        probation.crashes += u32::from(is_crash);
        let fails = is_crash && (exit.is_permanent() || probation.crashes >= CRASHES);
        fails && self.phase == Phase::Running
    }

    /// When the children have proved themselves. What they do while all stops proves nothing.
    pub(super) fn probation_timeout(&self) -> Option<Instant> {
        let is_over = matches!(self.phase, Phase::Stopping { .. } | Phase::Over);
        self.probation.filter(|_| !is_over).map(|probation| probation.until)
    }

    pub(super) fn end_probation(&mut self, now: Instant, out: &mut Vec<Output>) {
        if self.probation_timeout().is_some_and(|until| until <= now) {
            self.probation = None;
            out.push(Output::ForgetFormer);
        }
    }

    /// The former binary is tried as a new one would be, but without a reload before.
    pub(super) fn go_back(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.probation = None;
        self.phase = Phase::Trial { deadline: now + TRIAL_LIMIT };
        out.push(Output::Log(Event::Returning));
        out.push(Output::TryFormer);
    }

    fn begin(&mut self, now: Instant, role: Role, out: &mut Vec<Output>) {
        out.push(Output::Begin(role));
        if self.child(role).pid().is_some() {
            self.await_readiness(now, role);
        }
        if !self.settings.no_return {
            self.probation = Some(Probation { until: now + PROBATION, crashes: 0 });
        }
        if self.is_in_succession() {
            return;
        }
        out.push(Output::Log(Event::Upgraded));
        if std::mem::take(&mut self.reload_again) {
            self.on_reload(out);
        }
    }

    /// A successor was forked: it has to be warm in time.
    pub(super) fn await_warmth(&mut self, now: Instant, role: Role) {
        if let Some(Predecessor::Working { deadline }) = self.predecessors.get_mut(&role) {
            *deadline = Some(now + WARM_LIMIT);
        }
    }

    pub(super) fn predecessors_timeout(&self) -> Option<Instant> {
        self.predecessors.values().filter_map(|predecessor| predecessor.deadline()).min()
    }

    pub(super) fn serve_predecessors(&mut self, now: Instant, out: &mut Vec<Output>) {
        for (role, predecessor) in &mut self.predecessors {
            if predecessor.deadline().is_none_or(|deadline| deadline > now) {
                continue;
            }
            match predecessor {
                // The successor does not get ready. The next try comes after its death.
                Predecessor::Working { deadline } => {
                    *deadline = None;
                    let pid = self.children.get(role).and_then(|child| child.pid());
                    out.push(Output::Log(Event::Hung(*role, pid.unwrap_or_default())));
                    out.push(Output::Kill(*role, Signal::Kill));
                }
                Predecessor::Proving { .. } => {
                    *predecessor = Predecessor::Retiring { deadline: now + RETIRE_LIMIT };
                    out.push(Output::Retire(*role));
                }
                // Its death is told, and then its successor begins.
                Predecessor::Retiring { deadline } | Predecessor::Lingering { deadline } => {
                    *deadline = now + LINGER_LIMIT;
                    out.push(Output::KillPredecessor(*role, Signal::Kill));
                }
            }
        }
    }

    /// Those that still work leave in order; a successor that has not begun has nothing to remove.
    pub(super) fn stop_predecessors(&mut self, out: &mut Vec<Output>) {
        for (role, predecessor) in &self.predecessors {
            if let Predecessor::Retiring { .. } = predecessor {
                // It does not remove anything any longer: its successor has to, and begins now.
                out.push(Output::KillPredecessor(*role, Signal::Kill));
                out.push(Output::Begin(*role));
            } else {
                out.push(Output::KillPredecessor(*role, Signal::Term));
            }
        }
    }

    /// A successor has died before it has begun: the new binary is no good, and the former one could
    /// go on with all that it had.
    pub(super) fn successor_died(&mut self, role: Role, out: &mut Vec<Output>) {
        if self.predecessors.values().all(|predecessor| predecessor.is_untouched()) {
            out.push(Output::GoBack);
        }
        if let Some(predecessor @ Predecessor::Proving { .. }) = self.predecessors.get_mut(&role) {
            *predecessor = Predecessor::Working { deadline: None };
        }
    }

    /// A child that dies while all stop has left what is to be removed: one more comes for that.
    pub(super) fn clear_up_after(&mut self, role: Role, out: &mut Vec<Output>) -> bool {
        if !self.may_clear_up.remove(&role) {
            return false;
        }
        self.children.insert(role, Child::Forking { early_deaths: 0 });
        out.push(Output::Fork(role));
        true
    }
}
