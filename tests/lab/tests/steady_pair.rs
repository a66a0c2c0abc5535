//! Many virtual routers on two nodes: nobody changes its state without a reason.
#![allow(clippy::expect_used, reason = "test code")]

use std::env;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use lab::{Daemon, Network, Node, Program, wait};
use nix::sys::signal::Signal;

const INTERFACES: usize = 4;

const LIMIT: Duration = Duration::from_secs(60);

/// How long both are watched; `LAB_STEADY_SECONDS` is more.
const WATCHED: Duration = Duration::from_secs(5);

const STATES: [&str; 3] =
    ["Entering MASTER STATE", "Entering BACKUP STATE", "Entering FAULT STATE"];

fn watched() -> Duration {
    let seconds = env::var("LAB_STEADY_SECONDS").ok().and_then(|text| text.parse().ok());
    seconds.map_or(WATCHED, Duration::from_secs)
}

/// A node on four segments, on each of which virtual router ids begin anew.
fn machine(network: &Network, name: &str, host: u8) -> Node {
    let node = network.machine(name, "eth0", &[]);
    for n in 0..INTERFACES {
        let port = format!("{name}-{n}");
        network.plug(&node, &port, &format!("port{n}"), &[&format!("10.200.{n}.{host}/24")]);
        network.switch().sh(&format!(
            "ip link show seg{n} >/dev/null 2>&1 || ip link add seg{n} type bridge forward_delay 0 mcast_snooping 0
             ip link set seg{n} up
             ip link set {port} master seg{n}"
        ));
    }
    node
}

/// So many instances. With real-time priority: other jobs of the machine do not count.
fn configuration(count: usize, interval: Duration, priority: u8) -> String {
    let mut text = String::from(
        "global_defs {\n vrrp_version 3\n vrrp_rt_priority 50\n vrrp_rlimit_rttime 10000000\n}\n",
    );
    for n in 0..count {
        let (port, vrid, seconds) = (n % INTERFACES, n / INTERFACES + 1, interval.as_secs_f64());
        writeln!(
            text,
            "vrrp_instance VI_{n} {{\n state BACKUP\n interface port{port}\n virtual_router_id {vrid}\n priority {priority}\n \
             advert_int {seconds}\n garp_master_delay 0\n garp_master_repeat 1\n virtual_ipaddress {{\n 10.{}.{}.1/32\n }}\n}}",
            100 + n / 250,
            n % 250
        )
        .expect("a string");
    }
    text
}

fn changes(daemon: &Daemon<'_>) -> usize {
    STATES.iter().map(|state| daemon.log().count(state)).sum()
}

/// Starts one node of the pair; it is over when all its instances are in that state.
fn start<'a>(node: &'a Node, text: &str, state: &str) -> Daemon<'a> {
    let daemon = Daemon::start_exactly_with(&Program::ours(), node, text, &["-n", "-l"]);
    daemon.log().wait_count(state, text.matches("vrrp_instance").count(), LIMIT);
    daemon
}

/// Waits until so many adverts more have come in.
fn hear(node: &Node, adverts: usize) {
    let heard = received(node);
    wait::eventually(LIMIT, "adverts", || received(node) >= heard + adverts);
}

/// The first node is master of all, the second the backup of all; then neither log has a change more.
fn nobody_flaps(count: usize, interval: Duration) {
    let network = Network::new();
    let (one, two) = (machine(&network, "lb01", 11), machine(&network, "lb02", 12));
    let first = start(&one, &configuration(count, interval, 200), "Entering MASTER STATE");
    let second = start(&two, &configuration(count, interval, 100), "Entering BACKUP STATE");
    let adverts = || received(&two);
    // What the start of a thousand has held up is over once the backup hears all of them regularly.
    hear(&two, 2 * count);
    let (before, heard, start) = ([changes(&first), changes(&second)], adverts(), Instant::now());
    let due = |elapsed: Duration| count as f64 * elapsed.as_secs_f64() / interval.as_secs_f64();
    // Both logs are long: they are read where they have grown.
    let mut lines = [0; 2];
    wait::stays(watched(), "no state changes", || {
        let now = [first.log().len(), second.log().len()];
        std::mem::replace(&mut lines, now) == now || [changes(&first), changes(&second)] == before
    });
    let (heard, elapsed) = (adverts() - heard, start.elapsed());
    println!("{heard} adverts of {count} instances in {elapsed:?}");
    assert_eq!([changes(&first), changes(&second)], before, "a state has changed");
    assert_eq!(changes(&second), count, "the backup has been nothing else");
    assert!(heard as f64 > 0.9 * due(elapsed), "{heard} of {} adverts came", due(elapsed));
    assert!(second.stop().1.success());
    assert!(first.stop().1.success());
}

/// Frames that have come in, nearly all of them adverts.
fn received(node: &Node) -> usize {
    let counters = node.proc_net("dev");
    let of = |line: &str| {
        let line = line.trim().strip_prefix("port")?;
        line.split_whitespace().nth(2)?.parse::<usize>().ok()
    };
    counters.lines().filter_map(of).sum()
}

#[test]
fn two_hundred_and_fifty_instances_at_ten_milliseconds_never_flap() {
    nobody_flaps(250, Duration::from_millis(10));
}

#[test]
fn a_thousand_instances_at_a_second_over_four_interfaces_never_flap() {
    nobody_flaps(1_000, Duration::from_secs(1));
}

/// More backups than one read of a socket has adverts for, held up longer than their masters may be silent.
#[test]
fn backups_that_are_held_up_hear_their_masters_before_their_time_is_over() {
    const COUNT: usize = 400;
    const INTERVAL: Duration = Duration::from_millis(100);
    let network = Network::new();
    let (one, two) = (machine(&network, "lb01", 11), machine(&network, "lb02", 12));
    let first = start(&one, &configuration(COUNT, INTERVAL, 200), "Entering MASTER STATE");
    let second = start(&two, &configuration(COUNT, INTERVAL, 100), "Entering BACKUP STATE");
    hear(&two, 2 * COUNT);
    let (before, vrrp) = ([changes(&first), changes(&second)], second.vrrp());
    vrrp.signal(Signal::SIGSTOP);
    // Three times the down interval of 0.36 s, and less than a frozen process gets.
    hear(&two, 10 * COUNT);
    vrrp.signal(Signal::SIGCONT);
    hear(&two, 10 * COUNT);
    assert_eq!([changes(&first), changes(&second)], before, "a state has changed");
    assert_eq!(second.vrrp().pid, vrrp.pid, "it is the process that was held up");
    assert!(second.stop().1.success());
    assert!(first.stop().1.success());
}
