//! Adverts as keepalived 2.4.3 puts them on a link, byte for byte, and strangers.

use std::net::{IpAddr, Ipv4Addr};

use base::{Priority, Vrid};
use proptest::prelude::*;

use super::*;
use crate::ipv4;

const HOST: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const HOST_V6: &str = "fe80::5c78:1eff:feb2:34fe";

fn advert(vrid: u8, priority: u8, addresses: &[&str], body: Body) -> Advert {
    Advert {
        vrid: Vrid::new(vrid).unwrap(),
        priority: Priority::new(priority).ok(),
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        body,
    }
}

fn v2(password: Password) -> Body {
    Body::V2 { seconds: 1, password }
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn datagram(advert: &Advert, destination: Ipv4Addr, ttl: u8) -> Vec<u8> {
    let payload = advert.emit(HOST.into(), destination.into());
    let header = ipv4::Header { identification: 1, ttl, protocol: 112, source: HOST, destination };
    ipv4::emit(&header, &payload).unwrap()
}

fn multicast(source: IpAddr, destination: IpAddr) -> Carrier {
    Carrier { source, destination, hop_limit: 255 }
}

/// `captured` is the IPv4 datagram: it is what we send, and it is understood.
fn same_both_ways(advert: &Advert, captured: &str) {
    let captured = hex(captured);
    assert_eq!(datagram(advert, GROUP_V4, 255), captured);
    let datagram = ipv4::parse(&captured).unwrap();
    assert_eq!((datagram.ttl, datagram.protocol), (255, 112));
    let carrier = multicast(datagram.source.into(), datagram.destination.into());
    let view = AdvertView::new(datagram.payload).unwrap();
    assert_eq!(
        Advert::parse(view, &carrier, &Rules::multicast(advert.version())).as_ref(),
        Ok(advert)
    );
}

#[test]
fn version_2_without_authentication_still_carries_eight_zero_bytes() {
    same_both_ways(
        &advert(1, 201, &["10.9.0.201"], v2(Password::None)),
        "45c0002800010000ff70d0880a090001e00000122101c90100010b2a0a0900c90000000000000000",
    );
}

#[test]
fn version_2_carries_the_password_in_clear() {
    same_both_ways(
        &advert(2, 202, &["10.9.0.202", "10.9.0.212"], v2(Password::Simple(*b"abc\0\0\0\0\0"))),
        "45c0002c00010000ff70d0840a090001e00000122102ca02010139e70a0900ca0a0900d46162630000000000",
    );
}

#[test]
fn version_3_sums_with_the_pseudo_header() {
    same_both_ways(
        &advert(4, 204, &["10.9.0.204"], Body::V3 { centis: 25 }),
        "45c0002000010000ff70d0900a090001e00000123104cc0100190d730a0900cc",
    );
}

#[test]
fn version_3_without_pseudo_header_is_the_captured_one() {
    let sent = advert(5, 205, &["10.9.0.205"], Body::V3 { centis: 100 });
    let captured = hex("3105cd010064f6be0a0900cd");
    let (source, group) = (HOST.into(), GROUP_V4.into());
    assert_eq!(sent.emit_with(source, group, Checksum::AsV2), captured);
    let carrier = multicast(source, group);
    let view = AdvertView::new(&captured).unwrap();
    let strict = Rules::multicast(Version::V3);
    assert_eq!(Advert::parse(view, &carrier, &strict), Err(AdvertError::Checksum));
    let lenient = Rules { checksum: Checksum::AsV2, ..strict };
    assert_eq!(Advert::parse(view, &carrier, &lenient).as_ref(), Ok(&sent));
    let standard = sent.emit(source, group);
    let view = AdvertView::new(&standard).unwrap();
    assert_eq!(Advert::parse(view, &carrier, &lenient), Ok(sent), "any checksum is taken");
}

#[test]
fn an_old_unicast_checksum_names_the_group() {
    let sent = advert(5, 205, &["10.9.0.205"], Body::V3 { centis: 100 });
    let (source, peer) = (HOST.into(), IpAddr::from([10, 9, 0, 2]));
    let old = Checksum::Towards(GROUP_V4.into());
    let bytes = sent.emit_with(source, peer, old);
    assert_eq!(bytes, sent.emit(source, GROUP_V4.into()));
    let rules = Rules { checksum: old, ..Rules::multicast(Version::V3) };
    let view = AdvertView::new(&bytes).unwrap();
    assert_eq!(Advert::parse(view, &multicast(source, peer), &rules), Ok(sent));
}

#[test]
fn an_advert_without_addresses_is_one_all_the_same() {
    same_both_ways(
        &advert(10, 210, &[], v2(Password::None)),
        "45c0002400010000ff70d08c0a090001e0000012210ad20000010cf40000000000000000",
    );
}

#[test]
fn unicast_has_the_ttl_and_the_destination_of_the_peer() {
    let advert = advert(9, 209, &["10.9.0.209"], v2(Password::None));
    assert_eq!(
        datagram(&advert, Ipv4Addr::new(10, 9, 0, 2), 33),
        hex("45c0002800010000217084910a0900010a0900022109d1010001031a0a0900d10000000000000000")
    );
}

#[test]
fn version_3_over_ipv6_is_the_captured_one() {
    let sent = advert(8, 208, &["fe80::208", "2001:db8::208"], Body::V3 { centis: 100 });
    let captured =
        hex("3108d002006420f0fe80000000000000000000000000020820010db8000000000000000000000208");
    let (source, group) = (HOST_V6.parse().unwrap(), IpAddr::V6(GROUP_V6));
    assert_eq!(sent.emit(source, group), captured);
    let view = AdvertView::new(&captured).unwrap();
    let parsed = Advert::parse(view, &multicast(source, group), &Rules::multicast(Version::V3));
    assert_eq!(parsed, Ok(sent));
}

/// Parses version 2 bytes as they would come from the host.
fn refused(change: impl Fn(&mut Vec<u8>), hop_limit: u8, version: Version) -> AdvertError {
    let sent = advert(1, 100, &["10.9.0.201"], v2(Password::None));
    let mut bytes = sent.emit(HOST.into(), GROUP_V4.into());
    change(&mut bytes);
    let carrier = Carrier { hop_limit, ..multicast(HOST.into(), GROUP_V4.into()) };
    let rules = Rules::multicast(version);
    AdvertView::new(&bytes).and_then(|view| Advert::parse(view, &carrier, &rules)).unwrap_err()
}

#[test]
fn each_fault_has_its_own_error_in_the_order_of_rfc_9568_section_7_1() {
    assert_eq!(
        refused(|_| (), 255, Version::V3),
        AdvertError::Version { received: 2, expected: 3 },
        "MUST verify the VRRP version"
    );
    assert_eq!(refused(|b| b[0] = 0x22, 255, Version::V2), AdvertError::Type(2));
    assert_eq!(
        refused(|_| (), 254, Version::V2),
        AdvertError::HopLimit { received: 254, lowest: 255, highest: 255 },
        "MUST verify that the IPv4 TTL/IPv6 Hop Limit is 255"
    );
    assert_eq!(
        refused(|b| b[3] = 2, 255, Version::V2),
        AdvertError::Length { needed: 24, got: 20 },
        "MUST verify that the received packet contains the complete VRRP packet"
    );
    assert_eq!(
        refused(|b| b[2] = 101, 255, Version::V2),
        AdvertError::Checksum,
        "MUST verify the VRRP checksum"
    );
    assert_eq!(
        refused(|b| b.truncate(7), 255, Version::V2),
        AdvertError::Length { needed: 8, got: 7 }
    );
}

#[test]
fn a_password_is_not_printed() {
    assert_eq!(format!("{:?}", Password::Simple(*b"secret\0\0")), "Simple(********)");
}

fn any_body() -> impl Strategy<Value = Body> {
    let password = prop_oneof![Just(Password::None), any::<[u8; 8]>().prop_map(Password::Simple),];
    prop_oneof![
        (1..=255u8, password).prop_map(|(seconds, password)| Body::V2 { seconds, password }),
        (1..=4095u16).prop_map(|centis| Body::V3 { centis }),
    ]
}

proptest! {
    #[test]
    fn what_is_emitted_is_understood(
        vrid in 1..=255u8,
        priority in 0..=255u8,
        addresses in prop::collection::vec(any::<u32>(), 0..=255),
        body in any_body(),
        source in any::<u32>(),
    ) {
        let addresses = addresses.into_iter().map(|bits| Ipv4Addr::from_bits(bits).into()).collect();
        let priority = Priority::new(priority).ok();
        let sent = Advert { vrid: Vrid::new(vrid).unwrap(), priority, addresses, body };
        let carrier = multicast(Ipv4Addr::from_bits(source).into(), GROUP_V4.into());
        let bytes = sent.emit(carrier.source, carrier.destination);
        let view = AdvertView::new(&bytes).unwrap();
        let rules = Rules::multicast(sent.version());
        prop_assert_eq!(Advert::parse(view, &carrier, &rules), Ok(sent));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), six in any::<bool>()) {
        let source = if six { HOST_V6.parse().unwrap() } else { IpAddr::V4(HOST) };
        let carrier = multicast(source, Family::of(source).group());
        for version in [Version::V2, Version::V3] {
            let rules = Rules::multicast(version);
            let _ = AdvertView::new(&bytes).and_then(|view| Advert::parse(view, &carrier, &rules));
        }
        let _ = ipv4::parse(&bytes);
    }

    #[test]
    fn one_changed_byte_is_noticed(at in 0..20usize, change in 1..=255u8) {
        let sent = advert(1, 100, &["10.9.0.201"], v2(Password::None));
        let mut bytes = sent.emit(HOST.into(), GROUP_V4.into());
        bytes[at] ^= change;
        let view = AdvertView::new(&bytes).unwrap();
        let carrier = multicast(HOST.into(), GROUP_V4.into());
        prop_assert!(Advert::parse(view, &carrier, &Rules::multicast(Version::V2)).is_err());
    }
}
