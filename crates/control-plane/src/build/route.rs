//! Entries of `virtual_routes` and `static_routes`.

use super::words::{Part, Words, network};
use crate::diagnostic::Code;
use crate::keywords::Block;
use crate::lang::Context;
use crate::model::network::{
    Lockable, Named, NextHop, Route, RouteKind, RoutePlacement, RouterPreference, StaticItem,
};
use crate::parse::statement::Statement;

/// The protocol number of routes and rules that keepalived made.
const RTPROT_KEEPALIVED: u32 = 18;
/// Shortest time of `rtt`, `rttvar` and `rto_min`, milliseconds.
const MIN_TIME: f64 = 200.0;

/// Reads one entry; an entry that cannot be used is told and left out.
pub(super) fn read(statement: &Statement<'_>, cx: &mut Context<'_>) -> Option<StaticItem<Route>> {
    let mut draft = Draft {
        words: Words::new(statement, "route", cx),
        route: Route::default(),
        has_destination: false,
        track_group: None,
    };
    draft.read().ok()?;
    let Draft { route, track_group, .. } = draft;
    Some(StaticItem { item: route, track_group })
}

struct Draft<'a, 'c, 's> {
    words: Words<'a, 'c, 's>,
    route: Route,
    has_destination: bool,
    track_group: Option<String>,
}

impl Draft<'_, '_, '_> {
    fn read(&mut self) -> Part<()> {
        while let Some(word) = self.words.next_option(Block::RouteEntry) {
            if !self.flag(word) && !self.option(word)? && !self.metric(word)? {
                self.destination(word)?;
            }
        }
        self.words.complete();
        if !self.has_destination {
            let message = "Route must have a destination".to_owned();
            return self.words.refuse(Code::BadEntry, message);
        }
        self.check_protocol();
        self.family()
    }

    /// A word without a value.
    fn flag(&mut self, word: &str) -> bool {
        let route = &mut self.route;
        match word {
            "onlink" => route.onlink = true,
            "no_track" => route.no_track = true,
            "add" => route.placement = RoutePlacement::Add,
            "append" => route.placement = RoutePlacement::Append,
            "prepend" => route.placement = RoutePlacement::Prepend,
            "inet" => route.ipv6 = false,
            "inet6" => route.ipv6 = true,
            "to" => {}
            _ => return self.kind(word),
        }
        true
    }

    fn kind(&mut self, word: &str) -> bool {
        self.route.kind = match word {
            "unicast" => RouteKind::Unicast,
            "local" => RouteKind::Local,
            "broadcast" => RouteKind::Broadcast,
            "anycast" => RouteKind::Anycast,
            "multicast" => RouteKind::Multicast,
            "throw" => RouteKind::Throw,
            "unreachable" => RouteKind::Unreachable,
            "prohibit" => RouteKind::Prohibit,
            "blackhole" => RouteKind::Blackhole,
            "nat" => RouteKind::Nat,
            "xresolve" => RouteKind::Xresolve,
            _ => return false,
        };
        true
    }

    fn option(&mut self, word: &str) -> Part<bool> {
        match word {
            "src" => self.route.source = Some(self.words.address(word)?),
            "via" => self.route.via = Some(self.gateway()?),
            "gw" => {
                self.deprecated("\"gw\" for routes is deprecated. Please use \"via\"");
                self.route.via = Some(self.gateway()?);
            }
            "or" => {
                self.deprecated("\"or\" for routes is deprecated. Please use \"nexthop\"");
                let second = NextHop { via: Some(self.gateway()?), ..NextHop::default() };
                let first = self
                    .route
                    .via
                    .take()
                    .map(|via| NextHop { via: Some(via), ..NextHop::default() });
                self.route.next_hops.extend(first);
                self.route.next_hops.push(second);
            }
            "as" => {
                self.words.skip("to");
                self.words.value(word)?;
                self.words.report(
                    Code::Unsupported,
                    "\"as\" for routes is not supported - ignoring".to_owned(),
                );
            }
            "from" => self.route.from = Some(self.words.network(word)?),
            "tos" | "dsfield" => self.route.tos = Some(self.words.named(word)?),
            "table" => self.route.table = Some(self.words.named(word)?),
            "protocol" => self.route.protocol = Some(self.words.named(word)?),
            "scope" => self.route.scope = Some(self.words.named(word)?),
            "metric" | "priority" | "preference" => self.route.metric = Some(self.words.u32(word)?),
            "dev" | "oif" => self.route.interface = Some(self.words.interface(word)?),
            "vrf" => self.route.vrf = Some(self.words.value(word)?.to_owned()),
            "encap" => self.route.encap = Some(self.words.encap()?),
            "realms" => self.route.realms = Some(self.words.value(word)?.to_owned()),
            "track_group" => self.track_group = Some(self.words.value(word)?.to_owned()),
            "nexthop" => {
                let hop = self.next_hop()?;
                self.route.next_hops.push(hop);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What the kernel keeps with a route for TCP and others.
    fn metric(&mut self, word: &str) -> Part<bool> {
        match word {
            "expires" => self.route.expires = Some(self.words.u32(word)?),
            "mtu" => self.route.mtu = Some(self.lockable(word)?),
            "hoplimit" => self.route.hoplimit = Some(self.words.number(word, 0, 255)?),
            "advmss" => self.route.advmss = Some(self.lockable(word)?),
            "rtt" => self.route.rtt = Some(self.time(word, 8.0)?),
            "rttvar" => self.route.rttvar = Some(self.time(word, 4.0)?),
            "rto_min" => self.route.rto_min = Some(self.time(word, 1.0)?),
            "reordering" => self.route.reordering = Some(self.lockable(word)?),
            "window" => self.route.window = Some(self.words.u32(word)?),
            "cwnd" => self.route.cwnd = Some(self.lockable(word)?),
            "ssthresh" => self.route.ssthresh = Some(self.lockable(word)?),
            "initcwnd" => self.route.initcwnd = Some(self.words.u32(word)?),
            "initrwnd" => self.route.initrwnd = Some(self.words.u32(word)?),
            "features" => self.features()?,
            "quickack" => self.route.quickack = Some(self.words.number::<u8>(word, 0, 1)? == 1),
            "fastopen_no_cookie" => {
                self.route.fastopen_no_cookie = Some(self.words.number::<u8>(word, 0, 1)? == 1);
            }
            "congctl" => {
                let lock = self.words.skip("lock");
                self.route.congestion = Some((self.words.value(word)?.to_owned(), lock));
            }
            "pref" => {
                self.route.preference = Some(match self.words.value(word)? {
                    "low" => RouterPreference::Low,
                    "medium" => RouterPreference::Medium,
                    "high" => RouterPreference::High,
                    other => {
                        return self.words.refuse(Code::BadEntry, format!("Invalid pref {other}"));
                    }
                });
            }
            "ttl-propagate" => {
                self.route.ttl_propagate = Some(match self.words.value(word)? {
                    "enabled" => true,
                    "disabled" => false,
                    other => {
                        let message = format!("Invalid ttl-propagate {other}");
                        return self.words.refuse(Code::BadEntry, message);
                    }
                });
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn deprecated(&mut self, message: &str) {
        self.words.report(Code::Deprecated, message.to_owned());
    }

    fn gateway(&mut self) -> Part<std::net::IpAddr> {
        if self.words.skip("inet6") {
            self.route.ipv6 = true;
        } else {
            self.words.skip("inet");
        }
        self.words.address("via")
    }

    fn features(&mut self) -> Part<()> {
        match self.words.value("features")? {
            "ecn" => self.route.ecn = true,
            other => self.words.report(Code::BadEntry, format!("feature {other} not supported")),
        }
        Ok(())
    }

    fn lockable(&mut self, option: &str) -> Part<Lockable> {
        let lock = self.words.skip("lock");
        Ok(Lockable { value: self.words.u32(option)?, lock })
    }

    /// A time with unit `s` or `ms`, or a bare number in 1/`per_ms` milliseconds.
    fn time(&mut self, option: &str, per_ms: f64) -> Part<Lockable> {
        let lock = self.words.skip("lock");
        let word = self.words.value(option)?;
        let (number, scale) = match (word.strip_suffix("ms"), word.strip_suffix('s')) {
            (Some(number), _) => (number, 1.0),
            (None, Some(number)) => (number, 1_000.0),
            (None, None) => (word, 1.0 / per_ms),
        };
        let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let millis = number.parse::<f64>().ok().filter(|_| plain).map(|number| number * scale);
        let Some(mut millis) = millis.filter(|millis| *millis < f64::from(u32::MAX) / 8.0) else {
            let message = format!("Invalid {option} {word} specified for route");
            return self.words.refuse(Code::BadEntry, message);
        };
        if millis < MIN_TIME {
            let message = format!("{option} {word} is below 200 ms - setting to 200 ms");
            self.words.report(Code::Adjusted, message);
            millis = MIN_TIME;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within 0 and u32::MAX by the filter above"
        )]
        let value = (millis * per_ms).round() as u32;
        Ok(Lockable { value, lock })
    }

    /// `nexthop via ADDR [dev IF] [weight N] [onlink] [encap ...] [realms R]`.
    fn next_hop(&mut self) -> Part<NextHop> {
        let mut hop = NextHop::default();
        while let Some(word) = self.words.peek() {
            let known = ["via", "dev", "oif", "weight", "onlink", "encap", "realms"];
            if !known.contains(&word) {
                break;
            }
            self.words.next();
            match word {
                "via" => hop.via = Some(self.gateway()?),
                "dev" | "oif" => hop.interface = Some(self.words.interface(word)?),
                "weight" => hop.weight = self.words.number(word, 1, 256)?,
                "encap" => hop.encap = Some(self.words.encap()?),
                "realms" => hop.realms = Some(self.words.value(word)?.to_owned()),
                _ => hop.onlink = true,
            }
        }
        Ok(hop)
    }

    fn destination(&mut self, word: &str) -> Part<()> {
        if word == "default" {
            self.has_destination = true;
            return Ok(());
        }
        match network(word) {
            Some(net) if !self.has_destination => {
                self.route.destination = Some(net);
                self.has_destination = true;
                Ok(())
            }
            Some(_) => {
                let message = format!("Route has a second destination {word}");
                self.words.refuse(Code::BadEntry, message)
            }
            None => {
                let message = format!("VRRP parsed invalid IP {word}. skipping IP...");
                self.words.report(Code::BadAddress, message);
                self.words.refuse(Code::BadEntry, format!("unknown route keyword {word}"))
            }
        }
    }

    /// A route of another protocol cannot be recognised as ours, so it cannot be watched.
    fn check_protocol(&mut self) {
        let foreign = match &self.route.protocol {
            None | Some(Named::Number(RTPROT_KEEPALIVED)) => false,
            Some(Named::Name(name)) => name != "keepalived",
            Some(Named::Number(_)) => true,
        };
        if foreign && !self.route.no_track {
            let message = "Route cannot be tracked if protocol is not RTPROT_KEEPALIVED(18), \
                           resetting protocol";
            self.words.report(Code::Adjusted, message.to_owned());
            self.route.protocol = None;
        }
    }

    /// One family for all addresses of the route.
    fn family(&mut self) -> Part<()> {
        let route = &self.route;
        let nets = [route.destination, route.from].into_iter().flatten().map(|net| net.addr());
        // An IPv4 route may have IPv6 gateways (RFC 5549): said by `inet6` in a `nexthop`; that of a
        // plain route decides only where nothing else does.
        let hops = route.next_hops.iter().filter_map(|hop| hop.via);
        let hops = hops.filter(|via| !(route.ipv6 && via.is_ipv6()));
        let own = [route.source].into_iter().flatten();
        let addresses: Vec<_> = nets.chain(own).chain(hops).collect();
        let first = addresses.first().or(route.via.as_ref()).copied();
        let ipv6 = first.map_or(route.ipv6, |first| first.is_ipv6());
        if addresses.iter().any(|address| address.is_ipv6() != ipv6) {
            let message = "Route has addresses of both families".to_owned();
            return self.words.refuse(Code::BadEntry, message);
        }
        self.route.ipv6 = ipv6;
        Ok(())
    }
}
