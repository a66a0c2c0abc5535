//! What the processes of the daemon may do, and a daemon that is not root's.

use std::fs;
use std::time::Duration;

use lab::process::Process;
use lab::scenario::configuration;
use lab::{Daemon, Network, Node, Program, left, wait};
use nix::sys::signal::Signal;

const VIP: &str = "192.168.100.100";
const OWN: [&str; 2] = ["192.168.100.11/24", "192.168.100.12/24"];
const LIMIT: Duration = Duration::from_secs(15);

const CHOWN: u64 = 1;
const KILL: u64 = 1 << 5;
const NET_ADMIN: u64 = 1 << 12;
const NET_RAW: u64 = 1 << 13;
const SYS_ADMIN: u64 = 1 << 21;
const SYS_MODULE: u64 = 1 << 16;

/// A set of capabilities of a process: `CapEff`, `CapPrm`, `CapInh`, `CapAmb`.
fn capabilities(process: &Process, set: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.host_pid)).expect("alive");
    let line = status.lines().find_map(|line| line.strip_prefix(set)).expect("the set");
    u64::from_str_radix(line.trim_start_matches(':').trim(), 16).expect("a number")
}

/// A script that writes what it has to the file that is its argument, and stays.
fn install_script(node: &Node) {
    let script = "#!/bin/sh\ngrep Cap /proc/self/status >$1.new; id -un >>$1.new; mv $1.new $1\n";
    node.write_script("scripts", "look.sh", script);
}

#[test]
fn the_processes_of_root_have_what_they_need_and_its_scripts_have_all() {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &OWN[..1]);
    install_script(&node);
    let notify = "notify_master \"/scripts/look.sh /run/of-root\" root\n    \
                  notify_backup \"/scripts/look.sh /tmp/of-nobody\" nobody\n    virtual_ipaddress";
    let text = configuration("single-lb01").replace("virtual_ipaddress", notify);
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let (parent, vrrp) = (daemon.parent(), daemon.vrrp());
    for set in ["CapEff", "CapPrm"] {
        let of_parent = capabilities(&parent, set);
        assert_eq!(of_parent & (CHOWN | NET_ADMIN), CHOWN | NET_ADMIN, "{set} of the parent");
        assert_eq!(of_parent & (SYS_ADMIN | SYS_MODULE), 0, "{set} of the parent");
        let of_vrrp = capabilities(&vrrp, set);
        assert_eq!(of_vrrp & (NET_ADMIN | NET_RAW | KILL), NET_ADMIN | NET_RAW | KILL);
        assert_eq!(of_vrrp & (SYS_ADMIN | SYS_MODULE | CHOWN), 0, "{set} of the VRRP process");
    }
    let read = |path: &str| node.try_sh(&format!("cat {path}")).stdout;
    wait::eventually(LIMIT, "root's script ran", || !read("/run/of-root").is_empty());
    let of_root = read("/run/of-root");
    let all = capabilities(&parent, "CapBnd");
    assert!(of_root.contains(&format!("CapEff:\t{all:016x}")), "{of_root}");
    wait::eventually(LIMIT, "nobody's script ran", || !read("/tmp/of-nobody").is_empty());
    let of_nobody = read("/tmp/of-nobody");
    for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
        assert!(of_nobody.contains(&format!("{set}:\t{:016x}", 0)), "{of_nobody}");
    }
    assert!(daemon.stop().1.success());
    node.sh("rm /run/of-root /tmp/of-nobody");
    left::nothing(&node, &OWN[..1]);
}

#[test]
fn a_script_of_root_does_not_outlive_the_process_that_started_it() {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &OWN[..1]);
    node.write_script("scripts", "long.sh", "#!/bin/sh\necho $$ >>/run/runs\nsleep 1000\n");
    let head = "global_defs {\n  script_user root\n}\nvrrp_script long {\n  \
                script \"/scripts/long.sh\"\n  interval 1000\n  timeout 900\n  init_fail\n}\n";
    let track = "track_script {\n        long weight 2\n    }\n    virtual_ipaddress";
    let text = configuration("single-lb01").replace("virtual_ipaddress", track);
    let daemon = Daemon::start(&Program::ours(), &node, &format!("{head}{text}"));
    let sleepers = || node.processes().iter().filter(|one| one.name == "sleep").count();
    wait::eventually(LIMIT, "it runs", || sleepers() == 1);
    let runs = || node.try_sh("cat /run/runs").stdout.lines().count();
    daemon.vrrp().signal(Signal::SIGKILL);
    wait::eventually(LIMIT, "the successor starts it again", || runs() == 2);
    wait::eventually(LIMIT, "the first one is gone", || sleepers() == 1);
    assert!(daemon.stop().1.success());
    wait::eventually(LIMIT, "the other too", || sleepers() == 0);
    node.sh("rm /run/runs");
    left::nothing(&node, &OWN[..1]);
}

/// As a unit with `User=` and `AmbientCapabilities=` starts it.
fn start_as_nobody(node: &Node, configuration: &str, capabilities: &str) -> Option<i32> {
    node.write_file("etc", "keepalived.conf", configuration);
    node.sh("mkdir -p /run/ka; chown nobody /run/ka");
    let start = node.try_sh(&format!(
        "TMPDIR=/run/ka setpriv --reuid nobody --regid nogroup --clear-groups \
         --inh-caps {capabilities} --ambient-caps {capabilities} --bounding-set {capabilities} \
         {} -D -l -p /run/ka/keepalived.pid -r /run/ka/vrrp.pid -c /run/ka/checkers.pid",
        Program::ours().path().display()
    ));
    println!("{}{}", start.stdout, start.stderr);
    start.code()
}

#[test]
fn an_unprivileged_user_with_two_capabilities_runs_the_whole_of_vrrp() {
    let network = Network::new();
    let lb01 = network.machine("lb01", "eth0", &OWN[..1]);
    let lb02 = network.machine("lb02", "eth0", &OWN[1..]);
    install_script(&lb01);
    let notify = "notify_master \"/scripts/look.sh /run/ka/seen\"\n    virtual_ipaddress";
    let text = configuration("single-lb01").replace("virtual_ipaddress", notify);
    let backup = Daemon::start(&Program::ours(), &lb02, configuration("single-lb02"));
    assert_eq!(start_as_nobody(&lb01, &text, "-all,+net_admin,+net_raw"), Some(0));
    wait::eventually(LIMIT, "lb01 takes the VIP", || lb01.holds(VIP) && !lb02.holds(VIP));
    // The others are scripts.
    for process in lb01.processes().into_iter().filter(|one| one.name == "keepalived") {
        let owner = fs::metadata(format!("/proc/{}", process.host_pid)).expect("it lives");
        assert_ne!(std::os::unix::fs::MetadataExt::uid(&owner), 0, "{process:?}");
        assert_eq!(capabilities(&process, "CapEff"), NET_ADMIN | NET_RAW, "{process:?}");
    }
    let read = |path: &str| lb01.try_sh(&format!("cat {path}")).stdout;
    wait::eventually(LIMIT, "a script ran", || read("/run/ka/seen").contains("nobody"));
    assert!(read("/run/ka/seen").contains("CapPrm:\t0000000000000000"), "{}", read("/run/ka/seen"));
    // A dump, the death of a child, an upgrade, the stop: as ever.
    lb01.sh("kill -USR1 $(cat /run/ka/keepalived.pid)");
    wait::eventually(LIMIT, "a dump", || read("/run/ka/keepalived.data").contains("MASTER"));
    let vrrp = read("/run/ka/vrrp.pid");
    lb01.sh("kill -9 $(cat /run/ka/vrrp.pid)");
    wait::eventually(LIMIT, "a successor", || {
        !["", &vrrp].contains(&read("/run/ka/vrrp.pid").as_str())
    });
    let vrrp = read("/run/ka/vrrp.pid");
    lb01.sh("kill -62 $(cat /run/ka/keepalived.pid)");
    wait::eventually(LIMIT, "a successor", || {
        !["", &vrrp].contains(&read("/run/ka/vrrp.pid").as_str())
    });
    assert!(lb01.holds(VIP) && !lb02.holds(VIP));
    lb01.sh("kill $(cat /run/ka/keepalived.pid)");
    wait::eventually(LIMIT, "lb02 has it", || lb02.holds(VIP) && !lb01.holds(VIP));
    wait::eventually(LIMIT, "it is gone", || lb01.processes().is_empty());
    assert_eq!(lb01.try_sh("ls /run/ka | grep pid").stdout, "", "no PID file stays");
    lb01.sh("rm -r /run/ka");
    left::nothing(&lb01, &OWN[..1]);
    assert!(backup.stop().1.success());
}

#[test]
fn without_a_privilege_the_start_says_which_and_ends_with_4() {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &OWN[..1]);
    assert_eq!(start_as_nobody(&node, configuration("single-lb01"), "-all,+net_raw"), Some(4));
    assert!(node.processes().is_empty());
    assert_eq!(node.try_sh("ls /run/ka").stdout, "", "nothing is left");
    node.sh("rm -r /run/ka");
    left::nothing(&node, &OWN[..1]);
}
