//! The trial of a new binary, seen from the old one, and the exec.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use scheduler::{Interest, Scheduler, Token};
use sys::exec::Program;
use sys::seqpacket::{self, Received};
use watchdog::Input;

use super::WatchDog;
use super::handover::{self, HandOver, VARIABLE};
use crate::trial::{self, Verdict};
use crate::watched;

/// A new binary that proves itself.
pub(super) struct Trial {
    /// Its file: what was tried is what is executed.
    program: Program,
    child: sys::Child,
    exit_token: Token,
    socket: OwnedFd,
    socket_token: Token,
    /// The configuration as it reads it, once it has passed.
    prepared: Option<OwnedFd>,
    /// It is the program that this one has taken over from.
    is_former: bool,
}

impl Trial {
    /// Starts a program, with a copy of what it would get.
    fn start(
        hand_over: &HandOver,
        program: Program,
        scheduler: &mut Scheduler,
    ) -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let memory = ipc::envelope::write("hand-over", hand_over).map_err(|e| e.to_string())?;
        let (socket, theirs) = seqpacket::pair().map_err(text)?;
        let mut arguments = handover::arguments();
        let call = trial::argument(memory.as_raw_fd(), theirs.as_raw_fd());
        arguments.insert(1.min(arguments.len()), call.into());
        let child = program.start(&arguments, &[memory.as_fd(), theirs.as_fd()]).map_err(text)?;
        let exit_token = watched::watch(&child, scheduler).map_err(text)?;
        let socket_token =
            scheduler.register(socket.as_raw_fd(), Interest::Read).map_err(|error| {
                scheduler.deregister(exit_token);
                watched::end(&child);
                text(error)
            })?;
        Ok(Self {
            program,
            child,
            exit_token,
            socket,
            socket_token,
            prepared: None,
            is_former: false,
        })
    }

    pub(super) fn is(&self, pid: i32) -> bool {
        self.child.pid() == pid
    }

    /// What the event behind `token` means; `None` when it is not of this trial.
    pub(super) fn on_event(&mut self, token: Token) -> Option<Option<Input>> {
        if token == self.socket_token {
            return Some(self.hear());
        }
        if token != self.exit_token {
            return None;
        }
        // What it has said before its end counts.
        let heard = self.hear();
        let how = match self.child.try_wait() {
            Ok(None) => return Some(heard),
            Ok(Some(sys::Exit::Status(127))) => "it cannot be executed".to_owned(),
            Ok(Some(sys::Exit::Status(status))) => {
                format!("it ended with status {status} when it was tried")
            }
            Ok(Some(sys::Exit::Signal(signal))) => {
                format!("it died when it was tried ({})", signal.description())
            }
            Err(error) => error.to_string(),
        };
        let passed = self.prepared.is_some();
        Some(heard.or_else(|| (!passed).then_some(Input::UpgradeFailed(how))))
    }

    fn hear(&mut self) -> Option<Input> {
        let Ok(Received::Record { fds, .. }) =
            seqpacket::receive(self.socket.as_fd(), &mut [0; 64])
        else {
            return None;
        };
        let mut fds = fds.into_iter();
        let verdict = fds.next().ok_or_else(|| "its answer is empty".to_owned()).and_then(|fd| {
            ipc::envelope::read::<Verdict>(fd.as_fd()).map_err(|error| error.to_string())
        });
        let outcome = verdict.and_then(|Verdict { build, refused }| match refused {
            Some(why) => Err(format!("{}: {why}", trial::version(&build))),
            None => fds.next().ok_or_else(|| "its answer has no configuration".to_owned()),
        });
        Some(match outcome {
            Ok(prepared) => {
                self.prepared = Some(prepared);
                Input::TrialPassed
            }
            Err(why) => Input::UpgradeFailed(why),
        })
    }

    fn end(self, scheduler: &mut Scheduler) {
        scheduler.deregister(self.exit_token);
        scheduler.deregister(self.socket_token);
        // Collected as an orphan.
        let _ = self.child.signal_group(sys::Signal::KILL);
    }
}

impl WatchDog {
    /// Lets the program that is there now prove itself.
    pub(super) fn begin_trial(&mut self) -> Option<Input> {
        let path = self.origin.program.clone();
        log::info!("Upgrade: trying {}", path.display());
        let program = Program::open(&path).map_err(|error| format!("{}: {error}", path.display()));
        self.begin_trial_of(program)
    }

    /// Lets the program prove itself that this one has taken over from.
    pub(super) fn begin_trial_of_former(&mut self) -> Option<Input> {
        let former = self.former.take().map(Program::of);
        let former = former.ok_or_else(|| "there is no former program".to_owned());
        let failed = self.begin_trial_of(former);
        if let Some(trial) = &mut self.trial {
            trial.is_former = true;
        }
        failed
    }

    fn begin_trial_of(&mut self, program: Result<Program, String>) -> Option<Input> {
        self.end_trial();
        let hand_over = self.hand_over(false);
        let trial = program.and_then(|it| Trial::start(&hand_over, it, &mut self.scheduler));
        trial.map(|trial| self.trial = Some(trial)).err().map(Input::UpgradeFailed)
    }

    pub(super) fn end_trial(&mut self) {
        if let Some(trial) = self.trial.take() {
            trial.end(&mut self.scheduler);
            self.collect_orphans();
        }
    }

    /// Becomes the program that has proved itself. Comes back with what went wrong.
    pub(super) fn take_over(&mut self, reload: bool) -> Input {
        Input::UpgradeFailed(self.try_take_over(reload).err().unwrap_or_default())
    }

    fn try_take_over(&mut self, reload: bool) -> Result<(), String> {
        let prepared = self.trial.as_mut().and_then(|trial| trial.prepared.take());
        let prepared = prepared.ok_or("it was not tried")?;
        let Some(trial) = &self.trial else { return Err("it was not tried".to_owned()) };
        let mut hand_over = self.hand_over(reload);
        let mut kept = vec![prepared.as_fd(), self.pid_file.as_fd()];
        kept.extend(self.vrrp.descriptors());
        kept.extend(self.checkers.descriptors());
        hand_over.prepared = Some(prepared.as_raw_fd());
        hand_over.program = trial.program.number();
        hand_over.no_return = trial.is_former;
        let way_back = self
            .prepare_way_back(reload, &trial.program)
            .inspect_err(|error| log::warn!("Upgrade: there will be no way back: {error}"))
            .ok();
        if let Some(way_back) = &way_back {
            hand_over.way_back = Some(way_back.told());
            kept.extend(way_back.descriptors());
        }
        let memory = ipc::envelope::write("hand-over", &hand_over).map_err(|e| e.to_string())?;
        kept.push(memory.as_fd());
        // A stop that came a moment ago is the new program's to do.
        let _held = self.scheduler.hold_signals().map_err(|error| error.to_string())?;
        let number = memory.as_raw_fd().to_string();
        self.service_manager.become_another();
        logging::flush();
        let error = trial.program.become_it(&handover::arguments(), &[(VARIABLE, &number)], &kept);
        self.service_manager.stay();
        Err(format!("{}: {error}", hand_over.origin.program.display()))
    }
}
