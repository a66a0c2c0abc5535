//! Mails to the administrator: a child process hands them to a helper, which is this program again
//! and alone waits for the relay.
//!
//! - [`Mailer`]: the side of the child process, which never waits
//! - `helper`: the other side

mod helper;

use std::collections::BTreeMap;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;

use base::{Duration, Instant, Mail};
use control_plane::Config;
use notify::mail::{Host, Input, Job, MailQueue, Output, RunId, Settings};
use scheduler::{Scheduler, TimerId, Token};
use serde::{Deserialize, Serialize};
use sys::users::{self, User};
use sys::{Child, Exit, Signal, Spawn, spawn_with};

use crate::watched;

pub(crate) use helper::run as run_helper;

/// The argument that makes this program the helper. No option: nobody but a child process gives it.
pub(crate) const HELPER: &str = "--send-mail";

/// This program, also when its file has been replaced.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// Expires when the queue is to be looked at; every turn does that.
const MAIL: TimerId = TimerId(u64::MAX - 1);

/// How long mails about the stop may hold up the end of the process.
const LAST_MAILS: Duration = Duration::from_secs(1);

/// A helper says at most so much, in bytes; the rest is not read.
const REPORT_LIMIT: u64 = 16 * 1024;

/// Whom the helper runs as, if there is such a user: it needs no privilege.
const NOBODY: &str = "nobody";

/// Who sends mails from where: looked up once, by the parent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sender {
    host: String,
    own_name: String,
    /// User and group number of [`NOBODY`], where there is one and this process may become it.
    nobody: Option<(u32, u32)>,
}

impl Sender {
    /// Asks the directory of users, which may take its time.
    pub(crate) fn look_up() -> Self {
        let own = users::own();
        let nobody = sys::process::is_root().then(|| users::user(NOBODY).ok().flatten()).flatten();
        Self {
            host: crate::configuration::host_name(),
            own_name: users::name(own).unwrap_or_else(|| own.uid.to_string()),
            nobody: nobody.map(|User { uid, gid }| (uid, gid)),
        }
    }
}

/// All mails of one process.
pub(crate) struct Mailer {
    sender: Sender,
    settings: Option<Settings>,
    queue: MailQueue,
    running: Option<Running>,
}

struct Running {
    id: RunId,
    child: Child,
    token: Token,
    report: PipeReader,
}

impl Mailer {
    pub(crate) fn new(config: &Config, sender: Sender) -> Self {
        let mut mailer =
            Self { sender, settings: None, queue: MailQueue::default(), running: None };
        mailer.reload(config);
        mailer
    }

    /// From now on by another configuration; what waits goes out by that.
    pub(crate) fn reload(&mut self, config: &Config) {
        let host = Host { name: &self.sender.host, user: &self.sender.own_name };
        self.settings = Settings::new(&config.global, host);
    }

    /// This mail is due. It leaves at the end of the turn, if the configuration wants it.
    pub(crate) fn send(&mut self, mail: Mail) {
        if self.settings.as_ref().is_some_and(|settings| settings.want(&mail)) {
            // What is to be done comes with the next `turn`.
            self.queue.handle_input(Instant::default(), Input::Send(mail), &mut Vec::new());
        }
    }

    /// The end of a turn: starts a helper, or hears how one ended.
    pub(crate) fn turn(&mut self, now: Instant, scheduler: &mut Scheduler) {
        if self.queue.is_idle() {
            return;
        }
        self.feed(Input::Timeout, now, scheduler);
        if let Some(id) = self.ended(scheduler) {
            self.feed(Input::Ended(id), now, scheduler);
        }
        scheduler.arm(MAIL, self.queue.next_timeout());
    }

    /// Waits for what is to be sent, for [`LAST_MAILS`] at most.
    pub(crate) fn finish(mut self, scheduler: &mut Scheduler) -> io::Result<()> {
        let mut now = sys::clock::now();
        self.feed(Input::Finish { by: now + LAST_MAILS }, now, scheduler);
        let mut events = Vec::new();
        loop {
            self.turn(now, scheduler);
            if self.queue.is_idle() {
                return Ok(());
            }
            now = scheduler.turn(&mut events)?;
            events.clear();
        }
    }

    fn feed(&mut self, input: Input, now: Instant, scheduler: &mut Scheduler) {
        let mut inputs = vec![input];
        // A helper that does not start takes its mails with it; they are bounded, so this ends.
        while let Some(input) = inputs.pop() {
            let mut outputs = Vec::new();
            self.queue.handle_input(now, input, &mut outputs);
            for output in outputs {
                match output {
                    Output::Start { id, mails } => {
                        let many = mails.len();
                        if let Err(error) = self.start(id, mails, scheduler) {
                            log::error!("cannot send {many} mail(s): {error}");
                            inputs.push(Input::Ended(id));
                        }
                    }
                    Output::Kill(_) => self.kill(),
                    Output::Dropped(many) => {
                        log::error!("{many} mail(s) are not sent: the relay is too slow");
                    }
                }
            }
        }
    }

    fn start(&mut self, id: RunId, mails: Vec<Mail>, scheduler: &mut Scheduler) -> io::Result<()> {
        let Some(settings) = self.settings.clone() else { return Ok(()) };
        let job = ipc::blob::write("mail", &Job { settings, mails }).map_err(io::Error::other)?;
        let (report, output) = io::pipe()?;
        let helper = Spawn {
            program: OWN_PROGRAM.to_owned(),
            args: vec![HELPER.to_owned()],
            env: BTreeMap::new(),
            user: self.sender.nobody.map(|(uid, gid)| User { uid, gid }),
            groups: Vec::new(),
            umask: 0o177,
        };
        let child = spawn_with(&helper, job.as_fd(), output.as_fd())?;
        let token = watched::watch(&child, scheduler)?;
        self.running = Some(Running { id, child, token, report });
        Ok(())
    }

    /// Which helper has ended, if it has; what it said goes to the log.
    fn ended(&mut self, scheduler: &mut Scheduler) -> Option<RunId> {
        let running = self.running.as_ref()?;
        let exit = match running.child.try_wait() {
            Ok(None) => return None,
            Ok(exit) => exit,
            Err(error) => {
                log::error!("cannot learn how the sending of mails ended: {error}");
                None
            }
        };
        let Running { id, token, report, .. } = self.running.take()?;
        scheduler.deregister(token);
        log_report(report);
        match exit {
            Some(Exit::Signal(signal)) => {
                log::error!("sending mails was ended by signal {}", signal.number());
            }
            Some(Exit::Status(sys::spawn::NOT_EXECUTED)) => {
                log::error!("mails are not sent: {OWN_PROGRAM} cannot be started");
            }
            _ => {}
        }
        Some(id)
    }

    fn kill(&self) {
        if let Some(running) = &self.running
            && let Err(error) = running.child.signal_group(Signal::KILL)
        {
            log::error!("cannot end the sending of mails: {error}");
        }
    }
}

/// The helper has ended, so all that it said is in the pipe and this does not wait.
fn log_report(report: PipeReader) {
    let mut bytes = Vec::new();
    if report.take(REPORT_LIMIT).read_to_end(&mut bytes).is_err() {
        return;
    }
    for line in String::from_utf8_lossy(&bytes).lines() {
        match line.strip_prefix(helper::DETAIL) {
            Some(detail) => log::debug!("{detail}"),
            None => log::error!("{line}"),
        }
    }
}
