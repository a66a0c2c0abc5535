//! Virtual servers that are complete: defaults from them to their servers and checks, and the
//! checks across their settings.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::check::Surroundings;
use super::late;
use super::real::{Method, RealDraft};
use super::server::{DEFAULT_PERSISTENCE, ServerDraft, Target};
use super::tracked::Tracked;
use super::words::network;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::lang::Context;
use crate::model::lvs::{
    ForwardingMethod, GroupEntry, GroupId, Protocol, RealServer, ServerGroup, ServiceAddress,
    ServiceDefaults, SorryServer, VirtualServer,
};
use crate::parse::statement::Statement;
use crate::parse::value::integer;

/// Every virtual server that is complete, and the switches that wait for `global_defs`.
#[derive(Default)]
pub(crate) struct Servers {
    pub done: Vec<VirtualServer>,
    /// `smtp_alert` of each virtual server and of each of its real servers.
    pub alerts: Vec<(Option<bool>, Vec<Option<bool>>)>,
    /// `log_all_failures` of every check, in order.
    pub log_all: Vec<Option<bool>>,
    /// Virtual servers that wait for their `virtual_server_group`, by their place in `done`.
    waiting: Vec<(usize, String, Place)>,
    /// `virtual_server_group` blocks.
    pub groups: Vec<ServerGroup>,
}

/// A `virtual_server_group` while it is read.
pub(crate) struct GroupDraft {
    group: ServerGroup,
    place: Place,
}

impl Servers {
    /// A virtual server is complete: defaults from it to its servers and checks, and the checks
    /// across its settings.
    pub(super) fn close(
        &mut self,
        mut draft: ServerDraft,
        tracked: &Tracked,
        cx: &mut Context<'_>,
    ) {
        if draft.real_servers.is_empty() {
            let message = format!("Virtual server {draft} has no real servers - ignoring");
            let problem = Diagnostic::new(Code::Incomplete, message);
            cx.report(problem.at(draft.place.clone()).label("no real_server can be used in here"));
            return;
        }
        let address = draft.service_address(cx);
        if let Target::Group(name) = &draft.target {
            self.waiting.push((self.done.len(), name.clone(), draft.place.clone()));
        }
        draft.check_settings(cx);
        let alerts = draft.real_servers.iter().map(|real| real.smtp_alert).collect();
        let reals = std::mem::take(&mut draft.real_servers);
        let server = draft.finish(address);
        let mut done: Vec<RealServer> = Vec::with_capacity(reals.len());
        for real in reals {
            let method = real.method.or(draft.method).unwrap_or_default();
            let port = draft.real_port(&real, method.0, cx);
            done.push(draft.finish_real(real, port, method, tracked, &mut self.log_all));
        }
        self.alerts.push((draft.smtp_alert, alerts));
        self.done.push(VirtualServer { real_servers: done, ..server });
    }
}

impl ServerDraft {
    fn report(&self, code: Code, message: String, cx: &mut Context<'_>) {
        cx.report(late(code, message, &self.place));
    }

    fn service_address(&mut self, cx: &mut Context<'_>) -> ServiceAddress {
        let ipv6 = self.ipv6.unwrap_or(false);
        match self.target.clone() {
            Target::Address(ip, port) => {
                if self.protocol.is_none() {
                    let message =
                        format!("Virtual server {self}: no protocol set - defaulting to UDP");
                    self.report(Code::Adjusted, message, cx);
                }
                let protocol = *self.protocol.get_or_insert(Protocol::Udp);
                ServiceAddress::Address { ip, port, protocol }
            }
            Target::Mark(mark) => {
                if self.protocol.take().is_some() {
                    let message = format!(
                        "Warning: Virtual server {self}: protocol specified for fwmark - protocol \
                         will be ignored"
                    );
                    self.report(Code::Adjusted, message, cx);
                }
                ServiceAddress::Mark { mark, ipv6 }
            }
            // Whether there is one, is known when all of them have been read.
            Target::Group(ref name) => ServiceAddress::Group {
                group: GroupId::of(name),
                protocol: self.protocol.unwrap_or(Protocol::Udp),
                ipv6,
            },
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
        self.check_sorry_port(cx);
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

    /// DR and tunnels cannot change the port of a packet.
    fn check_sorry_port(&mut self, cx: &mut Context<'_>) {
        let own = self.port();
        let fits = match &self.sorry {
            Some(sorry) => {
                let method = sorry.method.or(self.method).unwrap_or_default().0;
                method == ForwardingMethod::Nat || sorry.port.is_none_or(|port| port == own)
            }
            None => true,
        };
        if fits {
            return;
        }
        let message = format!(
            "WARNING - virtual server {self} and sorry server ports don't match - resetting"
        );
        self.report(Code::Adjusted, message, cx);
        if let Some(sorry) = &mut self.sorry {
            sorry.port = Some(own);
        }
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
            defaults: ServiceDefaults {
                method: method.0,
                alpha: self.alpha,
                inhibit_on_failure: self.inhibit,
                virtualhost: self.virtualhost.clone().map(String::into_boxed_str),
                checks: self.defaults,
            },
            ..VirtualServer::new(address)
        }
    }

    fn finish_real(
        &self,
        real: RealDraft,
        port: u16,
        method: Method,
        tracked: &Tracked,
        log_all: &mut Vec<Option<bool>>,
    ) -> RealServer {
        let address = SocketAddr::new(real.address, port);
        let rare = real.rare.map(|rare| *rare).unwrap_or_default();
        let defaults = rare.defaults.or(&self.defaults);
        let alpha = real.alpha.unwrap_or(self.alpha);
        let virtualhost = rare.virtualhost.or_else(|| self.virtualhost.clone());
        let around = Surroundings {
            server: address,
            defaults: &defaults,
            alpha,
            virtualhost: virtualhost.as_deref(),
            tracked,
        };
        let mut checkers = Vec::with_capacity(real.checks.len());
        for check in real.checks {
            check.finish(&around, &mut checkers, log_all);
        }
        RealServer {
            weight: real.weight.unwrap_or(self.weight),
            method: method.0,
            tunnel: method.1,
            inhibit_on_failure: real.inhibit.unwrap_or(self.inhibit),
            alpha,
            checkers,
            upper_threshold: rare.upper_threshold,
            lower_threshold: rare.lower_threshold,
            notify_up: rare.notify_up.map(Box::new),
            notify_down: rare.notify_down.map(Box::new),
            virtualhost: virtualhost.map(String::into_boxed_str),
            snmp_name: rare.snmp_name.map(String::into_boxed_str),
            defaults: (defaults != self.defaults).then(|| Box::new(defaults)),
            ..RealServer::new(address)
        }
    }
}

impl GroupDraft {
    pub(super) fn new(name: &str, place: Place) -> Self {
        Self { group: ServerGroup::new(name, Vec::new()), place }
    }

    /// `ADDR[-LAST|-ADDR|/LEN] [PORT]`, `fwmark N [inet|inet6]`.
    pub(super) fn entry(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let Some(word) = statement.word(0) else { return };
        let second = statement.word(1);
        let bad = |what: &str, index: usize| {
            let message = format!("Invalid virtual server group {what} {word} - skipping");
            Diagnostic::new(Code::BadEntry, message).at(statement.place_of(index))
        };
        let number = |word: &str, most: u32| {
            integer(word, 0, most.into()).ok().and_then(|number| u32::try_from(number).ok())
        };
        if word == "fwmark" {
            let family = statement.word(2).map(|word| word == "inet6");
            match second.and_then(|mark| number(mark, u32::MAX)) {
                Some(mark) => self.group.entries.push(GroupEntry::Mark { mark, ipv6: family }),
                None => cx.report(bad("fwmark", 1)),
            }
            return;
        }
        let Some((first, last)) = range(word) else {
            cx.report(bad("IP address", 0).label("expected ADDR, ADDR-LAST or ADDR/LEN"));
            return;
        };
        let port = match second {
            None => Some(0),
            Some(port) => number(port, 65_535).and_then(|port| u16::try_from(port).ok()),
        };
        match port {
            Some(port) => self.group.entries.push(GroupEntry::Addresses { first, last, port }),
            None => cx.report(bad("port", 1)),
        }
    }
}

/// `ADDR`, `ADDR/LEN`, `ADDR-ADDR`, `ADDR-N` where N replaces the last byte (IPv4) or the last 16
/// bits in hexadecimal (IPv6).
fn range(word: &str) -> Option<(IpAddr, IpAddr)> {
    if word.contains('/') {
        let net = network(word)?;
        return Some((net.network(), net.broadcast()));
    }
    let Some((first, last)) = word.split_once('-') else {
        let only = word.parse().ok()?;
        return Some((only, only));
    };
    let first: IpAddr = first.parse().ok()?;
    let last = match (last.parse::<IpAddr>(), first) {
        (Ok(last), _) => last,
        (Err(_), IpAddr::V4(v4)) => {
            let [a, b, c, _] = v4.octets();
            IpAddr::from([a, b, c, last.parse().ok()?])
        }
        (Err(_), IpAddr::V6(v6)) => {
            let mut parts = v6.segments();
            parts[7] = u16::from_str_radix(last, 16).ok()?;
            IpAddr::V6(Ipv6Addr::from(parts))
        }
    };
    (first.is_ipv4() == last.is_ipv4() && first <= last).then_some((first, last))
}

impl Servers {
    /// A `virtual_server_group` is complete.
    pub(super) fn close_group(&mut self, draft: GroupDraft, cx: &mut Context<'_>) {
        let name = &draft.group.name;
        if draft.group.entries.is_empty() {
            let message = format!("virtual server group {name} has no entries - removing");
            cx.report(Diagnostic::new(Code::Incomplete, message).at(draft.place));
            return;
        }
        if self.groups.iter().any(|group| group.id == draft.group.id) {
            let message = format!("virtual server group {name} already defined");
            cx.report(Diagnostic::new(Code::Duplicate, message).at(draft.place));
            return;
        }
        self.groups.push(draft.group);
    }

    /// Everything was read: groups of virtual servers are looked up. A virtual server whose group
    /// does not exist is left out.
    pub(super) fn resolve_groups(&mut self, cx: &mut Context<'_>) {
        let mut lost = Vec::new();
        for (at, name, place) in std::mem::take(&mut self.waiting) {
            let found = self.groups.iter().find(|group| group.name == name);
            let Some(server) = self.done.get_mut(at) else { continue };
            match (found, &mut server.address) {
                (Some(ServerGroup { entries, .. }), ServiceAddress::Group { ipv6, .. }) => {
                    if let Some(GroupEntry::Addresses { first, .. }) = entries.first() {
                        *ipv6 = first.is_ipv6();
                    }
                    let no_port =
                        |entry: &GroupEntry| matches!(entry, GroupEntry::Addresses { port: 0, .. });
                    if server.persistence.is_none() && entries.iter().any(no_port) {
                        let message = format!(
                            "Virtual server [{name}]:0: zero port only valid for persistent \
                             services - setting"
                        );
                        cx.report(late(Code::Adjusted, message, &place));
                        server.persistence = Some(DEFAULT_PERSISTENCE);
                    }
                }
                _ => {
                    let message = format!(
                        "Virtual server group {name} specified but not configured - ignoring \
                         virtual server [{name}]:0"
                    );
                    // keepalived tells this when it runs, not when it tests.
                    cx.report(late(Code::Ineffective, message, &place));
                    lost.push(at);
                }
            }
        }
        for at in lost.into_iter().rev() {
            self.done.remove(at);
        }
    }
}
