//! What checks cost, and how many of them are held.

use std::fmt::Write as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::{Daemon, Network, Node, Program, wait};

use crate::cost;
use crate::row::{Place, Promise, Row, Series, Settings};
use crate::stand_in;
use crate::target::{Manner, SLOT, Target};

pub(crate) const COST: Row = Row {
    name: "check-cost",
    title: "processor time of a check",
    how: "real servers of one address each, checked once a second, all answered by one server of the bench on the \
          same machine; processor time of all processes of the daemon once every server was visited, divided by \
          the connections that the server counted. The daemon has one processor, the server and all packets that \
          arrive another, as with a network card: on loopback a sender would do the receiver's work too. Both go \
          before the machine's other work (`chrt`). HTTP reads a page of five bytes; TLS the same with a new \
          session each (1.3, ECDSA), 200 a second. Where the kernel has no IPVS a library stands in for it in both \
          daemons and answers what they say to it, of which there is nothing meanwhile but what ours reads every \
          five seconds.",
    place: Place::Here,
    quick: true,
    run: cost_of_a_check,
};

pub(crate) const HELD: Row = Row {
    name: "held-rate",
    title: "TCP checks at one second",
    how: "real servers checked once a second; connections that the server counted against those that were asked \
          for, the fullest of all tenths of a second against the mean, the most descriptors that the checker \
          process had open, and the servers that were not removed at the end. IPVS and `chrt` as with `check-cost`, on any processor.",
    place: Place::Here,
    quick: false,
    run: held,
};

/// Real servers of one virtual server.
const SERVERS_OF_ONE: u32 = 100;

const LIMIT: Duration = Duration::from_secs(60);

/// What a check is, as text of the configuration, and servers of it.
const KINDS: [(&str, &str, u32); 3] = [
    ("TCP", "TCP_CHECK {\n }", 1000),
    ("HTTP", "HTTP_GET {\n url {\n path /\n status_code 200\n }\n }", 1000),
    ("TLS", "SSL_GET {\n url {\n path /\n status_code 200\n }\n }", 200),
];

fn cost_of_a_check(settings: &Settings) -> Vec<Series> {
    let mut costs = Series::new("", "µs");
    for &(name, check, servers) in settings.either(&KINDS[..], &KINDS[..2]) {
        let rounds = settings.either(3, 1);
        let values = settings.turns(rounds, |program| {
            let manner = match name {
                "TCP" => |_: &Node| Manner::Accept,
                "HTTP" => |_: &Node| Manner::Page,
                _ => Manner::secret,
            };
            let time = Duration::from_secs(settings.either(10, 3));
            watched(program, manner, check, servers, time, true).cost
        });
        let label = format!("{name} check, {servers} a second");
        costs.add(&label, None, values, &[Promise::Ratio(0.7)]);
    }
    vec![costs]
}

fn held(settings: &Settings) -> Vec<Series> {
    let new = Series::new;
    let mut all = [
        new("rate, of what was asked for", "%"),
        new("servers that are up", "%"),
        new("fullest tenth of a second, of the mean", "%"),
        new("most descriptors of the checker process", "descriptors"),
    ];
    for servers in [1_000, 5_000, 10_000] {
        let values = settings.turns(1, |program| {
            let check = KINDS[0].1;
            watched(program, |_| Manner::Accept, check, servers, Duration::from_secs(10), false)
        });
        let of = |value: fn(&Watched) -> f64| {
            values.each_ref().map(|all| all.iter().map(value).collect::<Vec<f64>>())
        };
        let label = format!("{servers} a second");
        let size = Some(f64::from(servers));
        all[0].add(&label, size, of(|one| one.rate), &[Promise::AtLeast(99.0)]);
        all[1].add(&label, size, of(|one| one.alive), &[Promise::AtLeast(100.0)]);
        all[2].add(&label, size, of(|one| one.fullest), &[]);
        all[3].add(&label, size, of(|one| one.descriptors), &[]);
    }
    all.into()
}

/// What was seen of a daemon that checks.
struct Watched {
    /// Processor time of one check, µs.
    cost: f64,
    /// Checks made, of those asked for, %.
    rate: f64,
    /// Servers that are up, of all, %.
    alive: f64,
    /// The fullest slot, of the mean one, %.
    fullest: f64,
    /// The most descriptors of the checker process.
    descriptors: f64,
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred thousand")]
fn watched(
    program: &Program,
    manner: impl Fn(&Node) -> Manner,
    check: &str,
    servers: u32,
    time: Duration,
    apart: bool,
) -> Watched {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &["192.168.100.11/24"]);
    let target = Target::start(&node, &manner(&node), apart);
    let text = configuration(check, servers);
    let program = stand_in::program(program, &node, apart);
    let daemon = Daemon::start_exactly_with(&program, &node, &text, &["-n", "-l", "-C"]);
    wait::eventually(LIMIT, "each server had its first visit", || {
        target.visits() >= u64::from(servers)
    });
    sleep(Duration::from_secs(2));
    let checker = daemon.checker();
    let (used, visits, from) = (cost::processor(&node), target.visits(), Instant::now());
    let mut descriptors = 0;
    while from.elapsed() < time {
        sleep(SLOT);
        let open = std::fs::read_dir(format!("/proc/{}/fd", checker.host_pid));
        descriptors = descriptors.max(open.map_or(0, Iterator::count));
    }
    let (elapsed, visits) = (from.elapsed(), (target.visits() - visits) as f64);
    let used = cost::processor(&node) - used;
    let slots = target.slots_since(from);
    let mean = f64::from(slots.iter().sum::<u32>()) / slots.len() as f64;
    let fullest = slots.iter().max().copied().map_or(0.0, f64::from);
    let log = daemon.log();
    let gone = log.count("Removing service").saturating_sub(log.count("Adding service"));
    Watched {
        cost: used / visits,
        rate: 100.0 * visits / (f64::from(servers) * elapsed.as_secs_f64()),
        alive: 100.0 - 100.0 * gone as f64 / f64::from(servers),
        fullest: 100.0 * fullest / mean,
        descriptors: descriptors as f64,
    }
}

/// So many real servers with this check once a second.
fn configuration(check: &str, servers: u32) -> String {
    let mut text = String::from("global_defs {\n router_id bench\n}\n");
    for first in (0..servers).step_by(SERVERS_OF_ONE as usize) {
        let service = first / SERVERS_OF_ONE;
        let [high, low] = [service / 256, service % 256];
        let _ = write!(
            text,
            "virtual_server 10.0.{high}.{low} 80 {{\n delay_loop 1\n lb_algo rr\n lb_kind DR\n protocol TCP\n"
        );
        for server in first..servers.min(first + SERVERS_OF_ONE) {
            let [_, high, middle, low] = server.to_be_bytes();
            let high = 100 + high;
            let _ = writeln!(
                text,
                " real_server 10.{high}.{middle}.{low} 80 {{\n weight 1\n {check}\n }}"
            );
        }
        text.push_str("}\n");
    }
    text
}
