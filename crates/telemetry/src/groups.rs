//! Groups: sync groups, track groups, groups of interfaces with limits for announcements.

use control_plane::model::Config;
use control_plane::model::vrrp::{GarpGroup, SyncGroup, TrackGroup};

use crate::instance::notify;
use crate::layout::{Lines, Tracked, seconds, yes_no};

/// `garp_group`.
pub(crate) fn garp(group: &GarpGroup) -> Lines {
    let mut lines = Lines::default();
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

/// `vrrp_sync_group`.
pub(crate) fn sync(config: &Config, group: &SyncGroup) -> Lines {
    let mut lines = Lines::default();
    lines.item(1, "VRRP Sync Group", &group.name);
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
    notify(&mut lines, &group.notify);
    lines
}
