//! What reaches the parent, and what it means for the machine.

use base::{Instant, Sighting};
use ipc::{Report, ToChild};
use scheduler::{Event, Signal};
use watchdog::Input;

use super::{
    LOG_FILES, OUTSIDE, RELOAD_FILE, SERVICE_MANAGER, SETTLED, STARTING, WatchDog, dumps,
    in_one_line,
};
use crate::{log_file, parent};

/// Orphans collected for one signal; the next signal collects further ones.
const ORPHANS_A_TURN: usize = 1024;

impl WatchDog {
    pub(super) fn inputs(&mut self, now: Instant, event: Event) -> Vec<Input> {
        match event {
            Event::Timer(OUTSIDE) => {
                let news = self.outside.on_timeout(now, &mut self.scheduler);
                self.tell_outside(news)
            }
            Event::Timer(RELOAD_FILE) => {
                self.reload_file.on_timeout(now).then_some(Input::Reload).into_iter().collect()
            }
            Event::Timer(SERVICE_MANAGER) => {
                let Self { service_manager, supervisor, vrrp, checkers, .. } = self;
                let line = || in_one_line(supervisor, vrrp, checkers);
                service_manager.on_timeout(now, supervisor.is_well(), line);
                Vec::new()
            }
            Event::Timer(SETTLED) => {
                // Most of what it has done so far it does never again.
                sys::process::give_back_memory();
                sys::memory::forget_code();
                Vec::new()
            }
            Event::Timer(LOG_FILES) => {
                self.log_files.on_timeout(&mut self.scheduler);
                Vec::new()
            }
            Event::Timer(STARTING) => {
                self.go_on_in_the_background();
                Vec::new()
            }
            Event::Timer(_) => vec![Input::Timeout],
            Event::Io { token, .. } => {
                let of_child = self
                    .vrrp
                    .on_event(token, &mut self.scheduler)
                    .or_else(|| self.checkers.on_event(token, &mut self.scheduler))
                    .or_else(|| {
                        let told = self.trial.as_mut()?.on_event(token)?;
                        Some(told.into_iter().collect())
                    });
                of_child.unwrap_or_else(|| {
                    if self.log_files.on_event(now, token, &mut self.scheduler)
                        || self.reload_file.on_event(now, token, &mut self.scheduler)
                    {
                        return Vec::new();
                    }
                    let news = self.outside.on_event(now, token, &mut self.scheduler);
                    self.tell_outside(news.unwrap_or_default())
                })
            }
            Event::Signal(signal) if signal == Signal::upgrade() => {
                if self.announce.is_some() {
                    log::warn!("Upgrade: the start is not over yet");
                    return Vec::new();
                }
                vec![Input::Upgrade]
            }
            Event::Signal(Signal::INT) if self.options.ignore_sigint => Vec::new(),
            Event::Signal(Signal::TERM | Signal::INT) => {
                vec![Input::Stop]
            }
            Event::Signal(Signal::HUP) => vec![Input::Reload],
            Event::Signal(Signal::CHLD) => {
                self.collect_orphans();
                Vec::new()
            }
            Event::Signal(signal) => {
                if let Some(report) = parent::report_for(signal) {
                    self.ask_for(report);
                }
                Vec::new()
            }
        }
    }

    /// Tells the children what has changed outside.
    fn tell_outside(&mut self, news: Vec<Sighting>) -> Vec<Input> {
        for sighting in news {
            let message = ToChild::Sighting(sighting);
            self.vrrp.send(&message, None);
            self.checkers.send(&message, None);
        }
        Vec::new()
    }

    /// Asks for the files of `report`; each child that has a part in them answers.
    fn ask_for(&mut self, report: Report) {
        let message = ToChild::Report(report);
        self.vrrp.send(&message, None);
        if report == Report::Data {
            self.checkers.send(&message, None);
            self.dumps.parent(&self.running.config);
        }
    }

    pub(super) fn write_reports(&mut self) {
        let running = &self.running.config;
        let pid = self.vrrp.pid().unwrap_or_default();
        for (report, live) in self.vrrp.take_reports() {
            match self.saved.place(report, "keepalived_vrrp", pid, running) {
                Some((path, config)) => {
                    let clock = self.dumps.clock(live.at);
                    dumps::write(&path, telemetry::vrrp_data(config, &live, clock));
                }
                None => self.dumps.vrrp(report, running, &live),
            }
        }
        let pid = self.checkers.pid().unwrap_or_default();
        for (report, live) in self.checkers.take_reports() {
            match self.saved.place(report, "keepalived_check", pid, running) {
                Some((path, config)) => {
                    let clock = self.dumps.clock(live.at);
                    dumps::write(&path, telemetry::checkers_data(config, &live, clock));
                }
                None if report == Report::Data => self.dumps.checkers(running, &live),
                // Of a reload whose files nobody wants any longer.
                None => {}
            }
        }
    }

    /// A VRRP or checker process, or a program on trial.
    fn is_child(&self, pid: i32) -> bool {
        let tried = self.trial.as_ref().is_some_and(|trial| trial.is(pid));
        tried || self.vrrp.is(pid) || self.checkers.is(pid)
    }

    /// Scripts of a child that has died do not outlive it.
    pub(super) fn end_scripts_of_the_dead(&self) {
        let ours = |pid| {
            self.is_child(pid)
                || self.fifos.is_reader(pid)
                // Also that of a former program, which has the last lines of its children to write.
                || log_file::is_writer(pid)
        };
        if let Err(error) = sys::process::end_orphans(ours) {
            log::debug!("scripts of a dead process are not ended: {error}");
        }
    }

    /// Grandchildren whose own parent has died, scripts of a killed child, come to this process.
    pub(super) fn collect_orphans(&mut self) {
        for _ in 0..ORPHANS_A_TURN {
            match sys::process::reap_orphan(|pid| self.is_child(pid)) {
                Ok(Some(pid)) => self.fifos.ended(pid),
                Ok(None) => return,
                Err(error) => return log::error!("cannot collect an orphan: {error}"),
            }
        }
    }
}
