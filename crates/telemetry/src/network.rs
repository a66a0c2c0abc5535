//! Routes and rules, virtual and static, in the order in which keepalived writes their parts.

use std::fmt::Display;
use std::net::IpAddr;

use base::IpNet;
use control_plane::model::network::{
    Encap, Lockable, Named, NextHop, Route, RouteKind, RoutePlacement, RouterPreference, Rule,
    RuleAction, StaticItem,
};
use control_plane::model::vrrp::{VirtualAddress, Vrrp};

use crate::instance::address;
use crate::layout::{Lines, rule as title};

/// Who made a route or a rule when nothing is said: keepalived.
const PROTOCOL: u32 = 18;

/// Addresses, routes and rules outside of instances. `set`: the daemon runs, and they are there.
pub(crate) fn statics(vrrp: &Vrrp, set: bool) -> impl Iterator<Item = String> {
    let mut lines = Lines::default();
    items(&mut lines, "Static Addresses", &vrrp.static_addresses, |one: &VirtualAddress| {
        (address(one, false), if set { " set" } else { "" })
    });
    items(&mut lines, "Static Routes", &vrrp.static_routes, |one| (route(one), ""));
    items(&mut lines, "Static Rules", &vrrp.static_rules, |one| (rule(one), ""));
    lines.into_iter()
}

fn items<T>(
    lines: &mut Lines,
    name: &str,
    all: &[StaticItem<T>],
    text: impl Fn(&T) -> (String, &'static str),
) {
    if !all.is_empty() {
        lines.at(0, title(name));
    }
    for StaticItem { item, track_group } in all {
        let (text, end) = text(item);
        let group = track_group.as_ref().map(|group| format!(" track_group {group}"));
        lines.at(5, format!("{text}{}{end}", group.unwrap_or_default()));
    }
}

/// Words with blanks between them.
#[derive(Default)]
struct Words(String);

impl Words {
    fn word(&mut self, word: impl Display) {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(&word.to_string());
    }

    fn pair(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.word(name);
            self.word(value);
        }
    }

    fn flag(&mut self, name: &str, is: bool) {
        if is {
            self.word(name);
        }
    }

    /// `mtu lock 1400`.
    fn metric(&mut self, name: &str, value: Option<Lockable>, unit: &str) {
        if let Some(Lockable { value, lock }) = value {
            let lock = if lock { "lock " } else { "" };
            self.pair(name, Some(format!("{lock}{value}{unit}")));
        }
    }

    fn via(&mut self, via: Option<IpAddr>) {
        if let Some(via) = via {
            self.word(if via.is_ipv4() { "via inet" } else { "via inet6" });
            self.word(via);
        }
    }
}

fn named(name: &Named) -> String {
    match name {
        Named::Number(number) => number.to_string(),
        Named::Name(name) => name.clone(),
    }
}

fn prefix(net: IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

/// `prepend 198.51.100.0/24 via inet 10.1.0.2 dev lan0 proto 18 metric 50`.
pub(crate) fn route(one: &Route) -> String {
    let mut words = Words::default();
    words.word(match one.placement {
        RoutePlacement::Prepend => "prepend",
        RoutePlacement::Append => "append",
        RoutePlacement::Add => "add",
    });
    if one.kind != RouteKind::Unicast {
        words.word(kind(one.kind));
    }
    words.word(one.destination.map_or_else(|| "default".to_owned(), prefix));
    words.pair("from", one.from.map(prefix));
    words.pair("src", one.source);
    words.pair("tos", one.tos.as_ref().map(named));
    encap(&mut words, one.encap.as_ref());
    words.via(one.via);
    words.pair("dev", one.interface.as_ref());
    words.pair("table", one.table.as_ref().map(named));
    let default = (!one.no_track).then(|| PROTOCOL.to_string());
    words.pair("proto", one.protocol.as_ref().map(named).or(default));
    words.pair("scope", one.scope.as_ref().map(named));
    words.pair("metric", one.metric);
    words.flag("onlink", one.onlink);
    metrics(&mut words, one);
    words.pair("expires", one.expires.map(|seconds| format!("{seconds}sec")));
    words.pair(
        "pref",
        one.preference.map(|preference| match preference {
            RouterPreference::Low => "low",
            RouterPreference::Medium => "medium",
            RouterPreference::High => "high",
        }),
    );
    let switch = |on: bool| if on { "enabled" } else { "disabled" };
    words.pair("ttl-propagate", one.ttl_propagate.map(switch));
    one.next_hops.iter().for_each(|hop| next_hop(&mut words, hop));
    words.pair("vrf", one.vrf.as_ref());
    words.flag("no_track", one.no_track);
    words.0
}

const fn kind(kind: RouteKind) -> &'static str {
    match kind {
        RouteKind::Unicast => "unicast",
        RouteKind::Local => "local",
        RouteKind::Broadcast => "broadcast",
        RouteKind::Anycast => "anycast",
        RouteKind::Multicast => "multicast",
        RouteKind::Blackhole => "blackhole",
        RouteKind::Unreachable => "unreachable",
        RouteKind::Prohibit => "prohibit",
        RouteKind::Throw => "throw",
        RouteKind::Nat => "nat",
        RouteKind::Xresolve => "xresolve",
    }
}

fn metrics(words: &mut Words, one: &Route) {
    words.pair("realms", one.realms.as_ref());
    if let Some((name, lock)) = &one.congestion {
        words.pair("congctl", Some(format!("{}{name}", if *lock { "lock " } else { "" })));
    }
    let scaled = |metric: Option<Lockable>, by: u32| {
        metric.map(|metric| Lockable { value: metric.value / by, ..metric })
    };
    words.metric("rtt", scaled(one.rtt, 8), "ms");
    words.metric("rttvar", scaled(one.rttvar, 4), "ms");
    words.metric("rto_min", one.rto_min, "ms");
    words.flag("features ecn", one.ecn);
    words.metric("mtu", one.mtu, "");
    words.pair("window", one.window);
    words.metric("ssthresh", one.ssthresh, "");
    words.metric("cwnd", one.cwnd, "");
    words.metric("advmss", one.advmss, "");
    words.metric("reordering", one.reordering, "");
    words.pair("hoplimit", one.hoplimit);
    words.pair("initcwnd", one.initcwnd);
    words.pair("initrwnd", one.initrwnd);
    words.pair("quickack", one.quickack.map(u8::from));
    words.pair("fastopen_no_cookie", one.fastopen_no_cookie.map(u8::from));
}

fn next_hop(words: &mut Words, hop: &NextHop) {
    words.word("nexthop");
    encap(words, hop.encap.as_ref());
    words.via(hop.via);
    words.pair("dev", hop.interface.as_ref());
    words.pair("weight", (hop.weight > 0).then_some(hop.weight));
    words.flag("onlink", hop.onlink);
    words.pair("realms", hop.realms.as_ref());
}

fn encap(words: &mut Words, encap: Option<&Encap>) {
    match encap {
        None => {}
        Some(Encap::Ip { id, destination, source, tos, ttl, flags, ipv6 }) => {
            words.word(if *ipv6 { "encap ip6" } else { "encap ip" });
            words.pair("id", *id);
            words.pair("dst", *destination);
            words.pair("src", *source);
            let [traffic, hops] = if *ipv6 { ["tc", "hoplimit"] } else { ["tos", "ttl"] };
            words.pair(traffic, tos.as_ref().map(named));
            words.pair(hops, *ttl);
            words.pair("flags", flags.map(|flags| format!("0x{flags:x}")));
        }
        Some(Encap::Mpls(labels)) => {
            let labels: Vec<String> = labels.iter().map(u32::to_string).collect();
            words.word(format!("encap mpls {}", labels.join("/")));
        }
        Some(Encap::Ila(locator)) => words.word(format!("encap ila {locator}")),
    }
}

/// `from 198.51.100.0/24 priority 200 tos 0x0 protocol 18 lookup 100`.
pub(crate) fn rule(one: &Rule) -> String {
    let mut words = Words::default();
    words.flag("not", one.invert);
    words.word(format!("from {}", one.from.map_or_else(|| "all".to_owned(), prefix)));
    words.pair("to", one.to.map(prefix));
    words.word(format!("priority {}", one.preference));
    words.word(format!("tos {}", one.tos.as_ref().map_or_else(|| "0x0".to_owned(), hexadecimal)));
    words.pair(
        "fwmark",
        one.mark.map(|(mark, mask)| {
            let mask = mask.map(|mask| format!("/0x{mask:x}")).unwrap_or_default();
            format!("0x{mark:x}{mask}")
        }),
    );
    words.pair("iif", one.input.as_ref());
    words.pair("oif", one.output.as_ref());
    words.pair("suppress_prefixlen", one.suppress_prefix_length);
    words.pair("suppress_ifgroup", one.suppress_group.as_ref().map(named));
    words.pair("tunnel-id", one.tunnel);
    words.pair("uidrange", one.users.map(range));
    words.flag("l3mdev", one.l3mdev);
    let default = (!one.no_track).then_some(PROTOCOL);
    words.pair("protocol", one.protocol.map(u32::from).or(default));
    words.pair("ipproto", one.ip_protocol.as_ref().map(named));
    words.pair("sport", one.source_ports.map(range));
    words.pair("dport", one.destination_ports.map(range));
    words.pair("realms", one.realms.as_ref());
    match &one.action {
        RuleAction::Table(table) => words.pair("lookup", Some(named(table))),
        RuleAction::Goto(target) => words.pair("goto", Some(target)),
        RuleAction::Nop => words.word("nop"),
        RuleAction::Blackhole => words.word("type blackhole"),
        RuleAction::Unreachable => words.word("type unreachable"),
        RuleAction::Prohibit => words.word("type prohibit"),
    }
    words.flag("no_track", one.no_track);
    words.0
}

fn hexadecimal(name: &Named) -> String {
    match name {
        Named::Number(number) => format!("0x{number:x}"),
        Named::Name(name) => name.clone(),
    }
}

fn range<T: Display + PartialEq>((first, last): (T, T)) -> String {
    format!("{first}-{last}")
}
