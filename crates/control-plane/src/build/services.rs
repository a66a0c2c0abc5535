//! Virtual servers that are complete: defaults from them to their servers and checks, and the
//! checks across their settings.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::check::Surroundings;
use super::late;
use super::real::{Method, RealDraft};
use super::server::{ServerDraft, Target};
use super::tracked::Tracked;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::lang::Context;
use crate::model::checks::CheckerKind;
use crate::model::lvs::{
    GroupId, Protocol, RealServer, ServerGroup, ServiceAddress, ServiceDefaults, SorryServer,
    VirtualServer,
};

/// Every virtual server that is complete, and the switches that wait for `global_defs`.
#[derive(Default)]
pub(crate) struct Servers {
    pub done: Vec<VirtualServer>,
    /// `smtp_alert` of each virtual server and of each of its real servers.
    pub alerts: Vec<(Option<bool>, Vec<Option<bool>>)>,
    /// `log_all_failures` of every check, in order.
    pub log_all: Vec<Option<bool>>,
    /// Virtual servers that wait for their `virtual_server_group`, by their place in `done`.
    pub(super) waiting: Vec<Waiting>,
    /// How many of them wait for the group of that name.
    numbers: BTreeMap<String, usize>,
    /// `virtual_server_group` blocks.
    pub groups: Vec<ServerGroup>,
}

/// A virtual server whose group is looked up when all groups have been read.
pub(super) struct Waiting {
    /// Its place in [`Servers::done`].
    pub at: usize,
    pub group: String,
    /// What it is called in messages.
    pub name: String,
    pub place: Place,
    pub says_protocol: bool,
}

impl Servers {
    /// A virtual server of a group has a number: how many above it have the same group.
    pub(super) fn numbered(&self, mut draft: ServerDraft) -> ServerDraft {
        if let Target::Group(name, number) = &mut draft.target {
            *number = self.numbers.get(name).copied().unwrap_or_default();
        }
        draft
    }

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
        draft.settle_family(cx);
        let address = draft.service_address(cx);
        if let Target::Group(name, _) = &draft.target {
            *self.numbers.entry(name.clone()).or_default() += 1;
            self.waiting.push(Waiting {
                at: self.done.len(),
                group: name.clone(),
                name: draft.to_string(),
                place: draft.place.clone(),
                says_protocol: draft.protocol.is_some(),
            });
        }
        draft.check_settings(cx);
        let alerts = draft.real_servers.iter().map(|real| real.smtp_alert).collect();
        let reals = std::mem::take(&mut draft.real_servers);
        let server = draft.finish(address);
        let mut done: Vec<RealServer> = Vec::with_capacity(reals.len());
        for real in reals {
            let method = real.method.or(draft.method).unwrap_or_default();
            let place = real.place.clone();
            let real = draft.finish_real(real, method, tracked, &mut self.log_all);
            draft.check_targets(&real, &place, cx);
            done.push(real);
        }
        self.alerts.push((draft.smtp_alert, alerts));
        self.done.push(VirtualServer { real_servers: done, ..server });
    }
}

impl ServerDraft {
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
            Target::Group(ref name, _) => ServiceAddress::Group {
                group: GroupId::of(name),
                protocol: self.protocol.unwrap_or(Protocol::Udp),
                ipv6,
            },
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
        method: Method,
        tracked: &Tracked,
        log_all: &mut Vec<Option<bool>>,
    ) -> RealServer {
        let address = SocketAddr::new(real.address, real.settled);
        // Checks go where the server listens, whatever the kernel must be told.
        let written = real.port.filter(|port| *port != 0).unwrap_or(real.settled);
        let rare = real.rare.map(|rare| *rare).unwrap_or_default();
        let defaults = rare.defaults.or(&self.defaults);
        let alpha = real.alpha.unwrap_or(self.alpha);
        let virtualhost = rare.virtualhost.or_else(|| self.virtualhost.clone());
        let around = Surroundings {
            server: SocketAddr::new(real.address, written),
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

    /// A check of port 0 never succeeds.
    fn check_targets(&self, real: &RealServer, place: &Place, cx: &mut Context<'_>) {
        for check in &real.checkers {
            let (kind, connect) = match &check.kind {
                CheckerKind::Tcp(connect) => ("TCP_CHECK", connect),
                CheckerKind::Udp(udp) => ("UDP_CHECK", &udp.connect),
                CheckerKind::Http(http) if http.tls => ("SSL_GET", &http.connect),
                CheckerKind::Http(http) => ("HTTP_GET", &http.connect),
                _ => continue,
            };
            if connect.target.port() == 0 {
                let message = format!(
                    "Virtual server {self}: {kind} of {} has no port, so it cannot succeed",
                    connect.target.ip()
                );
                let problem = late(Code::Ineffective, message, place);
                cx.report(problem.help("give the real server a port, or the check a connect_port"));
            }
        }
    }
}
