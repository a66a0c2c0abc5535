//! Many servers: probes are bounded and fair, and one event costs one event.

mod common;

use std::collections::BTreeMap;

use base::Duration;
use checkers::{Input, MAX_IN_FLIGHT};
use common::{World, at, checked, lvs, service};
use control_plane::model::Lvs;

/// `count` servers behind services of 250, each with a TCP check every 10 s and as much warm-up.
fn many(count: usize) -> Lvs {
    let numbers: Vec<usize> = (0..count).collect();
    let services = numbers.chunks(250).map(|numbers| {
        let servers = numbers.iter().map(|number| {
            let address = format!("10.{}.{}.{}:80", number >> 16, number >> 8 & 255, number & 255);
            let mut server = checked(&address, 1, 1);
            server.checkers[0].delay_loop = Duration::from_secs(10);
            server.checkers[0].warmup = Duration::from_secs(10);
            server
        });
        service(&format!("192.0.2.1:{}", 1_000 + numbers[0] / 250), servers.collect())
    });
    lvs(services.collect())
}

#[test]
fn where_descriptors_are_few_fewer_probes_run_at_a_time() {
    let mut config = many(10);
    for server in config.virtual_servers.iter_mut().flat_map(|service| &mut service.real_servers) {
        server.checkers[0].warmup = Duration::ZERO;
    }
    let mut world = World::new(&config);
    let all = config.virtual_servers.iter().flat_map(|service| &service.real_servers);
    world.silent.extend(all.map(|server| server.address));
    world.machine.limit_probes(3);
    world.run_until(1_500);
    assert_eq!(world.machine.probe_counts(), (3, 7));
    world.machine.limit_probes(0);
    world.run_until(60_000);
    assert_eq!(world.most_in_flight, 3);
    assert_eq!(world.machine.probe_counts().0, 1, "one place is the least");
}

#[test]
fn no_more_probes_run_than_there_are_places_and_none_starves() {
    let count = 3 * MAX_IN_FLIGHT;
    let mut config = many(count);
    for server in config.virtual_servers.iter_mut().flat_map(|service| &mut service.real_servers) {
        server.checkers[0].warmup = Duration::ZERO;
    }
    let mut world = World::new(&config);
    let all = config.virtual_servers.iter().flat_map(|service| &service.real_servers);
    world.silent.extend(all.map(|server| server.address));
    world.run_until(1_500);
    assert_eq!(world.in_flight.len(), MAX_IN_FLIGHT);
    assert_eq!(world.machine.probe_counts(), (MAX_IN_FLIGHT, count - MAX_IN_FLIGHT));
    world.run_until(7_500);
    assert_eq!(world.most_in_flight, MAX_IN_FLIGHT);
    let order: Vec<_> = world.probed.iter().map(|probe| probe.1).collect();
    assert_eq!(order.len(), count, "each once: who was first is not first again");
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(order, sorted, "first come, first served");
    world.input(Input::Stop);
    assert!(world.in_flight.is_empty());
}

#[test]
fn a_reload_keeps_the_queue_of_those_that_wait() {
    let mut config = many(2 * MAX_IN_FLIGHT);
    for server in config.virtual_servers.iter_mut().flat_map(|service| &mut service.real_servers) {
        server.checkers[0].warmup = Duration::ZERO;
    }
    let mut world = World::new(&config);
    let all = config.virtual_servers.iter().flat_map(|service| &service.real_servers);
    world.silent.extend(all.map(|server| server.address));
    world.run_until(1_500);
    assert_eq!(world.machine.probe_counts(), (MAX_IN_FLIGHT, MAX_IN_FLIGHT));
    // The last service waits as a whole, the first is probed as a whole.
    let last = config.virtual_servers.pop().unwrap();
    config.virtual_servers.remove(0);
    config.virtual_servers.reverse();
    world.probed.clear();
    world.reload(&config);
    assert_eq!(world.machine.probe_counts().0, MAX_IN_FLIGHT, "the places are taken over at once");
    assert_eq!(world.probed.len(), 250);
    world.run_until(3_500);
    let mut probed: Vec<_> = world.probed.iter().map(|probe| probe.1).collect();
    assert_eq!(probed.len(), MAX_IN_FLIGHT - last.real_servers.len());
    assert!(probed.is_sorted(), "in the order in which they came to wait");
    probed.dedup();
    assert_eq!(probed.len(), MAX_IN_FLIGHT - last.real_servers.len());
    assert!(!last.real_servers.iter().any(|server| probed.contains(&server.address)));
}

#[test]
fn first_checks_are_spread_over_the_warmup() {
    let mut world = World::new(&many(10_000));
    world.run_until(11_000);
    let mut shares = BTreeMap::new();
    for (millis, _) in &world.probed {
        *shares.entry(millis / 1_000).or_insert(0) += 1;
    }
    assert_eq!(world.probed.len(), 10_000);
    assert_eq!(shares.len(), 10, "from 1 s to 11 s: {shares:?}");
    assert!(shares.values().all(|share| (800..1_200).contains(share)), "{shares:?}");
}

/// With work per turn that grows with the number of servers, the two rounds of 50,000 checks take
/// minutes. With work per event they take a second or two even unoptimised.
#[test]
fn a_turn_of_fifty_thousand_servers_costs_what_happens_in_it() {
    let config = many(50_000);
    let mut world = World::new(&config);
    let all = config.virtual_servers.iter().flat_map(|service| &service.real_servers);
    world.listening.extend(all.map(|server| server.address));
    let begin = std::time::Instant::now();
    world.run_until(21_000);
    assert!(world.probed.len() >= 99_000, "{}", world.probed.len());
    let took = begin.elapsed();
    assert!(took.as_secs() < 30, "100,000 checks took {took:?}");

    world.machine.take_touched();
    world.machine.take_changes();
    world.take_lines();
    world.listening.remove(&at("10.0.1.1:80"));
    world.run_until(33_000);
    let touched = world.machine.take_touched();
    assert_eq!(touched.values().map(|servers| servers.len()).sum::<usize>(), 1);
    assert_eq!(world.machine.take_changes().len(), 1);
    assert_eq!(world.take_lines().len(), 2);
}
