//! Static addresses, routes and rules, and the groups they follow.

use super::addresses;
use crate::build::global::GlobalDraft;
use crate::build::host::{HostDraft, TrackGroupDraft};
use crate::build::late;
use crate::diagnostic::{Code, Diagnostic};
use crate::lang::Context;
use crate::model::Vrrp;
use crate::model::network::StaticItem;
use crate::model::vrrp::{Instance, TrackGroup};

/// Where addresses go that name no interface, unless `default_interface` says otherwise.
pub(super) const DEFAULT_INTERFACE: &str = "eth0";

/// The parts of [`Vrrp`] that these blocks make.
pub(super) fn resolve(
    mut draft: HostDraft,
    global: &GlobalDraft,
    instances: &[Instance],
    cx: &mut Context<'_>,
) -> Vrrp {
    let groups = track_groups(std::mem::take(&mut draft.groups), instances, cx);
    let default = global.default_interface.as_deref().unwrap_or(DEFAULT_INTERFACE);
    let mut addresses = Vec::with_capacity(draft.addresses.len());
    for mut address in draft.addresses {
        let interface = address.interface.as_deref().unwrap_or(default);
        let absent = cx.options.interfaces.as_ref().is_some_and(|known| !known.contains(interface));
        if absent && !global.dynamic_interfaces {
            let message = format!(
                "Static address {} requires either an interface or default interface must exist",
                address.net.addr()
            );
            let problem = Diagnostic::new(Code::FatalInterface, message).at(address.place);
            cx.report(problem.label(format!("no interface {interface} on this machine")));
            continue;
        }
        let track_group = known_group(address.track_group.take(), &groups, cx);
        addresses.push(StaticItem { item: addresses::resolve(address, default), track_group });
    }
    let mut static_routes = draft.routes;
    for route in &mut static_routes {
        route.track_group = known_group(route.track_group.take(), &groups, cx);
    }
    let mut static_rules = draft.rules;
    for rule in &mut static_rules {
        rule.track_group = known_group(rule.track_group.take(), &groups, cx);
    }
    Vrrp {
        static_addresses: addresses,
        static_routes,
        static_rules,
        track_groups: groups,
        garp_groups: draft.garp_groups,
        linkbeat: draft.linkbeat,
        link_delays: draft.delays,
        ..Vrrp::default()
    }
}

fn track_groups(
    drafts: Vec<TrackGroupDraft>,
    instances: &[Instance],
    cx: &mut Context<'_>,
) -> Vec<TrackGroup> {
    let mut groups = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let name = draft.name;
        let mut members = Vec::new();
        for (member, place) in draft.members {
            if instances.iter().any(|instance| instance.name == member) {
                members.push(member);
            } else {
                let message =
                    format!("Static track group {name} member {member} doesn't exist - ignoring");
                cx.report(late(Code::NotFound, message, &place));
            }
        }
        if members.is_empty() {
            let message = format!("Static track group {name} has no members - removing");
            cx.report(late(Code::Incomplete, message, &draft.place));
        } else {
            groups.push(TrackGroup { name, members });
        }
    }
    groups
}

/// The group, when there is one of that name.
fn known_group(
    name: Option<String>,
    groups: &[TrackGroup],
    cx: &mut Context<'_>,
) -> Option<String> {
    let name = name?;
    if groups.iter().any(|group| group.name == name) {
        return Some(name);
    }
    let message = format!("track_group {name} not found, ignoring...");
    cx.report(Diagnostic::new(Code::NotFound, message).late());
    None
}
