use std::net::SocketAddr;

use control_plane::model::{CheckerKind, TcpCheck};

use super::*;

const LOOP: Duration = Duration::from_secs(6);
const RETRY: Duration = Duration::from_secs(3);

fn check(retry: u32) -> Checker {
    let target: SocketAddr = "127.0.0.2:80".parse().unwrap();
    Checker {
        delay_loop: LOOP,
        delay_before_retry: RETRY,
        retry,
        ..Checker::new(CheckerKind::Tcp(TcpCheck::new(target)))
    }
}

/// Every state, each result of a try, with `retry 2`.
#[test]
fn every_state_answers_every_result_as_keepalived_does() {
    let presumed = |up| Health::Presumed { up };
    let up = |failures| Health::Up { failures };
    let failed = |retries| Said::Failure { retries };
    let table = [
        (presumed(true), true, up(0), LOOP, Said::Success),
        (presumed(true), false, Health::Down, LOOP, failed(0)),
        (presumed(false), true, up(0), LOOP, Said::Success),
        (presumed(false), false, Health::Down, LOOP, failed(0)),
        (up(0), true, up(0), LOOP, Said::Nothing),
        (up(0), false, up(1), RETRY, Said::Nothing),
        (up(1), true, up(0), LOOP, Said::Nothing),
        (up(1), false, up(2), RETRY, Said::Nothing),
        (up(2), true, up(0), LOOP, Said::Nothing),
        (up(2), false, Health::Down, LOOP, failed(2)),
        (Health::Down, true, up(0), LOOP, Said::Success),
        (Health::Down, false, Health::Down, LOOP, Said::Nothing),
    ];
    let check = check(2);
    for (before, works, after, next, said) in table {
        let mut health = before;
        let step = if works { health.succeeded(&check) } else { health.failed(&check) };
        let result = if works { "success" } else { "failure" };
        assert_eq!((health, step), (after, Step { next, said }), "{result} while {before:?}");
    }
}

#[test]
fn without_retries_the_first_failure_decides() {
    let mut health = Health::Up { failures: 0 };
    let step = health.failed(&check(0));
    assert_eq!(health, Health::Down);
    assert_eq!(step, Step { next: LOOP, said: Said::Failure { retries: 0 } });
}

#[test]
fn a_server_is_used_before_its_first_check_unless_it_is_alpha() {
    assert!(Health::at_start(false).is_up());
    assert!(!Health::at_start(true).is_up());
}

#[test]
fn fresh_retries_change_no_verdict() {
    for health in [
        Health::Presumed { up: true },
        Health::Presumed { up: false },
        Health::Up { failures: 3 },
        Health::Down,
    ] {
        assert_eq!(health.with_fresh_retries().is_up(), health.is_up());
    }
    assert_eq!(Health::Up { failures: 3 }.with_fresh_retries(), Health::Up { failures: 0 });
}
