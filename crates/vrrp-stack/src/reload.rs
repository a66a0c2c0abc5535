//! Another configuration while the stack runs: what it would change, and the change.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use base::{IfIndex, Instant, IpNet};
use control_plane::model::global::MulticastGroups;
use control_plane::model::{self, ScriptId, Vrrp, VrrpScript};

use crate::event::{Saying, Thing};
use crate::group::effective_instances;
use crate::links::Links;
use crate::notification::NotifyState;
use crate::output::Outputs;
use crate::router::{Configured, Turn, VirtualRouter};
use crate::script::ScriptTracker;
use crate::snapshot::Identity;
use crate::stack::Stack;

/// One thing that a reload changes. `Display` tells it to an administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new instance.
    InstanceAdded(String),
    /// An instance that is not configured any longer.
    InstanceRemoved(String),
    /// Another address for an instance that stays.
    AddressAdded {
        /// Name of the instance; ten thousand changes share it.
        instance: Arc<str>,
        /// The address.
        address: IpAddr,
    },
    /// An address that an instance loses.
    AddressRemoved {
        /// Name of the instance.
        instance: Arc<str>,
        /// The address.
        address: IpAddr,
    },
    /// Other settings of an instance that stays.
    InstanceChanged(String),
    /// A script that is tracked from now on.
    ScriptAdded(String),
    /// A script that is not tracked any longer.
    ScriptRemoved(String),
    /// Other settings of a script that stays.
    ScriptChanged(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InstanceAdded(name) => write!(f, "add vrrp_instance {name}"),
            Self::InstanceRemoved(name) => write!(f, "remove vrrp_instance {name}"),
            Self::AddressAdded { instance, address } => write!(f, "({instance}) add {address}"),
            Self::AddressRemoved { instance, address } => {
                write!(f, "({instance}) remove {address}")
            }
            Self::InstanceChanged(name) => write!(f, "change vrrp_instance {name}"),
            Self::ScriptAdded(name) => write!(f, "add vrrp_script {name}"),
            Self::ScriptRemoved(name) => write!(f, "remove vrrp_script {name}"),
            Self::ScriptChanged(name) => write!(f, "change vrrp_script {name}"),
        }
    }
}

impl Stack {
    /// What a reload with `new` would change; nothing is changed yet.
    pub fn plan(&self, new: &Vrrp) -> Vec<Change> {
        let mut changes = Vec::new();
        let old: BTreeMap<Identity, &model::Instance> = self
            .routers
            .iter()
            .map(|router| (Identity::of(router.config()), router.config()))
            .collect();
        let instances = effective_instances(new);
        let kept: BTreeSet<Identity> = instances.iter().map(Identity::of).collect();
        let removed = old.keys().filter(|identity| !kept.contains(identity));
        changes.extend(removed.map(|identity| Change::InstanceRemoved(identity.name.clone())));
        for instance in &instances {
            match old.get(&Identity::of(instance)) {
                None => changes.push(Change::InstanceAdded(instance.name.clone())),
                Some(old) => compare_instances(old, instance, &mut changes),
            }
        }
        self.compare_scripts(new, &mut changes);
        changes
    }

    fn compare_scripts(&self, new: &Vrrp, changes: &mut Vec<Change>) {
        let now = Instant::default();
        let new = Self::tracked_scripts(now, new);
        let wanted: BTreeMap<&str, &VrrpScript> = by_name(&new);
        let known: BTreeMap<&str, &VrrpScript> = by_name(&self.scripts);
        for name in known.keys().filter(|name| !wanted.contains_key(*name)) {
            changes.push(Change::ScriptRemoved((*name).to_owned()));
        }
        for (name, config) in wanted {
            match known.get(name) {
                None => changes.push(Change::ScriptAdded(name.to_owned())),
                Some(old) if *old != config => changes.push(Change::ScriptChanged(name.to_owned())),
                Some(_) => {}
            }
        }
    }

    /// Goes over to `new`. An instance with the same [`Identity`] keeps state, timers and counters;
    /// a script with the same name keeps its verdict.
    pub(crate) fn reload(&mut self, now: Instant, new: &Vrrp, out: &mut Outputs) {
        self.reload_scripts(now, new, out);
        let mut left = std::mem::take(&mut self.retired);
        let mut old: BTreeMap<Identity, VirtualRouter> = std::mem::take(&mut self.routers)
            .into_iter()
            .map(|router| (Identity::of(router.config()), router))
            .collect();
        let pairs: Vec<_> = Configured::all(&effective_instances(new))
            .map(|instance| (old.remove(&Identity::of(&instance)), instance))
            .collect();

        self.generation += 1;
        self.observed.configure(new);
        self.arbiters.configure(now, new);
        self.observed.recount(now);
        let mut gone = Vec::new();
        let (routers, mut turn) = self.parts(now, out);
        for (identity, mut router) in old {
            let deleted = router.config().notify.report_deleted;
            let told = if deleted { NotifyState::Deleted } else { NotifyState::Fault };
            router.stop(&mut turn, told);
            left.extend(router.places(turn.links));
            left.extend(source_of(&router, turn.links));
            gone.push(identity);
        }
        for (old, instance) in pairs {
            let is_new = old.is_none();
            let mut router = match old {
                Some(router) => keep(&mut turn, router, instance, new.multicast, &mut left),
                None => VirtualRouter::new(instance, new.multicast),
            };
            router.look_around(&mut turn);
            if is_new {
                router.start(&mut turn);
            } else {
                router.follow_faults(&mut turn);
            }
            routers.push(router);
        }
        self.gone.extend(gone);
        self.form_groups(new);
        self.follow_interfaces(new);
        self.release_ungrouped(now, out);
        self.log_unknown_vrids = new.log_unknown_vrids;
        if new.fifo_states_on_reload {
            self.repeat_states(out);
        }
        self.rebuild_listeners();
        self.renewals.clear();
        // Another instance may have taken them over.
        if !left.is_empty() {
            let configured = self.managed_addresses();
            self.retired = left.difference(&configured).copied().collect();
        }
    }

    fn reload_scripts(&mut self, now: Instant, new: &Vrrp, out: &mut Outputs) {
        let mut old: BTreeMap<String, ScriptTracker> = std::mem::take(&mut self.scripts)
            .into_values()
            .map(|tracker| (tracker.config().name.clone(), tracker))
            .collect();
        for (id, fresh) in Self::tracked_scripts(now, new) {
            let tracker = match old.remove(&fresh.config().name) {
                Some(mut tracker) => {
                    let old = tracker.reconfigure(now, fresh.config().clone(), out);
                    old.into_iter().for_each(|run| self.dismissed.add(now, run, out));
                    tracker
                }
                None => fresh,
            };
            self.scripts.insert(id, tracker);
        }
        for run in old.values_mut().filter_map(ScriptTracker::stop) {
            self.dismissed.add(now, run, out);
        }
        self.changed_scripts = self.scripts.keys().copied().collect();
    }
}

/// Links of their own may have a source.
fn has_same_addresses(old: &model::Instance, new: &model::Instance) -> bool {
    old.virtual_addresses == new.virtual_addresses
        && old.excluded_addresses == new.excluded_addresses
        && old.own_links == new.own_links
}

/// What the adverts of a router come from, if it is an address of its own.
fn source_of(router: &VirtualRouter, links: &Links) -> Option<(IfIndex, IpNet)> {
    router.own_source(links).map(|source| (source.index, source.net))
}

fn by_name(scripts: &BTreeMap<ScriptId, ScriptTracker>) -> BTreeMap<&str, &VrrpScript> {
    scripts.values().map(|tracker| (tracker.config().name.as_str(), tracker.config())).collect()
}

fn compare_instances(old: &model::Instance, new: &model::Instance, changes: &mut Vec<Change>) {
    if old == new {
        return;
    }
    let addresses = |instance: &model::Instance| -> BTreeSet<IpAddr> {
        let all = instance.virtual_addresses.iter().chain(&instance.excluded_addresses);
        all.map(|vip| vip.address()).collect()
    };
    let (before, after) = (addresses(old), addresses(new));
    let instance: Arc<str> = new.name.as_str().into();
    changes.extend(
        before.difference(&after).map(|address| Change::AddressRemoved {
            instance: instance.clone(),
            address: *address,
        }),
    );
    changes.extend(
        after
            .difference(&before)
            .map(|address| Change::AddressAdded { instance: instance.clone(), address: *address }),
    );
    let same_addresses = model::Instance {
        virtual_addresses: old.virtual_addresses.clone(),
        excluded_addresses: old.excluded_addresses.clone(),
        ..new.clone()
    };
    let moved = before == after && *old != *new;
    if same_addresses != *old || moved {
        changes.push(Change::InstanceChanged(new.name.clone()));
    }
}

/// The same router with another configuration. A master takes addresses over and gives them up in place.
fn keep(
    turn: &mut Turn<'_>,
    mut router: VirtualRouter,
    config: Configured,
    groups: MulticastGroups,
    left: &mut BTreeSet<(IfIndex, IpNet)>,
) -> VirtualRouter {
    // Where nothing has changed, ten thousand addresses are not looked up twice.
    if has_same_addresses(router.config(), &config) {
        router.reconfigure(turn.now, config, groups);
        return router;
    }
    let places = |router: &VirtualRouter, turn: &Turn<'_>| -> BTreeSet<(IfIndex, IpNet)> {
        router.places(turn.links).into_iter().collect()
    };
    let before = places(&router, turn);
    left.extend(source_of(&router, turn.links));
    router.reconfigure(turn.now, config, groups);
    let after = places(&router, turn);
    let added: BTreeSet<IpAddr> = after.difference(&before).map(|(_, net)| net.addr()).collect();
    let removed: Vec<_> = before.difference(&after).copied().collect();
    left.extend(&removed);
    if router.state().is_master() {
        if !removed.is_empty() {
            turn.announcements.cancel(&removed);
            router.say(turn, Saying::Removing(Thing::Vips));
        }
        if !added.is_empty() {
            router.say(turn, Saying::Setting(Thing::Vips));
            router.announce_some(turn, |address| added.contains(&address));
        }
    }
    router
}

#[cfg(test)]
mod tests;
