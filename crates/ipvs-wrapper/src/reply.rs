//! What the kernel's dumps hold.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use netlink::{Attributes, Malformed, Reply, genl};

use crate::request::{
    ATTR_DAEMON, ATTR_DEST, ATTR_SERVICE, ATTR_TIMEOUT_TCP, ATTR_TIMEOUT_TCP_FIN, ATTR_TIMEOUT_UDP,
    daemon, dest, family, service,
};
use crate::sync::{Daemon, Role};
use crate::table::{
    Destination, Family, Forwarding, PERSISTENT, Protocol, SETTABLE, Service, ServiceKey, Tunnel,
    TunnelKind,
};
use crate::timeouts::Timeouts;

const INFO_VERSION: u16 = 1;
const INFO_CONN_TAB_SIZE: u16 = 2;

/// Version and size of the connection table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// `0x010201` is 1.2.1.
    pub version: u32,
    /// Hash buckets.
    pub connection_table_size: u32,
}

impl Info {
    /// `1.2.1`.
    pub fn version_text(&self) -> String {
        let [_, major, minor, patch] = self.version.to_be_bytes();
        format!("{major}.{minor}.{patch}")
    }
}

/// The answer to a question about IPVS itself.
pub(crate) fn info(reply: &Reply<'_>) -> Result<Option<Info>, Malformed> {
    let (_, attributes) = genl::split(reply)?;
    Ok(attributes.u32(INFO_VERSION).map(|version| Info {
        version,
        connection_table_size: attributes.u32(INFO_CONN_TAB_SIZE).unwrap_or(0),
    }))
}

/// A service; `None` for one of a kind that is not known here, which is then none of ours.
pub(crate) fn service(reply: &Reply<'_>) -> Result<Option<Service>, Malformed> {
    let (_, attributes) = genl::split(reply)?;
    let Some(found) = attributes.nested(ATTR_SERVICE)? else { return Ok(None) };
    let Some(key) = service_key(&found) else { return Ok(None) };
    let scheduler = found.text(service::SCHED_NAME).unwrap_or_default();
    let flags = found.u32(service::FLAGS).unwrap_or(0) & SETTABLE;
    let persistent = flags & PERSISTENT != 0;
    Ok(Some(Service {
        key,
        scheduler,
        flags: flags & !PERSISTENT,
        persistence: found.u32(service::TIMEOUT).filter(|_| persistent),
        persistence_prefix: prefix(&found, key.family()).filter(|_| persistent),
        persistence_engine: found.text(service::PE_NAME),
    }))
}

fn service_key(found: &Attributes) -> Option<ServiceKey> {
    let family = family(found.u16(service::AF)?)?;
    if let Some(mark) = found.u32(service::FWMARK) {
        return Some(ServiceKey::FirewallMark { family, mark });
    }
    let protocol = Protocol::from_number(found.u16(service::PROTOCOL)?)?;
    let ip = ip(found.get(service::ADDR)?, family)?;
    Some(ServiceKey::address(protocol, ip, found.u16_be(service::PORT)?))
}

/// The prefix length of persistence, `None` when it is a whole host.
fn prefix(found: &Attributes, family: Family) -> Option<u8> {
    let mask = found.u32(service::NETMASK)?;
    let (prefix, host) = match family {
        Family::Inet => (u32::from_be(mask).leading_ones(), 32),
        Family::Inet6 => (mask, 128),
    };
    u8::try_from(prefix).ok().filter(|prefix| *prefix < host)
}

/// A destination; `None` for one of a kind that is not known here.
pub(crate) fn destination(
    reply: &Reply<'_>,
    of: &ServiceKey,
) -> Result<Option<Destination>, Malformed> {
    let (_, attributes) = genl::split(reply)?;
    Ok(attributes.nested(ATTR_DEST)?.and_then(|found| read_destination(&found, of)))
}

fn read_destination(found: &Attributes, of: &ServiceKey) -> Option<Destination> {
    // kernels before 3.18 have no tunnels between families and do not say which it is
    let family = found.u16(dest::ADDR_FAMILY).map_or_else(|| Some(of.family()), family)?;
    let ip = ip(found.get(dest::ADDR)?, family)?;
    Some(Destination {
        address: SocketAddr::new(ip, found.u16_be(dest::PORT)?),
        forwarding: match found.u32(dest::FWD_METHOD)? {
            0 => Forwarding::Masquerade,
            1 => Forwarding::Local,
            2 => Forwarding::Tunnel,
            3 => Forwarding::DirectRouting,
            _ => return None,
        },
        weight: found.u32(dest::WEIGHT)?,
        upper_threshold: found.u32(dest::U_THRESH).unwrap_or(0),
        lower_threshold: found.u32(dest::L_THRESH).unwrap_or(0),
        tunnel: tunnel(found)?,
    })
}

/// Kernels before 5.3 know one kind of tunnel and do not say which it is.
fn tunnel(found: &Attributes) -> Option<Tunnel> {
    let kind = found.u8(dest::TUN_TYPE).map_or(Some(TunnelKind::IpIp), TunnelKind::from_number)?;
    Some(Tunnel {
        kind,
        port: found.u16_be(dest::TUN_PORT).unwrap_or(0),
        flags: found.u16(dest::TUN_FLAGS).unwrap_or(0),
    })
}

/// How long connections are remembered.
pub(crate) fn timeouts(reply: &Reply<'_>) -> Result<Option<Timeouts>, Malformed> {
    let (_, found) = genl::split(reply)?;
    Ok(Some(Timeouts {
        tcp: found.u32(ATTR_TIMEOUT_TCP),
        tcp_fin: found.u32(ATTR_TIMEOUT_TCP_FIN),
        udp: found.u32(ATTR_TIMEOUT_UDP),
    }))
}

/// A synchronisation daemon; `None` for one of a kind that is not known here.
pub(crate) fn daemon(reply: &Reply<'_>) -> Result<Option<Daemon>, Malformed> {
    let (_, attributes) = genl::split(reply)?;
    Ok(attributes.nested(ATTR_DAEMON)?.and_then(|found| read_daemon(&found)))
}

fn read_daemon(found: &Attributes) -> Option<Daemon> {
    Some(Daemon {
        role: Role::from_number(found.u32(daemon::STATE)?)?,
        interface: found.text(daemon::MCAST_IFN)?,
        id: u8::try_from(found.u32(daemon::SYNC_ID)?).ok()?,
        max_length: found.u16(daemon::SYNC_MAXLEN),
        port: found.u16(daemon::MCAST_PORT),
        ttl: found.u8(daemon::MCAST_TTL),
        group: found.address(daemon::MCAST_GROUP).or_else(|| found.address(daemon::MCAST_GROUP6)),
    })
}

/// An address out of `union nf_inet_addr`.
fn ip(bytes: &[u8], family: Family) -> Option<IpAddr> {
    Some(match family {
        Family::Inet => Ipv4Addr::from(*bytes.first_chunk::<4>()?).into(),
        Family::Inet6 => Ipv6Addr::from(*bytes.first_chunk::<16>()?).into(),
    })
}
