//! Every kind of virtual router fails over: version 3 over IPv4 and over IPv6, unicast, another
//! multicast group, authentication, and a sync group; between two of ours and with keepalived on either side.

use std::time::Duration;

use lab::program::Pairing;
use lab::{Daemon, Network, Node, Program, left, wait};

const OWN: [&str; 2] = ["10.9.0.1/24", "10.9.0.2/24"];
const VIP: &str = "10.9.0.160";
const SECOND_VIP: &str = "10.9.0.161";
const VIP_V6: [&str; 2] = ["fe80::160", "2001:db8::160"];

/// Version 2, priority 100: the slowest of all.
const DOWN_INTERVAL: Duration = Duration::from_millis(3_609);
const SLACK: Duration = Duration::from_millis(1_500);
/// An IPv6 address is not used before the kernel has asked for its double.
const DETECTION: Duration = Duration::from_secs(3);

/// A second interface, to be tracked.
const SIDE_LINK: &str = "ip link add side0 type veth peer name side1
     ip link set side0 up
     ip link set side1 up";

/// One of the two nodes: 0 has priority 150, 1 has 100.
type Configuration = fn(node: usize) -> String;

fn priority(node: usize) -> u8 {
    if node == 0 { 150 } else { 100 }
}

fn instance(name: &str, vrid: u8, node: usize, rest: &str) -> String {
    format!(
        "vrrp_instance {name} {{
            state BACKUP
            interface eth0
            virtual_router_id {vrid}
            priority {}
            {rest}
        }}\n",
        priority(node)
    )
}

fn version_2(node: usize) -> String {
    instance("V2", 58, node, &format!("virtual_ipaddress {{ {VIP} }}"))
}

fn version_3(node: usize) -> String {
    instance("V3", 51, node, &format!("version 3\n advert_int 0.3\n virtual_ipaddress {{ {VIP} }}"))
}

fn ipv6(node: usize) -> String {
    let [local, global] = VIP_V6;
    let vips = format!("advert_int 0.5\n virtual_ipaddress {{ {local}\n {global}/64\n }}");
    instance("V6", 52, node, &format!("version 3\n {vips}"))
}

fn unicast(node: usize) -> String {
    let own = OWN[node].trim_end_matches("/24");
    let peer = OWN[1 - node].trim_end_matches("/24");
    let rest = format!(
        "advert_int 1\n unicast_src_ip {own}\n unicast_peer {{ {peer} }}\n virtual_ipaddress {{ {VIP} }}"
    );
    instance("U", 53, node, &rest)
}

fn another_group(node: usize) -> String {
    let rest = format!("virtual_ipaddress {{ {VIP} }}");
    format!("global_defs {{ vrrp_mcast_group4 224.0.0.99 }}\n{}", instance("G", 54, node, &rest))
}

fn authentication(kind: &str, node: usize) -> String {
    let rest = format!(
        "authentication {{ auth_type {kind}\n auth_pass secret\n }}\n virtual_ipaddress {{ {VIP} }}"
    );
    instance("A", 57, node, &rest)
}

fn password(node: usize) -> String {
    authentication("PASS", node)
}

fn authentication_header(node: usize) -> String {
    authentication("AH", node)
}

fn sync_group(node: usize) -> String {
    let first = format!("track_interface {{ side0 }}\n virtual_ipaddress {{ {VIP} }}");
    let second = format!("virtual_ipaddress {{ {SECOND_VIP} }}");
    format!(
        "vrrp_sync_group G {{ group {{ S1\n S2\n }} }}\n{}{}",
        instance("S1", 55, node, &first),
        instance("S2", 56, node, &second)
    )
}

fn holds_v6(node: &Node) -> bool {
    let addresses = node.sh("ip -6 -o addr show dev eth0");
    VIP_V6.iter().all(|vip| addresses.contains(&format!(" {vip}/")))
}

/// The higher router has the addresses, the lower one after a stop, the higher one again.
fn fails_over(pairing: Pairing, configuration: Configuration, holds: fn(&Node) -> bool) {
    let Some([first, second]) = pairing.programs() else { return };
    let network = Network::new();
    let one = network.machine("one", "eth0", &OWN[..1]);
    let two = network.machine("two", "eth0", &OWN[1..]);
    for node in [&one, &two] {
        node.sh(SIDE_LINK);
    }
    wait::eventually(DETECTION, "the link-local addresses can be used", || {
        [&one, &two].iter().all(|node| !node.sh("ip -6 addr show").contains("tentative"))
    });
    let backup = Daemon::start(&second, &two, &configuration(1));
    let master = Daemon::start(&first, &one, &configuration(0));
    wait::eventually(DOWN_INTERVAL * 2 + SLACK, "the higher router is master alone", || {
        holds(&one) && !holds(&two)
    });
    wait::stays(Duration::from_secs(2), "it stays so", || holds(&one) && !holds(&two));

    assert!(master.stop().1.success());
    wait::eventually(SLACK, "the lower router has taken over", || holds(&two));
    assert!(!holds(&one));
    left::nothing(&one, &OWN[..1]);

    let master = Daemon::start(&first, &one, &configuration(0));
    wait::eventually(DOWN_INTERVAL + SLACK, "the higher router is back", || {
        holds(&one) && !holds(&two)
    });
    assert!(backup.stop().1.success());
    assert!(master.stop().1.success());
    assert!(!holds(&one) && !holds(&two));
    left::nothing(&two, &OWN[1..]);
}

fn holds_v4(node: &Node) -> bool {
    node.holds(VIP)
}

fn holds_both(node: &Node) -> bool {
    node.holds(VIP) && node.holds(SECOND_VIP)
}

macro_rules! stories {
    ($($name:ident: $configuration:expr, $holds:expr;)*) => { $(
        mod $name {
            use super::*;

            #[test]
            fn fails_over_between_two_of_ours() {
                fails_over(Pairing::Ours, $configuration, $holds);
            }

            #[test]
            fn fails_over_with_keepalived_as_backup() {
                fails_over(Pairing::OursFirst, $configuration, $holds);
            }

            #[test]
            fn fails_over_with_keepalived_as_master() {
                fails_over(Pairing::OursSecond, $configuration, $holds);
            }
        }
    )* };
}

stories! {
    version_2_over_ipv4: version_2, holds_v4;
    version_3_over_ipv4: version_3, holds_v4;
    version_3_over_ipv6: ipv6, holds_v6;
    unicast_peers: unicast, holds_v4;
    another_multicast_group: another_group, holds_v4;
    a_password: password, holds_v4;
    an_authentication_header: authentication_header, holds_v4;
    members_of_a_sync_group: sync_group, holds_both;
}

#[test]
fn a_sync_group_moves_as_a_whole_when_one_member_fails() {
    let Some([first, second]) = Pairing::OursFirst.programs() else { return };
    let network = Network::new();
    let one = network.machine("one", "eth0", &OWN[..1]);
    let two = network.machine("two", "eth0", &OWN[1..]);
    for node in [&one, &two] {
        node.sh(SIDE_LINK);
    }
    let told = "#!/bin/sh\necho \"$*\" >>/scripts/told\n";
    one.write_script("scripts", "notify.sh", told);
    let with_scripts =
        "notify_master \"/scripts/notify.sh master G\"\n notify /scripts/notify.sh\n group {";
    let configuration = sync_group(0).replacen("group {", with_scripts, 1);
    let master = Daemon::start(&first, &one, &configuration);
    wait::eventually(DOWN_INTERVAL + SLACK, "both addresses are there", || holds_both(&one));
    wait::eventually(SLACK, "the group's scripts have been told", || {
        let told = one.try_sh("cat /scripts/told").stdout;
        told.contains("master G\n") && told.contains("GROUP G MASTER 0\n")
    });
    let backup = Daemon::start(&second, &two, &sync_group(1));
    backup.wait_log("(S2) Entering BACKUP STATE", SLACK * 2);
    wait::stays(Duration::from_secs(2), "the backup hears the master", || holds_both(&one));

    one.sh("ip link set side0 down");
    wait::eventually(Duration::from_secs(1) + SLACK, "both have moved", || holds_both(&two));
    assert!(!one.holds(VIP) && !one.holds(SECOND_VIP));
    master.wait_log("VRRP_Group(G) Syncing instances to FAULT state", SLACK);

    one.sh("ip link set side0 up");
    wait::eventually(DOWN_INTERVAL + SLACK, "both are back", || holds_both(&one));
    master.wait_log("VRRP_Group(G) Syncing instances to MASTER state", SLACK);
}

fn sealed(node: usize) -> String {
    let key = "0123456789abcdef0123456789abcdef";
    let rest =
        format!("auth_hmac {{\n key 7 {key}\n active_key 7\n }}\n virtual_ipaddress {{ {VIP} }}");
    instance("H", 58, node, &rest)
}

#[test]
fn adverts_with_a_trailer_fail_over_and_nobody_without_the_key_is_heard() {
    fails_over(Pairing::Ours, sealed, |node| node.holds(VIP));

    let program = Program::ours();
    let network = Network::new();
    let one = network.machine("one", "eth0", &OWN[..1]);
    let two = network.machine("two", "eth0", &OWN[1..]);
    // The lower one seals its adverts, the higher one does not: neither believes the other.
    let lower = Daemon::start(&program, &two, &sealed(1));
    wait::eventually(DOWN_INTERVAL + SLACK, "the lower router is master", || two.holds(VIP));
    let plain = format!("virtual_ipaddress {{ {VIP} }}");
    let _higher = Daemon::start(&program, &one, &instance("H", 58, 0, &plain));
    lower.wait_log("(H) missing authentication trailer from 10.9.0.1", DOWN_INTERVAL + SLACK);
    assert!(two.holds(VIP));
}

/// Over IPv6 the kernel writes the header, and has to be told the hop limit.
#[test]
fn unicast_over_ipv6_has_its_own_hop_limit_and_peers_may_ask_for_it() {
    let program = Program::ours();
    let network = Network::new();
    let nodes = ["one", "two"].map(|name| network.machine(name, "eth0", &[]));
    let own = ["2001:db8::1", "2001:db8::2"];
    for (node, own) in nodes.iter().zip(own) {
        node.sh(&format!("ip -6 addr add {own}/64 dev eth0 nodad"));
    }
    let configuration = |at: usize| {
        let (own, peer) = (own[at], own[1 - at]);
        let rest = format!(
            "version 3\n advert_int 0.2\n unicast_src_ip {own}\n unicast_ttl 77\n
             unicast_peer {{\n {peer} min_ttl 77 max_ttl 77\n }}
             virtual_ipaddress {{\n fe80::160\n 2001:db8::160\n }}"
        );
        instance("U6", 59, at, &rest)
    };
    let backup = Daemon::start(&program, &nodes[1], &configuration(1));
    backup.wait_log("(U6) Entering MASTER STATE", SLACK);
    let master = Daemon::start(&program, &nodes[0], &configuration(0));
    master.wait_log("(U6) Entering MASTER STATE", SLACK);
    backup.wait_log("(U6) Entering BACKUP STATE", SLACK);
    assert!(master.stop().1.success());
    backup.log().wait_count("(U6) Entering MASTER STATE", 2, SLACK);
}
