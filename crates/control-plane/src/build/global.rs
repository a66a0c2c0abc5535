//! `global_defs`, and the settings that stand outside every block.

use std::net::IpAddr;

use base::Duration;

use super::daemon::FifoDraft;
use super::garp::{self, GarpDraft};
use super::script::{script_user, user_exists};
use super::split_brain::SplitBrainDraft;
use crate::diagnostic::{Code, Diagnostic};
use crate::lang::Context;
use crate::lang::include::Checks;
use crate::model::defaults::{Defaults, GarpDefaults};
use crate::model::global::{Dbus, Global, MulticastGroups};
use crate::model::lvs::{FlushOnStop, SyncDaemon, Timeouts};
use crate::parse::statement::Statement;
use crate::parse::value::{Value, integer};

/// The port of SMTP.
const SMTP_PORT: u16 = 25;

/// `global_defs` while it is read: what it keeps for itself, and the defaults that it gives.
#[derive(Default)]
pub(crate) struct GlobalDraft {
    pub global: Global,
    pub garp: GarpDraft,
    pub min_garp: bool,
    pub version: Option<u8>,
    pub strict: bool,
    pub skip_check: bool,
    pub lower_prio_no_advert: bool,
    pub higher_prio_send_advert: bool,
    pub down_timer_adverts: Option<u8>,
    pub check_unicast_source: bool,
    pub smtp_alert: Option<bool>,
    pub smtp_alert_vrrp: Option<bool>,
    pub smtp_alert_checker: Option<bool>,
    pub log_all_failures: bool,
    pub notify_priority_changes: bool,
    pub default_interface: Option<String>,
    pub dynamic_interfaces: bool,
    pub dynamic_base_interfaces: bool,
    pub multicast: MulticastGroups,
    pub startup_delay: Duration,
    pub delay_after_boot: Duration,
    pub log_unknown_vrids: bool,
    pub owner_ignore_adverts: bool,
    pub checksum_as_v2: bool,
    pub fifo_states_on_reload: bool,
    pub vmac_prefix: Option<String>,
    pub vmac_address_prefix: Option<String>,
    pub linkbeat_polling: bool,
    pub process_names: bool,
    pub fifo: FifoDraft,
    pub vrrp_fifo: FifoDraft,
    pub lvs_fifo: FifoDraft,
    pub dbus: bool,
    pub dbus_names: Dbus,
    pub timeouts: Timeouts,
    pub flush: bool,
    pub flush_on_stop: FlushOnStop,
    pub sync_daemon: Option<SyncDaemon>,
    pub notify_initial: bool,
    /// `script_user` names somebody who does not exist.
    pub bad_script_user: bool,
    /// Defaults of instances against split brain.
    pub split_brain: SplitBrainDraft,
}

impl GlobalDraft {
    /// What it says for other blocks.
    pub(super) fn defaults(&self) -> Defaults {
        let garp = &self.garp;
        Defaults {
            smtp_alert: self.smtp_alert,
            smtp_alert_vrrp: self.smtp_alert_vrrp,
            smtp_alert_checker: self.smtp_alert_checker,
            log_all_failures: self.log_all_failures,
            interface: self.default_interface.clone(),
            checksum_as_v2: self.checksum_as_v2,
            notify_priority_changes: self.notify_priority_changes,
            garp: GarpDefaults {
                delay: garp.delay,
                repeat: garp.repeat,
                refresh: garp.refresh,
                refresh_repeat: garp.refresh_repeat,
                lower_prio_delay: garp.lower_prio_delay,
                lower_prio_repeat: garp.lower_prio_repeat,
                interval: garp.interval,
                gna_interval: garp.gna_interval,
                extra: garp.extra.map(|(interval, _)| interval),
            },
            down_timer_adverts: self.down_timer_adverts,
            lower_prio_no_advert: self.lower_prio_no_advert,
            higher_prio_send_advert: self.higher_prio_send_advert,
            version: self.version,
            check_unicast_source: self.check_unicast_source,
            skip_check: self.skip_check,
            strict: self.strict,
        }
    }

    /// A keyword outside every block.
    pub(super) fn root(&mut self, statement: &Statement<'_>, value: Value<'_>) {
        let launch = &mut self.global.launch;
        match statement.keyword.name {
            "net_namespace" => launch.namespace = value.string(),
            // Without a name: the default namespace.
            "net_namespace_ipvs" => {
                launch.ipvs_namespace = Some(value.string().unwrap_or_default());
            }
            "use_pid_dir" => launch.use_pid_dir = true,
            "instance" => {
                launch.instance = value.string();
                launch.use_pid_dir = true;
            }
            "child_wait_time" => launch.child_wait_time = value.seconds(),
            "linkbeat_use_polling" => self.linkbeat_polling = true,
            _ => {}
        }
    }

    pub(super) fn leaf(
        &mut self,
        statement: &Statement<'_>,
        value: Value<'_>,
        cx: &mut Context<'_>,
    ) {
        let name = statement.keyword.name;
        let without_vrrp = name.strip_prefix("vrrp_").unwrap_or(name);
        if self.garp.leaf(without_vrrp, &value, "", statement, cx)
            || self.vrrp(name, &value, statement, cx)
            || self.split_brain.leaf(statement, &value, "global_defs", cx)
        {
            return;
        }
        match name {
            "router_id" => self.global.router_id = value.string(),
            "notification_email_from" => self.global.mail.from = value.string(),
            "smtp_server" => self.smtp_server(statement, cx),
            "smtp_helo_name" => self.global.mail.helo_name = value.string(),
            "smtp_connect_timeout" => {
                let least = Duration::from_secs(1);
                if value.int() == Some(0) {
                    let message = "smtp_conect_timeout must be greater than 0, setting to 1";
                    let problem = Diagnostic::new(Code::Adjusted, message);
                    cx.report(problem.at(statement.place_of(1)));
                }
                self.global.mail.connect_timeout = value.seconds().map(|time| time.max(least));
            }
            "smtp_alert" => self.smtp_alert = Some(value.bool()),
            "smtp_alert_vrrp" => self.smtp_alert_vrrp = Some(value.bool()),
            "smtp_alert_checker" => self.smtp_alert_checker = Some(value.bool()),
            "no_email_faults" => self.global.mail.no_faults = true,
            "no_checker_emails" => self.global.mail.no_checkers = value.bool(),
            "checker_log_all_failures" => self.log_all_failures = value.bool(),
            "script_user" => self.script_user(statement, cx),
            "enable_script_security" => self.global.scripts.enforce = true,
            "include_check" => include_check(statement, cx),
            "default_interface" => self.default_interface = value.string(),
            "set_supplementary_groups" => self.global.scripts.supplementary_groups = value.bool(),
            "use_symlink_paths" => self.global.scripts.keep_symlinks = value.bool(),
            _ => self.daemon(statement, value, cx),
        }
    }

    /// Defaults of instances; false when the keyword is none of them.
    fn vrrp(
        &mut self,
        name: &str,
        value: &Value<'_>,
        statement: &Statement<'_>,
        cx: &mut Context<'_>,
    ) -> bool {
        match name {
            "vrrp_version" => self.version = value.int(),
            "vrrp_strict" => self.strict = value.bool(),
            "vrrp_skip_check_adv_addr" => self.skip_check = value.bool(),
            "vrrp_lower_prio_no_advert" => self.lower_prio_no_advert = value.bool(),
            "vrrp_higher_prio_send_advert" => self.higher_prio_send_advert = value.bool(),
            "vrrp_down_timer_adverts" => self.down_timer_adverts = value.int(),
            "vrrp_garp_interval" => self.garp.interval = value.time(),
            "vrrp_gna_interval" => self.garp.gna_interval = value.time(),
            "vrrp_min_garp" => self.min_garp = value.bool(),
            "vrrp_check_unicast_src" => self.check_unicast_source = true,
            "vrrp_notify_priority_changes" => self.notify_priority_changes = value.bool(),
            "vrrp_mcast_group4" | "vrrp_mcast_group6" => self.multicast(name, value, statement, cx),
            "vrrp_startup_delay" => {
                self.startup_delay = value.time().unwrap_or_default().max(self.startup_delay);
            }
            "vrrp_delay_after_boot" => {
                self.delay_after_boot = value.time().unwrap_or_default().max(self.delay_after_boot);
            }
            "log_unknown_vrids" => self.log_unknown_vrids = true,
            "vrrp_owner_ignore_adverts" => self.owner_ignore_adverts = value.bool(),
            // The argument is accepted and means nothing.
            "v3_checksum_as_v2" => self.checksum_as_v2 = true,
            "fifo_write_vrrp_states_on_reload" => self.fifo_states_on_reload = true,
            "vmac_prefix" => self.vmac_prefix = self.vmac_prefix.take().or_else(|| value.string()),
            "vmac_addr_prefix" => {
                let prefix = self.vmac_address_prefix.take();
                self.vmac_address_prefix = prefix.or_else(|| value.string());
            }
            "vrrp_garp_extra_if" | "vrrp_vmac_garp_intvl" => {
                self.garp.extra = garp::extra(statement, "", cx).or(self.garp.extra);
            }
            "dynamic_interfaces" => {
                self.dynamic_interfaces = true;
                self.dynamic_base_interfaces = value.text().is_some();
            }
            _ => return false,
        }
        true
    }

    fn multicast(
        &mut self,
        name: &str,
        value: &Value<'_>,
        statement: &Statement<'_>,
        cx: &mut Context<'_>,
    ) {
        match (name, value) {
            ("vrrp_mcast_group4", Value::Address(IpAddr::V4(v4))) if v4.is_multicast() => {
                self.multicast.v4 = *v4;
            }
            ("vrrp_mcast_group6", Value::Address(IpAddr::V6(v6))) if v6.is_multicast() => {
                self.multicast.v6 = *v6;
            }
            _ => {
                let word = statement.word(1).unwrap_or_default();
                let message = format!("{name} [{word}] is not multicast. Skipping");
                let problem = Diagnostic::new(Code::BadAddress, message);
                cx.report(problem.at(statement.place_of(1)).label("expected a multicast address"));
            }
        }
    }

    fn smtp_server(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let Some(server) = statement.word(1) else { return };
        let port = match statement.word(2).map(|word| integer(word, 1, 65_535)) {
            None => SMTP_PORT,
            Some(Ok(port)) => u16::try_from(port).unwrap_or(SMTP_PORT),
            Some(Err(problem)) => {
                cx.report(problem.at(statement.place_of(2)));
                return;
            }
        };
        let plausible = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:%/".contains(&byte);
        if !server.bytes().all(plausible) {
            let message = format!("Invalid smtp server {server} {port}");
            let problem = Diagnostic::new(Code::InvalidValue, message).at(statement.place_of(1));
            cx.report(problem.label("expected a host name or an address"));
            return;
        }
        self.global.mail.server = Some((server.to_owned(), port));
    }

    fn script_user(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let Some(user) = script_user(statement, 1) else { return };
        if user_exists(&user, cx) {
            self.global.scripts.user = Some(user);
            return;
        }
        self.bad_script_user = true;
        let problem = Diagnostic::new(Code::BadUser, "Error setting global script uid/gid");
        let problem = problem.at(statement.place_of(1));
        cx.report(problem.label("no such user or group on this machine"));
    }

    /// An entry of `notification_email`.
    pub(super) fn entry(&mut self, statement: &Statement<'_>) {
        self.global.mail.to.extend(statement.word(0).map(str::to_owned));
    }
}

/// `include_check [CHECK] [+CHECK|-CHECK ...]`.
fn include_check(statement: &Statement<'_>, cx: &mut Context<'_>) {
    if statement.words.len() < 2 {
        cx.include_checks = Checks::ALL;
        return;
    }
    for (index, word) in statement.words.iter().enumerate().skip(1) {
        let sign = word.text.strip_prefix('+').map(|name| (name, Some(true)));
        let sign = sign.or_else(|| word.text.strip_prefix('-').map(|name| (name, Some(false))));
        let (name, add) = sign.unwrap_or((word.text, None));
        let known = ["read", "match", "wildcard_match", "brace_match"].contains(&name);
        let message = match (known, add) {
            (false, _) => format!("Unknown include_check type '{name}' - ignoring"),
            (true, None) if index > 1 => {
                format!("Duplicate include_check '{name}' specified - ignoring")
            }
            _ => {
                set_check(name, add, cx);
                continue;
            }
        };
        let problem = Diagnostic::new(Code::InvalidValue, message).at(statement.place_of(index));
        cx.report(
            problem.label("known: read match wildcard_match brace_match, with + or - in front"),
        );
    }
}

fn set_check(name: &str, add: Option<bool>, cx: &mut Context<'_>) {
    if add.is_none() {
        cx.include_checks = Checks { read: true, ..Checks::default() };
    }
    let on = add.unwrap_or(true);
    match name {
        "read" => cx.include_checks.read = on,
        "match" => cx.include_checks.found = on,
        "wildcard_match" => cx.include_checks.wildcard = on,
        _ => cx.include_checks.brace = on,
    }
}
