//! One virtual router: RFC 9568 section 6.4 (RFC 3768 section 6.4 for version 2).
//!
//! - this file: what it is made of, and what it can be asked
//! - [`arbitration`]: the witnesses that it asks
//! - [`configured`]: its share of the configuration
//! - [`conflict`]: others who hold its addresses
//! - [`election`]: what an advert means in each state
//! - [`transitions`]: from one state to another
//! - [`reception`]: which packets are adverts for it
//! - [`sending`]: its own adverts and announcements
//! - [`home`]: its interface, and the VMAC or ipvlan that its adverts leave by
//! - [`paths`]: its interface and its heartbeats
//! - [`leasing`]: addresses that last while adverts leave
//! - [`trailer`]: the trailer of `auth_hmac`
//! - [`tracking`]: what it lacks, and its effective priority

mod arbitration;
mod configured;
mod conflict;
mod election;
mod home;
mod leasing;
pub(crate) mod paths;
mod reception;
mod sending;
mod tracking;
mod trailer;
mod transitions;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use base::{Duration, Instant, Priority};
use control_plane::model::global::MulticastGroups;
use control_plane::model::{self, ScriptId, VirtualAddress};
use wire::{Family, Version};

use crate::announce::AnnounceQueue;
use crate::arbiter::Arbiters;
use crate::complaint::ComplaintKind;
use crate::event::{Event, Saying};
use crate::lease::Lease;
use crate::links::Links;
use crate::notification::{Notification, NotifyState};
use crate::observed::Observed;
use crate::output::{Output, Outputs};
use crate::script::ScriptTracker;
use crate::snapshot::{Identity, InstanceSnapshot};
use crate::state::{AnnounceAgain, State};
use crate::statistics::Statistics;
use crate::timing;
use crate::view::{InstanceView, SplitBrainView};
use crate::wall::WallClock;

pub(crate) use configured::Configured;
use conflict::Conflicts;
use paths::Paths;
pub(crate) use sending::SMALLEST_MTU;
use tracking::Causes;
pub use tracking::Fault;
use trailer::Sequences;

/// What a router works with while it handles one input.
pub(crate) struct Turn<'a> {
    /// The time of the input.
    pub(crate) now: Instant,
    /// The wall clock.
    pub(crate) clock: WallClock,
    /// The interfaces.
    pub(crate) links: &'a Links,
    /// The scripts that somebody tracks.
    pub(crate) scripts: &'a BTreeMap<ScriptId, ScriptTracker>,
    /// The files and processes that can be tracked.
    pub(crate) observed: &'a Observed,
    /// Where announcements wait.
    pub(crate) announcements: &'a mut AnnounceQueue,
    /// Witnesses.
    pub(crate) arbiters: &'a Arbiters,
    /// Grows when what the kernel should have may have changed.
    pub(crate) generation: &'a mut u64,
    /// What is to be done.
    pub(crate) out: &'a mut Outputs,
}

/// A virtual router and its state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VirtualRouter {
    config: Configured,
    family: Family,
    /// VRRP's multicast group of the family.
    group: IpAddr,
    state: State,
    /// It belongs to a sync group, and does not take over alone.
    grouped: bool,
    /// Everything that keeps it in FAULT.
    faults: BTreeSet<Fault>,
    /// The same as they were said: after a reload their numbers mean something else.
    causes: Causes,
    /// Effective priority: the configured one and what is tracked.
    priority: Priority,
    /// Primary address: the source of its adverts. The last known one is kept, to say goodbye with.
    source: Option<IpAddr>,
    /// IPv4 identification of the next advert; never 0, which the kernel would replace.
    identification: u16,
    /// Sequence number of the next advert inside an authentication header.
    sequence: u32,
    sequences: Sequences,
    last_advert_at: Option<Instant>,
    last_transition: Option<Instant>,
    statistics: Statistics,
    /// Kinds of complaints that were made since the last change of state.
    complained: BTreeSet<ComplaintKind>,
    /// The master that was named last, while this router was none itself.
    heard: Option<IpAddr>,
    /// Something changed that a successor needs.
    dirty: bool,
    /// When counters and sequence numbers were told last.
    told_at: Instant,
    /// As an owner it has yielded to another one: 254 from then on.
    demoted: bool,
    /// When a backup that owns the addresses heard another owner last.
    other_owner_at: Option<Instant>,
    /// A unicast peer makes checksums of version 3 as old keepalived does.
    old_checksum_heard: bool,
    /// How long its addresses last.
    lease: Lease,
    /// By which paths adverts come.
    paths: Paths,
    /// Its time has come, but its witnesses cannot be reached.
    held: bool,
    /// Others who hold its addresses.
    conflicts: Conflicts,
    /// A lower master was heard, and the sync group was not told yet.
    lower_heard: bool,
}

impl VirtualRouter {
    /// A router in Initialize.
    pub(crate) fn new(config: Configured, groups: MulticastGroups) -> Self {
        let family = Identity::of(&config).family;
        let priority = config.priority;
        Self {
            group: group(&config, family, groups),
            config,
            family,
            state: State::Init,
            grouped: false,
            faults: BTreeSet::new(),
            causes: Causes::new(),
            priority,
            source: None,
            identification: 1,
            sequence: 1,
            sequences: Sequences::default(),
            last_advert_at: None,
            last_transition: None,
            statistics: Statistics::default(),
            complained: BTreeSet::new(),
            heard: None,
            dirty: true,
            told_at: Instant::default(),
            demoted: false,
            other_owner_at: None,
            old_checksum_heard: false,
            lease: Lease::default(),
            paths: Paths::default(),
            held: false,
            conflicts: Conflicts::default(),
            lower_heard: false,
        }
    }

    /// Goes on from what a predecessor knew. A master stays master and speaks at once; a backup
    /// waits its full time again, for it may have missed adverts in between.
    pub(crate) fn resume(&mut self, now: Instant, known: &InstanceSnapshot) {
        self.statistics = known.statistics.clone();
        self.identification = known.identification.max(1);
        self.sequence = self.sequence_after(now, known);
        self.resume_sealing(now, known);
        self.last_advert_at = known.last_advert_at;
        self.last_transition = known.last_transition;
        self.priority = Priority::new(known.priority).unwrap_or(self.priority);
        // An owner has another priority than 255 for one reason only.
        self.demoted = self.config.priority.is_owner() && !self.priority.is_owner();
        self.state = match known.state {
            State::Master(mut master) => {
                master.advert_at = now;
                // Nobody knows for how long nothing was said. A backup that has taken over meanwhile
                // goes with the first advert, unheard; the neighbours would go on sending to it.
                let once = AnnounceAgain { at: now, repeat: 1 };
                master.announce_again = master.announce_again.or(Some(once));
                State::Master(master)
            }
            State::Backup(mut backup) => {
                self.heard = backup.active.map(|active| active.address);
                backup.down_at = now + self.active_down_interval(backup.interval);
                backup.active_until = timing::overdue(now, backup.interval);
                backup.expired = false;
                State::Backup(backup)
            }
            State::Fault { told } => State::Fault { told },
            State::Init | State::Stopped => State::Init,
        };
        self.lease = Lease::inherited(now, false);
        self.paths.begin(now, self.path_count());
        self.begin_conflicts(now);
    }

    /// A sequence number beyond any that a predecessor can have used: it was told with a change of
    /// state only, so what it has sent since is counted by the time.
    fn sequence_after(&self, now: Instant, known: &InstanceSnapshot) -> u32 {
        const RESERVE: u64 = 1_000;
        let silent = now.saturating_since(known.last_advert_at.unwrap_or(now)).as_micros();
        let interval = self.config.advert_interval.as_micros();
        let sent = silent.checked_div(interval).unwrap_or(0).saturating_add(RESERVE);
        known.sequence.wrapping_add(u32::try_from(sent).unwrap_or(u32::MAX))
    }

    /// What a successor needs.
    pub fn snapshot(&self) -> InstanceSnapshot {
        InstanceSnapshot {
            identity: Identity::of(&self.config),
            state: self.state,
            priority: self.priority.get(),
            last_transition: self.last_transition,
            last_advert_at: self.last_advert_at,
            identification: self.identification,
            sequence: self.sequence,
            sealed: self.last_sealed(),
            statistics: self.statistics.clone(),
        }
    }

    /// What it shows.
    pub(crate) fn view(&self) -> InstanceView {
        let awaited = self.faults.iter().filter(|fault| fault.is_pending()).count();
        let config_faults = self.faults.iter().filter(|fault| fault.is_of_configuration()).count();
        let of_interface = self.faults.iter().filter_map(|fault| fault.of_interface());
        let interface_faults: Vec<String> = of_interface.map(str::to_owned).collect();
        InstanceView {
            known: self.snapshot(),
            source: self.source,
            faults: self.faults.len() - awaited - config_faults - interface_faults.len(),
            config_faults,
            interface_faults,
            awaited,
            down_interval: self.active_down_interval(match self.state {
                State::Backup(backup) => backup.interval,
                _ => self.config.advert_interval,
            }),
            next_timeout: self.next_timeout(),
            split_brain: SplitBrainView {
                lease_ended: self.state.is_master() && !self.holds_addresses(),
                lost_paths: self.lost_paths(),
                held: self.is_held(),
                doubles: self.doubles_seen(),
            },
        }
    }

    /// Its counters start again, for a successor too.
    pub(crate) fn clear_statistics(&mut self) {
        self.statistics = Statistics::default();
        self.dirty = true;
    }

    /// Its configuration.
    pub fn config(&self) -> &model::Instance {
        &self.config
    }

    /// Its state.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Its address family.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Its addresses: announced in adverts, then excluded from them.
    pub fn vips(&self) -> impl Iterator<Item = &VirtualAddress> {
        self.config.virtual_addresses.iter().chain(&self.config.excluded_addresses)
    }

    /// Its effective priority.
    pub const fn priority(&self) -> Priority {
        self.priority
    }

    /// Everything that keeps it in FAULT.
    pub const fn faults(&self) -> &BTreeSet<Fault> {
        &self.faults
    }

    /// When it came into its state.
    pub const fn since(&self) -> Option<Instant> {
        self.last_transition
    }

    /// Its counters.
    pub const fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// When it has something to do by itself.
    pub fn next_timeout(&self) -> Option<Instant> {
        let state = self.state.next_timeout().filter(|_| !self.is_held());
        let others = self.lease_ends_at().into_iter().chain(self.conflict_timeout());
        state.into_iter().chain(others).min()
    }

    /// Whether packets to its addresses have to be dropped: RFC 9568 section 6.1, Accept_Mode. The
    /// address owner accepts always.
    pub fn drops_packets(&self) -> bool {
        self.state.is_master() && !self.config.accept && !self.config.priority.is_owner()
    }

    pub(crate) const fn is_grouped(&self) -> bool {
        self.grouped
    }

    pub(crate) const fn set_grouped(&mut self, grouped: bool) {
        self.grouped = grouped;
    }

    /// Counters and sequence numbers change with every advert, and are told along now and then.
    fn tell_sometimes(&mut self, now: Instant) {
        const PAUSE: Duration = Duration::from_secs(10);
        if now.saturating_since(self.told_at) >= PAUSE {
            self.told_at = now;
            self.dirty = true;
        }
    }

    /// Whether a successor has to be told something new; asked once, it is told.
    pub(crate) fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    /// Protocol version.
    pub(crate) fn version(&self) -> Version {
        match self.config.version {
            model::Version::V2 => Version::V2,
            model::Version::V3 => Version::V3,
        }
    }

    fn active_down_interval(&self, interval: Duration) -> Duration {
        let adverts = self.config.down_timer_adverts;
        timing::active_down_interval(self.version(), self.priority, interval, adverts)
    }

    fn skew_time(&self, interval: Duration) -> Duration {
        timing::skew_time(self.version(), self.priority, interval)
    }

    pub(crate) fn say(&self, turn: &mut Turn<'_>, says: Saying) {
        turn.out.push(Output::Log(Event::Instance { name: self.config.name.clone(), says }));
    }

    fn notify(&self, turn: &mut Turn<'_>, state: NotifyState) {
        let notification = Notification::of_instance(&self.config, state, self.priority);
        turn.out.push(Output::Notify(notification));
    }
}

/// `mcast_dst_ip`, else `vrrp_mcast_group4` or `vrrp_mcast_group6`.
pub(super) fn group(config: &model::Instance, family: Family, groups: MulticastGroups) -> IpAddr {
    match (config.destination, family) {
        (Some(own), _) => own,
        (None, Family::Ipv4) => groups.v4.into(),
        (None, Family::Ipv6) => groups.v6.into(),
    }
}
