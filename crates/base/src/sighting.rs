//! What the parent process sees outside for its children, which open no file themselves.

use serde::{Deserialize, Serialize};

/// One thing that was looked at, as it is now. Named as in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sighting {
    /// The number in a `track_file`; 0 when there is no file or no number.
    File {
        /// Name of the `track_file`.
        name: String,
        /// The number.
        value: i32,
    },
    /// How many processes of a `vrrp_track_process` there are.
    Processes {
        /// Name of the `vrrp_track_process`.
        name: String,
        /// How many.
        count: u32,
    },
}

/// What a [`Sighting`] is of; a newer one of the same replaces an older.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sighted {
    /// A `track_file`.
    File(String),
    /// A `vrrp_track_process`.
    Processes(String),
}

impl Sighting {
    /// What was looked at.
    pub fn of(&self) -> Sighted {
        match self {
            Self::File { name, .. } => Sighted::File(name.clone()),
            Self::Processes { name, .. } => Sighted::Processes(name.clone()),
        }
    }
}
