//! What lies outside and counts for priorities and weights: files and processes. The parent looks
//! at them and tells its children, which so never open a file or wait for a file system.

mod files;
mod matching;
mod processes;

use base::{Instant, Sighting};
use control_plane::Config;
use scheduler::{Scheduler, Token};

use files::Files;
use processes::Processes;

/// Everything outside that the configuration names.
#[derive(Default)]
pub(super) struct Outside {
    files: Files,
    processes: Processes,
}

impl Outside {
    /// This is the configuration from now on.
    pub(super) fn follow(&mut self, now: Instant, config: &Config, scheduler: &mut Scheduler) {
        self.files.follow(now, &config.vrrp.files, scheduler);
        let buffer = config.global.buffers.process_monitor;
        self.processes.follow(now, &config.vrrp.processes, buffer, scheduler);
    }

    /// All that is known.
    pub(super) fn all(&self) -> Vec<Sighting> {
        self.files.all().chain(self.processes.all()).collect()
    }

    /// What has changed, when the event is one of these.
    pub(super) fn on_event(
        &mut self,
        now: Instant,
        token: Token,
        scheduler: &mut Scheduler,
    ) -> Option<Vec<Sighting>> {
        self.files
            .on_event(now, token, scheduler)
            .or_else(|| self.processes.on_event(now, token, scheduler))
    }

    /// When [`Self::on_timeout`] is due.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        [self.files.next_timeout(), self.processes.next_timeout()].into_iter().flatten().min()
    }

    /// What has changed.
    pub(super) fn on_timeout(&mut self, now: Instant, scheduler: &mut Scheduler) -> Vec<Sighting> {
        let mut news = self.files.on_timeout(now);
        news.extend(self.processes.on_timeout(now, scheduler));
        news
    }
}
