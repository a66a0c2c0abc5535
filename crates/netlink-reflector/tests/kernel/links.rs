use std::time::{Duration, Instant as Clock};

use base::Instant;
use netlink::Socket;
use netlink_reflector::{Change, Link, Reflector};

use crate::namespace::{enter, ip};

/// The kernel tells of a carrier a little later: it has a thread for that.
pub(crate) fn wait_for(
    reflector: &mut Reflector<Socket>,
    name: &str,
    wanted: impl Fn(&Link) -> bool,
) {
    let end = Clock::now() + Duration::from_secs(10);
    while !wanted(reflector.link_by_name(name).unwrap()) {
        assert!(Clock::now() < end, "{:?}", reflector.link_by_name(name));
        std::thread::sleep(Duration::from_millis(1));
        reflector.drain(Instant::default()).unwrap();
    }
}

#[test]
fn a_link_is_seen_to_come_change_and_go() {
    if !enter() {
        return;
    }
    let now = Instant::from_micros(1);
    let mut reflector = Reflector::open().unwrap();
    let changes = reflector.resync().unwrap();
    let Change::LinkNew(lo) = &changes[0] else { panic!("{changes:?}") };
    assert!(lo.loopback && !lo.broadcast, "{lo:?}");
    assert_eq!((lo.hardware, lo.parent_namespace), (772, None));
    assert!(changes.iter().any(
        |change| matches!(change, Change::AddressAdded(address) if address.net.to_string() == "127.0.0.1/8")
    ));

    ip("link add v0 address 02:00:00:00:00:05 mtu 1400 type veth peer name v1");
    let changes = reflector.drain(now).unwrap();
    let new: Vec<_> = changes
        .iter()
        .filter_map(|change| match change {
            Change::LinkNew(link) => Some(link.name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(new, ["v1", "v0"], "the peer is made first");
    let link = reflector.link_by_name("v0").unwrap().clone();
    assert_eq!((link.up, link.running, link.mtu), (false, false, 1400));
    assert_eq!(link.mac, Some([2, 0, 0, 0, 0, 5]));
    assert_eq!(link.kind.as_deref(), Some("veth"));
    assert_eq!(link.parent, reflector.link_by_name("v1").map(|peer| peer.index));

    // no addresses of the kernel's own
    ip("link set v0 addrgenmode none");
    ip("link set v1 addrgenmode none");
    ip("link set v0 up");
    ip("link set v1 up");
    wait_for(&mut reflector, "v0", |link| link.up && link.running);

    // the carrier goes when the other end is switched off
    ip("link set v1 down");
    wait_for(&mut reflector, "v0", |link| link.up && !link.running);

    ip("link set v0 down");
    ip("link set v0 name w0");
    let changes = reflector.drain(now).unwrap();
    let renamed =
        |change: &Change| matches!(change, Change::LinkChanged(link) if link.name == "w0");
    assert!(changes.iter().any(renamed), "{changes:?}");
    assert!(reflector.link_by_name("v0").is_none());
    assert_eq!(reflector.link_by_name("w0").unwrap().index, link.index);

    ip("link del w0");
    let changes = reflector.drain(now).unwrap();
    assert!(changes.contains(&Change::LinkRemoved(link.index, "w0".to_owned())), "{changes:?}");
    assert_eq!(reflector.links().count(), 1, "only the loopback is left");
    assert_eq!(reflector.drain(now).unwrap(), [], "nothing more");
}

#[test]
fn a_bridge_port_is_not_gone_when_it_leaves_the_bridge() {
    if !enter() {
        return;
    }
    let now = Instant::from_micros(1);
    let mut reflector = Reflector::open().unwrap();
    ip("link add br0 type bridge");
    ip("link add v0 type veth peer name v1");
    reflector.resync().unwrap();
    let bridge = reflector.link_by_name("br0").unwrap().index;
    ip("link set v0 master br0");
    reflector.drain(now).unwrap();
    assert_eq!(reflector.link_by_name("v0").unwrap().master, Some(bridge));
    ip("link set v0 nomaster");
    reflector.drain(now).unwrap();
    assert_eq!(reflector.link_by_name("v0").unwrap().master, None);
}
