//! Named pipes: lines in keepalived's form, readers that are started, and nothing left behind.

use std::time::Duration;

use lab::program::Pairing;
use lab::{Daemon, Network, Program, left, wait};

const OWN: &str = "10.9.0.1/24";
const SLACK: Duration = Duration::from_secs(3);
/// Version 2, priority 100.
const DOWN_INTERVAL: Duration = Duration::from_millis(3_609);

const CONFIGURATION: &str = "global_defs {
    notify_fifo /run/all.fifo
    vrrp_notify_fifo /run/vrrp.fifo
    vrrp_notify_fifo_script /scripts/read.sh
    script_user root
}
vrrp_sync_group G { group { F1 } }
vrrp_instance F1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority 100
    virtual_ipaddress { 10.9.0.160 }
}
";

/// Copies what comes out of the pipe that it is told.
const READER: &str = "#!/bin/sh\nexec cat \"$1\" >>/scripts/lines\n";

fn events_are_written(pairing: Pairing) {
    let Some([program, _]) = pairing.programs() else { return };
    let network = Network::new();
    let node = network.machine("one", "eth0", &[OWN]);
    node.write_script("scripts", "read.sh", READER);
    node.sh("mkfifo /run/all.fifo");
    node.sh("cat /run/all.fifo >/scripts/all 2>&1 </dev/null &");
    let daemon = Daemon::start(&program, &node, CONFIGURATION);
    wait::eventually(DOWN_INTERVAL + SLACK, "it is master", || node.holds("10.9.0.160"));
    let lines = |file: &str| node.try_sh(&format!("cat /scripts/{file}")).stdout;
    let begin = [
        "GROUP \"G\" BACKUP 0\n",
        "INSTANCE \"F1\" BACKUP 100\n",
        "INSTANCE \"F1\" MASTER 100\n",
        "GROUP \"G\" MASTER 0\n",
    ]
    .concat();
    wait::becomes(SLACK, "the program has written what it got", &begin, || lines("lines"));
    assert!(daemon.stop().1.success());
    let everything = begin + "INSTANCE \"F1\" STOP 100\nGROUP \"G\" STOP 0\n";
    wait::becomes(SLACK, "the other reader has got it to the end", &everything, || lines("all"));
    assert_eq!(
        node.run_files(),
        ["all.fifo"],
        "the pipe that was there stays, the other one is gone"
    );
    node.sh("rm /run/all.fifo");
    left::nothing(&node, &[OWN]);
}

#[test]
fn events_are_written_to_named_pipes() {
    events_are_written(Pairing::OursFirst);
}

#[test]
fn keepalived_writes_the_same_events() {
    events_are_written(Pairing::OursSecond);
}

#[test]
fn readers_that_vanish_or_freeze_block_nothing() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &[OWN]);
    node.write_script("scripts", "read.sh", READER);
    node.sh("mkfifo /run/all.fifo");
    let read = |file: &str| {
        node.sh(&format!(
            "cat /run/all.fifo >/scripts/{file} 2>&1 </dev/null & echo $! >/run/reader"
        ));
    };
    read("first");
    let daemon = Daemon::start(&Program::ours(), &node, CONFIGURATION);
    wait::eventually(DOWN_INTERVAL + SLACK, "it is master", || node.holds("10.9.0.160"));
    let fails_and_comes_back = || {
        network.cut(&node);
        wait::eventually(SLACK, "the VIP is gone", || !node.holds("10.9.0.160"));
        network.mend(&node);
        wait::eventually(DOWN_INTERVAL + SLACK, "it is back", || node.holds("10.9.0.160"));
    };
    node.sh("kill -9 $(cat /run/reader)");
    fails_and_comes_back();
    read("second");
    let lines = || node.try_sh("cat /scripts/second").stdout;
    let missed = "INSTANCE \"F1\" FAULT 100\nGROUP \"G\" FAULT 0\n";
    wait::eventually(SLACK, "the next reader gets what waited", || lines().contains(missed));
    node.sh("kill -STOP $(cat /run/reader)");
    fails_and_comes_back();
    node.sh("kill -CONT $(cat /run/reader)");
    let all = || lines().matches("INSTANCE \"F1\" MASTER 100\n").count() == 2;
    wait::eventually(SLACK, "and the rest once it reads again", all);
    assert!(daemon.stop().1.success());
    node.sh("rm /run/all.fifo /run/reader");
    left::nothing(&node, &[OWN]);
}
