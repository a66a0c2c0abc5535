//! What a successor has to know to go on where this process was.

use base::{Instant, Vrid};
use control_plane::model;
use serde::{Deserialize, Serialize};
use wire::Family;

use crate::host::{HostFact, HostKey, HostMemory};
use crate::observed::ProcessSnapshot;
use crate::script::ScriptSnapshot;
use crate::state::State;
use crate::statistics::Statistics;

/// What makes an instance the same one after a reload or a respawn.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Name of the instance.
    pub name: String,
    /// Virtual router id.
    pub vrid: Vrid,
    /// Name of the interface.
    pub interface: String,
    /// Address family.
    pub family: Family,
}

impl Identity {
    /// The identity of a configured instance.
    pub fn of(config: &model::Instance) -> Self {
        let family = if config.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
        let (name, interface) = (config.name.clone(), config.interface.clone());
        Self { name, vrid: config.vrid, interface, family }
    }
}

/// The stack at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// One entry an instance, in the order of the configuration.
    pub instances: Vec<InstanceSnapshot>,
    /// One entry a script that is tracked.
    pub scripts: Vec<ScriptSnapshot>,
    /// One entry a `vrrp_track_process`.
    #[serde(default)] // what an older version hands over lacks it
    pub processes: Vec<ProcessSnapshot>,
    /// What was changed on the host.
    #[serde(default)]
    pub host: HostMemory,
}

/// One instance at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceSnapshot {
    /// Which instance.
    pub identity: Identity,
    /// Its state with its timers.
    pub state: State,
    /// Effective priority.
    pub priority: u8,
    /// When it came into its state.
    pub last_transition: Option<Instant>,
    /// When its last advert left.
    pub last_advert_at: Option<Instant>,
    /// IPv4 identification of the next advert.
    pub identification: u16,
    /// Sequence number of the next advert inside an authentication header.
    pub sequence: u32,
    /// Number in the trailer of its last advert (`auth_hmac`).
    #[serde(default)] // what an older version hands over lacks it
    pub sealed: u64,
    /// Its counters.
    pub statistics: Statistics,
}

/// News about one object, for whoever keeps a [`Snapshot`] for a successor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObjectState {
    /// An instance.
    Instance(Box<InstanceSnapshot>),
    /// An instance that is no longer configured.
    InstanceGone(Identity),
    /// A script.
    Script(ScriptSnapshot),
    /// A `vrrp_track_process`.
    Process(ProcessSnapshot),
    /// Something on the host. Not the stack's own: who changes it says so.
    Host(HostFact),
}

/// What [`ObjectState`] is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ObjectKey {
    /// An instance.
    Instance(Identity),
    /// A script, by name.
    Script(String),
    /// A `vrrp_track_process`, by name.
    Process(String),
    /// Something on the host.
    Host(HostKey),
}

impl ObjectState {
    /// Newer news with the same key replaces older.
    pub fn key(&self) -> ObjectKey {
        match self {
            Self::Instance(instance) => ObjectKey::Instance(instance.identity.clone()),
            Self::InstanceGone(identity) => ObjectKey::Instance(identity.clone()),
            Self::Script(script) => ObjectKey::Script(script.name.clone()),
            Self::Process(process) => ObjectKey::Process(process.name.clone()),
            Self::Host(fact) => ObjectKey::Host(fact.key()),
        }
    }
}

/// News in the order in which they came.
impl FromIterator<ObjectState> for Snapshot {
    fn from_iter<T: IntoIterator<Item = ObjectState>>(news: T) -> Self {
        let mut snapshot = Self::default();
        for object in news {
            snapshot.apply(object);
        }
        snapshot
    }
}

impl Snapshot {
    /// Takes news in.
    pub fn apply(&mut self, news: ObjectState) {
        match news {
            ObjectState::Instance(new) => {
                let same = self.instances.iter_mut().find(|old| old.identity == new.identity);
                match same {
                    Some(old) => *old = *new,
                    None => self.instances.push(*new),
                }
            }
            ObjectState::InstanceGone(identity) => {
                self.instances.retain(|old| old.identity != identity);
            }
            ObjectState::Host(fact) => self.host.apply(fact),
            ObjectState::Script(new) => {
                match self.scripts.iter_mut().find(|old| old.name == new.name) {
                    Some(old) => *old = new,
                    None => self.scripts.push(new),
                }
            }
            ObjectState::Process(new) => {
                match self.processes.iter_mut().find(|old| old.name == new.name) {
                    Some(old) => *old = new,
                    None => self.processes.push(new),
                }
            }
        }
    }

    /// What is known of an instance.
    pub fn instance(&self, identity: &Identity) -> Option<&InstanceSnapshot> {
        self.instances.iter().find(|known| known.identity == *identity)
    }

    /// What is known of a script.
    pub fn script(&self, name: &str) -> Option<&ScriptSnapshot> {
        self.scripts.iter().find(|known| known.name == name)
    }
}

#[cfg(test)]
mod tests;
