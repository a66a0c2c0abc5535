//! The parent process: forks the children, hands them the configuration, remembers their state,
//! listens to signals. What to do when is decided by [`watchdog::Supervisor`]; this does it.

mod actions;
mod birth;
mod dumps;
mod events;
mod fifos;
mod handover;
mod lifecycle;
mod log_files;
mod outside;
mod pid_files;
mod reading;
mod reload_file;
mod run_files;
mod saved;
mod service_manager;
mod slot;
mod start;
mod upgrade;
mod way_back;

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use base::Instant;
use scheduler::{Scheduler, Signal, TimerId};
use sys::PidFile;
use sys::process::Announce;
use watchdog::{Input, Output, Role, Settings, Supervisor};

use crate::cli::Options;
use crate::configuration::{self, Usable};
use crate::kind::{Checkers, Vrrp};
use crate::log_file::Writer;
use crate::looked_up::LookedUp;
use crate::{log_setup, parent, plan};
use dumps::Dumps;
use fifos::Fifos;
pub(crate) use handover::HandOver;
use handover::{Origin, Received};
use log_files::LogFiles;
use outside::Outside;
use pid_files::OfChildren;
use reload_file::ReloadFile;
pub(crate) use run_files::RunFiles;
use saved::Saved;
use service_manager::ServiceManager;
use slot::Slot;
pub(crate) use start::run;
use upgrade::Trial;

const TIMER: TimerId = TimerId(0);
const OUTSIDE: TimerId = TimerId(1);
const RELOAD_FILE: TimerId = TimerId(2);
const SERVICE_MANAGER: TimerId = TimerId(3);
const SETTLED: TimerId = TimerId(4);
const LOG_FILES: TimerId = TimerId(5);
const STARTING: TimerId = TimerId(6);

/// So long the process that was started waits for the daemon to be up. A boot that waits for it goes on.
const START_WAIT: base::Duration = base::Duration::from_secs(10);

/// That long after a start or a reload, what it has taken to get there is needed no longer.
const SETTLING: base::Duration = base::Duration::from_secs(1);

/// What children handle, and CHLD, only for orphans of scripts: children are watched by pidfd.
fn signals() -> Vec<Signal> {
    let mut signals = parent::signals().to_vec();
    signals.push(Signal::CHLD);
    signals
}

fn remove(pid_file: PidFile) {
    pid_file.remove().unwrap_or_else(|error| log::error!("{error}"));
}

struct WatchDog {
    options: Options,
    scheduler: Scheduler,
    supervisor: Supervisor,
    outputs: VecDeque<Output>,
    vrrp: Slot<Vrrp>,
    checkers: Slot<Checkers>,
    running: Usable,
    /// What children have to know of `running` besides.
    looked_up: LookedUp,
    fifos: Fifos,
    outside: Outside,
    reload_file: ReloadFile,
    /// `running`, for `--plan`.
    shown: Option<OwnedFd>,
    /// What a reload has read and not adopted yet.
    read: Option<reading::Read>,
    announce: Option<Announce>,
    service_manager: ServiceManager,
    /// All children have been ready once.
    is_up: bool,
    dumps: Dumps,
    saved: Saved,
    log_files: LogFiles,
    /// Of this process.
    pid: i32,
    /// The same open file as that of whoever removes it at the end.
    pid_file: OwnedFd,
    files: RunFiles,
    origin: Origin,
    trial: Option<Trial>,
    /// The file of the program that this one has taken over from.
    former: Option<OwnedFd>,
}

/// What the parent has besides its configuration.
struct Own {
    files: RunFiles,
    pid_file: OwnedFd,
    origin: Origin,
    writer: Option<Writer>,
}

/// What differs between a parent that starts and one that goes on.
struct Parts {
    options: Options,
    running: Usable,
    shown: Option<OwnedFd>,
    own: Own,
    scheduler: Scheduler,
    supervisor: Supervisor,
    outputs: Vec<Output>,
    vrrp: Slot<Vrrp>,
    checkers: Slot<Checkers>,
    fifos: Fifos,
    announce: Option<Announce>,
    former: Option<OwnedFd>,
}

impl WatchDog {
    fn new(
        options: Options,
        running: Usable,
        own: Own,
        (announce, blocked): (Option<Announce>, sys::BlockedSignals),
        of_children: &mut OfChildren,
    ) -> io::Result<Self> {
        let (shown, running) = plan::compact(running)?;
        let wanted = configuration::wanted(&options, &running.config);
        if wanted.is_empty() {
            log::warn!("Warning - keepalived has no configuration to run");
        }
        let mut outputs = Vec::new();
        let supervisor = Supervisor::start(settings(&options, &running), &wanted, &mut outputs);
        let mut scheduler = Scheduler::new(&signals())?;
        drop(blocked);
        if announce.is_some() {
            scheduler.set_timer(STARTING, sys::clock::now() + START_WAIT);
        }
        let vrrp = Slot::new(&own.files.vrrp, of_children.vrrp.take());
        let checkers = Slot::new(&own.files.checkers, of_children.checkers.take());
        let fifos = Fifos::default();
        Ok(Self::with(Parts {
            options,
            running,
            shown,
            own,
            scheduler,
            supervisor,
            outputs,
            vrrp,
            checkers,
            fifos,
            announce,
            former: None,
        }))
    }

    /// Goes on where the former program of this process was.
    fn resume(
        options: Options,
        received: Received,
        writer: Option<Writer>,
        unblock: sys::BlockedSignals,
    ) -> io::Result<Self> {
        let Received { hand_over, usable: running, pid_file, former } = received;
        let HandOver { files, origin, vrrp, checkers, fifos, reload, no_return, .. } = hand_over;
        let mut scheduler = Scheduler::new(&signals())?;
        drop(unblock);
        let places =
            [(Role::Vrrp, vrrp.process.is_some()), (Role::Checkers, checkers.process.is_some())];
        let worked = places.into_iter().filter(|(_, works)| *works).map(|(role, _)| role);
        let predecessors = worked.collect();
        let wanted = configuration::wanted(&options, &running.config);
        let former = former.filter(|_| !no_return);
        let settings = Settings { no_return: former.is_none(), ..settings(&options, &running) };
        let mut outputs = Vec::new();
        let supervisor = Supervisor::resume(settings, &predecessors, &wanted, reload, &mut outputs);
        let fifos = Fifos::resume(fifos, &running.config);
        let vrrp = Slot::resume(&files.vrrp, vrrp, &mut scheduler)?;
        let checkers = Slot::resume(&files.checkers, checkers, &mut scheduler)?;
        let mut watch_dog = Self::with(Parts {
            shown: plan::show(&running),
            options,
            running,
            own: Own { files, pid_file, origin, writer },
            scheduler,
            supervisor,
            outputs,
            vrrp,
            checkers,
            fifos,
            announce: None,
            former,
        });
        // What ended while nobody listened.
        watch_dog.collect_orphans();
        Ok(watch_dog)
    }

    /// Looks outside from now on, as the configuration wants it.
    fn with(parts: Parts) -> Self {
        let Parts { options, running, shown, own, mut scheduler, mut supervisor, outputs, .. } =
            parts;
        let Parts { vrrp, checkers, mut fifos, announce, former, .. } = parts;
        let Own { files, pid_file, origin, writer } = own;
        let (now, pid) = (sys::clock::now(), sys::process::own_pid());
        let wanted = configuration::wanted(&options, &running.config);
        let looked_up = LookedUp::of(&running.config, &wanted);
        fifos.follow(&running.config);
        let mut outside = Outside::default();
        outside.follow(now, &running.config, &mut scheduler);
        let mut reload_file = ReloadFile::default();
        reload_file.follow(now, &running.config.global.reload, &mut scheduler);
        supervisor.weigh(configuration::objects(&running.config));
        let mut saved = Saved::default();
        saved.loaded(&options, &running.config, pid);
        Self {
            options,
            supervisor,
            outputs: outputs.into(),
            vrrp,
            checkers,
            running,
            looked_up,
            fifos,
            outside,
            reload_file,
            shown,
            read: None,
            announce,
            service_manager: ServiceManager::of_environment(now),
            is_up: false,
            dumps: Dumps::new(),
            saved,
            log_files: LogFiles::new(writer, &mut scheduler),
            scheduler,
            pid,
            pid_file,
            files,
            origin,
            trial: None,
            former,
        }
    }

    /// What the next program of this process needs to go on.
    fn hand_over(&self, reload: bool) -> HandOver {
        HandOver {
            build: ipc::BUILD.to_owned(),
            pid: std::process::id(),
            origin: self.origin.clone(),
            launch: self.running.config.global.launch.clone(),
            files: self.files.clone(),
            pid_file: self.pid_file.as_raw_fd(),
            program: -1,
            prepared: None,
            vrrp: self.vrrp.hand_over(),
            checkers: self.checkers.hand_over(),
            fifos: self.fifos.hand_over(),
            reload,
            way_back: None,
            returned: None,
            failed: None,
            no_return: false,
        }
    }

    /// Turns until all is over. A fork takes the whole by value: the child lets go of it.
    fn live(mut self) -> io::Result<i32> {
        let mut events = Vec::new();
        loop {
            while let Some(output) = self.outputs.pop_front() {
                match output {
                    Output::Fork(Role::Vrrp) => self = self.fork(Self::vrrp_place),
                    Output::Fork(Role::Checkers) => self = self.fork(Self::checkers_place),
                    Output::Exit(status) => return Ok(self.end(status)),
                    other => self.act(other),
                }
            }
            if self.supervisor.all_ready() && !self.is_up {
                self.is_up = true;
                log::info!("Startup complete");
                let line = in_one_line(&self.supervisor, &self.vrrp, &self.checkers);
                self.service_manager.up(line);
                if let Some(announce) = self.announce.take() {
                    announce.tell(0);
                }
                self.scheduler.set_timer(SETTLED, sys::clock::now() + SETTLING);
            }
            self.vrrp.flush(&mut self.scheduler);
            self.checkers.flush(&mut self.scheduler);
            self.scheduler.arm(TIMER, self.supervisor.next_timeout());
            self.scheduler.arm(OUTSIDE, self.outside.next_timeout());
            self.scheduler.arm(RELOAD_FILE, self.reload_file.next_timeout());
            self.scheduler.arm(SERVICE_MANAGER, self.service_manager.next_timeout());
            log_setup::flush(sys::clock::now(), &mut self.scheduler);
            let now = self.scheduler.turn(&mut events)?;
            for event in events.drain(..) {
                for input in self.inputs(now, event) {
                    self.feed(now, input);
                }
            }
            self.write_reports();
        }
    }

    /// The process that was started is not to wait any longer: who is to mend what hinders the children
    /// may wait for it.
    fn go_on_in_the_background(&mut self) {
        if let Some(announce) = self.announce.take() {
            log::warn!("The start takes long and goes on in the background");
            announce.tell(0);
        }
    }

    fn feed(&mut self, now: Instant, input: Input) {
        let in_order = watchdog::Exit::Status(0);
        if matches!(input, Input::Exited(_, exit) if exit != in_order)
            || matches!(input, Input::PredecessorExited(_))
        {
            self.end_scripts_of_the_dead();
        }
        let mut outputs = Vec::new();
        self.supervisor.handle_input(now, input, &mut outputs);
        self.outputs.extend(outputs);
    }

    fn end(mut self, status: i32) -> i32 {
        self.vrrp.remove_pid_file();
        self.checkers.remove_pid_file();
        if let Some(announce) = self.announce.take() {
            announce.tell(u8::try_from(status).unwrap_or(1));
        }
        self.fifos.end();
        lifecycle::shutdown(&self.running.config, &mut self.service_manager);
        // The process ends: the system takes at once what would be taken apart piece by piece.
        std::mem::forget((self.running, self.vrrp, self.checkers));
        status
    }
}

fn settings(options: &Options, running: &Usable) -> Settings {
    let launch = &running.config.global.launch;
    Settings {
        dont_respawn: options.dont_respawn,
        no_heartbeat: options.ignore_sigint,
        child_wait: launch.child_wait_time.unwrap_or(Settings::CHILD_WAIT),
        no_return: false,
    }
}

/// What all processes do, for people.
fn in_one_line(supervisor: &Supervisor, vrrp: &Slot<Vrrp>, checkers: &Slot<Checkers>) -> String {
    let runs = |role| supervisor.child(role) != watchdog::child::Child::Ended;
    service_manager::state(
        runs(Role::Vrrp).then(|| vrrp.known()),
        runs(Role::Checkers).then(|| checkers.known()),
    )
}
