//! One VIP on two nodes, `single-lb01.conf` and `single-lb02.conf`: stop, crash, return.

use std::time::Duration;

use lab::node::Address;
use lab::program::Pairing;
use lab::scenario::configuration;
use lab::{Capture, Daemon, Network, Node, Program, left, wait};

const VIP: &str = "192.168.100.100";
const OWN: [&str; 2] = ["192.168.100.11/24", "192.168.100.12/24"];

/// Three advertisement intervals and the skew of priority 50 (RFC 3768, 6.1).
const LB02_DOWN_INTERVAL: Duration = Duration::from_millis(3805);

/// The same for priority 100.
const LB01_DOWN_INTERVAL: Duration = Duration::from_millis(3609);

/// What a busy machine may add to a start or to a look; what is timed has a bound of its own.
const SLACK: Duration = Duration::from_secs(6);

#[test]
fn the_vip_follows_a_stop_a_crash_and_a_return_between_two_of_ours() {
    the_vip_follows(Pairing::Ours);
}

#[test]
fn the_vip_follows_a_stop_a_crash_and_a_return_with_keepalived_as_backup() {
    the_vip_follows(Pairing::OursFirst);
}

#[test]
fn the_vip_follows_a_stop_a_crash_and_a_return_with_keepalived_as_master() {
    the_vip_follows(Pairing::OursSecond);
}

fn the_vip_follows(pairing: Pairing) {
    let Some([first, second]) = pairing.programs() else { return };
    let network = Network::new();
    let lb01 = network.machine("lb01", "eth0", &OWN[..1]);
    let lb02 = network.machine("lb02", "eth0", &OWN[1..]);
    let sent_by_lb01 = Capture::of(&network, &lb01);
    let start_lb01 =
        |program: &Program| Daemon::start(program, &lb01, configuration("single-lb01"));

    let master = start_lb01(&first);
    wait::eventually(LB01_DOWN_INTERVAL + SLACK, "the VIP is on lb01", || lb01.holds(VIP));
    let backup = Daemon::start(&second, &lb02, configuration("single-lb02"));
    backup.wait_log("Entering BACKUP STATE", SLACK);
    assert!(lb01.addresses().contains(&labelled_vip()), "{:?}", lb01.addresses());
    assert!(!lb02.holds(VIP), "the VIP is on lb01 only");

    let (stopped_at, status) = stop_and_see(master, &lb02);
    assert!(status.success(), "a clean stop ends with status 0: {status}");
    assert!(lb02.addresses().contains(&labelled_vip()), "{:?}", lb02.addresses());
    let adverts = sent_by_lb01.adverts();
    let (last_at, last) = adverts.last().expect("lb01 sent adverts");
    assert_eq!((last.vrid, last.priority), (51, 0), "a stopping master gives up");
    assert!(*last_at >= stopped_at);
    left::nothing(&lb01, &OWN[..1]);

    let master = start_lb01(&first);
    wait::eventually(LB01_DOWN_INTERVAL + SLACK, "the VIP is back on lb01", || lb01.holds(VIP));
    wait::eventually(SLACK, "lb02 gives the VIP back", || !lb02.holds(VIP));

    let crashed = network.power_off(&lb01);
    wait::eventually(LB02_DOWN_INTERVAL + SLACK, "lb02 takes over", || lb02.holds(VIP));
    let taken = crashed.elapsed();
    println!("after a crash lb02 had the VIP within {taken:?}");
    assert!(taken < LB02_DOWN_INTERVAL + Duration::from_millis(300), "took {taken:?}");
    drop(master);

    network.power_on(&lb01, "eth0", &OWN[..1]);
    let master = start_lb01(&first);
    wait::eventually(LB01_DOWN_INTERVAL + SLACK, "the VIP returns to lb01", || lb01.holds(VIP));
    wait::eventually(SLACK, "lb02 gives the VIP back", || !lb02.holds(VIP));

    assert!(backup.stop().1.success());
    assert!(master.stop().1.success());
    left::nothing(&lb01, &OWN[..1]);
    left::nothing(&lb02, &OWN[1..]);
}

#[test]
fn a_partition_makes_two_masters_and_its_end_one_between_two_of_ours() {
    a_partition_makes_two_masters_and_its_end_one(Pairing::Ours);
}

#[test]
fn a_partition_makes_two_masters_and_its_end_one_with_keepalived_as_backup() {
    a_partition_makes_two_masters_and_its_end_one(Pairing::OursFirst);
}

#[test]
fn a_partition_makes_two_masters_and_its_end_one_with_keepalived_as_master() {
    a_partition_makes_two_masters_and_its_end_one(Pairing::OursSecond);
}

fn a_partition_makes_two_masters_and_its_end_one(pairing: Pairing) {
    let Some([first, second]) = pairing.programs() else { return };
    let network = Network::new();
    let lb01 = network.machine("lb01", "eth0", &OWN[..1]);
    let lb02 = network.machine("lb02", "eth0", &OWN[1..]);
    let master = Daemon::start(&first, &lb01, configuration("single-lb01"));
    let backup = Daemon::start(&second, &lb02, configuration("single-lb02"));
    wait::eventually(LB01_DOWN_INTERVAL + SLACK, "the VIP is on lb01", || lb01.holds(VIP));
    wait::eventually(SLACK, "lb02 has it not", || !lb02.holds(VIP));

    network.isolate(&lb01);
    wait::eventually(LB02_DOWN_INTERVAL + SLACK, "lb02 has the VIP too", || lb02.holds(VIP));
    assert!(lb01.holds(VIP), "lb01 cannot know");
    let sent_by_lb01 = Capture::of(&network, &lb01);
    network.join(&lb01);
    wait::eventually(SLACK, "lb02 yields to the higher priority", || !lb02.holds(VIP));
    wait::stays(Duration::from_secs(2), "lb01 stays master", || {
        lb01.holds(VIP) && !lb02.holds(VIP)
    });
    let announced = sent_by_lb01.gratuitous_arps();
    assert!(!announced.is_empty(), "the switch must learn again where the VIP is");
    assert!(master.stop().1.success());
    assert!(backup.stop().1.success());
}

#[test]
fn without_its_cable_a_master_is_in_fault_and_returns_with_it() {
    let program = Program::ours();
    let network = Network::new();
    let lb01 = network.machine("lb01", "eth0", &OWN[..1]);
    let lb02 = network.machine("lb02", "eth0", &OWN[1..]);
    let master = Daemon::start(&program, &lb01, configuration("single-lb01"));
    let backup = Daemon::start(&program, &lb02, configuration("single-lb02"));
    wait::eventually(LB01_DOWN_INTERVAL + SLACK, "the VIP is on lb01", || lb01.holds(VIP));

    let from = master.log().len();
    network.cut(&lb01);
    master.log().wait_since(from, "(VI_1) Entering FAULT STATE", SLACK);
    wait::eventually(SLACK, "a node in fault has no VIP", || !lb01.holds(VIP));
    wait::eventually(LB02_DOWN_INTERVAL + SLACK, "lb02 has the VIP", || lb02.holds(VIP));
    network.mend(&lb01);
    master.log().wait_since(from, "(VI_1) Entering BACKUP STATE", SLACK);
    wait::eventually(LB01_DOWN_INTERVAL + SLACK, "the VIP is back on lb01", || lb01.holds(VIP));
    wait::eventually(SLACK, "lb02 gives the VIP back", || !lb02.holds(VIP));
    assert!(master.stop().1.success());
    assert!(backup.stop().1.success());
    left::nothing(&lb01, &OWN[..1]);
}

#[test]
fn a_vip_that_somebody_deletes_comes_back() {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &OWN[..1]);
    let daemon = Daemon::start(&Program::ours(), &node, configuration("single-lb01"));
    wait::eventually(LB01_DOWN_INTERVAL + SLACK, "the VIP is there", || node.holds(VIP));
    let from = daemon.log().len();
    node.sh(&format!("ip addr del {VIP}/24 dev eth0"));
    daemon.log().wait_since(from, &format!("reports IP {VIP} removed from eth0"), SLACK);
    wait::eventually(LB01_DOWN_INTERVAL + SLACK, "the VIP is back", || node.holds(VIP));
    assert!(node.addresses().contains(&labelled_vip()), "{:?}", node.addresses());
    assert!(daemon.stop().1.success());
    left::nothing(&node, &OWN[..1]);
}

/// Stops the master; the other node must have the VIP within a second.
fn stop_and_see(
    master: Daemon<'_>,
    other: &Node,
) -> (std::time::Instant, std::process::ExitStatus) {
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| master.stop());
        let taken =
            wait::eventually(Duration::from_secs(3), "lb02 takes over", || other.holds(VIP));
        assert!(taken < Duration::from_secs(1), "a clean stop took {taken:?}");
        stopping.join().expect("the stop")
    })
}

fn labelled_vip() -> Address {
    Address { interface: "eth0".into(), cidr: format!("{VIP}/24"), label: "eth0:3".into() }
}
