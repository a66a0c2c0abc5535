//! What a router lacks, and what that makes of its priority.

use std::collections::BTreeSet;

use base::{Instant, Priority};
use control_plane::model::global::MulticastGroups;
use control_plane::model::tracking::TrackFileUse;
use control_plane::model::{self, ArbiterId, BfdId, FileId, ProcessId, ScriptId};

use super::{Configured, Turn, VirtualRouter};
use crate::event::Saying;
use crate::notification::NotifyState;
use crate::script::{ScriptTracker, Verdict};
use crate::state::{Backup, State};

/// One thing that keeps a router in FAULT. All of them have to go before it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// There is no such interface.
    InterfaceMissing,
    /// The VMAC or ipvlan that adverts leave by is not there.
    OwnLinkMissing,
    /// The interface cannot send or receive.
    LinkDown,
    /// The interface has no address of the family to send from.
    NoPrimaryAddress,
    /// `track_src_ip`: the source of adverts is not an address of the interface.
    SourceMissing,
    /// `unicast_fault_no_peer`: there is nobody to talk to.
    NoPeer,
    /// Another instance has its virtual router id, on the same interface.
    VridInUse,
    /// A tracked interface with weight 0 is down; its place in `track_interface`.
    TrackedLinkDown(usize),
    /// A script with weight 0 has not ended once.
    ScriptPending(ScriptId),
    /// A script with weight 0 is down.
    ScriptDown(ScriptId),
    /// A static address, route or rule of its `track_group` could not be put in place.
    StaticMissing,
    /// What a tracked file says is a fault.
    FileDown(FileId),
    /// A process with weight 0 has not its quorum.
    ProcessDown(ProcessId),
    /// A BFD session with weight 0 is down.
    BfdDown(BfdId),
    /// The witnesses of `track_probe` with weight 0 have not been asked yet.
    ProbePending(ArbiterId),
    /// The witnesses of `track_probe` with weight 0 cannot be reached.
    ProbeDown(ArbiterId),
    /// Another member of the sync group has not all its first script results.
    GroupPending,
    /// Another member of the sync group is in FAULT.
    GroupDown,
}

/// A fault as it was said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Cause {
    text: String,
    /// The `track_file` that it comes from.
    file: Option<String>,
}

/// Faults as they were said, in the order of the faults.
pub(super) type Causes = Vec<Cause>;

/// Those of the first whose words are not among the second's.
fn without(some: &[Cause], others: &[Cause]) -> Causes {
    let is_there = |one: &&Cause| !others.iter().any(|other| other.text == one.text);
    some.iter().filter(is_there).cloned().collect()
}

impl Fault {
    pub(crate) const fn is_pending(self) -> bool {
        matches!(self, Self::ScriptPending(_) | Self::ProbePending(_) | Self::GroupPending)
    }

    /// Nothing but another configuration helps.
    pub(super) const fn is_of_configuration(self) -> bool {
        matches!(self, Self::NoPeer | Self::VridInUse)
    }

    /// What is wrong with the instance's own interface, for the dumps.
    pub(super) const fn of_interface(self) -> Option<&'static str> {
        match self {
            Self::InterfaceMissing => Some("interface missing"),
            Self::OwnLinkMissing => Some("VMAC missing"),
            Self::LinkDown => Some("down"),
            Self::NoPrimaryAddress => Some("no address"),
            Self::SourceMissing => Some("no source address"),
            _ => None,
        }
    }

    pub(crate) const fn is_of_group(self) -> bool {
        matches!(self, Self::GroupPending | Self::GroupDown)
    }
}

impl VirtualRouter {
    /// Looks at everything that it depends on, as it is now. Faults take effect with
    /// [`Self::follow_faults`], the effective priority at once.
    pub(crate) fn look_around(&mut self, turn: &mut Turn<'_>) {
        let mut faults: BTreeSet<Fault> = self.own_faults(turn.links).into_iter().collect();
        let mut sum = 0_i32;
        let mut take = |effect: Effect| match effect {
            Effect::Fault(fault) => {
                faults.insert(fault);
            }
            Effect::Weight(weight) => sum = sum.saturating_add(weight),
        };
        for tracked in &self.config.track_scripts {
            let tracker = turn.scripts.get(&tracked.script);
            let verdict = tracker.map_or(Verdict::Unknown, ScriptTracker::verdict);
            take(script_effect(tracked, verdict));
        }
        for (at, tracked) in self.config.track_interfaces.iter().enumerate() {
            let up = turn.links.named(&tracked.interface).is_some_and(|link| link.up);
            let weight = tracked.weight.weight.get();
            take(effect(weight, up != tracked.weight.reverse, Fault::TrackedLinkDown(at)));
        }
        if turn.observed.missing_for(&self.config.name) {
            take(Effect::Fault(Fault::StaticMissing));
        }
        for tracked in &self.config.track_files {
            take(file_effect(tracked, turn.observed.value(tracked.file)));
        }
        for tracked in &self.config.track_processes {
            let up = turn.observed.has_quorum(tracked.process) != tracked.reverse;
            take(effect(tracked.weight.into(), up, Fault::ProcessDown(tracked.process)));
        }
        for effect in self.probe_effects(turn) {
            take(effect);
        }
        for tracked in &self.config.track_bfds {
            // There is no BFD process: no session is ever up.
            let weight = tracked.weight.weight.get();
            take(effect(weight, tracked.weight.reverse, Fault::BfdDown(tracked.bfd)));
        }
        faults.extend(self.faults.iter().copied().filter(|fault| fault.is_of_group()));
        self.replace_faults(turn, faults);
        let own = if self.demoted { Priority::MAX_BACKUP } else { self.config.priority };
        self.set_priority(turn, own.adjusted(sum));
    }

    /// Its interface gets another name: it leaves while that still is there.
    pub(crate) fn lose_home(&mut self, turn: &mut Turn<'_>) {
        let faults = self.faults.iter().copied().chain([Fault::InterfaceMissing]).collect();
        self.replace_faults(turn, faults);
        self.follow_faults(turn);
    }

    /// What the rest of its sync group makes impossible; whether that is news. Takes effect with
    /// [`Self::follow_faults`].
    pub(crate) fn set_group_fault(&mut self, turn: &mut Turn<'_>, fault: Option<Fault>) -> bool {
        let own = self.faults.iter().copied().filter(|old| !old.is_of_group());
        self.replace_faults(turn, own.chain(fault).collect())
    }

    /// Every cause is said when it comes and when it goes; whether any did. The same words are the same
    /// cause.
    fn replace_faults(&mut self, turn: &mut Turn<'_>, new: BTreeSet<Fault>) -> bool {
        if new.is_empty() && self.faults.is_empty() {
            return false;
        }
        let causes: Causes = new.iter().map(|fault| self.cause(turn, *fault)).collect();
        self.faults = new;
        let old = std::mem::replace(&mut self.causes, causes);
        let gone: Vec<_> = without(&old, &self.causes);
        let come: Vec<_> = without(&self.causes, &old);
        let is_news = !gone.is_empty() || !come.is_empty();
        for cause in gone.into_iter().filter(|_| self.state != State::Init) {
            self.say_tracked(turn, &cause, false);
            self.say(turn, Saying::CauseGone(cause.text));
        }
        for cause in come {
            self.say_tracked(turn, &cause, true);
            self.say(turn, Saying::CauseCome(cause.text));
        }
        is_news
    }

    fn cause(&self, turn: &Turn<'_>, fault: Fault) -> Cause {
        let file = match fault {
            Fault::FileDown(id) => Some(turn.observed.file_name(id).to_owned()),
            _ => None,
        };
        Cause { text: self.describe(turn, fault), file }
    }

    /// What keepalived says of some causes.
    fn say_tracked(&self, turn: &mut Turn<'_>, cause: &Cause, fault_state: bool) {
        if let Some(name) = cause.file.clone() {
            self.say(turn, Saying::TrackedFile { name, fault_state });
        }
    }

    /// A cause in words.
    fn describe(&self, turn: &Turn<'_>, fault: Fault) -> String {
        let interface = self.home_name();
        let script = |id: ScriptId| {
            turn.scripts.get(&id).map_or("that is unknown", |tracker| &tracker.config().name)
        };
        let arbiter = |id: ArbiterId| {
            turn.arbiters.get(id).map_or("an unknown arbiter", |tracker| &tracker.config().name)
        };
        match fault {
            Fault::NoPeer => "there is no unicast peer".to_owned(),
            Fault::VridInUse => {
                let first = self.config.duplicate_of.as_deref().unwrap_or("another instance");
                format!("{first} uses VRID {} on interface {interface}", self.config.vrid)
            }
            Fault::SourceMissing => {
                let source = self.config.source.map(|source| source.to_string());
                let source = source.as_deref().unwrap_or("to send from");
                format!("interface {interface} has no address {source}")
            }
            Fault::InterfaceMissing => format!("interface {interface} does not exist"),
            Fault::OwnLinkMissing => {
                let name = self.transmitting_link().map_or("of its own", |link| &link.name);
                format!("interface {name} does not exist")
            }
            Fault::LinkDown => format!("interface {interface} is down"),
            Fault::NoPrimaryAddress => {
                let (name, family) = (self.source_name(), self.family);
                format!("interface {name} has no {family} address to send from")
            }
            Fault::TrackedLinkDown(at) => {
                let tracked = self.config.track_interfaces.get(at);
                let name = tracked.map_or("that is unknown", |tracked| &tracked.interface);
                format!("tracked interface {name} is down")
            }
            Fault::ScriptPending(id) => {
                format!("script {} has not ended for the first time", script(id))
            }
            Fault::ScriptDown(id) => format!("script {} is down", script(id)),
            Fault::StaticMissing => {
                "a static address, route or rule of its track_group is missing".to_owned()
            }
            Fault::FileDown(id) => {
                format!("tracked file {} says so", turn.observed.file_name(id))
            }
            Fault::ProcessDown(id) => {
                format!("process {} has not its quorum", turn.observed.process_name(id))
            }
            Fault::BfdDown(_) => "a BFD session is down: there is no BFD process".to_owned(),
            Fault::ProbePending(id) => {
                format!("the witnesses of {} have not been asked yet", arbiter(id))
            }
            Fault::ProbeDown(id) => {
                format!("the witnesses of {} cannot be reached", arbiter(id))
            }
            Fault::GroupPending => "a member of the sync group waits for a script".to_owned(),
            Fault::GroupDown => "a member of the sync group is in FAULT".to_owned(),
        }
    }

    /// Whether it tracks this script.
    pub(crate) fn tracks(&self, script: ScriptId) -> bool {
        self.config.track_scripts.iter().any(|tracked| tracked.script == script)
    }

    pub(super) fn set_priority(&mut self, turn: &mut Turn<'_>, new: Priority) {
        let old = std::mem::replace(&mut self.priority, new);
        if old != new {
            self.dirty = true;
            self.say(turn, Saying::PriorityChanged { from: old.get(), to: new.get() });
            self.notify_priority(turn);
        }
    }

    /// `notify_priority_changes`.
    fn notify_priority(&self, turn: &mut Turn<'_>) {
        if !self.config.notify_priority_changes {
            return;
        }
        match self.state {
            State::Master(_) => self.notify(turn, NotifyState::MasterPriority),
            State::Init | State::Backup(_) => self.notify(turn, NotifyState::BackupPriority),
            State::Fault { .. } | State::Stopped => {}
        }
    }

    /// Brings the state in line with the faults.
    pub(crate) fn follow_faults(&mut self, turn: &mut Turn<'_>) {
        match self.state {
            State::Init | State::Stopped => {}
            State::Backup(_) | State::Master(_) if !self.faults.is_empty() => {
                self.enter_fault(turn);
            }
            State::Backup(_) | State::Master(_) => {}
            State::Fault { .. } if self.faults.is_empty() => self.leave_fault(turn),
            State::Fault { told: false } if self.only_waits() => {}
            State::Fault { told: false } => {
                self.state = State::Fault { told: true };
                self.notify(turn, NotifyState::Fault);
            }
            State::Fault { told: true } => {}
        }
    }

    /// Whether nothing is wrong but that first script results are awaited.
    pub(super) fn only_waits(&self) -> bool {
        self.faults.iter().all(|fault| fault.is_pending())
    }

    /// Takes over another configuration of the same router (same [`Identity`](crate::Identity)).
    pub(crate) fn reconfigure(
        &mut self,
        now: Instant,
        config: Configured,
        groups: MulticastGroups,
    ) {
        self.group = super::group(&config, self.family, groups);
        // A backup would take over for no reason but a reload. A master can be the owner again.
        self.demoted &= config.priority.is_owner() && !self.state.is_master();
        self.old_checksum_heard = false;
        let old = std::mem::replace(&mut self.config, config);
        if old.split_brain.heartbeats != self.config.split_brain.heartbeats {
            self.paths.begin(now, self.path_count());
        }
        if old.split_brain.conflict != self.config.split_brain.conflict {
            self.begin_conflicts(now);
        }
        if old.lease_seconds() != self.config.lease_seconds() {
            self.change_lease(now);
        }
        self.change_timing(now, &old);
    }

    /// A reload has brought other intervals, or another way for adverts. A master speaks at once, or in time for
    /// those that wait for its next advert.
    fn change_timing(&mut self, now: Instant, old: &model::Instance) {
        let others =
            |config: &model::Instance| (config.down_timer_adverts, config.priority, config.version);
        let are_others_same = others(old) == others(&self.config);
        let is_same = are_others_same && old.advert_interval == self.config.advert_interval;
        self.dirty |= !is_same;
        match &mut self.state {
            State::Backup(backup) if !is_same => {
                let backup = *backup;
                self.state = State::Backup(self.wait_anew(now, backup, old));
            }
            State::Master(master) => {
                // Nobody has heard it there.
                let new = &*self.config;
                let is_same_way = (old.source, old.destination, &old.unicast)
                    == (new.source, new.destination, &new.unicast);
                // A longer interval is told when the next advert is due, by which a backup still goes: at once it could
                // overtake the one that has just left, and be forgotten for it.
                let is_longer = are_others_same && old.advert_interval < new.advert_interval;
                if (!is_same && !is_longer) || !is_same_way {
                    master.advert_at = now;
                }
                let refresh = self.config.garp.refresh;
                if refresh != old.garp.refresh {
                    master.refresh_at = (!refresh.is_zero()).then_some(now + refresh);
                    self.dirty = true;
                }
            }
            State::Backup(_) | State::Init | State::Fault { .. } | State::Stopped => {}
        }
    }

    /// Active_Adver_Interval of version 3 is the master's: it stays, and so does the timer, unless what
    /// it counts has changed. Another priority counts from the next advert on.
    fn wait_anew(&self, now: Instant, mut backup: Backup, old: &model::Instance) -> Backup {
        let new = &*self.config;
        let is_theirs = backup.active.is_some() && new.version == model::Version::V3;
        let is_kept = is_theirs || old.advert_interval == new.advert_interval;
        let interval = if is_kept && old.version == new.version {
            backup.interval
        } else {
            new.advert_interval
        };
        if interval != backup.interval || old.down_timer_adverts != new.down_timer_adverts {
            backup.interval = interval;
            backup.down_at = now + self.active_down_interval(interval);
            backup.expired = false;
        }
        backup
    }
}

pub(super) enum Effect {
    Fault(Fault),
    Weight(i32),
}

/// What is not known yet neither raises nor lowers; with weight 0 it is waited for.
fn script_effect(tracked: &model::TrackScript, verdict: Verdict) -> Effect {
    let weight = tracked.weight.get();
    let up = match verdict {
        Verdict::Unknown if weight == 0 => {
            return Effect::Fault(Fault::ScriptPending(tracked.script));
        }
        Verdict::Unknown => return Effect::Weight(0),
        Verdict::Up => !tracked.reverse,
        Verdict::Down => tracked.reverse,
    };
    effect(weight, up, Fault::ScriptDown(tracked.script))
}

/// keepalived's bounds of what a file adds: below the first it is a fault.
const FILE_FAULT: i64 = -254;
const FILE_MOST: i64 = 253;

/// The number times the weight is added. With weight 0 any number but 0 is a fault, with `reverse` 0
/// is.
fn file_effect(tracked: &TrackFileUse, value: i32) -> Effect {
    let fault = Effect::Fault(Fault::FileDown(tracked.file));
    let sum = i64::from(value) * i64::from(tracked.weight);
    match if tracked.reverse { -sum } else { sum } {
        _ if tracked.weight == 0 && (value != 0) != tracked.reverse => fault,
        ..=FILE_FAULT => fault,
        sum => Effect::Weight(i32::try_from(sum.min(FILE_MOST)).unwrap_or_default()),
    }
}

/// Weight 0: down is a fault. Positive: added while up. Negative: added while down.
pub(super) const fn effect(weight: i32, up: bool, fault: Fault) -> Effect {
    match (weight, up) {
        (0, true) => Effect::Weight(0),
        (0, false) => Effect::Fault(fault),
        (1.., true) | (..=-1, false) => Effect::Weight(weight),
        (1.., false) | (..=-1, true) => Effect::Weight(0),
    }
}
