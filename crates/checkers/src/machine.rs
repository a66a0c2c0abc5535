//! The checkers as one machine.

use std::collections::{BTreeMap, BTreeSet};

use base::Instant;
use control_plane::model::{Lvs, ServiceAddress};

use crate::build::{Built, Prior, build};
use crate::event::Event;
use crate::health::{Health, Said};
use crate::input::{Input, Outcome};
use crate::jitter::Jitter;
use crate::kinds::probe_spec;
use crate::layout::{Activity, Layout, Service};
use crate::names::ServerId;
use crate::output::{Output, Outputs, ProbeId};
use crate::plan::{self, Change};
use crate::pool::{DesiredTable, ManagedTable, Pool, Touched};
use crate::probes::{CheckIndex, Probes};
use crate::quorum::Turn;
use crate::snapshot::{ServerState, ServiceState, Snapshot, StateChange};

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
    /// The timers of all checks, soonest first.
    schedule: BTreeSet<(Instant, CheckIndex)>,
    pub(crate) probes: Probes,
    pub(crate) pool: Pool,
    pub(crate) unreported: Unreported,
    pub(crate) jitter: Jitter,
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
        config: &Lvs,
        resume: Option<&Snapshot>,
        seed: u64,
        out: &mut Outputs,
    ) -> Self {
        let mut jitter = Jitter::new(seed);
        let prior = resume.map(Prior::from_snapshot).unwrap_or_default();
        let Built { layout, ignored, .. } = build(config, &prior, now, &mut jitter);
        let mut machine = Self {
            layout,
            schedule: BTreeSet::new(),
            probes: Probes::default(),
            pool: Pool::default(),
            unreported: Unreported::default(),
            jitter,
            stopped: false,
        };
        out.extend(ignored.into_iter().map(Output::Log));
        if let Some(snapshot) = resume {
            machine.retire_unconfigured(snapshot, out);
        }
        machine.settle(out);
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
            Input::Reload(config) => self.on_reload(now, config, out),
            Input::Stop => self.on_stop(out),
        }
    }

    /// When to come back with [`Input::Timeout`]; `None`: not before another input.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.schedule.first().map(|&(at, _)| at)
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

    /// Where [`desired`](Self::desired) changed since the last call.
    pub fn take_touched(&mut self) -> Touched {
        self.pool.take_touched()
    }

    /// The driver says that the kernel equals [`desired`](Self::desired). What a reload has taken
    /// away is no longer ours: an entry that somebody else makes there later is left alone.
    pub fn kernel_is_current(&mut self) {
        self.pool.forget_retired();
    }

    /// Everything that a successor has to know.
    pub fn snapshot(&self) -> Snapshot {
        self.layout.snapshot()
    }

    /// What became other since the last call, one entry an object.
    pub fn take_changes(&mut self) -> Vec<StateChange> {
        let Unreported { services, servers } = std::mem::take(&mut self.unreported);
        let services = services.into_iter().map(|(id, state)| StateChange::Service(id, state));
        let servers = servers.into_iter().map(|(id, state)| StateChange::Server(id, state));
        services.chain(servers).collect()
    }

    /// What a reload with `new` would change.
    pub fn plan(&self, new: &Lvs) -> Vec<Change> {
        plan::compare(&self.layout, new)
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
                Activity::Sleeping { .. } => {
                    check.activity = Activity::Waiting;
                    self.probes.enqueue(index);
                }
                Activity::Probing { probe, .. } => {
                    out.push(Output::AbortProbe(probe));
                    self.probes.finish(probe);
                    self.judge(now, index, Outcome::TimedOut, out);
                }
                Activity::Waiting => {}
            }
        }
        self.start_waiting(now, out);
    }

    fn on_probe_done(&mut self, now: Instant, probe: ProbeId, outcome: Outcome, out: &mut Outputs) {
        let Some(index) = self.probes.finish(probe) else { return };
        if let Some(at) = self.layout.checks.get(index).and_then(|check| check.activity.timer()) {
            self.schedule.remove(&(at, index));
        }
        self.judge(now, index, outcome, out);
        self.start_waiting(now, out);
    }

    /// Probe the checks whose turn it is, as far as there are places.
    pub(crate) fn start_waiting(&mut self, now: Instant, out: &mut Outputs) {
        while let Some((index, probe)) = self.probes.start_next() {
            let Some(check) = self.layout.checks.get_mut(index) else { continue };
            let Some((spec, timeout)) = probe_spec(&check.config.kind) else { continue };
            let deadline = now + timeout;
            check.activity = Activity::Probing { probe, deadline };
            self.schedule.insert((deadline, index));
            out.push(Output::StartProbe { probe, spec, deadline });
        }
    }

    /// A try of a check has ended.
    fn judge(&mut self, now: Instant, index: CheckIndex, outcome: Outcome, out: &mut Outputs) {
        let Some(check) = self.layout.checks.get_mut(index) else { return };
        let place = check.server;
        let Some(server) = self.layout.servers.get_mut(place) else { return };
        let (before, was_up) = (check.health, server.is_up());
        let step = match outcome {
            Outcome::Connected => check.health.succeeded(&check.config),
            Outcome::Failed | Outcome::TimedOut => check.health.failed(&check.config),
        };
        let health = check.health;
        let until = now + step.next;
        check.activity = Activity::Sleeping { until };
        self.schedule.insert((until, index));
        let tell_try = check.config.log_all_failures && before != Health::Down;
        out.extend(words(server.id, outcome, tell_try, step.said).map(Output::Log));
        match (before.is_up(), health.is_up()) {
            (true, false) => server.failed_checks += 1,
            (false, true) => server.failed_checks = server.failed_checks.saturating_sub(1),
            _ => {}
        }
        if server.is_up() != was_up {
            self.server_turned(place, out);
        }
        if health != before {
            self.report_server(place);
        }
    }

    /// A server went up or down.
    fn server_turned(&mut self, place: usize, out: &mut Outputs) {
        let Some(server) = self.layout.servers.get(place) else { return };
        let service_place = server.service;
        let Some(service) = self.layout.services.get_mut(service_place) else { return };
        let (id, inhibit) = (server.id, server.config.inhibit_on_failure);
        let weight = u64::from(server.config.weight);
        if server.is_up() {
            service.live_weight = service.live_weight.saturating_add(weight);
            out.push(Output::Log(Event::ServerAdded { server: id, inhibit }));
        } else {
            service.live_weight = service.live_weight.saturating_sub(weight);
            out.push(Output::Log(Event::ServerRemoved { server: id, inhibit }));
        }
        let turn = service.quorum.weigh(service.live_weight);
        if !(service.is_sorry() && service.sorry_id() == Some(id)) {
            self.pool.set_destination(id, service.destination(server));
        }
        let Some(turn) = turn else { return };
        let line = service.quorum_line();
        out.push(Output::Log(match turn {
            Turn::Gained => Event::QuorumGained(line),
            Turn::Lost => Event::QuorumLost(line),
        }));
        self.unreported.services.insert(service.config.address, Some(service.state()));
        if service.sorry_id().is_some() {
            tell_sorry(service, out);
            self.fill_pool(service_place);
        }
    }

    fn report_server(&mut self, place: usize) {
        if let Some(server) = self.layout.servers.get(place) {
            let state = self.layout.server_state(server);
            self.unreported.servers.insert(server.id, Some(state));
        }
    }

    /// Bring timers, quorums and pool in line with new lists.
    pub(crate) fn settle(&mut self, out: &mut Outputs) {
        let timers = self.layout.checks.iter().enumerate();
        self.schedule =
            timers.filter_map(|(index, check)| Some((check.activity.timer()?, index))).collect();
        for place in 0..self.layout.services.len() {
            self.settle_quorum(place, out);
            self.fill_pool(place);
        }
        let servers = &self.layout.servers;
        for server in self.layout.checks.iter().filter_map(|check| servers.get(check.server)) {
            out.push(Output::Log(Event::CheckerActivated(server.id)));
        }
    }

    fn settle_quorum(&mut self, place: usize, out: &mut Outputs) {
        let Some(service) = self.layout.services.get_mut(place) else { return };
        let turn = service.quorum.weigh(service.live_weight);
        let line = service.quorum_line();
        let has_sorry = service.sorry_id().is_some();
        match turn {
            Some(Turn::Gained) => out.push(Output::Log(Event::QuorumGained(line))),
            Some(Turn::Lost) => out.push(Output::Log(Event::QuorumMissing(line))),
            None if service.is_new && service.is_sorry() => {
                out.push(Output::Log(Event::QuorumNotReached(line)));
            }
            None => return,
        }
        if turn.is_some() {
            self.unreported.services.insert(service.config.address, Some(service.state()));
        }
        // A service that gains its quorum at once never had its sorry server in the pool.
        if has_sorry && !(service.is_new && service.quorum.up) {
            tell_sorry(service, out);
        }
    }

    /// Give the pool what a service and its servers should be.
    fn fill_pool(&mut self, place: usize) {
        let Some(service) = self.layout.services.get(place) else { return };
        let servers = self.layout.servers.get(service.servers.clone()).unwrap_or_default();
        self.pool.set_service(&service.config);
        let sorry = service.sorry(servers);
        for server in servers.iter().filter(|server| sorry.is_none_or(|(id, _)| server.id != id)) {
            self.pool.set_destination(server.id, service.destination(server));
        }
        if let Some((id, destination)) = sorry {
            self.pool.set_destination(id, destination);
        }
    }

    fn on_stop(&mut self, out: &mut Outputs) {
        out.extend(self.probes.take_in_flight().map(Output::AbortProbe));
        let Layout { services, servers, .. } = std::mem::take(&mut self.layout);
        for server in servers {
            let inhibited = !server.is_up() && server.config.inhibit_on_failure;
            out.push(Output::Log(Event::ServerShutDown { server: server.id, inhibited }));
        }
        for service in services {
            self.pool.retire_service(service.config.address);
        }
        self.schedule.clear();
        self.probes = Probes::default();
        self.stopped = true;
    }
}

/// What is worth saying about a try.
fn words(
    server: ServerId,
    outcome: Outcome,
    tell_try: bool,
    said: Said,
) -> impl Iterator<Item = Event> {
    let tried = match outcome {
        Outcome::Failed if tell_try => Some(Event::TcpTryFailed { server, timed_out: false }),
        Outcome::TimedOut if tell_try => Some(Event::TcpTryFailed { server, timed_out: true }),
        _ => None,
    };
    let judged = match said {
        Said::Success => Some(Event::TcpSucceeded(server)),
        Said::Failure { retries } => Some(Event::TcpFailed { server, retries }),
        Said::Nothing => None,
    };
    tried.into_iter().chain(judged)
}

/// Say that the sorry server stands in, or no longer does.
fn tell_sorry(service: &Service, out: &mut Outputs) {
    let (Some(server), address) = (service.sorry_id(), service.config.address) else { return };
    let inhibit = service.config.sorry_server.is_some_and(|sorry| sorry.inhibit);
    let words = if service.is_sorry() {
        [Event::SorryServerAdded { server, inhibit }, Event::AliveServersRemoved(address)]
    } else {
        [Event::SorryServerRemoved { server, inhibit }, Event::AliveServersAdded(address)]
    };
    out.extend(words.map(Output::Log));
}
