//! What a router lacks, and what that makes of its priority.

use base::{Instant, Priority};
use control_plane::model::{self, ScriptId};

use super::{Turn, VirtualRouter};
use crate::event::Saying;
use crate::notification::NotifyState;
use crate::script::Verdict;
use crate::state::State;

/// One thing that keeps a router in FAULT. All of them have to go before it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// There is no such interface.
    InterfaceMissing,
    /// The interface cannot send or receive.
    LinkDown,
    /// The interface has no address of the family to send from.
    NoPrimaryAddress,
    /// A script with weight 0 has not ended once.
    ScriptPending(ScriptId),
    /// A script with weight 0 is down.
    ScriptDown(ScriptId),
}

impl Fault {
    const fn is_pending(self) -> bool {
        matches!(self, Self::ScriptPending(_))
    }

    const fn is_of_link(self) -> bool {
        matches!(self, Self::InterfaceMissing | Self::LinkDown | Self::NoPrimaryAddress)
    }
}

impl VirtualRouter {
    /// The interface, as it is now. Takes effect with [`Self::follow_faults`].
    pub(crate) fn look_at_link(&mut self, turn: &Turn<'_>) {
        let link = turn.links.named(&self.config.interface);
        let primary = link.and_then(|link| link.primary(self.family));
        self.source = primary.or(self.source);
        let fault = match link {
            None => Some(Fault::InterfaceMissing),
            Some(link) if !link.up => Some(Fault::LinkDown),
            Some(_) if primary.is_none() => Some(Fault::NoPrimaryAddress),
            Some(_) => None,
        };
        self.faults.retain(|old| !old.is_of_link());
        self.faults.extend(fault);
    }

    /// Whether it tracks this script.
    pub(crate) fn tracks(&self, script: ScriptId) -> bool {
        self.config.track_scripts.iter().any(|tracked| tracked.script == script)
    }

    /// The scripts, as they are now: faults, which take effect with [`Self::follow_faults`], and
    /// the effective priority, which changes at once.
    pub(crate) fn look_at_scripts(
        &mut self,
        turn: &mut Turn<'_>,
        verdict: impl Fn(ScriptId) -> Verdict,
    ) {
        self.faults.retain(|old| old.is_of_link());
        let mut sum = 0_i32;
        for tracked in &self.config.track_scripts {
            match effect(tracked, verdict(tracked.script)) {
                Effect::Fault(fault) => {
                    self.faults.insert(fault);
                }
                Effect::Weight(weight) => sum = sum.saturating_add(weight),
            }
        }
        self.set_priority(turn, self.config.priority.adjusted(sum));
    }

    fn set_priority(&mut self, turn: &mut Turn<'_>, new: Priority) {
        let old = std::mem::replace(&mut self.priority, new);
        if old != new {
            self.dirty = true;
            self.say(turn, Saying::PriorityChanged { from: old.get(), to: new.get() });
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
    pub(crate) fn reconfigure(&mut self, now: Instant, config: model::Instance) {
        let old = std::mem::replace(&mut self.config, config);
        let timing = |config: &model::Instance| {
            (config.advert_interval, config.down_timer_adverts, config.priority, config.version)
        };
        if timing(&old) == timing(&self.config) {
            return;
        }
        self.dirty = true;
        match self.state {
            State::Backup(mut backup) => {
                backup.interval = self.config.advert_interval;
                backup.down_at = now + self.active_down_interval(backup.interval);
                self.state = State::Backup(backup);
            }
            State::Master(mut master) => {
                master.advert_at = now;
                self.state = State::Master(master);
            }
            State::Init | State::Fault { .. } | State::Stopped => {}
        }
    }
}

enum Effect {
    Fault(Fault),
    Weight(i32),
}

/// Weight 0: down is a fault. Positive: added while up. Negative: added while down. What is not
/// known yet neither raises nor lowers.
fn effect(tracked: &model::TrackScript, verdict: Verdict) -> Effect {
    let weight = tracked.weight.get();
    let up = match verdict {
        Verdict::Unknown if weight == 0 => {
            return Effect::Fault(Fault::ScriptPending(tracked.script));
        }
        Verdict::Unknown => return Effect::Weight(0),
        Verdict::Up => !tracked.reverse,
        Verdict::Down => tracked.reverse,
    };
    match (weight, up) {
        (0, true) => Effect::Weight(0),
        (0, false) => Effect::Fault(Fault::ScriptDown(tracked.script)),
        (1.., true) | (..=-1, false) => Effect::Weight(weight),
        (1.., false) | (..=-1, true) => Effect::Weight(0),
    }
}
