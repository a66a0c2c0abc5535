use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use base::IfIndex;
use netlink_reflector::Firewall;
use netlink_reflector::firewall::{Options, Vmacs};

use crate::namespace::{enter_with_firewall, ip, nft};

/// What Debian's keepalived 2.2.7 makes for two IPv4 addresses.
const IPV4: &str = "table ip keepalived {
	set vips {
		type ipv4_addr
		elements = { 10.66.0.1, 10.66.0.2 }
	}

	chain out {
		type filter hook output priority filter - 1; policy accept;
		ip saddr @vips drop
	}

	chain in {
		type filter hook input priority filter - 1; policy accept;
		ip daddr @vips drop
	}
}
";

/// The same for a global and a link-local IPv6 address.
const IPV6: &str = "table ip6 keepalived {
	set vips {
		type ipv6_addr
		elements = { 2001:db8::1 }
	}

	set neighbor-discovery {
		type icmpv6_type
		flags constant
		elements = { nd-neighbor-solicit,
			     nd-neighbor-advert }
	}

	set vips_link_local {
		type ipv6_addr . iface_index
		elements = { fe80::5:6 . \"v0\" }
	}

	chain out {
		type filter hook output priority filter - 1; policy accept;
		icmpv6 type @neighbor-discovery accept
		ip6 saddr fe80::/10 goto out_link_local
		ip6 saddr @vips drop
	}

	chain in {
		type filter hook input priority filter - 1; policy accept;
		icmpv6 type @neighbor-discovery accept
		ip6 daddr fe80::/10 goto in_link_local
		ip6 daddr @vips drop
	}

	chain in_link_local {
		ip6 daddr . iif @vips_link_local drop
	}

	chain out_link_local {
		ip6 saddr . oif @vips_link_local drop
	}
}
";

fn v0() -> IfIndex {
    ip("link add v0 type veth peer name v1");
    let line = ip("-o link show dev v0");
    let number = line.split(':').next().unwrap();
    IfIndex::new(number.trim().parse().unwrap()).unwrap()
}

fn open() -> Firewall<netlink::Socket> {
    Firewall::open(Options::default()).unwrap()
}

fn addresses(index: IfIndex, texts: &[&str]) -> BTreeSet<(IfIndex, IpAddr)> {
    texts.iter().map(|text| (index, text.parse().unwrap())).collect()
}

#[test]
fn the_tables_are_those_of_keepalived() {
    if !enter_with_firewall() {
        return;
    }
    let index = v0();
    let mut firewall = open();
    let drop = addresses(index, &["10.66.0.1", "10.66.0.2"]);
    assert!(firewall.reconcile(&drop, &Vmacs::default()).unwrap());
    assert_eq!(nft("list ruleset"), IPV4);
    assert!(!firewall.reconcile(&drop, &Vmacs::default()).unwrap(), "nothing to do");

    assert!(
        firewall
            .reconcile(&addresses(index, &["2001:db8::1", "fe80::5:6"]), &Vmacs::default())
            .unwrap()
    );
    assert_eq!(nft("list ruleset"), IPV6);
    assert!(firewall.reconcile(&BTreeSet::new(), &Vmacs::default()).unwrap());
    assert_eq!(nft("list ruleset"), "");
    assert!(!firewall.reconcile(&BTreeSet::new(), &Vmacs::default()).unwrap(), "nothing to do");
}

#[test]
fn only_the_sets_change_once_the_table_is_there() {
    if !enter_with_firewall() {
        return;
    }
    let index = v0();
    let mut firewall = open();
    firewall.reconcile(&addresses(index, &["10.66.0.9"]), &Vmacs::default()).unwrap();
    // a rule of somebody else tells whether the table is made anew
    nft("add chain ip keepalived witness");
    firewall.reconcile(&addresses(index, &["10.66.0.1", "10.66.0.9"]), &Vmacs::default()).unwrap();
    firewall.reconcile(&addresses(index, &["10.66.0.1", "10.66.0.2"]), &Vmacs::default()).unwrap();
    let rules = nft("list ruleset");
    assert!(rules.contains("elements = { 10.66.0.1, 10.66.0.2 }"), "{rules}");
    assert!(rules.contains("chain witness"), "{rules}");
}

#[test]
fn a_flushed_ruleset_is_made_anew() {
    if !enter_with_firewall() {
        return;
    }
    let index = v0();
    let mut firewall = open();
    firewall.reconcile(&addresses(index, &["10.66.0.1"]), &Vmacs::default()).unwrap();
    nft("flush ruleset");
    firewall.reconcile(&addresses(index, &["10.66.0.1", "10.66.0.2"]), &Vmacs::default()).unwrap();
    assert_eq!(nft("list ruleset"), IPV4);
    nft("flush ruleset");
    firewall.reconcile(&BTreeSet::new(), &Vmacs::default()).unwrap();
    assert_eq!(nft("list ruleset"), "");
}

#[test]
fn rules_that_somebody_removed_are_missed_though_the_wish_is_the_same() {
    if !enter_with_firewall() {
        return;
    }
    let index = v0();
    let mut firewall = open();
    let ipv6 = addresses(index, &["2001:db8::1", "fe80::5:6"]);
    for (drop, rules) in [(addresses(index, &["10.66.0.1", "10.66.0.2"]), IPV4), (ipv6, IPV6)] {
        firewall.reconcile(&drop, &Vmacs::default()).unwrap();
        let family = if rules == IPV4 { "ip" } else { "ip6" };
        for theft in ["flush ruleset".to_owned(), format!("flush chain {family} keepalived in")] {
            assert!(!firewall.look().unwrap(), "all is well before {theft}");
            nft(&theft);
            assert!(firewall.look().unwrap(), "{theft}");
            assert!(firewall.reconcile(&drop, &Vmacs::default()).unwrap(), "{theft}");
            assert_eq!(nft("list ruleset"), rules, "{theft}");
        }
        // Others may do as they like.
        nft("add table ip other");
        nft("add chain ip other in");
        nft("add rule ip other in counter");
        assert!(!firewall.look().unwrap());
        nft("delete table ip other");
    }
    firewall.reconcile(&BTreeSet::new(), &Vmacs::default()).unwrap();
    assert!(!firewall.look().unwrap(), "nothing is wanted");
}

#[test]
fn a_table_of_an_earlier_process_goes_when_its_name_changes() {
    if !enter_with_firewall() {
        return;
    }
    let index = v0();
    let drop = addresses(index, &["10.66.0.1", "10.66.0.2"]);
    open().reconcile(&drop, &Vmacs::default()).unwrap();
    let mut successor = open();
    let other = Options { table: "other".to_owned(), ..Options::default() };
    successor.configure(other).unwrap();
    successor.reconcile(&drop, &Vmacs::default()).unwrap();
    assert_eq!(nft("list tables"), "table ip other\n");
}

#[test]
fn a_table_that_an_earlier_process_left_is_taken_over_or_removed() {
    if !enter_with_firewall() {
        return;
    }
    let index = v0();
    let left = addresses(index, &["10.66.0.1", "10.66.0.7"]);
    open().reconcile(&left, &Vmacs::default()).unwrap();
    let wanted = addresses(index, &["10.66.0.1", "10.66.0.2"]);
    open().reconcile(&wanted, &Vmacs::default()).unwrap();
    assert_eq!(nft("list ruleset"), IPV4);
    nft("add table ip other");
    open().reconcile(&BTreeSet::new(), &Vmacs::default()).unwrap();
    assert_eq!(nft("list ruleset"), "table ip other {\n}\n");
}

#[test]
fn thousands_of_addresses_fit() {
    if !enter_with_firewall() {
        return;
    }
    let index = v0();
    let many: BTreeSet<_> =
        (0..5000u32).map(|n| (index, IpAddr::from((0x0a00_0000 + n).to_be_bytes()))).collect();
    let mut firewall = open();
    firewall.reconcile(&many, &Vmacs::default()).unwrap();
    let listed = nft("list set ip keepalived vips");
    assert_eq!(listed.matches("10.0.").count(), 5000);
    firewall.reconcile(&BTreeSet::new(), &Vmacs::default()).unwrap();
    assert_eq!(nft("list ruleset"), "");
}

/// What Debian's keepalived 2.2.7 makes for a VMAC, with `nftables_counters` and `nftables_priority 7`.
const VMAC_IPV4: &str = "table ip keepalived {
	map vmac_map {
		type iface_index : iface_index
		elements = { \"vrrp.51\" : \"v0\" }
	}

	chain out {
		type filter hook output priority filter - 1; policy accept;
		ip protocol igmp meta oifkind \"macvlan\" dup to ip daddr device oif map @vmac_map drop
	}
}
";

const VMAC_IPV6: &str = "table ip6 vrrp {
	map vmac_map {
		type iface_index : iface_index
		elements = { \"vrrp.51\" : \"v0\" }
	}

	set vmac_set {
		type iface_index
		elements = { \"vrrp.51\" }
	}

	chain out {
		type filter hook output priority filter + 7; policy accept;
		icmpv6 type mld2-listener-report meta oifkind \"macvlan\" dup to ip6 daddr device oif map @vmac_map counter packets 0 bytes 0 drop
		icmpv6 type nd-router-solicit meta oifkind \"macvlan\" oif @vmac_set counter packets 0 bytes 0 drop
	}
}
";

#[test]
fn reports_of_a_virtual_mac_leave_by_its_base() {
    if !enter_with_firewall() {
        return;
    }
    let base = v0();
    ip("link add link v0 name vrrp.51 type macvlan mode private");
    let line = ip("-o link show dev vrrp.51");
    let vmac = IfIndex::new(line.split(':').next().unwrap().trim().parse().unwrap()).unwrap();
    let pairs = BTreeMap::from([(vmac, base)]);
    let mut firewall = open();
    let ipv4 = Vmacs { ipv4: pairs.clone(), ipv6: BTreeMap::new() };
    assert!(firewall.reconcile(&BTreeSet::new(), &ipv4).unwrap());
    assert_eq!(nft("list ruleset"), VMAC_IPV4);
    assert!(!firewall.reconcile(&BTreeSet::new(), &ipv4).unwrap());

    // With addresses the rules for the VMAC come first; without them they stay alone.
    let drop = addresses(base, &["10.66.0.1"]);
    assert!(firewall.reconcile(&drop, &ipv4).unwrap());
    let both = nft("list ruleset");
    let order = ["igmp", "ip saddr @vips drop", "ip daddr @vips drop"].map(|part| both.find(part));
    assert!(order.is_sorted() && order[0].is_some(), "{both}");
    assert!(firewall.reconcile(&BTreeSet::new(), &ipv4).unwrap());
    assert_eq!(nft("list ruleset"), VMAC_IPV4);

    let options = Options { table: "vrrp".to_owned(), priority: 7, counters: true };
    firewall.configure(options).unwrap();
    let ipv6 = Vmacs { ipv4: BTreeMap::new(), ipv6: pairs };
    assert!(firewall.reconcile(&BTreeSet::new(), &ipv6).unwrap());
    assert_eq!(nft("list ruleset"), VMAC_IPV6, "the old table is gone");
    assert!(firewall.reconcile(&BTreeSet::new(), &Vmacs::default()).unwrap());
    assert_eq!(nft("list ruleset"), "");
}
