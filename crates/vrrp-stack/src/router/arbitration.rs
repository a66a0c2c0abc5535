//! A router and the witnesses that it asks (`arbiter`, `track_probe`).

use control_plane::model::ArbiterId;
use control_plane::model::split_brain::UsedArbiter;

use super::tracking::{Effect, effect};
use super::{Fault, Turn, VirtualRouter};
use crate::event::Saying;
use crate::notification::NotifyState;
use crate::script::Verdict;
use crate::state::{Backup, State};

impl VirtualRouter {
    /// Whether it may take over, or has to stay because it may be the one that is cut off. A master
    /// that said goodbye leaves nobody to fear, unless it left because it has lost the witnesses
    /// itself: then a neighbour in the same place must not follow it.
    pub(super) fn may_take_over(&self, turn: &Turn<'_>, backup: Option<&Backup>) -> bool {
        let Some(used) = self.config.split_brain.arbiter else { return true };
        let left = backup.and_then(|backup| backup.active).is_some_and(|one| one.priority == 0);
        match turn.arbiters.verdict(used.arbiter) {
            Verdict::Up => true,
            Verdict::Unknown => left,
            _ => left && used.keeps,
        }
    }

    /// It stays BACKUP until the witnesses can be reached; said once.
    pub(super) fn hold(&mut self, turn: &mut Turn<'_>) {
        if std::mem::replace(&mut self.held, true) {
            return;
        }
        self.statistics.split_brain.held += 1;
        let name = self.arbiter_name(turn);
        self.say(turn, Saying::HeldByArbiter(name));
    }

    /// Whether it is kept from taking over.
    pub(crate) fn is_held(&self) -> bool {
        self.held && matches!(self.state, State::Backup(_))
    }

    fn arbiter_name(&self, turn: &Turn<'_>) -> String {
        let used = self.config.split_brain.arbiter;
        let tracker = used.and_then(|used| turn.arbiters.get(used.arbiter));
        tracker.map_or_else(String::new, |tracker| tracker.config().name.clone())
    }

    /// The witnesses of an arbiter say something else than before.
    pub(crate) fn follow_arbiter(&mut self, turn: &mut Turn<'_>, id: ArbiterId) {
        if self.config.split_brain.track_probes.iter().any(|probe| probe.arbiter == id) {
            self.look_around(turn);
            self.follow_faults(turn);
        }
        let Some(used) = self.config.split_brain.arbiter.filter(|used| used.arbiter == id) else {
            return;
        };
        match (self.state, turn.arbiters.verdict(id)) {
            // The way to the witnesses is the way to the master: who was cut off listens before it
            // speaks, for as long as a master that lives takes to be heard.
            (State::Backup(mut backup), Verdict::Up) if self.held => {
                self.held = false;
                let patience = backup.interval + self.skew_time(backup.interval);
                backup.down_at = backup.down_at.max(turn.now + patience);
                self.state = State::Backup(backup);
                self.dirty = true;
            }
            (State::Master(_), Verdict::Down) => self.lose_witnesses(turn, used),
            _ => {}
        }
    }

    /// A master that may be cut off gives the addresses up, unless it is told to keep them.
    fn lose_witnesses(&mut self, turn: &mut Turn<'_>, used: UsedArbiter) {
        self.statistics.split_brain.witnesses_lost += 1;
        let arbiter = self.arbiter_name(turn);
        self.say(turn, Saying::WitnessesLost { arbiter, keeps: used.keeps });
        if used.keeps {
            return;
        }
        self.say_farewell(turn, 1);
        self.enter_backup(turn, None, self.config.advert_interval);
        self.say(turn, Saying::EnteringBackup);
        self.say_removing(turn);
        self.notify(turn, NotifyState::Backup);
    }

    /// What `track_probe` means now: faults, and the sum of weights.
    pub(super) fn probe_effects(&self, turn: &Turn<'_>) -> Vec<Effect> {
        let probes = self.config.split_brain.track_probes.iter();
        probes
            .map(|probe| {
                let weight = probe.weight.get();
                match turn.arbiters.verdict(probe.arbiter) {
                    Verdict::Unknown if weight == 0 => {
                        Effect::Fault(Fault::ProbePending(probe.arbiter))
                    }
                    Verdict::Unknown => Effect::Weight(0),
                    up => {
                        let good = (up == Verdict::Up) != probe.reverse;
                        effect(weight, good, Fault::ProbeDown(probe.arbiter))
                    }
                }
            })
            .collect()
    }
}
