//! Every option of the command line: what it does, seen from outside. The table at the end says where
//! each one is tested.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use lab::command::{self, Finished};
use lab::scenario::configuration;
use lab::{Daemon, Network, Node, Program, left, syslog, wait};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(20);
const OWN: &str = "192.168.100.11/24";
const VIP: &str = "192.168.100.100";

const SERVICE: &str = "virtual_server 192.168.100.100 80 {
    lvs_sched rr
    protocol TCP
    real_server 192.168.100.77 80 { TCP_CHECK { } }
}
";

fn machine() -> (Network, Node) {
    Network::of_one(&[OWN])
}

fn start<'node>(node: &'node Node, options: &[&str]) -> Daemon<'node> {
    Daemon::start_with(&Program::ours(), node, configuration("single-lb01"), options)
}

fn holding<'node>(node: &'node Node, options: &[&str]) -> Daemon<'node> {
    let daemon = start(node, options);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    daemon
}

fn call(node: &Node, options: &[&str]) -> Finished {
    let mut command = node.command(Program::ours().path());
    command.args(options);
    command::run(command, "")
}

fn stopped(daemon: Daemon<'_>, node: &Node) {
    assert!(daemon.stop().1.success());
    left::nothing(node, &[OWN]);
}

/// `-P`, `-C`, both, `-B`.
#[test]
fn parts_of_the_daemon_are_left_out() {
    let (_network, node) = machine();
    let both = format!("{}{SERVICE}", configuration("single-lb01"));
    for options in [&["-P"][..], &["--vrrp", "-B"], &["-P", "--no_bfd"]] {
        let daemon = Daemon::start_with(&Program::ours(), &node, &both, options);
        wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
        daemon.wait_log("Startup complete", LIMIT);
        assert_eq!(node.run_files(), ["keepalived.pid", "vrrp.pid"], "{options:?}");
        assert!(!daemon.log().contains("Healthcheck child"), "{}", daemon.log().text());
        stopped(daemon, &node);
    }
    for options in [&["-P", "-C"][..], &["--vrrp", "--check"]] {
        let daemon = start(&node, options);
        daemon.wait_log("keepalived has no configuration to run", LIMIT);
        assert_eq!(node.run_files(), ["keepalived.pid"]);
        assert!(!node.holds(VIP));
        stopped(daemon, &node);
    }
}

/// `--all`.
#[test]
fn a_process_without_configuration_is_started_when_all_are_to_be() {
    let (_network, node) = machine();
    let text = "global_defs { router_id lb01 }";
    let daemon = Daemon::start_with(&Program::ours(), &node, text, &["--all", "-P"]);
    daemon.wait_log("Starting VRRP child process", LIMIT);
    daemon.wait_log("Startup complete", LIMIT);
    assert_eq!(node.run_files(), ["keepalived.pid", "vrrp.pid"]);
    stopped(daemon, &node);
}

/// `-R`.
#[test]
fn the_death_of_a_child_ends_the_daemon_where_it_is_not_to_be_replaced() {
    let (_network, node) = machine();
    for option in ["-R", "--dont-respawn"] {
        let mut daemon = start(&node, &[option]);
        daemon.wait_log("Entering MASTER STATE", LIMIT);
        wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
        daemon.vrrp().signal(Signal::SIGKILL);
        assert!(daemon.wait_end(LIMIT).success());
        wait::eventually(LIMIT, "all is gone", || node.processes().is_empty());
        // As with keepalived: nobody is left who could take it away.
        assert!(node.holds(VIP));
        let next = start(&node, &[]);
        next.wait_log("Entering MASTER STATE", LIMIT);
        stopped(next, &node);
    }
}

/// `-V`, and `-X`, which is what always happens here.
#[test]
fn addresses_stay_at_the_end_where_they_are_not_to_be_released() {
    let (_network, node) = machine();
    for options in [&["-V"][..], &["--dont-release-vrrp"]] {
        let daemon = start(&node, options);
        daemon.wait_log("Entering MASTER STATE", LIMIT);
        wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
        assert!(daemon.stop().1.success());
        assert!(node.holds(VIP), "{options:?}");
    }
    // Released although this run has not set it.
    let daemon = start(&node, &["-X"]);
    daemon.wait_log("Entering MASTER STATE", LIMIT);
    stopped(daemon, &node);
}

/// `-G`, `-S`.
#[test]
fn syslog_gets_the_facility_or_nothing() {
    let (_network, node) = machine();
    let log = syslog::listen(&node);
    for (option, priority) in [("3", 19 * 8 + 6), ("local7", 23 * 8 + 6), ("user", 8 + 6)] {
        let daemon = holding(&node, &["-S", option]);
        log.wait(&format!("<{priority}>"), LIMIT);
        stopped(daemon, &node);
    }
    let wrong = call(&node, &["-S", "news", "-t"]);
    assert_eq!(wrong.code(), Some(5), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("Invalid log facility 'news'"), "{}", wrong.stderr);
    let lines = log.len();
    for option in ["-G", "--no-syslog"] {
        stopped(holding(&node, &[option]), &node);
    }
    assert_eq!(log.len(), lines, "{}", log.text());
}

/// `-l`, `-D`, `-D -D`.
#[test]
fn more_detail_is_more_lines() {
    let (_network, node) = machine();
    let count = |options: &[&str]| {
        let text = configuration("single-lb01");
        let all = [&["-n", "-l"], options].concat();
        let daemon = Daemon::start_exactly_with(&Program::ours(), &node, text, &all);
        wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
        daemon.wait_log("Entering MASTER STATE", LIMIT);
        if !options.is_empty() {
            daemon.wait_log("Sending gratuitous ARP", LIMIT);
        }
        let lines = daemon.log().len();
        stopped(daemon, &node);
        lines
    };
    assert!(count(&[]) < count(&["-D"]));
    let quiet =
        Daemon::start_exactly_with(&Program::ours(), &node, configuration("single-lb01"), &["-n"]);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    assert_eq!(quiet.log().text(), "", "the console is not asked for");
    stopped(quiet, &node);
}

/// `-u`, which beats the keyword.
#[test]
fn files_get_the_mode_that_the_mask_leaves() {
    let (_network, node) = machine();
    let text = format!("global_defs {{ umask 0777 }}\n{}", configuration("single-lb01"));
    for (mask, mode) in [("022", 0o644), ("0x3f", 0o600), ("7", 0o660)] {
        node.write_file("etc", "keepalived.conf", &text);
        let path = Program::ours().path().display().to_string();
        node.sh(&format!("mkdir -p /run/dumps; TMPDIR=/run/dumps {path} -u {mask}"));
        wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
        node.sh("kill -USR1 $(cat /run/keepalived.pid)");
        let file = node.folder("run").join("dumps/keepalived.data");
        let (data, _) = wait::until(LIMIT, "a dump", || fs::metadata(&file).ok());
        assert_eq!(data.permissions().mode() & 0o777, mode, "{mask}");
        node.sh("kill $(cat /run/keepalived.pid)");
        wait::eventually(LIMIT, "it is gone", || node.processes().is_empty());
        node.sh("rm -r /run/dumps");
    }
    left::nothing(&node, &[OWN]);
}

/// `-a`.
#[test]
fn addresses_are_reported_from_the_first() {
    let (_network, node) = machine();
    for option in ["-a", "--address-monitoring"] {
        let daemon = holding(&node, &[option]);
        let report = "Netlink reflector reports IP";
        daemon.wait_log(&format!("{report} 127.0.0.1 added to lo"), LIMIT);
        daemon.wait_log(&format!("{report} 192.168.100.11 added to eth0"), LIMIT);
        node.sh("ip addr add 192.0.2.7/32 dev eth0");
        daemon.wait_log(&format!("{report} 192.0.2.7 added to eth0"), LIMIT);
        node.sh("ip addr del 192.0.2.7/32 dev eth0");
        daemon.wait_log(&format!("{report} 192.0.2.7 removed from eth0"), LIMIT);
        stopped(daemon, &node);
    }
    let daemon = holding(&node, &[]);
    assert!(!daemon.log().contains("Netlink reflector reports"), "{}", daemon.log().text());
    stopped(daemon, &node);
}

/// `-m`: the limit for core dumps. (`-M` would change the whole machine.)
#[test]
fn core_dumps_are_allowed_where_they_are_asked_for() {
    let (_network, node) = machine();
    for (options, unlimited) in [(&["-m"][..], true), (&["--core-dump"], true), (&[], false)] {
        node.write_file("etc", "keepalived.conf", configuration("single-lb01"));
        let mut shell = node.command("/bin/sh");
        let path = Program::ours().path().display().to_string();
        let line = format!("ulimit -S -c 0; exec {path} {}", options.join(" "));
        shell.args(["-c", &line]);
        assert_eq!(command::run(shell, "").code(), Some(0));
        let (child, _) =
            wait::until(LIMIT, "the child", || node.process(node.pid_file("vrrp.pid")?));
        let limits = fs::read_to_string(format!("/proc/{}/limits", child.host_pid)).expect("alive");
        let core = limits.lines().find(|line| line.starts_with("Max core file size"));
        let soft = core.and_then(|line| line.split_whitespace().nth(4)).expect("a limit");
        assert_eq!(soft != "0", unlimited, "{options:?}: {core:?}");
        node.sh("kill $(cat /run/keepalived.pid)");
        wait::eventually(LIMIT, "it is gone", || node.processes().is_empty());
    }
    left::nothing(&node, &[OWN]);
}

/// `-e`: includes that find nothing are mistakes.
#[test]
fn all_include_checks_are_on_where_they_are_asked_for() {
    let (_network, node) = machine();
    let text = format!("include /etc/keepalived/nosuch/*.conf\n{}", configuration("single-lb01"));
    node.write_file("etc", "keepalived.conf", &text);
    assert_eq!(call(&node, &["-t"]).code(), Some(0));
    for option in ["-e", "--all-config"] {
        let strict = call(&node, &["-t", option]);
        assert_ne!(strict.code(), Some(0), "{}", strict.stderr);
        assert!(strict.stderr.contains("nosuch"), "{}", strict.stderr);
    }
}

/// `--ignore-sigint`.
#[test]
fn a_debugger_may_send_sigint() {
    let (_network, node) = machine();
    let daemon = holding(&node, &["--ignore-sigint"]);
    daemon.parent().signal(Signal::SIGINT);
    // What comes after it has been taken in.
    daemon.reload(configuration("single-lb01"));
    daemon.wait_log("Reload complete", LIMIT);
    assert!(node.holds(VIP));
    stopped(daemon, &node);
}

/// `-x`, `-A`, `-b`, `--flush-log-file`: taken, and said where nothing follows from them.
#[test]
fn options_without_effect_do_not_stop_the_start() {
    let (_network, node) = machine();
    let options = ["-x", "-A", "unix:/run/x", "-b", "/run/b.pid", "--flush-log-file", "further"];
    let daemon = holding(&node, &options);
    daemon.wait_log("Option without effect: --snmp:", LIMIT);
    daemon.wait_log("Option without effect: --snmp-agent-socket:", LIMIT);
    daemon.wait_log("Unexpected argument(s): further", LIMIT);
    stopped(daemon, &node);
}

/// The beginning of a log, which says what runs where and how it was called.
#[test]
fn a_log_begins_with_the_command_line_and_the_start_ends_with_a_line() {
    let (_network, node) = machine();
    let daemon = holding(&node, &[]);
    daemon.wait_log("Startup complete", LIMIT);
    let text = daemon.log().text();
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} is not in {text}"));
    let order = [
        "Starting Keepalived v2.4.3",
        "Running on Linux",
        "Command line: '",
        "Configuration file /etc/keepalived/keepalived.conf",
        "Starting VRRP child process",
        "Startup complete",
    ];
    assert!(order.map(place).is_sorted(), "{text}");
    stopped(daemon, &node);
}

/// Where PID files lie, by `use_pid_dir` and `instance`; `process_names`.
#[test]
fn pid_files_and_names_of_processes_follow_the_configuration() {
    let (_network, node) = machine();
    for (globals, files) in [
        ("use_pid_dir", ["keepalived/keepalived.pid", "keepalived/vrrp.pid"]),
        ("instance one", ["keepalived/keepalived_one.pid", "keepalived/vrrp_one.pid"]),
    ] {
        let text = format!(
            "{globals}\nglobal_defs {{\n process_names\n}}\n{}",
            configuration("single-lb01")
        );
        let daemon = Daemon::start(&Program::ours(), &node, &text);
        wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
        let (parent, _) = wait::until(LIMIT, files[0], || node.pid_file(files[0]));
        let (child, _) = wait::until(LIMIT, files[1], || node.pid_file(files[1]));
        let name = |pid| node.process(pid).map(|process| process.name);
        assert_eq!(name(parent).as_deref(), Some("keepalived"));
        assert_eq!(name(child).as_deref(), Some("keepalived_vrrp"));
        let folder = fs::metadata(node.folder("run").join("keepalived")).expect("the directory");
        assert_eq!((folder.mode() & 0o777, folder.uid()), (0o755, 0));
        stopped(daemon, &node);
        assert_eq!(node.run_files(), [""; 0], "the directory goes too");
    }
}

/// `--signum`: keepalived's numbers.
#[test]
fn signals_have_keepaliveds_numbers() {
    let (_network, node) = machine();
    for (name, number) in [
        ("STOP", "15"),
        ("RELOAD", "1"),
        ("DATA", "10"),
        ("STATS", "12"),
        ("STATS_CLEAR", "63"),
        ("JSON", "36"),
    ] {
        let asked = call(&node, &["--signum", name]);
        assert_eq!((asked.code(), asked.stdout.trim()), (Some(0), number), "{name}");
    }
    let unknown = call(&node, &["--signum=stop"]);
    assert_eq!(unknown.code(), Some(1));
    assert!(unknown.stderr.contains("Unknown sigfunc stop"), "{}", unknown.stderr);
}

/// Long option, file and test.
const TESTED: [(&str, &str, &str); 38] = [
    ("use-file", "command_line", "a_missing_configuration_file_or_interface_ends_the_start"),
    ("vrrp", "options", "parts_of_the_daemon_are_left_out"),
    ("check", "options", "parts_of_the_daemon_are_left_out"),
    ("no_bfd", "options", "parts_of_the_daemon_are_left_out"),
    ("all", "options", "a_process_without_configuration_is_started_when_all_are_to_be"),
    ("log-console", "options", "more_detail_is_more_lines"),
    ("log-detail", "options", "more_detail_is_more_lines"),
    ("log-facility", "options", "syslog_gets_the_facility_or_nothing"),
    ("no-syslog", "options", "syslog_gets_the_facility_or_nothing"),
    ("log-file", "log_files", "each_process_has_its_log_file_and_a_rotation_needs_no_signal"),
    ("flush-log-file", "options", "options_without_effect_do_not_stop_the_start"),
    ("umask", "options", "files_get_the_mode_that_the_mask_leaves"),
    ("release-vips", "options", "addresses_stay_at_the_end_where_they_are_not_to_be_released"),
    ("dont-release-vrrp", "options", "addresses_stay_at_the_end_where_they_are_not_to_be_released"),
    (
        "dont-release-ipvs",
        "ipvs_changes",
        "what_somebody_removes_comes_back_and_what_he_sets_otherwise_stays",
    ),
    (
        "dont-respawn",
        "options",
        "the_death_of_a_child_ends_the_daemon_where_it_is_not_to_be_replaced",
    ),
    ("dont-fork", "options", "more_detail_is_more_lines"),
    (
        "dump-conf",
        "command_line",
        "the_options_of_the_guides_choose_the_facility_and_log_the_configuration",
    ),
    ("pid", "command_line", "pid_files_can_be_elsewhere"),
    ("vrrp_pid", "command_line", "pid_files_can_be_elsewhere"),
    ("checkers_pid", "command_line", "pid_files_can_be_elsewhere"),
    ("bfd_pid", "options", "options_without_effect_do_not_stop_the_start"),
    ("address-monitoring", "options", "addresses_are_reported_from_the_first"),
    ("snmp", "options", "options_without_effect_do_not_stop_the_start"),
    ("snmp-agent-socket", "options", "options_without_effect_do_not_stop_the_start"),
    ("namespace", "namespace", "in_a_namespace_the_daemon_finds_its_files_where_it_always_does"),
    ("core-dump", "options", "core_dumps_are_allowed_where_they_are_asked_for"),
    (
        "core-dump-pattern",
        "../../../../bin/keepalived-rs/src/cli/tests",
        "a_core_pattern_asks_for_core_dumps_too",
    ),
    ("all-config", "options", "all_include_checks_are_on_where_they_are_asked_for"),
    ("any-interface", "command_line", "the_file_of_another_machine_can_be_tested"),
    ("config-id", "command_line", "lines_for_a_host_are_read_by_its_name_up_to_the_first_dot"),
    ("ignore-sigint", "options", "a_debugger_may_send_sigint"),
    ("signum", "options", "signals_have_keepaliveds_numbers"),
    (
        "config-test",
        "command_line",
        "the_configuration_test_tells_by_its_exit_status_what_it_found",
    ),
    ("plan", "operations", "a_plan_says_what_the_log_of_the_reload_says_and_changes_nothing"),
    ("genhash", "genhash", "the_option_of_the_daemon_is_the_same_tool"),
    ("version", "command_line", "version_and_help_go_to_standard_error_and_end_with_0"),
    ("help", "command_line", "version_and_help_go_to_standard_error_and_end_with_0"),
];

#[test]
fn every_option_has_its_test() {
    let (_network, node) = machine();
    let help = call(&node, &["-h"]).stderr;
    let long = |line: &str| {
        let name = line.split_once("--")?.1.split([' ', '=', '[']).next()?;
        Some(name.to_owned())
    };
    let options: Vec<String> = help.lines().skip(1).filter_map(long).collect();
    assert!(options.len() > 30, "{help}");
    for option in &options {
        let row = TESTED.iter().find(|(name, ..)| name == option);
        let (_, file, test) = row.unwrap_or_else(|| panic!("--{option} has no test"));
        let path = format!("{}/tests/stories/{file}.rs", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(&path).expect("the file of the test");
        assert!(text.contains(&format!("fn {test}(")), "--{option}: {path} has no {test}");
    }
    for (option, ..) in TESTED {
        assert!(options.iter().any(|one| one == option), "there is no --{option} any more");
    }
}
