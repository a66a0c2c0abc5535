//! `VRRP Topology`: one instance.

use std::net::IpAddr;

use base::Duration;
use control_plane::model::network::Route;
use control_plane::model::vrrp::{IpvlanMode, NotifyScripts, Unicast, VirtualAddress, Vmac};
use control_plane::model::{AddressScope, Authentication, Config, Instance, Preempt, Version};

use crate::instance_state::{Live, wanted_name};
use crate::layout::{Lines, Tracked, enabled, true_false, yes_no};
use crate::network;
use crate::sockets::NO_SOCKET;
use crate::split_brain;

/// An instance, in keepalived's order; with its state if it has one.
pub(crate) fn lines(config: &Config, one: &Instance, live: Option<&Live<'_>>) -> Lines {
    let mut lines = Lines::default();
    lines.item(1, "VRRP Instance", &one.name);
    head(&mut lines, config, one, live);
    announcements(&mut lines, one);
    election(&mut lines, one, live);
    addresses(&mut lines, one, live);
    lines.tracked(
        config,
        &Tracked {
            interfaces: &one.track_interfaces,
            scripts: &one.track_scripts,
            files: &one.track_files,
            processes: &one.track_processes,
            bfds: &one.track_bfds,
        },
    );
    lines.item(3, "Using smtp notification", yes_no(one.smtp_alert));
    let deleted = if one.notify.report_deleted { "Deleted" } else { "Fault" };
    lines.item(3, "Notify deleted", deleted);
    notify(&mut lines, config, &one.notify);
    lines.item(3, "Notify priority changes", true_false(one.notify_priority_changes));
    split_brain::lines(&mut lines, config, one, live);
    lines
}

fn head(lines: &mut Lines, config: &Config, one: &Instance, live: Option<&Live<'_>>) {
    let version = match one.version {
        Version::V2 => 2,
        Version::V3 => 3,
    };
    lines.item(3, "VRRP Version", version);
    if !one.is_ipv4() {
        lines.at(3, "Using Native IPv6");
    }
    let mut groups = config.vrrp.sync_groups.iter();
    let group = groups.find(|group| group.members.contains(&one.name));
    lines.optional(3, "Sync group", group.map(|group| &group.name));
    if let Some(live) = live {
        live.state(lines);
    }
    lines.at(3, "Flags:");
    if one.unicast.is_some() {
        lines.at(5, "Using unicast");
    }
    lines.item(3, "Wantstate", wanted_name(one, live));
    if let Some(live) = live {
        live.timers(lines);
    }
    interface(lines, one, live);
    if one.skip_check_advert_addresses {
        lines.at(3, "Skip checking advert IP addresses");
    }
    if one.dont_track_primary {
        lines.at(3, "VRRP interface tracking disabled");
    }
    if one.strict {
        lines.at(3, "Enforcing strict VRRP compliance");
    }
    if let Some(source) = one.source {
        lines.item(3, "Using src_ip", format!("{source} (from configuration)"));
    } else {
        lines.optional(3, "Using src_ip", live.and_then(|live| live.view.source));
    }
    if one.unicast.is_none() {
        let groups = config.vrrp.multicast;
        let group = if one.is_ipv4() { groups.v4.into() } else { groups.v6.into() };
        let link = live.filter(|_| !one.is_ipv4()).and_then(|live| live.link(&one.interface));
        let number = link.map(|link| format!(", ifindex {}", link.index)).unwrap_or_default();
        lines.at(3, format!("Multicast address {}{number}", one.destination.unwrap_or(group)));
    }
}

fn interface(lines: &mut Lines, one: &Instance, live: Option<&Live<'_>>) {
    let Some(name) = one.vmac_name() else {
        lines.item(3, "Interface", &one.interface);
        return;
    };
    // By this keepalived means that it is there.
    let is_up = live.map(|live| live.link(&name).is_some());
    let is_up = is_up.map(|is_up| format!(", is_up = {}", true_false(is_up)));
    let is_up = is_up.unwrap_or_default();
    let transmit_base = match one.vmac {
        Vmac::Macvlan { transmit_base, .. } => transmit_base,
        Vmac::Ipvlan { mode, .. } => {
            let mode = match mode {
                IpvlanMode::Bridge => "bridge",
                IpvlanMode::Private => "private",
                IpvlanMode::Vepa => "vepa",
            };
            lines.at(3, format!("Use IPVLAN, i/f {name}{is_up}, type {mode}"));
            lines.item(3, "Interface", format!("{name}, ipvlan on {}", one.interface));
            return;
        }
        Vmac::None => return,
    };
    let base = true_false(transmit_base);
    lines.at(3, format!("Use VMAC, i/f name {name}{is_up}, xmit_base = {base}"));
    let how = if transmit_base { ", xmit base i/f" } else { "" };
    lines.item(3, "Interface", format!("{name}, vmac on {}{how}", one.interface));
}

fn announcements(lines: &mut Lines, one: &Instance) {
    let garp = &one.garp;
    lines.item(3, "Gratuitous ARP delay", garp.delay.as_secs());
    lines.item(3, "Gratuitous ARP repeat", garp.repeat);
    lines.item(3, "Gratuitous ARP refresh", garp.refresh.as_secs());
    lines.item(3, "Gratuitous ARP refresh repeat", garp.refresh_repeat);
    lines.item(3, "Gratuitous ARP lower priority delay", garp.lower_prio_delay.as_secs());
    lines.item(3, "Gratuitous ARP lower priority repeat", garp.lower_prio_repeat);
    lines.item(3, "Down timer adverts", one.down_timer_adverts);
    let answers = true_false(!one.lower_prio_no_advert);
    lines.item(3, "Send advert after receive lower priority advert", answers);
    let yields = true_false(one.higher_prio_send_advert);
    lines.item(3, "Send advert after receive higher priority advert", yields);
}

fn election(lines: &mut Lines, one: &Instance, live: Option<&Live<'_>>) {
    lines.item(3, "Virtual Router ID", one.vrid);
    lines.item(3, "Priority", one.priority);
    if let Some(live) = live {
        lines.item(3, "Effective priority", live.view.known.priority);
        lines.item(3, "Total priority", live.view.known.priority);
        if one.version == Version::V3 {
            lines.item(3, "Highest other priority", live.highest_other());
        }
    }
    let interval = match one.version {
        Version::V2 => format!("{} sec", one.advert_interval.as_secs()),
        Version::V3 => format!("{} milli-sec", one.advert_interval.as_millis()),
    };
    lines.item(3, "Advert interval", interval);
    if let Some(live) = live {
        live.last_advert(lines);
    }
    lines.item(3, "Accept", enabled(one.accept));
    lines.item(3, "Preempt", enabled(one.preempt != Preempt::Never));
    match one.preempt {
        Preempt::After(delay) if delay > Duration::ZERO => {
            lines.item(
                3,
                "Preempt delay",
                format!("{} secs", delay.to_string().trim_end_matches('s')),
            );
        }
        Preempt::After(_) | Preempt::Never => {}
    }
    lines.item(3, "Promote_secondaries", enabled(one.promote_secondaries));
    if one.version == Version::V2 {
        let kind = match one.authentication {
            Authentication::None => "none",
            Authentication::Pass(_) => "SIMPLE_PASSWORD",
            Authentication::Ah(_) => "IPSEC_AH",
        };
        lines.item(3, "Authentication type", kind);
        if one.authentication != Authentication::None {
            lines.item(3, "Password", "********");
        }
    }
    lines.optional(3, "Kernel rx buffer size", one.receive_buffer);
    if one.debug > 0 {
        lines.item(3, "Debug level", one.debug);
    }
}

fn addresses(lines: &mut Lines, one: &Instance, live: Option<&Live<'_>>) {
    let set = live.is_some_and(Live::is_master);
    if !one.virtual_addresses.is_empty() {
        lines.at(3, format!("Virtual IP ({}):", one.virtual_addresses.len()));
        one.virtual_addresses.iter().for_each(|net| lines.at(5, address_of(one, net, set)));
    }
    if let Some(unicast) = &one.unicast {
        peers(lines, unicast);
    }
    let excluded = one.excluded_addresses.iter().map(|net| address_of(one, net, set));
    lines.list("Virtual IP Excluded", excluded);
    match live.map(|live| live.descriptor.unwrap_or(NO_SOCKET)) {
        Some(descriptor) => lines.at(3, format!("fd_in {descriptor}, fd_out {descriptor}")),
        None => lines.at(3, "No sockets allocated"),
    }
    lines.list("Virtual Routes", one.routes.iter().map(|route| route_of(one, route)));
    lines.list("Virtual Rules", one.rules.iter().map(network::rule));
}

fn peers(lines: &mut Lines, unicast: &Unicast) {
    lines.item(3, "Unicast TTL", unicast.ttl.unwrap_or(255));
    lines.at(3, format!("Check unicast src : {}", yes_no(unicast.check_source)));
    lines.list(
        "Unicast Peer",
        unicast.peers.iter().map(|peer| {
            format!("{} min_ttl {} max_ttl {}", peer.address, peer.min_ttl, peer.max_ttl)
        }),
    );
    let old = unicast.old_checksum == Some(true);
    lines.item(3, "Unicast checksum compatibility", yes_no(old));
}

/// `vrrp.51@lan0`, when that is the virtual interface of the instance.
fn based(one: &Instance, interface: &str) -> String {
    if one.vmac_name().is_some_and(|own| own == interface) {
        format!("{interface}@{}", one.interface)
    } else {
        interface.to_owned()
    }
}

/// An address of an instance.
pub(crate) fn address_of(one: &Instance, address: &VirtualAddress, set: bool) -> String {
    address_on(address, &based(one, &address.interface), set)
}

/// A route of an instance, with the interface that it takes when none is said.
pub(crate) fn route_of(one: &Instance, route: &Route) -> String {
    let on = match route.interface {
        None if route.next_hops.is_empty() => format!(" [dev {}]", one.interface),
        _ => String::new(),
    };
    network::route(route) + &on
}

/// An address on the interface that it is configured for.
pub(crate) fn address(one: &VirtualAddress, set: bool) -> String {
    address_on(one, &one.interface, set)
}

/// `10.0.0.100/24 brd 10.0.0.255 dev lan0 scope link label lan0:1 set`; a host has no prefix
/// length; `set` while it is installed.
fn address_on(one: &VirtualAddress, interface: &str, set: bool) -> String {
    let mut text = if one.net.prefix_len() == one.net.max_prefix_len() {
        one.net.addr().to_string()
    } else {
        one.net.to_string()
    };
    let mut add = |word: &str, value: &str| text.extend([" ", word, value]);
    if let Some(peer) = one.peer {
        add("peer ", &peer.to_string());
    }
    if let Some(broadcast) = one.broadcast {
        add("brd ", &broadcast.to_string());
    }
    add("dev ", interface);
    // The kernel alone decides the scope of a link-local address; keepalived shows its default.
    let link_local = matches!(one.net.addr(), IpAddr::V6(v6) if v6.is_unicast_link_local());
    add("scope ", &scope(if link_local { AddressScope(0) } else { one.scope }));
    if let Some(label) = &one.label {
        add("label ", label);
    }
    if one.no_track {
        add("no_track", "");
    }
    match one.preferred_lifetime {
        Some(0) => add("deprecated", ""),
        Some(lifetime) => add("preferred_lft ", &lifetime.to_string()),
        None if one.net.addr().is_ipv6() => add("preferred_lft ", "forever"),
        None => {}
    }
    if set {
        add("set", "");
    }
    text
}

fn scope(scope: AddressScope) -> String {
    match scope.0 {
        0 => "global".to_owned(),
        200 => "site".to_owned(),
        253 => "link".to_owned(),
        254 => "host".to_owned(),
        other => other.to_string(),
    }
}

/// The scripts of an instance or a group.
pub(crate) fn notify(lines: &mut Lines, config: &Config, notify: &NotifyScripts) {
    let user = config.global.scripts.user.as_ref();
    let scripts = [
        ("Master", &notify.master),
        ("Backup", &notify.backup),
        ("Fault", &notify.fault),
        ("Stop", &notify.stop),
        ("Deleted", &notify.deleted),
        ("Generic", &notify.generic),
        ("Master rx lower pri", &notify.master_rx_lower_pri),
    ];
    for (name, script) in scripts {
        lines.script(3, &format!("{name} state transition script"), script.as_ref(), user);
    }
}
