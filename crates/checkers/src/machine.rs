//! The checkers as one machine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::{Duration, Instant};
use control_plane::model::lvs::ServerGroup;
use control_plane::model::{CheckerKind, GroupNames, Lvs, ServiceAddress};

use crate::build::{Built, Prior, build};
use crate::dialogue::{Dialogue, Step};
use crate::event::Event;
use crate::input::{Input, Outcome};
use crate::jitter::Jitter;
use crate::judge::Quorums;
use crate::kinds::{Try, next_try, patience, silence};
use crate::layout::{Activity, Layout, Service};
use crate::mail::{self, Since};
use crate::names::ServerId;
use crate::news::{notify_quorum, notify_server, notify_stop};
use crate::output::{Output, Outputs, ProbeId};
use crate::outside::{Outside, file_names};
use crate::plan::{self, Change};
use crate::pool::{DesiredTable, ManagedTable, Pool, Touched};
use crate::probes::{CheckIndex, InFlight, Probes};
use crate::quorum::Turn;
use crate::script_runs::{ScriptRuns, ScriptRunsOf};
use crate::snapshot::{ServerState, ServiceState, Snapshot, StateChange};
use crate::verdict::{Failure, Passed};

/// All checks, the servers that they judge, and the pool that follows.
///
/// ```text
///            Timeout                 place is free              ProbeDone, or deadline
///  Sleeping --------> Waiting (FIFO) ------------> Probing ------------------------------+
///     ^                                          StartProbe      (deadline: AbortProbe)  |
///     +------------- delay_loop, or delay_before_retry after a failure ------------------+
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkers {
    pub(crate) layout: Layout,
    /// The configuration's groups.
    pub(crate) groups: Vec<ServerGroup>,
    /// Their names, and those of what the last reload took away.
    pub(crate) names: GroupNames,
    /// The timers of all checks, soonest first.
    schedule: BTreeSet<(Instant, CheckIndex)>,
    pub(crate) probes: Probes,
    pub(crate) pool: Pool,
    pub(crate) unreported: Unreported,
    pub(crate) jitter: Jitter,
    /// Names of the configuration's files, by their place.
    pub(crate) file_names: Vec<String>,
    pub(crate) outside: Outside,
    pub(crate) script_runs: ScriptRuns,
    stopped: bool,
}

/// Changes that the parent has not been told yet, the latest of each object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unreported {
    pub(crate) services: BTreeMap<ServiceAddress, Option<ServiceState>>,
    pub(crate) servers: BTreeMap<ServerId, Option<ServerState>>,
}

impl Checkers {
    /// Start with `config`. A successor is given the `resume` of the process that died and goes on
    /// from there. The same `seed` gives the same delays.
    pub fn new(
        now: Instant,
        config: &Arc<Lvs>,
        resume: Option<&Snapshot>,
        seed: u64,
        out: &mut Outputs,
    ) -> Self {
        Self::with_outside(now, config, resume, Outside::default(), seed, out)
    }

    /// As [`Self::new`], where something is known of this host.
    pub fn with_outside(
        now: Instant,
        config: &Arc<Lvs>,
        resume: Option<&Snapshot>,
        outside: Outside,
        seed: u64,
        out: &mut Outputs,
    ) -> Self {
        let mut jitter = Jitter::new(seed);
        let prior = resume.map(Prior::from_snapshot).unwrap_or_default();
        let Built { layout, ignored, .. } = build(config, &prior, now, &mut jitter);
        let mut machine = Self {
            layout,
            groups: config.groups.clone(),
            names: GroupNames::of(config),
            schedule: BTreeSet::new(),
            probes: Probes::default(),
            pool: Pool::default(),
            unreported: Unreported::default(),
            jitter,
            file_names: file_names(config),
            outside,
            script_runs: ScriptRuns::default(),
            stopped: false,
        };
        out.extend(ignored.into_iter().map(Output::Log));
        if let Some(snapshot) = resume {
            machine.retire_unconfigured(snapshot, out);
        }
        if resume.is_none() && config.notify_initial {
            let up = machine.layout.servers.iter().filter(|server| server.is_up());
            up.for_each(|server| notify_server(server, out));
        }
        machine.settle(now, out);
        machine
    }

    /// One thing happened at `now`; what to do about it goes to `out`.
    pub fn handle_input(&mut self, now: Instant, input: Input<'_>, out: &mut Outputs) {
        if self.stopped {
            return;
        }
        match input {
            Input::Timeout => self.on_timeout(now, out),
            Input::ProbeDone { probe, outcome } => self.on_probe_done(now, probe, outcome, out),
            Input::ProbeConnected { probe } => {
                self.on_talk(now, probe, out, Dialogue::connected);
            }
            Input::ProbeReceived { probe, bytes } => {
                self.on_talk(now, probe, out, |dialogue| dialogue.received(bytes));
            }
            Input::ProbeEnded { probe, error } => {
                self.on_talk(now, probe, out, |dialogue| dialogue.ended(error));
            }
            Input::Searched { probe, found } => {
                self.on_talk(now, probe, out, |dialogue| dialogue.searched(found));
            }
            Input::FileSeen { name, value } => self.on_file(name, value, out),
            Input::Addresses(addresses) => self.on_addresses(now, addresses, out),
            Input::Reload(config) => self.on_reload(now, config, out),
            Input::Stop => self.on_stop(out),
        }
    }

    /// When to come back with [`Input::Timeout`]; `None`: not before another input.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.schedule.first().map(|&(at, _)| at)
    }

    /// How much later than [`next_timeout`](Self::next_timeout) the driver may come, so that one turn
    /// serves many checks: a two hundredth of their shortest time, 5 ms at most.
    pub const fn slack(&self) -> Duration {
        self.layout.slack
    }

    /// What the kernel should hold.
    pub const fn desired(&self) -> &DesiredTable {
        self.pool.desired()
    }

    /// What is ours in the kernel: it may be removed when it is not desired.
    pub const fn managed(&self) -> &ManagedTable {
        self.pool.managed()
    }

    /// Grows whenever [`desired`](Self::desired) changes.
    pub const fn generation(&self) -> u64 {
        self.pool.generation()
    }

    /// Where [`desired`](Self::desired) changed since the last call; the first call says nothing, for all
    /// of it is new.
    pub fn take_touched(&mut self) -> Touched {
        self.pool.take_touched()
    }

    /// The driver says that the kernel equals [`desired`](Self::desired). What a reload has taken
    /// away is no longer ours: an entry that somebody else makes there later is left alone.
    pub fn kernel_is_current(&mut self) {
        self.pool.forget_retired();
    }

    /// Makes its tables as small as they can be. For after a start or a reload; costs a copy of them.
    pub fn compact(&mut self) {
        self.pool.compact();
    }

    /// Everything that a successor has to know.
    pub fn snapshot(&self) -> Snapshot {
        self.layout.snapshot()
    }

    /// When scripts of checks ran last, and how they ended.
    pub fn script_runs(&self) -> ScriptRunsOf {
        self.script_runs.by_server(&self.layout)
    }

    /// What became other since the last call, one entry an object.
    pub fn take_changes(&mut self) -> Vec<StateChange> {
        let Unreported { services, servers } = std::mem::take(&mut self.unreported);
        let services = services.into_iter().map(|(id, state)| StateChange::Service(id, state));
        let servers = servers.into_iter().map(|(id, state)| StateChange::Server(id, state));
        services.chain(servers).collect()
    }

    /// The names of groups in the running configuration, and those that its predecessor alone had,
    /// for [`Event::named`].
    pub const fn names(&self) -> &GroupNames {
        &self.names
    }

    /// The names of groups in `new`, and of what is in use now and not in it, for [`Change::named`].
    pub fn names_with(&self, new: &Lvs) -> GroupNames {
        let in_use: BTreeSet<_> =
            self.layout.services.iter().map(|service| service.config.address).collect();
        GroupNames::of(new).and(&self.names, |address| in_use.contains(address))
    }

    /// What a reload with `new` would change.
    pub fn plan(&self, new: &Arc<Lvs>) -> Vec<Change> {
        plan::compare(&self.layout, new)
    }

    /// The driver has descriptors for so many probes at a time; more than
    /// [`MAX_IN_FLIGHT`](crate::MAX_IN_FLIGHT) are not used.
    pub fn limit_probes(&mut self, places: usize) {
        self.probes.limit(places);
    }

    /// How many probes run, and how many wait for a place.
    pub fn probe_counts(&self) -> (usize, usize) {
        self.probes.counts()
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Outputs) {
        while let Some(&(at, index)) = self.schedule.first()
            && at <= now
        {
            self.schedule.pop_first();
            let Some(check) = self.layout.checks.get_mut(index) else { continue };
            match check.activity {
                Activity::Sleeping { until } => {
                    check.activity = Activity::Waiting { due: until };
                    self.probes.enqueue(index);
                }
                Activity::Probing { probe, .. } => {
                    out.push(Output::AbortProbe(probe));
                    let verdict = match self.probes.finish(probe) {
                        Some(InFlight {
                            dialogue: Some(mut dialogue), connected: true, ..
                        }) => dialogue.timed_out(),
                        _ if self.is_script(index) => Err(Failure::Timeout),
                        _ => Err(Failure::ConnectTimeout),
                    };
                    self.judge(now, index, verdict, out);
                }
                Activity::Waiting { .. } | Activity::Idle => {}
            }
        }
        self.start_waiting(now, out);
    }

    fn on_probe_done(&mut self, now: Instant, probe: ProbeId, outcome: Outcome, out: &mut Outputs) {
        let Some(running) = self.probes.finish(probe) else { return };
        self.unschedule(running.check);
        let verdict = match outcome {
            Outcome::Connected => Ok(Passed::Answered),
            Outcome::Failed if self.is_script(running.check) => Err(Failure::NotStarted),
            Outcome::Failed => Err(Failure::Connect),
            Outcome::TimedOut => Err(Failure::ConnectTimeout),
            Outcome::TlsFailed => Err(Failure::Tls),
            Outcome::Exited(status) => {
                self.script_runs.exited(running.check, status);
                self.judge_script(running.check, status)
            }
            Outcome::Signal(signal) => Err(Failure::Signal(signal)),
        };
        self.judge(now, running.check, verdict, out);
        self.start_waiting(now, out);
    }

    /// A probe has something to say to its dialogue.
    fn on_talk(
        &mut self,
        now: Instant,
        probe: ProbeId,
        out: &mut Outputs,
        event: impl FnOnce(&mut Dialogue) -> Step,
    ) {
        let Some(running) = self.probes.running(probe) else { return };
        let Some(dialogue) = &mut running.dialogue else { return };
        running.connected = true;
        let (index, step) = (running.check, event(dialogue));
        match step {
            Step::Ignored => {}
            Step::More => self.give_time(now, index),
            Step::Send(bytes) => {
                out.push(Output::Send { probe, bytes });
                self.give_time(now, index);
            }
            Step::Search(regex, body) => {
                out.push(Output::Search { probe, regex: *regex, body });
            }
            Step::Over(verdict) => {
                self.probes.finish(probe);
                self.unschedule(index);
                out.push(Output::AbortProbe(probe));
                self.judge(now, index, verdict, out);
                self.start_waiting(now, out);
            }
        }
    }

    /// The server of a check may be silent again for as long as it may be at all.
    fn give_time(&mut self, now: Instant, index: CheckIndex) {
        let Some(check) = self.layout.checks.get_mut(index) else { return };
        let silence = silence(&check.config.kind);
        if let Activity::Probing { deadline, give_up, .. } = &mut check.activity {
            self.schedule.remove(&(*deadline, index));
            *deadline = (now + silence).min(*give_up);
            self.schedule.insert((*deadline, index));
        }
    }

    /// Probe the checks whose turn it is, as far as there are places.
    pub(crate) fn start_waiting(&mut self, now: Instant, out: &mut Outputs) {
        while let Some(index) = self.probes.take_next() {
            let Some(check) = self.layout.checks.get_mut(index) else { continue };
            // It may have been suspended while it waited.
            let Activity::Waiting { due } = check.activity else { continue };
            let next = next_try(&check.config, check.progress.url, &mut self.jitter);
            let Some(Try { spec, dialogue }) = next else { continue };
            let probe = self.probes.start(index, dialogue);
            let deadline = now + silence(&check.config.kind);
            let give_up = now + patience(&check.config.kind);
            check.activity = Activity::Probing { probe, due, deadline, give_up };
            if matches!(check.config.kind, CheckerKind::Misc(_)) {
                self.script_runs.started(index, now);
            }
            self.schedule.insert((deadline, index));
            out.push(Output::StartProbe { probe, spec, deadline });
        }
    }

    pub(crate) fn unschedule(&mut self, index: CheckIndex) {
        if let Some(at) = self.layout.checks.get(index).and_then(|check| check.activity.timer()) {
            self.schedule.remove(&(at, index));
        }
    }

    /// The check comes back at `until`.
    pub(crate) fn sleep(&mut self, index: CheckIndex, until: Instant) {
        let Some(check) = self.layout.checks.get_mut(index) else { return };
        check.activity = Activity::Sleeping { until };
        self.schedule.insert((until, index));
    }

    pub(crate) fn report_server(&mut self, place: usize) {
        if let Some(server) = self.layout.servers.get(place) {
            let state = self.layout.server_state(server);
            self.unreported.servers.insert(server.id(), Some(state));
        }
    }

    /// Bring timers, quorums and pool in line with new lists.
    pub(crate) fn settle(&mut self, now: Instant, out: &mut Outputs) {
        let timers = self.layout.checks.iter().enumerate();
        self.schedule =
            timers.filter_map(|(index, check)| Some((check.activity.timer()?, index))).collect();
        for place in 0..self.layout.services.len() {
            self.settle_quorum(place, out);
            self.fill_pool(place);
        }
        self.suspend_absent(now, true, out);
        let servers = &self.layout.servers;
        let active = self.layout.checks.iter().filter(|check| check.activity != Activity::Idle);
        out.reserve(active.clone().count());
        for server in active.filter_map(|check| servers.get(check.server)) {
            out.push(Output::Log(Event::CheckerActivated(server.id())));
        }
        // At the start; a reload has done that already.
        self.judge_files(Quorums::Now, out);
    }

    fn settle_quorum(&mut self, place: usize, out: &mut Outputs) {
        let Some(service) = self.layout.services.get_mut(place) else { return };
        let turn = service.quorum.weigh(service.live_weight);
        let line = service.quorum_line();
        let has_sorry = service.sorry_id().is_some();
        // Also one that has not turned: a successor that knows nothing of it takes it for new.
        if service.is_new || turn.is_some() {
            self.unreported.services.insert(service.config.address, Some(service.state()));
        }
        if service.is_new && (turn.is_some() || service.is_sorry()) {
            mail::quorum(service, Since::Start, &self.names, out);
        } else if turn.is_some() {
            mail::quorum(service, Since::Turn, &self.names, out);
        }
        match turn {
            Some(Turn::Gained) => out.push(Output::Log(Event::QuorumGained(line))),
            Some(Turn::Lost) => out.push(Output::Log(Event::QuorumMissing(line))),
            None if service.is_new && service.is_sorry() => {
                out.push(Output::Log(Event::QuorumNotReached(line)));
                notify_quorum(service, out);
            }
            None => return,
        }
        if turn.is_some() {
            notify_quorum(service, out);
        }
        // A service that gains its quorum at once never had its sorry server in the pool.
        if has_sorry && !(service.is_new && service.quorum.up) {
            tell_sorry(service, out);
        }
    }

    /// Give the pool what a service and its servers should be.
    pub(crate) fn fill_pool(&mut self, place: usize) {
        let Some(service) = self.layout.services.get(place) else { return };
        let servers = self.layout.servers.get(service.servers.clone()).unwrap_or_default();
        self.pool.set_service(&service.config);
        let sorry = service.sorry(servers);
        for server in servers.iter().filter(|server| sorry.is_none_or(|(id, _)| server.id() != id))
        {
            self.pool.set_destination(server.id(), service.destination(server));
        }
        if let Some((id, destination)) = sorry {
            self.pool.set_destination(id, destination);
        }
    }

    fn on_stop(&mut self, out: &mut Outputs) {
        out.extend(self.probes.take_in_flight().map(Output::AbortProbe));
        // The layout stays: taking fifty thousand servers apart would take a stop its time.
        let Layout { services, servers, .. } = &self.layout;
        out.reserve(servers.len());
        for service in services {
            let servers = servers.get(service.servers.clone()).unwrap_or_default();
            notify_stop(service, servers, &self.names, out);
        }
        for server in servers {
            let inhibited = !server.is_up() && server.config.inhibit_on_failure;
            out.push(Output::Log(Event::ServerShutDown { server: server.id(), inhibited }));
        }
        for service in services {
            self.pool.retire_service(service.config.address);
        }
        self.schedule.clear();
        self.probes = Probes::default();
        self.stopped = true;
    }
}

/// Say that the sorry server stands in, or no longer does.
pub(crate) fn tell_sorry(service: &Service, out: &mut Outputs) {
    let (Some(server), address) = (service.sorry_id(), service.config.address) else { return };
    let inhibit = service.config.sorry_server.is_some_and(|sorry| sorry.inhibit);
    let words = if service.is_sorry() {
        [Event::SorryServerAdded { server, inhibit }, Event::AliveServersRemoved(address)]
    } else {
        [Event::SorryServerRemoved { server, inhibit }, Event::AliveServersAdded(address)]
    };
    out.extend(words.map(Output::Log));
}
