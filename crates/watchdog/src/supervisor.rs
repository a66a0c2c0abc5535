//! The machine of the parent.
//!
//! ```text
//!             SIGHUP                      over, refused
//!  Running ------------> Reloading(..) -----------------> Running
//!     |                        |
//!     +------------------------+--- SIGTERM, permanent error --> Stopping --> Exit
//! ```

mod children;
mod messages;
mod reloading;
mod starting;
mod stopping;
mod upgrade;

use std::collections::{BTreeMap, BTreeSet};

use base::{Duration, Instant};

use crate::child::Child;
use crate::event::Event;
use crate::predecessor::Predecessor;
use crate::pulse::Pulse;
use crate::reload::Reload;
use crate::role::Role;
use starting::Starting;
use upgrade::Probation;

pub use messages::{Command, Exit, Input, Output, Signal};
pub use upgrade::TRIAL_LIMIT;

/// What does not change while the daemon runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// `-R`: a death ends the daemon.
    pub dont_respawn: bool,
    /// Children are not asked whether they still turn: one that a debugger holds does not.
    pub no_heartbeat: bool,
    /// `child_wait_time`: how long children may take to end, at least.
    pub child_wait: Duration,
    /// The former binary is no better, or not there: what happens to the children of this one is
    /// nothing to go back for. Two that crash would take turns without a pause.
    pub no_return: bool,
}

impl Settings {
    /// keepalived's default of `child_wait_time`.
    pub const CHILD_WAIT: Duration = Duration::from_secs(5);
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dont_respawn: false,
            no_heartbeat: false,
            child_wait: Self::CHILD_WAIT,
            no_return: false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Running,
    Reloading(Reload),
    /// A new binary proves itself.
    Trial {
        deadline: Instant,
    },
    Stopping {
        deadline: Instant,
        status: i32,
    },
    Over,
}

/// The parent's decisions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Supervisor {
    settings: Settings,
    children: BTreeMap<Role, Child>,
    /// Of children that are up.
    pulses: BTreeMap<Role, Pulse>,
    /// Children that do not answer, until they are gone.
    frozen: BTreeSet<Role>,
    /// Children that are not up yet.
    starting: BTreeMap<Role, Starting>,
    /// Children that were not up when another configuration came into force, until they are gone.
    stale: BTreeSet<Role>,
    /// Children of the former binary.
    predecessors: BTreeMap<Role, Predecessor>,
    phase: Phase,
    generation: u64,
    /// The last number that a configuration was given. One that was refused does not give it back: an
    /// answer to it counts for no other.
    last_number: u64,
    /// What may have to be removed at a stop.
    objects: u64,
    reload_again: bool,
    upgrade_wanted: bool,
    planned: bool,
    /// After an upgrade.
    probation: Option<Probation>,
    /// While all stop: those of whom one more may come.
    may_clear_up: BTreeSet<Role>,
}

impl Supervisor {
    /// Starts the children of `wanted`; with none the parent waits for a reload that adds some.
    pub fn start(settings: Settings, wanted: &BTreeSet<Role>, out: &mut Vec<Output>) -> Self {
        let mut supervisor = Self {
            settings,
            children: BTreeMap::new(),
            pulses: BTreeMap::new(),
            frozen: BTreeSet::new(),
            starting: BTreeMap::new(),
            stale: BTreeSet::new(),
            predecessors: BTreeMap::new(),
            phase: Phase::Running,
            generation: 1,
            last_number: 1,
            objects: 0,
            reload_again: false,
            upgrade_wanted: false,
            planned: false,
            probation: None,
            may_clear_up: BTreeSet::new(),
        };
        supervisor.fork_missing(wanted, out);
        supervisor
    }

    /// The child's place in its life.
    pub fn child(&self, role: Role) -> Child {
        self.children.get(&role).copied().unwrap_or(Child::Ended)
    }

    /// Whether every child that is to run has said that it is up.
    pub fn all_ready(&self) -> bool {
        self.children.values().all(|child| child.is_ready() || *child == Child::Ended)
    }

    /// The number of the configuration in force; the first is 1.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// So many objects (addresses, routes, servers) of the configuration in force may have to be removed
    /// when all stop.
    pub const fn weigh(&mut self, objects: u64) {
        self.objects = objects;
    }

    /// When [`Input::Timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        let restarts = self.children.values().filter_map(|child| match child {
            Child::Waiting { restart_at, .. } => Some(*restart_at),
            _ => None,
        });
        let phase = match &self.phase {
            Phase::Reloading(reload) => reload.deadline(),
            Phase::Stopping { deadline, .. } | Phase::Trial { deadline } => Some(*deadline),
            Phase::Running | Phase::Over => None,
        };
        let felt = self.pulses.iter().filter(|(role, _)| self.feels(**role));
        restarts
            .chain(phase)
            .chain(felt.filter_map(|(_, pulse)| pulse.next_timeout()))
            .chain(self.starts_timeout())
            .chain(self.predecessors_timeout())
            .chain(self.probation_timeout())
            .min()
    }

    /// Whether that child has to turn its loop now. While all stop there is another deadline to keep,
    /// while they reload there is one for the checkers: the VRRP process does that in short turns.
    fn feels(&self, role: Role) -> bool {
        match self.phase {
            Phase::Running | Phase::Trial { .. } => true,
            Phase::Reloading(_) => role == Role::Vrrp,
            Phase::Stopping { .. } | Phase::Over => false,
        }
    }

    /// Takes one input and appends what is to be done, in order.
    pub fn handle_input(&mut self, now: Instant, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Forked(role, pid) => self.on_forked(now, role, pid, out),
            Input::ForkFailed(role, why) => {
                out.push(Output::Log(Event::ForkFailed(role, why)));
                if let Phase::Stopping { status, .. } = self.phase {
                    self.children.insert(role, Child::Ended);
                    return self.finish_if_all_ended(status, out);
                }
                self.replace(now, role, out);
            }
            Input::Exited(role, exit) => self.on_exited(now, role, exit, out),
            Input::Ready(role) => self.on_ready(now, role, out),
            Input::Pong(role, number) => {
                if let Some(pulse) = self.pulses.get_mut(&role) {
                    pulse.answered(now, number);
                }
            }
            Input::Silent(role) => {
                if let Some(pulse) = self.pulses.get_mut(&role) {
                    pulse.silent(now);
                }
            }
            Input::Prepared { role, generation, plan } => {
                self.on_prepared(now, role, generation, plan, out);
            }
            Input::Refused { role, generation, reason } => {
                self.on_refused(now, role, generation, &reason, out);
            }
            Input::Committed { role, generation } => self.on_committed(now, role, generation, out),
            Input::Upgrade => self.on_upgrade(out),
            Input::TrialPassed => self.on_trial_passed(out),
            Input::UpgradeFailed(why) => self.on_upgrade_failed(why, out),
            Input::Warm(role) => self.on_warm(now, role),
            Input::Retired(role) => self.on_retired(now, role, out),
            Input::PredecessorExited(role) => self.on_predecessor_exited(now, role, out),
            Input::Reload => self.on_reload(out),
            Input::Loaded(wanted) => self.on_loaded(now, wanted, out),
            Input::LoadFailed(why) => {
                if self.phase == Phase::Reloading(Reload::Reading) {
                    self.end_reload(now, Event::Refused(why), out);
                }
            }
            Input::Stop => self.stop(now, 0, out),
            Input::Timeout => self.on_timeout(now, out),
        }
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.start_waiting(now, out);
        self.feel_pulses(now, out);
        self.end_long_starts(now, out);
        self.serve_predecessors(now, out);
        self.end_probation(now, out);
        match &self.phase {
            Phase::Reloading(reload) if reload.deadline().is_some_and(|at| at <= now) => {
                self.on_reload_timeout(now, out);
            }
            Phase::Trial { deadline } if *deadline <= now => {
                self.on_upgrade_failed(format!("no result within {TRIAL_LIMIT}"), out);
            }
            Phase::Stopping { deadline, status } if *deadline <= now => {
                self.stop_by_force(now, *status, out);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
#[path = "supervisor_tests.rs"]
mod tests;
