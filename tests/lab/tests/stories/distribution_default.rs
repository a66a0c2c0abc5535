//! The file that packages install, `distribution-default.conf`: strict mode against authentication,
//! a GARP interval of 0. The same warnings and the same result as keepalived.

use std::time::Duration;

use lab::scenario::configuration;
use lab::{Capture, Daemon, Network, Program, left, wait};

const OWN: &str = "192.168.200.1/24";
const VIPS: [&str; 3] = ["192.168.200.16", "192.168.200.17", "192.168.200.18"];
const LIMIT: Duration = Duration::from_secs(20);

/// What keepalived says of this file.
const WARNINGS: [&str; 4] = [
    "vrrp_garp_interval '0' is invalid",
    "vrrp_gna_interval '0' is invalid",
    "(VI_1) State MASTER must match being address owner",
    "(VI_1) Strict mode does not support authentication. Ignoring.",
];

/// What `nft list ruleset` shows on a strict master, without its layout: packets to and from the
/// virtual addresses are dropped, for strict mode does not accept them.
const TABLE: &str = "table ip keepalived { \
    set vips { type ipv4_addr elements = { 192.168.200.16, 192.168.200.17, 192.168.200.18 } } \
    chain out { type filter hook output priority filter - 1; policy accept; ip saddr @vips drop } \
    chain in { type filter hook input priority filter - 1; policy accept; ip daddr @vips drop } }";

#[test]
fn the_distribution_default_warns_takes_its_vips_and_drops_what_is_sent_to_them() {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &[OWN]);
    let sent = Capture::of(&network, &node);
    let daemon = Daemon::start(&Program::ours(), &node, configuration("distribution-default"));
    for warning in WARNINGS {
        daemon.wait_log(warning, LIMIT);
    }
    daemon.wait_log("no firewall configured - using nftables", LIMIT);
    wait::eventually(LIMIT, "all VIPs are there", || VIPS.iter().all(|vip| node.holds(vip)));
    let expected: Vec<String> =
        [OWN.to_owned()].into_iter().chain(VIPS.map(|vip| format!("{vip}/32"))).collect();
    let cidrs = || node.addresses().into_iter().map(|one| one.cidr).collect::<Vec<_>>();
    assert_eq!(cidrs(), expected);
    let rules = || node.sh("nft list ruleset").split_whitespace().collect::<Vec<_>>().join(" ");
    wait::becomes(LIMIT, "the firewall table", &TABLE.to_owned(), rules);

    wait::eventually(LIMIT, "five gratuitous ARPs for each VIP", || {
        VIPS.iter().all(|vip| {
            let of_vip = |arp: &lab::frame::Arp| arp.sender.to_string() == *vip;
            sent.gratuitous_arps().iter().filter(|(_, arp)| of_vip(arp)).count() >= 5
        })
    });
    let adverts = sent.adverts();
    assert!(!adverts.is_empty());
    for (_, advert) in adverts {
        assert_eq!((advert.version, advert.vrid, advert.priority), (2, 51, 100));
        assert_eq!(advert.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), VIPS);
    }
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}
