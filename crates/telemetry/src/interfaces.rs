//! `Interfaces`: what the VRRP process knows of each.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use base::Duration;
use control_plane::model::vrrp::{Instance, SyncGroup, TrackWeight, Vrrp};

use crate::layout::{Lines, track_weight, true_false};
use crate::live::{Below, LinkView, VrrpLive};

/// What the lines of an interface tell of instances and of other interfaces, by its name: there may
/// be thousands of all of them.
pub(crate) struct Index<'a> {
    vrrp: &'a Vrrp,
    /// By name of the VMAC or ipvlan: what it is made on.
    bases: HashMap<Cow<'a, str>, &'a str>,
    links: HashMap<&'a str, &'a LinkView>,
    /// Who tracks the interface by itself, then who does for its group.
    trackers: HashMap<Cow<'a, str>, Vec<(&'a str, TrackWeight)>>,
    /// By number: whose newest state does not count yet.
    delayed: HashSet<u32>,
}

impl<'a> Index<'a> {
    pub(crate) fn new(vrrp: &'a Vrrp, live: &'a VrrpLive) -> Self {
        let mut bases = HashMap::new();
        for one in &vrrp.instances {
            if let Some(name) = one.vmac_name() {
                bases.entry(name).or_insert(one.interface.as_str());
            }
        }
        let links = live.links.iter().map(|link| (link.name.as_str(), link)).collect();
        let delayed = live.stack.delayed.iter().map(|index| index.get()).collect();
        Self { vrrp, bases, links, trackers: trackers(vrrp), delayed }
    }

    /// The interface that a macvlan lies upon.
    fn below(&self, link: &LinkView) -> Option<&'a LinkView> {
        let Below::Here(name) = &link.kind.macvlan.as_ref()?.below else { return None };
        self.links.get(name.as_str()).copied()
    }
}

/// An interface.
pub(crate) fn lines(index: &Index<'_>, link: &LinkView) -> Lines {
    let vrrp = index.vrrp;
    let mut lines = Lines::default();
    let none = || "(none)".to_owned();
    lines.item(1, "Name", &link.name);
    lines.item(3, "index", link.index);
    lines.item(3, "IPv4 address", link.primary_v4.map_or_else(none, |one| one.to_string()));
    lines.item(3, "IPv6 address", link.link_local_v6.map_or_else(none, |one| one.to_string()));
    if link.mac != [0; 6] {
        lines.item(3, "MAC", link.mac.map(|byte| format!("{byte:02x}")).join(":"));
        lines.item(3, "MAC broadcast", "ff:ff:ff:ff:ff:ff");
    }
    let below = index.below(link);
    lines.item(3, "State", state(link) + &traits(link, below));
    lines.item(3, "Seen up", u8::from(link.seen_up));
    let delayed = index.delayed.contains(&link.index);
    lines.item(3, "Delayed state change running", true_false(delayed));
    let base = index.bases.get(link.name.as_str()).copied();
    delays(&mut lines, vrrp, base.unwrap_or(&link.name));
    lines.item(3, "Group", link.group);
    vmac(&mut lines, link, below);
    if base.is_some() {
        lines.at(3, "I/f created by keepalived");
    }
    lines.item(3, "MTU", link.mtu);
    hardware(&mut lines, link);
    lines.at(3, "NIC netlink status update");
    if let Some(vrf) = &link.vrf {
        lines.at(3, format!("VRF slave of {vrf}"));
    }
    pace(&mut lines, vrrp, &link.name);
    let trackers = index.trackers.get(link.name.as_str()).into_iter().flatten();
    let trackers =
        trackers.map(|(name, weight)| format!("{name}, weight {}", track_weight(*weight)));
    lines.list("Tracking VRRP instances", trackers);
    lines
}

/// `UP, not RUNNING`.
fn state(link: &LinkView) -> String {
    let not = |is: bool| if is { "" } else { "not " };
    format!("{}UP, {}RUNNING", not(link.up), not(link.running))
}

/// What is unlike a plain Ethernet link, in keepalived's order.
fn traits(link: &LinkView, below: Option<&LinkView>) -> String {
    let kind = &link.kind;
    let all = [
        (!kind.broadcast, ", no broadcast"),
        (kind.loopback, ", loopback"),
        (kind.point_to_point, ", point to point"),
        (!link.arp, ", no arp"),
        (!kind.multicast, ", no multicast"),
        (below.is_some_and(|below| !below.up), ", master down"),
    ];
    all.into_iter().filter_map(|(is_so, words)| is_so.then_some(words)).collect()
}

/// A macvlan, ours or not.
fn vmac(lines: &mut Lines, link: &LinkView, below: Option<&LinkView>) {
    let Some(macvlan) = &link.kind.macvlan else { return };
    let mode = match macvlan.mode {
        1 => "private",
        2 => "vepa",
        4 => "bridge",
        _ => "unknown",
    };
    let place = match (&macvlan.below, below) {
        (Below::Elsewhere { index, namespace }, _) => {
            format!("ifindex = {index}, netns id = {namespace}")
        }
        (Below::Here(name), None) => format!("interface = {name}"),
        (Below::Here(name), Some(below)) => {
            format!("interface = {name}, state = {}", state(below))
        }
    };
    lines.at(3, format!("VMAC type {mode}, underlying {place}"));
}

/// `HW Type`, by the numbers of `<linux/if_arp.h>`; keepalived writes no line of InfiniBand.
fn hardware(lines: &mut Lines, link: &LinkView) {
    match link.kind.hardware {
        1 => lines.item(3, "HW Type", "ETHERNET"),
        772 => lines.item(3, "HW Type", "LOOPBACK"),
        32 => {}
        other => lines.item(3, "HW Type", format!("UNKNOWN ({other})")),
    }
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

/// By interface: who tracks it by itself, in the order of the file, then who does for its group.
fn trackers(vrrp: &Vrrp) -> HashMap<Cow<'_, str>, Vec<(&str, TrackWeight)>> {
    let mut groups: HashMap<&str, Vec<&SyncGroup>> = HashMap::new();
    for group in &vrrp.sync_groups {
        group.members.iter().for_each(|name| groups.entry(name).or_default().push(group));
    }
    let (mut own, mut of_groups) = (HashMap::<_, Vec<_>>::new(), Vec::new());
    for one in &vrrp.instances {
        let mut seen = HashSet::new();
        for (interface, weight) in tracked(one) {
            if seen.insert(interface.clone()) {
                own.entry(interface).or_default().push((one.name.as_str(), weight));
            }
        }
        let groups = groups.get(one.name.as_str()).into_iter().flatten();
        for track in groups.flat_map(|group| &group.track_interfaces) {
            let interface = Cow::Borrowed(track.interface.as_str());
            if seen.insert(interface.clone()) {
                of_groups.push((interface, (one.name.as_str(), track.weight)));
            }
        }
    }
    for (interface, tracker) in of_groups {
        own.entry(interface).or_default().push(tracker);
    }
    own
}

/// The interfaces that an instance tracks; where one comes twice, the first weight counts. Its own
/// have 0, unless it is said that they do not count.
fn tracked(one: &Instance) -> impl Iterator<Item = (Cow<'_, str>, TrackWeight)> {
    let configured = one.track_interfaces.iter();
    let configured =
        configured.map(|track| (Cow::Borrowed(track.interface.as_str()), track.weight));
    let own = std::iter::once(Cow::Borrowed(one.interface.as_str())).chain(one.vmac_name());
    let own = own.filter(|_| !one.dont_track_primary);
    let holding = one.virtual_addresses.iter().filter(|address| !address.no_track);
    let holding = holding.map(|address| Cow::Borrowed(address.interface.as_str()));
    configured.chain(own.chain(holding).map(|name| (name, TrackWeight::default())))
}

#[cfg(test)]
mod tests {
    use base::{Vrid, Weight};
    use control_plane::model::tracking::TrackInterface;
    use control_plane::model::vrrp::{IpvlanMode, VirtualAddress, Vmac};

    use super::*;

    fn instance(name: &str, interface: &str, vrid: u8) -> Instance {
        Instance::new(name, interface, Vrid::new(vrid).unwrap())
    }

    fn track(interface: &str, weight: i32) -> TrackInterface {
        let weight = TrackWeight { weight: Weight::new(weight).unwrap(), reverse: false };
        TrackInterface { interface: interface.into(), weight }
    }

    #[test]
    fn an_interface_lists_who_tracks_it_by_itself_before_who_does_for_its_group() {
        let vip = VirtualAddress::new("10.0.0.1/32".parse().unwrap(), "eth1");
        let vmac =
            Vmac::Ipvlan { name: None, address: None, mode: IpvlanMode::Bridge, group: None };
        let vrrp = Vrrp {
            instances: vec![
                instance("A", "eth0", 1),
                Instance { virtual_addresses: vec![vip], ..instance("B", "eth0", 2) },
                Instance {
                    track_interfaces: vec![track("eth1", 5), track("eth0", 9)],
                    dont_track_primary: true,
                    vmac,
                    ..instance("C", "eth2", 3)
                },
                Instance {
                    vmac: Vmac::Ipvlan {
                        name: Some("own".into()),
                        address: None,
                        mode: IpvlanMode::Bridge,
                        group: None,
                    },
                    ..instance("D", "eth2", 4)
                },
            ]
            .into(),
            sync_groups: vec![SyncGroup {
                track_interfaces: vec![track("eth1", 7)],
                members: vec!["A".into(), "B".into()],
                ..SyncGroup::default()
            }],
            ..Vrrp::default()
        };
        let found = trackers(&vrrp);
        let of = |name: &str| -> Vec<String> {
            let all = found.get(name).into_iter().flatten();
            all.map(|(name, weight)| format!("{name} {}", track_weight(*weight))).collect()
        };
        assert_eq!(of("eth0"), ["A 0", "B 0", "C 9"]);
        assert_eq!(of("eth1"), ["B 0", "C 5", "A 7"]);
        assert_eq!(of("eth2"), ["D 0"]);
        assert_eq!(of("own"), ["D 0"]);
        assert_eq!(of("vrrp.3"), [""; 0]);
    }
}
