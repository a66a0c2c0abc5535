//! What the kernel's IPVS table should hold because of us.
//!
//! The pool follows every change at once. The driver reads it at the end of a turn: what should be
//! there, what is ours and may be removed, and where to look, so that one changed server costs one
//! comparison and not fifty thousand.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use base::Duration;
use control_plane::model::lvs::{SchedulerFlags, Tunnel};
use control_plane::model::{ForwardingMethod, Scheduler, ServiceAddress, VirtualServer};

use crate::names::ServerId;

/// The services that should exist.
pub type DesiredTable = BTreeMap<ServiceAddress, DesiredService>;

/// Services of ours with the destinations of ours in them. An entry of the kernel that is in here
/// and not in the [`DesiredTable`] is to be removed; one that is in neither is somebody else's.
pub type ManagedTable = BTreeMap<ServiceAddress, BTreeSet<SocketAddr>>;

/// Where the pool changed: services, and the destinations in them that did. With no destination,
/// it was the service itself that changed, came or went.
pub type Touched = BTreeMap<ServiceAddress, BTreeSet<SocketAddr>>;

/// One IPVS service as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredService {
    /// The service itself.
    pub settings: ServiceSettings,
    /// The servers that get traffic, or would but for their weight of 0.
    pub destinations: BTreeMap<SocketAddr, DesiredDestination>,
}

/// What is set on an IPVS service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSettings {
    /// `lvs_sched`.
    pub scheduler: Scheduler,
    /// Its flags.
    pub scheduler_flags: SchedulerFlags,
    /// `persistence_timeout`; `None` is not persistent.
    pub persistence: Option<Duration>,
    /// `persistence_granularity` as a prefix length; `None` is a host.
    pub persistence_prefix: Option<u8>,
    /// `persistence_engine`.
    pub persistence_engine: Option<String>,
    /// `ops`.
    pub one_packet: bool,
}

impl ServiceSettings {
    fn of(config: &VirtualServer) -> Self {
        Self {
            scheduler: config.scheduler,
            scheduler_flags: config.scheduler_flags,
            persistence: config.persistence,
            persistence_prefix: config.persistence_prefix,
            persistence_engine: config.persistence_engine.clone(),
            one_packet: config.one_packet,
        }
    }
}

/// One destination as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DesiredDestination {
    /// `lvs_method`.
    pub method: ForwardingMethod,
    /// Options of the method TUN.
    pub tunnel: Tunnel,
    /// The weight to use now; 0 gets no new connections.
    pub weight: u32,
    /// `uthreshold`; 0 is no limit.
    pub upper_threshold: u32,
    /// `lthreshold`.
    pub lower_threshold: u32,
}

/// The desired table and its bookkeeping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pool {
    desired: DesiredTable,
    managed: ManagedTable,
    /// `None` before the first look: the driver begins with the whole.
    touched: Option<Touched>,
    /// The part of `managed` that is configured no longer.
    retired: ManagedTable,
    generation: u64,
}

impl Pool {
    /// What should be in the kernel.
    pub(crate) const fn desired(&self) -> &DesiredTable {
        &self.desired
    }

    /// What is ours, desired or not.
    pub(crate) const fn managed(&self) -> &ManagedTable {
        &self.managed
    }

    /// Grows with every change of [`desired`](Self::desired) or [`managed`](Self::managed).
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Where it changed since the last call; the first call says nothing, for all of it is new.
    pub(crate) fn take_touched(&mut self) -> Touched {
        self.touched.replace(Touched::new()).unwrap_or_default()
    }

    /// Trees that grew entry by entry are half empty; made anew from what they hold they are full.
    pub(crate) fn compact(&mut self) {
        for service in self.desired.values_mut() {
            let destinations = std::mem::take(&mut service.destinations);
            service.destinations = destinations.into_iter().collect();
        }
        for servers in self.managed.values_mut() {
            *servers = std::mem::take(servers).into_iter().collect();
        }
    }

    /// The kernel equals [`desired`](Self::desired): what was retired is ours no longer.
    pub(crate) fn forget_retired(&mut self) {
        for (service, servers) in std::mem::take(&mut self.retired) {
            match self.managed.get_mut(&service) {
                Some(_) if !self.desired.contains_key(&service) => {
                    self.managed.remove(&service);
                }
                Some(managed) => managed.retain(|server| !servers.contains(server)),
                None => {}
            }
        }
    }

    /// The service is ours and should have these settings; its destinations stay.
    pub(crate) fn set_service(&mut self, config: &VirtualServer) {
        let (service, settings) = (config.address, ServiceSettings::of(config));
        self.managed.entry(service).or_default();
        match self.desired.entry(service) {
            Entry::Occupied(entry) if entry.get().settings == settings => return,
            Entry::Occupied(mut entry) => entry.get_mut().settings = settings,
            Entry::Vacant(entry) => {
                entry.insert(DesiredService { settings, destinations: BTreeMap::new() });
            }
        }
        self.touch(service, None);
    }

    /// The server is ours, and should or should not be a destination. Nothing is touched when that
    /// is so already.
    pub(crate) fn set_destination(&mut self, id: ServerId, wanted: Option<DesiredDestination>) {
        if let Some(retired) = self.retired.get_mut(&id.service) {
            retired.remove(&id.server);
        }
        let is_new = self.managed.entry(id.service).or_default().insert(id.server);
        let before = self.desired.get_mut(&id.service).and_then(|service| match wanted {
            Some(destination) => service.destinations.insert(id.server, destination),
            None => service.destinations.remove(&id.server),
        });
        if is_new || before != wanted {
            self.touch(id.service, Some(id.server));
        }
    }

    /// The server is configured no longer. It stays ours until the kernel has lost it.
    pub(crate) fn retire_destination(&mut self, id: ServerId) {
        self.set_destination(id, None);
        self.retired.entry(id.service).or_default().insert(id.server);
    }

    /// The service is configured no longer. It stays ours until the kernel has lost it.
    pub(crate) fn retire_service(&mut self, service: ServiceAddress) {
        self.managed.entry(service).or_default();
        self.retired.entry(service).or_default();
        self.desired.remove(&service);
        self.touch(service, None);
    }

    fn touch(&mut self, service: ServiceAddress, server: Option<SocketAddr>) {
        self.generation += 1;
        if let Some(touched) = &mut self.touched {
            touched.entry(service).or_default().extend(server);
        }
    }
}
