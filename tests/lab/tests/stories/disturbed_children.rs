//! Children that do not get up, die again and again, freeze while a reload is under way, or are told to
//! stop by somebody else than their parent.

use std::time::{Duration, Instant};

use lab::scenario::configuration;
use lab::{Daemon, Network, Program, left, uml, wait};
use nix::sys::signal::Signal;

const OWN: &str = "192.168.100.11/24";
const VIP: &str = "192.168.100.100";
const OTHER: &str = "192.168.100.101";
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_child_that_does_not_get_up_is_replaced_and_does_not_hold_up_the_boot() {
    uml::with_ipvs(
        "a_child_that_does_not_get_up_is_replaced_and_does_not_hold_up_the_boot",
        checkers_that_hang,
    );
}

fn checkers_that_hang() {
    let (_network, node) = Network::of_one(&[OWN]);
    // The checkers read a certificate before they are up: from a pipe into which nobody writes.
    let text = format!(
        "{}\nSSL {{\n  certificate /scripts/pipe\n  key /scripts/pipe\n}}\n\
         virtual_server 192.0.2.1 443 {{\n  lb_kind DR\n  protocol TCP\n\
         \x20 real_server 192.0.2.2 443 {{\n    SSL_GET {{\n      url {{\n        path /\n\
         \x20       status_code 200\n      }}\n    }}\n  }}\n}}\n",
        configuration("single-lb01")
    );
    node.sh("mkfifo /scripts/pipe");
    node.write_file("etc", "keepalived.conf", &text);
    let before = Instant::now();
    node.sh(&format!("{} -D -g/scripts/k.log", Program::ours().path().display()));
    let took = before.elapsed();
    assert!(took > Duration::from_secs(9), "it was up after {took:?}: nothing has hung");
    let has = |line: &str| {
        wait::eventually(LIMIT, line, || {
            node.try_sh(&format!("grep -F '{line}' /scripts/k.log")).status.success()
        });
    };
    has("The start takes long and goes on in the background");
    has("does not answer - forcing termination");
    has("died: Respawning");
    assert!(node.holds(VIP), "the other one works");
    let parent = node.pid_file("keepalived.pid").and_then(|pid| node.process(pid));
    parent.expect("it goes on").signal(Signal::SIGTERM);
    wait::eventually(LIMIT, "it is gone", || node.processes().is_empty());
}

#[test]
fn a_process_that_dies_again_and_again_starts_at_once_with_another_configuration() {
    let (_network, node) = Network::of_one(&[OWN]);
    let text = configuration("single-lb01");
    let daemon = Daemon::start(&Program::ours(), &node, text);
    let log = daemon.log();
    let mut seen = 0;
    while !log.contains("Restart of VRRP process delayed 1.6s") {
        let line = log.wait_since(seen, "Starting VRRP child process, pid=", LIMIT);
        seen = log.len();
        let pid = line.text.rsplit('=').next().and_then(|pid| pid.trim().parse().ok());
        let victim = node.process(pid.expect("a number"));
        victim.expect("it was just started").signal(Signal::SIGKILL);
        let next = ["Starting VRRP child process, pid=", "delayed 1.6s"];
        wait::eventually(LIMIT, "the next", || {
            next.iter().any(|it| log.text_since(seen).contains(it))
        });
    }
    let from = daemon.reload(&text.replace(VIP, OTHER));
    let complete = log.wait_since(from, "Reload complete", LIMIT);
    let start = log.wait_since(from, "Starting VRRP child process", LIMIT);
    assert!(complete.at <= start.at, "the reload has waited for it");
    let waited = start.at - log.wait_since(0, "delayed 1.6s", LIMIT).at;
    assert!(waited < Duration::from_millis(1600), "{waited:?}");
    wait::eventually(LIMIT, "the new address", || node.holds(OTHER) && !node.holds(VIP));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

#[test]
fn a_vrrp_process_that_is_frozen_when_a_reload_comes_is_replaced_and_the_reload_goes_on() {
    let (_network, node) = Network::of_one(&[OWN]);
    let text = configuration("single-lb01");
    let daemon = Daemon::start(&Program::ours(), &node, text);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    daemon.vrrp().signal(Signal::SIGSTOP);
    let from = daemon.reload(&text.replace(VIP, OTHER));
    daemon.log().wait_since(from, "does not answer - forcing termination", LIMIT);
    daemon.log().wait_since(from, "Reload complete", LIMIT);
    assert!(
        !daemon.log().text_since(from).contains("refused"),
        "{}",
        daemon.log().text_since(from)
    );
    wait::eventually(LIMIT, "the new address", || node.holds(OTHER) && !node.holds(VIP));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

#[test]
fn a_child_that_somebody_stops_says_goodbye_and_has_a_successor() {
    let (_network, node) = Network::of_one(&[OWN]);
    let daemon = Daemon::start(&Program::ours(), &node, configuration("single-lb01"));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let (first, from) = (daemon.vrrp(), daemon.log().len());
    first.signal(Signal::SIGTERM);
    for line in
        ["sent 0 priority", "exited with status 0", "died: Respawning", "Entering MASTER STATE"]
    {
        daemon.log().wait_since(from, line, LIMIT);
    }
    wait::eventually(LIMIT, "the VIP is there again", || node.holds(VIP));
    assert_ne!(daemon.vrrp().pid, first.pid);
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

#[test]
fn a_start_that_fails_leaves_no_directory() {
    let (_network, node) = Network::of_one(&[OWN]);
    let program = Program::ours().path().display().to_string();
    node.write_file(
        "etc",
        "keepalived.conf",
        &format!("instance x\n{}", configuration("single-lb01")),
    );
    let start = node.try_sh(&format!("{program} -l -p /run/nosuch/a.pid"));
    assert_eq!(start.code(), Some(1));
    assert_eq!(node.run_files(), [""; 0], "{}", start.stderr);
}

#[test]
fn the_number_of_a_pipe_reader_that_has_ended_gets_no_signal() {
    let (_network, node) = Network::of_one(&[OWN]);
    node.write_script("scripts", "read.sh", "#!/bin/sh\nhead -n 1 \"$1\"\n");
    let text = format!(
        "global_defs {{\n  script_user root\n  vrrp_notify_fifo /run/fifo\n  \
         vrrp_notify_fifo_script /scripts/read.sh\n}}\n{}",
        configuration("single-lb01")
    );
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    // The first line that it reads is its last one.
    daemon.wait_log("The reader of FIFO /run/fifo has ended", LIMIT);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}
