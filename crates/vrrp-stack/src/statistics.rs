//! What is counted, per instance.

use serde::{Deserialize, Serialize};

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
