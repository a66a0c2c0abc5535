//! `real_server` while it is read, and what it shares with the virtual server around it:
//! addresses with ports, forwarding methods.

use std::net::IpAddr;

use super::check::CheckDraft;
use super::set_script;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::lang::Context;
use crate::model::Command;
use crate::model::lvs::{CheckDefaults, ForwardingMethod, Tunnel, TunnelChecksum, TunnelKind};
use crate::parse::statement::Statement;
use crate::parse::value::{Value, address, integer, pointless_prefix};

/// A forwarding method with its tunnel's options.
pub(crate) type Method = (ForwardingMethod, Tunnel);

/// A `real_server` while it is read.
pub(crate) struct RealDraft {
    pub address: IpAddr,
    /// As it is written: where its checks go.
    pub port: Option<u16>,
    /// Its port in the IPVS table, once the virtual server is complete.
    pub settled: u16,
    pub place: Place,
    /// Where on its line the address stands.
    address_span: (u32, u32),
    pub weight: Option<u32>,
    pub method: Option<Method>,
    pub inhibit: Option<bool>,
    pub alpha: Option<bool>,
    pub smtp_alert: Option<bool>,
    /// What few servers have. There may be many thousands of servers.
    pub rare: Option<Box<Rare>>,
    pub checks: Vec<CheckDraft>,
}

/// Settings that few real servers have.
#[derive(Default)]
pub(crate) struct Rare {
    pub upper_threshold: u32,
    pub lower_threshold: u32,
    pub notify_up: Option<Command>,
    pub notify_down: Option<Command>,
    pub virtualhost: Option<String>,
    pub snmp_name: Option<String>,
    pub defaults: CheckDefaults,
}

impl RealDraft {
    pub(super) fn new(address: IpAddr, port: Option<u16>, statement: &Statement<'_>) -> Self {
        let named = statement.place_of(1);
        Self {
            address,
            port,
            settled: 0,
            place: statement.place(),
            address_span: (named.start, named.end),
            weight: None,
            method: None,
            inhibit: None,
            alpha: None,
            smtp_alert: None,
            rare: None,
            checks: Vec::new(),
        }
    }

    /// Where its address stands.
    pub(super) fn address_place(&self) -> Place {
        let (start, end) = self.address_span;
        Place { start, end, ..self.place.clone() }
    }

    pub(super) fn leaf(
        &mut self,
        statement: &Statement<'_>,
        value: Value<'_>,
        cx: &mut Context<'_>,
    ) {
        let name = statement.keyword.name;
        match name {
            "weight" => self.weight = value.int(),
            "lvs_method" => self.method = method(statement, "real server", cx).or(self.method),
            "inhibit_on_failure" => self.inhibit = Some(value.bool()),
            "alpha" => self.alpha = Some(value.bool()),
            "smtp_alert" => self.smtp_alert = Some(value.bool()),
            _ => self.rare.get_or_insert_default().leaf(statement, value, cx),
        }
    }
}

impl Rare {
    fn leaf(&mut self, statement: &Statement<'_>, value: Value<'_>, cx: &mut Context<'_>) {
        let name = statement.keyword.name;
        if self.defaults.leaf(name, &value) {
            return;
        }
        match name {
            "uthreshold" => self.upper_threshold = value.int().unwrap_or(0),
            "lthreshold" => self.lower_threshold = value.int().unwrap_or(0),
            "virtualhost" => self.virtualhost = value.string(),
            "snmp_name" => self.snmp_name = value.string(),
            "notify_up" => set_script(&mut self.notify_up, value, "", statement, cx),
            "notify_down" => set_script(&mut self.notify_down, value, "", statement, cx),
            _ => {}
        }
    }
}

/// `ADDR [PORT]` after the keyword.
pub(super) fn address_and_port(
    statement: &Statement<'_>,
    what: &str,
    cx: &mut Context<'_>,
) -> Option<(IpAddr, Option<u16>)> {
    let word = statement.word(1)?;
    if let Some(length) = pointless_prefix(word) {
        cx.report(length.at(statement.place_of(1)));
    }
    let Some(address) = address(word) else {
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
pub(super) fn method(
    statement: &Statement<'_>,
    what: &str,
    cx: &mut Context<'_>,
) -> Option<Method> {
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
    if let Some(message) = misfit(tunnel) {
        cx.report(Diagnostic::new(Code::Adjusted, message).at(statement.place()));
    }
}

/// What of a tunnel's options its type does not have.
fn misfit(tunnel: &mut Tunnel) -> Option<&'static str> {
    let gue = tunnel.kind == TunnelKind::Gue;
    if gue != (tunnel.port != 0) {
        return Some("gue tunnels require port, otherwise cannot have port.");
    }
    match (tunnel.kind, tunnel.checksum) {
        (TunnelKind::IpIp, TunnelChecksum::Checksum | TunnelChecksum::Remote) => {
            tunnel.checksum = TunnelChecksum::default();
            Some("ipip tunnels do not support checksum option.")
        }
        (TunnelKind::Gre, TunnelChecksum::Remote) => {
            tunnel.checksum = TunnelChecksum::default();
            Some("gre tunnels do not support remote checksum option.")
        }
        _ => None,
    }
}
