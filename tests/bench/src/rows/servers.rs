//! Ten thousands of real servers: into the kernel's table, through reloads, out of it, in memory.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use lab::{Daemon, Network, Node, Program};

use crate::cost;
use crate::row::{Place, Promise, Row, Series, Settings};

pub(crate) const ROW: Row = Row {
    name: "servers",
    title: "load, reload and stop of real servers",
    how: "virtual servers of 100 real servers with a TCP_CHECK that does not come due. Load: from the start of \
          the program to the log line about the quorum of the last virtual server, which both daemons write when \
          its servers are in the table. Reload: from SIGHUP to the line about the one changed weight; with \
          nothing changed: processor time of all processes, for there is nothing to see. Stop: from SIGTERM to \
          the end of the program, and what is left. Memory: `Pss` of all processes once loaded.",
    place: Place::Ipvs,
    quick: true,
    run,
};

/// Real servers, and the ratio that a load must reach.
const SIZES: [(u32, f64); 3] = [(1_000, 0.3), (10_000, 0.1), (50_000, 0.05)];

/// Real servers of one virtual server.
const SERVERS_OF_ONE: u32 = 100;

/// For fifty thousand in User-Mode Linux on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// A reload is over when no process has used the processor for so long.
const QUIET: Duration = Duration::from_secs(1);

fn run(settings: &Settings) -> Vec<Series> {
    let new = Series::new;
    let mut all = [
        new("load", "s"),
        new("reload, one server changed", "s"),
        new("reload, nothing changed, processor time", "ms"),
        new("stop", "s"),
        new("entries left by the stop", "entries"),
        new("memory", "KiB"),
    ];
    let memory_of_none = settings.turns(settings.either(3, 1), |program| measured(program, 1)[5]);
    all[5].add("1 real server", Some(1.0), memory_of_none, &[Promise::Ratio(1.0)]);
    for (count, load) in settings.either(&SIZES[..], &SIZES[..2]) {
        let rounds = settings.either(if *count > 10_000 { 1 } else { 3 }, 1);
        let values = settings.turns(rounds, |program| measured(program, *count));
        let label = format!("{count} real servers");
        let promises = [
            Promise::Ratio(*load),
            Promise::Ratio(0.5),
            Promise::Ratio(0.5),
            Promise::Ratio(0.2),
            Promise::Worst(0.0),
            Promise::Ratio(1.0),
        ];
        for (place, (series, promise)) in all.iter_mut().zip(promises).enumerate() {
            let of = |rounds: &Vec<[f64; 6]>| rounds.iter().map(|one| one[place]).collect();
            series.add(&label, Some(f64::from(*count)), values.each_ref().map(of), &[promise]);
        }
    }
    all.into()
}

/// One life of a daemon: the values of all series.
fn measured(program: &Program, count: u32) -> [f64; 6] {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &["192.168.100.11/24"]);
    let start = Instant::now();
    let options = ["-n", "-l", "-C"];
    let daemon = Daemon::start_exactly_with(program, &node, &configuration(count, None), &options);
    let services = count.div_ceil(SERVERS_OF_ONE);
    let last = format!("for VS [10.0.{}.{}]", (services - 1) / 256, (services - 1) % 256);
    let load = daemon.log().wait(&last, LIMIT).at - start;
    // Of checks that are spread over an hour a few come due, and find nobody.
    assert!(entries(&node) >= (count + services) * 99 / 100, "{program:?}");
    quiet(&node);
    let memory = cost::memory(&node);

    let changed = configuration(count, Some(count / 2));
    let (sent, from) = (Instant::now(), daemon.reload(&changed));
    let one = daemon.log().wait_since(from, "from 100 to 99", LIMIT).at - sent;
    quiet(&node);
    let before = cost::processor(&node);
    daemon.reload(&changed);
    let none = quiet(&node) - before;

    let (sent, status) = daemon.stop();
    let stop = sent.elapsed();
    assert!(status.success(), "{program:?}");
    let left = f64::from(entries(&node));
    node.sh("ipvsadm -C");
    [load.as_secs_f64(), one.as_secs_f64(), none / 1e3, stop.as_secs_f64(), left, memory]
}

/// Waits until the processes of the node have come to rest; their processor time so far.
fn quiet(node: &Node) -> f64 {
    let (mut used, mut since, begin) = (cost::processor(node), Instant::now(), Instant::now());
    while since.elapsed() < QUIET {
        assert!(begin.elapsed() < LIMIT, "the daemon does not come to rest");
        std::thread::sleep(Duration::from_millis(100));
        let now = cost::processor(node);
        // A timer or a heartbeat is rest.
        if now - used > 20_000.0 {
            since = Instant::now();
        }
        used = now;
    }
    used
}

/// Services and servers in the kernel's table.
fn entries(node: &Node) -> u32 {
    let count = node.sh("ipvsadm -Sn | wc -l");
    count.trim().parse().expect("a number of lines")
}

/// So many real servers; the one at `changed` has another weight.
fn configuration(servers: u32, changed: Option<u32>) -> String {
    let mut text = String::from("global_defs {\n    router_id bench\n}\n");
    for first in (0..servers).step_by(SERVERS_OF_ONE as usize) {
        let service = first / SERVERS_OF_ONE;
        let _ = write!(
            text,
            "virtual_server 10.0.{}.{} 80 {{\n    delay_loop 3600\n    warmup 3600\n    lb_algo wrr\n    \
             lb_kind DR\n    protocol TCP\n",
            service / 256,
            service % 256
        );
        for server in first..servers.min(first + SERVERS_OF_ONE) {
            let [_, high, middle, low] = server.to_be_bytes();
            let weight = if changed == Some(server) { 99 } else { 100 };
            let _ = write!(
                text,
                "    real_server 10.{}.{middle}.{low} 80 {{\n        weight {weight}\n        TCP_CHECK {{\n            \
                 connect_timeout 3\n            retry 3\n            delay_before_retry 3\n            \
                 connect_port 80\n        }}\n    }}\n",
                100 + high
            );
        }
        text.push_str("}\n");
    }
    text
}
