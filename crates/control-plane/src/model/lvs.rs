//! `virtual_server`, `real_server` and the checks of the latter.

use std::net::{IpAddr, SocketAddr};

use base::Duration;
use serde::{Deserialize, Serialize};

/// Everything the checkers are configured with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lvs {
    /// `virtual_server` blocks, in the order of the file.
    pub virtual_servers: Vec<VirtualServer>,
}

/// `virtual_server ...`: one IPVS service and the servers behind it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VirtualServer {
    /// What it listens to.
    pub address: ServiceAddress,
    /// `lvs_sched` (`lb_algo`); default wlc.
    pub scheduler: Scheduler,
    /// `persistence_timeout`: a client stays with its server that long; `None` is not persistent.
    pub persistence: Option<Duration>,
    /// `persistence_granularity`: clients of one network count as one; default a host.
    pub persistence_prefix: Option<u8>,
    /// `ops`: every datagram is scheduled anew (UDP only).
    pub one_packet: bool,
    /// `real_server` blocks.
    pub real_servers: Vec<RealServer>,
}

/// What a virtual server listens to; the identity of an IPVS service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ServiceAddress {
    /// `virtual_server IP PORT` with `protocol`.
    Address {
        /// Address.
        ip: IpAddr,
        /// Port; 0 is every port (of a persistent service).
        port: u16,
        /// `protocol`.
        protocol: Protocol,
    },
}

/// `protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// `lvs_sched`: how a connection gets its server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scheduler {
    /// Round robin.
    RoundRobin,
    /// Weighted round robin.
    WeightedRoundRobin,
    /// Least connections.
    LeastConnection,
    /// Weighted least connections.
    #[default]
    WeightedLeastConnection,
    /// Source hashing.
    SourceHashing,
}

impl Scheduler {
    /// The kernel's (and the configuration's) name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "rr",
            Self::WeightedRoundRobin => "wrr",
            Self::LeastConnection => "lc",
            Self::WeightedLeastConnection => "wlc",
            Self::SourceHashing => "sh",
        }
    }
}

/// `lvs_method` (`lb_kind`): how packets reach a real server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ForwardingMethod {
    /// `NAT`: rewritten, answers come back through the director.
    #[default]
    Nat,
    /// `DR`: sent on as they are, the server answers directly.
    DirectRouting,
    /// `TUN`: in an IP-in-IP tunnel.
    Tunnel,
}

/// `real_server IP PORT { ... }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RealServer {
    /// Where it is.
    pub address: SocketAddr,
    /// `weight`; default 1.
    pub weight: u32,
    /// `lvs_method`, the virtual server's by default.
    pub method: ForwardingMethod,
    /// `inhibit_on_failure`: a failed server stays in the table with weight 0.
    pub inhibit_on_failure: bool,
    /// `alpha`: down until its checks have passed.
    pub alpha: bool,
    /// Its checks; it is up while all of them are.
    pub checkers: Vec<Checker>,
}

/// A check of a real server: what all kinds share, and what is special to one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Checker {
    /// `delay_loop`: from the end of one check to the next; default 60 s.
    pub delay_loop: Duration,
    /// `warmup`: the first check starts at random within it; default `delay_loop`.
    pub warmup: Duration,
    /// `retry`: further tries before a server that is up counts as down.
    pub retry: u32,
    /// `delay_before_retry`.
    pub delay_before_retry: Duration,
    /// The kind of check.
    pub kind: CheckerKind,
}

/// Which check.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CheckerKind {
    /// `TCP_CHECK`.
    Tcp(TcpCheck),
}

/// `TCP_CHECK { ... }`: the server is up when it accepts a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TcpCheck {
    /// `connect_ip`, `connect_port`; the real server's own by default.
    pub target: SocketAddr,
    /// `bindto`, `bind_port`: the source to connect from.
    pub bind: Option<SocketAddr>,
    /// `connect_timeout`; default 5 s.
    pub connect_timeout: Duration,
}
