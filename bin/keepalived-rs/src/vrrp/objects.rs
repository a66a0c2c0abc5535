//! Routes and rules of the configuration in the kernel's own numbers.

use base::IfIndex;
use control_plane::model::network::{
    self, Encap, Lockable, Named, RouteKind, RoutePlacement, RouterPreference, RuleAction,
};
use netlink_reflector::route::{Hop, Metric, NextHop, Placement};
use netlink_reflector::rule::Action;
use netlink_reflector::{Link, Object, PROTOCOL_KEEPALIVED, Route, Rule, encap};

use crate::names::{Kind, Names};

const MAIN: u32 = 254;

/// What a conversion needs to know of the host.
pub(super) struct Host<'a> {
    pub(super) names: &'a Names,
    /// An interface that is there.
    pub(super) link: &'a dyn Fn(&str) -> Option<&'a Link>,
}

impl Host<'_> {
    /// A route; an error names what the host does not have.
    pub(super) fn route(&self, config: &network::Route) -> Result<Object, String> {
        let kind = kind(config.kind);
        let hop = self.hop(
            config.via,
            config.interface.as_deref(),
            config.onlink,
            config.encap.as_ref(),
            config.realms.as_deref(),
        )?;
        let next_hops = config.next_hops.iter().map(|hop| self.next_hop(hop));
        Ok(Object::Route(Box::new(Route {
            ipv6: config.ipv6,
            destination: config.destination,
            from: config.from,
            kind,
            table: self.table(config)?,
            protocol: self.byte(Kind::Protocol, config.protocol.as_ref(), PROTOCOL_KEEPALIVED)?,
            scope: self.byte(Kind::Scope, config.scope.as_ref(), 0)?,
            tos: self.byte(Kind::TypeOfService, config.tos.as_ref(), 0)?,
            metric: config.metric,
            source: config.source,
            hop,
            next_hops: next_hops.collect::<Result<_, _>>()?,
            metrics: metrics(config),
            congestion: config.congestion.clone(),
            expires: config.expires,
            preference: config.preference.map(|preference| match preference {
                RouterPreference::Medium => 0,
                RouterPreference::High => 1,
                RouterPreference::Low => 3,
            }),
            ttl_propagate: config.ttl_propagate,
            placement: match config.placement {
                RoutePlacement::Prepend => Placement::Prepend,
                RoutePlacement::Append => Placement::Append,
                RoutePlacement::Add => Placement::Exclusive,
            },
        })))
    }

    fn table(&self, config: &network::Route) -> Result<u32, String> {
        match (&config.table, &config.vrf) {
            (None, Some(vrf)) => {
                let table = (self.link)(vrf).and_then(|link| link.table);
                table.ok_or_else(|| format!("there is no VRF {vrf}"))
            }
            (table, _) => self.or(Kind::Table, table.as_ref(), MAIN),
        }
    }

    fn next_hop(&self, config: &network::NextHop) -> Result<NextHop, String> {
        let hop = self.hop(
            config.via,
            config.interface.as_deref(),
            config.onlink,
            config.encap.as_ref(),
            config.realms.as_deref(),
        )?;
        Ok(NextHop { hop, weight: config.weight })
    }

    fn hop(
        &self,
        via: Option<std::net::IpAddr>,
        interface: Option<&str>,
        onlink: bool,
        encap: Option<&Encap>,
        realms: Option<&str>,
    ) -> Result<Hop, String> {
        Ok(Hop {
            via,
            interface: interface.map(|name| self.interface(name)).transpose()?,
            onlink,
            encap: encap.map(|encap| self.encap(encap)).transpose()?,
            realms: realms.map(|text| self.names.realms(text)).transpose()?,
        })
    }

    fn encap(&self, config: &Encap) -> Result<encap::Encap, String> {
        Ok(match config {
            Encap::Ip { id, destination, source, tos, ttl, flags, ipv6 } => encap::Encap::Ip {
                ipv6: *ipv6,
                id: *id,
                destination: *destination,
                source: *source,
                tos: tos
                    .as_ref()
                    .map(|tos| self.byte(Kind::TypeOfService, Some(tos), 0))
                    .transpose()?,
                ttl: *ttl,
                flags: *flags,
            },
            Encap::Mpls(labels) => encap::Encap::Mpls(labels.clone()),
            Encap::Ila(locator) => encap::Encap::Ila(*locator),
        })
    }

    /// A rule; an error names what the host does not have.
    pub(super) fn rule(&self, config: &network::Rule) -> Result<Object, String> {
        let named = |kind, named: Option<&Named>| {
            named.map(|named| self.names.number(kind, named)).transpose()
        };
        Ok(Object::Rule(Box::new(Rule {
            ipv6: config.ipv6,
            invert: config.invert,
            from: config.from,
            to: config.to,
            action: match &config.action {
                // the table of the packet's VRF is none of ours
                RuleAction::Table(_) if config.l3mdev => Action::Table(0),
                RuleAction::Table(table) => Action::Table(self.names.number(Kind::Table, table)?),
                RuleAction::Nop if config.l3mdev => Action::Table(0),
                RuleAction::Goto(target) => Action::Goto(*target),
                RuleAction::Nop => Action::Nop,
                RuleAction::Blackhole => Action::Blackhole,
                RuleAction::Unreachable => Action::Unreachable,
                RuleAction::Prohibit => Action::Prohibit,
            },
            priority: config.preference,
            tos: self.byte(Kind::TypeOfService, config.tos.as_ref(), 0)?,
            mark: config.mark,
            realms: config.realms.as_deref().map(|text| self.names.realms(text)).transpose()?,
            suppress_prefix_length: config.suppress_prefix_length,
            suppress_group: named(Kind::Group, config.suppress_group.as_ref())?,
            input: config.input.clone(),
            output: config.output.clone(),
            tunnel: config.tunnel,
            users: config.users,
            l3mdev: config.l3mdev,
            protocol: config.protocol.unwrap_or(PROTOCOL_KEEPALIVED),
            ip_protocol: config.ip_protocol.as_ref().map(ip_protocol).transpose()?,
            source_ports: config.source_ports,
            destination_ports: config.destination_ports,
        })))
    }

    fn interface(&self, name: &str) -> Result<IfIndex, String> {
        let link = (self.link)(name).ok_or_else(|| format!("there is no interface {name}"))?;
        Ok(link.index)
    }

    fn or(&self, kind: Kind, named: Option<&Named>, otherwise: u32) -> Result<u32, String> {
        named.map_or(Ok(otherwise), |named| self.names.number(kind, named))
    }

    fn byte(&self, kind: Kind, named: Option<&Named>, otherwise: u8) -> Result<u8, String> {
        let number = self.or(kind, named, otherwise.into())?;
        u8::try_from(number).map_err(|_| format!("{number} is more than 255"))
    }
}

/// `RTN_*`.
const fn kind(kind: RouteKind) -> u8 {
    match kind {
        RouteKind::Unicast => 1,
        RouteKind::Local => 2,
        RouteKind::Broadcast => 3,
        RouteKind::Anycast => 4,
        RouteKind::Multicast => 5,
        RouteKind::Blackhole => 6,
        RouteKind::Unreachable => 7,
        RouteKind::Prohibit => 8,
        RouteKind::Throw => 9,
        RouteKind::Nat => 10,
        RouteKind::Xresolve => 11,
    }
}

/// Values of `RTAX_*`.
fn metrics(config: &network::Route) -> Vec<Metric> {
    let free = |value| Lockable { value, lock: false };
    let flag = |value: bool| free(u32::from(value));
    [
        (2, config.mtu),
        (3, config.window.map(free)),
        (4, config.rtt),
        (5, config.rttvar),
        (6, config.ssthresh),
        (7, config.cwnd),
        (8, config.advmss),
        (9, config.reordering),
        (10, config.hoplimit.map(|limit| free(limit.into()))),
        (11, config.initcwnd.map(free)),
        (12, config.ecn.then(|| free(1))),
        (13, config.rto_min),
        (14, config.initrwnd.map(free)),
        (15, config.quickack.map(flag)),
        (17, config.fastopen_no_cookie.map(flag)),
    ]
    .into_iter()
    .filter_map(|(kind, value)| value.map(|Lockable { value, lock }| Metric { kind, value, lock }))
    .collect()
}

/// The protocols that people write into rules; others by number.
fn ip_protocol(named: &Named) -> Result<u8, String> {
    let known = [
        ("icmp", 1),
        ("igmp", 2),
        ("tcp", 6),
        ("udp", 17),
        ("gre", 47),
        ("esp", 50),
        ("ah", 51),
        ("icmpv6", 58),
        ("ipv6-icmp", 58),
        ("ospf", 89),
        ("sctp", 132),
        ("udplite", 136),
    ];
    match named {
        Named::Number(number) => {
            u8::try_from(*number).map_err(|_| format!("IP protocol {number} is more than 255"))
        }
        Named::Name(name) => known
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, number)| *number)
            .or_else(|| name.parse().ok())
            .ok_or_else(|| format!("IP protocol {name} is not known")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use control_plane::{MemorySource, Options, load};

    use super::*;

    #[test]
    fn a_route_says_whether_mpls_passes_the_hop_limit_on() {
        let of = |words: &str| {
            let text = format!("static_routes {{\n192.0.2.0/24 via 10.0.0.254 {words}\n}}\n");
            let source = MemorySource::new("/k.conf", text);
            let loaded = load(Path::new("/k.conf"), &source, &Options::default());
            let config = loaded.config.unwrap();
            let host = Host { names: &Names::default(), link: &|_| None };
            let Object::Route(route) = host.route(&config.vrrp.static_routes[0].item).unwrap()
            else {
                panic!("a route")
            };
            route.ttl_propagate
        };
        assert_eq!(of("ttl-propagate enabled"), Some(true));
        assert_eq!(of("ttl-propagate disabled"), Some(false));
        assert_eq!(of(""), None);
    }
}
