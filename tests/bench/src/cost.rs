//! What the processes of a daemon cost: processor time and memory, as the kernel counts them.

use std::fs;

use lab::Node;
use lab::process::Process;

/// Processor time of all processes of the node so far, in microseconds.
pub(crate) fn processor(node: &Node) -> f64 {
    node.processes().iter().map(of_one).sum()
}

/// Processor time of one process so far, in microseconds.
pub(crate) fn of_one(process: &Process) -> f64 {
    let own = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", process.host_pid));
    // Nanoseconds where the kernel counts them, else ticks of 10 ms.
    if let Ok(text) = own("schedstat")
        && let Some(nanoseconds) = text.split_whitespace().next().and_then(|word| word.parse().ok())
        && nanoseconds > 0.0
    {
        let nanoseconds: f64 = nanoseconds;
        return nanoseconds / 1000.0;
    }
    let Ok(text) = own("stat") else { return 0.0 };
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks =
        fields.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<f64>().ok());
    ticks.sum::<f64>() * 10_000.0
}

/// Proportional memory of all processes of the node, in KiB: what several share is shared out.
pub(crate) fn memory(node: &Node) -> f64 {
    let of = |process: &Process| {
        let file = format!("/proc/{}/smaps_rollup", process.host_pid);
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:").map(str::to_owned));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
    };
    node.processes().iter().map(of).sum()
}
