//! `Interfaces`, line by line, of links that are no plain Ethernet ones, as keepalived was seen to
//! write them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use base::{Duration, Instant};
use control_plane::Config;
use telemetry::{Below, Clock, LinkKind, LinkView, Macvlan, Moment, VrrpLive};
use vrrp_stack::{Outputs, Stack};

fn link(index: u32, name: &str) -> LinkView {
    LinkView {
        name: name.into(),
        index,
        primary_v4: None,
        link_local_v6: None,
        mac: [2, 0, 0, 0, 0, 1],
        up: true,
        running: true,
        seen_up: true,
        arp: true,
        kind: LinkKind::default(),
        mtu: 1500,
        group: 0,
        vrf: None,
    }
}

/// The lines of each of these links, that of its name not counted.
fn shown(links: Vec<LinkView>) -> Vec<String> {
    let config = Config::default();
    let now = Instant::from_micros(0);
    let stack = Stack::new(now, &config.vrrp, &[], None, &mut Outputs::new());
    let live = VrrpLive {
        at: now,
        stack: stack.view(),
        links,
        sockets: Vec::new(),
        worst_lateness: Duration::ZERO,
    };
    let moment = Moment { at: now, wall: Duration::ZERO };
    let clock = Clock { moment, calendar: |_| (String::new(), 1970) };
    let lines: Vec<String> = telemetry::vrrp_data(&config, &live, clock).collect();
    let text = lines.join("\n");
    let (_, section) = text.split_once("------< Interfaces >------\n").unwrap();
    let (section, _) = section.split_once("\n------<").unwrap();
    section.split(" Name = ").skip(1).map(str::to_owned).collect()
}

fn one(link: LinkView) -> String {
    shown(vec![link]).remove(0)
}

#[test]
fn a_link_is_up_or_running_or_both_or_neither() {
    for (up, running, state) in [
        (true, true, "UP, RUNNING"),
        (true, false, "UP, not RUNNING"),
        (false, false, "not UP, not RUNNING"),
    ] {
        let text = one(LinkView { up, running, ..link(2, "eth0") });
        assert!(text.contains(&format!("   State = {state}\n   Seen up = 1\n")), "{text}");
    }
    let text = one(LinkView { up: false, running: false, seen_up: false, ..link(2, "eth0") });
    assert!(text.contains("\n   Seen up = 0\n"), "{text}");
}

#[test]
fn what_a_link_is_comes_from_the_kernel_and_not_from_its_name() {
    let kind = LinkKind {
        hardware: 65_534,
        broadcast: false,
        point_to_point: true,
        ..LinkKind::default()
    };
    let tun = LinkView { mac: [0; 6], running: false, arp: false, kind, ..link(8, "tun0") };
    let text = one(tun.clone());
    let state = "   State = UP, not RUNNING, no broadcast, point to point, no arp\n";
    assert!(text.contains(state), "{text}");
    assert!(text.contains("   HW Type = UNKNOWN (65534)\n"), "{text}");
    assert!(!text.contains("MAC"), "{text}");
    let mute = LinkKind { multicast: false, ..tun.kind.clone() };
    let text = one(LinkView { kind: mute, ..tun });
    assert!(text.contains("point to point, no arp, no multicast\n"), "{text}");
    let text = one(link(2, "lo"));
    assert!(text.contains("   State = UP, RUNNING\n"), "{text}");
    assert!(text.contains("   HW Type = ETHERNET\n"), "{text}");
    let kind = LinkKind {
        hardware: 772,
        broadcast: false,
        loopback: true,
        multicast: false,
        ..LinkKind::default()
    };
    let text = one(LinkView { kind, ..link(1, "loop") });
    assert!(text.contains("RUNNING, no broadcast, loopback, no multicast\n"), "{text}");
    assert!(text.contains("   HW Type = LOOPBACK\n"), "{text}");
}

#[test]
fn a_macvlan_of_somebody_else_says_what_it_lies_upon() {
    let on = |mode, below| {
        let macvlan = Some(Macvlan { mode, below });
        LinkView { kind: LinkKind { macvlan, ..LinkKind::default() }, ..link(9, "mv0") }
    };
    let here = || Below::Here("eth0".to_owned());
    let down = LinkView { up: false, running: false, ..link(2, "eth0") };
    let text = shown(vec![link(2, "eth0"), on(4, here())]).remove(1);
    let line = "   VMAC type bridge, underlying interface = eth0, state = UP, RUNNING\n   MTU";
    assert!(text.contains(line), "{text}");
    let text = shown(vec![down, on(2, here())]).remove(1);
    let line = "   VMAC type vepa, underlying interface = eth0, state = not UP, not RUNNING\n";
    assert!(text.contains(line), "{text}");
    assert!(text.contains("   State = UP, RUNNING, master down\n"), "{text}");
    let text = one(on(8, Below::Elsewhere { index: 3, namespace: 0 }));
    assert!(
        text.contains("   VMAC type unknown, underlying ifindex = 3, netns id = 0\n"),
        "{text}"
    );
}
