//! From a configuration, and what was known before, to the machine's lists.
//!
//! Start, respawn and reload are one path: each server asks what is known of it. At a start nothing
//! is, a successor asks the snapshot, a reload asks the running machine. What is the same by identity
//! keeps its state; a check whose settings changed keeps its verdict and begins its retries anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::{Duration, Instant};
use control_plane::model::{Checker, CheckerKind, Lvs, ServiceAddress};

use crate::beat::slack;
use crate::event::Event;
use crate::health::Health;
use crate::jitter::Jitter;
use crate::kinds::{is_effective, kind_name};
use crate::layout::{Activity, Check, Layout, Progress, Server, Service, adjusted, sorry_address};
use crate::names::ServerId;
use crate::probes::CheckIndex;
use crate::quorum::Quorum;
use crate::shared::{SharedCheck, SharedServer, SharedService};
use crate::snapshot::{CheckState, ServerState, ServiceState, Snapshot};

/// From the start to the first check, before the random part (`warmup`).
const START_DELAY: Duration = Duration::from_secs(1);

/// What is known of what was before.
#[derive(Debug, Default)]
pub(crate) struct Prior {
    services: BTreeMap<ServiceAddress, ServiceState>,
    servers: BTreeMap<ServerId, Vec<PriorCheck>>,
}

/// A check that was there before.
#[derive(Clone, Copy, Debug)]
struct PriorCheck {
    state: CheckState,
    /// Its place and what it did, if it was in this very process.
    running: Option<(CheckIndex, Activity, Progress)>,
}

impl Prior {
    /// What the parent kept of a process that died.
    pub(crate) fn from_snapshot(snapshot: &Snapshot) -> Self {
        let checks = |server: &ServerState| {
            server.checks.iter().map(|&state| PriorCheck { state, running: None }).collect()
        };
        Self {
            services: snapshot.services.clone(),
            servers: snapshot.servers.iter().map(|(&id, server)| (id, checks(server))).collect(),
        }
    }

    /// This process before a reload.
    pub(crate) fn from_layout(layout: &Layout) -> Self {
        let check = |index: CheckIndex| {
            let check = layout.checks.get(index)?;
            Some(PriorCheck {
                state: check.state(),
                running: Some((index, check.activity, check.progress)),
            })
        };
        let checks = |server: &Server| server.checks.clone().filter_map(check).collect();
        Self {
            services: layout.services.iter().map(|one| (one.config.address, one.state())).collect(),
            servers: layout.servers.iter().map(|one| (one.id(), checks(one))).collect(),
        }
    }
}

/// The lists, and where the checks of the lists before have gone.
#[derive(Debug, Default)]
pub(crate) struct Built {
    pub(crate) layout: Layout,
    pub(crate) moved: BTreeMap<CheckIndex, CheckIndex>,
    /// What of the configuration has no effect.
    pub(crate) ignored: Vec<Event>,
}

/// What building needs besides the configuration.
struct Builder<'a> {
    prior: &'a Prior,
    now: Instant,
    jitter: &'a mut Jitter,
    built: Built,
}

/// Build the lists of `config`.
pub(crate) fn build(config: &Arc<Lvs>, prior: &Prior, now: Instant, jitter: &mut Jitter) -> Built {
    let mut builder = Builder { prior, now, jitter, built: Built::default() };
    builder.built.layout.reserve(config);
    services_of(config).for_each(|service| builder.add_service(service));
    let layout = &mut builder.built.layout;
    let slack = layout.checks.iter().map(|check| slack(&check.config)).min();
    layout.slack = slack.unwrap_or_default();
    builder.built
}

/// The virtual servers; of those with the same address the first.
pub(crate) fn services_of(config: &Arc<Lvs>) -> impl Iterator<Item = SharedService> {
    let mut seen = BTreeSet::new();
    SharedService::all(config).filter(move |service| seen.insert(service.address))
}

/// The real servers; of those with the same address the first.
pub(crate) fn servers_of(config: &SharedService) -> impl Iterator<Item = SharedServer> {
    let mut seen = BTreeSet::new();
    config.servers().filter(move |server| seen.insert(server.address))
}

impl Builder<'_> {
    fn add_service(&mut self, config: SharedService) {
        let first = self.built.layout.servers.len();
        servers_of(&config).for_each(|server| self.add_server(config.address, server));
        let layout = &mut self.built.layout;
        let live = layout.servers.iter().skip(first).filter(|server| server.is_up());
        let live_weight = live.map(|server| u64::from(server.weight)).sum();
        let prior = self.prior.services.get(&config.address);
        let up = prior.is_some_and(|state| state.quorum_up);
        let is_new = prior.is_none_or(|state| state.sorry_server != sorry_address(&config));
        layout.services.push(Service {
            quorum: Quorum::new(config.quorum, config.hysteresis, up),
            is_new,
            live_weight,
            servers: first..layout.servers.len(),
            config,
        });
    }

    fn add_server(&mut self, service: ServiceAddress, config: SharedServer) {
        let id = ServerId { service, server: config.address };
        let first = self.built.layout.checks.len();
        let (supported, ignored): (Vec<_>, Vec<_>) =
            config.checks().partition(|check| is_effective(&check.kind));
        for check in ignored {
            let kind = kind_name(&check.kind);
            self.built.ignored.push(Event::CheckerIgnored { server: id, kind });
        }
        let origins = origins(&supported, self.prior.servers.get(&id));
        for (check, origin) in supported.into_iter().zip(origins) {
            self.add_check(check, origin);
        }
        let layout = &mut self.built.layout;
        let checks = layout.checks.get(first..).unwrap_or_default();
        let down = checks.iter().filter(|check| !check.health.is_up());
        layout.servers.push(Server {
            service: layout.services.len(),
            weight: adjusted(config.weight, checks),
            failed_checks: down.count(),
            checks: first..layout.checks.len(),
            config,
        });
    }

    fn add_check(&mut self, config: SharedCheck, origin: Origin) {
        let layout = &mut self.built.layout;
        let health = origin.health(config.alpha);
        let is_file = matches!(config.kind, CheckerKind::File(_));
        let mut progress = Progress::default();
        let activity = match origin {
            Origin::Same(PriorCheck { running: Some((old, activity, so_far)), .. }) => {
                self.built.moved.insert(old, layout.checks.len());
                progress = so_far;
                activity
            }
            _ if is_file => Activity::Idle,
            Origin::Same(_) => {
                Activity::Sleeping { until: self.now + resumed(&config, health, self.jitter) }
            }
            Origin::Changed(_) | Origin::New { .. } => {
                let until = self.now + START_DELAY + self.jitter.below(config.warmup);
                Activity::Sleeping { until }
            }
        };
        layout.checks.push(Check {
            server: layout.servers.len(),
            fingerprint: config.fingerprint(),
            config,
            health,
            adjustment: origin.adjustment(is_file),
            progress,
            activity,
        });
    }
}

/// How long a successor waits before it goes on with a check: at random within the delay that the
/// check was in, so that the checks stay spread.
fn resumed(check: &Checker, health: Health, jitter: &mut Jitter) -> Duration {
    match health {
        Health::Presumed { .. } => START_DELAY + jitter.below(check.warmup),
        Health::Up { failures: 0 } | Health::Down => jitter.below(check.delay_loop),
        Health::Up { .. } => jitter.below(check.delay_before_retry),
    }
}

/// Where a check comes from.
#[derive(Clone, Copy, Debug)]
enum Origin {
    /// It was there with the same settings.
    Same(PriorCheck),
    /// One was there with other settings.
    Changed(PriorCheck),
    /// It was not there, but its server may have been.
    New {
        /// `alpha` is about a server's start: one that is up is not taken down by a new check.
        server_was_up: bool,
    },
}

/// Pair the checks of a server with those of before: first the unchanged, then the rest in order.
fn origins(checks: &[SharedCheck], prior: Option<&Vec<PriorCheck>>) -> Vec<Origin> {
    let Some(prior) = prior else {
        return vec![Origin::New { server_was_up: false }; checks.len()];
    };
    let server_was_up = prior.iter().all(|check| check.state.health.is_up());
    let mut left = prior.clone();
    let mut take_same = |check: &SharedCheck| {
        let wanted = check.fingerprint();
        let place = left.iter().position(|old| old.state.fingerprint == wanted)?;
        Some(left.remove(place))
    };
    let same: Vec<_> = checks.iter().map(&mut take_same).collect();
    let mut rest = left.into_iter();
    let origin = |same: Option<PriorCheck>| match same {
        Some(check) => Origin::Same(check),
        None => rest.next().map_or(Origin::New { server_was_up }, Origin::Changed),
    };
    same.into_iter().map(origin).collect()
}

impl Origin {
    const fn health(self, alpha: bool) -> Health {
        match self {
            Self::Same(check) => check.state.health,
            Self::Changed(check) => check.state.health.with_fresh_retries(),
            Self::New { server_was_up } => Health::at_start(alpha && !server_was_up),
        }
    }

    /// A check of a file is judged before anything follows from its weight.
    const fn adjustment(self, is_file: bool) -> i64 {
        match self {
            Self::Same(check) => check.state.adjustment,
            Self::Changed(check) if is_file => check.state.adjustment,
            Self::Changed(_) | Self::New { .. } => 0,
        }
    }
}
