//! A daemon in a network namespace of its host (`net_namespace`, `-s`).

use std::time::Duration;

use lab::command::Finished;
use lab::scenario::configuration;
use lab::{Daemon, Network, Node, Program, left, wait};
use nix::sys::signal::Signal;

const VIP: &str = "192.168.100.100";
const OWN: &str = "192.168.100.11/24";
const LIMIT: Duration = Duration::from_secs(10);

/// A host with the namespace `blue`, in which there is an `eth0`.
fn machine() -> (Network, Node) {
    let (network, node) = Network::of_one(&[OWN]);
    node.sh("mkdir -p /run/netns; ip netns add blue; ip -n blue link set lo up
             ip -n blue link add eth0 type veth peer name eth1; ip -n blue link set eth1 up
             ip -n blue link set eth0 up; ip -n blue addr add 10.7.0.1/24 dev eth0");
    (network, node)
}

fn clear(node: &Node) {
    node.sh(
        "ip netns del blue; umount /run/netns 2>/dev/null || true; rm -rf /run/netns /run/mount",
    );
    left::nothing(node, &[OWN]);
}

fn said(finished: &Finished) -> String {
    format!("{}{}", finished.stdout, finished.stderr)
}

fn addresses(node: &Node) -> String {
    node.sh("ip -n blue -o -4 addr show dev eth0")
}

const NOTIFY: &str =
    "#!/bin/sh\n(echo $1 $2 $3; ls /run/keepalived; ip -o -4 addr show) >>/run/told\n";

#[test]
fn in_a_namespace_the_daemon_finds_its_files_where_it_always_does() {
    let (_network, node) = machine();
    node.write_script("scripts", "notify.sh", NOTIFY);
    let text = configuration("single-lb01")
        .replace("interface eth0", "interface eth0\n  notify /scripts/notify.sh root");
    let text = format!("net_namespace blue\n{text}");
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    wait::eventually(LIMIT, "the VIP is in blue", || addresses(&node).contains(VIP));
    assert!(!node.holds(VIP), "and nowhere else");
    let outside = node.sh("ls /run/keepalived /run/keepalived/blue");
    assert_eq!(
        outside,
        "/run/keepalived:\nblue\n\n/run/keepalived/blue:\nkeepalived.pid\nvrrp.pid\n"
    );
    let told = || node.try_sh("cat /run/told").stdout;
    wait::eventually(LIMIT, "MASTER is told", || told().contains("MASTER") && told().contains(VIP));
    assert!(told().contains("keepalived.pid\nvrrp.pid\n"), "in its own view: {}", told());
    let plan = format!("{} --plan", Program::ours().path().display());
    assert_eq!(node.sh(&plan), "nothing changes\n", "it is found from outside");

    // A second one sees that one runs; a child that dies is replaced in the same view.
    let second = node.try_sh(&format!("{} -n -l", Program::ours().path().display()));
    assert_eq!(second.code(), Some(0));
    assert!(said(&second).contains("daemon is already running"), "{}", said(&second));
    let from = daemon.log().len();
    let child = node.sh("cat /run/keepalived/blue/vrrp.pid");
    node.sh("kill -9 $(cat /run/keepalived/blue/vrrp.pid)");
    daemon.log().wait_since(from, "Respawning", LIMIT);
    wait::eventually(LIMIT, "its PID file names the successor", || {
        let now = node.try_sh("cat /run/keepalived/blue/vrrp.pid").stdout;
        !now.is_empty() && now != child
    });
    node.sh("kill -62 $(cat /run/keepalived/blue/keepalived.pid)");
    daemon.log().wait_since(from, "Upgrade complete", LIMIT);
    assert!(addresses(&node).contains(VIP));
    assert!(daemon.stop().1.success());
    assert!(!addresses(&node).contains(VIP));
    node.sh("rm /run/told");
    clear(&node);
}

#[test]
fn after_a_parent_that_was_killed_in_a_namespace_the_next_one_starts() {
    let (_network, node) = machine();
    let mut daemon =
        Daemon::start_with(&Program::ours(), &node, configuration("single-lb01"), &["-s", "blue"]);
    wait::eventually(LIMIT, "the VIP is in blue", || addresses(&node).contains(VIP));
    daemon.parent().signal(Signal::SIGKILL);
    daemon.wait_end(LIMIT);
    wait::eventually(LIMIT, "the children leave in order", || {
        node.processes().is_empty() && !addresses(&node).contains(VIP)
    });
    assert_eq!(node.sh("ls /run/keepalived/blue"), "keepalived.pid\n");
    let daemon =
        Daemon::start_with(&Program::ours(), &node, configuration("single-lb01"), &["-s", "blue"]);
    wait::eventually(LIMIT, "the VIP is in blue again", || addresses(&node).contains(VIP));
    assert!(daemon.stop().1.success());
    clear(&node);
}

#[test]
fn a_namespace_that_is_not_there_ends_the_start() {
    let (_network, node) = Network::of_one(&[OWN]);
    node.write_file("etc", "keepalived.conf", configuration("single-lb01"));
    let program = Program::ours();
    let ended = node.try_sh(&format!("{} -n -l -s nosuch", program.path().display()));
    assert_eq!(ended.code(), Some(1));
    assert!(said(&ended).contains("network namespace nosuch"), "{}", said(&ended));
    left::nothing(&node, &[OWN]);
}
