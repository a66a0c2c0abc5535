//! The rules of nftables that keep a virtual address from answering stay, whoever flushes the host's firewall.

use std::time::Duration;

use lab::{Daemon, Network, Node, Program, left, wait};

const OWN: &str = "10.9.0.1/24";
const LIMIT: Duration = Duration::from_secs(12);

const CONFIGURATION: &str = "
vrrp_instance V {
    interface eth0
    virtual_router_id 51
    version 3
    advert_int 0.1
    no_accept
    virtual_ipaddress {
        10.9.0.101/24
    }
}
";

fn is_guarded(node: &Node) -> bool {
    let rules = node.sh("nft list ruleset");
    rules.contains("table ip keepalived") && rules.contains("10.9.0.101")
}

#[test]
fn a_flushed_firewall_is_made_anew_without_a_change_of_state() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &[OWN]);
    let daemon = Daemon::start_with(&Program::ours(), &node, CONFIGURATION, &["-P"]);
    wait::eventually(LIMIT, "the VIP is there", || node.holds("10.9.0.101"));
    wait::eventually(LIMIT, "its rules are there", || is_guarded(&node));

    // What a reload of the host's firewall does first.
    node.sh("nft flush ruleset");
    wait::eventually(LIMIT, "the rules are back", || is_guarded(&node));
    node.sh("nft flush ruleset");
    let from = daemon.reload(CONFIGURATION);
    daemon.log().wait_since(from, "Reload complete", LIMIT);
    wait::eventually(LIMIT, "the rules are back after a reload", || is_guarded(&node));
    assert_eq!(daemon.log().count("rules of ours were removed"), 2);
    assert_eq!(daemon.log().count("Entering MASTER STATE"), 1);

    let to = "global_defs { nftables other }\n".to_owned() + CONFIGURATION;
    let from = daemon.reload(&to);
    daemon.log().wait_since(from, "Reload complete", LIMIT);
    wait::becomes(LIMIT, "one table", &"table ip other\n".to_owned(), || {
        node.sh("nft list tables")
    });
    assert!(daemon.stop().1.success());
    assert_eq!(node.sh("nft list ruleset"), "");
    left::nothing(&node, &[OWN]);
}
