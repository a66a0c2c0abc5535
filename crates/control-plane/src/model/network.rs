//! Routes and policy rules, virtual and static.

use std::net::IpAddr;

use base::IpNet;
use serde::{Deserialize, Serialize};

/// Something of `static_*`, and the `track_group` that it follows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StaticItem<T> {
    /// The address, route or rule.
    pub item: T,
    /// `track_group`.
    pub track_group: Option<String>,
}

/// A number that `/etc/iproute2` may have a name for. Names are looked up by the process that
/// programs the kernel: the configuration may come from another machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Named {
    /// As a number.
    Number(u32),
    /// As a name.
    Name(String),
}

/// A metric that the kernel may be forbidden to change (`lock`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lockable {
    /// In the unit of the metric.
    pub value: u32,
    /// `lock`.
    pub lock: bool,
}

/// One entry of `virtual_routes`, `static_routes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Route {
    /// IPv6, by its addresses.
    pub ipv6: bool,
    /// Destination; `None` is `default`.
    pub destination: Option<IpNet>,
    /// Type, as the kernel counts it; 1 is unicast.
    pub kind: RouteKind,
    /// `src`.
    pub source: Option<IpAddr>,
    /// `from` (IPv6).
    pub from: Option<IpNet>,
    /// `via`.
    pub via: Option<IpAddr>,
    /// `dev`, `oif`.
    pub interface: Option<String>,
    /// `tos`.
    pub tos: Option<Named>,
    /// `table`; `None` is main.
    pub table: Option<Named>,
    /// `protocol`; `None` is 18.
    pub protocol: Option<Named>,
    /// `scope`.
    pub scope: Option<Named>,
    /// `metric`.
    pub metric: Option<u32>,
    /// `onlink`.
    pub onlink: bool,
    /// `encap`.
    pub encap: Option<Encap>,
    /// `expires`, seconds (IPv6).
    pub expires: Option<u32>,
    /// `mtu`, bytes.
    pub mtu: Option<Lockable>,
    /// `hoplimit`.
    pub hoplimit: Option<u8>,
    /// `advmss`, bytes.
    pub advmss: Option<Lockable>,
    /// `rtt`, in eighths of a millisecond.
    pub rtt: Option<Lockable>,
    /// `rttvar`, in quarters of a millisecond.
    pub rttvar: Option<Lockable>,
    /// `reordering`.
    pub reordering: Option<Lockable>,
    /// `window`, bytes.
    pub window: Option<u32>,
    /// `cwnd`, segments.
    pub cwnd: Option<Lockable>,
    /// `ssthresh`, segments.
    pub ssthresh: Option<Lockable>,
    /// `realms`, as written.
    pub realms: Option<String>,
    /// `rto_min`, milliseconds.
    pub rto_min: Option<Lockable>,
    /// `initcwnd`, segments.
    pub initcwnd: Option<u32>,
    /// `initrwnd`, segments.
    pub initrwnd: Option<u32>,
    /// `features ecn`.
    pub ecn: bool,
    /// `quickack`.
    pub quickack: Option<bool>,
    /// `congctl`, and whether it is locked.
    pub congestion: Option<(String, bool)>,
    /// `pref` (IPv6).
    pub preference: Option<RouterPreference>,
    /// `ttl-propagate`.
    pub ttl_propagate: Option<bool>,
    /// `fastopen_no_cookie`.
    pub fastopen_no_cookie: Option<bool>,
    /// `add`, `prepend`, `append`.
    pub placement: RoutePlacement,
    /// `nexthop`.
    pub next_hops: Vec<NextHop>,
    /// `no_track`: it is not put back when somebody removes it.
    pub no_track: bool,
    /// `vrf`.
    pub vrf: Option<String>,
}

/// Route types of rtnetlink (`RTN_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RouteKind {
    /// `unicast`.
    #[default]
    Unicast,
    /// `local`.
    Local,
    /// `broadcast`.
    Broadcast,
    /// `anycast`.
    Anycast,
    /// `multicast`.
    Multicast,
    /// `blackhole`.
    Blackhole,
    /// `unreachable`.
    Unreachable,
    /// `prohibit`.
    Prohibit,
    /// `throw`.
    Throw,
    /// `nat`.
    Nat,
    /// `xresolve`.
    Xresolve,
}

/// How a route is put beside equal ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RoutePlacement {
    /// `prepend`: before them.
    #[default]
    Prepend,
    /// `append`: after them.
    Append,
    /// `add`: fails when there is one.
    Add,
}

/// `pref low|medium|high` (RFC 4191).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RouterPreference {
    /// `low`.
    Low,
    /// `medium`.
    Medium,
    /// `high`.
    High,
}

/// One `nexthop` of a multipath route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NextHop {
    /// `via`.
    pub via: Option<IpAddr>,
    /// `dev`.
    pub interface: Option<String>,
    /// `weight`, 1 to 256; 0 when not given.
    pub weight: u16,
    /// `onlink`.
    pub onlink: bool,
    /// `encap`.
    pub encap: Option<Encap>,
    /// `realms`, as written.
    pub realms: Option<String>,
}

/// `encap`: a lightweight tunnel.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encap {
    /// `encap ip`, `encap ip6`.
    Ip {
        /// `id`.
        id: Option<u64>,
        /// `dst`.
        destination: Option<IpAddr>,
        /// `src`.
        source: Option<IpAddr>,
        /// `tos`, `tc`.
        tos: Option<Named>,
        /// `ttl`, `hoplimit`.
        ttl: Option<u8>,
        /// `flags`.
        flags: Option<u16>,
        /// `ip6`.
        ipv6: bool,
    },
    /// `encap mpls LABEL/LABEL...`.
    Mpls(Vec<u32>),
    /// `encap ila LOCATOR`.
    Ila(u64),
}

/// One entry of `virtual_rules`, `static_rules`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// IPv6, by its addresses or its family word.
    pub ipv6: bool,
    /// `not`.
    pub invert: bool,
    /// `from`; `None` is all.
    pub from: Option<IpNet>,
    /// `to`; `None` is all.
    pub to: Option<IpNet>,
    /// What it does.
    pub action: RuleAction,
    /// `preference`.
    pub preference: u32,
    /// `tos`.
    pub tos: Option<Named>,
    /// `fwmark`, and its mask.
    pub mark: Option<(u32, Option<u32>)>,
    /// `realms`, as written.
    pub realms: Option<String>,
    /// `suppress_prefixlength`.
    pub suppress_prefix_length: Option<u32>,
    /// `suppress_ifgroup`.
    pub suppress_group: Option<Named>,
    /// `iif`, `dev`.
    pub input: Option<String>,
    /// `oif`.
    pub output: Option<String>,
    /// `tunnel-id`.
    pub tunnel: Option<u64>,
    /// `uidrange`.
    pub users: Option<(u32, u32)>,
    /// `l3mdev`.
    pub l3mdev: bool,
    /// `protocol`: who made it; `None` is 18.
    pub protocol: Option<u8>,
    /// `ipproto`.
    pub ip_protocol: Option<Named>,
    /// `sport`.
    pub source_ports: Option<(u16, u16)>,
    /// `dport`.
    pub destination_ports: Option<(u16, u16)>,
    /// `no_track`: it is not put back when somebody removes it.
    pub no_track: bool,
}

/// What a rule does with a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RuleAction {
    /// `table`, `lookup`.
    Table(Named),
    /// `goto`.
    Goto(u32),
    /// `nop`.
    #[default]
    Nop,
    /// `blackhole`.
    Blackhole,
    /// `unreachable`.
    Unreachable,
    /// `prohibit`.
    Prohibit,
}
