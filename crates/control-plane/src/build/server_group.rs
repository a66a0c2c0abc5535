//! `virtual_server_group`, and what a virtual server of one becomes.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use super::late;
use super::server::DEFAULT_PERSISTENCE;
use super::services::{Servers, Waiting};
use super::words::network;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::lang::Context;
use crate::model::lvs::{ForwardingMethod, GroupEntry, ServerGroup, ServiceAddress, VirtualServer};
use crate::parse::statement::Statement;
use crate::parse::value::integer;

/// A `virtual_server_group` while it is read.
pub(crate) struct GroupDraft {
    group: ServerGroup,
    place: Place,
}

impl GroupDraft {
    pub(super) fn new(name: &str, place: Place) -> Self {
        Self { group: ServerGroup::new(name, Vec::new()), place }
    }

    /// `ADDR[-LAST|-ADDR|/LEN] [PORT]`, `fwmark N [inet|inet6]`.
    pub(super) fn entry(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let Some(word) = statement.word(0) else { return };
        let second = statement.word(1);
        let bad = |what: &str, index: usize| {
            let message = format!("Invalid virtual server group {what} {word} - skipping");
            Diagnostic::new(Code::BadEntry, message).at(statement.place_of(index))
        };
        let number = |word: &str, most: u32| {
            integer(word, 0, most.into()).ok().and_then(|number| u32::try_from(number).ok())
        };
        if word == "fwmark" {
            let family = statement.word(2).map(|word| word == "inet6");
            match second.and_then(|mark| number(mark, u32::MAX)) {
                Some(mark) => self.group.entries.push(GroupEntry::Mark { mark, ipv6: family }),
                None => cx.report(bad("fwmark", 1)),
            }
            return;
        }
        let Some((first, last)) = range(word) else {
            cx.report(bad("IP address", 0).label("expected ADDR, ADDR-LAST or ADDR/LEN"));
            return;
        };
        let port = match second {
            None => Some(0),
            Some(port) => number(port, 65_535).and_then(|port| u16::try_from(port).ok()),
        };
        match port {
            Some(port) => self.group.entries.push(GroupEntry::Addresses { first, last, port }),
            None => cx.report(bad("port", 1)),
        }
    }
}

/// `ADDR`, `ADDR/LEN`, `ADDR-ADDR`, `ADDR-N` where N replaces the last byte (IPv4) or the last 16
/// bits in hexadecimal (IPv6).
fn range(word: &str) -> Option<(IpAddr, IpAddr)> {
    if word.contains('/') {
        let net = network(word)?;
        return Some((net.network(), net.broadcast()));
    }
    let Some((first, last)) = word.split_once('-') else {
        let only = word.parse().ok()?;
        return Some((only, only));
    };
    let first: IpAddr = first.parse().ok()?;
    let last = match (last.parse::<IpAddr>(), first) {
        (Ok(last), _) => last,
        (Err(_), IpAddr::V4(v4)) => {
            let [a, b, c, _] = v4.octets();
            IpAddr::from([a, b, c, last.parse().ok()?])
        }
        (Err(_), IpAddr::V6(v6)) => {
            let mut parts = v6.segments();
            parts[7] = u16::from_str_radix(last, 16).ok()?;
            IpAddr::V6(Ipv6Addr::from(parts))
        }
    };
    (first.is_ipv4() == last.is_ipv4() && first <= last).then_some((first, last))
}

impl Servers {
    /// A `virtual_server_group` is complete.
    pub(super) fn close_group(&mut self, draft: GroupDraft, cx: &mut Context<'_>) {
        let name = &draft.group.name;
        if draft.group.entries.is_empty() {
            let message = format!("virtual server group {name} has no entries - removing");
            cx.report(Diagnostic::new(Code::Incomplete, message).at(draft.place));
            return;
        }
        if self.groups.iter().any(|group| group.id == draft.group.id) {
            let message = format!("virtual server group {name} already defined");
            cx.report(Diagnostic::new(Code::Duplicate, message).at(draft.place));
            return;
        }
        self.groups.push(draft.group);
    }

    /// Everything was read: groups of virtual servers are looked up. A virtual server whose group
    /// does not exist is left out.
    pub(super) fn resolve_groups(&mut self, cx: &mut Context<'_>) {
        let mut lost = Vec::new();
        let groups: BTreeMap<&str, &ServerGroup> =
            self.groups.iter().map(|group| (group.name.as_str(), group)).collect();
        for waiting in std::mem::take(&mut self.waiting) {
            let found = groups.get(waiting.group.as_str()).copied();
            let Some(server) = self.done.get_mut(waiting.at) else { continue };
            if let Some(group) = found {
                waiting.join(server, group, cx);
                continue;
            }
            let message = format!(
                "Virtual server group {} specified but not configured - ignoring virtual server {}",
                waiting.group, waiting.name
            );
            // keepalived tells this when it runs, not when it tests.
            cx.report(late(Code::Ineffective, message, &waiting.place));
            lost.push(waiting.at);
        }
        for at in lost.into_iter().rev() {
            self.done.remove(at);
        }
    }
}

impl Waiting {
    fn adjusted(&self, message: String, cx: &mut Context<'_>) {
        cx.report(late(Code::Adjusted, message, &self.place));
    }

    /// The group of a virtual server is found: its family, and what does not fit it.
    fn join(&self, server: &mut VirtualServer, group: &ServerGroup, cx: &mut Context<'_>) {
        let (name, entries) = (&self.name, &group.entries);
        if let ServiceAddress::Group { ipv6, .. } = &mut server.address
            && let Some(GroupEntry::Addresses { first, .. }) = entries.first()
        {
            *ipv6 = first.is_ipv6();
        }
        let has_marks = entries.iter().any(|entry| matches!(entry, GroupEntry::Mark { .. }));
        let has_addresses =
            entries.iter().any(|entry| matches!(entry, GroupEntry::Addresses { .. }));
        let no_port = |entry: &GroupEntry| matches!(entry, GroupEntry::Addresses { port: 0, .. });
        if server.persistence.is_none() && entries.iter().any(no_port) {
            let message = format!(
                "Virtual server {name}: zero port only valid for persistent services - setting"
            );
            self.adjusted(message, cx);
            server.persistence = Some(DEFAULT_PERSISTENCE);
        }
        if server.ha_suspend && has_marks {
            let message = format!(
                "Virtual server {name}: cannot use ha_suspend with fwmarks - clearing ha_suspend"
            );
            self.adjusted(message, cx);
            server.ha_suspend = false;
        }
        if has_addresses && !self.says_protocol {
            let message = format!("Virtual server {name}: no protocol set - defaulting to UDP");
            self.adjusted(message, cx);
        }
        if !has_addresses && self.says_protocol {
            let message = format!(
                "Warning: Virtual server {name}: protocol specified for fwmark - protocol will be \
                 ignored"
            );
            self.adjusted(message, cx);
        }
        self.check_ports(server, entries, has_marks, cx);
    }

    /// DR and tunnels cannot change the port of a packet: the entry's own counts.
    fn check_ports(
        &self,
        server: &VirtualServer,
        entries: &[GroupEntry],
        has_marks: bool,
        cx: &mut Context<'_>,
    ) {
        let name = &self.name;
        let protocol = match server.address {
            ServiceAddress::Group { protocol, .. } if self.says_protocol => protocol.name(),
            _ => "none",
        };
        let misfits = Misfits::of(entries);
        let told = |method, port: u16| method != ForwardingMethod::Nat && port != 0;
        for real in &server.real_servers {
            let (ip, port) = (real.address.ip(), real.address.port());
            if !told(real.method, port) {
                continue;
            }
            let named = format!("real server [{ip}]:{protocol}:{port}");
            if has_marks {
                let message = format!(
                    "WARNING - fwmark virtual server {name}, {named} has port specified - port \
                     will be ignored"
                );
                self.adjusted(message, cx);
            }
            if let Some(entry) = misfits.first(port) {
                let message =
                    format!("virtual server {name}:[{entry}] and {named} ports don't match");
                self.adjusted(message, cx);
            }
        }
        let Some(sorry) = server.sorry_server else { return };
        let port = sorry.address.port();
        if !told(sorry.method, port) {
            return;
        }
        let mut ignored = |kind: &str| {
            let message = format!(
                "WARNING - {kind}virtual server {name}, sorry server has port specified - port \
                 will be ignored"
            );
            self.adjusted(message, cx);
        };
        if has_marks {
            ignored("fwmark ");
        }
        if misfits.first(port).is_some() {
            ignored("");
        }
    }
}

/// Finds an entry with another port in one step, however many entries there are: the first one, or
/// the first that differs from it.
struct Misfits {
    first: Option<(u16, String)>,
    other: Option<(u16, String)>,
}

impl Misfits {
    fn of(entries: &[GroupEntry]) -> Self {
        let named = |entry: &GroupEntry| match *entry {
            GroupEntry::Addresses { first, last, port } if first == last => {
                Some((port, format!("{first},{port}")))
            }
            GroupEntry::Addresses { first, last, port } => {
                Some((port, format!("{first}-{last},{port}")))
            }
            GroupEntry::Mark { .. } => None,
        };
        let mut all = entries.iter().filter_map(named);
        let first = all.next();
        let port = first.as_ref().map(|(port, _)| *port);
        let other = all.find(|(other, _)| port.is_some_and(|port| port != *other));
        Self { first, other }
    }

    /// The first entry whose port is not `port`, as keepalived names it.
    fn first(&self, port: u16) -> Option<&str> {
        let entries = [&self.first, &self.other];
        let misfit = entries.into_iter().flatten().find(|(own, _)| *own != port);
        misfit.map(|(_, name)| name.as_str())
    }
}
