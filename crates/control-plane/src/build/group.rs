//! `vrrp_sync_group` while it is read.

use super::script::ScriptDraft;
use super::set_script;
use super::track::{self, TrackEntry};
use crate::diagnostic::{Code, Diagnostic, Place};
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
    pub track_interfaces: Vec<TrackEntry>,
    pub track_scripts: Vec<TrackEntry>,
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
            track_interfaces: Vec::new(),
            track_scripts: Vec::new(),
        }
    }

    pub(super) fn leaf(
        &mut self,
        statement: &Statement<'_>,
        value: Value<'_>,
        cx: &mut Context<'_>,
    ) {
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
        scripts: &[ScriptDraft],
        cx: &mut Context<'_>,
    ) {
        match statement.keyword.name {
            "group" => {
                let name = statement.word(0).unwrap_or_default().to_owned();
                self.members.push((name, statement.place()));
            }
            "track_interface" => {
                self.track_interfaces.extend(track::read(statement, &self.name, 253, cx));
            }
            "track_script" => {
                let Some(entry) = track::read(statement, &self.name, 253, cx) else { return };
                if scripts.iter().any(|script| script.name == entry.name) {
                    self.track_scripts.push(entry);
                } else {
                    let message = format!(
                        "({}) track script {} not found, ignoring...",
                        self.name, entry.name
                    );
                    cx.report(Diagnostic::new(Code::NotFound, message).at(entry.place));
                }
            }
            _ => {}
        }
    }
}
