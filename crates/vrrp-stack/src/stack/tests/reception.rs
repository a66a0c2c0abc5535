//! Which packets count, and what is counted of the others.

use base::{Duration, Priority};
use control_plane::model::Authentication;
use wire::Advert;
use wire::vrrp::{Body, Password};

use crate::fixture::*;

fn with(password: Password) -> impl Fn(&mut Advert) {
    move |advert| advert.body = Body::V2 { seconds: 1, password }
}

#[test]
fn another_version_2_interval_is_refused_and_both_become_master() {
    let mut bench = Bench::new(&only(instance(100)));
    bench.out.clear();
    for _ in 0..3 {
        bench.hear_advert(HIGH, 150, |advert| {
            advert.body = Body::V2 { seconds: 2, password: Password::None };
        });
        bench.run(SECOND);
    }
    assert_eq!(
        bench.log(),
        ["(VI_1) advertisement interval mismatch with 10.9.0.9 mine=1 sec rcv'd=2 sec"],
        "said once"
    );
    assert_eq!(bench.stack.routers()[0].statistics().advert_interval_errors, 3);
    bench.run(SECOND);
    assert_eq!(bench.state(), "MASTER");
}

#[test]
fn a_wrong_password_or_type_is_counted_and_refused() {
    let mut config = instance(100);
    config.authentication = Authentication::Pass(*b"secret\0\0");
    let mut bench = Bench::new(&only(config));
    bench.out.clear();
    bench.hear_advert(HIGH, 150, with(Password::Simple(*b"public\0\0")));
    bench.hear_advert(HIGH, 150, with(Password::None));
    bench.hear_advert(HIGH, 150, with(Password::Other(7)));
    assert_eq!(
        bench.log(),
        [
            "(VI_1) received an invalid passwd from 10.9.0.9!",
            "(VI_1) received a 0 auth from 10.9.0.9, expecting 1!",
        ]
    );
    let counted = bench.stack.routers()[0].statistics();
    assert_eq!(
        (counted.auth_failure, counted.auth_type_mismatch, counted.invalid_auth_type),
        (1, 1, 1)
    );
    bench.hear_advert(HIGH, 150, with(Password::Simple(*b"secret\0\0")));
    assert_eq!(bench.log(), ["(VI_1) master set to 10.9.0.9"]);
}

#[test]
fn a_password_where_none_is_expected_is_refused() {
    let mut bench = Bench::new(&only(instance(100)));
    bench.out.clear();
    bench.hear_advert(HIGH, 150, with(Password::Simple(*b"secret\0\0")));
    assert_eq!(bench.log(), ["(VI_1) received a 1 auth from 10.9.0.9, expecting 0!"]);
}

#[test]
fn another_list_of_addresses_is_said_and_the_advert_used() {
    let mut bench = Bench::new(&only(instance(100)));
    bench.out.clear();
    bench.hear_advert(HIGH, 150, |advert| advert.addresses.push("10.9.0.161".parse().unwrap()));
    assert_eq!(
        bench.log(),
        ["(VI_1) master set to 10.9.0.9", "(VI_1) expected 1 VIPs but received 2"]
    );
    let counted = bench.stack.routers()[0].statistics();
    assert_eq!((counted.address_list_errors, counted.advert_received), (1, 1));
}

#[test]
fn skip_check_adv_addr_compares_an_unchanged_list_once() {
    let mut config = instance(100);
    config.skip_check_advert_addresses = true;
    let mut bench = Bench::new(&only(config));
    for _ in 0..3 {
        bench.hear_advert(HIGH, 150, |advert| advert.addresses.clear());
    }
    assert_eq!(bench.stack.routers()[0].statistics().address_list_errors, 1);
}

#[test]
fn a_complaint_is_made_again_after_a_change_of_state() {
    let mut bench = Bench::new(&only(instance(100)));
    let wrong = |bench: &mut Bench| {
        bench.hear_advert(HIGH, 50, with(Password::Simple(*b"secret\0\0")));
        bench.log().iter().filter(|line| line.contains("auth")).count()
    };
    assert_eq!([wrong(&mut bench), wrong(&mut bench)], [1, 0]);
    bench.run(Duration::from_secs(4));
    assert_eq!([wrong(&mut bench), wrong(&mut bench)], [1, 0]);
}

#[test]
fn packets_that_are_no_adverts_for_us_are_counted_by_what_is_wrong() {
    let mut bench = Bench::new(&only(instance(100)));
    bench.out.clear();
    bench.hear_bytes(HIGH, 255, &[0x31, 51, 200, 0, 0, 100, 0, 0]);
    bench.hear_bytes(HIGH, 255, &[0x22, 51, 200, 0, 0, 1, 0, 0]);
    bench.hear_bytes(HIGH, 254, &[0x21, 51, 200, 0, 0, 1, 0, 0]);
    bench.hear_bytes(HIGH, 255, &[0x21, 51, 200, 1, 0, 1, 0, 0]);
    bench.hear_bytes(HIGH, 255, &[0x21, 51, 200, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let counted = bench.stack.routers()[0].statistics().clone();
    assert_eq!((counted.version_errors, counted.invalid_type, counted.ttl_errors), (1, 1, 1));
    assert_eq!((counted.packet_length_errors, counted.checksum_errors), (1, 1));
    assert_eq!(counted.advert_received, 0);
    let version = "(VI_1) wrong VRRP version from 10.9.0.9. Received 3 and expect 2";
    assert_eq!(bench.log()[0], version);
}

/// A small generator whose numbers are the same every time.
fn next(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state % 65_536).unwrap()
}

#[test]
fn twenty_thousand_forged_adverts_change_nothing_but_counters() {
    let mut config = instance(150);
    config.authentication = Authentication::Pass(*b"secret\0\0");
    let mut bench = Bench::master(&only(config.clone()));
    let state = *bench.stack.routers()[0].state();
    let (mut random, packets) = (0x9e37_79b9_7f4a_7c15, 20_000);
    for _ in 0..packets {
        let forged = Advert {
            vrid: config.vrid,
            priority: Priority::new(200).ok(),
            addresses: vec!["10.9.0.160".parse().unwrap()],
            body: Body::V2 { seconds: 1, password: Password::Simple(*b"guessed\0") },
        };
        let mut bytes = forged.emit(HIGH.into(), wire::vrrp::GROUP_V4.into());
        for _ in 0..next(&mut random) % 4 {
            let at = next(&mut random) % bytes.len();
            bytes[at] = u8::try_from(next(&mut random) % 256).unwrap();
        }
        bytes.truncate(bytes.len() - (next(&mut random) % 4) * (next(&mut random) % 2));
        if next(&mut random).is_multiple_of(2) && bytes.len() >= 8 {
            bytes[6..8].fill(0);
            let sum = wire::checksum::internet(&bytes);
            bytes[6..8].copy_from_slice(&sum.to_be_bytes());
        }
        let ttl = if next(&mut random).is_multiple_of(8) { 64 } else { 255 };
        bench.hear_bytes(HIGH, ttl, &bytes);
    }
    assert_eq!(*bench.stack.routers()[0].state(), state);
    assert_eq!(bench.adverts(), [0; 0], "nobody is answered");
    let counted = bench.stack.routers()[0].statistics();
    let refused = counted.packet_length_errors
        + counted.version_errors
        + counted.invalid_type
        + counted.ttl_errors
        + counted.checksum_errors
        + counted.auth_type_mismatch
        + counted.invalid_auth_type
        + counted.auth_failure;
    let stray = bench.stack.stray_statistics().unknown_vrid;
    assert_eq!((counted.advert_received, refused + stray), (0, packets));
    assert!(counted.auth_failure > 1_000, "many get as far as the password");
    assert!(bench.log().len() <= 4, "each kind of complaint is made once");
}

/// A bench with `auth_type AH`, and a peer's advert of priority 200 sealed with that key.
fn sealed(key: wire::ah::Key) -> (Bench, Vec<u8>) {
    let mut config = instance(100);
    config.authentication = Authentication::Ah(*b"abc\0\0\0\0\0");
    let advert = Advert {
        vrid: config.vrid,
        priority: Priority::new(200).ok(),
        addresses: vec!["10.9.0.160".parse().unwrap()],
        body: Body::V2 { seconds: 1, password: Password::Other(2) },
    };
    let destination = wire::vrrp::GROUP_V4;
    let payload = advert.emit(HIGH.into(), destination.into());
    let header =
        wire::ipv4::Header { identification: 1, ttl: 255, protocol: 0, source: HIGH, destination };
    let reach = wire::ah::Reach::Link;
    let bytes = wire::ah::emit(&header, 1, &payload, &key, reach).unwrap();
    (Bench::new(&only(config)), bytes)
}

fn hear_datagram(bench: &mut Bench, bytes: &[u8]) {
    let packet = crate::Packet::Ipv4(bytes);
    bench.give(crate::Input::Packet { index: eth0().index, packet });
}

#[test]
fn an_authentication_header_is_sent_and_understood() {
    let (mut bench, heard) = sealed(*b"abc\0\0\0\0\0");
    assert_eq!(bench.stack.desired_sockets().first().unwrap().protocol, 51);
    hear_datagram(&mut bench, &heard);
    assert_eq!(bench.log().last().unwrap(), "(VI_1) master set to 10.9.0.9");
    bench.run(Duration::from_secs(5));
    let sent: Vec<_> = bench
        .out
        .iter()
        .filter_map(|output| match output {
            crate::Output::SendAdvert(advert) => Some(advert.datagram.clone()),
            _ => None,
        })
        .collect();
    let sequence = |bytes: &[u8]| u32::from_be_bytes(*bytes[28..].first_chunk().unwrap());
    let sequences: Vec<u32> = sent.iter().map(|bytes| sequence(bytes)).collect();
    assert_eq!(sequences, [2, 3], "it goes on from the 1 that it has heard");
    assert!(wire::ah::is_authentic(&sent[0], b"abc\0\0\0\0\0", wire::ah::Reach::Link));
}

#[test]
fn a_wrong_seal_and_a_missing_one_are_refused() {
    let (mut bench, heard) = sealed(*b"guessed\0");
    bench.out.clear();
    hear_datagram(&mut bench, &heard);
    bench.hear_advert(HIGH, 200, with(Password::Other(2)));
    assert_eq!(
        bench.log(),
        [
            "(VI_1) invalid authentication header from 10.9.0.9",
            "(VI_1) received a 0 auth from 10.9.0.9, expecting 2!",
        ]
    );
    let counted = bench.stack.routers()[0].statistics();
    assert_eq!((counted.auth_failure, counted.auth_type_mismatch), (1, 1));
}

#[test]
fn a_seal_nobody_asked_for_is_refused() {
    let (_, heard) = sealed(*b"abc\0\0\0\0\0");
    let mut bench = Bench::new(&only(instance(100)));
    hear_datagram(&mut bench, &heard);
    assert_eq!(bench.log().last().unwrap(), "(VI_1) received a 2 auth from 10.9.0.9, expecting 0!");
}

#[test]
fn a_successor_goes_on_with_higher_sequence_numbers() {
    let (mut first, _) = sealed(*b"abc\0\0\0\0\0");
    first.run(Duration::from_secs(4));
    let told: crate::Snapshot = first.stack.take_changes().into_iter().collect();
    first.run(Duration::from_secs(600));
    let config = only(first.stack.routers()[0].config().clone());
    let mut out = crate::Outputs::new();
    let second = crate::Stack::new(first.now, &config, &[eth0()], Some(&told), &mut out);
    assert!(second.snapshot().instances[0].sequence > first.stack.snapshot().instances[0].sequence);
}
