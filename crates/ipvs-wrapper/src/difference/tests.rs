use std::net::{Ipv4Addr, SocketAddr};

use proptest::prelude::*;

use super::*;
use crate::table::{Destination, Forwarding, ONE_PACKET, Protocol};

fn key(n: u8) -> ServiceKey {
    ServiceKey::address(Protocol::Tcp, Ipv4Addr::new(10, 8, 0, n).into(), 80)
}

fn address(n: u8) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(10, 9, 0, n).into(), 80)
}

fn pool(service: Service, servers: &[(u8, u32)]) -> Pool {
    let mut pool = Pool::new(service);
    for (n, weight) in servers {
        pool.insert(Destination::new(address(*n), Forwarding::DirectRouting, *weight));
    }
    pool
}

fn table(pools: Vec<Pool>) -> Table {
    let mut table = Table::default();
    pools.into_iter().for_each(|pool| table.insert(pool));
    table
}

fn words(actual: &Table, managed: &Managed, desired: &Table) -> Vec<String> {
    difference(actual, managed, desired).iter().map(Ask::to_string).collect()
}

#[test]
fn servers_come_before_others_change_and_go() {
    let actual = table(vec![pool(Service::new(key(1), "rr"), &[(1, 1), (2, 1)])]);
    let desired = table(vec![pool(Service::new(key(1), "rr"), &[(2, 7), (3, 1)])]);
    assert_eq!(
        words(&actual, &Managed::all_of(&actual), &desired),
        [
            "add server 10.9.0.3:80 weight 1 to IPVS service tcp 10.8.0.1:80",
            "change server 10.9.0.2:80 to weight 7 in IPVS service tcp 10.8.0.1:80",
            "remove server 10.9.0.1:80 from IPVS service tcp 10.8.0.1:80",
        ]
    );
}

#[test]
fn a_service_goes_with_its_servers_in_one_request() {
    let actual = table(vec![pool(Service::new(key(1), "rr"), &[(1, 1), (2, 1)])]);
    assert_eq!(
        words(&actual, &Managed::all_of(&actual), &Table::default()),
        ["remove IPVS service tcp 10.8.0.1:80"]
    );
    assert_eq!(words(&actual, &Managed::default(), &Table::default()), [] as [&str; 0]);
}

#[test]
fn a_service_changes_only_for_what_counts() {
    let plain = Service::new(key(1), "rr");
    let as_kernel = |service: &Service| table(vec![pool(service.clone(), &[])]);
    let differs = |wanted: &Service| {
        !words(&as_kernel(&plain), &Managed::default(), &as_kernel(wanted)).is_empty()
    };
    assert!(!differs(&Service { persistence_prefix: Some(24), ..plain.clone() }));
    assert!(!differs(&Service { flags: 0x2, ..plain.clone() }), "the kernel's own flag");
    assert!(differs(&Service { flags: ONE_PACKET, ..plain.clone() }));
    assert!(differs(&Service { persistence: Some(5), ..plain.clone() }));
    assert!(differs(&Service { scheduler: "wrr".to_owned(), ..plain.clone() }));
    let persistent = Service { persistence: Some(5), ..plain };
    let host = Service { persistence_prefix: Some(32), ..persistent.clone() };
    let of_network = Service { persistence_prefix: Some(24), ..persistent.clone() };
    let between = |actual: &Service, wanted: &Service| {
        words(&as_kernel(actual), &Managed::default(), &as_kernel(wanted)).len()
    };
    assert_eq!(between(&persistent, &host), 0);
    assert_eq!(between(&persistent, &of_network), 1);
}

fn any_table() -> impl Strategy<Value = Table> {
    let servers = prop::collection::btree_map(0..4u8, 0..3u32, 0..4);
    let service = (prop_oneof![Just("rr"), Just("wlc")], prop::option::of(1..3u32));
    prop::collection::btree_map(0..4u8, (service, servers), 0..4).prop_map(|pools| {
        let pools = pools.into_iter().map(|(n, ((scheduler, persistence), servers))| {
            let service = Service { persistence, ..Service::new(key(n), scheduler) };
            pool(service, &servers.into_iter().collect::<Vec<_>>())
        });
        table(pools.collect())
    })
}

proptest! {
    #[test]
    fn afterwards_the_table_is_the_desired_one_and_what_is_not_ours(
        actual in any_table(),
        ours in any_table(),
        desired in any_table(),
    ) {
        let mut managed = Managed::all_of(&ours);
        managed.extend(&desired);
        let mut after = actual.clone();
        for ask in difference(&actual, &managed, &desired) {
            after.apply(&ask);
        }
        for (key, wanted) in &desired.pools {
            let found = after.pool(key).unwrap();
            prop_assert!(is_met(&wanted.service, &found.service));
            for (address, wanted) in &wanted.destinations {
                prop_assert_eq!(found.destinations.get(address), Some(wanted));
            }
        }
        for (key, pool) in &actual.pools {
            if !managed.services.contains(key) {
                prop_assert_eq!(after.pool(key), Some(pool));
            }
            for (address, found) in &pool.destinations {
                let stays = !managed.destinations.contains(&(*key, *address));
                if let Some(pool) = after.pool(key).filter(|_| stays) {
                    prop_assert_eq!(pool.destinations.get(address), Some(found));
                }
            }
        }
        prop_assert_eq!(difference(&after, &managed, &desired), []);
        let left = difference(&after, &managed, &Table::default()).len();
        prop_assert_eq!(left, after.pools.keys().filter(|key| managed.services.contains(key)).count());
    }
}
