//! `vrrp_priority`, `checker_cpu_affinity` and their kin: set when the process begins, and what a
//! reload changes of them.

use std::io;

use control_plane::model::global::ProcessSettings;
use sys::scheduling;

/// Sets what is configured. What the system refuses is logged; the process runs all the same.
pub(crate) fn apply(settings: &ProcessSettings) {
    let ProcessSettings { nice, no_swap, realtime_priority, cpu_affinity, .. } = settings;
    if !cpu_affinity.is_empty() {
        check("run on the chosen processors", scheduling::set_processors(cpu_affinity));
    }
    if let Some(nice) = nice {
        check("set its nice value", scheduling::set_nice(*nice));
    }
    if let Some(priority) = realtime_priority {
        raise(settings, *priority);
    }
    if *no_swap {
        check("lock its memory", scheduling::lock_memory());
    }
}

/// Gives the process that real-time priority.
pub(crate) fn raise(settings: &ProcessSettings, priority: u8) {
    if let Some(limit) = settings.realtime_limit {
        check("limit its real time", scheduling::limit_realtime(limit.as_micros()));
    }
    check("become a real-time process", scheduling::set_realtime(priority));
}

/// Takes back what the process has raised itself.
pub(crate) fn restore(settings: &ProcessSettings) {
    match settings.realtime_priority {
        Some(priority) => raise(settings, priority),
        None => {
            let nice = settings.nice.unwrap_or(0);
            check("become an ordinary process", scheduling::set_nice(nice));
        }
    }
}

/// Sets what another configuration has otherwise; what it no longer has becomes ordinary again.
pub(crate) fn change(old: &ProcessSettings, new: &ProcessSettings) {
    if old.cpu_affinity != new.cpu_affinity && new.cpu_affinity.is_empty() {
        check("run on all processors", scheduling::set_all_processors());
    }
    let ordinary = new.nice.is_none() && new.realtime_priority.is_none();
    if ordinary && (old.nice.is_some() || old.realtime_priority.is_some()) {
        check("become an ordinary process", scheduling::set_nice(0));
    }
    if old.no_swap && !new.no_swap {
        check("unlock its memory", scheduling::unlock_memory());
    }
    if old != new {
        apply(new);
    }
}

fn check(what: &str, result: io::Result<()>) {
    if let Err(error) = result {
        log::warn!("the process cannot {what}: {error}");
    }
}
