//! A VRRP process that is master opens no file and waits for nothing: neither in peace, nor when it
//! takes over, runs scripts, follows a reload, is asked for its state, or repairs what somebody removes.
//! `strace` looks on.

use std::fs;
use std::time::Duration;

use lab::{Daemon, Network, Program, strace, wait};
use nix::sys::signal::Signal;

const OWN: [&str; 1] = ["10.9.0.1/24"];
const LIMIT: Duration = Duration::from_secs(30);

/// Settings of the kernel, its own entries in `/proc` (before it forks: is it alone?; a second after the start: which
/// code is in memory?), and the socket of the system's log, which takes datagrams. None of them is on a disk or on the
/// network.
const ALLOWED: [&str; 4] = ["/proc/sys/net/", "/proc/self/task", "/proc/self/maps", "/dev/log"];

/// Everything with a file name, and everything that may wait.
const TRACED: &str = "trace=%file,connect,poll,ppoll,select,pselect6,nanosleep,clock_nanosleep,\
                      wait4,waitid,flock,fsync,fdatasync,futex";

fn configuration(priority: u8, rest: &str) -> String {
    format!(
        "global_defs {{
            enable_script_security
            script_user root
            vrrp_notify_fifo /run/fifo
            state_dump_file /run/state
            stats_dump_file /run/stats
        }}
        vrrp_script chk {{
            script /bin/true
            interval 1
        }}
        track_file number {{
            file /run/number
        }}
        vrrp_track_process sleepers {{
            process sleep
        }}
        vrrp_instance VI_1 {{
            interface eth0
            version 3
            advert_int 0.2
            virtual_router_id 51
            priority {priority}
            use_vmac vrrp.51 group default
            garp_master_refresh 1
            track_script {{ chk }}
            track_file {{ number weight 1 }}
            track_process {{ sleepers weight 2 }}
            notify /bin/true
            {rest}
            virtual_ipaddress {{ 10.9.0.160/24 }}
            virtual_routes {{ 192.168.9.0/24 via 10.9.0.254 dev eth0 table main }}
            virtual_rules {{ from 192.168.9.0/24 table main }}
        }}\n"
    )
}

/// Whether a line of strace is of a call that neither opens a file nor waits.
fn is_harmless(line: &str) -> bool {
    let call = line.split('(').next().unwrap_or_default();
    match call {
        "poll" => line.contains("], 1, 0)"),
        "waitid" => line.contains("WNOHANG"),
        _ if line.starts_with("---") || line.starts_with("+++") => true,
        _ => {
            let name = line.split('"').nth(1);
            name.is_some_and(|name| {
                name.is_empty() || ALLOWED.iter().any(|allowed| name.starts_with(allowed))
            })
        }
    }
}

#[test]
fn a_master_opens_no_file_and_waits_for_nothing_whatever_happens() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &OWN);
    node.write_file("run", "number", "1\n");
    node.sh("ip link set eth0 down");
    // Its last script runs when the reload has taken it away.
    let second = "vrrp_instance VI_2 {
            interface eth0
            virtual_router_id 52
            priority 100
            notify \"/usr/bin/touch /run/told\" root
            virtual_ipaddress { 10.9.0.161/24 }
        }\n";
    let first = configuration(100, "") + second;
    let daemon = Daemon::start(&Program::ours(), &node, &first);
    daemon.wait_log("Entering FAULT STATE", LIMIT);
    daemon.wait_log("Startup complete", LIMIT);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("strace");
    let pid = daemon.vrrp().host_pid;
    let Some(mut strace) = strace::attach(pid, &["-e", TRACED], &output) else { return };

    node.sh("ip link set eth0 up");
    daemon.wait_log("(VI_1) Entering MASTER STATE", LIMIT);
    wait::eventually(LIMIT, "the address is there", || node.holds("10.9.0.160"));
    let log = daemon.log().len();
    node.write_file("run", "number", "5\n");
    daemon.log().wait_since(log, "Changing effective priority", LIMIT);

    wait::eventually(LIMIT, "it was told", || node.try_sh("rm /run/told").status.success());
    let rest = "notify_master \"/bin/echo master\" nobody\n notify_stop /bin/false";
    let from = daemon.reload(&configuration(110, rest));
    daemon.log().wait_since(from, "Reload complete", LIMIT);
    let told = || node.try_sh("test -e /run/told").status.success();
    wait::eventually(LIMIT, "the script of the removed instance runs", told);
    for (signal, file) in [(Signal::SIGUSR1, "/run/state"), (Signal::SIGUSR2, "/run/stats")] {
        daemon.parent().signal(signal);
        wait::eventually(LIMIT, file, || node.try_sh(&format!("test -s {file}")).status.success());
    }
    for theft in ["ip addr del 10.9.0.160/24 dev vrrp.51", "ip route del 192.168.9.0/24"] {
        node.sh(theft);
        wait::eventually(LIMIT, theft, || {
            node.holds("10.9.0.160") && node.sh("ip route").contains("192.168.9.0/24")
        });
    }
    node.sh("ip link del vrrp.51");
    wait::eventually(LIMIT, "the VMAC is there again", || node.holds("10.9.0.160"));

    let mut seen = fs::read_to_string(&output).expect("strace has written it");
    // Strace is in the middle of a line, as likely as not.
    seen.truncate(seen.rfind('\n').map_or(0, |end| end + 1));
    assert!(daemon.stop().1.success());
    strace.wait().expect("strace ends with the process");
    assert!(seen.contains("waitid("), "scripts have run: {seen}");
    let harmful: Vec<&str> = seen.lines().filter(|line| !is_harmless(line)).collect();
    assert!(harmful.is_empty(), "{harmful:#?}");
}

#[test]
fn a_successor_of_a_killed_process_opens_no_file_and_waits_for_nothing_either() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &OWN);
    node.write_file("run", "number", "1\n");
    let daemon =
        Daemon::start(&Program::ours(), &node, &configuration(100, "notify_stop /bin/false"));
    daemon.wait_log("(VI_1) Entering MASTER STATE", LIMIT);
    wait::eventually(LIMIT, "the address is there", || node.holds("10.9.0.160"));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("strace");
    // Of each process a file of its own, from its first call on.
    let parent = daemon.parent().host_pid;
    let Some(mut strace) = strace::attach(parent, &["-ff", "-e", TRACED], &output) else { return };

    let killed = daemon.vrrp();
    killed.signal(Signal::SIGKILL);
    daemon.wait_log("Respawning", LIMIT);
    // What it starts with is behind it when it answers and follows the world again.
    daemon.parent().signal(Signal::SIGUSR1);
    let has_dump = || node.try_sh("test -s /run/state").status.success();
    wait::eventually(LIMIT, "the successor answers", has_dump);
    let log = daemon.log().len();
    node.write_file("run", "number", "5\n");
    daemon.log().wait_since(log, "Changing effective priority", LIMIT);
    let successor = daemon.vrrp();
    assert_ne!(successor.host_pid, killed.host_pid);
    let file = output.with_file_name(format!("strace.{}", successor.host_pid));
    let ran = || fs::read_to_string(&file).is_ok_and(|seen| seen.contains("waitid("));
    wait::eventually(LIMIT, "its scripts run", ran);

    let mut seen = fs::read_to_string(&file).expect("strace has written it");
    seen.truncate(seen.rfind('\n').map_or(0, |end| end + 1));
    assert!(daemon.stop().1.success());
    strace.wait().expect("strace ends with the process");
    // A pipe opens at once, or not at all.
    let is_fifo = |line: &str| line.contains("\"/run/fifo\"") && line.contains("O_NONBLOCK");
    let harmful: Vec<&str> =
        seen.lines().filter(|line| !is_harmless(line) && !is_fifo(line)).collect();
    assert!(harmful.is_empty(), "{harmful:#?}");
}
