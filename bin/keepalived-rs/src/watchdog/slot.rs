//! A place for one child: the process that is there now, and what is remembered for the next.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use base::Sighting;
use control_plane::Config;
use ipc::{Channel, Generation, Heard, LastWords, Received, Report, SendError, ToChild, ToParent};
use scheduler::{Interest, Scheduler, Token};
use sys::exec::inherited;
use sys::timer_fd::TimerFd;
use sys::{PidFile, PidFileError};
use watchdog::{Exit, Input};

use super::handover::Place;
use crate::kind::{Kind, ToParentChannel};
use crate::looked_up::LookedUp;
use crate::watched;

/// Messages read from one child in one turn, so that a talkative one cannot keep the other waiting.
const MESSAGES_A_TURN: usize = 1024;

/// A place for a child of kind `K`.
pub(super) struct Slot<K: Kind> {
    process: Option<Process<K>>,
    /// The process of the former binary, and whether it still does the work.
    predecessor: Option<Predecessor<K>>,
    known: K::Known,
    /// The configuration that the process is on its way from, until it says that it has arrived, and what was
    /// looked up for that.
    former: Option<[OwnedFd; 2]>,
    pid_path: PathBuf,
    pid_file: Option<PidFile>,
    reports: Vec<(Report, K::Live)>,
}

/// A process that was there under this parent's former program.
struct Predecessor<K: Kind> {
    child: sys::Child,
    exit_token: Token,
    words: LastWords<K::Known>,
    words_token: Token,
    is_in_charge: bool,
}

/// The process that is there now.
struct Process<K: Kind> {
    child: sys::Child,
    exit_token: Token,
    channel: Channel<ToChild, ToParent<K::State>>,
    channel_token: Token,
    /// Runs out when it no longer turns its loop. Dropped with the process, which has it too.
    life: (Token, TimerFd),
    waits_for_room: bool,
}

impl<K: Kind> Process<K> {
    fn deregister(&self, scheduler: &mut Scheduler) {
        for token in [self.exit_token, self.channel_token, self.life.0] {
            scheduler.deregister(token);
        }
    }
}

/// Watches all of them, or none.
fn register<const N: usize>(
    all: [BorrowedFd<'_>; N],
    scheduler: &mut Scheduler,
) -> io::Result<[Token; N]> {
    let mut tokens = Vec::new();
    for fd in all {
        match scheduler.register(fd, Interest::Read) {
            Ok(token) => tokens.push(token),
            Err(error) => {
                tokens.into_iter().for_each(|token| scheduler.deregister(token));
                return Err(error);
            }
        }
    }
    tokens.try_into().map_err(|_| io::Error::other("registrations are lost"))
}

impl<K: Kind> Slot<K> {
    /// An empty place; a start has taken its PID file already.
    pub(super) fn new(pid_path: &Path, pid_file: Option<PidFile>) -> Self {
        let (known, pid_path) = (K::Known::default(), pid_path.to_owned());
        Self {
            process: None,
            predecessor: None,
            known,
            former: None,
            pid_path,
            pid_file,
            reports: Vec::new(),
        }
    }

    /// The place as the former program of this process has left it.
    pub(super) fn resume(
        pid_path: &Path,
        place: Place<K::Known>,
        scheduler: &mut Scheduler,
    ) -> io::Result<Self> {
        let pid_file = place.pid_file.map(inherited).transpose()?;
        let pid_file = pid_file.map(|file| PidFile::inherited(file, pid_path));
        let mut slot = Self::new(pid_path, pid_file);
        slot.known = place.known;
        if let Some((pid, channel)) = place.process {
            let (child, words) = (sys::Child::known(pid)?, LastWords::new(inherited(channel)?));
            let exit_token = scheduler.register(child.as_fd(), Interest::Read)?;
            let words_token = scheduler.register(words.as_fd(), Interest::Read)?;
            let is_in_charge = true;
            slot.predecessor =
                Some(Predecessor { child, exit_token, words, words_token, is_in_charge });
        }
        Ok(slot)
    }

    /// For the program that goes on in this process.
    pub(super) fn hand_over(&self) -> Place<K::Known> {
        let process = self.process.as_ref();
        Place {
            process: process
                .map(|process| (process.child.pid(), process.channel.as_fd().as_raw_fd())),
            pid_file: self.pid_file.as_ref().map(|file| file.as_fd().as_raw_fd()),
            known: self.known.clone(),
        }
    }

    /// What its process has told of itself.
    pub(super) const fn known(&self) -> &K::Known {
        &self.known
    }

    /// The descriptors that [`Self::hand_over`] names.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let channel = self.process.iter().map(|process| process.channel.as_fd());
        channel.chain(self.pid_file.iter().map(AsFd::as_fd))
    }

    /// Both ends of the way to a child that is to be forked.
    #[expect(clippy::type_complexity, reason = "the two ends of one channel")]
    pub(super) fn channel()
    -> Result<(Channel<ToChild, ToParent<K::State>>, ToParentChannel<K>), SendError> {
        Channel::pair()
    }

    /// Takes the PID file, once for all processes that come to this place. One that has left in order,
    /// told to stop by somebody else, has removed it.
    pub(super) fn claim_pid_file(&mut self) -> Result<(), PidFileError> {
        self.pid_file.take_if(|file| !file.is_in_place());
        if self.pid_file.is_none() {
            self.pid_file = Some(PidFile::open(&self.pid_path)?);
        }
        Ok(())
    }

    /// In the child: everything of the parent's is let go but the PID file, which the child removes
    /// when it outlives the parent.
    pub(super) fn into_pid_file(self) -> Option<PidFile> {
        self.pid_file
    }

    /// Watches a process that was just forked. It is told to begin unless it has to wait for one
    /// that still does the work.
    pub(super) fn adopt(
        &mut self,
        child: sys::Child,
        (channel, life): (Channel<ToChild, ToParent<K::State>>, TimerFd),
        generation: u64,
        outside: &[Sighting],
        scheduler: &mut Scheduler,
    ) -> Result<(), String> {
        let watched = [child.as_fd(), channel.as_fd(), life.as_fd()];
        let [exit_token, channel_token, life_token] =
            register(watched, scheduler).map_err(|error| {
                watched::end(&child);
                error.to_string()
            })?;
        self.process = Some(Process {
            child,
            exit_token,
            channel,
            channel_token,
            life: (life_token, life),
            waits_for_room: false,
        });
        if self.predecessor.as_ref().is_some_and(|predecessor| predecessor.is_in_charge) {
            return Ok(());
        }
        self.start(generation, None, outside).inspect_err(|_| self.abandon(scheduler))
    }

    /// Ends a process that does not know what it is to do, and forgets it: it is collected as an orphan.
    fn abandon(&mut self, scheduler: &mut Scheduler) {
        let Some(process) = self.process.take() else { return };
        watched::end(&process.child);
        process.deregister(scheduler);
    }

    /// The predecessor has let go, or is gone: whoever is there now begins.
    pub(super) fn begin(
        &mut self,
        generation: u64,
        new: (&Config, &LookedUp),
        outside: &[Sighting],
    ) {
        if let Some(predecessor) = &mut self.predecessor {
            predecessor.is_in_charge = false;
        }
        if let Err(error) = self.start(generation, Some(new), outside) {
            log::error!("cannot start the {} child process: {error}", K::ROLE);
            // Its successor may have more luck.
            self.signal(sys::Signal::KILL);
        }
    }

    /// Writes the PID of the process and tells it to begin, with a configuration where that may have
    /// become another since the fork.
    fn start(
        &mut self,
        generation: u64,
        new: Option<(&Config, &LookedUp)>,
        outside: &[Sighting],
    ) -> Result<(), String> {
        let Some(process) = &mut self.process else { return Ok(()) };
        let mut fds = new.map(blobs::<K>).transpose()?.map_or_else(Vec::new, Vec::from);
        if self.known != K::Known::default() {
            fds.push(blob("state", &self.known)?);
        }
        if let Some(file) = &mut self.pid_file {
            file.write(process.child.pid()).unwrap_or_else(|error| log::error!("{error}"));
        }
        if !outside.is_empty() {
            let fd = blob("outside", outside)?;
            unless_it_ended(process.channel.send_with(&ToChild::Sightings, vec![fd]))?;
        }
        if let Some([config, found]) = &self.former {
            let copies = [config, found].map(OwnedFd::try_clone);
            let copies = copies.into_iter().collect::<io::Result<_>>();
            let copies = copies.map_err(|error| error.to_string())?;
            unless_it_ended(process.channel.send_with(&ToChild::Former, copies))?;
        }
        let generation = Generation(generation);
        let message = ToChild::Start { generation, moved_on: new.is_some() };
        unless_it_ended(process.channel.send_with(&message, fds))
    }

    /// The process is about to be told to leave `former`, for which that was looked up, for another
    /// configuration.
    pub(super) fn moves_on(&mut self, former: Option<&OwnedFd>, looked_up: &LookedUp) {
        let is_at_work = self.process.is_some() || self.known != K::Known::default();
        if !is_at_work || self.former.is_some() {
            return;
        }
        let Some(former) = former else { return };
        let copy = former.try_clone().map_err(|error| error.to_string());
        let both =
            copy.and_then(|config| Ok([config, blob("looked up", &*looked_up.share(K::ROLE))?]));
        self.former = both
            .inspect_err(|error| {
                let role = K::ROLE;
                log::error!("a successor of the {role} process will not know the former configuration: {error}");
            })
            .ok();
    }

    /// Asks the predecessor for its last words.
    pub(super) fn retire(&self) {
        if let Some(predecessor) = &self.predecessor
            && let Err(error) = predecessor.words.ask()
        {
            log::error!("cannot ask the former {} child process: {error}", K::ROLE);
        }
    }

    /// Sends the predecessor a signal.
    pub(super) fn signal_predecessor(&self, signal: sys::Signal) {
        if let Some(predecessor) = &self.predecessor
            && let Err(error) = predecessor.child.signal(signal)
        {
            log::error!("cannot signal the former {} child process: {error}", K::ROLE);
        }
    }

    fn on_predecessor(&mut self, token: Token, scheduler: &mut Scheduler) -> Option<Vec<Input>> {
        let predecessor = self.predecessor.as_mut()?;
        if token != predecessor.exit_token && token != predecessor.words_token {
            return None;
        }
        let mut inputs = Vec::new();
        match predecessor.words.hear() {
            Ok(Heard::Nothing | Heard::Closed) => {}
            Ok(Heard::Words(known)) => {
                self.known = known;
                inputs.push(Input::Retired(K::ROLE));
            }
            Err(error) => {
                // What it has told before is what its successor gets.
                log::warn!("the former {} child process hands over: {error}", K::ROLE);
                inputs.push(Input::Retired(K::ROLE));
            }
        }
        if token == predecessor.exit_token && !matches!(predecessor.child.try_wait(), Ok(None)) {
            scheduler.deregister(predecessor.exit_token);
            scheduler.deregister(predecessor.words_token);
            self.predecessor = None;
            inputs.push(Input::PredecessorExited(K::ROLE));
        }
        Some(inputs)
    }

    /// What the event behind `token` means for the supervisor; `None` when it is not of this place.
    pub(super) fn on_event(
        &mut self,
        token: Token,
        scheduler: &mut Scheduler,
    ) -> Option<Vec<Input>> {
        if let Some(inputs) = self.on_predecessor(token, scheduler) {
            return Some(inputs);
        }
        let process = self.process.as_ref()?;
        if token == process.exit_token {
            return Some(self.collect_exit(scheduler));
        }
        if token == process.life.0 {
            return Some(vec![Input::Silent(K::ROLE)]);
        }
        (token == process.channel_token).then(|| self.read(scheduler))
    }

    fn collect_exit(&mut self, scheduler: &mut Scheduler) -> Vec<Input> {
        // What it said last still counts: its successor goes on from there.
        let mut inputs = self.read(scheduler);
        let Some(process) = &self.process else { return inputs };
        let exit = match process.child.try_wait() {
            Ok(Some(sys::Exit::Status(status))) => Exit::Status(status),
            Ok(Some(sys::Exit::Signal(signal))) => Exit::Signal(signal.number()),
            Ok(None) => return inputs,
            Err(error) => {
                log::error!("cannot learn how a child ended: {error}");
                Exit::Signal(0)
            }
        };
        process.deregister(scheduler);
        self.process = None;
        inputs.push(Input::Exited(K::ROLE, exit));
        inputs
    }

    fn read(&mut self, scheduler: &mut Scheduler) -> Vec<Input> {
        let mut inputs = Vec::new();
        let Some(process) = &mut self.process else { return inputs };
        let role = K::ROLE;
        for _ in 0..MESSAGES_A_TURN {
            let (message, fds) = match process.channel.receive() {
                Ok(Some(Received { message, fds })) => (message, fds),
                Ok(None) => return inputs,
                // It dies or is dead: its pidfd tells.
                Err(ipc::ReceiveError::Closed) => return inputs,
                Err(error) => {
                    log::error!("{role} child process talks nonsense, ending it: {error}");
                    let _ = process.child.signal(sys::Signal::KILL);
                    return inputs;
                }
            };
            inputs.extend(match message {
                ToParent::Warm => Some(Input::Warm(role)),
                ToParent::Ready { .. } => Some(Input::Ready(role)),
                ToParent::State(state) => {
                    K::remember(&mut self.known, state);
                    None
                }
                ToParent::Prepared { generation, plan } => {
                    Some(Input::Prepared { role, generation: generation.0, plan })
                }
                ToParent::Refused { generation, reason } => {
                    Some(Input::Refused { role, generation: generation.0, reason })
                }
                ToParent::Reloaded { generation } => {
                    self.former = None;
                    Some(Input::Committed { role, generation: generation.0 })
                }
                ToParent::Pong(number) => Some(Input::Pong(role, number)),
                ToParent::Report(report) => {
                    match fds.first().map(|fd| ipc::blob::read(fd.as_fd())) {
                        Some(Ok(live)) => self.reports.push((report, live)),
                        Some(Err(error)) => log::error!("no state of the {role} process: {error}"),
                        None => log::error!("the {role} process told its state without it"),
                    }
                    None
                }
            });
        }
        scheduler.still_ready(process.channel_token);
        inputs
    }

    /// Sends a message, with a configuration where it needs one and what was looked up for it.
    pub(super) fn send(&mut self, message: &ToChild, new: Option<(&Config, &LookedUp)>) {
        let Some(process) = &mut self.process else { return };
        let sent = new.map(blobs::<K>).transpose().and_then(|fds| {
            let fds = fds.map_or_else(Vec::new, Vec::from);
            process.channel.send_with(message, fds).map_err(|error| error.to_string())
        });
        if let Err(error) = sent {
            log::error!("cannot tell the {} child process: {error}", K::ROLE);
        }
    }

    /// Tells the process all that is known of what lies outside.
    pub(super) fn send_outside(&mut self, outside: &[Sighting]) {
        let Some(process) = &mut self.process else { return };
        let sent = blob("outside", outside).and_then(|fd| {
            let sent = process.channel.send_with(&ToChild::Sightings, vec![fd]);
            sent.map_err(|error| error.to_string())
        });
        if let Err(error) = sent {
            log::error!("cannot tell the {} child process: {error}", K::ROLE);
        }
    }

    /// What the process has said of itself since the last call.
    pub(super) fn take_reports(&mut self) -> Vec<(Report, K::Live)> {
        std::mem::take(&mut self.reports)
    }

    /// Sends what waits for room, and watches for room as long as something does.
    pub(super) fn flush(&mut self, scheduler: &mut Scheduler) {
        let Some(process) = &mut self.process else { return };
        // A closed channel belongs to a dying child: its pidfd tells.
        let _ = process.channel.flush();
        let waits = process.channel.wants_to_write();
        if waits != process.waits_for_room {
            let interest = if waits { Interest::Both } else { Interest::Read };
            match scheduler.reregister(process.channel_token, interest) {
                Ok(()) => process.waits_for_room = waits,
                Err(error) => log::error!("cannot watch the channel to a child: {error}"),
            }
        }
    }

    /// Sends the process a signal.
    pub(super) fn signal(&self, signal: sys::Signal) {
        if let Some(process) = &self.process
            && let Err(error) = process.child.signal(signal)
        {
            log::error!("cannot signal the {} child process: {error}", K::ROLE);
        }
    }

    /// The process that is there now.
    pub(super) fn pid(&self) -> Option<i32> {
        self.process.as_ref().map(|process| process.child.pid())
    }

    /// Whether `pid` is a process of this place.
    pub(super) fn is(&self, pid: i32) -> bool {
        let former = self.predecessor.as_ref().map(|predecessor| predecessor.child.pid());
        [former, self.pid()].contains(&Some(pid))
    }

    /// Removes the PID file.
    pub(super) fn remove_pid_file(&mut self) {
        if let Some(file) = self.pid_file.take() {
            file.remove().unwrap_or_else(|error| log::error!("{error}"));
        }
    }
}

/// What a child is handed of a configuration and of what was looked up for it.
fn blobs<K: Kind>((config, looked_up): (&Config, &LookedUp)) -> Result<[OwnedFd; 2], String> {
    let config = blob("config", &*K::share(config))?;
    Ok([config, blob("looked up", &*looked_up.share(K::ROLE))?])
}

/// A process that has closed the channel has ended before it was told to begin, which is no failure of the fork:
/// with which status, and so what follows, its pidfd tells.
fn unless_it_ended(sent: Result<(), SendError>) -> Result<(), String> {
    match sent {
        Err(SendError::Closed) => Ok(()),
        other => other.map_err(|error| error.to_string()),
    }
}

fn blob<T: serde::Serialize + ?Sized>(name: &str, value: &T) -> Result<OwnedFd, String> {
    ipc::blob::write(name, value).map_err(|error| error.to_string())
}

#[cfg(test)]
#[path = "slot_tests.rs"]
mod tests;
