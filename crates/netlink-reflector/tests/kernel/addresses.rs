use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use base::{IfIndex, Instant, IpNet};
use netlink_reflector::reflector::Report;
use netlink_reflector::{Change, DesiredAddress, Reflector};

use crate::links::wait_for;
use crate::namespace::{enter, ip};

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn with_veth() -> (Reflector<netlink::Socket>, IfIndex) {
    ip("link add v0 type veth peer name v1");
    // no addresses but those of the test
    ip("link set v0 addrgenmode none");
    ip("link set v1 addrgenmode none");
    ip("link set v0 up");
    ip("link set v1 up");
    let mut reflector = Reflector::open().unwrap();
    reflector.drop_echoes_of_addresses().unwrap();
    reflector.resync().unwrap();
    wait_for(&mut reflector, "v0", |link| link.running);
    wait_for(&mut reflector, "v1", |link| link.running);
    let index = reflector.link_by_name("v0").unwrap().index;
    (reflector, index)
}

fn keys(desired: &[DesiredAddress]) -> BTreeSet<(IfIndex, IpNet)> {
    desired.iter().map(|desired| (desired.index, desired.net)).collect()
}

/// Plans and carries out everything, and plans again where a removal may have taken others along, as
/// the VRRP process does. The report counts all of it, with the refusals of the last step.
fn reconcile(
    reflector: &mut Reflector<netlink::Socket>,
    managed: &BTreeSet<(IfIndex, IpNet)>,
    desired: &[DesiredAddress],
) -> Result<Report, netlink::Error> {
    let mut report = Report::default();
    for _ in 0..3 {
        if reflector.plan(managed, desired)? == 0 {
            break;
        }
        let step = reflector.step(usize::MAX)?;
        let (added, removed) = (report.added + step.added, report.removed + step.removed);
        report = Report { added, removed, ..step };
        if !report.disturbed {
            break;
        }
    }
    Ok(report)
}

/// The addresses of v0 as `ip` lists them.
fn listed() -> Vec<String> {
    let text = ip("-o addr show dev v0");
    let words = |line: &str| line.split_whitespace().nth(3).unwrap().to_owned();
    text.lines().map(words).collect()
}

#[test]
fn addresses_are_added_once_and_removed_once() {
    if !enter() {
        return;
    }
    let (mut reflector, index) = with_veth();
    let desired = [
        DesiredAddress {
            label: Some("v0:vip".to_owned()),
            scope: 253,
            broadcast: Some(Ipv4Addr::new(10, 0, 0, 255)),
            ..DesiredAddress::new(index, net("10.0.0.1/24"))
        },
        DesiredAddress::new(index, net("10.0.0.2/32")),
        DesiredAddress {
            nodad: true,
            preferred_lifetime: Some(0),
            ..DesiredAddress::new(index, net("2001:db8::1/128"))
        },
    ];
    let managed = keys(&desired);
    let report = reconcile(&mut reflector, &managed, &desired).unwrap();
    assert_eq!((report.added, report.removed), (3, 0), "{report:?}");
    assert_eq!(listed(), ["10.0.0.1/24", "10.0.0.2/32", "2001:db8::1/128"]);
    let text = ip("-o addr show dev v0");
    let line = |address: &str| text.lines().find(|line| line.contains(address)).unwrap();
    assert!(
        line("10.0.0.1/24").contains("brd 10.0.0.255 scope link proto keepalived v0:vip")
            || line("10.0.0.1/24").contains("brd 10.0.0.255 scope link proto 18 v0:vip")
            || line("10.0.0.1/24").contains("brd 10.0.0.255 scope link v0:vip"),
        "{text}"
    );
    assert!(line("2001:db8::1").contains("nodad"), "{text}");
    assert!(line("2001:db8::1").contains("preferred_lft 0sec"), "{text}");

    // the mirror knows before the events are read, and the events are no news
    assert!(reflector.address(index, "10.0.0.2".parse().unwrap()).is_some());
    assert_eq!(reflector.drain(Instant::default()).unwrap(), []);
    assert_eq!(reconcile(&mut reflector, &managed, &desired).unwrap(), Default::default());

    let report = reconcile(&mut reflector, &managed, &[]).unwrap();
    assert_eq!((report.added, report.removed), (0, 3), "{report:?}");
    assert_eq!(listed(), [] as [&str; 0]);
    assert_eq!(reflector.drain(Instant::default()).unwrap(), []);
}

#[test]
fn a_lease_ends_by_itself_unless_it_is_renewed() {
    if !enter() {
        return;
    }
    let (mut reflector, index) = with_veth();
    let leased = |text| DesiredAddress { lease: Some(1), ..DesiredAddress::new(index, net(text)) };
    let desired = [leased("10.0.0.1/24"), leased("2001:db8::1/64")];
    let managed = keys(&desired);
    reconcile(&mut reflector, &managed, &desired).unwrap();
    let ours = || listed().iter().filter(|found| !found.starts_with("fe80")).count();
    let start = std::time::Instant::now();
    while start.elapsed().as_millis() < 1_600 {
        reflector.renew(desired.clone());
        assert_eq!(reflector.pending_renewals(), 2);
        let report = reflector.step_renewals(usize::MAX).unwrap();
        assert_eq!(report.refused.len(), 0, "{report:?}");
        assert_eq!(ours(), 2, "after {:?}", start.elapsed());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let silent = std::time::Instant::now();
    while ours() > 0 {
        assert!(silent.elapsed().as_millis() < 5_000, "{:?}", listed());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    println!("gone {:?} after the last renewal", silent.elapsed());

    let changes = reflector.drain(Instant::default()).unwrap();
    assert!(
        changes.iter().any(|change| matches!(change, Change::AddressRemoved(_))),
        "{changes:?}"
    );
    let for_ever: Vec<_> =
        desired.iter().map(|one| DesiredAddress { lease: None, ..one.clone() }).collect();
    reconcile(&mut reflector, &managed, &desired).unwrap();
    assert_eq!(reconcile(&mut reflector, &managed, &desired).unwrap(), Default::default());
    reflector.drain(Instant::default()).unwrap();
    reconcile(&mut reflector, &managed, &for_ever).unwrap();
    let text = ip("-o addr show dev v0 scope global");
    assert_eq!(text.matches("valid_lft forever").count(), 2, "a reload takes the lease: {text}");
}

#[test]
fn what_is_not_ours_is_left_alone() {
    if !enter() {
        return;
    }
    let (mut reflector, index) = with_veth();
    ip("addr add 10.0.0.9/24 dev v0");
    ip("addr add 10.0.0.1/24 dev v0");
    let ours = [DesiredAddress::new(index, net("10.0.0.1/32"))];
    reconcile(&mut reflector, &keys(&ours), &ours).unwrap();
    assert_eq!(listed(), ["10.0.0.9/24", "10.0.0.1/32", "10.0.0.1/24"]);
    reconcile(&mut reflector, &keys(&ours), &[]).unwrap();
    assert_eq!(listed(), ["10.0.0.9/24", "10.0.0.1/24"]);
}

#[test]
fn an_address_that_somebody_deletes_is_news_and_comes_back() {
    if !enter() {
        return;
    }
    let (mut reflector, index) = with_veth();
    let desired = [DesiredAddress::new(index, net("10.0.0.1/32"))];
    reconcile(&mut reflector, &keys(&desired), &desired).unwrap();
    ip("addr del 10.0.0.1/32 dev v0");
    let changes = reflector.drain(Instant::default()).unwrap();
    assert!(
        matches!(&changes[..], [Change::AddressRemoved(address)] if address.net == desired[0].net),
        "{changes:?}"
    );
    let report = reconcile(&mut reflector, &keys(&desired), &desired).unwrap();
    assert_eq!(report.added, 1);
    assert_eq!(listed(), ["10.0.0.1/32"]);
}

#[test]
fn single_addresses_that_we_ask_for_are_no_event_and_those_of_others_are() {
    if !enter() {
        return;
    }
    let (mut reflector, index) = with_veth();
    let desired = [DesiredAddress::new(index, net("10.0.0.1/32"))];
    let managed = keys(&desired);
    reconcile(&mut reflector, &managed, &desired).unwrap();
    reconcile(&mut reflector, &managed, &[]).unwrap();
    reconcile(&mut reflector, &managed, &desired).unwrap();
    reflector.drain(Instant::default()).unwrap();
    assert!(reflector.address(index, "10.0.0.1".parse().unwrap()).is_some(), "it is there");
    ip("addr add 10.0.0.2/32 dev v0");
    let changes = reflector.drain(Instant::default()).unwrap();
    assert!(
        matches!(&changes[..], [Change::AddressAdded(address)] if address.net == net("10.0.0.2/32")),
        "{changes:?}"
    );
}

#[test]
fn coming_and_going_of_our_own_address_is_never_news() {
    if !enter() {
        return;
    }
    let (mut reflector, index) = with_veth();
    let desired = [DesiredAddress::new(index, net("10.0.0.1/32"))];
    let managed = keys(&desired);
    for _ in 0..3 {
        assert_eq!(reconcile(&mut reflector, &managed, &desired).unwrap().added, 1);
        assert_eq!(reconcile(&mut reflector, &managed, &[]).unwrap().removed, 1);
    }
    reconcile(&mut reflector, &managed, &desired).unwrap();
    assert_eq!(reflector.drain(Instant::default()).unwrap(), []);
}

#[test]
fn the_rest_of_a_network_survives_the_removal_of_its_first_address() {
    if !enter() {
        return;
    }
    let (mut reflector, index) = with_veth();
    let all: Vec<_> =
        (1..=3).map(|n| DesiredAddress::new(index, net(&format!("10.0.0.{n}/24")))).collect();
    let managed = keys(&all);
    reconcile(&mut reflector, &managed, &all).unwrap();
    // without promote_secondaries the kernel takes .2 and .3 along
    assert_eq!(reconcile(&mut reflector, &managed, &all[1..]).unwrap().refused, []);
    assert_eq!(listed(), ["10.0.0.2/24", "10.0.0.3/24"]);
    assert_eq!(reflector.drain(Instant::default()).unwrap(), [], "nobody has to hear of it");
}

#[test]
fn a_changed_label_makes_the_address_anew() {
    if !enter() {
        return;
    }
    let (mut reflector, index) = with_veth();
    let mut desired = [DesiredAddress::new(index, net("10.0.0.1/32"))];
    let managed = keys(&desired);
    reconcile(&mut reflector, &managed, &desired).unwrap();
    desired[0].label = Some("v0:1".to_owned());
    let report = reconcile(&mut reflector, &managed, &desired).unwrap();
    assert_eq!((report.added, report.removed), (1, 1));
    assert!(ip("-o addr show dev v0").contains("v0:1"));
    assert_eq!(reconcile(&mut reflector, &managed, &desired).unwrap(), Default::default());
}

#[test]
fn a_refused_address_is_named_and_the_others_are_added() {
    if !enter() {
        return;
    }
    let (mut reflector, index) = with_veth();
    let desired = [
        DesiredAddress {
            label: Some("a-label-that-is-too-long".to_owned()),
            ..DesiredAddress::new(index, net("10.0.0.1/32"))
        },
        DesiredAddress::new(index, net("10.0.0.2/32")),
    ];
    let report = reconcile(&mut reflector, &keys(&desired), &desired).unwrap();
    assert_eq!(listed(), ["10.0.0.2/32"]);
    let [refusal] = &report.refused[..] else { panic!("{report:?}") };
    assert_eq!(refusal.request, "add address 10.0.0.1/32 dev v0");
    assert!(refusal.errno > 0);
}

#[test]
fn ten_thousand_addresses_go_in_and_out_and_are_known_without_a_dump() {
    if !enter() {
        return;
    }
    let (mut reflector, index) = with_veth();
    let first = u32::from(Ipv4Addr::new(10, 1, 0, 0));
    let desired: Vec<_> = (0..10_000)
        .map(|n| IpNet::from(IpAddr::from(Ipv4Addr::from_bits(first + n))))
        .map(|net| DesiredAddress::new(index, net))
        .collect();
    let managed = keys(&desired);
    let started = std::time::Instant::now();
    let report = reconcile(&mut reflector, &managed, &desired).unwrap();
    let added = started.elapsed();
    assert_eq!((report.added, report.refused.len()), (10_000, 0));
    assert_eq!(listed().len(), 10_000);
    let started = std::time::Instant::now();
    assert_eq!(reconcile(&mut reflector, &managed, &desired).unwrap(), Default::default());
    let compared = started.elapsed();
    assert_eq!(reflector.resync().unwrap(), [], "the kernel has what the mirror has");
    let started = std::time::Instant::now();
    assert_eq!(reconcile(&mut reflector, &managed, &[]).unwrap().removed, 10_000);
    println!("add {added:?}, compare {compared:?}, remove {:?}", started.elapsed());
    assert_eq!(listed(), [] as [&str; 0]);
    assert_eq!(reflector.drain(Instant::default()).unwrap(), []);
}

#[test]
fn options_of_our_addresses_change_where_they_are_and_the_kernel_agrees() {
    if !enter() {
        return;
    }
    let (mut reflector, index) = with_veth();
    let (noprefixroute, home) = (0x200, 0x10);
    let ipv4 = |flags| DesiredAddress { flags, ..DesiredAddress::new(index, net("10.0.0.1/24")) };
    let ipv6 = |flags, preferred_lifetime| DesiredAddress {
        flags,
        preferred_lifetime,
        nodad: true,
        ..DesiredAddress::new(index, net("2001:db8::1/64"))
    };
    let both = keys(&[ipv4(0), ipv6(0, None)]);
    let stages = [
        [ipv4(0), ipv6(0, None)],
        [ipv4(noprefixroute), ipv6(noprefixroute, Some(0))],
        [ipv4(0), ipv6(home, None)],
        [ipv4(home), ipv6(home | noprefixroute, None)],
        [ipv4(0), ipv6(0, Some(0))],
        [ipv4(0), ipv6(0, None)],
    ];
    for (number, desired) in stages.iter().enumerate() {
        reconcile(&mut reflector, &both, desired).unwrap();
        // What we believe, and what the kernel says.
        assert_eq!(reflector.plan(&both, desired).unwrap(), 0, "{number}: as it is believed");
        reflector.resync().unwrap();
        assert_eq!(reflector.plan(&both, desired).unwrap(), 0, "{number}: as it is");
        let listed = ip("-o addr show dev v0");
        let has = |word: &str| listed.matches(word).count();
        let [one, other] = desired;
        let of = |one: &DesiredAddress, bit| usize::from(one.flags & bit != 0);
        let without_route = of(one, noprefixroute) + of(other, noprefixroute);
        assert_eq!(has("noprefixroute"), without_route, "{number}: {listed}");
        assert_eq!(has(" home"), of(other, home), "{number}: IPv6 alone: {listed}");
        let deprecated = usize::from(other.preferred_lifetime == Some(0));
        assert_eq!(has("deprecated"), deprecated, "{number}: {listed}");
    }
}
