//! `track_group` of static addresses, routes and rules: which groups lack something that could not
//! be put in place.

use std::collections::BTreeSet;

use control_plane::Config;
use control_plane::model::VirtualAddress;
use control_plane::model::network::{Route, Rule};
use netlink_reflector::{Object, Reflector};

use super::objects::Host;
use crate::names::Names;

/// The static entries that a group follows, each with the name of its group.
#[derive(Default)]
pub(super) struct StaticTracks {
    addresses: Vec<(String, VirtualAddress)>,
    routes: Vec<(String, Route)>,
    rules: Vec<(String, Rule)>,
}

impl StaticTracks {
    pub(super) fn configure(&mut self, config: &Config) {
        let vrrp = &config.vrrp;
        let addresses = vrrp.static_addresses.iter();
        self.addresses = addresses
            .filter_map(|one| Some((one.track_group.clone()?, one.item.clone())))
            .collect();
        let routes = vrrp.static_routes.iter();
        self.routes =
            routes.filter_map(|one| Some((one.track_group.clone()?, one.item.clone()))).collect();
        let rules = vrrp.static_rules.iter();
        self.rules =
            rules.filter_map(|one| Some((one.track_group.clone()?, one.item.clone()))).collect();
    }

    /// The groups of entries that are not there.
    pub(super) fn missing<T: netlink::Transport>(
        &self,
        reflector: &Reflector<T>,
        names: &Names,
    ) -> BTreeSet<String> {
        let index = |name: &str| reflector.link_by_name(name).map(|link| link.index);
        let link = |name: &str| reflector.link_by_name(name);
        let host = Host { names, link: &link };
        let addresses = self.addresses.iter().filter(|(_, one)| {
            index(&one.interface)
                .is_none_or(|index| reflector.address(index, one.address()).is_none())
        });
        let is_there =
            |object: Option<Object>| object.is_some_and(|object| reflector.has_object(&object));
        let routes = self.routes.iter().filter(|(_, one)| !is_there(host.route(one).ok()));
        let rules = self.rules.iter().filter(|(_, one)| !is_there(host.rule(one).ok()));
        let names = addresses.map(|(group, _)| group).chain(routes.map(|(group, _)| group));
        names.chain(rules.map(|(group, _)| group)).cloned().collect()
    }
}
