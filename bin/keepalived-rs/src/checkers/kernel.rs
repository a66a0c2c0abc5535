//! The kernel's IPVS table as the checkers want it.

use std::collections::BTreeSet;

use base::{Duration, Instant};
use checkers::{Checkers, Snapshot, StateChange, Touched};
use control_plane::Config;
use control_plane::model::global::{Buffers, Launch};
use control_plane::model::lvs::{self as model, FlushOnStop, GroupId, ServerGroup};
use control_plane::model::{Lvs, ServiceAddress};
use ipvs_wrapper::{Error, Ipvs, Managed, Report, Timeouts};
use netlink::{Protocol, Socket, Transport};

use super::marks::Marks;
use super::services::Places;
use super::wanted::{Wanted, services_of};
use crate::buffers;
use crate::convergence::Convergence;
use crate::ipvs_place;

/// The kernel tells nobody when an entry is removed, so it is looked for that often ...
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// ... but not for more than this part of the process's time.
const LOOK_SHARE: u64 = 100;

/// A comparison that ends with a refusal is made again after a second, later where it takes long, for
/// the sake of the checks; never later than this.
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// Entries that are compared at a time.
const PART: usize = 1024;

/// The wrapper, and what was last asked of it.
pub(super) struct Kernel<T = Socket> {
    ipvs: Ipvs<T>,
    state: Convergence,
    /// Where the machine's pool changed since the last comparison.
    touched: Touched,
    /// Not only what was touched has to be compared.
    compare_whole: bool,
    /// When to look for entries that somebody has removed.
    look_at: Option<Instant>,
    places: Places,
    marks: Marks,
    /// Two virtual servers are the same service of the kernel.
    overlaps: bool,
    /// They were until a reload, and the kernel has not been brought to what is wanted since.
    overlapped: bool,
    /// What is ours by the groups of an earlier configuration, until the kernel has lost it.
    former: Managed,
    /// What is done about the table at the end.
    flush_on_stop: FlushOnStop,
    /// The timeouts of before the first change.
    timeouts: Option<Timeouts>,
}

/// Why there is no table to program.
pub(super) enum OpenError {
    /// This kernel has no IPVS, or not one that we know.
    Unavailable(String),
    Failed(String),
}

impl Kernel {
    /// Finds IPVS and reads the table.
    pub(super) fn open(launch: &Launch) -> Result<Self, OpenError> {
        log::debug!("Initializing ipvs");
        let is_elsewhere = launch.ipvs_namespace.is_some();
        let netfilter = is_elsewhere.then(|| ipvs_place::socket(launch, Protocol::Netfilter));
        let socket = ipvs_place::socket(launch, Protocol::Generic).map_err(OpenError::Failed)?;
        let ipvs = Ipvs::open(socket).map_err(|error| match error {
            Error::NoIpvs | Error::TooOld { .. } => OpenError::Unavailable(error.to_string()),
            Error::Netlink(error) => OpenError::Failed(error.to_string()),
        })?;
        Ok(Self::over(ipvs, netfilter))
    }

    /// Sets the receive buffer of the socket to IPVS.
    pub(super) fn size_buffers(&self, wanted: &Buffers) {
        let result = self.ipvs.set_receive_buffer(buffers::wanted(wanted.lvs_command));
        buffers::check("checker", result);
    }
}

impl<T: Transport> Kernel<T> {
    /// With a socket for the firewall, if that is the one of another network namespace.
    fn over(ipvs: Ipvs<T>, netfilter: Option<Result<Socket, String>>) -> Self {
        Self {
            ipvs,
            state: Convergence::default(),
            touched: Touched::new(),
            compare_whole: true,
            look_at: None,
            places: Places::default(),
            marks: Marks::new(netfilter),
            overlaps: false,
            overlapped: false,
            former: Managed::default(),
            flush_on_stop: FlushOnStop::default(),
            timeouts: None,
        }
    }

    /// The daemon starts with this configuration; not for a successor, who finds a table in use.
    pub(super) fn start(&mut self, config: &Lvs) {
        if config.flush {
            self.flush();
        }
    }

    /// A predecessor has changed the timeouts and given marks: what they were before, and which.
    pub(super) fn recall(&mut self, known: &Snapshot) {
        self.timeouts = known.former_timeouts.map(wrapped);
        self.marks.recall(known);
    }

    /// What the machine's snapshot lacks.
    pub(super) fn complete(&self, known: &mut Snapshot) {
        known.former_timeouts = self.former_timeouts();
        self.marks.complete(known);
    }

    /// Marks that have changed, for a successor.
    pub(super) fn take_changes(&mut self) -> Vec<StateChange> {
        self.marks.take_changes()
    }

    /// The timeouts of before the first change, for a successor.
    pub(super) fn former_timeouts(&self) -> Option<model::Timeouts> {
        let Timeouts { tcp, tcp_fin, udp } = self.timeouts?;
        Some(model::Timeouts { tcp, tcp_fin, udp })
    }

    /// This is the configuration from now on. `machine` runs and does not have it yet.
    pub(super) fn configure(&mut self, config: &Config, machine: Option<&Checkers>) {
        let Config { global, lvs: config, .. } = config;
        self.marks.configure(config, &global.firewall);
        let (groups, marks) = (config.groups.clone(), self.marks.assigned().clone());
        let places = Places { groups, marks };
        if let Some(machine) = machine {
            self.change_places(&places, machine);
        }
        // A service that two had and one still has is not to go with the other.
        self.overlapped |= self.overlaps;
        self.overlaps = overlaps(config, &places);
        self.places = places;
        self.flush_on_stop = config.flush_on_stop;
        self.set_timeouts(wrapped(config.timeouts));
    }

    /// The services of groups that will be others are compared, and what they were is ours still.
    fn change_places(&mut self, new: &Places, machine: &Checkers) {
        let is_same = |group: &&ServerGroup| new.groups.contains(group);
        let same: BTreeSet<GroupId> =
            self.places.groups.iter().filter(is_same).map(|group| group.id).collect();
        let changes = |address: &ServiceAddress| match address {
            ServiceAddress::Group { group, .. } => {
                !same.contains(group) || self.places.marks.get(address) != new.marks.get(address)
            }
            _ => false,
        };
        let former = services_of(machine, &self.places, changes);
        self.former.services.extend(former.services);
        self.former.destinations.extend(former.destinations);
        for (address, servers) in machine.managed().iter().filter(|(address, _)| changes(address)) {
            self.touched.entry(*address).or_default().extend(servers);
            self.state.disturbed();
        }
    }

    /// After something large was programmed.
    pub(super) fn compact(&mut self) {
        self.ipvs.compact();
    }

    /// After the last comparison. A table that is left alone (`-I`) is not emptied either; the
    /// timeouts are put back, as keepalived does.
    pub(super) fn leave(&mut self) {
        if self.flush_on_stop == FlushOnStop::All && !self.state.is_left_alone() {
            self.flush();
        }
        self.set_timeouts(Timeouts::default());
    }

    fn flush(&mut self) {
        if let Err(error) = self.ipvs.flush() {
            log::error!("IPVS: {error}");
        }
    }

    /// What is not in `wanted` becomes what it was before we changed it.
    fn set_timeouts(&mut self, wanted: Timeouts) {
        if wanted.is_empty() && self.timeouts.is_none() {
            return;
        }
        let former = match self.timeouts {
            Some(former) => former,
            None => match self.ipvs.timeouts() {
                Ok(former) => *self.timeouts.insert(former),
                Err(error) => return log::error!("IPVS: {error}"),
            },
        };
        if let Err(error) = self.ipvs.set_timeouts(&wanted.or(former)) {
            log::error!("IPVS: {error}");
        }
    }

    /// From now on nothing is changed: the table stays (`-I`).
    pub(super) const fn leave_alone(&mut self) {
        self.state.leave_alone();
        self.look_at = None;
    }

    /// When [`Self::reconcile`] is to be called without anything having changed.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.state.next_timeout().into_iter().chain(self.look_at).min()
    }

    /// Brings the table to what the machine wants; nothing is sent when nothing differs. Says
    /// whether it is there now.
    pub(super) fn reconcile(&mut self, now: Instant, machine: &mut Checkers) -> bool {
        for (service, servers) in machine.take_touched() {
            self.touched.entry(service).or_default().extend(servers);
        }
        let generation = machine.generation();
        if !self.state.is_due(now, generation) {
            if self.look_at.is_some_and(|at| at <= now) {
                self.look(machine);
            }
            return false;
        }
        let began = sys::clock::now();
        let refused = self.compare(machine);
        let is_refused = !refused.is_empty();
        for message in self.state.compared(now, generation, refused) {
            log::error!("IPVS: {message}");
        }
        if is_refused {
            let took = sys::clock::now().saturating_since(began);
            let pause = took.saturating_mul(LOOK_SHARE).min(LONGEST_RETRY);
            self.state.not_before(now + pause);
        }
        self.look_at = self.look_at.or(Some(now + LOOK_EVERY));
        let is_there = self.state.is_there();
        if is_there {
            self.former = Managed::default();
            self.overlapped = false;
        }
        is_there
    }

    /// Compares what was touched, and everything when that is not enough. Says what was refused.
    fn compare(&mut self, machine: &Checkers) -> Vec<String> {
        let touched = std::mem::take(&mut self.touched);
        let mut refused = Vec::new();
        if !self.compare_whole && !self.is_shared() {
            refused = self.bring_to(Wanted::part(machine, &self.places, &touched));
        }
        if self.compare_whole || self.is_shared() {
            self.compare_whole = false;
            let places = std::mem::take(&mut self.places);
            let parts = Wanted::whole(machine, &places, self.part_size());
            refused = parts.flat_map(|part| self.bring_to(part)).collect();
            self.places = places;
        }
        refused.extend(self.marks.reconcile(!machine.desired().is_empty()));
        refused
    }

    /// Whether two virtual servers have, or had, one service.
    const fn is_shared(&self) -> bool {
        self.overlaps || self.overlapped
    }

    /// What was part of other groups, or is part of two services, cannot be looked at piece by piece.
    fn part_size(&self) -> usize {
        let whole = self.is_shared() || self.former != Managed::default();
        if whole { usize::MAX } else { PART }
    }

    fn bring_to(&mut self, mut wanted: Wanted) -> Vec<String> {
        wanted.managed.services.extend(&self.former.services);
        wanted.managed.destinations.extend(&self.former.destinations);
        match self.ipvs.reconcile(&wanted.managed, &wanted.table) {
            Ok(Report { refused, drifted, .. }) => {
                self.compare_whole |= drifted || !refused.is_empty();
                refused.iter().map(ToString::to_string).collect()
            }
            Err(error) => {
                self.compare_whole = true;
                vec![error.to_string()]
            }
        }
    }

    /// Puts back what somebody has removed.
    fn look(&mut self, machine: &Checkers) {
        let began = sys::clock::now();
        if self.marks.look() {
            self.state.disturbed();
        }
        match self.restore(machine) {
            Ok((0, true)) => {}
            Ok((done, all)) => {
                if done > 0 {
                    log::warn!("IPVS: {done} entries were missing, they are back");
                }
                if !all {
                    self.compare_whole = true;
                    self.state.disturbed();
                }
            }
            Err(error) => {
                log::error!("IPVS: {error}");
                self.compare_whole = true;
                self.state.disturbed();
            }
        }
        // The table was in memory twice.
        sys::process::give_back_memory();
        let now = sys::clock::now();
        let pause = now.saturating_since(began).saturating_mul(LOOK_SHARE);
        self.look_at = Some(now + pause.max(LOOK_EVERY));
    }

    /// How many entries were missing and are back, and whether those are all.
    fn restore(&mut self, machine: &Checkers) -> Result<(usize, bool), Error> {
        self.ipvs.resync()?;
        let (mut done, mut all) = (0, true);
        for part in Wanted::whole(machine, &self.places, self.part_size()) {
            let report = self.ipvs.restore(&part.table)?;
            done += report.done;
            all &= report.refused.is_empty();
        }
        Ok((done, all))
    }
}

/// Whether a service of the kernel belongs to more than one virtual server.
fn overlaps(config: &Lvs, places: &Places) -> bool {
    let mut seen = BTreeSet::new();
    let addresses: BTreeSet<_> = config.virtual_servers.iter().map(|one| one.address).collect();
    let mut all = addresses.iter().flat_map(|address| places.keys(address));
    all.any(|key| !seen.insert(key))
}

const fn wrapped(timeouts: model::Timeouts) -> Timeouts {
    let model::Timeouts { tcp, tcp_fin, udp } = timeouts;
    Timeouts { tcp, tcp_fin, udp }
}

#[cfg(test)]
mod tests;
