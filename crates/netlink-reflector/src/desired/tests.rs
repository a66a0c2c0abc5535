use proptest::prelude::*;

use super::*;
use crate::mirror::tests::{address, link};

fn index(n: u32) -> IfIndex {
    IfIndex::new(n).unwrap()
}

fn desired(n: u32, net: &str) -> DesiredAddress {
    DesiredAddress::new(index(n), net.parse().unwrap())
}

fn managed(keys: &[(u32, &str)]) -> BTreeSet<(IfIndex, IpNet)> {
    keys.iter().map(|(n, net)| (index(*n), net.parse().unwrap())).collect()
}

fn mirror(addresses: Vec<Address>) -> Mirror {
    let mut mirror = Mirror::default();
    mirror.replace(vec![link(2, "eth0"), link(3, "eth1")], addresses);
    mirror
}

fn words(requests: &[AddressRequest]) -> Vec<String> {
    requests.iter().map(AddressRequest::to_string).collect()
}

#[test]
fn what_is_missing_comes_and_what_is_managed_and_not_desired_goes() {
    let mirror = mirror(vec![address(2, "10.0.0.1/32"), address(2, "10.0.0.2/32")]);
    let desired = [desired(2, "10.0.0.2/32"), desired(3, "10.0.0.3/32")];
    let managed = managed(&[(2, "10.0.0.1/32"), (2, "10.0.0.2/32"), (3, "10.0.0.3/32")]);
    assert_eq!(
        words(&difference(&mirror, &managed, &desired)),
        ["remove address 10.0.0.1/32 dev eth0", "add address 10.0.0.3/32 dev eth1"]
    );
}

#[test]
fn an_address_is_ours_only_with_its_interface_and_prefix_length() {
    let mirror = mirror(vec![address(2, "10.0.0.1/24"), address(3, "10.0.0.1/32")]);
    let managed = managed(&[(2, "10.0.0.1/32")]);
    assert_eq!(words(&difference(&mirror, &managed, &[])), [] as [&str; 0]);
}

#[test]
fn an_interface_that_does_not_exist_is_waited_for() {
    let desired = [desired(9, "10.0.0.1/32")];
    assert_eq!(words(&difference(&mirror(vec![]), &BTreeSet::new(), &desired)), [] as [&str; 0]);
}

#[test]
fn an_ipv6_address_is_there_whatever_its_prefix_length() {
    let mirror = mirror(vec![address(2, "2001:db8::1/64"), address(2, "10.0.0.1/24")]);
    let desired = [desired(2, "2001:db8::1/128"), desired(2, "10.0.0.1/32")];
    assert_eq!(
        words(&difference(&mirror, &BTreeSet::new(), &desired)),
        ["add address 10.0.0.1/32 dev eth0"]
    );
}

#[test]
fn our_own_address_is_made_anew_when_it_is_configured_otherwise() {
    let own = |label: &str| Address {
        label: Some(label.to_owned()),
        protocol: Some(PROTOCOL_KEEPALIVED),
        ..address(2, "10.0.0.1/32")
    };
    let count = |actual: Address, desired: DesiredAddress| {
        difference(&mirror(vec![actual]), &BTreeSet::new(), &[desired]).len()
    };
    let plain = desired(2, "10.0.0.1/32");
    let labelled = DesiredAddress { label: Some("eth0:1".to_owned()), ..plain.clone() };
    assert_eq!(count(own("eth0"), plain.clone()), 0, "without a label it is the interface's name");
    assert_eq!(count(own("eth0"), labelled.clone()), 2);
    assert_eq!(count(own("eth0:1"), labelled.clone()), 0);
    assert_eq!(count(own("eth0:1"), plain.clone()), 2);
    let scoped = DesiredAddress { scope: 253, ..plain.clone() };
    assert_eq!(count(own("eth0"), scoped), 2);
    let other = DesiredAddress { broadcast: Some(Ipv4Addr::BROADCAST), ..plain };
    assert_eq!(count(own("eth0"), other), 2);
    let foreign = Address { protocol: None, ..own("eth0") };
    assert_eq!(count(foreign, labelled), 0, "somebody else's will do");
}

#[test]
fn the_messages_are_those_of_the_kernels_header() {
    let wanted = DesiredAddress {
        label: Some("v".to_owned()),
        scope: 253,
        broadcast: Some(Ipv4Addr::new(10, 0, 0, 255)),
        ..desired(2, "10.0.0.1/24")
    };
    let message = AddressRequest::Add(wanted.clone(), "eth0".into()).message();
    assert_eq!((message.kind, message.flags), (20, NlmF::CREATE | NlmF::EXCL));
    let number = |n: u32| n.to_ne_bytes();
    let expected = [
        &[2, 24, 0, 253][..],
        &number(2),
        &[8, 0, 2, 0, 10, 0, 0, 1],
        &[8, 0, 1, 0, 10, 0, 0, 1],
        &[8, 0, 4, 0, 10, 0, 0, 255],
        &[6, 0, 3, 0, b'v', 0, 0, 0],
        &[5, 0, 11, 0, 18, 0, 0, 0],
    ];
    assert_eq!(message.payload().unwrap(), expected.concat());

    let wanted =
        DesiredAddress { nodad: true, preferred_lifetime: Some(0), ..desired(3, "::1/128") };
    let message = AddressRequest::Add(wanted.clone(), "eth1".into()).message();
    let ip = [[0; 15].to_vec(), vec![1]].concat();
    let expected = [
        &[10, 128, 0, 0][..],
        &number(3),
        &[20, 0, 2, 0],
        &ip,
        &[20, 0, 1, 0],
        &ip,
        &[8, 0, 8, 0],
        &number(2),
        &[20, 0, 6, 0],
        &number(0),
        &number(u32::MAX),
        &[0; 8],
        &[5, 0, 11, 0, 18, 0, 0, 0],
    ];
    assert_eq!(message.payload().unwrap(), expected.concat());

    let message =
        AddressRequest::Remove(index(2), "10.0.0.1/24".parse().unwrap(), None, "".into()).message();
    assert_eq!((message.kind, message.flags), (21, NlmF::empty()));
    let expected =
        [&[2, 24, 0, 0][..], &number(2), &[8, 0, 2, 0, 10, 0, 0, 1], &[8, 0, 1, 0, 10, 0, 0, 1]];
    assert_eq!(message.payload().unwrap(), expected.concat());
}

#[test]
fn a_lease_is_in_the_lifetimes_and_its_renewal_replaces_them() {
    let lifetimes = |request: AddressRequest| {
        let payload = request.message().payload().unwrap().to_vec();
        // in front of the protocol's eight bytes
        let at = payload.len().checked_sub(8 + 20).unwrap();
        let number = |at: usize| u32::from_ne_bytes(payload[at..at + 4].try_into().unwrap());
        (payload[at..at + 4] == [20, 0, 6, 0]).then(|| (number(at + 4), number(at + 8)))
    };
    let leased = DesiredAddress { lease: Some(3), ..desired(2, "10.0.0.1/24") };
    let dev = || "eth0".into();
    assert_eq!(lifetimes(AddressRequest::Add(leased.clone(), dev())), Some((3, 3)));
    let renewal = AddressRequest::Renew(leased, dev());
    assert_eq!(renewal.message().flags, NlmF::REPLACE);
    assert_eq!(lifetimes(renewal), Some((3, 3)));
    let single = DesiredAddress {
        lease: Some(3),
        preferred_lifetime: Some(0),
        ..desired(3, "2001:db8::1/128")
    };
    assert_eq!(lifetimes(AddressRequest::Add(single, dev())), Some((0, 3)));
    let message = AddressRequest::Renew(desired(2, "10.0.0.1/24"), dev()).message();
    let for_ever = [[255; 8].to_vec(), vec![0; 8]].concat();
    assert!(message.payload().unwrap().windows(16).any(|bytes| bytes == for_ever));
}

#[test]
fn an_address_gets_or_loses_its_lease_where_it_is() {
    let own = |flags: u32| Address {
        protocol: Some(PROTOCOL_KEEPALIVED),
        label: Some("eth0".to_owned()),
        flags,
        ..address(2, "10.0.0.1/32")
    };
    let plain = desired(2, "10.0.0.1/32");
    let leased = DesiredAddress { lease: Some(3), ..plain.clone() };
    let asked = |actual: Address, desired: &DesiredAddress| {
        words(&difference(&mirror(vec![actual]), &BTreeSet::new(), std::slice::from_ref(desired)))
    };
    let renewal = ["renew address 10.0.0.1/32 dev eth0"];
    assert_eq!(asked(own(PERMANENT), &leased), renewal);
    assert_eq!(asked(own(0), &plain), renewal);
    assert_eq!(asked(own(0), &leased), [] as [&str; 0], "what adverts renew is no difference");
    assert_eq!(asked(own(PERMANENT), &plain), [] as [&str; 0]);
    let foreign = Address { flags: 0, ..address(2, "10.0.0.1/32") };
    assert_eq!(asked(foreign, &plain), [] as [&str; 0], "somebody else's lifetime is his");
}

#[test]
fn options_that_a_reload_changes_reach_the_kernel() {
    let own = |net: &str, flags: u32| Address {
        protocol: Some(PROTOCOL_KEEPALIVED),
        flags: flags | PERMANENT,
        label: net.contains('.').then(|| "eth0".to_owned()),
        ..address(2, net)
    };
    let asked = |actual: &Address, desired: DesiredAddress| {
        words(&difference(&mirror(vec![actual.clone()]), &BTreeSet::new(), &[desired]))
    };
    let (noprefixroute, autojoin) = (0x200, 0x400);
    let ipv4 = |flags| DesiredAddress { flags, ..desired(2, "10.0.0.1/32") };
    let anew = ["remove address 10.0.0.1/32 dev eth0", "add address 10.0.0.1/32 dev eth0"];
    assert_eq!(asked(&own("10.0.0.1/32", 0), ipv4(noprefixroute)), anew);
    assert_eq!(asked(&own("10.0.0.1/32", noprefixroute), ipv4(0)), anew);
    let secondary = own("10.0.0.1/32", noprefixroute | 0x01);
    assert_eq!(asked(&secondary, ipv4(noprefixroute)), [] as [&str; 0]);

    let ipv6 = |flags, preferred_lifetime| DesiredAddress {
        flags,
        preferred_lifetime,
        nodad: true,
        ..desired(2, "2001:db8::1/64")
    };
    let renewed = ["renew address 2001:db8::1/64 dev eth0"];
    let plain = own("2001:db8::1/64", NODAD);
    assert_eq!(asked(&plain, ipv6(0, None)), [] as [&str; 0]);
    assert_eq!(asked(&plain, ipv6(noprefixroute, None)), renewed);
    assert_eq!(asked(&plain, ipv6(0, Some(0))), renewed);
    assert_eq!(asked(&plain, ipv6(0, Some(60))), [] as [&str; 0]);
    let unused = own("2001:db8::1/64", NODAD | DEPRECATED);
    assert_eq!(asked(&unused, ipv6(0, Some(0))), [] as [&str; 0]);
    assert_eq!(asked(&unused, ipv6(0, None)), renewed);
    assert_eq!(asked(&plain, ipv6(autojoin, None)).len(), 2, "the kernel joins when it adds");
    let foreign = Address { protocol: None, ..plain };
    assert_eq!(asked(&foreign, ipv6(noprefixroute, Some(0))), [] as [&str; 0]);
}

#[test]
fn an_ipv6_address_that_gets_another_prefix_length_goes_and_comes_in_one_plan() {
    let mirror = mirror(vec![address(2, "2001:db8::1/64")]);
    let managed = managed(&[(2, "2001:db8::1/64"), (2, "2001:db8::1/128")]);
    assert_eq!(
        words(&difference(&mirror, &managed, &[desired(2, "2001:db8::1/128")])),
        ["remove address 2001:db8::1/64 dev eth0", "add address 2001:db8::1/128 dev eth0"]
    );
}

fn any_keys() -> impl Strategy<Value = BTreeSet<(u32, u8)>> {
    prop::collection::btree_set((2..4u32, 0..6u8), 0..8)
}

proptest! {
    #[test]
    fn afterwards_there_is_what_is_desired_and_what_is_not_ours(
        there in any_keys(),
        ours in any_keys(),
        wanted in any_keys(),
    ) {
        let net = |last: &u8| format!("10.0.0.{last}/32");
        let actual = there.iter().map(|(n, last)| address(*n, &net(last))).collect();
        let mut mirror = mirror(actual);
        let wanted: Vec<_> = wanted.iter().map(|(n, last)| desired(*n, &net(last))).collect();
        let managed: BTreeSet<(IfIndex, IpNet)> =
            ours.iter().map(|(n, last)| (index(*n), net(last).parse().unwrap())).collect();
        for request in difference(&mirror, &managed, &wanted) {
            let new = match &request {
                AddressRequest::Add(desired, dev) | AddressRequest::Renew(desired, dev) => {
                    Some(desired.as_added(dev))
                }
                AddressRequest::Remove(..) => None,
            };
            mirror.own(request.key(), new);
        }
        prop_assert_eq!(difference(&mirror, &managed, &wanted).len(), 0, "nothing is left to do");
        let desired: BTreeSet<_> = wanted.iter().map(|wanted| (wanted.index, wanted.net)).collect();
        let before = there.iter().map(|(n, last)| (index(*n), net(last).parse().unwrap()));
        let expected: BTreeSet<_> =
            before.filter(|key| !managed.contains(key)).chain(desired).collect();
        let after: BTreeSet<_> = [2, 3]
            .iter()
            .flat_map(|n| mirror.addresses(index(*n)).map(|found| (found.index, found.net)))
            .collect();
        prop_assert_eq!(after, expected);
    }
}
