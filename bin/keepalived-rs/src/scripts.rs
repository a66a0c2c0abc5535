//! The scripts of a child: those that check something, and those that are told about states. One
//! thing for both children; what the end of a check means is the business of each.

use std::collections::HashMap;
use std::hash::Hash;
use std::io;

use base::{Duration, Instant};
use control_plane::Config;
use control_plane::model::Command;
use ipc::Coalesce;
use notify::{Findings, Input, Launcher, Output, Queue};
use scheduler::{Event, Scheduler, TimerId, Token};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sys::{Child, Exit, Signal};

use crate::configuration::umask;
use crate::log_setup;
use crate::parent::Parent;
use crate::watched;

/// How long scripts about the stop may hold up the end of the process, as in keepalived.
const STOP_SCRIPTS: Duration = Duration::from_secs(1);

/// Something whose states scripts are told about.
pub(crate) trait Subject: Clone + Ord + Hash {
    /// Its name, for the log.
    fn name(&self) -> String;
}

/// Whose end is awaited.
enum Running<Check> {
    Check(Check),
    /// A check that was given up: its end matters to nobody, but must be collected.
    GivenUp,
    Notify(notify::RunId),
}

/// Every script that runs, and those that wait their turn. `Check` names one run of a checking
/// script, `Object` what the others are told about.
pub(crate) struct Scripts<Check, Object> {
    launcher: Launcher,
    queue: Queue<Object>,
    running: HashMap<Token, (Running<Check>, Child)>,
    checks: HashMap<Check, Token>,
}

impl<Check: Copy + Eq + Hash, Object: Subject> Scripts<Check, Object> {
    /// Looks up users and files of these scripts, before the loop runs.
    pub(crate) fn new<'a>(
        config: &Config,
        commands: impl IntoIterator<Item = &'a Command>,
    ) -> Self {
        Self::with(prepared(config, commands))
    }

    /// By what the parent has looked up.
    pub(crate) fn found(config: &Config, found: Found) -> Self {
        let mut scripts = Self::with(Launcher::new(config.global.scripts.clone(), umask(config)));
        scripts.follow(config, found, std::iter::empty());
        scripts
    }

    fn with(launcher: Launcher) -> Self {
        let (running, checks) = (HashMap::new(), HashMap::new());
        Self { launcher, queue: Queue::default(), running, checks }
    }

    /// Takes what the parent has looked up for another configuration; what runs goes on, and so do
    /// those that wait, here and (`due`) with the caller.
    pub(crate) fn follow<'a>(
        &'a mut self,
        config: &Config,
        found: Found,
        due: impl Iterator<Item = &'a Command>,
    ) {
        say(&found.said);
        let (security, waiting) = (config.global.scripts.clone(), self.queue.waiting().chain(due));
        self.launcher.follow(security, umask(config), found.findings, waiting);
    }

    /// Looks everything up anew for another configuration; what runs goes on.
    pub(crate) fn reload<'a>(
        &mut self,
        config: &Config,
        commands: impl IntoIterator<Item = &'a Command>,
    ) {
        self.launcher = prepared(config, commands);
    }

    /// Starts the script of a check.
    ///
    /// # Errors
    ///
    /// In words, when it does not run: [`Self::exited`] will not tell of it.
    pub(crate) fn start_check(
        &mut self,
        check: Check,
        command: &Command,
        scheduler: &mut Scheduler,
    ) -> Result<(), String> {
        let token = self.start(Running::Check(check), command, scheduler)?;
        self.checks.insert(check, token);
        Ok(())
    }

    /// Sends a signal to the script of a check and all that it has started.
    pub(crate) fn signal_check(&self, check: Check, signal: Signal) {
        let token = self.checks.get(&check);
        if let Some((_, child)) = token.and_then(|token| self.running.get(token)) {
            send(child, signal);
        }
    }

    /// Ends the script of a check and all that it has started; [`Self::exited`] will not tell of it.
    pub(crate) fn give_up(&mut self, check: Check) {
        let Some(token) = self.checks.remove(&check) else { return };
        if let Some((running, child)) = self.running.get_mut(&token) {
            *running = Running::GivenUp;
            send(child, Signal::KILL);
        }
    }

    /// Tells scripts about a state, after those that were told about earlier ones of that object.
    pub(crate) fn notify(
        &mut self,
        object: Object,
        commands: Vec<Command>,
        now: Instant,
        scheduler: &mut Scheduler,
    ) {
        self.feed(Input::Enqueue { object, commands }, now, scheduler);
    }

    /// When [`Self::on_timeout`] is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.queue.next_timeout()
    }

    pub(crate) fn on_timeout(&mut self, now: Instant, scheduler: &mut Scheduler) {
        self.feed(Input::Timeout, now, scheduler);
    }

    /// The check whose script is behind `token`.
    pub(crate) fn check_of(&self, token: Token) -> Option<Check> {
        match self.running.get(&token)?.0 {
            Running::Check(check) => Some(check),
            Running::GivenUp | Running::Notify(_) => None,
        }
    }

    /// The script behind `token`, if it is one of ours, has ended. For a check: which, and how;
    /// `None` for how when that cannot be learned.
    pub(crate) fn exited(
        &mut self,
        token: Token,
        now: Instant,
        scheduler: &mut Scheduler,
    ) -> Option<(Check, Option<Exit>)> {
        let (_, child) = self.running.get(&token)?;
        let exit = match child.try_wait() {
            Ok(None) => return None,
            Ok(exit) => exit,
            Err(error) => {
                log::error!("cannot learn how a script ended: {error}");
                None
            }
        };
        scheduler.deregister(token);
        match self.running.remove(&token)?.0 {
            Running::Check(check) => {
                self.checks.remove(&check);
                Some((check, exit))
            }
            Running::GivenUp => None,
            Running::Notify(id) => {
                self.feed(Input::Exited(id), now, scheduler);
                None
            }
        }
    }

    /// Waits for scripts that were told about the stop, for [`STOP_SCRIPTS`] at most. `timer` is the
    /// caller's timer for [`Self::on_timeout`].
    pub(crate) fn finish(mut self, timer: TimerId, scheduler: &mut Scheduler) -> io::Result<()> {
        let by = sys::clock::now() + STOP_SCRIPTS;
        self.feed(Input::Finish { by }, sys::clock::now(), scheduler);
        let mut events = Vec::new();
        while !self.queue.is_idle() {
            scheduler.arm(timer, self.next_timeout());
            let now = scheduler.turn(&mut events)?;
            for event in events.drain(..) {
                match event {
                    Event::Io { token, .. } => {
                        self.exited(token, now, scheduler);
                    }
                    Event::Timer(due) if due == timer => self.on_timeout(now, scheduler),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Lives on for the scripts that run or wait, until the last words have reached the parent:
    /// a successor does the work of this process now. SIGTERM ends it.
    pub(crate) fn linger<S>(
        mut self,
        timer: TimerId,
        scheduler: &mut Scheduler,
        parent: &mut Parent<S>,
    ) -> io::Result<()>
    where
        S: Coalesce + Serialize + DeserializeOwned,
        S::Key: Ord,
    {
        let checks: Vec<Check> = self.checks.keys().copied().collect();
        for check in checks {
            self.give_up(check);
        }
        let mut events = Vec::new();
        while parent.has_to_speak(scheduler) || !self.queue.is_idle() {
            scheduler.arm(timer, self.next_timeout());
            log_setup::flush(sys::clock::now(), scheduler);
            let now = scheduler.turn(&mut events)?;
            for event in events.drain(..) {
                match event {
                    Event::Signal(Signal::TERM) => return Ok(()),
                    Event::Io { token, .. } => {
                        self.exited(token, now, scheduler);
                    }
                    Event::Timer(due) if due == timer => self.on_timeout(now, scheduler),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn feed(&mut self, input: Input<Object>, now: Instant, scheduler: &mut Scheduler) {
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
                    Output::Kill(id) => self.end_notify(id),
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

    fn end_notify(&self, id: notify::RunId) {
        let of_id = |running: &&(Running<Check>, Child)| matches!(running.0, Running::Notify(it) if it == id);
        if let Some((_, child)) = self.running.values().find(of_id) {
            send(child, Signal::TERM);
        }
    }

    fn start(
        &mut self,
        running: Running<Check>,
        command: &Command,
        scheduler: &mut Scheduler,
    ) -> Result<Token, String> {
        let child = self.launcher.start(command).map_err(|error| error.to_string())?;
        let token = watched::watch(&child, scheduler)
            .map_err(|error| format!("cannot watch script '{}': {error}", command.program))?;
        self.running.insert(token, (running, child));
        Ok(token)
    }
}

/// What was looked up of scripts, and what is to be said about it.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Found {
    findings: Findings,
    /// Whether it is an error, or a hint.
    said: Vec<(bool, String)>,
}

/// Looks up users and files of these scripts, for another process.
pub(crate) fn look_up<'a>(
    config: &Config,
    commands: impl IntoIterator<Item = &'a Command>,
) -> Found {
    let (launcher, said) = looked_up(config, commands);
    Found { findings: launcher.into_findings(), said }
}

/// A launcher that knows users and files of these scripts.
fn prepared<'a>(config: &Config, commands: impl IntoIterator<Item = &'a Command>) -> Launcher {
    let (launcher, said) = looked_up(config, commands);
    say(&said);
    launcher
}

fn say(lines: &[(bool, String)]) {
    for (is_error, line) in lines {
        let level = if *is_error { log::Level::Error } else { log::Level::Warn };
        log::log!(level, "{line}");
    }
}

fn looked_up<'a>(
    config: &Config,
    commands: impl IntoIterator<Item = &'a Command>,
) -> (Launcher, Vec<(bool, String)>) {
    let mut launcher = Launcher::new(config.global.scripts.clone(), umask(config));
    let mut said = Vec::new();
    for command in commands {
        match launcher.prepare(command) {
            Ok(None) => {}
            Ok(Some(hint)) => said.push((false, hint)),
            Err(error) => said.push((true, error.to_string())),
        }
    }
    (launcher, said)
}

fn send(child: &Child, signal: Signal) {
    if let Err(error) = child.signal_group(signal) {
        log::error!("cannot signal a script: {error}");
    }
}
