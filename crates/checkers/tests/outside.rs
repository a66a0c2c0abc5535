//! FILE_CHECK and `ha_suspend`: what is heard of this host decides.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::net::IpAddr;

use base::{Duration, Instant};
use checkers::{Checkers, Input, Output, Outside};
use common::{World, checked, lvs, server, service};
use control_plane::model::checks::{Checker, CheckerKind, FileCheck};
use control_plane::model::lvs::{GroupEntry, Lvs, Protocol, ServerGroup, ServiceAddress};
use control_plane::model::tracking::TrackFile;
use control_plane::model::{FileId, RealServer, VirtualServer};

fn file(weight: i32) -> Checker {
    Checker::new(CheckerKind::File(FileCheck { file: FileId(0), weight, reverse: false }))
}

fn with_file(mut config: Lvs) -> Lvs {
    config.files.push(TrackFile {
        name: "drain".to_owned(),
        path: "/run/drain".to_owned(),
        weight: 1,
        reverse: false,
        init: None,
    });
    config
}

/// One service with a server that has this check of a file, and one without.
fn config(check: Checker) -> Lvs {
    let servers = vec![server("127.0.0.2:80", 10, vec![check]), server("127.0.0.3:80", 1, vec![])];
    with_file(lvs(vec![service("10.1.0.100:80", servers)]))
}

fn see(world: &mut World, value: i32) {
    world.input(Input::FileSeen { name: "drain", value });
}

const BOTH: [&str; 3] = [
    "-A -t 10.1.0.100:80 -s rr",
    "-a -t 10.1.0.100:80 -r 127.0.0.2:80 -g -w 10",
    "-a -t 10.1.0.100:80 -r 127.0.0.3:80 -g -w 1",
];

#[test]
fn a_number_in_a_file_takes_its_server_down_and_0_brings_it_back() {
    let mut world = World::new(&config(file(0)));
    assert_eq!(world.table().len(), BOTH.len());
    world.take_lines();
    see(&mut world, 3);
    assert_eq!(
        world.take_lines(),
        [
            "([127.0.0.2]:tcp:80): tracked file drain now FAULT state",
            "Removing service [127.0.0.2]:tcp:80 from VS [10.1.0.100]:tcp:80",
        ],
    );
    assert_eq!(world.table().len(), 2);
    see(&mut world, 0);
    assert_eq!(
        world.take_lines(),
        [
            "([127.0.0.2]:tcp:80): tracked file drain leaving FAULT state",
            "Adding service [127.0.0.2]:tcp:80 to VS [10.1.0.100]:tcp:80",
        ],
    );
    assert_eq!(world.table().len(), 3);
    world.input(Input::FileSeen { name: "another", value: 1 });
    assert_eq!(world.take_lines(), [""; 0]);
    assert_eq!(world.next_at(), None, "nothing is tried");
}

#[test]
fn a_number_times_its_weight_is_added_to_the_weight_of_the_server() {
    let mut world = World::new(&config(file(2)));
    world.take_lines();
    see(&mut world, 5);
    let weighs = |world: &World, weight: &str| world.table()[1].ends_with(&format!("-w {weight}"));
    assert!(weighs(&world, "20"), "{:?}", world.table());
    assert_eq!(
        world.take_lines(),
        ["Changing weight from 10 to 20 for active service [127.0.0.2]:tcp:80 of VS \
             [10.1.0.100]:tcp:80"]
    );
    see(&mut world, -100);
    assert!(weighs(&world, "0"), "never below 0");
    see(&mut world, i32::MIN);
    assert_eq!(world.table().len(), 2, "the lowest number is down");
    see(&mut world, 1);
    assert!(weighs(&world, "12"));
}

#[test]
fn what_is_known_of_a_file_counts_from_the_start_and_over_a_reload() {
    let files = [("drain".to_owned(), 1)].into();
    let outside = Outside { files, ..Outside::default() };
    let mut out = Vec::new();
    let plain = config(file(0));
    let mut machine = Checkers::with_outside(
        Instant::default(),
        &plain.clone().into(),
        None,
        outside,
        1,
        &mut out,
    );
    let up =
        |machine: &Checkers| machine.desired().values().map(|one| one.destinations.len()).sum();
    let servers: usize = up(&machine);
    assert_eq!(servers, 1);
    machine.handle_input(Instant::default(), Input::Reload(&config(file(2)).into()), &mut out);
    let servers: usize = up(&machine);
    assert_eq!(servers, 2, "with a weight, 1 is no failure");
    machine.handle_input(Instant::default(), Input::Reload(&plain.clone().into()), &mut out);
    let servers: usize = up(&machine);
    assert_eq!(servers, 1);
    let known = machine.snapshot();
    let successor =
        Checkers::new(Instant::default(), &plain.clone().into(), Some(&known), 1, &mut out);
    let servers: usize = up(&successor);
    assert_eq!(servers, 2, "nobody has told the successor of a number yet");
}

/// One server of weight 10 whose weight a file changes.
fn guarded(check: Checker, quorum: u32) -> Lvs {
    let only = VirtualServer {
        quorum,
        ..service("10.1.0.100:80", vec![server("127.0.0.2:80", 10, vec![check])])
    };
    with_file(lvs(vec![only]))
}

/// A machine whose quorum a number in the file has taken, and nothing of that is news any more.
fn lost(config: &Lvs, value: i32) -> World {
    let mut world = World::new(config);
    see(&mut world, value);
    let last = world.take_lines().pop().unwrap();
    assert!(last.starts_with("Lost quorum"), "{last}");
    world.told.clear();
    world
}

#[test]
fn a_file_that_counts_otherwise_after_a_reload_does_not_bring_a_lost_quorum_for_a_moment() {
    let mut world = lost(&guarded(file(1), 8), -5);
    world.reload(&guarded(file(2), 8));
    assert_eq!(
        world.take_lines(),
        ["Changing weight from 5 to 0 for active service [127.0.0.2]:tcp:80 of VS \
             [10.1.0.100]:tcp:80"],
    );
    assert_eq!(world.told, [""; 0]);
    world.reload(&guarded(file(-1), 8));
    assert_eq!(
        world.take_lines(),
        [
            "Changing weight from 0 to 15 for active service [127.0.0.2]:tcp:80 of VS \
             [10.1.0.100]:tcp:80",
            "Gained quorum 8+0=8 <= 15 for VS [10.1.0.100]:tcp:80",
        ],
    );
    assert_eq!(world.told, ["VS [10.1.0.100]:tcp:80 UP\n"]);
    assert!(world.table()[1].ends_with("-w 15"), "{:?}", world.table());
    assert_eq!(world.machine.plan(&guarded(file(-1), 8).into()), []);
}

#[test]
fn a_file_is_the_same_one_wherever_it_stands_in_the_configuration() {
    let mut world = lost(&guarded(file(1), 8), -5);
    let mut check = file(1);
    check.kind = CheckerKind::File(FileCheck { file: FileId(1), weight: 1, reverse: false });
    let mut moved = guarded(check, 8);
    moved.files.insert(0, TrackFile { name: "first".to_owned(), ..moved.files[0].clone() });
    assert_eq!(world.plan(&moved), []);
    world.reload(&moved);
    assert_eq!(world.take_lines(), [""; 0]);
    see(&mut world, -4);
    assert!(world.take_lines()[0].starts_with("Changing weight from 5 to 6"));

    moved.files[1].name = "other".to_owned();
    assert_eq!(world.plan(&moved).len(), 1, "that is another file at the same place");
}

#[test]
fn a_server_that_goes_down_does_not_count_with_its_full_weight_first() {
    let mut world = lost(&guarded(file(1), 5), -8);
    see(&mut world, i32::MIN);
    assert_eq!(
        world.take_lines(),
        [
            "Changing weight from 2 to 10 for active service [127.0.0.2]:tcp:80 of VS \
             [10.1.0.100]:tcp:80",
            "([127.0.0.2]:tcp:80): tracked file drain now FAULT state",
            "Removing service [127.0.0.2]:tcp:80 from VS [10.1.0.100]:tcp:80",
        ],
    );
    assert_eq!(world.told, ["RS [127.0.0.2]:tcp:80 [10.1.0.100]:tcp:80 DOWN\n"]);
    assert_eq!(world.table().len(), 1);
    see(&mut world, 0);
    let line = world.take_lines().pop().unwrap();
    assert_eq!(line, "Gained quorum 5+0=5 <= 10 for VS [10.1.0.100]:tcp:80");
}

fn suspended(real_servers: Vec<RealServer>) -> VirtualServer {
    VirtualServer { ha_suspend: true, ..service("10.1.0.100:80", real_servers) }
}

fn addresses(all: &[&str]) -> BTreeSet<IpAddr> {
    all.iter().map(|one| one.parse().unwrap()).collect()
}

#[test]
fn checks_rest_while_the_address_of_their_service_is_elsewhere() {
    let config = lvs(vec![suspended(vec![checked("127.0.0.2:80", 1, 0)])]);
    let mut world = World::new(&config);
    world.run_until(20_000);
    assert_eq!(world.probed, [], "the address is not here");
    assert_eq!(world.table().len(), 2, "and the server stays as it is");
    world.take_lines();
    world.input(Input::Addresses(&addresses(&["10.1.0.100"])));
    assert_eq!(
        world.take_lines(),
        ["Activating healthchecker for service [127.0.0.2]:tcp:80 for VS [10.1.0.100]:tcp:80"]
    );
    world.run_until(24_000);
    assert!(!world.probed.is_empty());
    assert_eq!(world.table().len(), 1, "nobody listens");
    let probes = world.probed.len();
    world.input(Input::Addresses(&addresses(&[])));
    assert!(
        world.take_lines().contains(
            &"Suspending healthchecker for service [127.0.0.2]:tcp:80 for VS [10.1.0.100]:tcp:80"
                .to_owned()
        )
    );
    world.run_until(60_000);
    assert_eq!(world.probed.len(), probes);
    assert_eq!(world.table().len(), 1, "the last verdict stays");
}

#[test]
fn a_check_that_runs_when_the_address_leaves_is_given_up_without_a_verdict() {
    let config = lvs(vec![suspended(vec![checked("127.0.0.2:80", 1, 0)])]);
    let mut world = World::new(&config);
    world.silent.insert("127.0.0.2:80".parse().unwrap());
    world.input(Input::Addresses(&addresses(&["10.1.0.100"])));
    world.run_until(4_000);
    assert_eq!(world.in_flight.len(), 1);
    world.input(Input::Addresses(&addresses(&[])));
    assert_eq!(world.in_flight.len(), 0);
    world.run_until(60_000);
    assert_eq!(world.table().len(), 2);
}

#[test]
fn one_address_of_a_group_is_enough_and_a_reload_may_end_the_rest() {
    let address = ServiceAddress::Group {
        group: ServerGroup::new("G", vec![]).id,
        protocol: Protocol::Tcp,
        ipv6: false,
    };
    let range = GroupEntry::Addresses {
        first: "10.1.0.100".parse().unwrap(),
        last: "10.1.0.103".parse().unwrap(),
        port: 80,
    };
    let group = VirtualServer {
        ha_suspend: true,
        real_servers: vec![checked("127.0.0.2:80", 1, 0)],
        ..VirtualServer::new(address)
    };
    let groups = vec![ServerGroup::new("G", vec![range])];
    let config = Lvs { groups, ..lvs(vec![group]) };
    let mut world = World::new(&config);
    assert_eq!(world.next_at(), None);
    world.input(Input::Addresses(&addresses(&["10.1.0.102"])));
    assert!(world.next_at().is_some());
    world.input(Input::Addresses(&addresses(&[])));
    assert_eq!(world.next_at(), None);
    let mut awake = config.clone();
    awake.virtual_servers[0].ha_suspend = false;
    world.reload(&awake);
    assert!(world.next_at().is_some());
    world.reload(&config);
    assert_eq!(world.next_at(), None);
}

#[test]
fn a_suspended_check_of_a_long_queue_is_not_tried_twice_when_it_comes_back() {
    let servers: Vec<RealServer> =
        (0..3).map(|n| checked(&format!("127.0.0.{}:80", n + 2), 1, 0)).collect();
    let config = lvs(vec![suspended(servers)]);
    let mut world = World::new(&config);
    world.machine.limit_probes(1);
    (2..5).for_each(|n| {
        world.silent.insert(format!("127.0.0.{n}:80").parse().unwrap());
    });
    let here = addresses(&["10.1.0.100"]);
    world.input(Input::Addresses(&here));
    world.now += Duration::from_secs(4);
    world.input(Input::Timeout);
    assert_eq!(world.machine.probe_counts(), (1, 2));
    world.input(Input::Addresses(&addresses(&[])));
    world.input(Input::Addresses(&here));
    world.now += Duration::from_secs(4);
    let mut out = Vec::new();
    world.machine.handle_input(world.now, Input::Timeout, &mut out);
    let started = out.iter().filter(|one| matches!(one, Output::StartProbe { .. })).count();
    assert_eq!(started, 1);
}
