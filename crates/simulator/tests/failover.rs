//! How long a failover takes, and what does not cause one.

use std::net::Ipv4Addr;

use base::{Duration, Ipv4Net, OutOfRange, Priority, Vrid};
use control_plane::model::{Instance, VirtualAddress, Vrrp};
use simulator::node::Wishes;
use simulator::world::Weather;
use simulator::{Node, Seed, World};

/// Longest time that a packet takes in fair weather.
const WIRE: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Routers with these priorities, settled: the first is master.
fn settled(priorities: &[u8]) -> Result<World, OutOfRange> {
    let nodes: Result<Vec<Node>, OutOfRange> =
        (1..).zip(priorities).map(|(last, priority)| node(last, *priority)).collect();
    let mut world = World::new(nodes?, Seed::new(1));
    for node in 0..priorities.len() {
        world.act(node, "boots", Node::boot);
    }
    world.run(Duration::from_secs(10), |_, _| ());
    assert_eq!(masters(&world), [0]);
    world.account.clear();
    Ok(world)
}

fn node(last: u8, priority: u8) -> Result<Node, OutOfRange> {
    let mut instance = Instance::new("VI_1", "eth0", Vrid::new(51)?);
    instance.priority = Priority::new(priority)?;
    let address = Ipv4Net::from(Ipv4Addr::new(10, 9, 0, 160)).into();
    instance.virtual_addresses = vec![VirtualAddress::new(address, "eth0")];
    let config = Vrrp { instances: vec![instance].into(), ..Vrrp::default() };
    Ok(Node::new(Ipv4Addr::new(10, 9, 0, last), config))
}

fn masters(world: &World) -> Vec<usize> {
    (0..world.nodes.len()).filter(|node| world.nodes[*node].is_master(0)).collect()
}

/// Lets time pass until somebody is master, and says how long it took.
fn until_master(world: &mut World, limit: Duration) -> Duration {
    let start = world.now;
    let step = Duration::from_micros(500);
    while masters(world).is_empty() && world.now.saturating_since(start) < limit {
        world.run(step, |_, _| ());
    }
    world.now.saturating_since(start)
}

#[test]
fn after_a_goodbye_a_backup_takes_over_within_its_skew_time() {
    let mut world = settled(&[150, 100]).unwrap();
    world.act(0, "stops", Node::stop);
    let took = until_master(&mut world, Duration::from_secs(9));
    assert_eq!(masters(&world), [1]);
    let skew = Duration::from_micros(609_375);
    assert!((skew..=skew + WIRE + WIRE).contains(&took), "{took}");
}

#[test]
fn after_a_power_failure_a_backup_takes_over_within_active_down_interval() {
    let mut world = settled(&[150, 100]).unwrap();
    world.run(Duration::from_millis(300), |_, _| ());
    world.act(0, "loses power", |node, _| {
        node.power_off();
        Wishes::default()
    });
    let took = until_master(&mut world, Duration::from_secs(9));
    let down = Duration::from_micros(3_609_375);
    assert!(took <= down + WIRE && took >= down.saturating_sub(SECOND), "{took}");
}

#[test]
fn the_backup_with_the_highest_priority_is_first() {
    let mut world = settled(&[150, 100, 120]).unwrap();
    world.act(0, "stops", Node::stop);
    world.run(Duration::from_secs(5), |_, _| ());
    assert_eq!(masters(&world), [2]);
    let takeovers = world.account.iter().filter(|note| note.what.contains("MASTER")).count();
    assert_eq!(takeovers, 1, "the other one never was");
}

#[test]
fn a_masters_process_that_dies_is_not_missed() {
    let mut world = settled(&[150, 100]).unwrap();
    for _ in 0..20 {
        world.run(Duration::from_millis(730), |_, _| ());
        world.act(0, "", |node, _| {
            node.crash();
            Wishes::default()
        });
        world.run(Duration::from_millis(100), |_, _| ());
        assert_eq!(world.nodes[0].installed.len(), 1, "addresses stay while nobody is there");
        world.act(0, "", Node::respawn);
        assert_eq!(masters(&world), [0]);
    }
    assert_eq!(world.account, [], "nobody changed");
}

#[test]
fn two_lost_adverts_are_forgiven() {
    let mut world = settled(&[150, 100]).unwrap();
    world.run(Duration::from_millis(1), |_, _| ());
    world.weather.loss = 100;
    world.run(Duration::from_millis(2_100), |_, _| ());
    world.weather = Weather::FAIR;
    world.run(Duration::from_secs(5), |_, _| ());
    assert_eq!(world.account, []);
}

#[test]
fn a_frozen_master_is_replaced_and_takes_over_again_within_two_adverts() {
    let mut world = settled(&[150, 100]).unwrap();
    world.act(0, "", |node, _| {
        node.freeze();
        Wishes::default()
    });
    world.run(Duration::from_secs(5), |_, _| ());
    assert_eq!(masters(&world), [1]);
    world.act(0, "", Node::thaw);
    world.run(Duration::from_millis(5), |_, _| ());
    assert_eq!(masters(&world), [0]);
}

#[test]
fn a_frozen_backup_reads_before_it_looks_at_its_timers() {
    let mut world = settled(&[150, 100]).unwrap();
    world.act(1, "", |node, _| {
        node.freeze();
        Wishes::default()
    });
    world.run(Duration::from_secs(30), |_, _| ());
    world.act(1, "", Node::thaw);
    world.run(Duration::from_secs(5), |_, _| ());
    assert_eq!(world.account, [], "the master was there all the time");
}

#[test]
fn a_cut_segment_has_a_master_on_each_side_and_one_when_it_is_whole_again() {
    let mut world = settled(&[150, 100, 120]).unwrap();
    world.part = vec![0, 1, 1];
    world.run(Duration::from_secs(8), |_, _| ());
    assert_eq!(masters(&world), [0, 2]);
    world.part = vec![0, 0, 0];
    world.run(SECOND + WIRE, |_, _| ());
    assert_eq!(masters(&world), [0]);
}
