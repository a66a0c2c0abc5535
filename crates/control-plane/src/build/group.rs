//! `vrrp_sync_group` while it is read.

use super::set_script;
use super::split_brain::SplitBrainDraft;
use super::track::Tracks;
use super::tracked::Tracked;
use crate::diagnostic::Place;
use crate::lang::Context;
use crate::model::vrrp::NotifyScripts;
use crate::parse::statement::Statement;
use crate::parse::value::Value;

/// A `vrrp_sync_group` while it is read.
pub(crate) struct SyncGroupDraft {
    pub name: String,
    pub place: Place,
    /// Names of members and where they stand.
    pub members: Vec<(String, Place)>,
    pub notify: NotifyScripts,
    pub smtp_alert: Option<bool>,
    pub notify_priority_changes: Option<bool>,
    pub tracking_weight: bool,
    pub tracks: Tracks,
    pub split_brain: SplitBrainDraft,
}

impl SyncGroupDraft {
    pub(super) fn new(name: &str, place: Place) -> Self {
        Self {
            name: name.to_owned(),
            place,
            members: Vec::new(),
            notify: NotifyScripts::default(),
            smtp_alert: None,
            notify_priority_changes: None,
            tracking_weight: false,
            tracks: Tracks::default(),
            split_brain: SplitBrainDraft::default(),
        }
    }

    pub(super) fn leaf(
        &mut self,
        statement: &Statement<'_>,
        value: Value<'_>,
        cx: &mut Context<'_>,
    ) {
        if self.split_brain.leaf(statement, &value, &self.name, cx) {
            return;
        }
        let slot = match statement.keyword.name {
            "smtp_alert" => return self.smtp_alert = Some(value.bool()),
            "notify_priority_changes" => return self.notify_priority_changes = Some(value.bool()),
            "global_tracking" | "sync_group_tracking_weight" => return self.tracking_weight = true,
            "notify_master" => &mut self.notify.master,
            "notify_backup" => &mut self.notify.backup,
            "notify_fault" => &mut self.notify.fault,
            "notify_stop" => &mut self.notify.stop,
            "notify" => &mut self.notify.generic,
            _ => return,
        };
        let owner = format!("({}) ", self.name);
        set_script(slot, value, &owner, statement, cx);
    }

    pub(super) fn entry(
        &mut self,
        statement: &Statement<'_>,
        known: &Tracked,
        cx: &mut Context<'_>,
    ) {
        if statement.keyword.name == "group" {
            let name = statement.word(0).unwrap_or_default().to_owned();
            self.members.push((name, statement.place()));
        } else if !self.split_brain.entry(statement, &self.name, cx) {
            self.tracks.entry(statement, &self.name, known, cx);
        }
    }
}
