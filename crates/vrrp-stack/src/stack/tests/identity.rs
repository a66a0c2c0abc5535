//! Several instances that use one virtual router id on one interface.

use std::net::Ipv4Addr;

use base::Priority;
use control_plane::model::vrrp::{Unicast, UnicastPeer};
use control_plane::model::{Instance, Vrrp};
use wire::ipv4;
use wire::vrrp::{Advert, Body, Password};

use crate::fixture::*;
use crate::input::{Input, Packet};
use crate::router::Fault;

fn two(second: Instance) -> Vrrp {
    Vrrp { instances: vec![instance(100), second].into(), ..Vrrp::default() }
}

fn hear_at(bench: &mut Bench, to: Ipv4Addr, priority: u8) {
    let advert = Advert {
        vrid: instance(100).vrid,
        priority: Priority::new(priority).ok(),
        addresses: vec!["10.9.0.160".parse().unwrap()],
        body: Body::V2 { seconds: 1, password: Password::None },
    };
    let payload = advert.emit(HIGH.into(), to.into());
    let header =
        ipv4::Header { identification: 1, ttl: 255, protocol: 112, source: HIGH, destination: to };
    let bytes = ipv4::emit(&header, &payload).unwrap();
    bench.give(Input::Packet { index: eth0().index, packet: Packet::Ipv4(&bytes) });
}

fn received(bench: &Bench) -> [u64; 2] {
    [0, 1].map(|at| bench.stack.routers()[at].statistics().advert_received)
}

#[test]
fn an_instance_whose_virtual_router_id_is_taken_stays_in_fault_and_hears_nothing() {
    let second = Instance {
        name: "VI_2".into(),
        duplicate_of: Some("VI_1".into()),
        virtual_addresses: vec![vip("10.9.0.161/24")],
        ..instance(200)
    };
    let mut bench = Bench::new(&two(second));
    assert_eq!(bench.causes(), ["(VI_2) fault: VI_1 uses VRID 51 on interface eth0"]);
    assert!(bench.log().contains(&"(VI_2) Entering FAULT STATE".to_owned()));
    bench.run(SECOND);
    hear_at(&mut bench, wire::vrrp::GROUP_V4, 99);
    assert_eq!(received(&bench), [1, 0]);
    bench.run(base::Duration::from_secs(5));
    assert_eq!(bench.desired(), ["10.9.0.160/24"], "the first one takes over as ever");
    assert!(bench.stack.routers()[1].faults().contains(&Fault::VridInUse));
}

#[test]
fn one_that_talks_to_a_group_and_one_that_talks_to_peers_share_an_id() {
    let peer = UnicastPeer { address: HIGH.into(), min_ttl: 0, max_ttl: 255 };
    let second = Instance {
        name: "VI_2".into(),
        unicast: Some(Unicast {
            peers: vec![peer],
            ttl: None,
            check_source: false,
            fault_without_peer: false,
            old_checksum: None,
        }),
        ..instance(100)
    };
    let mut bench = Bench::new(&two(second));
    hear_at(&mut bench, wire::vrrp::GROUP_V4, 150);
    assert_eq!(received(&bench), [1, 0], "to the group");
    hear_at(&mut bench, OURS, 150);
    assert_eq!(received(&bench), [1, 1], "to this host");
    hear_at(&mut bench, Ipv4Addr::new(224, 0, 0, 99), 150);
    assert_eq!(received(&bench), [1, 1], "to somebody else");
    assert_eq!(bench.stack.stray_statistics().misdirected, 1);
}
