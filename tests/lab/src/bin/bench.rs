//! `make bench`: how long a virtual address does not answer, ours side by side with Debian's
//! keepalived in one run, printed as ratios.
#![allow(clippy::expect_used, reason = "what the bench cannot do must end it with the reason")]

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use lab::ping::Ping;
use lab::scenario::configuration;
use lab::{Daemon, Network, Node, Program, wait};
use nix::sys::signal::Signal;

const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 100, 100);
const OWN: [&str; 2] = ["192.168.100.11/24", "192.168.100.12/24"];
const LIMIT: Duration = Duration::from_secs(15);

/// Runs of each event; the median counts.
const RUNS: usize = 3;

/// What happens to the master.
#[derive(Clone, Copy)]
enum Event {
    Stop,
    PowerOff,
    KillVrrp,
    ReloadUnchanged,
}

const EVENTS: [(Event, &str); 4] = [
    (Event::Stop, "clean stop of the master"),
    (Event::PowerOff, "loss of power"),
    (Event::KillVrrp, "kill -9 of its VRRP process"),
    (Event::ReloadUnchanged, "reload that changes nothing"),
];

fn main() {
    let Some(keepalived) = Program::debian() else { return };
    let ours = Program::ours();
    println!(
        "longest time without an answer of the VIP, pings 10 ms apart, median of {RUNS} runs\n"
    );
    println!("{:30} {:>10} {:>12} {:>8}", "", "ours", "keepalived", "ratio");
    for (event, name) in EVENTS {
        let [own, other] = [&ours, &keepalived].map(|program| median(program, event));
        let ratio = own.as_secs_f64() / other.as_secs_f64();
        println!("{name:30} {:>7} ms {:>9} ms {ratio:>8.2}", own.as_millis(), other.as_millis());
    }
}

fn median(program: &Program, event: Event) -> Duration {
    let mut gaps: Vec<Duration> = (0..RUNS).map(|_| gap(program, event)).collect();
    gaps.sort();
    gaps[RUNS / 2]
}

/// A pair of the program's; the longest gap between answers around the event.
fn gap(program: &Program, event: Event) -> Duration {
    let network = Network::new();
    let lb01 = network.machine("lb01", "eth0", &OWN[..1]);
    let lb02 = network.machine("lb02", "eth0", &OWN[1..]);
    let client = network.host("client", "eth0", &["192.168.100.20/24"]);
    let master = Daemon::start(program, &lb01, configuration("single-lb01"));
    let _backup = Daemon::start(program, &lb02, configuration("single-lb02"));
    let holds = |node: &Node| node.holds(&VIP.to_string());
    wait::eventually(LIMIT, "lb01 has the VIP alone", || holds(&lb01) && !holds(&lb02));
    let ping = Ping::start(&client, VIP);
    thread::sleep(Duration::from_millis(500));
    let _master = match event {
        Event::Stop => {
            master.stop();
            None
        }
        Event::PowerOff => {
            network.power_off(&lb01);
            Some(master)
        }
        Event::KillVrrp => {
            master.vrrp().signal(Signal::SIGKILL);
            Some(master)
        }
        Event::ReloadUnchanged => {
            master.reload(configuration("single-lb01"));
            Some(master)
        }
    };
    thread::sleep(Duration::from_secs(5));
    ping.stop().longest_gap()
}
