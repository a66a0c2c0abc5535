//! What was changed on the host besides addresses, to be put back some day: by this process, or by
//! its successor.

use std::collections::BTreeMap;

use base::IfIndex;
use serde::{Deserialize, Serialize};

/// A setting of the kernel below `/proc/sys/net`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Setting {
    /// Whose.
    pub scope: Scope,
    /// Folder and name, without the interface: `ipv4/conf/arp_ignore`, `ipv4/igmp_max_msf`.
    pub name: String,
}

/// Whose setting it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Of the whole network namespace.
    Global,
    /// `conf/all`.
    All,
    /// `conf/default`: of interfaces that come.
    Default,
    /// Of one interface, whatever its name is.
    Link(IfIndex),
}

/// What a successor has to put back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostMemory {
    /// Settings that were changed, with the values that they had.
    pub settings: BTreeMap<Setting, String>,
    /// Names of interfaces that were made, with the instances that they are for.
    pub links: BTreeMap<String, String>,
}

/// News about [`HostMemory`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostFact {
    /// A setting has had that value before; `None`: it was put back.
    Setting(Setting, Option<String>),
    /// The interface of that name was made for an instance; `None`: it is gone.
    Link(String, Option<String>),
}

/// What [`HostFact`] is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HostKey {
    /// A setting.
    Setting(Setting),
    /// An interface, by name.
    Link(String),
}

impl HostFact {
    /// Newer news with the same key replaces older.
    pub fn key(&self) -> HostKey {
        match self {
            Self::Setting(setting, _) => HostKey::Setting(setting.clone()),
            Self::Link(name, _) => HostKey::Link(name.clone()),
        }
    }
}

impl HostMemory {
    /// Takes news in.
    pub fn apply(&mut self, news: HostFact) {
        match news {
            HostFact::Setting(setting, Some(value)) => {
                self.settings.insert(setting, value);
            }
            HostFact::Setting(setting, None) => {
                self.settings.remove(&setting);
            }
            HostFact::Link(name, Some(instance)) => {
                self.links.insert(name, instance);
            }
            HostFact::Link(name, None) => {
                self.links.remove(&name);
            }
        }
    }
}
