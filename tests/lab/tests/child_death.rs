//! A child of the daemon dies: nothing may be seen of it from outside.
#![allow(clippy::expect_used, reason = "test code")]

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lab::director::{Cluster, DIRECTORS, INTERFACE};
use lab::ping::Ping;
use lab::program::Pairing;
use lab::scenario::configuration;
use lab::web::Web;
use lab::{Capture, Daemon, Network, Program, left, uml, wait};
use nix::sys::signal::Signal;

const VIP: &str = "192.168.100.100";
const LIMIT: Duration = Duration::from_secs(20);

/// These stories are about milliseconds: they run one after another, not beside a booting kernel.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adverts must go on this soon after the death of the process that sent them.
const RESUME: Duration = Duration::from_millis(100);

#[test]
fn the_death_of_a_masters_vrrp_process_is_not_noticed_by_a_peer_of_ours() {
    the_death_of_a_masters_vrrp_process(Pairing::Ours);
}

#[test]
fn the_death_of_a_masters_vrrp_process_is_not_noticed_by_keepalived() {
    the_death_of_a_masters_vrrp_process(Pairing::OursFirst);
}

fn the_death_of_a_masters_vrrp_process(pairing: Pairing) {
    let Some([first, second]) = pairing.programs() else { return };
    let _alone = alone();
    let network = Network::new();
    let lb01 = network.machine("lb01", "eth0", &["192.168.100.11/24"]);
    let lb02 = network.machine("lb02", "eth0", &["192.168.100.12/24"]);
    let client = network.host("client", "eth0", &["192.168.100.20/24"]);
    let sent_by_lb01 = Capture::of(&network, &lb01);
    let sent_by_lb02 = Capture::of(&network, &lb02);
    let master = Daemon::start(&first, &lb01, configuration("single-lb01"));
    wait::eventually(LIMIT, "lb01 has the VIP", || lb01.holds(VIP));
    let backup = Daemon::start(&second, &lb02, configuration("single-lb02"));
    backup.wait_log("Entering BACKUP STATE", LIMIT);
    let adverts_of_lb02 = sent_by_lb02.adverts().len();
    let logged_by_lb02 = backup.log().len();
    let logged_by_lb01 = master.log().len();
    let ping = Ping::start(&client, VIP.parse().expect("an address"));
    wait::eventually(LIMIT, "some adverts", || sent_by_lb01.adverts().len() >= 3);

    let killed = Instant::now();
    master.vrrp().signal(Signal::SIGKILL);
    let first_after =
        || sent_by_lb01.adverts().into_iter().map(|(at, _)| at).find(|at| *at > killed);
    let (resumed, _) = wait::until(LIMIT, "adverts resume", first_after);
    println!("adverts resumed {:?} after the kill", resumed - killed);
    wait::stays(Duration::from_secs(5), "lb01 keeps the VIP, lb02 stays backup", || {
        lb01.holds(VIP) && !lb02.holds(VIP)
    });
    let pings = ping.stop();
    println!("{} pings, {} lost", pings.sent.len(), pings.lost().len());

    assert_eq!(sent_by_lb02.adverts().len(), adverts_of_lb02, "the peer must not take over");
    assert!(!backup.log().text_since(logged_by_lb02).contains("MASTER STATE"));
    assert!(!master.log().text_since(logged_by_lb01).contains("Entering BACKUP STATE"));
    assert_eq!(pings.lost().len(), 0, "of {} pings 10 ms apart none may be lost", pings.sent.len());
    assert!(resumed - killed <= RESUME, "adverts resumed after {:?}", resumed - killed);
    let adverts = sent_by_lb01.adverts();
    let gaps = adverts.windows(2).map(|pair| pair[1].0 - pair[0].0);
    let longest = gaps.max().expect("adverts");
    assert!(longest < Duration::from_millis(1250), "a gap of {longest:?} between two adverts");
    assert!(adverts.iter().all(|(_, advert)| advert.priority == 100), "no priority 0, no other");
    assert!(master.stop().1.success());
    drop(backup);
}

#[test]
fn the_death_of_the_checker_takes_no_entry_from_the_table_and_checks_go_on() {
    let _alone = alone();
    uml::with_ipvs(
        "the_death_of_the_checker_takes_no_entry_from_the_table_and_checks_go_on",
        the_death_of_the_checker,
    );
}

fn the_death_of_the_checker() {
    let cluster = Cluster::new(INTERFACE);
    let [lb01, _] = &cluster.directors;
    let _first = Web::start(&cluster.servers[0], 80);
    let start_second = || Web::start(&cluster.servers[1], 80);
    let second = start_second();
    let text = configuration("lvs-dr-master").replace("delay_loop 6", "delay_loop 1");
    let text = text.replace("delay_before_retry 3", "delay_before_retry 1");
    let daemon = Daemon::start_with(&Program::ours(), lb01, &text, &["-C"]);
    let table = || lb01.proc_net("ip_vs");
    let servers = || table().matches("  -> ").count().saturating_sub(1);
    wait::eventually(LIMIT, "both servers are in the table", || servers() == 2);
    wait::eventually(LIMIT, "checks run", || second.connections() >= 2);

    kill_checker_and_watch(&daemon, table);
    let seen = second.connections();
    wait::eventually(LIMIT, "checks go on", || second.connections() > seen);

    // A server that was down before the death is down after it, without a new failure.
    drop(second);
    wait::eventually(LIMIT * 2, "the dead server leaves", || servers() == 1);
    kill_checker_and_watch(&daemon, table);
    let second = start_second();
    wait::eventually(LIMIT, "the server is back", || servers() == 2);
    drop(second);
    wait::eventually(LIMIT * 2, "the dead server leaves", || servers() == 1);
    assert!(daemon.stop().1.success());
    left::nothing(lb01, &DIRECTORS[..1]);
}

/// The kernel's table must not change by the death, nor by the start of the successor.
fn kill_checker_and_watch(daemon: &Daemon<'_>, table: impl Fn() -> String) {
    let before = table();
    let victim = daemon.checker();
    victim.signal(Signal::SIGKILL);
    wait::stays(Duration::from_secs(4), "the table stays as it was", || table() == before);
    assert_ne!(daemon.checker().pid, victim.pid, "there is a successor");
}
