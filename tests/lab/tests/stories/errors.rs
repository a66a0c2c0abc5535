//! What goes wrong around the daemon: each case has a clear line in the log and the right exit
//! status, and leaves nothing behind.

use std::time::Duration;

use lab::command::Finished;
use lab::scenario::configuration;
use lab::{Daemon, Network, Node, Program, left, uml, wait};

const VIP: &str = "192.168.100.100";
const OWN: &str = "192.168.100.11/24";
const LIMIT: Duration = Duration::from_secs(10);

fn machine() -> (Network, Node) {
    Network::of_one(&[OWN])
}

/// A start in the background, as an init script does it, with the log on the console.
fn start(node: &Node, text: &str, options: &str) -> Finished {
    node.write_file("etc", "keepalived.conf", text);
    node.try_sh(&format!("{} -l {options}", Program::ours().path().display()))
}

fn said(finished: &Finished) -> String {
    format!("{}{}", finished.stdout, finished.stderr)
}

/// It has ended with that status and that line, and nothing is there.
fn refused(node: &Node, finished: &Finished, status: i32, line: &str) {
    let said = said(finished);
    assert_eq!(finished.code(), Some(status), "{said}");
    assert!(said.contains(line), "no line with '{line}': {said}");
    left::nothing(node, &[OWN]);
}

#[test]
fn a_configuration_that_cannot_be_run_is_named_with_its_line() {
    let (_network, node) = machine();
    let text = configuration("single-lb01").replace("state MASTER", "state");
    refused(&node, &start(&node, &text, ""), 2, "is missing a parameter after keyword `state`");
}

#[test]
fn a_mistake_in_an_included_file_is_named_there_and_refuses_a_reload() {
    let (_network, node) = machine();
    let text = format!("include parts.conf\n{}", configuration("single-lb01"));
    node.write_file("etc", "parts.conf", "\nglobal_defs {\n  router_id lb01\n}\n");
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    node.write_file("etc", "parts.conf", "\nglobal_defs {\n  router_ide lb01\n}\n");
    let from = daemon.reload(&text.replace(VIP, "192.168.100.200"));
    let line = daemon.log().wait_since(from, "router_ide", LIMIT);
    assert!(line.text.contains("parts.conf: Line 3"), "{}", line.text);
    daemon.log().wait_since(from, "Reload refused, the running configuration stays", LIMIT);
    assert!(node.holds(VIP) && !node.holds("192.168.100.200"));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

#[test]
fn an_interface_that_does_not_exist_refuses_the_start_and_a_reload() {
    let (_network, node) = machine();
    let good = configuration("single-lb01");
    let bad = good.replace("interface eth0", "interface nosuch0");
    refused(&node, &start(&node, &bad, ""), 2, "nosuch0");
    let daemon = Daemon::start(&Program::ours(), &node, good);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let from = daemon.reload(&bad);
    daemon.log().wait_since(from, "Reload refused", LIMIT);
    assert!(daemon.log().text_since(from).contains("nosuch0"));
    assert!(node.holds(VIP));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

#[test]
fn a_file_that_may_not_be_read_is_named() {
    let (_network, node) = machine();
    node.write_file("etc", "keepalived.conf", configuration("single-lb01"));
    node.sh("chmod 600 /etc/keepalived/keepalived.conf; mkdir /run/ka; chown nobody /run/ka");
    let caps = "-all,+net_admin,+net_raw";
    let ended = node.try_sh(&format!(
        "setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps {caps} \
         --ambient-caps {caps} {} -l -p /run/ka/p -r /run/ka/r -c /run/ka/c",
        Program::ours().path().display()
    ));
    node.sh("rmdir /run/ka");
    refused(&node, &ended, 6, "/etc/keepalived/keepalived.conf");
    assert!(said(&ended).contains("Permission denied"), "{}", said(&ended));
}

#[test]
fn a_mistake_in_an_included_file_ends_the_start_with_its_place() {
    let (_network, node) = machine();
    let text = configuration("single-lb01").replace("state MASTER", "include state.conf");
    node.write_file("etc", "state.conf", "\nstate\n");
    let ended = start(&node, &text, "");
    assert!(said(&ended).contains("state.conf: Line 2"), "{}", said(&ended));
    refused(&node, &ended, 2, "is missing a parameter after keyword `state`");
}

#[test]
fn a_file_that_may_not_be_read_any_longer_or_is_gone_refuses_a_reload() {
    let (_network, node) = machine();
    node.write_file("etc", "keepalived.conf", configuration("single-lb01"));
    node.sh("mkdir /run/ka; chown nobody /run/ka");
    let caps = "-all,+net_admin,+net_raw";
    node.sh(&format!(
        "setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps {caps} \
         --ambient-caps {caps} {} -n -l -p /run/ka/p -r /run/ka/r -c /run/ka/c \
         >/run/log.txt 2>&1 &",
        Program::ours().path().display()
    ));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let log = || node.sh("cat /run/log.txt");
    let refusals = || log().matches("Reload refused, the running configuration stays").count();
    for (number, (change, why)) in [
        ("chmod 600 /etc/keepalived/keepalived.conf", "Permission denied"),
        ("rm /etc/keepalived/keepalived.conf", "Config files missing"),
    ]
    .into_iter()
    .enumerate()
    {
        node.sh(&format!("{change}; kill -HUP $(cat /run/ka/p)"));
        wait::eventually(LIMIT, why, || refusals() == number + 1);
        assert!(log().contains(why), "{}", log());
        assert!(node.holds(VIP));
    }
    node.sh("kill $(cat /run/ka/p)");
    wait::eventually(LIMIT, "it is gone", || node.processes().is_empty());
    node.sh("rm -r /run/ka /run/log.txt");
    left::nothing(&node, &[OWN]);
}

#[test]
fn without_privilege_the_start_says_what_it_needs() {
    let (_network, node) = machine();
    node.write_file("etc", "keepalived.conf", configuration("single-lb01"));
    let ended = node.try_sh(&format!(
        "setpriv --reuid nobody --regid nogroup --clear-groups {} -l",
        Program::ours().path().display()
    ));
    refused(&node, &ended, 4, "needs root, or CAP_NET_ADMIN and CAP_NET_RAW");
}

#[test]
fn a_missing_directory_for_pid_files_ends_the_start() {
    let (_network, node) = machine();
    let ended = start(&node, configuration("single-lb01"), "-p /run/nosuch/keepalived.pid");
    let line = "Unable to open pid file /run/nosuch/keepalived.pid - No such file or directory";
    refused(&node, &ended, 1, line);
}

#[test]
fn a_missing_directory_for_the_pid_file_of_a_child_ends_the_start_too() {
    let (_network, node) = machine();
    let ended = start(&node, configuration("single-lb01"), "-r /run/nosuch/vrrp.pid");
    let line = "Unable to open pid file /run/nosuch/vrrp.pid - No such file or directory";
    refused(&node, &ended, 1, line);
    assert_eq!(node.try_sh("ls /run/keepalived.pid").code(), Some(2), "nothing is left");
}

#[test]
fn a_full_disk_costs_the_dump_and_nothing_else() {
    let (_network, node) = machine();
    node.sh("mkdir /run/full; mount -t tmpfs -o size=16k full /run/full
             dd if=/dev/zero of=/run/full/ballast bs=4k count=4 2>/dev/null");
    node.write_file("etc", "keepalived.conf", configuration("single-lb01"));
    let program = Program::ours();
    let path = program.path().display();
    node.sh(&format!("TMPDIR=/run/full {path} -n -l -D >/run/log.txt 2>&1 &"));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    node.sh("kill -USR1 $(cat /run/keepalived.pid)");
    node.sh(&format!("kill -$({path} --signum=JSON) $(cat /run/keepalived.pid)"));
    for name in ["keepalived.data", "keepalived_parent.data", "keepalived.json"] {
        let line = format!("cannot write /run/full/{name}: No space left on device");
        wait::eventually(LIMIT, &line, || node.sh("cat /run/log.txt").contains(&line));
    }
    let files = node.sh("ls -A /run/full");
    assert_eq!(files.trim(), "ballast", "nothing beside it");
    assert!(node.holds(VIP));
    node.sh("rm /run/full/ballast; kill -USR1 $(cat /run/keepalived.pid)");
    wait::eventually(LIMIT, "with room it is written", || {
        node.try_sh("cat /run/full/keepalived.data").stdout.contains("VRRP Instance = VI_1")
    });
    let names = node.sh("ls -A /run/full");
    assert!(names.lines().all(|name| !name.starts_with('.')), "nothing beside it: {names}");
    node.sh("kill $(cat /run/keepalived.pid)");
    wait::eventually(LIMIT, "it is gone", || node.processes().is_empty());
    node.sh("umount /run/full; rm -rf /run/full /run/log.txt /run/mount");
    left::nothing(&node, &[OWN]);
}

const SERVICE: &str = "virtual_server 192.168.100.100 80 {\n  lb_algo rr\n  lb_kind DR\n  \
                       protocol TCP\n  real_server 192.168.100.20 80 {\n    TCP_CHECK {\n    }\n  }\n}\n";

#[test]
fn without_ipvs_the_addresses_work_and_nothing_but_services_ends_with_1() {
    uml::without_ipvs(
        "without_ipvs_the_addresses_work_and_nothing_but_services_ends_with_1",
        without_ipvs,
    );
}

fn without_ipvs() {
    const WHY: &str = "IPVS: Can't initialize ipvs: the kernel has no IPVS: load it with 'modprobe";
    let (_network, node) = machine();
    let text = format!("{}{SERVICE}", configuration("single-lb01"));
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    daemon.wait_log(WHY, LIMIT);
    daemon.wait_log("the rest goes on without it", LIMIT);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
    refused(&node, &start(&node, SERVICE, "-n"), 1, WHY);
    // In the background the children have no console, but who starts it learns of the failure.
    refused(&node, &start(&node, SERVICE, ""), 1, "Starting Keepalived");
}

#[test]
fn a_second_daemon_says_that_one_runs_and_takes_nothing_away() {
    let (_network, node) = machine();
    let daemon = Daemon::start(&Program::ours(), &node, configuration("single-lb01"));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let second = start(&node, configuration("single-lb01"), "");
    assert_eq!(second.code(), Some(0));
    assert!(said(&second).contains("daemon is already running"), "{}", said(&second));
    assert!(node.holds(VIP) && node.pid_file("keepalived.pid") == Some(daemon.parent().pid));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

/// Two of them would be two masters with the same identity.
#[test]
fn a_second_daemon_with_another_file_for_its_parent_only_is_refused_as_well() {
    let (_network, node) = machine();
    let daemon = Daemon::start(&Program::ours(), &node, configuration("single-lb01"));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let before = node.processes().len();
    for options in ["-p /run/b.pid", "-n -p /run/b.pid"] {
        let second = start(&node, configuration("single-lb01"), options);
        assert_eq!(second.code(), Some(0));
        let said = said(&second);
        assert!(said.contains("Another process has pid file /run/vrrp.pid locked"), "{said}");
        assert!(said.contains("daemon is already running"), "{said}");
        assert_eq!(node.processes().len(), before, "one daemon");
        assert_eq!(node.try_sh("ls /run/b.pid").code(), Some(2), "nothing is left");
    }
    assert!(node.holds(VIP) && node.pid_file("keepalived.pid") == Some(daemon.parent().pid));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}
