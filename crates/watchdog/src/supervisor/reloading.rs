//! A new configuration: prepared by every child, then adopted by all, or by none.

use std::collections::BTreeSet;

use base::Instant;

use super::{Command, Output, Phase, Signal, Supervisor};
use crate::child::Child;
use crate::event::Event;
use crate::reload::{COMMIT_LIMIT, PREPARE_LIMIT, Reload};
use crate::role::Role;

impl Supervisor {
    pub(super) fn on_reload(&mut self, out: &mut Vec<Output>) {
        match self.phase {
            // Children of the former binary understand no more than a signal.
            Phase::Running if self.is_in_succession() => self.reload_again = true,
            Phase::Running => {
                self.phase = Phase::Reloading(Reload::Reading);
                out.push(Output::Log(Event::Reloading));
                out.push(Output::Load);
            }
            // One more is remembered, however many come: it will read what is there then.
            Phase::Reloading(_) | Phase::Trial { .. } => self.reload_again = true,
            Phase::Stopping { .. } | Phase::Over => {}
        }
    }

    pub(super) fn on_loaded(
        &mut self,
        now: Instant,
        wanted: BTreeSet<Role>,
        out: &mut Vec<Output>,
    ) {
        if self.phase != Phase::Reloading(Reload::Reading) {
            return;
        }
        self.last_number += 1;
        let generation = self.last_number;
        self.planned = false;
        let those = |which: fn(&Child) -> bool| -> BTreeSet<Role> {
            let found = self.children.iter().filter(|(_, child)| which(child));
            found.map(|(role, _)| *role).collect()
        };
        // One that dies again and again may do so because of what is mended now: it is not asked.
        let awaiting = those(|child| !matches!(child, Child::Ended | Child::Waiting { .. }));
        // One that is not up yet is asked when it is.
        let asked = those(|child| child.is_ready());
        out.extend(asked.iter().map(|role| Output::Send(*role, Command::Prepare(generation))));
        let deadline = now + PREPARE_LIMIT;
        let all_answered = awaiting.is_empty();
        let preparing = Reload::Preparing { generation, awaiting, asked, wanted, deadline };
        self.phase = Phase::Reloading(preparing);
        if all_answered {
            self.commit(now, out);
        }
    }

    pub(super) fn on_prepared(
        &mut self,
        now: Instant,
        role: Role,
        generation: u64,
        plan: Vec<String>,
        out: &mut Vec<Output>,
    ) {
        let Phase::Reloading(Reload::Preparing { generation: current, awaiting, .. }) =
            &mut self.phase
        else {
            return;
        };
        if *current != generation || !awaiting.remove(&role) {
            return;
        }
        let all_answered = awaiting.is_empty();
        self.planned |= !plan.is_empty();
        out.extend(plan.into_iter().map(|line| Output::Log(Event::Plan(role, line))));
        if all_answered {
            self.commit(now, out);
        }
    }

    fn commit(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Phase::Reloading(Reload::Preparing { generation, wanted, .. }) = &self.phase else {
            return;
        };
        let (generation, wanted) = (*generation, wanted.clone());
        // Who is not up has not been asked what changes.
        if !self.planned && self.all_ready() {
            out.push(Output::Log(Event::NoChange));
        }
        self.generation = generation;
        out.push(Output::Adopt);
        let awaiting: BTreeSet<Role> =
            self.children.iter().filter(|(_, child)| child.is_ready()).map(|(r, _)| *r).collect();
        for role in &awaiting {
            out.push(Output::Send(*role, Command::Commit(generation)));
        }
        self.renew_those_not_up(out);
        self.fork_missing(&wanted, out);
        let nothing_to_await = awaiting.is_empty();
        self.phase = Phase::Reloading(Reload::Committing {
            generation,
            awaiting,
            deadline: now + COMMIT_LIMIT,
        });
        if nothing_to_await {
            self.end_reload(now, Event::Reloaded, out);
        }
    }

    /// Those that are not up have the former configuration, and have not been asked: each starts again
    /// with the new one, at once, for what they died of may be mended.
    fn renew_those_not_up(&mut self, out: &mut Vec<Output>) {
        for (role, child) in &mut self.children {
            match child {
                Child::Running { ready: true, .. } | Child::Ended => {}
                Child::Running { pid, .. } => {
                    out.push(Output::Log(Event::StartsAnew(*role, *pid)));
                    out.push(Output::Kill(*role, Signal::Kill));
                    self.stale.insert(*role);
                }
                // It is forked as the former configuration wants it, and told.
                Child::Forking { .. } => {
                    self.stale.insert(*role);
                }
                Child::Waiting { .. } => {
                    *child = Child::Forking { early_deaths: 0 };
                    out.push(Output::Fork(*role));
                }
            }
        }
    }

    /// A child has died while a reload is prepared: its successor is asked again, whatever it has
    /// answered. Not one that has died again and again before it was up.
    pub(super) fn await_successor(&mut self, now: Instant, role: Role, out: &mut Vec<Output>) {
        let is_put_off = matches!(self.child(role), Child::Waiting { .. });
        let Phase::Reloading(Reload::Preparing { awaiting, asked, .. }) = &mut self.phase else {
            return;
        };
        if !is_put_off || asked.contains(&role) {
            awaiting.insert(role);
        } else if awaiting.remove(&role) && awaiting.is_empty() {
            self.commit(now, out);
        }
    }

    pub(super) fn on_refused(
        &mut self,
        now: Instant,
        role: Role,
        generation: u64,
        reason: &str,
        out: &mut Vec<Output>,
    ) {
        if matches!(&self.phase, Phase::Reloading(Reload::Preparing { generation: current, .. }) if *current == generation)
        {
            self.abort(now, format!("{role} process: {reason}"), out);
        }
    }

    fn abort(&mut self, now: Instant, why: String, out: &mut Vec<Output>) {
        let Phase::Reloading(Reload::Preparing { generation, .. }) = self.phase else { return };
        for (role, child) in &self.children {
            if child.is_ready() {
                out.push(Output::Send(*role, Command::Abort(generation)));
            }
        }
        self.end_reload(now, Event::Refused(why), out);
    }

    pub(super) fn on_committed(
        &mut self,
        now: Instant,
        role: Role,
        generation: u64,
        out: &mut Vec<Output>,
    ) {
        let Phase::Reloading(Reload::Committing { generation: current, awaiting, .. }) =
            &mut self.phase
        else {
            return;
        };
        if *current == generation && awaiting.remove(&role) && awaiting.is_empty() {
            self.end_reload(now, Event::Reloaded, out);
        }
    }

    /// A child that will not answer any more does not hold up a reload.
    pub(super) fn forget_in_reload(&mut self, now: Instant, role: Role, out: &mut Vec<Output>) {
        match &mut self.phase {
            Phase::Reloading(Reload::Preparing { awaiting, .. }) => {
                if awaiting.remove(&role) && awaiting.is_empty() {
                    self.commit(now, out);
                }
            }
            Phase::Reloading(Reload::Committing { awaiting, .. }) => {
                if awaiting.remove(&role) && awaiting.is_empty() {
                    self.end_reload(now, Event::Reloaded, out);
                }
            }
            _ => {}
        }
    }

    /// No answer in time: not prepared means no, not committed means that it hangs. Who could not be
    /// asked, because it does not get up, has no say.
    pub(super) fn on_reload_timeout(&mut self, now: Instant, out: &mut Vec<Output>) {
        match &mut self.phase {
            Phase::Reloading(Reload::Preparing { awaiting, asked, .. }) => {
                let who: Vec<String> =
                    awaiting.intersection(asked).map(ToString::to_string).collect();
                if who.is_empty() {
                    return self.commit(now, out);
                }
                let who = who.join(", ");
                self.abort(now, format!("no answer from {who} within {PREPARE_LIMIT}"), out);
            }
            Phase::Reloading(Reload::Committing { .. }) if self.settings.no_heartbeat => {
                self.end_reload(now, Event::Reloaded, out);
            }
            Phase::Reloading(Reload::Committing { awaiting, deadline, .. }) => {
                // Their successors start with the new configuration.
                *deadline = now + COMMIT_LIMIT;
                for role in awaiting.clone() {
                    self.end_frozen(role, out);
                }
            }
            _ => {}
        }
    }

    pub(super) fn end_reload(&mut self, now: Instant, event: Event, out: &mut Vec<Output>) {
        let reloaded = event == Event::Reloaded;
        if !reloaded {
            out.push(Output::Discard);
        }
        out.push(Output::Log(event));
        self.phase = Phase::Running;
        if std::mem::take(&mut self.reload_again) {
            self.on_reload(out);
        } else {
            self.go_on_with_upgrade(now, reloaded, out);
        }
    }
}
