//! Which interfaces are polled for their link.

use std::collections::BTreeMap;

use super::vrrp::{LinkbeatMethod, Vrrp};

impl Vrrp {
    /// Interfaces whose link is asked of their driver: of those that an instance or a sync group
    /// depends on, the ones in `linkbeat_interfaces`, and by `linkbeat_use_polling` all, or that of
    /// the instance which says so.
    pub fn polled_interfaces(&self) -> BTreeMap<&str, LinkbeatMethod> {
        let named = |interface: &str| {
            let mut entries = self.linkbeat.iter().rev();
            entries.find(|entry| entry.interface == interface).map(|entry| entry.method)
        };
        let own = self.instances.iter().map(|one| (one.interface.as_str(), one.linkbeat_polling));
        let of_instances = self.instances.iter().flat_map(|one| &one.track_interfaces);
        let of_groups = self.sync_groups.iter().flat_map(|group| &group.track_interfaces);
        let tracked = of_instances.chain(of_groups).map(|one| (one.interface.as_str(), false));
        let mut polled = BTreeMap::new();
        for (interface, polling) in own.chain(tracked) {
            let all = self.linkbeat_polling || polling;
            let method = named(interface).or_else(|| all.then_some(LinkbeatMethod::Auto));
            if let Some(method) = method.filter(|_| !interface.is_empty()) {
                polled.insert(interface, method);
            }
        }
        polled
    }
}
