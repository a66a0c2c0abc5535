//! Scripts that are told about servers and quorums.

use control_plane::model::Command;

use crate::layout::{Server, Service};
use crate::output::{Output, Outputs};
use crate::snapshot::ObjectKey;

/// The server is up or down now: `notify_up` or `notify_down`.
pub(crate) fn notify_server(server: &Server, out: &mut Outputs) {
    let config = &server.config;
    let command = if server.is_up() { &config.notify_up } else { &config.notify_down };
    notify(ObjectKey::Server(server.id), command.as_ref(), out);
}

/// The service has or lacks its quorum now: `quorum_up` or `quorum_down`.
pub(crate) fn notify_quorum(service: &Service, out: &mut Outputs) {
    let config = &service.config;
    let command = if service.quorum.up { &config.quorum_up } else { &config.quorum_down };
    notify(ObjectKey::Service(config.address), command.as_ref(), out);
}

/// The daemon ends, and with `omega` that is said of every server that is up, then of the quorum.
pub(crate) fn notify_stop(service: &Service, servers: &[Server], out: &mut Outputs) {
    if !service.config.omega {
        return;
    }
    for server in servers.iter().filter(|server| server.is_up()) {
        notify(ObjectKey::Server(server.id), server.config.notify_down.as_ref(), out);
    }
    if service.quorum.up {
        let object = ObjectKey::Service(service.config.address);
        notify(object, service.config.quorum_down.as_ref(), out);
    }
}

fn notify(object: ObjectKey, command: Option<&Command>, out: &mut Outputs) {
    if let Some(command) = command {
        out.push(Output::Notify { object, commands: vec![command.clone()] });
    }
}
