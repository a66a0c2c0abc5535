//! The requests that lead from the table as it is to the table as it should be.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use crate::request::Ask;
use crate::table::{
    Destination, DestinationKey, Family, Forwarding, PERSISTENT, Pool, SETTABLE, Service,
    ServiceKey, Table,
};

/// Which entries of the kernel's table are ours to remove. Like the desired [`Table`] it may be a
/// part: what is in neither is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Managed {
    /// Services that go, with everything in them, when they are not desired.
    pub services: BTreeSet<ServiceKey>,
    /// Destinations that go when they are not desired. Others in a desired service were put there by
    /// somebody else and stay.
    pub destinations: BTreeSet<(ServiceKey, DestinationKey)>,
}

impl Managed {
    /// Everything that is in `table`.
    pub fn all_of(table: &Table) -> Self {
        let mut managed = Self::default();
        managed.extend(table);
        managed
    }

    /// The destinations of one service.
    fn of(&self, key: &ServiceKey) -> impl Iterator<Item = &DestinationKey> {
        let first = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        self.destinations
            .range((*key, first)..)
            .take_while(move |(service, _)| service == key)
            .map(|(_, address)| address)
    }

    /// Adds everything that is in `table`.
    pub fn extend(&mut self, table: &Table) {
        for (key, pool) in &table.pools {
            self.services.insert(*key);
            self.destinations.extend(pool.destinations.keys().map(|address| (*key, *address)));
        }
    }
}

/// The requests, in an order that leaves no service without servers on the way: services that go,
/// then for each service itself, servers that come, that change, that go. What is in neither `managed`
/// nor `desired` costs nothing, however large the table is.
pub fn difference<'a>(actual: &Table, managed: &'a Managed, desired: &'a Table) -> Vec<Ask<'a>> {
    let mut asks: Vec<Ask<'a>> = managed
        .services
        .iter()
        .filter(|key| actual.pool(key).is_some() && desired.pool(key).is_none())
        .map(Ask::DelService)
        .collect();
    for (key, wanted) in &desired.pools {
        let ours = managed.of(key);
        match actual.pool(key) {
            None => {
                asks.push(Ask::NewService(&wanted.service));
                let destinations = wanted.destinations.values();
                asks.extend(destinations.map(|wanted| Ask::NewDestination(key, wanted)));
            }
            Some(found) => {
                if !is_met(&wanted.service, &found.service) {
                    asks.push(Ask::SetService(&wanted.service));
                }
                within(key, found, ours, wanted, &mut asks);
            }
        }
    }
    asks
}

/// The requests about the destinations of a service that is there.
fn within<'a>(
    key: &'a ServiceKey,
    actual: &Pool,
    ours: impl Iterator<Item = &'a DestinationKey>,
    desired: &'a Pool,
    asks: &mut Vec<Ask<'a>>,
) {
    let mut changed = Vec::new();
    for (address, wanted) in &desired.destinations {
        match actual.destinations.get(address) {
            None => asks.push(Ask::NewDestination(key, wanted)),
            Some(found) if !is_met_by(wanted, found) => {
                changed.push(Ask::SetDestination(key, wanted))
            }
            Some(_) => {}
        }
    }
    asks.append(&mut changed);
    let gone = ours.filter(|address| {
        actual.destinations.contains_key(address) && !desired.destinations.contains_key(address)
    });
    asks.extend(gone.map(|address| Ask::DelDestination(key, address)));
}

/// Whether the kernel has the destination as it should be: the tunnel counts where there is one, and
/// of an address of this host the kernel makes a local destination by itself.
fn is_met_by(wanted: &Destination, actual: &Destination) -> bool {
    let forwarding = match actual.forwarding {
        Forwarding::Local => wanted.forwarding,
        other => other,
    };
    let tunnel = if forwarding == Forwarding::Tunnel { actual.tunnel } else { wanted.tunnel };
    *wanted == Destination { forwarding, tunnel, ..actual.clone() }
}

/// Whether the kernel has the service as it should be, the network of persistence only where there is
/// persistence.
fn is_met(wanted: &Service, actual: &Service) -> bool {
    normal(wanted) == normal(actual)
}

fn normal(service: &Service) -> Service {
    let host = match service.key.family() {
        Family::Inet => 32,
        Family::Inet6 => 128,
    };
    let persistent = service.persistence.is_some();
    Service {
        flags: service.flags & SETTABLE & !PERSISTENT,
        persistence_prefix: service
            .persistence_prefix
            .filter(|prefix| persistent && *prefix < host),
        ..service.clone()
    }
}

#[cfg(test)]
mod tests;
