//! The checker process is killed again and again under traffic: no entry leaves the kernel's table,
//! what was known stays known, and retries go on where they were. `LAB_CHECKER_KILLS=100` is the long form.
#![allow(clippy::expect_used, reason = "test code")]

use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lab::director::{CLIENTS, Cluster, DIRECTORS, INTERFACE, SERVICE, VIP};
use lab::load::{Load, Request};
use lab::scenario::configuration;
use lab::web::Web;
use lab::{Daemon, Node, Program, left, uml, wait};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(60);

/// How often without `LAB_CHECKER_KILLS`; on a virtual server's one check a second that is a quarter minute.
const KILLS: u32 = 12;

/// A process that lived that long is replaced at once.
const LIFE: Duration = Duration::from_millis(1050);

/// A request to a service that is not in the table is refused at once; one that takes so long has met
/// a slow machine.
const SLOW: Duration = Duration::from_millis(400);

#[test]
fn no_entry_leaves_the_table_however_often_the_checker_is_killed() {
    uml::with_ipvs("no_entry_leaves_the_table_however_often_the_checker_is_killed", kills);
}

fn kills() {
    let wanted =
        env::var("LAB_CHECKER_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(KILLS);
    let cluster = Cluster::new(INTERFACE);
    let [lb01, _] = &cluster.directors;
    let first = Web::start(&cluster.servers[0], 80);
    let second = Web::start(&cluster.servers[1], 80);
    let text = configuration("lvs-dr-master").replace("delay_loop 6", "delay_loop 1");
    let text = text.replace("delay_before_retry 3", "delay_before_retry 1");
    let daemon = Daemon::start(&Program::ours(), lb01, &text);
    wait::eventually(LIMIT, "both servers are in the table", || entries(lb01).len() == 3);
    wait::eventually(LIMIT, "the address is there", || lb01.holds(&VIP.to_string()));
    let full = entries(lb01);
    let clients = Load::start(&cluster.client, &CLIENTS, SERVICE);

    let ended = AtomicBool::new(false);
    let (seen, closed) = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = vec![full.clone()];
            while !ended.load(Ordering::Relaxed) {
                let now = entries(lb01);
                if seen.last() != Some(&now) {
                    seen.push(now);
                }
                thread::yield_now();
            }
            seen
        });
        let mut killed = 0;
        while killed < wanted / 2 {
            let checks = first.connections();
            kill(&daemon, killed);
            wait::eventually(LIMIT, "checks go on", || first.connections() > checks);
            killed += 1;
        }
        let closed = Instant::now();
        drop(second);
        // Its retries are used up by one process after the other.
        while killed < wanted || entries(lb01).len() == 3 {
            kill(&daemon, killed);
            killed += 1;
            assert!(killed < 4 * wanted, "retries begin anew in each process");
        }
        println!("{killed} kills");
        ended.store(true, Ordering::Relaxed);
        (watcher.join().expect("the watcher"), closed)
    });
    let requests = clients.stop();
    let gone = full.iter().filter(|line| !line.contains("C0A8D8B3"));
    let reduced: Vec<String> = gone.cloned().collect();
    assert_eq!(reduced.len(), 2);
    assert_eq!(seen, [full, reduced], "the dead server leaves, nothing else changes");
    let fast = |one: &&Request| one.result.is_err() && one.end - one.start < SLOW;
    let refused: Vec<_> = requests.iter().filter(|one| one.end < closed).filter(fast).collect();
    println!("{} requests, {} refused while both servers answered", requests.len(), refused.len());
    assert!(refused.is_empty(), "{refused:?}");
    drop(first);
    assert!(daemon.stop().1.success());
    left::nothing(lb01, &DIRECTORS[..1]);
}

/// Kills the checker after a life of a second and a little more, each time another little.
fn kill(daemon: &Daemon<'_>, count: u32) {
    let (victim, born) = (daemon.checker(), Instant::now());
    let life = LIFE + Duration::from_millis(u64::from(count % 7) * 30);
    thread::sleep(life.saturating_sub(born.elapsed()));
    victim.signal(Signal::SIGKILL);
    wait::eventually(LIMIT, "a successor", || {
        !victim.is_alive() && { daemon.checker().pid != victim.pid }
    });
}

/// The table without counters of connections.
fn entries(node: &Node) -> Vec<String> {
    let entry = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().take(4).collect();
        words.join(" ")
    };
    node.proc_net("ip_vs").lines().skip(3).map(entry).collect()
}
