//! A world for the machine: time that jumps from timer to timer, servers that listen, refuse or stay
//! silent, and a kernel that is always current.

#![allow(dead_code, reason = "each test file uses its part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use base::{Duration, Instant, Mail};
use checkers::{
    Change, Checkers, Input, Outcome, Output, Outputs, ProbeId, ProbeSpec, Snapshot, state_line,
};
use control_plane::model::checks::{Checker, CheckerKind, TcpCheck};
use control_plane::model::lvs::{Lvs, Protocol, RealServer, ServiceAddress, VirtualServer};
use control_plane::model::{Command, ForwardingMethod, Scheduler};
use effects::Played;

/// The machine and everything around it.
#[derive(Debug)]
pub(crate) struct World {
    /// The machine under test.
    pub(crate) machine: Checkers,
    /// The time.
    pub(crate) now: Instant,
    /// Log lines since the last [`World::take_lines`], with milliseconds since the start.
    pub(crate) lines: Vec<(u64, String)>,
    /// Who accepts connections.
    pub(crate) listening: BTreeSet<SocketAddr>,
    /// Who never answers; everybody else refuses.
    pub(crate) silent: BTreeSet<SocketAddr>,
    /// Probes without a result so far.
    pub(crate) in_flight: BTreeMap<ProbeId, SocketAddr>,
    /// The most probes that ran at a time.
    pub(crate) most_in_flight: usize,
    /// What was sent to servers.
    pub(crate) sent: Vec<String>,
    /// The last probe that was started.
    pub(crate) last_spec: Option<ProbeSpec>,
    /// Lines that were written to pipes.
    pub(crate) told: Vec<String>,
    /// Programs that were told about states, with milliseconds since the start.
    pub(crate) notified: Vec<(u64, String)>,
    /// Targets of all probes, in order, with milliseconds since the start.
    pub(crate) probed: Vec<(u64, SocketAddr)>,
    /// Mails, in order.
    pub(crate) mails: Vec<Mail>,
}

impl World {
    /// A machine that starts at time zero.
    pub(crate) fn new(config: &Lvs) -> Self {
        Self::resumed(config, None)
    }

    /// A machine that starts at time zero with what another left.
    pub(crate) fn resumed(config: &Lvs, snapshot: Option<&Snapshot>) -> Self {
        let mut out = Outputs::new();
        let now = Instant::default();
        let machine = Checkers::new(now, &Arc::new(config.clone()), snapshot, 1, &mut out);
        let mut world = Self {
            machine,
            now,
            lines: Vec::new(),
            listening: BTreeSet::new(),
            silent: BTreeSet::new(),
            in_flight: BTreeMap::new(),
            most_in_flight: 0,
            sent: Vec::new(),
            last_spec: None,
            told: Vec::new(),
            notified: Vec::new(),
            probed: Vec::new(),
            mails: Vec::new(),
        };
        world.react(out);
        world
    }

    /// A new configuration takes effect.
    pub(crate) fn reload(&mut self, config: &Lvs) {
        self.input(Input::Reload(&Arc::new(config.clone())));
    }

    /// What a new configuration would change.
    pub(crate) fn plan(&self, config: &Lvs) -> Vec<Change> {
        self.machine.plan(&Arc::new(config.clone()))
    }

    /// When the machine wants to be woken, in milliseconds since the start.
    pub(crate) fn next_at(&self) -> Option<u64> {
        let at = self.machine.next_timeout()?;
        Some(at.saturating_since(Instant::default()).as_millis())
    }

    /// Milliseconds since the start.
    pub(crate) fn millis(&self) -> u64 {
        self.now.saturating_since(Instant::default()).as_millis()
    }

    /// One input, and whatever follows from it at once.
    pub(crate) fn input(&mut self, input: Input<'_>) {
        let mut out = Outputs::new();
        self.machine.handle_input(self.now, input, &mut out);
        self.react(out);
    }

    /// Let time pass until `millis` after the start.
    pub(crate) fn run_until(&mut self, millis: u64) {
        let end = Instant::default() + Duration::from_millis(millis);
        self.play_until(end);
    }

    fn react(&mut self, out: Outputs) {
        let mut todo = std::collections::VecDeque::from(out);
        while let Some(output) = todo.pop_front() {
            match output {
                Output::Log(event) => {
                    let line = event.named(self.machine.names()).to_string();
                    self.lines.push((self.millis(), line));
                }
                Output::AbortProbe(probe) => {
                    assert!(self.in_flight.remove(&probe).is_some(), "{probe} does not run");
                }
                Output::Send { probe, bytes } => {
                    assert!(self.in_flight.contains_key(&probe), "{probe} does not run");
                    self.sent.push(String::from_utf8_lossy(&bytes).into_owned());
                }
                Output::Search { probe, .. } => panic!("{probe}: nothing is searched here"),
                Output::Tell { object, up } => {
                    self.told.push(state_line(&object, up, self.machine.names()));
                }
                Output::Notify { commands, .. } => {
                    let program = |command: Command| (self.millis(), command.program);
                    let programs: Vec<_> = commands.into_iter().map(program).collect();
                    self.notified.extend(programs);
                }
                Output::Mail(mail) => self.mails.push(mail),
                Output::StartProbe { probe, spec, deadline } => {
                    assert!(deadline >= self.now);
                    self.last_spec = Some(spec.clone());
                    let target = match &spec {
                        ProbeSpec::Connect(to) | ProbeSpec::Talk { to, .. } => to.target,
                        ProbeSpec::Run(_) => at("0.0.0.0:0"),
                    };
                    assert!(self.in_flight.insert(probe, target).is_none(), "{probe} used twice");
                    self.most_in_flight = self.most_in_flight.max(self.in_flight.len());
                    self.probed.push((self.millis(), target));
                    let is_automatic = matches!(spec, ProbeSpec::Connect(_));
                    if is_automatic && !self.silent.contains(&target) {
                        let mut more = Outputs::new();
                        self.answer(probe, &mut more);
                        todo.extend(more);
                    }
                }
            }
        }
    }

    fn answer(&mut self, probe: ProbeId, out: &mut Outputs) {
        let Some(target) = self.in_flight.remove(&probe) else { return };
        let outcome =
            if self.listening.contains(&target) { Outcome::Connected } else { Outcome::Failed };
        self.machine.handle_input(self.now, Input::ProbeDone { probe, outcome }, out);
    }

    /// The log since the last call, without times.
    pub(crate) fn take_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines).into_iter().map(|(_, line)| line).collect()
    }

    /// The log since the last call without the lines that only name checks.
    pub(crate) fn take_news(&mut self) -> Vec<String> {
        let mut lines = self.take_lines();
        lines.retain(|line| !line.starts_with("Activating "));
        lines
    }

    /// What should be in the kernel, as `ipvsadm -Sn` would print it.
    pub(crate) fn table(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (address, service) in self.machine.desired() {
            let name = match address {
                ServiceAddress::Address { ip, port, .. } => {
                    format!("-t {}", SocketAddr::new(*ip, *port))
                }
                ServiceAddress::Mark { mark, .. } => format!("-f {mark}"),
                ServiceAddress::Group { .. } => {
                    let name = self.machine.names().get(address);
                    format!("group {}", name.trim_start_matches('[').split(']').next().unwrap())
                }
            };
            lines.push(format!("-A {name} -s {}", service.settings.scheduler.name()));
            for (server, destination) in &service.destinations {
                let method = match destination.method {
                    ForwardingMethod::Nat => "-m",
                    ForwardingMethod::DirectRouting => "-g",
                    ForwardingMethod::Tunnel => "-i",
                };
                lines.push(format!("-a {name} -r {server} {method} -w {}", destination.weight));
            }
        }
        lines
    }
}

impl Played for World {
    fn now(&mut self) -> &mut Instant {
        &mut self.now
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.machine.next_timeout()
    }

    fn time_out(&mut self) {
        self.input(Input::Timeout);
    }
}

/// `address:port`.
pub(crate) fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

/// A TCP service with round robin.
pub(crate) fn service(address: &str, real_servers: Vec<RealServer>) -> VirtualServer {
    let address = at(address);
    let (ip, port) = (address.ip(), address.port());
    VirtualServer {
        scheduler: Scheduler::RoundRobin,
        real_servers,
        ..VirtualServer::new(ServiceAddress::Address { ip, port, protocol: Protocol::Tcp })
    }
}

/// A real server with these checks.
pub(crate) fn server(address: &str, weight: u32, checkers: Vec<Checker>) -> RealServer {
    RealServer { weight, checkers, ..RealServer::new(at(address)) }
}

/// A TCP check without warm-up: every 3 s, 2 s to connect, 1 s before a retry.
pub(crate) fn tcp(target: &str, retry: u32) -> Checker {
    let connect = TcpCheck { connect_timeout: Duration::from_secs(2), ..TcpCheck::new(at(target)) };
    Checker {
        delay_loop: Duration::from_secs(3),
        warmup: Duration::ZERO,
        retry,
        delay_before_retry: Duration::from_secs(1),
        ..Checker::new(CheckerKind::Tcp(connect))
    }
}

/// A real server with one TCP check of itself.
pub(crate) fn checked(address: &str, weight: u32, retry: u32) -> RealServer {
    server(address, weight, vec![tcp(address, retry)])
}

/// The same, down until its first success.
pub(crate) fn alpha(mut server: RealServer) -> RealServer {
    server.alpha = true;
    server.checkers.iter_mut().for_each(|check| check.alpha = true);
    server
}

/// The same, with weight 0 instead of absence.
pub(crate) fn inhibited(server: RealServer) -> RealServer {
    RealServer { inhibit_on_failure: true, ..server }
}

/// A configuration of these services.
pub(crate) fn lvs(virtual_servers: Vec<VirtualServer>) -> Lvs {
    Lvs { virtual_servers, ..Lvs::default() }
}
