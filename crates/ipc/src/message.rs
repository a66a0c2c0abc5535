//! What the processes say to each other. New variants go to the end.

use std::fmt;

use base::{Sighted, Sighting};
use serde::{Deserialize, Serialize};

/// Which configuration: 1 is the one of the start, each reload is one more.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A message of which, for one object, only the latest counts.
pub trait Coalesce {
    /// The object.
    type Key: PartialEq + fmt::Debug;

    /// The object that this message is the latest about; `None` when every message counts. While
    /// a channel's queue holds an older message of the same object, the newer replaces it.
    fn coalesce_key(&self) -> Option<Self::Key>;
}

/// From the parent to a child. There is no "stop": that is SIGTERM.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ToChild {
    /// Begin. Descriptors: the configuration if it is not that of the fork, then, when this child
    /// replaces one that died, the last known state.
    Start {
        /// Of the configuration.
        generation: Generation,
        /// A configuration comes along.
        moved_on: bool,
    },
    /// Say what this new configuration would change, and be ready for it. Descriptor: the
    /// configuration.
    Prepare {
        /// Of the new configuration.
        generation: Generation,
    },
    /// Act by what was prepared.
    Commit {
        /// As in `Prepare`.
        generation: Generation,
    },
    /// Forget what was prepared.
    Abort {
        /// As in `Prepare`.
        generation: Generation,
    },
    /// Answer with the same number: a child that does not is hung.
    Ping(u64),
    /// Say what you are now, for the files of this request.
    Report(Report),
    /// All that is watched outside, as it is now: before `Start`, and before a `Commit` that may ask
    /// for more. Descriptor: a list of [`Sighting`].
    Sightings,
    /// Something outside has changed.
    Sighting(Sighting),
    /// Before `Start`: the process that this one replaces was killed on the way from this configuration
    /// to that of `Start`. Descriptor: the configuration and its errors.
    Former,
}

/// Files that an administrator asks for, by signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Report {
    /// Configuration and state: `keepalived.data` and its like.
    Data,
    /// Counters: `keepalived.stats`.
    Statistics,
    /// Counters, which start again then.
    StatisticsCleared,
    /// State and counters for programs: `keepalived.json`.
    Json,
    /// As `Data`, by the configuration that a reload is about to replace (`config_save_dir`).
    BeforeReload,
    /// As `Data`, by the configuration that a reload has brought.
    AfterReload,
}

impl Coalesce for ToChild {
    type Key = Sighted;

    fn coalesce_key(&self) -> Option<Sighted> {
        match self {
            Self::Sighting(sighting) => Some(sighting.of()),
            _ => None,
        }
    }
}

/// From a child to the parent. `S` is what the child reports of one object (an instance, a real
/// server) and what a successor would need to go on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ToParent<S> {
    /// The child runs by the configuration it was started with.
    Ready {
        /// Of that configuration.
        generation: Generation,
    },
    /// An object's state changed.
    State(S),
    /// The new configuration can be acted by.
    Prepared {
        /// As in `Prepare`.
        generation: Generation,
        /// What it would change, a line each.
        plan: Vec<String>,
    },
    /// The new configuration cannot be acted by; the old one stays in force.
    Refused {
        /// As in `Prepare`.
        generation: Generation,
        /// Why, for the log.
        reason: String,
    },
    /// The child runs by the new configuration.
    Reloaded {
        /// As in `Commit`.
        generation: Generation,
    },
    /// The answer to `Ping`.
    Pong(u64),
    /// The answer to `Report`, or unasked, when the child got the signal itself. Descriptor: what
    /// the child is now.
    Report(Report),
    /// Everything that takes time is done: the child waits for `Start` only.
    Warm,
}

impl<S: Coalesce> Coalesce for ToParent<S> {
    type Key = S::Key;

    fn coalesce_key(&self) -> Option<S::Key> {
        match self {
            Self::State(state) => state.coalesce_key(),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An object's state as a test has it.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub(crate) struct Record {
        pub(crate) name: String,
        pub(crate) value: u32,
    }

    impl Coalesce for Record {
        type Key = String;

        fn coalesce_key(&self) -> Option<String> {
            Some(self.name.clone())
        }
    }

    #[test]
    fn only_states_and_sightings_replace_each_other() {
        let state = ToParent::State(Record { name: "VI_1".to_owned(), value: 1 });
        assert_eq!(state.coalesce_key(), Some("VI_1".to_owned()));
        assert_eq!(ToParent::<Record>::Pong(1).coalesce_key(), None);
        assert_eq!(ToChild::Ping(1).coalesce_key(), None);
        let file = Sighting::File { name: "f".to_owned(), value: 1 };
        assert_eq!(ToChild::Sighting(file).coalesce_key(), Some(Sighted::File("f".to_owned())));
    }
}
