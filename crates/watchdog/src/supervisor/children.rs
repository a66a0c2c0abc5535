//! Children come, are felt for, and go.

use std::collections::BTreeSet;

use base::Instant;

use super::{Command, Exit, Output, Phase, Signal, Supervisor};
use crate::child::Child;
use crate::event::Event;
use crate::pulse::{Beat, Pulse};
use crate::reload::Reload;
use crate::role::Role;

impl Supervisor {
    pub(super) fn on_forked(&mut self, now: Instant, role: Role, pid: i32, out: &mut Vec<Output>) {
        let early_deaths = match self.child(role) {
            Child::Forking { early_deaths } => early_deaths,
            _ => 0,
        };
        out.push(Output::Log(Event::Starting(role, pid)));
        self.children.insert(role, Child::Running { pid, since: now, ready: false, early_deaths });
        self.await_warmth(now, role);
        if let Phase::Stopping { .. } = self.phase {
            // It came to clear up after one that died.
            out.push(Output::Kill(role, Signal::Term));
        }
    }

    pub(super) fn on_ready(&mut self, now: Instant, role: Role, out: &mut Vec<Output>) {
        if let Some(Child::Running { ready, .. }) = self.children.get_mut(&role) {
            *ready = true;
            if !self.settings.no_heartbeat {
                self.pulses.insert(role, Pulse::new(now));
            }
        }
        // The successor of a child that died while a reload was being prepared is asked again.
        if let Phase::Reloading(Reload::Preparing { generation, awaiting, .. }) = &self.phase
            && awaiting.contains(&role)
        {
            out.push(Output::Send(role, Command::Prepare(*generation)));
        }
    }

    pub(super) fn on_exited(
        &mut self,
        now: Instant,
        role: Role,
        exit: Exit,
        out: &mut Vec<Output>,
    ) {
        let pid = self.child(role).pid().unwrap_or_default();
        self.pulses.remove(&role);
        self.frozen.remove(&role);
        if let Phase::Stopping { status, .. } = self.phase {
            if matches!(exit, Exit::Signal(_)) && self.clear_up_after(role, out) {
                return;
            }
            self.children.insert(role, Child::Ended);
            return self.finish_if_all_ended(status, out);
        }
        if let Exit::Signal(signal) = exit {
            out.push(Output::Log(Event::Killed(pid, signal)));
        }
        if self.works(role) {
            self.successor_died(role, out);
            // Whatever is wrong with it: nothing is lost as long as its predecessor works.
            out.push(Output::Log(Event::Respawning(role, pid)));
            return self.replace(now, role, out);
        }
        if self.fails_probation(now, exit) {
            self.go_back(now, out);
            out.push(Output::Log(Event::Respawning(role, pid)));
            return self.replace(now, role, out);
        }
        if exit == Exit::UNAVAILABLE && self.others_run(role) {
            out.push(Output::Log(Event::Unavailable(role)));
            self.children.insert(role, Child::Ended);
            return self.forget_in_reload(now, role, out);
        }
        if exit.is_permanent() || exit == Exit::UNAVAILABLE {
            out.push(Output::Log(Event::Permanent(pid, exit)));
            self.children.insert(role, Child::Ended);
            let Exit::Status(status) = exit else { return };
            let status = if exit == Exit::UNAVAILABLE { 1 } else { status };
            return self.stop(now, status, 0, out);
        }
        if self.settings.dont_respawn {
            out.push(Output::Log(Event::Exiting(role, pid)));
            self.children.insert(role, Child::Ended);
            return self.stop(now, 0, 0, out);
        }
        out.push(Output::Log(Event::Respawning(role, pid)));
        if let Phase::Reloading(Reload::Committing { .. }) = self.phase {
            // Its successor starts with the new configuration: nothing left to wait for.
            self.forget_in_reload(now, role, out);
        }
        self.replace(now, role, out);
    }

    fn others_run(&self, role: Role) -> bool {
        self.children.iter().any(|(other, child)| *other != role && *child != Child::Ended)
    }

    pub(super) fn replace(&mut self, now: Instant, role: Role, out: &mut Vec<Output>) {
        let (next, wait) = self.child(role).died(now);
        self.children.insert(role, next);
        match next {
            Child::Forking { .. } => out.push(Output::Fork(role)),
            Child::Waiting { .. } => out.push(Output::Log(Event::Delayed(role, wait))),
            Child::Running { .. } | Child::Ended => {}
        }
    }

    pub(super) fn fork_missing(&mut self, wanted: &BTreeSet<Role>, out: &mut Vec<Output>) {
        for role in wanted {
            if self.child(*role) == Child::Ended {
                self.children.insert(*role, Child::Forking { early_deaths: 0 });
                out.push(Output::Fork(*role));
            }
        }
    }

    /// Those that were to wait have waited.
    pub(super) fn start_waiting(&mut self, now: Instant, out: &mut Vec<Output>) {
        for (role, child) in &mut self.children {
            if let Child::Waiting { restart_at, early_deaths } = *child
                && restart_at <= now
            {
                *child = Child::Forking { early_deaths };
                out.push(Output::Fork(*role));
            }
        }
    }

    /// Whether no child is known to be frozen. One that is was killed, so this is false for a moment;
    /// for longer only where the kernel itself does not let it go.
    pub fn is_well(&self) -> bool {
        self.frozen.is_empty()
    }

    pub(super) fn feel_pulses(&mut self, now: Instant, out: &mut Vec<Output>) {
        let (children, frozen) = (&self.children, &mut self.frozen);
        self.pulses.retain(|role, pulse| match pulse.handle_timeout(now, *role) {
            Beat::Rest => true,
            Beat::Ask(number) => {
                out.push(Output::Ping(*role, number));
                true
            }
            Beat::Hung => {
                let pid = children.get(role).and_then(|child| child.pid()).unwrap_or_default();
                out.push(Output::Log(Event::Hung(*role, pid)));
                out.push(Output::Kill(*role, Signal::Kill));
                frozen.insert(*role);
                // Its death is told, and what follows from it is the same as ever.
                false
            }
        });
    }
}
