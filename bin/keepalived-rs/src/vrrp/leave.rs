//! The end of the process: in order, or with a successor that stands ready.

use std::io;

use vrrp_stack::{Input, Snapshot};

use super::{SCRIPTS, Vrrp, announcer, make_links};
use crate::kind::End;

/// Turns in which the kernel is left as it should be before the process ends: enough for millions of
/// addresses.
const LAST_TURNS: u32 = 10_000;

impl Vrrp {
    /// Priority 0, addresses off, stop scripts, in this order.
    pub(super) fn leave(mut self) -> io::Result<End> {
        let now = sys::clock::now();
        if self.options.keep_addresses {
            self.kernel.leave_alone();
        }
        self.kernel.leave();
        self.input(now, Input::Stop);
        self.carry_out(now);
        self.sync_daemon.leave(now);
        for _ in 0..LAST_TURNS {
            if !self.kernel.is_busy() {
                break;
            }
            self.kernel.reconcile(now, &self.stack);
        }
        self.kernel.say_what_was_done();
        self.kernel.finish();
        make_links(&mut self.kernel, &mut self.parent);
        self.scripts.finish(SCRIPTS, &mut self.scheduler)?;
        self.mailer.finish(&mut self.scheduler)?;
        Ok(End::Status(0))
    }

    /// Whether nothing waits that [`Self::retire`] would lose: what the end of a script has led to, and
    /// ends that the kernel tells of once only.
    pub(super) fn is_settled(&self) -> bool {
        self.outputs.is_empty() && !self.script_work.is_busy()
    }

    /// Everything stays as it is: a successor goes on with it, from what this process knows.
    pub(super) fn retire(self) -> io::Result<End> {
        let Self {
            mut scheduler,
            mut parent,
            kernel,
            stack,
            sockets,
            scripts,
            mailer,
            courier,
            arp,
            ..
        } = self;
        // The stack takes them for sent.
        announcer::send(&arp, courier.give_back().make_contiguous());
        let known = Snapshot { host: kernel.memory(), ..stack.snapshot() };
        parent.say_last_words(&known);
        drop(sockets);
        scripts.linger(SCRIPTS, &mut scheduler, &mut parent)?;
        mailer.finish(&mut scheduler)?;
        Ok(End::Retired)
    }
}
