//! Keywords of `global_defs` that give instances their settings, or the whole stack.

use control_plane::keywords::Block;

use crate::instance::{INSTANCE, MASTER, OTHER_LIST, TO_MASTER};
use effects::{Sees, gone, new};

use crate::Row;
use crate::trace::{Act, HEARD, Heard, hear};

fn row(keyword: &'static str, line: &str, play: &[(u64, Act)], sees: Sees) -> Row {
    with(keyword, line, "", play, sees)
}

/// With lines in the instance.
fn with(keyword: &'static str, line: &str, inside: &str, play: &[(u64, Act)], sees: Sees) -> Row {
    let template = format!("global_defs {{\n@\n}}\n{}", INSTANCE.replace('@', inside));
    Row::plain(Block::GlobalDefs, keyword, line, &template, play, sees)
}

pub(crate) fn rows() -> Vec<Row> {
    [protocol(), announcing(), telling()].concat()
}

fn protocol() -> Vec<Row> {
    let as_master = |priority| [(MASTER, hear(priority)), (MASTER + 1, Act::End)];
    let owner = [(1_000, Act::Hear(Heard { priority: 255, ..HEARD })), (1_001, Act::End)];
    let stranger = [(1_000, Act::Hear(Heard { from: "10.9.0.66", to: "10.9.0.5", ..HEARD }))];
    let unknown = [(1_000, Act::Hear(Heard { vrid: 99, ..HEARD }))];
    let short = [(1_000, Act::Hear(Heard { short_sum: true, ..HEARD }))];
    let later: &[(u64, Act)] = &[(30_000, Act::End)];
    let started = "log Delayed start completed";
    vec![
        row("vrrp_version", "3", TO_MASTER, new("v3 vrid 51")).having("version 3\n", ""),
        row("vrrp_mcast_group4", "224.0.0.99", TO_MASTER, new("to 224.0.0.99")),
        row("vrrp_mcast_group6", "ff02::99", TO_MASTER, new("to ff02::99"))
            .having("10.9.0.77/24", "fe80::77/64"),
        row("vrrp_down_timer_adverts", "2", TO_MASTER, new("[2609] log (V) Entering MASTER")),
        row("vrrp_strict", "", TO_MASTER, new("dropped {(")),
        row("vrrp_strict", "", &as_master(50), gone("[4000] advert")),
        row("vrrp_strict", "", &as_master(50), gone("[4000] announce")),
        row("vrrp_strict", "", &owner, gone("both configured as address owner"))
            .having("priority 100", "priority 255"),
        row("v3_checksum_as_v2", "", &short, new("master set to")),
        row("vrrp_lower_prio_no_advert", "", &as_master(50), gone("[4000] advert")),
        row("vrrp_higher_prio_send_advert", "", &as_master(150), new("[4000] advert")),
        row("vrrp_owner_ignore_adverts", "", &owner, gone("both configured as address owner"))
            .having("priority 100", "priority 255"),
        with(
            "vrrp_check_unicast_src",
            "",
            "unicast_peer {\n10.9.0.9\n}",
            &stranger,
            gone("master set to 10.9.0.66"),
        ),
        row("vrrp_skip_check_adv_addr", "", OTHER_LIST, gone("lists 2")),
        row("log_unknown_vrids", "", &unknown, new("99")),
        row("vrrp_startup_delay", "3", later, new(format!("[3000] {started}"))),
        row("vrrp_delay_after_boot", "13", later, new(format!("[3000] {started}"))),
        row("vmac_prefix", "own", TO_MASTER, new("interface own.51 does not exist"))
            .having("advert_int 1", "advert_int 1\nuse_vmac"),
    ]
}

fn announcing() -> Vec<Row> {
    let long: &[(u64, Act)] = &[(30_000, Act::End)];
    let lower: &[(u64, Act)] = &[(MASTER, hear(50)), (7_000, Act::End)];
    let two = |row: Row| row.having("10.9.0.77/24\n", "10.9.0.77/24\n10.9.0.78/24\n");
    let extra = "virtual_ipaddress_excluded {\n10.8.0.77/24 dev eth1\n}\n\
                 garp_master_delay 100\ngarp_master_refresh 0";
    vec![
        row("vrrp_garp_master_delay", "2", long, new("[5609] announce 10.9.0.77")),
        row("vrrp_garp_master_repeat", "1", TO_MASTER, new("burst: 1")),
        row("vrrp_garp_master_refresh", "7", long, new("[10609] announce 10.9.0.77")),
        with(
            "vrrp_garp_master_refresh_repeat",
            "3",
            "garp_master_refresh 7",
            long,
            new("burst: 3"),
        ),
        row("vrrp_garp_lower_prio_delay", "1", lower, new("[5000] announce")),
        row("vrrp_garp_lower_prio_repeat", "2", lower, new("burst: 2")),
        two(row("vrrp_garp_interval", "0.1", TO_MASTER, new("[3709] announce 10.9.0.78"))),
        row("vrrp_gna_interval", "0.1", TO_MASTER, new("[3709] announce fe80::78"))
            .having("10.9.0.77/24", "fe80::77/64\nfe80::78/64"),
        row("vrrp_min_garp", "", long, new("burst: 1")),
        with("vrrp_garp_extra_if", "all 3", extra, long, new("[6609] announce 10.8.0.77 on 3")),
        with("vrrp_vmac_garp_intvl", "all 3", extra, long, new("[6609] announce 10.8.0.77 on 3")),
    ]
}

fn telling() -> Vec<Row> {
    let changed: &[(u64, Act)] = &[(1_000, Act::Link("eth1", false))];
    let tracked = "track_interface {\neth1 weight -10\n}";
    let reloaded: &[(u64, Act)] = &[(MASTER, Act::Reload("priority 100", "priority 101"))];
    vec![
        row("smtp_alert", "", TO_MASTER, new("mail ")),
        row("smtp_alert_vrrp", "", TO_MASTER, new("mail ")),
        with("vrrp_notify_priority_changes", "", tracked, changed, new("BACKUP_PRIORITY 90")),
        row(
            "fifo_write_vrrp_states_on_reload",
            "",
            reloaded,
            new("[4000] line INSTANCE \"V\" MASTER"),
        ),
        row("vip_lease", "3", TO_MASTER, new("lease: Some(")),
        row("conflict_detection", "", &[(20_000, Act::End)], new("who has 10.9.0.77")),
    ]
}
