//! The machine's lists: services, their servers, the servers' checks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;

use base::{Duration, Instant};
use control_plane::model::{Lvs, VirtualServer};

use crate::event::QuorumLine;
use crate::health::Health;
use crate::names::ServerId;
use crate::output::ProbeId;
use crate::pool::DesiredDestination;
use crate::quorum::Quorum;
use crate::shared::{SharedCheck, SharedServer, SharedService};
use crate::snapshot::{CheckState, ServerState, ServiceState, Snapshot};

/// All services, servers and checks; each service's servers and each server's checks are neighbours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) services: Vec<Service>,
    pub(crate) servers: Vec<Server>,
    pub(crate) checks: Vec<Check>,
    /// How late checks may be: [`crate::beat::slack`] of the most impatient.
    pub(crate) slack: Duration,
}

/// A virtual server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) config: SharedService,
    pub(crate) quorum: Quorum,
    /// Nothing was known of it, or not with this sorry server, when the lists were built.
    pub(crate) is_new: bool,
    /// The sum of the weights of servers that are up.
    pub(crate) live_weight: u64,
    pub(crate) servers: Range<usize>,
}

/// A real server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// Its service's place in the list.
    pub(crate) service: usize,
    pub(crate) config: SharedServer,
    /// The weight it has while it is up: the configured one and what its checks add.
    pub(crate) weight: u32,
    /// Checks that are down; the server is up while there are none.
    pub(crate) failed_checks: usize,
    pub(crate) checks: Range<usize>,
}

/// A check of a real server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    /// Its server's place in the list.
    pub(crate) server: usize,
    pub(crate) config: SharedCheck,
    pub(crate) fingerprint: u64,
    pub(crate) health: Health,
    /// What it adds to its server's weight: `misc_dynamic`.
    pub(crate) adjustment: i64,
    pub(crate) progress: Progress,
    pub(crate) activity: Activity,
}

/// How far an HTTP check with several urls has come. Each try is about one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The url to try next.
    pub(crate) url: usize,
    /// The last try of it failed. When it succeeds all urls are tried, from the first.
    pub(crate) failed: bool,
}

/// What a check does now; its timer lives in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// Until its next try.
    Sleeping { until: Instant },
    /// Its try was due then and waits for a place.
    Waiting { due: Instant },
    /// Nothing: it hears from outside, or is suspended.
    Idle,
    /// Its try runs, which was due at `due`. `deadline` is when silence becomes a failure, `give_up`
    /// when talk does.
    Probing { probe: ProbeId, due: Instant, deadline: Instant, give_up: Instant },
}

impl Activity {
    /// When the machine has to look at it again.
    pub(crate) const fn timer(self) -> Option<Instant> {
        match self {
            Self::Sleeping { until } => Some(until),
            Self::Probing { deadline, .. } => Some(deadline),
            Self::Waiting { .. } | Self::Idle => None,
        }
    }
}

impl Service {
    /// What a successor has to know of it.
    pub(crate) fn state(&self) -> ServiceState {
        ServiceState { quorum_up: self.quorum.up, sorry_server: sorry_address(&self.config) }
    }

    /// The arithmetic of its quorum, for the log.
    pub(crate) fn quorum_line(&self) -> QuorumLine {
        QuorumLine {
            service: self.config.address,
            quorum: self.quorum.quorum,
            hysteresis: self.quorum.hysteresis,
            weight: self.live_weight,
        }
    }

    /// Whether the sorry server has to stand in for the real ones.
    pub(crate) fn is_sorry(&self) -> bool {
        self.config.sorry_server.is_some() && !self.quorum.up
    }

    /// Its sorry server, named like a real one.
    pub(crate) fn sorry_id(&self) -> Option<ServerId> {
        let server = sorry_address(&self.config)?;
        Some(ServerId { service: self.config.address, server })
    }

    /// The place of one of its servers in the kernel's table, if it has one. While the sorry server
    /// stands in, the servers that are up are treated like those that are down.
    pub(crate) fn destination(&self, server: &Server) -> Option<DesiredDestination> {
        let config = &server.config;
        let weight = match (server.is_up() && !self.is_sorry(), config.inhibit_on_failure) {
            (true, _) => server.weight,
            (false, true) => 0,
            (false, false) => return None,
        };
        Some(DesiredDestination {
            method: config.method,
            tunnel: config.tunnel,
            weight,
            upper_threshold: config.upper_threshold,
            lower_threshold: config.lower_threshold,
        })
    }

    /// The sorry server with its place in the kernel's table, if there is something to say about it:
    /// one that is also a real server counts as that while it does not stand in.
    pub(crate) fn sorry(
        &self,
        servers: &[Server],
    ) -> Option<(ServerId, Option<DesiredDestination>)> {
        let sorry = self.config.sorry_server?;
        let id = ServerId { service: self.config.address, server: sorry.address };
        let weight = match (self.is_sorry(), sorry.inhibit) {
            (true, _) => Some(1),
            (false, _) if servers.iter().any(|server| server.id() == id) => return None,
            (false, true) => Some(0),
            (false, false) => None,
        };
        let destination = weight.map(|weight| DesiredDestination {
            method: sorry.method,
            tunnel: sorry.tunnel,
            weight,
            upper_threshold: 0,
            lower_threshold: 0,
        });
        Some((id, destination))
    }
}

impl Server {
    /// Which it is.
    pub(crate) fn id(&self) -> ServerId {
        self.config.id()
    }

    pub(crate) const fn is_up(&self) -> bool {
        self.failed_checks == 0
    }

    /// Whether it is in the table on its own merits: up, or down with weight 0.
    pub(crate) fn is_present(&self) -> bool {
        self.is_up() || self.config.inhibit_on_failure
    }
}

/// A configured weight with what checks add to it: never below 0, where it gets no traffic, and never
/// more than the kernel takes.
pub(crate) fn adjusted(weight: u32, checks: &[Check]) -> u32 {
    let sum = checks.iter().fold(i64::from(weight), |sum, one| sum.saturating_add(one.adjustment));
    u32::try_from(sum.clamp(0, i32::MAX.into())).unwrap_or(weight)
}

impl Check {
    pub(crate) const fn state(&self) -> CheckState {
        CheckState {
            fingerprint: self.fingerprint,
            health: self.health,
            adjustment: self.adjustment,
        }
    }
}

impl Layout {
    /// Room for all of `config`, so that the lists do not move while they grow.
    pub(crate) fn reserve(&mut self, config: &Lvs) {
        let servers = || config.virtual_servers.iter().flat_map(|one| &one.real_servers);
        self.services.reserve_exact(config.virtual_servers.len());
        self.servers.reserve_exact(servers().count());
        self.checks.reserve_exact(servers().map(|one| one.checkers.len()).sum());
    }

    /// What a successor has to know of a server.
    pub(crate) fn server_state(&self, server: &Server) -> ServerState {
        let checks = self.checks.get(server.checks.clone()).unwrap_or_default();
        ServerState { weight: server.weight, checks: checks.iter().map(Check::state).collect() }
    }

    /// What a successor has to know of everything.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            services: self.services.iter().map(|one| (one.config.address, one.state())).collect(),
            servers: self.servers.iter().map(|one| (one.id(), self.server_state(one))).collect(),
            former_timeouts: None,
            marks: BTreeMap::new(),
            mark_table: None,
        }
    }
}

/// Where the sorry server of a virtual server is.
pub(crate) fn sorry_address(config: &VirtualServer) -> Option<SocketAddr> {
    config.sorry_server.map(|sorry| sorry.address)
}
