//! The loop itself.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use base::{Duration, Instant};
use mio::unix::SourceFd;
use mio::{Events, Poll};
use sys::timer_fd::TimerFd;
use sys::{BlockedSignals, Forked, Signal, clock};

use crate::signals::Signals;
use crate::timers::{TimerId, Timers};

const TIMER: mio::Token = mio::Token(0);
const SIGNALS: mio::Token = mio::Token(1);
const FIRST: usize = 2;

/// What one turn reports of descriptors at most; more stay in the kernel for the next turn, and are told after timers
/// that are due in this one. As many as a thousand scripts that have ended while the process was held up.
const EVENTS: usize = 1024;

/// How long before an exact deadline the loop wakes, to look for events without sleeping from then
/// on: what it takes to wake a process on a processor that had nothing to do, and to read its code and
/// data back into the caches.
const AHEAD: Duration = Duration::from_micros(300);

/// A registration. Its number is never used again in the life of the scheduler, so an event that was
/// on its way when a descriptor was closed cannot be taken for the next descriptor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(usize);

/// What a registration waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interest {
    /// Something to read, or the end of it.
    Read,
    /// Room to write, or a connection decided.
    Write,
    /// Both.
    Both,
}

impl From<Interest> for mio::Interest {
    fn from(interest: Interest) -> Self {
        match interest {
            Interest::Read => Self::READABLE,
            Interest::Write => Self::WRITABLE,
            Interest::Both => Self::READABLE | Self::WRITABLE,
        }
    }
}

/// Something to handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A signal came since the last turn.
    Signal(Signal),
    /// A descriptor is ready. It is told once: read or write until "not now", or say
    /// [`Scheduler::still_ready`].
    Io {
        /// Which.
        token: Token,
        /// There is something to read, or an error or the end to be found by reading.
        readable: bool,
        /// There is room to write, or an error to be found by writing.
        writable: bool,
        /// The other side says no more, or there is an error: reading goes on to the end of it.
        ended: bool,
    },
    /// A timer is due, and no longer set.
    Timer(TimerId),
}

#[derive(Clone, Copy, Debug)]
struct Registration {
    fd: RawFd,
    readable: bool,
    writable: bool,
    ended: bool,
    still_ready: bool,
}

/// Waits for descriptors, timers and signals.
#[derive(Debug)]
pub struct Scheduler {
    signals: Signals,
    poll: Poll,
    buffer: Events,
    timer_fd: TimerFd,
    /// What the timer descriptor is set to, to set it only when that changes.
    timer_set_to: Option<Instant>,
    /// The time of the last turn.
    clock: Instant,
    timers: Timers,
    /// The deadline that [`Self::be_exact_at`] names.
    exact: Option<Instant>,
    /// What [`Self::gather`] says.
    pause: Duration,
    registrations: HashMap<Token, Registration>,
    next_token: usize,
    /// Registrations that a handler left half done, in the order they were told to us.
    still_ready: Vec<Token>,
    worst_lateness: Duration,
    /// Of the timers of the last turn.
    lateness: Duration,
    /// In a forked process: the epoll descriptor is the parent's.
    is_given_up: bool,
}

impl Scheduler {
    /// A loop that handles `signals`.
    ///
    /// # Errors
    /// The system's: too many open files; `InvalidInput` for a signal that nobody can handle.
    pub fn new(signals: &[Signal]) -> io::Result<Self> {
        let signals = Signals::new(signals)?;
        let poll = Poll::new()?;
        let timer_fd = TimerFd::new()?;
        let readable = mio::Interest::READABLE;
        poll.registry().register(&mut SourceFd(&signals.as_fd().as_raw_fd()), SIGNALS, readable)?;
        poll.registry().register(&mut SourceFd(&timer_fd.as_fd().as_raw_fd()), TIMER, readable)?;
        Ok(Self {
            signals,
            poll,
            buffer: Events::with_capacity(EVENTS),
            timer_fd,
            timer_set_to: None,
            clock: Instant::default(),
            timers: Timers::default(),
            exact: None,
            pause: Duration::ZERO,
            registrations: HashMap::new(),
            next_token: FIRST,
            still_ready: Vec::new(),
            worst_lateness: Duration::ZERO,
            lateness: Duration::ZERO,
            is_given_up: false,
        })
    }

    /// Watches a descriptor that does not block. The owner keeps it open until it has called
    /// [`Self::deregister`].
    ///
    /// # Errors
    /// The system's: `AlreadyExists` for a descriptor that is registered, `PermissionDenied` for
    /// one that cannot be waited for, such as a plain file.
    pub fn register(&mut self, fd: impl AsRawFd, interest: Interest) -> io::Result<Token> {
        let (token, fd) = (Token(self.next_token), fd.as_raw_fd());
        self.poll.registry().register(&mut SourceFd(&fd), mio::Token(token.0), interest.into())?;
        self.next_token += 1;
        let (readable, writable, ended) = (false, false, false);
        let registration = Registration { fd, readable, writable, ended, still_ready: false };
        self.registrations.insert(token, registration);
        Ok(token)
    }

    /// Changes what a registration waits for. What is ready at that moment is told again.
    ///
    /// # Errors
    /// The system's; `NotFound` for a token that is not registered.
    pub fn reregister(&mut self, token: Token, interest: Interest) -> io::Result<()> {
        let registration = self.registrations.get(&token).ok_or(io::ErrorKind::NotFound)?;
        let mut source = SourceFd(&registration.fd);
        self.poll.registry().reregister(&mut source, mio::Token(token.0), interest.into())
    }

    /// Ends a registration; to be called before its descriptor is closed. No event of it follows in
    /// later turns; the list of the current turn may still hold one.
    pub fn deregister(&mut self, token: Token) {
        if let Some(registration) = self.registrations.remove(&token) {
            // Fails only when the descriptor is closed already, and then there is nothing to undo.
            let _ = self.poll.registry().deregister(&mut SourceFd(&registration.fd));
        }
        self.still_ready.retain(|ready| *ready != token);
    }

    /// As [`Self::deregister`] where the owner closes the descriptor at once, which ends the kernel's
    /// part of it without being asked. A process that was forked meanwhile and has not become another
    /// program yet may still hold the descriptor; what the kernel then reports of it is not told.
    pub fn forget(&mut self, token: Token) {
        self.registrations.remove(&token);
        self.still_ready.retain(|ready| *ready != token);
    }

    /// Whether events of this token are still wanted. For a list in which an earlier event led to
    /// the end of a later one's registration.
    pub fn is_registered(&self, token: Token) -> bool {
        self.registrations.contains_key(&token)
    }

    /// A handler stopped early, to be fair to others: its event is told again next turn, which does
    /// not sleep. Without it the kernel would not remind us.
    pub fn still_ready(&mut self, token: Token) {
        let Some(registration) = self.registrations.get_mut(&token) else { return };
        if !registration.still_ready {
            registration.still_ready = true;
            self.still_ready.push(token);
        }
    }

    /// Sets a timer, or sets it again. One that is due already comes up in the next turn.
    pub fn set_timer(&mut self, id: TimerId, at: Instant) {
        self.timers.set(id, at);
    }

    /// Sets or removes a timer, as a machine's `next_timeout` says.
    pub fn arm(&mut self, id: TimerId, next_timeout: Option<Instant>) {
        match next_timeout {
            Some(at) => self.set_timer(id, at),
            None => self.timers.cancel(id),
        }
    }

    /// This deadline counts to the microsecond, if it is the earliest: the loop turns once, without an
    /// event, shortly before, and does not sleep in the moment that is left. For what is rare.
    pub const fn be_exact_at(&mut self, deadline: Option<Instant>) {
        self.exact = deadline;
    }

    /// From now on a turn that would wait lets so much time go by before it looks: what comes one by one
    /// is then handled together. No deadline is met later for it; one that is close takes precedence.
    pub const fn gather(&mut self, pause: Duration) {
        self.pause = pause;
    }

    /// Sleeps until there is something to handle, replaces `events` by it, and says when it is. First
    /// signals, then descriptors, then timers: an advert that arrived while its timer ran out counts
    /// as having arrived. An interrupted sleep gives an empty list.
    ///
    /// # Errors
    /// The system's; none is known for good descriptors. `Unsupported` after [`Self::fork`] in the
    /// new process.
    pub fn turn(&mut self, events: &mut Vec<Event>) -> io::Result<Instant> {
        events.clear();
        if self.is_given_up {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "this loop is the parent's"));
        }
        // What is due already needs no descriptor to say so.
        let is_due = self.timers.earliest().is_some_and(|due| due <= self.clock);
        let moment = self.moment_left();
        let wait = if self.still_ready.is_empty() && !is_due && moment.is_none() {
            self.let_gather();
            self.prepare_timer()?;
            None
        } else {
            Some(std::time::Duration::ZERO)
        };
        let (now, interrupted) = match moment {
            Some(deadline) => self.look_until(deadline)?,
            None => self.look(wait)?,
        };
        self.clock = now;
        let woken = interrupted || self.buffer.iter().any(|event| event.token() == SIGNALS);
        events.extend(self.signals.pending(woken).map(Event::Signal));
        self.collect_io(events);
        self.collect_timers(now, events);
        Ok(now)
    }

    /// How late the latest timer was since [`Self::reset_worst_lateness`].
    pub const fn worst_lateness(&self) -> Duration {
        self.worst_lateness
    }

    /// How late the latest timer of the last turn was.
    pub const fn lateness(&self) -> Duration {
        self.lateness
    }

    /// Starts to measure anew; says what was measured.
    pub const fn reset_worst_lateness(&mut self) -> Duration {
        std::mem::replace(&mut self.worst_lateness, Duration::ZERO)
    }

    /// Blocks all signals until the guard is dropped, and sends those to this process again that have come since the last
    /// turn: they wait with the others for the guard's end, or in the program that this process becomes for its handlers.
    ///
    /// # Errors
    /// The system's.
    pub fn hold_signals(&mut self) -> io::Result<BlockedSignals> {
        let blocked = BlockedSignals::all()?;
        // The wake in the socket stays: a turn without a signal is harmless.
        self.signals.pending(false).try_for_each(sys::signal::raise)?;
        Ok(blocked)
    }

    /// Forks this process, correctly for one that has a loop. In the new process this loop is given
    /// up at once: its signal handlers are removed, or a signal to the one process would wake the
    /// other, and its registrations are forgotten, because the epoll descriptor is shared and a
    /// removal here would be one in the parent too. What is left may only be dropped, with all that
    /// the parent had open. All signals stay blocked in the new process until the guard in
    /// [`Forked::Child`] is dropped, which is right once it has made a loop of its own; what came
    /// meanwhile is delivered then.
    ///
    /// # Errors
    /// As [`sys::fork`].
    pub fn fork(&mut self) -> io::Result<Forked> {
        let forked = sys::fork()?;
        if let Forked::Child(_) = forked {
            self.signals.uninstall();
            self.registrations.clear();
            self.still_ready.clear();
            self.is_given_up = true;
        }
        Ok(forked)
    }

    /// What has happened, after this time at most; the time then, and whether a signal ended it.
    fn look(&mut self, wait: Option<std::time::Duration>) -> io::Result<(Instant, bool)> {
        let interrupted = self.poll_once(wait)?;
        // What is ready comes before the timers of this turn all the same: one may wait for it.
        if interrupted {
            self.poll_once(Some(std::time::Duration::ZERO))?;
        }
        Ok((clock::now(), interrupted))
    }

    /// Whether a signal has interrupted it: nothing was looked at then.
    fn poll_once(&mut self, wait: Option<std::time::Duration>) -> io::Result<bool> {
        match self.poll.poll(&mut self.buffer, wait) {
            // The signal has raised its flag, and its wake is in the socket.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.buffer.clear();
                Ok(true)
            }
            result => result.map(|()| false),
        }
    }

    /// The pause of [`Self::gather`], if there is time for it.
    fn let_gather(&mut self) {
        if self.pause.is_zero() {
            return;
        }
        // What the last turn has led to has taken its time.
        let end = clock::now() + self.pause;
        let is_close = |deadline: Instant| deadline <= end + AHEAD;
        if !self.timers.earliest().is_some_and(is_close) {
            std::thread::sleep(std::time::Duration::from_micros(self.pause.as_micros()));
        }
    }

    /// The exact deadline that is so close that sleeping would miss it.
    fn moment_left(&mut self) -> Option<Instant> {
        let exact = self.exact.filter(|_| self.still_ready.is_empty());
        let exact = exact.filter(|exact| self.timers.earliest() == Some(*exact));
        exact.filter(|exact| *exact > self.clock && *exact - AHEAD <= self.clock)
    }

    /// What has happened up to the deadline, without sleep.
    fn look_until(&mut self, deadline: Instant) -> io::Result<(Instant, bool)> {
        loop {
            let (now, interrupted) = self.look(Some(std::time::Duration::ZERO))?;
            if interrupted || now >= deadline || !self.buffer.is_empty() {
                return Ok((now, interrupted));
            }
        }
    }

    fn prepare_timer(&mut self) -> io::Result<()> {
        let next = self.timers.earliest();
        let next = next.map(|at| if self.exact == Some(at) { at - AHEAD } else { at });
        if !wakes_in_time(self.timer_set_to, next, self.clock) {
            self.timer_fd.set(next)?;
            self.timer_set_to = next;
        }
        Ok(())
    }

    fn collect_io(&mut self, events: &mut Vec<Event>) {
        for event in &self.buffer {
            if event.token() == TIMER {
                // Expired; the next deadline must be set even if it is the same.
                self.timer_set_to = None;
                continue;
            }
            let token = Token(event.token().0);
            let Some(registration) = self.registrations.get_mut(&token) else { continue };
            // An error or a hang-up is found by reading or by writing, whichever is waited for.
            let readable = event.is_readable() || event.is_read_closed() || event.is_error();
            let writable = event.is_writable() || event.is_write_closed() || event.is_error();
            let ended = event.is_read_closed() || event.is_write_closed() || event.is_error();
            if registration.still_ready {
                registration.readable |= readable;
                registration.writable |= writable;
                registration.ended |= ended;
            } else {
                (registration.readable, registration.writable) = (readable, writable);
                registration.ended = ended;
                events.push(Event::Io { token, readable, writable, ended });
            }
        }
        for token in self.still_ready.drain(..) {
            let Some(registration) = self.registrations.get_mut(&token) else { continue };
            registration.still_ready = false;
            let Registration { readable, writable, ended, .. } = *registration;
            events.push(Event::Io { token, readable, writable, ended });
        }
    }

    fn collect_timers(&mut self, now: Instant, events: &mut Vec<Event>) {
        self.lateness = Duration::ZERO;
        // Each timer comes up at most once a turn: what a handler sets is for the next.
        while let Some((id, at)) = self.timers.take_due(now) {
            self.lateness = self.lateness.max(now.saturating_since(at));
            events.push(Event::Timer(id));
        }
        self.worst_lateness = self.worst_lateness.max(self.lateness);
    }
}

/// Whether a descriptor set to `set` may stay so although `next` is what is waited for. A deadline
/// that each packet moves on, as a backup's is, would otherwise cost a system call a packet. One
/// that is early wakes for nothing once, so it is set anew while a third of the time is left.
fn wakes_in_time(set: Option<Instant>, next: Option<Instant>, now: Instant) -> bool {
    match (set, next) {
        (None, None) => true,
        (None, Some(_)) => false,
        // Whatever it was set to will wake once, and then it is off.
        (Some(_), None) => false,
        (Some(set), Some(next)) if set == next => true,
        (Some(set), Some(next)) => {
            let (left, wanted) = (set.saturating_since(now), next.saturating_since(now));
            set < next && left.as_micros() >= wanted.as_micros() / 3
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    #[test]
    fn a_deadline_that_moves_on_is_not_set_with_each_packet() {
        let now = at(1_000);
        assert!(wakes_in_time(Some(at(1_020)), Some(at(1_038)), now));
        assert!(!wakes_in_time(Some(at(1_010)), Some(at(1_038)), now), "it would wake too early");
        assert!(!wakes_in_time(Some(at(1_039)), Some(at(1_038)), now), "it would wake too late");
        assert!(wakes_in_time(Some(at(1_038)), Some(at(1_038)), now));
    }

    #[test]
    fn a_timer_that_begins_or_ends_is_set() {
        let now = at(1_000);
        assert!(!wakes_in_time(None, Some(at(2_000)), now));
        assert!(!wakes_in_time(Some(at(2_000)), None, now));
        assert!(wakes_in_time(None, None, now));
    }
}
