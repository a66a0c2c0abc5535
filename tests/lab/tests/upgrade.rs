//! A new binary takes over from the running one: nothing may be seen of it from outside.
#![allow(clippy::expect_used, reason = "test code")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lab::director::{Cluster, DIRECTORS, INTERFACE};
use lab::ping::Ping;
use lab::process::Process;
use lab::scenario::configuration;
use lab::web::Web;
use lab::{Capture, Daemon, Network, Node, Program, left, uml, wait};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

const VIP: &str = "192.168.100.100";
const OWN: [&str; 2] = ["192.168.100.11/24", "192.168.100.12/24"];
const LIMIT: Duration = Duration::from_secs(20);

/// Where the daemon is installed on the node.
const INSTALLED: &str = "/scripts/keepalived";

/// These stories are about milliseconds: they run one after another.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts a program where the daemon is installed, as a package manager does: by a rename.
fn install(node: &Node, program: &[u8]) -> Program {
    let new = node.folder("scripts").join("keepalived.new");
    fs::write(&new, program).expect("the program can be written");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).expect("a mode");
    fs::rename(&new, node.folder("scripts").join("keepalived")).expect("a rename");
    Program::at(INSTALLED)
}

fn ours() -> Vec<u8> {
    fs::read(Program::ours().path()).expect("the program under test")
}

/// The program with other words in it.
fn with(program: &[u8], words: &[u8], instead: &[u8]) -> Vec<u8> {
    assert_eq!(words.len(), instead.len());
    let mut changed = program.to_vec();
    let mut found = 0;
    for at in 0..program.len().saturating_sub(words.len()) {
        if program[at] == words[0] && program[at..].starts_with(words) {
            changed[at..at + words.len()].copy_from_slice(instead);
            found += 1;
        }
    }
    assert!(found > 0, "the program has not these words");
    changed
}

/// The program as another build of it: its processes refuse to talk to those of this one.
fn other_build(program: &[u8], version: &str) -> Vec<u8> {
    with(program, b"keepalived-rs build 0.1.0", format!("keepalived-rs build {version}").as_bytes())
}

fn ask_for_upgrade(daemon: &Daemon<'_>) -> usize {
    let from = daemon.log().len();
    let (number, pid) = (62, daemon.parent().host_pid);
    // No real-time signal has a name.
    assert!(
        std::process::Command::new("kill")
            .args([format!("-{number}"), pid.to_string()])
            .status()
            .is_ok_and(|status| status.success())
    );
    from
}

#[test]
fn an_upgrade_to_another_build_is_not_noticed_by_anybody() {
    let _alone = alone();
    let network = Network::new();
    let lb01 = network.machine("lb01", "eth0", &OWN[..1]);
    let lb02 = network.machine("lb02", "eth0", &OWN[1..]);
    let client = network.host("client", "eth0", &["192.168.100.20/24"]);
    let program = install(&lb01, &ours());
    let sent_by_lb01 = Capture::of(&network, &lb01);
    let sent_by_lb02 = Capture::of(&network, &lb02);
    let daemon = Daemon::start(&program, &lb01, configuration("single-lb01"));
    wait::eventually(LIMIT, "lb01 has the VIP", || lb01.holds(VIP));
    let backup = Daemon::start(&Program::ours(), &lb02, configuration("single-lb02"));
    backup.wait_log("Entering BACKUP STATE", LIMIT);
    let adverts_of_lb02 = sent_by_lb02.adverts().len();
    let ping = Ping::start(&client, VIP.parse().expect("an address"));
    wait::eventually(LIMIT, "some adverts", || sent_by_lb01.adverts().len() >= 3);
    let parent = daemon.parent();

    for version in ["9.9.8", "9.9.9"] {
        let vrrp = daemon.vrrp();
        install(&lb01, &other_build(&ours(), version));
        let from = ask_for_upgrade(&daemon);
        daemon.log().wait_since(from, &format!("keepalived-rs {version} takes over"), LIMIT);
        daemon.log().wait_since(from, "Upgrade complete", LIMIT);
        assert_eq!(daemon.parent(), parent, "the parent is the same process");
        wait::eventually(LIMIT, "the former process is gone", || !vrrp.is_alive());
        assert_ne!(daemon.vrrp().pid, vrrp.pid, "and its PID file names the successor");
        wait::stays(Duration::from_secs(2), "the VIP stays", || lb01.holds(VIP));
    }
    let pings = ping.stop();
    println!("{} pings, {} lost", pings.sent.len(), pings.lost().len());
    assert_eq!(pings.lost().len(), 0, "of {} pings 10 ms apart none may be lost", pings.sent.len());
    assert_eq!(sent_by_lb02.adverts().len(), adverts_of_lb02, "the peer must not take over");
    let adverts = sent_by_lb01.adverts();
    let longest = adverts.windows(2).map(|pair| pair[1].0 - pair[0].0).max().expect("adverts");
    println!("the longest time between two adverts was {longest:?}");
    assert!(longest < Duration::from_millis(1100), "a gap of {longest:?} between two adverts");
    assert!(adverts.iter().all(|(_, advert)| advert.priority == 100), "no priority 0, no other");
    // All that the first program took over works on: reload, dumps, the stop.
    let more =
        configuration("single-lb01").replace(VIP, &format!("{VIP}\n        192.168.100.101"));
    daemon.reload(&more);
    wait::eventually(LIMIT, "a reload works", || lb01.holds("192.168.100.101"));
    assert!(daemon.stop().1.success());
    left::nothing(&lb01, &OWN[..1]);
    assert!(backup.stop().1.success());
}

#[test]
fn a_broken_binary_leaves_the_old_one_running_and_the_log_says_why() {
    let _alone = alone();
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &OWN[..1]);
    let program = install(&node, &ours());
    let daemon = Daemon::start(&program, &node, configuration("single-lb01"));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let (parent, vrrp) = (daemon.parent(), daemon.vrrp());
    let format = with(&ours(), b"hand-over, format 1\n", b"hand-over, format 2\n");
    let broken: [(&[u8], &str); 5] = [
        (b"#!/bin/sh\nexit 1\n", "it ended with status 1 when it was tried"),
        (b"#!/bin/sh\nexit 0\n", "it ended with status 0 when it was tried"),
        (b"#!/bin/sh\nkill -SEGV $$\n", "it died when it was tried (Segmentation fault)"),
        (b"no program at all", "it cannot be executed"),
        (&format, "this one takes 'keepalived-rs hand-over, format "),
    ];
    for (bytes, why) in broken {
        install(&node, bytes);
        let from = ask_for_upgrade(&daemon);
        let line = daemon.log().wait_since(from, "Upgrade refused", LIMIT);
        assert!(line.text.contains(why), "{}", line.text);
        assert!(line.text.contains("the running program goes on"), "{}", line.text);
    }
    fs::remove_file(node.folder("scripts").join("keepalived")).expect("it is there");
    let from = ask_for_upgrade(&daemon);
    let line = daemon.log().wait_since(from, "Upgrade refused", LIMIT);
    assert!(line.text.contains("/scripts/keepalived: No such file"), "{}", line.text);
    assert_eq!((daemon.parent(), daemon.vrrp()), (parent, vrrp), "nobody was replaced");
    assert!(node.holds(VIP));
    // One that hangs is given up for a stop too.
    install(&node, b"#!/bin/sh\nsleep 1000\n");
    let from = ask_for_upgrade(&daemon);
    daemon.log().wait_since(from, "Upgrade: trying", LIMIT);
    assert!(daemon.stop().1.success());
    left::nothing(&node, &OWN[..1]);
}

fn kill_newest_child(parent: &Process) {
    let path = format!("/proc/{0}/task/{0}/children", parent.host_pid);
    let children = fs::read_to_string(path).expect("its children");
    let newest = children.split_whitespace().filter_map(|word| word.parse().ok()).next_back();
    let newest = Pid::from_raw(newest.expect("a child"));
    signal::kill(newest, Signal::SIGKILL).expect("it lives");
}

#[test]
fn a_new_binary_that_crashes_or_hangs_after_it_has_taken_over_gives_back() {
    let _alone = alone();
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &OWN[..1]);
    let client = network.host("client", "eth0", &["192.168.100.20/24"]);
    let program = install(&node, &ours());
    let sent = Capture::of(&network, &node);
    let daemon = Daemon::start(&program, &node, configuration("single-lb01"));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let parent = daemon.parent();
    let ping = Ping::start(&client, VIP.parse().expect("an address"));
    install(&node, &other_build(&ours(), "9.9.9"));
    // What the system does to a program with a mistake; what the clock does to one that hangs; what
    // a child does that cannot work.
    for end in [Some(Signal::SIGSEGV), Some(Signal::SIGABRT), Some(Signal::SIGALRM), None] {
        let vrrp = daemon.vrrp();
        let from = ask_for_upgrade(&daemon);
        daemon.log().wait_since(from, "keepalived-rs 9.9.9 takes over", LIMIT);
        // At once: there is a second for it.
        match end {
            Some(signal) => parent.signal(signal),
            None => {
                daemon.log().wait_since(from, "Starting VRRP child process, pid=", LIMIT);
                kill_newest_child(&parent);
            }
        }
        let line = daemon.log().wait_since(from, "Upgrade refused", LIMIT);
        assert!(line.text.contains("0.1.0 is back"), "{end:?}: {}", line.text);
        daemon.log().wait_since(from, "Upgrade complete", LIMIT);
        assert_eq!(daemon.parent(), parent, "it is the same process");
        wait::eventually(LIMIT, "the former child is replaced", || !vrrp.is_alive());
        wait::becomes(LIMIT, "the processes", &2, || node.processes().len());
    }
    // Its children crash once they have begun: back by another upgrade.
    let from = ask_for_upgrade(&daemon);
    daemon.log().wait_since(from, "keepalived-rs 9.9.9 takes over", LIMIT);
    daemon.log().wait_since(from, "Upgrade complete", LIMIT);
    for _ in 0..2 {
        let vrrp = daemon.vrrp();
        vrrp.signal(Signal::SIGSEGV);
        wait::eventually(LIMIT, "a successor", || daemon.vrrp().pid != vrrp.pid);
    }
    daemon.log().wait_since(from, "back to the former one", LIMIT);
    daemon.log().wait_since(from, "keepalived-rs 0.1.0 takes over from keepalived-rs 9.9.9", LIMIT);
    let from = daemon.log().len();
    wait::eventually(LIMIT, "it has taken over", || {
        daemon.log().text_since(from).contains("Upgrade complete") || node.processes().len() == 2
    });
    assert_eq!(daemon.parent(), parent, "it is the same process");
    // The next one is good.
    let from = ask_for_upgrade(&daemon);
    daemon.log().wait_since(from, "keepalived-rs 9.9.9 takes over", LIMIT);
    daemon.log().wait_since(from, "Upgrade complete", LIMIT);
    wait::stays(Duration::from_secs(2), "the VIP stays", || node.holds(VIP));
    let pings = ping.stop();
    assert_eq!(pings.lost().len(), 0, "of {} pings 10 ms apart none may be lost", pings.sent.len());
    let adverts = sent.adverts();
    assert!(adverts.iter().all(|(_, advert)| advert.priority == 100), "no priority 0, no other");
    let longest = adverts.windows(2).map(|pair| pair[1].0 - pair[0].0).max().expect("adverts");
    assert!(longest < Duration::from_millis(1100), "a gap of {longest:?} between two adverts");
    // Now it is on its own: a crash is a crash, and the children leave in order.
    let mut daemon = daemon;
    daemon.parent().signal(Signal::SIGSEGV);
    daemon.wait_end(LIMIT);
    wait::eventually(LIMIT, "all is gone", || node.processes().is_empty() && !node.holds(VIP));
    node.sh("rm /run/keepalived.pid");
    left::nothing(&node, &OWN[..1]);
}

#[test]
fn a_configuration_that_cannot_be_loaded_refuses_an_upgrade() {
    let _alone = alone();
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &OWN[..1]);
    let program = install(&node, &ours());
    let text = configuration("single-lb01");
    let daemon = Daemon::start(&program, &node, text);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let vrrp = daemon.vrrp();
    node.write_file("etc", "keepalived.conf", &text.replace("priority", "priorty"));
    let from = ask_for_upgrade(&daemon);
    daemon.log().wait_since(from, "Reload refused", LIMIT);
    daemon.log().wait_since(from, "Upgrade refused", LIMIT);
    assert_eq!(daemon.vrrp(), vrrp);
    assert!(daemon.stop().1.success());
    left::nothing(&node, &OWN[..1]);
}

/// Of memory, in KiB: pages that differ from run to run.
const GROWTH: usize = 512;

/// Descriptors of the parent and of the VRRP process, as what they are, and the memory of each in KiB.
type Size = [(Vec<String>, usize); 2];

/// Once the descriptors do not change for a while.
fn settled(daemon: &Daemon<'_>) -> Size {
    let size = || -> Size {
        [daemon.parent(), daemon.vrrp()].map(|one| (one.descriptors(), one.memory()))
    };
    let kinds = |size: &Size| size.clone().map(|(kinds, _)| kinds);
    let (mut last, mut same) = (size(), 0);
    wait::eventually(LIMIT, "the processes are at rest", || {
        std::thread::sleep(Duration::from_millis(50));
        let now = size();
        same = if kinds(&now) == kinds(&last) { same + 1 } else { 0 };
        last = now;
        same == 5
    });
    last
}

/// A background daemon, pipes and notify scripts go along; a hundred times with
/// `LAB_UPGRADES=100`.
#[test]
fn many_upgrades_and_reloads_in_a_row_lose_no_ping_and_need_nothing_more() {
    let _alone = alone();
    let rounds: usize =
        std::env::var("LAB_UPGRADES").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &OWN[..1]);
    let client = network.host("client", "eth0", &["192.168.100.20/24"]);
    let sent = Capture::of(&network, &node);
    let builds = [ours(), other_build(&ours(), "9.9.9")];
    let program = install(&node, &builds[0]);
    node.write_script("scripts", "reader", "#!/bin/sh\ncat \"$1\" >>/run/events\n");
    let pipes = "global_defs {\n  script_user root\n  vrrp_notify_fifo /run/pipe\n  \
                 vrrp_notify_fifo_script /scripts/reader\n}\n";
    let text = format!("{pipes}{}", configuration("single-lb01"));
    let daemon = Daemon::start(&program, &node, &text);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let ping = Ping::start(&client, VIP.parse().expect("an address"));
    let upgrade = |round: usize| {
        install(&node, &builds[round % 2]);
        let from = ask_for_upgrade(&daemon);
        daemon.log().wait_since(from, "Upgrade complete", LIMIT);
        let vrrp = daemon.vrrp().pid;
        wait::eventually(LIMIT, "two processes and the reader", || {
            node.processes().iter().filter(|one| one.name.starts_with("keepalived")).count() == 2
        });
        vrrp
    };
    let reload = |round: usize| {
        let from =
            daemon.reload(&text.replace("priority 100", &format!("priority {}", 100 + round % 2)));
        daemon.log().wait_since(from, "Reload complete", LIMIT);
    };
    // The program forgets code after its start: both times it has reloaded since.
    upgrade(1);
    reload(1);
    let before = settled(&daemon);
    for round in 0..rounds {
        upgrade(round);
        reload(round);
    }
    let after = settled(&daemon);
    let pings = ping.stop();
    let (sent_pings, lost) = (pings.sent.len(), pings.lost().len());
    println!("{rounds} upgrades and reloads: {sent_pings} pings, {lost} lost");
    assert_eq!(lost, 0);
    // The child is another one after each round: what it is handed must not grow either.
    for (who, (before, after)) in ["parent", "child"].iter().zip(before.iter().zip(&after)) {
        println!("{who}: {} descriptors, memory {} to {} KiB", after.0.len(), before.1, after.1);
        assert_eq!(before.0, after.0, "descriptors of the {who}");
        assert!(after.1 < before.1 + GROWTH, "memory of the {who}: {before:?} {after:?}");
    }
    assert!(sent.adverts().iter().all(|(_, advert)| advert.priority != 0));
    assert!(daemon.stop().1.success());
    node.sh("rm /run/events");
    left::nothing(&node, &OWN[..1]);
}

#[test]
fn an_upgrade_touches_no_entry_of_the_ipvs_table() {
    let _alone = alone();
    uml::with_ipvs("an_upgrade_touches_no_entry_of_the_ipvs_table", || {
        let cluster = Cluster::new(INTERFACE);
        let [lb01, _] = &cluster.directors;
        let _first = Web::start(&cluster.servers[0], 80);
        let text = configuration("lvs-dr-master").replace("delay_loop 6", "delay_loop 1");
        let text = text.replace("delay_before_retry 3", "delay_before_retry 1");
        let program = install(lb01, &ours());
        let daemon = Daemon::start(&program, lb01, &text);
        let table = || lb01.proc_net("ip_vs");
        let servers = || table().matches("  -> ").count().saturating_sub(1);
        wait::eventually(LIMIT * 2, "the dead server is out of the table", || servers() == 1);
        lb01.sh("ipvsadm -Z");
        let before = table();
        let mut first = None;
        for version in ["9.9.8", "9.9.9"] {
            let checker = daemon.checker();
            install(lb01, &other_build(&ours(), version));
            let from = ask_for_upgrade(&daemon);
            daemon.log().wait_since(from, "Upgrade complete", LIMIT);
            let successor = daemon.checker();
            assert_ne!(successor.pid, checker.pid);
            // A check that is under way has a socket more.
            std::thread::sleep(Duration::from_secs(2));
            let (kinds, kib) =
                first.get_or_insert_with(|| (successor.descriptors(), successor.memory()));
            wait::becomes(LIMIT, "its descriptors", kinds, || successor.descriptors());
            assert!(successor.memory() < *kib + GROWTH, "it has more memory than its predecessor");
        }
        wait::stays(Duration::from_secs(3), "the table stays as it was", || table() == before);
        // Checks go on: the server that was down before comes back.
        let _second = Web::start(&cluster.servers[1], 80);
        wait::eventually(LIMIT, "the server is back", || servers() == 2);
        assert!(daemon.stop().1.success());
        left::nothing(lb01, &DIRECTORS[..1]);
    });
}

#[test]
fn a_stop_in_the_middle_of_an_upgrade_leaves_nothing() {
    let _alone = alone();
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &OWN[..1]);
    let program = install(&node, &ours());
    for delay in [0, 10, 20, 30, 40, 60] {
        let daemon = Daemon::start(&program, &node, configuration("single-lb01"));
        wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
        let from = ask_for_upgrade(&daemon);
        daemon.log().wait_since(from, "Upgrade: trying", LIMIT);
        std::thread::sleep(Duration::from_millis(delay));
        let mut daemon = daemon;
        signal::kill(Pid::from_raw(daemon.parent().host_pid), Signal::SIGTERM).expect("it runs");
        assert!(daemon.wait_end(LIMIT).success());
        wait::eventually(LIMIT, "a killed trial is gone", || node.processes().is_empty());
        left::nothing(&node, &OWN[..1]);
    }
}
