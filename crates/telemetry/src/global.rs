//! `Global definitions`. Settings that only give other blocks their defaults are shown there.

use base::Duration;
use control_plane::model::Lvs;
use control_plane::model::defaults::Defaults;
use control_plane::model::global::{Buffer, Global, ProcessSettings};
use control_plane::model::lvs::FlushOnStop;
use control_plane::model::vrrp::{Instance, Vmac, Vrrp};

use crate::layout::{Lines, owner, quoted, rule, seconds, true_false, yes_no};

/// Who shows it: VRRP resolves some settings, the others show them as they are before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    ByVrrp,
    ByOthers,
}

/// All of it, in keepalived's order.
pub(crate) fn lines(
    global: &Global,
    vrrp: &Vrrp,
    lvs: &Lvs,
    shown: Shown,
) -> impl Iterator<Item = String> {
    let mut lines = Lines::default();
    lines.at(0, rule("Global definitions"));
    start(&mut lines, global);
    mail(&mut lines, global);
    alerts(&mut lines, global);
    reload(&mut lines, global);
    lines.item(1, "Dynamic interfaces", true_false(vrrp.dynamic_interfaces));
    if vrrp.dynamic_interfaces {
        lines.item(1, "Allow interface changes", true_false(vrrp.dynamic_base_interfaces));
    }
    if global.mail.no_faults {
        lines.item(1, "Send emails for fault transitions", "off");
    }
    balancer(&mut lines, global, lvs, shown);
    pipes(&mut lines, global);
    let states_on_reload = true_false(vrrp.fifo_states_on_reload);
    lines.item(1, "FIFO write vrrp states on reload", states_on_reload);
    let priorities = true_false(global.defaults.notify_priority_changes);
    lines.item(1, "VRRP notify priority changes", priorities);
    lines.item(1, "VRRP IPv4 mcast group", vrrp.multicast.v4);
    lines.item(1, "VRRP IPv6 mcast group", vrrp.multicast.v6);
    announcements(&mut lines, &global.defaults, shown);
    firewall(&mut lines, global, vrrp, shown);
    let defaults = &global.defaults;
    lines.item(1, "VRRP check unicast_src", true_false(defaults.check_unicast_source));
    lines.item(1, "VRRP skip check advert addresses", true_false(defaults.skip_check));
    lines.item(1, "VRRP strict mode", true_false(defaults.strict));
    processes(&mut lines, global);
    outside(&mut lines, global);
    buffers(&mut lines, global);
    lines.item(1, "rs_init_notifies", u8::from(lvs.notify_initial));
    lines.item(1, "no_checker_emails", u8::from(global.mail.no_checkers));
    lines.item(1, "rx_bufs_multiples", global.buffers.advert_multiplier.unwrap_or(3));
    lines.item(1, "umask", format!("0{:o}", global.files.umask.unwrap_or(0o177)));
    lines.at(1, format!("json_version {}", global.files.json_version.unwrap_or(1)));
    let folder = |configured: &Option<String>| {
        configured.clone().unwrap_or_else(|| "/etc/iproute2".to_owned())
    };
    lines.at(1, format!("iproute usr directory {}", folder(&global.files.iproute_usr_dir)));
    lines.at(1, format!("iproute etc directory {}", folder(&global.files.iproute_etc_dir)));
    lines.into_iter()
}

/// Defaults of alerts and checks.
fn alerts(lines: &mut Lines, global: &Global) {
    let defaults = &global.defaults;
    let word = |said: Option<bool>| match said {
        Some(true) => "on",
        Some(false) => "off",
        None => "unset",
    };
    lines.item(1, "Default smtp_alert", word(defaults.smtp_alert));
    lines.item(1, "Default smtp_alert_vrrp", word(defaults.smtp_alert_vrrp));
    lines.item(1, "Default smtp_alert_checker", word(defaults.smtp_alert_checker));
    lines.item(1, "Checkers log all failures", true_false(defaults.log_all_failures));
}

/// Defaults of instances: announcements and the election.
fn announcements(lines: &mut Lines, defaults: &Defaults, shown: Shown) {
    let garp = &defaults.garp;
    let delay = garp.delay.unwrap_or(Duration::from_secs(5));
    let repeat = garp.repeat.unwrap_or(5);
    lines.item(1, "Gratuitous ARP delay", delay.as_secs());
    lines.item(1, "Gratuitous ARP repeat", repeat);
    let refresh = garp.refresh.unwrap_or(Duration::ZERO);
    lines.item(1, "Gratuitous ARP refresh timer", refresh.as_secs());
    lines.item(1, "Gratuitous ARP refresh repeat", garp.refresh_repeat.unwrap_or(1));
    // Not set is the largest number where nobody has looked at the other settings yet.
    let unset = |resolved: u64| if shown == Shown::ByVrrp { resolved } else { u32::MAX.into() };
    let lower_delay = garp.lower_prio_delay.map(Duration::as_secs);
    let lower_delay = lower_delay.unwrap_or_else(|| unset(delay.as_secs()));
    lines.item(1, "Gratuitous ARP lower priority delay", lower_delay);
    let lower_repeat = garp.lower_prio_repeat.map(u64::from);
    let lower_repeat = lower_repeat.unwrap_or_else(|| unset(repeat.into()));
    lines.item(1, "Gratuitous ARP lower priority repeat", lower_repeat);
    lines.item(1, "Num adverts before down", defaults.down_timer_adverts.unwrap_or(3));
    let extra = garp.extra.unwrap_or(Duration::ZERO).as_secs();
    lines.item(1, "Gratuitous ARP for each secondary VMAC", format!("{extra}s"));
    let answers = true_false(!defaults.lower_prio_no_advert);
    lines.item(1, "Send advert after receive lower priority advert", answers);
    let yields = true_false(defaults.higher_prio_send_advert);
    lines.item(1, "Send advert after receive higher priority advert", yields);
    let interval = |span: Option<Duration>| seconds(span.unwrap_or(Duration::ZERO));
    lines.item(1, "Gratuitous ARP interval", interval(garp.interval));
    lines.item(1, "Gratuitous NA interval", interval(garp.gna_interval));
    lines.item(1, "VRRP default protocol version", defaults.version.unwrap_or(2));
}

fn start(lines: &mut Lines, global: &Global) {
    let launch = &global.launch;
    lines.optional(1, "Config save dir", global.files.config_save_dir.as_ref());
    let namespace = launch.namespace.as_deref().unwrap_or("(default)");
    lines.item(1, "Network namespace", namespace);
    let ipvs = match launch.ipvs_namespace.as_deref() {
        None => "(main namespace)",
        Some("") => "(default)",
        Some(name) => name,
    };
    lines.item(1, "Network namespace ipvs", ipvs);
    lines.optional(1, "VRRP process name", global.vrrp_process.name.as_ref());
    lines.optional(1, "LVS process name", global.checker_process.name.as_ref());
    lines.optional(1, "BFD process name", global.bfd_process.name.as_ref());
    let links = if global.scripts.keep_symlinks { "Don't replace" } else { "Replace" };
    lines.at(1, format!("{links} symlinks in script paths"));
    let groups = if global.scripts.supplementary_groups { "Set" } else { "Don't set" };
    lines.at(1, format!("{groups} supplementary groups for all scripts"));
    lines.optional(1, "Router ID", global.router_id.as_ref());
}

fn mail(lines: &mut Lines, global: &Global) {
    let mail = &global.mail;
    if let Some((server, port)) = &mail.server {
        lines.item(1, "Smtp server", server);
        lines.item(1, "Smtp server port", port);
    }
    lines.optional(1, "Smtp HELO name", mail.helo_name.as_ref());
    lines.optional(
        1,
        "Smtp server connection timeout",
        mail.connect_timeout.map(Duration::as_secs),
    );
    lines.optional(1, "Email notification from", mail.from.as_ref());
    if !mail.to.is_empty() {
        lines.at(1, "Email notification to:");
        mail.to.iter().for_each(|recipient| lines.at(3, mailbox(recipient)));
    }
}

/// `"Ops, team" <ops@example.com>`: a name that is more than a word has quotes.
fn mailbox(text: &str) -> String {
    let Some((name, address)) = text.split_once('<') else { return text.to_owned() };
    let name = name.trim();
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain || name.starts_with('"') {
        return text.to_owned();
    }
    format!("\"{name}\" <{address}")
}

fn reload(lines: &mut Lines, global: &Global) {
    if global.reload.check.is_none() {
        lines.at(1, "No test config before reload");
    }
    let repeat = if global.reload.repeat { " (repeat)" } else { "" };
    let file = global.reload.time_file.as_ref().map(|file| format!("{file}{repeat}"));
    lines.optional(1, "Reload time file", file);
}

fn balancer(lines: &mut Lines, global: &Global, lvs: &Lvs, shown: Shown) {
    lines.optional(1, "LVS TCP timeout", lvs.timeouts.tcp);
    lines.optional(1, "LVS TCP FIN timeout", lvs.timeouts.tcp_fin);
    // keepalived's own label for the UDP timeout.
    lines.optional(1, "LVS TCP timeout", lvs.timeouts.udp);
    if shown == Shown::ByVrrp {
        let default = global.defaults.interface.as_deref().unwrap_or("eth0");
        lines.item(1, "Default interface", default);
    }
    let igmp = if global.launch.disable_local_igmp { "yes" } else { "no" };
    lines.item(1, "Disable local IGMP", igmp);
    let as_v2 = yes_no(global.defaults.checksum_as_v2);
    lines.item(1, "Use VRRPv2 checksum for VRRPv3 IPv4", as_v2);
    if let Some(daemon) = &lvs.sync_daemon {
        let what = if shown == Shown::ByVrrp { "instance" } else { "name" };
        lines.optional(1, &format!("LVS syncd vrrp {what}"), daemon.instance.as_ref());
        lines.item(1, "LVS syncd interface", &daemon.interface);
        lines.optional(1, "LVS syncd syncid", daemon.id);
        lines.optional(1, "LVS syncd maxlen", daemon.max_length);
        if let Some(group) = daemon.group {
            lines.at(1, format!("LVS mcast group {group}"));
        }
        lines.optional(1, "LVS syncd mcast port", daemon.port);
        lines.optional(1, "LVS syncd mcast ttl", daemon.ttl);
    }
    lines.item(1, "LVS flush", true_false(lvs.flush));
    let on_stop = match lvs.flush_on_stop {
        FlushOnStop::No => "disabled",
        FlushOnStop::All => "enabled",
        FlushOnStop::Services => "VS",
    };
    lines.item(1, "LVS flush on stop", on_stop);
}

fn pipes(lines: &mut Lines, global: &Global) {
    let pipes = [
        ("Global notify fifo", &global.fifo),
        ("VRRP notify fifo", &global.vrrp_fifo),
        ("LVS notify fifo", &global.lvs_fifo),
    ];
    for (name, fifo) in pipes {
        let Some(fifo) = fifo else { continue };
        let owner = fifo.user.as_ref().map_or_else(|| "0:0".to_owned(), owner);
        lines.item(1, name, format!("{}, uid:gid {owner}", fifo.path));
        lines.script(
            1,
            &format!("{name} script"),
            fifo.script.as_ref(),
            global.scripts.user.as_ref(),
        );
    }
}

fn firewall(lines: &mut Lines, global: &Global, vrrp: &Vrrp, shown: Shown) {
    let firewall = &global.firewall;
    // VRRP chooses a table when it needs one.
    let needs = |one: &Instance| !one.accept || one.vmac != Vmac::None;
    let chosen = shown == Shown::ByVrrp && vrrp.instances.iter().any(needs);
    let chosen = chosen.then_some("keepalived");
    let table = firewall.table.as_deref().or(chosen);
    if let Some(table) = table {
        lines.item(1, "nftables table name", table);
        lines.item(1, "nftables base chain priority", firewall.priority.unwrap_or(-1));
        let forced = if firewall.by_ifindex { "" } else { "don't " };
        lines.at(1, format!("nftables {forced}force use ifindex for link local IPv6"));
    }
    let counters = if firewall.counters { "with" } else { "without" };
    lines.at(1, format!("nftables {counters} counters"));
}

fn processes(lines: &mut Lines, global: &Global) {
    let auto = global.auto_priority;
    let highest = if auto.max < 1 { "Disabled".to_owned() } else { auto.max.to_string() };
    lines.item(1, "Max auto priority", highest);
    let late = auto.min_delay.unwrap_or(Duration::from_secs(1)).as_micros();
    lines.item(1, "Min auto priority delay", format!("{late} usecs"));
    process(lines, "VRRP", &global.vrrp_process);
    process(lines, "Checker", &global.checker_process);
    process(lines, "BFD", &global.bfd_process);
}

fn process(lines: &mut Lines, name: &str, settings: &ProcessSettings) {
    lines.item(1, &format!("{name} process priority"), settings.nice.unwrap_or(0));
    lines.item(1, &format!("{name} don't swap"), true_false(settings.no_swap));
    let priority = settings.realtime_priority.unwrap_or(0);
    lines.item(1, &format!("{name} realtime priority"), priority);
    if !settings.cpu_affinity.is_empty() {
        let processors: Vec<String> = settings.cpu_affinity.iter().map(u32::to_string).collect();
        lines.item(1, &format!("{name} CPU Affinity"), processors.join(" "));
    }
    let limit = settings.realtime_limit.unwrap_or(Duration::from_millis(10)).as_micros();
    lines.item(1, &format!("{name} realtime limit"), limit);
}

fn outside(lines: &mut Lines, global: &Global) {
    let snmp = &global.snmp;
    for (name, is_on) in [("vrrp", snmp.vrrp), ("checker", snmp.checker), ("traps", snmp.traps)] {
        lines.at(1, format!("SNMP {name} {}", if is_on { "enabled" } else { "disabled" }));
    }
    let socket = snmp.socket.as_deref().unwrap_or("default (unix:/var/agentx/master)");
    lines.item(1, "SNMP socket", socket);
    let services = snmp.virtual_server_interval.unwrap_or(Duration::from_secs(5));
    let servers = snmp.real_server_interval.unwrap_or(services);
    lines.item(1, "SNMP VS stats update interval", seconds(services));
    lines.item(1, "SNMP RS stats update interval", seconds(servers));
    lines.at(1, format!("DBus {}", if global.dbus.is_some() { "enabled" } else { "disabled" }));
    let name = global.dbus.as_ref().and_then(|dbus| dbus.service_name.as_deref());
    lines.item(1, "DBus service name", name.unwrap_or_default());
    let name = global.dbus.as_ref().and_then(|dbus| dbus.no_interface_name.as_deref());
    lines.item(1, "DBus no interface name", name.unwrap_or("none"));
    let scripts = &global.scripts;
    lines
        .at(1, format!("Script security {}", if scripts.enforce { "enabled" } else { "disabled" }));
    // Root is nobody's default where scripts are guarded.
    let root = (!scripts.enforce).then(|| "0:0".to_owned());
    if let Some(user) = scripts.user.as_ref().map(owner).or(root) {
        lines.at(1, format!("Default script uid:gid {user}"));
    }
    let lifecycle = &global.lifecycle;
    lines.optional(1, "Startup script", lifecycle.startup.as_ref().map(quoted));
    lines.optional(1, "Shutdown script", lifecycle.shutdown.as_ref().map(quoted));
}

fn buffers(lines: &mut Lines, global: &Global) {
    let buffers = &global.buffers;
    let mut buffer = |name: &str, buffer: Buffer| {
        lines.item(1, name, buffer.size.unwrap_or(0));
        lines.item(1, &format!("{name}_force"), u8::from(buffer.force));
    };
    buffer("vrrp_netlink_cmd_rcv_bufs", buffers.vrrp_command);
    buffer("vrrp_netlink_monitor_rcv_bufs", buffers.vrrp_monitor);
    buffer("process_monitor_rcv_bufs", buffers.process_monitor);
    buffer("lvs_netlink_cmd_rcv_bufs", buffers.lvs_command);
    buffer("lvs_netlink_monitor_rcv_bufs", buffers.lvs_monitor);
}
