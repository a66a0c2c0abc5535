//! Keywords of the whole daemon, each seen from outside: several at a time where they do not meet.

use std::time::Duration;

use lab::{Daemon, Network, Node, Program, left, wait};
use nix::sys::signal::Signal;

const VIP: &str = "192.168.100.100";
const OWN: &str = "192.168.100.11/24";
const LIMIT: Duration = Duration::from_secs(10);

fn machine() -> (Network, Node) {
    Network::of_one(&[OWN])
}

/// An instance that is master after a third of a second.
fn instance(lines: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\ninterface eth0\nvirtual_router_id 51\npriority 100\n\
         advert_int 0.1\nversion 3\nvirtual_ipaddress {{\n{VIP}/24\n}}\n{lines}\n}}\n"
    )
}

fn with_globals(globals: &str, lines: &str) -> String {
    format!("global_defs {{\n{globals}\n}}\n{}", instance(lines))
}

#[test]
fn names_dumps_pipes_and_tables_are_those_that_were_asked_for() {
    let (_network, node) = machine();
    node.write_script("scripts", "reader.sh", "#!/bin/sh\nexec cat \"$1\" >/run/read\n");
    node.sh("mkdir /run/vendor /run/host; echo '77 vendors' >/run/vendor/rt_tables
             echo '78 ours' >/run/host/rt_tables");
    let globals = "process_name boss
        vrrp_process_name worker
        state_dump_file /run/own.data
        data_use_instance
        script_user root
        notify_fifo /run/all
        notify_fifo_script /scripts/reader.sh
        iproute_usr_dir /run/vendor
        iproute_etc_dir /run/host
        default_interface own0
        router_id node-of-mine
        nftables rules_of_mine";
    node.sh(
        "ip link add own0 type veth peer name peer0; ip link set peer0 up; ip link set own0 up",
    );
    let routes = "no_accept\nvirtual_routes {\n10.77.0.0/16 via 192.168.100.1 table vendors\n\
                  10.78.0.0/16 via 192.168.100.1 table ours\n}";
    let statics = "static_ipaddress {\n10.99.0.1/24\n}\n";
    let text = format!("instance blue\n{statics}{}", with_globals(globals, routes));
    node.write_file("etc", "keepalived.conf", &text);
    let program = Program::ours();
    node.sh(&format!("{} -D", program.path().display()));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let names = || node.processes().into_iter().map(|one| one.name).collect::<Vec<_>>();
    for name in ["boss", "worker"] {
        assert!(names().iter().any(|one| one == name), "{name}: {:?}", names());
    }
    let route = |table: u32| node.try_sh(&format!("ip route show table {table}")).stdout;
    wait::eventually(LIMIT, "the vendor's name", || route(77).contains("10.77.0.0/16"));
    wait::eventually(LIMIT, "the host's name", || route(78).contains("10.78.0.0/16"));
    let read = || node.try_sh("cat /run/read").stdout;
    wait::eventually(LIMIT, "the reader runs", || read().contains("INSTANCE \"VI_1\" MASTER 100"));
    node.sh("kill -USR1 $(cat /run/keepalived/keepalived_blue.pid)");
    wait::eventually(LIMIT, "a dump with the name of the instance", || {
        let text = node.try_sh("cat /run/own.blue.data").stdout;
        text.contains("VRRP Instance = VI_1") && text.contains("Router ID = node-of-mine")
    });
    assert!(node.sh("ip address show dev own0").contains("10.99.0.1/24"), "the default interface");
    assert!(node.sh("nft list tables").contains("rules_of_mine"), "{}", node.sh("nft list tables"));
    node.sh("kill $(cat /run/keepalived/keepalived_blue.pid)");
    wait::eventually(LIMIT, "it is gone", || node.processes().is_empty());
    node.sh("ip link del own0; rm -r /run/vendor /run/host /run/read /run/own*");
    left::nothing(&node, &[OWN]);
}

#[test]
fn use_pid_dir_and_a_namespace_have_their_own_places() {
    let (_network, node) = machine();
    let program = Program::ours();
    node.write_file("etc", "keepalived.conf", &format!("use_pid_dir\n{}", instance("")));
    node.sh(&format!("{} -D", program.path().display()));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    assert_eq!(node.sh("ls /run/keepalived"), "keepalived.pid\nvrrp.pid\n");
    node.sh("kill $(cat /run/keepalived/keepalived.pid)");
    wait::eventually(LIMIT, "it is gone", || node.processes().is_empty());

    node.sh("ip netns add inner
             ip -n inner link add eth0 type veth peer name other
             ip -n inner link set other up; ip -n inner link set eth0 up
             ip -n inner address add 192.168.100.12/24 dev eth0");
    let inner = || node.try_sh("ip -n inner address show dev eth0").stdout;
    node.write_file("etc", "keepalived.conf", &format!("net_namespace inner\n{}", instance("")));
    node.sh(&format!("{} -D", program.path().display()));
    wait::eventually(LIMIT, "the VIP is in there", || inner().contains(VIP));
    assert!(!node.holds(VIP));
    assert_eq!(node.sh("ls /run/keepalived/inner"), "keepalived.pid\nvrrp.pid\n");
    node.sh("kill $(cat /run/keepalived/inner/keepalived.pid)");
    wait::eventually(LIMIT, "it is gone", || node.processes().is_empty());
    assert!(!inner().contains(VIP));
    node.sh("ip netns del inner; umount /run/netns; rm -r /run/netns /run/mount");
    left::nothing(&node, &[OWN]);
}

#[test]
fn dynamic_interfaces_waits_for_an_interface_that_comes_later() {
    let (_network, node) = machine();
    let text = instance("").replace("eth0", "late0");
    let mut refused = Daemon::start(&Program::ours(), &node, &text);
    assert!(!refused.wait_end(LIMIT).success(), "without it the start is refused");
    drop(refused);
    let daemon = Daemon::start(
        &Program::ours(),
        &node,
        &format!("global_defs {{\ndynamic_interfaces\n}}\n{text}"),
    );
    daemon.wait_log("(VI_1) fault: interface late0 does not exist", LIMIT);
    node.sh("ip link add late0 type veth peer name later; ip link set later up
             ip link set late0 up; ip address add 10.66.0.1/24 dev late0");
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    assert!(daemon.stop().1.success());
    node.sh("ip link del late0");
    left::nothing(&node, &[OWN]);
}

#[test]
fn scripts_of_the_daemon_and_children_have_the_time_that_they_are_given() {
    let (_network, node) = machine();
    node.write_script("scripts", "hang.sh", "#!/bin/sh\nsleep 60 & sleep 60\nwait\n");
    let sleeps = || node.processes().into_iter().filter(|process| process.name == "sleep").count();
    let globals = "script_user root
        startup_script /scripts/hang.sh
        startup_script_timeout 1
        shutdown_script /scripts/hang.sh
        shutdown_script_timeout 1";
    let text = format!("child_wait_time 1\n{}", with_globals(globals, ""));
    let mut daemon = Daemon::start(&Program::ours(), &node, &text);
    wait::becomes(LIMIT, "processes of the script", &2, sleeps);
    daemon.wait_log("startup script script ran longer than", LIMIT);
    wait::becomes(LIMIT, "the script is ended with all that it started", &0, sleeps);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    // A child that does not end is killed in time.
    daemon.vrrp().signal(Signal::SIGSTOP);
    daemon.parent().signal(Signal::SIGTERM);
    daemon.wait_log("failed to die - forcing termination", LIMIT);
    daemon.wait_log("shutdown script script ran longer than", LIMIT);
    daemon.wait_end(LIMIT);
    wait::becomes(LIMIT, "processes are left", &0, || node.processes().len());
    node.sh("ip address flush to 192.168.100.100");
}

#[test]
fn a_startup_script_that_fails_does_not_stop_the_start() {
    let (_network, node) = machine();
    node.write_script("scripts", "fail.sh", "#!/bin/sh\nexit 3\n");
    let text = with_globals("script_user root\nstartup_script /scripts/fail.sh", "");
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    daemon.wait_log("startup script script failed, status 3", LIMIT);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

#[test]
fn a_process_that_is_served_late_puts_itself_before_others() {
    let (_network, node) = machine();
    let look = || node.try_sh("ps -o cls=,rtprio= -p $(cat /run/vrrp.pid) | xargs echo").stdout;
    let freeze = |daemon: &Daemon<'_>| {
        daemon.vrrp().signal(Signal::SIGSTOP);
        // As long as it is to be late; nothing is waited for.
        std::thread::sleep(Duration::from_millis(1_400));
        daemon.vrrp().signal(Signal::SIGCONT);
    };
    let late = "A thread timer expired 1.";
    let text = |lines: &str| with_globals(lines, "");
    let one = text("max_auto_priority 1\nmin_auto_priority_delay 1000000");
    let daemon = Daemon::start(&Program::ours(), &node, &one);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    assert_eq!(look(), "TS -\n");
    for times in [1, 2] {
        freeze(&daemon);
        daemon.log().wait_count(late, times, LIMIT);
        wait::becomes(LIMIT, "the highest that it may have", &"RR 1\n".to_owned(), look);
    }
    assert_eq!(daemon.log().count("Set realtime priority 1"), 1);
    for lines in ["max_auto_priority -1", "max_auto_priority 9\nmin_auto_priority_delay 9000000"] {
        daemon.reload(&text(lines));
        wait::becomes(LIMIT, "an ordinary process", &"TS -\n".to_owned(), look);
        freeze(&daemon);
        let from = daemon.reload(&text("router_id served"));
        daemon.log().wait_since(from, "Reload complete", LIMIT);
        assert_eq!(look(), "TS -\n");
    }
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}
