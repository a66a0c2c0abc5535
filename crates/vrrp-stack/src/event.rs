//! Everything that the stack has to say in the log, in keepalived's words.

use std::fmt;
use std::net::IpAddr;

use base::Duration;
use wire::MacAddress;

use crate::arbiter::ArbiterSaying;
use crate::complaint::Complaint;
use crate::notification::NotifyState;

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Somebody has to act.
    Error,
    /// Something is odd.
    Warning,
    /// What happens in the normal course.
    Info,
}

/// A line for the log. `Display` is the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A `vrrp_instance` says something.
    Instance {
        /// Its name.
        name: String,
        /// What.
        says: Saying,
    },
    /// A `vrrp_script` says something.
    Script {
        /// Its name.
        name: String,
        /// What.
        says: ScriptSaying,
    },
    /// A `vrrp_arbiter` says something.
    Arbiter {
        /// Its name.
        name: String,
        /// What.
        says: ArbiterSaying,
    },
    /// The members of a `vrrp_sync_group` follow one of them.
    Syncing {
        /// Name of the group.
        name: String,
        /// Where to.
        to: NotifyState,
    },
    /// `vrrp_startup_delay` is over.
    DelayedStart,
    /// `timer_expired_backup`: a master was served so much too late.
    TimerExpired(Duration),
    /// `log_unknown_vrids`: an advert of a router that is not configured here.
    UnknownVrid {
        /// Its id.
        vrid: u8,
        /// Name of the interface.
        interface: String,
        /// The sender.
        from: IpAddr,
    },
    /// Packets can leave and arrive again.
    LinkUp(String),
    /// Packets can neither leave nor arrive.
    LinkDown(String),
    /// An interface that the configuration names is there.
    LinkAdded(String),
    /// An interface that the configuration names is not there any longer.
    LinkDeleted(String),
    /// An interface that the configuration names has, or had, another name.
    LinkRenamed {
        /// The name that it had.
        from: String,
        /// The name that it has.
        to: String,
    },
    /// The driver of an interface that is polled says that it has a link.
    LinkbeatUp(String),
    /// The driver of an interface that is polled says that it has none.
    LinkbeatDown(String),
    /// One gratuitous ARP or neighbour advertisement leaves.
    Announcing {
        /// Name of the interface.
        interface: String,
        /// The address that is announced.
        address: IpAddr,
    },
}

/// What an instance has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saying {
    /// It starts, and is BACKUP.
    EnteringBackupAtStart,
    /// It is BACKUP now.
    EnteringBackup,
    /// It is MASTER now.
    EnteringMaster,
    /// It is in FAULT now.
    EnteringFault,
    /// No master was heard in time.
    AdvertTimeout,
    /// Priority 0 was sent.
    SentPriorityZero,
    /// Something is to be installed.
    Setting(Thing),
    /// Something is to be removed.
    Removing(Thing),
    /// Another router turned out to be the master.
    MasterIs(IpAddr),
    /// A backup heard the master leave.
    MasterLeft,
    /// A backup heard a lower priority and lets its own timer run out.
    LowerDiscarded {
        /// The sender's priority.
        priority: u8,
        /// The sender.
        from: IpAddr,
    },
    /// A backup waits before it takes over from a lower priority.
    PreemptDelayStarted(Duration),
    /// A master heard a higher priority.
    HigherHeard {
        /// The sender.
        from: IpAddr,
        /// The sender's priority.
        theirs: u8,
        /// The effective priority here.
        ours: u8,
    },
    /// A master heard its own priority from a higher address.
    SameFromHigherAddress {
        /// The sender.
        from: IpAddr,
        /// The priority of both.
        priority: u8,
    },
    /// A master heard a lower priority.
    LowerHeard {
        /// The sender.
        from: IpAddr,
        /// The sender's priority.
        theirs: u8,
        /// The effective priority here.
        ours: u8,
        /// Whether an advert answers it.
        answered: bool,
    },
    /// Tracked objects changed the priority.
    PriorityChanged {
        /// The effective priority until now.
        from: u8,
        /// The effective priority from now on.
        to: u8,
    },
    /// Two routers say that they own the addresses.
    TwoOwners(IpAddr),
    /// A unicast peer makes checksums over the group's address, as old keepalived does.
    OldChecksum,
    /// The other owner has been silent for some time.
    OtherOwnerSilent,
    /// Version 3: a backup goes by the master's interval.
    IntervalAdopted {
        /// Until now.
        from: Duration,
        /// The master's.
        to: Duration,
    },
    /// Version 3: a new master goes back to the configured interval.
    IntervalRestored {
        /// The former master's.
        from: Duration,
        /// The configured one.
        to: Duration,
    },
    /// Announcements of an address begin.
    Announcing {
        /// Name of the interface.
        interface: String,
        /// The address.
        address: IpAddr,
    },
    /// A master that should yield to this one is heard: both hold the addresses.
    OtherMaster(IpAddr),
    /// It goes on although adverts leave here.
    PeerIsDeaf {
        /// The other master.
        from: IpAddr,
        /// For so long.
        since: Duration,
    },
    /// The other master is silent again.
    Healed(IpAddr),
    /// Somebody answers for an address of ours.
    AddressClaimed {
        /// The address.
        address: IpAddr,
        /// Who.
        mac: MacAddress,
        /// Where.
        interface: String,
        /// No advert of his is heard for so long.
        silence: Option<Duration>,
    },
    /// It would take over, but the witnesses of that arbiter cannot be reached.
    HeldByArbiter(String),
    /// It is master, and the witnesses of an arbiter cannot be reached any longer.
    WitnessesLost {
        /// The arbiter.
        arbiter: String,
        /// It goes on all the same.
        keeps: bool,
    },
    /// Adverts come by one path, and not by another one.
    PathLost {
        /// The silent one.
        lost: String,
        /// The other one.
        heard: String,
        /// How long it has been silent at least.
        silence: Duration,
    },
    /// Adverts come by that path again.
    PathFound(String),
    /// No advert has left for so long: the addresses are gone.
    LeaseEnded(Duration),
    /// An advert has left again: the addresses come back.
    LeaseRevived,
    /// `auth_hmac`: the clock of a sender is on its way out of the window.
    ClockSkew {
        /// The sender.
        from: IpAddr,
        /// By how much its clock differs.
        skew: Duration,
        /// `time_window`.
        window: Duration,
    },
    /// Something keeps it in FAULT from now on.
    CauseCome(String),
    /// That no longer keeps it in FAULT.
    CauseGone(String),
    /// A tracked file makes a fault, or no longer.
    TrackedFile {
        /// Name of the `track_file`.
        name: String,
        /// Whether it does.
        fault_state: bool,
    },
    /// Another router sent what it should not.
    Complaint(Complaint),
}

/// What a master has and others have not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// `virtual_ipaddress`.
    Vips,
    /// `virtual_ipaddress_excluded`.
    ExcludedVips,
    /// `virtual_routes`.
    Routes,
    /// `virtual_rules`.
    Rules,
}

/// keepalived's words, with a full stop where it has one.
impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vips => "VIPs.",
            Self::ExcludedVips => "E-VIPs.",
            Self::Routes => "Virtual Routes",
            Self::Rules => "Virtual Rules",
        })
    }
}

/// What a script has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptSaying {
    /// It counts as up.
    Succeeded,
    /// It counts as down; the exit status.
    FailedWithStatus(i32),
    /// It counts as down; the signal that ended it.
    FailedBySignal(i32),
    /// It counts as down; it could not be started.
    NotStarted,
    /// It did not end in time.
    TimedOut,
    /// Its exit status is another than last time.
    NowReturning(i32),
    /// Its state was carried over a reload.
    KeptOnReload {
        /// Whether it counts as up.
        up: bool,
    },
}

impl Event {
    /// How loud the line is.
    pub const fn level(&self) -> Level {
        match self {
            Self::Instance { says: Saying::TwoOwners(_), .. } => Level::Error,
            Self::Instance {
                says:
                    Saying::Complaint(_)
                    | Saying::LeaseEnded(_)
                    | Saying::ClockSkew { .. }
                    | Saying::PathLost { .. }
                    | Saying::HeldByArbiter(_)
                    | Saying::OtherMaster(_)
                    | Saying::PeerIsDeaf { .. }
                    | Saying::AddressClaimed { .. }
                    | Saying::WitnessesLost { .. },
                ..
            } => Level::Warning,
            _ => Level::Info,
        }
    }

    /// Whether the line is wanted with `-D` (`--log-detail`) only.
    pub const fn detail(&self) -> bool {
        match self {
            Self::Instance { says, .. } => says.detail(),
            Self::Script { .. }
            | Self::Arbiter { .. }
            | Self::Syncing { .. }
            | Self::DelayedStart => false,
            Self::TimerExpired(_) | Self::UnknownVrid { .. } => false,
            Self::LinkUp(_) | Self::LinkDown(_) => false,
            Self::LinkAdded(_) | Self::LinkDeleted(_) | Self::LinkRenamed { .. } => false,
            Self::LinkbeatUp(_) | Self::LinkbeatDown(_) => false,
            Self::Announcing { .. } => true,
        }
    }

    /// Whether somebody on the network can make the line appear as often as he likes.
    pub const fn is_peer_triggered(&self) -> bool {
        match self {
            Self::Instance { says, .. } => {
                matches!(
                    says,
                    Saying::Complaint(_)
                        | Saying::ClockSkew { .. }
                        | Saying::MasterIs(_)
                        | Saying::MasterLeft
                        | Saying::LowerDiscarded { .. }
                        | Saying::HigherHeard { .. }
                        | Saying::SameFromHigherAddress { .. }
                        | Saying::LowerHeard { .. }
                        | Saying::TwoOwners(_)
                        | Saying::OtherMaster(_)
                        | Saying::PeerIsDeaf { .. }
                        | Saying::Healed(_)
                        | Saying::AddressClaimed { .. }
                        | Saying::IntervalAdopted { .. }
                        | Saying::Announcing { .. }
                )
            }
            Self::Announcing { .. } => true,
            Self::UnknownVrid { .. } => true,
            Self::Script { .. }
            | Self::Arbiter { .. }
            | Self::Syncing { .. }
            | Self::DelayedStart => false,
            Self::TimerExpired(_) => false,
            Self::LinkUp(_) | Self::LinkDown(_) => false,
            Self::LinkAdded(_) | Self::LinkDeleted(_) | Self::LinkRenamed { .. } => false,
            Self::LinkbeatUp(_) | Self::LinkbeatDown(_) => false,
        }
    }
}

impl Saying {
    const fn detail(&self) -> bool {
        matches!(
            self,
            Self::AdvertTimeout
                | Self::SentPriorityZero
                | Self::Setting(_)
                | Self::Removing(_)
                | Self::MasterIs(_)
                | Self::MasterLeft
                | Self::Announcing { .. }
        )
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance {
                name,
                says: says @ (Saying::OtherOwnerSilent | Saying::TrackedFile { .. }),
            } => write!(f, "({name}): {says}"),
            Self::Instance { name, says } => write!(f, "({name}) {says}"),
            Self::Script { name, says: ScriptSaying::NowReturning(status) } => {
                write!(f, "Script `{name}` now returning {status}")
            }
            Self::Arbiter { name, says } => write!(f, "vrrp_arbiter {name}: {says}"),
            Self::Syncing { name, to } => {
                write!(f, "VRRP_Group({name}) Syncing instances to {to} state")
            }
            Self::DelayedStart => f.write_str("Delayed start completed"),
            Self::TimerExpired(late) => {
                let (secs, micros) = (late.as_secs(), late.subsec_micros());
                write!(f, "A thread timer expired {secs}.{micros:06} seconds ago")
            }
            Self::UnknownVrid { vrid, interface, from } => {
                write!(f, "unknown VRID {vrid} received from {from} on {interface}")
            }
            Self::Script { name, says } => write!(f, "VRRP_Script({name}) {says}"),
            Self::LinkUp(name) => write!(f, "Netlink reports {name} up"),
            Self::LinkDown(name) => write!(f, "Netlink reports {name} down"),
            Self::LinkAdded(name) => write!(f, "Interface {name} added"),
            Self::LinkDeleted(name) => write!(f, "Interface {name} deleted"),
            Self::LinkRenamed { from, to } => {
                write!(f, "Interface name has changed from {from} to {to}")
            }
            Self::LinkbeatUp(name) => write!(f, "Linkbeat reports {name} up"),
            Self::LinkbeatDown(name) => write!(f, "Linkbeat reports {name} down"),
            Self::Announcing { interface, address: address @ IpAddr::V4(_) } => {
                write!(f, "Sending gratuitous ARP on {interface} for {address}")
            }
            Self::Announcing { interface, address } => {
                write!(f, "Sending unsolicited Neighbour Advert on {interface} for {address}")
            }
        }
    }
}

impl fmt::Display for Saying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EnteringBackupAtStart => f.write_str("Entering BACKUP STATE (init)"),
            Self::EnteringBackup => f.write_str("Entering BACKUP STATE"),
            Self::EnteringMaster => f.write_str("Entering MASTER STATE"),
            Self::EnteringFault => f.write_str("Entering FAULT STATE"),
            Self::AdvertTimeout => f.write_str("Receive advertisement timeout"),
            Self::SentPriorityZero => f.write_str("sent 0 priority"),
            Self::Setting(thing) => write!(f, "setting {thing}"),
            Self::Removing(thing) => write!(f, "removing {thing}"),
            Self::MasterIs(address) => write!(f, "master set to {address}"),
            Self::MasterLeft => f.write_str("Backup received priority 0 advertisement"),
            Self::LowerDiscarded { priority, from } => {
                write!(f, "received lower priority ({priority}) advert from {from} - discarding")
            }
            Self::PreemptDelayStarted(delay) => {
                let (secs, micros) = (delay.as_secs(), delay.subsec_micros());
                write!(f, "start preempt delay ({secs}.{micros:06})")
            }
            Self::HigherHeard { from, theirs, ours } => write!(
                f,
                "Master received advert from {from} with higher priority {theirs}, ours {ours}"
            ),
            Self::SameFromHigherAddress { from, priority } => write!(
                f,
                "Master received advert from {from} with same priority {priority} \
                 but higher IP address than ours"
            ),
            Self::LowerHeard { from, theirs, ours, answered } => {
                let end = if *answered { ", forcing new election" } else { "" };
                write!(
                    f,
                    "Received advert from {from} with lower priority {theirs}, ours {ours}{end}"
                )
            }
            Self::PriorityChanged { from, to } => {
                write!(f, "Changing effective priority from {from} to {to}")
            }
            Self::TwoOwners(other) => write!(
                f,
                "CONFIGURATION ERROR: local instance and {other} are both configured as \
                 address owner, please resolve"
            ),
            Self::OldChecksum => f.write_str("Setting unicast VRRPv3 checksum to old version"),
            Self::OtherOwnerSilent => {
                f.write_str("rogue address owner appears to have stopped advertising")
            }
            Self::Announcing { interface, address: address @ IpAddr::V4(_) } => {
                write!(f, "Sending/queueing gratuitous ARPs on {interface} for {address}")
            }
            Self::Announcing { interface, address } => write!(
                f,
                "Sending/queueing Unsolicited Neighbour Adverts on {interface} for {address}"
            ),
            Self::CauseCome(cause) => write!(f, "fault: {cause}"),
            Self::ClockSkew { from, skew, window } => write!(
                f,
                "clock skew of {from} is {} sec, more than half the window of {} sec",
                skew.as_secs(),
                window.as_secs()
            ),
            Self::TrackedFile { name, fault_state: true } => {
                write!(f, "tracked file {name} now FAULT state")
            }
            Self::TrackedFile { name, fault_state: false } => {
                write!(f, "tracked file {name} leaving FAULT state")
            }
            Self::CauseGone(cause) => write!(f, "fault is over: {cause}"),
            Self::OtherMaster(from) => write!(
                f,
                "split brain: {from} is master too, with a lower priority: it has not heard this \
                 node for some time"
            ),
            Self::PeerIsDeaf { from, since } => write!(
                f,
                "split brain: {from} goes on as master although adverts have left here for {}.{} s: \
                 it does not hear this node; is protocol 112 or multicast filtered towards it?",
                since.as_secs(),
                since.subsec_micros() / 100_000
            ),
            Self::Healed(from) => write!(
                f,
                "split brain is over: {from} is silent; the addresses are announced again"
            ),
            Self::AddressClaimed { address, mac: [a, b, c, d, e, g], interface, silence } => {
                write!(
                    f,
                    "another node answers for {address} with \
                     {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}"
                )?;
                match silence {
                    Some(silence) => write!(
                        f,
                        ", yet no advert is heard on {interface} for {}.{} s: is protocol 112 or \
                         multicast filtered?",
                        silence.as_secs(),
                        silence.subsec_micros() / 100_000
                    ),
                    None => write!(f, " on {interface}, and is heard as a master"),
                }
            }
            Self::HeldByArbiter(arbiter) => write!(
                f,
                "nobody is heard, but the witnesses of {arbiter} cannot be reached either: this node \
                 may be the one that is cut off, and stays BACKUP"
            ),
            Self::WitnessesLost { arbiter, keeps } => {
                let end = if *keeps { "keeps" } else { "gives up" };
                write!(
                    f,
                    "the witnesses of {arbiter} cannot be reached: this node may be cut off, and {end} \
                     the addresses"
                )
            }
            Self::PathLost { lost, heard, silence } => write!(
                f,
                "no advert is heard on {lost} for {}.{} s, only on {heard}: is that link cut, is \
                 protocol 112 or multicast filtered?",
                silence.as_secs(),
                silence.subsec_micros() / 100_000
            ),
            Self::PathFound(path) => write!(f, "adverts are heard on {path} again"),
            Self::LeaseEnded(length) => write!(
                f,
                "no advert has left for {} s: the lease of the addresses has ended",
                length.as_secs()
            ),
            Self::LeaseRevived => {
                f.write_str("an advert has left: the addresses have a lease again")
            }
            Self::IntervalAdopted { from, to } => write!(
                f,
                "advertisement interval updated from {}ms to {}ms by master",
                from.as_millis(),
                to.as_millis()
            ),
            Self::IntervalRestored { from, to } => write!(
                f,
                "changing advert interval from {}ms to locally configured {}ms",
                from.as_millis(),
                to.as_millis()
            ),
            Self::Complaint(complaint) => complaint.fmt(f),
        }
    }
}

impl fmt::Display for ScriptSaying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::FailedWithStatus(status) => write!(f, "failed (exited with status {status})"),
            Self::FailedBySignal(signal) => write!(f, "failed (due to signal {signal})"),
            Self::NotStarted => f.write_str("failed (could not be started)"),
            Self::TimedOut => f.write_str("timed_out"),
            Self::NowReturning(status) => write!(f, "now returning {status}"),
            Self::KeptOnReload { up: true } => f.write_str("considered successful on reload"),
            Self::KeptOnReload { up: false } => f.write_str("considered unsuccessful on reload"),
        }
    }
}
