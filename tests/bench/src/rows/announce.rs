//! How soon all addresses of a new master are known to the network.

use std::fmt::Write as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::{Capture, Daemon, Network, Program};

use crate::floor;
use crate::row::{Place, Promise, Row, Series, Settings};

pub(crate) const ROW: Row = Row {
    name: "announce",
    title: "first advert to last gratuitous ARP",
    how: "a router without a peer becomes master with one address in its adverts and the others in \
          `virtual_ipaddress_excluded`; stamped by the kernel on the switch, once with `garp_master_repeat 1` and \
          once with its default of 5; `garp_master_delay 0` (no second burst). The kernel alone: as many addresses, \
          added 64 with one call, none announced.",
    place: Place::Here,
    quick: true,
    run,
};

/// Addresses and the ratio that must be reached.
const SIZES: [(u32, f64); 4] = [(1, 1.0), (200, 0.7), (1000, 0.6), (5000, 0.6)];

/// For five times five thousand messages on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

fn run(settings: &Settings) -> Vec<Series> {
    let sizes = settings.either(&SIZES[..], &SIZES[..3]);
    let repeated = |repeat: usize| {
        let mut series = Series::new(&format!("repeat {repeat}"), "ms");
        for (count, ratio) in sizes {
            let rounds = settings.either(7, 3);
            let times = settings.turns(rounds, |program| announced(program, *count, repeat));
            let size = Some(f64::from(*count));
            series.add(&format!("{count} VIPs"), size, times, &[Promise::Ratio(*ratio)]);
            series.floor((0..rounds).map(|_| added(*count)).collect());
        }
        series
    };
    vec![repeated(1), repeated(5)]
}

/// Milliseconds for the addresses alone.
fn added(count: u32) -> f64 {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &["192.168.100.11/24"]);
    floor::addresses(&node, "eth0", count)
}

/// Milliseconds from the first advert to the last gratuitous ARP.
fn announced(program: &Program, count: u32, repeat: usize) -> f64 {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &["192.168.100.11/24"]);
    let sent = Capture::of(&network, &node);
    let text = configuration(count, repeat);
    let _daemon = Daemon::start_exactly_with(program, &node, &text, &["-n", "-l"]);
    let wanted = repeat * usize::try_from(count).expect("a small number");
    let start = Instant::now();
    loop {
        let arps = sent.gratuitous_arps();
        if arps.len() >= wanted {
            let (first, _) = sent.adverts()[0];
            return (arps[wanted - 1].0 - first).as_secs_f64() * 1e3;
        }
        assert!(start.elapsed() < LIMIT, "{} of {wanted} announcements of {program:?}", arps.len());
        sleep(Duration::from_millis(100));
    }
}

fn configuration(count: u32, repeat: usize) -> String {
    let mut text = format!(
        "global_defs {{\n vrrp_version 3\n}}\nvrrp_instance VI_1 {{\n state BACKUP\n interface eth0\n \
         virtual_router_id 51\n priority 100\n advert_int 0.3\n garp_master_delay 0\n \
         garp_master_repeat {repeat}\n virtual_ipaddress {{\n 192.168.100.100/24\n }}\n \
         virtual_ipaddress_excluded {{\n"
    );
    for n in 1..count {
        let _ = writeln!(text, "10.1.{}.{}/32", n / 250, n % 250 + 1);
    }
    text.push_str("}\n}\n");
    text
}
