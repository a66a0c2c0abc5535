//! What a successor of this process has to know to go on: who is up, and how many tries are used.
//!
//! The machine reports each change once ([`StateChange`]); the parent keeps them in a [`Snapshot`]
//! and gives it to the successor. The time of the next try is not in it: it would change with every
//! check, and a successor spreads its first tries over the delays anyway.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

use control_plane::model::checks::FileCheck;
use control_plane::model::lvs::Timeouts;
use control_plane::model::{Checker, CheckerKind, FileId, Lvs, ServiceAddress};
use serde::{Deserialize, Serialize};

use crate::health::Health;
use crate::names::ServerId;

/// The last known state of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Virtual servers.
    pub services: BTreeMap<ServiceAddress, ServiceState>,
    /// Real servers.
    pub servers: BTreeMap<ServerId, ServerState>,
    /// What `lvs_timeouts` has changed, as it was before; the machine passes it on.
    #[serde(default)]
    pub former_timeouts: Option<Timeouts>,
    /// Firewall marks of groups (`nftables_ipvs`); the machine passes them on.
    #[serde(default)]
    pub marks: BTreeMap<ServiceAddress, u32>,
    /// The firewall's table of these marks (`nftables_ipvs`), whose name stays over reloads.
    #[serde(default)]
    pub mark_table: Option<String>,
}

/// What is remembered of a virtual server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    /// Whether it had its quorum; with hysteresis that does not follow from the weights.
    pub quorum_up: bool,
    /// Its sorry server.
    pub sorry_server: Option<SocketAddr>,
}

/// What is remembered of a real server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerState {
    /// The weight it has while it is up.
    pub weight: u32,
    /// Its checks, in the order of the configuration.
    pub checks: Vec<CheckState>,
}

impl ServerState {
    /// Whether it is up: no check says otherwise.
    pub fn is_up(&self) -> bool {
        self.checks.iter().all(|check| check.health.is_up())
    }
}

/// What is remembered of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckState {
    /// Of its settings. A check with other settings is another check.
    pub fingerprint: u64,
    /// Its verdict.
    pub health: Health,
    /// What it adds to its server's weight (`misc_dynamic`).
    pub adjustment: i64,
}

impl CheckState {
    /// The fingerprint of a check's settings in `config`. Two processes of one build agree on it. A
    /// file is known by its name: its place is another when one is written above it.
    pub fn fingerprint_of(check: &Checker, config: &Lvs) -> u64 {
        let mut hasher = DefaultHasher::new();
        match &check.kind {
            CheckerKind::File(file) => {
                let kind = CheckerKind::File(FileCheck { file: FileId(0), ..*file });
                Checker { kind, ..check.clone() }.hash(&mut hasher);
                config.files.get(file.file.0).map(|found| &found.name).hash(&mut hasher);
            }
            _ => check.hash(&mut hasher),
        }
        hasher.finish()
    }
}

/// Something became other than the last report said. `None`: it is no longer configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StateChange {
    /// A virtual server.
    Service(ServiceAddress, Option<ServiceState>),
    /// A real server.
    Server(ServerId, Option<ServerState>),
    /// `lvs_timeouts` is about to change these values.
    FormerTimeouts(Timeouts),
    /// The firewall mark of a group.
    Mark(ServiceAddress, Option<u32>),
    /// The name of the firewall's table of marks.
    MarkTable(String),
}

/// Whose state a report is; a later report of the same object replaces an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ObjectKey {
    /// A virtual server.
    Service(ServiceAddress),
    /// A real server.
    Server(ServerId),
    /// The kernel's timeouts, of which scripts and pipes are not told.
    Timeouts,
    /// A firewall mark, of which they are not told either.
    Mark(ServiceAddress),
    /// The firewall's table of marks, of which they are not told either.
    MarkTable,
}

impl StateChange {
    /// Whose state it is.
    pub const fn key(&self) -> ObjectKey {
        match self {
            Self::Service(id, _) => ObjectKey::Service(*id),
            Self::Server(id, _) => ObjectKey::Server(*id),
            Self::FormerTimeouts(_) => ObjectKey::Timeouts,
            Self::Mark(id, _) => ObjectKey::Mark(*id),
            Self::MarkTable(_) => ObjectKey::MarkTable,
        }
    }
}

impl FromIterator<StateChange> for Snapshot {
    fn from_iter<I: IntoIterator<Item = StateChange>>(changes: I) -> Self {
        let mut snapshot = Self::default();
        changes.into_iter().for_each(|change| snapshot.apply(change));
        snapshot
    }
}

impl Snapshot {
    /// Take in a report.
    pub fn apply(&mut self, change: StateChange) {
        match change {
            StateChange::Service(id, Some(state)) => drop(self.services.insert(id, state)),
            StateChange::Service(id, None) => drop(self.services.remove(&id)),
            StateChange::Server(id, Some(state)) => drop(self.servers.insert(id, state)),
            StateChange::Server(id, None) => drop(self.servers.remove(&id)),
            StateChange::FormerTimeouts(timeouts) => self.former_timeouts = Some(timeouts),
            StateChange::Mark(id, Some(mark)) => drop(self.marks.insert(id, mark)),
            StateChange::Mark(id, None) => drop(self.marks.remove(&id)),
            StateChange::MarkTable(name) => self.mark_table = Some(name),
        }
    }
}
