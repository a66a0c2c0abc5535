//! `auth_hmac`: trailers behind adverts.

use base::{Duration, Instant};
use control_plane::model::Instance;
use control_plane::model::vrrp::{Hmac, HmacKey, HmacMode, Unicast, UnicastPeer};
use wire::trailer::{self, Sequence, Trailer};
use wire::vrrp::{Body, Password};
use wire::{Advert, ipv4};

use crate::fixture::*;
use crate::input::Input;
use crate::output::Output;
use crate::stack::{Stack, Surroundings};
use crate::statistics::TrailerStatistics;

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const OTHER: &[u8] = b"fedcba9876543210fedcba9876543210";
/// The wall clock when the bench begins.
const BEGIN: Duration = Duration::from_secs(1_795_155_190);

fn hmac(mode: HmacMode) -> Hmac {
    let key = |id, secret: &[u8]| HmacKey { id, secret: secret.to_vec() };
    Hmac {
        keys: vec![key(7, KEY), key(8, OTHER)],
        active: 7,
        time_window: Duration::from_secs(5),
        monotonic: false,
        mode,
    }
}

fn with(hmac: Hmac) -> Instance {
    Instance { hmac: Some(hmac), ..instance(100) }
}

fn bench(hmac: Hmac) -> Bench {
    let mut bench = Bench::new(&only(with(hmac)));
    bench.give(Input::WallClock(BEGIN));
    bench
}

/// The wall clock as the stack knows it.
fn wall(bench: &Bench) -> Duration {
    BEGIN + bench.now.saturating_since(Instant::from_micros(1_000_000_000))
}

fn advert(priority: u8) -> Vec<u8> {
    let config = instance(priority);
    let advert = Advert {
        vrid: config.vrid,
        priority: Some(config.priority),
        addresses: config.virtual_addresses.iter().map(|vip| vip.address()).collect(),
        body: Body::V2 { seconds: 1, password: Password::None },
    };
    advert.emit(LOW.into(), wire::vrrp::GROUP_V4.into())
}

/// An advert of priority 200 whose trailer is so much away from the clock.
fn sealed(bench: &Bench, id: u8, key: &[u8], early: i64) -> Vec<u8> {
    let span = Duration::from_micros(early.unsigned_abs());
    let at = if early < 0 { wall(bench) + span } else { wall(bench).saturating_sub(span) };
    trailer::emit(&advert(200), LOW.into(), id, key, Sequence::at(at))
}

fn hear(bench: &mut Bench, bytes: &[u8]) {
    bench.hear_bytes(LOW, 255, bytes);
}

fn received(bench: &Bench) -> u64 {
    bench.stack.routers()[0].statistics().advert_received
}

fn counted(bench: &Bench) -> TrailerStatistics {
    bench.stack.routers()[0].statistics().trailers.clone()
}

fn none() -> TrailerStatistics {
    TrailerStatistics::default()
}

/// Trailers of the adverts since the last look.
fn sent(bench: &mut Bench) -> Vec<Option<Trailer>> {
    let outputs = std::mem::take(&mut bench.out);
    let adverts = outputs.into_iter().filter_map(|output| match output {
        Output::SendAdvert(advert) => Some(advert.datagram),
        _ => None,
    });
    let trailer = |bytes: Vec<u8>| {
        let (advert, rest) = ipv4::parse(&bytes).unwrap().payload.split_at(20);
        let trailer = Trailer::parse(rest).ok()?;
        assert!(trailer.is_authentic(advert, OURS.into(), KEY));
        Some(trailer)
    };
    adverts.map(trailer).collect()
}

#[test]
fn a_master_seals_every_advert_with_the_active_key_and_the_time() {
    let mut bench = bench(hmac(HmacMode::Enforce));
    bench.run(Duration::from_secs(4));
    assert_eq!(bench.state(), "MASTER");
    let sent = sent(&mut bench);
    let seconds: Vec<u32> = sent.iter().map(|one| one.unwrap().sequence.seconds()).collect();
    assert_eq!(seconds, [1_795_155_193]);
    assert_eq!(sent[0].unwrap().key_id, 7);
}

#[test]
fn the_numbers_grow_though_the_clock_is_set_back_a_little_and_follow_it_far() {
    let mut bench = bench(hmac(HmacMode::Enforce));
    bench.run(Duration::from_secs(4));
    let first = sent(&mut bench)[0].unwrap().sequence;
    bench.give(Input::WallClock(wall(&bench).saturating_sub(Duration::from_secs(4))));
    bench.run(SECOND);
    let second = sent(&mut bench)[0].unwrap().sequence;
    assert_eq!(second, first.next(), "never the same again, and never less");
    let long_ago = BEGIN.saturating_sub(Duration::from_secs(3600));
    bench.give(Input::WallClock(long_ago));
    bench.run(SECOND);
    let third = sent(&mut bench)[0].unwrap().sequence;
    assert!(third.skew(Sequence::at(long_ago)) <= SECOND, "else all would call it stale");
}

#[test]
fn with_monotonic_the_numbers_never_go_back() {
    let mut bench = bench(Hmac { monotonic: true, ..hmac(HmacMode::Enforce) });
    bench.run(Duration::from_secs(4));
    let first = sent(&mut bench)[0].unwrap().sequence;
    bench.give(Input::WallClock(BEGIN.saturating_sub(Duration::from_secs(3600))));
    bench.run(SECOND);
    assert_eq!(sent(&mut bench)[0].unwrap().sequence, first.next());
}

#[test]
fn receive_only_sends_no_trailer_and_checks_what_it_hears() {
    let mut bench = bench(hmac(HmacMode::ReceiveOnly));
    bench.run(Duration::from_secs(4));
    assert_eq!(sent(&mut bench), [None]);
    hear(&mut bench, &advert(200));
    assert_eq!((bench.state(), counted(&bench).missing), ("MASTER", 1));
    let bytes = sealed(&bench, 7, KEY, 0);
    hear(&mut bench, &bytes);
    assert_eq!(bench.state(), "BACKUP");
}

#[test]
fn every_configured_key_opens() {
    for (id, key) in [(7, KEY), (8, OTHER)] {
        let mut bench = bench(hmac(HmacMode::Enforce));
        let bytes = sealed(&bench, id, key, 0);
        hear(&mut bench, &bytes);
        assert_eq!((received(&bench), counted(&bench)), (1, none()));
    }
}

#[test]
fn what_proves_nothing_is_counted_and_said_once_of_each_kind() {
    let mut bench = bench(hmac(HmacMode::Enforce));
    bench.out.clear();
    let fine = sealed(&bench, 7, KEY, 0);
    let mut other_type = fine.clone();
    other_type[20] = 2;
    for bytes in [
        advert(200),
        other_type,
        sealed(&bench, 9, KEY, 0),
        sealed(&bench, 7, OTHER, 0),
        sealed(&bench, 7, KEY, 8_000_000),
        sealed(&bench, 7, KEY, -8_000_000),
    ] {
        hear(&mut bench, &bytes);
        hear(&mut bench, &bytes);
    }
    assert_eq!(received(&bench), 0);
    assert_eq!(
        counted(&bench),
        TrailerStatistics {
            missing: 2,
            malformed: 2,
            unknown_key: 2,
            invalid_hmac: 2,
            stale: 4,
            replay: 0
        }
    );
    assert_eq!(
        bench.log(),
        [
            "(VI_1) missing authentication trailer from 10.9.0.2",
            "(VI_1) malformed authentication trailer from 10.9.0.2",
            "(VI_1) unknown authentication key id 9 from 10.9.0.2",
            "(VI_1) invalid authentication HMAC from 10.9.0.2",
            "(VI_1) stale authentication trailer from 10.9.0.2, clock skew 8 sec exceeds window 5 sec",
        ]
    );
}

#[test]
fn an_advert_that_was_heard_is_not_heard_again() {
    let mut bench = bench(hmac(HmacMode::Enforce));
    let first = sealed(&bench, 7, KEY, 0);
    hear(&mut bench, &first);
    bench.freeze(SECOND);
    let second = sealed(&bench, 7, KEY, 0);
    hear(&mut bench, &second);
    assert_eq!(received(&bench), 2);
    bench.out.clear();
    hear(&mut bench, &first);
    hear(&mut bench, &second);
    assert_eq!((received(&bench), counted(&bench).replay), (2, 2));
    assert_eq!(bench.log(), ["(VI_1) replayed authentication trailer from 10.9.0.2"]);
}

#[test]
fn with_monotonic_any_time_is_fine_but_none_twice() {
    let mut bench = bench(Hmac { monotonic: true, ..hmac(HmacMode::Enforce) });
    let old = sealed(&bench, 7, KEY, 86_400_000_000);
    hear(&mut bench, &old);
    assert_eq!(received(&bench), 1);
    hear(&mut bench, &old);
    assert_eq!((received(&bench), counted(&bench).replay), (1, 1));
}

#[test]
fn permissive_lets_adverts_without_a_trailer_pass_and_counts_them() {
    let mut bench = bench(hmac(HmacMode::Permissive));
    hear(&mut bench, &advert(200));
    assert_eq!((received(&bench), counted(&bench).missing), (1, 1));
    let bytes = sealed(&bench, 7, OTHER, 0);
    hear(&mut bench, &bytes);
    assert_eq!((received(&bench), counted(&bench).invalid_hmac), (1, 1));
}

#[test]
fn a_clock_beyond_half_the_window_is_warned_of_once() {
    let mut bench = bench(hmac(HmacMode::Enforce));
    bench.out.clear();
    for _ in 0..3 {
        let bytes = sealed(&bench, 7, KEY, 3_000_000);
        hear(&mut bench, &bytes);
        bench.freeze(SECOND);
    }
    assert_eq!(received(&bench), 3);
    let warned = bench.log().into_iter().filter(|line| line.contains("clock skew"));
    assert_eq!(warned.count(), 1);
}

#[test]
fn without_the_extension_a_trailer_is_a_wrong_length() {
    let mut bench = Bench::new(&only(instance(100)));
    let bytes = sealed(&bench, 7, KEY, 0);
    hear(&mut bench, &bytes);
    assert_eq!(received(&bench), 0);
    assert_eq!(bench.stack.routers()[0].statistics().packet_length_errors, 1);
}

#[test]
fn many_senders_do_not_fill_the_memory() {
    let mut bench = bench(Hmac { monotonic: true, ..hmac(HmacMode::Enforce) });
    let mut first = None;
    for last in 20..40 {
        let from = std::net::Ipv4Addr::new(10, 9, 0, last);
        let number = Sequence::at(wall(&bench));
        let bytes = trailer::emit(&advert(200), from.into(), 7, KEY, number);
        bench.hear_bytes(from, 255, &bytes);
        first.get_or_insert((from, bytes));
        bench.freeze(Duration::from_millis(1));
    }
    assert_eq!(received(&bench), 20);
    // Of twenty senders the last four are remembered.
    let (from, bytes) = first.unwrap();
    bench.hear_bytes(from, 255, &bytes);
    assert_eq!((received(&bench), counted(&bench).replay), (21, 0));
}

#[test]
fn a_unicast_sender_has_to_be_a_peer() {
    let mut config = with(hmac(HmacMode::Enforce));
    config.unicast = Some(Unicast {
        peers: vec![UnicastPeer { address: HIGH.into(), min_ttl: 0, max_ttl: 255 }],
        ..Unicast::default()
    });
    let mut bench = Bench::new(&only(config));
    bench.give(Input::WallClock(BEGIN));
    bench.out.clear();
    let bytes = sealed(&bench, 7, KEY, 0);
    let header =
        ipv4::Header { identification: 1, ttl: 255, protocol: 112, source: LOW, destination: OURS };
    let bytes = ipv4::emit(&header, &bytes).unwrap();
    let packet = crate::input::Packet::Ipv4(&bytes);
    bench.give(Input::Packet { index: eth0().index, packet });
    assert_eq!(bench.log(), ["(VI_1) unicast source address 10.9.0.2 not a unicast peer"]);
}

#[test]
fn the_first_advert_of_an_owner_has_the_time_already() {
    let mut config = with(hmac(HmacMode::Enforce));
    config.priority = base::Priority::new(255).unwrap();
    let config = only(config);
    let mut bench = Bench::new(&config);
    bench.out.clear();
    let around = Surroundings { wall: BEGIN, ..Surroundings::default() };
    bench.stack = Stack::new_in(bench.now, &config, &[eth0()], None, around, &mut bench.out);
    assert_eq!(sent(&mut bench)[0].unwrap().sequence, Sequence::at(BEGIN));
}

#[test]
fn a_successor_seals_on_behind_its_predecessor_when_the_clock_was_set_back() {
    let mut settings = hmac(HmacMode::Enforce);
    settings.monotonic = true;
    let mut first = bench(settings.clone());
    first.run(Duration::from_secs(4));
    let told: crate::Snapshot = first.stack.take_changes().into_iter().collect();
    // What it sends from now on nobody tells.
    first.run(Duration::from_secs(5));
    let heard = sent(&mut first).into_iter().flatten().map(|trailer| trailer.sequence).next_back();
    let mut config = instance(100);
    config.hmac = Some(settings);
    let around = crate::Surroundings {
        wall: BEGIN.saturating_sub(Duration::from_secs(3_600)),
        ..crate::Surroundings::default()
    };
    let mut out = crate::Outputs::new();
    let stack =
        crate::Stack::new_in(first.now, &only(config), &[eth0()], Some(&told), around, &mut out);
    let mut second = Bench { stack, now: first.now, out };
    let next = sent(&mut second).into_iter().flatten().map(|trailer| trailer.sequence).next();
    assert!(next.unwrap().is_after(heard.unwrap()), "{next:?} after {heard:?}");
}
