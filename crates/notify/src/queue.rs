//! Which script runs when. Pure.
//!
//! ```text
//!            Enqueue                room for one more            Exited
//!   object ----------> waiting ------------------------> running -------> the next one
//!                                                           |
//!                                                           | PATIENCE is over and others wait
//!                                                           v
//!                                                        overdue: it goes on, but holds up nobody
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::Hash;

use base::{Duration, Instant};
use control_plane::model::Command;

/// At most so many scripts of one object wait. Beyond it the oldest is dropped: the latest event is
/// the one that must be heard.
pub const MAX_WAITING: usize = 32;

/// At most so many scripts run at once, overdue ones aside: starting one costs the process that
/// starts it a fraction of a millisecond, and a thousand instances may change at once.
pub const MAX_RUNNING: usize = 64;

/// A script that runs so long no longer holds up those after it.
const PATIENCE: Duration = Duration::from_secs(30);

/// At most so many overdue scripts of one object; then its next one waits after all.
const MAX_OVERDUE: usize = 4;

/// One run of a script. Never used again in the life of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// What happens to a queue. `K` names an object: an instance, a group, a real server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input<K> {
    /// An event of an object: these scripts, in this order.
    Enqueue {
        /// The object.
        object: K,
        /// Its scripts for this event; none is fine.
        commands: Vec<Command>,
    },
    /// A script ended, or could not be started.
    Exited(RunId),
    /// The process stops: everything must be over at `by`. Scripts may still be enqueued.
    Finish {
        /// When the rest is dropped and what still runs is ended.
        by: Instant,
    },
    /// [`Queue::next_timeout`] has come.
    Timeout,
}

/// What a queue wants done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output<K> {
    /// Start this script; answer with [`Input::Exited`] when it ends or cannot be started.
    Start {
        /// The run.
        id: RunId,
        /// The script.
        command: Command,
    },
    /// End this script's process group.
    Kill(RunId),
    /// This script will never run: too many wait, or the time to finish is over. To be logged.
    Dropped {
        /// Whose it was.
        object: K,
        /// The script.
        command: Command,
    },
    /// This script still runs after half a minute, and the next one starts beside it. To be logged.
    Overdue {
        /// Whose it is.
        object: K,
        /// The run.
        id: RunId,
    },
}

/// What a queue wants done, in order.
pub type Outputs<K> = Vec<Output<K>>;

/// All scripts of a process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Queue<K> {
    lines: BTreeMap<K, Line>,
    /// Objects whose first waiting script may start, in the order they became so.
    ready: VecDeque<K>,
    next_id: u64,
    finish_by: Option<Instant>,
}

/// The scripts of one object. There is none without at least one script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Line {
    waiting: VecDeque<Command>,
    running: Option<Running>,
    overdue: BTreeSet<RunId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Running {
    id: RunId,
    overdue_at: Instant,
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self { lines: BTreeMap::new(), ready: VecDeque::new(), next_id: 0, finish_by: None }
    }
}

impl<K: Clone + Ord + Hash> Queue<K> {
    /// Acts on an input; what is to be done is added to `out`.
    pub fn handle_input(&mut self, now: Instant, input: Input<K>, out: &mut Outputs<K>) {
        match input {
            Input::Enqueue { object, commands } => self.enqueue(object, commands, out),
            Input::Exited(id) => self.exited(id),
            Input::Finish { by } => self.finish_by = Some(by),
            Input::Timeout => {}
        }
        if self.finish_by.is_some_and(|by| by <= now) {
            self.end_all(out);
        } else {
            self.give_up_waiting_for_the_overdue(now, out);
            self.start_ready(now, out);
        }
    }

    /// When [`Input::Timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.is_idle() {
            return None;
        }
        let held_up = self.lines.values().filter(|line| line.may_become_overdue());
        let overdue = held_up.filter_map(|line| line.running).map(|running| running.overdue_at);
        overdue.chain(self.finish_by).min()
    }

    /// Whether nothing runs or waits.
    pub fn is_idle(&self) -> bool {
        self.lines.is_empty()
    }

    /// Scripts that wait, in no order.
    pub fn waiting(&self) -> impl Iterator<Item = &Command> {
        self.lines.values().flat_map(|line| &line.waiting)
    }

    fn enqueue(&mut self, object: K, commands: Vec<Command>, out: &mut Outputs<K>) {
        if commands.is_empty() {
            return;
        }
        let line = self.lines.entry(object.clone()).or_default();
        let was_ready = line.is_ready();
        line.waiting.extend(commands);
        while line.waiting.len() > MAX_WAITING {
            let Some(command) = line.waiting.pop_front() else { break };
            out.push(Output::Dropped { object: object.clone(), command });
        }
        if !was_ready && line.is_ready() {
            self.ready.push_back(object);
        }
    }

    fn exited(&mut self, id: RunId) {
        let is_its = |line: &Line| line.overdue.contains(&id) || line.runs(id);
        let Some((object, line)) = self.lines.iter_mut().find(|(_, line)| is_its(line)) else {
            return;
        };
        let was_ready = line.is_ready();
        line.overdue.remove(&id);
        if line.runs(id) {
            line.running = None;
        }
        if !was_ready && line.is_ready() {
            self.ready.push_back(object.clone());
        }
        if line.is_empty() {
            let object = object.clone();
            self.lines.remove(&object);
        }
    }

    fn give_up_waiting_for_the_overdue(&mut self, now: Instant, out: &mut Outputs<K>) {
        for (object, line) in &mut self.lines {
            let is_late = line.running.is_some_and(|running| running.overdue_at <= now);
            if !is_late || !line.may_become_overdue() {
                continue;
            }
            if let Some(Running { id, .. }) = line.running.take() {
                line.overdue.insert(id);
                out.push(Output::Overdue { object: object.clone(), id });
                self.ready.push_back(object.clone());
            }
        }
    }

    fn start_ready(&mut self, now: Instant, out: &mut Outputs<K>) {
        let running = self.lines.values().filter(|line| line.running.is_some()).count();
        for _ in running..MAX_RUNNING {
            let Some(object) = self.ready.pop_front() else { return };
            let Some(line) = self.lines.get_mut(&object) else { continue };
            let Some(command) = line.waiting.pop_front() else { continue };
            let id = RunId(self.next_id);
            self.next_id += 1;
            line.running = Some(Running { id, overdue_at: now + PATIENCE });
            out.push(Output::Start { id, command });
        }
    }

    fn end_all(&mut self, out: &mut Outputs<K>) {
        self.ready.clear();
        for (object, line) in std::mem::take(&mut self.lines) {
            let waiting = line.waiting.into_iter();
            out.extend(waiting.map(|command| Output::Dropped { object: object.clone(), command }));
            let running = line.running.map(|running| running.id);
            out.extend(line.overdue.into_iter().chain(running).map(Output::Kill));
        }
    }
}

impl Line {
    fn runs(&self, id: RunId) -> bool {
        self.running.is_some_and(|running| running.id == id)
    }

    fn is_ready(&self) -> bool {
        self.running.is_none() && !self.waiting.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.running.is_none() && self.waiting.is_empty() && self.overdue.is_empty()
    }

    fn may_become_overdue(&self) -> bool {
        !self.waiting.is_empty() && self.overdue.len() < MAX_OVERDUE
    }
}

#[cfg(test)]
mod tests;
