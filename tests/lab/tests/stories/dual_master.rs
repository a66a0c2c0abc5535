//! Two VIPs on two nodes, `dual-master-lb01.conf` and `dual-master-lb02.conf`: each has one, the
//! survivor has both.

use std::time::Duration;

use lab::node::Address;
use lab::program::Pairing;
use lab::scenario::configuration;
use lab::{Daemon, Network, Node, left, wait};

const OWN: [&str; 2] = ["192.168.100.11/24", "192.168.100.12/24"];
const FIRST: (&str, &str) = ("192.168.100.100", "eth0:3");
const SECOND: (&str, &str) = ("192.168.100.150", "eth0:4");

/// Three advertisement intervals and the skew of priority 50, the slowest of the four instances.
const DOWN_INTERVAL: Duration = Duration::from_millis(3805);
const SLACK: Duration = Duration::from_secs(6);

#[test]
fn each_node_has_one_vip_and_the_survivor_both_between_two_of_ours() {
    each_has_one(Pairing::Ours);
}

#[test]
fn each_node_has_one_vip_and_the_survivor_both_with_keepalived_as_second() {
    each_has_one(Pairing::OursFirst);
}

#[test]
fn each_node_has_one_vip_and_the_survivor_both_with_keepalived_as_first() {
    each_has_one(Pairing::OursSecond);
}

fn each_has_one(pairing: Pairing) {
    let Some([first, second]) = pairing.programs() else { return };
    let network = Network::new();
    let lb01 = network.machine("lb01", "eth0", &OWN[..1]);
    let lb02 = network.machine("lb02", "eth0", &OWN[1..]);
    let one = Daemon::start(&first, &lb01, configuration("dual-master-lb01"));
    let two = Daemon::start(&second, &lb02, configuration("dual-master-lb02"));
    divided(&lb01, &lb02);

    network.power_off(&lb02);
    wait::becomes(DOWN_INTERVAL + SLACK, "both VIPs on lb01", &vips(true, true), || {
        labelled(&lb01)
    });
    drop(two);
    network.power_on(&lb02, "eth0", &OWN[1..]);
    let two = Daemon::start(&second, &lb02, configuration("dual-master-lb02"));
    divided(&lb01, &lb02);

    assert!(one.stop().1.success());
    let limit = Duration::from_secs(1);
    wait::becomes(limit, "both VIPs on lb02", &vips(true, true), || labelled(&lb02));
    left::nothing(&lb01, &OWN[..1]);
    assert!(two.stop().1.success());
    left::nothing(&lb02, &OWN[1..]);
}

fn divided(lb01: &Node, lb02: &Node) {
    let limit = DOWN_INTERVAL * 2 + SLACK;
    wait::becomes(limit, "the first VIP alone on lb01", &vips(true, false), || labelled(lb01));
    wait::becomes(limit, "the second VIP alone on lb02", &vips(false, true), || labelled(lb02));
}

fn vips(first: bool, second: bool) -> Vec<Address> {
    [(first, FIRST), (second, SECOND)]
        .into_iter()
        .filter(|(wanted, _)| *wanted)
        .map(|(_, (vip, label))| Address {
            interface: "eth0".into(),
            cidr: format!("{vip}/24"),
            label: label.into(),
        })
        .collect()
}

/// The addresses with a label of their own.
fn labelled(node: &Node) -> Vec<Address> {
    node.addresses().into_iter().filter(|address| address.label.contains(':')).collect()
}
