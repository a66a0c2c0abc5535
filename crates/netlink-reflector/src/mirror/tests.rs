use proptest::prelude::*;

use super::*;
use crate::address::TENTATIVE;

fn index(n: u32) -> IfIndex {
    IfIndex::new(n).unwrap()
}

pub(crate) fn link(n: u32, name: &str) -> Link {
    Link {
        index: index(n),
        name: name.to_owned(),
        up: true,
        running: true,
        noarp: false,
        broadcast: true,
        loopback: false,
        point_to_point: false,
        multicast: true,
        hardware: 1,
        mac: Some([2, 0, 0, 0, 0, 1]),
        mtu: 1500,
        parent: None,
        parent_namespace: None,
        master: None,
        kind: None,
        mode: None,
        ipvlan_flags: None,
        group: 0,
        table: None,
    }
}

pub(crate) fn address(n: u32, net: &str) -> Address {
    Address {
        index: index(n),
        net: net.parse().unwrap(),
        peer: None,
        scope: 0,
        flags: crate::address::PERMANENT,
        label: None,
        broadcast: None,
        protocol: None,
    }
}

fn mirror() -> Mirror {
    let mut mirror = Mirror::default();
    mirror.replace(
        vec![link(1, "lo"), link(2, "eth0")],
        vec![address(1, "127.0.0.1/8"), address(2, "10.0.0.1/24"), address(2, "2001:db8::1/64")],
    );
    mirror.take_changes();
    mirror
}

#[test]
fn a_first_dump_is_all_news_with_links_before_their_addresses() {
    let mut mirror = Mirror::default();
    mirror.replace(vec![link(2, "eth0")], vec![address(2, "10.0.0.1/24")]);
    assert_eq!(
        mirror.take_changes(),
        [Change::LinkNew(link(2, "eth0")), Change::AddressAdded(address(2, "10.0.0.1/24"))]
    );
    assert_eq!(mirror.take_changes(), [], "told once");
}

#[test]
fn a_dump_that_equals_the_mirror_is_no_news() {
    let mut mirror = mirror();
    let links: Vec<_> = mirror.links().cloned().collect();
    let addresses: Vec<_> =
        [1, 2].iter().flat_map(|n| mirror.addresses(index(*n)).cloned()).collect();
    mirror.replace(links, addresses);
    assert_eq!(mirror.take_changes(), []);
}

#[test]
fn what_a_dump_no_longer_holds_is_gone() {
    let mut mirror = mirror();
    mirror.replace(vec![link(1, "lo")], vec![address(1, "127.0.0.1/8")]);
    assert_eq!(
        mirror.take_changes(),
        [
            Change::AddressRemoved(address(2, "10.0.0.1/24")),
            Change::AddressRemoved(address(2, "2001:db8::1/64")),
            Change::LinkRemoved(index(2), "eth0".to_owned()),
        ]
    );
}

#[test]
fn a_link_takes_its_addresses_along() {
    let mut mirror = mirror();
    mirror.apply(Event::LinkGone(index(2)));
    assert_eq!(mirror.addresses(index(2)).count(), 0);
    assert_eq!(mirror.link_by_name("eth0"), None);
    assert_eq!(mirror.take_changes().len(), 3);
}

#[test]
fn what_went_and_came_back_is_no_news() {
    let mut mirror = mirror();
    mirror.apply(Event::AddressGone(address(2, "10.0.0.1/24")));
    mirror.apply(Event::Address(address(2, "10.0.0.1/24")));
    mirror.apply(Event::Address(address(2, "10.0.0.2/24")));
    mirror.apply(Event::AddressGone(address(2, "10.0.0.2/24")));
    mirror.apply(Event::Link(Link { up: false, ..link(2, "eth0") }));
    mirror.apply(Event::Link(link(2, "eth0")));
    assert_eq!(mirror.take_changes(), []);
}

#[test]
fn events_about_our_own_requests_are_no_news() {
    let mut mirror = mirror();
    let own = address(2, "10.0.0.9/32");
    mirror.own((own.index, own.net), Some(own.clone()));
    assert_eq!(mirror.address(own.index, own.net), Some(&own));
    // the kernel's events come afterwards, with details of its own
    mirror.apply(Event::Address(Address { flags: 0x80, ..own.clone() }));
    assert_eq!(mirror.take_changes(), []);
    mirror.own((own.index, own.net), None);
    mirror.apply(Event::AddressGone(own));
    assert_eq!(mirror.take_changes(), []);
}

#[test]
fn somebody_elses_removal_is_news_also_after_our_own_request() {
    let mut mirror = mirror();
    let own = address(2, "10.0.0.9/32");
    mirror.own((own.index, own.net), Some(own.clone()));
    mirror.apply(Event::Address(own.clone()));
    mirror.apply(Event::AddressGone(own.clone()));
    assert_eq!(mirror.take_changes(), [Change::AddressRemoved(own)]);
}

#[test]
fn an_address_is_news_when_it_becomes_usable() {
    let mut mirror = mirror();
    let tentative = Address { flags: TENTATIVE, ..address(2, "2001:db8::2/64") };
    mirror.apply(Event::Address(tentative.clone()));
    assert_eq!(mirror.take_changes(), [Change::AddressAdded(tentative)]);
    let usable = address(2, "2001:db8::2/64");
    mirror.apply(Event::Address(usable.clone()));
    assert_eq!(mirror.take_changes(), [Change::AddressChanged(usable)]);
    mirror.apply(Event::Address(Address { scope: 5, ..address(2, "2001:db8::2/64") }));
    assert_eq!(mirror.take_changes(), [], "nothing that matters");
}

#[test]
fn a_name_goes_to_its_new_owner() {
    let mut mirror = mirror();
    mirror.apply(Event::Link(link(2, "old")));
    mirror.apply(Event::Link(link(3, "eth0")));
    assert_eq!(mirror.link_by_name("eth0").unwrap().index, index(3));
    assert_eq!(mirror.link_by_name("old").unwrap().index, index(2));
    // two links for a moment with one name, as when events were lost
    mirror.apply(Event::Link(link(4, "old")));
    mirror.apply(Event::LinkGone(index(2)));
    assert_eq!(mirror.link_by_name("old").unwrap().index, index(4));
}

#[test]
fn an_address_is_found_by_itself_and_by_its_network() {
    let mut mirror = mirror();
    mirror.apply(Event::Address(address(2, "10.0.0.1/32")));
    let ip = "10.0.0.1".parse().unwrap();
    assert!(mirror.find(index(2), ip).is_some());
    assert!(mirror.find(index(1), ip).is_none());
    assert!(mirror.address(index(2), "10.0.0.1/32".parse().unwrap()).is_some());
    assert!(mirror.address(index(2), "10.0.0.1/16".parse().unwrap()).is_none());
    assert_eq!(mirror.addresses(index(2)).count(), 3);
}

#[test]
fn the_same_address_with_another_peer_is_another_one() {
    let mut mirror = mirror();
    let peer = Some("10.1.1.1".parse().unwrap());
    mirror.apply(Event::AddressGone(Address { peer, ..address(2, "10.0.0.1/24") }));
    assert_eq!(mirror.take_changes(), []);
}

fn event() -> impl Strategy<Value = Event> {
    let addresses = (1..4u32, 0..4u8, prop_oneof![Just(24u8), Just(32)], any::<bool>());
    let addresses = addresses.prop_map(|(n, last, prefix, gone)| {
        let address = address(n, &format!("10.0.0.{last}/{prefix}"));
        if gone { Event::AddressGone(address) } else { Event::Address(address) }
    });
    let links = (1..4u32, 0..3u8, any::<bool>(), any::<bool>());
    let links = links.prop_map(|(n, name, up, gone)| match gone {
        true => Event::LinkGone(index(n)),
        false => Event::Link(Link { up, ..link(n, &format!("eth{name}")) }),
    });
    prop_oneof![addresses, links]
}

proptest! {
    /// An owner that follows the changes knows what the mirror knows.
    #[test]
    fn changes_lead_from_what_was_known_to_what_is(
        rounds in prop::collection::vec(prop::collection::vec(event(), 0..12), 1..5),
    ) {
        let mut mirror = Mirror::default();
        let mut links = BTreeMap::new();
        let mut addresses = BTreeMap::new();
        for events in rounds {
            events.into_iter().for_each(|event| mirror.apply(event));
            for change in mirror.take_changes() {
                match change {
                    Change::LinkNew(link) => {
                        prop_assert!(links.insert(link.index, link).is_none());
                    }
                    Change::LinkChanged(link) => {
                        let new = link.clone();
                        prop_assert!(links.insert(link.index, link).is_some_and(|old| old != new));
                    }
                    Change::LinkRemoved(index, name) => {
                        prop_assert_eq!(links.remove(&index).map(|link| link.name), Some(name));
                    }
                    Change::AddressAdded(address) => {
                        let key = (address.index, address.net);
                        prop_assert!(addresses.insert(key, address).is_none());
                    }
                    Change::AddressChanged(_) => prop_assert!(false, "none is ever unusable here"),
                    Change::AddressRemoved(address) => {
                        prop_assert!(addresses.remove(&(address.index, address.net)).is_some());
                    }
                }
            }
            prop_assert_eq!(&links, &mirror.links);
            prop_assert_eq!(&addresses, &mirror.addresses);
            for link in mirror.links() {
                let named = mirror.link_by_name(&link.name);
                prop_assert!(named.is_none_or(|named| named.name == link.name));
            }
        }
    }
}

#[test]
fn the_address_that_has_been_there_longest_comes_first() {
    let mut mirror = Mirror::default();
    let dump = ["10.0.0.9/24", "10.0.0.3/24"].map(|net| address(2, net)).to_vec();
    mirror.replace(vec![link(2, "eth0")], dump);
    mirror.apply(Event::Address(address(2, "10.0.0.1/24")));
    mirror.own((index(2), "10.0.0.0/24".parse().unwrap()), Some(address(2, "10.0.0.0/24")));
    let ages = |mirror: &Mirror| -> Vec<String> {
        let by_age = mirror.addresses_by_age(index(2), |_| true).into_iter();
        by_age.map(|address| address.net.addr().to_string()).collect()
    };
    assert_eq!(ages(&mirror), ["10.0.0.9", "10.0.0.3", "10.0.0.1", "10.0.0.0"]);
    let wanted = |address: &Address| address.net.addr() != IpAddr::from([10, 0, 0, 9]);
    assert_eq!(mirror.addresses_by_age(index(2), wanted).len(), 3);
    mirror.apply(Event::AddressGone(address(2, "10.0.0.9/24")));
    mirror.apply(Event::Address(address(2, "10.0.0.3/24")));
    mirror.apply(Event::Address(address(2, "10.0.0.9/24")));
    assert_eq!(ages(&mirror), ["10.0.0.3", "10.0.0.1", "10.0.0.0", "10.0.0.9"]);
}

#[test]
fn a_detection_that_fails_is_news_although_the_address_never_was_of_use() {
    let mut mirror = mirror();
    let with = |flags| Address { flags, ..address(2, "fe80::1/64") };
    mirror.apply(Event::Address(with(TENTATIVE)));
    mirror.take_changes();
    let failed = with(TENTATIVE | crate::address::DADFAILED);
    mirror.apply(Event::Address(failed.clone()));
    assert!(failed.is_duplicate() && !failed.usable());
    assert_eq!(mirror.take_changes(), [Change::AddressChanged(failed)]);
}
