//! All end in order, or by force when that takes too long.

use base::{Duration, Instant};

use super::{Output, Phase, Signal, Supervisor};
use crate::child::Child;
use crate::event::Event;
use crate::role::Role;

/// What one object (address, route, server) of the configuration adds to `child_wait_time`: removal is measured
/// in microseconds each, this is a hundred times as much.
const WAIT_PER_OBJECT: Duration = Duration::from_millis(1);

impl Supervisor {
    pub(super) fn stop(&mut self, now: Instant, status: i32, out: &mut Vec<Output>) {
        if matches!(self.phase, Phase::Stopping { .. } | Phase::Over) {
            return;
        }
        out.push(Output::Log(Event::Stopping));
        if let Phase::Trial { .. } = self.phase {
            out.push(Output::EndTrial);
        }
        if self.is_in_succession() {
            out.push(Output::CloseWayBack);
        }
        self.stop_predecessors(out);
        self.may_clear_up = self.children.keys().copied().collect();
        for (role, child) in &mut self.children {
            match child {
                Child::Running { .. } => out.push(Output::Kill(*role, Signal::Term)),
                Child::Waiting { .. } => {
                    // What the one before it has left is there.
                    self.may_clear_up.remove(role);
                    *child = Child::Forking { early_deaths: 0 };
                    out.push(Output::Fork(*role));
                }
                // The fork is under way and told.
                Child::Forking { .. } | Child::Ended => {}
            }
        }
        let deadline =
            now + self.settings.child_wait + WAIT_PER_OBJECT.saturating_mul(self.objects);
        self.phase = Phase::Stopping { deadline, status };
        self.finish_if_all_ended(status, out);
    }

    /// The end of this child ends the daemon. One that has been up has left what is to be removed: one
    /// more comes for that.
    pub(super) fn stop_after(
        &mut self,
        now: Instant,
        role: Role,
        has_been_up: bool,
        status: i32,
        out: &mut Vec<Output>,
    ) {
        self.children.insert(role, Child::Ended);
        if has_been_up {
            self.children.insert(role, Child::Forking { early_deaths: 0 });
            out.push(Output::Fork(role));
        }
        self.stop(now, status, out);
        self.may_clear_up.remove(&role);
    }

    /// The time to leave in order is over.
    pub(super) fn stop_by_force(&mut self, now: Instant, status: i32, out: &mut Vec<Output>) {
        self.may_clear_up.clear();
        let former = self.predecessors.keys();
        out.extend(former.map(|role| Output::KillPredecessor(*role, Signal::Kill)));
        for (role, child) in &self.children {
            if let Some(pid) = child.pid() {
                out.push(Output::Log(Event::Forced(*role, pid)));
                out.push(Output::Kill(*role, Signal::Kill));
            }
        }
        // SIGKILL cannot be refused: the exits follow. Asked again should one not.
        self.phase = Phase::Stopping { deadline: now + self.settings.child_wait, status };
    }

    pub(super) fn finish_if_all_ended(&mut self, status: i32, out: &mut Vec<Output>) {
        let ended = self.children.values().all(|child| *child == Child::Ended);
        if ended && self.predecessors.is_empty() {
            self.phase = Phase::Over;
            out.push(Output::Exit(status));
        }
    }
}
