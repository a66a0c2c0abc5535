//! `-g`: a file for each process, written by one that nobody waits for.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::OWNER;
use lab::{Daemon, Network, Program, left, wait};

const OWN: &str = "10.9.0.1/24";
const SLACK: Duration = Duration::from_secs(8);

#[test]
fn each_process_has_its_log_file_and_a_rotation_needs_no_signal() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &[OWN]);
    let options = ["-D", "-g/scripts/keepalived.log"];
    let daemon = Daemon::start_with(&Program::ours(), &node, OWNER, &options);
    let has = |file: &str, line: &str| {
        wait::eventually(SLACK, &format!("{file} has {line}"), || {
            node.try_sh(&format!("grep -F '{line}' /scripts/{file}")).status.success()
        });
    };
    has("keepalived.log", "Starting Keepalived v2.4.3");
    has("keepalived_vrrp.log", "(VI_1) Entering MASTER STATE");
    node.sh("mv /scripts/keepalived_vrrp.log /scripts/keepalived_vrrp.log.1");
    daemon.reload(&OWNER.replace("10.9.0.51", "10.9.0.52"));
    has("keepalived.log", "Reloading ...");
    wait::eventually(SLACK, "the new address is there", || node.holds("10.9.0.52"));
    assert!(daemon.stop().1.success());
    has("keepalived.log", "Stopped Keepalived v2.4.3");
    has("keepalived_vrrp.log", "(VI_1) sent 0 priority");
    // What each has used of the processors, where details are wanted.
    has("keepalived_vrrp.log", "Stopped - used 0.");
    has("keepalived.log", "CPU usage (self/children) user: 0.");
    wait::eventually(SLACK, "the writer ends", || node.processes().is_empty());
    left::nothing(&node, &[OWN]);
}

#[test]
fn a_log_file_that_cannot_be_written_is_named_at_the_start() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &[OWN]);
    node.write_file("etc", "keepalived.conf", OWNER);
    node.sh("echo mine >/scripts/victim; ln -s /scripts/victim /scripts/k.log");
    // It ends for another reason.
    let start = |options: &str| {
        let program = Program::ours();
        node.try_sh(&format!("{} {options} -p /run/nosuch/p", program.path().display()))
    };
    let why = "no log file /scripts/k.log: it is a symbolic link, which is not followed";
    let ended = start("-g/scripts/k.log");
    assert!(ended.stderr.contains(why), "{}", ended.stderr);
    let ended = start("-l -g/scripts/k.log");
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert_eq!(said.matches(why).count(), 1, "{said}");
    assert_eq!(node.sh("cat /scripts/victim"), "mine\n");
    let ended = start("-g/run/nosuch/k.log");
    assert!(
        ended.stderr.contains("no log file /run/nosuch/k_vrrp.log: No such"),
        "{}",
        ended.stderr
    );
}

#[test]
fn log_files_outlive_the_death_of_a_child_and_of_the_process_that_writes_them() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &[OWN]);
    let options = ["-D", "-g/scripts/k.log"];
    let daemon = Daemon::start_with(&Program::ours(), &node, OWNER, &options);
    let has = |file: &str, line: &str, times: usize| {
        wait::eventually(SLACK, &format!("{file} has {line} {times} times"), || {
            let count = node.try_sh(&format!("grep -Fc '{line}' /scripts/{file}")).stdout;
            count.trim().parse() == Ok(times)
        });
    };
    has("k_vrrp.log", "(VI_1) Entering MASTER STATE", 1);
    for times in 1..=2 {
        daemon.vrrp().signal(Signal::SIGKILL);
        has("k.log", "died: Respawning", times);
        has("k_vrrp.log", "VRRP sockpool: ", times + 1);
    }
    node.sh("kill -9 $(grep -lz 'write[-]log' /proc/[0-9]*/cmdline | cut -d/ -f3)");
    daemon.wait_log("The process that writes log files has died", SLACK);
    daemon.reload(&OWNER.replace("10.9.0.51", "10.9.0.52"));
    has("k.log", "Reload complete", 1);
    assert!(daemon.stop().1.success());
    has("k.log", "Stopped Keepalived v2.4.3", 1);
    wait::eventually(SLACK, "the writer ends", || node.processes().is_empty());
}
