//! `virtual_server` and `real_server` while they are read, and what they become.

use std::fmt;
use std::net::IpAddr;

use base::Duration;

use super::check::CheckDraft;
use super::real::{Method, RealDraft, address_and_port, method};
use super::set_script;
use super::tracked::Tracked;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::lang::Context;
use crate::model::Command;
use crate::model::lvs::{CheckDefaults, Protocol, Scheduler, SchedulerFlags};
use crate::parse::statement::Statement;
use crate::parse::value::{Value, integer};

/// `persistence_timeout` without a number.
pub(super) const DEFAULT_PERSISTENCE: Duration = Duration::from_secs(360);

/// What a virtual server is known by in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Address(IpAddr, u16),
    Mark(u32),
    /// The name of the group, and how many virtual servers above have the same one.
    Group(String, usize),
}

/// A `virtual_server` while it is read.
pub(crate) struct ServerDraft {
    pub target: Target,
    pub place: Place,
    pub protocol: Option<Protocol>,
    /// `ip_family`, else the family of the first server that is not behind a tunnel.
    pub ipv6: Option<bool>,
    pub scheduler: Option<Scheduler>,
    pub flags: SchedulerFlags,
    pub method: Option<Method>,
    pub persistence: Option<Duration>,
    pub persistence_prefix: Option<u8>,
    pub persistence_engine: Option<String>,
    pub one_packet: bool,
    pub quorum: u32,
    pub hysteresis: u32,
    pub quorum_up: Option<Command>,
    pub quorum_down: Option<Command>,
    pub sorry: Option<SorryDraft>,
    pub omega: bool,
    pub ha_suspend: bool,
    pub smtp_alert: Option<bool>,
    pub snmp_name: Option<String>,
    pub weight: u32,
    pub inhibit: bool,
    pub alpha: bool,
    pub virtualhost: Option<String>,
    pub defaults: CheckDefaults,
    pub real_servers: Vec<RealDraft>,
    pub real: Option<RealDraft>,
    pub check: Option<CheckDraft>,
}

pub(crate) struct SorryDraft {
    pub address: IpAddr,
    pub port: Option<u16>,
    pub place: Place,
    /// The virtual server's method as it was when this one was read.
    pub around: Option<Method>,
    pub method: Option<Method>,
    pub inhibit: bool,
}

impl fmt::Display for ServerDraft {
    /// As keepalived names it: `[10.0.0.1]:tcp:80`, `FWM 5`, `[group]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = self.protocol.map_or("none", Protocol::name);
        match &self.target {
            Target::Address(ip, port) => write!(f, "[{ip}]:{protocol}:{port}"),
            Target::Mark(mark) => write!(f, "FWM {mark}"),
            Target::Group(name, number) => write!(f, "[{name}]:{number}"),
        }
    }
}

impl ServerDraft {
    /// `virtual_server ...`; `None` when its address is none.
    pub(super) fn open(statement: &Statement<'_>, cx: &mut Context<'_>) -> Option<Self> {
        let target = target(statement, cx)?;
        Some(Self {
            target,
            place: statement.place(),
            protocol: None,
            ipv6: None,
            scheduler: None,
            flags: SchedulerFlags::default(),
            method: None,
            persistence: None,
            persistence_prefix: None,
            persistence_engine: None,
            one_packet: false,
            quorum: 1,
            hysteresis: 0,
            quorum_up: None,
            quorum_down: None,
            sorry: None,
            omega: false,
            ha_suspend: false,
            smtp_alert: None,
            snmp_name: None,
            weight: 1,
            inhibit: false,
            alpha: false,
            virtualhost: None,
            defaults: CheckDefaults::NONE,
            real_servers: Vec::new(),
            real: None,
            check: None,
        })
    }

    /// A block within the virtual server begins.
    pub(super) fn enter(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) -> bool {
        if let Some(check) = &mut self.check {
            return check.enter(statement);
        }
        if statement.keyword.name == "real_server" {
            self.real = Self::open_real(statement, cx);
            return self.real.is_some();
        }
        self.check = CheckDraft::open(statement.keyword.name, statement.place_of(0));
        self.check.is_some()
    }

    fn open_real(statement: &Statement<'_>, cx: &mut Context<'_>) -> Option<RealDraft> {
        let (address, port) = address_and_port(statement, "real server", cx)?;
        Some(RealDraft::new(address, port, statement))
    }

    /// A block within the virtual server ends.
    pub(super) fn leave(&mut self, name: &str, cx: &mut Context<'_>) {
        match name {
            "real_server" => {
                let real = self.real.take().filter(|real| self.takes_family(real, cx));
                self.real_servers.extend(real);
            }
            "url" | "host" => {
                if let Some(check) = &mut self.check {
                    check.leave(cx);
                }
            }
            _ => {
                let server = self.innermost();
                let check = self
                    .check
                    .take()
                    .and_then(|mut check| check.is_complete(&server, cx).then_some(check));
                if let (Some(real), Some(check)) = (&mut self.real, check) {
                    // Most servers have one check; a vector would make room for four at once.
                    real.checks.reserve_exact(1);
                    real.checks.push(check);
                }
            }
        }
    }

    /// The real server that is open, else the virtual server, for messages.
    pub(super) fn innermost(&self) -> String {
        match &self.real {
            Some(real) => self.real_name(real, real.port.unwrap_or_else(|| self.port())),
            None => self.to_string(),
        }
    }

    /// The port of the service; 0 when it has none.
    pub(super) const fn port(&self) -> u16 {
        match self.target {
            Target::Address(_, port) => port,
            _ => 0,
        }
    }

    /// A real server as keepalived names it: `[10.0.0.2]:tcp:80`.
    pub(super) fn real_name(&self, real: &RealDraft, port: u16) -> String {
        let protocol = self.protocol.map_or("none", Protocol::name);
        format!("[{}]:{protocol}:{port}", real.address)
    }

    /// A keyword of the virtual server or of something in it.
    pub(super) fn leaf(
        &mut self,
        statement: &Statement<'_>,
        value: Value<'_>,
        known: &Tracked,
        cx: &mut Context<'_>,
    ) {
        if self.check.is_some() {
            let server =
                if statement.keyword.name == "name" { self.innermost() } else { String::new() };
            if let Some(check) = &mut self.check {
                check.leaf(statement, value, known, &server, cx);
            }
        } else if let Some(real) = &mut self.real {
            real.leaf(statement, value, cx);
        } else {
            self.own_leaf(statement, value, cx);
        }
    }

    fn own_leaf(&mut self, statement: &Statement<'_>, value: Value<'_>, cx: &mut Context<'_>) {
        let name = statement.keyword.name;
        if self.defaults.leaf(name, &value) {
            return;
        }
        match name {
            "protocol" => self.protocol(statement, cx),
            "ip_family" => self.ipv6 = Some(value.text() == Some("inet6")),
            "lb_algo" | "lvs_sched" => self.scheduler(statement, cx),
            "lb_kind" | "lvs_method" => {
                self.method = method(statement, "virtual server", cx).or(self.method);
            }
            "ops" => self.one_packet = true,
            "persistence_timeout" => {
                self.persistence = Some(value.seconds().unwrap_or(DEFAULT_PERSISTENCE));
            }
            "persistence_granularity" => self.granularity(statement, cx),
            "persistence_engine" => self.persistence_engine = value.string(),
            "quorum" => self.quorum = value.int().unwrap_or(1),
            "hysteresis" => self.hysteresis = value.int().unwrap_or(0),
            "omega" => self.omega = true,
            "alpha" => self.alpha = true,
            "ha_suspend" => self.ha_suspend = true,
            "inhibit_on_failure" => self.inhibit = true,
            "smtp_alert" => self.smtp_alert = Some(value.bool()),
            "virtualhost" => self.virtualhost = value.string(),
            "snmp_name" => self.snmp_name = value.string(),
            "weight" => self.weight = value.int().unwrap_or(1),
            "sorry_server" => {
                if let Some(sorry) = self.open_sorry(statement, cx) {
                    self.sorry = Some(sorry);
                }
            }
            "sorry_server_inhibit" | "sorry_server_lvs_method" => self.sorry_option(statement, cx),
            "quorum_up" => set_script(&mut self.quorum_up, value, "", statement, cx),
            "quorum_down" => set_script(&mut self.quorum_down, value, "", statement, cx),
            _ => self.flag(statement, cx),
        }
    }

    fn protocol(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let word = statement.word(1).unwrap_or_default();
        match word.to_ascii_lowercase().as_str() {
            "tcp" => self.protocol = Some(Protocol::Tcp),
            "udp" => self.protocol = Some(Protocol::Udp),
            "sctp" => self.protocol = Some(Protocol::Sctp),
            _ => {
                let message = format!("Unknown protocol {word} - ignoring");
                let problem = Diagnostic::new(Code::InvalidValue, message);
                cx.report(problem.at(statement.place_of(1)).label("expected TCP, UDP or SCTP"));
            }
        }
    }

    fn scheduler(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let word = statement.word(1).unwrap_or_default();
        match Scheduler::from_name(word) {
            Some(scheduler) => self.scheduler = Some(scheduler),
            None => {
                let known: Vec<&str> = Scheduler::ALL.iter().map(|one| one.name()).collect();
                let message = format!("Invalid lvs_scheduler '{word}' - ignoring");
                let problem = Diagnostic::new(Code::InvalidValue, message);
                cx.report(
                    problem
                        .at(statement.place_of(1))
                        .label("no such scheduler")
                        .help(format!("known: {}", known.join(" "))),
                );
            }
        }
    }

    fn granularity(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let word = statement.word(1).unwrap_or_default();
        let mask: Option<u8> = match word.parse::<std::net::Ipv4Addr>() {
            Ok(mask) => ipnet::ipv4_mask_to_prefix(mask).ok(),
            Err(_) => word.parse().ok().filter(|length| (1..=128).contains(length)),
        };
        if mask.is_some() {
            self.persistence_prefix = mask;
            self.persistence.get_or_insert(DEFAULT_PERSISTENCE);
            return;
        }
        let message = format!("Invalid IPv4 persistence_granularity specified - {word}");
        let problem = Diagnostic::new(Code::InvalidValue, message).at(statement.place_of(1));
        cx.report(
            problem.label("expected a netmask such as 255.255.255.0 (IPv6: a prefix length)"),
        );
    }

    fn open_sorry(&self, statement: &Statement<'_>, cx: &mut Context<'_>) -> Option<SorryDraft> {
        let (address, port) = address_and_port(statement, "sorry server", cx)?;
        let place = statement.place_of(1);
        Some(SorryDraft { address, port, place, around: self.method, method: None, inhibit: false })
    }

    fn sorry_option(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let inhibit = statement.keyword.name == "sorry_server_inhibit";
        let Some(sorry) = &mut self.sorry else {
            let message = if inhibit {
                "Ignoring sorry_server inhibit used before or without sorry_server"
            } else {
                "sorry_server forwarding used without sorry_server"
            };
            cx.report(Diagnostic::new(Code::NotFound, message).at(statement.place_of(0)));
            return;
        };
        if inhibit {
            sorry.inhibit = true;
        } else {
            sorry.method = method(statement, "sorry server", cx).or(sorry.method);
        }
    }

    /// `flag-1`, `sh-port` and so on: they need their scheduler above them.
    fn flag(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let name = statement.keyword.name;
        let (needs, flag) = match name {
            "flag-1" => (None, Some(&mut self.flags.flag_1)),
            "flag-2" => (None, Some(&mut self.flags.flag_2)),
            "flag-3" => (None, Some(&mut self.flags.flag_3)),
            "sh-fallback" => (Some(Scheduler::SourceHashing), Some(&mut self.flags.flag_1)),
            "sh-port" => (Some(Scheduler::SourceHashing), Some(&mut self.flags.flag_2)),
            "mh-fallback" => (Some(Scheduler::MaglevHashing), Some(&mut self.flags.flag_1)),
            "mh-port" => (Some(Scheduler::MaglevHashing), Some(&mut self.flags.flag_2)),
            "hashed" => (None, None),
            _ => return,
        };
        let hashes =
            matches!(self.scheduler, Some(Scheduler::SourceHashing | Scheduler::MaglevHashing));
        let fits = needs.is_none_or(|needs| self.scheduler == Some(needs));
        if !fits || (name == "hashed" && !hashes) {
            let scheduler = needs.map_or("sh", Scheduler::name);
            let message = format!("{name} only applies to {scheduler} scheduler - ignoring");
            let problem = Diagnostic::new(Code::Ineffective, message);
            let problem = Diagnostic { code: Code::Adjusted, ..problem };
            cx.report(problem.at(statement.place_of(0)).help("the scheduler must be set above"));
        } else if let Some(flag) = flag {
            *flag = true;
        }
    }
}

/// `IP [PORT]`, `fwmark N`, `group NAME`.
fn target(statement: &Statement<'_>, cx: &mut Context<'_>) -> Option<Target> {
    let second = statement.word(2);
    match (statement.word(1)?, second) {
        ("group", Some(name)) => Some(Target::Group(name.to_owned(), 0)),
        ("fwmark", Some(mark)) => match integer(mark, 1, u32::MAX.into()) {
            Ok(mark) => u32::try_from(mark).ok().map(Target::Mark),
            Err(problem) => {
                let outcome = format!("Invalid fwmark virtual server '{mark}' - ignoring");
                cx.report(problem.at(statement.place_of(2)).outcome(outcome));
                None
            }
        },
        _ => {
            let (ip, port) = address_and_port(statement, "virtual server", cx)?;
            Some(Target::Address(ip, port.unwrap_or(0)))
        }
    }
}
