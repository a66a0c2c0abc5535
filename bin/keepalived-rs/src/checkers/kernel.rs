//! The kernel's IPVS table as the checkers want it.

use std::net::SocketAddr;

use base::Instant;
use checkers::{Checkers, DesiredDestination, DesiredService, ServiceSettings};
use control_plane::model::{ForwardingMethod, Protocol, ServiceAddress, lvs as model};
use ipvs_wrapper::{
    Destination, Error, Family, Forwarding, Ipvs, Managed, ONE_PACKET, Pool, Report, SCHEDULER_1,
    SCHEDULER_2, SCHEDULER_3, Service, ServiceKey, TUNNEL_CHECKSUM, TUNNEL_REMOTE_CHECKSUM, Table,
    Tunnel, TunnelKind,
};

use crate::convergence::Convergence;

/// The wrapper, and what was last asked of it.
pub(super) struct Kernel {
    ipvs: Ipvs<netlink::Socket>,
    state: Convergence,
}

/// Why there is no table to program.
pub(super) enum OpenError {
    /// This kernel has no IPVS, or not one that we know.
    Unavailable(String),
    Failed(String),
}

impl Kernel {
    /// Finds IPVS and reads the table.
    pub(super) fn open() -> Result<Self, OpenError> {
        log::debug!("Initializing ipvs");
        let ipvs = Ipvs::connect().map_err(|error| match error {
            Error::NoIpvs | Error::TooOld { .. } => OpenError::Unavailable(error.to_string()),
            Error::Netlink(error) => OpenError::Failed(error.to_string()),
        })?;
        Ok(Self { ipvs, state: Convergence::default() })
    }

    /// From now on nothing is changed: the table stays (`-I`).
    pub(super) const fn leave_alone(&mut self) {
        self.state.leave_alone();
    }

    /// When [`Self::reconcile`] is to be called without anything having changed.
    pub(super) const fn next_timeout(&self) -> Option<Instant> {
        self.state.next_timeout()
    }

    /// Brings the table to what the machine wants; nothing is sent when nothing differs. Says
    /// whether it is there now.
    pub(super) fn reconcile(&mut self, now: Instant, machine: &Checkers) -> bool {
        let wanted = machine.generation();
        if !self.state.is_due(now, wanted) {
            return false;
        }
        let refused: Vec<String> = match self.ipvs.reconcile(&managed(machine), &table(machine)) {
            Ok(Report { refused, .. }) => refused.iter().map(ToString::to_string).collect(),
            Err(error) => vec![error.to_string()],
        };
        for message in self.state.compared(now, wanted, refused) {
            log::error!("IPVS: {message}");
        }
        self.state.is_there()
    }
}

fn managed(machine: &Checkers) -> Managed {
    let mut managed = Managed::default();
    for (address, servers) in machine.managed() {
        let Some(key) = key(address) else { continue };
        managed.services.insert(key);
        managed.destinations.extend(servers.iter().map(|server| (key, *server)));
    }
    managed
}

fn table(machine: &Checkers) -> Table {
    let mut table = Table::default();
    for (address, service) in machine.desired() {
        if let Some(key) = key(address) {
            table.insert(pool(key, service));
        }
    }
    table
}

fn pool(key: ServiceKey, desired: &DesiredService) -> Pool {
    let settings = &desired.settings;
    let persistence =
        settings.persistence.map(|timeout| u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX));
    let mut pool = Pool::new(Service {
        flags: flags(settings),
        persistence,
        persistence_prefix: settings.persistence_prefix,
        persistence_engine: settings.persistence_engine.clone(),
        ..Service::new(key, settings.scheduler.name())
    });
    for (server, destination) in &desired.destinations {
        pool.insert(self::destination(*server, destination));
    }
    pool
}

fn flags(settings: &ServiceSettings) -> u32 {
    let flags = settings.scheduler_flags;
    let all = [
        (settings.one_packet, ONE_PACKET),
        (flags.flag_1, SCHEDULER_1),
        (flags.flag_2, SCHEDULER_2),
        (flags.flag_3, SCHEDULER_3),
    ];
    all.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).sum()
}

fn destination(server: SocketAddr, desired: &DesiredDestination) -> Destination {
    let forwarding = match desired.method {
        ForwardingMethod::Nat => Forwarding::Masquerade,
        ForwardingMethod::DirectRouting => Forwarding::DirectRouting,
        ForwardingMethod::Tunnel => Forwarding::Tunnel,
    };
    let tunnel = Tunnel {
        kind: match desired.tunnel.kind {
            model::TunnelKind::IpIp => TunnelKind::IpIp,
            model::TunnelKind::Gue => TunnelKind::Gue,
            model::TunnelKind::Gre => TunnelKind::Gre,
        },
        port: desired.tunnel.port,
        flags: match desired.tunnel.checksum {
            model::TunnelChecksum::None => 0,
            model::TunnelChecksum::Checksum => TUNNEL_CHECKSUM,
            model::TunnelChecksum::Remote => TUNNEL_REMOTE_CHECKSUM,
        },
    };
    Destination {
        tunnel,
        upper_threshold: desired.upper_threshold,
        lower_threshold: desired.lower_threshold,
        ..Destination::new(server, forwarding, desired.weight)
    }
}

/// `None` for a group, which is no service itself.
fn key(address: &ServiceAddress) -> Option<ServiceKey> {
    Some(match *address {
        ServiceAddress::Address { ip, port, protocol } => {
            let protocol = match protocol {
                Protocol::Tcp => ipvs_wrapper::Protocol::Tcp,
                Protocol::Udp => ipvs_wrapper::Protocol::Udp,
                Protocol::Sctp => ipvs_wrapper::Protocol::Sctp,
            };
            ServiceKey::address(protocol, ip, port)
        }
        ServiceAddress::Mark { mark, ipv6 } => {
            let family = if ipv6 { Family::Inet6 } else { Family::Inet };
            ServiceKey::FirewallMark { family, mark }
        }
        ServiceAddress::Group { .. } => return None,
    })
}
