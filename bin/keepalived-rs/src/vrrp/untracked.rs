//! `no_track`: what is put in place once, when its instance becomes master, and then is nobody's
//! business until the instance leaves or becomes master again.

use std::collections::{BTreeMap, BTreeSet};

use base::{IfIndex, Instant, IpNet};
use vrrp_stack::{Stack, VirtualRouter};

/// Instances whose entries are all in place, by name, with the moment since when they are master.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Untracked {
    masters: BTreeMap<String, Option<Instant>>,
    /// The static entries.
    statics: bool,
}

impl Untracked {
    /// What is in place once the plan that is made now has been carried out.
    pub(super) fn after(stack: &Stack) -> Self {
        let masters = stack.routers().iter().filter(|router| router.state().is_master());
        let masters = masters.map(|router| (router.config().name.clone(), router.since()));
        Self { masters: masters.collect(), statics: true }
    }

    /// Static entries are to be put in place again.
    pub(super) const fn forget_statics(&mut self) {
        self.statics = false;
    }

    /// Whether static entries with `no_track` are left alone.
    pub(super) const fn leaves_statics(&self) -> bool {
        self.statics
    }

    /// Whether entries of this instance with `no_track` are left alone.
    pub(super) fn leaves(&self, router: &VirtualRouter) -> bool {
        router.state().is_master()
            && self.masters.get(&router.config().name) == Some(&router.since())
    }

    /// The virtual addresses that are left alone.
    pub(super) fn addresses(&self, stack: &Stack) -> BTreeSet<(IfIndex, IpNet)> {
        let left = stack.routers().iter().filter(|router| self.leaves(router));
        left.flat_map(|router| stack.untracked_places(router)).collect()
    }
}
