//! `vrrp_arbiter`: witnesses that are asked in rounds, and what their answers mean.
//!
//! ```text
//!            answers `rise` times                  `quorum` of them reachable   -> Up
//!   lost <----------------------> reachable        cannot be any more           -> Down
//!            silent `fall` times                   not all have been asked yet  -> Unknown
//! ```
//!
//! A node whose witnesses cannot be reached is the one that is cut off: it does not take over, and a
//! master of its kind gives the addresses up.

pub mod talk;

use std::collections::BTreeSet;

use base::Instant;
use control_plane::model::{Arbiter, ArbiterId, Vrrp, Witness};

use crate::event::Event;
use crate::output::{Output, Outputs};
use crate::script::Verdict;

/// One probe of one witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId(pub u64);

/// What an arbiter says in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArbiterSaying {
    /// A witness answers.
    Found(String),
    /// A witness does not answer any longer, or never did.
    Lost(String),
    /// Enough of them answer.
    Reached {
        /// So many do.
        reachable: usize,
        /// So many have to.
        quorum: u32,
    },
    /// Too few of them answer.
    TooFew {
        /// So many do.
        reachable: usize,
        /// So many have to.
        quorum: u32,
    },
}

impl std::fmt::Display for ArbiterSaying {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Found(witness) => write!(f, "{witness} can be reached"),
            Self::Lost(witness) => write!(f, "{witness} cannot be reached"),
            Self::Reached { reachable, quorum } => {
                write!(f, "{reachable} of the witnesses can be reached, {quorum} have to be")
            }
            Self::TooFew { reachable, quorum } => {
                write!(f, "only {reachable} of the witnesses can be reached, {quorum} have to be")
            }
        }
    }
}

/// An arbiter and its witnesses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ArbiterTracker {
    config: Arbiter,
    witnesses: Vec<Seen>,
    /// The next round.
    round_at: Instant,
    /// Until then answers of this round count.
    closes_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Seen {
    /// The probe whose answer is awaited.
    asked: Option<ProbeId>,
    /// Rounds in a row that were other than `reachable` says.
    against: u32,
    reachable: Option<bool>,
}

impl ArbiterTracker {
    /// One whose first round is due now.
    pub(crate) fn new(now: Instant, config: Arbiter) -> Self {
        let witnesses = vec![Seen::default(); config.witnesses.len()];
        Self { config, witnesses, round_at: now, closes_at: None }
    }

    /// Its configuration.
    pub const fn config(&self) -> &Arbiter {
        &self.config
    }

    /// Goes over to another configuration; with the same witnesses what is known of them stays.
    pub(crate) fn reconfigure(&mut self, now: Instant, config: Arbiter) {
        if config == self.config {
            return;
        }
        if config.witnesses == self.config.witnesses {
            self.config = config;
            self.round_at = self.round_at.min(now + self.config.interval);
        } else {
            *self = Self::new(now, config);
        }
    }

    /// How many witnesses can be reached.
    pub fn reachable(&self) -> usize {
        self.witnesses.iter().filter(|one| one.reachable == Some(true)).count()
    }

    /// What the witnesses say.
    pub fn verdict(&self) -> Verdict {
        let quorum = usize::try_from(self.config.quorum).unwrap_or(usize::MAX);
        let open = self.witnesses.iter().filter(|one| one.reachable.is_none()).count();
        match self.reachable() {
            reachable if reachable >= quorum => Verdict::Up,
            reachable if reachable + open >= quorum => Verdict::Unknown,
            _ => Verdict::Down,
        }
    }

    /// Its witnesses, and whether each can be reached, as far as that is known.
    pub fn witnesses(&self) -> impl Iterator<Item = (&Witness, Option<bool>)> {
        self.config.witnesses.iter().zip(self.witnesses.iter().map(|one| one.reachable))
    }

    /// When it has something to do by itself.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        Some(self.closes_at.map_or(self.round_at, |closes| closes.min(self.round_at)))
    }

    /// Ends a round, begins the next; `fresh` numbers probes.
    pub(crate) fn handle_timeout(&mut self, now: Instant, fresh: &mut u64, out: &mut Outputs) {
        if self.closes_at.is_some_and(|closes| closes <= now) || self.round_at <= now {
            self.closes_at = None;
            for at in 0..self.witnesses.len() {
                if self.witnesses.get_mut(at).is_some_and(|one| one.asked.take().is_some()) {
                    self.count(at, false, out);
                }
            }
        }
        if self.round_at > now {
            return;
        }
        self.closes_at = Some(now + self.config.timeout);
        self.round_at = now + self.config.interval;
        for (seen, witness) in self.witnesses.iter_mut().zip(&self.config.witnesses) {
            let probe = ProbeId(*fresh);
            *fresh = fresh.wrapping_add(1);
            seen.asked = Some(probe);
            let timeout = self.config.timeout;
            out.push(Output::Probe { probe, witness: witness.clone(), timeout });
        }
    }

    /// A probe has its answer; whether it was one of these.
    pub(crate) fn answered(&mut self, probe: ProbeId, good: bool, out: &mut Outputs) -> bool {
        let Some(at) = self.witnesses.iter().position(|one| one.asked == Some(probe)) else {
            return false;
        };
        if let Some(seen) = self.witnesses.get_mut(at) {
            seen.asked = None;
        }
        self.count(at, good, out);
        true
    }

    fn count(&mut self, at: usize, good: bool, out: &mut Outputs) {
        let before = self.verdict();
        let (rise, fall) = (self.config.rise, self.config.fall);
        let Some(seen) = self.witnesses.get_mut(at) else { return };
        // Of what was never reached the first silence is enough.
        let needed = match (good, seen.reachable) {
            (true, _) => rise,
            (false, None) => 1,
            (false, Some(_)) => fall,
        };
        seen.against = if seen.reachable == Some(good) { 0 } else { seen.against + 1 };
        if seen.against < needed || seen.reachable == Some(good) {
            return;
        }
        (seen.reachable, seen.against) = (Some(good), 0);
        let witness = self.config.witnesses.get(at).map(ToString::to_string).unwrap_or_default();
        let says = if good { ArbiterSaying::Found(witness) } else { ArbiterSaying::Lost(witness) };
        self.say(says, out);
        let (reachable, quorum) = (self.reachable(), self.config.quorum);
        match self.verdict() {
            verdict if verdict == before => {}
            Verdict::Up => self.say(ArbiterSaying::Reached { reachable, quorum }, out),
            Verdict::Down => self.say(ArbiterSaying::TooFew { reachable, quorum }, out),
            Verdict::Unknown => {}
        }
    }

    fn say(&self, says: ArbiterSaying, out: &mut Outputs) {
        out.push(Output::Log(Event::Arbiter { name: self.config.name.clone(), says }));
    }
}

/// All arbiters of a configuration, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Arbiters {
    trackers: Vec<ArbiterTracker>,
    /// Those that some instance uses: the others ask nobody.
    used: BTreeSet<ArbiterId>,
    next_probe: u64,
}

impl Arbiters {
    /// Goes over to a configuration; what is known of an arbiter of the same name stays.
    pub(crate) fn configure(&mut self, now: Instant, config: &Vrrp) {
        let mut old = std::mem::take(&mut self.trackers);
        self.trackers = config
            .arbiters
            .iter()
            .map(|new| {
                let same = old.iter().position(|one| one.config.name == new.name);
                match same.map(|at| old.swap_remove(at)) {
                    Some(mut tracker) => {
                        tracker.reconfigure(now, new.clone());
                        tracker
                    }
                    None => ArbiterTracker::new(now, new.clone()),
                }
            })
            .collect();
        let uses = config.instances.iter().map(|one| &one.split_brain);
        let ids = uses.flat_map(|one| {
            let probes = one.track_probes.iter().map(|probe| probe.arbiter);
            one.arbiter.map(|used| used.arbiter).into_iter().chain(probes)
        });
        self.used = ids.collect();
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[ArbiterTracker] {
        &self.trackers
    }

    /// One of them.
    pub(crate) fn get(&self, id: ArbiterId) -> Option<&ArbiterTracker> {
        self.trackers.get(id.0)
    }

    /// What the witnesses of one say.
    pub(crate) fn verdict(&self, id: ArbiterId) -> Verdict {
        self.get(id).map_or(Verdict::Unknown, ArbiterTracker::verdict)
    }

    /// The interfaces on which witnesses are asked by ARP.
    pub(crate) fn interfaces(&self) -> impl Iterator<Item = &str> {
        let used = self.used.iter().filter_map(|id| self.get(*id));
        used.flat_map(|tracker| &tracker.config.witnesses).filter_map(|witness| match witness {
            Witness::Arp(_, interface) => Some(interface.as_str()),
            Witness::Ping(_) | Witness::Tcp(_) | Witness::Http(..) => None,
        })
    }

    /// When the first of them has something to do by itself.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.used.iter().filter_map(|id| self.get(*id)?.next_timeout()).min()
    }

    /// Ends and begins rounds; whose witnesses say something else now.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Outputs) -> Vec<ArbiterId> {
        let Self { trackers, used, next_probe } = self;
        let mut changed = Vec::new();
        for id in used.iter() {
            let Some(tracker) = trackers.get_mut(id.0) else { continue };
            if tracker.next_timeout().is_none_or(|due| due > now) {
                continue;
            }
            let before = tracker.verdict();
            tracker.handle_timeout(now, next_probe, out);
            changed.extend((tracker.verdict() != before).then_some(*id));
        }
        changed
    }

    /// A probe has its answer; whose witnesses say something else now.
    pub(crate) fn answered(
        &mut self,
        probe: ProbeId,
        good: bool,
        out: &mut Outputs,
    ) -> Option<ArbiterId> {
        for (at, tracker) in self.trackers.iter_mut().enumerate() {
            let before = tracker.verdict();
            if tracker.answered(probe, good, out) {
                return (tracker.verdict() != before).then_some(ArbiterId(at));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
