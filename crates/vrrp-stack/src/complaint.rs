//! What another router sent that it should not have sent.

use std::fmt;
use std::net::IpAddr;

use base::Duration;

/// What is wrong with a packet. Each kind is said once, and again after a change of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// A packet of another version.
    WrongVersion {
        /// The sender.
        from: IpAddr,
        /// Its version.
        received: u8,
        /// Ours.
        expected: u8,
    },
    /// A packet that cannot be read.
    Unreadable {
        /// The sender.
        from: IpAddr,
        /// Why.
        why: wire::AdvertError,
    },
    /// `check_unicast_src`: no peer of ours.
    NoPeer(IpAddr),
    /// Another type of authentication.
    WrongAuthType {
        /// The sender.
        from: IpAddr,
        /// Its type.
        received: u8,
        /// Ours.
        expected: u8,
    },
    /// Another password.
    WrongPassword(IpAddr),
    /// `auth_hmac`: no trailer, or one that proves nothing.
    Trailer {
        /// The sender.
        from: IpAddr,
        /// What is wrong.
        fault: TrailerFault,
    },
    /// An authentication header with a wrong sum.
    WrongSeal(IpAddr),
    /// Version 2: another advertisement interval.
    WrongInterval {
        /// The sender.
        from: IpAddr,
        /// Our interval.
        ours: Duration,
        /// Its interval.
        theirs: Duration,
    },
    /// Version 3: another advertisement interval.
    OtherInterval {
        /// Our interval.
        ours: Duration,
        /// Its interval.
        theirs: Duration,
    },
    /// Another number of addresses.
    WrongAddressCount {
        /// How many are configured.
        expected: usize,
        /// How many came.
        received: usize,
    },
    /// As many addresses, but others.
    WrongAddresses {
        /// The sender.
        from: IpAddr,
    },
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongVersion { from, received, expected } => write!(
                f,
                "wrong VRRP version from {from}. Received {received} and expect {expected}"
            ),
            Self::Unreadable { from, why } => write!(f, "invalid advert from {from}: {why}"),
            Self::WrongAuthType { from, received, expected } => {
                write!(f, "received a {received} auth from {from}, expecting {expected}!")
            }
            Self::NoPeer(from) => write!(f, "unicast source address {from} not a unicast peer"),
            Self::WrongPassword(from) => write!(f, "received an invalid passwd from {from}!"),
            Self::Trailer { from, fault } => fault.say(*from, f),
            Self::WrongSeal(from) => write!(f, "invalid authentication header from {from}"),
            Self::WrongInterval { from, ours, theirs } => write!(
                f,
                "advertisement interval mismatch with {from} mine={} sec rcv'd={} sec",
                ours.as_secs(),
                theirs.as_secs()
            ),
            Self::OtherInterval { ours, theirs } => write!(
                f,
                "advertisement interval mismatch ours = {} centi-sec rcv'd={} centi-sec",
                ours.as_centis(),
                theirs.as_centis()
            ),
            Self::WrongAddressCount { expected, received } => {
                write!(f, "expected {expected} VIPs but received {received}")
            }
            Self::WrongAddresses { from } => {
                write!(f, "received VIPs from {from} that are not ours")
            }
        }
    }
}

/// Why the trailer of `auth_hmac` proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrailerFault {
    /// There is none.
    Missing,
    /// It is no trailer.
    Malformed,
    /// It names a key that is not configured.
    UnknownKey(u8),
    /// It was not made with the key that it names, for this advert.
    WrongSum,
    /// `anti_replay time`: it was made long ago, or the clocks differ.
    Stale {
        /// By how much.
        skew: Duration,
        /// `time_window`.
        window: Duration,
    },
    /// That advert, or a later one of the same sender, was heard before.
    Replayed,
}

impl TrailerFault {
    fn say(self, from: IpAddr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(f, "missing authentication trailer from {from}"),
            Self::Malformed => write!(f, "malformed authentication trailer from {from}"),
            Self::UnknownKey(id) => write!(f, "unknown authentication key id {id} from {from}"),
            Self::WrongSum => write!(f, "invalid authentication HMAC from {from}"),
            Self::Stale { skew, window } => write!(
                f,
                "stale authentication trailer from {from}, clock skew {} sec exceeds window {} sec",
                skew.as_secs(),
                window.as_secs()
            ),
            Self::Replayed => write!(f, "replayed authentication trailer from {from}"),
        }
    }
}

/// The kind of a complaint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ComplaintKind {
    /// [`Complaint::WrongVersion`].
    Version,
    /// [`Complaint::Unreadable`].
    Unreadable,
    /// [`Complaint::NoPeer`].
    Source,
    /// [`Complaint::WrongAuthType`].
    AuthType,
    /// [`Complaint::WrongPassword`], [`Complaint::WrongSeal`].
    Password,
    /// [`TrailerFault::Missing`].
    TrailerMissing,
    /// [`TrailerFault::Malformed`].
    TrailerMalformed,
    /// [`TrailerFault::UnknownKey`].
    TrailerKey,
    /// [`TrailerFault::WrongSum`].
    TrailerSum,
    /// [`TrailerFault::Stale`].
    TrailerStale,
    /// [`TrailerFault::Replayed`].
    TrailerReplay,
    /// [`Complaint::WrongInterval`], [`Complaint::OtherInterval`].
    Interval,
    /// [`Complaint::WrongAddressCount`], [`Complaint::WrongAddresses`].
    Addresses,
}

impl Complaint {
    /// Its kind.
    pub const fn kind(&self) -> ComplaintKind {
        match self {
            Self::WrongVersion { .. } => ComplaintKind::Version,
            Self::Unreadable { .. } => ComplaintKind::Unreadable,
            Self::NoPeer(_) => ComplaintKind::Source,
            Self::WrongAuthType { .. } => ComplaintKind::AuthType,
            Self::WrongPassword(_) | Self::WrongSeal(_) => ComplaintKind::Password,
            Self::Trailer { fault, .. } => match fault {
                TrailerFault::Missing => ComplaintKind::TrailerMissing,
                TrailerFault::Malformed => ComplaintKind::TrailerMalformed,
                TrailerFault::UnknownKey(_) => ComplaintKind::TrailerKey,
                TrailerFault::WrongSum => ComplaintKind::TrailerSum,
                TrailerFault::Stale { .. } => ComplaintKind::TrailerStale,
                TrailerFault::Replayed => ComplaintKind::TrailerReplay,
            },
            Self::WrongInterval { .. } | Self::OtherInterval { .. } => ComplaintKind::Interval,
            Self::WrongAddressCount { .. } | Self::WrongAddresses { .. } => {
                ComplaintKind::Addresses
            }
        }
    }
}
