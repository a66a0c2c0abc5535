//! Keywords of `vrrp_instance`, `authentication` and `auth_hmac`.

use control_plane::keywords::Block;

use effects::{Sees, gone, new};

use crate::Row;
use crate::trace::{Act, HEARD, Heard, KEYS, hear};

/// One instance of version 3, priority 100; `@` is inside.
pub(crate) const INSTANCE: &str = "vrrp_instance V {
interface eth0
virtual_router_id 51
version 3
priority 100
advert_int 1
virtual_ipaddress {
10.9.0.77/24
}
@
}
";

const VIP: &str = "virtual_ipaddress {\n10.9.0.77/24\n}\n";

/// A unicast one.
const PEER: &str = "unicast_peer {\n10.9.0.9\n}";

/// It has been master since 3.6 s.
pub(crate) const MASTER: u64 = 4_000;

pub(crate) const TO_MASTER: &[(u64, Act)] = &[(MASTER, Act::End)];

/// An advert to this host alone.
const TO_US: Heard = Heard { to: "10.9.0.5", ..HEARD };

pub(crate) fn row(keyword: &'static str, line: &str, play: &[(u64, Act)], sees: Sees) -> Row {
    Row::plain(Block::Instance, keyword, line, INSTANCE, play, sees)
}

pub(crate) fn rows() -> Vec<Row> {
    let parts = [identity(), addresses(), sources(), elections(), announcing(), telling()];
    [parts.concat(), sealing(), split_brain()].concat()
}

fn identity() -> Vec<Row> {
    let swap = |keyword, line: &str, old: &str, sees| {
        row(keyword, line, TO_MASTER, sees).having(&format!("{old}\n"), "").instead_of(old)
    };
    let lower = [(MASTER, hear(50)), (MASTER + 1, Act::End)];
    let with_other = [(1_000, Act::Hear(Heard { priority: 255, ..HEARD })), (1_001, Act::End)];
    vec![
        swap("interface", "eth1", "interface eth0", new("from 10.8.0.5 to 224.0.0.18 by 3")),
        swap("virtual_router_id", "52", "virtual_router_id 51", new("vrid 52")),
        swap("version", "2", "version 3", new("v2 vrid 51")),
        swap("priority", "101", "priority 100", new("prio 101")),
        swap("advert_int", "0.5", "advert_int 1", new("every 50")),
        row("state", "MASTER", TO_MASTER, new("[0] log (V) Entering MASTER STATE"))
            .having("priority 100\n", ""),
        row("strict_mode", "", TO_MASTER, new("dropped {(")),
        row("strict_mode", "", &lower, gone("[4000] advert")),
        row("strict_mode", "", &lower, gone("[4000] announce")),
        row("strict_mode", "", &with_other, gone("both configured as address owner"))
            .having("priority 100", "priority 255"),
        row("native_ipv6", "", TO_MASTER, new("from fe80::5"))
            .having(VIP, "no_virtual_ipaddress\n"),
        row(
            "dont_track_primary",
            "",
            &[(0, Act::Link("eth0", false)), TO_MASTER[0].clone()],
            new("prio 100 every"),
        ),
        row("owner_ignore_adverts", "", &with_other, gone("both configured as address owner"))
            .having("priority 100", "priority 255"),
        row("skip_check_adv_addr", "", OTHER_LIST, gone("lists 2")),
    ]
}

/// A master that has another address, twice.
pub(crate) const OTHER_LIST: &[(u64, Act)] = &[
    (1_000, Act::Hear(Heard { address: "10.9.0.78", ..HEARD })),
    (2_000, Act::Hear(Heard { address: "10.9.0.78", ..HEARD })),
];

fn addresses() -> Vec<Row> {
    vec![
        row("virtual_ipaddress", "{\n10.9.0.78/24\n}", TO_MASTER, new("announce 10.9.0.78 on 2")),
        row(
            "virtual_ipaddress_excluded",
            "{\n10.9.0.79/24\n}",
            TO_MASTER,
            new("announce 10.9.0.79 on 2"),
        ),
        row("no_virtual_ipaddress", "", TO_MASTER, new("advert of V")).having(VIP, ""),
        row("accept", "", TO_MASTER, gone("dropped {(")).after("strict_mode"),
        row("no_accept", "", TO_MASTER, new("dropped {(")),
        row("use_vmac", "", TO_MASTER, new("interface vrrp.51 does not exist")),
        row("vmac_xmit_base", "", TO_MASTER, new("advert of V")).after("use_vmac"),
    ]
}

fn sources() -> Vec<Row> {
    let unicast =
        |keyword, line: &str, play: &[(u64, Act)], sees| row(keyword, line, play, sees).after(PEER);
    let stranger = [(1_000, Act::Hear(Heard { from: "10.9.0.66", ..TO_US }))];
    let tracked = "mcast_src_ip 10.9.0.6";
    vec![
        row("unicast_peer", "{\n10.9.0.9\n}", TO_MASTER, new("to 10.9.0.9")),
        unicast("unicast_src_ip", "10.9.0.6", TO_MASTER, new("from 10.9.0.6 to 10.9.0.9")),
        unicast("unicast_ttl", "7", TO_MASTER, new("ttl 7")),
        unicast("check_unicast_src", "", &stranger, gone("master set to 10.9.0.66")),
        unicast(
            "old_unicast_checksum",
            "",
            &[(1_000, Act::Hear(Heard { old_sum: true, ..TO_US }))],
            new("master set to 10.9.0.9"),
        )
        .instead_of("old_unicast_checksum never"),
        row("unicast_fault_no_peer", "", TO_MASTER, new("there is no unicast peer"))
            .after("unicast_peer {\n}"),
        row("mcast_src_ip", "10.9.0.6", TO_MASTER, new("from 10.9.0.6")),
        row("mcast_dst_ip", "224.0.0.99", TO_MASTER, new("to 224.0.0.99")),
        row("track_src_ip", "", &[(0, Act::Sources(&[]))], new("has no address 10.9.0.6"))
            .after(tracked),
        row(
            "v3_checksum_as_v2",
            "",
            &[(1_000, Act::Hear(Heard { short_sum: true, ..HEARD }))],
            new("master set to"),
        ),
    ]
}

fn elections() -> Vec<Row> {
    let lower = [(1_000, hear(50)), (2_000, hear(50)), (3_000, hear(50)), (6_000, hear(50))];
    let preempts = "Entering MASTER STATE";
    let as_master = |priority| [(MASTER, hear(priority)), (MASTER + 1, Act::End)];
    let late: &[(u64, Act)] = &[(MASTER, Act::Freeze(9_000)), (14_000, Act::End)];
    let lateness = |keyword| {
        row(keyword, "200", late, new("[13000] log (V) Entering BACKUP")).after("nopreempt")
    };
    vec![
        row("preempt", "", &lower, new(preempts)).after("nopreempt"),
        row("nopreempt", "", &lower, gone(preempts)),
        row("preempt_delay", "60", &lower, gone(preempts)),
        row("down_timer_adverts", "2", TO_MASTER, new("[2609] log (V) Entering MASTER")),
        row("lower_prio_no_advert", "", &as_master(50), gone("[4000] advert")),
        row("higher_prio_send_advert", "", &as_master(150), new("[4000] advert")),
        lateness("timer_expired_backup"),
        lateness("thread_timer_expired"),
    ]
}

fn announcing() -> Vec<Row> {
    let lower: &[(u64, Act)] = &[(MASTER, hear(50)), (7_000, Act::End)];
    let long: &[(u64, Act)] = &[(30_000, Act::End)];
    let extra = "virtual_ipaddress_excluded {\n10.8.0.77/24 dev eth1\n}";
    let seldom = "garp_master_delay 100\ngarp_master_refresh 0";
    vec![
        row("garp_master_delay", "2", long, new("[5609] announce 10.9.0.77")),
        row("garp_master_repeat", "1", TO_MASTER, new("burst: 1")),
        row("garp_master_refresh", "7", long, new("[10609] announce 10.9.0.77")),
        row("garp_master_refresh_repeat", "3", long, new("burst: 3"))
            .after("garp_master_refresh 7\ngarp_master_delay 100"),
        row("garp_lower_prio_delay", "1", lower, new("[5000] announce")),
        row(
            "garp_lower_prio_repeat",
            "2",
            &[(MASTER, hear(50)), (MASTER, Act::End)],
            new("burst: 2"),
        ),
        row("garp_extra_if", "all 3", long, new("[6609] announce 10.8.0.77 on 3"))
            .after(extra)
            .after(seldom),
        row("vmac_garp_intvl", "all 3", long, new("[6609] announce 10.8.0.77 on 3"))
            .after(extra)
            .after(seldom),
    ]
}

fn telling() -> Vec<Row> {
    let script = "/usr/bin/env";
    let down: &[(u64, Act)] = &[(1_000, Act::Link("eth0", false))];
    let stop: &[(u64, Act)] = &[(1_000, Act::Stop)];
    let removed = &[(MASTER, Act::Reload("vrrp_instance V {", "vrrp_instance W {"))];
    let lower: &[(u64, Act)] = &[(MASTER, hear(50))];
    let changed: &[(u64, Act)] = &[(1_000, Act::Link("eth1", false))];
    vec![
        row("notify_backup", script, TO_MASTER, new("script /usr/bin/env []")),
        row("notify_master", script, TO_MASTER, new("[3609] script /usr/bin/env []")),
        row("notify_fault", script, down, new("[1000] script /usr/bin/env []")),
        row("notify_stop", script, stop, new("[1000] script /usr/bin/env []")),
        row("notify_deleted", script, removed, new("script /usr/bin/env []")),
        row("notify", script, TO_MASTER, new("\"MASTER\", \"100\"]")),
        row("notify_master_rx_lower_pri", script, lower, new("[4000] script /usr/bin/env []")),
        row("smtp_alert", "", TO_MASTER, new("mail ")),
        row("notify_priority_changes", "", changed, new("BACKUP_PRIORITY 90"))
            .after("track_interface {\neth1 weight -10\n}"),
    ]
}

fn sealing() -> Vec<Row> {
    let two = |row: Row| row.having("version 3", "version 2");
    let password = |keyword, line: &str, rest: &str, sees| {
        let block = Row { block: Block::Authentication, ..row(keyword, line, TO_MASTER, sees) };
        two(block.having("@", &format!("authentication {{\n{rest}\n@\n}}")))
    };
    let [(_, seven), (_, eight)] = KEYS;
    let keys = format!("key 7 {seven}\nkey 8 {eight}");
    let hmac = |keyword, line: &str, rest: &str, play: &[(u64, Act)], sees| {
        let block = Row { block: Block::AuthHmac, ..row(keyword, line, play, sees) };
        two(block.having("@", &format!("auth_hmac {{\n{rest}\n@\n}}")))
    };
    let both = format!("{keys}\nactive_key 7");
    let plain: &[(u64, Act)] = &[(1_000, Act::Hear(Heard { version: 2, ..HEARD }))];
    vec![
        two(row(
            "authentication",
            "{\nauth_type PASS\nauth_pass secret\n}",
            TO_MASTER,
            new("secret"),
        )),
        password("auth_type", "AH", "auth_pass secret", new("sealed")).instead_of("auth_type PASS"),
        password("auth_pass", "secret", "auth_type PASS", new("secret")),
        two(row("auth_hmac", &format!("{{\n{both}\n}}"), TO_MASTER, new("plain 48 bytes"))),
        hmac("key", &format!("9 {eight}"), &keys, TO_MASTER, new("\\x01\\t")).after("active_key 9"),
        hmac("active_key", "8", &keys, TO_MASTER, new("\\x01\\x08")).instead_of("active_key 7"),
        hmac("time_window", "60", &both, &[(1_000, Act::Sealed(8, 20))], new("master set to")),
        hmac(
            "anti_replay",
            "monotonic",
            &both,
            &[(1_000, Act::Sealed(8, 400))],
            new("master set to"),
        ),
        hmac("mode", "permissive", &both, plain, new("master set to")),
    ]
}

fn split_brain() -> Vec<Row> {
    let witnesses = "vrrp_arbiter a {\nping 10.9.0.1\n}\n";
    let lost: &[(u64, Act)] = &[(0, Act::Witnesses(Some(false))), (9_000, Act::End)];
    let asking = |row: Row| Row { template: format!("{witnesses}{}", row.template), ..row };
    let tells = "notify_split_brain";
    let lower: &[(u64, Act)] =
        &[(MASTER, hear(50)), (MASTER + 1_000, hear(50)), (MASTER + 2_000, hear(50))];
    vec![
        row("vip_lease", "3", TO_MASTER, new("lease: Some(")),
        row("conflict_detection", "", &[(20_000, Act::End)], new("who has 10.9.0.77")),
        row("heartbeat", "{\ninterface eth1\n}", TO_MASTER, new("by 3 ttl")),
        row(tells, "/usr/bin/env", lower, new("script /usr/bin/env")).after("conflict_detection"),
        asking(row("arbiter", "a", lost, gone("Entering MASTER STATE"))),
        asking(row("track_probe", "{\na\n}", lost, new("FAULT STATE"))),
    ]
}
