//! What adverts cost when there are many virtual routers.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::{Daemon, Network, Node, Program};

use crate::advertiser::{Advertiser, Router};
use crate::cost;
use crate::row::{Place, Promise, Row, Series, Settings};

pub(crate) const ROW: Row = Row {
    name: "instances",
    title: "processor time of an advert",
    how: "instances of version 3 with one address each over four interfaces, without a peer (sent), \
          and below a sender of priority 254 (received); processor time of all processes of the daemon over ten \
          seconds after all are settled, divided by the adverts that the interface counted or the bench sent.",
    place: Place::Here,
    quick: true,
    run,
};

const INTERFACES: usize = 4;

/// Instances and the interval of each, in milliseconds.
const SIZES: [(usize, u64); 4] = [(1, 1000), (250, 1000), (1000, 1000), (250, 10)];

const LIMIT: Duration = Duration::from_secs(30);

fn run(settings: &Settings) -> Vec<Series> {
    let mut sent = Series::new("sent", "µs");
    let mut received = Series::new("received", "µs");
    let mut flaps = Series::new("changes of state while measured", "changes");
    let sizes = settings.either(&SIZES[..], &SIZES[2..]);
    for &(count, interval) in sizes {
        let label = format!("{count} at {interval} ms");
        let interval = Duration::from_millis(interval);
        let rounds = settings.either(3, 1);
        let sending = settings.turns(rounds, |program| sent_by(program, count, interval, settings));
        let receiving =
            settings.turns(rounds, |program| heard_by(program, count, interval, settings));
        let costs = |all: &[Vec<Measured>; 2]| {
            all.each_ref().map(|all| all.iter().map(|one| one.cost).collect())
        };
        sent.add(&label, None, costs(&sending), &[Promise::Ratio(0.8)]);
        received.add(&label, None, costs(&receiving), &[Promise::Ratio(0.8)]);
        let changes = [0, 1]
            .map(|who| sending[who].iter().chain(&receiving[who]).map(|one| one.changes).collect());
        flaps.add(&label, None, changes, &[Promise::Worst(0.0)]);
    }
    vec![sent, received, flaps]
}

struct Measured {
    /// Microseconds of processor time for one advert.
    cost: f64,
    /// Changes of state in the log while it was measured.
    changes: f64,
}

fn sent_by(program: &Program, count: usize, interval: Duration, settings: &Settings) -> Measured {
    let network = Network::new();
    let node = machine(&network);
    let text = configuration(count, interval);
    let daemon = Daemon::start_exactly_with(program, &node, &text, &["-n", "-l"]);
    daemon.log().wait_count("Entering MASTER STATE", count, LIMIT);
    sleep(2 * interval + Duration::from_secs(1));
    measured(&daemon, &node, settings, || transmitted(&node))
}

fn heard_by(program: &Program, count: usize, interval: Duration, settings: &Settings) -> Measured {
    let network = Network::new();
    let node = machine(&network);
    let peer = network.host("peer", "eth0", &[]);
    plug(&network, &peer, 12);
    let router = |n: usize| Router {
        interface: interface(n),
        source: Ipv4Addr::new(10, 200, u8::try_from(n % INTERFACES).expect("four"), 12),
        vrid: vrid(n),
        address: address(n),
    };
    let routers: Vec<Router> = (0..count).map(router).collect();
    let advertiser = Advertiser::start(&peer, &routers, interval);
    let text = configuration(count, interval);
    let daemon = Daemon::start_exactly_with(program, &node, &text, &["-n", "-l"]);
    daemon.log().wait_count("Entering BACKUP STATE", count, LIMIT);
    sleep(4 * interval + Duration::from_secs(1));
    #[expect(clippy::cast_precision_loss, reason = "a few hundred thousand")]
    measured(&daemon, &node, settings, || advertiser.sent() as f64)
}

/// Watches for a while: processor time for each of what `adverts` counts.
fn measured(
    daemon: &Daemon<'_>,
    node: &Node,
    settings: &Settings,
    adverts: impl Fn() -> f64,
) -> Measured {
    let changes = || {
        let counts =
            ["MASTER STATE", "BACKUP STATE", "FAULT STATE"].map(|part| daemon.log().count(part));
        u32::try_from(counts.iter().sum::<usize>()).map_or(f64::MAX, f64::from)
    };
    let (time, count, states) = (cost::processor(node), adverts(), changes());
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(settings.either(10, 4)) {
        sleep(Duration::from_millis(50));
    }
    let adverts = adverts() - count;
    assert!(adverts > 0.0, "no advert in {:?}", start.elapsed());
    Measured { cost: (cost::processor(node) - time) / adverts, changes: changes() - states }
}

/// Frames that left the node, all but a few of them adverts.
fn transmitted(node: &Node) -> f64 {
    let counters = node.proc_net("dev");
    let of = |line: &str| {
        let line = line.trim().strip_prefix("port")?;
        line.split_whitespace().nth(10)?.parse::<f64>().ok()
    };
    counters.lines().filter_map(of).sum()
}

/// One cable for each interface, each to a segment of its own: VRIDs repeat on every one of them.
fn plug(network: &Network, node: &Node, host: u8) {
    for n in 0..INTERFACES {
        let port = format!("{}-{n}", node.name());
        network.plug(node, &port, &interface(n), &[&format!("10.200.{n}.{host}/24")]);
        network.switch().sh(&format!(
            "ip link show seg{n} >/dev/null 2>&1 || ip link add seg{n} type bridge forward_delay 0 mcast_snooping 0
             ip link set seg{n} up
             ip link set {port} master seg{n}"
        ));
    }
}

fn interface(n: usize) -> String {
    format!("port{}", n % INTERFACES)
}

fn vrid(n: usize) -> u8 {
    u8::try_from(n / INTERFACES + 1).expect("at most 255 on an interface")
}

fn address(n: usize) -> Ipv4Addr {
    let [high, low] = u16::try_from(n).expect("a few thousand").to_be_bytes();
    Ipv4Addr::new(10, 100 + high, low, 1)
}

/// Instances with the interval, one address each; `advert_int` in seconds. Also for other rows.
pub(super) fn configuration(count: usize, interval: Duration) -> String {
    let mut text = String::from(
        "global_defs {\n vrrp_version 3\n vrrp_garp_master_repeat 1\n vrrp_garp_master_delay 0\n}\n",
    );
    for n in 0..count {
        let _ = write!(
            text,
            "vrrp_instance VI_{n} {{\n state BACKUP\n interface {}\n virtual_router_id {}\n priority 100\n \
             advert_int {}\n virtual_ipaddress {{\n {}/32\n }}\n}}\n",
            interface(n),
            vrid(n),
            interval.as_secs_f64(),
            address(n)
        );
    }
    text
}

/// A machine with the interfaces of [`configuration`].
pub(super) fn machine(network: &Network) -> Node {
    let node = network.machine("lb01", "eth0", &[]);
    plug(network, &node, 11);
    node
}
