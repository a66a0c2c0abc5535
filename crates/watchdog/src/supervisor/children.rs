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
        if !self.works(role) {
            self.await_readiness(now, role);
        }
        if self.stale.contains(&role) {
            out.push(Output::Kill(role, Signal::Kill));
        }
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
        self.starting.remove(&role);
        // One that has come up while a reload is being prepared has the former configuration.
        if let Phase::Reloading(Reload::Preparing { generation, awaiting, asked, .. }) =
            &mut self.phase
        {
            awaiting.insert(role);
            asked.insert(role);
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
        let has_been_up = self.child(role).is_ready();
        self.pulses.remove(&role);
        self.frozen.remove(&role);
        self.start_is_over(role);
        let is_stale = self.stale.remove(&role);
        if let Phase::Stopping { status, .. } = self.phase {
            // However it was: what it has not removed is there.
            let is_orderly = matches!(exit, Exit::Status(0) | Exit::UNAVAILABLE);
            if !is_orderly && self.clear_up_after(role, out) {
                return;
            }
            self.children.insert(role, Child::Ended);
            return self.finish_if_all_ended(status, out);
        }
        if is_stale {
            self.children.insert(role, Child::Forking { early_deaths: 0 });
            out.push(Output::Fork(role));
            return self.await_successor(now, role, out);
        }
        if !exit.is_permanent() && exit != Exit::UNAVAILABLE {
            out.push(Output::Log(Event::Ended(pid, exit)));
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
            let Exit::Status(status) = exit else { return };
            let status = if exit == Exit::UNAVAILABLE { 1 } else { status };
            return self.stop_after(now, role, has_been_up, status, out);
        }
        if self.settings.dont_respawn {
            out.push(Output::Log(Event::Exiting(role, pid)));
            // What it has left stays, as in keepalived: nothing is started any more.
            return self.stop_after(now, role, false, 0, out);
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
        self.await_successor(now, role, out);
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
        for role in Role::ALL {
            if !self.feels(role) {
                continue;
            }
            match self.pulses.get_mut(&role).map(|pulse| pulse.handle_timeout(now, role)) {
                None | Some(Beat::Rest) => {}
                Some(Beat::Ask(number)) => out.push(Output::Ping(role, number)),
                Some(Beat::Hung) => {
                    self.pulses.remove(&role);
                    self.end_frozen(role, out);
                }
            }
        }
    }

    /// Its death will be told, and what follows from it is the same as ever.
    pub(super) fn end_frozen(&mut self, role: Role, out: &mut Vec<Output>) {
        let pid = self.child(role).pid().unwrap_or_default();
        out.push(Output::Log(Event::Hung(role, pid)));
        out.push(Output::Kill(role, Signal::Kill));
        self.frozen.insert(role);
    }
}
