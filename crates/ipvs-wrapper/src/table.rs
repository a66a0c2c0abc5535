//! Services and destinations, as they should be or as the kernel has them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::request::Ask;

/// A service is scheduled over one pool for a while per client (`IP_VS_SVC_F_PERSISTENT`).
pub const PERSISTENT: u32 = 0x1;
/// Every datagram is scheduled anew, `ops` (`IP_VS_SVC_F_ONEPACKET`).
pub const ONE_PACKET: u32 = 0x4;
/// First flag of the scheduler, `flag-1`, `sh-fallback`, `mh-fallback`.
pub const SCHEDULER_1: u32 = 0x8;
/// Second flag of the scheduler, `flag-2`, `sh-port`, `mh-port`.
pub const SCHEDULER_2: u32 = 0x10;
/// Third flag of the scheduler, `flag-3`.
pub const SCHEDULER_3: u32 = 0x20;

/// The flags that are set from outside; the kernel adds some of its own.
pub(crate) const SETTABLE: u32 = PERSISTENT | ONE_PACKET | SCHEDULER_1 | SCHEDULER_2 | SCHEDULER_3;

/// Protocol of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// The number in an IP header.
    pub const fn number(self) -> u16 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }

    /// The protocol with this number.
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            6 => Some(Self::Tcp),
            17 => Some(Self::Udp),
            132 => Some(Self::Sctp),
            _ => None,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

/// Address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    Inet,
    /// IPv6.
    Inet6,
}

impl Family {
    /// The family of an address.
    pub const fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self::Inet,
            IpAddr::V6(_) => Self::Inet6,
        }
    }
}

/// What a service listens to; its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceKey {
    /// Packets to an address and port; port 0 is every port of a persistent service.
    Address {
        /// Protocol.
        protocol: Protocol,
        /// Address and port.
        address: SocketAddr,
    },
    /// Packets with a firewall mark.
    FirewallMark {
        /// Which packets: marks of IPv4 and IPv6 are apart.
        family: Family,
        /// The mark, not 0.
        mark: u32,
    },
}

impl ServiceKey {
    /// A service by address; an IPv6 flow label or zone plays no part.
    pub fn address(protocol: Protocol, ip: IpAddr, port: u16) -> Self {
        Self::Address { protocol, address: SocketAddr::new(ip, port) }
    }

    /// Its address family.
    pub fn family(&self) -> Family {
        match self {
            Self::Address { address, .. } => Family::of(address.ip()),
            Self::FirewallMark { family, .. } => *family,
        }
    }
}

/// `tcp 10.0.0.1:80`, `fwmark 5`, `fwmark 5 (IPv6)`.
impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { protocol, address } => write!(f, "{protocol} {address}"),
            Self::FirewallMark { family: Family::Inet, mark } => write!(f, "fwmark {mark}"),
            Self::FirewallMark { family: Family::Inet6, mark } => write!(f, "fwmark {mark} (IPv6)"),
        }
    }
}

/// A virtual service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Service {
    /// What it listens to.
    pub key: ServiceKey,
    /// The kernel's name of the scheduler: `rr`, `wlc`, `sh`, ...
    pub scheduler: String,
    /// [`ONE_PACKET`] and the scheduler's flags. [`PERSISTENT`] follows from `persistence`.
    pub flags: u32,
    /// Seconds for which a client stays with its destination; `None` is not persistent.
    pub persistence: Option<u32>,
    /// Clients of one network of this prefix length count as one: up to 32, IPv6 1 to 128. `None` is
    /// one host. It counts only with persistence.
    pub persistence_prefix: Option<u8>,
    /// The kernel's name of the persistence engine (`sip`).
    pub persistence_engine: Option<String>,
}

impl Service {
    /// A service with this scheduler and nothing special.
    pub fn new(key: ServiceKey, scheduler: impl Into<String>) -> Self {
        Self {
            key,
            scheduler: scheduler.into(),
            flags: 0,
            persistence: None,
            persistence_prefix: None,
            persistence_engine: None,
        }
    }
}

/// Address and port of a destination; its identity within a service.
pub type DestinationKey = SocketAddr;

/// How packets reach a destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Forwarding {
    /// `NAT`: rewritten.
    #[default]
    Masquerade,
    /// The destination is this host itself; the kernel makes that of a local address.
    Local,
    /// `TUN`: in an IP-in-IP tunnel.
    Tunnel,
    /// `DR`: sent on as they are.
    DirectRouting,
}

/// How packets are wrapped on their way to a destination with [`Forwarding::Tunnel`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tunnel {
    /// `type`.
    pub kind: TunnelKind,
    /// UDP port of [`TunnelKind::Gue`]; 0 for the others.
    pub port: u16,
    /// [`TUNNEL_CHECKSUM`], [`TUNNEL_REMOTE_CHECKSUM`], or 0.
    pub flags: u16,
}

/// Kind of a tunnel, numbered as in `IP_VS_CONN_F_TUNNEL_TYPE_*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TunnelKind {
    /// IP in IP.
    #[default]
    IpIp,
    /// Generic UDP encapsulation.
    Gue,
    /// GRE.
    Gre,
}

impl TunnelKind {
    /// The kernel's number.
    pub const fn number(self) -> u8 {
        match self {
            Self::IpIp => 0,
            Self::Gue => 1,
            Self::Gre => 2,
        }
    }

    /// The kind with the kernel's number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::IpIp),
            1 => Some(Self::Gue),
            2 => Some(Self::Gre),
            _ => None,
        }
    }
}

/// `csum`: packets in the tunnel carry a checksum (`IP_VS_TUNNEL_ENCAP_FLAG_CSUM`).
pub const TUNNEL_CHECKSUM: u16 = 0x1;
/// `remcsum`: remote checksum offload (`IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM`).
pub const TUNNEL_REMOTE_CHECKSUM: u16 = 0x2;

/// A destination (real server) of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    /// Address and port.
    pub address: DestinationKey,
    /// `lvs_method`.
    pub forwarding: Forwarding,
    /// The tunnel, which counts with [`Forwarding::Tunnel`] only.
    pub tunnel: Tunnel,
    /// Its share; 0 gets no new connections. At most 2³¹−1.
    pub weight: u32,
    /// `uthreshold`: no new connections above so many; 0 is no limit.
    pub upper_threshold: u32,
    /// `lthreshold`: new connections again below so many; 0 is the kernel's choice.
    pub lower_threshold: u32,
}

impl Destination {
    /// A destination without thresholds.
    pub fn new(address: DestinationKey, forwarding: Forwarding, weight: u32) -> Self {
        Self {
            address,
            forwarding,
            tunnel: Tunnel::default(),
            weight,
            upper_threshold: 0,
            lower_threshold: 0,
        }
    }
}

/// A service and its destinations.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pool {
    /// The service.
    pub service: Service,
    /// Its destinations.
    pub destinations: BTreeMap<DestinationKey, Destination>,
}

impl Pool {
    /// A service without destinations.
    pub fn new(service: Service) -> Self {
        Self { service, destinations: BTreeMap::new() }
    }

    /// Puts a destination in, in the place of one with the same address.
    pub fn insert(&mut self, destination: Destination) {
        self.destinations.insert(destination.address, destination);
    }
}

/// All services and their destinations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Table {
    /// By identity; the service inside has the same key.
    pub pools: BTreeMap<ServiceKey, Pool>,
}

impl Table {
    /// Puts a pool in, in the place of one with the same identity.
    pub fn insert(&mut self, pool: Pool) {
        self.pools.insert(pool.service.key, pool);
    }

    /// The pool of a service.
    pub fn pool(&self, key: &ServiceKey) -> Option<&Pool> {
        self.pools.get(key)
    }
}

impl Table {
    /// Brings the table up to what a request has done.
    pub(crate) fn apply(&mut self, done: &Ask<'_>) {
        match done {
            Ask::NewService(service) => self.insert(Pool::new((*service).clone())),
            Ask::SetService(service) => {
                if let Some(pool) = self.pools.get_mut(&service.key) {
                    pool.service = (*service).clone();
                }
            }
            Ask::DelService(key) => {
                self.pools.remove(key);
            }
            Ask::NewDestination(key, destination) | Ask::SetDestination(key, destination) => {
                if let Some(pool) = self.pools.get_mut(key) {
                    pool.insert((*destination).clone());
                }
            }
            Ask::DelDestination(key, address) => {
                if let Some(pool) = self.pools.get_mut(key) {
                    pool.destinations.remove(address);
                }
            }
            Ask::Flush => self.pools.clear(),
            Ask::GetServices
            | Ask::GetDestinations(_)
            | Ask::GetInfo
            | Ask::GetTimeouts
            | Ask::SetTimeouts(_)
            | Ask::GetDaemons
            | Ask::StartDaemon(_)
            | Ask::StopDaemon(_) => {}
        }
    }
}
