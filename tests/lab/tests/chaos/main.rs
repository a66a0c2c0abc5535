//! Processes of both directors are killed at random while a client pings and asks. `LAB_KILLS=1000` for
//! the long form (`make chaos`).
//!
//! A child that crashes, is killed or stalls may cost nothing. What may, for a time that the protocol
//! bounds:
//! - a node or a daemon with its children is lost: nobody says goodbye, the other node waits (RFC 3768, 6.1);
//! - the parent alone is killed: the children have nobody to restart them, so they say goodbye and
//!   take away what they added, which is safer than addresses that nobody looks after;
//! - a child gets SIGTERM: that is the order to leave, and it does so as in a stop, before its
//!   parent sees the end and starts another;
//! - a VRRP process that stood still is replaced: its silence is noticed after 2.5 s of the 3.8 s that
//!   the other node waits, and only a machine so busy that the rest does not suffice for a start loses the VIP.
#![allow(clippy::expect_used, reason = "test code")]

mod dice;
mod troubles;

use std::time::{Duration, Instant};

use dice::Dice;
use lab::director::{CLIENTS, Cluster, DIRECTORS, INTERFACE, SERVICE, VIP};
use lab::load::{Load, Request};
use lab::ping::{Ping, Pings};
use lab::web::Web;
use lab::{left, uml};
use troubles::{Chaos, Window};

/// Kills where nobody asks for more.
const KILLS: usize = 40;

/// Kills of one bout, after which pings are counted.
const BOUT: usize = 50;

/// Of the clients: a request may be late on a busy machine, but it must not be refused or lost.
const PATIENCE: Duration = Duration::from_secs(3);

#[test]
fn kills_at_random_cost_nothing_but_when_a_daemon_or_a_node_is_lost() {
    uml::with_ipvs(
        "kills_at_random_cost_nothing_but_when_a_daemon_or_a_node_is_lost",
        kills_at_random,
    );
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn kills_at_random() {
    let (kills, seed) = (number("LAB_KILLS", KILLS), number("LAB_SEED", 1));
    println!("seed {seed}");
    let mut order = Dice(seed as u64);
    let cluster = Cluster::new(INTERFACE);
    let _webs = cluster.servers.each_ref().map(|node| Web::start(node, 80));
    let mut chaos = Chaos::start(&cluster, Dice(!(seed as u64)));
    let (mut pings, mut requests, mut lost) = (0, 0, 0);
    // One for all bouts: no source port is used twice within minutes.
    let load = Load::patient(&cluster.client, &CLIENTS[..2], SERVICE, PATIENCE);
    while chaos.account.kills() < kills {
        let size = (kills - chaos.account.kills()).min(BOUT);
        let ping = Ping::start(&cluster.client, VIP);
        let began = Instant::now();
        chaos.began = began;
        for trouble in troubles::bout(size, &mut order) {
            chaos.trouble(trouble);
        }
        chaos.settle();
        let answered = ping.stop();
        let asked = load.since(began);
        pings += answered.sent.len();
        requests += asked.len();
        lost += judge(began, &answered, &asked, &std::mem::take(&mut chaos.windows));
    }
    println!(
        "{} (seed {seed}): {pings} pings and {requests} requests, {lost} pings lost, all of them \
         while a daemon or a node was, or a child was told to leave",
        chaos.account
    );
    load.stop();
    chaos.stop();
    for (node, own) in cluster.directors.iter().zip(&DIRECTORS) {
        left::nothing(node, &[own]);
    }
}

/// Pings and requests may fail while something was lost, and at no other time. Returns how many pings
/// were lost.
fn judge(began: Instant, pings: &Pings, requests: &[Request], windows: &[Window]) -> usize {
    let allowed = |at: Instant| windows.iter().any(|one| at >= one.from && at <= one.to);
    let lost = pings.lost();
    let unexplained: Vec<Instant> = lost.iter().copied().filter(|at| !allowed(*at)).collect();
    let failed: Vec<_> = requests
        .iter()
        .filter(|one| one.result.is_err() && !allowed(one.start) && !allowed(one.end))
        .map(|one| {
            let at = one.start.saturating_duration_since(began).as_secs_f64();
            format!("at {at:.2} for {:?}: {:?}", one.end - one.start, one.result)
        })
        .collect();
    let spans = spans(began, &unexplained, windows);
    assert!(unexplained.is_empty(), "pings lost that may not be: {spans}");
    assert!(failed.is_empty(), "requests lost that may not be: {failed:?}, {spans}");
    lost.len()
}

/// What was lost when, and when it might have been, in seconds since `began`.
fn spans(began: Instant, lost: &[Instant], windows: &[Window]) -> String {
    let at = |moment: Instant| moment.saturating_duration_since(began).as_secs_f64();
    let mut text = String::from("lost");
    let mut before = None;
    for one in lost {
        let is_next = before.is_some_and(|last| *one - last < Duration::from_millis(100));
        if !is_next {
            text.push_str(&format!(" from {:.2}", at(*one)));
        }
        before = Some(*one);
    }
    if let Some(last) = before {
        text.push_str(&format!(" to {:.2}", at(last)));
    }
    for Window { from, to } in windows {
        text.push_str(&format!(", allowed {:.2} to {:.2}", at(*from), at(*to)));
    }
    text
}
