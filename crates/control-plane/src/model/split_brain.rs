//! What keeps two nodes from holding one address. keepalived has none of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use base::{Duration, Weight};
use serde::{Deserialize, Serialize};

use super::Command;
use super::vrrp::Instance;

/// What one instance does against split brain; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SplitBrain {
    /// `vip_lease`.
    pub lease: Option<Lease>,
    /// `heartbeat`: more paths for adverts.
    pub heartbeats: Vec<Heartbeat>,
    /// `conflict_detection`.
    pub conflict: Option<ConflictAction>,
    /// `notify_split_brain`.
    pub notify: Option<Command>,
    /// `arbiter`.
    pub arbiter: Option<UsedArbiter>,
    /// `track_probe`.
    pub track_probes: Vec<TrackProbe>,
}

/// `vip_lease`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Lease {
    /// From the advert interval.
    Auto,
    /// So many seconds.
    Seconds(u32),
}

/// A path by which adverts leave and are heard, beside the interface of the instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Heartbeat {
    /// `interface IF`: multicast on another interface.
    Interface(String),
    /// `unicast SRC DST [dev IF]`.
    Unicast {
        /// An address of this node.
        source: IpAddr,
        /// The other node's.
        destination: IpAddr,
        /// The interface; `None` is the one whose first address is the source.
        interface: Option<String>,
    },
}

/// What to do about another node that holds an address of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ConflictAction {
    /// Say so.
    Report,
    /// Say so, and give up the addresses to a node that nobody hears.
    Yield,
    /// Say so, and announce the addresses again, a bounded number of times.
    Insist,
}

/// Counts in [`Vrrp::arbiters`](super::Vrrp::arbiters).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ArbiterId(pub usize);

/// `arbiter NAME [yield|keep]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UsedArbiter {
    /// Which.
    pub arbiter: ArbiterId,
    /// What a master does that hears nobody and loses the witnesses: keep the addresses, or give
    /// them up.
    pub keeps: bool,
}

/// An entry of `track_probe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TrackProbe {
    /// Which witnesses.
    pub arbiter: ArbiterId,
    /// Points; 0 is FAULT while they cannot be reached.
    pub weight: Weight,
    /// `reverse`: reachable counts as bad.
    pub reverse: bool,
}

/// `vrrp_arbiter NAME { ... }`: witnesses that tell a node whether it is the one that is cut off.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Arbiter {
    /// Its name.
    pub name: String,
    /// The witnesses.
    pub witnesses: Vec<Witness>,
    /// From one round of probes to the next.
    pub interval: Duration,
    /// How long an answer may take; at most the interval.
    pub timeout: Duration,
    /// Good rounds until a witness counts as reachable.
    pub rise: u32,
    /// Bad rounds until it counts as lost.
    pub fall: u32,
    /// So many witnesses have to be reachable.
    pub quorum: u32,
}

/// Somebody whose answer shows that this node is not cut off.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Witness {
    /// `ping ADDR`.
    Ping(IpAddr),
    /// `arp ADDR dev IF`.
    Arp(Ipv4Addr, String),
    /// `tcp ADDR PORT`.
    Tcp(SocketAddr),
    /// `http ADDR PORT [PATH]`.
    Http(SocketAddr, String),
}

impl std::fmt::Display for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ping(address) => write!(f, "ping {address}"),
            Self::Arp(address, interface) => write!(f, "arp {address} dev {interface}"),
            Self::Tcp(address) => write!(f, "tcp {address}"),
            Self::Http(address, path) => write!(f, "http {address} {path}"),
        }
    }
}

impl Instance {
    /// How long the kernel keeps its addresses after its last advert, in whole seconds. `auto` is
    /// the part of Active_Down_Interval that no skew adds (RFC 9568 section 6.1), which a backup of
    /// any priority waits at least, and never less than a second.
    pub fn lease_seconds(&self) -> Option<u32> {
        let adverts = u64::from(self.down_timer_adverts);
        let silence = self.advert_interval.saturating_mul(adverts).as_secs();
        Some(match self.split_brain.lease? {
            Lease::Auto => u32::try_from(silence.max(1)).unwrap_or(u32::MAX),
            Lease::Seconds(seconds) => seconds,
        })
    }
}
