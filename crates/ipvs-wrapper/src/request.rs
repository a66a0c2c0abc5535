//! Requests of the IPVS family, in words and as messages.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use neli::consts::nl::NlmF;
use netlink::{AttributeWriter, Message, Request, genl};

use crate::sync::Daemon;
use crate::table::{
    Destination, DestinationKey, Family, Forwarding, PERSISTENT, SETTABLE, Service, ServiceKey,
};
use crate::timeouts::Timeouts;

const VERSION: u8 = 1;

pub(crate) mod command {
    pub(crate) const NEW_SERVICE: u8 = 1;
    pub(crate) const SET_SERVICE: u8 = 2;
    pub(crate) const DEL_SERVICE: u8 = 3;
    pub(crate) const GET_SERVICE: u8 = 4;
    pub(crate) const NEW_DEST: u8 = 5;
    pub(crate) const SET_DEST: u8 = 6;
    pub(crate) const DEL_DEST: u8 = 7;
    pub(crate) const GET_DEST: u8 = 8;
    pub(crate) const NEW_DAEMON: u8 = 9;
    pub(crate) const DEL_DAEMON: u8 = 10;
    pub(crate) const GET_DAEMON: u8 = 11;
    pub(crate) const SET_CONFIG: u8 = 12;
    pub(crate) const GET_CONFIG: u8 = 13;
    pub(crate) const GET_INFO: u8 = 15;
    pub(crate) const FLUSH: u8 = 17;
}

pub(crate) const ATTR_SERVICE: u16 = 1;
pub(crate) const ATTR_DEST: u16 = 2;
pub(crate) const ATTR_DAEMON: u16 = 3;
pub(crate) const ATTR_TIMEOUT_TCP: u16 = 4;
pub(crate) const ATTR_TIMEOUT_TCP_FIN: u16 = 5;
pub(crate) const ATTR_TIMEOUT_UDP: u16 = 6;

pub(crate) mod service {
    pub(crate) const AF: u16 = 1;
    pub(crate) const PROTOCOL: u16 = 2;
    pub(crate) const ADDR: u16 = 3;
    pub(crate) const PORT: u16 = 4;
    pub(crate) const FWMARK: u16 = 5;
    pub(crate) const SCHED_NAME: u16 = 6;
    pub(crate) const FLAGS: u16 = 7;
    pub(crate) const TIMEOUT: u16 = 8;
    pub(crate) const NETMASK: u16 = 9;
    pub(crate) const PE_NAME: u16 = 11;
}

pub(crate) mod dest {
    pub(crate) const ADDR: u16 = 1;
    pub(crate) const PORT: u16 = 2;
    pub(crate) const FWD_METHOD: u16 = 3;
    pub(crate) const WEIGHT: u16 = 4;
    pub(crate) const U_THRESH: u16 = 5;
    pub(crate) const L_THRESH: u16 = 6;
    pub(crate) const ADDR_FAMILY: u16 = 11;
    pub(crate) const TUN_TYPE: u16 = 13;
    pub(crate) const TUN_PORT: u16 = 14;
    pub(crate) const TUN_FLAGS: u16 = 15;
}

pub(crate) mod daemon {
    pub(crate) const STATE: u16 = 1;
    pub(crate) const MCAST_IFN: u16 = 2;
    pub(crate) const SYNC_ID: u16 = 3;
    pub(crate) const SYNC_MAXLEN: u16 = 4;
    pub(crate) const MCAST_GROUP: u16 = 5;
    pub(crate) const MCAST_GROUP6: u16 = 6;
    pub(crate) const MCAST_PORT: u16 = 7;
    pub(crate) const MCAST_TTL: u16 = 8;
}

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// The kernel's number of a family.
pub(crate) const fn af(family: Family) -> u16 {
    match family {
        Family::Inet => AF_INET,
        Family::Inet6 => AF_INET6,
    }
}

/// The family with the kernel's number.
pub(crate) const fn family(af: u16) -> Option<Family> {
    match af {
        AF_INET => Some(Family::Inet),
        AF_INET6 => Some(Family::Inet6),
        _ => None,
    }
}

/// What can be asked of IPVS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask<'a> {
    /// Add a service.
    NewService(&'a Service),
    /// Change a service.
    SetService(&'a Service),
    /// Remove a service with all its destinations.
    DelService(&'a ServiceKey),
    /// Add a destination.
    NewDestination(&'a ServiceKey, &'a Destination),
    /// Change a destination.
    SetDestination(&'a ServiceKey, &'a Destination),
    /// Remove a destination.
    DelDestination(&'a ServiceKey, &'a DestinationKey),
    /// List the services.
    GetServices,
    /// List the destinations of a service.
    GetDestinations(&'a ServiceKey),
    /// Version and size of the connection table.
    GetInfo,
    /// Remove all services.
    Flush,
    /// How long connections are remembered.
    GetTimeouts,
    /// Change how long connections are remembered.
    SetTimeouts(&'a Timeouts),
    /// List the synchronisation daemons.
    GetDaemons,
    /// Start a synchronisation daemon.
    StartDaemon(&'a Daemon),
    /// Stop a synchronisation daemon.
    StopDaemon(&'a Daemon),
}

impl Ask<'_> {
    fn command(&self) -> u8 {
        match self {
            Self::NewService(_) => command::NEW_SERVICE,
            Self::SetService(_) => command::SET_SERVICE,
            Self::DelService(_) => command::DEL_SERVICE,
            Self::NewDestination(..) => command::NEW_DEST,
            Self::SetDestination(..) => command::SET_DEST,
            Self::DelDestination(..) => command::DEL_DEST,
            Self::GetServices => command::GET_SERVICE,
            Self::GetDestinations(_) => command::GET_DEST,
            Self::GetInfo => command::GET_INFO,
            Self::Flush => command::FLUSH,
            Self::GetTimeouts => command::GET_CONFIG,
            Self::SetTimeouts(_) => command::SET_CONFIG,
            Self::GetDaemons => command::GET_DAEMON,
            Self::StartDaemon(_) => command::NEW_DAEMON,
            Self::StopDaemon(_) => command::DEL_DAEMON,
        }
    }

    fn attributes(&self) -> AttributeWriter {
        let of = |key: &ServiceKey| {
            AttributeWriter::new().nested(ATTR_SERVICE, service_key(AttributeWriter::new(), key))
        };
        match self {
            Self::NewService(service) | Self::SetService(service) => {
                AttributeWriter::new().nested(ATTR_SERVICE, whole_service(service))
            }
            Self::DelService(key) | Self::GetDestinations(key) => of(key),
            Self::NewDestination(key, destination) | Self::SetDestination(key, destination) => {
                of(key).nested(ATTR_DEST, whole_destination(destination))
            }
            Self::DelDestination(key, address) => of(key).nested(ATTR_DEST, destination(address)),
            Self::SetTimeouts(timeouts) => whole_timeouts(timeouts),
            Self::StartDaemon(wanted) => {
                AttributeWriter::new().nested(ATTR_DAEMON, whole_daemon(wanted))
            }
            Self::StopDaemon(running) => {
                AttributeWriter::new().nested(ATTR_DAEMON, daemon_key(running))
            }
            Self::GetServices
            | Self::GetInfo
            | Self::Flush
            | Self::GetTimeouts
            | Self::GetDaemons => AttributeWriter::new(),
        }
    }
}

impl fmt::Display for Ask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewService(service) => {
                write!(f, "add IPVS service {} scheduler {}", service.key, service.scheduler)
            }
            Self::SetService(service) => {
                write!(f, "change IPVS service {} scheduler {}", service.key, service.scheduler)
            }
            Self::DelService(key) => write!(f, "remove IPVS service {key}"),
            Self::NewDestination(key, dest) => write!(
                f,
                "add server {} weight {} to IPVS service {key}",
                dest.address, dest.weight
            ),
            Self::SetDestination(key, dest) => write!(
                f,
                "change server {} to weight {} in IPVS service {key}",
                dest.address, dest.weight
            ),
            Self::DelDestination(key, address) => {
                write!(f, "remove server {address} from IPVS service {key}")
            }
            Self::GetServices => f.write_str("list the IPVS services"),
            Self::GetDestinations(key) => write!(f, "list the servers of IPVS service {key}"),
            Self::GetInfo => f.write_str("ask for the IPVS version"),
            Self::Flush => f.write_str("empty the IPVS table"),
            Self::GetTimeouts => f.write_str("ask for the IPVS timeouts"),
            Self::SetTimeouts(timeouts) => write!(f, "set the IPVS timeouts to {timeouts}"),
            Self::GetDaemons => f.write_str("list the IPVS sync daemons"),
            Self::StartDaemon(daemon) => write!(f, "start the IPVS {daemon}"),
            Self::StopDaemon(daemon) => write!(f, "stop the IPVS {daemon}"),
        }
    }
}

/// A request together with the number of the IPVS family.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addressed<'a> {
    pub(crate) family: u16,
    pub(crate) ask: Ask<'a>,
}

impl fmt::Display for Addressed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ask.fmt(f)
    }
}

impl Request for Addressed<'_> {
    fn message(&self) -> Message {
        let (command, attributes) = (self.ask.command(), self.ask.attributes());
        genl::message(self.family, VERSION, command, NlmF::empty(), attributes)
    }
}

/// `union nf_inet_addr`: 16 bytes, of which IPv4 uses the first four.
fn union(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        IpAddr::V6(ip) => ip.octets(),
    }
}

fn service_key(attributes: AttributeWriter, key: &ServiceKey) -> AttributeWriter {
    let attributes = attributes.put(service::AF, af(key.family()));
    match key {
        ServiceKey::Address { protocol, address } => attributes
            .put(service::PROTOCOL, protocol.number())
            .bytes(service::ADDR, &union(address.ip()))
            .put(service::PORT, address.port().to_be()),
        ServiceKey::FirewallMark { mark, .. } => attributes.put(service::FWMARK, *mark),
    }
}

fn whole_service(service: &Service) -> AttributeWriter {
    let persistent = if service.persistence.is_some() { PERSISTENT } else { 0 };
    let flags = (service.flags & SETTABLE & !PERSISTENT) | persistent;
    // struct ip_vs_flags: the flags and which of them count
    let flags = [flags, u32::MAX].map(u32::to_ne_bytes).concat();
    let attributes = service_key(AttributeWriter::new(), &service.key)
        .text(service::SCHED_NAME, &service.scheduler)
        .bytes(service::FLAGS, &flags)
        .put(service::TIMEOUT, service.persistence.unwrap_or(0))
        .bytes(service::NETMASK, &netmask(service));
    match &service.persistence_engine {
        Some(engine) => attributes.text(service::PE_NAME, engine),
        None => attributes,
    }
}

/// The mask itself for IPv4, the length of the prefix as a number for IPv6.
fn netmask(service: &Service) -> [u8; 4] {
    match service.key.family() {
        Family::Inet => {
            let prefix = u32::from(service.persistence_prefix.unwrap_or(32).min(32));
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            Ipv4Addr::from_bits(mask).octets()
        }
        Family::Inet6 => {
            let prefix = service.persistence_prefix.unwrap_or(128).clamp(1, 128);
            u32::from(prefix).to_ne_bytes()
        }
    }
}

fn destination(address: &DestinationKey) -> AttributeWriter {
    AttributeWriter::new()
        .bytes(dest::ADDR, &union(address.ip()))
        .put(dest::PORT, address.port().to_be())
        .put(dest::ADDR_FAMILY, af(Family::of(address.ip())))
}

fn whole_destination(wanted: &Destination) -> AttributeWriter {
    destination(&wanted.address)
        .put(dest::FWD_METHOD, forwarding(wanted.forwarding))
        .put(dest::WEIGHT, wanted.weight)
        .put(dest::U_THRESH, wanted.upper_threshold)
        .put(dest::L_THRESH, wanted.lower_threshold)
        .put(dest::TUN_TYPE, wanted.tunnel.kind.number())
        .put(dest::TUN_PORT, wanted.tunnel.port.to_be())
        .put(dest::TUN_FLAGS, wanted.tunnel.flags)
}

/// What is left out stays as it is.
fn whole_timeouts(timeouts: &Timeouts) -> AttributeWriter {
    let Timeouts { tcp, tcp_fin, udp } = timeouts;
    let all = [(ATTR_TIMEOUT_TCP, tcp), (ATTR_TIMEOUT_TCP_FIN, tcp_fin), (ATTR_TIMEOUT_UDP, udp)];
    all.into_iter()
        .filter_map(|(kind, value)| Some((kind, (*value)?)))
        .fold(AttributeWriter::new(), |attributes, (kind, seconds)| attributes.put(kind, seconds))
}

fn daemon_key(daemon: &Daemon) -> AttributeWriter {
    AttributeWriter::new()
        .put(daemon::STATE, daemon.role.number())
        .text(daemon::MCAST_IFN, &daemon.interface)
        .put(daemon::SYNC_ID, u32::from(daemon.id))
}

fn whole_daemon(wanted: &Daemon) -> AttributeWriter {
    let mut attributes = daemon_key(wanted);
    if let Some(length) = wanted.max_length {
        attributes = attributes.put(daemon::SYNC_MAXLEN, length);
    }
    match wanted.group {
        Some(group @ IpAddr::V4(_)) => attributes = attributes.address(daemon::MCAST_GROUP, group),
        Some(group @ IpAddr::V6(_)) => attributes = attributes.address(daemon::MCAST_GROUP6, group),
        None => {}
    }
    if let Some(port) = wanted.port {
        attributes = attributes.put(daemon::MCAST_PORT, port);
    }
    match wanted.ttl {
        Some(ttl) => attributes.put(daemon::MCAST_TTL, ttl),
        None => attributes,
    }
}

fn forwarding(method: Forwarding) -> u32 {
    match method {
        Forwarding::Masquerade => 0,
        Forwarding::Local => 1,
        Forwarding::Tunnel => 2,
        Forwarding::DirectRouting => 3,
    }
}
