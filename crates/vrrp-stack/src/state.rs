//! The states of a virtual router, each with the timers that can run in it.

use std::net::IpAddr;

use base::{Duration, Instant, Priority};
use serde::{Deserialize, Serialize};

/// RFC 9568 section 6.3, with what keepalived adds.
///
/// ```text
///               startup, nothing missing
///    Init ------------------------------> Backup <-------+
///     |                                   |    ^         | nothing is
///     | something                down_at  |    | higher  | missing
///     | missing                  passed   v    | advert  | any longer
///     +----> Fault <--------------------- Master         |
///             |  ^    something missing (also Backup)     |
///             |  +-----                                  |
///             +------------------------------------------+
///    any ---- stop ----> Stopped
/// ```
///
/// An address owner goes to Master where others go to Backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum State {
    /// Initialize: the interfaces are not known yet.
    Init,
    /// BACKUP: somebody else is master, or nobody yet.
    Backup(Backup),
    /// MASTER (RFC 9568: Active): the addresses are here.
    Master(Master),
    /// FAULT: something is missing.
    Fault {
        /// Whether scripts were told. They are not while nothing but a first script result is awaited.
        told: bool,
    },
    /// It has left for good.
    Stopped,
}

/// What a backup remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Backup {
    /// Active_Down_Timer: then the master counts as gone.
    pub down_at: Instant,
    /// It has run out, and the other members of the sync group are waited for.
    pub expired: bool,
    /// Active_Adver_Interval: how often the master says something.
    pub interval: Duration,
    /// Whose adverts are heard.
    pub active: Option<ActiveRouter>,
    /// By then that one has spoken again, if it is there.
    #[serde(default)] // what an older version hands over lacks it
    pub active_until: Instant,
    /// `preempt_delay`: until then a lower priority is left in peace.
    pub preempt_at: Option<Instant>,
}

impl Backup {
    /// Whether an advert comes from a router that will step back for the active one as soon as it hears that.
    pub(crate) fn is_outranked(
        &self,
        now: Instant,
        from: IpAddr,
        priority: Option<Priority>,
    ) -> bool {
        let (Some(active), Some(priority)) = (self.active, priority) else { return false };
        (priority.get(), from) < (active.priority, active.address)
            && active.address != from
            && now < self.active_until
    }
}

/// The router that a backup hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ActiveRouter {
    /// Its primary address.
    pub address: IpAddr,
    /// Its priority, 0 once it has left.
    pub priority: u8,
}

/// What a master remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Master {
    /// Adver_Timer: the next advert.
    pub advert_at: Instant,
    /// `garp_master_delay`, `garp_lower_prio_delay`: the second burst of announcements.
    pub announce_again: Option<AnnounceAgain>,
    /// `garp_master_refresh`: the next refresh.
    pub refresh_at: Option<Instant>,
    /// `garp_extra_if`: the next announcement on other interfaces than the instance's.
    #[serde(default)] // what an older version hands over lacks it
    pub extra_at: Option<Instant>,
    /// Another owner was heard; after this silence it counts as gone.
    pub other_owner_until: Option<Instant>,
}

/// The second burst of announcements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AnnounceAgain {
    /// When.
    pub at: Instant,
    /// Messages per address.
    pub repeat: u32,
}

impl State {
    /// Whether the addresses belong here.
    pub const fn is_master(&self) -> bool {
        matches!(self, Self::Master(_))
    }

    /// When the state has something to do by itself.
    pub fn next_timeout(&self) -> Option<Instant> {
        match self {
            Self::Init | Self::Fault { .. } | Self::Stopped => None,
            Self::Backup(backup) => (!backup.expired).then_some(backup.down_at),
            Self::Master(master) => [
                Some(master.advert_at),
                master.announce_again.map(|again| again.at),
                master.refresh_at,
                master.extra_at,
                master.other_owner_until,
            ]
            .into_iter()
            .flatten()
            .min(),
        }
    }
}
