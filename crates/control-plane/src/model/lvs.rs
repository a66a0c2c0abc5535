//! `virtual_server` and `real_server`: what IPVS is to do.

use std::net::{IpAddr, SocketAddr};

use base::Duration;
use serde::{Deserialize, Serialize};

use super::Command;
use super::checks::Checker;
use super::tracking::TrackFile;

/// Everything the checkers are configured with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lvs {
    /// `virtual_server` blocks, in the order of the file.
    pub virtual_servers: Vec<VirtualServer>,
    /// `virtual_server_group` blocks, in the order of the file; [`Lvs::group`] finds one.
    pub groups: Vec<ServerGroup>,
    /// `track_file` blocks, those of the VRRP process; [`FileId`](super::FileId) counts in here.
    pub files: Vec<TrackFile>,
    /// `lvs_timeouts`.
    pub timeouts: Timeouts,
    /// `lvs_flush`: the table is emptied at the start.
    pub flush: bool,
    /// `lvs_flush_on_stop`.
    pub flush_on_stop: FlushOnStop,
    /// `lvs_sync_daemon`.
    pub sync_daemon: Option<SyncDaemon>,
    /// `rs_init_notifies`: scripts and pipes hear of the first state of a server too.
    pub notify_initial: bool,
    /// `SSL { ... }`.
    pub tls: TlsClient,
}

impl Lvs {
    /// The group with that identity.
    pub fn group(&self, id: GroupId) -> Option<&ServerGroup> {
        self.groups.iter().find(|group| group.id == id)
    }
}

/// Which `virtual_server_group`. It follows from the name alone, so that a group is the same one in
/// another configuration, in another process and for another version, wherever it stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupId(u64);

impl GroupId {
    /// The identity of the group of this name.
    pub fn of(name: &str) -> Self {
        // FNV-1a. Not the standard library's, which may change from one version to the next.
        let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, step))
    }
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
    /// `sh-port`, `mh-fallback`, `flag-1` and so on.
    pub scheduler_flags: SchedulerFlags,
    /// `persistence_engine`.
    pub persistence_engine: Option<String>,
    /// `quorum`: weight of live servers that is needed; default 1.
    pub quorum: u32,
    /// `hysteresis`: added for a gain of the quorum, subtracted for a loss; default 0.
    pub hysteresis: u32,
    /// `quorum_up`.
    pub quorum_up: Option<Command>,
    /// `quorum_down`.
    pub quorum_down: Option<Command>,
    /// `sorry_server`: takes the load while the quorum is lost.
    pub sorry_server: Option<SorryServer>,
    /// `omega`: at the stop, scripts for servers and quorum run.
    pub omega: bool,
    /// `ha_suspend`: no checks while the address is not on this host.
    pub ha_suspend: bool,
    /// `smtp_alert` for the quorum, with the defaults of `global_defs`.
    pub smtp_alert: bool,
    /// `snmp_name`.
    pub snmp_name: Option<String>,
    /// What its servers and their checks have taken where they said nothing themselves.
    #[serde(default)]
    pub defaults: ServiceDefaults,
}

impl VirtualServer {
    /// A service that says nothing but where it is.
    pub const fn new(address: ServiceAddress) -> Self {
        Self {
            address,
            scheduler: Scheduler::WeightedLeastConnection,
            persistence: None,
            persistence_prefix: None,
            one_packet: false,
            real_servers: Vec::new(),
            scheduler_flags: SchedulerFlags { flag_1: false, flag_2: false, flag_3: false },
            persistence_engine: None,
            quorum: 1,
            hysteresis: 0,
            quorum_up: None,
            quorum_down: None,
            sorry_server: None,
            omega: false,
            ha_suspend: false,
            smtp_alert: false,
            snmp_name: None,
            defaults: ServiceDefaults::NONE,
        }
    }
}

/// What a virtual server says for its servers alone. They have it already: it is here to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceDefaults {
    /// `lvs_method`.
    pub method: ForwardingMethod,
    /// `alpha`.
    pub alpha: bool,
    /// `inhibit_on_failure`.
    pub inhibit_on_failure: bool,
    /// `virtualhost`.
    pub virtualhost: Option<Box<str>>,
    /// For checks.
    pub checks: CheckDefaults,
}

impl ServiceDefaults {
    /// Nothing was said.
    pub const NONE: Self = Self {
        method: ForwardingMethod::Nat,
        alpha: false,
        inhibit_on_failure: false,
        virtualhost: None,
        checks: CheckDefaults::NONE,
    };
}

/// What a virtual or a real server says for checks; `None` where it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CheckDefaults {
    /// `retry`.
    pub retry: Option<u32>,
    /// `delay_before_retry`.
    pub delay_before_retry: Option<Duration>,
    /// `warmup`.
    pub warmup: Option<Duration>,
    /// `connect_timeout`.
    pub connect_timeout: Option<Duration>,
    /// `delay_loop`.
    pub delay_loop: Option<Duration>,
}

impl CheckDefaults {
    /// Nothing was said.
    pub const NONE: Self = Self {
        retry: None,
        delay_before_retry: None,
        warmup: None,
        connect_timeout: None,
        delay_loop: None,
    };
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
    /// `virtual_server fwmark N`: whatever the firewall marked.
    Mark {
        /// The mark.
        mark: u32,
        /// `ip_family inet6`.
        ipv6: bool,
    },
    /// `virtual_server group NAME`: every entry of the group is a service of its own.
    Group {
        /// Which.
        group: GroupId,
        /// `protocol`.
        protocol: Protocol,
        /// `ip_family inet6`, or the family of the group's addresses.
        ipv6: bool,
    },
}

/// `virtual_server_group NAME { ... }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServerGroup {
    /// Its identity.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// Its entries.
    pub entries: Vec<GroupEntry>,
}

impl ServerGroup {
    /// A group of this name.
    pub fn new(name: impl Into<String>, entries: Vec<GroupEntry>) -> Self {
        let name = name.into();
        Self { id: GroupId::of(&name), name, entries }
    }
}

/// One entry of a `virtual_server_group`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum GroupEntry {
    /// `ADDR[-LAST] PORT`.
    Addresses {
        /// The first.
        first: IpAddr,
        /// The last, the first when there is only one.
        last: IpAddr,
        /// Port; 0 when none is given.
        port: u16,
    },
    /// `fwmark N`.
    Mark {
        /// The mark.
        mark: u32,
        /// Its family, when it is given.
        ipv6: Option<bool>,
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

impl Protocol {
    /// keepalived's name of it in messages: `[10.0.0.1]:tcp:80`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

/// `lvs_sched`: how a connection gets its server.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
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
    /// Maglev hashing.
    MaglevHashing,
    /// Destination hashing.
    DestinationHashing,
    /// Locality-based least connections.
    LocalityLeastConnection,
    /// Locality-based least connections with replication.
    LocalityLeastConnectionReplicated,
    /// Shortest expected delay.
    ShortestExpectedDelay,
    /// Never queue.
    NeverQueue,
    /// Weighted failover.
    Failover,
    /// Weighted overflow.
    Overflow,
    /// The less loaded of two random ones.
    TwoChoices,
}

impl Scheduler {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::RoundRobin,
        Self::WeightedRoundRobin,
        Self::LeastConnection,
        Self::WeightedLeastConnection,
        Self::SourceHashing,
        Self::MaglevHashing,
        Self::DestinationHashing,
        Self::LocalityLeastConnection,
        Self::LocalityLeastConnectionReplicated,
        Self::ShortestExpectedDelay,
        Self::NeverQueue,
        Self::Failover,
        Self::Overflow,
        Self::TwoChoices,
    ];

    /// The kernel's (and the configuration's) name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "rr",
            Self::WeightedRoundRobin => "wrr",
            Self::LeastConnection => "lc",
            Self::WeightedLeastConnection => "wlc",
            Self::SourceHashing => "sh",
            Self::MaglevHashing => "mh",
            Self::DestinationHashing => "dh",
            Self::LocalityLeastConnection => "lblc",
            Self::LocalityLeastConnectionReplicated => "lblcr",
            Self::ShortestExpectedDelay => "sed",
            Self::NeverQueue => "nq",
            Self::Failover => "fo",
            Self::Overflow => "ovf",
            Self::TwoChoices => "twos",
        }
    }

    /// The scheduler of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheduler| scheduler.name() == name)
    }
}

/// Flags of a scheduler. `sh` and `mh` know the first as fallback, the second as port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SchedulerFlags {
    /// `flag-1`, `sh-fallback`, `mh-fallback`.
    pub flag_1: bool,
    /// `flag-2`, `sh-port`, `mh-port`.
    pub flag_2: bool,
    /// `flag-3`.
    pub flag_3: bool,
}

/// `lvs_method` (`lb_kind`): how packets reach a real server.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum ForwardingMethod {
    /// `NAT`: rewritten, answers come back through the director.
    #[default]
    Nat,
    /// `DR`: sent on as they are, the server answers directly.
    DirectRouting,
    /// `TUN`: in a tunnel, see [`RealServer::tunnel`].
    Tunnel,
}

/// `lvs_method TUN [type ...]`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Tunnel {
    /// `type`.
    pub kind: TunnelKind,
    /// `port` of GUE; 0 for the others.
    pub port: u16,
    /// `nocsum`, `csum`, `remcsum`.
    pub checksum: TunnelChecksum,
}

/// `type ipip|gue|gre`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum TunnelKind {
    /// IP in IP.
    #[default]
    IpIp,
    /// Generic UDP encapsulation.
    Gue,
    /// GRE.
    Gre,
}

/// Checksums of a tunnel.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum TunnelChecksum {
    /// `nocsum`.
    #[default]
    None,
    /// `csum`.
    Checksum,
    /// `remcsum`.
    Remote,
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
    /// Options of the method `TUN`.
    pub tunnel: Tunnel,
    /// `uthreshold`: connections above which it gets no new ones; 0 is no limit.
    pub upper_threshold: u32,
    /// `lthreshold`: connections below which it gets them again.
    pub lower_threshold: u32,
    /// `notify_up`.
    pub notify_up: Option<Box<Command>>,
    /// `notify_down`.
    pub notify_down: Option<Box<Command>>,
    /// `smtp_alert`, with the defaults of `global_defs`; on when nobody says anything.
    pub smtp_alert: bool,
    /// `virtualhost`: default of its HTTP checks.
    pub virtualhost: Option<Box<str>>,
    /// `snmp_name`.
    pub snmp_name: Option<Box<str>>,
    /// What it says for its checks, with what its virtual server says; `None` where that is the same,
    /// as it is for nearly all of many servers. The checks have it already: it is here to be shown.
    #[serde(default)]
    pub defaults: Option<Box<CheckDefaults>>,
}

impl RealServer {
    /// A server that says nothing but where it is.
    pub const fn new(address: SocketAddr) -> Self {
        Self {
            address,
            weight: 1,
            method: ForwardingMethod::Nat,
            inhibit_on_failure: false,
            alpha: false,
            checkers: Vec::new(),
            tunnel: Tunnel { kind: TunnelKind::IpIp, port: 0, checksum: TunnelChecksum::None },
            upper_threshold: 0,
            lower_threshold: 0,
            notify_up: None,
            notify_down: None,
            smtp_alert: true,
            virtualhost: None,
            snmp_name: None,
            defaults: None,
        }
    }
}

/// `sorry_server ADDR [PORT]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SorryServer {
    /// Where it is.
    pub address: SocketAddr,
    /// `sorry_server_lvs_method`; default that of the service.
    pub method: ForwardingMethod,
    /// Options of the method `TUN`.
    pub tunnel: Tunnel,
    /// `sorry_server_inhibit`: it is always in the table, with weight 0 while it is not needed.
    pub inhibit: bool,
}

/// `lvs_timeouts`, seconds; `None` leaves the kernel's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timeouts {
    /// `tcp`.
    pub tcp: Option<u32>,
    /// `tcpfin`.
    pub tcp_fin: Option<u32>,
    /// `udp`.
    pub udp: Option<u32>,
}

/// `lvs_flush_on_stop [VS]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FlushOnStop {
    /// What was added is removed, server by server.
    #[default]
    No,
    /// The whole table is emptied.
    All,
    /// `VS`: services are removed, their servers go with them.
    Services,
}

/// `lvs_sync_daemon IFNAME ...`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SyncDaemon {
    /// Where synchronisation is sent and heard.
    pub interface: String,
    /// `inst`: the instance that it follows; without one it is master and backup.
    pub instance: Option<String>,
    /// `id`; default the VRID of the instance.
    pub id: Option<u8>,
    /// `maxlen`, bytes.
    pub max_length: Option<u16>,
    /// `port`.
    pub port: Option<u16>,
    /// `ttl`.
    pub ttl: Option<u8>,
    /// `group`.
    pub group: Option<IpAddr>,
}

/// `SSL { ... }`: the client certificate of TLS checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TlsClient {
    /// `password` of the key.
    pub password: Option<String>,
    /// `ca`: path.
    pub ca: Option<String>,
    /// `certificate`: path.
    pub certificate: Option<String>,
    /// `key`: path.
    pub key: Option<String>,
}
