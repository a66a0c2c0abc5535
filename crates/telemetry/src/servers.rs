//! `LVS Topology`: virtual server groups, virtual servers, real servers.

use std::net::SocketAddr;
use std::rc::Rc;

use control_plane::Config;
use control_plane::model::checks::CheckerKind;
use control_plane::model::checks::{CONNECT_TIMEOUT, DELAY_LOOP};
use control_plane::model::lvs::{CheckDefaults, GroupEntry, ServerGroup};
use control_plane::model::{
    ForwardingMethod, GroupNames, Lvs, Protocol, RealServer, Scheduler, ServiceAddress,
    VirtualServer,
};

use checkers::ServerState;

use crate::layout::{Lines, enabled, on_off, reversed, rule, seconds, yes_no};
use crate::live::CheckersLive;

/// What keepalived notes for the time of a reload only, in which nothing is dumped.
const NO_RELOAD: u8 = 0;

/// Groups first, then each virtual server with its real servers; with states if there are any.
pub(crate) fn lines<'a>(
    config: &'a Config,
    live: Option<&'a CheckersLive>,
) -> impl Iterator<Item = Lines> + use<'a> {
    let lvs: &Lvs = &config.lvs;
    let groups = lvs.groups.iter().enumerate();
    let groups = groups.map(move |(place, group)| server_group(lvs, place, group, live));
    let names = Rc::new(GroupNames::of(lvs));
    let servers = lvs.virtual_servers.iter().flat_map(move |service| {
        let names = Rc::clone(&names);
        let head = std::iter::once_with(move || virtual_server(config, &names, service, live));
        let state = move |server: &RealServer| live?.server(service.address, server.address);
        let servers = service.real_servers.iter();
        head.chain(servers.map(move |one| real_server(config, service, one, state(one))))
    });
    let kernel = (!lvs.groups.is_empty() || !lvs.virtual_servers.is_empty()).then(|| {
        let mut lines = Lines::default();
        // The version of the kernel's interface that this program speaks.
        lines.at(1, "System is compiled with LVS v1.2.1");
        lines
    });
    kernel.into_iter().chain(groups).chain(servers)
}

fn server_group(
    lvs: &Lvs,
    place: usize,
    group: &ServerGroup,
    live: Option<&CheckersLive>,
) -> Lines {
    let mut lines = Lines::default();
    if place == 0 {
        lines.at(1, rule("Virtual server group"));
    }
    let of_family = |wanted| {
        let its = |entry: &GroupEntry| match entry {
            GroupEntry::Addresses { first, .. } => first.is_ipv6() == wanted,
            GroupEntry::Mark { ipv6, .. } => *ipv6 == Some(wanted),
        };
        yes_no(group.entries.iter().any(its))
    };
    let families = format!("IPv4 = {}, IPv6 = {}", of_family(false), of_family(true));
    lines.item(1, "Virtual Server Group", format!("{}, {families}", group.name));
    let alive = live.map(|live| Alive::of(lvs, group, live));
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
        let Some(alive) = &alive else { continue };
        let count =
            if let GroupEntry::Mark { .. } = entry { &alive.of_marks } else { &alive.of_addresses };
        lines.at(5, format!("Alive: {count}"));
        lines.item(5, "reloaded", "False");
    }
    lines
}

/// How many real servers of a group's services are up, as its entries show it. Counted once for all
/// entries: either may be thousands.
struct Alive {
    of_addresses: String,
    of_marks: String,
}

impl Alive {
    fn of(lvs: &Lvs, group: &ServerGroup, live: &CheckersLive) -> Self {
        let (mut by_protocol, mut by_family) = ([0; 3], [0; 2]);
        for service in &lvs.virtual_servers {
            let ServiceAddress::Group { group: id, protocol, ipv6 } = service.address else {
                continue;
            };
            if id != group.id {
                continue;
            }
            let is_up = |server: &&RealServer| {
                live.server(service.address, server.address).is_some_and(ServerState::is_up)
            };
            let up = service.real_servers.iter().filter(is_up).count();
            by_protocol[match protocol {
                Protocol::Tcp => 0,
                Protocol::Udp => 1,
                Protocol::Sctp => 2,
            }] += up;
            by_family[usize::from(ipv6)] += up;
        }
        let ([tcp, udp, sctp], [v4, v6]) = (by_protocol, by_family);
        Self {
            of_addresses: format!("{tcp} tcp, {udp} udp, {sctp} sctp"),
            of_marks: format!("{v4} IPv4, {v6} IPv6"),
        }
    }
}

fn virtual_server(
    config: &Config,
    names: &GroupNames,
    service: &VirtualServer,
    live: Option<&CheckersLive>,
) -> Lines {
    let user = config.global.scripts.user.as_ref();
    let mut lines = Lines::default();
    lines.at(1, rule("Virtual server"));
    let (name, ipv6, protocol) = match service.address {
        ServiceAddress::Address { ip, port, protocol } => {
            (format!("VS VIP = {ip}, VPORT = {port}"), ip.is_ipv6(), Some(protocol))
        }
        ServiceAddress::Mark { mark, ipv6 } => (format!("VS FWMARK = {mark}"), ipv6, None),
        ServiceAddress::Group { protocol, ipv6, .. } => {
            (format!("VS GROUP = {}", names.get(&service.address)), ipv6, Some(protocol))
        }
    };
    lines.at(1, name);
    let defaults = &service.defaults;
    lines.optional(3, "VirtualHost", defaults.virtualhost.as_ref());
    lines.item(3, "Address family", if ipv6 { "inet6" } else { "inet" });
    lines.item(3, "connection timeout", connect_timeout(&defaults.checks));
    lines.item(3, "delay_loop", delay_loop(&defaults.checks));
    lines.item(3, "lvs_sched", service.scheduler.name());
    // A flag that only the kernel sets.
    lines.item(3, "Hashed", enabled(false));
    flags(&mut lines, service);
    lines.item(3, "One packet scheduling", enabled(service.one_packet));
    lines.optional(3, "persistence timeout", service.persistence.map(|span| span.as_secs()));
    lines.optional(3, "persistence granularity", service.persistence_prefix);
    lines.optional(3, "persistence engine", service.persistence_engine.as_ref());
    lines.optional(3, "protocol", protocol.map(protocol_name));
    lines.at(3, format!("alpha is {}", on_off(defaults.alpha)));
    lines.at(3, format!("omega is {}", on_off(service.omega)));
    tries(&mut lines, &defaults.checks);
    lines.at(3, format!("Inhibit on failure is {}", on_off(defaults.inhibit_on_failure)));
    let (quorum, hysteresis) = (service.quorum, service.hysteresis);
    lines.item(3, "quorum", format!("{quorum}, hysteresis = {hysteresis}"));
    lines.script(3, "Quorum up notify script", service.quorum_up.as_ref(), user);
    lines.script(3, "Quorum down notify script", service.quorum_down.as_ref(), user);
    if service.ha_suspend {
        lines.at(3, "Using HA suspend");
    }
    lines.item(3, "Using smtp notification", yes_no(service.smtp_alert));
    lines.optional(3, "SNMP name", service.snmp_name.as_ref());
    lines.item(3, "default forwarding method", method_name(defaults.method));
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
        let is_up = |server: &RealServer| {
            live.and_then(|live| live.server(service.address, server.address))
                .is_some_and(ServerState::is_up)
        };
        lines.item(3, "VS alive", u8::from(service.real_servers.iter().any(is_up)));
        lines.item(3, "quorum_state_up", u8::from(state.quorum_up));
        lines.item(3, "reloaded", NO_RELOAD);
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

fn real_server(
    config: &Config,
    service: &VirtualServer,
    server: &RealServer,
    live: Option<&ServerState>,
) -> Lines {
    let defaults = server.defaults.as_deref().unwrap_or(&service.defaults.checks);
    let user = config.global.scripts.user.as_ref();
    let mut lines = Lines::default();
    let (ip, port, weight) = (server.address.ip(), server.address.port(), server.weight);
    lines.at(3, rule("Real server"));
    let effective = live.map(|live| format!(" EFF WEIGHT = {}", live.weight));
    let effective = effective.unwrap_or_default();
    lines.at(3, format!("RIP = {ip}, RPORT = {port}, WEIGHT = {weight}{effective}"));
    lines.item(3, "forwarding method", method_name(server.method));
    lines.at(3, format!("Alpha is {}", on_off(server.alpha)));
    lines.item(3, "connection timeout", connect_timeout(defaults));
    let (low, high) = (server.lower_threshold, server.upper_threshold);
    lines.item(3, "connection limit range", format!("{low} -> {high}"));
    lines.item(3, "Delay loop", delay_loop(defaults));
    tries(&mut lines, defaults);
    lines.at(3, format!("Inhibit on failure is {}", on_off(server.inhibit_on_failure)));
    lines.script(3, "RS up notify script", server.notify_up.as_deref(), user);
    lines.script(3, "RS down notify script", server.notify_down.as_deref(), user);
    // Where it is the virtual server's it is shown there. Indented and quoted as keepalived has it.
    let own = server.virtualhost.as_ref();
    let own = own.filter(|_| server.virtualhost != service.defaults.virtualhost);
    lines.optional(4, "VirtualHost", own.map(|name| format!("'{name}'")));
    lines.item(3, "Using smtp notification", yes_no(server.smtp_alert));
    lines.optional(3, "SNMP name", server.snmp_name.as_ref());
    if let Some(live) = live {
        let failed = live.checks.iter().filter(|check| !check.health.is_up()).count();
        lines.item(3, "initial weight", weight);
        lines.item(3, "effective weight", live.weight);
        lines.item(3, "previous effective_weight", NO_RELOAD);
        lines.item(3, "alive", u8::from(live.is_up()));
        lines.item(3, "num failed checkers", failed);
        lines.item(3, "RS set", u8::from(live.is_up() || server.inhibit_on_failure));
        lines.item(3, "reloaded", NO_RELOAD);
    }
    tracked(&mut lines, config, server);
    lines
}

/// `connect_timeout`, 5 s when nobody says anything.
fn connect_timeout(defaults: &CheckDefaults) -> String {
    seconds(defaults.connect_timeout.unwrap_or(CONNECT_TIMEOUT))
}

/// `delay_loop`, 60 s when nobody says anything.
fn delay_loop(defaults: &CheckDefaults) -> String {
    seconds(defaults.delay_loop.unwrap_or(DELAY_LOOP))
}

/// What each kind of check has another default for is shown where it was said.
fn tries(lines: &mut Lines, defaults: &CheckDefaults) {
    lines.optional(3, "Retry count", defaults.retry);
    lines.optional(3, "Retry delay", defaults.delay_before_retry.map(seconds));
    lines.optional(3, "Warmup", defaults.warmup.map(seconds));
}

/// Files and BFD sessions that its checks follow.
fn tracked(lines: &mut Lines, config: &Config, server: &RealServer) {
    let mut titles = [None, None];
    for check in &server.checkers {
        let (place, title, name) = match &check.kind {
            CheckerKind::File(one) => {
                let Some(file) = config.lvs.files.get(one.file.0) else { continue };
                let weight = format!("{}{}", one.weight, reversed(one.reverse));
                (0, "Tracked Files", format!("{}, weight {weight}", file.name))
            }
            CheckerKind::Bfd(of) => {
                let Some(session) = config.bfd.get(of.0) else { continue };
                (1, "Tracked BFDs", session.name.clone())
            }
            _ => continue,
        };
        let entry: &mut Option<(&str, Vec<String>)> = &mut titles[place];
        entry.get_or_insert((title, Vec::new())).1.push(name);
    }
    for (title, names) in titles.into_iter().flatten() {
        lines.at(3, title);
        names.iter().for_each(|name| lines.at(5, name));
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use checkers::{ServerId, ServerState};
    use control_plane::model::checks::FileCheck;
    use control_plane::model::lvs::GroupId;
    use control_plane::model::tracking::TrackFile;
    use control_plane::model::{Checker, FileId};

    use super::*;

    #[test]
    fn a_group_counts_the_servers_that_are_up_in_all_of_its_services_and_in_no_other() {
        let service = |name: &str, protocol, ipv6, servers: &[&str]| VirtualServer {
            real_servers: servers.iter().map(|it| RealServer::new(it.parse().unwrap())).collect(),
            ..VirtualServer::new(ServiceAddress::Group { group: GroupId::of(name), protocol, ipv6 })
        };
        let entry = |last| GroupEntry::Addresses {
            first: format!("10.1.0.{last}").parse().unwrap(),
            last: format!("10.1.0.{last}").parse().unwrap(),
            port: 80,
        };
        let mark = GroupEntry::Mark { mark: 7, ipv6: None };
        let lvs = Lvs {
            groups: vec![ServerGroup::new("G", vec![entry(1), entry(2), mark])],
            virtual_servers: vec![
                service("G", Protocol::Tcp, false, &["10.2.0.1:80", "10.2.0.2:80", "10.2.0.9:80"]),
                service("G", Protocol::Udp, true, &["10.2.0.1:80"]),
                service("other", Protocol::Tcp, false, &["10.2.0.1:80"]),
            ],
            ..Lvs::default()
        };
        let mut live = CheckersLive::default();
        for service in &lvs.virtual_servers {
            let known = service
                .real_servers
                .iter()
                .filter(|server| server.address.ip().to_string() != "10.2.0.9");
            live.known.servers.extend(known.map(|server| {
                let id = ServerId { service: service.address, server: server.address };
                (id, ServerState { weight: 1, checks: Vec::new() })
            }));
        }
        let lines: Vec<String> =
            server_group(&lvs, 1, &lvs.groups[0], Some(&live)).into_iter().collect();
        let alive: Vec<&str> =
            lines.iter().filter_map(|line| line.trim().strip_prefix("Alive: ")).collect();
        assert_eq!(alive, ["2 tcp, 1 udp, 0 sctp", "2 tcp, 1 udp, 0 sctp", "2 IPv4, 1 IPv6"]);
    }
    #[test]
    fn virtual_servers_of_one_group_are_numbered_in_all_parts_of_a_dump() {
        let service = |protocol| {
            let file = FileCheck { file: FileId(0), weight: 1, reverse: false };
            let checkers = vec![Checker::new(CheckerKind::File(file))];
            let server = RealServer::new("10.2.0.1:80".parse().unwrap());
            let group = GroupId::of("G");
            VirtualServer {
                real_servers: vec![RealServer { checkers, ..server }],
                ..VirtualServer::new(ServiceAddress::Group { group, protocol, ipv6: false })
            }
        };
        let config = Config {
            lvs: Arc::new(Lvs {
                groups: vec![ServerGroup::new("G", Vec::new())],
                virtual_servers: [Protocol::Tcp, Protocol::Udp].map(service).into(),
                files: vec![TrackFile {
                    name: "F".to_owned(),
                    path: "/run/f".to_owned(),
                    weight: 1,
                    reverse: false,
                    init: None,
                }],
                ..Lvs::default()
            }),
            ..Config::default()
        };
        let text = |parts: Vec<Lines>| -> Vec<String> { parts.into_iter().flatten().collect() };
        let found = |lines: &[String], what: &str| {
            lines.iter().filter(|line| line.contains(what)).cloned().collect::<Vec<_>>().join("|")
        };
        let all = text(lines(&config, None).collect());
        assert_eq!(found(&all, "VS GROUP").trim(), "VS GROUP = [G]:0| VS GROUP = [G]:1");
        let all = text(crate::checks::lines(&config, None).collect());
        let of = |number: usize, protocol| format!("[G]:{number} -> [10.2.0.1]:{protocol}:80");
        assert_eq!(found(&all, "->").trim(), format!("{}| {}", of(0, "tcp"), of(1, "udp")));
        let all = text(crate::checks::files(&config).collect());
        assert!(found(&all, "->").contains(&of(1, "udp")), "{all:?}");
    }
}
