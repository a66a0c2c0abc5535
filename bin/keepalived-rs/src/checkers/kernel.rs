//! The kernel's IPVS table as the checkers want it.

use std::net::SocketAddr;

use base::Instant;
use checkers::{Checkers, DesiredDestination, DesiredService, ServiceSettings};
use control_plane::model::lvs::{self as model, FlushOnStop, ServerGroup};
use control_plane::model::{ForwardingMethod, Lvs, ServiceAddress};
use ipvs_wrapper::{
    Destination, Error, Forwarding, Ipvs, Managed, ONE_PACKET, Pool, Report, SCHEDULER_1,
    SCHEDULER_2, SCHEDULER_3, Service, ServiceKey, TUNNEL_CHECKSUM, TUNNEL_REMOTE_CHECKSUM, Table,
    Timeouts, Tunnel, TunnelKind,
};

use super::services::keys;
use crate::convergence::Convergence;

/// The wrapper, and what was last asked of it.
pub(super) struct Kernel {
    ipvs: Ipvs<netlink::Socket>,
    state: Convergence,
    groups: Vec<ServerGroup>,
    /// What is ours by the groups of an earlier configuration, until the kernel has lost it.
    former: Managed,
    /// What is done about the table at the end.
    flush_on_stop: FlushOnStop,
    /// The timeouts of before the first change.
    timeouts: Option<Timeouts>,
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
        Ok(Self {
            ipvs,
            state: Convergence::default(),
            groups: Vec::new(),
            former: Managed::default(),
            flush_on_stop: FlushOnStop::default(),
            timeouts: None,
        })
    }

    /// The daemon starts with this configuration; not for a successor, who finds a table in use.
    pub(super) fn start(&mut self, config: &Lvs) {
        if config.flush {
            self.flush();
        }
    }

    /// This is the configuration from now on. To be called before the machine gets it.
    pub(super) fn configure(&mut self, config: &Lvs, machine: Option<&Checkers>) {
        if let Some(machine) = machine {
            self.former = managed(machine, &self.groups, std::mem::take(&mut self.former));
        }
        self.groups.clone_from(&config.groups);
        self.flush_on_stop = config.flush_on_stop;
        self.state.disturbed();
        self.set_timeouts(Timeouts {
            tcp: config.timeouts.tcp,
            tcp_fin: config.timeouts.tcp_fin,
            udp: config.timeouts.udp,
        });
    }

    /// After the last comparison.
    pub(super) fn leave(&mut self) {
        if self.flush_on_stop == FlushOnStop::All {
            self.flush();
        }
        self.set_timeouts(Timeouts::default());
    }

    fn flush(&mut self) {
        if let Err(error) = self.ipvs.flush() {
            log::error!("IPVS: {error}");
        }
    }

    /// What is not in `wanted` becomes what it was before we changed it.
    fn set_timeouts(&mut self, wanted: Timeouts) {
        if wanted.is_empty() && self.timeouts.is_none() {
            return;
        }
        let former = match self.timeouts {
            Some(former) => former,
            None => match self.ipvs.timeouts() {
                Ok(former) => *self.timeouts.insert(former),
                Err(error) => return log::error!("IPVS: {error}"),
            },
        };
        if let Err(error) = self.ipvs.set_timeouts(&wanted.or(former)) {
            log::error!("IPVS: {error}");
        }
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
        let managed = managed(machine, &self.groups, self.former.clone());
        let table = table(machine, &self.groups);
        let refused: Vec<String> = match self.ipvs.reconcile(&managed, &table) {
            Ok(Report { refused, .. }) => refused.iter().map(ToString::to_string).collect(),
            Err(error) => vec![error.to_string()],
        };
        for message in self.state.compared(now, wanted, refused) {
            log::error!("IPVS: {message}");
        }
        let is_there = self.state.is_there();
        if is_there {
            self.former = Managed::default();
        }
        is_there
    }
}

/// What is ours, and what was.
fn managed(machine: &Checkers, groups: &[ServerGroup], former: Managed) -> Managed {
    let mut managed = former;
    for (address, servers) in machine.managed() {
        for key in keys(address, groups) {
            managed.services.insert(key);
            for server in servers {
                // How a server was forwarded to is not known any more.
                let places = [*server, place(address, key, *server, ForwardingMethod::Tunnel)];
                managed.destinations.extend(places.map(|server| (key, server)));
            }
        }
    }
    managed
}

fn table(machine: &Checkers, groups: &[ServerGroup]) -> Table {
    let mut table = Table::default();
    for (address, service) in machine.desired() {
        for key in keys(address, groups) {
            table.insert(pool(address, key, service));
        }
    }
    table
}

/// Where the kernel has a server. It rewrites ports only with NAT; else keepalived gives the server
/// of a firewall mark port 0, and that of a group's address the port of that address.
fn place(
    address: &ServiceAddress,
    key: ServiceKey,
    server: SocketAddr,
    method: ForwardingMethod,
) -> SocketAddr {
    let port = match (method, address, key) {
        (ForwardingMethod::Nat, ..) => server.port(),
        (_, _, ServiceKey::FirewallMark { .. }) => 0,
        (_, ServiceAddress::Group { .. }, ServiceKey::Address { address, .. }) => address.port(),
        _ => server.port(),
    };
    SocketAddr::new(server.ip(), port)
}

fn pool(address: &ServiceAddress, key: ServiceKey, desired: &DesiredService) -> Pool {
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
        let place = place(address, key, *server, destination.method);
        pool.insert(self::destination(place, destination));
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
