use std::net::Ipv4Addr;

use super::*;
use crate::vrrp::GROUP_V4;

/// As keepalived 2.4.3 sends it: VRID 3, priority 203, address 10.9.0.203, password "abc".
const CAPTURED: &[u8] = b"\x45\xc0\x00\x40\x00\x01\x00\x00\xff\x33\xd0\xad\x0a\x09\x00\x01\xe0\x00\x00\x12\
    \x70\x04\x00\x00\x0a\x09\x00\x01\x00\x00\x00\x01\x31\x61\xe9\x08\x3d\x92\xda\xef\xa7\xee\xf5\x92\
    \x21\x03\xcb\x01\x02\x01\x07\x26\x0a\x09\x00\xcb\x00\x00\x00\x00\x00\x00\x00\x00";
const KEY: Key = *b"abc\0\0\0\0\0";

fn header() -> Header {
    Header {
        identification: 1,
        ttl: 255,
        protocol: 0,
        source: Ipv4Addr::new(10, 9, 0, 1),
        destination: GROUP_V4,
    }
}

#[test]
fn an_authenticated_advert_is_the_captured_one() {
    let datagram = emit(&header(), 1, &CAPTURED[44..], &KEY, Reach::Link).unwrap();
    assert_eq!(datagram, CAPTURED);
}

#[test]
fn the_captured_one_is_authentic_with_its_key_only() {
    assert!(is_authentic(CAPTURED, &KEY, Reach::Link));
    assert!(!is_authentic(CAPTURED, b"abd\0\0\0\0\0", Reach::Link));
    assert_eq!(sequence(CAPTURED), Some(1));
    let payload = ipv4::parse(CAPTURED).unwrap().payload;
    assert_eq!(advert(payload), Some(&CAPTURED[44..]));
}

#[test]
fn routers_may_change_what_is_theirs_and_nobody_else_anything() {
    for at in 0..CAPTURED.len() {
        let mut changed = CAPTURED.to_vec();
        changed[at] ^= 0x10;
        let theirs = matches!(at, 1 | 6 | 7 | 10 | 11);
        assert_eq!(is_authentic(&changed, &KEY, Reach::Link), theirs, "byte {at}");
    }
    let sent = emit(&header(), 1, &CAPTURED[44..], &KEY, Reach::Routed).unwrap();
    let mut routed = sent;
    routed[8] = 250;
    assert!(is_authentic(&routed, &KEY, Reach::Routed));
}

#[test]
fn what_is_cut_off_is_not_authentic() {
    for cut in 0..CAPTURED.len() {
        assert!(!is_authentic(&CAPTURED[..cut], &KEY, Reach::Link));
        assert_eq!(advert(&CAPTURED[20..20.max(cut).min(43)]), None);
    }
}
