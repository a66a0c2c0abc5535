//! What the death of the checker process costs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use lab::web::Web;
use lab::{Daemon, Network, Node, Program, wait};
use nix::sys::signal::Signal;

use crate::row::{Place, Promise, Row, Series, Settings};

pub(crate) const ROW: Row = Row {
    name: "checker-killed",
    title: "checker process killed: entries missing, and the time until checks go on",
    how: "a virtual server with 20 real servers on one host, `TCP_CHECK` each second, all alive; SIGKILL for the \
          checker process after two seconds of checks. The table is read all the time from the kill until checks go \
          on: entries missing at the worst moment. Checks go on: from the kill to the first connection that the \
          server host gets later than 5 ms after the end of the process.",
    place: Place::Ipvs,
    quick: true,
    run,
};

const SERVERS: usize = 20;

/// What a connection that stood when its process died takes to be counted. Checks of a successor that
/// was faster would not count, which makes the time longer, never shorter.
const SETTLING: Duration = Duration::from_millis(5);
const LIMIT: Duration = Duration::from_secs(60);

fn run(settings: &Settings) -> Vec<Series> {
    let values = settings.turns(settings.either(7, 3), killed);
    let place = |place: usize| {
        values.each_ref().map(|rounds| rounds.iter().map(|one: &[f64; 2]| one[place]).collect())
    };
    let mut missing = Series::new("entries missing", "entries");
    missing.add("20 real servers", None, place(0), &[Promise::Worst(0.0)]);
    let mut time = Series::new("checks go on", "ms");
    time.add("20 real servers", None, place(1), &[Promise::Median(200.0)]);
    vec![missing, time]
}

/// Entries missing at the worst moment, and milliseconds until checks went on.
fn killed(program: &Program) -> [f64; 2] {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &["192.168.100.11/24"]);
    let servers: Vec<String> =
        (0..SERVERS).map(|n| format!("192.168.100.{}/24", 101 + n)).collect();
    let addresses: Vec<&str> = servers.iter().map(String::as_str).collect();
    let host = network.host("rs", "eth0", &addresses);
    let web = Web::start(&host, 80);
    let daemon = Daemon::start_exactly_with(program, &node, &configuration(), &["-n", "-l", "-C"]);
    wait::eventually(LIMIT, "the table", || entries(&node) == SERVERS);
    let before = web.connections();
    wait::eventually(LIMIT, "checks", || web.connections() >= before + 2 * SERVERS);
    let (victim, ended) = (daemon.checker(), AtomicBool::new(false));
    let values = thread::scope(|scope| {
        let least = scope.spawn(|| {
            let mut least = SERVERS;
            while !ended.load(Ordering::Relaxed) {
                least = least.min(entries(&node));
            }
            least
        });
        let at = Instant::now();
        victim.signal(Signal::SIGKILL);
        until(|| !victim.is_alive());
        // Its last connections are accepted. Whoever looked for the successor instead would find it
        // after its first checks, and count the time to the next, a second later.
        sleep(SETTLING);
        let checks = web.connections();
        until(|| web.connections() > checks);
        let time = at.elapsed();
        ended.store(true, Ordering::Relaxed);
        let least = least.join().expect("the reader of the table");
        [(SERVERS - least) as f64, time.as_secs_f64() * 1e3]
    });
    daemon.stop();
    node.sh("ipvsadm -C");
    values
}

/// Waits with a finer measure than the lab does.
fn until(is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < LIMIT, "checks do not go on");
        sleep(Duration::from_millis(1));
    }
}

/// Real servers in the kernel's table.
fn entries(node: &Node) -> usize {
    let table = node.proc_net("ip_vs");
    table.lines().filter(|line| line.starts_with("  -> ") && !line.contains("Remote")).count()
}

fn configuration() -> String {
    let server = |n: usize| {
        format!(
            "    real_server 192.168.100.{} 80 {{\n        TCP_CHECK {{\n            connect_timeout 1\n        }}\n    }}\n",
            101 + n
        )
    };
    let servers: String = (0..SERVERS).map(server).collect();
    format!(
        "virtual_server 10.8.0.1 80 {{\n    delay_loop 1\n    lb_algo rr\n    lb_kind DR\n    protocol TCP\n{servers}}}\n"
    )
}
