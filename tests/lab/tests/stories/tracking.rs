//! `track_file` and `track_process`, in network and process namespaces of a node's own.

use std::time::Duration;

use lab::{Daemon, Network, Node, Program, left, wait};

const VIP: &str = "192.168.100.100";
const OWN: &str = "192.168.100.11/24";
const LIMIT: Duration = Duration::from_secs(8);
/// What is told at once arrives long before anybody would have looked for it.
const AT_ONCE: Duration = Duration::from_millis(900);

fn machine() -> (Network, Node) {
    Network::of_one(&[OWN])
}

/// An instance that is master at once but for what it tracks.
fn configuration(tracked: &str, tracking: &str) -> String {
    format!(
        "global_defs {{ script_user root\n}}\n{tracked}\nvrrp_instance VI_1 {{\n\
         interface eth0\nvirtual_router_id 51\npriority 100\nadvert_int 0.1\nversion 3\n\
         virtual_ipaddress {{\n{VIP}/24\n}}\n{tracking}\n}}\n"
    )
}

const FILES: &str = "
track_file load {
    file /run/load
    init_file -5 overwrite
}
track_file broken {
    file /run/later/broken
    weight 0
}";

#[test]
fn a_number_in_a_file_counts_however_it_is_written_and_survives_a_death_and_a_reload() {
    let program = Program::ours();
    let (_network, node) = machine();
    node.sh("mkdir /run/later; echo 7 >/run/load");
    let text = configuration(FILES, "track_file {\nload\nbroken\n}");
    let daemon = Daemon::start_with(&program, &node, &text, &["-P"]);
    daemon.wait_log("Changing effective priority from 100 to 95", LIMIT);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));

    node.sh("echo 10 >/run/load");
    daemon.wait_log("Changing effective priority from 95 to 110", AT_ONCE);
    node.sh("echo -20 >/run/.new; mv /run/.new /run/load");
    daemon.wait_log("Changing effective priority from 110 to 80", AT_ONCE);

    // A successor is told what its predecessor knew.
    let before = daemon.vrrp();
    node.sh(&format!("kill -9 {}", before.pid));
    wait::eventually(LIMIT, "a successor runs", || {
        node.pid_file("vrrp.pid").is_some_and(|pid| pid != before.pid)
    });
    node.sh("rm /run/load");
    daemon.wait_log("Changing effective priority from 80 to 100", AT_ONCE);

    node.sh("echo 1 >/run/later/broken");
    daemon.wait_log("(VI_1): tracked file broken now FAULT state", AT_ONCE);
    wait::eventually(LIMIT, "the VIP is gone", || !node.holds(VIP));
    // With its directory the file is gone, and with both comes the fault again.
    node.sh("rm -r /run/later");
    daemon.wait_log("(VI_1): tracked file broken leaving FAULT state", AT_ONCE);
    wait::eventually(LIMIT, "the VIP is back", || node.holds(VIP));
    node.sh("mkdir /run/later; echo 1 >/run/later/broken");
    wait::eventually(LIMIT, "the VIP is gone", || !node.holds(VIP));
    node.sh("rm -r /run/later");
    wait::eventually(LIMIT, "the VIP is back", || node.holds(VIP));

    // A file that comes with a reload, through a link.
    let new = "track_file other {\nfile /run/link\nweight 2\n}";
    node.sh("mkdir /run/real; echo 3 >/run/real/number; ln -s /run/real/number /run/link");
    node.write_file("etc", "keepalived.conf", &configuration(new, "track_file {\nother\n}"));
    node.sh("kill -HUP $(cat /run/keepalived.pid)");
    daemon.wait_log("Changing effective priority from 100 to 106", LIMIT);
    node.sh("echo 4 >/run/real/number");
    daemon.wait_log("Changing effective priority from 106 to 108", AT_ONCE);

    assert!(daemon.stop().1.success());
    node.sh("rm -r /run/real /run/link");
    left::nothing(&node, &[OWN]);
}

const PROCESSES: &str = "
vrrp_track_process one {
    process sleep 1001
    param_match
    quorum 1
}
vrrp_track_process two {
    process /run/two.sh
    full_command
    quorum 2
    quorum_max 2
    weight 30
    terminate_delay 0.3
}";

#[test]
fn processes_are_counted_inside_namespaces() {
    let program = Program::ours();
    let (_network, node) = machine();
    let text = configuration(PROCESSES, "track_process {\none\ntwo\n}");
    let daemon = Daemon::start_with(&program, &node, &text, &["-P"]);
    daemon.wait_log("(VI_1) fault: process one has not its quorum", LIMIT);
    node.sh("sleep 1002 >/dev/null 2>&1 & echo $! >/run/other");
    node.sh("sleep 1001 >/dev/null 2>&1 & echo $! >/run/one");
    daemon.wait_log("(VI_1) fault is over: process one has not its quorum", LIMIT);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));

    // Something that nobody asks for makes no difference; what ends is told by the kernel.
    node.sh("kill $(cat /run/other)");
    node.sh("kill $(cat /run/one)");
    wait::eventually(LIMIT, "the VIP is gone", || !node.holds(VIP));
    // A process that becomes the wanted one only later.
    node.sh("sh -c 'sleep 1.5; exec sleep 1001' >/dev/null 2>&1 & echo $! >/run/one");
    wait::eventually(LIMIT, "the VIP is back", || node.holds(VIP));

    node.write_script("run", "two.sh", "");
    let two = "bash -c 'exec -a /run/two.sh sleep 2000' >/dev/null 2>&1 & echo $! >/run/two.";
    node.sh(&format!("{two}1"));
    node.sh(&format!("{two}2"));
    daemon.wait_log("Changing effective priority from 100 to 130", LIMIT);
    node.sh(&format!("{two}3"));
    daemon.wait_log("Changing effective priority from 130 to 100", LIMIT);
    node.sh("kill $(cat /run/two.1)");
    daemon.log().wait_count("Changing effective priority from 100 to 130", 2, LIMIT);

    node.sh("kill $(cat /run/two.2 /run/two.3 /run/one)");
    assert!(daemon.stop().1.success());
    node.sh("rm /run/two.* /run/one /run/other");
    left::nothing(&node, &[OWN]);
}
