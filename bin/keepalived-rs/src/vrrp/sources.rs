//! `track_src_ip`: which of the addresses that adverts are to come from are there.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base::IfIndex;
use control_plane::Config;
use vrrp_stack::SocketKey;

use super::kernel::Kernel;

/// Interfaces, or none, and the addresses that are looked for on them, or anywhere.
#[derive(Default)]
pub(super) struct Sources {
    tracked: BTreeSet<(String, IpAddr)>,
    told: BTreeSet<(IfIndex, IpAddr)>,
}

impl Sources {
    /// Looks for the addresses of this configuration too: before instances of it are asked.
    pub(super) fn add(&mut self, config: &Config) {
        self.tracked.extend(tracked(config));
    }

    /// Looks for the addresses of this configuration only.
    pub(super) fn keep(&mut self, config: &Config) {
        self.tracked = tracked(config).collect();
    }

    /// Those that are there, when that has changed since the last call.
    pub(super) fn look(&mut self, kernel: &Kernel) -> Option<BTreeSet<(IfIndex, IpAddr)>> {
        if self.tracked.is_empty() && self.told.is_empty() {
            return None;
        }
        let here = |(interface, address): &(String, IpAddr)| {
            if interface.is_empty() {
                return kernel.has_somewhere(*address).then_some((SocketKey::ANYWHERE, *address));
            }
            let index = kernel.index_of(interface)?;
            kernel.has(index, *address).then_some((index, *address))
        };
        let found: BTreeSet<_> = self.tracked.iter().filter_map(here).collect();
        if found == self.told {
            return None;
        }
        self.told.clone_from(&found);
        Some(found)
    }
}

fn tracked(config: &Config) -> impl Iterator<Item = (String, IpAddr)> {
    let tracking = config.vrrp.instances.iter().filter(|one| one.track_source);
    tracking.filter_map(|one| Some((one.interface.clone(), one.source?)))
}
