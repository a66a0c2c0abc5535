//! Scripts that are to be run: those that cannot be are told and left out.

use std::collections::HashMap;

use super::Scripts;
use crate::build::late;
use crate::build::script::ScriptDraft;
use crate::build::security::{Verdict, judge};
use crate::diagnostic::{Code, Diagnostic};
use crate::lang::Context;
use crate::model::vrrp::NotifyScripts;
use crate::model::{Command, ScriptId};

/// Looks after scripts of one process.
pub(super) struct ScriptGuard {
    /// `enable_script_security`.
    enforce: bool,
    /// Whether there is any script at all.
    any: bool,
    /// What these scripts are called in the message about security.
    kind: &'static str,
    /// Nobody is known who could run a script that names no user.
    no_default_user: bool,
    /// Whether a script was left out for that.
    dropped: bool,
}

impl ScriptGuard {
    /// For scripts of the VRRP process (kind "") or of the checkers ("check ").
    pub(super) const fn new(enforce: bool, no_default_user: bool, kind: &'static str) -> Self {
        Self { enforce, any: false, kind, no_default_user, dropped: false }
    }

    /// Whether a script lacks somebody who runs it.
    pub(super) fn lacks_user(&self, command: &Command) -> bool {
        self.no_default_user && command.user.is_none()
    }

    /// `vrrp_script`s that can be run.
    pub(super) fn scripts(&mut self, drafts: Vec<ScriptDraft>, cx: &mut Context<'_>) -> Scripts {
        let mut scripts = Scripts { kept: Vec::new(), ids: HashMap::new() };
        for draft in drafts {
            if !draft.used {
                let message = format!("Warning - script {} is not used", draft.name);
                cx.report(late(Code::Unused, message, &draft.place));
            }
            if !self.can_run(&draft, cx) || !draft.used {
                continue;
            }
            let name = draft.name.clone();
            let id = ScriptId(scripts.kept.len());
            scripts.kept.extend(draft.finish());
            // Of two scripts of one name the last counts.
            scripts.ids.insert(name, id);
        }
        scripts
    }

    fn can_run(&mut self, draft: &ScriptDraft, cx: &mut Context<'_>) -> bool {
        let Some(command) = draft.command() else { return false };
        let name = &draft.name;
        let place = draft.command_place.clone();
        if draft.user_of_its_own().is_none() && self.lacks_user(command) {
            let message = format!("Unable to set default user for vrrp script {name} - removing");
            let problem = Diagnostic::new(Code::BadUser, message).at(place).late();
            cx.report(problem.help("write 'script_user USER' into global_defs"));
            return false;
        }
        match judge(command, self.enforce, cx.source) {
            Verdict::Fine => {
                self.any = true;
                true
            }
            Verdict::Missing => {
                let message = format!("Disabling track script {name} since not found/accessible");
                let problem = Diagnostic::new(Code::ScriptMissing, message).at(place).late();
                let label = format!("'{}' does not exist or cannot be executed", command.program);
                cx.report(problem.label(label).help(
                    "instances that track it behave as if they did not, until it is there and the \
                     configuration is loaded again",
                ));
                false
            }
            Verdict::Insecure(path) => {
                self.any = true;
                let message = format!("Disabling track script {name} due to insecure");
                let problem = Diagnostic::new(Code::ScriptInsecure, message).at(place).late();
                cx.report(problem.label(format!("others may change {}", path.display())).help(
                    "give the file and its directories to root and take write permission from \
                     others, or run the script as another user",
                ));
                false
            }
        }
    }

    /// Scripts of transitions.
    pub(super) fn notify(&mut self, scripts: &mut NotifyScripts, cx: &mut Context<'_>) {
        for slot in [
            &mut scripts.master,
            &mut scripts.backup,
            &mut scripts.fault,
            &mut scripts.stop,
            &mut scripts.generic,
            &mut scripts.deleted,
            &mut scripts.master_rx_lower_pri,
        ] {
            self.command(slot, cx);
        }
    }

    /// As [`Self::command`], of one that is rarely there.
    pub(super) fn boxed_command(&mut self, slot: &mut Option<Box<Command>>, cx: &mut Context<'_>) {
        if let Some(command) = slot.take() {
            let mut unboxed = Some(*command);
            self.command(&mut unboxed, cx);
            *slot = unboxed.map(Box::new);
        }
    }

    /// A script that is not tracked: one that cannot be run is left out. keepalived tells that
    /// without letting its test fail.
    pub(super) fn command(&mut self, slot: &mut Option<Command>, cx: &mut Context<'_>) {
        let Some(command) = slot else { return };
        if self.lacks_user(command) {
            self.dropped = true;
            *slot = None;
            return;
        }
        let message = match judge(command, self.enforce, cx.source) {
            Verdict::Fine => {
                self.any = true;
                return;
            }
            Verdict::Missing => {
                format!("Script {} cannot be accessed - No such file or directory", command.program)
            }
            Verdict::Insecure(path) => {
                self.any = true;
                format!(
                    "Script {} is insecure: others may change {} - disabling",
                    command.program,
                    path.display()
                )
            }
        };
        cx.report(Diagnostic::new(Code::Unusable, message).late());
        *slot = None;
    }

    /// The script of a check. One that cannot be run stays: it fails, and that is seen. One that
    /// nobody may run takes its check with it.
    pub(super) fn keeps_check(&mut self, command: &Command, cx: &mut Context<'_>) -> bool {
        if self.lacks_user(command) {
            let program = &command.program;
            let message =
                format!("Unable to set default user for misc script '{program}' - removing");
            cx.report(Diagnostic::new(Code::BadUser, message).late());
            return false;
        }
        self.command(&mut Some(command.clone()), cx);
        true
    }

    /// Says so when scripts run without anybody looking at who may change them.
    pub(super) fn tell(&self, cx: &mut Context<'_>) {
        if self.dropped {
            let message = "Unable to set default user keepalived_script for script";
            let problem = Diagnostic::new(Code::BadUser, message).late();
            cx.report(problem.help(
                "scripts that name no user are left out: write 'script_user USER' into \
                 global_defs",
            ));
        }
        if !self.any || self.enforce {
            return;
        }
        let message = format!(
            "SECURITY VIOLATION - {}scripts are being executed but script_security not enabled.",
            self.kind
        );
        let problem = Diagnostic::new(Code::ScriptSecurity, message).late();
        cx.report(problem.help("write 'enable_script_security' into global_defs"));
    }
}
