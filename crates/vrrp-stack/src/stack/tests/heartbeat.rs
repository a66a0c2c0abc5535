//! `heartbeat`: more paths for adverts.

use std::net::Ipv4Addr;

use base::{Duration, IfIndex};
use control_plane::model::{Heartbeat, Instance};
use wire::ipv4;
use wire::vrrp::GROUP_V4;

use crate::fixture::*;
use crate::input::{Input, Packet};
use crate::link::Link;
use crate::output::Output;

const OURS_THERE: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 5);
const THEIRS_THERE: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 2);

fn eth1() -> Link {
    Link {
        index: IfIndex::new(3).unwrap(),
        name: "eth1".into(),
        primary_v4: Some(OURS_THERE),
        ..eth0()
    }
}

fn multicast(priority: u8) -> Instance {
    let mut instance = instance(priority);
    instance.split_brain.heartbeats = vec![Heartbeat::Interface("eth1".into())];
    instance
}

fn unicast(priority: u8) -> Instance {
    let mut instance = instance(priority);
    let (source, destination) = (OURS_THERE.into(), THEIRS_THERE.into());
    instance.split_brain.heartbeats =
        vec![Heartbeat::Unicast { source, destination, interface: None }];
    instance
}

fn bench(instance: Instance) -> Bench {
    Bench::on(&only(instance), &[eth0(), eth1()], None)
}

/// An advert of version 2 on eth1.
fn hear(bench: &mut Bench, from: Ipv4Addr, to: Ipv4Addr, priority: u8) {
    let mut advert = None;
    bench.hear_advert(LOW, priority, |shown| advert = Some(shown.clone()));
    let payload = advert.unwrap().emit(from.into(), to.into());
    hear_payload(bench, from, to, &payload);
}

fn hear_payload(bench: &mut Bench, from: Ipv4Addr, to: Ipv4Addr, payload: &[u8]) {
    let header =
        ipv4::Header { identification: 1, ttl: 255, protocol: 112, source: from, destination: to };
    let bytes = ipv4::emit(&header, payload).unwrap();
    bench.give(Input::Packet { index: eth1().index, packet: Packet::Ipv4(&bytes) });
}

/// An advert as the peer sends it by its heartbeat alone.
fn only_there(bench: &mut Bench, priority: u8) {
    let checksum = |bytes: &[u8]| wire::checksum::internet(bytes);
    let mut payload =
        vec![0x21, 51, priority, 1, 0, 1, 0, 0, 10, 9, 0, 160, 0, 0, 0, 0, 0, 0, 0, 0];
    let sum = checksum(&payload);
    payload[6..8].copy_from_slice(&sum.to_be_bytes());
    hear_payload(bench, THEIRS_THERE, GROUP_V4, &payload);
}

fn sent(bench: &mut Bench) -> Vec<(u32, String, String)> {
    let sent = bench.out.iter().filter_map(|output| match output {
        Output::SendAdvert(advert) => Some((
            advert.socket.index.get(),
            advert.source.to_string(),
            advert.destination.to_string(),
        )),
        _ => None,
    });
    let sent = sent.collect();
    bench.out.clear();
    sent
}

fn way(index: u32, source: &str, destination: &str) -> (u32, String, String) {
    (index, source.to_owned(), destination.to_owned())
}

#[test]
fn every_advert_leaves_by_every_path() {
    for (instance, destination) in [(multicast(100), "224.0.0.18"), (unicast(100), "10.1.0.2")] {
        let mut bench = bench(instance);
        bench.run(Duration::from_secs(4));
        bench.out.clear();
        bench.run(SECOND);
        let ways = [way(2, "10.9.0.5", "224.0.0.18"), way(3, "10.1.0.5", destination)];
        assert_eq!(sent(&mut bench), ways);
        assert_eq!(bench.stack.desired_sockets().len(), 2);
        assert_eq!(bench.stack.routers()[0].statistics().advert_sent, 2, "adverts, not packets");
    }
}

#[test]
fn a_backup_that_hears_the_heartbeat_alone_stays_backup_and_says_which_path_is_silent() {
    let mut bench = bench(multicast(100));
    bench.hear(LOW, 200);
    for _ in 0..10 {
        bench.run(SECOND);
        only_there(&mut bench, 200);
        assert_eq!(bench.state(), "BACKUP");
    }
    let log = bench.log();
    let lost = "(VI_1) no advert is heard on eth0 for 3.6 s, only on heartbeat eth1: is that link cut, \
                is protocol 112 or multicast filtered?";
    assert_eq!(log.iter().filter(|line| *line == lost).count(), 1, "{log:#?}");
    assert_eq!(bench.stack.view().instances[0].split_brain.lost_paths, ["eth0"]);
    assert_eq!(bench.stack.routers()[0].statistics().split_brain.paths_lost, 1);
    assert!(bench.notified().contains(&"/bin/generic INSTANCE VI_1 HEARTBEAT_LOST 100".to_owned()));

    bench.hear(LOW, 200);
    let log = bench.log();
    assert!(log.contains(&"(VI_1) adverts are heard on eth0 again".to_owned()), "{log:#?}");
    assert_eq!(bench.stack.view().instances[0].split_brain.lost_paths, [] as [String; 0]);
}

#[test]
fn without_any_path_it_takes_over() {
    let mut bench = bench(multicast(100));
    only_there(&mut bench, 200);
    bench.run(Duration::from_millis(3_609));
    assert_eq!(bench.state(), "BACKUP");
    bench.run(Duration::from_millis(1));
    assert_eq!(bench.state(), "MASTER");
}

#[test]
fn a_copy_of_an_advert_is_no_second_advert() {
    let mut bench = Bench::on(&only(multicast(100)), &[eth0(), eth1()], None);
    bench.run(Duration::from_secs(4));
    assert_eq!(bench.state(), "MASTER");
    bench.out.clear();
    hear(&mut bench, THEIRS_THERE, GROUP_V4, 50);
    let lines = bench.log();
    assert_eq!(lines.iter().filter(|line| line.contains("lower priority 50")).count(), 1);
    assert_eq!(bench.stack.routers()[0].statistics().advert_received, 1);
    bench.run(SECOND);
    only_there(&mut bench, 50);
    assert_eq!(bench.stack.routers()[0].statistics().advert_received, 2, "this one came alone");
}

#[test]
fn a_sender_has_one_name_whichever_path_is_faster() {
    let mut bench = bench(multicast(100));
    for _ in 0..5 {
        bench.run(SECOND);
        bench.hear(LOW, 200);
        bench.run(SECOND);
        only_there(&mut bench, 200);
        bench.hear(LOW, 200);
    }
    let named = bench.log().iter().filter(|line| line.contains("master set to")).count();
    assert_eq!(named, 1);
}

#[test]
fn a_master_whose_cable_is_out_says_goodbye_by_the_heartbeat_and_its_backup_hears_it() {
    let mut master = bench(multicast(100));
    master.run(Duration::from_secs(4));
    master.out.clear();
    master.give(Input::Link(down(eth0())));
    assert_eq!(master.state(), "FAULT");
    let there: Vec<_> = sent(&mut master).into_iter().filter(|(index, ..)| *index == 3).collect();
    assert_eq!(there.len(), 2, "twice, as ever");

    let mut backup = bench(multicast(100));
    backup.hear(LOW, 200);
    backup.run(SECOND);
    only_there(&mut backup, 0);
    backup.run(Duration::from_millis(610));
    assert_eq!(backup.state(), "MASTER", "after the skew time alone");
}

#[test]
fn a_unicast_heartbeat_is_heard_from_its_peer_only() {
    let mut bench = bench(unicast(100));
    hear(&mut bench, Ipv4Addr::new(10, 1, 0, 77), OURS_THERE, 200);
    assert_eq!(bench.stack.stray_statistics().misdirected, 1);
    assert_eq!(bench.stack.routers()[0].statistics().advert_received, 1, "that on eth0");
}
