//! Scripts of the VRRP process: those that are tracked, and those that are told about states.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;

use base::{Duration, Instant};
use control_plane::Config;
use control_plane::model::Command;
use notify::{Input, Launcher, Output, Queue};
use scheduler::{Interest, Scheduler, Token};
use sys::Child;
use vrrp_stack::{ExitKind, KillSignal, Notification, NotifyObject, RunId};

use crate::configuration::umask;

/// How long stop scripts may hold up the end of the process, as in keepalived.
const STOP_SCRIPTS: Duration = Duration::from_secs(1);

/// Whose end is awaited.
enum Running {
    /// A tracked script.
    Check(RunId),
    /// A script that was told about a state.
    Notify(notify::RunId),
}

/// Every script that runs, and those that wait their turn.
pub(super) struct Scripts {
    launcher: Launcher,
    queue: Queue<NotifyObject>,
    running: HashMap<Token, (Running, Child)>,
}

impl Scripts {
    /// Looks up users and files of every script, before the loop runs.
    pub(super) fn new(config: &Config) -> Self {
        let mut scripts = Self {
            launcher: Launcher::new(config.global.scripts.clone(), umask(config)),
            queue: Queue::default(),
            running: HashMap::new(),
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

    /// Starts a tracked script; what is known of its end at once comes back at once.
    pub(super) fn start_check(
        &mut self,
        run: RunId,
        name: &str,
        command: &Command,
        scheduler: &mut Scheduler,
    ) -> Option<ExitKind> {
        self.start(Running::Check(run), command, scheduler)
            .inspect_err(|error| log::debug!("VRRP_Script({name}): {error}"))
            .is_err()
            .then_some(ExitKind::NotStarted)
    }

    /// Sends a signal to a tracked script and all that it has started.
    pub(super) fn kill_check(&self, run: RunId, signal: KillSignal) {
        let signal = match signal {
            KillSignal::Term => sys::Signal::TERM,
            KillSignal::Kill => sys::Signal::KILL,
        };
        let of_run =
            |running: &&(Running, Child)| matches!(running.0, Running::Check(id) if id == run);
        if let Some((_, child)) = self.running.values().find(of_run) {
            kill(child, signal);
        }
    }

    /// Tells scripts about a state, after those that were told about earlier ones of that object.
    pub(super) fn notify(&mut self, news: Notification, now: Instant, scheduler: &mut Scheduler) {
        let Notification { object, commands, .. } = news;
        self.feed(Input::Enqueue { object, commands }, now, scheduler);
    }

    /// When [`Self::on_timeout`] is due.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.queue.next_timeout()
    }

    pub(super) fn on_timeout(&mut self, now: Instant, scheduler: &mut Scheduler) {
        self.feed(Input::Timeout, now, scheduler);
    }

    /// The script behind `token` has ended. For a tracked script: which run, and how.
    pub(super) fn exited(
        &mut self,
        token: Token,
        now: Instant,
        scheduler: &mut Scheduler,
    ) -> Option<(RunId, ExitKind)> {
        let (_, child) = self.running.get(&token)?;
        let status = match child.try_wait() {
            Ok(None) => return None,
            Ok(Some(sys::Exit::Status(status))) => ExitKind::Code(status),
            Ok(Some(sys::Exit::Signal(signal))) => ExitKind::Signal(signal.number()),
            Err(error) => {
                log::error!("cannot learn how a script ended: {error}");
                ExitKind::NotStarted
            }
        };
        scheduler.deregister(token);
        match self.running.remove(&token)?.0 {
            Running::Check(run) => Some((run, status)),
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

    fn feed(&mut self, input: Input<NotifyObject>, now: Instant, scheduler: &mut Scheduler) {
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
                    Output::Dropped { object, command } => log::error!(
                        "({}) too many scripts wait, '{}' is not run",
                        object.name(),
                        command.program
                    ),
                    Output::Overdue { object, .. } => log::warn!(
                        "({}) a notify script runs for long, the next one is started beside it",
                        object.name()
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
    ) -> Result<(), String> {
        let child = self.launcher.start(command).map_err(|error| error.to_string())?;
        let token = scheduler
            .register(child.as_fd(), Interest::Read)
            .map_err(|error| format!("cannot watch script '{}': {error}", command.program))?;
        self.running.insert(token, (running, child));
        Ok(())
    }
}

fn kill(child: &Child, signal: sys::Signal) {
    if let Err(error) = child.signal_group(signal) {
        log::error!("cannot signal a script: {error}");
    }
}

/// Every command that the VRRP process may run.
fn commands(config: &Config) -> impl Iterator<Item = &Command> {
    let checks = config.vrrp.scripts.iter().map(|script| &script.command);
    let instances = config.vrrp.instances.iter().map(|instance| &instance.notify);
    let groups = config.vrrp.sync_groups.iter().map(|group| &group.notify);
    let notify = instances.chain(groups).flat_map(|notify| {
        [
            &notify.master,
            &notify.backup,
            &notify.fault,
            &notify.stop,
            &notify.generic,
            &notify.deleted,
            &notify.master_rx_lower_pri,
        ]
    });
    checks.chain(notify.flatten())
}
