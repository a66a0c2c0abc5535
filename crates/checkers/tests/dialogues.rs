//! Checks that talk: what keepalived was seen to say and do, and what no server may do to us.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use base::Duration;
use checkers::{Input, Outcome, ProbeSpec, SocketError, Transport};
use common::{World, alpha, at, lvs, server, service};
use control_plane::model::checks::{
    DnsCheck, HttpCheck, HttpVersion, MiscCheck, SmtpCheck, Sni, UdpCheck, Url,
};
use control_plane::model::lvs::Lvs;
use control_plane::model::{Checker, CheckerKind, Command, RealServer, TcpCheck};
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, proptest};

const ADDRESS: &str = "127.0.0.2:80";
const OK: &[u8] = b"HTTP/1.0 200 OK\r\n\r\nhello";
const BAD: &[u8] = b"HTTP/1.0 500 Bad\r\n\r\nx";

fn connect() -> TcpCheck {
    TcpCheck { connect_timeout: Duration::from_secs(2), ..TcpCheck::new(at(ADDRESS)) }
}

fn check(kind: CheckerKind) -> Checker {
    Checker {
        delay_loop: Duration::from_secs(3),
        warmup: Duration::ZERO,
        retry: 2,
        delay_before_retry: Duration::from_secs(1),
        ..Checker::new(kind)
    }
}

fn http(paths: &[&str], fast_recovery: bool) -> Checker {
    let url = |path: &&str| Url { path: (*path).to_owned(), ..Url::default() };
    check(CheckerKind::Http(Box::new(HttpCheck {
        connect: connect(),
        tls: false,
        virtualhost: None,
        version: HttpVersion::V1_0,
        sni: Sni::Off,
        fast_recovery,
        urls: paths.iter().map(url).collect(),
    })))
}

fn misc(retry: u32, dynamic: bool) -> Checker {
    let command =
        Command { program: "/misc.sh".to_owned(), args: vec!["x".to_owned()], user: None };
    let timeout = Duration::from_secs(2);
    let kind = CheckerKind::Misc(Box::new(MiscCheck { command, timeout, dynamic }));
    Checker { retry, ..check(kind) }
}

fn with(checks: Vec<Checker>) -> Lvs {
    lvs(vec![service("10.1.0.100:80", vec![server(ADDRESS, 1, checks)])])
}

/// Answer every probe until `millis` with what `answer` says at that time.
fn serve(world: &mut World, millis: u64, answer: impl Fn(u64, &str) -> &'static [u8]) {
    while world.next_at().is_some_and(|at| at <= millis) {
        let at = world.next_at().unwrap();
        world.run_until(at);
        let Some((&probe, _)) = world.in_flight.first_key_value() else { continue };
        world.sent.clear();
        world.input(Input::ProbeConnected { probe });
        let request = world.sent.first().cloned().unwrap_or_default();
        world.input(Input::ProbeReceived { probe, bytes: answer(at, &request) });
        world.input(Input::ProbeEnded { probe, error: None });
    }
    world.run_until(millis);
}

/// The result of the next script.
fn script(world: &mut World, outcome: Outcome) {
    let next = world.next_at().unwrap();
    world.run_until(next);
    let (&probe, _) = world.in_flight.first_key_value().expect("a script runs");
    world.in_flight.clear();
    world.input(Input::ProbeDone { probe, outcome });
}

#[test]
fn a_web_server_is_said_to_succeed_once_all_its_urls_have() {
    let mut world = World::new(&with(vec![http(&["/a", "/b"], false)]));
    world.take_lines();
    serve(&mut world, 3_500, |_, _| OK);
    assert_eq!(world.take_lines(), [""; 0]);
    serve(&mut world, 20_000, |_, _| OK);
    assert_eq!(world.take_lines(), ["Remote Web server [127.0.0.2]:tcp:80 succeed on service."]);
    let times: Vec<u64> = world.probed.iter().map(|probe| probe.0).take(4).collect();
    assert_eq!(times, [1_000, 4_000, 7_000, 10_000], "one url a try, delay_loop apart");
}

#[test]
fn a_url_that_fails_is_retried_and_afterwards_all_urls_must_pass() {
    let mut world = World::new(&with(vec![http(&["/a", "/b"], false)]));
    serve(&mut world, 8_000, |_, _| OK);
    world.take_lines();
    world.probed.clear();
    serve(
        &mut world,
        24_500,
        |at, request| {
            if at < 15_000 && request.contains("/b") { BAD } else { OK }
        },
    );
    let lines: Vec<(u64, &str)> =
        world.lines.iter().map(|(at, line)| (*at, line.as_str())).collect();
    assert_eq!(
        lines,
        [
            (12_000, "HTTP_CHECK on service [127.0.0.2]:tcp:80 failed after 2 retries."),
            (12_000, "Removing service [127.0.0.2]:tcp:80 from VS [10.1.0.100]:tcp:80"),
            (12_000, "Lost quorum 1-0=1 > 0 for VS [10.1.0.100]:tcp:80"),
            (15_000, "HTTP status code success to [127.0.0.2]:tcp:80 url(/b)"),
            (18_000, "HTTP status code success to [127.0.0.2]:tcp:80 url(/a)"),
            (21_000, "HTTP status code success to [127.0.0.2]:tcp:80 url(/b)"),
            (21_000, "Remote Web server [127.0.0.2]:tcp:80 succeed on service."),
            (21_000, "Adding service [127.0.0.2]:tcp:80 to VS [10.1.0.100]:tcp:80"),
            (21_000, "Gained quorum 1+0=1 <= 1 for VS [10.1.0.100]:tcp:80"),
        ],
    );
}

#[test]
fn fast_recovery_tries_the_urls_without_delay_once_the_failed_one_passes() {
    let mut world = World::new(&with(vec![http(&["/a", "/b"], true)]));
    serve(&mut world, 1_000, |_, _| BAD);
    world.probed.clear();
    serve(&mut world, 8_000, |_, _| OK);
    let times: Vec<u64> = world.probed.iter().map(|probe| probe.0).collect();
    assert_eq!(times, [4_000, 4_000, 4_000, 7_000]);
    assert_eq!(world.table().len(), 2, "and it is back");
}

#[test]
fn the_first_failure_of_a_web_server_names_its_retries_all_the_same() {
    let mut world = World::new(&with(vec![http(&["/"], false)]));
    world.take_lines();
    serve(&mut world, 1_000, |_, _| BAD);
    assert_eq!(
        world.take_lines()[0],
        "HTTP_CHECK on service [127.0.0.2]:tcp:80 failed after 2 retries."
    );
}

#[test]
fn every_failed_try_is_told_when_that_is_wanted() {
    let wanted = Checker { log_all_failures: true, retry: 1, ..http(&["/"], false) };
    let mut world = World::new(&with(vec![alpha_check(wanted)]));
    serve(&mut world, 1_500, |_, _| OK);
    world.take_lines();
    serve(&mut world, 9_500, |_, _| b"");
    assert_eq!(
        world.take_news()[..3],
        [
            "Read, no data received from  server [127.0.0.2]:tcp:80.",
            "Read, no data received from  server [127.0.0.2]:tcp:80.",
            "HTTP_CHECK on service [127.0.0.2]:tcp:80 failed after 1 retries.",
        ]
    );
}

fn alpha_check(check: Checker) -> Checker {
    Checker { alpha: true, ..check }
}

#[test]
fn a_server_that_comes_with_alpha_is_told_url_by_url() {
    let alpha_server: RealServer = alpha(server(ADDRESS, 1, vec![http(&["/"], false)]));
    let mut world = World::new(&lvs(vec![service("10.1.0.100:80", vec![alpha_server])]));
    world.take_lines();
    serve(&mut world, 1_000, |_, _| OK);
    assert_eq!(
        world.take_lines(),
        [
            "HTTP status code success to [127.0.0.2]:tcp:80 url(/)",
            "Remote Web server [127.0.0.2]:tcp:80 succeed on service.",
            "Adding service [127.0.0.2]:tcp:80 to VS [10.1.0.100]:tcp:80",
            "Gained quorum 1+0=1 <= 1 for VS [10.1.0.100]:tcp:80",
        ]
    );
}

#[test]
fn a_dripping_server_gets_four_timeouts_and_a_silent_one_a_single_one() {
    let mut world = World::new(&with(vec![http(&["/"], false)]));
    world.run_until(1_000);
    let (&probe, _) = world.in_flight.first_key_value().unwrap();
    world.input(Input::ProbeConnected { probe });
    world.input(Input::ProbeReceived { probe, bytes: b"HTTP/1.0 200 OK\r\n\r\n" });
    for half_second in 1.. {
        world.run_until(1_000 + half_second * 500);
        if world.in_flight.is_empty() {
            break;
        }
        world.input(Input::ProbeReceived { probe, bytes: b"H" });
    }
    assert_eq!(world.millis(), 1_000 + 4 * 2_000);
    world.run_until(12_000);
    let (&probe, _) = world.in_flight.first_key_value().unwrap();
    world.input(Input::ProbeConnected { probe });
    world.run_until(13_999);
    assert!(!world.in_flight.is_empty());
    world.run_until(14_000);
    assert!(world.in_flight.is_empty(), "two seconds of silence");
}

#[test]
fn a_mail_server_fails_with_the_name_of_its_phase() {
    let smtp = SmtpCheck { connect: connect(), helo_name: "me.example.com".to_owned() };
    let mut world = World::new(&with(vec![check(CheckerKind::Smtp(Box::new(smtp)))]));
    world.take_lines();
    serve(&mut world, 1_000, |_, _| b"554 no\r\n");
    assert_eq!(world.take_lines()[0], "SMTP_CHECK Bad greeting banner from server [127.0.0.2]:80");
    world.run_until(4_000);
    let (&probe, _) = world.in_flight.first_key_value().unwrap();
    world.input(Input::ProbeConnected { probe });
    for reply in [&b"220 hi\r\n"[..], b"250 ok\r\n", b"221 bye\r\n"] {
        world.input(Input::ProbeReceived { probe, bytes: reply });
    }
    assert_eq!(world.sent, ["HELO me.example.com\r\n", "QUIT\r\n"]);
    assert_eq!(world.take_lines()[0], "Remote SMTP server [127.0.0.2]:tcp:80 succeed on service.");
}

#[test]
fn a_name_server_that_refuses_is_told_with_the_kernels_words() {
    let dns = DnsCheck { connect: connect(), record_type: 1, name: "www.example.com".to_owned() };
    let mut world = World::new(&with(vec![check(CheckerKind::Dns(Box::new(dns)))]));
    world.take_lines();
    world.run_until(1_000);
    let (&probe, _) = world.in_flight.first_key_value().unwrap();
    world.input(Input::ProbeConnected { probe });
    let error = SocketError { code: 111, text: "Connection refused".to_owned() };
    world.input(Input::ProbeEnded { probe, error: Some(error) });
    assert_eq!(
        world.take_lines()[0],
        "DNS_CHECK ([127.0.0.2]:tcp:80) failed to read socket; errno 111 (Connection refused)"
    );
    assert!(matches!(world.last_spec, Some(ProbeSpec::Talk { over: Transport::Udp, .. })));
}

#[test]
fn silence_after_a_datagram_is_success() {
    let udp = UdpCheck {
        connect: connect(),
        payload: Vec::new(),
        reply: None,
        min_reply_length: 0,
        max_reply_length: 255,
    };
    let mut world = World::new(&with(vec![check(CheckerKind::Udp(Box::new(udp)))]));
    world.take_lines();
    world.run_until(1_000);
    let (&probe, _) = world.in_flight.first_key_value().unwrap();
    world.input(Input::ProbeConnected { probe });
    assert_eq!(world.sent, ["keepalived check - keepalived ch"]);
    world.run_until(3_000);
    assert_eq!(world.take_lines(), ["UDP connection to [127.0.0.2]:tcp:80 success."]);
}

#[test]
fn a_ping_without_reply_fails_in_time() {
    let wanted = Checker { log_all_failures: true, ..check(CheckerKind::Ping(connect())) };
    let mut world = World::new(&with(vec![wanted]));
    world.take_lines();
    world.run_until(1_000);
    let (&probe, _) = world.in_flight.first_key_value().unwrap();
    world.input(Input::ProbeConnected { probe });
    world.run_until(3_000);
    assert_eq!(
        world.take_lines()[..2],
        [
            "ICMP connection to address [127.0.0.2]:tcp:80 timeout.",
            "ICMP CHECK on service [127.0.0.2]:tcp:80 failed.",
        ]
    );
}

proptest! {
    #[test]
    fn no_answer_leads_to_a_panic_or_to_a_probe_without_end(
        pieces in vec(vec(any::<u8>(), 0..200), 0..20),
        kind in 0..5,
    ) {
        let smtp = SmtpCheck { connect: connect(), helo_name: "x".to_owned() };
        let dns = DnsCheck { connect: connect(), record_type: 6, name: "a..b".to_owned() };
        let wanted = match kind {
            0 => http(&["/"], false),
            1 => check(CheckerKind::Smtp(Box::new(smtp))),
            2 => check(CheckerKind::Dns(Box::new(dns))),
            3 => check(CheckerKind::Ping(connect())),
            _ => http(&["/a", "/b"], true),
        };
        let mut world = World::new(&with(vec![wanted]));
        world.run_until(1_000);
        let (&probe, _) = world.in_flight.first_key_value().unwrap();
        world.input(Input::ProbeConnected { probe });
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        world.input(Input::ProbeReceived { probe, bytes: head });
        for piece in &pieces {
            world.input(Input::ProbeReceived { probe, bytes: piece });
        }
        world.run_until(1_000 + 4 * 2_000);
        prop_assert!(!world.in_flight.contains_key(&probe));
    }
}

const MISC: &str = "Misc check for [[127.0.0.2]:tcp:80 VS [10.1.0.100]:tcp:80] by [/misc.sh]";

#[test]
fn a_script_is_told_with_its_status_and_its_retries() {
    let mut world = World::new(&with(vec![Checker { log_all_failures: true, ..misc(2, false) }]));
    world.take_lines();
    script(&mut world, Outcome::Exited(0));
    assert_eq!(world.take_lines(), [format!("{MISC} succeeded.")]);
    for _ in 0..2 {
        script(&mut world, Outcome::Exited(3));
    }
    script(&mut world, Outcome::Signal(9));
    assert_eq!(
        world.take_lines()[..3],
        [
            format!("{MISC} failed, will do 2 retries (exited with status 3)."),
            format!("{MISC} failed on retry 1/2 (exited with status 3)."),
            format!("{MISC} failed after 2 retries (due to signal 9)."),
        ]
    );
}

#[test]
fn the_last_run_of_a_script_is_known_to_who_asks_and_stays_over_a_reload() {
    let config = with(vec![misc(0, false)]);
    let mut world = World::new(&config);
    let runs = |world: &World| {
        let all = world.machine.script_runs();
        all.into_values().flatten().collect::<Vec<_>>()
    };
    world.run_until(0);
    script(&mut world, Outcome::Exited(3));
    let first = runs(&world);
    assert_eq!((first.len(), first[0].0, first[0].1.status), (1, 0, 3));
    world.input(Input::Reload(&std::sync::Arc::new(config.clone())));
    assert_eq!(runs(&world), first);
    script(&mut world, Outcome::Exited(0));
    let second = runs(&world);
    assert_eq!(second[0].1.status, 0);
    assert!(second[0].1.started > first[0].1.started);
    let mut other = config;
    other.virtual_servers[0].real_servers[0].checkers.clear();
    world.input(Input::Reload(&std::sync::Arc::new(other)));
    assert_eq!(runs(&world), []);
}

#[test]
fn a_script_that_runs_too_long_is_ended() {
    let mut world = World::new(&with(vec![misc(0, false)]));
    world.take_lines();
    world.run_until(2_999);
    assert_eq!(world.in_flight.len(), 1);
    world.run_until(3_000);
    assert!(world.in_flight.is_empty(), "aborted");
    assert_eq!(world.take_lines()[0], format!("{MISC} timed out with retry disabled."));
}

#[test]
fn a_dynamic_script_gives_the_weight_and_status_0_gives_it_back() {
    let mut world = World::new(&with(vec![misc(2, true)]));
    world.take_lines();
    let line = "Changing weight from 1 to 5 for active service [127.0.0.2]:tcp:80 of VS [10.1.0.100]:tcp:80";
    script(&mut world, Outcome::Exited(7));
    assert_eq!(world.take_lines(), [line.to_owned(), format!("{MISC} succeeded.")]);
    assert!(world.table()[1].ends_with(" -w 5"));
    script(&mut world, Outcome::Exited(0));
    assert_eq!(
        world.take_lines(),
        [
            "Changing weight from 5 to 1 for active service [127.0.0.2]:tcp:80 of VS [10.1.0.100]:tcp:80"
        ]
    );
    script(&mut world, Outcome::Exited(2));
    assert_eq!(
        world.take_lines()[1..],
        ["Lost quorum 1-0=1 > 0 for VS [10.1.0.100]:tcp:80"],
        "a weight of 0 is no live weight"
    );
    assert!(world.table()[1].ends_with(" -w 0"));
}

#[test]
fn a_successor_and_a_reload_keep_a_dynamic_weight() {
    let config = with(vec![misc(2, true)]);
    let mut world = World::new(&config);
    script(&mut world, Outcome::Exited(12));
    let heir = World::resumed(&config, Some(&world.machine.snapshot()));
    assert!(heir.table()[1].ends_with(" -w 10"));
    world.take_lines();
    world.reload(&config);
    assert!(world.table()[1].ends_with(" -w 10"));
    assert!(world.take_news().is_empty());
}

#[test]
fn scripts_hear_of_servers_and_quorums_and_with_omega_of_the_stop() {
    let command =
        |program: &str| Some(Command { program: program.to_owned(), args: Vec::new(), user: None });
    let mut config = with(vec![misc(0, false)]);
    let service = &mut config.virtual_servers[0];
    service.omega = true;
    (service.quorum_up, service.quorum_down) = (command("/qup"), command("/qdown"));
    let server = &mut service.real_servers[0];
    (server.notify_up, server.notify_down) =
        (command("/up").map(Box::new), command("/down").map(Box::new));
    let mut world = World::new(&config);
    let take = |world: &mut World| -> Vec<String> {
        std::mem::take(&mut world.notified).into_iter().map(|one| one.1).collect()
    };
    assert_eq!(take(&mut world), ["/qup"], "servers are told only with rs_init_notifies");
    assert_eq!(std::mem::take(&mut world.told), ["VS [10.1.0.100]:tcp:80 UP\n"]);
    script(&mut world, Outcome::Exited(1));
    assert_eq!(take(&mut world), ["/down", "/qdown"]);
    assert_eq!(
        world.told,
        ["RS [127.0.0.2]:tcp:80 [10.1.0.100]:tcp:80 DOWN\n", "VS [10.1.0.100]:tcp:80 DOWN\n"]
    );
    script(&mut world, Outcome::Exited(0));
    assert_eq!(take(&mut world), ["/up", "/qup"]);
    world.input(Input::Stop);
    assert_eq!(take(&mut world), ["/down", "/qdown"]);
    config.notify_initial = true;
    assert_eq!(take(&mut World::new(&config)), ["/up", "/qup"]);
}
