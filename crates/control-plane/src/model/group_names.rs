//! What virtual servers of groups are called.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::lvs::{GroupId, Lvs, ServiceAddress};

/// Names of virtual servers of groups, as keepalived writes them: `[VSG1]:0`. The number counts the
/// virtual servers of one group in the order of the file. It is another one when a virtual server is
/// written above, so it is a name only and no part of the identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupNames(BTreeMap<ServiceAddress, String>);

impl GroupNames {
    /// Where no group has a name.
    pub const NONE: Self = Self(BTreeMap::new());

    /// The names in a configuration.
    pub fn of(lvs: &Lvs) -> Self {
        let names: BTreeMap<GroupId, &str> =
            lvs.groups.iter().map(|group| (group.id, group.name.as_str())).collect();
        let mut counts: BTreeMap<GroupId, usize> = BTreeMap::new();
        let mut all = BTreeMap::new();
        for service in &lvs.virtual_servers {
            let ServiceAddress::Group { group, .. } = service.address else { continue };
            let count = counts.entry(group).or_default();
            // Of virtual servers with one address the first is the one that runs.
            if let Entry::Vacant(entry) = all.entry(service.address) {
                let name = names.get(&group).copied().unwrap_or_default();
                entry.insert(format!("[{name}]:{count}"));
            }
            *count += 1;
        }
        Self(all)
    }

    /// The name of a virtual server; empty brackets where there is none.
    pub fn get(&self, address: &ServiceAddress) -> &str {
        self.0.get(address).map_or("[]:0", String::as_str)
    }

    /// These, and those of `former` that are `wanted` and not in here.
    #[must_use]
    pub fn and(mut self, former: &Self, wanted: impl Fn(&ServiceAddress) -> bool) -> Self {
        for (address, name) in former.0.iter().filter(|(address, _)| wanted(address)) {
            self.0.entry(*address).or_insert_with(|| name.clone());
        }
        self
    }
}
