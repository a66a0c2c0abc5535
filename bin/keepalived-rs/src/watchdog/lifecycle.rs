//! `startup_script` and `shutdown_script`: run by the parent before the first child and after the
//! last one. It has nothing else to do then, and waits.

use std::io;
use std::os::fd::AsFd;

use base::{Duration, Instant};
use control_plane::Config;
use control_plane::model::Command;
use notify::Launcher;
use scheduler::{Event, Interest, Scheduler, Signal, TimerId};

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

/// Runs `startup_script`. Its failure is logged and the start goes on, as in keepalived.
pub(super) fn startup(config: &Config, told: &mut ServiceManager) -> Start {
    let lifecycle = &config.global.lifecycle;
    match &lifecycle.startup {
        Some(command) => run("startup", command, lifecycle.startup_timeout, config, told),
        None => Start::GoOn,
    }
}

/// Runs `shutdown_script`.
pub(super) fn shutdown(config: &Config, told: &mut ServiceManager) {
    let lifecycle = &config.global.lifecycle;
    if let Some(command) = &lifecycle.shutdown {
        run("shutdown", command, lifecycle.shutdown_timeout, config, told);
    }
}

fn run(
    kind: &str,
    command: &Command,
    limit: Option<Duration>,
    config: &Config,
    told: &mut ServiceManager,
) -> Start {
    log::info!("Running {kind} script {}", command.program);
    let launcher =
        Launcher::new(config.global.scripts.clone(), crate::configuration::umask(config));
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    told.await_script(kind, limit);
    match Running::start(launcher, command).and_then(|running| running.wait(limit)) {
        Ok((End::Exit(sys::Exit::Status(0)), start)) => {
            log::info!("{kind} script script succeeded");
            start
        }
        Ok((End::Exit(sys::Exit::Status(status)), start)) => {
            log::error!("{kind} script script failed, status {status}");
            start
        }
        Ok((End::Exit(sys::Exit::Signal(signal)), start)) => {
            log::error!("{kind} script script ended by {}", signal.description());
            start
        }
        Ok((End::TimedOut, start)) => {
            log::error!("{kind} script script ran longer than {limit}, ended");
            start
        }
        Err(error) => {
            log::error!("{kind} script: {error}");
            Start::GoOn
        }
    }
}

enum End {
    Exit(sys::Exit),
    TimedOut,
}

struct Running {
    child: sys::Child,
    scheduler: Scheduler,
}

impl Running {
    fn start(mut launcher: Launcher, command: &Command) -> io::Result<Self> {
        let mut scheduler = Scheduler::new(&[Signal::TERM, Signal::INT])?;
        let child = launcher.start(command).map_err(io::Error::other)?;
        scheduler.register(child.as_fd(), Interest::Read)?;
        Ok(Self { child, scheduler })
    }

    /// Waits for the end of the script, and makes it end after `limit` or when the daemon has to.
    fn wait(mut self, limit: Duration) -> io::Result<(End, Start)> {
        let mut events = Vec::new();
        let mut ending = Ending::No { at: sys::clock::now() + limit };
        let (mut start, mut timed_out) = (Start::GoOn, false);
        loop {
            self.scheduler.arm(LIMIT, ending.next_timeout());
            let now = self.scheduler.turn(&mut events)?;
            for event in events.drain(..) {
                match event {
                    Event::Signal(_) => {
                        start = Start::Stop;
                        ending = ending.further(now, &self.child)?;
                    }
                    Event::Timer(_) => {
                        timed_out |= matches!(ending, Ending::No { .. });
                        ending = ending.further(now, &self.child)?;
                    }
                    Event::Io { .. } => {}
                }
            }
            if let Some(exit) = self.child.try_wait()? {
                return Ok((if timed_out { End::TimedOut } else { End::Exit(exit) }, start));
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn config(script: &str, limit: Duration) -> Config {
        let user = control_plane::model::ScriptUser { user: "0".into(), group: None };
        let command = Command {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            user: sys::process::is_root().then_some(user),
        };
        let mut config = Config::default();
        config.global.lifecycle.startup = Some(command);
        config.global.lifecycle.startup_timeout = Some(limit);
        config
    }

    fn start_with(config: &Config) -> Start {
        startup(config, &mut ServiceManager::default())
    }

    #[test]
    fn a_script_that_never_ends_is_ended_with_all_that_it_started() {
        let before = sys::clock::now();
        let limit = Duration::from_millis(50);
        assert_eq!(start_with(&config("sleep 60 & sleep 60; wait", limit)), Start::GoOn);
        assert!(sys::clock::now().saturating_since(before) < Duration::from_secs(20));
    }

    #[test]
    fn a_script_that_fails_does_not_stop_the_start() {
        assert_eq!(start_with(&config("exit 3", Duration::from_secs(60))), Start::GoOn);
    }
}
