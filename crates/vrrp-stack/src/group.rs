//! `vrrp_sync_group`: instances that change state together.

use std::collections::{BTreeMap, BTreeSet};

use base::{Instant, Shared};
use control_plane::model::vrrp::SyncGroup as SyncGroupConfig;
use control_plane::model::{Instance, Vrrp};

use crate::event::Event;
use crate::notification::{Notification, NotifyState};
use crate::output::{Output, Outputs};
use crate::router::{Fault, VirtualRouter};
use crate::stack::Stack;
use crate::state::State;

/// A group and where its members are.
///
/// Nothing is decided here that a member could decide alone. After each input the members are
/// looked at, and those that were left behind follow:
///
/// ```text
///    one member has a fault of its own            -> the others have the fault "group"
///    nobody has a fault of his own any longer     -> nobody has the fault "group"
///    one member is BACKUP, another one is MASTER  -> the MASTER yields
///    the timers of all members have run out       -> all become MASTER, the last one first
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SyncGroup {
    config: SyncGroupConfig,
    /// Places in [`Stack::routers`].
    members: Vec<usize>,
    /// What scripts were told last.
    told: Option<NotifyState>,
}

/// The instances with what their groups track for them. Those of the configuration itself, unless a
/// group tracks something.
pub(crate) fn effective_instances(config: &Vrrp) -> Shared<Vec<Instance>> {
    let mut instances = config.instances.clone();
    for group in config.sync_groups.iter().filter(|group| adds_something(group)) {
        for instance in instances.iter_mut().filter(|i| group.members.contains(&i.name)) {
            merge(&mut instance.track_scripts, &group.track_scripts, |one, two| {
                one.script == two.script
            });
            merge(&mut instance.track_interfaces, &group.track_interfaces, |one, two| {
                one.interface == two.interface
            });
            instance.notify_priority_changes |= group.notify_priority_changes;
            merge(&mut instance.track_files, &group.track_files, |one, two| one.file == two.file);
            merge(&mut instance.track_processes, &group.track_processes, |one, two| {
                one.process == two.process
            });
            merge(&mut instance.track_bfds, &group.track_bfds, |one, two| one.bfd == two.bfd);
        }
    }
    instances
}

/// Whether members have something that they would not have alone.
fn adds_something(group: &SyncGroupConfig) -> bool {
    group.notify_priority_changes
        || !group.track_scripts.is_empty()
        || !group.track_interfaces.is_empty()
        || !group.track_files.is_empty()
        || !group.track_processes.is_empty()
        || !group.track_bfds.is_empty()
}

/// What the instance tracks itself comes first.
fn merge<T: Clone>(own: &mut Vec<T>, of_group: &[T], same: impl Fn(&T, &T) -> bool) {
    let new: Vec<T> =
        of_group.iter().filter(|item| !own.iter().any(|o| same(o, item))).cloned().collect();
    own.extend(new);
}

impl Stack {
    /// Finds the members of every group; what was told of a group of the same name stays.
    pub(crate) fn form_groups(&mut self, config: &Vrrp) {
        let places: BTreeMap<&str, usize> = self
            .routers
            .iter()
            .enumerate()
            .map(|(at, router)| (router.config().name.as_str(), at))
            .collect();
        let known: BTreeMap<String, Option<NotifyState>> =
            self.groups.drain(..).map(|group| (group.config.name, group.told)).collect();
        let groups = config.sync_groups.iter().map(|group| SyncGroup {
            members: group
                .members
                .iter()
                .filter_map(|name| places.get(name.as_str()).copied())
                .collect(),
            told: known.get(&group.name).copied().flatten(),
            config: group.clone(),
        });
        self.groups = groups.collect();
        let grouped: BTreeSet<usize> =
            self.groups.iter().flat_map(|group| group.members.iter().copied()).collect();
        for at in 0..self.routers.len() {
            self.routers.act(at, |router| router.set_grouped(grouped.contains(&at)));
        }
    }

    /// Who has left his group by a reload waits for nobody, and lacks nothing that only others lack.
    pub(crate) fn release_ungrouped(&mut self, now: Instant, out: &mut Outputs) {
        self.each_router(now, out, |router, turn| {
            if !router.is_grouped() && router.set_group_fault(turn, None) {
                router.follow_faults(turn);
            }
            router.wait_for_no_group(turn);
        });
    }

    /// A successor says nothing of groups whose state is what it was.
    pub(crate) fn remember_groups(&mut self) {
        for group in &mut self.groups {
            group.told = state_of(&self.routers, &group.members);
        }
    }

    /// At the very start a group's BACKUP is told before its members'.
    pub(crate) fn announce_groups(&mut self, out: &mut Outputs) {
        for group in &mut self.groups {
            let members = group.members.iter().filter_map(|at| self.routers.get(*at));
            let fine = members.clone().all(|router| {
                *router.state() == State::Init
                    && router.faults().is_empty()
                    && !router.priority().is_owner()
            });
            if fine && members.count() > 0 {
                group.tell(NotifyState::Backup, out);
            }
        }
    }

    /// Lets members follow each other, in the groups of those that something has happened to.
    pub(crate) fn sync_groups(&mut self, now: Instant, out: &mut Outputs) {
        let touched = self.routers.take_unsynced();
        for at in 0..self.groups.len() {
            let concerns = |group: &&SyncGroup| group.members.iter().any(|at| touched.contains(at));
            let Some(members) =
                self.groups.get(at).filter(concerns).map(|group| group.members.clone())
            else {
                continue;
            };
            self.share_faults(now, at, &members, out);
            self.share_demotion(now, &members, out);
            self.share_yielding(now, at, &members, out);
            self.share_takeover(now, at, &members, out);
            self.share_announcements(now, &members, out);
            let state = state_of(&self.routers, &members);
            if let (Some(group), Some(state)) = (self.groups.get_mut(at), state) {
                group.tell(state, out);
            }
        }
    }

    fn share_faults(&mut self, now: Instant, group: usize, members: &[usize], out: &mut Outputs) {
        let own: Vec<OwnFault> =
            members.iter().filter_map(|at| self.routers.get(*at)).map(OwnFault::of).collect();
        let mut said = false;
        for (place, at) in members.iter().enumerate() {
            let others = own.iter().enumerate().filter(|(other, _)| *other != place);
            let worst = others.map(|(_, fault)| *fault).max().unwrap_or(OwnFault::None);
            let fault = match worst {
                OwnFault::None => None,
                OwnFault::Pending => Some(Fault::GroupPending),
                OwnFault::Real => Some(Fault::GroupDown),
            };
            let mut news = false;
            self.with_router(now, *at, out, |router, turn| {
                news = router.set_group_fault(turn, fault);
            });
            let Some(router) = self.routers.get(*at).filter(|_| news) else { continue };
            let moves = match router.state() {
                State::Fault { .. } => router.faults().is_empty(),
                State::Backup(_) | State::Master(_) => !router.faults().is_empty(),
                State::Init | State::Stopped => false,
            };
            if moves && !said && worst != OwnFault::Pending {
                let to = if fault.is_some() { NotifyState::Fault } else { NotifyState::Backup };
                self.say_syncing(group, to, out);
                said = true;
            }
            self.with_router(now, *at, out, |router, turn| router.follow_faults(turn));
        }
    }

    fn share_yielding(&mut self, now: Instant, group: usize, members: &[usize], out: &mut Outputs) {
        let state = |at: &usize| self.routers.get(*at).map(VirtualRouter::state);
        let masters: Vec<usize> =
            members.iter().copied().filter(|at| state(at).is_some_and(State::is_master)).collect();
        let backups = members.iter().any(|at| matches!(state(at), Some(State::Backup(_))));
        if masters.is_empty() || !backups {
            return;
        }
        self.say_syncing(group, NotifyState::Backup, out);
        for at in masters {
            self.with_router(now, at, out, |router, turn| router.yield_with_group(turn));
        }
    }

    /// An owner that has lowered itself for another one is a backup like any other, and so are the owners beside it:
    /// members that do not agree about who is best would wait for each other.
    fn share_demotion(&mut self, now: Instant, members: &[usize], out: &mut Outputs) {
        let is_demoted = |at: &usize| self.routers.get(*at).is_some_and(VirtualRouter::is_demoted);
        if !members.iter().any(is_demoted) {
            return;
        }
        for at in members {
            self.with_router(now, *at, out, |router, turn| router.demote(turn));
        }
    }

    fn share_takeover(&mut self, now: Instant, group: usize, members: &[usize], out: &mut Outputs) {
        let mut expired = Vec::new();
        for at in members {
            match self.routers.get(*at).map(VirtualRouter::state) {
                Some(State::Backup(backup)) if backup.expired => {
                    expired.push((backup.down_at, *at));
                }
                _ => return,
            }
        }
        let Some((_, last)) = expired.iter().max().copied() else { return };
        self.with_router(now, last, out, |router, turn| router.become_master(turn));
        if members.len() > 1 {
            self.say_syncing(group, NotifyState::Master, out);
        }
        for at in members.iter().copied().filter(|at| *at != last) {
            self.with_router(now, at, out, |router, turn| router.become_master(turn));
        }
    }

    /// Where one member has heard a lower master, the neighbours of the others may have been misled too.
    fn share_announcements(&mut self, now: Instant, members: &[usize], out: &mut Outputs) {
        let heard = |at: &usize| self.routers.act(*at, VirtualRouter::take_lower_heard);
        let told: Vec<bool> = members.iter().map(heard).map(|heard| heard == Some(true)).collect();
        if !told.contains(&true) {
            return;
        }
        for at in members.iter().zip(told).filter(|(_, told)| !told).map(|(at, _)| *at) {
            self.with_router(now, at, out, |router, turn| {
                if router.state().is_master() {
                    router.announce_over_lower(turn);
                }
            });
        }
    }

    /// `fifo_write_vrrp_states_on_reload`: all states once more, for pipes alone.
    pub(crate) fn repeat_states(&self, out: &mut Outputs) {
        let instances = self.routers.iter().filter_map(|router| {
            let state = match router.state() {
                State::Backup(_) => NotifyState::Backup,
                State::Master(_) => NotifyState::Master,
                State::Fault { .. } => NotifyState::Fault,
                State::Init | State::Stopped => return None,
            };
            Some(Notification::of_instance(router.config(), state, router.priority()))
        });
        let groups = self
            .groups
            .iter()
            .filter_map(|group| Some(Notification::of_group(&group.config, group.told?)));
        let all = instances.chain(groups).map(Notification::for_pipes);
        out.extend(all.map(Output::Notify));
    }

    /// Groups say STOP after their members.
    pub(crate) fn stop_groups(&mut self, out: &mut Outputs) {
        for group in &mut self.groups {
            group.tell(NotifyState::Stop, out);
        }
    }

    fn say_syncing(&self, group: usize, to: NotifyState, out: &mut Outputs) {
        if let Some(group) = self.groups.get(group) {
            let name = group.config.name.clone();
            out.push(Output::Log(Event::Syncing { name, to }));
        }
    }
}

impl SyncGroup {
    fn tell(&mut self, state: NotifyState, out: &mut Outputs) {
        if self.told != Some(state) {
            self.told = Some(state);
            out.push(Output::Notify(Notification::of_group(&self.config, state)));
        }
    }
}

/// What a member brings into its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum OwnFault {
    None,
    Pending,
    Real,
}

impl OwnFault {
    fn of(router: &VirtualRouter) -> Self {
        let own = router.faults().iter().filter(|fault| !fault.is_of_group());
        own.map(|fault| if fault.is_pending() { Self::Pending } else { Self::Real })
            .max()
            .unwrap_or(Self::None)
    }
}

/// The state of a group as scripts know it; `None` while its members differ or wait.
fn state_of(routers: &[VirtualRouter], members: &[usize]) -> Option<NotifyState> {
    let states: Vec<&State> =
        members.iter().filter_map(|at| routers.get(*at)).map(VirtualRouter::state).collect();
    let all = |is: fn(&State) -> bool| !states.is_empty() && states.iter().all(|state| is(state));
    if states.iter().any(|state| matches!(state, State::Fault { told: true })) {
        Some(NotifyState::Fault)
    } else if all(State::is_master) {
        Some(NotifyState::Master)
    } else if all(|state| matches!(state, State::Backup(_))) {
        Some(NotifyState::Backup)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
