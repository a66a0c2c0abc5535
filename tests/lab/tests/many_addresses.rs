//! Ten thousand addresses: programming them delays no advert.
#![allow(clippy::expect_used, reason = "test code")]

use std::fmt::Write;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::{Capture, Daemon, Network, Node, Program, left};

const OWN: [&str; 1] = ["192.168.100.11/24"];

/// For ten thousand addresses on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Between two adverts, which are 100 ms apart. A build without optimisation needs ten times the time
/// for what it has to work out, beside other tests; a release build on a quiet machine keeps an advert
/// waiting for less than 5 ms, as the row `lateness` of the bench shows. All addresses in one turn
/// would take seconds.
const LATEST: Duration = Duration::from_millis(200);

/// The router with `count` addresses of its own, from 10.FIRST.0.0 on. With real-time priority, for
/// it is not the other jobs of the machine that are measured.
fn configuration(first: u32, count: u32) -> String {
    let mut text = String::from(
        "global_defs {
            vrrp_version 3
            vrrp_rt_priority 50
            vrrp_rlimit_rttime 10000000
        }
        vrrp_instance VI_1 {
            state MASTER
            interface eth0
            virtual_router_id 51
            priority 255
            advert_int 0.1
            garp_master_repeat 1
            garp_master_delay 0
            virtual_ipaddress {
                192.168.100.100
            }
            virtual_ipaddress_excluded {\n",
    );
    for n in 0..count {
        writeln!(text, "10.{}.{}.{}/32", first, n / 250, n % 250 + 1).expect("a string");
    }
    text.push_str("}\n}\n");
    text
}

/// Waits for so many addresses from 10.FIRST.0.0 on. Listing ten thousand is work that the daemon's
/// kernel does, so looks are few.
fn wait_for(node: &Node, first: u32, count: usize) {
    let part = format!(" inet 10.{first}.");
    let start = Instant::now();
    loop {
        let list = node.try_sh("ip -o -4 addr show dev eth0").stdout;
        let found = list.lines().filter(|line| line.contains(&part)).count();
        if found == count {
            return;
        }
        assert!(start.elapsed() < LIMIT, "{found} of {count} addresses 10.{first}.0.0");
        sleep(Duration::from_millis(500));
    }
}

#[test]
fn no_advert_is_late_while_ten_thousand_addresses_come_change_and_go() {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &OWN);
    let sent = Capture::of(&network, &node);
    let start = Instant::now();
    let daemon = Daemon::start(&Program::ours(), &node, &configuration(1, 10_000));
    wait_for(&node, 1, 10_000);
    println!("ten thousand addresses {:?} after the start", start.elapsed());
    // One address more, and none.
    for _ in 0..2 {
        daemon.reload(&configuration(1, 10_001));
        wait_for(&node, 1, 10_001);
    }
    let start = Instant::now();
    daemon.reload(&configuration(2, 10_000));
    wait_for(&node, 2, 10_000);
    wait_for(&node, 1, 0);
    println!("changed {:?} after the signal", start.elapsed());
    let start = Instant::now();
    assert!(daemon.stop().1.success());
    println!("gone {:?} after the signal", start.elapsed());
    let announced = sent.gratuitous_arps().len();
    assert!(announced > 20_000, "each address is announced, {announced} were");
    let adverts = sent.adverts();
    let gaps = adverts.windows(2).map(|two| two[1].0.duration_since(two[0].0));
    let longest = gaps.max().expect("adverts were sent");
    println!("{} adverts, at most {longest:?} apart", adverts.len());
    assert!(longest < LATEST, "an advert came {longest:?} after the one before");
    left::nothing(&node, &OWN);
}
