//! Groups: sync groups, track groups, groups of interfaces with limits for announcements.

use control_plane::model::Config;
use control_plane::model::vrrp::{GarpGroup, SyncGroup, TrackGroup};

use vrrp_stack::InstanceView;

use crate::instance::notify;
use crate::layout::{Lines, Tracked, rule, seconds, yes_no};
use crate::live::{VrrpLive, state_name};

/// `garp_group`.
pub(crate) fn garp(group: &GarpGroup) -> Lines {
    let mut lines = Lines::default();
    lines.at(0, rule("GARP delay group"));
    lines.optional(1, "GARP interval", group.garp_interval.map(seconds));
    lines.optional(1, "GNA interval", group.gna_interval.map(seconds));
    lines.at(1, "Interfaces");
    group.interfaces.iter().for_each(|interface| lines.at(2, interface));
    lines
}

/// `track_group`.
pub(crate) fn track(group: &TrackGroup) -> Lines {
    let mut lines = Lines::default();
    lines.item(1, "Static Track Group", &group.name);
    lines.list("VRRP member instances", group.members.iter().cloned());
    lines
}

/// FAULT when one is, MASTER when all are.
fn common_state(members: &[&InstanceView]) -> &'static str {
    let mut states = members.iter().map(|one| state_name(one.known.state));
    if states.clone().any(|state| state == "FAULT") {
        "FAULT"
    } else if states.all(|state| state == "MASTER") {
        "MASTER"
    } else {
        "BACKUP"
    }
}

/// `vrrp_sync_group`; with the common state of its members if they have one.
pub(crate) fn sync(config: &Config, group: &SyncGroup, live: Option<&VrrpLive>) -> Lines {
    let mut lines = Lines::default();
    match live {
        None => lines.item(1, "VRRP Sync Group", &group.name),
        Some(live) => {
            let members: Vec<&InstanceView> =
                group.members.iter().filter_map(|name| live.instance(name)).collect();
            let name = format!("{}, {}", group.name, common_state(&members));
            lines.item(1, "VRRP Sync Group", name);
            let faults = members.iter().filter(|one| one.faults > 0).count();
            let init = members.iter().filter(|one| one.awaited > 0).count();
            lines.at(3, format!("Num member fault {faults}, num member init {init}"));
        }
    }
    lines.list("VRRP member instances", group.members.iter().cloned());
    if group.tracking_weight {
        lines.at(3, "sync group tracking weight set");
    }
    lines.item(3, "Using smtp notification", yes_no(group.smtp_alert));
    lines.tracked(
        config,
        &Tracked {
            interfaces: &group.track_interfaces,
            scripts: &group.track_scripts,
            files: &group.track_files,
            processes: &group.track_processes,
            bfds: &group.track_bfds,
        },
    );
    notify(&mut lines, config, &group.notify);
    lines
}
