//! `startup_script` and `shutdown_script`: run by the parent before the first child and after the
//! last one. It has nothing else to do then, and waits.

use std::io;
use std::os::fd::AsFd;

use base::{Duration, Instant};
use control_plane::Config;
use control_plane::model::Command;
use notify::Launcher;
use scheduler::{Event, Interest, Scheduler, Signal, TimerId};
use sys::BlockedSignals;

use super::service_manager::ServiceManager;

const LIMIT: TimerId = TimerId(0);

/// keepalived's default for both timeouts.
const DEFAULT_LIMIT: Duration = Duration::from_secs(10);

/// How long a script that was asked to end may take before it is killed.
const PATIENCE: Duration = Duration::from_secs(1);

/// What came of the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Go on, whatever the script said.
    GoOn,
    /// The daemon was told to stop meanwhile.
    Stop,
}

/// Runs `startup_script`. Its failure is logged and the start goes on, as in keepalived. Signals are
/// `blocked` before and after it: those of the daemon that come meanwhile wait for the guard's end.
///
/// # Errors
/// The system's: signals cannot be blocked.
pub(super) fn startup(
    config: &Config,
    told: &mut ServiceManager,
    blocked: BlockedSignals,
) -> io::Result<(Start, BlockedSignals)> {
    let lifecycle = &config.global.lifecycle;
    let Some(command) = &lifecycle.startup else { return Ok((Start::GoOn, blocked)) };
    let limit = lifecycle.startup_timeout.unwrap_or(DEFAULT_LIMIT);
    announce("startup", command, limit, told);
    let mut running = match Running::start(launcher(config), command, &super::signals()) {
        Ok(running) => running,
        Err(error) => {
            report("startup", limit, Err(error));
            return Ok((Start::GoOn, blocked));
        }
    };
    drop(blocked);
    let end = running.wait(limit);
    let blocked = running.hold_signals()?;
    report("startup", limit, end);
    let start = if running.has_to_stop { Start::Stop } else { Start::GoOn };
    Ok((start, blocked))
}

/// Runs `shutdown_script`.
pub(super) fn shutdown(config: &Config, told: &mut ServiceManager) {
    let lifecycle = &config.global.lifecycle;
    let Some(command) = &lifecycle.shutdown else { return };
    let limit = lifecycle.shutdown_timeout.unwrap_or(DEFAULT_LIMIT);
    announce("shutdown", command, limit, told);
    let signals = [Signal::TERM, Signal::INT];
    let end = Running::start(launcher(config), command, &signals);
    report("shutdown", limit, end.and_then(|mut running| running.wait(limit)));
}

fn launcher(config: &Config) -> Launcher {
    Launcher::new(config.global.scripts.clone(), crate::configuration::umask(config))
}

fn announce(kind: &str, command: &Command, limit: Duration, told: &mut ServiceManager) {
    log::info!("Running {kind} script {}", command.program);
    told.await_script(kind, limit);
}

fn report(kind: &str, limit: Duration, end: io::Result<End>) {
    match end {
        Ok(End::Exit(sys::Exit::Status(0))) => log::info!("{kind} script script succeeded"),
        Ok(End::Exit(sys::Exit::Status(status))) => {
            log::error!("{kind} script script failed, status {status}");
        }
        Ok(End::Exit(sys::Exit::Signal(signal))) => {
            log::error!("{kind} script script ended by {}", signal.description());
        }
        Ok(End::TimedOut) => log::error!("{kind} script script ran longer than {limit}, ended"),
        Err(error) => log::error!("{kind} script: {error}"),
    }
}

enum End {
    Exit(sys::Exit),
    TimedOut,
}

struct Running {
    child: sys::Child,
    scheduler: Scheduler,
    /// The daemon was told to stop.
    has_to_stop: bool,
    /// What it was told beside.
    others: Vec<Signal>,
}

impl Running {
    fn start(mut launcher: Launcher, command: &Command, signals: &[Signal]) -> io::Result<Self> {
        let mut scheduler = Scheduler::new(signals)?;
        let child = launcher.start(command).map_err(io::Error::other)?;
        scheduler.register(child.as_fd(), Interest::Read)?;
        Ok(Self { child, scheduler, has_to_stop: false, others: Vec::new() })
    }

    /// Waits for the end of the script, and makes it end after `limit` or when the daemon has to.
    fn wait(&mut self, limit: Duration) -> io::Result<End> {
        let mut events = Vec::new();
        let mut ending = Ending::No { at: sys::clock::now() + limit };
        let mut timed_out = false;
        loop {
            self.scheduler.arm(LIMIT, ending.next_timeout());
            let now = self.scheduler.turn(&mut events)?;
            for event in events.drain(..) {
                match event {
                    Event::Signal(Signal::TERM | Signal::INT) => {
                        self.has_to_stop = true;
                        ending = ending.further(now, &self.child)?;
                    }
                    // Its children are collected by their descriptors.
                    Event::Signal(Signal::CHLD) | Event::Io { .. } => {}
                    Event::Signal(other) if self.others.contains(&other) => {}
                    Event::Signal(other) => self.others.push(other),
                    Event::Timer(_) => {
                        timed_out |= matches!(ending, Ending::No { .. });
                        ending = ending.further(now, &self.child)?;
                    }
                }
            }
            if let Some(exit) = self.child.try_wait()? {
                return Ok(if timed_out { End::TimedOut } else { End::Exit(exit) });
            }
        }
    }

    /// Blocks all signals; those that were heard and not meant for this wait with the others.
    fn hold_signals(&mut self) -> io::Result<BlockedSignals> {
        let blocked = self.scheduler.hold_signals()?;
        self.others.drain(..).try_for_each(sys::signal::raise)?;
        Ok(blocked)
    }
}

/// How far a script is made to end.
#[derive(Clone, Copy)]
enum Ending {
    No { at: Instant },
    Asked { kill_at: Instant },
    Killed,
}

impl Ending {
    const fn next_timeout(self) -> Option<Instant> {
        match self {
            Self::No { at } | Self::Asked { kill_at: at } => Some(at),
            Self::Killed => None,
        }
    }

    fn further(self, now: Instant, child: &sys::Child) -> io::Result<Self> {
        match self {
            Self::No { .. } => {
                child.signal_group(sys::Signal::TERM)?;
                Ok(Self::Asked { kill_at: now + PATIENCE })
            }
            Self::Asked { .. } | Self::Killed => {
                child.signal_group(sys::Signal::KILL)?;
                Ok(Self::Killed)
            }
        }
    }
}
