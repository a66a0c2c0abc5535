//! Scripts of the checker process: those that check, and those that are told about servers.

use checkers::names::{ServerName, ServiceName};
use checkers::{ObjectKey, Outcome, ProbeId};
use control_plane::Config;
use control_plane::model::{CheckerKind, Command, GroupNames};
use sys::Exit;

use crate::scripts::Subject;

/// Every script of this process.
pub(super) type Scripts = crate::scripts::Scripts<ProbeId, ObjectKey>;

impl Subject for ObjectKey {
    fn name(&self) -> String {
        match self {
            Self::Service(id) => ServiceName(*id, &GroupNames::NONE).to_string(),
            Self::Server(id) => ServerName(*id).to_string(),
            Self::Timeouts => "timeouts".to_owned(),
            Self::Mark(_) => "firewall mark".to_owned(),
            Self::MarkTable => "firewall table".to_owned(),
        }
    }
}

/// What the end of a check's script says.
pub(super) const fn outcome(exit: Option<Exit>) -> Outcome {
    match exit {
        Some(Exit::Status(status)) => Outcome::Exited(status),
        Some(Exit::Signal(signal)) => Outcome::Signal(signal.number()),
        None => Outcome::Failed,
    }
}

/// Every command that the checker process may run.
pub(super) fn commands(config: &Config) -> impl Iterator<Item = &Command> {
    config.lvs.virtual_servers.iter().flat_map(|service| {
        let of_servers = service.real_servers.iter().flat_map(|server| {
            let checks = server.checkers.iter().filter_map(|check| match &check.kind {
                CheckerKind::Misc(misc) => Some(&misc.command),
                _ => None,
            });
            let of_itself = server.notify_up.as_deref().into_iter();
            checks.chain(of_itself.chain(server.notify_down.as_deref()))
        });
        service.quorum_up.iter().chain(&service.quorum_down).chain(of_servers)
    })
}
