//! All virtual routers and scripts of a configuration, as one machine.

mod listeners;
mod wants;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use base::{Duration, IfIndex, Instant, IpNet, Sighting};
use control_plane::model::{ArbiterId, ScriptId, Vrrp};
use wire::Family;

use crate::announce::AnnounceQueue;
use crate::arbiter::Arbiters;
use crate::debounce::Debounce;
use crate::dismissed::Dismissed;
use crate::group::{SyncGroup, effective_instances};
use crate::input::Input;
use crate::link::Link;
use crate::links::Links;
use crate::notification::NotifyState;
use crate::observed::Observed;
use crate::output::Outputs;
use crate::router::paths::PathId;
use crate::router::{Configured, Turn, VirtualRouter};
use crate::routers::Routers;
use crate::script::{ExitKind, RunId, ScriptTracker};
use crate::snapshot::{Identity, ObjectState, Snapshot};
use crate::startup::start_time;
use crate::state::State;
use crate::statistics::StrayStatistics;
use crate::wall::WallClock;

/// The stack. A driver hands over the interfaces and the configuration, then whatever happens; it
/// carries out the outputs, keeps the kernel at [`Self::desired_addresses`], and comes back at
/// [`Self::next_timeout`]. A driver that was late hands over the packets that wait before it says
/// [`Input::Timeout`]: a master that was heard is not gone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stack {
    pub(crate) routers: Routers,
    pub(crate) groups: Vec<SyncGroup>,
    /// Only scripts that somebody tracks.
    pub(crate) scripts: BTreeMap<ScriptId, ScriptTracker>,
    /// Runs of scripts that nobody tracks any longer.
    pub(crate) dismissed: Dismissed,
    pub(crate) observed: Observed,
    pub(crate) clock: WallClock,
    /// `log_unknown_vrids`.
    pub(crate) log_unknown_vrids: bool,
    pub(crate) links: Links,
    pub(crate) debounce: Debounce,
    /// Witnesses.
    pub(crate) arbiters: Arbiters,
    /// `vrrp_startup_delay`: until then nothing is started.
    pub(crate) start_at: Option<Instant>,
    pub(crate) announcements: AnnounceQueue,
    /// Who listens where: by interface, family and virtual router id. Several share an id when one
    /// talks to a group and another to peers, or to another group.
    listeners: BTreeMap<(IfIndex, Family, u8), Vec<(usize, PathId)>>,
    /// It has left for good.
    stopped: bool,
    next_run: RunId,
    /// Addresses that were configured before a reload and may still be installed.
    pub(crate) retired: BTreeSet<(IfIndex, IpNet)>,
    pub(crate) stray: StrayStatistics,
    /// Routers whose leases begin anew, by place.
    pub(crate) renewals: BTreeSet<usize>,
    /// Grows when what the kernel should have may have changed.
    pub(crate) generation: u64,
    /// Instances that are no longer configured, to be told to the parent.
    pub(crate) gone: Vec<Identity>,
    /// Scripts that changed since the parent was told.
    pub(crate) changed_scripts: BTreeSet<ScriptId>,
}

/// Scripts that one timeout serves, so that a thousand that are due together hold up no advert.
const SCRIPTS_AT_ONCE: usize = 128;

/// What a stack is told about besides interfaces.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings<'a> {
    /// What was seen of files and processes.
    pub seen: &'a [Sighting],
    /// The wall clock, since 1970.
    pub wall: Duration,
    /// As [`Input::Sources`]; `None` is none.
    pub sources: Option<&'a BTreeSet<(IfIndex, IpAddr)>>,
    /// The virtual addresses that a predecessor has left; `None` is not known.
    pub held: Option<&'a BTreeSet<(IfIndex, IpAddr)>>,
}

impl Stack {
    /// A stack on `links`, all interfaces that exist, which leaves Initialize at once (RFC 9568
    /// section 6.4.1). With `resume`, the last known state of a predecessor that died, a master
    /// stays master and its next advert is due at once.
    pub fn new(
        now: Instant,
        config: &Vrrp,
        links: &[Link],
        resume: Option<&Snapshot>,
        out: &mut Outputs,
    ) -> Self {
        Self::new_in(now, config, links, resume, Surroundings::default(), out)
    }

    /// A stack that knows from its first moment where it is.
    pub fn new_in(
        now: Instant,
        config: &Vrrp,
        links: &[Link],
        resume: Option<&Snapshot>,
        around: Surroundings<'_>,
        out: &mut Outputs,
    ) -> Self {
        let mut stack = Self::unstarted(now, config);
        for link in links {
            stack.links.insert(link.clone());
        }
        if let Some(sources) = around.sources {
            stack.links.set_sources(sources);
        }
        stack.follow_interfaces(config);
        stack.observed.resume(resume.map_or(&[], |known| &known.processes));
        around.seen.iter().for_each(|sighting| stack.observed.see(now, sighting));
        stack.clock.set(now, around.wall);
        match resume {
            Some(known) => {
                stack.resume(now, known);
                if let Some(held) = around.held {
                    stack.each_router(now, out, |router, turn| router.find_addresses(turn, held));
                }
                stack.remember_groups();
            }
            None => stack.start_at = start_time(now, config),
        }
        if stack.start_at.is_none() {
            stack.start(now, out);
        }
        stack
    }

    /// A stack that knows its configuration alone, in Initialize.
    pub(crate) fn unstarted(now: Instant, config: &Vrrp) -> Self {
        let mut stack = Self {
            routers: Self::new_routers(config),
            groups: Vec::new(),
            scripts: Self::tracked_scripts(now, config),
            dismissed: Dismissed::default(),
            observed: Observed::new(config),
            clock: WallClock::default(),
            log_unknown_vrids: config.log_unknown_vrids,
            links: Links::default(),
            debounce: Debounce::default(),
            arbiters: Arbiters::default(),
            start_at: None,
            announcements: AnnounceQueue::default(),
            listeners: BTreeMap::new(),
            stopped: false,
            next_run: RunId(1),
            retired: BTreeSet::new(),
            stray: StrayStatistics::default(),
            renewals: BTreeSet::new(),
            generation: 1,
            gone: Vec::new(),
            changed_scripts: BTreeSet::new(),
        };
        stack.arbiters.configure(now, config);
        stack.form_groups(config);
        stack.changed_scripts = stack.scripts.keys().copied().collect();
        stack
    }

    /// What the configuration says of interfaces.
    pub(crate) fn follow_interfaces(&mut self, config: &Vrrp) {
        self.debounce.configure(&config.link_delays);
        self.links.set_polled(config.polled_interfaces().into_keys());
        self.announcements.configure(&config.garp_groups);
    }

    fn new_routers(config: &Vrrp) -> Routers {
        let instances = Configured::all(&effective_instances(config));
        instances.map(|instance| VirtualRouter::new(instance, config.multicast)).collect()
    }

    pub(crate) fn tracked_scripts(
        now: Instant,
        config: &Vrrp,
    ) -> BTreeMap<ScriptId, ScriptTracker> {
        let instances = config.instances.iter().map(|instance| &instance.track_scripts);
        let groups = config.sync_groups.iter().map(|group| &group.track_scripts);
        let wanted: BTreeSet<ScriptId> =
            instances.chain(groups).flatten().map(|tracked| tracked.script).collect();
        wanted
            .into_iter()
            .filter_map(|id| Some((id, ScriptTracker::new(now, config.scripts.get(id.0)?.clone()))))
            .collect()
    }

    /// Whether somebody reads the lines of detail ([`crate::Event::detail`]). Without a reader, ten thousand
    /// addresses that are announced are not ten thousand outputs.
    pub const fn tell_details(&mut self, wanted: bool) {
        self.announcements.is_quiet = !wanted;
    }

    /// Takes one input in; what is to be done is added to `out`.
    pub fn handle_input(&mut self, now: Instant, input: Input<'_>, out: &mut Outputs) {
        if self.stopped {
            return;
        }
        if self.start_at.is_some() {
            return self.wait_for_start(now, input, out);
        }
        if let Input::WallClock(wall) = input {
            return self.clock.set(now, wall);
        }
        match input {
            Input::WallClock(_) => {}
            Input::Link(link) => self.link_changed(now, link, out),
            Input::LinkGone(index) => self.link_gone(now, index, out),
            Input::Packet { index, packet } => self.receive(now, index, packet, out),
            Input::ScriptExited { run, status } => self.script_exited(now, run, status, out),
            Input::ScriptsEnded(runs) => {
                self.dismissed.forget(runs);
                self.scripts.values_mut().for_each(|tracker| tracker.handle_end(runs));
            }
            Input::Sighted(sighting) => {
                self.observed.see(now, sighting);
                self.look_around(now, out);
            }
            Input::Sources(sources) => {
                if self.links.set_sources(sources) {
                    self.look_around(now, out);
                }
            }
            Input::StaticsMissing(groups) => {
                self.observed.miss(groups);
                self.look_around(now, out);
            }
            Input::AddressRepaired(index, address) => {
                self.each_router(now, out, |router, turn| {
                    router.lose_address(turn, (index, address));
                    // What has `no_track` is not put back.
                    let mut places = router.places_of(turn.links, false).into_iter();
                    if places.any(|(at, net)| (at, net.addr()) == (index, address)) {
                        router.announce_some(turn, |candidate| candidate == address);
                    }
                });
            }
            Input::ProbeAnswered { probe, good } => {
                let changed = self.arbiters.answered(probe, good, out);
                self.follow_arbiters(now, changed, out);
            }
            Input::Claimed { index, mac, address } => {
                self.each_router(now, out, |router, turn| {
                    router.claimed(turn, index, address, mac);
                });
            }
            Input::AdvertLeft { instance } => {
                let at = self.routers.iter().position(|router| router.config().name == instance);
                if let Some(at) = at {
                    let mut is_due = false;
                    self.with_router(now, at, out, |router, turn| {
                        is_due = router.advert_left(turn);
                    });
                    self.renewals.extend(is_due.then_some(at));
                }
            }
            Input::Timeout => self.serve_timeouts(now, out),
            Input::Reload(config) => self.reload(now, config, out),
            Input::Stop => self.stop(now, out),
        }
        if !self.stopped {
            self.sync_groups(now, out);
        }
        self.announcements.flush(now, &self.links, out);
    }

    /// When the stack has something to do by itself.
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.stopped {
            return None;
        }
        if self.start_at.is_some() {
            return self.start_at;
        }
        let routers = self.routers.next_timeout().into_iter();
        let links = self.debounce.next_timeout().into_iter().chain(self.arbiters.next_timeout());
        let scripts = self.scripts.values().filter_map(ScriptTracker::next_timeout);
        let scripts = scripts.chain(self.dismissed.next_timeout());
        let processes = self.observed.next_timeout();
        let own = routers.chain(scripts).chain(processes);
        own.chain(self.announcements.next_timeout()).chain(links).min()
    }

    /// The next timeout, if it is that of a backup which hears nobody: a master is missing from then on.
    pub fn takes_over_at(&self) -> Option<Instant> {
        let (deadline, router) = self.routers.first_due().filter(|_| self.start_at.is_none())?;
        let is_backup =
            matches!(router.state(), State::Backup(backup) if backup.down_at == deadline);
        is_backup.then_some(deadline)
    }

    /// The routers, in the order of the configuration.
    pub fn routers(&self) -> &[VirtualRouter] {
        &self.routers
    }

    /// What was counted of packets that belong to no router.
    pub const fn stray_statistics(&self) -> &StrayStatistics {
        &self.stray
    }

    /// Everything that a successor needs.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            instances: self.routers.iter().map(VirtualRouter::snapshot).collect(),
            scripts: self.scripts.values().map(ScriptTracker::snapshot).collect(),
            processes: self.observed.snapshots().collect(),
            ..Snapshot::default()
        }
    }

    /// What a successor would have to know that was not taken yet: at most one entry an object. What
    /// every advert changes (timers, counters) is told along with the next change of state only.
    pub fn take_changes(&mut self) -> Vec<ObjectState> {
        let gone = self.gone.drain(..).map(ObjectState::InstanceGone);
        let news = self.routers.take_news();
        let routers = news.map(|router| ObjectState::Instance(Box::new(router.snapshot())));
        let changed = std::mem::take(&mut self.changed_scripts);
        let scripts = changed.iter().filter_map(|id| self.scripts.get(id));
        let scripts = scripts.map(|tracker| ObjectState::Script(tracker.snapshot()));
        let processes = self.observed.take_changes().into_iter().map(ObjectState::Process);
        gone.chain(routers).chain(scripts).chain(processes).collect()
    }

    pub(crate) fn stop(&mut self, now: Instant, out: &mut Outputs) {
        self.each_router(now, out, |router, turn| router.stop(turn, NotifyState::Stop));
        self.stop_groups(out);
        for run in self.scripts.values_mut().filter_map(ScriptTracker::stop) {
            self.dismissed.add(now, run, out);
        }
        self.announcements = AnnounceQueue::default();
        self.stopped = true;
    }

    /// Adverts first: routers before scripts.
    pub(crate) fn serve_timeouts(&mut self, now: Instant, out: &mut Outputs) {
        for at in self.routers.due(now) {
            self.with_router(now, at, out, |router, turn| router.handle_timeout(turn));
        }
        for link in self.debounce.due(now) {
            self.follow_link(now, link, out);
        }
        let changed = self.arbiters.handle_timeout(now, out);
        self.follow_arbiters(now, changed, out);
        if self.observed.handle_timeout(now) {
            self.look_around(now, out);
        }
        self.dismissed.handle_timeout(now, out);
        let due = |tracker: &ScriptTracker| tracker.next_timeout().is_some_and(|due| due <= now);
        let scripts = self.scripts.iter().filter(|(_, tracker)| due(tracker));
        // Those that are left are due still, and a driver comes back at once.
        let ids: Vec<ScriptId> = scripts.map(|(id, _)| *id).take(SCRIPTS_AT_ONCE).collect();
        let mut changed = BTreeSet::new();
        for id in ids {
            let act = |tracker: &mut ScriptTracker, fresh: &mut RunId, out: &mut Outputs| {
                tracker.handle_timeout(now, fresh, out);
            };
            changed.extend(self.act_on_script(id, out, act).then_some(id));
        }
        self.follow_scripts(now, &changed, out);
    }

    fn script_exited(&mut self, now: Instant, run: RunId, status: ExitKind, out: &mut Outputs) {
        self.dismissed.forget(&BTreeSet::from([run]));
        let found = self.scripts.iter().find(|(_, tracker)| tracker.run() == Some(run));
        if let Some((id, _)) = found {
            self.with_script(now, *id, out, |tracker, _, out| {
                tracker.handle_exit(now, status, out)
            });
        }
    }

    /// Lets a script do something; routers that track it follow when its verdict changed.
    fn with_script(
        &mut self,
        now: Instant,
        id: ScriptId,
        out: &mut Outputs,
        act: impl FnOnce(&mut ScriptTracker, &mut RunId, &mut Outputs),
    ) {
        let is_news = self.act_on_script(id, out, act);
        self.follow_scripts(now, &is_news.then_some(id).into_iter().collect(), out);
    }

    /// Lets a script do something. Whether its verdict has changed by that.
    fn act_on_script(
        &mut self,
        id: ScriptId,
        out: &mut Outputs,
        act: impl FnOnce(&mut ScriptTracker, &mut RunId, &mut Outputs),
    ) -> bool {
        let Some(tracker) = self.scripts.get_mut(&id) else { return false };
        let before = tracker.snapshot();
        act(tracker, &mut self.next_run, out);
        let after = tracker.snapshot();
        if before != after {
            self.changed_scripts.insert(id);
        }
        before.verdict != after.verdict
    }

    /// Routers that track one of these scripts look at what they track, once for all of them.
    fn follow_scripts(&mut self, now: Instant, changed: &BTreeSet<ScriptId>, out: &mut Outputs) {
        if changed.is_empty() {
            return;
        }
        self.each_router(now, out, |router, turn| {
            if changed.iter().any(|id| router.tracks(*id)) {
                router.look_around(turn);
                router.follow_faults(turn);
            }
        });
    }

    fn follow_arbiters(
        &mut self,
        now: Instant,
        changed: impl IntoIterator<Item = ArbiterId>,
        out: &mut Outputs,
    ) {
        for id in changed {
            self.each_router(now, out, |router, turn| router.follow_arbiter(turn, id));
        }
    }

    /// Something that routers depend on has changed.
    pub(crate) fn look_around(&mut self, now: Instant, out: &mut Outputs) {
        self.each_router(now, out, |router, turn| {
            router.look_around(turn);
            router.follow_faults(turn);
        });
    }

    /// The routers, and what they act with.
    pub(crate) fn parts<'a>(
        &'a mut self,
        now: Instant,
        out: &'a mut Outputs,
    ) -> (&'a mut Routers, Turn<'a>) {
        let Self {
            routers,
            links,
            scripts,
            observed,
            arbiters,
            clock,
            announcements,
            generation,
            ..
        } = self;
        let clock = *clock;
        let turn =
            Turn { now, clock, links, scripts, observed, arbiters, announcements, generation, out };
        (routers, turn)
    }

    pub(crate) fn with_router(
        &mut self,
        now: Instant,
        at: usize,
        out: &mut Outputs,
        act: impl FnOnce(&mut VirtualRouter, &mut Turn<'_>),
    ) {
        let (routers, mut turn) = self.parts(now, out);
        routers.act(at, |router| act(router, &mut turn));
    }

    pub(crate) fn each_router(
        &mut self,
        now: Instant,
        out: &mut Outputs,
        mut act: impl FnMut(&mut VirtualRouter, &mut Turn<'_>),
    ) {
        let (routers, mut turn) = self.parts(now, out);
        routers.act_all(|router| act(router, &mut turn));
    }
}

#[cfg(test)]
mod tests;
