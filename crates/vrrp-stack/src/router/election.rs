//! What an advert means (RFC 9568 sections 6.4.2 and 6.4.3).

use std::net::IpAddr;

use base::Priority;
use control_plane::model::Preempt;
use wire::Advert;

use super::{Turn, VirtualRouter};
use crate::event::Saying;
use crate::notification::NotifyState;
use crate::state::{ActiveRouter, AnnounceAgain, Backup, Master, State};
use crate::timing;

/// After how many intervals of silence another owner counts as gone.
const OTHER_OWNER_SILENCE: u64 = 3;

impl VirtualRouter {
    /// An advert that passed every check.
    ///
    /// `own` is the address that it is compared with the sender's by.
    pub(super) fn handle_advert(
        &mut self,
        turn: &mut Turn<'_>,
        (own, from): (Option<IpAddr>, IpAddr),
        advert: &Advert,
    ) {
        self.statistics.advert_received += 1;
        if advert.priority.is_none() {
            self.statistics.priority_zero_received += 1;
        }
        match self.state {
            State::Backup(backup) => self.advert_as_backup(turn, backup, from, advert),
            State::Master(master) => self.advert_as_master(turn, master, (own, from), advert),
            State::Init | State::Fault { .. } | State::Stopped => {}
        }
    }

    fn advert_as_backup(
        &mut self,
        turn: &mut Turn<'_>,
        mut backup: Backup,
        from: IpAddr,
        advert: &Advert,
    ) {
        let is_outranked = backup.is_outranked(turn.now, from, advert.priority);
        if !is_outranked {
            let active =
                ActiveRouter { address: from, priority: advert.priority.map_or(0, Priority::get) };
            self.name_master(turn, from);
            self.dirty |= backup.active != Some(active);
            backup.active = Some(active);
            self.yield_ownership(turn, &backup, advert);
        }
        match advert.priority {
            // "If the Priority in the ADVERTISEMENT is 0, set the Active_Down_Timer to Skew_Time."
            None => {
                self.say(turn, Saying::MasterLeft);
                backup.down_at = turn.now + self.skew_time(backup.interval);
                self.held = false;
                backup.expired = false;
            }
            Some(priority) if self.accepts(turn, &mut backup, priority) => {
                if is_outranked {
                    // The interval stays that of the active router: whoever took over another's shorter one
                    // would take over in vain, and lead the next one astray, without an end.
                    let down_at = turn.now + self.active_down_interval(advert.interval());
                    backup.down_at = backup.down_at.max(down_at);
                } else {
                    self.adopt_interval(turn, &mut backup, advert);
                    backup.down_at = turn.now + self.active_down_interval(backup.interval);
                    backup.active_until = timing::overdue(turn.now, backup.interval);
                }
                backup.expired = false;
                self.held = false;
            }
            // "Else discard the ADVERTISEMENT": the timer runs out and this router takes over.
            Some(priority) => {
                let priority = priority.get();
                self.say(turn, Saying::LowerDiscarded { priority, from });
            }
        }
        self.state = State::Backup(backup);
    }

    /// Two routers own the addresses, and this one has stepped back for the other: when it hears that
    /// one again and again, it lowers itself to 254, so that it is a backup like any other.
    fn yield_ownership(&mut self, turn: &mut Turn<'_>, backup: &Backup, advert: &Advert) {
        let theirs = advert.priority.is_some_and(Priority::is_owner);
        if !theirs || !self.priority.is_owner() {
            return;
        }
        let before = self.other_owner_at.replace(turn.now);
        if before.is_some_and(|before| turn.now <= timing::overdue(before, backup.interval)) {
            self.demote(turn);
        }
    }

    /// An owner's addresses are another one's too: its own priority is 254 from now on. Others stay as they are.
    pub(crate) fn demote(&mut self, turn: &mut Turn<'_>) {
        if self.priority.is_owner() {
            self.demoted = true;
            self.look_around(turn);
        }
    }

    /// Whether [`Self::demote`] has changed something.
    pub(crate) fn is_demoted(&self) -> bool {
        self.demoted
    }

    /// "If Preempt_Mode is False, or if the Priority in the ADVERTISEMENT is greater than or equal
    /// to the local Priority". keepalived adds `preempt_delay`, which starts with the first lower
    /// advert and lets it pass until then.
    fn accepts(&self, turn: &mut Turn<'_>, backup: &mut Backup, priority: Priority) -> bool {
        if priority >= self.priority {
            backup.preempt_at = None;
            return true;
        }
        match self.config.preempt {
            Preempt::Never => true,
            Preempt::After(delay) if delay.is_zero() => false,
            Preempt::After(delay) => match backup.preempt_at {
                Some(until) => turn.now < until,
                None => {
                    backup.preempt_at = Some(turn.now + delay);
                    self.say(turn, Saying::PreemptDelayStarted(delay));
                    true
                }
            },
        }
    }

    /// "Set Active_Adver_Interval to Max Advertise Interval contained in the ADVERTISEMENT." In
    /// version 2 it is the same by [`check`](super::reception).
    fn adopt_interval(&mut self, turn: &mut Turn<'_>, backup: &mut Backup, advert: &Advert) {
        let (from, to) = (backup.interval, advert.interval());
        if from != to && !to.is_zero() {
            self.say(turn, Saying::IntervalAdopted { from, to });
            backup.interval = to;
            self.dirty = true;
        }
    }

    fn advert_as_master(
        &mut self,
        turn: &mut Turn<'_>,
        mut master: Master,
        (own, from): (Option<IpAddr>, IpAddr),
        advert: &Advert,
    ) {
        // "If the Priority in the ADVERTISEMENT is 0, send an ADVERTISEMENT, reset the Adver_Timer."
        let Some(theirs) = advert.priority else {
            self.send_advert(turn, Some(self.priority));
            master.advert_at = turn.now + self.config.advert_interval;
            self.state = State::Master(master);
            return;
        };
        let ours = self.priority;
        if theirs.is_owner() && ours.is_owner() {
            if master.other_owner_until.is_none() {
                self.say(turn, Saying::TwoOwners(from));
            }
            let silence = self.config.advert_interval.saturating_mul(OTHER_OWNER_SILENCE);
            master.other_owner_until = Some(turn.now + silence);
        }
        self.state = State::Master(master);
        // "Greater than the local Priority, or equal and the primary IPvX address of the sender is
        // greater than the local primary IPvX address."
        let same_but_higher = theirs == ours && own.is_some_and(|own| from > own);
        if theirs > ours || same_but_higher {
            self.step_back(turn, from, theirs, advert);
        } else {
            self.stand_firm(turn, from, theirs);
        }
    }

    fn step_back(&mut self, turn: &mut Turn<'_>, from: IpAddr, theirs: Priority, advert: &Advert) {
        let ours = self.priority.get();
        let priority = theirs.get();
        self.say(
            turn,
            if theirs > self.priority {
                Saying::HigherHeard { from, theirs: priority, ours }
            } else {
                Saying::SameFromHigherAddress { from, priority }
            },
        );
        if self.config.higher_prio_send_advert {
            self.send_advert(turn, Some(self.priority));
        }
        let (own, interval) = (self.config.advert_interval, advert.interval());
        let interval = if interval.is_zero() { own } else { interval };
        if own != interval {
            self.say(turn, Saying::IntervalAdopted { from: own, to: interval });
        }
        self.yield_to(turn, ActiveRouter { address: from, priority }, interval);
    }

    /// A lower router speaks: it, and every switch, is told at once who is master.
    fn stand_firm(&mut self, turn: &mut Turn<'_>, from: IpAddr, theirs: Priority) {
        let answered = !self.config.lower_prio_no_advert;
        let (theirs, ours) = (theirs.get(), self.priority.get());
        self.say(turn, Saying::LowerHeard { from, theirs, ours, answered });
        self.heard_lower_master(turn, from);
        if answered {
            self.send_advert(turn, Some(self.priority));
        }
        self.notify(turn, NotifyState::MasterRxLowerPri);
        self.announce_over_lower(turn);
        self.lower_heard = self.grouped;
    }

    /// Whether a lower master was heard since the last question: the other masters of the sync group
    /// announce too, for where one was lost the others may have been.
    pub(crate) fn take_lower_heard(&mut self) -> bool {
        std::mem::take(&mut self.lower_heard)
    }

    /// `garp_lower_prio_repeat`, `garp_lower_prio_delay`: a lower master may have misled neighbours.
    pub(crate) fn announce_over_lower(&mut self, turn: &mut Turn<'_>) {
        let garp = self.config.garp;
        self.announce_all(turn, garp.lower_prio_repeat);
        if let State::Master(master) = &mut self.state
            && garp.lower_prio_repeat > 0
            && !garp.lower_prio_delay.is_zero()
        {
            let at = turn.now + garp.lower_prio_delay;
            master.announce_again = Some(AnnounceAgain { at, repeat: garp.lower_prio_repeat });
        }
    }
}
