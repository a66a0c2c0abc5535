//! When everything has been read: defaults are filled in, names become references, and settings
//! that do not go together are told and put right, with keepalived's outcome.

mod addresses;
mod host;
mod instance;
mod own_links;
mod scripts;
mod split_brain;
mod strict;
mod sync_group;
mod tracks;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Builder;
use super::daemon;
use super::global::GlobalDraft;
use super::late;
use crate::diagnostic::Code;
use crate::lang::Context;
use crate::model::global::Global;
use crate::model::lvs::SyncDaemon;
use crate::model::{CheckerKind, Config, Instance, Lvs, ScriptId, Vrrp, VrrpScript};

use scripts::ScriptGuard;

/// Who runs scripts when nobody says anything.
const DEFAULT_USER: &str = "keepalived_script";

/// Scripts that can be tracked, by name.
struct Scripts {
    kept: Vec<VrrpScript>,
    ids: HashMap<String, ScriptId>,
}

/// What the builder collected becomes a configuration.
pub(super) fn resolve(mut builder: Builder, cx: &mut Context<'_>) -> Config {
    let enforce = builder.global.global.scripts.enforce;
    let no_user = no_default_user(&builder.global, cx);
    let mut guard = ScriptGuard::new(enforce, no_user, "");
    mark_used(&mut builder);
    let scripts = guard.scripts(std::mem::take(&mut builder.tracked.scripts), cx);
    let members = sync_group::members_without_weights(&builder.sync_groups);
    sync_daemon_of_instances(&mut builder, cx);
    let mut instances = instances(&mut builder, &scripts, &members, cx);
    for instance in &mut instances {
        if !instance.notify.is_usual() {
            guard.notify(&mut instance.notify, cx);
        }
        guard.command(&mut instance.split_brain.notify, cx);
    }
    let mut drafts = std::mem::take(&mut builder.sync_groups);
    for draft in &mut drafts {
        split_brain::spread(draft, &mut instances, &builder.arbiters, cx);
    }
    let sync_groups = sync_group::resolve(drafts, &instances, &scripts, &builder, &mut guard, cx);
    let host = host::resolve(std::mem::take(&mut builder.host), &builder.global, &instances, cx);
    if !builder.global.dynamic_interfaces {
        for absent in std::mem::take(&mut cx.absent) {
            cx.report(absent);
        }
    }
    guard.tell(cx);
    let lvs = servers(&mut builder, enforce, no_user, cx);
    let global = &builder.global;
    Config {
        vrrp: Vrrp {
            scripts: scripts.kept,
            instances: instances.into(),
            sync_groups,
            files: std::mem::take(&mut builder.tracked.files),
            processes: std::mem::take(&mut builder.tracked.processes),
            linkbeat_polling: global.linkbeat_polling,
            startup_delay: global.startup_delay,
            delay_after_boot: global.delay_after_boot,
            log_unknown_vrids: global.log_unknown_vrids,
            dynamic_interfaces: global.dynamic_interfaces,
            dynamic_base_interfaces: global.dynamic_base_interfaces,
            multicast: global.multicast,
            fifo_states_on_reload: global.fifo_states_on_reload,
            arbiters: std::mem::take(&mut builder.arbiters),
            ..host
        },
        lvs: Arc::new(lvs),
        bfd: std::mem::take(&mut builder.tracked.bfds),
        global: self::global(builder.global, enforce, no_user, cx),
    }
}

/// Instances, each by itself and then beside the others.
fn instances(
    builder: &mut Builder,
    scripts: &Scripts,
    members: &HashSet<String>,
    cx: &mut Context<'_>,
) -> Vec<Instance> {
    let mut instances = Vec::with_capacity(builder.instances.len());
    for draft in std::mem::take(&mut builder.instances) {
        let place = draft.place.clone();
        let shared = instance::Shared {
            global: &builder.global,
            scripts,
            tracked: &builder.tracked,
            in_sync_group: members.contains(&draft.name),
            garp_groups: &builder.host.garp_groups,
            arbiters: &builder.arbiters,
        };
        instances.extend(instance::resolve(draft, &shared, cx).map(|one| (one, place)));
    }
    instance::check_identities(&mut instances, cx);
    split_brain::check_heartbeats(&mut instances, cx);
    own_links::resolve(&mut instances, &builder.global, cx);
    instances.into_iter().map(|(one, _)| one).collect()
}

/// `global_defs` as it is kept.
fn global(draft: GlobalDraft, enforce: bool, no_user: bool, cx: &mut Context<'_>) -> Global {
    let defaults = draft.defaults();
    let mut global = Global { defaults, ..draft.global };
    global.fifo = draft.fifo.finish();
    global.vrrp_fifo = draft.vrrp_fifo.finish();
    global.lvs_fifo = draft.lvs_fifo.finish();
    global.dbus = daemon::dbus(draft.dbus, draft.dbus_names);
    if draft.process_names {
        for (process, name) in [
            (&mut global.vrrp_process, "keepalived_vrrp"),
            (&mut global.checker_process, "keepalived_lvs"),
            (&mut global.bfd_process, "keepalived_bfd"),
        ] {
            process.name.get_or_insert_with(|| name.to_owned());
        }
    }
    // These are not counted among scripts that make the test fail.
    let mut guard = ScriptGuard::new(enforce, no_user, "");
    guard.command(&mut global.lifecycle.startup, cx);
    guard.command(&mut global.lifecycle.shutdown, cx);
    for fifo in
        [&mut global.fifo, &mut global.vrrp_fifo, &mut global.lvs_fifo].into_iter().flatten()
    {
        guard.command(&mut fifo.script, cx);
    }
    global
}

/// Whether nobody is known who could run a script that names no user: `script_user` does not exist,
/// or scripts are guarded, so that root is no default, and there is no `keepalived_script` either.
fn no_default_user(global: &GlobalDraft, cx: &mut Context<'_>) -> bool {
    if global.bad_script_user {
        return true;
    }
    let scripts = &global.global.scripts;
    scripts.enforce && scripts.user.is_none() && cx.source.has_user(DEFAULT_USER) == Some(false)
}

fn mark_used(builder: &mut Builder) {
    let of_instances = builder.instances.iter().flat_map(|draft| &draft.tracks.scripts);
    let of_groups = builder.sync_groups.iter().flat_map(|draft| &draft.tracks.scripts);
    let used: HashSet<String> =
        of_instances.chain(of_groups).map(|entry| entry.name.clone()).collect();
    for script in &mut builder.tracked.scripts {
        script.used = used.contains(&script.name);
    }
}

/// `lvs_sync_daemon_interface` of the first instance that has one, unless `global_defs` says more.
fn sync_daemon_of_instances(builder: &mut Builder, cx: &mut Context<'_>) {
    let mut first: Option<String> = None;
    for draft in &builder.instances {
        let Some((interface, place)) = &draft.sync_daemon else { continue };
        let taken = builder.global.sync_daemon.as_ref().map(|daemon| daemon.interface.clone());
        if let Some(other) = taken.or_else(|| first.clone()) {
            let message = format!(
                "({}) lvs_sync_daemon_interface has already been specified as {other} - ignoring",
                draft.name
            );
            cx.report(late(Code::Repeated, message, place));
            continue;
        }
        first = Some(interface.clone());
        builder.global.sync_daemon = Some(SyncDaemon {
            interface: interface.clone(),
            instance: Some(draft.name.clone()),
            id: None,
            max_length: None,
            port: None,
            ttl: None,
            group: None,
        });
    }
}

/// Whether a VRRP object sends mail.
fn vrrp_alert(own: Option<bool>, global: &GlobalDraft) -> bool {
    own.or(global.smtp_alert_vrrp).or(global.smtp_alert).unwrap_or(false)
}

/// Virtual servers with what waited for `global_defs`.
fn servers(builder: &mut Builder, enforce: bool, no_user: bool, cx: &mut Context<'_>) -> Lvs {
    let mut guard = ScriptGuard::new(enforce, no_user, "check ");
    let global = &mut builder.global;
    let inherited = global.smtp_alert_checker.or(global.smtp_alert);
    let mut servers = std::mem::take(&mut builder.servers);
    let mut log_all = std::mem::take(&mut servers.log_all).into_iter();
    let alerts = std::mem::take(&mut servers.alerts);
    for (server, (alert, real_alerts)) in servers.done.iter_mut().zip(alerts) {
        server.smtp_alert = alert.or(inherited).unwrap_or(false);
        guard.command(&mut server.quorum_up, cx);
        guard.command(&mut server.quorum_down, cx);
        for (real, alert) in server.real_servers.iter_mut().zip(real_alerts) {
            real.smtp_alert = alert.or(inherited).unwrap_or(true);
            guard.boxed_command(&mut real.notify_up, cx);
            guard.boxed_command(&mut real.notify_down, cx);
            for check in &mut real.checkers {
                check.log_all_failures =
                    log_all.next().flatten().unwrap_or(global.log_all_failures);
            }
            real.checkers.retain(|check| match &check.kind {
                CheckerKind::Misc(misc) => guard.keeps_check(&misc.command, cx),
                _ => true,
            });
        }
    }
    servers.resolve_groups(cx);
    guard.tell(cx);
    Lvs {
        virtual_servers: servers.done,
        groups: servers.groups,
        files: builder.tracked.files.clone(),
        timeouts: global.timeouts,
        flush: global.flush,
        flush_on_stop: global.flush_on_stop,
        sync_daemon: global.sync_daemon.take(),
        notify_initial: global.notify_initial,
        tls: std::mem::take(&mut builder.tls),
    }
}
