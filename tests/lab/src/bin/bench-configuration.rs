//! `make bench`, second part: what testing a large configuration (`-t`) costs, ours side by side with
//! Debian's keepalived in one run, printed as ratios.
#![allow(clippy::expect_used, reason = "what the bench cannot do must end it with the reason")]

use std::env;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lab::Program;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// Real servers of each configuration, nine lines each.
const SIZES: [usize; 2] = [10_000, 50_000];

/// Real servers of one virtual server.
const SERVERS_OF_ONE: usize = 100;

/// Runs of each program with each configuration, in turn; medians count.
const RUNS: usize = 7;

/// Makes this program run one test and print what it cost.
const MEASURE: &str = "--measure";

/// What one test of a configuration cost.
#[derive(Clone, Copy)]
struct Cost {
    /// Processor time of the program and the kernel for it.
    cpu: Duration,
    /// Time on the clock.
    wall: Duration,
    /// Most memory that was resident at a time, KiB.
    memory: u64,
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [word, program, file] = arguments.as_slice()
        && word == MEASURE
    {
        measure(program, file);
        return;
    }
    let Some(keepalived) = Program::debian() else { return };
    let programs = [Program::ours(), keepalived];
    println!("\ntest of a configuration (-t), 9 lines a real server, median of {RUNS} runs\n");
    println!("{:22}{:>31}  {:>31}  {:>20}", "", "ours", "keepalived", "ratio");
    let columns = format!("{:>9} {:>9} {:>11}", "cpu", "wall", "memory");
    println!(
        "{:22}{columns}  {columns}  {:>6} {:>6} {:>6}",
        "real servers", "cpu", "wall", "memory"
    );
    let folder = tempfile::tempdir().expect("a folder for configurations");
    let costs = SIZES.map(|size| {
        let file = folder.path().join(format!("{size}.conf"));
        std::fs::write(&file, configuration(size)).expect("room for a configuration");
        let costs = medians(&programs, &file);
        println!("{size:<22}{}", row(costs));
        costs
    });
    let growth = |program: usize| {
        let [small, large] = costs.map(|costs| costs[program]);
        let cpu = large.cpu.as_secs_f64() / small.cpu.as_secs_f64();
        let wall = large.wall.as_secs_f64() / small.wall.as_secs_f64();
        let memory = ratio(large.memory, small.memory);
        format!("{cpu:>9.1} {wall:>9.1} {memory:>11.1}")
    };
    println!("{:22}{}  {}", "5 times as many: times", growth(0), growth(1));
}

/// A configuration with so many real servers, as people write them.
fn configuration(servers: usize) -> String {
    let mut text = String::from("global_defs {\n    router_id bench\n}\n");
    for first in (0..servers).step_by(SERVERS_OF_ONE) {
        let service = first / SERVERS_OF_ONE;
        let _ = write!(
            text,
            "virtual_server 10.0.{}.{} 80 {{\n    delay_loop 6\n    lb_algo wrr\n    lb_kind DR\n    \
             protocol TCP\n",
            service / 256,
            service % 256
        );
        for server in first..servers.min(first + SERVERS_OF_ONE) {
            let [_, high, middle, low] =
                u32::try_from(server).expect("a small number").to_be_bytes();
            let _ = write!(
                text,
                "    real_server 10.{}.{middle}.{low} 80 {{\n        weight 100\n        TCP_CHECK {{\n            \
                 connect_timeout 3\n            retry 3\n            delay_before_retry 3\n            \
                 connect_port 80\n        }}\n    }}\n",
                100 + high
            );
        }
        text.push_str("}\n");
    }
    text
}

/// The programs take turns, so that neither has the quieter machine.
fn medians(programs: &[Program; 2], file: &Path) -> [Cost; 2] {
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..RUNS {
        for (costs, program) in costs.iter_mut().zip(programs) {
            costs.push(cost(program, file));
        }
    }
    costs.map(|costs| {
        let middle = |mut values: Vec<u128>| {
            values.sort_unstable();
            u64::try_from(values[RUNS / 2]).expect("less than an age")
        };
        let micros = |of: fn(&Cost) -> Duration| {
            Duration::from_micros(middle(costs.iter().map(|cost| of(cost).as_micros()).collect()))
        };
        Cost {
            cpu: micros(|cost| cost.cpu),
            wall: micros(|cost| cost.wall),
            memory: middle(costs.iter().map(|cost| cost.memory.into()).collect()),
        }
    })
}

/// One run, in a process of its own: the system tells what all children together have used.
fn cost(program: &Program, file: &Path) -> Cost {
    let own = env::current_exe().expect("the path of this executable");
    let output = Command::new(own)
        .arg(MEASURE)
        .args([program.path(), file])
        .output()
        .expect("this program starts once more");
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let complaint = String::from_utf8_lossy(&output.stderr);
    let &[cpu, wall, memory] = numbers.as_array().expect(&complaint);
    Cost { cpu: Duration::from_micros(cpu), wall: Duration::from_micros(wall), memory }
}

fn measure(program: &str, file: &str) {
    let start = Instant::now();
    let status = Command::new(program)
        .args(["-t", "-f", file])
        .stdin(Stdio::null())
        .status()
        .expect("the program starts");
    let wall = start.elapsed().as_micros();
    assert!(status.success(), "{program} -t: {status}");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("a process may ask for its own usage");
    let cpu = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    println!("{cpu} {wall} {}", usage.max_rss());
}

fn row([ours, keepalived]: [Cost; 2]) -> String {
    let columns = |cost: Cost| {
        let millis = |time: Duration| format!("{} ms", time.as_millis());
        let memory = format!("{:.1} MiB", ratio(cost.memory, 1024));
        format!("{:>9} {:>9} {memory:>11}", millis(cost.cpu), millis(cost.wall))
    };
    let cpu = ours.cpu.as_secs_f64() / keepalived.cpu.as_secs_f64();
    let wall = ours.wall.as_secs_f64() / keepalived.wall.as_secs_f64();
    let memory = ratio(ours.memory, keepalived.memory);
    format!("{}  {}  {cpu:>6.2} {wall:>6.2} {memory:>6.2}", columns(ours), columns(keepalived))
}

fn ratio(of: u64, to: u64) -> f64 {
    let exact = |number: u64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    exact(of) / exact(to)
}
