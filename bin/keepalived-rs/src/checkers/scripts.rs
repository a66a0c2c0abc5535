//! Scripts of the checker process: those that check, and those that are told about servers.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;

use base::{Duration, Instant};
use checkers::{ObjectKey, Outcome, ProbeId};
use control_plane::Config;
use control_plane::model::{CheckerKind, Command};
use notify::{Input, Launcher, Output, Queue};
use scheduler::{Interest, Scheduler, Token};
use sys::{Child, Exit};

use crate::configuration::umask;

/// How long scripts about the stop may hold up the end of the process, as in keepalived.
const STOP_SCRIPTS: Duration = Duration::from_secs(1);

/// Whose end is awaited.
enum Running {
    Check(ProbeId),
    /// A check that was given up: its end matters to nobody, but must be collected.
    GivenUp,
    Notify(notify::RunId),
}

/// Every script that runs, and those that wait their turn.
pub(super) struct Scripts {
    launcher: Launcher,
    queue: Queue<ObjectKey>,
    running: HashMap<Token, (Running, Child)>,
    checks: HashMap<ProbeId, Token>,
}

impl Scripts {
    /// Looks up users and files of every script, before the loop runs.
    pub(super) fn new(config: &Config) -> Self {
        let mut scripts = Self {
            launcher: Launcher::new(config.global.scripts.clone(), umask(config)),
            queue: Queue::default(),
            running: HashMap::new(),
            checks: HashMap::new(),
        };
        scripts.prepare(config);
        scripts
    }

    /// Looks everything up anew for another configuration; what runs goes on.
    pub(super) fn reload(&mut self, config: &Config) {
        self.launcher = Launcher::new(config.global.scripts.clone(), umask(config));
        self.prepare(config);
    }

    fn prepare(&mut self, config: &Config) {
        for command in commands(config) {
            match self.launcher.prepare(command) {
                Ok(None) => {}
                Ok(Some(hint)) => log::warn!("{hint}"),
                Err(error) => log::error!("{error}"),
            }
        }
    }

    /// Starts the script of a check; what is known of its end at once comes back at once.
    pub(super) fn start_check(
        &mut self,
        probe: ProbeId,
        command: &Command,
        scheduler: &mut Scheduler,
    ) -> Option<Outcome> {
        match self.start(Running::Check(probe), command, scheduler) {
            Ok(token) => {
                self.checks.insert(probe, token);
                None
            }
            Err(error) => {
                log::debug!("{probe}: {error}");
                Some(Outcome::Failed)
            }
        }
    }

    /// Ends the script of a check, and all that it has started.
    pub(super) fn abort(&mut self, probe: ProbeId) {
        let Some(token) = self.checks.remove(&probe) else { return };
        if let Some((running, child)) = self.running.get_mut(&token) {
            *running = Running::GivenUp;
            kill(child, sys::Signal::KILL);
        }
    }

    /// Tells scripts about a state, after those that were told about earlier ones of that object.
    pub(super) fn notify(
        &mut self,
        object: ObjectKey,
        commands: Vec<Command>,
        now: Instant,
        scheduler: &mut Scheduler,
    ) {
        self.feed(Input::Enqueue { object, commands }, now, scheduler);
    }

    /// When [`Self::on_timeout`] is due.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.queue.next_timeout()
    }

    pub(super) fn on_timeout(&mut self, now: Instant, scheduler: &mut Scheduler) {
        self.feed(Input::Timeout, now, scheduler);
    }

    /// The script behind `token`, if it is one of ours, has ended. For a check: which, and how.
    pub(super) fn exited(
        &mut self,
        token: Token,
        now: Instant,
        scheduler: &mut Scheduler,
    ) -> Option<(ProbeId, Outcome)> {
        let (_, child) = self.running.get(&token)?;
        let outcome = match child.try_wait() {
            Ok(None) => return None,
            Ok(Some(Exit::Status(status))) => Outcome::Exited(status),
            Ok(Some(Exit::Signal(signal))) => Outcome::Signal(signal.number()),
            Err(error) => {
                log::error!("cannot learn how a script ended: {error}");
                Outcome::Failed
            }
        };
        scheduler.deregister(token);
        match self.running.remove(&token)?.0 {
            Running::Check(probe) => {
                self.checks.remove(&probe);
                Some((probe, outcome))
            }
            Running::GivenUp => None,
            Running::Notify(id) => {
                self.feed(Input::Exited(id), now, scheduler);
                None
            }
        }
    }

    /// Waits for scripts that were told about the stop, for [`STOP_SCRIPTS`] at most.
    pub(super) fn finish(mut self, scheduler: &mut Scheduler) -> io::Result<()> {
        let by = sys::clock::now() + STOP_SCRIPTS;
        self.feed(Input::Finish { by }, sys::clock::now(), scheduler);
        let mut events = Vec::new();
        while !self.queue.is_idle() {
            scheduler.arm(super::SCRIPTS, self.next_timeout());
            let now = scheduler.turn(&mut events)?;
            for event in events.drain(..) {
                match event {
                    scheduler::Event::Io { token, .. } => {
                        self.exited(token, now, scheduler);
                    }
                    scheduler::Event::Timer(super::SCRIPTS) => self.on_timeout(now, scheduler),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn feed(&mut self, input: Input<ObjectKey>, now: Instant, scheduler: &mut Scheduler) {
        let mut inputs = vec![input];
        // One that cannot be started makes room for the next; the queue is bounded, so this ends.
        while let Some(input) = inputs.pop() {
            let mut outputs = Vec::new();
            self.queue.handle_input(now, input, &mut outputs);
            for output in outputs {
                match output {
                    Output::Start { id, command } => {
                        if let Err(error) = self.start(Running::Notify(id), &command, scheduler) {
                            log::debug!("{error}");
                            inputs.push(Input::Exited(id));
                        }
                    }
                    Output::Kill(id) => self.kill_notify(id),
                    Output::Dropped { command, .. } => {
                        log::error!("too many scripts wait, '{}' is not run", command.program);
                    }
                    Output::Overdue { .. } => log::warn!(
                        "a notify script runs for long, the next one is started beside it"
                    ),
                }
            }
        }
    }

    fn kill_notify(&self, id: notify::RunId) {
        let of_id =
            |running: &&(Running, Child)| matches!(running.0, Running::Notify(it) if it == id);
        if let Some((_, child)) = self.running.values().find(of_id) {
            kill(child, sys::Signal::TERM);
        }
    }

    fn start(
        &mut self,
        running: Running,
        command: &Command,
        scheduler: &mut Scheduler,
    ) -> Result<Token, String> {
        let child = self.launcher.start(command).map_err(|error| error.to_string())?;
        let token = scheduler
            .register(child.as_fd(), Interest::Read)
            .map_err(|error| format!("cannot watch script '{}': {error}", command.program))?;
        self.running.insert(token, (running, child));
        Ok(token)
    }
}

fn kill(child: &Child, signal: sys::Signal) {
    if let Err(error) = child.signal_group(signal) {
        log::error!("cannot signal a script: {error}");
    }
}

/// Every command that the checker process may run.
fn commands(config: &Config) -> impl Iterator<Item = &Command> {
    config.lvs.virtual_servers.iter().flat_map(|service| {
        let of_servers = service.real_servers.iter().flat_map(|server| {
            let checks = server.checkers.iter().filter_map(|check| match &check.kind {
                CheckerKind::Misc(misc) => Some(&misc.command),
                _ => None,
            });
            checks.chain(server.notify_up.iter().chain(&server.notify_down))
        });
        service.quorum_up.iter().chain(&service.quorum_down).chain(of_servers)
    })
}
