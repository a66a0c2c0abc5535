//! How late a backup is when its master falls silent.

use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::{Capture, Daemon, Network, Program, wait};

use crate::advertiser::{Advertiser, Router};
use crate::row::{Place, Promise, Row, Series, Settings};

pub(crate) const ROW: Row = Row {
    name: "takeover",
    title: "takeover, past Master_Down_Interval",
    how: "the bench sends version 3 adverts every 0.1 s and falls silent; from its last advert to the \
          first of the daemon (priority 100), less Active_Down_Interval (360.9 ms), both stamped by the kernel on \
          the switch; six starts of each daemon, five takeovers each.",
    place: Place::Here,
    quick: true,
    run,
};

const INTERVAL: Duration = Duration::from_millis(100);

/// Three intervals and the skew of priority 100: 156/256 of an interval (RFC 9568 section 6.1).
const DOWN: Duration = Duration::from_nanos(300_000_000 + 100_000_000 * 156 / 256);

const TAKEOVERS: usize = 5;

const LIMIT: Duration = Duration::from_secs(10);

const CONFIGURATION: &str = "
global_defs {
    vrrp_version 3
}
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority 100
    advert_int 0.1
    virtual_ipaddress {
        192.168.100.100/24
    }
}
";

fn run(settings: &Settings) -> Vec<Series> {
    let turns = settings.turns(settings.either(6, 2), takeovers);
    let all = turns.each_ref().map(|turns| turns.concat());
    let mut median = Series::new("", "ms");
    median.add("all", None, all, &[Promise::Ratio(1.0), Promise::Median(0.3)]);
    let worst = |turns: &Vec<Vec<f64>>| turns.concat().into_iter().fold(f64::MIN, f64::max);
    let mut worsts = Series::new("worst of all", "ms");
    worsts.add(
        "all",
        None,
        turns.each_ref().map(|turns| vec![worst(turns)]),
        &[Promise::Ratio(1.0)],
    );
    vec![median, worsts]
}

/// Milliseconds past the interval, of each takeover of one start of the daemon.
fn takeovers(program: &Program) -> Vec<f64> {
    let network = Network::new();
    let lb01 = network.host("lb01", "eth0", &["192.168.100.11/24"]);
    let lb02 = network.machine("lb02", "eth0", &["192.168.100.12/24"]);
    let [of_master, of_backup] = [&lb01, &lb02].map(|node| Capture::of(&network, node));
    let router = Router {
        interface: "eth0".to_owned(),
        source: Ipv4Addr::new(192, 168, 100, 11),
        vrid: 51,
        address: Ipv4Addr::new(192, 168, 100, 100),
    };
    let _daemon = Daemon::start_exactly_with(program, &lb02, CONFIGURATION, &["-n", "-l"]);
    let last = |capture: &Capture| capture.adverts().last().map(|(at, _)| *at);
    wait::eventually(LIMIT, "the daemon is master", || last(&of_backup).is_some());
    let once = |_| {
        let master = Advertiser::start(&lb01, std::slice::from_ref(&router), INTERVAL);
        wait::eventually(LIMIT, "the daemon is backup", || {
            last(&of_backup).is_some_and(|at| at.elapsed() > 5 * INTERVAL)
        });
        let heard_by_now = Instant::now();
        drop(master);
        wait::eventually(LIMIT, "the daemon takes over", || {
            last(&of_backup).is_some_and(|at| at > heard_by_now)
        });
        let silent = last(&of_master).expect("the bench sent adverts");
        let adverts = of_backup.adverts();
        let (first, _) = adverts.iter().find(|(at, _)| *at > silent).expect("just seen");
        sleep(2 * INTERVAL);
        (*first - silent).as_secs_f64().mul_add(1e3, -DOWN.as_secs_f64() * 1e3)
    };
    (0..TAKEOVERS).map(once).collect()
}
