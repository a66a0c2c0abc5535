//! Sync groups with members that exist.

use std::collections::HashSet;

use super::scripts::ScriptGuard;
use super::tracks::{self, NoWeights, Owner};
use super::{Scripts, vrrp_alert};
use crate::build::group::SyncGroupDraft;
use crate::build::{Builder, late};
use crate::diagnostic::{Code, Diagnostic};
use crate::lang::Context;
use crate::model::vrrp::{Instance, SyncGroup};

/// Names of instances that move with others, and so may not have weights of their own.
pub(super) fn members_without_weights(groups: &[SyncGroupDraft]) -> HashSet<String> {
    let strict = groups.iter().filter(|group| !group.tracking_weight && group.members.len() > 1);
    strict.flat_map(|group| &group.members).map(|(name, _)| name.clone()).collect()
}

/// The groups, as far as they have members.
pub(super) fn resolve(
    drafts: Vec<SyncGroupDraft>,
    instances: &[Instance],
    scripts: &Scripts,
    builder: &Builder,
    guard: &mut ScriptGuard,
    cx: &mut Context<'_>,
) -> Vec<SyncGroup> {
    let mut groups = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let Some(members) = members(&draft, instances, cx) else { continue };
        let SyncGroupDraft { name, mut notify, tracking_weight, .. } = draft;
        let owner = Owner {
            name: &name,
            no_weights: (!tracking_weight).then_some(NoWeights::SyncGroup),
            interface: "",
        };
        let tracks = tracks::resolve(draft.tracks, owner, scripts, &builder.tracked, cx);
        guard.notify(&mut notify, cx);
        let global = &builder.global;
        let changes = draft.notify_priority_changes.unwrap_or(global.notify_priority_changes);
        groups.push(SyncGroup {
            smtp_alert: vrrp_alert(draft.smtp_alert, global),
            notify_priority_changes: changes,
            tracking_weight,
            members,
            notify,
            track_interfaces: tracks.interfaces,
            track_scripts: tracks.scripts,
            track_files: tracks.files,
            track_processes: tracks.processes,
            track_bfds: tracks.bfds,
            name,
        });
    }
    groups
}

/// Members that exist; `None` when there are none.
fn members(
    draft: &SyncGroupDraft,
    instances: &[Instance],
    cx: &mut Context<'_>,
) -> Option<Vec<String>> {
    let name = &draft.name;
    if draft.members.is_empty() {
        let message = format!("Sync group {name} has no members - removing");
        cx.report(Diagnostic::new(Code::Incomplete, message).at(draft.place.clone()));
        return None;
    }
    let mut members = Vec::new();
    for (member, place) in &draft.members {
        if instances.iter().any(|instance| instance.name == *member) {
            members.push(member.clone());
            continue;
        }
        let message = format!(
            "Virtual router {member} specified in sync group {name} doesn't exist - ignoring"
        );
        cx.report(late(Code::NotFound, message, place));
    }
    if members.is_empty() {
        let message = format!(
            "Sync group {name}, no matching virtual router found in group declaration - removing"
        );
        cx.report(late(Code::Incomplete, message, &draft.place));
        return None;
    }
    if members.len() == 1 {
        let message = format!(
            "Sync group {name} has only 1 virtual router(s) - this probably isn't what you want"
        );
        cx.report(late(Code::Doubtful, message, &draft.place));
    }
    Some(members)
}
