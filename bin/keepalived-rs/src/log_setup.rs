//! Where log lines go, by the command line.

use base::{Duration, Instant};
use control_plane::model::global::Launch;
use logging::{Detail, Process};
use scheduler::{Scheduler, TimerId};
use watchdog::Role;

use crate::cli::Options;
use crate::log_file::Writer;

/// Expires when lines may have room again; nothing else is to be done then.
const LOG: TimerId = TimerId(u64::MAX);

/// How soon a syslog daemon that had no room is asked again.
const SOON: Duration = Duration::from_millis(10);

/// What a process that ends may wait for a syslog daemon that has no room.
const LAST_LINES: std::time::Duration = std::time::Duration::from_millis(200);

/// Sets up the log of the parent; its children inherit it. Gives the writer of log files, if there is
/// one.
pub(crate) fn start(options: &Options) -> Option<Writer> {
    let started = options.log_file.as_deref().and_then(|base| {
        Writer::start(base)
            .inspect_err(|error| {
                eprintln!("keepalived-rs: no log file {}: {error}", base.display())
            })
            .ok()
    });
    let (writer, file) = started.unzip();
    let wanted = logging::Options {
        file,
        console: options.log_console,
        syslog: (!options.no_syslog).then_some(options.facility),
        detail: Detail::from_count(options.log_detail),
        identity: logging::identity(Process::Parent, None, None),
    };
    if let Err(error) = logging::init(wanted) {
        eprintln!("keepalived-rs: no log: {error}");
    }
    // The writer has nobody to tell.
    for (path, why) in
        options.log_file.as_deref().map(logging::hindered_log_files).unwrap_or_default()
    {
        if !options.log_console {
            eprintln!("keepalived-rs: no log file {}: {why}", path.display());
        }
        log::error!("no log file {}: {why}", path.display());
    }
    writer
}

/// From now on the parent has its namespace and instance in its name.
pub(crate) fn name(launch: &Launch) {
    set(Process::Parent, launch);
}

/// From now on this process is that child in the log.
pub(crate) fn child(role: Role, launch: &Launch) {
    let process = match role {
        Role::Vrrp => Process::Vrrp,
        Role::Checkers => Process::Checkers,
    };
    set(process, launch);
}

fn set(process: Process, launch: &Launch) {
    logging::set_process(process);
    let (namespace, instance) = (launch.namespace.as_deref(), launch.instance.as_deref());
    logging::set_identity(&logging::identity(process, namespace, instance));
}

/// The end of a turn: gives syslog what it had no room for before.
pub(crate) fn flush(now: Instant, scheduler: &mut Scheduler) {
    scheduler.arm(LOG, logging::flush().then_some(now + SOON));
}

/// The end of a process.
pub(crate) fn finish() {
    logging::finish(LAST_LINES);
}
