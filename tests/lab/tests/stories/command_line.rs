//! The command line, PID files, the background and signals, as guides and units use them.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use lab::command::{self, Finished};
use lab::process::Process;
use lab::scenario::configuration;
use lab::{Daemon, Network, Node, Program, left, syslog, wait};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(20);
const OWN: &str = "192.168.100.11/24";
const VIP: &str = "192.168.100.100";

fn machine() -> (Network, Node) {
    let (network, node) = Network::of_one(&[OWN]);
    node.write_file("etc", "keepalived.conf", configuration("single-lb01"));
    (network, node)
}

fn call(node: &Node, options: &[&str]) -> Finished {
    let mut command = node.command(Program::ours().path());
    command.args(options);
    command::run(command, "")
}

#[test]
fn version_and_help_go_to_standard_error_and_end_with_0() {
    let (_network, node) = machine();
    for option in ["-v", "--version"] {
        let version = call(&node, &[option]);
        assert_eq!((version.code(), version.stdout.as_str()), (Some(0), ""));
        assert!(version.stderr.starts_with("Keepalived v"), "{}", version.stderr);
    }
    for option in ["-h", "--help"] {
        let help = call(&node, &[option]);
        assert_eq!((help.code(), help.stdout.as_str()), (Some(0), ""));
        for part in
            ["--use-file", "--dont-fork", "--log-console", "--vrrp", "--check", "--config-test"]
        {
            assert!(help.stderr.contains(part), "{part} is missing in {}", help.stderr);
        }
    }
}

#[test]
fn an_unknown_option_ends_with_1() {
    let (_network, node) = machine();
    let short = call(&node, &["-z"]);
    assert_eq!(short.code(), Some(1));
    assert!(short.stderr.contains("Unknown option -z"), "{}", short.stderr);
    let long = call(&node, &["--zz"]);
    assert_eq!(long.code(), Some(1));
    assert!(long.stderr.contains("Unknown option --zz"), "{}", long.stderr);
    let missing = call(&node, &["-f"]);
    assert_eq!(missing.code(), Some(1));
    assert!(missing.stderr.contains("Missing parameter for option"), "{}", missing.stderr);
}

#[test]
fn the_configuration_test_tells_by_its_exit_status_what_it_found() {
    let (_network, node) = machine();
    let good = configuration("single-lb01");
    let test = |text: &str| {
        node.write_file("etc", "test.conf", text);
        call(&node, &["-t", "-f", "/etc/keepalived/test.conf"])
    };
    let fine = test(good);
    assert_eq!((fine.code(), fine.stderr.as_str()), (Some(0), ""));
    let misspelt = test(&good.replace("priority 100", "priorty 100"));
    assert_eq!(misspelt.code(), Some(5));
    for part in ["/etc/keepalived/test.conf:9:", "priorty"] {
        assert!(misspelt.stderr.contains(part), "{part} is missing in {}", misspelt.stderr);
    }
    assert_eq!(test(&good.replace("priority 100", "priority 1000")).code(), Some(5));
    assert_eq!(test(&good.replace("state MASTER", "state")).code(), Some(2), "a missing parameter");
    assert_eq!(
        test(&good.replace("interface eth0", "interface nosuch0")).code(),
        Some(5),
        "a missing interface"
    );
    left::nothing(&node, &[OWN]);
}

/// keepalived says so too, but ends with 0, as if nothing were to be fixed.
#[test]
fn the_configuration_test_refuses_a_missing_file() {
    let (_network, node) = machine();
    let missing = call(&node, &["-t", "-f", "/etc/keepalived/nosuch.conf"]);
    assert_eq!(missing.code(), Some(6));
    assert!(missing.stderr.contains("nosuch.conf"), "{}", missing.stderr);
}

/// An administrator tests the file of a load balancer on a workstation.
#[test]
fn the_file_of_another_machine_can_be_tested() {
    let (_network, node) = machine();
    let text = configuration("single-lb01").replace("eth0", "nosuch0");
    node.write_file("etc", "test.conf", &text);
    let path = "/etc/keepalived/test.conf";
    assert_eq!(call(&node, &["-t", "-f", path]).code(), Some(5));
    let tested = call(&node, &["-t", "--any-interface", "-f", path]);
    assert_eq!((tested.code(), tested.stderr.as_str()), (Some(0), ""));
}

#[test]
fn lines_for_a_host_are_read_by_its_name_up_to_the_first_dot() {
    let (_network, node) = machine();
    node.sh("hostname lb01.example.com");
    let text = format!("{}@lb01 mine 1\n@lb02 other 1\n", configuration("single-lb01"));
    node.write_file("etc", "test.conf", &text);
    let by_name = call(&node, &["-t", "-f", "/etc/keepalived/test.conf"]);
    assert!(by_name.stderr.contains("'mine'"), "{}", by_name.stderr);
    assert!(!by_name.stderr.contains("'other'"), "{}", by_name.stderr);
    let by_option = call(&node, &["-t", "-i", "lb02", "-f", "/etc/keepalived/test.conf"]);
    assert!(by_option.stderr.contains("'other'"), "{}", by_option.stderr);
    assert!(!by_option.stderr.contains("'mine'"), "{}", by_option.stderr);
}

#[test]
fn a_missing_configuration_file_or_interface_ends_the_start() {
    let (_network, node) = machine();
    assert_eq!(call(&node, &["-n", "-l", "-f", "/etc/keepalived/nosuch.conf"]).code(), Some(6));
    let text = configuration("single-lb01").replace("eth0", "nosuch0");
    let mut daemon = Daemon::start(&Program::ours(), &node, &text);
    assert_eq!(daemon.wait_end(LIMIT).code(), Some(2), "{}", daemon.log().text());
    left::nothing(&node, &[OWN]);
}

#[test]
fn pid_files_are_where_keepalived_has_them_and_go_with_the_daemon() {
    let (_network, node) = machine();
    let daemon = Daemon::start(&Program::ours(), &node, configuration("single-lb01"));
    let parent = daemon.parent();
    let child = daemon.vrrp();
    assert_eq!(node.pid_file("keepalived.pid"), Some(parent.pid));
    assert_eq!(child.host_parent, parent.host_pid, "the VRRP process is the parent's child");
    assert_eq!(node.run_files(), ["keepalived.pid", "vrrp.pid"]);
    for file in node.run_files() {
        let path = node.folder("run").join(file);
        let mode = path.metadata().expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o644, "{}", path.display());
        let text = std::fs::read_to_string(&path).expect("the file");
        assert!(text.ends_with('\n') && text.trim().parse::<u32>().is_ok(), "{text:?}");
    }
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

#[test]
fn pid_files_can_be_elsewhere() {
    let (_network, node) = machine();
    let options =
        ["-p", "/run/own-parent.pid", "-r", "/run/own-vrrp.pid", "-c", "/run/own-lvs.pid"];
    let daemon =
        Daemon::start_with(&Program::ours(), &node, configuration("single-lb01"), &options);
    wait::becomes(
        LIMIT,
        "PID files",
        &vec!["own-parent.pid".to_owned(), "own-vrrp.pid".to_owned()],
        || node.run_files(),
    );
    let parent = daemon.parent().pid;
    wait::becomes(LIMIT, "its number", &Some(parent), || node.pid_file("own-parent.pid"));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

#[test]
fn a_second_daemon_says_that_one_runs_and_ends_with_0() {
    let (_network, node) = machine();
    let mut daemon = Daemon::start(&Program::ours(), &node, configuration("single-lb01"));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let second = call(&node, &["-n", "-l"]);
    assert_eq!(second.code(), Some(0));
    let said = second.stdout + &second.stderr;
    assert!(said.contains("daemon is already running"), "{said}");
    assert!(daemon.is_running() && node.holds(VIP));
    assert_eq!(node.pid_file("keepalived.pid"), Some(daemon.parent().pid));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

#[test]
fn in_the_background_it_is_a_daemon_as_a_forking_unit_wants_it() {
    let (_network, node) = machine();
    let log = syslog::listen(&node);
    let started = call(&node, &["-D"]);
    assert_eq!(started.code(), Some(0), "{}", started.stderr);
    let (pid, _) = wait::until(LIMIT, "the PID file", || node.pid_file("keepalived.pid"));
    let (parent, _) = wait::until(LIMIT, "its process", || node.process(pid));
    assert_ne!(parent.host_parent, 0);
    let family = node.sh(&format!("ps -o ppid=,sid=,tty= -p {pid}"));
    let [above, session, terminal]: [&str; 3] =
        family.split_whitespace().collect::<Vec<_>>().try_into().expect("three words");
    assert_eq!(above, "1", "its starter is gone");
    assert_eq!(session, pid.to_string(), "it leads a session of its own");
    assert_eq!(terminal, "?", "it has no terminal");
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    assert_eq!(
        node.sh("ps -C keepalived -o pid= | wc -l").trim().parse(),
        Ok(processes_named(&node))
    );
    let line = log.wait("Entering MASTER STATE", LIMIT).text;
    assert!(line.contains("Keepalived_vrrp[") && line.starts_with("<30>"), "{line}");
    assert!(log.contains("Keepalived["), "the parent logs under its name");

    parent.signal(Signal::SIGTERM);
    wait::eventually(LIMIT, "it is gone", || node.processes().is_empty());
    left::nothing(&node, &[OWN]);
}

/// Processes that show as `keepalived` in `ps`: here the parent and VRRP.
fn processes_named(node: &Node) -> usize {
    let processes: Vec<Process> = node.processes();
    assert!(processes.iter().all(|process| process.name == "keepalived"), "{processes:?}");
    assert_eq!(processes.len(), 2);
    2
}

#[test]
fn the_options_of_the_guides_choose_the_facility_and_log_the_configuration() {
    let (_network, node) = machine();
    let log = syslog::listen(&node);
    assert_eq!(call(&node, &["-D", "-d", "-S", "0"]).code(), Some(0));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    for part in ["------< VRRP Topology >------", "VRRP Instance = VI_1", "Entering MASTER STATE"] {
        let line = log.wait(part, LIMIT).text;
        assert!(line.starts_with("<134>"), "local0.info is 16 * 8 + 6: {line}");
    }
    node.sh("kill -TERM $(cat /run/keepalived.pid)");
    wait::eventually(LIMIT, "it is gone", || node.processes().is_empty());
    left::nothing(&node, &[OWN]);
}

#[test]
fn sigint_stops_as_sigterm_does() {
    let (_network, node) = machine();
    let mut daemon = Daemon::start(&Program::ours(), &node, configuration("single-lb01"));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    daemon.parent().signal(Signal::SIGINT);
    assert!(daemon.wait_end(LIMIT).success());
    left::nothing(&node, &[OWN]);
}

#[test]
fn when_the_parent_is_killed_its_children_clean_up_and_the_next_start_succeeds() {
    let (_network, node) = machine();
    let daemon = Daemon::start(&Program::ours(), &node, configuration("single-lb01"));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    daemon.vrrp();
    daemon.parent().signal(Signal::SIGKILL);
    wait::eventually(LIMIT, "the children end", || node.processes().is_empty());
    assert!(!node.holds(VIP), "the VIP was taken away");
    assert_eq!(node.run_files(), ["keepalived.pid"], "nobody was left to remove this one");
    let daemon = Daemon::start(&Program::ours(), &node, configuration("single-lb01"));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}
