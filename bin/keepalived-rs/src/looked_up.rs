//! What has to be looked up of a configuration before the VRRP process can act by it: names in files,
//! users in a directory that may be on the network, programs in file systems that may hang. The parent
//! does it, and hands on what it found: by the fork, and beside each configuration that it sends. So a
//! master waits for none of them, and neither does the successor of one that was killed.

use std::borrow::Cow;
use std::collections::BTreeSet;

use control_plane::Config;
use serde::{Deserialize, Serialize};
use watchdog::Role;

use crate::mail::Sender;
use crate::names::Names;
use crate::scripts::{self, Found};
use crate::vrrp;

/// All that was found.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct LookedUp {
    /// Users and programs of scripts.
    pub(crate) scripts: Found,
    /// Names of routing tables, protocols, groups and so on, where the configuration may use them.
    pub(crate) names: Names,
    /// Who sends mails.
    pub(crate) sender: Sender,
}

impl LookedUp {
    /// Looks up what children of these roles need, which may take its time.
    pub(crate) fn of(config: &Config, roles: &BTreeSet<Role>) -> Self {
        let sender = Sender::look_up();
        // Static routes and rules outlive the last instance, and the process that holds them.
        let names = names_of(config);
        if !roles.contains(&Role::Vrrp) {
            return Self { names, sender, ..Self::default() };
        }
        Self { scripts: scripts::look_up(config, vrrp::commands(config)), names, sender }
    }

    /// What of it is the business of a role.
    pub(crate) fn share(&self, role: Role) -> Cow<'_, Self> {
        match role {
            Role::Vrrp => Cow::Borrowed(self),
            // Looks up its scripts itself: no addresses wait for it.
            Role::Checkers => Cow::Owned(Self { sender: self.sender.clone(), ..Self::default() }),
        }
    }
}

fn names_of(config: &Config) -> Names {
    let vrrp = &config.vrrp;
    let has_static = !vrrp.static_routes.is_empty() || !vrrp.static_rules.is_empty();
    let uses = vrrp.instances.iter().any(|one| {
        let in_group = one.own_links.iter().any(|link| link.group.is_some());
        !one.routes.is_empty() || !one.rules.is_empty() || in_group
    });
    if has_static || uses { Names::read(&config.global.files) } else { Names::default() }
}
