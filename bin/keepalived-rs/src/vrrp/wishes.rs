//! What of the kernel is wanted besides the addresses of instances: static addresses, routes and
//! rules, and the routes and rules of masters.

use std::collections::BTreeSet;

use base::{IfIndex, IpNet};
use control_plane::Config;
use control_plane::model::VirtualAddress;
use control_plane::model::network::{Route, Rule};
use netlink_reflector::{Change, DesiredAddress, Object, Reflector};
use vrrp_stack::Stack;

use super::kernel::desired;
use super::objects::Host;
use super::static_tracks::StaticTracks;
use super::untracked::Untracked;
use crate::names::Names;

/// The static part of the configuration, and what it was before.
#[derive(Default)]
pub(super) struct Wishes {
    addresses: Vec<VirtualAddress>,
    routes: Vec<Route>,
    rules: Vec<Rule>,
    names: Names,
    tracks: StaticTracks,
    /// Static addresses that were added, and are ours to remove.
    added: BTreeSet<(IfIndex, IpNet)>,
    /// Some route or rule is configured.
    has_objects: bool,
    leaving: bool,
}

/// What is wanted now, and what is ours.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) addresses: Vec<DesiredAddress>,
    pub(super) managed_addresses: BTreeSet<(IfIndex, IpNet)>,
    pub(super) desired: Vec<Object>,
    pub(super) managed: Vec<Object>,
    /// Neither is to be done anything about.
    pub(super) left: Vec<Object>,
}

impl Wishes {
    /// Takes over a configuration. `true`: it has routes or rules, for the first time.
    pub(super) fn configure(&mut self, config: &Config, names: Names) -> bool {
        let vrrp = &config.vrrp;
        self.addresses = vrrp.static_addresses.iter().map(|one| one.item.clone()).collect();
        self.routes = vrrp.static_routes.iter().map(|one| one.item.clone()).collect();
        self.rules = vrrp.static_rules.iter().map(|one| one.item.clone()).collect();
        self.tracks.configure(config);
        let mut instances = vrrp.instances.iter();
        let has_objects = !self.routes.is_empty()
            || !self.rules.is_empty()
            || instances.any(|one| !one.routes.is_empty() || !one.rules.is_empty());
        if has_objects {
            self.names = names;
        }
        let first = has_objects && !self.has_objects;
        self.has_objects |= has_objects;
        first
    }

    /// From now on nothing static is wanted.
    pub(super) const fn leave(&mut self) {
        self.leaving = true;
    }

    /// Whether news of the kernel may make something missing that is wanted.
    pub(super) fn concern(&self, change: &Change) -> bool {
        match change {
            Change::LinkNew(_) => self.has_objects || !self.addresses.is_empty(),
            Change::AddressRemoved(gone) => {
                self.addresses.iter().any(|one| one.address() == gone.net.addr())
            }
            _ => false,
        }
    }

    /// The `track_group`s of static entries that are not there.
    pub(super) fn missing<T: netlink::Transport>(
        &self,
        reflector: &Reflector<T>,
    ) -> BTreeSet<String> {
        if self.leaving { BTreeSet::new() } else { self.tracks.missing(reflector, &self.names) }
    }

    /// What is wanted now. What this host cannot have is told in `refused`.
    pub(super) fn look_up<T: netlink::Transport>(
        &mut self,
        reflector: &Reflector<T>,
        stack: &Stack,
        untracked: &Untracked,
        refused: &mut Vec<String>,
    ) -> Wanted {
        let index = |name: &str| reflector.link_by_name(name).map(|link| link.index);
        let link = |name: &str| reflector.link_by_name(name);
        let host = Host { names: &self.names, link: &link };
        let mut wanted = Wanted::default();
        // At the end everything goes, whoever has put it there again.
        let left = untracked.leaves_statics() && !self.leaving;
        let mut left_alone = BTreeSet::new();
        for address in &self.addresses {
            if let Some(index) = index(&address.interface) {
                self.added.insert((index, address.net));
                if left && address.no_track {
                    left_alone.insert((index, address.net));
                } else if !self.leaving {
                    wanted.addresses.push(desired(vrrp_stack::DesiredAddress::on(index, address)));
                }
            }
        }
        wanted.managed_addresses = self.added.difference(&left_alone).copied().collect();
        let objects = (self.routes.as_slice(), self.rules.as_slice());
        wanted.add(&host, !self.leaving, left, objects, refused);
        for router in stack.routers() {
            let config = router.config();
            let is_here = router.holds_addresses();
            let left = untracked.leaves(router);
            let objects = (config.routes.as_slice(), config.rules.as_slice());
            wanted.add(&host, is_here, left, objects, refused);
        }
        wanted
    }
}

impl Wanted {
    /// With `left`, entries with `no_track` are left alone.
    fn add(
        &mut self,
        host: &Host<'_>,
        is_desired: bool,
        left: bool,
        (routes, rules): (&[Route], &[Rule]),
        refused: &mut Vec<String>,
    ) {
        let routes = routes.iter().map(|route| (host.route(route), route.no_track));
        let rules = rules.iter().map(|rule| (host.rule(rule), rule.no_track));
        for (object, no_track) in routes.chain(rules) {
            match object {
                Ok(object) if left && no_track => self.left.push(object),
                Ok(object) => {
                    if is_desired {
                        self.desired.push(object.clone());
                    }
                    self.managed.push(object);
                }
                Err(reason) if is_desired => {
                    refused.push(format!("cannot add a route or rule: {reason}"))
                }
                // it cannot be there either
                Err(_) => {}
            }
        }
    }
}
