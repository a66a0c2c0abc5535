//! IPv6: the same machine, another family.

use std::net::{IpAddr, Ipv6Addr};

use control_plane::model::{Instance, Version};
use wire::vrrp::{Advert, Body, GROUP_V6};

use crate::fixture::*;
use crate::input::{Input, Packet};
use crate::output::Output;
use crate::router::Fault;

const PEER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9);

fn ipv6(priority: u8) -> Instance {
    let mut config = instance(priority);
    config.version = Version::V3;
    config.virtual_addresses = vec![vip("fe80::160/128"), vip("2001:db8::160/64")];
    config
}

fn hear(bench: &mut Bench, priority: u8, hop_limit: u8) {
    let config = bench.stack.routers()[0].config();
    let advert = Advert {
        vrid: config.vrid,
        priority: base::Priority::new(priority).ok(),
        addresses: config.virtual_addresses.iter().map(|vip| vip.address()).collect(),
        body: Body::V3 { centis: 100 },
    };
    let payload = advert.emit(PEER.into(), GROUP_V6.into());
    let packet = Packet::Ipv6 { source: PEER, destination: GROUP_V6, hop_limit, payload: &payload };
    bench.give(Input::Packet { index: eth0().index, packet });
}

#[test]
fn adverts_leave_from_the_link_local_address_to_the_group() {
    let mut bench = Bench::master(&only(ipv6(100)));
    bench.run(SECOND);
    let sent = bench.out.iter().find_map(|output| match output {
        Output::SendAdvert(advert) => Some(advert.clone()),
        _ => None,
    });
    let sent = sent.unwrap();
    let own: IpAddr = "fe80::5".parse().unwrap();
    assert_eq!((sent.source, sent.destination), (own, GROUP_V6.into()));
    assert_eq!(sent.hop_limit, 255);
    assert_eq!(sent.datagram[..6], [0x31, 51, 100, 2, 0, 100], "the VRRP message alone");
    assert_eq!(sent.datagram.len(), 8 + 2 * 16);
}

#[test]
fn an_election_goes_as_with_ipv4() {
    let mut bench = Bench::master(&only(ipv6(100)));
    hear(&mut bench, 150, 255);
    assert_eq!(bench.state(), "BACKUP");
    assert_eq!(
        bench.log()[0],
        "(VI_1) Master received advert from fe80::9 with higher priority 150, ours 100"
    );
    bench.run(base::Duration::from_micros(3_000_000 + 609_374));
    assert_eq!(bench.state(), "BACKUP");
    bench.run(base::Duration::from_micros(1));
    assert_eq!(bench.state(), "MASTER");
}

#[test]
fn a_hop_limit_below_255_is_refused() {
    let mut bench = Bench::new(&only(ipv6(100)));
    hear(&mut bench, 150, 254);
    let counted = bench.stack.routers()[0].statistics();
    assert_eq!((counted.advert_received, counted.ttl_errors), (0, 1));
}

#[test]
fn neighbours_are_told_with_a_pace_of_their_own() {
    let mut config = ipv6(100);
    config.garp.gna_interval = base::Duration::from_millis(100);
    let mut bench = Bench::new(&only(config));
    bench.run(base::Duration::from_micros(3_609_375));
    assert_eq!(bench.announced().len(), 1);
    let line = "(VI_1) Sending/queueing Unsolicited Neighbour Adverts on eth0 for fe80::160";
    assert!(bench.log().contains(&line.to_owned()));
    bench.run(base::Duration::from_millis(900));
    assert_eq!(bench.announced().len(), 9, "ten messages, 0.1 s apart");
}

#[test]
fn an_interface_without_a_link_local_address_cannot_speak() {
    let link = crate::Link { link_local_v6: None, ..eth0() };
    let mut bench = Bench::on(&only(ipv6(100)), &[link], None);
    assert!(bench.stack.routers()[0].faults().contains(&Fault::NoPrimaryAddress));
    assert_eq!(bench.causes(), ["(VI_1) fault: interface eth0 has no IPv6 address to send from"]);
}

#[test]
fn one_identifier_may_be_two_routers_one_of_each_family() {
    let mut four = instance(100);
    four.name = "four".into();
    let config = control_plane::model::Vrrp {
        instances: vec![ipv6(100), four].into(),
        ..control_plane::model::Vrrp::default()
    };
    let mut bench = Bench::new(&config);
    hear(&mut bench, 150, 255);
    let heard: Vec<u64> =
        bench.stack.routers().iter().map(|router| router.statistics().advert_received).collect();
    assert_eq!(heard, [1, 0]);
    assert_eq!(bench.stack.desired_sockets().len(), 2);
}
