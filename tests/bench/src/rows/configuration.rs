//! What testing a large configuration (`-t`) costs.

use std::env;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use lab::Program;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::row::{Place, Promise, Row, Series, Settings};

pub(crate) const ROW: Row = Row {
    name: "configuration",
    title: "test of a configuration (-t)",
    how: "virtual servers of 100 real servers, nine lines a real server; processor time and most \
          resident memory as the kernel counted them for the process.",
    place: Place::Here,
    quick: true,
    run,
};

/// Real servers of each configuration, nine lines each.
const SIZES: [usize; 3] = [1_000, 10_000, 50_000];

/// Real servers of one virtual server.
const SERVERS_OF_ONE: usize = 100;

/// What one test of a configuration cost.
#[derive(Clone, Copy)]
struct Cost {
    /// Processor time of the program and the kernel for it, ms.
    cpu: f64,
    /// Most memory that was resident at a time, MiB.
    memory: f64,
}

fn run(settings: &Settings) -> Vec<Series> {
    let mut cpu = Series::new("processor time", "ms");
    let mut memory = Series::new("peak memory", "MiB");
    let folder = tempfile::tempdir().expect("a folder for configurations");
    for servers in settings.either(&SIZES[..], &SIZES[..2]) {
        let file = folder.path().join(format!("{servers}.conf"));
        std::fs::write(&file, configuration(*servers)).expect("room for a configuration");
        let costs = settings.turns(settings.either(7, 3), |program| cost(program, &file));
        let of =
            |figure: fn(&Cost) -> f64| costs.each_ref().map(|all| all.iter().map(figure).collect());
        let label = format!("{servers} real servers");
        let size = u32::try_from(*servers).ok().map(f64::from);
        cpu.add(&label, size, of(|cost| cost.cpu), &[Promise::Ratio(0.7)]);
        memory.add(&label, size, of(|cost| cost.memory), &[Promise::Ratio(1.0)]);
    }
    vec![cpu, memory]
}

/// A configuration with so many real servers, as people write them.
pub(super) fn configuration(servers: usize) -> String {
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

/// One run, in a process of its own: the system tells what all children together have used.
fn cost(program: &Program, file: &Path) -> Cost {
    let own = env::current_exe().expect("the path of this executable");
    let output = Command::new(own)
        .arg("--measure")
        .args([program.path(), file])
        .output()
        .expect("this program starts once more");
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let complaint = String::from_utf8_lossy(&output.stderr);
    let &[cpu, memory] = numbers.as_array().expect(&complaint);
    Cost { cpu: cpu / 1e3, memory: memory / 1024.0 }
}

/// In that process: one test, and its processor time in microseconds and memory in KiB.
pub(crate) fn measure(program: &str, file: &str) {
    let status = Command::new(program)
        .args(["-t", "-f", file])
        .stdin(Stdio::null())
        .status()
        .expect("the program starts");
    assert!(status.success(), "{program} -t: {status}");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("a process may ask for its own usage");
    let cpu = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    println!("{cpu} {}", usage.max_rss());
}
