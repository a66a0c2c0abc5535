//! The parent process: forks the children, hands them the configuration, remembers their state,
//! listens to signals. What to do when is decided by [`watchdog::Supervisor`]; this does it.

mod dumps;
mod fifos;
mod handover;
mod lifecycle;
mod outside;
mod reading;
mod run_files;
mod slot;
mod start;
mod upgrade;

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use base::{Instant, Sighting};
use control_plane::Config;
use ipc::{Generation, Report, ToChild};
use scheduler::{Event, Scheduler, Signal, TimerId};
use sys::process::Announce;
use sys::service_manager::Moment;
use sys::{Forked, PidFile};
use watchdog::{Command, Input, Output, Role, Settings, Supervisor};

use crate::cli::Options;
use crate::configuration::{self, Usable};
use crate::kind::{Birth, Checkers, End, Kind, Vrrp};
use crate::{log_setup, parent, plan, scheduling};
use dumps::Dumps;
use fifos::Fifos;
pub(crate) use handover::HandOver;
use handover::{Origin, Received};
use outside::Outside;
pub(crate) use run_files::RunFiles;
use slot::Slot;
pub(crate) use start::run;
use upgrade::Trial;

const TIMER: TimerId = TimerId(0);
const OUTSIDE: TimerId = TimerId(1);

/// What children handle, and CHLD, only for orphans of scripts: children are watched by pidfd.
fn signals() -> Vec<Signal> {
    let mut signals = parent::signals().to_vec();
    signals.push(Signal::CHLD);
    signals
}

/// Orphans collected for one signal; the next signal collects further ones.
const ORPHANS_A_TURN: usize = 1024;

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
    fifos: Fifos,
    outside: Outside,
    /// `running`, for `--plan`.
    shown: Option<OwnedFd>,
    /// What a reload has read and not adopted yet.
    read: Option<Usable>,
    announce: Option<Announce>,
    /// All children have been ready once.
    is_up: bool,
    dumps: Dumps,
    /// Of this process.
    pid: i32,
    /// The same open file as that of whoever removes it at the end.
    pid_file: OwnedFd,
    files: RunFiles,
    origin: Origin,
    trial: Option<Trial>,
}

/// What the parent has besides its configuration.
struct Own {
    files: RunFiles,
    pid_file: OwnedFd,
    origin: Origin,
}

impl WatchDog {
    fn new(
        options: Options,
        running: Usable,
        own: Own,
        announce: Option<Announce>,
    ) -> io::Result<Self> {
        let wanted = configuration::wanted(&options, &running.config);
        if wanted.is_empty() {
            log::warn!("Warning - keepalived has no configuration to run");
        }
        let mut outputs = Vec::new();
        let supervisor = Supervisor::start(settings(&options, &running), &wanted, &mut outputs);
        let mut fifos = Fifos::default();
        fifos.follow(&running.config);
        let mut scheduler = Scheduler::new(&signals())?;
        let mut outside = Outside::default();
        outside.follow(sys::clock::now(), &running.config, &mut scheduler);
        let Own { files, pid_file, origin } = own;
        Ok(Self {
            scheduler,
            supervisor,
            outputs: outputs.into(),
            vrrp: Slot::new(&files.vrrp),
            checkers: Slot::new(&files.checkers),
            shown: plan::show(&running),
            running,
            fifos,
            outside,
            read: None,
            announce,
            is_up: false,
            dumps: Dumps::new(),
            options,
            pid: sys::process::own_pid(),
            pid_file,
            files,
            origin,
            trial: None,
        })
    }

    /// Goes on where the former program of this process was.
    fn resume(
        options: Options,
        received: Received,
        unblock: sys::BlockedSignals,
    ) -> io::Result<Self> {
        let Received { hand_over, usable: running, pid_file } = received;
        let HandOver { files, origin, vrrp, checkers, fifos, reload, .. } = hand_over;
        let mut scheduler = Scheduler::new(&signals())?;
        drop(unblock);
        let places =
            [(Role::Vrrp, vrrp.process.is_some()), (Role::Checkers, checkers.process.is_some())];
        let worked = places.into_iter().filter(|(_, works)| *works).map(|(role, _)| role);
        let predecessors = worked.collect();
        let wanted = configuration::wanted(&options, &running.config);
        let settings = settings(&options, &running);
        let mut outputs = Vec::new();
        let supervisor = Supervisor::resume(settings, &predecessors, &wanted, reload, &mut outputs);
        let mut fifos = Fifos::resume(fifos, &running.config);
        fifos.follow(&running.config);
        let mut outside = Outside::default();
        outside.follow(sys::clock::now(), &running.config, &mut scheduler);
        let watch_dog = Self {
            outside,
            vrrp: Slot::resume(&files.vrrp, vrrp, &mut scheduler)?,
            checkers: Slot::resume(&files.checkers, checkers, &mut scheduler)?,
            scheduler,
            supervisor,
            outputs: outputs.into(),
            shown: plan::show(&running),
            running,
            fifos,
            read: None,
            announce: None,
            is_up: false,
            dumps: Dumps::new(),
            options,
            pid: sys::process::own_pid(),
            pid_file,
            files,
            origin,
            trial: None,
        };
        // What ended while nobody listened.
        watch_dog.collect_orphans();
        Ok(watch_dog)
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
                tell(Moment::Ready);
                if let Some(announce) = self.announce.take() {
                    announce.tell(0);
                }
            }
            self.vrrp.flush(&mut self.scheduler);
            self.checkers.flush(&mut self.scheduler);
            self.scheduler.arm(TIMER, self.supervisor.next_timeout());
            self.scheduler.arm(OUTSIDE, self.outside.next_timeout());
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

    fn feed(&mut self, now: Instant, input: Input) {
        if let Input::Exited(_, watchdog::Exit::Signal(_)) = input {
            self.end_scripts_of_the_dead();
        }
        let mut outputs = Vec::new();
        self.supervisor.handle_input(now, input, &mut outputs);
        self.outputs.extend(outputs);
    }

    fn inputs(&mut self, now: Instant, event: Event) -> Vec<Input> {
        match event {
            Event::Timer(OUTSIDE) => {
                let news = self.outside.on_timeout(now, &mut self.scheduler);
                self.tell_outside(news)
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
                vec![Input::Stop { objects: configuration::objects(&self.running.config) }]
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

    fn write_reports(&mut self) {
        for (report, live) in self.vrrp.take_reports() {
            self.dumps.vrrp(report, &self.running.config, &live);
        }
        for (_, live) in self.checkers.take_reports() {
            self.dumps.checkers(&self.running.config, &live);
        }
    }

    /// Scripts of a child that has died do not outlive it.
    fn end_scripts_of_the_dead(&self) {
        let tried = |pid| self.trial.as_ref().is_some_and(|trial| trial.is(pid));
        let ours = |pid| {
            self.vrrp.is(pid) || self.checkers.is(pid) || tried(pid) || self.fifos.is_reader(pid)
        };
        if let Err(error) = sys::process::end_orphans(ours) {
            log::debug!("scripts of a dead process are not ended: {error}");
        }
    }

    /// Grandchildren whose own parent has died, scripts of a killed child, come to this process.
    fn collect_orphans(&self) {
        let tried = |pid| self.trial.as_ref().is_some_and(|trial| trial.is(pid));
        let ours = |pid| self.vrrp.is(pid) || self.checkers.is(pid) || tried(pid);
        for _ in 0..ORPHANS_A_TURN {
            match sys::process::reap_orphan(ours) {
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(error) => return log::error!("cannot collect an orphan: {error}"),
            }
        }
    }

    fn act(&mut self, output: Output) {
        match output {
            Output::Log(event) => {
                tell_service_manager(&event);
                let level = if event.is_error() { log::Level::Error } else { log::Level::Info };
                log::log!(level, "{event}");
            }
            Output::Load => {
                let input = self.read_for_reload();
                self.feed(sys::clock::now(), input);
            }
            Output::Adopt => {
                if let Some(usable) = self.read.take() {
                    self.vrrp.moves_on(self.shown.as_ref());
                    self.checkers.moves_on(self.shown.as_ref());
                    self.running = usable;
                    self.fifos.follow(&self.running.config);
                    self.look_outside();
                    self.shown = plan::show(&self.running);
                }
            }
            Output::Discard => self.read = None,
            Output::Send(role, command) => self.send(role, command),
            Output::Ping(role, number) => {
                let message = ToChild::Ping(number);
                match role {
                    Role::Vrrp => self.vrrp.send(&message, None),
                    Role::Checkers => self.checkers.send(&message, None),
                }
            }
            Output::Kill(role, signal) => match role {
                Role::Vrrp => self.vrrp.signal(number(signal)),
                Role::Checkers => self.checkers.signal(number(signal)),
            },
            Output::KillPredecessor(role, signal) => match role {
                Role::Vrrp => self.vrrp.signal_predecessor(number(signal)),
                Role::Checkers => self.checkers.signal_predecessor(number(signal)),
            },
            Output::Retire(role) => match role {
                Role::Vrrp => self.vrrp.retire(),
                Role::Checkers => self.checkers.retire(),
            },
            Output::Begin(role) => {
                let (generation, config) = (self.supervisor.generation(), &self.running.config);
                let outside = self.outside.all();
                match role {
                    Role::Vrrp => self.vrrp.begin(generation, config, &outside),
                    Role::Checkers => self.checkers.begin(generation, config, &outside),
                }
            }
            Output::Try => {
                if let Some(input) = self.begin_trial() {
                    self.feed(sys::clock::now(), input);
                }
            }
            Output::EndTrial => self.end_trial(),
            Output::TakeOver { reload } => {
                let failed = self.take_over(reload);
                self.feed(sys::clock::now(), failed);
            }
            // `live` has taken these out.
            Output::Fork(_) | Output::Exit(_) => {}
        }
    }

    fn send(&mut self, role: Role, command: Command) {
        let new: Option<&Config> = self.read.as_ref().map(|usable| &usable.config);
        let (message, config) = match command {
            Command::Prepare(number) => (ToChild::Prepare { generation: Generation(number) }, new),
            Command::Commit(number) => (ToChild::Commit { generation: Generation(number) }, None),
            Command::Abort(number) => (ToChild::Abort { generation: Generation(number) }, None),
        };
        match role {
            Role::Vrrp => self.vrrp.send(&message, config),
            Role::Checkers => self.checkers.send(&message, config),
        }
    }

    /// Before the children commit to a configuration they are told of what it names outside.
    fn look_outside(&mut self) {
        self.outside.follow(sys::clock::now(), &self.running.config, &mut self.scheduler);
        let all = self.outside.all();
        self.vrrp.send_outside(&all);
        self.checkers.send_outside(&all);
    }

    fn vrrp_place(&mut self) -> Place<'_, Vrrp> {
        Place {
            slot: &mut self.vrrp,
            scheduler: &mut self.scheduler,
            outside: self.outside.all(),
            generation: self.supervisor.generation(),
        }
    }

    fn checkers_place(&mut self) -> Place<'_, Checkers> {
        Place {
            slot: &mut self.checkers,
            scheduler: &mut self.scheduler,
            outside: self.outside.all(),
            generation: self.supervisor.generation(),
        }
    }

    fn fork<K: Kind>(mut self, place: fn(&mut Self) -> Place<'_, K>) -> Self {
        let input = match place(&mut self).fork() {
            Ok(Forking::Parent(pid)) => Input::Forked(K::ROLE, pid),
            Ok(Forking::Child(channel, blocked)) => self.become_child::<K>(channel, blocked),
            Err(why) => Input::ForkFailed(K::ROLE, why),
        };
        self.feed(sys::clock::now(), input);
        self
    }

    /// In the new process: lets go of everything that is the parent's and never comes back.
    fn become_child<K: Kind>(
        self,
        channel: crate::kind::ToParentChannel<K>,
        blocked: sys::BlockedSignals,
    ) -> ! {
        let Self {
            options,
            scheduler,
            announce,
            vrrp,
            checkers,
            pid: parent,
            running,
            shown,
            outside,
            pid_file,
            trial,
            fifos,
            ..
        } = self;
        let config = running.config;
        let global = &config.global;
        // Dropped in a copy these close descriptors; the parent has its own.
        drop((scheduler, announce, shown, outside, pid_file, trial, fifos));
        let pid_files = (vrrp.into_pid_file(), checkers.into_pid_file());
        let own = match K::ROLE {
            Role::Vrrp => pid_files.0,
            Role::Checkers => pid_files.1,
        };
        log_setup::child(K::ROLE, &global.launch);
        let settings = match K::ROLE {
            Role::Vrrp => &global.vrrp_process,
            Role::Checkers => &global.checker_process,
        };
        scheduling::apply(settings);
        if let Some(name) = &settings.name {
            // Not worth a failure.
            let _ = sys::process::set_name(name);
        }
        let end = match sys::process::die_with_parent(parent) {
            Ok(()) => K::run(&options, Birth { channel, unblock: blocked, config }),
            // It died between the fork and here; there is nobody to work for.
            Err(error) => {
                log::error!("{error}");
                End::Status(1)
            }
        };
        let status = match end {
            End::Status(status) => {
                if let Some(file) = own {
                    remove(file);
                }
                status
            }
            End::Retired => 0,
        };
        log_setup::finish();
        std::process::exit(status)
    }

    fn end(mut self, status: i32) -> i32 {
        self.vrrp.remove_pid_file();
        self.checkers.remove_pid_file();
        if let Some(announce) = self.announce.take() {
            announce.tell(u8::try_from(status).unwrap_or(1));
        }
        self.fifos.end();
        lifecycle::shutdown(&self.running.config);
        status
    }
}

fn settings(options: &Options, running: &Usable) -> Settings {
    let launch = &running.config.global.launch;
    Settings {
        dont_respawn: options.dont_respawn,
        no_heartbeat: options.ignore_sigint,
        child_wait: launch.child_wait_time.unwrap_or(Settings::CHILD_WAIT),
    }
}

const fn number(signal: watchdog::Signal) -> Signal {
    match signal {
        watchdog::Signal::Term => Signal::TERM,
        watchdog::Signal::Kill => Signal::KILL,
    }
}

fn tell_service_manager(event: &watchdog::Event) {
    match event {
        watchdog::Event::Reloading => tell(Moment::Reloading),
        watchdog::Event::Reloaded | watchdog::Event::Refused(_) => tell(Moment::Ready),
        watchdog::Event::Stopping => tell(Moment::Stopping),
        _ => {}
    }
}

fn tell(moment: Moment) {
    if let Err(error) = sys::service_manager::tell(moment) {
        log::warn!("cannot tell the service manager ({moment:?}): {error}");
    }
}

/// A place for a child, and what a child needs to begin.
struct Place<'a, K: Kind> {
    slot: &'a mut Slot<K>,
    scheduler: &'a mut Scheduler,
    outside: Vec<Sighting>,
    generation: u64,
}

impl<K: Kind> Place<'_, K> {
    fn fork(self) -> Result<Forking<K>, String> {
        self.slot.claim_pid_file().unwrap_or_else(|error| log::error!("{error}"));
        let (ours, theirs) = Slot::<K>::channel().map_err(|error| error.to_string())?;
        let child = match self.scheduler.fork().map_err(|error| error.to_string())? {
            Forked::Child(blocked) => return Ok(Forking::Child(theirs, blocked)),
            Forked::Parent(child) => child,
        };
        drop(theirs);
        let pid = child.pid();
        let Self { slot, scheduler, outside, generation } = self;
        slot.adopt(child, ours, generation, &outside, scheduler)?;
        Ok(Forking::Parent(pid))
    }
}

/// Which side of a fork this is.
enum Forking<K: Kind> {
    Parent(i32),
    Child(crate::kind::ToParentChannel<K>, sys::BlockedSignals),
}
