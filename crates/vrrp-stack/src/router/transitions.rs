//! From one state to another.

use base::{Duration, Instant};

use super::{Turn, VirtualRouter};
use crate::event::{Event, Saying, Thing};
use crate::lease::Lease;
use crate::notification::NotifyState;
use crate::output::Output;
use crate::state::{ActiveRouter, AnnounceAgain, Backup, Master, State};
use crate::timing;

/// How many adverts with priority 0 a master sends when something fails. It cannot be sure that
/// its link still carries the first.
const FAREWELLS_AT_FAULT: u32 = 2;

impl VirtualRouter {
    /// Leaves Initialize (RFC 9568 section 6.4.1), or goes on where a predecessor was.
    pub(crate) fn start(&mut self, turn: &mut Turn<'_>) {
        if self.state == State::Init {
            // A predecessor may have left some; the driver removes what is not desired.
            self.say_removing(turn);
        }
        match self.state {
            State::Init if !self.faults.is_empty() => {
                let told = !self.only_waits();
                self.change_state(turn, State::Fault { told });
                if told {
                    self.say(turn, Saying::EnteringFault);
                    self.notify(turn, NotifyState::Fault);
                }
            }
            State::Init
                if self.priority.is_owner() && !self.grouped && self.may_take_over(turn, None) =>
            {
                self.take_over(turn);
            }
            State::Init => {
                self.enter_backup(turn, None, self.config.advert_interval);
                self.say(turn, Saying::EnteringBackupAtStart);
                self.notify(turn, NotifyState::Backup);
                self.wait_no_longer_as_owner(turn);
            }
            State::Backup(_) | State::Master(_) | State::Fault { .. } => self.follow_faults(turn),
            State::Stopped => {}
        }
    }

    /// Something has expired.
    pub(crate) fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        self.tell_sometimes(turn.now);
        match self.state {
            State::Backup(backup) if backup.expired || self.held => {}
            State::Backup(backup) if backup.down_at <= turn.now => self.expire(turn, backup),
            State::Master(master) => {
                self.serve_lease(turn);
                self.serve_conflicts(turn);
                self.serve_master_timers(turn, master);
            }
            State::Init | State::Backup(_) | State::Fault { .. } | State::Stopped => {}
        }
    }

    /// "If the Active_Down_Timer fires" (RFC 9568 section 6.4.2). A member of a sync group waits
    /// for the others.
    pub(super) fn expire(&mut self, turn: &mut Turn<'_>, backup: Backup) {
        if !self.may_take_over(turn, Some(&backup)) {
            return self.hold(turn);
        }
        if self.grouped {
            self.say(turn, Saying::AdvertTimeout);
            self.state = State::Backup(Backup { expired: true, ..backup });
        } else {
            self.take_over(turn);
        }
    }

    /// Its timer has run out while it belonged to a group; it has left that, and takes over alone.
    pub(crate) fn wait_for_no_group(&mut self, turn: &mut Turn<'_>) {
        if let State::Backup(backup) = self.state
            && backup.expired
            && !self.grouped
        {
            self.state = State::Backup(Backup { expired: false, ..backup });
            self.expire(turn, backup);
        }
    }

    /// An owner has nobody to wait for but its sync group.
    fn wait_no_longer_as_owner(&mut self, turn: &mut Turn<'_>) {
        if let State::Backup(backup) = self.state
            && self.priority.is_owner()
        {
            self.expire(turn, backup);
        }
    }

    fn take_over(&mut self, turn: &mut Turn<'_>) {
        self.say(turn, Saying::AdvertTimeout);
        self.become_master(turn);
    }

    /// The advert first, then everything else.
    pub(crate) fn become_master(&mut self, turn: &mut Turn<'_>) {
        self.send_advert(turn, Some(self.priority));
        self.heard = None;
        let (former, heard) = match self.state {
            State::Backup(backup) => (backup.interval, backup.active),
            _ => (self.config.advert_interval, None),
        };
        let garp = self.config.garp;
        let again = AnnounceAgain { at: turn.now + garp.delay, repeat: garp.repeat };
        self.change_state(
            turn,
            State::Master(Master {
                advert_at: turn.now + self.config.advert_interval,
                announce_again: (!garp.delay.is_zero()).then_some(again),
                refresh_at: (!garp.refresh.is_zero()).then_some(turn.now + garp.refresh),
                extra_at: self.next_extra(None, turn.now),
                other_owner_until: None,
            }),
        );
        self.took_over_from(heard.map(|active| active.priority));
        self.statistics.become_master += 1;
        self.say(turn, Saying::EnteringMaster);
        let own = self.config.advert_interval;
        if former != own {
            self.say(turn, Saying::IntervalRestored { from: former, to: own });
        }
        self.say_setting(turn);
        self.announce_all(turn, garp.repeat);
        self.notify(turn, NotifyState::Master);
    }

    fn serve_master_timers(&mut self, turn: &mut Turn<'_>, mut master: Master) {
        let now = turn.now;
        if self.comes_too_late(turn, &master) {
            return;
        }
        if master.advert_at <= now {
            self.send_advert(turn, Some(self.priority));
            master.advert_at = next_advert(master.advert_at, self.config.advert_interval, now);
        }
        let garp = self.config.garp;
        if let Some(again) = master.announce_again.take_if(|again| again.at <= now) {
            self.announce_all(turn, again.repeat);
        }
        if let Some(due) = master.refresh_at.take_if(|due| *due <= now) {
            self.announce_all(turn, garp.refresh_repeat);
            master.refresh_at =
                (!garp.refresh.is_zero()).then(|| next_advert(due, garp.refresh, now));
        }
        if master.extra_at.is_none_or(|due| due <= now) {
            if master.extra_at.is_some() {
                self.announce_extra(turn);
            }
            master.extra_at = self.next_extra(master.extra_at, now);
        }
        if master.other_owner_until.take_if(|until| *until <= now).is_some() {
            self.say(turn, Saying::OtherOwnerSilent);
        }
        self.state = State::Master(master);
    }

    /// When `garp_extra_if` announces next; `due` is when it did, or a reload may have brought it.
    fn next_extra(&self, due: Option<Instant>, now: Instant) -> Option<Instant> {
        let interval = self.config.garp.extra_interval;
        (!interval.is_zero()).then(|| next_advert(due.unwrap_or(now), interval, now))
    }

    /// `timer_expired_backup`: a master that was not served for so long that another one has taken
    /// over by now does not fight for the addresses, as `nopreempt` wants it.
    fn comes_too_late(&mut self, turn: &mut Turn<'_>, master: &Master) -> bool {
        let Some(highest) = self.config.timer_expired_backup else { return false };
        let (interval, adverts) = (self.config.advert_interval, self.config.down_timer_adverts);
        let patience = timing::active_down_interval(self.version(), highest, interval, adverts);
        let late = turn.now.saturating_since(master.advert_at);
        if late + interval < patience {
            return false;
        }
        turn.out.push(Output::Log(Event::TimerExpired(late)));
        self.enter_backup(turn, None, interval);
        self.say(turn, Saying::EnteringBackup);
        self.say_removing(turn);
        self.notify(turn, NotifyState::Backup);
        true
    }

    /// A master gives the addresses up for another router.
    pub(super) fn yield_to(
        &mut self,
        turn: &mut Turn<'_>,
        active: ActiveRouter,
        interval: Duration,
    ) {
        self.heard = Some(active.address);
        self.enter_backup(turn, Some(active), interval);
        self.say(turn, Saying::EnteringBackup);
        self.say_removing(turn);
        self.notify(turn, NotifyState::Backup);
    }

    /// Nothing is missing any longer: a full election time as after startup.
    pub(super) fn leave_fault(&mut self, turn: &mut Turn<'_>) {
        if self.priority.is_owner() && !self.grouped && self.may_take_over(turn, None) {
            return self.take_over(turn);
        }
        self.enter_backup(turn, None, self.config.advert_interval);
        self.say(turn, Saying::EnteringBackup);
        self.notify(turn, NotifyState::Backup);
        self.wait_no_longer_as_owner(turn);
    }

    /// Another member of the sync group has yielded: this one follows.
    pub(crate) fn yield_with_group(&mut self, turn: &mut Turn<'_>) {
        self.enter_backup(turn, None, self.config.advert_interval);
        self.say(turn, Saying::EnteringBackup);
        self.say_removing(turn);
        self.notify(turn, NotifyState::Backup);
    }

    /// Something is missing. A master says that it leaves.
    pub(super) fn enter_fault(&mut self, turn: &mut Turn<'_>) {
        let was_master = self.state.is_master();
        self.say(turn, Saying::EnteringFault);
        if was_master {
            self.say_farewell(turn, FAREWELLS_AT_FAULT);
            self.say_removing(turn);
        }
        self.change_state(turn, State::Fault { told: true });
        self.notify(turn, NotifyState::Fault);
    }

    /// Leaves for good: a "Shutdown event" (RFC 9568 sections 6.4.2, 6.4.3). Scripts hear `state`.
    pub(crate) fn stop(&mut self, turn: &mut Turn<'_>, state: NotifyState) {
        if self.state == State::Stopped {
            return;
        }
        if self.state.is_master() {
            self.say_farewell(turn, 1);
            self.say_removing(turn);
        }
        self.change_state(turn, State::Stopped);
        self.notify(turn, state);
    }

    /// What is installed from now on, in keepalived's order.
    fn say_setting(&self, turn: &mut Turn<'_>) {
        for (thing, any) in self.things() {
            if any {
                self.say(turn, Saying::Setting(thing));
            }
        }
    }

    /// What is removed from now on, in keepalived's order.
    pub(super) fn say_removing(&self, turn: &mut Turn<'_>) {
        let [vips, excluded, routes, rules] = self.things();
        for (thing, any) in [rules, routes, vips, excluded] {
            if any {
                self.say(turn, Saying::Removing(thing));
            }
        }
    }

    fn things(&self) -> [(Thing, bool); 4] {
        [
            (Thing::Vips, true),
            (Thing::ExcludedVips, !self.config.excluded_addresses.is_empty()),
            (Thing::Routes, !self.config.routes.is_empty()),
            (Thing::Rules, !self.config.rules.is_empty()),
        ]
    }

    pub(super) fn say_farewell(&mut self, turn: &mut Turn<'_>, times: u32) {
        for _ in 0..times {
            self.send_advert(turn, None);
        }
        self.say(turn, Saying::SentPriorityZero);
    }

    pub(super) fn enter_backup(
        &mut self,
        turn: &mut Turn<'_>,
        active: Option<ActiveRouter>,
        interval: Duration,
    ) {
        let down_at = turn.now + self.active_down_interval(interval);
        let active_until = timing::overdue(turn.now, interval);
        self.change_state(
            turn,
            State::Backup(Backup {
                down_at,
                expired: false,
                interval,
                active,
                active_until,
                preempt_at: None,
            }),
        );
    }

    /// The only place where a state changes into another.
    fn change_state(&mut self, turn: &mut Turn<'_>, new: State) {
        if self.state.is_master() {
            self.statistics.release_master += 1;
            turn.announcements.cancel(&self.places(turn.links));
        }
        self.state = new;
        self.lease = Lease::beginning(turn.now);
        self.paths.begin(turn.now, self.path_count());
        self.held = false;
        self.begin_conflicts(turn.now);
        *turn.generation += 1;
        self.last_transition = Some(turn.now);
        self.complained.clear();
        self.dirty = true;
    }
}

/// The next beat of a rhythm. After a pause the beats that were missed are left out.
fn next_advert(due: Instant, interval: Duration, now: Instant) -> Instant {
    let next = due + interval;
    if next > now { next } else { now + interval }
}
