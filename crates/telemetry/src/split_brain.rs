//! What an instance does against split brain; nothing is written of what is not configured, so that
//! the file stays keepalived's.

use control_plane::model::split_brain::SplitBrain;
use control_plane::model::{Config, Heartbeat, Instance};
use vrrp_stack::SplitBrainStatistics;

use crate::instance_state::Live;
use crate::layout::{Lines, yes_no};
use crate::statistics::group;

/// Whether an instance has anything of it.
pub(crate) fn is_used(one: &Instance) -> bool {
    one.split_brain != SplitBrain::default()
}

/// Its counters, for `keepalived.stats`.
pub(crate) fn counters(lines: &mut Lines, counted: &SplitBrainStatistics) {
    let counters = [
        ("Doubles Seen", counted.doubles),
        ("Leases Ended", counted.leases_ended),
        ("Paths Lost", counted.paths_lost),
        ("Held By Arbiter", counted.held),
        ("Witnesses Lost", counted.witnesses_lost),
    ];
    group(lines, "Split Brain", &counters);
}

/// The lines of one instance.
pub(crate) fn lines(lines: &mut Lines, config: &Config, one: &Instance, live: Option<&Live<'_>>) {
    let now = live.map(|live| &live.view.split_brain);
    if let Some(seconds) = one.lease_seconds() {
        lines.item(3, "VIP lease", format!("{seconds} secs"));
        lines.optional(3, "VIP lease has ended", now.map(|now| yes_no(now.lease_ended)));
    }
    for heartbeat in &one.split_brain.heartbeats {
        let text = match heartbeat {
            Heartbeat::Interface(name) => format!("interface {name}"),
            Heartbeat::Unicast { source, destination, interface } => {
                let dev = interface.as_ref().map(|name| format!(" dev {name}"));
                format!("unicast {source} {destination}{}", dev.unwrap_or_default())
            }
        };
        lines.item(3, "Heartbeat", text);
    }
    if let Some(used) = one.split_brain.arbiter {
        let name = config.vrrp.arbiters.get(used.arbiter.0).map(|arbiter| arbiter.name.as_str());
        let keeps = if used.keeps { "keeps" } else { "yields" };
        lines.item(3, "Arbiter", format!("{}, {keeps}", name.unwrap_or_default()));
        lines.optional(3, "Held by its arbiter", now.map(|now| yes_no(now.held)));
    }
    if let Some(action) = one.split_brain.conflict {
        lines.item(3, "Conflict detection", format!("{action:?}").to_lowercase());
        lines.optional(3, "Doubles seen", now.map(|now| now.doubles));
    }
    for path in now.iter().flat_map(|now| &now.lost_paths) {
        lines.item(3, "Silent path", path);
    }
}
