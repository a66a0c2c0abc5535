//! Ten thousands of real servers: into the kernel's table, through reloads, out of it, in memory.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use lab::{Daemon, Network, Node, Program};

use crate::cost;
use crate::floor;
use crate::row::{Place, Promise, Row, Series, Settings};

pub(crate) const ROW: Row = Row {
    name: "servers",
    title: "load, reload and stop of real servers",
    how: "virtual servers of 100 real servers with a TCP_CHECK that does not come due. Load: from the execution of \
          the program to the log line about the quorum of the last virtual server, which both daemons write when \
          its servers are in the table. Reload: from SIGHUP to the line about the one changed weight; with \
          nothing changed: processor time of all processes, for there is nothing to see. Stop: from SIGTERM to \
          the end of the program, and what is left. Memory: `Pss` of all processes once loaded. The kernel alone: \
          the requests of a load, 64 with one call.",
    place: Place::Ipvs,
    quick: true,
    run,
};

/// Real servers, and the ratio that a load must reach.
const SIZES: [(u32, f64); 3] = [(1_000, 0.3), (10_000, 0.1), (50_000, 0.05)];

/// Real servers of one virtual server.
const SERVERS_OF_ONE: u32 = 100;

/// A load, a reload: for fifty thousand in User-Mode Linux on a busy machine. What takes longer counts as
/// this long.
const LIMIT: Duration = Duration::from_secs(90);

/// A daemon that has done what was asked and goes on using the processor is given so long.
const REST: Duration = Duration::from_secs(60);

/// No further round of a size begins when its rounds have taken this long.
const BUDGET: Duration = Duration::from_secs(300);

/// A reload is over when no process has used the processor for so long.
const QUIET: Duration = Duration::from_secs(1);

/// The measures, with their units and what they must reach; the ratio of a load differs by size.
const MEASURES: [(&str, &str, Option<Promise>); 6] = [
    ("load", "s", None),
    ("reload, one server changed", "s", Some(Promise::Ratio(0.5))),
    ("reload, nothing changed, processor time", "ms", Some(Promise::Ratio(0.5))),
    ("stop", "s", Some(Promise::Ratio(0.2))),
    ("entries left by the stop", "entries", Some(Promise::Worst(0.0))),
    ("memory", "KiB", Some(Promise::Ratio(1.0))),
];

fn run(settings: &Settings) -> Vec<Series> {
    let mut all = MEASURES.map(|(name, unit, _)| Series::new(name, unit));
    let memory_of_none = |program: &Program| {
        let life = life(program, 1);
        life.values[5].unwrap_or_else(|| panic!("one server alone: {:?}", life.remarks))
    };
    let memory_of_none = settings.turns(settings.either(3, 1), memory_of_none);
    all[5].add("1 real server", Some(1.0), memory_of_none, &[Promise::Ratio(1.0)]);
    for (count, load) in settings.either(&SIZES[..], &SIZES[..2]) {
        let rounds = settings.either(if *count > 10_000 { 1 } else { 3 }, 1);
        let begin = Instant::now();
        for round in 0..rounds {
            if round > 0 && begin.elapsed() > BUDGET {
                break;
            }
            let lives = settings.turns(1, |program| life(program, *count));
            add(&mut all, *count, *load, lives.map(|mut of| of.remove(0)));
            all[0].floor(vec![programmed(*count)]);
            (settings.partly)(&all);
        }
    }
    all.into()
}

/// Seconds for the requests of a load alone.
fn programmed(count: u32) -> f64 {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &["192.168.100.11/24"]);
    floor::destinations(&node, count, SERVERS_OF_ONE)
}

/// Adds a life of ours and one of keepalived's to the figures of a size. A measure that one of them lacks
/// has a remark in place of a figure.
fn add(all: &mut [Series; 6], count: u32, load: f64, lives: [Life; 2]) {
    let label = format!("{count} real servers");
    for (place, (series, (.., promise))) in all.iter_mut().zip(MEASURES).enumerate() {
        for (life, name) in lives.iter().zip(["ours", "keepalived"]) {
            let remarks = life.remarks.iter().filter(|(of, _)| *of == place);
            series.remarks.extend(remarks.map(|(_, why)| format!("{label}, {name}: {why}")));
        }
        let [Some(ours), Some(theirs)] = lives.each_ref().map(|life| life.values[place]) else {
            continue;
        };
        match series.points.iter_mut().find(|point| point.label == label) {
            Some(point) => {
                point.samples[0].push(ours);
                point.samples[1].push(theirs);
            }
            None => {
                let promise = promise.unwrap_or(Promise::Ratio(load));
                series.add(&label, Some(f64::from(count)), [vec![ours], vec![theirs]], &[promise]);
            }
        }
    }
}

/// One life of a daemon.
#[derive(Debug, Default)]
struct Life {
    /// By [`MEASURES`].
    values: [Option<f64>; 6],
    /// Why one is missing, or is only known to be at least so much.
    remarks: Vec<(usize, String)>,
}

impl Life {
    /// From `since` until the daemon logs `line`, the limit if it does not.
    fn until(&mut self, measure: usize, daemon: &Daemon<'_>, line: &str, since: (Instant, usize)) {
        let (start, from) = since;
        let found = daemon.log().find_since(from, line, LIMIT);
        if found.is_none() {
            let why = format!("not done within {} s, counted as that", LIMIT.as_secs());
            self.remarks.push((measure, why));
        }
        let time = found.map_or(LIMIT, |line| line.at - start);
        self.values[measure] = Some(time.as_secs_f64());
    }

    /// Processor time once the daemon rests; a remark on `measure` if it does not.
    fn rest(&mut self, measure: usize, node: &Node) -> Option<f64> {
        let used = quiet(node);
        if used.is_none() {
            let why = format!("does not come to rest within {} s", REST.as_secs());
            self.remarks.push((measure, why));
        }
        used
    }
}

/// The values of all series, as far as the daemon gets.
fn life(program: &Program, count: u32) -> Life {
    let mut life = Life::default();
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &["192.168.100.11/24"]);
    let text = configuration(count, None);
    let (daemon, start) = Daemon::start_timed(program, &node, &text, &["-n", "-l", "-C"]);
    let services = count.div_ceil(SERVERS_OF_ONE);
    let last = format!("for VS [10.0.{}.{}]", (services - 1) / 256, (services - 1) % 256);
    life.until(0, &daemon, &last, (start, 0));
    // Of checks that are spread over an hour a few come due, and find nobody.
    if entries(&node) < (count + services) * 99 / 100 {
        life.remarks.push((0, "the table is not complete".to_owned()));
    }
    if life.rest(5, &node).is_some() {
        life.values[5] = Some(cost::memory(&node));
        reloads(&mut life, &daemon, &node, count);
    }
    let (sent, status) = daemon.stop();
    life.values[3] = Some(sent.elapsed().as_secs_f64());
    if !status.success() {
        life.remarks.push((3, format!("ends with {status}")));
    }
    life.values[4] = Some(f64::from(entries(&node)));
    node.sh("ipvsadm -C");
    life
}

/// One changed server, then nothing.
fn reloads(life: &mut Life, daemon: &Daemon<'_>, node: &Node, count: u32) {
    daemon.write(&configuration(count, Some(count / 2)));
    let since = daemon.reload_written();
    life.until(1, daemon, "from 100 to 99", since);
    let Some(before) = life.rest(2, node) else { return };
    daemon.reload_written();
    life.values[2] = life.rest(2, node).map(|after| (after - before) / 1e3);
}

/// Waits until the processes of the node have come to rest; their processor time so far. `None`: they do not.
fn quiet(node: &Node) -> Option<f64> {
    let (mut used, mut since, begin) = (cost::processor(node), Instant::now(), Instant::now());
    while since.elapsed() < QUIET {
        if begin.elapsed() > REST {
            return None;
        }
        std::thread::sleep(Duration::from_millis(100));
        let now = cost::processor(node);
        // A timer or a heartbeat is rest.
        if now - used > 20_000.0 {
            since = Instant::now();
        }
        used = now;
    }
    Some(used)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_does_not_rest_has_a_remark_for_what_is_missing() {
        let mut all = MEASURES.map(|(name, unit, _)| Series::new(name, unit));
        let ours = Life { values: [Some(1.0); 6], remarks: Vec::new() };
        let mut theirs = Life { values: [Some(10.0); 6], remarks: Vec::new() };
        theirs.values[2] = None;
        theirs.remarks.push((2, "does not come to rest within 60 s".to_owned()));
        add(&mut all, 10_000, 0.1, [ours, theirs]);
        assert_eq!(all[0].points[0].ratio(), 0.1);
        assert!(all[2].points.is_empty());
        let remark = "10000 real servers, keepalived: does not come to rest within 60 s";
        assert_eq!(all[2].remarks, [remark]);
    }

    #[test]
    fn further_rounds_of_a_size_are_samples_of_one_point() {
        let mut all = MEASURES.map(|(name, unit, _)| Series::new(name, unit));
        for value in [3.0, 1.0, 2.0] {
            let life = || Life { values: [Some(value); 6], remarks: Vec::new() };
            add(&mut all, 1_000, 0.3, [life(), life()]);
        }
        assert_eq!(all[3].points.len(), 1);
        assert_eq!(all[3].points[0].samples[1].median(), 2.0);
        assert_eq!(all[0].points[0].promises.len(), 1);
    }
}
