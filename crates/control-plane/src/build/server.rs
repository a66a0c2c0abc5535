//! `virtual_server` and `real_server` while they are read, and what they become.

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use base::Duration;

use super::check::{CheckDraft, Defaults};
use super::{late, set_script};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::lang::Context;
use crate::model::Command;
use crate::model::lvs::{
    ForwardingMethod, Protocol, RealServer, Scheduler, SchedulerFlags, ServiceAddress, SorryServer,
    Tunnel, TunnelChecksum, TunnelKind, VirtualServer,
};
use crate::parse::statement::Statement;
use crate::parse::value::{Value, integer};

/// `persistence_timeout` without a number.
const DEFAULT_PERSISTENCE: Duration = Duration::from_secs(360);

/// What a virtual server is known by in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Address(IpAddr, u16),
    Mark(u32),
    Group(String),
}

/// A forwarding method with its tunnel's options.
pub(crate) type Method = (ForwardingMethod, Tunnel);

/// A `virtual_server` while it is read.
pub(crate) struct ServerDraft {
    pub target: Target,
    pub place: Place,
    protocol: Option<Protocol>,
    ipv6: Option<bool>,
    scheduler: Option<Scheduler>,
    flags: SchedulerFlags,
    method: Option<Method>,
    persistence: Option<Duration>,
    persistence_prefix: Option<u8>,
    persistence_engine: Option<String>,
    one_packet: bool,
    quorum: u32,
    hysteresis: u32,
    quorum_up: Option<Command>,
    quorum_down: Option<Command>,
    sorry: Option<SorryDraft>,
    omega: bool,
    ha_suspend: bool,
    smtp_alert: Option<bool>,
    snmp_name: Option<String>,
    weight: u32,
    inhibit: bool,
    alpha: bool,
    virtualhost: Option<String>,
    defaults: Defaults,
    real_servers: Vec<RealDraft>,
    real: Option<RealDraft>,
    check: Option<CheckDraft>,
}

struct SorryDraft {
    address: IpAddr,
    port: Option<u16>,
    method: Option<Method>,
    inhibit: bool,
}

/// A `real_server` while it is read.
pub(crate) struct RealDraft {
    pub address: IpAddr,
    port: Option<u16>,
    place: Place,
    weight: Option<u32>,
    method: Option<Method>,
    inhibit: Option<bool>,
    alpha: Option<bool>,
    upper_threshold: u32,
    lower_threshold: u32,
    notify_up: Option<Command>,
    notify_down: Option<Command>,
    smtp_alert: Option<bool>,
    virtualhost: Option<String>,
    snmp_name: Option<String>,
    defaults: Defaults,
    checks: Vec<CheckDraft>,
}

/// Every virtual server that is complete, and the switches that wait for `global_defs`.
#[derive(Default)]
pub(crate) struct Servers {
    pub done: Vec<VirtualServer>,
    /// `smtp_alert` of each virtual server and of each of its real servers.
    pub alerts: Vec<(Option<bool>, Vec<Option<bool>>)>,
    /// `log_all_failures` of every check, in order.
    pub log_all: Vec<Option<bool>>,
}

impl fmt::Display for ServerDraft {
    /// As keepalived names it: `[10.0.0.1]:tcp:80`, `FWM 5`, `[group]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = self.protocol.map_or("none", Protocol::name);
        match &self.target {
            Target::Address(ip, port) => write!(f, "[{ip}]:{protocol}:{port}"),
            Target::Mark(mark) => write!(f, "FWM {mark}"),
            Target::Group(name) => write!(f, "[{name}]:0"),
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
            defaults: Defaults::default(),
            real_servers: Vec::new(),
            real: None,
            check: None,
        })
    }

    /// A block within the virtual server begins.
    pub(super) fn enter(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) -> bool {
        match statement.keyword.name {
            "real_server" => {
                self.real = self.open_real(statement, cx);
                self.real.is_some()
            }
            name => {
                self.check = CheckDraft::open(name);
                self.check.is_some()
            }
        }
    }

    fn open_real(&self, statement: &Statement<'_>, cx: &mut Context<'_>) -> Option<RealDraft> {
        let (address, port) = address_and_port(statement, "real server", cx)?;
        let own = match self.target {
            Target::Address(own, _) => Some(own.is_ipv4()),
            _ => None,
        };
        let tunnel = matches!(self.method, Some((ForwardingMethod::Tunnel, _)));
        if own.is_some_and(|own| own != address.is_ipv4()) && !tunnel {
            let message = format!(
                "Address family of virtual server and real server {address} don't match - \
                 skipping real server."
            );
            cx.report(Diagnostic::new(Code::BadAddress, message).at(statement.place_of(1)));
            return None;
        }
        Some(RealDraft {
            address,
            port,
            place: statement.place(),
            weight: None,
            method: None,
            inhibit: None,
            alpha: None,
            upper_threshold: 0,
            lower_threshold: 0,
            notify_up: None,
            notify_down: None,
            smtp_alert: None,
            virtualhost: None,
            snmp_name: None,
            defaults: Defaults::default(),
            checks: Vec::new(),
        })
    }

    /// A block within the virtual server ends.
    pub(super) fn leave(&mut self, name: &str, _cx: &mut Context<'_>) {
        if name == "real_server" {
            self.real_servers.extend(self.real.take());
        } else if let (Some(real), Some(check)) = (&mut self.real, self.check.take()) {
            real.checks.push(check);
        }
    }

    /// A keyword of the virtual server or of something in it.
    pub(super) fn leaf(
        &mut self,
        statement: &Statement<'_>,
        value: Value<'_>,
        cx: &mut Context<'_>,
    ) {
        if let Some(check) = &mut self.check {
            check.leaf(statement, &value, cx);
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
        if let Target::Address(own, _) = self.target
            && own.is_ipv4() != address.is_ipv4()
        {
            let message = format!(
                "Address family of virtual server and sorry server {address} don't match - \
                 skipping sorry server."
            );
            cx.report(Diagnostic::new(Code::BadAddress, message).at(statement.place_of(1)));
            return None;
        }
        Some(SorryDraft { address, port, method: None, inhibit: false })
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

impl RealDraft {
    fn leaf(&mut self, statement: &Statement<'_>, value: Value<'_>, cx: &mut Context<'_>) {
        let name = statement.keyword.name;
        if self.defaults.leaf(name, &value) {
            return;
        }
        match name {
            "weight" => self.weight = value.int(),
            "lvs_method" => self.method = method(statement, "real server", cx).or(self.method),
            "uthreshold" => self.upper_threshold = value.int().unwrap_or(0),
            "lthreshold" => self.lower_threshold = value.int().unwrap_or(0),
            "inhibit_on_failure" => self.inhibit = Some(value.bool()),
            "alpha" => self.alpha = Some(value.bool()),
            "smtp_alert" => self.smtp_alert = Some(value.bool()),
            "virtualhost" => self.virtualhost = value.string(),
            "snmp_name" => self.snmp_name = value.string(),
            "notify_up" => set_script(&mut self.notify_up, value, "", statement, cx),
            "notify_down" => set_script(&mut self.notify_down, value, "", statement, cx),
            _ => {}
        }
    }
}

/// `IP [PORT]`, `fwmark N`, `group NAME`.
fn target(statement: &Statement<'_>, cx: &mut Context<'_>) -> Option<Target> {
    let second = statement.word(2);
    match (statement.word(1)?, second) {
        ("group", Some(name)) => Some(Target::Group(name.to_owned())),
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

/// `ADDR [PORT]` after the keyword.
fn address_and_port(
    statement: &Statement<'_>,
    what: &str,
    cx: &mut Context<'_>,
) -> Option<(IpAddr, Option<u16>)> {
    let word = statement.word(1)?;
    let Ok(address) = word.parse() else {
        let message = if what == "real server" {
            let port = statement.word(2).unwrap_or("(null)");
            format!("Invalid {what} ip address/port {word}/{port} - skipping")
        } else {
            format!("Invalid {what} IP address {word} - skipping")
        };
        let problem = Diagnostic::new(Code::BadAddress, message).at(statement.place_of(1));
        cx.report(problem.label("expected an IPv4 or IPv6 address; names are not looked up"));
        return None;
    };
    let Some(port) = statement.word(2) else { return Some((address, None)) };
    match integer(port, 0, 65_535) {
        Ok(port) => Some((address, u16::try_from(port).ok())),
        Err(problem) => {
            let outcome = format!("Invalid {what} port '{port}' - skipping");
            cx.report(problem.at(statement.place_of(2)).outcome(outcome));
            None
        }
    }
}

/// `NAT|DR|TUN [type ipip|gue|gre] [port N] [nocsum|csum|remcsum]`.
fn method(statement: &Statement<'_>, what: &str, cx: &mut Context<'_>) -> Option<Method> {
    let word = statement.word(1)?;
    let method = match word {
        "NAT" => ForwardingMethod::Nat,
        "DR" => ForwardingMethod::DirectRouting,
        "TUN" => ForwardingMethod::Tunnel,
        _ => {
            let message = format!("PARSER : unknown [{word}] routing method for {what}.");
            let problem = Diagnostic::new(Code::InvalidValue, message).at(statement.place_of(1));
            let problem = problem.label("expected NAT, DR or TUN");
            let upper = word.to_ascii_uppercase();
            let meant = ["NAT", "DR", "TUN"].contains(&upper.as_str());
            cx.report(if meant { problem.help(format!("write '{upper}'")) } else { problem });
            return None;
        }
    };
    let mut tunnel = Tunnel::default();
    if method == ForwardingMethod::Tunnel {
        tunnel_options(statement, &mut tunnel, cx);
    }
    Some((method, tunnel))
}

fn tunnel_options(statement: &Statement<'_>, tunnel: &mut Tunnel, cx: &mut Context<'_>) {
    let mut at = 2;
    while let Some(word) = statement.word(at) {
        let value = statement.word(at + 1).unwrap_or_default();
        let used = match word {
            "type" => {
                let kinds = [
                    ("ipip", TunnelKind::IpIp),
                    ("gue", TunnelKind::Gue),
                    ("gre", TunnelKind::Gre),
                ];
                let kind = kinds.into_iter().find(|(name, _)| *name == value);
                kind.map(|(_, kind)| tunnel.kind = kind).map(|()| 2)
            }
            "port" => integer(value, 1, 65_535)
                .ok()
                .and_then(|port| u16::try_from(port).ok())
                .map(|port| tunnel.port = port)
                .map(|()| 2),
            "nocsum" => Some(1),
            "csum" => {
                tunnel.checksum = TunnelChecksum::Checksum;
                Some(1)
            }
            "remcsum" => {
                tunnel.checksum = TunnelChecksum::Remote;
                Some(1)
            }
            _ => None,
        };
        let Some(used) = used else {
            let message = format!("Invalid tunnel option '{word} {value}' - ignoring");
            let problem = Diagnostic::new(Code::InvalidValue, message.trim_end().to_owned());
            cx.report(problem.at(statement.place_of(at)));
            return;
        };
        at += used;
    }
    let gue = tunnel.kind == TunnelKind::Gue;
    if gue != (tunnel.port != 0) {
        let message =
            if gue { "gue tunnel type requires port" } else { "port only valid with gue tunnels" };
        cx.report(Diagnostic::new(Code::Adjusted, message).at(statement.place()));
    }
}

impl Servers {
    /// A virtual server is complete: defaults from it to its servers and checks, and the checks
    /// across its settings.
    pub(super) fn close(&mut self, mut draft: ServerDraft, cx: &mut Context<'_>) {
        if draft.real_servers.is_empty() {
            let message = format!("Virtual server {draft} has no real servers - ignoring");
            let problem = Diagnostic::new(Code::Incomplete, message);
            cx.report(problem.at(draft.place.clone()).label("no real_server can be used in here"));
            return;
        }
        let Some(address) = draft.service_address(cx) else { return };
        draft.check_settings(cx);
        let alerts = draft.real_servers.iter().map(|real| real.smtp_alert).collect();
        let reals = std::mem::take(&mut draft.real_servers);
        let server = draft.finish(address);
        let mut done: Vec<RealServer> = Vec::with_capacity(reals.len());
        for real in reals {
            let method = real.method.or(draft.method).unwrap_or_default();
            let port = draft.real_port(&real, method.0, cx);
            self.log_all.extend(real.checks.iter().map(|check| check.log_all_failures()));
            done.push(draft.finish_real(real, port, method));
        }
        self.alerts.push((draft.smtp_alert, alerts));
        self.done.push(VirtualServer { real_servers: done, ..server });
    }
}

impl ServerDraft {
    fn report(&self, code: Code, message: String, cx: &mut Context<'_>) {
        cx.report(late(code, message, &self.place));
    }

    fn service_address(&mut self, cx: &mut Context<'_>) -> Option<ServiceAddress> {
        let ipv6 = self.ipv6.unwrap_or(false);
        match self.target.clone() {
            Target::Address(ip, port) => {
                if self.protocol.is_none() {
                    let message =
                        format!("Virtual server {self}: no protocol set - defaulting to UDP");
                    self.report(Code::Adjusted, message, cx);
                }
                let protocol = *self.protocol.get_or_insert(Protocol::Udp);
                Some(ServiceAddress::Address { ip, port, protocol })
            }
            Target::Mark(mark) => {
                if self.protocol.take().is_some() {
                    let message = format!(
                        "Warning: Virtual server {self}: protocol specified for fwmark - protocol \
                         will be ignored"
                    );
                    self.report(Code::Ineffective, message, cx);
                }
                Some(ServiceAddress::Mark { mark, ipv6 })
            }
            Target::Group(_) => None,
        }
    }

    fn check_settings(&mut self, cx: &mut Context<'_>) {
        if self.scheduler.is_none() {
            let message = format!("Virtual server {self}: no scheduler set, setting default 'wlc'");
            self.report(Code::Adjusted, message, cx);
        }
        if self.method.is_none() && self.real_servers.iter().any(|real| real.method.is_none()) {
            let message =
                format!("Virtual server {self}: no forwarding method set, setting default NAT");
            self.report(Code::Adjusted, message, cx);
        }
        if self.one_packet && self.protocol.is_some_and(|protocol| protocol != Protocol::Udp) {
            let message =
                format!("Virtual server {self}: one packet scheduling requires UDP - resetting");
            self.report(Code::Adjusted, message, cx);
            self.one_packet = false;
        }
        if matches!(self.target, Target::Address(_, 0)) && self.persistence.is_none() {
            let message = format!(
                "Virtual server {self}: zero port only valid for persistent services - setting"
            );
            self.report(Code::Adjusted, message, cx);
            self.persistence = Some(DEFAULT_PERSISTENCE);
        }
        self.drop_duplicates(cx);
        self.check_quorum(cx);
    }

    fn drop_duplicates(&mut self, cx: &mut Context<'_>) {
        let default_port = self.port();
        let mut seen = HashSet::with_capacity(self.real_servers.len());
        let mut kept = Vec::with_capacity(self.real_servers.len());
        for real in std::mem::take(&mut self.real_servers) {
            let port = real.port.unwrap_or(default_port);
            if seen.insert((real.address, port)) {
                kept.push(real);
                continue;
            }
            let server = self.real_name(&real, port);
            let message =
                format!("VS {self}: real server {server} is duplicated - removing second rs");
            cx.report(late(Code::Duplicate, message, &real.place));
        }
        self.real_servers = kept;
    }

    fn check_quorum(&mut self, cx: &mut Context<'_>) {
        let weight = |real: &RealDraft| u64::from(real.weight.unwrap_or(self.weight));
        let total: u64 = self.real_servers.iter().map(weight).sum();
        if u64::from(self.quorum) > total {
            let message = format!(
                "Warning - quorum {} for {self} exceeds total weight of real servers {total}, \
                 reducing quorum to {total}",
                self.quorum
            );
            // A total of 0 is what administrators use to drain everything: not a mistake.
            if total > 0 {
                self.report(Code::Adjusted, message, cx);
            }
            self.quorum = u32::try_from(total).unwrap_or(u32::MAX).max(1);
        }
        if self.hysteresis >= self.quorum {
            let less = self.quorum.saturating_sub(1);
            let message = format!(
                "Virtual server {self}: hysteresis {} >= quorum {}; setting hysteresis to {less}",
                self.hysteresis, self.quorum
            );
            self.report(Code::Adjusted, message, cx);
            self.hysteresis = less;
        }
    }

    const fn port(&self) -> u16 {
        match self.target {
            Target::Address(_, port) => port,
            _ => 0,
        }
    }

    fn real_name(&self, real: &RealDraft, port: u16) -> String {
        let protocol = self.protocol.map_or("none", Protocol::name);
        format!("[{}]:{protocol}:{port}", real.address)
    }

    /// The port of a real server. DR and tunnels cannot change the port of a packet.
    fn real_port(&self, real: &RealDraft, method: ForwardingMethod, cx: &mut Context<'_>) -> u16 {
        let own = self.port();
        let Some(port) = real.port else { return own };
        if method == ForwardingMethod::Nat {
            return if port == 0 { own } else { port };
        }
        let server = self.real_name(real, port);
        match self.target {
            Target::Address(..) if port != own => {
                let message = format!(
                    "WARNING - virtual server {self} and real server {server} ports don't match - \
                     resetting"
                );
                cx.report(late(Code::Adjusted, message, &real.place));
                own
            }
            Target::Mark(_) if port != 0 => {
                let message = format!(
                    "WARNING - fwmark virtual server {self}, real server {server} has port \
                     specified - clearing"
                );
                cx.report(late(Code::Adjusted, message, &real.place));
                0
            }
            _ => port,
        }
    }

    fn finish(&mut self, address: ServiceAddress) -> VirtualServer {
        let method = self.method.unwrap_or_default();
        let port = self.port();
        let sorry_server = self.sorry.take().map(|sorry| {
            let (method, tunnel) = sorry.method.unwrap_or(method);
            let address = SocketAddr::new(sorry.address, sorry.port.unwrap_or(port));
            SorryServer { address, method, tunnel, inhibit: sorry.inhibit }
        });
        VirtualServer {
            scheduler: self.scheduler.unwrap_or_default(),
            persistence: self.persistence,
            persistence_prefix: self.persistence_prefix,
            one_packet: self.one_packet,
            scheduler_flags: self.flags,
            persistence_engine: self.persistence_engine.take(),
            quorum: self.quorum,
            hysteresis: self.hysteresis,
            quorum_up: self.quorum_up.take(),
            quorum_down: self.quorum_down.take(),
            sorry_server,
            omega: self.omega,
            ha_suspend: self.ha_suspend,
            snmp_name: self.snmp_name.take(),
            ..VirtualServer::new(address)
        }
    }

    fn finish_real(&self, real: RealDraft, port: u16, method: Method) -> RealServer {
        let address = SocketAddr::new(real.address, port);
        let defaults = real.defaults.or(&self.defaults);
        let alpha = real.alpha.unwrap_or(self.alpha);
        let mut checkers: Vec<_> = real
            .checks
            .into_iter()
            .filter_map(|check| check.finish(address, &defaults, alpha))
            .collect();
        checkers.shrink_to_fit();
        RealServer {
            weight: real.weight.unwrap_or(self.weight),
            method: method.0,
            tunnel: method.1,
            inhibit_on_failure: real.inhibit.unwrap_or(self.inhibit),
            alpha,
            checkers,
            upper_threshold: real.upper_threshold,
            lower_threshold: real.lower_threshold,
            notify_up: real.notify_up,
            notify_down: real.notify_down,
            virtualhost: real.virtualhost.or_else(|| self.virtualhost.clone()),
            snmp_name: real.snmp_name,
            ..RealServer::new(address)
        }
    }
}
