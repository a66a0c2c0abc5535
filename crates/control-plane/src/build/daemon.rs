//! Settings of `global_defs` about the daemon itself: processes, scripts of its own, pipes,
//! firewall tables, SNMP, D-Bus, buffers, files.

use base::Duration;

use super::global::GlobalDraft;
use super::script::script_user;
use super::{set_once, set_script};
use crate::diagnostic::{Code, Diagnostic};
use crate::lang::Context;
use crate::model::global::{AdvertBuffer, Buffer, Dbus, Fifo, ProcessSettings};
use crate::model::lvs::{FlushOnStop, SyncDaemon};
use crate::model::{Command, ScriptUser};
use crate::parse::statement::Statement;
use crate::parse::value::{Value, integer};

/// Longest name of a process, the kernel's `comm`.
const MAX_COMM: usize = 15;

/// A pipe whose path and program come in any order.
#[derive(Default)]
pub(crate) struct FifoDraft {
    path: Option<(String, Option<ScriptUser>)>,
    script: Option<Command>,
}

impl FifoDraft {
    pub(super) fn finish(self) -> Option<Fifo> {
        let (path, user) = self.path?;
        Some(Fifo { path, user, script: self.script })
    }
}

impl GlobalDraft {
    /// One of these keywords.
    pub(super) fn daemon(
        &mut self,
        statement: &Statement<'_>,
        value: Value<'_>,
        cx: &mut Context<'_>,
    ) {
        let name = statement.keyword.name;
        let done = self.process(name, &value, statement, cx)
            || self.firewall(name, &value, statement, cx)
            || self.snmp(statement, &value, cx)
            || self.buffers(name, &value, statement, cx)
            || self.files(name, &value, statement, cx)
            || self.lvs(name, &value, statement, cx);
        if !done {
            self.scripts(name, value, statement, cx);
        }
    }

    fn process(
        &mut self,
        name: &str,
        value: &Value<'_>,
        statement: &Statement<'_>,
        cx: &mut Context<'_>,
    ) -> bool {
        let global = &mut self.global;
        match name {
            "process_names" => self.process_names = true,
            "process_name" => global.process_name = comm(statement, cx),
            "max_auto_priority" => global.auto_priority.max = value.int().unwrap_or(99),
            "min_auto_priority_delay" => {
                global.auto_priority.min_delay = value.int().map(Duration::from_micros);
            }
            "disable_local_igmp" => global.launch.disable_local_igmp = true,
            "random_seed" => global.launch.random_seed = value.int(),
            _ => {
                let split = name.split_once('_');
                let (settings, setting) = match split {
                    Some(("vrrp", setting)) => (&mut global.vrrp_process, setting),
                    Some(("checker" | "lvs", setting)) => (&mut global.checker_process, setting),
                    Some(("bfd", setting)) => (&mut global.bfd_process, setting),
                    _ => return false,
                };
                return process_setting(settings, setting, value, statement, cx);
            }
        }
        true
    }

    fn firewall(
        &mut self,
        name: &str,
        value: &Value<'_>,
        statement: &Statement<'_>,
        cx: &mut Context<'_>,
    ) -> bool {
        let firewall = &mut self.global.firewall;
        let again = || {
            let message = format!("{name} already specified - ignoring");
            Diagnostic::new(Code::Repeated, message).at(statement.place())
        };
        match name {
            "nftables" => {
                let table = value.text().unwrap_or("keepalived").to_owned();
                set_once(&mut firewall.table, Some(table), again, cx);
            }
            "nftables_ipvs" => {
                let table = value.text().unwrap_or("keepalived_ipvs").to_owned();
                set_once(&mut firewall.ipvs_table, Some(table), again, cx);
            }
            "nftables_priority" => firewall.priority = value.int(),
            "nftables_ifindex" => firewall.by_ifindex = true,
            "nftables_counters" => firewall.counters = true,
            "nftables_ipvs_priority" => firewall.ipvs_priority = value.int(),
            "nftables_ipvs_start_fwmark" => firewall.ipvs_first_mark = value.int(),
            "vrrp_iptables" | "vrrp_ipsets" => {
                let message = "iptables not supported, using nftables instead. Please replace \
                               'vrrp_iptables and 'vrrp_ipsets' with 'nftables' config option";
                cx.report(Diagnostic::new(Code::Unsupported, message).at(statement.place_of(0)));
                if name == "vrrp_iptables" {
                    firewall.table.get_or_insert_with(|| "keepalived".to_owned());
                }
            }
            _ => return false,
        }
        true
    }

    fn snmp(&mut self, statement: &Statement<'_>, value: &Value<'_>, cx: &mut Context<'_>) -> bool {
        let snmp = &mut self.global.snmp;
        let name = statement.keyword.name;
        if name.starts_with("enable_snmp_rfc") {
            let message = format!("{name}: the MIBs of the RFCs are not supported - ignoring");
            cx.report(Diagnostic::new(Code::Unsupported, message).at(statement.place_of(0)));
        }
        match name {
            "snmp_socket" => snmp.socket = snmp.socket.take().or_else(|| value.string()),
            "enable_traps" => snmp.traps = true,
            "enable_snmp_vrrp" | "enable_snmp_keepalived" => snmp.vrrp = true,
            "enable_snmp_rfc" => (snmp.rfc_v2, snmp.rfc_v3) = (true, true),
            "enable_snmp_rfcv2" => snmp.rfc_v2 = true,
            "enable_snmp_rfcv3" => snmp.rfc_v3 = true,
            "enable_snmp_checker" => snmp.checker = true,
            "snmp_vs_stats_update_interval" => snmp.virtual_server_interval = value.time(),
            "snmp_rs_stats_update_interval" => snmp.real_server_interval = value.time(),
            "enable_dbus" => self.dbus = true,
            "dbus_service_name" => self.dbus_names.service_name = value.string(),
            "dbus_no_interface_name" => self.dbus_names.no_interface_name = value.string(),
            _ => return false,
        }
        true
    }

    fn buffers(
        &mut self,
        name: &str,
        value: &Value<'_>,
        statement: &Statement<'_>,
        cx: &mut Context<'_>,
    ) -> bool {
        let buffers = &mut self.global.buffers;
        let (name, force) = match name.strip_suffix("_force") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let buffer: &mut Buffer = match name {
            "vrrp_netlink_cmd_rcv_bufs" => &mut buffers.vrrp_command,
            "vrrp_netlink_monitor_rcv_bufs" => &mut buffers.vrrp_monitor,
            "lvs_netlink_cmd_rcv_bufs" => &mut buffers.lvs_command,
            "lvs_netlink_monitor_rcv_bufs" => &mut buffers.lvs_monitor,
            "process_monitor_rcv_bufs" => &mut buffers.process_monitor,
            "vrrp_rx_bufs_policy" => {
                advert_buffer(&mut buffers.advert, statement, cx);
                return true;
            }
            "vrrp_rx_bufs_multiplier" => {
                buffers.advert_multiplier = value.int();
                return true;
            }
            _ => return false,
        };
        if force {
            buffer.force = value.bool();
        } else {
            buffer.size = value.int();
        }
        true
    }

    fn files(
        &mut self,
        name: &str,
        value: &Value<'_>,
        statement: &Statement<'_>,
        cx: &mut Context<'_>,
    ) -> bool {
        let (files, reload) = (&mut self.global.files, &mut self.global.reload);
        let optional = || Some(value.string().unwrap_or_default());
        match name {
            "umask" => files.umask = umask(statement, cx).or(files.umask),
            "config_save_dir" => files.config_save_dir = value.string(),
            "tmp_config_directory" => files.tmp_config_dir = value.string(),
            "data_use_instance" => files.data_use_instance = value.bool(),
            "json_version" => files.json_version = value.int(),
            "iproute_usr_dir" => files.iproute_usr_dir = value.string(),
            "iproute_etc_dir" => files.iproute_etc_dir = value.string(),
            "state_dump_file" => files.state_dump = value.string(),
            "stats_dump_file" => files.stats_dump = value.string(),
            "json_dump_file" => files.json_dump = value.string(),
            "reload_check_config" => reload.check = optional(),
            "reload_time_file" => reload.time_file = value.string(),
            "reload_repeat" => reload.repeat = true,
            "reload_file" => reload.marker = optional(),
            _ => return false,
        }
        true
    }

    fn lvs(
        &mut self,
        name: &str,
        value: &Value<'_>,
        statement: &Statement<'_>,
        cx: &mut Context<'_>,
    ) -> bool {
        match name {
            "lvs_timeouts" => self.timeouts(statement, cx),
            "lvs_flush" => self.flush = true,
            "lvs_flush_on_stop" | "lvs_flush_onstop" => {
                let services = value.text() == Some("VS");
                self.flush_on_stop =
                    if services { FlushOnStop::Services } else { FlushOnStop::All };
            }
            "lvs_sync_daemon" => {
                let daemon = sync_daemon(statement, cx);
                let again = || {
                    let message = "lvs_sync_daemon has already been specified - ignoring";
                    Diagnostic::new(Code::Repeated, message).at(statement.place())
                };
                set_once(&mut self.sync_daemon, daemon, again, cx);
            }
            "rs_init_notifies" => self.notify_initial = value.bool(),
            _ => return false,
        }
        true
    }

    /// `lvs_timeouts [tcp N] [tcpfin N] [udp N]`.
    fn timeouts(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let mut at = 1;
        let mut any = false;
        while let (Some(which), Some(value)) = (statement.word(at), statement.word(at + 1)) {
            let slot = match which {
                "tcp" => &mut self.timeouts.tcp,
                "tcpfin" => &mut self.timeouts.tcp_fin,
                "udp" => &mut self.timeouts.udp,
                _ => break,
            };
            any = true;
            match integer(value, 0, 2_678_400) {
                Ok(seconds) => *slot = u32::try_from(seconds).ok(),
                Err(problem) => {
                    let outcome = format!("Invalid lvs_timeout {which} ({value}) - ignoring");
                    cx.report(problem.at(statement.place_of(at + 1)).outcome(outcome));
                }
            }
            at += 2;
        }
        if let Some(left) = statement.word(at) {
            let message = if any {
                format!("Unknown option {left} specified for lvs_timeouts")
            } else {
                "lvs_timeouts requires at least one option".to_owned()
            };
            let problem = Diagnostic::new(Code::InvalidValue, message).at(statement.place_of(at));
            cx.report(problem.label("expected tcp N, tcpfin N or udp N"));
        }
    }

    fn scripts(
        &mut self,
        name: &str,
        value: Value<'_>,
        statement: &Statement<'_>,
        cx: &mut Context<'_>,
    ) {
        let lifecycle = &mut self.global.lifecycle;
        match name {
            "startup_script" => set_script(&mut lifecycle.startup, value, "", statement, cx),
            "shutdown_script" => set_script(&mut lifecycle.shutdown, value, "", statement, cx),
            "startup_script_timeout" => lifecycle.startup_timeout = value.seconds(),
            "shutdown_script_timeout" => lifecycle.shutdown_timeout = value.seconds(),
            _ => {
                let (fifo, is_script) = match name {
                    "notify_fifo" => (&mut self.fifo, false),
                    "notify_fifo_script" => (&mut self.fifo, true),
                    "vrrp_notify_fifo" => (&mut self.vrrp_fifo, false),
                    "vrrp_notify_fifo_script" => (&mut self.vrrp_fifo, true),
                    "lvs_notify_fifo" => (&mut self.lvs_fifo, false),
                    "lvs_notify_fifo_script" => (&mut self.lvs_fifo, true),
                    _ => return,
                };
                if is_script {
                    set_script(&mut fifo.script, value, "", statement, cx);
                } else {
                    let path =
                        statement.word(1).map(|path| (path.to_owned(), script_user(statement, 2)));
                    let again = || {
                        let message = format!("{name} already specified - ignoring");
                        Diagnostic::new(Code::Repeated, message).at(statement.place())
                    };
                    set_once(&mut fifo.path, path, again, cx);
                }
            }
        }
    }
}

/// A setting of one process, its name without `vrrp_` and so on; false when it is none.
fn process_setting(
    settings: &mut ProcessSettings,
    setting: &str,
    value: &Value<'_>,
    statement: &Statement<'_>,
    cx: &mut Context<'_>,
) -> bool {
    match setting {
        "process_name" => settings.name = comm(statement, cx),
        "priority" => settings.nice = value.int(),
        "no_swap" => settings.no_swap = true,
        "rt_priority" => settings.realtime_priority = realtime_priority(value, statement, cx),
        "rlimit_rttime" | "rlimit_rtime" => {
            settings.realtime_limit = value.int().map(Duration::from_micros);
        }
        "cpu_affinity" => {
            for (index, word) in statement.words.iter().enumerate().skip(1) {
                match integer(word.text, 0, 8_191) {
                    Ok(cpu) => settings.cpu_affinity.extend(u32::try_from(cpu).ok()),
                    Err(problem) => {
                        let outcome = format!("Invalid cpu_id:{} specified", word.text);
                        cx.report(problem.at(statement.place_of(index)).outcome(outcome));
                    }
                }
            }
        }
        _ => return false,
    }
    true
}

/// A priority of SCHED_RR, at most 99.
fn realtime_priority(
    value: &Value<'_>,
    statement: &Statement<'_>,
    cx: &mut Context<'_>,
) -> Option<u8> {
    const MAX: u8 = 99;
    let priority = value.int::<i64>()?;
    if priority > MAX.into() {
        let process = statement.keyword.name.split('_').next().unwrap_or_default();
        let message = format!(
            "{process} process real-time priority {priority} greater than maximum {MAX} - setting \
             to maximum"
        );
        cx.report(Diagnostic::new(Code::Adjusted, message).at(statement.place_of(1)));
        return Some(MAX);
    }
    u8::try_from(priority).ok()
}

/// The name of a process, cut to what the kernel keeps.
fn comm(statement: &Statement<'_>, cx: &mut Context<'_>) -> Option<String> {
    let name = statement.word(1)?;
    if name.len() <= MAX_COMM {
        return Some(name.to_owned());
    }
    let message = format!("Process name {name} more than {MAX_COMM} characters, truncating");
    cx.report(Diagnostic::new(Code::Truncated, message).at(statement.place_of(1)));
    let mut end = MAX_COMM;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    Some(name[..end].to_owned())
}

/// `MTU|ADVERT|SIZE`.
fn advert_buffer(policy: &mut AdvertBuffer, statement: &Statement<'_>, cx: &mut Context<'_>) {
    let word = statement.word(1).unwrap_or_default();
    if word.eq_ignore_ascii_case("MTU") {
        *policy = AdvertBuffer::Mtu;
    } else if word.eq_ignore_ascii_case("ADVERT") {
        *policy = AdvertBuffer::Advert;
    } else {
        match integer(word, 0, u32::MAX.into()) {
            Ok(size) => *policy = u32::try_from(size).map_or(*policy, AdvertBuffer::Bytes),
            Err(problem) => {
                let problem = problem.label("expected MTU, ADVERT or a number of bytes");
                let outcome = format!("Invalid vrrp_rx_bufs_policy {word}");
                cx.report(problem.at(statement.place_of(1)).outcome(outcome));
            }
        }
    }
}

/// A number as C writes it (0177, 0x7f), or names of bits joined with `|`.
fn umask(statement: &Statement<'_>, cx: &mut Context<'_>) -> Option<u32> {
    let text = statement.raw_from(1);
    let number = if let Some(digits) = text.strip_prefix("0x") {
        u32::from_str_radix(digits, 16).ok()
    } else if text.len() > 1 && text.starts_with('0') {
        u32::from_str_radix(&text[1..], 8).ok()
    } else {
        text.parse().ok()
    };
    if number.is_some() {
        return number.map(|number| number & 0o777);
    }
    let mut mask = 0;
    for name in text.split(['|', ' ', '\t']).filter(|name| !name.is_empty()) {
        match mode_bits(name) {
            Some(bits) => mask |= bits,
            None => {
                let message = format!("Unknown umask bit {name}");
                let problem =
                    Diagnostic::new(Code::InvalidValue, message).at(statement.place_of(1));
                cx.report(problem.label("expected a number such as 0177, or IRWXG|IRWXO"));
                return None;
            }
        }
    }
    Some(mask)
}

/// `IRUSR`, `IRWXO` and so on.
fn mode_bits(name: &str) -> Option<u32> {
    let (what, who) = name.strip_prefix('I')?.split_at_checked(name.len().checked_sub(4)?)?;
    let (bits, who) = match (what, who) {
        ("RWX", who) => (0o7, who),
        ("R", who) => (0o4, who),
        ("W", who) => (0o2, who),
        ("X", who) => (0o1, who),
        _ => return None,
    };
    Some(match who {
        "U" | "USR" => bits << 6,
        "G" | "GRP" => bits << 3,
        "O" | "OTH" => bits,
        _ => return None,
    })
}

/// `lvs_sync_daemon IFNAME [[inst] NAME] [id N] [maxlen N] [port N] [ttl N] [group ADDR]`.
fn sync_daemon(statement: &Statement<'_>, cx: &mut Context<'_>) -> Option<SyncDaemon> {
    let mut daemon = SyncDaemon {
        interface: statement.word(1)?.to_owned(),
        instance: None,
        id: None,
        max_length: None,
        port: None,
        ttl: None,
        group: None,
    };
    let mut at = 2;
    while let Some(option) = statement.word(at) {
        let value = statement.word(at + 1);
        let known = ["inst", "id", "maxlen", "port", "ttl", "group"].contains(&option);
        if !known && at == 2 {
            daemon.instance = Some(option.to_owned());
            at += 1;
            continue;
        }
        let Some(value) = value.filter(|_| known) else {
            let message = format!("Unknown option {option} specified for lvs_sync_daemon");
            cx.report(Diagnostic::new(Code::InvalidValue, message).at(statement.place_of(at)));
            break;
        };
        let mut number = |min, max| match integer(value, min, max) {
            Ok(number) => Some(number),
            Err(problem) => {
                let outcome = format!("Invalid lvs_sync_daemon {option} ({value}) - ignoring");
                cx.report(problem.at(statement.place_of(at + 1)).outcome(outcome));
                None
            }
        };
        match option {
            "inst" => daemon.instance = Some(value.to_owned()),
            "id" => daemon.id = number(0, 255).and_then(|id| u8::try_from(id).ok()),
            "maxlen" => daemon.max_length = number(1, 65_507).and_then(|n| u16::try_from(n).ok()),
            "port" => daemon.port = number(1, 65_535).and_then(|port| u16::try_from(port).ok()),
            "ttl" => daemon.ttl = number(1, 255).and_then(|ttl| u8::try_from(ttl).ok()),
            _ => match value.parse::<std::net::IpAddr>() {
                Ok(group) if group.is_multicast() => daemon.group = Some(group),
                _ => {
                    let message = format!("Invalid lvs_sync_daemon group ({value}) - ignoring");
                    let problem = Diagnostic::new(Code::BadAddress, message);
                    cx.report(problem.at(statement.place_of(at + 1)));
                }
            },
        }
        at += 2;
    }
    Some(daemon)
}

/// `enable_dbus` with its names.
pub(super) fn dbus(enabled: bool, names: Dbus) -> Option<Dbus> {
    enabled.then_some(names)
}
