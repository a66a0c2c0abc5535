//! Keywords whose effect is seen in the kernel, in files or in another process, and the tests that see it.

use control_plane::keywords::Block;
use effects::Elsewhere;

const PROCESS: (&str, &str) = (
    "tests/lab/tests/stories/keywords_of_checks.rs",
    "a_server_sees_checks_as_they_are_bound_and_a_mark_finds_its_route",
);
const TABLES: &str = "tests/lab/tests/stories/ipvs_tables.rs";
const FLUSHED: &str =
    "lvs_flush_and_lvs_flush_on_stop_empty_the_table_and_else_foreign_services_stay";
const IDENTITY: (&str, &str) = (
    "tests/lab/tests/stories/checks.rs",
    "tls_1_2_and_1_3_of_a_real_nginx_are_checked_as_by_keepalived",
);
const PIPES: (&str, &str) = (
    "tests/lab/tests/stories/checks.rs",
    "each_check_follows_its_server_in_the_table_the_log_and_the_scripts_as_keepalived_does",
);

const BUFFERS: (&str, &str) = (
    "tests/lab/tests/stories/ipvs_changes.rs",
    "receive_buffers_of_the_checkers_are_as_large_as_they_are_to_be",
);

/// All of them.
pub(crate) const ALL: &[Elsewhere] = &[
    Elsewhere::nothing(Block::VirtualServer, "hashed", "a word without effect"),
    Elsewhere::nothing(Block::HttpGet, "enable_sni", "there is no handshake"),
    Elsewhere::nothing(Block::HttpGet, "sni_name", "there is no handshake"),
    Elsewhere::seen(Block::Root, "SSL", IDENTITY.0, IDENTITY.1),
    Elsewhere::seen(Block::Ssl, "certificate", IDENTITY.0, IDENTITY.1),
    Elsewhere::seen(Block::Ssl, "key", IDENTITY.0, IDENTITY.1),
    Elsewhere::seen(Block::Ssl, "password", IDENTITY.0, IDENTITY.1),
    Elsewhere::seen(Block::Ssl, "ca", IDENTITY.0, IDENTITY.1),
    Elsewhere::seen(Block::GlobalDefs, "lvs_flush", TABLES, FLUSHED),
    Elsewhere::seen(Block::GlobalDefs, "lvs_flush_on_stop", TABLES, FLUSHED),
    Elsewhere::seen(Block::GlobalDefs, "lvs_flush_onstop", TABLES, FLUSHED),
    Elsewhere::seen(
        Block::GlobalDefs,
        "lvs_timeouts",
        "tests/lab/tests/stories/ipvs_changes.rs",
        "a_reload_changes_groups_and_timeouts_as_a_start_would_set_them",
    ),
    Elsewhere::seen(
        Block::GlobalDefs,
        "lvs_sync_daemon",
        "tests/lab/tests/stories/sync_daemon.rs",
        "the_sync_daemon_is_backup_then_master_then_gone",
    ),
    Elsewhere::seen(Block::GlobalDefs, "lvs_notify_fifo", PIPES.0, PIPES.1),
    Elsewhere::seen(Block::GlobalDefs, "lvs_notify_fifo_script", PIPES.0, PIPES.1),
    Elsewhere::seen(Block::GlobalDefs, "lvs_netlink_cmd_rcv_bufs", BUFFERS.0, BUFFERS.1),
    Elsewhere::seen(Block::GlobalDefs, "lvs_netlink_cmd_rcv_bufs_force", BUFFERS.0, BUFFERS.1),
    Elsewhere::seen(Block::GlobalDefs, "lvs_netlink_monitor_rcv_bufs", BUFFERS.0, BUFFERS.1),
    Elsewhere::seen(Block::GlobalDefs, "lvs_netlink_monitor_rcv_bufs_force", BUFFERS.0, BUFFERS.1),
    Elsewhere::seen(Block::GlobalDefs, "checker_process_name", PROCESS.0, PROCESS.1),
    Elsewhere::seen(Block::GlobalDefs, "lvs_process_name", PROCESS.0, PROCESS.1),
    Elsewhere::seen(Block::GlobalDefs, "checker_priority", PROCESS.0, PROCESS.1),
    Elsewhere::seen(Block::GlobalDefs, "checker_no_swap", PROCESS.0, PROCESS.1),
    Elsewhere::seen(Block::GlobalDefs, "checker_rt_priority", PROCESS.0, PROCESS.1),
    Elsewhere::seen(Block::GlobalDefs, "checker_cpu_affinity", PROCESS.0, PROCESS.1),
    Elsewhere::seen(Block::GlobalDefs, "checker_rlimit_rttime", PROCESS.0, PROCESS.1),
    Elsewhere::seen(Block::GlobalDefs, "checker_rlimit_rtime", PROCESS.0, PROCESS.1),
];
