//! Keywords of one line, each seen from outside.
#![allow(clippy::expect_used, reason = "test code")]

use std::time::Duration;

use lab::{Daemon, Network, Node, Program, left, wait};

const VIP: &str = "192.168.100.100";
const OWN: &str = "192.168.100.11/24";
const LIMIT: Duration = Duration::from_secs(8);

fn machine() -> (Network, Node) {
    Network::of_one(&[OWN])
}

/// An instance that is master after a third of a second.
fn instance(name: &str, vrid: u8, address: &str, lines: &str) -> String {
    format!(
        "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {vrid}\npriority 100\n\
         advert_int 0.1\nversion 3\nvirtual_ipaddress {{\n{address}/24\n}}\n{lines}\n}}\n"
    )
}

#[test]
fn track_src_ip_waits_for_the_address_that_adverts_come_from() {
    let (_network, node) = machine();
    let second = "192.168.100.12";
    let text = instance("VI_1", 51, VIP, &format!("mcast_src_ip {second}\ntrack_src_ip"));
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    let cause = format!("(VI_1) fault: interface eth0 has no address {second}");
    daemon.wait_log(&cause, LIMIT);
    node.sh(&format!("ip address add {second}/24 dev eth0"));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    node.sh(&format!("ip address del {second}/24 dev eth0"));
    wait::eventually(LIMIT, "the VIP is gone", || !node.holds(VIP));
    daemon.log().wait_count(&cause, 2, LIMIT);

    // A reload that begins or ends to look for it.
    let careless = text.replace("track_src_ip", "");
    daemon.reload(&careless);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    node.sh(&format!("ip address add {second}/24 dev eth0"));
    let from = daemon.reload(&text);
    daemon.log().wait_since(from, "Reload complete", LIMIT);
    assert!(!daemon.log().text_since(from).contains("fault"), "it is there");
    assert!(daemon.stop().1.success());
    node.sh(&format!("ip address del {second}/24 dev eth0"));
    left::nothing(&node, &[OWN]);
}

#[test]
fn the_second_instance_with_a_virtual_router_id_is_in_fault() {
    let (_network, node) = machine();
    let other = "192.168.100.101";
    let text = instance("VI_1", 51, VIP, "") + &instance("VI_2", 51, other, "");
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    daemon.wait_log("VI_1 and VI_2 both use VRID 51 with IPv4 on interface eth0", LIMIT);
    daemon.wait_log("(VI_2) Entering FAULT STATE", LIMIT);
    wait::eventually(LIMIT, "the VIP of the first is there", || node.holds(VIP));
    assert!(!node.holds(other));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}
