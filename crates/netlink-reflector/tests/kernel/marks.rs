use std::net::{SocketAddr, UdpSocket};

use netlink_reflector::firewall::marks::{MarkMap, MarkTables, Marked, Ported};

use crate::namespace::{enter_with_firewall, ip, nft};

/// What Debian's keepalived 2.2.7 makes for groups with `nftables_ipvs`.
const IPV4: &str = "\
table ip keepalived_ipvs {
	map tcp_map {
		type ipv4_addr . inet_service : mark
		flags interval
		elements = { 10.1.1.1 . 80 : 0x000003e8,
			     10.1.1.5-10.1.1.7 . 80 : 0x000003e8,
			     10.1.4.2 . 443 : 0x000003ea }
	}

	map udp_map {
		type ipv4_addr . inet_service : mark
		flags interval
		elements = { 10.1.7.1 . 53 : 0x000003ed }
	}

	chain in {
		type filter hook input priority filter - 1; policy accept;
		meta mark set ip daddr . tcp dport map @tcp_map return
		meta mark set ip daddr . udp dport map @udp_map return
	}
}
";

const IPV6: &str = "\
table ip6 keepalived_ipvs {
	map tcp_map {
		type ipv6_addr . inet_service : mark
		flags interval
		elements = { 2001:db8::1 . 80 : 0x000003ef }
	}

	chain in {
		type filter hook input priority filter - 1; policy accept;
		meta mark set ip6 daddr . tcp dport map @tcp_map return
	}
}
";

fn marked(protocol: Ported, first: &str, last: &str, port: u16) -> Marked {
    let [first, last] = [first, last].map(|text| text.parse().unwrap());
    Marked { protocol, port, first, last }
}

#[test]
fn groups_are_marked_as_keepalived_marks_them() {
    if !enter_with_firewall() {
        return;
    }
    let mut tables = MarkTables::open("keepalived_ipvs", -1).unwrap();
    let mut wanted = MarkMap::from([
        (marked(Ported::Tcp, "10.1.1.1", "10.1.1.1", 80), 1000),
        (marked(Ported::Tcp, "10.1.1.5", "10.1.1.7", 80), 1000),
        (marked(Ported::Tcp, "10.1.4.2", "10.1.4.2", 443), 1002),
        (marked(Ported::Udp, "10.1.7.1", "10.1.7.1", 53), 1005),
    ]);
    assert!(tables.reconcile(&wanted).unwrap());
    assert_eq!(nft("list ruleset"), IPV4);
    wanted.insert(marked(Ported::Tcp, "2001:db8::1", "2001:db8::1", 80), 1007);
    assert!(tables.reconcile(&wanted).unwrap());
    assert_eq!(nft("list ruleset"), format!("{IPV4}{IPV6}"));
    assert!(!tables.look().unwrap());
    nft("flush ruleset");
    assert!(tables.look().unwrap());
    assert!(tables.reconcile(&wanted).unwrap(), "somebody has removed them");
    assert_eq!(nft("list ruleset"), format!("{IPV4}{IPV6}"));
    // a successor takes over what it finds
    let mut successor = MarkTables::open("keepalived_ipvs", -1).unwrap();
    assert!(successor.reconcile(&MarkMap::new()).unwrap());
    assert_eq!(nft("list ruleset"), "");
}

#[test]
fn packets_to_a_marked_address_and_port_have_the_mark_and_others_do_not() {
    if !enter_with_firewall() {
        return;
    }
    for address in ["10.1.7.1/32", "10.1.7.2/32", "10.1.7.9/32", "2001:db8::7/128"] {
        ip(&format!("addr add {address} dev lo"));
    }
    let mut tables = MarkTables::open("keepalived_ipvs", -1).unwrap();
    let wanted = MarkMap::from([
        (marked(Ported::Udp, "10.1.7.1", "10.1.7.2", 5353), 1000),
        (marked(Ported::Udp, "2001:db8::7", "2001:db8::8", 5353), 1001),
        (marked(Ported::Tcp, "10.1.7.9", "10.1.7.9", 5353), 1002),
    ]);
    tables.reconcile(&wanted).unwrap();
    nft("add table inet witness");
    nft("add chain inet witness in { type filter hook input priority 90 ; }");
    for mark in 1000..1003 {
        nft(&format!("add rule inet witness in meta mark {mark} counter"));
    }
    for to in ["10.1.7.1:5353", "10.1.7.2:5353", "10.1.7.1:5354", "10.1.7.9:5353"] {
        send(to);
    }
    send("[2001:db8::7]:5353");
    let seen = nft("list chain inet witness in");
    let packets: Vec<&str> =
        seen.lines().filter_map(|line| line.split_once("packets ")?.1.split(' ').next()).collect();
    assert_eq!(packets, ["2", "1", "0"], "{seen}");
}

fn send(to: &str) {
    let to: SocketAddr = to.parse().unwrap();
    let from = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    // An answer that nobody listens there may come at once.
    let _ = UdpSocket::bind(from).unwrap().send_to(b"hello", to);
}

#[test]
fn thousands_of_marks_fit() {
    if !enter_with_firewall() {
        return;
    }
    let mut tables = MarkTables::open("keepalived_ipvs", -1).unwrap();
    let one = |n: u16| {
        let [high, low] = n.to_be_bytes();
        let address = format!("10.9.{high}.{low}");
        (marked(Ported::Tcp, &address, &address, 80), u32::from(n) + 1)
    };
    let wanted: MarkMap = (0..6_000).map(one).collect();
    assert!(tables.reconcile(&wanted).unwrap());
    let listed = nft("list map ip keepalived_ipvs tcp_map");
    assert_eq!(listed.matches(" : 0x").count(), wanted.len());
    assert!(tables.reconcile(&MarkMap::new()).unwrap());
    assert_eq!(nft("list ruleset"), "");
}
