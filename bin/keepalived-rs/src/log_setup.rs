//! Where log lines go, by the command line.

use logging::{Detail, Process};
use watchdog::Role;

use crate::cli::Options;

/// Sets up the log of the parent; its children inherit it.
pub(crate) fn start(options: &Options) {
    let wanted = logging::Options {
        console: options.log_console,
        syslog: (!options.no_syslog).then_some(options.facility),
        detail: Detail::from_count(options.log_detail),
        identity: logging::identity(Process::Parent, None, None),
    };
    if let Err(error) = logging::init(wanted) {
        eprintln!("keepalived-rs: no log: {error}");
    }
}

/// From now on this process is that child in the log.
pub(crate) fn child(role: Role) {
    let process = match role {
        Role::Vrrp => Process::Vrrp,
        Role::Checkers => Process::Checkers,
    };
    logging::set_identity(&logging::identity(process, None, None));
}
