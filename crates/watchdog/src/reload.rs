//! A reload as one transaction over all processes.
//!
//! ```text
//!  Reading --loaded--> Preparing --all answered--> Committing --all done--> (over)
//!     |                    |
//!     +---- refused -------+--> abort in all; the running configuration stays
//! ```
//! A child that dies meanwhile is replaced: before the commit its successor is asked again, after
//! it the successor starts with the new configuration and needs no telling. One that does not get up, or
//! waits because it has died again and again, is not waited for, and starts anew at the commit.

use std::collections::BTreeSet;

use base::{Duration, Instant};

use crate::role::Role;

/// How long the children may take to answer what they would change. Comparing 50,000 real servers
/// takes well under a second; one that needs longer than this hangs.
pub const PREPARE_LIMIT: Duration = Duration::from_secs(10);
/// How long a commit may take: who has not said by then that it is done hangs, and is replaced.
pub const COMMIT_LIMIT: Duration = Duration::from_secs(30);

/// Where a reload is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reload {
    /// The process reads the files.
    Reading,
    /// The children work out what they would change.
    Preparing {
        /// Which configuration.
        generation: u64,
        /// Children that have not answered.
        awaiting: BTreeSet<Role>,
        /// Children that were asked; the others are not up yet.
        asked: BTreeSet<Role>,
        /// Children that the new configuration needs.
        wanted: BTreeSet<Role>,
        /// The end of patience.
        deadline: Instant,
    },
    /// The children make the change.
    Committing {
        /// Which configuration.
        generation: u64,
        /// Children that have not said that it is done.
        awaiting: BTreeSet<Role>,
        /// The end of patience.
        deadline: Instant,
    },
}

impl Reload {
    /// When patience ends, if it does.
    pub const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Reading => None,
            Self::Preparing { deadline, .. } | Self::Committing { deadline, .. } => Some(*deadline),
        }
    }
}
