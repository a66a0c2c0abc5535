//! A child of the daemon is killed at the worst moments: while it becomes master, while it reloads,
//! while it stops. Or it is told to leave, and its parent knows nothing of that.
#![allow(clippy::expect_used, reason = "test code")]

use std::time::Duration;

use lab::scenario::configuration;
use lab::{Capture, Daemon, Network, Node, Program, left, wait};
use nix::sys::signal::Signal;

const VIP: &str = "192.168.100.100";
const OTHER: &str = "192.168.100.101";
const OWN: &str = "192.168.100.11/24";
const LIMIT: Duration = Duration::from_secs(10);

fn machine() -> (Network, Node) {
    Network::of_one(&[OWN])
}

/// Ten adverts a second: master 0.36 s after the start.
fn quick() -> String {
    let text = configuration("single-lb01").replace("advert_int 1", "advert_int 0.1");
    format!("global_defs {{\n  vrrp_version 3\n}}\n{text}")
}

#[test]
fn a_process_that_is_killed_while_it_becomes_master_has_a_successor_that_is_master() {
    let (network, node) = machine();
    let sent = Capture::of(&network, &node);
    for delay in [0, 330, 345, 360, 375, 390] {
        let daemon = Daemon::start(&Program::ours(), &node, &quick());
        let first = daemon.vrrp();
        std::thread::sleep(Duration::from_millis(delay));
        first.signal(Signal::SIGKILL);
        wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
        let seen = sent.adverts().len();
        wait::eventually(LIMIT, "adverts", || sent.adverts().len() >= seen + 3);
        assert!(node.holds(VIP));
        assert_ne!(daemon.vrrp().pid, first.pid);
        assert!(daemon.stop().1.success());
        left::nothing(&node, &[OWN]);
    }
}

#[test]
fn a_process_that_is_killed_while_it_reloads_has_a_successor_with_the_new_configuration() {
    let (_network, node) = machine();
    let daemon = Daemon::start(&Program::ours(), &node, &quick());
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let texts = [quick(), quick().replace(VIP, OTHER)];
    for (round, delay) in [0, 1, 2, 4, 6, 8, 10, 15].into_iter().enumerate() {
        // One that has lived for a second is replaced at once.
        let victim = daemon.vrrp();
        std::thread::sleep(Duration::from_millis(1050));
        let (wanted, unwanted) = if round % 2 == 0 { (OTHER, VIP) } else { (VIP, OTHER) };
        let from = daemon.reload(&texts[(round + 1) % 2]);
        std::thread::sleep(Duration::from_millis(delay));
        victim.signal(Signal::SIGKILL);
        daemon.log().wait_since(from, "Reload complete", LIMIT);
        wait::eventually(LIMIT, "the new address and not the old one", || {
            node.holds(wanted) && !node.holds(unwanted)
        });
        wait::eventually(LIMIT, "a successor", || daemon.vrrp().pid != victim.pid);
    }
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

#[test]
fn a_process_that_is_killed_while_all_stop_leaves_nothing() {
    let (_network, node) = machine();
    for delay in [0, 1, 2, 3, 5] {
        let mut daemon = Daemon::start(&Program::ours(), &node, &quick());
        wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
        let (parent, vrrp) = (daemon.parent(), daemon.vrrp());
        // The one is frozen, so that it cannot be quicker than the other signal.
        vrrp.signal(Signal::SIGSTOP);
        parent.signal(Signal::SIGTERM);
        std::thread::sleep(Duration::from_millis(delay));
        vrrp.signal(Signal::SIGKILL);
        assert!(daemon.wait_end(LIMIT).success());
        left::nothing(&node, &[OWN]);
    }
}

#[test]
fn when_the_parent_is_killed_its_children_say_goodbye_and_leave_nothing_but_its_pid_file() {
    let (network, node) = machine();
    let sent = Capture::of(&network, &node);
    let daemon = Daemon::start(&Program::ours(), &node, &quick());
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    daemon.parent().signal(Signal::SIGKILL);
    wait::eventually(LIMIT, "all processes leave", || node.processes().is_empty());
    assert!(!node.holds(VIP));
    // The capture hears with a delay.
    wait::eventually(LIMIT, "a goodbye as the last word", || {
        sent.adverts().last().is_some_and(|(_, advert)| advert.priority == 0)
    });
    assert_eq!(node.run_files(), ["keepalived.pid"]);
    node.sh("rm /run/keepalived.pid");
    left::nothing(&node, &[OWN]);
}

#[test]
fn a_process_that_is_told_to_leave_says_goodbye_and_has_a_successor_that_its_pid_file_names() {
    let (network, node) = machine();
    let sent = Capture::of(&network, &node);
    let daemon = Daemon::start(&Program::ours(), &node, &quick());
    for _ in 0..2 {
        wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
        let (first, from) = (daemon.vrrp(), daemon.log().len());
        let seen = sent.adverts().len();
        first.signal(Signal::SIGTERM);
        let line = daemon.log().wait_since(from, "VRRP child process(", LIMIT);
        assert!(line.text.ends_with(&format!("({}) died: Respawning", first.pid)), "{}", line.text);
        wait::eventually(LIMIT, "a goodbye", || {
            sent.adverts()[seen..].iter().any(|(_, advert)| advert.priority == 0)
        });
        let line = daemon.log().wait_since(from, "Starting VRRP child process, pid=", LIMIT);
        wait::eventually(LIMIT, "the PID file names the successor", || {
            node.pid_file("vrrp.pid").is_some_and(|pid| line.text.ends_with(&format!("={pid}")))
        });
    }
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}
