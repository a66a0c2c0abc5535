//! What the checkers want, in the words of IPVS: the whole table, or the part of it that changed.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use checkers::{Checkers, DesiredDestination, DesiredService, ServiceSettings, Touched};
use control_plane::model::lvs as model;
use control_plane::model::{ForwardingMethod, ServiceAddress};
use ipvs_wrapper::{
    Destination, Forwarding, Managed, ONE_PACKET, Pool, SCHEDULER_1, SCHEDULER_2, SCHEDULER_3,
    Service, ServiceKey, TUNNEL_CHECKSUM, TUNNEL_REMOTE_CHECKSUM, Table, Tunnel, TunnelKind,
};

use super::services::Places;

/// What is ours, and what of it should be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) managed: Managed,
    pub(super) table: Table,
}

impl Wanted {
    /// Everything, in parts of not much more than `size` entries: each is compared by itself, and ten
    /// thousand servers need not be in memory once more.
    pub(super) fn whole<'a>(
        machine: &'a Checkers,
        places: &'a Places,
        size: usize,
    ) -> impl Iterator<Item = Self> + use<'a> {
        let mut services = machine.managed().iter();
        std::iter::from_fn(move || {
            let mut wanted = Self::default();
            while wanted.managed.destinations.len() + wanted.managed.services.len() < size
                && let Some((address, servers)) = services.next()
            {
                let desired = machine.desired().get(address);
                let found = desired.into_iter().flat_map(|service| &service.destinations).collect();
                wanted.add(address, places, servers, desired, &found);
            }
            (!wanted.managed.services.is_empty()).then_some(wanted)
        })
    }

    /// What can have become other where the machine's pool was touched.
    pub(super) fn part(machine: &Checkers, places: &Places, touched: &Touched) -> Self {
        let mut wanted = Self::default();
        for (address, servers) in touched {
            let desired = machine.desired().get(address);
            let found = desired.map(|service| neighbours(address, service, servers));
            wanted.add(address, places, servers, desired, &found.unwrap_or_default());
        }
        wanted
    }

    /// The services of one address with `servers` that are ours, and those that should be there.
    fn add(
        &mut self,
        address: &ServiceAddress,
        places: &Places,
        servers: &BTreeSet<SocketAddr>,
        desired: Option<&DesiredService>,
        found: &Vec<(&SocketAddr, &DesiredDestination)>,
    ) {
        for key in places.keys(address) {
            self.managed.services.insert(key);
            for server in servers {
                // How a server was forwarded to is not known any more.
                let places = [*server, place(address, key, *server, ForwardingMethod::Tunnel)];
                self.managed.destinations.extend(places.map(|server| (key, server)));
            }
            let Some(desired) = desired else { continue };
            let mut pool = Pool::new(service(key, &desired.settings));
            for (server, wanted) in found {
                let place = place(address, key, **server, wanted.method);
                pool.insert(destination(place, wanted));
            }
            self.table.insert(pool);
        }
    }
}

/// The services of the addresses that are meant.
pub(super) fn services_of(
    machine: &Checkers,
    places: &Places,
    is_meant: impl Fn(&ServiceAddress) -> bool,
) -> Managed {
    let mut wanted = Wanted::default();
    for (address, servers) in machine.managed().iter().filter(|(address, _)| is_meant(address)) {
        wanted.add(address, places, servers, None, &Vec::new());
    }
    wanted.managed
}

/// Servers that should be there and are among `servers`, or have the same place in the kernel as
/// one of them: where ports do not count that is every server with the same address.
fn neighbours<'a>(
    address: &ServiceAddress,
    service: &'a DesiredService,
    servers: &BTreeSet<SocketAddr>,
) -> Vec<(&'a SocketAddr, &'a DesiredDestination)> {
    if let ServiceAddress::Address { .. } = address {
        return servers.iter().filter_map(|at| service.destinations.get_key_value(at)).collect();
    }
    let hosts: BTreeSet<IpAddr> = servers.iter().map(SocketAddr::ip).collect();
    let of_host = |ip: IpAddr| {
        let ports = SocketAddr::new(ip, 0)..=SocketAddr::new(ip, u16::MAX);
        service.destinations.range(ports)
    };
    hosts.into_iter().flat_map(of_host).collect()
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

fn service(key: ServiceKey, settings: &ServiceSettings) -> Service {
    let persistence =
        settings.persistence.map(|timeout| u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX));
    Service {
        flags: flags(settings),
        persistence,
        persistence_prefix: settings.persistence_prefix,
        persistence_engine: settings.persistence_engine.clone(),
        ..Service::new(key, settings.scheduler.name())
    }
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
