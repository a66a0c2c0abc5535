//! `vrrp_priority`, `checker_cpu_affinity` and their kin: set once, when the process begins.

use std::io;

use control_plane::model::global::ProcessSettings;
use sys::scheduling;

/// Sets what is configured. What the system refuses is logged; the process runs all the same.
pub(crate) fn apply(settings: &ProcessSettings) {
    let ProcessSettings { nice, no_swap, realtime_priority, cpu_affinity, realtime_limit, .. } =
        settings;
    if !cpu_affinity.is_empty() {
        check("run on the chosen processors", scheduling::set_processors(cpu_affinity));
    }
    if let Some(nice) = nice {
        check("set its nice value", scheduling::set_nice(*nice));
    }
    if let Some(priority) = realtime_priority {
        if let Some(limit) = realtime_limit {
            check("limit its real time", scheduling::limit_realtime(limit.as_micros()));
        }
        check("become a real-time process", scheduling::set_realtime(*priority));
    }
    if *no_swap {
        check("lock its memory", scheduling::lock_memory());
    }
}

fn check(what: &str, result: io::Result<()>) {
    if let Err(error) = result {
        log::warn!("the process cannot {what}: {error}");
    }
}
