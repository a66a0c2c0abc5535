//! A child that the parent's former binary has left, while its successor comes.
//!
//! ```text
//!            successor is warm          1 s           last words          exit
//!  Working ---------------------> Proving --> Retiring -------------> Lingering -----> (gone)
//!     |                              |            |                        ^
//!     +-- exit: the successor begins +------------+-- exit, deadline: the successor begins
//! ```

use base::{Duration, Instant};

/// What a child may take from the word to retire to its last words: it has a snapshot to write.
pub const RETIRE_LIMIT: Duration = Duration::from_secs(2);

/// How long a child that has handed over may wait for the scripts that it has started.
pub const LINGER_LIMIT: Duration = Duration::from_secs(60);

/// How long the new binary lives beside the children of the former one before it relies on its own:
/// until then there is a way back.
pub const PROOF: Duration = Duration::from_secs(1);

/// What a successor may take to get ready beside the child that works.
pub const WARM_LIMIT: Duration = Duration::from_secs(20);

/// Where a predecessor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Predecessor {
    /// It does its work; its successor gets ready.
    Working {
        /// The successor has to be ready by then; `None` while there is no successor.
        deadline: Option<Instant>,
    },
    /// Its successor stands ready, and the new binary has to show for a moment that it lives.
    Proving {
        /// Then it has shown it.
        deadline: Instant,
    },
    /// It was told to hand over.
    Retiring {
        /// It has to have done so.
        deadline: Instant,
    },
    /// Its successor works; it waits for its scripts.
    Lingering {
        /// It has to be gone.
        deadline: Instant,
    },
}

impl Predecessor {
    /// When patience ends, if it does.
    pub const fn deadline(self) -> Option<Instant> {
        match self {
            Self::Working { deadline } => deadline,
            Self::Proving { deadline }
            | Self::Retiring { deadline }
            | Self::Lingering { deadline } => Some(deadline),
        }
    }

    /// Whether it was not told anything yet: the former binary could go on with it.
    pub const fn is_untouched(self) -> bool {
        matches!(self, Self::Working { .. } | Self::Proving { .. })
    }

    /// Whether its successor has not begun.
    pub const fn is_in_charge(self) -> bool {
        !matches!(self, Self::Lingering { .. })
    }
}
