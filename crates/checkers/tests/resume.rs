//! A successor goes on where a process died.

mod common;

use base::Duration;
use checkers::{Input, Snapshot};
use common::{World, alpha, at, checked, inhibited, lvs, service};
use control_plane::model::lvs::{SorryServer, Tunnel};
use control_plane::model::{Command, ForwardingMethod, Lvs, VirtualServer};

fn config() -> Lvs {
    let mut servers = vec![
        checked("127.0.0.2:80", 1, 3),
        checked("127.0.0.3:80", 1, 3),
        inhibited(checked("127.0.0.4:80", 1, 3)),
        alpha(checked("127.0.0.5:80", 1, 3)),
    ];
    for server in &mut servers {
        server.checkers[0].warmup = Duration::from_secs(1);
    }
    lvs(vec![service("10.1.0.100:80", servers)])
}

/// A world some seconds old, and what the parent has kept of its reports.
fn grown_up() -> (World, Snapshot) {
    let mut world = World::new(&config());
    world.listening.extend(["127.0.0.2:80", "127.0.0.5:80"].map(at));
    let mut kept: Snapshot = world.machine.take_changes().into_iter().collect();
    for millis in 1..8 {
        world.run_until(millis * 1_000);
        world.machine.take_changes().into_iter().for_each(|change| kept.apply(change));
    }
    (world, kept)
}

#[test]
fn the_reports_add_up_to_the_snapshot() {
    let (world, kept) = grown_up();
    assert_eq!(kept, world.machine.snapshot());
}

#[test]
fn a_successor_wants_the_same_table_and_says_nothing_of_quorums() {
    let (world, kept) = grown_up();
    let mut successor = World::resumed(&config(), Some(&kept));
    assert_eq!(successor.machine.desired(), world.machine.desired());
    assert_eq!(successor.machine.managed(), world.machine.managed());
    assert_eq!(successor.machine.snapshot(), kept);
    assert_eq!(successor.take_news(), [""; 0]);
    assert!(successor.machine.take_changes().is_empty());
}

#[test]
fn used_retries_stay_used() {
    let (mut world, mut kept) = grown_up();
    world.listening.clear();
    world.run_until(9_000);
    world.machine.take_changes().into_iter().for_each(|change| kept.apply(change));
    let failures = |snapshot: &Snapshot| {
        let (_, server) = snapshot.servers.iter().next().unwrap();
        format!("{:?}", server.checks[0].health)
    };
    assert_eq!(failures(&kept), "Up { failures: 2 }", "of 127.0.0.2, which retries now");
    let mut successor = World::resumed(&config(), Some(&kept));
    successor.take_lines();
    successor.run_until(2_500);
    let first: Vec<_> =
        successor.lines.iter().filter(|line| line.1.contains("127.0.0.2")).collect();
    assert_eq!(
        first[0].1, "TCP_CHECK on service [127.0.0.2]:tcp:80 failed after 3 retries.",
        "one retry was left: {first:?}"
    );
    let tries = successor.probed.iter().filter(|probe| probe.1 == at("127.0.0.2:80")).count();
    assert_eq!(tries, 2);
}

#[test]
fn the_checks_of_a_successor_are_spread_over_their_delay() {
    let servers = (0..200).map(|number| checked(&format!("127.0.1.{number}:80"), 1, 1)).collect();
    let config = lvs(vec![service("10.1.0.100:80", servers)]);
    let mut world = World::new(&config);
    world.run_until(2_000);
    let successor = World::resumed(&config, Some(&world.machine.snapshot()));
    let mut successor = World { probed: Vec::new(), ..successor };
    successor.run_until(3_000);
    assert_eq!(successor.probed.len(), 200, "all within one delay_loop");
    for second in 0..3 {
        let share = successor.probed.iter().filter(|probe| probe.0 / 1_000 == second).count();
        assert!((40..95).contains(&share), "{share} of 200 in second {second}");
    }
}

#[test]
fn what_the_dead_one_had_and_the_configuration_lacks_is_removed() {
    let (_, kept) = grown_up();
    let mut config = config();
    config.virtual_servers[0].real_servers.remove(0);
    let mut successor = World::resumed(&config, Some(&kept));
    assert!(!successor.table().iter().any(|line| line.contains("127.0.0.2")));
    let service = config.virtual_servers[0].address;
    assert!(successor.machine.managed()[&service].contains(&at("127.0.0.2:80")));
    assert!(successor.machine.take_touched().is_empty(), "the driver begins with the whole");

    let mut nothing_left = World::resumed(&lvs(vec![]), Some(&kept));
    assert!(nothing_left.machine.managed().contains_key(&service));
    nothing_left.input(Input::Stop);
    nothing_left.machine.kernel_is_current();
    assert!(nothing_left.machine.managed().is_empty());
}

#[test]
fn a_service_that_had_no_quorum_has_none_for_the_successor() {
    let config = lvs(vec![service("10.1.0.100:80", vec![checked("127.0.0.2:80", 1, 0)])]);
    let mut world = World::new(&config);
    world.run_until(2_000);
    let mut successor = World::resumed(&config, Some(&world.machine.snapshot()));
    assert_eq!(successor.take_news(), [""; 0]);
    successor.listening.insert(at("127.0.0.2:80"));
    successor.run_until(4_000);
    assert_eq!(
        successor.take_news().last().unwrap(),
        "Gained quorum 1+0=1 <= 1 for VS [10.1.0.100]:tcp:80"
    );
}

/// A service that waits for its first success, with this sorry server.
fn waiting(sorry: &str) -> Lvs {
    let servers = vec![alpha(checked("127.0.0.2:80", 1, 0))];
    let down = Some(Command { program: "/lost".to_owned(), args: Vec::new(), user: None });
    let sorry_server = Some(SorryServer {
        address: at(sorry),
        method: ForwardingMethod::DirectRouting,
        tunnel: Tunnel::default(),
        inhibit: false,
    });
    lvs(vec![VirtualServer {
        quorum_down: down,
        sorry_server,
        ..service("10.1.0.100:80", servers)
    }])
}

#[test]
fn a_quorum_that_was_never_there_is_told_once_however_often_the_process_dies() {
    let mut kept = Snapshot::default();
    let mut world = World::new(&waiting("127.0.0.9:80"));
    assert_eq!(world.notified.len(), 1, "the start tells it");
    world.machine.take_changes().into_iter().for_each(|change| kept.apply(change));
    let mut successor = World::resumed(&waiting("127.0.0.9:80"), Some(&kept));
    assert_eq!(successor.take_news(), [""; 0]);
    assert!(successor.notified.is_empty() && successor.told.is_empty(), "{:?}", successor.told);
    assert_eq!(successor.machine.desired(), world.machine.desired());

    successor.reload(&waiting("127.0.0.8:80"));
    successor.machine.take_changes().into_iter().for_each(|change| kept.apply(change));
    let mut third = World::resumed(&waiting("127.0.0.8:80"), Some(&kept));
    assert_eq!(third.take_news(), [""; 0], "the other sorry server has been told too");
    assert!(third.notified.is_empty() && third.told.is_empty(), "{:?}", third.told);
}
