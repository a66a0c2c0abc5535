//! Scripts of the VRRP process: those that are tracked, and those that are told about states.

use control_plane::Config;
use control_plane::model::Command;
use sys::{Exit, Signal};
use vrrp_stack::{ExitKind, KillSignal, NotifyObject, RunId};

use crate::scripts::Subject;

/// Every script of this process.
pub(super) type Scripts = crate::scripts::Scripts<RunId, NotifyObject>;

impl Subject for NotifyObject {
    fn name(&self) -> String {
        Self::name(self).to_owned()
    }
}

/// What the end of a tracked script says.
pub(super) const fn exit_kind(exit: Option<Exit>) -> ExitKind {
    match exit {
        Some(Exit::Status(status)) => ExitKind::Code(status),
        Some(Exit::Signal(signal)) => ExitKind::Signal(signal.number()),
        None => ExitKind::NotStarted,
    }
}

/// The signal that the stack means.
pub(super) const fn kill_signal(signal: KillSignal) -> Signal {
    match signal {
        KillSignal::Term => Signal::TERM,
        KillSignal::Kill => Signal::KILL,
    }
}

/// Every command that the VRRP process may run.
pub(crate) fn commands(config: &Config) -> impl Iterator<Item = &Command> {
    let checks = config.vrrp.scripts.iter().map(|script| &script.command);
    let instances = config.vrrp.instances.iter().map(|instance| &*instance.notify);
    let groups = config.vrrp.sync_groups.iter().map(|group| &group.notify);
    let notify = instances.chain(groups).flat_map(|notify| {
        [
            &notify.master,
            &notify.backup,
            &notify.fault,
            &notify.stop,
            &notify.generic,
            &notify.deleted,
            &notify.master_rx_lower_pri,
        ]
    });
    checks.chain(notify.flatten())
}
