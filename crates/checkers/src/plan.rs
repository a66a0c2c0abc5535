//! What another configuration would change, in words for the plan that a reload prints.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use control_plane::model::lvs::ServiceDefaults;
use control_plane::model::{GroupNames, Lvs, RealServer, ServiceAddress, VirtualServer};

use crate::build::{servers_of, services_of};
use crate::kinds::is_effective;
use crate::layout::{Layout, Server, Service};
use crate::names::{Named, ServerId, ServiceName, names};
use crate::shared::{SharedServer, SharedService};

/// One thing that would change; [`Change::named`] says it in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A virtual server comes.
    ServiceAdded(ServiceAddress),
    /// A virtual server goes, with its real servers.
    ServiceRemoved(ServiceAddress),
    /// Settings of a virtual server: scheduler, persistence, quorum and so on.
    ServiceChanged(ServiceAddress),
    /// A real server comes.
    ServerAdded(ServerId),
    /// A real server goes.
    ServerRemoved(ServerId),
    /// The weight of a real server.
    WeightChanged {
        /// Which.
        server: ServerId,
        /// The weight now.
        from: u32,
        /// The weight then.
        to: u32,
    },
    /// Other settings of a real server: method, `inhibit_on_failure` and so on.
    ServerChanged(ServerId),
    /// The checks of a real server.
    ChecksChanged(ServerId),
}

impl Change {
    /// The sentence.
    pub const fn named<'a>(&'a self, groups: &'a GroupNames) -> Named<'a, Self> {
        Named { what: self, groups }
    }
}

impl fmt::Display for Named<'_, Change> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.groups;
        match self.what {
            Change::ServiceAdded(id) => {
                write!(f, "virtual server {} added", ServiceName(*id, groups))
            }
            Change::ServiceRemoved(id) => {
                write!(f, "virtual server {} removed", ServiceName(*id, groups))
            }
            Change::ServiceChanged(id) => {
                write!(f, "virtual server {} changed", ServiceName(*id, groups))
            }
            Change::ServerAdded(id) => of_service(f, id, groups, "added to"),
            Change::ServerRemoved(id) => of_service(f, id, groups, "removed from"),
            Change::WeightChanged { server, from, to } => {
                of_service(f, server, groups, "of")?;
                write!(f, ": weight {from} becomes {to}")
            }
            Change::ServerChanged(id) => {
                of_service(f, id, groups, "of")?;
                f.write_str(": settings changed")
            }
            Change::ChecksChanged(id) => {
                of_service(f, id, groups, "of")?;
                f.write_str(": checks changed")
            }
        }
    }
}

fn of_service(
    f: &mut fmt::Formatter<'_>,
    id: &ServerId,
    groups: &GroupNames,
    relation: &str,
) -> fmt::Result {
    let (server, service) = names(id, groups);
    write!(f, "real server {server} {relation} virtual server {service}")
}

/// What a reload with `new` would change: first what goes, in the order that runs, then what comes
/// or becomes other, in the order of `new`.
pub(crate) fn compare(running: &Layout, new: &Arc<Lvs>) -> Vec<Change> {
    let wanted: BTreeSet<ServiceAddress> =
        new.virtual_servers.iter().map(|one| one.address).collect();
    let gone = running.services.iter().filter(|one| !wanted.contains(&one.config.address));
    let mut changes: Vec<Change> =
        gone.map(|one| Change::ServiceRemoved(one.config.address)).collect();
    let known: BTreeMap<ServiceAddress, &Service> =
        running.services.iter().map(|one| (one.config.address, one)).collect();
    for service in services_of(new) {
        match known.get(&service.address) {
            None => changes.push(Change::ServiceAdded(service.address)),
            Some(running_service) => {
                compare_service(running, running_service, &service, &mut changes);
            }
        }
    }
    changes
}

fn compare_service(
    running: &Layout,
    service: &Service,
    new: &SharedService,
    changes: &mut Vec<Change>,
) {
    if bare_service(&service.config) != bare_service(new) {
        changes.push(Change::ServiceChanged(new.address));
    }
    let servers = running.servers.get(service.servers.clone()).unwrap_or_default();
    let wanted: BTreeSet<_> = new.real_servers.iter().map(|one| one.address).collect();
    let gone = servers.iter().filter(|one| !wanted.contains(&one.id().server));
    changes.extend(gone.map(|one| Change::ServerRemoved(one.id())));
    let known: BTreeMap<_, &Server> = servers.iter().map(|one| (one.id().server, one)).collect();
    for server in servers_of(new) {
        match known.get(&server.address) {
            None => {
                let id = ServerId { service: new.address, server: server.address };
                changes.push(Change::ServerAdded(id));
            }
            Some(running_server) => compare_server(running, running_server, &server, changes),
        }
    }
}

fn compare_server(
    running: &Layout,
    server: &Server,
    new: &SharedServer,
    changes: &mut Vec<Change>,
) {
    let id = server.id();
    let (from, to) = (server.config.weight, new.weight);
    if from != to {
        changes.push(Change::WeightChanged { server: id, from, to });
    }
    if (RealServer { weight: to, ..bare_server(&server.config) }) != bare_server(new) {
        changes.push(Change::ServerChanged(id));
    }
    let checks = running.checks.get(server.checks.clone()).unwrap_or_default();
    let running_checks = checks.iter().map(|check| check.fingerprint);
    let new_checks = new.checks().filter(|check| is_effective(&check.kind));
    if !running_checks.eq(new_checks.map(|check| check.fingerprint())) {
        changes.push(Change::ChecksChanged(id));
    }
}

/// A virtual server's own settings, without its real servers.
fn bare_service(config: &VirtualServer) -> VirtualServer {
    let VirtualServer { quorum_up, quorum_down, persistence_engine, snmp_name, .. } = config;
    VirtualServer {
        address: config.address,
        scheduler: config.scheduler,
        persistence: config.persistence,
        persistence_prefix: config.persistence_prefix,
        one_packet: config.one_packet,
        real_servers: Vec::new(),
        scheduler_flags: config.scheduler_flags,
        persistence_engine: persistence_engine.clone(),
        quorum: config.quorum,
        hysteresis: config.hysteresis,
        quorum_up: quorum_up.clone(),
        quorum_down: quorum_down.clone(),
        sorry_server: config.sorry_server,
        omega: config.omega,
        ha_suspend: config.ha_suspend,
        smtp_alert: config.smtp_alert,
        snmp_name: snmp_name.clone(),
        // Its servers and checks have them.
        defaults: ServiceDefaults::NONE,
    }
}

/// A real server's own settings, without its checks.
fn bare_server(config: &RealServer) -> RealServer {
    let RealServer { notify_up, notify_down, virtualhost, snmp_name, .. } = config;
    RealServer {
        address: config.address,
        weight: config.weight,
        method: config.method,
        inhibit_on_failure: config.inhibit_on_failure,
        alpha: config.alpha,
        checkers: Vec::new(),
        tunnel: config.tunnel,
        upper_threshold: config.upper_threshold,
        lower_threshold: config.lower_threshold,
        notify_up: notify_up.clone(),
        notify_down: notify_down.clone(),
        smtp_alert: config.smtp_alert,
        virtualhost: virtualhost.clone(),
        snmp_name: snmp_name.clone(),
        // Its checks have them.
        defaults: None,
    }
}
