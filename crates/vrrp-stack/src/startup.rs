//! Beginning: at once, after a delay, or where a predecessor was.

use base::Instant;
use control_plane::model::Vrrp;

use crate::event::Event;
use crate::input::Input;
use crate::output::{Output, Outputs};
use crate::snapshot::{Identity, Snapshot};
use crate::stack::Stack;

impl Stack {
    pub(crate) fn resume(&mut self, now: Instant, known: &Snapshot) {
        self.routers.act_all(|router| {
            if let Some(known) = known.instance(&Identity::of(router.config())) {
                router.resume(now, known);
            }
        });
        for tracker in self.scripts.values_mut() {
            if let Some(known) = known.script(&tracker.config().name) {
                tracker.resume(known);
            }
        }
    }

    /// `vrrp_startup_delay`: interfaces are learnt, everything else has to wait.
    pub(crate) fn wait_for_start(&mut self, now: Instant, input: Input<'_>, out: &mut Outputs) {
        match input {
            Input::WallClock(wall) => self.clock.set(now, wall),
            Input::Link(link) => {
                self.links.insert(link);
                self.generation += 1;
            }
            Input::LinkGone(index) => {
                self.links.remove(index);
                self.generation += 1;
            }
            Input::Reload(config) => {
                let mut fresh = Self::unstarted(now, config);
                fresh.links = std::mem::take(&mut self.links);
                fresh.follow_interfaces(config);
                fresh.clock = self.clock;
                fresh.observed.learn(now, &self.observed);
                fresh.stray = std::mem::take(&mut self.stray);
                fresh.tell_details(!self.announcements.is_quiet);
                fresh.start_at = self.start_at;
                fresh.generation = self.generation + 1;
                *self = fresh;
            }
            Input::Stop => self.stop(now, out),
            Input::Timeout if self.start_at.is_some_and(|at| at <= now) => {
                self.start_at = None;
                out.push(Output::Log(Event::DelayedStart));
                self.start(now, out);
            }
            Input::Timeout
            | Input::Packet { .. }
            | Input::ScriptExited { .. }
            | Input::ScriptsEnded(_)
            | Input::AdvertLeft { .. }
            | Input::Claimed { .. }
            | Input::ProbeAnswered { .. }
            | Input::AddressRepaired(..) => {}
            Input::Sources(sources) => {
                self.links.set_sources(sources);
            }
            Input::Sighted(sighting) => self.observed.see(now, sighting),
            Input::StaticsMissing(groups) => self.observed.miss(groups),
        }
    }

    pub(crate) fn start(&mut self, now: Instant, out: &mut Outputs) {
        self.rebuild_listeners();
        self.each_router(now, out, |router, turn| {
            router.look_around(turn);
        });
        // Nobody starts as BACKUP whose group is in FAULT.
        self.sync_groups(now, out);
        self.announce_groups(out);
        self.each_router(now, out, |router, turn| router.start(turn));
        self.serve_timeouts(now, out);
        self.sync_groups(now, out);
        self.announcements.flush(now, &self.links, out);
    }
}

/// When a fresh start may begin: `vrrp_startup_delay` from now, and `vrrp_delay_after_boot` from the
/// boot, which is where the monotonic clock begins. `None`: at once.
pub(crate) fn start_time(now: Instant, config: &Vrrp) -> Option<Instant> {
    let after_boot = Instant::from_micros(0) + config.delay_after_boot;
    let at = (now + config.startup_delay).max(after_boot);
    (at > now).then_some(at)
}
