//! `use_ipvlan`, `vrf`, and unicast that is bound to no interface: the same interfaces, addresses and
//! adverts as with Debian's keepalived, where it has them. The kernel of User-Mode Linux has ipvlan
//! and VRF.

use std::time::Duration;

use lab::uml::with_ipvs;
use lab::{Capture, Daemon, Network, Node, Program, left, wait};
use nix::sys::signal::Signal;

const OWN: [&str; 2] = ["10.9.0.1/24", "10.9.0.2/24"];
const VIP: &str = "10.9.0.160";
const LIMIT: Duration = Duration::from_secs(20);

fn instance(priority: u8, rest: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{
            state BACKUP
            virtual_router_id 51
            priority {priority}
            {rest}
        }}\n"
    )
}

fn settled(node: &Node) {
    wait::eventually(LIMIT, "the link-local addresses can be used", || {
        !node.sh("ip -6 addr show").contains("tentative")
    });
}

/// Lines of `ip -o`, without numbers of interfaces and MACs that are chosen anew each time.
fn shown(node: &Node, command: &str) -> Vec<String> {
    let mac = node.sh("cat /sys/class/net/eth0/address");
    let text = node.sh(command).replace(mac.trim(), "MAC");
    let line = |line: &str| {
        let rest = line.split_once(": ").map_or(line, |(_, rest)| rest);
        rest.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    text.lines().map(line).collect()
}

/// Sender's MAC is the node's own, and sender's address, of each advert so far.
fn senders(capture: &Capture, node: &Node) -> Vec<(bool, String)> {
    let mac = node.sh("cat /sys/class/net/eth0/address");
    let of = |bytes: &[u8]| -> Option<(bool, String)> {
        let hex: Vec<String> = bytes.get(6..12)?.iter().map(|byte| format!("{byte:02x}")).collect();
        let source = match bytes.get(12..14)? {
            [0x08, 0x00] if bytes.get(23) == Some(&112) => {
                let octets: [u8; 4] = bytes.get(26..30)?.try_into().ok()?;
                std::net::Ipv4Addr::from(octets).to_string()
            }
            [0x86, 0xdd] if bytes.get(20) == Some(&112) => {
                let octets: [u8; 16] = bytes.get(22..38)?.try_into().ok()?;
                std::net::Ipv6Addr::from(octets).to_string()
            }
            _ => return None,
        };
        Some((hex.join(":") == mac.trim(), source))
    };
    let mut found: Vec<_> = capture.frames().iter().filter_map(|frame| of(&frame.bytes)).collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn an_ipvlan_carries_adverts_as_with_keepalived() {
    with_ipvs("an_ipvlan_carries_adverts_as_with_keepalived", || {
        let Some(keepalived) = Program::debian() else { return };
        let cases = [
            ("use_ipvlan ipv.51 10.9.0.77 bridge", "10.9.0.160/24", "10.9.0.77", "ipv.51"),
            ("use_ipvlan 10.9.0.77 private", "10.9.0.160/24", "10.9.0.77", "vrrp.51"),
            ("use_ipvlan vepa fe80::77\n version 3", "fe80::160/64", "fe80::77", "vrrp.51"),
        ];
        for (ipvlan, vip, source, name) in cases {
            let with = |program: &Program| {
                let network = Network::new();
                let node = network.machine("one", "eth0", &OWN[..1]);
                // With the same MAC the kernel makes the same addresses.
                node.sh("modprobe ipvlan; ip link set eth0 down
                     ip link set eth0 address 02:00:00:00:00:01; ip link set eth0 up");
                settled(&node);
                let sent = Capture::of(&network, &node);
                let vips = format!("interface eth0\n {ipvlan}\n virtual_ipaddress {{ {vip} }}");
                let daemon = Daemon::start(program, &node, &instance(255, &vips));
                let what = format!("Success creating ipvlan interface {name}");
                daemon.wait_log(&what, LIMIT);
                wait::eventually(LIMIT, "an advert leaves", || !senders(&sent, &node).is_empty());
                let on_base = || node.sh("ip -o addr show dev eth0").contains(&vip[..9]);
                wait::eventually(LIMIT, "the address is on the interface itself", on_base);
                settled(&node);
                let mut found = shown(&node, &format!("ip -d -o link show {name}"));
                found.extend(shown(&node, "ip -o addr show"));
                assert_eq!(senders(&sent, &node), [(true, source.to_owned())]);
                assert!(daemon.stop().1.success());
                assert!(!node.sh("ip -o link").contains(name), "{name} is gone");
                found
            };
            let (theirs, ours) = (with(&keepalived), with(&Program::ours()));
            let flat = |lines: &[String]| lines.join("\n");
            assert_eq!(flat(&theirs), flat(&ours), "{ipvlan}");
        }
    });
}

#[test]
fn an_ipvlan_outlives_crashes_and_follows_a_reload() {
    with_ipvs("an_ipvlan_outlives_crashes_and_follows_a_reload", || {
        let network = Network::new();
        let one = network.machine("one", "eth0", &OWN[..1]);
        let two = network.machine("two", "eth0", &OWN[1..]);
        one.sh("modprobe ipvlan");
        let vips = format!("interface eth0\n virtual_ipaddress {{ {VIP}/24 }}");
        let with = |mode: &str| instance(150, &format!("use_ipvlan 10.9.0.77 {mode}\n {vips}"));
        let sent = Capture::of(&network, &one);
        let peer = Program::debian().unwrap_or_else(Program::ours);
        let peer = Daemon::start(&peer, &two, &instance(100, &vips));
        let mut daemon = Daemon::start(&Program::ours(), &one, &with("bridge"));
        wait::eventually(LIMIT, "the higher router is master alone", || {
            one.holds(VIP) && !two.holds(VIP)
        });
        let link = || one.sh("ip -d -o link show vrrp.51");
        let before = link();
        let has_source = || one.holds("10.9.0.77");

        // The VRRP process dies: nothing happens.
        let first = daemon.vrrp();
        first.signal(Signal::SIGKILL);
        wait::eventually(LIMIT, "another process is there", || {
            one.pid_file("vrrp.pid").is_some_and(|pid| pid != first.pid)
        });
        let adverts = sent.adverts().len();
        wait::eventually(LIMIT, "adverts go on", || sent.adverts().len() > adverts);
        assert_eq!(link(), before);
        assert!(has_source() && one.holds(VIP) && !two.holds(VIP));

        // Everything dies: the next start takes over what is there.
        one.kill_all();
        daemon.wait_end(LIMIT);
        one.sh("find /run -mindepth 1 ! -name log -delete");
        assert!(has_source() && one.holds(VIP));
        let daemon = Daemon::start(&Program::ours(), &one, &with("bridge"));
        daemon.wait_log("(VI_1) Found matching interface vrrp.51", LIMIT);
        wait::eventually(LIMIT, "it is master again", || one.holds(VIP) && !two.holds(VIP));
        assert_eq!(link(), before);

        // Somebody takes it away, or its address.
        one.sh("ip link del vrrp.51");
        wait::eventually(LIMIT, "it is there again", || has_source() && one.holds(VIP));
        one.sh("ip addr flush dev vrrp.51");
        wait::eventually(LIMIT, "its address is there again", has_source);

        daemon.reload(&with("private"));
        wait::eventually(LIMIT, "the mode is the new one", || {
            link().contains("ipvlan mode l2 private") || link().contains("l2 private")
        });
        wait::eventually(LIMIT, "with its address", || has_source() && one.holds(VIP));
        daemon.reload(&instance(150, &vips));
        wait::eventually(LIMIT, "no ipvlan is left", || {
            !one.sh("ip -o link").contains("vrrp.51") && one.holds(VIP)
        });
        assert!(daemon.stop().1.success());
        wait::eventually(LIMIT, "the lower router has taken over", || two.holds(VIP));
        left::nothing(&one, &OWN[..1]);
        assert!(peer.stop().1.success());
    });
}

#[test]
fn an_ipvlan_without_an_address_needs_one() {
    with_ipvs("an_ipvlan_without_an_address_needs_one", || {
        let network = Network::new();
        let node = network.machine("one", "eth0", &OWN[..1]);
        node.sh("modprobe ipvlan");
        settled(&node);
        let ipv6 = "interface eth0\n version 3\n use_ipvlan\n virtual_ipaddress { fe80::160 }";
        let sent = Capture::of(&network, &node);
        let daemon = Daemon::start(&Program::ours(), &node, &instance(255, ipv6));
        let own = || node.sh("ip -6 -o addr show dev vrrp.51 scope link");
        daemon.wait_log("fault: interface vrrp.51 has no IPv6 address to send from", LIMIT);
        wait::eventually(LIMIT, "an advert leaves", || !senders(&sent, &node).is_empty());
        let senders = senders(&sent, &node);
        assert!(own().contains(&senders[0].1) && senders.len() == 1, "{senders:?} of {}", own());
        assert!(daemon.stop().1.success());

        let ipv4 = format!("interface eth0\n use_ipvlan\n virtual_ipaddress {{ {VIP} }}");
        let daemon = Daemon::start(&Program::ours(), &node, &instance(255, &ipv4));
        let why = "(VI_1) fault: interface vrrp.51 has no IPv4 address to send from";
        daemon.wait_log(why, LIMIT);
        assert!(!node.holds(VIP));
        assert!(daemon.stop().1.success());
        left::nothing(&node, &OWN[..1]);
    });
}

/// `eth0` in the VRF `red`, with table 100.
fn in_vrf(node: &Node, address: &str) {
    node.sh(&format!(
        "modprobe -a vrf macvlan
         ip link add red type vrf table 100
         ip link set red up
         ip link set eth0 master red
         ip addr replace {address} dev eth0"
    ));
    settled(node);
}

#[test]
fn a_vmac_and_routes_are_in_a_vrf_as_with_keepalived() {
    with_ipvs("a_vmac_and_routes_are_in_a_vrf_as_with_keepalived", || {
        let Some(keepalived) = Program::debian() else { return };
        let rest = format!(
            "interface eth0
             use_vmac
             virtual_ipaddress {{ {VIP}/24 }}
             virtual_routes {{
                192.168.7.0/24 via 10.9.0.9 dev eth0 vrf red
                192.168.8.0/24 via 10.9.0.9 dev eth0 table 100
                192.168.9.0/24 dev eth0 scope link
             }}"
        );
        let with = |program: &Program| {
            let network = Network::new();
            let node = network.machine("one", "eth0", &OWN[..1]);
            in_vrf(&node, OWN[0]);
            let daemon = Daemon::start(program, &node, &instance(255, &rest));
            let routes = || shown(&node, "ip -4 route show table all");
            wait::eventually(LIMIT, "the last route is there", || {
                routes().iter().any(|line| line.contains("192.168.9.0"))
            });
            let mut found = shown(&node, "ip -d -o link show vrrp.51 | sed 's/state [A-Z]*//'");
            found.extend(routes());
            assert!(daemon.stop().1.success());
            found
        };
        let (theirs, ours) = (with(&keepalived), with(&Program::ours()));
        let is_in_vrf =
            |line: &String| line.contains("vrrp.51@eth0") && line.contains("master red");
        assert!(ours.iter().any(is_in_vrf), "{ours:#?}");
        assert!(
            ours.iter()
                .any(|line| line.starts_with("192.168.7.0/24 via 10.9.0.9 dev eth0 table 100"))
        );
        assert_eq!(theirs.join("\n"), ours.join("\n"));
    });
}

#[test]
fn a_vmac_and_an_ipvlan_join_the_vrf_that_they_are_given() {
    with_ipvs("a_vmac_and_an_ipvlan_join_the_vrf_that_they_are_given", || {
        for own in ["use_vmac", "use_ipvlan 10.9.0.77"] {
            let network = Network::new();
            let node = network.machine("one", "eth0", &OWN[..1]);
            node.sh("modprobe -a vrf macvlan ipvlan; ip link add red type vrf table 100
                 ip link set red up");
            let sent = Capture::of(&network, &node);
            let rest =
                format!("interface eth0\n {own}\n vrf red\n virtual_ipaddress {{ {VIP}/24 }}");
            let daemon = Daemon::start(&Program::ours(), &node, &instance(255, &rest));
            wait::eventually(LIMIT, "the address is there", || node.holds(VIP));
            assert!(node.sh("ip -o link show vrrp.51").contains("master red"));
            wait::eventually(LIMIT, "an advert leaves", || !sent.adverts().is_empty());
            assert!(daemon.stop().1.success());
            left::nothing(&node, &OWN[..1]);
        }
    });
}

#[test]
fn unicast_in_a_vrf_needs_no_interface() {
    with_ipvs("unicast_in_a_vrf_needs_no_interface", || {
        let network = Network::new();
        let nodes = ["one", "two"].map(|name| {
            let own = OWN[usize::from(name == "two")];
            let node = network.machine(name, "eth0", &[own]);
            in_vrf(&node, own);
            node
        });
        takes_over(&nodes, ["10.9.0.1", "10.9.0.2"], "vrf red");
    });
}

#[test]
fn unicast_goes_by_whatever_interface_routing_chooses() {
    let network = Network::new();
    let nodes = ["one", "two"].map(|name| {
        let at = usize::from(name == "two");
        let (own, other) = (at + 1, 2 - at);
        let node = network.machine(name, "eth0", &OWN[at..=at]);
        network.plug(&node, &format!("{name}1"), "eth1", &[&format!("10.8.0.{own}/24")]);
        // Each sends by another interface than it hears at.
        let way = ["10.9.0", "10.8.0"][at];
        node.sh(&format!(
            "ip link set lo up
             ip addr add 10.99.0.{own}/32 dev lo
             sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0
             sysctl -qw net.ipv4.conf.eth1.rp_filter=0
             ip route add 10.99.0.{other} via {way}.{other} src 10.99.0.{own}"
        ));
        node
    });
    takes_over(&nodes, ["10.99.0.1", "10.99.0.2"], "");
}

/// The second node is a backup while the first one is there, and is master a down time later.
fn takes_over(nodes: &[Node; 2], addresses: [&str; 2], rest: &str) {
    let with = |at: usize, priority: u8| {
        let [own, other] = [addresses[at], addresses[1 - at]];
        let unicast = format!("unicast_src_ip {own}\n unicast_peer {{ {other} }}");
        let vips = format!("virtual_ipaddress {{ {VIP}/32 dev eth0 }}");
        instance(priority, &format!("{unicast}\n {rest}\n {vips}"))
    };
    let [one, two] = nodes;
    let backup = Daemon::start(&Program::ours(), two, &with(1, 100));
    let master = Daemon::start(&Program::ours(), one, &with(0, 150));
    wait::eventually(LIMIT, "the higher router is master alone", || {
        one.holds(VIP) && !two.holds(VIP)
    });
    wait::stays(Duration::from_secs(5), "the lower one hears it", || !two.holds(VIP));
    assert!(master.stop().1.success());
    wait::eventually(LIMIT, "the lower router has taken over", || two.holds(VIP));
    assert!(backup.stop().1.success());
    assert!(!two.holds(VIP));
}
