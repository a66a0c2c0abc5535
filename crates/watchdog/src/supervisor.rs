//! The machine of the parent.
//!
//! ```text
//!             SIGHUP                      over, refused
//!  Running ------------> Reloading(..) -----------------> Running
//!     |                        |
//!     +------------------------+--- SIGTERM, permanent error --> Stopping --> Exit
//! ```

mod upgrade;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base::{Duration, Instant};

use crate::child::Child;
use crate::event::Event;
use crate::predecessor::Predecessor;
use crate::pulse::{Beat, Pulse};
use crate::reload::{COMMIT_LIMIT, PREPARE_LIMIT, Reload};
use crate::role::Role;
use upgrade::Probation;

pub use upgrade::TRIAL_LIMIT;

/// What one object (address, server) of the configuration adds to that: removal is measured in
/// microseconds each, this is a hundred times as much.
const WAIT_PER_OBJECT: Duration = Duration::from_millis(1);

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

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// `exit(status)`.
    Status(i32),
    /// By a signal.
    Signal(i32),
}

impl Exit {
    /// Fatal problem.
    pub const FATAL: Self = Self::Status(1);
    /// The configuration cannot be run.
    pub const CONFIG: Self = Self::Status(2);
    /// The system lacks what this child needs (IPVS), which does not concern the others.
    pub const UNAVAILABLE: Self = Self::Status(3);
    /// A privilege is missing.
    pub const PERMISSION: Self = Self::Status(4);

    const fn is_permanent(self) -> bool {
        matches!(self, Self::FATAL | Self::CONFIG | Self::PERMISSION)
    }
}

/// keepalived's names of the permanent errors.
impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::FATAL => f.write_str("FATAL"),
            Self::CONFIG => f.write_str("CONFIG"),
            Self::PERMISSION => f.write_str("missing permission"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The answer to [`Output::Fork`].
    Forked(Role, i32),
    /// The other answer to [`Output::Fork`].
    ForkFailed(Role, String),
    /// A child ended.
    Exited(Role, Exit),
    /// A child is up.
    Ready(Role),
    /// A child has answered the question of that number.
    Pong(Role, u64),
    /// A child has worked out what a new configuration changes.
    Prepared {
        /// Who.
        role: Role,
        /// For which configuration.
        generation: u64,
        /// What would change, a line each; empty when nothing would.
        plan: Vec<String>,
    },
    /// A child cannot take a new configuration.
    Refused {
        /// Who.
        role: Role,
        /// For which configuration.
        generation: u64,
        /// Why not.
        reason: String,
    },
    /// A child runs the new configuration.
    Committed {
        /// Who.
        role: Role,
        /// Which configuration.
        generation: u64,
    },
    /// SIGHUP.
    Reload,
    /// The files were read; the configuration wants these children.
    Loaded(BTreeSet<Role>),
    /// The files cannot be used.
    LoadFailed(String),
    /// The signal to go on with the program's file that is there now.
    Upgrade,
    /// The answer to [`Output::Try`]: the new binary reads the state and the configuration.
    TrialPassed,
    /// The other answer to [`Output::Try`], or the one to [`Output::TakeOver`].
    UpgradeFailed(String),
    /// A child waits for the word to begin, everything that takes time being done.
    Warm(Role),
    /// A child of the former binary has handed over what it knows.
    Retired(Role),
    /// A child of the former binary ended.
    PredecessorExited(Role),
    /// SIGTERM or SIGINT; `objects` are the addresses and servers that may have to be removed.
    Stop {
        /// Addresses and servers in the configuration.
        objects: u64,
    },
    /// [`Supervisor::next_timeout`] has come.
    Timeout,
}

/// A signal to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Leave in order.
    Term,
    /// Leave.
    Kill,
}

/// A message to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Work out what the configuration that comes with this would change.
    Prepare(u64),
    /// Change it.
    Commit(u64),
    /// Forget it.
    Abort(u64),
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Fork this child and answer with [`Input::Forked`] or [`Input::ForkFailed`].
    Fork(Role),
    /// Send it a message.
    Send(Role, Command),
    /// Ask it to answer with this number.
    Ping(Role, u64),
    /// Send it a signal.
    Kill(Role, Signal),
    /// Let the new binary prove itself; answer with [`Input::TrialPassed`] or
    /// [`Input::UpgradeFailed`].
    Try,
    /// Let the former binary prove that it can go on, as `Try` does with the new one.
    TryFormer,
    /// The trial is of no interest any longer.
    EndTrial,
    /// Become the new binary; `reload`: it has to serve one. [`Input::UpgradeFailed`] if that fails.
    TakeOver {
        /// One was asked for meanwhile.
        reload: bool,
    },
    /// Become the former binary again, if there is a way back; else what follows.
    GoBack,
    /// The former binary is not gone back to any longer: let go of its file.
    ForgetFormer,
    /// There is no way back to the former binary any longer.
    CloseWayBack,
    /// Tell the child of the former binary to hand over, and answer with [`Input::Retired`]. From here
    /// on there is no way back.
    Retire(Role),
    /// Send a signal to the child of the former binary.
    KillPredecessor(Role, Signal),
    /// Tell the child to begin, with what its predecessor knew. From here on there is no way back.
    Begin(Role),
    /// Read the configuration and answer with [`Input::Loaded`] or [`Input::LoadFailed`].
    Load,
    /// What was loaded last is the configuration now.
    Adopt,
    /// What was loaded last is not used.
    Discard,
    /// Write a log line.
    Log(Event),
    /// All is over.
    Exit(i32),
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
    /// Children of the former binary.
    predecessors: BTreeMap<Role, Predecessor>,
    phase: Phase,
    generation: u64,
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
            predecessors: BTreeMap::new(),
            phase: Phase::Running,
            generation: 1,
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
        // While they reload or stop they have other deadlines to keep.
        let asks = self.feels_pulses();
        let pulses = self.pulses.values().filter(|_| asks).map(|pulse| pulse.next_timeout());
        restarts
            .chain(phase)
            .chain(pulses)
            .chain(self.predecessors_timeout())
            .chain(self.probation_timeout())
            .min()
    }

    const fn feels_pulses(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Trial { .. })
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
            Input::Stop { objects } => self.stop(now, 0, objects, out),
            Input::Timeout => self.on_timeout(now, out),
        }
    }

    fn on_forked(&mut self, now: Instant, role: Role, pid: i32, out: &mut Vec<Output>) {
        let early_deaths = match self.child(role) {
            Child::Forking { early_deaths } => early_deaths,
            _ => 0,
        };
        out.push(Output::Log(Event::Starting(role, pid)));
        self.children.insert(role, Child::Running { pid, since: now, ready: false, early_deaths });
        self.await_warmth(now, role);
        if let Phase::Stopping { .. } = self.phase {
            // It came to clear up after one that died.
            out.push(Output::Kill(role, Signal::Term));
        }
    }

    fn on_ready(&mut self, now: Instant, role: Role, out: &mut Vec<Output>) {
        if let Some(Child::Running { ready, .. }) = self.children.get_mut(&role) {
            *ready = true;
            if !self.settings.no_heartbeat {
                self.pulses.insert(role, Pulse::new(now));
            }
        }
        // The successor of a child that died while a reload was being prepared is asked again.
        if let Phase::Reloading(Reload::Preparing { generation, awaiting, .. }) = &self.phase
            && awaiting.contains(&role)
        {
            out.push(Output::Send(role, Command::Prepare(*generation)));
        }
    }

    fn on_exited(&mut self, now: Instant, role: Role, exit: Exit, out: &mut Vec<Output>) {
        let pid = self.child(role).pid().unwrap_or_default();
        self.pulses.remove(&role);
        if let Phase::Stopping { status, .. } = self.phase {
            if matches!(exit, Exit::Signal(_)) && self.clear_up_after(role, out) {
                return;
            }
            self.children.insert(role, Child::Ended);
            return self.finish_if_all_ended(status, out);
        }
        if let Exit::Signal(signal) = exit {
            out.push(Output::Log(Event::Killed(pid, signal)));
        }
        if self.works(role) {
            self.successor_died(role, out);
            // Whatever is wrong with it: nothing is lost as long as its predecessor works.
            out.push(Output::Log(Event::Respawning(role, pid)));
            return self.replace(now, role, out);
        }
        if self.fails_probation(now, exit) {
            self.go_back(now, out);
            out.push(Output::Log(Event::Respawning(role, pid)));
            return self.replace(now, role, out);
        }
        if exit == Exit::UNAVAILABLE && self.others_run(role) {
            out.push(Output::Log(Event::Unavailable(role)));
            self.children.insert(role, Child::Ended);
            return self.forget_in_reload(now, role, out);
        }
        if exit.is_permanent() || exit == Exit::UNAVAILABLE {
            out.push(Output::Log(Event::Permanent(pid, exit)));
            self.children.insert(role, Child::Ended);
            let Exit::Status(status) = exit else { return };
            let status = if exit == Exit::UNAVAILABLE { 1 } else { status };
            return self.stop(now, status, 0, out);
        }
        if self.settings.dont_respawn {
            out.push(Output::Log(Event::Exiting(role, pid)));
            self.children.insert(role, Child::Ended);
            return self.stop(now, 0, 0, out);
        }
        out.push(Output::Log(Event::Respawning(role, pid)));
        if let Phase::Reloading(Reload::Committing { .. }) = self.phase {
            // Its successor starts with the new configuration: nothing left to wait for.
            self.forget_in_reload(now, role, out);
        }
        self.replace(now, role, out);
    }

    fn others_run(&self, role: Role) -> bool {
        self.children.iter().any(|(other, child)| *other != role && *child != Child::Ended)
    }

    fn replace(&mut self, now: Instant, role: Role, out: &mut Vec<Output>) {
        let (next, wait) = self.child(role).died(now);
        self.children.insert(role, next);
        match next {
            Child::Forking { .. } => out.push(Output::Fork(role)),
            Child::Waiting { .. } => out.push(Output::Log(Event::Delayed(role, wait))),
            Child::Running { .. } | Child::Ended => {}
        }
    }

    fn fork_missing(&mut self, wanted: &BTreeSet<Role>, out: &mut Vec<Output>) {
        for role in wanted {
            if self.child(*role) == Child::Ended {
                self.children.insert(*role, Child::Forking { early_deaths: 0 });
                out.push(Output::Fork(*role));
            }
        }
    }

    fn on_reload(&mut self, out: &mut Vec<Output>) {
        match self.phase {
            // Children of the former binary understand no more than a signal.
            Phase::Running if self.is_in_succession() => self.reload_again = true,
            Phase::Running => {
                self.phase = Phase::Reloading(Reload::Reading);
                out.push(Output::Log(Event::Reloading));
                out.push(Output::Load);
            }
            // One more is remembered, however many come: it will read what is there then.
            Phase::Reloading(_) | Phase::Trial { .. } => self.reload_again = true,
            Phase::Stopping { .. } | Phase::Over => {}
        }
    }

    fn on_loaded(&mut self, now: Instant, wanted: BTreeSet<Role>, out: &mut Vec<Output>) {
        if self.phase != Phase::Reloading(Reload::Reading) {
            return;
        }
        let generation = self.generation + 1;
        self.planned = false;
        let awaiting: BTreeSet<Role> = self
            .children
            .iter()
            .filter(|(_, child)| **child != Child::Ended)
            .map(|(role, _)| *role)
            .collect();
        for role in &awaiting {
            // One that is not up yet is asked when it is.
            if self.child(*role).is_ready() {
                out.push(Output::Send(*role, Command::Prepare(generation)));
            }
        }
        let deadline = now + PREPARE_LIMIT;
        let all_answered = awaiting.is_empty();
        self.phase = Phase::Reloading(Reload::Preparing { generation, awaiting, wanted, deadline });
        if all_answered {
            self.commit(now, out);
        }
    }

    fn on_prepared(
        &mut self,
        now: Instant,
        role: Role,
        generation: u64,
        plan: Vec<String>,
        out: &mut Vec<Output>,
    ) {
        let Phase::Reloading(Reload::Preparing { generation: current, awaiting, .. }) =
            &mut self.phase
        else {
            return;
        };
        if *current != generation || !awaiting.remove(&role) {
            return;
        }
        let all_answered = awaiting.is_empty();
        self.planned |= !plan.is_empty();
        out.extend(plan.into_iter().map(|line| Output::Log(Event::Plan(role, line))));
        if all_answered {
            self.commit(now, out);
        }
    }

    fn commit(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Phase::Reloading(Reload::Preparing { generation, wanted, .. }) = &self.phase else {
            return;
        };
        let (generation, wanted) = (*generation, wanted.clone());
        if !self.planned {
            out.push(Output::Log(Event::NoChange));
        }
        self.generation = generation;
        out.push(Output::Adopt);
        let awaiting: BTreeSet<Role> =
            self.children.iter().filter(|(_, child)| child.is_ready()).map(|(r, _)| *r).collect();
        for role in &awaiting {
            out.push(Output::Send(*role, Command::Commit(generation)));
        }
        self.fork_missing(&wanted, out);
        let nothing_to_await = awaiting.is_empty();
        self.phase = Phase::Reloading(Reload::Committing {
            generation,
            awaiting,
            deadline: now + COMMIT_LIMIT,
        });
        if nothing_to_await {
            self.end_reload(now, Event::Reloaded, out);
        }
    }

    fn on_refused(
        &mut self,
        now: Instant,
        role: Role,
        generation: u64,
        reason: &str,
        out: &mut Vec<Output>,
    ) {
        if matches!(&self.phase, Phase::Reloading(Reload::Preparing { generation: current, .. }) if *current == generation)
        {
            self.abort(now, format!("{role} process: {reason}"), out);
        }
    }

    fn abort(&mut self, now: Instant, why: String, out: &mut Vec<Output>) {
        let Phase::Reloading(Reload::Preparing { generation, .. }) = self.phase else { return };
        for (role, child) in &self.children {
            if child.is_ready() {
                out.push(Output::Send(*role, Command::Abort(generation)));
            }
        }
        self.end_reload(now, Event::Refused(why), out);
    }

    fn on_committed(&mut self, now: Instant, role: Role, generation: u64, out: &mut Vec<Output>) {
        let Phase::Reloading(Reload::Committing { generation: current, awaiting, .. }) =
            &mut self.phase
        else {
            return;
        };
        if *current == generation && awaiting.remove(&role) && awaiting.is_empty() {
            self.end_reload(now, Event::Reloaded, out);
        }
    }

    /// A child that will not answer any more does not hold up a reload.
    fn forget_in_reload(&mut self, now: Instant, role: Role, out: &mut Vec<Output>) {
        match &mut self.phase {
            Phase::Reloading(Reload::Preparing { awaiting, .. }) => {
                if awaiting.remove(&role) && awaiting.is_empty() {
                    self.commit(now, out);
                }
            }
            Phase::Reloading(Reload::Committing { awaiting, .. }) => {
                if awaiting.remove(&role) && awaiting.is_empty() {
                    self.end_reload(now, Event::Reloaded, out);
                }
            }
            _ => {}
        }
    }

    fn end_reload(&mut self, now: Instant, event: Event, out: &mut Vec<Output>) {
        let reloaded = event == Event::Reloaded;
        if !reloaded {
            out.push(Output::Discard);
        }
        out.push(Output::Log(event));
        self.phase = Phase::Running;
        if std::mem::take(&mut self.reload_again) {
            self.on_reload(out);
        } else {
            self.go_on_with_upgrade(now, reloaded, out);
        }
    }

    fn stop(&mut self, now: Instant, status: i32, objects: u64, out: &mut Vec<Output>) {
        if matches!(self.phase, Phase::Stopping { .. } | Phase::Over) {
            return;
        }
        out.push(Output::Log(Event::Stopping));
        if let Phase::Trial { .. } = self.phase {
            out.push(Output::EndTrial);
        }
        if self.is_in_succession() {
            out.push(Output::CloseWayBack);
        }
        self.stop_predecessors(out);
        self.may_clear_up = self.children.keys().copied().collect();
        for (role, child) in &mut self.children {
            match child {
                Child::Running { .. } => out.push(Output::Kill(*role, Signal::Term)),
                Child::Waiting { .. } => {
                    // What the one before it has left is there.
                    self.may_clear_up.remove(role);
                    *child = Child::Forking { early_deaths: 0 };
                    out.push(Output::Fork(*role));
                }
                // The fork is under way and told.
                Child::Forking { .. } | Child::Ended => {}
            }
        }
        let deadline = now + self.settings.child_wait + WAIT_PER_OBJECT.saturating_mul(objects);
        self.phase = Phase::Stopping { deadline, status };
        self.finish_if_all_ended(status, out);
    }

    fn finish_if_all_ended(&mut self, status: i32, out: &mut Vec<Output>) {
        let ended = self.children.values().all(|child| *child == Child::Ended);
        if ended && self.predecessors.is_empty() {
            self.phase = Phase::Over;
            out.push(Output::Exit(status));
        }
    }

    fn feel_pulses(&mut self, now: Instant, out: &mut Vec<Output>) {
        let children = &self.children;
        self.pulses.retain(|role, pulse| match pulse.handle_timeout(now, *role) {
            Beat::Rest => true,
            Beat::Ask(number) => {
                out.push(Output::Ping(*role, number));
                true
            }
            Beat::Hung => {
                let pid = children.get(role).and_then(|child| child.pid()).unwrap_or_default();
                out.push(Output::Log(Event::Hung(*role, pid)));
                out.push(Output::Kill(*role, Signal::Kill));
                // Its death is told, and what follows from it is the same as ever.
                false
            }
        });
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Vec<Output>) {
        for (role, child) in &mut self.children {
            if let Child::Waiting { restart_at, early_deaths } = *child
                && restart_at <= now
            {
                *child = Child::Forking { early_deaths };
                out.push(Output::Fork(*role));
            }
        }
        if self.feels_pulses() {
            self.feel_pulses(now, out);
        }
        self.serve_predecessors(now, out);
        self.end_probation(now, out);
        match &mut self.phase {
            Phase::Reloading(Reload::Preparing { deadline, awaiting, .. }) if *deadline <= now => {
                let who: Vec<String> = awaiting.iter().map(ToString::to_string).collect();
                self.abort(
                    now,
                    format!("no answer from {} within {PREPARE_LIMIT}", who.join(", ")),
                    out,
                );
            }
            Phase::Reloading(Reload::Committing { deadline, .. }) if *deadline <= now => {
                self.end_reload(now, Event::Reloaded, out);
            }
            Phase::Trial { deadline } if *deadline <= now => {
                self.on_upgrade_failed(format!("no result within {TRIAL_LIMIT}"), out);
            }
            Phase::Stopping { deadline, .. } if *deadline <= now => {
                self.may_clear_up.clear();
                out.extend(
                    self.predecessors
                        .keys()
                        .map(|role| Output::KillPredecessor(*role, Signal::Kill)),
                );
                for (role, child) in &self.children {
                    if let Some(pid) = child.pid() {
                        out.push(Output::Log(Event::Forced(*role, pid)));
                        out.push(Output::Kill(*role, Signal::Kill));
                    }
                }
                // SIGKILL cannot be refused: the exits follow. Asked again should one not.
                *deadline = now + self.settings.child_wait;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
#[path = "supervisor_tests.rs"]
mod tests;
