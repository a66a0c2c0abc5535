//! What a configuration means: the typed result of reading `keepalived.conf`.
//!
//! Everything is resolved here: units are in the types, names of scripts have become references,
//! defaults are filled in. A value of these types can be acted on without looking anything up and
//! without a further check; what cannot be acted on was a diagnostic.

pub mod checks;
pub mod defaults;
pub mod global;
mod group_names;
mod linkbeat;
pub mod lvs;
pub mod network;
pub mod own_link;
pub mod rare;
pub mod split_brain;
pub mod tracking;
pub mod vrrp;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use checks::{Checker, CheckerKind, TcpCheck};
pub use global::{Global, ScriptSecurity};
pub use group_names::GroupNames;
pub use lvs::{
    ForwardingMethod, Lvs, Protocol, RealServer, Scheduler, ServiceAddress, VirtualServer,
};
pub use split_brain::{Arbiter, ArbiterId, ConflictAction, Heartbeat, SplitBrain, Witness};
pub use tracking::{BfdId, FileId, ProcessId, ScriptId, TrackScript, VrrpScript};
pub use vrrp::{
    AddressScope, Authentication, Garp, InitialState, Instance, NotifyScripts, Preempt, Version,
    VirtualAddress, Vrrp,
};

/// A whole configuration, as every process of the daemon gets it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// `global_defs`.
    pub global: Global,
    /// What the VRRP stack does.
    pub vrrp: Vrrp,
    /// What the checkers do; shared, for it may be of ten thousands of servers.
    pub lvs: Arc<Lvs>,
    /// `bfd_instance` blocks; [`BfdId`] counts in here.
    pub bfd: Vec<tracking::Bfd>,
}

/// A command to run: `script`, `notify*`, `misc_path`. Already split into words by the rules of
/// the language; the first word is the program.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Command {
    /// The program.
    pub program: String,
    /// Its arguments, without the program's own name.
    pub args: Vec<String>,
    /// User and group to run it as; `None` is `script_user`'s default.
    pub user: Option<ScriptUser>,
}

/// Whom a script runs as. Names are looked up by the process that starts scripts, not by the
/// parser, which works on another machine's file too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ScriptUser {
    /// User name or number.
    pub user: String,
    /// Group name or number; `None` is the user's own group.
    pub group: Option<String>,
}
