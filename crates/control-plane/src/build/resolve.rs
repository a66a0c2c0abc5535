//! When everything has been read: defaults are filled in, names become references, and settings
//! that do not go together are told and put right, with keepalived's outcome.

mod addresses;
mod instance;

use std::collections::HashMap;

use base::Weight;

use super::script::ScriptDraft;
use super::security::{Verdict, judge};
use super::track::TrackEntry;
use super::{Builder, GlobalDraft, late};
use crate::diagnostic::{Code, Diagnostic};
use crate::lang::Context;
use crate::model::vrrp::{Instance, NotifyScripts, SyncGroup};
use crate::model::{Command, Config, Lvs, ScriptId, TrackScript, Vrrp, VrrpScript};

/// Scripts that can be tracked, by name.
struct Scripts {
    kept: Vec<VrrpScript>,
    ids: HashMap<String, ScriptId>,
}

/// What the builder collected becomes a configuration.
pub(super) fn resolve(mut builder: Builder, cx: &mut Context<'_>) -> Config {
    let mut guard = ScriptGuard { enforce: builder.global.global.scripts.enforce, any: false };
    mark_used(&mut builder);
    let scripts = guard.scripts(std::mem::take(&mut builder.scripts), cx);
    let mut instances = Vec::with_capacity(builder.instances.len());
    for draft in std::mem::take(&mut builder.instances) {
        let place = draft.place.clone();
        instances.extend(
            instance::resolve(draft, &builder.global, &scripts, cx).map(|one| (one, place)),
        );
    }
    instance::check_identities(&mut instances, cx);
    let mut instances: Vec<Instance> = instances.into_iter().map(|(one, _)| one).collect();
    for instance in &mut instances {
        guard.notify(&mut instance.notify, cx);
    }
    let sync_groups = sync_groups(&mut builder, &instances, &scripts, &mut guard, cx);
    let lvs = servers(&mut builder, &mut guard, cx);
    guard.tell(cx);
    let global = builder.global;
    Config {
        vrrp: Vrrp {
            scripts: scripts.kept,
            instances,
            sync_groups,
            startup_delay: global.startup_delay,
            delay_after_boot: global.delay_after_boot,
            log_unknown_vrids: global.log_unknown_vrids,
            dynamic_interfaces: global.dynamic_interfaces,
            dynamic_base_interfaces: global.dynamic_base_interfaces,
            multicast: global.multicast,
            ..Vrrp::default()
        },
        lvs,
        global: global.global,
        bfd: Vec::new(),
    }
}

fn mark_used(builder: &mut Builder) {
    let of_instances = builder.instances.iter().flat_map(|draft| &draft.track_scripts);
    let of_groups = builder.sync_groups.iter().flat_map(|draft| &draft.track_scripts);
    let used: std::collections::HashSet<String> =
        of_instances.chain(of_groups).map(|entry| entry.name.clone()).collect();
    for script in &mut builder.scripts {
        script.used = used.contains(&script.name);
    }
}

/// Looks after scripts that are to be run.
struct ScriptGuard {
    enforce: bool,
    /// Whether there is any script at all.
    any: bool,
}

impl ScriptGuard {
    /// `vrrp_script`s that can be run.
    fn scripts(&mut self, drafts: Vec<ScriptDraft>, cx: &mut Context<'_>) -> Scripts {
        let mut scripts = Scripts { kept: Vec::new(), ids: HashMap::new() };
        for draft in drafts {
            if !draft.used {
                let message = format!("Warning - script {} is not used", draft.name);
                cx.report(late(Code::Unused, message, &draft.place));
                continue;
            }
            if !self.can_run(&draft, cx) {
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

    /// Scripts of transitions: one that cannot be run is left out silently, as `-t` of keepalived
    /// does; the daemon tells when it starts.
    fn notify(&mut self, scripts: &mut NotifyScripts, cx: &Context<'_>) {
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

    fn command(&mut self, slot: &mut Option<Command>, cx: &Context<'_>) {
        let Some(command) = slot else { return };
        match judge(command, self.enforce, cx.source) {
            Verdict::Fine => self.any = true,
            Verdict::Missing | Verdict::Insecure(_) => *slot = None,
        }
    }

    /// Says so when scripts run without anybody looking at who may change them.
    fn tell(&self, cx: &mut Context<'_>) {
        if !self.any || self.enforce {
            return;
        }
        let message =
            "SECURITY VIOLATION - scripts are being executed but script_security not enabled.";
        let problem = Diagnostic::new(Code::ScriptSecurity, message).late();
        cx.report(problem.help("write 'enable_script_security' into global_defs"));
    }
}

/// References to scripts that can be run.
fn track_scripts(entries: &[TrackEntry], scripts: &Scripts) -> Vec<TrackScript> {
    let resolve = |entry: &TrackEntry| {
        let script = *scripts.ids.get(&entry.name)?;
        let own = scripts.kept.get(script.0)?;
        let given = entry.weight.and_then(|weight| i32::try_from(weight).ok());
        let weight = given.and_then(|weight| Weight::new(weight).ok()).unwrap_or(own.weight);
        Some(TrackScript { script, weight, reverse: entry.reverse.unwrap_or(own.reverse) })
    };
    entries.iter().filter_map(resolve).collect()
}

fn sync_groups(
    builder: &mut Builder,
    instances: &[Instance],
    scripts: &Scripts,
    guard: &mut ScriptGuard,
    cx: &mut Context<'_>,
) -> Vec<SyncGroup> {
    let drafts = std::mem::take(&mut builder.sync_groups);
    let global = &builder.global;
    let mut groups = Vec::with_capacity(drafts.len());
    for mut draft in drafts {
        let name = draft.name.clone();
        if draft.members.is_empty() {
            let message = format!("Sync group {name} has no members - removing");
            cx.report(Diagnostic::new(Code::Incomplete, message).at(draft.place));
            continue;
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
            continue;
        }
        if members.len() == 1 {
            let message = format!(
                "Sync group {name} has only 1 virtual router(s) - this probably isn't what you want"
            );
            cx.report(late(Code::Doubtful, message, &draft.place));
        }
        guard.notify(&mut draft.notify, cx);
        groups.push(SyncGroup {
            name,
            members,
            notify: draft.notify,
            smtp_alert: vrrp_alert(draft.smtp_alert, global),
            notify_priority_changes: draft
                .notify_priority_changes
                .unwrap_or(global.notify_priority_changes),
            tracking_weight: draft.tracking_weight,
            track_scripts: track_scripts(&draft.track_scripts, scripts),
            ..SyncGroup::default()
        });
    }
    groups
}

/// Whether a VRRP object sends mail.
fn vrrp_alert(own: Option<bool>, global: &GlobalDraft) -> bool {
    own.or(global.smtp_alert_vrrp).or(global.smtp_alert).unwrap_or(false)
}

/// Virtual servers with what waited for `global_defs`.
fn servers(builder: &mut Builder, guard: &mut ScriptGuard, cx: &mut Context<'_>) -> Lvs {
    let global = &builder.global;
    let inherited = global.smtp_alert_checker.or(global.smtp_alert);
    let drafts = std::mem::take(&mut builder.servers);
    let mut log_all = drafts.log_all.into_iter();
    let mut servers = drafts.done;
    for (server, (alert, real_alerts)) in servers.iter_mut().zip(drafts.alerts) {
        server.smtp_alert = alert.or(inherited).unwrap_or(false);
        guard.command(&mut server.quorum_up, cx);
        guard.command(&mut server.quorum_down, cx);
        for (real, alert) in server.real_servers.iter_mut().zip(real_alerts) {
            real.smtp_alert = alert.or(inherited).unwrap_or(true);
            guard.command(&mut real.notify_up, cx);
            guard.command(&mut real.notify_down, cx);
            for check in &mut real.checkers {
                check.log_all_failures =
                    log_all.next().flatten().unwrap_or(global.log_all_failures);
            }
        }
    }
    Lvs { virtual_servers: servers, ..Lvs::default() }
}
