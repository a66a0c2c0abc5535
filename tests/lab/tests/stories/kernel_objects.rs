//! Addresses, routes and rules with all their options: the same text of `ip` as with Debian's
//! keepalived, put back when somebody removes them, changed by a reload, gone after a stop.

use std::time::Duration;

use lab::uml::with_ipvs;
use lab::{Daemon, Network, Node, Program, left, wait};

const OWN: [&str; 1] = ["10.0.0.1/24"];

const ALL: &str = include_str!("../../scenarios/kernel-objects.conf");
const MORE: &str = include_str!("../../scenarios/kernel-objects-more.conf");

/// Other names of options, and options that hardly anybody uses.
const NAMES: &str = include_str!("../../scenarios/kernel-object-names.conf");

/// From the start to MASTER for a router with priority 255, and to the last rule, on a busy machine.
const START: Duration = Duration::from_secs(30);

/// What is removed behind the daemon's back is put back in the same turn; the looks at it take
/// their time on a busy machine.
const REPAIR: Duration = Duration::from_secs(10);

/// A node with `eth0` and `eth1`, and a neighbour on each. The kernel gives neither an address of its
/// own: it would come with the carrier, which on a busy machine is now before, now after the flush.
fn node(network: &Network) -> Node {
    let node = network.machine("lb01", "eth0", &OWN);
    node.try_sh("modprobe -a mpls_iptunnel ila");
    node.sh("sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.eth0.accept_dad=0
         sysctl -qw net.ipv6.conf.default.addr_gen_mode=1 net.ipv6.conf.eth0.addr_gen_mode=1
         ip -6 addr flush dev eth0
         ip link add eth1 type veth peer name peer1
         ip link set peer1 up
         ip link set eth1 up
         ip addr add 10.1.0.1/24 dev eth1
         ip -6 addr add 2001:db8::1/64 dev eth0
         ip -6 addr add fe80::1/64 dev eth0");
    // The kernel decides a moment later that nothing has to be detected.
    wait::eventually(START, "no address is tentative", || {
        !node.sh("ip -6 addr").contains("tentative")
    });
    node
}

/// Everything that is not the kernel's own; times that run down are left out.
fn objects(node: &Node) -> Vec<String> {
    let text = node.sh("ip -o addr show dev eth0; ip -o addr show dev eth1
         ip -d -4 route show table all; ip -d -6 route show table all
         ip -d -4 rule; ip -d -6 rule");
    let mut lines = Vec::new();
    for line in text.lines().filter(|line| !line.contains("proto kernel")) {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if let Some(at) = words.iter().position(|word| *word == "expires") {
            words.drain(at..at + 2);
        }
        let runs_down = |word: &&str| word.ends_with("sec") && !word.starts_with("0s");
        words.retain(|word| !runs_down(word));
        lines.push(words.join(" "));
    }
    lines
}

/// What both daemons make of a configuration, ours first, once `last` is there; and whether ours leaves
/// nothing.
fn of_both(text: &str, last: &str) -> Option<([Vec<String>; 2], bool)> {
    let keepalived = Program::debian()?;
    let with = |program: &Program| {
        let network = Network::new();
        let node = node(&network);
        let before = objects(&node);
        let daemon = Daemon::start(program, &node, text);
        wait::eventually(START, "all rules are there", || node.sh("ip rule").contains(last));
        let during = objects(&node);
        assert!(daemon.stop().1.success());
        (during, objects(&node) == before)
    };
    // keepalived 2.2.7 leaves the address with a peer behind
    let ((theirs, _), (ours, nothing_left)) = (with(&keepalived), with(&Program::ours()));
    Some(([ours, theirs], nothing_left))
}

fn are_the_same(text: &str, last: &str, at_least: usize) {
    let Some(([ours, theirs], nothing_left)) = of_both(text, last) else { return };
    assert!(ours.len() > at_least, "{ours:#?}");
    for (line, wanted) in ours.iter().zip(&theirs) {
        assert_eq!(line, wanted);
    }
    assert_eq!(ours.len(), theirs.len());
    assert!(nothing_left, "everything that was added is gone");
}

#[test]
fn every_option_of_addresses_routes_and_rules_is_as_with_keepalived() {
    are_the_same(ALL, "suppress_ifgroup 3", 60);
}

#[test]
fn other_names_of_options_mean_what_they_mean_to_keepalived() {
    are_the_same(NAMES, "suppress_ifgroup 5", 20);
}

/// Tunnels of routes need a kernel that has them, as that of User-Mode Linux.
#[test]
fn other_words_for_options_kinds_of_routes_and_tunnels_are_as_with_keepalived() {
    with_ipvs("other_words_for_options_kinds_of_routes_and_tunnels_are_as_with_keepalived", || {
        are_the_same(MORE, "264:", 60);
    });
}

/// What the manual has and 2.2.7 gets wrong: it takes one MPLS label only, forgets the tunnels of next
/// hops and refuses the gateway of another family.
#[test]
fn routes_beyond_what_keepalived_2_2_7_can_do_are_in_the_kernel_as_they_are_written() {
    const NAME: &str =
        "routes_beyond_what_keepalived_2_2_7_can_do_are_in_the_kernel_as_they_are_written";
    const ROUTES: [(&str, &str); 5] = [
        (
            "192.168.30.0/24 via inet6 2001:db8::9 dev eth0",
            "unicast 192.168.30.0/24 via inet6 2001:db8::9 dev eth0",
        ),
        (
            "192.168.31.0/24 nexthop via inet6 2001:db8::9 dev eth0 nexthop via 10.0.0.254 dev eth0",
            "nexthop via inet6 2001:db8::9 dev eth0 weight 1 nexthop via 10.0.0.254 dev eth0 weight 1",
        ),
        (
            "2001:db8:33::/64 via 2001:db8::9 dev eth0 encap mpls 16/17/18",
            "unicast 2001:db8:33::/64 encap mpls 16/17/18 via 2001:db8::9 dev eth0",
        ),
        (
            "192.168.34.0/24 nexthop via 10.0.0.254 dev eth0 encap mpls 44 nexthop via 10.0.0.253 dev eth0",
            "nexthop encap mpls 44 via 10.0.0.254 dev eth0 weight 1 nexthop via 10.0.0.253 dev eth0",
        ),
        (
            "192.168.35.0/24 nexthop dev eth0 encap ip id 7 dst 10.0.0.9 nexthop via 10.0.0.253 dev eth0",
            "nexthop encap ip id 7 src 0.0.0.0 dst 10.0.0.9 ttl 0 tos 0 dev eth0 weight 1",
        ),
    ];
    with_ipvs(NAME, || {
        let network = Network::new();
        let node = node(&network);
        let before = objects(&node);
        let routes = ROUTES.map(|(route, _)| route).join("\n");
        let daemon = Daemon::start(
            &Program::ours(),
            &node,
            &format!(
                "vrrp_instance VI_1 {{
                    interface eth0
                    virtual_router_id 51
                    priority 255
                    virtual_ipaddress {{ 10.0.0.100/24 }}
                    virtual_routes {{
                        {routes}
                    }}
                }}\n"
            ),
        );
        let shown = || {
            let shown = node.sh("ip -d -4 route; ip -d -6 route");
            shown.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        for (route, text) in ROUTES {
            wait::eventually(START, route, || shown().contains(text));
        }
        assert!(daemon.stop().1.success());
        assert_eq!(objects(&node), before);
    });
}

/// 2.2.7 and 2.4.3 swallow the word after a family at the start of an entry, so nothing is compared.
#[test]
fn a_family_word_decides_where_no_address_does_and_as_is_left_out() {
    let network = Network::new();
    let node = node(&network);
    let before = objects(&node);
    let text = "vrrp_instance VI_1 {
        interface eth0
        virtual_router_id 51
        priority 255
        virtual_ipaddress {
            10.0.0.100/24
        }
        virtual_routes {
            192.168.40.0/24 via 10.0.0.254 as to 10.9.9.9
        }
        virtual_rules {
            inet from 192.168.40.0/24 table 100 preference 301
            inet6 table 100 preference 302
        }
    }";
    let daemon = Daemon::start(&Program::ours(), &node, text);
    wait::eventually(START, "the rules", || node.sh("ip -6 rule").contains("302:"));
    let ipv4 = node.sh("ip -4 rule");
    assert!(ipv4.contains("301:") && !ipv4.contains("302:"), "{ipv4}");
    let route = node.sh("ip -4 route");
    assert!(route.contains("192.168.40.0/24 via 10.0.0.254"), "{route}");
    daemon.wait_log("\"as\" for routes is not supported - ignoring", START);
    assert!(daemon.stop().1.success());
    assert_eq!(objects(&node), before);
}

#[test]
fn what_somebody_removes_comes_back_and_a_reload_and_a_stop_take_all_away() {
    let network = Network::new();
    let node = node(&network);
    let before = objects(&node);
    let daemon = Daemon::start(&Program::ours(), &node, ALL);
    wait::eventually(START, "all rules are there", || {
        node.sh("ip rule").contains("suppress_ifgroup 3")
    });
    let full = objects(&node);
    for theft in [
        "ip route del 192.168.11.0/24",
        "ip -6 route del 2001:db8:10::/64",
        "ip route flush table 200",
        "ip rule del preference 250",
        "ip -6 rule del preference 267",
        "ip addr del 10.0.6.1/24 dev eth1",
        "ip addr del 10.1.0.100/24 dev eth1",
        "ip link set eth1 down; ip link set eth1 up",
    ] {
        node.sh(theft);
        let sorted = |mut lines: Vec<String>| {
            lines.sort();
            lines
        };
        wait::becomes(REPAIR, theft, &sorted(full.clone()), || sorted(objects(&node)));
    }

    let less = "vrrp_instance VI_1 {
        state MASTER
        interface eth0
        virtual_router_id 51
        priority 255
        virtual_ipaddress {
            10.0.0.100/24 dev eth0 label eth0:v
        }
        virtual_routes {
            192.168.11.0/24 via 10.0.0.254 dev eth0 metric 60
        }
    }";
    daemon.reload(less);
    let lines = || -> Vec<String> {
        let own = |line: &String| !before.contains(line);
        objects(&node).into_iter().filter(own).collect()
    };
    let wanted: Vec<String> = [
        "4: eth0 inet 10.0.0.100/24 scope global secondary eth0:v\\ valid_lft forever preferred_lft forever",
        "unicast 192.168.11.0/24 via 10.0.0.254 dev eth0 table main proto keepalived scope global metric 60",
    ]
    .map(str::to_owned)
    .to_vec();
    let without_index = |lines: Vec<String>| -> Vec<String> {
        let strip = |line: String| match line.split_once(": eth0 ") {
            Some((_, rest)) => format!("4: eth0 {rest}"),
            None => line,
        };
        lines.into_iter().map(strip).collect()
    };
    wait::becomes(Duration::from_secs(5), "the reload", &wanted, || without_index(lines()));
    assert!(daemon.stop().1.success());
    assert_eq!(objects(&node), before);
    node.sh("ip link del eth1");
    left::nothing(&node, &OWN);
}
