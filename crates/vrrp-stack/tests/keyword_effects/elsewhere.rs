//! Keywords whose effect is seen in the kernel, in files or in another process, and the tests that see it.

use std::collections::BTreeSet;

use control_plane::keywords::{self, Block};
use effects::Elsewhere;

/// Files of tests, and the configurations that they read.
pub(crate) const CONFIGURATIONS: [(&str, &str); 2] = [
    (OBJECTS, "tests/lab/scenarios/kernel-objects.conf"),
    (TABLES, "tests/lab/ipvs/nftables.conf"),
];

/// A file, a test in it, and the keywords of a block that it sees.
type Seen = (&'static str, &'static str, Block, &'static [&'static str]);

const GLOBAL: &str = "tests/lab/tests/stories/global_keywords.rs";
const SMALL: &str = "tests/lab/tests/stories/small_keywords.rs";
const OPERATIONS: &str = "tests/lab/tests/stories/operations.rs";
const MEANING: &str = "crates/control-plane/tests/meaning.rs";
const SETTINGS: &str = "tests/lab/tests/stories/settings.rs";
const VMAC: &str = "tests/lab/tests/stories/vmac.rs";
const IPVLAN: &str = "tests/lab/tests/stories/ipvlan.rs";
const MAIL: &str = "tests/lab/tests/stories/mail.rs";
const OBJECTS: &str = "tests/lab/tests/stories/kernel_objects.rs";
const TABLES: &str = "tests/lab/tests/stories/ipvs_tables.rs";
const TRACKING: &str = "tests/lab/tests/stories/tracking.rs";
const SPLIT: &str = "tests/lab/tests/split_brain.rs";
const EVENTS: &str = "bin/keepalived-rs/src/watchdog/outside/processes.rs";
const EVENTS_BUFFER: &str = "crates/sys/src/process_events.rs";
const HEARD: &str = "with_a_buffer_for_the_kernels_events_a_start_counts_without_a_look_around";
const FORCED: &str = "its_buffer_is_as_large_as_it_is_to_be_and_with_force_beyond_the_limit";
const NAMES: &str = "names_dumps_pipes_and_tables_are_those_that_were_asked_for";
const PLACES: &str = "use_pid_dir_and_a_namespace_have_their_own_places";
const TIMES: &str = "scripts_of_the_daemon_and_children_have_the_time_that_they_are_given";
const LATE: &str = "a_process_that_is_served_late_puts_itself_before_others";
const BUFFERS: &str = "receive_buffers_are_as_large_as_they_are_to_be";
const LINKBEAT: &str = "linkbeat_polls_the_driver_instead_of_trusting_netlink";
const NOTIFY: &str = "tests/lab/tests/stories/notify.rs";
const USERS: &str = "scripts_have_the_user_that_is_configured_and_its_other_groups_where_asked_for";
const DUMPS: &str = "dumps_have_the_names_and_formats_that_they_were_given";
const LINKS: &str = "links_addresses_settings_and_rules_are_as_with_keepalived";
const OPTIONS: &str = "every_option_of_addresses_routes_and_rules_is_as_with_keepalived";
const PROCESSES: &str = "processes_are_counted_inside_namespaces";
const NUMBERS: &str =
    "a_number_in_a_file_counts_however_it_is_written_and_survives_a_death_and_a_reload";
const SCHEDULING: &str =
    "the_vrrp_process_gets_its_priority_processor_and_memory_and_scripts_do_not";
const MAILED: &str = "who_gets_mail_and_about_what_is_configured";
const WITNESSES: &str = "who_is_cut_off_from_the_witnesses_has_not_the_address";

const SEEN: &[Seen] = &[
    (GLOBAL, NAMES, Block::Root, &["instance"]),
    (GLOBAL, PLACES, Block::Root, &["net_namespace", "use_pid_dir"]),
    (
        "tests/lab/tests/stories/ipvs_namespace.rs",
        "the_table_of_another_namespace_is_programmed_and_checks_stay_here",
        Block::Root,
        &["net_namespace_ipvs"],
    ),
    (
        "bin/keepalived-rs/src/checkers/marks.rs",
        "groups_are_numbered_in_the_order_of_the_file_past_marks_in_use",
        Block::GlobalDefs,
        &["nftables_ipvs"],
    ),
    (
        "bin/keepalived-rs/src/checkers/marks.rs",
        "a_group_keeps_its_mark_over_reloads",
        Block::GlobalDefs,
        &["nftables_ipvs_start_fwmark"],
    ),
    (
        "bin/keepalived-rs/src/checkers/marks.rs",
        "the_tables_have_name_and_priority_of_the_configuration",
        Block::GlobalDefs,
        &["nftables_ipvs_priority"],
    ),
    (GLOBAL, TIMES, Block::Root, &["child_wait_time"]),
    (SMALL, LINKBEAT, Block::Root, &["linkbeat_use_polling", "linkbeat_interfaces"]),
    (OBJECTS, OPTIONS, Block::Root, &["static_ipaddress", "static_routes", "static_rules"]),
    (
        TABLES,
        "every_configuration_makes_the_table_that_keepalived_makes",
        Block::GlobalDefs,
        &["nftables_ipvs", "nftables_ipvs_priority", "nftables_ipvs_start_fwmark"],
    ),
    (SPLIT, WITNESSES, Block::Root, &["vrrp_arbiter"]),
    (GLOBAL, NAMES, Block::GlobalDefs, &["process_name", "vrrp_process_name", "state_dump_file"]),
    (GLOBAL, NAMES, Block::GlobalDefs, &["data_use_instance", "notify_fifo", "notify_fifo_script"]),
    (GLOBAL, NAMES, Block::GlobalDefs, &["iproute_usr_dir", "iproute_etc_dir"]),
    (GLOBAL, TIMES, Block::GlobalDefs, &["startup_script_timeout", "shutdown_script_timeout"]),
    (GLOBAL, LATE, Block::GlobalDefs, &["max_auto_priority", "min_auto_priority_delay"]),
    (
        GLOBAL,
        "dynamic_interfaces_waits_for_an_interface_that_comes_later",
        Block::GlobalDefs,
        &["dynamic_interfaces"],
    ),
    (
        OPERATIONS,
        "start_and_shutdown_scripts_run_before_the_first_and_after_the_last_child",
        Block::GlobalDefs,
        &["startup_script", "shutdown_script", "process_names", "umask"],
    ),
    (OPERATIONS, SCHEDULING, Block::GlobalDefs, &["vrrp_priority", "vrrp_no_swap"]),
    (OPERATIONS, SCHEDULING, Block::GlobalDefs, &["vrrp_rt_priority", "vrrp_cpu_affinity"]),
    (OPERATIONS, SCHEDULING, Block::GlobalDefs, &["vrrp_rlimit_rttime", "vrrp_rlimit_rtime"]),
    (SMALL, BUFFERS, Block::GlobalDefs, &["vrrp_rx_bufs_policy", "vrrp_rx_bufs_multiplier"]),
    (SMALL, BUFFERS, Block::GlobalDefs, &["vrrp_netlink_cmd_rcv_bufs"]),
    (SMALL, BUFFERS, Block::GlobalDefs, &["vrrp_netlink_cmd_rcv_bufs_force"]),
    (SMALL, BUFFERS, Block::GlobalDefs, &["vrrp_netlink_monitor_rcv_bufs"]),
    (SMALL, BUFFERS, Block::GlobalDefs, &["vrrp_netlink_monitor_rcv_bufs_force"]),
    (EVENTS, HEARD, Block::GlobalDefs, &["process_monitor_rcv_bufs"]),
    (EVENTS_BUFFER, FORCED, Block::GlobalDefs, &["process_monitor_rcv_bufs_force"]),
    (MAIL, MAILED, Block::GlobalDefs, &["notification_email"]),
    (
        MAIL,
        "the_states_of_instances_and_groups_are_mailed_as_by_keepalived",
        Block::GlobalDefs,
        &["notification_email_from"],
    ),
    (MAIL, MAILED, Block::GlobalDefs, &["smtp_server", "smtp_helo_name", "no_email_faults"]),
    (
        MAIL,
        "a_relay_that_says_nothing_delays_no_advert_and_is_given_up",
        Block::GlobalDefs,
        &["smtp_connect_timeout"],
    ),
    (
        VMAC,
        LINKS,
        Block::GlobalDefs,
        &["nftables_priority", "nftables_counters", "vmac_addr_prefix"],
    ),
    (
        VMAC,
        "every_setting_of_the_kernel_is_afterwards_what_it_was",
        Block::GlobalDefs,
        &["disable_local_igmp"],
    ),
    (GLOBAL, NAMES, Block::GlobalDefs, &["nftables", "default_interface", "router_id"]),
    (
        "tests/lab/tests/stories/fifos.rs",
        "events_are_written_to_named_pipes",
        Block::GlobalDefs,
        &["vrrp_notify_fifo", "vrrp_notify_fifo_script"],
    ),
    (NOTIFY, USERS, Block::GlobalDefs, &["script_user", "set_supplementary_groups"]),
    (
        SETTINGS,
        "a_reload_leaves_its_complaints_in_a_file_and_removes_its_marker",
        Block::GlobalDefs,
        &["reload_check_config", "reload_file"],
    ),
    (
        SETTINGS,
        "a_file_says_when_to_reload",
        Block::GlobalDefs,
        &["reload_time_file", "reload_repeat"],
    ),
    (SETTINGS, DUMPS, Block::GlobalDefs, &["stats_dump_file", "json_dump_file", "json_version"]),
    (SETTINGS, DUMPS, Block::Instance, &["debug"]),
    (SMALL, BUFFERS, Block::Instance, &["kernel_rx_buf_size"]),
    (SMALL, LINKBEAT, Block::Instance, &["linkbeat_use_polling"]),
    (
        SETTINGS,
        "the_configuration_in_force_may_lie_in_a_file_without_a_name",
        Block::GlobalDefs,
        &["tmp_config_directory"],
    ),
    (IPVLAN, "an_ipvlan_carries_adverts_as_with_keepalived", Block::Instance, &["use_ipvlan"]),
    (IPVLAN, "a_vmac_and_an_ipvlan_join_the_vrf_that_they_are_given", Block::Instance, &["vrf"]),
    (
        SMALL,
        "promote_secondaries_of_the_kernel_is_set_as_long_as_an_instance_wants_it",
        Block::Instance,
        &["promote_secondaries"],
    ),
    (
        SMALL,
        "with_use_vmac_addr_an_address_on_another_interface_has_a_virtual_mac_too",
        Block::Instance,
        &["use_vmac_addr"],
    ),
    (
        "tests/lab/tests/stories/sync_daemon.rs",
        "the_sync_daemon_of_an_instance_runs_on_the_interface_that_it_names",
        Block::Instance,
        &["lvs_sync_daemon_interface"],
    ),
    (MEANING, "include_check_makes_a_missing_file_an_error", Block::GlobalDefs, &["include_check"]),
    (
        SETTINGS,
        "a_script_runs_by_its_real_path_or_by_the_name_of_its_link",
        Block::GlobalDefs,
        &["use_symlink_paths", "enable_script_security"],
    ),
    (
        SETTINGS,
        "what_each_load_read_and_what_each_reload_did_is_saved_where_asked_for",
        Block::GlobalDefs,
        &["config_save_dir"],
    ),
    (OBJECTS, OPTIONS, Block::Instance, &["virtual_routes", "virtual_rules"]),
    (TRACKING, PROCESSES, Block::TrackProcess, &["process", "full_command"]),
    (
        "bin/keepalived-rs/src/watchdog/outside/matching.rs",
        "parameters_are_compared_as_asked_for",
        Block::TrackProcess,
        &["param_match"],
    ),
    (TRACKING, NUMBERS, Block::TrackFile, &["file", "init_file"]),
];

/// Accepted by keepalived and by us, and nothing follows from it.
const NOTHING: &[(Block, &str, &str)] = &[
    (Block::GlobalDefs, "random_seed", "spreads the first checks of servers, which differ anyhow"),
    (Block::Root, "namespace_with_ipsets", "sets work in every namespace of supported kernels"),
    (Block::GlobalDefs, "nftables_ifindex", "rules name interfaces by their number always"),
    (Block::GlobalDefs, "vrrp_iptables", "a name for nftables, said when it is read"),
    (Block::GlobalDefs, "vrrp_ipsets", "a name for nftables, said when it is read"),
];

/// All of them.
pub(crate) fn all() -> Vec<Elsewhere> {
    let seen = SEEN.iter().flat_map(|(file, test, block, keywords)| {
        let one = |keyword: &&'static str| Elsewhere::seen(*block, keyword, file, test);
        keywords.iter().map(one)
    });
    let nothing =
        NOTHING.iter().map(|(block, keyword, why)| Elsewhere::nothing(*block, keyword, why));
    seen.chain(nothing).collect()
}

/// Configurations of addresses, routes and rules that both daemons read, and whose outcome in the kernel
/// has to be the same: `kernel_objects.rs` of the lab.
const COMPARED: [&str; 3] = [
    include_str!("../../../../tests/lab/scenarios/kernel-objects.conf"),
    include_str!("../../../../tests/lab/scenarios/kernel-objects-more.conf"),
    include_str!("../../../../tests/lab/scenarios/kernel-object-names.conf"),
];

/// Words of entries that another test sees, or that nothing follows from.
pub(crate) const ENTRIES: &[Elsewhere] = &[
    Elsewhere::nothing(Block::AddressEntry, "ADDR[/LEN]", "the address itself"),
    Elsewhere::nothing(Block::RouteEntry, "DEST[/LEN]|default", "the destination itself"),
    Elsewhere::nothing(Block::RouteEntry, "TYPE", "blackhole, unreachable, unicast and others"),
    Elsewhere::seen(Block::AddressEntry, "no_track", NO_TRACK, LOST),
    Elsewhere::seen(Block::RouteEntry, "no_track", NO_TRACK, LOST),
    Elsewhere::seen(Block::RuleEntry, "no_track", NO_TRACK, LOST),
    Elsewhere::seen(Block::AddressEntry, "track_group", NO_TRACK, FOLLOWED),
    Elsewhere::seen(Block::RouteEntry, "track_group", NO_TRACK, FOLLOWED),
    Elsewhere::seen(Block::RuleEntry, "track_group", NO_TRACK, FOLLOWED),
    Elsewhere::seen(Block::AddressEntry, "use_vmac", VMAC, LINKS),
    Elsewhere::seen(
        Block::RouteEntry,
        "vrf",
        IPVLAN,
        "a_vmac_and_routes_are_in_a_vrf_as_with_keepalived",
    ),
    Elsewhere::seen(Block::RouteEntry, "as", OBJECTS, FAMILIES),
    Elsewhere::seen(Block::RuleEntry, "inet", OBJECTS, FAMILIES),
    Elsewhere::seen(Block::RuleEntry, "inet6", OBJECTS, FAMILIES),
    Elsewhere::seen(
        Block::RouteEntry,
        "ttl-propagate",
        "bin/keepalived-rs/src/vrrp/objects.rs",
        "a_route_says_whether_mpls_passes_the_hop_limit_on",
    ),
    Elsewhere::seen(
        Block::RouteEntry,
        "ttl-propagate",
        "crates/netlink-reflector/src/object/tests.rs",
        "the_message_of_a_route_says_whether_mpls_passes_the_hop_limit_on",
    ),
];

const NO_TRACK: &str = "tests/lab/tests/stories/no_track.rs";
const LOST: &str = "what_has_no_track_stays_away_until_the_next_takeover";
const FOLLOWED: &str = "an_instance_follows_the_static_entries_of_its_track_group";
const FAMILIES: &str = "a_family_word_decides_where_no_address_does_and_as_is_left_out";

/// Places of the words of [`COMPARED`]: a word counts for the kind of entry that it stands in.
pub(crate) fn compared() -> BTreeSet<(Block, &'static str)> {
    let mut seen = BTreeSet::new();
    for text in COMPARED {
        let mut block = None;
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match (words.as_slice(), block) {
                (
                    ["virtual_ipaddress" | "virtual_ipaddress_excluded" | "static_ipaddress", "{"],
                    _,
                ) => {
                    block = Some(Block::AddressEntry);
                }
                (["virtual_routes" | "static_routes", "{"], _) => block = Some(Block::RouteEntry),
                (["virtual_rules" | "static_rules", "{"], _) => block = Some(Block::RuleEntry),
                (["}"], _) => block = None,
                (_, Some(block)) => {
                    let known = words.iter().filter_map(|word| keywords::find(block, word));
                    seen.extend(known.map(|keyword| (block, keyword.name)));
                }
                _ => {}
            }
        }
    }
    seen
}
