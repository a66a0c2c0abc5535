//! Pipes and scripts that are told about servers and quorums.

use control_plane::model::{Command, GroupNames};

use crate::layout::{Server, Service};
use crate::mail;
use crate::names::{ServiceName, names};
use crate::output::{Output, Outputs};
use crate::snapshot::ObjectKey;

/// The server is up or down now: `notify_up` or `notify_down`.
pub(crate) fn notify_server(server: &Server, out: &mut Outputs) {
    let config = &server.config;
    let command = if server.is_up() { &config.notify_up } else { &config.notify_down };
    let object = ObjectKey::Server(server.id());
    out.push(Output::Tell { object, up: server.is_up() });
    notify(object, command.as_deref(), out);
}

/// The service has or lacks its quorum now: `quorum_up` or `quorum_down`.
pub(crate) fn notify_quorum(service: &Service, out: &mut Outputs) {
    let config = &service.config;
    let command = if service.quorum.up { &config.quorum_up } else { &config.quorum_down };
    let object = ObjectKey::Service(config.address);
    out.push(Output::Tell { object, up: service.quorum.up });
    notify(object, command.as_ref(), out);
}

/// The line that pipes get of a new state: `RS [10.2.0.2]:tcp:80 [10.1.0.100]:tcp:80 UP`. keepalived
/// has a zero byte after each line, by mistake.
pub fn state_line(object: &ObjectKey, up: bool, groups: &GroupNames) -> String {
    let state = if up { "UP" } else { "DOWN" };
    match object {
        ObjectKey::Timeouts | ObjectKey::Mark(_) | ObjectKey::MarkTable => String::new(),
        ObjectKey::Service(id) => format!("VS {} {state}\n", ServiceName(*id, groups)),
        ObjectKey::Server(id) => {
            let (server, service) = names(id, groups);
            format!("RS {server} {service} {state}\n")
        }
    }
}

/// The daemon ends, and with `omega` that is said of every server that is up, then of the quorum.
pub(crate) fn notify_stop(
    service: &Service,
    servers: &[Server],
    groups: &GroupNames,
    out: &mut Outputs,
) {
    if !service.config.omega {
        return;
    }
    for server in servers.iter().filter(|server| server.is_up()) {
        notify(ObjectKey::Server(server.id()), server.config.notify_down.as_deref(), out);
        mail::server_leaves(server, mail::SHUTTING_DOWN, groups, out);
    }
    if service.quorum.up {
        let object = ObjectKey::Service(service.config.address);
        notify(object, service.config.quorum_down.as_ref(), out);
        mail::service_leaves(service, mail::SHUTTING_DOWN, groups, out);
    }
}

fn notify(object: ObjectKey, command: Option<&Command>, out: &mut Outputs) {
    if let Some(command) = command {
        out.push(Output::Notify { object, commands: vec![command.clone()] });
    }
}
