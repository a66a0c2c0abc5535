//! More addresses than one advert can list.

use base::Duration;
use control_plane::model::{Authentication, Instance, Version};
use wire::vrrp::GROUP_V6;

use crate::fixture::*;
use crate::input::{Input, Packet};
use crate::link::Link;
use crate::output::{OutgoingAdvert, Output};

fn ipv4(count: u16) -> Instance {
    let mut config = instance(100);
    let address = |n: u16| vip(&format!("10.{}.{}.1/32", 20 + (n >> 8), n & 255));
    config.virtual_addresses = (0..count).map(address).collect();
    config
}

fn ipv6(count: u16) -> Instance {
    let mut config = instance(100);
    config.version = Version::V3;
    config.virtual_addresses = (0..count).map(|n| vip(&format!("fe80::1:{n:x}/128"))).collect();
    config
}

/// The first advert of a peer with this configuration and MTU.
fn advert_of_peer(config: &Instance, mtu: u32) -> OutgoingAdvert {
    let link = Link {
        primary_v4: Some(HIGH),
        link_local_v6: Some("fe80::9".parse().unwrap()),
        mtu,
        ..eth0()
    };
    let mut peer = Bench::on(&only(config.clone()), &[link], None);
    peer.run(Duration::from_secs(4));
    let sent = peer.out.iter().find_map(|output| match output {
        Output::SendAdvert(advert) => Some(advert.clone()),
        _ => None,
    });
    sent.unwrap()
}

/// What a backup with this configuration says of an advert, and how many lists it counted as wrong.
fn heard_by(config: &Instance, advert: &OutgoingAdvert) -> (Vec<String>, u64) {
    let mut bench = Bench::new(&only(config.clone()));
    bench.log();
    let packet = match advert.source {
        std::net::IpAddr::V4(_) => Packet::Ipv4(&advert.datagram),
        std::net::IpAddr::V6(source) => Packet::Ipv6 {
            source,
            destination: GROUP_V6,
            hop_limit: 255,
            payload: &advert.datagram,
        },
    };
    bench.give(Input::Packet { index: eth0().index, packet });
    let statistics = bench.stack.routers()[0].statistics();
    assert_eq!(statistics.advert_received, 1);
    let errors = statistics.address_list_errors;
    (bench.log(), errors)
}

#[test]
fn equal_nodes_with_more_addresses_than_fit_have_nothing_to_complain_of() {
    for (config, from) in [(ipv4(300), "10.9.0.9"), (ipv6(120), "fe80::9")] {
        let advert = advert_of_peer(&config, 1_500);
        assert_eq!(heard_by(&config, &advert), (vec![format!("(VI_1) master set to {from}")], 0));
    }
}

#[test]
fn another_list_is_noticed_where_not_all_fit() {
    let mut other = ipv4(300);
    other.virtual_addresses[7] = vip("10.9.0.160/24");
    for theirs in [ipv4(3), other] {
        let (lines, errors) = heard_by(&ipv4(300), &advert_of_peer(&theirs, 1_500));
        assert_eq!((lines.len(), errors), (2, 1), "{lines:?}");
    }
}

#[test]
fn no_advert_is_longer_than_its_interface_carries() {
    let mut sealed = ipv4(300);
    sealed.authentication = Authentication::Ah(*b"abc\0\0\0\0\0");
    let mut old = ipv6(300);
    old.version = Version::V2;
    for config in [ipv4(300), sealed, ipv6(300), old] {
        for mtu in [576, 1_000, 1_280, 1_500] {
            let advert = advert_of_peer(&config, mtu);
            let header = if advert.source.is_ipv6() { 40 } else { 0 };
            let length = u32::try_from(advert.datagram.len()).unwrap() + header;
            assert!(length <= mtu, "{length} bytes where {mtu} fit");
            let room = if advert.source.is_ipv6() { 16 } else { 4 };
            assert!(length + room > mtu || length > 1_000, "{length} bytes where {mtu} fit");
        }
    }
}
