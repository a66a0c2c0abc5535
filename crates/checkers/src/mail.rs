//! Mails about servers and quorums (`smtp_alert`), in keepalived's words. A server sends one for each
//! of its checks that turns, with its own state in the subject.

use base::{Mail, MailAbout};
use control_plane::model::{Checker, CheckerKind, GroupNames};

use crate::layout::{Server, Service};
use crate::lines::{At, CheckKind, smtp_words};
use crate::names::{ServiceName, names};
use crate::output::{Output, Outputs};
use crate::verdict::{Failure, Verdict};

/// What a mail says of a server that a check did not turn.
pub(crate) const SHUTTING_DOWN: &str = "Shutting down";
/// The same, of a server or service that a reload removes.
pub(crate) const REMOVING: &str = "Removing";

/// A check has turned; `moved`: its server with it.
pub(crate) fn check_turned(
    server: &Server,
    check: &Checker,
    verdict: &Verdict,
    moved: bool,
    groups: &GroupNames,
    out: &mut Outputs,
) {
    let about = if moved { MailAbout::State } else { MailAbout::Check };
    server_mail(server, server.is_up(), about, &check_words(check, verdict), groups, out);
}

/// A server is no longer looked after, and was up.
pub(crate) fn server_leaves(server: &Server, why: &str, groups: &GroupNames, out: &mut Outputs) {
    server_mail(server, false, MailAbout::State, why, groups, out);
}

fn server_mail(
    server: &Server,
    up: bool,
    about: MailAbout,
    body: &str,
    groups: &GroupNames,
    out: &mut Outputs,
) {
    if !server.config.smtp_alert {
        return;
    }
    let (name, service) = names(&server.id(), groups);
    let subject = format!("Realserver {name} of virtual server {service} - {}", word(up));
    out.push(Output::Mail(Mail { about, subject, body: body.to_owned() }));
}

/// How a service came to have its quorum, or not.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Since {
    /// It begins so.
    Start,
    /// Live weights have changed.
    Turn,
}

/// A service has or lacks its quorum.
pub(crate) fn quorum(service: &Service, since: Since, groups: &GroupNames, out: &mut Outputs) {
    let (line, up) = (service.quorum_line(), service.quorum.up);
    let (words, bound) = match (since, up) {
        (Since::Start, true) => ("Starting with quorum up", line.upper()),
        (Since::Start, false) => ("Starting with quorum down", line.upper()),
        (Since::Turn, true) => ("Gained quorum", line.upper()),
        (Since::Turn, false) => ("Lost quorum", line.lower()),
    };
    // The signs are keepalived's, whatever the arithmetic.
    let (quorum, hysteresis, weight) = (line.quorum, line.hysteresis, line.weight);
    let body = format!("{words} {quorum}+{hysteresis}={bound} <= {weight}");
    service_mail(service, up, body, groups, out);
}

/// A service that had its quorum is no longer looked after.
pub(crate) fn service_leaves(service: &Service, why: &str, groups: &GroupNames, out: &mut Outputs) {
    service_mail(service, false, why.to_owned(), groups, out);
}

fn service_mail(service: &Service, up: bool, body: String, groups: &GroupNames, out: &mut Outputs) {
    if service.config.smtp_alert {
        let name = ServiceName(service.config.address, groups);
        let subject = format!("Virtualserver {name} - {}", word(up));
        out.push(Output::Mail(Mail { about: MailAbout::State, subject, body }));
    }
}

const fn word(up: bool) -> &'static str {
    if up { "UP" } else { "DOWN" }
}

/// What a mail says of a check's result.
fn check_words(check: &Checker, verdict: &Verdict) -> String {
    let plain = |name: &str, good: &str| match verdict {
        Ok(_) => format!("{name} {good} on service"),
        Err(_) => format!("{name} failed on service"),
    };
    match (CheckKind::of(check), verdict) {
        (Some(CheckKind::Tcp), _) => plain("TCP CHECK", "succeed"),
        (Some(CheckKind::Udp), _) => plain("UDP CHECK", "succeed"),
        (Some(CheckKind::Ping), _) => plain("ICMP CHECK", "succeed"),
        (Some(CheckKind::Dns), _) => plain("DNS_CHECK:", "succeed"),
        (Some(CheckKind::Misc(_)), Err(Failure::Timeout)) => {
            "MISC CHECK timed out on service".to_owned()
        }
        (Some(CheckKind::Misc(_)), _) => plain("MISC CHECK", "succeeded"),
        (Some(CheckKind::Http | CheckKind::Ssl), Err(_)) => {
            "CHECK failed on service : HTTP/SSL request failed".to_owned()
        }
        (Some(CheckKind::Smtp(host)), Err(failure)) => {
            format!("CHECK failed on service : {} {}", smtp_words(failure), At(host))
        }
        _ => match &check.kind {
            CheckerKind::Bfd(_) => plain("BFD CHECK", "succeeded"),
            _ => plain("CHECK", "succeed"),
        },
    }
}
