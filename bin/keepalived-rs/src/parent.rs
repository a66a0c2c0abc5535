//! A child's side of the way to its parent: what it was started with, what it is told, what it
//! reports. The same for the VRRP stack and the checkers.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use base::{Instant, Sighting};
use control_plane::Config;
use ipc::{Channel, Coalesce, Generation, Received, Report, SendError, ToChild, ToParent};
use scheduler::{Event, Interest, Scheduler, Signal, Token};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sys::timer_fd::TimerFd;
use watchdog::pulse::{SIGN_INTERVAL, SILENCE};

use crate::configuration::Prepared;
use crate::looked_up::LookedUp;

/// Signals that every child handles. SIGINT comes from a terminal to all processes at once; the
/// parent alone acts on it. The others belong to the parent too and must not end a child.
pub(crate) fn signals() -> [Signal; 8] {
    let [term, int, hup] = [Signal::TERM, Signal::INT, Signal::HUP];
    let [json, stats_clear] = [Signal::json(), Signal::stats_clear()];
    [term, int, hup, Signal::USR1, Signal::USR2, json, stats_clear, Signal::upgrade()]
}

/// The files that a signal asks for.
pub(crate) fn report_for(signal: Signal) -> Option<Report> {
    match signal {
        Signal::USR1 => Some(Report::Data),
        Signal::USR2 => Some(Report::Statistics),
        other if other == Signal::stats_clear() => Some(Report::StatisticsCleared),
        other if other == Signal::json() => Some(Report::Json),
        _ => None,
    }
}

/// Reports given to the channel in one turn, of which each is a system call: a thousand scripts may
/// have news at once, and the next advert does not wait for them.
const REPORTS_A_TURN: usize = 16;

/// Reports that wait in the channel for a parent that does not read. Few, so that an answer to it
/// never waits behind a long tail of them.
const WAITING_REPORTS: usize = 256;

/// Bytes of a plan in one message, half of what a message may hold.
const PLAN_BYTES: usize = 32 * 1024;

/// What a line takes beside its text.
const LINE_OVERHEAD: usize = 8;

/// What a child begins with.
pub(crate) struct Start<Known> {
    pub(crate) generation: Generation,
    pub(crate) config: Config,
    /// What the parent has looked up for `config`.
    pub(crate) looked_up: LookedUp,
    /// The last known state of the child that this one replaces.
    pub(crate) known: Option<Known>,
    /// Files and processes as the parent sees them.
    pub(crate) outside: Vec<Sighting>,
    /// The configuration that the child before this one may have been killed with: what it left by
    /// that has to become what `config` says.
    pub(crate) former: Option<Whole>,
    /// The word to leave has come as well: what the predecessor has left is to be cleared up.
    pub(crate) leave: bool,
}

/// A configuration, and what the parent has looked up for it.
pub(crate) type Whole = (Config, LookedUp);

/// What the parent asks for.
pub(crate) enum Order {
    /// Work out what this would change and answer.
    Prepare(Generation, Rc<Config>),
    /// Act by it, with what was looked up for it.
    Commit(Generation, Rc<Config>, LookedUp),
    /// Say what you are now: see [`Parent::report_live`].
    Report(Report),
    /// What the parent sees outside has changed.
    Outside(Vec<Sighting>),
    /// Do nothing else from now on.
    Go(Going),
}

/// How a child ends; what comes later here is stronger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Going {
    /// A successor stands ready: hand over to it.
    Retire,
    /// In order, with nothing left behind: by a signal, or because the parent is gone.
    Leave,
}

/// The way to the parent.
pub(crate) struct Parent<S: Coalesce> {
    channel: Channel<ToParent<S>, ToChild>,
    token: Token,
    /// Reports that are not in the channel yet, the latest of each object.
    reports: BTreeMap<S::Key, S>,
    prepared: Option<(Generation, Rc<Config>, LookedUp)>,
    waits_for_room: bool,
    /// Runs out, which the parent sees, when this process no longer turns its loop.
    life: TimerFd,
    /// When it was put off last.
    shown_at: Option<Instant>,
}

impl<S> Parent<S>
where
    S: Coalesce + Serialize + DeserializeOwned,
    S::Key: Ord,
{
    pub(crate) fn new(
        channel: Channel<ToParent<S>, ToChild>,
        life: TimerFd,
        scheduler: &mut Scheduler,
    ) -> io::Result<Self> {
        let token = scheduler.register(channel.as_fd(), Interest::Read)?;
        let (reports, prepared) = (BTreeMap::new(), None);
        let (waits_for_room, shown_at) = (false, None);
        Ok(Self { channel, token, reports, prepared, waits_for_room, life, shown_at })
    }

    /// To be called each turn of the loop, see [`watchdog::pulse`].
    pub(crate) fn show_life(&mut self, now: Instant) {
        if self.shown_at.is_none_or(|at| now.saturating_since(at) >= SIGN_INTERVAL) {
            self.shown_at = Some(now);
            if let Err(error) = self.life.set(Some(now + SILENCE)) {
                log::debug!("the parent process cannot see that this one is alive: {error}");
            }
        }
    }

    /// Answers the parent, which then trusts the timer again: it is put off for that, since it may have
    /// run out in this turn.
    fn answer(&mut self, number: u64) {
        self.shown_at = None;
        self.show_life(sys::clock::now());
        self.say(&ToParent::Pong(number));
    }

    /// The descriptor's name in the scheduler.
    pub(crate) const fn token(&self) -> Token {
        self.token
    }

    /// Waits for the parent's word to begin, with what came with the fork unless the parent has another
    /// configuration since. `None`: it will not come, leave.
    pub(crate) fn await_start<Known: DeserializeOwned>(
        &mut self,
        forked: Whole,
        scheduler: &mut Scheduler,
    ) -> io::Result<Option<Start<Known>>> {
        let (mut events, mut leave) = (Vec::new(), false);
        let (mut outside, mut former) = (Vec::new(), None);
        loop {
            match self.channel.receive() {
                Ok(Some(Received { message: ToChild::Start { generation, moved_on }, fds })) => {
                    let ((mut config, mut looked_up), mut fds) = (forked, &fds[..]);
                    if moved_on {
                        (config, looked_up) = read_whole(fds).map_err(io::Error::other)?;
                        fds = fds.get(2..).unwrap_or_default();
                    }
                    let known = fds.first().map(|fd| ipc::blob::read(fd.as_fd())).transpose();
                    let known = known.map_err(io::Error::other)?;
                    let start =
                        Start { generation, config, looked_up, known, outside, former, leave };
                    return Ok(Some(start));
                }
                Ok(Some(Received { message: ToChild::Sightings, fds })) => {
                    outside = read_outside(&fds);
                    continue;
                }
                Ok(Some(Received { message: ToChild::Former, fds })) => {
                    former = read_former(&fds)
                        .inspect_err(|error| {
                            log::error!("the former configuration is lost: {error}")
                        })
                        .ok();
                    continue;
                }
                Ok(Some(_)) => continue,
                Ok(None) => {}
                Err(error) => {
                    log::error!("no word from the parent process: {error}");
                    return Ok(None);
                }
            }
            // The word to begin is sent before a word to leave, if at all.
            if leave {
                return Ok(None);
            }
            scheduler.turn(&mut events)?;
            leave = events.contains(&Event::Signal(Signal::TERM));
        }
    }

    /// Everything that takes time is done: the word to begin may come.
    pub(crate) fn say_warm(&mut self) {
        self.say(&ToParent::Warm);
    }

    /// Tells a parent of whatever version all that this process knows. Nothing else counts after it.
    pub(crate) fn say_last_words<Known: Serialize>(&mut self, known: &Known) {
        if let Err(error) = self.channel.say_last_words(known) {
            log::error!("cannot hand over: {error}");
        }
    }

    /// Whether the last words wait for room; to be called each turn after them.
    pub(crate) fn has_to_speak(&mut self, scheduler: &mut Scheduler) -> bool {
        self.reports.clear();
        self.flush(scheduler);
        // One that is gone hears nothing.
        self.channel.wants_to_write() && self.channel.flush().is_ok()
    }

    /// The next order that lies in the channel. Answers that need no decision are given here.
    pub(crate) fn next_order(&mut self) -> Option<Order> {
        loop {
            let Received { message, fds } = match self.channel.receive() {
                Ok(Some(received)) => received,
                Ok(None) => return self.channel.is_to_retire().then_some(Order::Go(Going::Retire)),
                Err(error) => {
                    log::error!("lost the parent process: {error}");
                    return Some(Order::Go(Going::Leave));
                }
            };
            match message {
                ToChild::Start { .. } | ToChild::Former => {}
                ToChild::Ping(number) => self.answer(number),
                ToChild::Report(report) => return Some(Order::Report(report)),
                ToChild::Sightings => return Some(Order::Outside(read_outside(&fds))),
                ToChild::Sighting(sighting) => return Some(Order::Outside(vec![sighting])),
                ToChild::Prepare { generation } => match read_whole(&fds) {
                    Ok((config, found)) => {
                        let config = Rc::new(config);
                        self.prepared = Some((generation, Rc::clone(&config), found));
                        return Some(Order::Prepare(generation, config));
                    }
                    Err(reason) => self.say(&ToParent::Refused { generation, reason }),
                },
                ToChild::Commit { generation } => match self.prepared.take() {
                    Some((prepared, config, found)) if prepared == generation => {
                        return Some(Order::Commit(generation, config, found));
                    }
                    other => {
                        self.prepared = other;
                        log::error!(
                            "the parent commits configuration {generation}, never prepared"
                        );
                    }
                },
                ToChild::Abort { generation } => {
                    self.prepared.take_if(|(prepared, ..)| *prepared == generation);
                }
            }
        }
    }

    /// Gives the parent what it writes into the files of a request.
    pub(crate) fn report_live<Live: Serialize>(&mut self, report: Report, live: &Live) {
        match ipc::blob::write("report", live) {
            Ok(fd) => self.say_with(&ToParent::Report(report), vec![fd]),
            Err(error) => log::error!("cannot tell the parent process: {error}"),
        }
    }

    /// Tells the parent something now.
    pub(crate) fn say(&mut self, message: &ToParent<S>) {
        self.say_with(message, Vec::new());
    }

    fn say_with(&mut self, message: &ToParent<S>, fds: Vec<OwnedFd>) {
        match self.channel.send_with(message, fds) {
            // Closed: the next receive says so and the child leaves.
            Ok(()) | Err(SendError::Closed) => {}
            Err(error) => log::error!("cannot tell the parent process: {error}"),
        }
    }

    /// Tells the parent what a configuration would change, as far as one message holds it.
    pub(crate) fn say_prepared(
        &mut self,
        generation: Generation,
        changes: impl IntoIterator<Item: Display>,
    ) {
        let plan = shortened(changes);
        self.say(&ToParent::Prepared { generation, plan });
    }

    /// Notes what the parent must know for a successor; [`Self::flush`] sends it.
    pub(crate) fn report(&mut self, states: impl IntoIterator<Item = S>) {
        for state in states {
            if let Some(key) = state.coalesce_key() {
                self.reports.insert(key, state);
            }
        }
    }

    /// Tells the parent what it must know before this process goes on.
    pub(crate) fn report_first(&mut self, states: impl IntoIterator<Item = S>) {
        for state in states {
            // An older one must not come after it.
            if let Some(key) = state.coalesce_key() {
                self.reports.remove(&key);
            }
            self.say(&ToParent::State(state));
        }
    }

    /// Whether reports wait for the next turn, and not for a parent that reads.
    pub(crate) fn is_busy(&self) -> bool {
        !self.reports.is_empty() && !self.waits_for_room
    }

    /// Sends reports, a bounded number. To be called at the end of each turn.
    pub(crate) fn flush(&mut self, scheduler: &mut Scheduler) {
        if let Err(error) = self.channel.flush()
            && !matches!(error, SendError::Closed)
        {
            log::error!("cannot tell the parent process: {error}");
        }
        for _ in 0..REPORTS_A_TURN {
            if self.channel.waiting() >= WAITING_REPORTS {
                break;
            }
            let Some((_, state)) = self.reports.pop_first() else { break };
            self.say(&ToParent::State(state));
        }
        let waits = self.channel.wants_to_write();
        if waits != self.waits_for_room {
            let interest = if waits { Interest::Both } else { Interest::Read };
            match scheduler.reregister(self.token, interest) {
                Ok(()) => self.waits_for_room = waits,
                Err(error) => log::error!("cannot watch the channel to the parent: {error}"),
            }
        }
    }
}

/// The first lines, and how many more there are: ten thousand addresses would not fit a message.
fn shortened(changes: impl IntoIterator<Item: Display>) -> Vec<String> {
    let mut changes = changes.into_iter();
    let mut room = PLAN_BYTES;
    let mut lines = Vec::new();
    for change in changes.by_ref() {
        let change = change.to_string();
        let Some(rest) = room.checked_sub(change.len() + LINE_OVERHEAD) else {
            lines.push(format!("and {} more changes", 1 + changes.count()));
            break;
        };
        room = rest;
        lines.push(change);
    }
    lines
}

/// A configuration, and behind it what was looked up. Without that the process would have to do it
/// itself, and wait.
fn read_whole(fds: &[OwnedFd]) -> Result<Whole, String> {
    Ok((read(fds.first())?, read(fds.get(1))?))
}

/// As [`read_whole`], of a configuration that was in force.
fn read_former(fds: &[OwnedFd]) -> Result<Whole, String> {
    let (config, _): Prepared = read(fds.first())?;
    Ok((config, read(fds.get(1))?))
}

fn read<T: DeserializeOwned>(fd: Option<&OwnedFd>) -> Result<T, String> {
    let fd = fd.ok_or("a configuration did not come along whole")?;
    ipc::blob::read(fd.as_fd()).map_err(|error| error.to_string())
}

fn read_outside(fds: &[OwnedFd]) -> Vec<Sighting> {
    let Some(fd) = fds.first() else { return Vec::new() };
    ipc::blob::read(fd.as_fd()).unwrap_or_else(|error| {
        log::error!("nothing is known of tracked files and processes: {error}");
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use scheduler::TimerId;

    use super::*;
    use crate::kind::CheckersState;

    /// Whether the descriptor is readable now.
    fn is_readable(token: Token, scheduler: &mut Scheduler) -> bool {
        scheduler.reregister(token, Interest::Read).unwrap();
        scheduler.set_timer(TimerId(1), Instant::from_micros(0));
        let mut events = Vec::new();
        scheduler.turn(&mut events).unwrap();
        events.iter().any(|event| matches!(event, Event::Io { token: it, .. } if *it == token))
    }

    #[test]
    fn an_answer_to_the_parent_puts_off_a_timer_that_has_run_out_in_this_turn() {
        let mut scheduler = Scheduler::new(&[]).unwrap();
        let (mut there, here) = Channel::<ToChild, ToParent<CheckersState>>::pair().unwrap();
        let life = TimerFd::new().unwrap();
        let seen = life.as_fd().try_clone_to_owned().unwrap();
        let token = scheduler.register(seen.as_fd(), Interest::Read).unwrap();
        let mut parent = Parent::new(here, life, &mut scheduler).unwrap();
        // A turn begins; its work takes longer than the silence that is allowed.
        parent.show_life(sys::clock::now());
        parent.life.set(Some(Instant::from_micros(1))).unwrap();
        assert!(is_readable(token, &mut scheduler));
        there.send(&ToChild::Ping(7)).unwrap();
        let asked = sys::clock::now();
        assert!(parent.next_order().is_none(), "it is answered without a decision");
        let has_run_out = is_readable(token, &mut scheduler);
        let is_slow = sys::clock::now().saturating_since(asked) >= SILENCE;
        assert!(!has_run_out || is_slow, "what the parent trusts runs again");
        let answer = there.receive().unwrap().map(|received| received.message);
        assert!(matches!(answer, Some(ToParent::Pong(7))));
    }

    /// A parent that has sent this, and the child's side.
    fn told(
        messages: Vec<(ToChild, Vec<OwnedFd>)>,
    ) -> (Channel<ToChild, ToParent<CheckersState>>, Parent<CheckersState>, Scheduler) {
        let mut scheduler = Scheduler::new(&[]).unwrap();
        let (mut there, here) = Channel::pair().unwrap();
        for (message, fds) in messages {
            there.send_with(&message, fds).unwrap();
        }
        let parent = Parent::new(here, TimerFd::new().unwrap(), &mut scheduler).unwrap();
        (there, parent, scheduler)
    }

    fn blob(value: &impl Serialize) -> OwnedFd {
        ipc::blob::write("test", value).unwrap()
    }

    /// What nobody can read.
    fn nonsense() -> OwnedFd {
        blob(&[u64::MAX; 3])
    }

    fn named(name: &str) -> Config {
        let mut config = Config::default();
        config.global.process_name = Some(name.to_owned());
        config
    }

    #[test]
    fn a_configuration_without_what_was_looked_up_for_it_is_refused() {
        let generation = Generation(3);
        let whole = vec![blob(&Config::default()), blob(&LookedUp::default())];
        let half = vec![blob(&Config::default()), nonsense()];
        for fds in [half, vec![blob(&Config::default())], Vec::new()] {
            let (mut there, mut parent, _) = told(vec![(ToChild::Prepare { generation }, fds)]);
            assert!(parent.next_order().is_none());
            let answer = there.receive().unwrap().unwrap().message;
            assert!(matches!(answer, ToParent::Refused { generation: Generation(3), .. }));
        }
        let messages =
            [(ToChild::Prepare { generation }, whole), (ToChild::Commit { generation }, vec![])];
        let (_there, mut parent, _) = told(messages.into());
        assert!(matches!(parent.next_order(), Some(Order::Prepare(..))));
        assert!(matches!(parent.next_order(), Some(Order::Commit(..))));
    }

    #[test]
    fn a_child_begins_with_what_came_by_the_fork_or_by_the_word_to_begin() {
        let generation = Generation(1);
        let begin = |messages: Vec<(ToChild, Vec<OwnedFd>)>| {
            let (_there, mut parent, mut scheduler) = told(messages);
            let forked = (named("forked"), LookedUp::default());
            parent.await_start::<u32>(forked, &mut scheduler).map(Option::unwrap)
        };
        let name = |config: &Config| config.global.process_name.clone().unwrap();
        let start = |moved_on| ToChild::Start { generation, moved_on };
        let of_fork = begin(vec![(start(false), vec![blob(&7_u32)])]).unwrap();
        assert_eq!((name(&of_fork.config).as_str(), of_fork.known), ("forked", Some(7)));
        let sent = vec![blob(&named("sent")), blob(&LookedUp::default()), blob(&8_u32)];
        let sent = begin(vec![(start(true), sent)]).unwrap();
        assert_eq!((name(&sent.config).as_str(), sent.known), ("sent", Some(8)));
        assert!(begin(vec![(start(true), vec![blob(&named("sent")), nonsense()])]).is_err());

        let errors = std::collections::BTreeSet::<String>::new();
        let former = || blob(&(named("former"), &errors));
        let both = vec![former(), blob(&LookedUp::default())];
        let after = begin(vec![(ToChild::Former, both), (start(false), vec![])]).unwrap();
        assert_eq!(after.former.map(|(config, _)| name(&config)).as_deref(), Some("former"));
        for lost in [vec![nonsense()], vec![former()], vec![former(), nonsense()]] {
            let after = begin(vec![(ToChild::Former, lost), (start(false), vec![])]).unwrap();
            assert!(after.former.is_none(), "it goes on, and says so");
        }
    }

    #[test]
    fn a_plan_that_fits_is_told_whole() {
        let plan = vec!["add a".to_owned(), "remove b".to_owned()];
        assert_eq!(shortened(plan.clone()), plan);
    }

    #[test]
    fn of_a_longer_plan_the_rest_is_counted() {
        let lines = shortened((0..10_000).map(|n| format!("(VI_1) add 10.0.0.{n}")));
        let told = lines.len() - 1;
        assert!(told > 500, "{told}");
        assert_eq!(lines.last(), Some(&format!("and {} more changes", 10_000 - told)));
        assert!(lines.iter().map(String::len).sum::<usize>() < 33_000);
    }
}
