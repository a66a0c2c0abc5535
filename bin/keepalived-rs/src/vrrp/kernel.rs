//! The kernel as the VRRP stack wants it: addresses, and the addresses nobody may talk to.

mod guard;
mod view;

use std::collections::BTreeSet;
use std::os::fd::RawFd;

use base::{IfIndex, Instant, IpNet};
use control_plane::Config;
use control_plane::model::global::Buffers;
use netlink_reflector::{Change, DesiredAddress, Reflector, Report};
use vrrp_stack::{HostFact, HostMemory, Stack};

use super::linkbeat::Linkbeat;
use super::own_links::OwnLinks;
use super::pace::{Pace, Patience};
use super::settings::{Proc, Settings};
use super::untracked::Untracked;
use super::wishes::{Wanted, Wishes};
use crate::buffers;
use crate::convergence::Convergence;
use crate::names::Names;
use guard::Guard;
use view::SeenUp;

/// The mirror of the kernel, and what was last asked of it.
pub(super) struct Kernel {
    reflector: Reflector<netlink::Socket>,
    guard: Guard,
    state: Convergence,
    wishes: Wishes,
    /// `track_group`s that lack something, once that is news.
    missing: News,
    own_links: OwnLinks,
    linkbeat: Linkbeat,
    seen_up: SeenUp,
    settings: Settings,
    /// Links of our own, or what they need, may be other than they should be.
    links_disturbed: bool,
    /// The stack's wishes that links have been raised for.
    raised_for: Option<u64>,
    /// What was refused about links and settings since they were made last.
    problems: Vec<String>,
    untracked: Untracked,
    /// What the plan of the next turn is to lead to.
    draft: Option<Draft>,
    /// The plan that is being carried out, turn by turn.
    plan: Option<Plan>,
    /// The next turn is soon enough for a plan.
    waits: bool,
    patience: Patience,
    pace: Pace,
}

/// What was learnt last, and whether somebody has to be told.
#[derive(Default)]
struct News {
    groups: BTreeSet<String>,
    is_new: bool,
}

impl News {
    fn learn(&mut self, groups: BTreeSet<String>) {
        self.is_new |= groups != self.groups;
        self.groups = groups;
    }
}

/// Leases that are renewed in one turn.
const RENEWALS: usize = 64;

/// Plans of more requests begin in the turn after the one that makes them, as [`Patience`] allows.
const SMALL: usize = 512;

/// So many addresses take a turn to gather, and another to be compared with what is there.
const MANY: usize = 1_000;

/// So many turns in a row may prepare requests and send none.
const PREPARING: u8 = 2;

/// What is to be there, and what is ours.
struct Draft {
    /// The wishes, by their generation, that it is for.
    wanted: u64,
    addresses: Vec<DesiredAddress>,
    managed: BTreeSet<(IfIndex, IpNet)>,
    objects: Wanted,
    /// What cannot be.
    refused: Vec<String>,
    /// What is left alone once it is carried out.
    untracked: Untracked,
}

/// What is being done, and what of it was refused so far.
#[derive(Default)]
struct Plan {
    /// The wishes, by their generation, that it is for. `None`: it is still to be made.
    wanted: Option<u64>,
    refused: Vec<String>,
    /// A removal may have taken other addresses along.
    disturbed: bool,
    /// What is left alone once it is carried out.
    untracked: Untracked,
}

impl Kernel {
    /// Opens the reflector and reads what is there.
    pub(super) fn open() -> Result<Self, netlink::Error> {
        let mut reflector = Reflector::open()?;
        if let Err(error) = reflector.drop_echoes_of_addresses() {
            // It only saves work.
            log::warn!("{error}");
        }
        reflector.resync()?;
        let mut seen_up = SeenUp::default();
        reflector.links().for_each(|link| seen_up.look(link));
        Ok(Self {
            reflector,
            guard: Guard::default(),
            state: Convergence::default(),
            wishes: Wishes::default(),
            missing: News::default(),
            own_links: OwnLinks::default(),
            linkbeat: Linkbeat::default(),
            seen_up,
            settings: Settings::default(),
            links_disturbed: true,
            raised_for: None,
            problems: Vec::new(),
            untracked: Untracked::default(),
            draft: None,
            plan: None,
            waits: false,
            patience: Patience::of(PREPARING),
            pace: Pace::default(),
        })
    }

    /// What a predecessor has made and changed.
    pub(super) fn resume(&mut self, known: &HostMemory) {
        self.own_links.resume(&known.links);
        self.settings.resume(&known.settings);
    }

    /// This is the configuration from now on. Whether links may look otherwise by it.
    pub(super) fn configure(&mut self, config: &Config, names: Names) -> bool {
        self.size_buffers(&config.global.buffers);
        self.own_links.configure(config, &names);
        let exists = |name: &str| self.reflector.link_by_name(name).is_some();
        let polled = self.linkbeat.configure(sys::clock::now(), &config.vrrp, exists);
        self.guard.configure(config);
        self.untracked.forget_statics();
        if self.wishes.configure(config, names)
            && let Err(error) = self.reflector.watch_objects()
        {
            log::error!("netlink reflector: {error}");
        }
        self.disturbed();
        polled
    }

    fn size_buffers(&self, wanted: &Buffers) {
        let (command, monitor) = (wanted.vrrp_command, wanted.vrrp_monitor);
        let (command, monitor) = (buffers::wanted(command), buffers::wanted(monitor));
        buffers::check("VRRP", self.reflector.set_receive_buffers(command, monitor));
    }

    /// Nothing of the configuration that does not depend on an instance is wanted any longer.
    pub(super) fn leave(&mut self) {
        self.wishes.leave();
        self.own_links.leave();
        self.disturbed();
    }

    /// After [`Self::leave`], when nothing is left to do but settings: [`Self::make_links`] puts them back.
    pub(super) fn finish(&mut self) {
        self.own_links.finish();
        self.links_disturbed = true;
    }

    /// From now on nothing is changed: what is there stays (`-V`).
    pub(super) fn leave_alone(&mut self) {
        (self.plan, self.draft) = (None, None);
        self.guard = Guard::default();
        self.state.leave_alone();
    }

    /// The descriptor that tells of changes.
    pub(super) fn fd(&self) -> RawFd {
        self.reflector.fd()
    }

    /// Changes that the kernel told since the last call.
    pub(super) fn drain(&mut self, now: Instant) -> Vec<Change> {
        let changes = self.reflector.drain(now).unwrap_or_else(|error| {
            log::error!("netlink reflector: {error}");
            self.state.look_again(now);
            Vec::new()
        });
        self.seen_up.learn(&changes);
        let concerned = changes.iter().any(|change| self.wishes.concern(change));
        if changes.iter().any(|change| self.own_links.concern(change)) {
            self.disturbed();
        }
        if self.reflector.take_lost() || concerned {
            self.disturbed();
        }
        changes
    }

    /// Whether events lie there that no descriptor will tell of.
    pub(super) fn has_more(&self) -> bool {
        self.reflector.has_more()
    }

    /// When [`Self::drain`] and [`Self::reconcile`] are to be called without an event.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let own = self.linkbeat.next_timeout().into_iter().chain(self.state.next_timeout());
        own.chain(self.reflector.next_timeout()).chain(self.guard.next_timeout()).min()
    }

    /// Asks for the links that are polled, when it is time or `changes` tell of one; interfaces whose
    /// link has come or gone.
    pub(super) fn poll_links(&mut self, now: Instant, changes: &[Change]) -> BTreeSet<IfIndex> {
        let is_told = |change: &Change| match change {
            Change::LinkNew(link) | Change::LinkChanged(link) => self.linkbeat.polls(&link.name),
            _ => false,
        };
        let is_due = self.linkbeat.next_timeout().is_some_and(|at| at <= now);
        if !is_due && !changes.iter().any(is_told) {
            return BTreeSet::new();
        }
        let exists = |name: &str| self.reflector.link_by_name(name).is_some();
        let changed = self.linkbeat.poll(now, exists);
        changed.iter().filter_map(|name| self.index_of(name)).collect()
    }

    /// Makes the links that are missing. What comes out has to be told to the parent, then
    /// [`Self::adjust`] changes settings. `None`: there is nothing to do.
    pub(super) fn make_links(&mut self) -> Option<Vec<HostFact>> {
        let disturbed = std::mem::take(&mut self.links_disturbed);
        let is_idle = self.own_links.is_idle() && self.settings.is_idle();
        if !disturbed || is_idle || self.state.is_left_alone() {
            return None;
        }
        self.problems = self.own_links.make(&mut self.reflector);
        let Self { reflector, own_links, settings, .. } = self;
        let access = proc_of(reflector);
        let wanted = own_links.settings(reflector, settings, &access);
        settings.want(wanted, &access);
        drop(access);
        self.raised_for = None;
        Some(self.take_facts())
    }

    /// What the parent has to know for a successor.
    pub(super) fn take_facts(&mut self) -> Vec<HostFact> {
        let mut facts = self.own_links.take_facts();
        facts.extend(self.settings.take_facts());
        facts
    }

    /// All that a successor has to know.
    pub(super) fn memory(&self) -> HostMemory {
        HostMemory { settings: self.settings.memory(), links: self.own_links.memory() }
    }

    /// Says what became of links since the last call: after what it followed from.
    pub(super) fn say_what_was_done(&mut self) {
        for line in self.own_links.take_lines() {
            log::info!("{line}");
        }
    }

    /// Brings settings to what links of our own need.
    pub(super) fn adjust(&mut self) {
        let Self { reflector, own_links, settings, .. } = self;
        let mut access = proc_of(reflector);
        own_links.prepare(reflector, &mut access);
        let problems = settings.apply(&mut access);
        self.problems.extend(problems);
    }

    /// Switches on what adverts are about to leave by.
    pub(super) fn raise_links(&mut self, stack: &Stack) {
        let wanted = Some(stack.wants_generation());
        if self.raised_for == wanted || self.own_links.is_idle() || self.state.is_left_alone() {
            return;
        }
        self.raised_for = wanted;
        let problems = self.own_links.raise(&mut self.reflector, stack);
        self.problems.extend(problems);
    }

    /// Something was changed behind our back: compare at the end of this turn.
    pub(super) fn disturbed(&mut self) {
        self.guard.disturbed();
        self.compare_anew();
    }

    fn compare_anew(&mut self) {
        self.links_disturbed = true;
        self.state.disturbed();
        (self.plan, self.draft) = (None, None);
    }

    /// Whether [`Self::reconcile`] has stopped at its bound and is to be called in the next turn.
    pub(super) const fn is_busy(&self) -> bool {
        self.plan.is_some()
    }

    /// Brings the kernel to what the stack wants, a bounded number of requests at a time; nothing is
    /// sent when nothing differs. Says whether it is there now.
    pub(super) fn reconcile(&mut self, now: Instant, stack: &Stack) -> bool {
        let wanted = stack.wants_generation();
        if !self.state.is_left_alone() && self.guard.look(now) {
            self.compare_anew();
        }
        if std::mem::take(&mut self.waits) {
            self.plan = Some(Plan::default());
            return false;
        }
        let mut plan = match self.plan.take() {
            Some(plan) if plan.wanted == Some(wanted) => plan,
            None if !self.state.is_due(now, wanted) => return false,
            _ => match self.next_plan(now, wanted, stack) {
                Some(plan) => plan,
                None => return false,
            },
        };
        self.patience.is_over();
        // Tried again with everything else.
        self.links_disturbed |= !plan.refused.is_empty() || !self.problems.is_empty();
        match self.step() {
            Ok(Report { refused, disturbed, .. }) => {
                plan.refused.extend(refused.iter().map(ToString::to_string));
                plan.disturbed |= disturbed;
                if self.reflector.pending() > 0 {
                    self.plan = Some(plan);
                    return false;
                }
                if plan.disturbed && plan.refused.is_empty() && self.problems.is_empty() {
                    // Made anew in the next turn.
                    self.plan = Some(Plan::default());
                    return false;
                }
            }
            Err(error) => plan.refused.push(error.to_string()),
        }
        plan.refused.append(&mut self.problems);
        plan.refused.extend(self.settle(stack));
        for message in self.state.compared(now, wanted, plan.refused) {
            log::error!("{message}");
        }
        // What may have gone with a link that was just lowered or removed is asked for in the next turn.
        if !self.reflector.has_lost() {
            self.missing.learn(self.wishes.missing(&self.reflector));
        }
        let is_there = self.state.is_there();
        if is_there {
            self.untracked = plan.untracked;
        }
        is_there
    }

    /// A plan whose requests may leave in this turn. What is much to gather or to compare is done in a
    /// turn of its own, unless that was so twice since requests left.
    fn next_plan(&mut self, now: Instant, wanted: u64, stack: &Stack) -> Option<Plan> {
        let draft = match self.draft.take().filter(|draft| draft.wanted == wanted) {
            Some(draft) => draft,
            None => {
                let draft = self.draft(now, wanted, stack);
                if self.patience.puts_off(draft.managed.len() > MANY) {
                    self.draft = Some(draft);
                    self.plan = Some(Plan::default());
                    return None;
                }
                draft
            }
        };
        let plan = self.make_plan(draft);
        if self.patience.puts_off(self.reflector.pending() > SMALL) {
            self.plan = Some(plan);
            return None;
        }
        Some(plan)
    }

    /// As many requests as fit one turn.
    fn step(&mut self) -> Result<Report, netlink::Error> {
        let (waiting, removing) = (self.reflector.pending(), self.reflector.removes_next());
        // A few go together whatever they are: an address that is made anew is hardly missed.
        let limit = match self.pace.requests(removing) {
            pace if waiting <= pace => waiting,
            pace => self.reflector.alike(pace),
        };
        let begin = sys::clock::now();
        let done = self.reflector.step(limit);
        let carried_out = waiting - self.reflector.pending();
        self.pace.learn(carried_out, sys::clock::now().saturating_since(begin));
        done
    }

    /// This turn has been long already: the next comparison waits for the one that follows.
    pub(super) const fn wait(&mut self) {
        self.waits = true;
    }

    /// The `track_group`s whose static entries could not all be put in place, when that has changed.
    pub(super) fn take_missing(&mut self) -> Option<BTreeSet<String>> {
        std::mem::take(&mut self.missing.is_new).then(|| self.missing.groups.clone())
    }

    /// Whether leases wait to be renewed: call [`Self::renew`] in the next turn.
    pub(super) fn has_renewals(&self) -> bool {
        self.reflector.pending_renewals() > 0
    }

    /// Renews the leases of addresses, a bounded number at a time.
    pub(super) fn renew(&mut self, stack: &mut Stack) {
        if !self.has_renewals() {
            self.reflector.renew(stack.take_renewals().into_iter().map(desired));
        }
        match self.reflector.step_renewals(RENEWALS) {
            Ok(report) => {
                for refusal in report.refused {
                    log::error!("{refusal}");
                }
            }
            Err(error) => log::error!("netlink reflector: {error}"),
        }
    }

    /// The addresses are where they should be: links that nobody needs go, and then what they needed.
    fn settle(&mut self, stack: &Stack) -> Vec<String> {
        let before = self.own_links.count();
        let problems = self.own_links.settle(&mut self.reflector, stack);
        self.links_disturbed |= self.own_links.count() != before;
        problems
    }

    /// What is to be there.
    fn draft(&mut self, now: Instant, wanted: u64, stack: &Stack) -> Draft {
        let mut refused = Vec::new();
        // Closed before the addresses are there, opened after they have gone.
        let vmacs = self.own_links.vmacs(&self.reflector);
        refused.extend(self.guard.reconcile(now, &stack.dropped_addresses(), &vmacs).err());
        let Self { reflector, wishes, untracked, .. } = self;
        let mut wanted_objects = wishes.look_up(reflector, stack, untracked, &mut refused);
        let mut addresses = std::mem::take(&mut wanted_objects.addresses);
        addresses.extend(stack.desired_addresses().into_iter().map(desired));
        let mut managed = stack.managed_addresses();
        managed.extend(wanted_objects.managed_addresses.iter().copied());
        let left_alone = untracked.addresses(stack);
        addresses.retain(|address| !left_alone.contains(&(address.index, address.net)));
        managed.retain(|place| !left_alone.contains(place));
        let untracked = Untracked::after(stack);
        Draft { wanted, addresses, managed, objects: wanted_objects, refused, untracked }
    }

    /// The requests that lead there.
    fn make_plan(&mut self, draft: Draft) -> Plan {
        let Draft { wanted, addresses, managed, objects, mut refused, untracked } = draft;
        if let Err(error) = self.reflector.plan(&managed, &addresses) {
            refused.push(error.to_string());
        }
        let Wanted { managed, desired, left, .. } = &objects;
        self.reflector.plan_objects(managed, desired, left);
        self.pace.forget();
        Plan { wanted: Some(wanted), refused, disturbed: false, untracked }
    }
}

/// Settings of interfaces by the names that those have now.
fn proc_of<T: netlink::Transport>(
    reflector: &Reflector<T>,
) -> Proc<impl Fn(IfIndex) -> Option<String>> {
    Proc(|index| reflector.link(index).map(|link| link.name.clone()))
}

pub(super) fn desired(address: vrrp_stack::DesiredAddress) -> DesiredAddress {
    DesiredAddress {
        label: address.label,
        scope: address.scope,
        broadcast: address.broadcast,
        nodad: address.nodad,
        preferred_lifetime: address.preferred_lifetime,
        lease: address.lease,
        peer: address.peer,
        flags: address.flags,
        ..DesiredAddress::new(address.index, address.net)
    }
}
