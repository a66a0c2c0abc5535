//! RFC 9568 sections 6.4 and 7, demand by demand: each MUST is the message of an assertion. What of
//! it the kernel does (answering ARP and neighbour solicitations, forwarding, interface identifiers)
//! follows from which addresses are desired and which are dropped; `vmac_duties.rs` of the lab sees
//! that it does, in the same words. Router advertisements (section 6.4.3) are sent by a program of
//! their own, such as radvd, as beside keepalived.

use base::{Duration, Instant, Priority};
use control_plane::model::{Instance, Preempt, Version};
use wire::vrrp::{Body, GROUP_V4};
use wire::{AdvertView, Carrier, ipv4};

use crate::fixture::*;
use crate::input::Input;
use crate::output::{OutgoingAdvert, Output};
use crate::state::State;

fn v3(priority: u8) -> Instance {
    Instance { version: Version::V3, ..instance(priority) }
}

fn backup(priority: u8) -> Bench {
    let mut bench = Bench::new(&only(v3(priority)));
    bench.out.clear();
    bench
}

fn active(priority: u8) -> Bench {
    Bench::master(&only(v3(priority)))
}

/// An advert of version 3 with another interval.
fn hear_every(bench: &mut Bench, from: std::net::Ipv4Addr, priority: u8, centis: u16) {
    bench.hear_advert(from, priority, |advert| advert.body = Body::V3 { centis });
}

/// An instance of IPv6.
fn v6(priority: u8) -> Instance {
    let virtual_addresses = vec![vip("fe80::160/128"), vip("2001:db8::160/64")];
    Instance { virtual_addresses, ..v3(priority) }
}

/// Each address in what tells the neighbours of it, and how it says so.
fn neighbours_are_told(bench: &mut Bench) {
    const TARGET: std::ops::Range<usize> = 62..78;
    let vips: Vec<std::net::IpAddr> =
        v6(100).virtual_addresses.iter().map(|vip| vip.address()).collect();
    let announced = bench.announced();
    for vip in vips {
        assert!(
            announced.contains(&vip),
            "for each IPv6 address, send an unsolicited ND Neighbor Advertisement: {vip}"
        );
        let std::net::IpAddr::V6(address) = vip else { panic!("no IPv6 address: {vip}") };
        let frame = wire::ndp::unsolicited(eth0().mac, address, true);
        assert_eq!(
            (frame[54], frame[58], &frame[TARGET]),
            (136, 0xa0, &address.octets()[..]),
            "with the Router Flag (R) set, the Solicited Flag (S) clear, the Override flag (O) set, \
             the target address set to the IPv6 address"
        );
        assert_eq!(frame[80..], eth0().mac, "the target link-layer address set to the MAC address");
    }
}

fn down_at(bench: &Bench) -> Instant {
    match bench.stack.routers()[0].state() {
        State::Backup(backup) => backup.down_at,
        other => panic!("not in Backup: {other:?}"),
    }
}

fn advert_at(bench: &Bench) -> Instant {
    match bench.stack.routers()[0].state() {
        State::Master(master) => master.advert_at,
        other => panic!("not in Active: {other:?}"),
    }
}

/// Skew_Time is ((256 - priority) * Active_Adver_Interval) / 256.
fn skew(priority: u64, interval: u64) -> Duration {
    Duration::from_micros((256 - priority) * interval / 256)
}

fn down_interval(priority: u64, interval: u64) -> Duration {
    Duration::from_micros(3 * interval) + skew(priority, interval)
}

const INTERVAL: u64 = 1_000_000;

#[test]
fn section_6_4_1_initialize() {
    let mut owner = Bench::new(&only(v3(255)));
    assert_eq!(owner.adverts(), [255], "If the Priority = 255: Send an ADVERTISEMENT");
    assert!(!owner.announced().is_empty(), "broadcast a gratuitous ARP for each IPv4 address");
    assert_eq!(advert_at(&owner), owner.now + SECOND, "Set the Adver_Timer");
    assert_eq!(owner.state(), "MASTER", "Transition to the Active state");

    let mut owner = Bench::new(&only(v6(255)));
    owner.run(SECOND);
    neighbours_are_told(&mut owner);

    let mut other = Bench::new(&only(v3(100)));
    assert_eq!(other.adverts(), [0; 0], "else: no ADVERTISEMENT");
    assert_eq!(
        down_at(&other),
        other.now + down_interval(100, INTERVAL),
        "Set Active_Adver_Interval to Advertisement_Interval, the Active_Down_Timer to \
         Active_Down_Interval"
    );
    assert_eq!(other.state(), "BACKUP", "Transition to the Backup state");
}

#[test]
fn section_6_4_2_backup_has_no_part_in_the_addresses() {
    let mut bench = backup(100);
    bench.hear(HIGH, 150);
    bench.run(SECOND);
    assert!(
        bench.desired().is_empty(),
        "MUST NOT respond to ARP requests for the IPv4 addresses, MUST NOT respond to ND Neighbor \
         Solicitation messages for the IPv6 addresses, MUST discard packets with a destination \
         link-layer MAC address equal to the Virtual Router MAC address, MUST NOT accept packets \
         addressed to the IPvX addresses: none of them is on this host"
    );
    assert!(!bench.stack.managed_addresses().is_empty(), "and if one is, it is removed");
    let mut bench = Bench::new(&only(v6(100)));
    bench.run(SECOND);
    assert!(bench.desired().is_empty());
    let sends = |output: &Output| {
        matches!(
            output,
            Output::SendAdvert(_) | Output::Announce { .. } | Output::ProbeAddress { .. }
        )
    };
    assert!(
        !bench.out.iter().any(sends),
        "MUST NOT send ND Router Advertisement messages: it sends nothing at all"
    );
}

#[test]
fn section_6_4_2_backup_on_shutdown() {
    let mut bench = backup(100);
    bench.give(Input::Stop);
    assert_eq!(bench.stack.next_timeout(), None, "Cancel the Active_Down_Timer");
    assert_eq!(bench.state(), "STOPPED", "Transition to the Initialize state");
    assert_eq!(bench.adverts(), [0; 0], "a Backup says nothing");
}

#[test]
fn section_6_4_2_backup_when_the_active_down_timer_fires() {
    let mut bench = backup(100);
    bench.now = down_at(&bench);
    bench.give(Input::Timeout);
    let first = bench.out.iter().find(|output| !matches!(output, Output::Log(_)));
    assert!(matches!(first, Some(Output::SendAdvert(_))), "Send an ADVERTISEMENT, before all");
    assert_eq!(bench.adverts(), [100]);
    assert_eq!(
        bench.announced().first(),
        Some(&"10.9.0.160".parse().unwrap()),
        "For each IPv4 address, broadcast a gratuitous ARP message"
    );
    assert_eq!(advert_at(&bench), bench.now + SECOND, "Set the Adver_Timer");
    assert_eq!(bench.state(), "MASTER", "Transition to the Active state");

    let mut bench = Bench::new(&only(v6(100)));
    bench.run(Duration::from_secs(5));
    neighbours_are_told(&mut bench);
    assert_eq!(
        bench.desired(),
        ["fe80::160/128", "2001:db8::160/64"],
        "Compute and join the Solicited-Node multicast address: the kernel does for its addresses"
    );
}

#[test]
fn section_6_4_2_backup_on_an_advertisement() {
    let mut bench = backup(100);
    bench.run(SECOND);
    bench.hear(HIGH, 0);
    assert_eq!(
        down_at(&bench),
        bench.now + skew(100, INTERVAL),
        "If the Priority is 0: Set the Active_Down_Timer to Skew_Time"
    );

    for priority in [100, 101, 254] {
        let mut bench = backup(100);
        bench.run(SECOND);
        hear_every(&mut bench, LOW, priority, 50);
        assert_eq!(
            down_at(&bench),
            bench.now + down_interval(100, INTERVAL / 2),
            "If the Priority is greater than or equal to the local Priority: Set the \
             Active_Adver_Interval to the Max Advertise Interval contained in the ADVERTISEMENT, \
             recompute the Skew_Time and the Active_Down_Interval, set the Active_Down_Timer"
        );
    }

    let mut bench = Bench::new(&only(Instance { preempt: Preempt::Never, ..v3(100) }));
    bench.run(SECOND);
    bench.hear(HIGH, 1);
    assert_eq!(
        down_at(&bench),
        bench.now + down_interval(100, INTERVAL),
        "If Preempt_Mode is False: the same for any Priority"
    );

    let mut bench = backup(100);
    let before = down_at(&bench);
    bench.run(SECOND);
    hear_every(&mut bench, HIGH, 99, 50);
    assert_eq!(
        down_at(&bench),
        before,
        "preempt was true and priority was less than the local priority: Discard the ADVERTISEMENT"
    );
}

#[test]
fn section_6_4_3_active_has_the_addresses() {
    let bench = active(100);
    assert_eq!(
        bench.desired(),
        ["10.9.0.160/24"],
        "MUST respond to ARP requests, MUST be a member of the Solicited-Node multicast address, \
         MUST respond to ND Neighbor Solicitation messages: the kernel does for its addresses"
    );
    let dropped = |priority, accept| {
        let bench = Bench::master(&only(Instance { accept, ..v3(priority) }));
        bench.stack.dropped_addresses().len()
    };
    assert_eq!(dropped(100, true), 0, "MUST accept packets if Accept_Mode is True");
    assert_eq!(dropped(255, false), 0, "MUST accept packets if it is the IPvX address owner");
    assert_eq!(dropped(100, false), 1, "Otherwise, it MUST NOT accept these packets");
}

#[test]
fn section_6_4_3_active_on_shutdown() {
    let mut bench = active(100);
    bench.give(Input::Stop);
    assert_eq!(bench.adverts(), [0], "Send an ADVERTISEMENT with Priority = 0");
    assert_eq!(bench.stack.next_timeout(), None, "Cancel the Adver_Timer");
    assert_eq!(bench.state(), "STOPPED", "Transition to the Initialize state");
}

#[test]
fn section_6_4_3_active_when_the_adver_timer_fires() {
    let mut bench = active(100);
    bench.now = advert_at(&bench);
    bench.give(Input::Timeout);
    assert_eq!(bench.adverts(), [100], "Send an ADVERTISEMENT");
    assert_eq!(advert_at(&bench), bench.now + SECOND, "Reset the Adver_Timer");
}

#[test]
fn section_6_4_3_active_on_an_advertisement() {
    let mut bench = active(100);
    bench.freeze(Duration::from_millis(100));
    bench.hear(HIGH, 0);
    assert_eq!(bench.adverts(), [100], "If the Priority is 0: Send an ADVERTISEMENT");
    assert_eq!(
        advert_at(&bench),
        bench.now + SECOND,
        "Reset the Adver_Timer to Advertisement_Interval"
    );

    for (from, priority) in [(LOW, 101), (HIGH, 100)] {
        let mut bench = active(100);
        hear_every(&mut bench, from, priority, 50);
        assert_eq!(
            bench.state(),
            "BACKUP",
            "If the Priority is greater than the local Priority, or equal and the primary IPvX \
             address of the sender is greater than the local primary IPvX address: Cancel \
             Adver_Timer, Transition to the Backup state"
        );
        assert_eq!(
            down_at(&bench),
            bench.now + down_interval(100, INTERVAL / 2),
            "Set the Active_Adver_Interval to the Max Advertise Interval contained in the \
             ADVERTISEMENT, recompute the Skew_Time and the Active_Down_Interval, set the \
             Active_Down_Timer to Active_Down_Interval"
        );
        assert!(bench.desired().is_empty());
    }

    for (from, priority) in [(HIGH, 99), (LOW, 100)] {
        let mut bench = active(100);
        let before = advert_at(&bench);
        bench.hear(from, priority);
        assert_eq!(bench.state(), "MASTER", "else: Discard the ADVERTISEMENT");
        assert_eq!(advert_at(&bench), before);
        assert_eq!(
            bench.adverts(),
            [100],
            "Send an ADVERTISEMENT immediately to assert the Active state to the sending VRRP \
             Router and to update any learning bridges"
        );
        assert!(!bench.announced().is_empty());
    }
}

#[test]
fn section_6_4_3_addresses_are_compared_as_unsigned_numbers_in_network_byte_order() {
    let far = std::net::Ipv4Addr::new(200, 0, 0, 1);
    let near = std::net::Ipv4Addr::new(9, 255, 255, 255);
    for (from, state) in [(far, "BACKUP"), (near, "MASTER")] {
        let mut bench = active(100);
        bench.hear(from, 100);
        assert_eq!(bench.state(), state, "{from} against {OURS}, unsigned, first octet first");
    }
}

/// The bytes of an advert of version 3, priority 200, with a right checksum after a change.
fn bytes(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let advert = wire::Advert {
        vrid: instance(100).vrid,
        priority: Priority::new(200).ok(),
        addresses: vec!["10.9.0.160".parse().unwrap()],
        body: Body::V3 { centis: 100 },
    };
    let mut bytes = advert.emit(HIGH.into(), GROUP_V4.into());
    bytes[6..8].fill(0);
    change(&mut bytes);
    let sum = wire::checksum::with_pseudo_header(HIGH.into(), GROUP_V4.into(), 112, &bytes);
    bytes[6..8].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// Whether an Active router of priority 100 believes a packet of 200, that is, yields.
fn believes(ttl: u8, bytes: &[u8]) -> bool {
    let mut bench = active(100);
    bench.hear_bytes(HIGH, ttl, bytes);
    bench.state() == "BACKUP"
}

#[test]
fn section_7_1_receiving() {
    let good = bytes(|_| ());
    assert!(believes(255, &good), "nothing is wrong with it");
    assert!(!believes(254, &good), "It MUST verify that the IPv4 TTL/IPv6 Hop Limit is 255");
    let version = bytes(|bytes| bytes[0] = 0x21);
    assert!(!believes(255, &version), "It MUST verify that the VRRP version is 3");
    let kind = bytes(|bytes| bytes[0] = 0x32);
    assert!(!believes(255, &kind), "It MUST verify that the VRRP packet type is 1 (ADVERTISEMENT)");
    for length in 0..good.len() {
        let cut = bytes(|bytes| bytes.truncate(length.max(8)));
        assert!(
            !believes(255, &cut[..length]),
            "It MUST verify that the received packet contains the complete VRRP packet (including \
             fixed fields and the IPvX address): {length}"
        );
    }
    let count = bytes(|bytes| bytes[3] = 2);
    assert!(!believes(255, &count), "the same, of more addresses than are there");
    for bit in 0..16 {
        let mut sum = good.clone();
        sum[6 + bit / 8] ^= 1 << (bit % 8);
        assert!(!believes(255, &sum), "It MUST verify the VRRP checksum: bit {bit}");
    }
    let vrid = bytes(|bytes| bytes[1] = 52);
    assert!(
        !believes(255, &vrid),
        "It MUST verify that the VRID is configured on the receiving interface"
    );
    let mut owner = Bench::master(&only(Instance { owner_ignore_adverts: true, ..v3(255) }));
    owner.hear(HIGH, 255);
    assert_eq!(
        owner.state(),
        "MASTER",
        "and the local router is not the IPvX address owner (with owner_ignore_adverts; without, as \
         keepalived, another owner is heard)"
    );
}

#[test]
fn section_7_1_the_max_advertise_interval_is_not_zero() {
    let mut bench = backup(100);
    bench.run(SECOND);
    let before = down_at(&bench);
    hear_every(&mut bench, HIGH, 200, 0);
    assert_eq!(
        down_at(&bench),
        before,
        "It MUST verify that the Max Advertise Interval is non-zero (erratum 8301): a master whose \
         next advert is due at once would be gone at once"
    );
    let statistics = bench.stack.routers()[0].statistics();
    assert_eq!((statistics.advert_received, statistics.advert_interval_errors), (0, 1));
}

#[test]
fn section_7_1_what_fails_a_check_is_discarded_counted_and_said() {
    let mut bench = active(100);
    bench.hear_bytes(HIGH, 1, &bytes(|_| ()));
    bench.hear_bytes(HIGH, 255, &bytes(|bytes| bytes[0] = 0x21));
    bench.hear_bytes(HIGH, 255, &bytes(|bytes| bytes[0] = 0x32));
    let statistics = bench.stack.routers()[0].statistics().clone();
    assert_eq!(statistics.advert_received, 0, "the receiver MUST discard the packet");
    assert_eq!(
        (statistics.ttl_errors, statistics.version_errors, statistics.invalid_type),
        (1, 1, 1),
        "and MAY indicate via network management that an error occurred"
    );
    assert!(!bench.log().is_empty(), "SHOULD log the event (subject to rate-limiting)");
}

#[test]
fn section_7_1_other_addresses_are_said_and_the_advert_is_used() {
    let mut bench = active(100);
    bench.hear_advert(HIGH, 200, |advert| advert.addresses = vec!["10.9.0.1".parse().unwrap()]);
    assert_eq!(bench.stack.routers()[0].statistics().address_list_errors, 1);
    assert!(
        bench.log()[0].contains("that are not ours"),
        "If the configured addresses do not match, it SHOULD log the event"
    );
    assert_eq!(bench.state(), "BACKUP");
}

fn sent(bench: &Bench) -> OutgoingAdvert {
    let sent = bench.out.iter().find_map(|output| match output {
        Output::SendAdvert(advert) => Some(advert.clone()),
        _ => None,
    });
    sent.unwrap()
}

#[test]
fn section_7_2_transmitting() {
    let mut bench = backup(100);
    bench.run(Duration::from_secs(4));
    let advert = sent(&bench);
    let datagram = ipv4::parse(&advert.datagram).unwrap();
    let view = AdvertView::new(datagram.payload).unwrap();
    assert_eq!(
        (view.version(), view.kind(), view.vrid(), view.priority(), view.count(), view.centis()),
        (3, 1, 51, 100, 1, 100),
        "Fill in the VRRP packet fields with the appropriate Virtual Router configuration state"
    );
    let carrier = Carrier { source: OURS.into(), destination: GROUP_V4.into(), hop_limit: 255 };
    let rules = wire::vrrp::Rules::multicast(wire::Version::V3);
    assert!(wire::Advert::parse(view, &carrier, &rules).is_ok(), "Compute the VRRP checksum");
    assert_eq!(datagram.source, OURS, "Set the source IPv4 address to interface primary address");
    assert_eq!(datagram.protocol, 112, "Set the IPvX protocol to VRRP");
    assert_eq!(datagram.ttl, 255, "The TTL MUST be set to 255");
    assert_eq!(
        (datagram.destination, advert.destination),
        (GROUP_V4, GROUP_V4.into()),
        "Send the VRRP packet to the VRRP IPvX multicast group"
    );
}

#[test]
fn section_7_2_transmitting_over_ipv6() {
    let mut config = v3(100);
    config.virtual_addresses = vec![vip("fe80::160/64")];
    let mut bench = Bench::new(&only(config));
    bench.run(Duration::from_secs(4));
    let advert = sent(&bench);
    assert_eq!(
        advert.source,
        "fe80::5".parse::<std::net::IpAddr>().unwrap(),
        "Set the source IPv6 address to the interface's link-local IPv6 address"
    );
    assert_eq!(advert.hop_limit, 255, "The Hop Limit MUST be set to 255");
    assert_eq!(advert.destination, wire::vrrp::GROUP_V6, "the VRRP IPvX multicast group");
}

#[test]
fn section_7_2_and_7_3_adverts_leave_with_the_virtual_mac() {
    use control_plane::model::own_link::{OwnLink, OwnLinkKind};
    let mac = [0, 0, 0x5e, 0, 1, 51];
    let own = OwnLink {
        name: "vrrp.51".into(),
        base: "eth0".into(),
        kind: OwnLinkKind::Vmac(mac),
        group: None,
        vrf: None,
        transmits: true,
        ipv4: true,
        ipv6: false,
    };
    let virtual_link = crate::Link {
        index: base::IfIndex::new(9).unwrap(),
        name: "vrrp.51".into(),
        mac,
        ..eth0()
    };
    let config = only(Instance { own_links: vec![own], ..v3(100) });
    let mut bench = Bench::on(&config, &[eth0(), virtual_link.clone()], None);
    bench.run(Duration::from_secs(4));
    let advert = sent(&bench);
    assert_eq!(
        advert.socket.index, virtual_link.index,
        "Set the source MAC address to the Virtual Router MAC address, 00-00-5E-00-01-{{VRID}}: that \
         of the interface that it leaves by (use_vmac; without, as keepalived, the interface's own)"
    );
    assert_eq!(
        advert.source,
        std::net::IpAddr::from(OURS),
        "and the source is the primary address"
    );
}
