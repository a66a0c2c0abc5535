//! What the parent has to know of a kind of child, beyond its role: what it reports, what of that
//! is remembered for its successor, and the function that it runs.

use std::borrow::Cow;
use std::sync::Arc;

use control_plane::Config;
use control_plane::model::lvs::Lvs;
use ipc::{Channel, Coalesce, ToChild, ToParent};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sys::timer_fd::TimerFd;
use watchdog::Role;

use crate::cli::Options;
use crate::looked_up::LookedUp;

/// The child's end of the way to the parent.
pub(crate) type ToParentChannel<K> = Channel<ToParent<<K as Kind>::State>, ToChild>;

/// How a child ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In order, or with the status of an error.
    Status(i32),
    /// Its successor has taken over: what is its own belongs to that one.
    Retired,
}

/// A kind of child.
pub(crate) trait Kind {
    /// What it reports of one object.
    type State: Coalesce + Serialize + DeserializeOwned;
    /// All that was reported last.
    type Known: Clone + Default + PartialEq + Serialize + DeserializeOwned;
    /// What it says of itself for dumps.
    type Live: DeserializeOwned;
    /// Its role.
    const ROLE: Role;

    /// What of a configuration is its business, when it is handed one.
    fn share(config: &Config) -> Cow<'_, Config> {
        Cow::Borrowed(config)
    }

    /// Takes in a report.
    fn remember(known: &mut Self::Known, state: Self::State);

    /// Lives its life.
    fn run(options: &Options, birth: Birth<Self>) -> End
    where
        Self: Sized;
}

/// What a child has from the fork.
pub(crate) struct Birth<K: Kind> {
    pub(crate) channel: ToParentChannel<K>,
    pub(crate) unblock: sys::BlockedSignals,
    /// The timer that is put off as long as the process turns its loop, see [`watchdog::pulse`].
    pub(crate) life: TimerFd,
    /// The configuration in force, in pages that it shares with the parent.
    pub(crate) config: Config,
    /// What the parent has looked up for it.
    pub(crate) looked_up: LookedUp,
}

/// The VRRP stack.
pub(crate) struct Vrrp;

/// What the VRRP stack reports.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct VrrpState(pub(crate) vrrp_stack::ObjectState);

impl Coalesce for VrrpState {
    type Key = vrrp_stack::ObjectKey;

    fn coalesce_key(&self) -> Option<Self::Key> {
        Some(self.0.key())
    }
}

impl Kind for Vrrp {
    type State = VrrpState;
    type Known = vrrp_stack::Snapshot;
    type Live = telemetry::VrrpLive;
    const ROLE: Role = Role::Vrrp;

    /// Without servers: it has adverts to send while it reads, and there may be ten thousand.
    fn share(config: &Config) -> Cow<'_, Config> {
        let sync_daemon = config.lvs.sync_daemon.clone();
        let lvs = Arc::new(Lvs { sync_daemon, ..Lvs::default() });
        Cow::Owned(Config { lvs, ..config.clone() })
    }

    fn remember(known: &mut Self::Known, state: Self::State) {
        known.apply(state.0);
    }

    fn run(options: &Options, birth: Birth<Self>) -> End {
        crate::vrrp::run(options, birth)
    }
}

/// The health checkers.
pub(crate) struct Checkers;

/// What the checkers report.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CheckersState(pub(crate) checkers::StateChange);

impl Coalesce for CheckersState {
    type Key = checkers::ObjectKey;

    fn coalesce_key(&self) -> Option<Self::Key> {
        Some(self.0.key())
    }
}

impl Kind for Checkers {
    type State = CheckersState;
    type Known = checkers::Snapshot;
    type Live = telemetry::CheckersLive;
    const ROLE: Role = Role::Checkers;

    fn remember(known: &mut Self::Known, state: Self::State) {
        known.apply(state.0);
    }

    fn run(options: &Options, birth: Birth<Self>) -> End {
        crate::checkers::run(options, birth)
    }
}
