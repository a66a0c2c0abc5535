//! `LVS Topology`: virtual server groups, virtual servers, real servers.

use std::net::SocketAddr;

use control_plane::model::lvs::{GroupEntry, ServerGroup};
use control_plane::model::{
    ForwardingMethod, Lvs, Protocol, RealServer, Scheduler, ServiceAddress, VirtualServer,
};

use checkers::ServerState;

use crate::layout::{Lines, enabled, on_off, rule, yes_no};
use crate::live::CheckersLive;

/// Groups first, then each virtual server with its real servers; with states if there are any.
pub(crate) fn lines<'a>(
    lvs: &'a Lvs,
    live: Option<&'a CheckersLive>,
) -> impl Iterator<Item = Lines> + use<'a> {
    let groups = lvs.groups.iter().enumerate().map(|(place, group)| server_group(place, group));
    let servers = lvs.virtual_servers.iter().flat_map(move |service| {
        let head = std::iter::once_with(move || virtual_server(lvs, service, live));
        let state = move |server: &RealServer| live?.server(service.address, server.address);
        head.chain(service.real_servers.iter().map(move |one| real_server(one, state(one))))
    });
    groups.chain(servers)
}

fn server_group(place: usize, group: &ServerGroup) -> Lines {
    let mut lines = Lines::default();
    if place == 0 {
        lines.at(1, rule("Virtual server group"));
    }
    lines.item(1, "Virtual Server Group", &group.name);
    for entry in &group.entries {
        lines.at(
            3,
            match *entry {
                GroupEntry::Addresses { first, last, port } if first == last => {
                    format!("VIP = {first}, VPORT = {port}")
                }
                GroupEntry::Addresses { first, last, port } => {
                    format!("VIP Range = {first}-{last}, VPORT = {port}")
                }
                GroupEntry::Mark { mark, .. } => format!("FWMARK = {mark}"),
            },
        );
    }
    lines
}

fn virtual_server(lvs: &Lvs, service: &VirtualServer, live: Option<&CheckersLive>) -> Lines {
    let mut lines = Lines::default();
    lines.at(1, rule("Virtual server"));
    let (name, ipv6, protocol) = match service.address {
        ServiceAddress::Address { ip, port, protocol } => {
            (format!("VS VIP = {ip}, VPORT = {port}"), ip.is_ipv6(), Some(protocol))
        }
        ServiceAddress::Mark { mark, ipv6 } => (format!("VS FWMARK = {mark}"), ipv6, None),
        ServiceAddress::Group { group, protocol, ipv6 } => {
            let name = lvs.group(group).map_or("", |group| group.name.as_str());
            (format!("VS GROUP = [{name}]"), ipv6, Some(protocol))
        }
    };
    lines.at(1, name);
    lines.item(3, "Address family", if ipv6 { "inet6" } else { "inet" });
    lines.item(3, "lvs_sched", service.scheduler.name());
    flags(&mut lines, service);
    lines.item(3, "One packet scheduling", enabled(service.one_packet));
    lines.optional(3, "persistence timeout", service.persistence.map(|span| span.as_secs()));
    lines.optional(3, "persistence granularity", service.persistence_prefix);
    lines.optional(3, "persistence engine", service.persistence_engine.as_ref());
    lines.optional(3, "protocol", protocol.map(protocol_name));
    lines.at(3, format!("omega is {}", on_off(service.omega)));
    let (quorum, hysteresis) = (service.quorum, service.hysteresis);
    lines.item(3, "quorum", format!("{quorum}, hysteresis = {hysteresis}"));
    lines.script(3, "Quorum up notify script", service.quorum_up.as_ref());
    lines.script(3, "Quorum down notify script", service.quorum_down.as_ref());
    if service.ha_suspend {
        lines.at(3, "Using HA suspend");
    }
    lines.item(3, "Using smtp notification", yes_no(service.smtp_alert));
    lines.optional(3, "SNMP name", service.snmp_name.as_ref());
    if let Some(sorry) = &service.sorry_server {
        lines.item(3, "sorry server", named(sorry.address, protocol));
        lines.item(5, "forwarding method", method_name(sorry.method));
        lines.at(5, format!("Inhibit on failure is {}", on_off(sorry.inhibit)));
    }
    if let Some(state) = live.and_then(|live| live.known.services.get(&service.address)) {
        let stands_in = u8::from(service.sorry_server.is_some() && !state.quorum_up);
        if service.sorry_server.is_some() {
            lines.item(5, "set", stands_in);
            lines.item(5, "alive", stands_in);
        }
        lines.item(3, "quorum_state_up", u8::from(state.quorum_up));
    }
    lines
}

/// The scheduler's flags by its own names for them.
fn flags(lines: &mut Lines, service: &VirtualServer) {
    let flags = service.scheduler_flags;
    match service.scheduler {
        Scheduler::SourceHashing => {
            lines.item(3, "sh-port", enabled(flags.flag_2));
            lines.item(3, "sh-fallback", enabled(flags.flag_1));
        }
        Scheduler::MaglevHashing => {
            lines.item(3, "mh-port", enabled(flags.flag_2));
            lines.item(3, "mh-fallback", enabled(flags.flag_1));
        }
        _ => {
            lines.item(3, "flag-1", enabled(flags.flag_1));
            lines.item(3, "flag-2", enabled(flags.flag_2));
            lines.item(3, "flag-3", enabled(flags.flag_3));
        }
    }
}

fn real_server(server: &RealServer, live: Option<&ServerState>) -> Lines {
    let mut lines = Lines::default();
    let (ip, port, weight) = (server.address.ip(), server.address.port(), server.weight);
    lines.at(3, rule("Real server"));
    let effective = live.map(|live| format!(" EFF WEIGHT = {}", live.weight));
    let effective = effective.unwrap_or_default();
    lines.at(3, format!("RIP = {ip}, RPORT = {port}, WEIGHT = {weight}{effective}"));
    lines.item(3, "forwarding method", method_name(server.method));
    lines.at(3, format!("Alpha is {}", on_off(server.alpha)));
    let (low, high) = (server.lower_threshold, server.upper_threshold);
    lines.item(3, "connection limit range", format!("{low} -> {high}"));
    lines.at(3, format!("Inhibit on failure is {}", on_off(server.inhibit_on_failure)));
    lines.script(3, "RS up notify script", server.notify_up.as_ref());
    lines.script(3, "RS down notify script", server.notify_down.as_ref());
    lines.item(3, "Using smtp notification", yes_no(server.smtp_alert));
    lines.optional(3, "VirtualHost", server.virtualhost.as_ref());
    lines.optional(3, "SNMP name", server.snmp_name.as_ref());
    if let Some(live) = live {
        let failed = live.checks.iter().filter(|check| !check.health.is_up()).count();
        lines.item(3, "initial weight", weight);
        lines.item(3, "effective weight", live.weight);
        lines.item(3, "alive", u8::from(live.is_up()));
        lines.item(3, "num failed checkers", failed);
        lines.item(3, "RS set", u8::from(live.is_up() || server.inhibit_on_failure));
    }
    lines
}

const fn method_name(method: ForwardingMethod) -> &'static str {
    match method {
        ForwardingMethod::Nat => "NAT",
        ForwardingMethod::DirectRouting => "DR",
        ForwardingMethod::Tunnel => "TUN",
    }
}

const fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Sctp => "SCTP",
    }
}

/// `[10.2.0.2]:tcp:80`.
pub(crate) fn named(server: SocketAddr, protocol: Option<Protocol>) -> String {
    let protocol = protocol.map_or("none", Protocol::name);
    format!("[{}]:{protocol}:{}", server.ip(), server.port())
}
