//! Unicast: peers instead of a group.

use std::net::IpAddr;

use control_plane::model::vrrp::{Unicast, UnicastPeer};
use control_plane::model::{Instance, Version};
use wire::ipv4;
use wire::vrrp::{Advert, Body, Checksum};

use crate::fixture::*;
use crate::input::{Input, Packet};
use crate::output::{Output, SocketKey};
use crate::router::Fault;

fn peer(address: impl Into<IpAddr>) -> UnicastPeer {
    UnicastPeer { address: address.into(), min_ttl: 30, max_ttl: 255 }
}

fn unicast(priority: u8) -> Instance {
    let mut config = instance(priority);
    let peers = vec![peer(LOW), peer(HIGH)];
    config.unicast = Some(Unicast { peers, ttl: Some(33), ..Unicast::default() });
    config
}

fn hear(bench: &mut Bench, from: std::net::Ipv4Addr, to: std::net::Ipv4Addr, ttl: u8) {
    let payload = [0x21, 51, 200, 0, 0, 1, 0x16, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0];
    let header =
        ipv4::Header { identification: 1, ttl, protocol: 112, source: from, destination: to };
    let bytes = ipv4::emit(&header, &payload).unwrap();
    bench.give(Input::Packet { index: eth0().index, packet: Packet::Ipv4(&bytes) });
}

#[test]
fn an_advert_goes_to_every_peer_with_the_configured_ttl() {
    let mut bench = Bench::master(&only(unicast(100)));
    bench.run(SECOND);
    let sent: Vec<_> = bench
        .out
        .iter()
        .filter_map(|output| match output {
            Output::SendAdvert(advert) => Some((advert.destination, advert.datagram[8])),
            _ => None,
        })
        .collect();
    assert_eq!(sent, [(LOW.into(), 33), (HIGH.into(), 33)]);
    assert_eq!(bench.stack.desired_sockets().first().unwrap().group, None);
    assert_eq!(bench.stack.routers()[0].statistics().advert_sent, 2, "adverts, not packets");
}

#[test]
fn a_packet_to_the_group_is_not_for_a_unicast_router() {
    let mut bench = Bench::new(&only(unicast(100)));
    hear(&mut bench, HIGH, wire::vrrp::GROUP_V4, 255);
    assert_eq!(bench.stack.stray_statistics().misdirected, 1);
    hear(&mut bench, HIGH, OURS, 255);
    assert_eq!(bench.stack.routers()[0].statistics().advert_received, 1);
}

#[test]
fn a_packet_to_this_host_is_not_for_a_multicast_router() {
    let mut bench = Bench::new(&only(instance(100)));
    hear(&mut bench, HIGH, OURS, 255);
    assert_eq!(bench.stack.stray_statistics().misdirected, 1);
}

#[test]
fn a_peer_may_be_some_routers_away_and_no_more() {
    let mut bench = Bench::new(&only(unicast(100)));
    hear(&mut bench, HIGH, OURS, 30);
    hear(&mut bench, HIGH, OURS, 29);
    let counted = bench.stack.routers()[0].statistics();
    assert_eq!((counted.advert_received, counted.ttl_errors), (1, 1));
}

#[test]
fn check_unicast_src_refuses_strangers() {
    let mut config = unicast(100);
    let stranger = std::net::Ipv4Addr::new(10, 9, 0, 77);
    let mut bench = Bench::new(&only(config.clone()));
    hear(&mut bench, stranger, OURS, 255);
    assert_eq!(bench.stack.routers()[0].statistics().advert_received, 1);

    config.unicast.as_mut().unwrap().check_source = true;
    let mut bench = Bench::new(&only(config));
    hear(&mut bench, stranger, OURS, 255);
    assert_eq!(bench.stack.routers()[0].statistics().advert_received, 0);
    assert_eq!(
        bench.log().last().unwrap(),
        "(VI_1) unicast source address 10.9.0.77 not a unicast peer"
    );
}

#[test]
fn unicast_without_peers_is_a_fault_if_that_was_asked_for() {
    let mut config = unicast(100);
    config.unicast = Some(Unicast { fault_without_peer: true, ..Unicast::default() });
    let bench = Bench::new(&only(config));
    assert!(bench.stack.routers()[0].faults().contains(&Fault::NoPeer));
}

#[test]
fn another_group_is_sent_to_and_listened_to() {
    let mut config = instance(100);
    let group = IpAddr::from([224, 0, 0, 99]);
    config.destination = Some(group);
    config.version = Version::V3;
    let mut bench = Bench::master(&only(config));
    bench.run(SECOND);
    let sent = bench
        .out
        .iter()
        .any(|output| matches!(output, Output::SendAdvert(advert) if advert.destination == group));
    assert!(sent);
    assert_eq!(bench.stack.desired_sockets().first().unwrap().group, Some(group));
}

#[test]
fn each_socket_takes_its_own_packets() {
    let socket = |group| SocketKey {
        index: eth0().index,
        family: wire::Family::Ipv4,
        group,
        protocol: 112,
        foreign_source: false,
    };
    let sent_to = |destination| {
        let header =
            ipv4::Header { identification: 1, ttl: 1, protocol: 112, source: LOW, destination };
        ipv4::emit(&header, &[]).unwrap()
    };
    let (group, own) = (wire::vrrp::GROUP_V4, OURS);
    let takes = |socket: SocketKey, bytes: &[u8]| socket.takes(&Packet::Ipv4(bytes));
    let multicast = socket(Some(group.into()));
    assert_eq!([takes(multicast, &sent_to(group)), takes(multicast, &sent_to(own))], [true, false]);
    let unicast = socket(None);
    assert_eq!([takes(unicast, &sent_to(group)), takes(unicast, &sent_to(own))], [false, true]);
    assert!(!takes(unicast, &[]), "no datagram at all");
}

/// An advert of version 3 from a peer, its checksum made towards that address.
fn hear_v3(bench: &mut Bench, checksum_for: IpAddr) {
    let config = bench.stack.routers()[0].config();
    let advert = Advert {
        vrid: config.vrid,
        priority: base::Priority::new(200).ok(),
        addresses: config.virtual_addresses.iter().map(|vip| vip.address()).collect(),
        body: Body::V3 { centis: 100 },
    };
    let kind = Checksum::Towards(checksum_for);
    let payload = advert.emit_with(HIGH.into(), OURS.into(), kind);
    let header = ipv4::Header {
        identification: 1,
        ttl: 255,
        protocol: 112,
        source: HIGH,
        destination: OURS,
    };
    let bytes = ipv4::emit(&header, &payload).unwrap();
    bench.give(Input::Packet { index: eth0().index, packet: Packet::Ipv4(&bytes) });
}

#[test]
fn a_peer_with_old_checksums_of_version_3_is_found_out_and_answered_alike() {
    let mut config = unicast(100);
    config.version = Version::V3;
    let group = wire::vrrp::GROUP_V4;
    let mut bench = Bench::new(&only(config.clone()));
    bench.out.clear();
    hear_v3(&mut bench, OURS.into());
    hear_v3(&mut bench, group.into());
    hear_v3(&mut bench, group.into());
    hear_v3(&mut bench, OURS.into());
    let counted = bench.stack.routers()[0].statistics();
    assert_eq!((counted.advert_received, counted.checksum_errors), (4, 0));
    let said = "(VI_1) Setting unicast VRRPv3 checksum to old version";
    assert_eq!(bench.log().iter().filter(|line| *line == said).count(), 1);
    hear_v3(&mut bench, LOW.into());
    assert_eq!(bench.stack.routers()[0].statistics().checksum_errors, 1);

    bench.out.clear();
    bench.run(base::Duration::from_secs(5));
    let sent = bench.out.iter().find_map(|output| match output {
        Output::SendAdvert(advert) if advert.destination == IpAddr::from(HIGH) => Some(advert),
        _ => None,
    });
    let payload = ipv4::parse(&sent.unwrap().datagram).unwrap().payload;
    let sum = wire::checksum::with_pseudo_header(OURS.into(), group.into(), 112, payload);
    assert_eq!(sum, 0, "towards the group");

    for (old_checksum, fine) in [(Some(true), group), (Some(false), OURS)] {
        let mut config = config.clone();
        config.unicast.as_mut().unwrap().old_checksum = old_checksum;
        let mut bench = Bench::new(&only(config));
        hear_v3(&mut bench, group.into());
        hear_v3(&mut bench, OURS.into());
        let counted = bench.stack.routers()[0].statistics();
        assert_eq!((counted.advert_received, counted.checksum_errors), (1, 1), "{fine}");
    }
}

/// Unicast from `OURS` that names no interface.
fn roaming(vrf: Option<&str>) -> Instance {
    let mut config = unicast(100);
    config.interface = String::new();
    config.vrf = vrf.map(str::to_owned);
    config.source = Some(OURS.into());
    config
}

fn hear_at(bench: &mut Bench, index: base::IfIndex) {
    let payload = [0x21, 51, 200, 0, 0, 1, 0x16, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0];
    let header = ipv4::Header {
        identification: 1,
        ttl: 255,
        protocol: 112,
        source: HIGH,
        destination: OURS,
    };
    let bytes = ipv4::emit(&header, &payload).unwrap();
    bench.give(Input::Packet { index, packet: Packet::Ipv4(&bytes) });
}

#[test]
fn without_an_interface_no_interface_keeps_it_from_sending_and_hearing() {
    let mut bench = Bench::new(&only(roaming(None)));
    bench.give(Input::Link(down(eth0())));
    assert_eq!(bench.state(), "BACKUP");
    let sockets = bench.stack.desired_sockets();
    assert_eq!(sockets.iter().map(SocketKey::bound_to).collect::<Vec<_>>(), [None]);
    for _ in 0..5 {
        bench.run(SECOND);
        hear_at(&mut bench, SocketKey::ANYWHERE);
    }
    assert_eq!(bench.state(), "BACKUP");
    bench.run(SECOND.saturating_mul(4));
    assert_eq!(bench.state(), "MASTER");
    assert!(bench.adverts().len() > 1);
}

#[test]
fn without_an_interface_it_lives_in_its_vrf() {
    let mut bench = Bench::new(&only(roaming(Some("red"))));
    assert_eq!(bench.causes(), ["(VI_1) fault: interface red does not exist"]);
    let red = crate::link::Link {
        index: base::IfIndex::new(7).unwrap(),
        name: "red".into(),
        primary_v4: None,
        ..eth0()
    };
    bench.give(Input::Link(down(red.clone())));
    assert_eq!(bench.state(), "FAULT");
    bench.give(Input::Link(red.clone()));
    assert_eq!(bench.state(), "BACKUP");
    bench.run(SECOND.saturating_mul(3));
    hear_at(&mut bench, red.index);
    bench.run(SECOND.saturating_mul(3));
    assert_eq!(bench.state(), "BACKUP", "it was heard there");
    bench.run(SECOND);
    assert_eq!(bench.state(), "MASTER");
    assert_eq!(bench.stack.desired_sockets().first().unwrap().bound_to(), Some(red.index));
}

#[test]
fn without_an_interface_a_tracked_source_may_be_anywhere() {
    let mut config = roaming(None);
    config.track_source = true;
    let mut bench = Bench::new(&only(config));
    assert_eq!(bench.state(), "FAULT");
    let there = [(SocketKey::ANYWHERE, IpAddr::from(OURS))].into();
    bench.give(Input::Sources(&there));
    assert_eq!(bench.state(), "BACKUP");
}
