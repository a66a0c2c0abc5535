//! Keywords of groups: `vrrp_sync_group`, `garp_group`, `track_group`, and blocks of no other place.

use control_plane::keywords::Block;

use crate::instance::{INSTANCE, MASTER, TO_MASTER};
use effects::{Sees, new};

use crate::Row;
use crate::trace::Act;

pub(crate) fn rows() -> Vec<Row> {
    [sync_groups(), garp_groups(), track_groups(), roots()].concat()
}

/// Two instances, on eth0 and eth1, and a group of them; `@` is in the group.
fn sync_group(keyword: &'static str, line: &str, play: &[(u64, Act)], sees: Sees) -> Row {
    let first = INSTANCE.replace("@\n", "");
    let second = first
        .replace("vrrp_instance V", "vrrp_instance W")
        .replace("eth0", "eth1")
        .replace("10.9.0.77", "10.8.0.77");
    let template = format!(
        "bfd_instance b {{\nneighbor_ip 10.9.0.9\n}}\nvrrp_arbiter a {{\nping 10.9.0.1\n}}\n\
         vrrp_script s {{\nscript /usr/bin/env\n}}\ntrack_file f {{\nfile /run/one\n}}\n\
         vrrp_track_process p {{\nprocess x\n}}\n{first}{second}\
         vrrp_sync_group G {{\ngroup {{\nV\nW\n}}\n@\n}}\n"
    );
    Row::plain(Block::SyncGroup, keyword, line, &template, play, sees)
}

fn sync_groups() -> Vec<Row> {
    let script = "/usr/bin/env";
    let down: &[(u64, Act)] = &[(1_000, Act::Link("eth0", false))];
    let weighted = "track_file {\nf weight 5\n}";
    let file: &[(u64, Act)] = &[(1_000, Act::File("f", 3)), (9_000, Act::End)];
    let told = "script /usr/bin/env";
    let lost: &[(u64, Act)] = &[(0, Act::Witnesses(Some(false))), (9_000, Act::End)];
    vec![
        sync_group("group", "{\nV\nW\n}", down, new("(W) fault: a member of the sync group"))
            .having("group {\nV\nW\n}\n", ""),
        sync_group(
            "track_interface",
            "{\neth2\n}",
            &[(1_000, Act::End)],
            new("(W) Entering FAULT"),
        ),
        sync_group("track_script", "{\ns\n}", TO_MASTER, new("run s")),
        sync_group("track_file", "{\nf weight 0\n}", file, new("(W) Entering FAULT")),
        sync_group("track_process", "{\np\n}", TO_MASTER, new("(W) fault: process p")),
        sync_group("track_bfd", "{\nb\n}", TO_MASTER, new("(W) fault: a BFD session is down")),
        sync_group("track_probe", "{\na\n}", lost, new("(W) Entering FAULT")),
        sync_group("arbiter", "a", lost, new("ask")),
        sync_group("sync_group_tracking_weight", "", file, new("prio 115")).after(weighted),
        sync_group("global_tracking", "", file, new("prio 115")).after(weighted),
        sync_group("notify_backup", script, TO_MASTER, new(told)),
        sync_group("notify_master", script, &[(9_000, Act::End)], new(told)),
        sync_group("notify_fault", script, down, new(told)),
        sync_group("notify_stop", script, &[(1_000, Act::Stop)], new(told)),
        sync_group("notify", script, TO_MASTER, new("[\"GROUP\", \"G\", \"BACKUP\", \"0\"]")),
        sync_group("smtp_alert", "", TO_MASTER, new("mail ")),
        sync_group("notify_priority_changes", "", file, new("BACKUP_PRIORITY 115"))
            .after(&format!("sync_group_tracking_weight\n{weighted}")),
    ]
}

/// A group for eth0; `@` is inside. Two addresses are announced twice each.
fn garp_group(keyword: &'static str, line: &str, rest: &str, sees: Sees) -> Row {
    let instance = INSTANCE
        .replace("10.9.0.77/24\n", "10.9.0.77/24\n10.9.0.78/24\n")
        .replace('@', "garp_master_repeat 2\ngarp_master_delay 0");
    let template = format!("garp_group {{\n{rest}\n@\n}}\n{instance}");
    Row::plain(Block::GarpGroup, keyword, line, &template, &[(9_000, Act::End)], sees)
}

fn garp_groups() -> Vec<Row> {
    let six = |row: Row| {
        let row = row.having("10.9.0.77/24\n10.9.0.78/24", "fe80::77/64\nfe80::78/64");
        row.having("virtual_ipaddress", "native_ipv6\nvirtual_ipaddress")
    };
    vec![
        garp_group("garp_interval", "1", "interface eth0", new("[4609] announce 10.9.0.78")),
        six(garp_group("gna_interval", "1", "interface eth0", new("[4609] announce fe80::78"))),
        garp_group("interface", "eth0", "garp_interval 1", new("[4609] announce 10.9.0.78")),
        garp_group(
            "interfaces",
            "{\neth0\neth1\n}",
            "garp_interval 1",
            new("[4609] announce 10.9.0.78"),
        ),
    ]
}

fn root(keyword: &'static str, line: &str, play: &[(u64, Act)], sees: Sees) -> Row {
    let template = format!("@\n{}", INSTANCE.replace("@\n", ""));
    Row::plain(Block::Root, keyword, line, &template, play, sees)
}

fn roots() -> Vec<Row> {
    let inside = |mut row: Row, line: &str| {
        row.template = format!("@\n{}", INSTANCE.replace('@', line));
        row
    };
    let second =
        INSTANCE.replace("@\n", "").replace("vrrp_instance V {", "W {").replace("51", "52");
    let flaps: &[(u64, Act)] = &[(MASTER, Act::Link("eth0", false)), (9_000, Act::End)];
    let down: &[(u64, Act)] = &[(1_000, Act::Link("eth0", false))];
    let file = "{\nfile /run/one\n}";
    let number: &[(u64, Act)] = &[(1_000, Act::File("f", 9)), (MASTER, Act::End)];
    let tracked = "track_file {\nf\n}";
    let group =
        root("track_group", "g {\ngroup {\nV\n}\n}", &[(1_000, Act::Missing("g"))], new("FAULT"));
    vec![
        root("vrrp_instance", &second, TO_MASTER, new("vrid 52")),
        root("global_defs", "{\nvrrp_version 3\n}", TO_MASTER, new("v3 vrid"))
            .having("version 3\n", ""),
        group,
        inside(
            root("vrrp_script", "s {\nscript /usr/bin/env\n}", TO_MASTER, new("run s")),
            "track_script {\ns\n}",
        ),
        inside(
            root("vrrp_track_process", "p {\nprocess x\n}", TO_MASTER, new("FAULT")),
            "track_process {\np\n}",
        ),
        inside(root("track_file", &format!("f {file}"), number, new("prio 109")), tracked),
        inside(root("vrrp_track_file", &format!("f {file}"), number, new("prio 109")), tracked),
        root(
            "interface_up_down_delays",
            "{\neth0 2\n}",
            flaps,
            new("[6000] log (V) Entering FAULT"),
        ),
        inside(
            root("garp_group", "{\ninterface eth0\ngarp_interval 1\n}", TO_MASTER, new("burst: 1")),
            "garp_master_delay 0",
        ),
        root("vrrp_sync_group", "G {\ngroup {\nV\nW\n}\n}", down, new("GROUP \"G\" FAULT"))
            .after(&format!("vrrp_instance {second}")),
    ]
}

fn track_groups() -> Vec<Row> {
    let template = format!("track_group g {{\n@\n}}\n{}", INSTANCE.replace("@\n", ""));
    let missing = [(1_000, Act::Missing("g"))];
    vec![Row::plain(Block::TrackGroup, "group", "{\nV\n}", &template, &missing, new("FAULT"))]
}
