//! `vrrp_track_process`: how many processes of a kind there are.
//!
//! `/proc` is looked through, for the kernel's process events reach no network namespace but the
//! first, and no container. To be cheap about it: a look at `/proc/loadavg` tells whether any
//! process was started since; of those that were there, only the young are looked at again, for
//! they may still become another program; all of them now and then. That a process of a kind has
//! ended is told by its pidfd, at once. With `process_monitor_rcv_bufs` the kernel's events are heard
//! too, where it tells them: then a start is seen at once.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use base::{Duration, Instant, Sighting};
use control_plane::model::global::Buffer;
use control_plane::model::tracking::TrackProcess;
use scheduler::{Interest, Scheduler, Token};
use sys::files::read_small;
use sys::process_events::ProcessEvents;

use super::matching::{Process, matches, wants_command_line, words};

/// From one look to the next.
const INTERVAL: Duration = Duration::from_millis(100);

/// So long after its start a process may still become another program unseen by [`ALL_AGAIN`].
const YOUTH: Duration = Duration::from_secs(1);

/// From one look at all processes to the next.
const ALL_AGAIN: Duration = Duration::from_secs(2);

/// Processes whose end is awaited at most; the end of others is found by looking.
const MOST_AWAITED: usize = 256;

/// Bytes of a command line that are looked at.
const COMMAND_LINE: u64 = 4096;

/// Bytes of the other files of `/proc`, which are shorter.
const SMALL: u64 = 1024;

/// The kinds that are counted, and every process that is there.
#[derive(Default)]
pub(super) struct Processes {
    kinds: Vec<Kind>,
    known: BTreeMap<i32, Known>,
    look_at: Option<Instant>,
    all_again_at: Instant,
    /// What changes with every start of a process, and most ends.
    activity: Vec<u8>,
    /// The kernel's events, and the buffer that they were asked for with.
    events: Option<(Token, ProcessEvents)>,
    buffer: Buffer,
}

struct Kind {
    config: TrackProcess,
    count: u32,
}

/// A process.
struct Known {
    since: Instant,
    started: u64,
    /// Places in [`Processes::kinds`].
    kinds: Vec<usize>,
    end: Option<(Token, OwnedFd)>,
}

impl Processes {
    /// These kinds from now on.
    pub(super) fn follow(
        &mut self,
        now: Instant,
        wanted: &[TrackProcess],
        buffer: Buffer,
        scheduler: &mut Scheduler,
    ) {
        let buffer = if wanted.is_empty() { Buffer::default() } else { buffer };
        self.hear(buffer, scheduler);
        for known in std::mem::take(&mut self.known).into_values() {
            known.forget(scheduler);
        }
        let kind = |config: &TrackProcess| Kind { config: config.clone(), count: 0 };
        self.kinds = wanted.iter().map(kind).collect();
        self.activity.clear();
        self.all_again_at = now;
        self.look_at = None;
        if !self.kinds.is_empty() {
            self.look(now, scheduler);
        }
    }

    /// When [`Self::on_timeout`] is due.
    pub(super) const fn next_timeout(&self) -> Option<Instant> {
        self.look_at
    }

    /// Looks around; what has changed.
    pub(super) fn on_timeout(&mut self, now: Instant, scheduler: &mut Scheduler) -> Vec<Sighting> {
        if self.look_at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.look(now, scheduler)
    }

    /// Hears the kernel's events from now on, where a size of their buffer is said.
    fn hear(&mut self, buffer: Buffer, scheduler: &mut Scheduler) {
        if self.buffer == buffer {
            return;
        }
        self.buffer = buffer;
        if let Some((token, _)) = self.events.take() {
            scheduler.deregister(token);
        }
        let Some(bytes) = buffer.size.filter(|bytes| *bytes > 0) else { return };
        let opened = ProcessEvents::open(Some((bytes, buffer.force)))
            .and_then(|events| Ok((scheduler.register(events.as_fd(), Interest::Read)?, events)));
        match opened {
            Ok(events) => self.events = Some(events),
            Err(error) => log::warn!("the kernel's process events cannot be heard: {error}"),
        }
    }

    /// Looks at what the kernel tells of; what has changed.
    fn on_news(&mut self, now: Instant, scheduler: &mut Scheduler) -> Vec<Sighting> {
        let Some((token, events)) = &self.events else { return Vec::new() };
        let heard = match events.take() {
            Ok(heard) => heard,
            Err(error) => {
                self.hear(Buffer::default(), scheduler);
                log::warn!("the kernel's process events cannot be heard: {error}");
                return Vec::new();
            }
        };
        if heard.more {
            scheduler.still_ready(*token);
        }
        if heard.lost {
            self.all_again_at = now;
            return self.look(now, scheduler);
        }
        for pid in heard.changed {
            self.examine(now, pid, scheduler);
        }
        self.count()
    }

    /// What has changed, when the event is one of these.
    pub(super) fn on_event(
        &mut self,
        now: Instant,
        token: Token,
        scheduler: &mut Scheduler,
    ) -> Option<Vec<Sighting>> {
        if self.events.as_ref().is_some_and(|(own, _)| *own == token) {
            return Some(self.on_news(now, scheduler));
        }
        let is_it = |known: &Known| known.end.as_ref().is_some_and(|(own, _)| *own == token);
        let pid = self.known.iter().find(|(_, known)| is_it(known)).map(|(pid, _)| *pid)?;
        if let Some(known) = self.known.remove(&pid) {
            known.forget(scheduler);
        }
        Some(self.count())
    }

    /// All numbers.
    pub(super) fn all(&self) -> impl Iterator<Item = Sighting> {
        self.kinds.iter().map(Kind::sighting)
    }

    fn look(&mut self, now: Instant, scheduler: &mut Scheduler) -> Vec<Sighting> {
        self.look_at = Some(now + INTERVAL);
        let all = self.all_again_at <= now;
        let activity = activity();
        let is_young = |known: &Known| now.saturating_since(known.since) <= YOUTH;
        let is_quiet = activity.is_some() && activity.as_ref() == Some(&self.activity);
        if is_quiet && !all && !self.known.values().any(is_young) {
            return Vec::new();
        }
        self.activity = activity.unwrap_or_default();
        if all {
            self.all_again_at = now + ALL_AGAIN;
        }
        let there = numbers();
        let gone: Vec<i32> =
            self.known.keys().copied().filter(|pid| !there.contains(pid)).collect();
        for known in gone.iter().filter_map(|pid| self.known.remove(pid)) {
            known.forget(scheduler);
        }
        for pid in there {
            if all || self.known.get(&pid).is_none_or(is_young) {
                self.examine(now, pid, scheduler);
            }
        }
        self.count()
    }

    fn examine(&mut self, now: Instant, pid: i32, scheduler: &mut Scheduler) {
        let Some(process) = read(pid) else { return };
        let kinds = self.kinds_of(pid, &process);
        let old = self.known.remove(&pid);
        let known = match old {
            Some(old) if old.started == process.started && old.kinds == kinds => old,
            old => {
                let since = old.as_ref().filter(|old| old.started == process.started);
                let since = since.map_or(now, |old| old.since);
                if let Some(old) = old {
                    old.forget(scheduler);
                }
                let end = if kinds.is_empty() { None } else { self.await_end(pid, scheduler) };
                // The number may have passed on before its end could be awaited.
                if end.is_some() && read(pid).is_none_or(|now| now.started != process.started) {
                    Known { since, started: 0, kinds: Vec::new(), end }.forget(scheduler);
                    return;
                }
                Known { since, started: process.started, kinds, end }
            }
        };
        self.known.insert(pid, known);
    }

    fn kinds_of(&self, pid: i32, process: &Process) -> Vec<usize> {
        let wanted = self.kinds.iter().any(|kind| wants_command_line(&kind.config));
        let path = format!("/proc/{pid}/cmdline");
        let line = if wanted { read_small(Path::new(&path), COMMAND_LINE).ok() } else { None };
        let line = line.unwrap_or_default();
        let words = words(&line);
        let kinds = self.kinds.iter().enumerate();
        kinds
            .filter(|(_, kind)| matches(&kind.config, process, &words))
            .map(|(place, _)| place)
            .collect()
    }

    fn await_end(&self, pid: i32, scheduler: &mut Scheduler) -> Option<(Token, OwnedFd)> {
        if self.known.values().filter(|known| known.end.is_some()).count() >= MOST_AWAITED {
            return None;
        }
        let fd = sys::process::end_of(pid).ok()?;
        let token = scheduler.register(fd.as_fd(), Interest::Read).ok()?;
        Some((token, fd))
    }

    /// Counts each kind; those whose number has changed.
    fn count(&mut self) -> Vec<Sighting> {
        let Self { kinds, known, .. } = self;
        let mut news = Vec::new();
        for (place, kind) in kinds.iter_mut().enumerate() {
            let count = known.values().filter(|known| known.kinds.contains(&place)).count();
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            if count != kind.count {
                kind.count = count;
                news.push(kind.sighting());
            }
        }
        news
    }
}

impl Kind {
    fn sighting(&self) -> Sighting {
        Sighting::Processes { name: self.config.name.clone(), count: self.count }
    }
}

impl Known {
    fn forget(self, scheduler: &mut Scheduler) {
        if let Some((token, _)) = self.end {
            scheduler.deregister(token);
        }
    }
}

/// The number of the process that was started last, and how many threads there are.
fn activity() -> Option<Vec<u8>> {
    let text = fs::read("/proc/loadavg").ok()?;
    let after = text.iter().position(|byte| *byte == b'/')?;
    Some(text.get(after..)?.to_vec())
}

fn numbers() -> HashSet<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn read(pid: i32) -> Option<Process> {
    let stat = read_small(Path::new(&format!("/proc/{pid}/stat")), SMALL).ok()?;
    Process::parse(&stat)
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::thread::sleep;

    use skips::Lack;

    use super::*;

    /// Whether the kernel tells of processes here: not in every namespace.
    fn is_told() -> bool {
        let Ok(events) = ProcessEvents::open(None) else { return false };
        Command::new("true").status().unwrap();
        !events.take().unwrap().changed.is_empty()
    }

    /// `process_monitor_rcv_bufs`.
    #[test]
    fn with_a_buffer_for_the_kernels_events_a_start_counts_without_a_look_around() {
        if !is_told() {
            return skips::skip(Lack::ProcessEvents, "the kernel tells of no process here");
        }
        const ARGUMENT: &str = "4711.25";
        let mut scheduler = Scheduler::new(&[]).unwrap();
        let process = vec!["sleep".to_owned(), ARGUMENT.to_owned()];
        let param_match = Some(control_plane::model::tracking::ParamMatch::Exact);
        let wanted = TrackProcess { process, param_match, ..TrackProcess::new("s".into()) };
        let wanted = [wanted];
        let mut processes = Processes::default();
        let now = sys::clock::now();
        processes.follow(now, &wanted, Buffer::default(), &mut scheduler);
        assert!(processes.events.is_none(), "nobody asked for them");
        let buffer = Buffer { size: Some(1_000_000), force: true };
        processes.follow(now, &wanted, buffer, &mut scheduler);
        let token = processes.events.as_ref().map(|(token, _)| *token).unwrap();

        let mut child = Command::new("sleep").arg(ARGUMENT).spawn().unwrap();
        let end = sys::clock::now() + Duration::from_secs(20);
        let mut news = Vec::new();
        while news.is_empty() && sys::clock::now() < end {
            news = processes.on_event(now, token, &mut scheduler).unwrap();
            sleep(std::time::Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(news, [Sighting::Processes { name: "s".into(), count: 1 }]);
        processes.follow(now, &[], buffer, &mut scheduler);
        assert!(processes.events.is_none(), "nothing is tracked any longer");
    }

    #[test]
    fn a_start_behind_more_events_than_are_read_at_a_time_counts_without_another_event() {
        if !is_told() {
            return skips::skip(Lack::ProcessEvents, "the kernel tells of no process here");
        }
        const ARGUMENT: &str = "4711.5";
        let mut scheduler = Scheduler::new(&[]).unwrap();
        let process = vec!["sleep".to_owned(), ARGUMENT.to_owned()];
        let param_match = Some(control_plane::model::tracking::ParamMatch::Exact);
        let wanted = [TrackProcess { process, param_match, ..TrackProcess::new("s".into()) }];
        let mut processes = Processes::default();
        let buffer = Buffer { size: Some(8_000_000), force: true };
        processes.follow(sys::clock::now(), &wanted, buffer, &mut scheduler);
        // Each of them is two events at least.
        let start_others = |number: usize| {
            for _ in 0..number {
                Command::new("true").status().unwrap();
            }
        };
        start_others(520);
        let mut child = Command::new("sleep").arg(ARGUMENT).spawn().unwrap();
        start_others(20);
        let (mut news, mut events) = (Vec::new(), Vec::new());
        loop {
            // It does not wait for what is not there yet.
            scheduler.set_timer(scheduler::TimerId(0), Instant::default());
            let now = scheduler.turn(&mut events).unwrap();
            let tokens = events.iter().filter_map(|event| match event {
                scheduler::Event::Io { token, .. } => Some(*token),
                _ => None,
            });
            let told: Vec<_> =
                tokens.filter_map(|token| processes.on_event(now, token, &mut scheduler)).collect();
            if told.is_empty() {
                break;
            }
            news.extend(told.into_iter().flatten());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(news, [Sighting::Processes { name: "s".into(), count: 1 }]);
    }
}
