//! What is counted, per instance.

use serde::{Deserialize, Serialize};

use crate::complaint::TrailerFault;

/// Counters of one instance, by the names of keepalived's statistics file (`SIGUSR2`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Statistics {
    /// Adverts that were received and used.
    pub advert_received: u64,
    /// Adverts that were sent.
    pub advert_sent: u64,
    /// How often it became MASTER.
    pub become_master: u64,
    /// How often it was MASTER no longer.
    pub release_master: u64,
    /// Packets of a wrong length.
    pub packet_length_errors: u64,
    /// Version 2: packets of another advertisement interval.
    pub advert_interval_errors: u64,
    /// Packets that may have come over a router.
    pub ttl_errors: u64,
    /// Packets that were no adverts.
    pub invalid_type: u64,
    /// Adverts with other addresses.
    pub address_list_errors: u64,
    /// Adverts with an unknown type of authentication.
    pub invalid_auth_type: u64,
    /// Adverts with another type of authentication than ours.
    pub auth_type_mismatch: u64,
    /// Adverts with another password.
    pub auth_failure: u64,
    /// Adverts with priority 0 that were received.
    pub priority_zero_received: u64,
    /// Adverts with priority 0 that were sent.
    pub priority_zero_sent: u64,
    /// Packets of another version (RFC 9568 section 7.1; not in keepalived's file).
    pub version_errors: u64,
    /// Packets with a wrong checksum (RFC 9568 section 7.1; not in keepalived's file).
    pub checksum_errors: u64,
    /// `auth_hmac`: adverts that were refused or, without a trailer, let pass for it.
    #[serde(default)] // what an older version hands over lacks it
    pub trailers: TrailerStatistics,
    /// What happened against split brain (not in keepalived's file).
    #[serde(default)] // what an older version hands over lacks it
    pub split_brain: SplitBrainStatistics,
}

/// Counters of `vip_lease`, `heartbeat`, `arbiter` and `conflict_detection`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SplitBrainStatistics {
    /// How many times another node was seen to hold the addresses.
    pub doubles: u64,
    /// Leases that ended because no advert left.
    pub leases_ended: u64,
    /// Paths that fell silent while another one was not.
    pub paths_lost: u64,
    /// Takeovers that had to wait for the witnesses.
    pub held: u64,
    /// Times that a master lost its witnesses.
    pub witnesses_lost: u64,
}

/// Counters of `auth_hmac`, by the names of keepalived's statistics file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TrailerStatistics {
    /// Adverts without a trailer.
    pub missing: u64,
    /// Trailers that are none.
    pub malformed: u64,
    /// Trailers with a key that is not configured.
    pub unknown_key: u64,
    /// Trailers with a wrong sum.
    pub invalid_hmac: u64,
    /// Trailers from outside the time window.
    pub stale: u64,
    /// Trailers that were heard before.
    pub replay: u64,
}

impl Statistics {
    /// The counter of a fault.
    pub(crate) const fn of_trailer(&mut self, fault: TrailerFault) -> &mut u64 {
        let counters = &mut self.trailers;
        match fault {
            TrailerFault::Missing => &mut counters.missing,
            TrailerFault::Malformed => &mut counters.malformed,
            TrailerFault::UnknownKey(_) => &mut counters.unknown_key,
            TrailerFault::WrongSum => &mut counters.invalid_hmac,
            TrailerFault::Stale { .. } => &mut counters.stale,
            TrailerFault::Replayed => &mut counters.replay,
        }
    }
}

/// Packets that could not be given to any instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StrayStatistics {
    /// Cut off before the virtual router id, or no VRRP at all.
    pub unreadable: u64,
    /// Of a virtual router here, but not sent to the address that it listens to.
    pub misdirected: u64,
    /// Of a virtual router that is not configured on that interface.
    pub unknown_vrid: u64,
}
