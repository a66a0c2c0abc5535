//! What stands still, and what goes on all the same: a process that stops or turns in a circle, a
//! syslog that does not take a line.
#![allow(clippy::expect_used, reason = "test code")]

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use lab::process::Process;
use lab::scenario::configuration;
use lab::{Capture, Daemon, Network, Node, Program, left, uml, wait};
use nix::sys::signal::Signal;

const VIP: &str = "192.168.100.100";
const OWN: &str = "192.168.100.11/24";
const LIMIT: Duration = Duration::from_secs(30);

/// The interval of adverts and what a busy machine may add to it.
const LONGEST: Duration = Duration::from_millis(1400);

/// A jump to itself.
const CIRCLE: &[u8] = if cfg!(target_arch = "x86_64") { &[0xeb, 0xfe] } else { &[0, 0, 0, 0x14] };

/// Puts an endless loop where the process goes on after the system call that it waits in.
fn turn_in_a_circle(process: &Process) {
    let (calls, _) = wait::until(LIMIT, "the process waits in a system call", || {
        let line = fs::read_to_string(format!("/proc/{}/syscall", process.host_pid)).ok()?;
        (!line.starts_with("running")).then_some(line)
    });
    let address = calls.split_whitespace().next_back().expect("where it goes on");
    let address = u64::from_str_radix(address.trim_start_matches("0x"), 16).expect("an address");
    let memory = OpenOptions::new().write(true).open(format!("/proc/{}/mem", process.host_pid));
    memory.and_then(|memory| memory.write_all_at(CIRCLE, address)).expect("its memory");
}

#[test]
fn a_vrrp_process_that_turns_in_a_circle_is_named_and_replaced() {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &[OWN]);
    let sent = Capture::of(&network, &node);
    let daemon = Daemon::start(&Program::ours(), &node, configuration("single-lb01"));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let stuck = daemon.vrrp();
    turn_in_a_circle(&stuck);
    let line = daemon.wait_log("does not answer - forcing termination", LIMIT);
    assert!(line.text.contains(&format!("VRRP child process({})", stuck.pid)), "{}", line.text);
    wait::eventually(LIMIT, "it is replaced", || daemon.vrrp().pid != stuck.pid);
    let adverts = sent.adverts().len();
    wait::eventually(LIMIT, "the adverts go on", || sent.adverts().len() > adverts + 1);
    assert!(node.holds(VIP));
    assert!(sent.adverts().iter().all(|(_, advert)| advert.priority == 100), "no goodbye");
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

#[test]
fn a_checker_that_is_frozen_is_named_and_replaced_and_the_table_stays() {
    uml::with_ipvs(
        "a_checker_that_is_frozen_is_named_and_replaced_and_the_table_stays",
        the_frozen_checker,
    );
}

fn the_frozen_checker() {
    let (_network, node) = Network::of_one(&[OWN]);
    let service = "virtual_server 192.168.100.100 80 {\n  lb_algo rr\n  lb_kind DR\n  \
                   protocol TCP\n  real_server 192.168.100.20 80 {\n    weight 3\n  }\n}\n";
    let text = format!("{}{service}", configuration("single-lb01"));
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    wait::eventually(LIMIT, "the table is there", || node.ipvs().len() == 2);
    let (table, frozen, vrrp) = (node.ipvs(), daemon.checker(), daemon.vrrp());
    frozen.signal(Signal::SIGSTOP);
    let line = daemon.wait_log("does not answer - forcing termination", LIMIT);
    let name = format!("Healthcheck child process({})", frozen.pid);
    assert!(line.text.contains(&name), "{}", line.text);
    wait::eventually(LIMIT, "it is replaced", || daemon.checker().pid != frozen.pid);
    assert_eq!(node.ipvs(), table);
    assert_eq!(daemon.vrrp(), vrrp, "the other one has nothing to do with it");
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

/// Starts a daemon in the background, whose log is the syslog's alone, lets it say a lot, and stops it.
fn works_with_its_syslog(network: &Network, node: &Node) {
    let sent = Capture::of(network, node);
    let text = configuration("single-lb01");
    node.write_file("etc", "keepalived.conf", text);
    node.sh(&format!("{} -D -D -d", Program::ours().path().display()));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let parent = || node.pid_file("keepalived.pid").expect("it runs");
    let before = sent.adverts().len();
    for round in 0..20 {
        let other = text.replace("priority 100", &format!("priority {}", 100 - round % 2));
        // Whole or not at all: an earlier reload may be reading.
        node.write_file("etc", "next.conf", &other);
        let files = "/etc/keepalived/next.conf /etc/keepalived/keepalived.conf";
        node.sh(&format!("mv {files}; kill -HUP {}", parent()));
        let seen = sent.adverts().len();
        if round % 5 == 0 {
            wait::eventually(LIMIT, "an advert", || sent.adverts().len() > seen);
        }
    }
    let adverts = sent.adverts();
    assert!(adverts.len() > before + 3);
    let longest = adverts.windows(2).map(|pair| pair[1].0 - pair[0].0).max().expect("adverts");
    assert!(longest < LONGEST, "a gap of {longest:?} between two adverts");
    node.sh(&format!("kill {}", parent()));
    wait::eventually(LIMIT, "it ends", || node.processes().is_empty());
}

#[test]
fn a_syslog_that_does_not_read_holds_up_nothing() {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &[OWN]);
    let path = node.folder("run").join("log");
    let socket = UnixDatagram::bind(&path).expect("the node's /dev/log");
    works_with_its_syslog(&network, &node);
    // It was full: what came later is not there.
    socket.set_nonblocking(true).expect("a socket");
    let lines = std::iter::from_fn(|| {
        let mut line = vec![0; 8192];
        let length = socket.recv(&mut line).ok()?;
        Some(String::from_utf8_lossy(&line[..length]).into_owned())
    });
    let lines: Vec<String> = lines.collect();
    assert!(lines.iter().any(|line| line.contains("Starting Keepalived")), "{lines:?}");
    assert!(
        !lines.iter().any(|line| line.contains("Stopped Keepalived")),
        "it was full: {lines:?}"
    );
    fs::remove_file(path).expect("the socket");
    left::nothing(&node, &[OWN]);
}

#[test]
fn no_syslog_at_all_holds_up_nothing() {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &[OWN]);
    works_with_its_syslog(&network, &node);
    left::nothing(&node, &[OWN]);
}
