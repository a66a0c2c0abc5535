//! What it costs that addresses last only while adverts leave (`vip_lease`).

use std::fmt::Write as _;
use std::thread::sleep;
use std::time::Duration;

use lab::{Daemon, Network, Program};

use crate::cost;
use crate::row::{Place, Promise, Row, Series, Settings};

pub(crate) const ROW: Row = Row {
    name: "lease-cost",
    title: "processor time of a master with leases",
    how: "a master without a peer, `advert_int 1`, one address in its adverts and the others in \
          `virtual_ipaddress_excluded`, with `vip_lease auto` (3 s, renewed each second) and without; processor time of \
          all processes of the daemon from the third second after the last address is there, divided by the seconds. \
          keepalived has no lease: it is the base of both.",
    place: Place::Here,
    quick: true,
    run,
};

/// Addresses, and the milliseconds a second that must be enough with leases.
const SIZES: [(u32, f64); 3] = [(1, 1.0), (100, 2.0), (1000, 20.0)];

const LIMIT: Duration = Duration::from_secs(60);

fn run(settings: &Settings) -> Vec<Series> {
    let span = Duration::from_secs(settings.either(20, 5));
    let with = |lease: bool| {
        let name = if lease { "with a lease" } else { "without" };
        let mut series = Series::new(name, "ms a second");
        for (count, most) in SIZES {
            let rounds = settings.either(5, 2);
            let values = settings.turns(rounds, |program| spent(program, count, lease, span));
            let promises = [Promise::Median(most)];
            let label = format!("{count} VIPs");
            series.add(&label, Some(f64::from(count)), values, &promises[..usize::from(lease)]);
        }
        series
    };
    vec![with(false), with(true)]
}

/// Milliseconds of processor time in a second.
fn spent(program: &Program, count: u32, lease: bool, span: Duration) -> f64 {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &["192.168.100.11/24"]);
    let leased = lease && *program == Program::ours();
    let _daemon =
        Daemon::start_exactly_with(program, &node, &configuration(count, leased), &["-n", "-l"]);
    let there = || node.sh("ip -o addr show dev eth0").lines().count();
    let wanted = usize::try_from(count).expect("a small number");
    lab::wait::eventually(LIMIT, "every address is there", || there() > wanted);
    sleep(Duration::from_secs(3));
    let before = cost::processor(&node);
    sleep(span);
    let spent = (cost::processor(&node) - before) / span.as_secs_f64() / 1e3;
    assert!(there() > wanted, "no address has gone");
    spent
}

fn configuration(count: u32, lease: bool) -> String {
    let lease = if lease { "vip_lease auto" } else { "" };
    let mut text = format!(
        "vrrp_instance VI_1 {{\n state BACKUP\n interface eth0\n virtual_router_id 51\n priority 100\n \
         advert_int 1\n garp_master_delay 0\n garp_master_repeat 1\n {lease}\n virtual_ipaddress {{\n \
         192.168.100.100/24\n }}\n virtual_ipaddress_excluded {{\n"
    );
    for n in 1..count {
        let _ = writeln!(text, "10.1.{}.{}/32", n / 250, n % 250 + 1);
    }
    text.push_str("}\n}\n");
    text
}
