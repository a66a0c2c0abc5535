//! The whole configuration, section by section.

use control_plane::Config;

use crate::layout::section;
use crate::{checks, global, groups, instance, servers, trackers};

/// A configuration as keepalived shows it with `-d`: what is configured, without states. Sections
/// that would be empty are left out. Lines are made as they are asked for, so that 50,000 real servers
/// never are one text.
pub fn configuration(config: &Config) -> impl Iterator<Item = String> + use<'_> {
    let Config { global, vrrp, lvs, bfd } = config;
    global::lines(global, vrrp, lvs)
        .chain(section("GARP delay group", vrrp.garp_groups.iter().map(groups::garp)))
        .chain(section("Static Track groups", vrrp.track_groups.iter().map(groups::track)))
        .chain(section(
            "VRRP Topology",
            vrrp.instances.iter().map(|one| instance::lines(config, one)),
        ))
        .chain(section(
            "VRRP Sync groups",
            vrrp.sync_groups.iter().map(|one| groups::sync(config, one)),
        ))
        .chain(section(
            "VRRP Scripts",
            (0..vrrp.scripts.len()).map(|place| trackers::script(vrrp, place)),
        ))
        .chain(section(
            "VRRP Track files",
            (0..vrrp.files.len()).map(|place| trackers::file(vrrp, place)),
        ))
        .chain(section(
            "VRRP Track processes",
            (0..vrrp.processes.len()).map(|place| trackers::process(vrrp, place)),
        ))
        .chain(section("BFD Topology", bfd.iter().map(trackers::bfd)))
        .chain(section("LVS Topology", servers::lines(lvs)))
        .chain(section("Health checkers", checks::lines(config)))
}
