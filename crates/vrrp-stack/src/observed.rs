//! What is watched outside: numbers in files (`track_file`), numbers of processes
//! (`vrrp_track_process`).

use std::collections::{BTreeMap, BTreeSet};

use base::{Instant, Sighting};
use control_plane::model::tracking::{TrackFile, TrackProcess};
use control_plane::model::vrrp::TrackGroup;
use control_plane::model::{FileId, ProcessId, Vrrp};
use serde::{Deserialize, Serialize};

/// Everything that instances of a configuration can track of it, with its last known state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Observed {
    /// Configured files by their place.
    files: Vec<TrackFile>,
    /// Configured processes by their place.
    processes: Vec<ProcessTracker>,
    /// Numbers in files by the name of the `track_file`. What a coming configuration names may be
    /// seen before that comes.
    values: BTreeMap<String, i32>,
    /// Numbers of processes, likewise.
    counts: BTreeMap<String, u32>,
    /// `track_group` blocks.
    groups: Vec<TrackGroup>,
    /// Those whose static entries are not all there.
    missing: BTreeSet<String>,
    /// A successor has to be told something new about processes.
    dirty: bool,
}

/// Names that may be remembered before a configuration asks for them: far more than anybody has.
const MOST_NAMES: usize = 100_000;

/// One `vrrp_track_process`.
///
/// ```text
///         quorum lost                 terminate_delay over
///   up -----------------> up, losing -----------------------> down
///        <----------------
///         quorum is back             (and the same back, with fork_delay)
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ProcessTracker {
    config: TrackProcess,
    /// Whether it has its quorum, as far as that counts. `None`: nothing was seen yet.
    up: Option<bool>,
    /// When what is seen begins to count.
    counts_at: Option<Instant>,
}

/// What of a `vrrp_track_process` a successor needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessSnapshot {
    /// Its name.
    pub name: String,
    /// Whether it has its quorum, as far as that counts; `None` before anything was seen.
    pub up: Option<bool>,
    /// When the opposite begins to count.
    pub counts_at: Option<Instant>,
}

impl ProcessSnapshot {
    /// Whether `fork_delay` runs.
    pub fn gains(&self) -> bool {
        self.up == Some(false) && self.counts_at.is_some()
    }

    /// Whether `terminate_delay` runs.
    pub fn loses(&self) -> bool {
        self.up == Some(true) && self.counts_at.is_some()
    }
}

impl ProcessTracker {
    const fn new(config: TrackProcess) -> Self {
        Self { config, up: None, counts_at: None }
    }

    fn snapshot(&self) -> ProcessSnapshot {
        let (up, counts_at) = (self.up, self.counts_at);
        ProcessSnapshot { name: self.config.name.clone(), up, counts_at }
    }

    fn has_quorum(&self, count: u32) -> bool {
        count >= self.config.quorum && self.config.quorum_max.is_none_or(|most| count <= most)
    }

    /// So many processes are there now. What is seen first counts at once.
    fn see(&mut self, now: Instant, count: u32) {
        let seen = self.has_quorum(count);
        if self.up.is_none_or(|up| up == seen) {
            self.up = Some(seen);
            self.counts_at = None;
            return;
        }
        let delay = if seen { self.config.fork_delay } else { self.config.terminate_delay };
        if delay.is_zero() {
            self.up = Some(seen);
        } else if self.counts_at.is_none() {
            self.counts_at = Some(now + delay);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.counts_at.take_if(|at| *at <= now).is_some() {
            self.up = self.up.map(|up| !up);
        }
    }
}

impl Observed {
    pub(crate) fn new(config: &Vrrp) -> Self {
        let mut observed = Self::default();
        observed.configure(config);
        observed
    }

    /// Takes over a configuration. What has the same name keeps its state; values that nobody asks
    /// for any longer are forgotten.
    pub(crate) fn configure(&mut self, config: &Vrrp) {
        self.files.clone_from(&config.files);
        self.groups.clone_from(&config.track_groups);
        let mut old: BTreeMap<String, ProcessTracker> = std::mem::take(&mut self.processes)
            .into_iter()
            .map(|tracker| (tracker.config.name.clone(), tracker))
            .collect();
        let processes = config.processes.iter().map(|config| {
            let known = old.remove(&config.name);
            let same_kind = |known: &ProcessTracker| {
                let what =
                    |one: &TrackProcess| (one.process.clone(), one.param_match, one.full_command);
                what(&known.config) == what(config)
            };
            let mut tracker = ProcessTracker::new(config.clone());
            if let Some(known) = known.filter(same_kind) {
                (tracker.up, tracker.counts_at) = (known.up, known.counts_at);
            }
            tracker
        });
        self.processes = processes.collect();
        self.dirty = !self.processes.is_empty();
        let files = &self.files;
        self.values.retain(|name, _| files.iter().any(|file| file.name == *name));
        let processes = &self.processes;
        self.counts.retain(|name, _| processes.iter().any(|one| one.config.name == *name));
    }

    /// These groups lack static entries.
    pub(crate) fn miss(&mut self, groups: &BTreeSet<String>) {
        self.missing.clone_from(groups);
    }

    /// The groups of an instance that lack static entries.
    pub(crate) fn missing_for(&self, instance: &str) -> bool {
        let lack = |group: &&TrackGroup| self.missing.contains(&group.name);
        let mut lacking = self.groups.iter().filter(lack);
        lacking.any(|group| group.members.iter().any(|member| member == instance))
    }

    /// Lets what is known of processes count after [`Self::configure`].
    pub(crate) fn recount(&mut self, now: Instant) {
        for tracker in &mut self.processes {
            if let Some(count) = self.counts.get(&tracker.config.name) {
                tracker.see(now, *count);
            }
        }
    }

    /// What a successor would have to know that was not taken yet.
    pub(crate) fn take_changes(&mut self) -> Vec<ProcessSnapshot> {
        let news = std::mem::take(&mut self.dirty);
        if news { self.snapshots().collect() } else { Vec::new() }
    }

    /// Goes on from what a predecessor knew.
    pub(crate) fn resume(&mut self, known: &[ProcessSnapshot]) {
        for tracker in &mut self.processes {
            if let Some(known) = known.iter().find(|known| known.name == tracker.config.name) {
                (tracker.up, tracker.counts_at) = (known.up, known.counts_at);
            }
        }
    }

    /// Something was seen.
    pub(crate) fn see(&mut self, now: Instant, sighting: &Sighting) {
        if self.values.len() + self.counts.len() >= MOST_NAMES {
            return;
        }
        match sighting {
            Sighting::File { name, value } => {
                self.values.insert(name.clone(), *value);
            }
            Sighting::Processes { name, count } => {
                self.counts.insert(name.clone(), *count);
                let mut trackers = self.processes.iter_mut();
                if let Some(tracker) = trackers.find(|one| one.config.name == *name) {
                    let before = (tracker.up, tracker.counts_at);
                    tracker.see(now, *count);
                    self.dirty |= before != (tracker.up, tracker.counts_at);
                }
            }
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.processes.iter().filter_map(|tracker| tracker.counts_at).min()
    }

    /// Whether anything changed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> bool {
        if self.next_timeout().is_none_or(|due| due > now) {
            return false;
        }
        self.processes.iter_mut().for_each(|tracker| tracker.handle_timeout(now));
        self.dirty = true;
        true
    }

    /// The number in a file; 0 when there is none.
    pub(crate) fn value(&self, id: FileId) -> i32 {
        let file = self.files.get(id.0);
        file.and_then(|file| self.values.get(&file.name)).copied().unwrap_or(0)
    }

    /// Whether processes have their quorum.
    pub(crate) fn has_quorum(&self, id: ProcessId) -> bool {
        self.processes.get(id.0).is_some_and(|tracker| tracker.up == Some(true))
    }

    pub(crate) fn file_name(&self, id: FileId) -> &str {
        self.files.get(id.0).map_or("that is unknown", |file| &file.name)
    }

    pub(crate) fn process_name(&self, id: ProcessId) -> &str {
        self.processes.get(id.0).map_or("that is unknown", |one| &one.config.name)
    }

    pub(crate) fn snapshots(&self) -> impl Iterator<Item = ProcessSnapshot> {
        self.processes.iter().map(ProcessTracker::snapshot)
    }

    /// All that another one has seen, whether its configuration asked for it or not, and which groups
    /// it knows to lack something.
    pub(crate) fn learn(&mut self, now: Instant, other: &Self) {
        for (name, value) in &other.values {
            self.see(now, &Sighting::File { name: name.clone(), value: *value });
        }
        for (name, count) in &other.counts {
            self.see(now, &Sighting::Processes { name: name.clone(), count: *count });
        }
        self.miss(&other.missing);
    }

    /// Numbers in files that were seen, and numbers of processes, for dumps.
    pub(crate) fn seen(&self) -> Vec<Sighting> {
        let files = self.files.iter().filter_map(|file| {
            let value = *self.values.get(&file.name)?;
            Some(Sighting::File { name: file.name.clone(), value })
        });
        let processes = self.processes.iter().filter_map(|tracker| {
            let name = tracker.config.name.clone();
            let count = *self.counts.get(&name)?;
            Some(Sighting::Processes { name, count })
        });
        files.chain(processes).collect()
    }
}
