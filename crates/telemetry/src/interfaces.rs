//! `Interfaces`: what the VRRP process knows of each.

use base::Duration;
use control_plane::model::vrrp::{Instance, Vmac, Vrrp};

use crate::layout::{Lines, track_weight};
use crate::live::{LinkView, VrrpLive};

/// An interface.
pub(crate) fn lines(vrrp: &Vrrp, live: &VrrpLive, link: &LinkView) -> Lines {
    let mut lines = Lines::default();
    let none = || "(none)".to_owned();
    lines.item(1, "Name", &link.name);
    lines.item(3, "index", link.index);
    lines.item(3, "IPv4 address", link.primary_v4.map_or_else(none, |one| one.to_string()));
    lines.item(3, "IPv6 address", link.link_local_v6.map_or_else(none, |one| one.to_string()));
    let loopback = link.name == "lo";
    if link.mac != [0; 6] {
        lines.item(3, "MAC", link.mac.map(|byte| format!("{byte:02x}")).join(":"));
        lines.item(3, "MAC broadcast", "ff:ff:ff:ff:ff:ff");
    }
    let mut flags = state(link).to_owned();
    if loopback {
        flags.push_str(", no broadcast, loopback, no multicast");
    }
    if !link.arp {
        flags.push_str(", no arp");
    }
    lines.item(3, "State", flags);
    let base = base_of(vrrp, &link.name);
    delays(&mut lines, vrrp, base.unwrap_or(&link.name));
    if let Some(base) = base {
        let below = live.links.iter().find(|one| one.name == *base).map_or("DOWN", state);
        lines.at(3, format!("VMAC type private, underlying interface = {base}, state = {below}"));
        lines.at(3, "I/f created by keepalived");
    }
    lines.item(3, "MTU", link.mtu);
    lines.item(3, "HW Type", if loopback { "LOOPBACK" } else { "ETHERNET" });
    lines.at(3, "NIC netlink status update");
    pace(&mut lines, vrrp, &link.name);
    lines.list("Tracking VRRP instances", trackers(vrrp, &link.name));
    lines
}

const fn state(link: &LinkView) -> &'static str {
    if link.up { "UP, RUNNING" } else { "DOWN" }
}

/// What a VMAC is made on.
fn base_of<'a>(vrrp: &'a Vrrp, name: &str) -> Option<&'a String> {
    let is_its = |one: &&Instance| match &one.vmac {
        Vmac::Macvlan { name: Some(own), .. } => own == name,
        Vmac::Macvlan { name: None, .. } => name == format!("vrrp.{}", one.vrid),
        _ => false,
    };
    vrrp.instances.iter().find(is_its).map(|one| &one.interface)
}

/// `interface_up_down_delays`.
fn delays(lines: &mut Lines, vrrp: &Vrrp, name: &str) {
    let found = vrrp.link_delays.iter().find(|delay| delay.interface == name);
    let (up, down) = found.map_or((Duration::ZERO, Duration::ZERO), |delay| (delay.up, delay.down));
    lines.item(3, "Up debounce timer", format!("{}us", up.as_micros()));
    lines.item(3, "Down debounce timer", format!("{}us", down.as_micros()));
}

/// Limits for announcements.
fn pace(lines: &mut Lines, vrrp: &Vrrp, name: &str) {
    let mut groups = vrrp.garp_groups.iter();
    let Some(group) = groups.find(|group| group.interfaces.iter().any(|one| one == name)) else {
        return;
    };
    for (what, span) in [("ARP", group.garp_interval), ("NA", group.gna_interval)] {
        if let Some(span) = span {
            lines.at(3, format!("Gratuitous {what} interval {}ms", span.as_millis()));
        }
    }
}

/// Who tracks the interface by itself, then who does for its group.
fn trackers(vrrp: &Vrrp, name: &str) -> Vec<String> {
    let own = |one: &Instance| tracked(one, name);
    let of_group = |one: &Instance| {
        let mut groups = vrrp.sync_groups.iter().filter(|group| group.members.contains(&one.name));
        let track = groups.find_map(|group| {
            group.track_interfaces.iter().find(|track| track.interface == name)
        })?;
        own(one).is_none().then(|| track_weight(track.weight))
    };
    let line =
        |one: &Instance, weight: Option<String>| Some(format!("{}, weight {}", one.name, weight?));
    let instances = || vrrp.instances.iter();
    let first = instances().filter_map(|one| line(one, own(one)));
    first.chain(instances().filter_map(|one| line(one, of_group(one)))).collect()
}

/// The weight with which an instance tracks the interface: its own has 0, unless it is said that it
/// does not count.
fn tracked(one: &Instance, name: &str) -> Option<String> {
    let configured = one.track_interfaces.iter().find(|track| track.interface == name);
    if let Some(track) = configured {
        return Some(track_weight(track.weight));
    }
    let own = match &one.vmac {
        Vmac::None => one.interface == name,
        Vmac::Macvlan { name: own, .. } | Vmac::Ipvlan { name: own, .. } => {
            one.interface == name
                || own.as_ref().map_or_else(|| format!("vrrp.{}", one.vrid), String::clone) == name
        }
    };
    let holds =
        one.virtual_addresses.iter().any(|address| address.interface == name && !address.no_track);
    (!one.dont_track_primary && own || holds).then(|| "0".to_owned())
}
