//! The whole configuration, section by section; in dumps each process shows its own part, with what
//! it is now.

use control_plane::Config;
use control_plane::model::Instance;

use crate::global::Shown;
use crate::instance_state::Live;
use crate::layout::section;
use crate::live::{CheckersLive, Clock, VrrpLive};
use crate::{checks, global, groups, instance, interfaces, network, servers, sockets, trackers};

/// A configuration as keepalived shows it with `-d`: what is configured, without states. Sections
/// that would be empty are left out. Lines are made as they are asked for, so that 50,000 real servers
/// never are one text.
pub fn configuration(config: &Config) -> impl Iterator<Item = String> + use<'_> {
    globals(config, Shown::ByVrrp)
        .chain(vrrp(config, None))
        .chain(section("BFD Topology", config.bfd.iter().map(trackers::bfd)))
        .chain(lvs(config, None))
}

/// `keepalived_parent.data`.
pub fn parent_data(config: &Config) -> impl Iterator<Item = String> + use<'_> {
    globals(config, Shown::ByOthers)
}

/// `keepalived_bfd.data`: what a BFD process would be set to do.
pub fn bfd_data(config: &Config) -> impl Iterator<Item = String> + use<'_> {
    globals(config, Shown::ByOthers)
        .chain(section("BFD Topology", config.bfd.iter().map(trackers::bfd_down)))
}

/// `keepalived.data`: the VRRP process.
pub fn vrrp_data<'a>(
    config: &'a Config,
    live: &'a VrrpLive,
    clock: Clock,
) -> impl Iterator<Item = String> + use<'a> {
    let index = interfaces::Index::new(&config.vrrp, live);
    globals(config, Shown::ByVrrp)
        .chain(vrrp(config, Some((live, clock))))
        .chain(section(
            "Interfaces",
            live.links.iter().map(move |link| interfaces::lines(&index, link)),
        ))
        .chain(section("Scheduler", std::iter::once(lateness(live))))
        .chain(section("Refused Packets", std::iter::once(refused(live))))
}

/// Ours: packets that belong to no instance, and what instances refuse that keepalived does not count.
fn refused(live: &VrrpLive) -> Vec<String> {
    let stray = &live.stack.stray;
    let mut lines = vec![
        format!(" Unreadable = {}", stray.unreadable),
        format!(" Sent to another address = {}", stray.misdirected),
        format!(" Unknown VRID = {}", stray.unknown_vrid),
    ];
    for one in &live.stack.instances {
        let (name, counted) = (&one.known.identity.name, &one.known.statistics);
        let counters = [
            ("Wrong version", counted.version_errors),
            ("Wrong checksum", counted.checksum_errors),
        ];
        let any = counters.into_iter().filter(|(_, count)| *count > 0);
        lines.extend(any.map(|(what, count)| format!(" ({name}) {what} = {count}")));
    }
    lines
}

/// Ours: what `A thread timer expired N seconds ago` of keepalived's log is about.
fn lateness(live: &VrrpLive) -> [String; 1] {
    [format!(" Worst timer lateness = {} usecs", live.worst_lateness.as_micros())]
}

/// `keepalived_check.data`: the checker process.
pub fn checkers_data<'a>(
    config: &'a Config,
    live: &'a CheckersLive,
    clock: Clock,
) -> impl Iterator<Item = String> + use<'a> {
    globals(config, Shown::ByOthers).chain(lvs(config, Some((live, clock))))
}

fn globals(config: &Config, shown: Shown) -> impl Iterator<Item = String> + use<'_> {
    global::lines(&config.global, &config.vrrp, &config.lvs, shown)
}

fn vrrp<'a>(
    config: &'a Config,
    live: Option<(&'a VrrpLive, Clock)>,
) -> impl Iterator<Item = String> + use<'a> {
    let vrrp = &config.vrrp;
    let state = live.map(|(live, _)| live);
    let instance = move |one: &Instance| {
        let live = live.and_then(|(live, clock)| {
            let view = live.instance(&one.name)?;
            let descriptor = state?.socket(&one.name).map(|socket| socket.descriptor);
            Some(Live { view, clock, descriptor, links: &live.links })
        });
        instance::lines(config, one, live.as_ref())
    };
    let source = move |name: &str| state?.instance(name)?.source;
    let open = state.map(|live| live.sockets.as_slice()).unwrap_or_default();
    let missing = state.map(|live| sockets::missing(config, live, source)).unwrap_or_default();
    let sockets = open.iter().cloned().chain(missing);
    section("Gratuitous ARP delays", vrrp.garp_groups.iter().map(groups::garp))
        .chain(network::statics(vrrp, live.is_some()))
        .chain(section("Static Track groups", vrrp.track_groups.iter().map(groups::track)))
        .chain(section("VRRP Topology", vrrp.instances.iter().map(instance)))
        .chain(section(
            "VRRP Sockpool",
            sockets.map(move |one| sockets::lines(config, &one, source)),
        ))
        .chain(section(
            "VRRP Sync groups",
            vrrp.sync_groups.iter().map(move |one| groups::sync(config, one, state)),
        ))
        .chain(section(
            "VRRP Scripts",
            (0..vrrp.scripts.len()).map(move |place| trackers::script(config, place, state)),
        ))
        .chain(section(
            "VRRP Track files",
            (0..vrrp.files.len()).map(move |place| trackers::file(vrrp, place, state)),
        ))
        .chain(section(
            "VRRP Track processes",
            (0..vrrp.processes.len()).map(move |place| trackers::process(vrrp, place, state)),
        ))
        .chain(section(
            "VRRP Track BFDs",
            (0..config.bfd.len()).filter_map(move |place| trackers::bfd_use(config, place, state)),
        ))
}

fn lvs<'a>(
    config: &'a Config,
    live: Option<(&'a CheckersLive, Clock)>,
) -> impl Iterator<Item = String> + use<'a> {
    section("LVS Topology", servers::lines(config, live.map(|(live, _)| live)))
        .chain(section("Health checkers", checks::lines(config, live)))
        .chain(section("Checker track files", checks::files(config)))
        .chain(section("Checker track BFDs", checks::sessions(config)))
}
