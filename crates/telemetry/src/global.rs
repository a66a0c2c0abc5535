//! `Global definitions`. Settings that only give other blocks their defaults are shown there.

use base::Duration;
use control_plane::model::Lvs;
use control_plane::model::global::{Buffer, Global, ProcessSettings};
use control_plane::model::lvs::FlushOnStop;
use control_plane::model::vrrp::Vrrp;

use crate::layout::{Lines, quoted, rule, true_false};

/// All of it, in keepalived's order.
pub(crate) fn lines(global: &Global, vrrp: &Vrrp, lvs: &Lvs) -> impl Iterator<Item = String> {
    let mut lines = Lines::default();
    lines.at(0, rule("Global definitions"));
    start(&mut lines, global);
    mail(&mut lines, global);
    reload(&mut lines, global);
    lines.item(1, "Dynamic interfaces", true_false(vrrp.dynamic_interfaces));
    if vrrp.dynamic_interfaces {
        lines.item(1, "Allow interface changes", true_false(vrrp.dynamic_base_interfaces));
    }
    if global.mail.no_faults {
        lines.item(1, "Send emails for fault transitions", "off");
    }
    balancer(&mut lines, global, lvs);
    pipes(&mut lines, global);
    let states_on_reload = true_false(vrrp.fifo_states_on_reload);
    lines.item(1, "FIFO write vrrp states on reload", states_on_reload);
    lines.item(1, "VRRP IPv4 mcast group", vrrp.multicast.v4);
    lines.item(1, "VRRP IPv6 mcast group", vrrp.multicast.v6);
    firewall(&mut lines, global);
    processes(&mut lines, global);
    outside(&mut lines, global);
    buffers(&mut lines, global);
    lines.item(1, "rs_init_notifies", u8::from(lvs.notify_initial));
    lines.item(1, "no_checker_emails", u8::from(global.mail.no_checkers));
    lines.item(1, "rx_bufs_multiples", global.buffers.advert_multiplier.unwrap_or(3));
    lines.item(1, "umask", format!("0{:o}", global.files.umask.unwrap_or(0o177)));
    if let Some(version) = global.files.json_version {
        lines.at(1, format!("json_version {version}"));
    }
    lines.into_iter()
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
        mail.to.iter().for_each(|recipient| lines.at(3, recipient));
    }
}

fn reload(lines: &mut Lines, global: &Global) {
    if global.reload.check.is_none() {
        lines.at(1, "No test config before reload");
    }
    lines.optional(1, "Reload time file", global.reload.time_file.as_ref());
}

fn balancer(lines: &mut Lines, global: &Global, lvs: &Lvs) {
    lines.optional(1, "LVS TCP timeout", lvs.timeouts.tcp);
    lines.optional(1, "LVS TCP FIN timeout", lvs.timeouts.tcp_fin);
    // keepalived's own label for the UDP timeout.
    lines.optional(1, "LVS TCP timeout", lvs.timeouts.udp);
    let igmp = if global.launch.disable_local_igmp { "yes" } else { "no" };
    lines.item(1, "Disable local IGMP", igmp);
    if let Some(daemon) = &lvs.sync_daemon {
        lines.optional(1, "LVS syncd vrrp instance", daemon.instance.as_ref());
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
        let owner = fifo.user.as_ref().map(|user| {
            let group = user.group.as_ref().unwrap_or(&user.user);
            format!(", uid:gid {}:{group}", user.user)
        });
        lines.item(1, name, format!("{}{}", fifo.path, owner.unwrap_or_default()));
        lines.script(1, &format!("{name} script"), fifo.script.as_ref());
    }
}

fn firewall(lines: &mut Lines, global: &Global) {
    let firewall = &global.firewall;
    if let Some(table) = &firewall.table {
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
    lines.at(1, format!("DBus {}", if global.dbus.is_some() { "enabled" } else { "disabled" }));
    let name = global.dbus.as_ref().and_then(|dbus| dbus.service_name.as_deref());
    lines.item(1, "DBus service name", name.unwrap_or_default());
    let scripts = &global.scripts;
    lines
        .at(1, format!("Script security {}", if scripts.enforce { "enabled" } else { "disabled" }));
    if let Some(user) = &scripts.user {
        let group = user.group.as_ref().unwrap_or(&user.user);
        lines.at(1, format!("Default script uid:gid {}:{group}", user.user));
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
