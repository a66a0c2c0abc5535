//! Routes as they should be, in the kernel's own numbers.

use std::fmt;
use std::net::IpAddr;

use base::{IfIndex, IpNet};
use neli::consts::nl::NlmF;
use neli::{Size, ToBytes};
use netlink::{AttributeWriter, Message};

use crate::encap::Encap;

pub(crate) const RTM_NEWROUTE: u16 = 24;
pub(crate) const RTM_DELROUTE: u16 = 25;

const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_PREFSRC: u16 = 7;
const RTA_METRICS: u16 = 8;
const RTA_MULTIPATH: u16 = 9;
const RTA_FLOW: u16 = 11;
const RTA_TABLE: u16 = 15;
const RTA_VIA: u16 = 18;
const RTA_PREF: u16 = 20;
const RTA_EXPIRES: u16 = 23;
const RTA_TTL_PROPAGATE: u16 = 26;

const RTAX_LOCK: u16 = 1;
const RTAX_CC_ALGO: u16 = 16;

const RTNH_F_ONLINK: u8 = 4;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const RT_TABLE_UNSPEC: u8 = 0;

/// A route that should be there. Two that differ in anything are two routes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// IPv6.
    pub ipv6: bool,
    /// Destination; `None` is the default route.
    pub destination: Option<IpNet>,
    /// Source that packets must have (IPv6).
    pub from: Option<IpNet>,
    /// Type (`RTN_*`): 1 unicast, 6 blackhole and so on.
    pub kind: u8,
    /// Table: 254 is main.
    pub table: u32,
    /// Who made it (`RTPROT_*`).
    pub protocol: u8,
    /// Scope: 0 global, 253 link, 254 host.
    pub scope: u8,
    /// Type of service.
    pub tos: u8,
    /// Metric (`RTA_PRIORITY`).
    pub metric: Option<u32>,
    /// Source address of packets that start here.
    pub source: Option<IpAddr>,
    /// Where it leads, if to one place.
    pub hop: Hop,
    /// Where it leads, if to several places.
    pub next_hops: Vec<NextHop>,
    /// Values of `RTAX_*`.
    pub metrics: Vec<Metric>,
    /// Congestion control, and whether it is locked.
    pub congestion: Option<(String, bool)>,
    /// Seconds until it goes by itself (IPv6).
    pub expires: Option<u32>,
    /// Preference of RFC 4191: 0 medium, 1 high, 3 low (IPv6).
    pub preference: Option<u8>,
    /// Whether MPLS takes over the time to live.
    pub ttl_propagate: Option<bool>,
    /// How it is put beside equal ones.
    pub placement: Placement,
}

/// One place that a route leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// The gateway.
    pub via: Option<IpAddr>,
    /// The interface.
    pub interface: Option<IfIndex>,
    /// The gateway is reachable whatever other routes say.
    pub onlink: bool,
    /// A lightweight tunnel.
    pub encap: Option<Encap>,
    /// Realms (`RTA_FLOW`).
    pub realms: Option<u32>,
}

/// One place of several.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NextHop {
    /// Where.
    pub hop: Hop,
    /// Its share, 1 to 256; 0 counts as 1.
    pub weight: u16,
}

/// One value of `RTA_METRICS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Metric {
    /// `RTAX_*`.
    pub kind: u16,
    /// In the kernel's unit.
    pub value: u32,
    /// The kernel must not change it.
    pub lock: bool,
}

/// How a route is put beside equal ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Placement {
    /// Before them.
    #[default]
    Prepend,
    /// After them.
    Append,
    /// Not at all when there are some.
    Exclusive,
}

impl Placement {
    fn flags(self) -> NlmF {
        match self {
            Self::Prepend => NlmF::CREATE,
            Self::Append => NlmF::CREATE | NlmF::APPEND,
            Self::Exclusive => NlmF::CREATE | NlmF::EXCL,
        }
    }
}

/// `struct rtmsg`.
#[derive(Clone, Copy, Debug, Size, ToBytes)]
struct Header {
    family: u8,
    destination_length: u8,
    source_length: u8,
    tos: u8,
    table: u8,
    protocol: u8,
    scope: u8,
    kind: u8,
    flags: u32,
}

impl Route {
    pub(crate) fn addition(&self) -> Message {
        self.message(RTM_NEWROUTE, self.placement.flags())
    }

    /// All that tells it from others goes into the request, so that no other route is hit.
    pub(crate) fn removal(&self) -> Message {
        self.message(RTM_DELROUTE, NlmF::empty())
    }

    fn message(&self, kind: u16, flags: NlmF) -> Message {
        let length = |net: Option<IpNet>| net.map_or(0, |net| net.prefix_len());
        let header = Header {
            family: if self.ipv6 { AF_INET6 } else { AF_INET },
            destination_length: length(self.destination),
            source_length: length(self.from),
            tos: self.tos,
            table: u8::try_from(self.table).unwrap_or(RT_TABLE_UNSPEC),
            protocol: self.protocol,
            scope: self.scope,
            kind: self.kind,
            flags: if self.hop.onlink { u32::from(RTNH_F_ONLINK) } else { 0 },
        };
        match self.attributes() {
            Ok(attributes) => Message::new(kind, flags, &header, attributes),
            Err(reason) => Message::unwritable(kind, reason),
        }
    }

    fn attributes(&self) -> Result<AttributeWriter, &'static str> {
        let mut all = AttributeWriter::new().put(RTA_TABLE, self.table);
        if let Some(net) = self.destination {
            all = all.address(RTA_DST, net.network());
        }
        if let Some(net) = self.from {
            all = all.address(RTA_SRC, net.network());
        }
        if let Some(metric) = self.metric {
            all = all.put(RTA_PRIORITY, metric);
        }
        if let Some(source) = self.source {
            all = all.address(RTA_PREFSRC, source);
        }
        if let Some(interface) = self.hop.interface {
            all = all.put(RTA_OIF, interface.get());
        }
        all = self.hop.write(self.ipv6, all);
        if !self.next_hops.is_empty() {
            all = all.bytes(RTA_MULTIPATH, &self.multipath()?);
        }
        if !self.metrics.is_empty() || self.congestion.is_some() {
            all = all.nested(RTA_METRICS, self.metric_values());
        }
        if let Some(seconds) = self.expires {
            all = all.put(RTA_EXPIRES, seconds);
        }
        if let Some(preference) = self.preference {
            all = all.put(RTA_PREF, preference);
        }
        if let Some(propagate) = self.ttl_propagate {
            all = all.put(RTA_TTL_PROPAGATE, u8::from(propagate));
        }
        Ok(all)
    }

    fn metric_values(&self) -> AttributeWriter {
        let locked = self.metrics.iter().filter(|metric| metric.lock).map(|metric| metric.kind);
        let congestion = self.congestion.iter().filter(|(_, lock)| *lock).map(|_| RTAX_CC_ALGO);
        let lock = locked.chain(congestion).fold(0u32, |mask, kind| mask | 1 << kind.min(31));
        let mut values = AttributeWriter::new();
        if lock != 0 {
            values = values.put(RTAX_LOCK, lock);
        }
        values = self
            .metrics
            .iter()
            .fold(values, |values, metric| values.put(metric.kind, metric.value));
        match &self.congestion {
            Some((name, _)) => values.text(RTAX_CC_ALGO, name),
            None => values,
        }
    }

    /// `struct rtnexthop` and its attributes, one after the other.
    fn multipath(&self) -> Result<Vec<u8>, &'static str> {
        let mut bytes = Vec::new();
        for NextHop { hop, weight } in &self.next_hops {
            let attributes = hop.write(self.ipv6, AttributeWriter::new()).finish()?;
            let length =
                u16::try_from(8 + attributes.len()).map_err(|_| "a nexthop is too long")?;
            bytes.extend_from_slice(&length.to_ne_bytes());
            bytes.push(if hop.onlink { RTNH_F_ONLINK } else { 0 });
            bytes.push(u8::try_from(weight.saturating_sub(1)).unwrap_or(u8::MAX));
            let index = hop.interface.map_or(0, IfIndex::get);
            bytes.extend_from_slice(&index.to_ne_bytes());
            bytes.extend_from_slice(&attributes);
        }
        Ok(bytes)
    }
}

impl Hop {
    /// Everything but the interface, which has another place in a multipath route.
    fn write(&self, ipv6: bool, mut all: AttributeWriter) -> AttributeWriter {
        match self.via {
            Some(via) if via.is_ipv6() == ipv6 => all = all.address(RTA_GATEWAY, via),
            Some(IpAddr::V6(via)) => {
                // struct rtvia: an IPv4 route by way of an IPv6 neighbour
                let family = u16::from(AF_INET6).to_ne_bytes();
                all = all.bytes(RTA_VIA, &[&family[..], &via.octets()[..]].concat());
            }
            Some(IpAddr::V4(_)) | None => {}
        }
        if let Some(realms) = self.realms {
            all = all.put(RTA_FLOW, realms);
        }
        match &self.encap {
            Some(encap) => encap.write(all),
            None => all,
        }
    }
}

/// `192.0.2.0/24 via 10.0.0.254 dev 2 table 100 metric 50`.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.destination {
            Some(net) => write!(f, "{net}")?,
            None => f.write_str("default")?,
        }
        if let Some(via) = self.hop.via {
            write!(f, " via {via}")?;
        }
        if let Some(index) = self.hop.interface {
            write!(f, " dev {index}")?;
        }
        if self.table != 254 {
            write!(f, " table {}", self.table)?;
        }
        match self.metric {
            Some(metric) => write!(f, " metric {metric}"),
            None => Ok(()),
        }
    }
}
