//! The checker process: turns results of probes and orders into inputs of the [`Checkers`] machine,
//! and its outputs into connections and IPVS requests.

mod kernel;
mod marks;
mod patterns;
mod presence;
mod probes;
mod scripts;
mod services;
pub(crate) mod stream;
pub(crate) mod tls;
mod wanted;

use std::io;

use base::{Instant, Sighting};
use checkers::{
    Checkers, Input, Level, Outcome, Output, Outputs, Outside, ProbeId, ProbeSpec, Snapshot,
    StateChange,
};
use control_plane::Config;
use control_plane::model::GroupNames;
use control_plane::model::global::{Fifo, ProcessSettings};
use ipc::{Report, ToParent};
use scheduler::{Event, Scheduler, Signal, TimerId};
use telemetry::CheckersLive;

use crate::cli::Options;
use crate::fifos::Fifos;
use crate::kind::{self, Birth, CheckersState, End};
use crate::lateness::Lateness;
use crate::log_setup;
use crate::mail::Mailer;
use crate::parent::{self, Going, Order, Parent, Start};
use crate::{privilege, scheduling};
use kernel::{Kernel, OpenError};
use patterns::Patterns;
use presence::Presence;
use probes::{Happened, Probes};
use scripts::{Scripts, commands, outcome};
use stream::Ready;
use tls::TlsClient;

/// Descriptors that are not probes: loop, channel, netlink, log, scripts that tell about states.
const OWN_DESCRIPTORS: u64 = 128;

/// What every process may open where nobody has changed it.
const LEAST_OPEN_FILES: u64 = 1024;

const MACHINE: TimerId = TimerId(0);
const KERNEL: TimerId = TimerId(1);
const SCRIPTS: TimerId = TimerId(2);
const PRESENCE: TimerId = TimerId(3);

/// Runs the checker process.
pub(crate) fn run(options: &Options, birth: Birth<kind::Checkers>) -> End {
    match live(options, birth) {
        Ok(end) => end,
        Err(Failure::Unavailable(why)) => {
            log::error!("IPVS: Can't initialize ipvs: {why}");
            End::Status(3)
        }
        Err(Failure::Io(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
            log::error!("the checker process lacks a privilege: {error}");
            End::Status(4)
        }
        Err(Failure::Io(error)) => {
            log::error!("the checker process cannot go on: {error}");
            End::Status(1)
        }
    }
}

/// Why the process ends before it is told to.
enum Failure {
    /// This system cannot do what the process is for.
    Unavailable(String),
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn live(options: &Options, birth: Birth<kind::Checkers>) -> Result<End, Failure> {
    let Birth { channel, unblock, life, config, looked_up } = birth;
    // Until the table is there.
    sys::memory::hold();
    let mut scheduler = Scheduler::new(&parent::signals())?;
    drop(unblock);
    let mut parent = Parent::new(channel, life, &mut scheduler)?;
    let kernel = Kernel::open(&config.global.launch).map_err(|error| match error {
        OpenError::Unavailable(why) => Failure::Unavailable(why),
        OpenError::Failed(why) => Failure::Io(io::Error::other(why)),
    })?;
    privilege::of_checkers();
    parent.say_warm();
    let Some(start) = parent.await_start::<Snapshot>((config, looked_up), &mut scheduler)? else {
        return Ok(End::Status(0));
    };
    let mut process = Process::new(scheduler, parent, kernel, start)?;
    process.keep_table = options.keep_ipvs;
    Ok(process.live()?)
}

struct Process {
    scheduler: Scheduler,
    parent: Parent<CheckersState>,
    kernel: Kernel,
    presence: Presence,
    probes: Probes,
    patterns: Patterns,
    scripts: Scripts,
    mailer: Mailer,
    fifos: Fifos,
    machine: Checkers,
    outputs: Outputs,
    /// The parent keeps what the timeouts were before.
    timeouts_told: bool,
    /// `-I`.
    keep_table: bool,
    settings: ProcessSettings,
    lateness: Lateness,
    going: Option<Going>,
    /// A start or a reload has needed memory that nobody needs any more.
    has_grown: bool,
    /// A new configuration that the parent has not been told of yet: once the kernel is programmed.
    reached: Option<ipc::Generation>,
}

impl Process {
    fn new(
        mut scheduler: Scheduler,
        mut parent: Parent<CheckersState>,
        mut kernel: Kernel,
        start: Start<Snapshot>,
    ) -> io::Result<Self> {
        let Start { generation, config, looked_up, known, outside, former, leave } = start;
        let (config, then) = match former {
            Some((former, _)) => (former, Some(config)),
            None => (config, None),
        };
        let mut outputs = Outputs::new();
        let now = sys::clock::now();
        let seed = match config.global.launch.random_seed {
            Some(seed) => u64::from(seed),
            None => sys::random::random_u64()?,
        };
        if known.is_none() {
            kernel.start(&config.lvs);
        }
        if let Some(known) = &known {
            kernel.recall(known);
        }
        kernel.size_buffers(&config.global.buffers);
        kernel.configure(&config, None);
        let mut presence = Presence::default();
        let addresses = presence.configure(&config.lvs, &config.global.buffers, &mut scheduler);
        let files = outside.into_iter().filter_map(file).collect();
        let outside = Outside { files, addresses };
        let (lvs, known) = (&config.lvs, known.as_ref());
        let mut machine = Checkers::with_outside(now, lvs, known, outside, seed, &mut outputs);
        machine.limit_probes(places());
        let (probes, scripts) = (
            Probes::new(TlsClient::new(&config.lvs.tls)?),
            Scripts::new(&config, commands(&config)),
        );
        // Certificates, users and files may take their time; from `Ready` on the parent expects signs of
        // life.
        parent.say(&ToParent::Ready { generation });
        let mut fifos = Fifos::default();
        fifos.follow(pipes(&config));
        let mut process = Self {
            scheduler,
            parent,
            kernel,
            presence,
            probes,
            patterns: Patterns::new(&config.lvs),
            scripts,
            mailer: Mailer::new(&config, looked_up.sender),
            fifos,
            machine,
            outputs,
            timeouts_told: false,
            keep_table: false,
            settings: config.global.checker_process.clone(),
            lateness: Lateness::new(&config.global, &config.global.checker_process),
            going: leave.then_some(Going::Leave),
            has_grown: true,
            reached: None,
        };
        if let Some(new) = then {
            process.reload(now, &new);
            process.reached = Some(generation);
        }
        Ok(process)
    }

    fn live(mut self) -> io::Result<End> {
        logging::gather();
        let mut events = Vec::new();
        let mut now = sys::clock::now();
        loop {
            self.carry_out(now);
            match self.going {
                Some(Going::Leave) => return self.leave(now),
                Some(Going::Retire) => return self.retire(),
                None => {}
            }
            if std::mem::take(&mut self.has_grown) {
                self.machine.compact();
                self.kernel.compact();
                sys::memory::give_back_early();
                sys::process::give_back_memory();
            }
            // What carrying out has led to is not left until something else happens.
            let next = match self.machine.next_timeout() {
                _ if !self.outputs.is_empty() || self.parent.is_busy() => Some(now),
                next => next.map(|at| at + self.machine.slack()),
            };
            self.scheduler.arm(MACHINE, next);
            self.scheduler.arm(KERNEL, self.kernel.next_timeout());
            self.scheduler.arm(SCRIPTS, self.scripts.next_timeout());
            self.scheduler.arm(PRESENCE, self.presence.next_timeout());
            log_setup::flush(now, &mut self.scheduler);
            now = self.scheduler.turn(&mut events)?;
            self.parent.show_life(now);
            self.lateness.learn(self.scheduler.lateness());
            for event in events.drain(..) {
                self.on_event(now, event);
            }
        }
    }

    /// The table is emptied of what is ours, unless `-I` says that it stays.
    fn leave(mut self, now: Instant) -> io::Result<End> {
        sys::memory::hold();
        if self.keep_table {
            self.kernel.leave_alone();
        }
        self.input(now, Input::Stop);
        self.carry_out(now);
        self.kernel.leave();
        let Self { mut scheduler, scripts, mailer, machine, kernel, patterns, .. } = self;
        scripts.finish(SCRIPTS, &mut scheduler)?;
        mailer.finish(&mut scheduler)?;
        // The system takes all of it at once; piece by piece that would first be copied, page by page,
        // where it is shared with the parent.
        std::mem::forget((machine, kernel, patterns));
        Ok(End::Status(0))
    }

    /// The table stays as it is: a successor goes on with it, from what this process knows.
    fn retire(self) -> io::Result<End> {
        let Self { mut scheduler, mut parent, kernel, machine, probes, scripts, mailer, .. } = self;
        let mut known = machine.snapshot();
        kernel.complete(&mut known);
        parent.say_last_words(&known);
        drop(probes);
        scripts.linger(SCRIPTS, &mut scheduler, &mut parent)?;
        mailer.finish(&mut scheduler)?;
        Ok(End::Retired)
    }

    fn input(&mut self, now: Instant, input: Input<'_>) {
        self.machine.handle_input(now, input, &mut self.outputs);
    }

    fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Timer(MACHINE) => self.input(now, Input::Timeout),
            Event::Timer(SCRIPTS) => self.scripts.on_timeout(now, &mut self.scheduler),
            Event::Timer(PRESENCE) => self.on_presence(now),
            // `carry_out` looks at the kernel.
            Event::Timer(_) => {}
            Event::Signal(Signal::TERM) => self.going = Some(Going::Leave),
            // The other files are the VRRP process's.
            Event::Signal(Signal::USR1) => self.report(now, Report::Data),
            Event::Signal(_) => {}
            Event::Io { token, .. } if token == self.parent.token() => self.on_parent(now),
            Event::Io { token, .. } if self.presence.owns(token) => self.on_presence(now),
            Event::Io { token, readable, ended, .. } => {
                if let Some((probe, exit)) = self.scripts.exited(token, now, &mut self.scheduler) {
                    self.input(now, Input::ProbeDone { probe, outcome: outcome(exit) });
                }
                for happened in
                    self.probes.ready(token, Ready { readable, ended }, &mut self.scheduler)
                {
                    self.on_probe(now, happened);
                }
            }
        }
    }

    fn on_presence(&mut self, now: Instant) {
        let here = self.presence.drain(now, &mut self.scheduler);
        self.input(now, Input::Addresses(&here));
    }

    fn on_probe(&mut self, now: Instant, happened: Happened) {
        match happened {
            Happened::Done(probe, outcome) => self.input(now, Input::ProbeDone { probe, outcome }),
            Happened::Connected(probe) => self.input(now, Input::ProbeConnected { probe }),
            Happened::Received(probe, bytes) => {
                self.input(now, Input::ProbeReceived { probe, bytes: &bytes });
            }
            Happened::Ended(probe, error) => self.input(now, Input::ProbeEnded { probe, error }),
        }
    }

    fn start_probe(&mut self, now: Instant, probe: ProbeId, spec: &ProbeSpec) {
        let scheduler = &mut self.scheduler;
        let happened = match spec {
            ProbeSpec::Connect(to) => self.probes.connect(probe, to, scheduler),
            ProbeSpec::Talk { to, over } => self.probes.talk(probe, to, over, scheduler),
            ProbeSpec::Run(command) => self
                .scripts
                .start_check(probe, command, scheduler)
                .inspect_err(|error| log::debug!("{probe}: {error}"))
                .is_err()
                .then_some(Happened::Done(probe, Outcome::Failed)),
        };
        if let Some(happened) = happened {
            self.on_probe(now, happened);
        }
    }

    fn on_parent(&mut self, now: Instant) {
        while let Some(order) = self.parent.next_order() {
            match order {
                Order::Prepare(generation, new) => {
                    let changes = self.machine.plan(&new.lvs);
                    let names = self.machine.names_with(&new.lvs);
                    let plan = changes.iter().map(|one| one.named(&names).to_string());
                    self.parent.say_prepared(generation, plan);
                }
                Order::Commit(generation, new, _) => {
                    self.reload(now, &new);
                    self.reached = Some(generation);
                }
                Order::Report(report) => self.report(now, report),
                Order::Outside(seen) => {
                    for (name, value) in seen.into_iter().filter_map(file) {
                        self.input(now, Input::FileSeen { name: &name, value });
                    }
                }
                Order::Go(going) => {
                    self.going = self.going.max(Some(going));
                    return;
                }
            }
        }
    }

    fn report(&mut self, now: Instant, report: Report) {
        let (known, script_runs) = (self.machine.snapshot(), self.machine.script_runs());
        self.parent.report_live(report, &CheckersLive { at: now, known, script_runs });
    }

    fn reload(&mut self, now: Instant, new: &Config) {
        log::info!("Reinitializing ipvs");
        self.has_grown = true;
        sys::memory::hold();
        scheduling::change(&self.settings, &new.global.checker_process);
        self.settings = new.global.checker_process.clone();
        self.lateness.reload(&new.global, &self.settings);
        self.scripts.reload(new, commands(new));
        self.mailer.reload(new);
        self.fifos.follow(pipes(new));
        self.patterns = Patterns::new(&new.lvs);
        match TlsClient::new(&new.lvs.tls) {
            Ok(tls) => self.probes.set_tls(tls),
            Err(error) => log::error!("SSL: {error}, the former client certificate stays"),
        }
        let buffers = &new.global.buffers;
        self.kernel.size_buffers(buffers);
        self.kernel.configure(new, Some(&self.machine));
        let here = self.presence.configure(&new.lvs, buffers, &mut self.scheduler);
        self.input(now, Input::Addresses(&here));
        self.input(now, Input::Reload(&new.lvs));
    }

    /// The end of a turn: kernel, probes, parent, log.
    fn carry_out(&mut self, now: Instant) {
        if self.kernel.reconcile(now, &mut self.machine) {
            self.machine.kernel_is_current();
        }
        if let Some(generation) = self.reached.take() {
            self.parent.say(&ToParent::Reloaded { generation });
        }
        for output in std::mem::take(&mut self.outputs) {
            match output {
                Output::StartProbe { probe, spec, .. } => self.start_probe(now, probe, &spec),
                Output::Send { probe, bytes } => {
                    if let Some(happened) = self.probes.send(probe, &bytes) {
                        self.on_probe(now, happened);
                    }
                }
                Output::Search { probe, regex, body } => {
                    let found = self.patterns.search(&regex, &body);
                    self.input(now, Input::Searched { probe, found });
                }
                Output::AbortProbe(probe) => {
                    self.probes.abort(probe, &mut self.scheduler);
                    self.scripts.give_up(probe);
                }
                Output::Tell { object, up } => {
                    let line = checkers::state_line(&object, up, self.machine.names());
                    self.fifos.write(line.as_bytes());
                }
                Output::Notify { object, commands } => {
                    self.scripts.notify(object, commands, now, &mut self.scheduler);
                }
                Output::Mail(mail) => self.mailer.send(mail),
                Output::Log(event) => log(&event, self.machine.names()),
            }
        }
        // Lines are out before what follows takes its time.
        logging::flush();
        self.mailer.turn(now, &mut self.scheduler);
        let changes = self.machine.take_changes();
        let timeouts = self.kernel.former_timeouts().filter(|_| !self.timeouts_told);
        self.timeouts_told |= timeouts.is_some();
        let changes = changes.into_iter().chain(timeouts.map(StateChange::FormerTimeouts));
        let changes = changes.chain(self.kernel.take_changes());
        self.parent.report(changes.map(CheckersState));
        self.parent.flush(&mut self.scheduler);
    }
}

/// Name and number of a file, if that was seen.
fn file(seen: Sighting) -> Option<(String, i32)> {
    match seen {
        Sighting::File { name, value } => Some((name, value)),
        _ => None,
    }
}

/// The pipes that checkers write to.
fn pipes(config: &Config) -> impl Iterator<Item = &Fifo> {
    config.global.fifo.iter().chain(&config.global.lvs_fifo)
}

/// Descriptors for probes: what this process may have, without what it needs itself.
fn places() -> usize {
    let limit = sys::process::raise_open_files().unwrap_or_else(|error| {
        log::warn!("the limit of open files cannot be raised: {error}");
        LEAST_OPEN_FILES
    });
    usize::try_from(limit.saturating_sub(OWN_DESCRIPTORS)).unwrap_or(usize::MAX)
}

fn log(event: &checkers::Event, names: &GroupNames) {
    let level = match (event.detail(), event.level()) {
        (true, _) => log::Level::Debug,
        (_, Level::Info) => log::Level::Info,
        (_, Level::Warning) => log::Level::Warn,
        (_, Level::Error) => log::Level::Error,
    };
    log::log!(level, "{}", event.named(names));
}
