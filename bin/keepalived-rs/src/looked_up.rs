//! What has to be looked up of a configuration before the VRRP process can act by it: names in files,
//! users in a directory that may be on the network, programs in file systems that may hang. At a
//! reload the parent does, so that a master waits for none of them.

use control_plane::Config;
use serde::{Deserialize, Serialize};

use crate::names::Names;
use crate::scripts::{self, Found};
use crate::vrrp;

/// All that was found.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct LookedUp {
    /// Users and programs of scripts.
    pub(crate) scripts: Found,
    /// Names of routing tables, protocols, groups and so on, where the configuration may use them.
    pub(crate) names: Names,
}

impl LookedUp {
    /// Looks everything up, which may take its time.
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            scripts: scripts::look_up(config, vrrp::commands(config)),
            names: Self::names_of(config),
        }
    }

    /// The names alone.
    pub(crate) fn names_of(config: &Config) -> Names {
        let vrrp = &config.vrrp;
        let has_static = !vrrp.static_routes.is_empty() || !vrrp.static_rules.is_empty();
        let uses = vrrp.instances.iter().any(|one| {
            let in_group = one.own_links.iter().any(|link| link.group.is_some());
            !one.routes.is_empty() || !one.rules.is_empty() || in_group
        });
        if has_static || uses { Names::read(&config.global.files) } else { Names::default() }
    }
}
