use base::Instant;
use netlink_reflector::{Change, LinkRequest, OwnLink, OwnLinkKind, Reflector};

use crate::namespace::{enter, ip};

#[test]
fn a_virtual_mac_is_made_found_again_raised_and_removed() {
    if !enter() {
        return;
    }
    ip("link add v0 type veth peer name v1");
    ip("link set v0 up");
    ip("link set v1 up");
    let mut reflector = Reflector::open().unwrap();
    reflector.resync().unwrap();
    let base = reflector.link_by_name("v0").unwrap().index;
    let kind = OwnLinkKind::Macvlan([0, 0, 0x5e, 0, 1, 51]);
    let wanted = OwnLink { name: "vrrp.51".into(), base, kind, group: Some(7), master: None };
    let create = [LinkRequest::Create(wanted.clone())];
    assert_eq!(reflector.change_links(&create).unwrap(), []);
    let made = reflector.link_by_name("vrrp.51").unwrap().clone();
    assert!(wanted.is_met_by(&made) && !made.up, "{made:?}");
    let shown = ip("-d link show vrrp.51");
    assert!(shown.contains("macvlan mode private") && shown.contains("group 7"), "{shown}");
    assert!(reflector.has_more(), "its owner has not heard of it");
    let news = reflector.drain(Instant::default()).unwrap();
    assert!(news.contains(&Change::LinkNew(made.clone())), "{news:?}");

    let refusals = reflector.change_links(&create).unwrap();
    assert_eq!(refusals.len(), 1);
    assert!(refusals[0].to_string().contains("add macvlan interface vrrp.51"), "{}", refusals[0]);

    for up in [true, false, true] {
        let raise = [LinkRequest::Raise(made.index, up, made.name.clone())];
        assert_eq!(reflector.change_links(&raise).unwrap(), []);
        assert_eq!(reflector.link(made.index).unwrap().up, up);
    }
    assert_eq!(made.group, 7);
    ip("link set vrrp.51 down");
    ip("link set vrrp.51 name other");
    let back = [
        LinkRequest::Rename(made.index, "vrrp.51".into(), "other".into()),
        // Of what is down the kernel does not tell that it is in another group.
        LinkRequest::Raise(made.index, true, made.name.clone()),
        LinkRequest::Group(made.index, 8, made.name.clone()),
    ];
    assert_eq!(reflector.change_links(&back).unwrap(), []);
    let link = reflector.link_by_name("vrrp.51").unwrap();
    assert_eq!((link.index, link.group), (made.index, 8));
    assert!(wanted.is_met_by(link), "its group is no matter");
    let remove = [LinkRequest::Remove(made.index, made.name.clone())];
    assert_eq!(reflector.change_links(&remove).unwrap(), []);
    assert!(reflector.link_by_name("vrrp.51").is_none());
}

#[test]
fn what_somebody_else_made_of_that_name_is_not_taken_for_ours() {
    if !enter() {
        return;
    }
    ip("link add v0 type veth peer name v1");
    ip("link add link v0 name vrrp.51 address 00:00:5e:00:01:33 type macvlan mode bridge");
    ip("link add link v0 name vrrp.52 address 02:00:5e:00:01:34 type macvlan mode private");
    ip("link add link v1 name vrrp.53 address 00:00:5e:00:01:35 type macvlan mode private");
    ip("link add link v0 name vrrp.54 address 00:00:5e:00:01:36 type macvlan mode private");
    let mut reflector = Reflector::open().unwrap();
    reflector.resync().unwrap();
    let base = reflector.link_by_name("v0").unwrap().index;
    let is_met = |vrid: u8| {
        let (name, kind) = (format!("vrrp.{vrid}"), OwnLinkKind::Macvlan([0, 0, 0x5e, 0, 1, vrid]));
        let actual = reflector.link_by_name(&name).unwrap();
        OwnLink { name, base, kind, group: None, master: None }.is_met_by(actual)
    };
    assert_eq!([51, 52, 53, 54].map(is_met), [false, false, false, true]);
}
