//! VMACs and ipvlans: adverts leave by another interface than they arrive at.

use std::net::IpAddr;

use base::{Duration, IfIndex};
use control_plane::model::own_link::{OwnLink, OwnLinkKind};
use control_plane::model::vrrp::{IpvlanMode, Vmac};
use control_plane::model::{Instance, VirtualAddress};
use wire::ipv4;
use wire::vrrp::{Advert, Body, GROUP_V4, Password};

use crate::fixture::*;
use crate::input::{Input, Packet};
use crate::link::Link;
use crate::output::{OutgoingAdvert, Output};
use crate::router::Fault;

fn own(kind: OwnLinkKind, transmits: bool) -> OwnLink {
    let (name, base) = ("vrrp.51".to_owned(), "eth0".to_owned());
    let (group, vrf) = (None, None);
    OwnLink { name, base, kind, group, vrf, transmits, ipv4: true, ipv6: false }
}

/// VRID 51 with `use_vmac`, as the configuration gives it to the stack.
fn with_vmac(transmits: bool) -> Instance {
    let mut config = instance(100);
    config.own_links = vec![own(OwnLinkKind::Vmac([0, 0, 0x5e, 0, 1, 51]), transmits)];
    config.virtual_addresses[0].interface = "vrrp.51".into();
    config
}

fn vmac(index: u32) -> Link {
    Link {
        index: IfIndex::new(index).unwrap(),
        name: "vrrp.51".into(),
        mac: [0, 0, 0x5e, 0, 1, 51],
        primary_v4: None,
        link_local_v6: None,
        ..eth0()
    }
}

fn master(config: Instance) -> Bench {
    let mut bench = Bench::on(&only(config), &[eth0(), vmac(9)], None);
    bench.run(Duration::from_secs(4));
    assert_eq!(bench.state(), "MASTER");
    bench
}

fn first_advert(bench: &Bench) -> OutgoingAdvert {
    let adverts = bench.out.iter().filter_map(|output| match output {
        Output::SendAdvert(advert) => Some(advert.clone()),
        _ => None,
    });
    adverts.into_iter().next().unwrap()
}

#[test]
fn adverts_leave_by_the_vmac_with_the_address_of_the_base() {
    let bench = master(with_vmac(true));
    let advert = first_advert(&bench);
    assert_eq!((advert.socket.index, advert.socket.foreign_source), (vmac(9).index, true));
    assert_eq!(advert.source, IpAddr::from(OURS));
    let sockets = bench.stack.desired_sockets();
    assert!(sockets.contains(&advert.socket));
    assert_eq!(sockets.len(), 2, "and one at the base");
}

#[test]
fn adverts_are_heard_at_the_vmac_while_it_is_up_and_at_its_base_while_it_is_not() {
    let hear = |bench: &mut Bench, index| {
        let advert = Advert {
            vrid: bench.stack.routers()[0].config().vrid,
            priority: base::Priority::new(150).ok(),
            addresses: Vec::new(),
            body: Body::V2 { seconds: 1, password: Password::None },
        };
        let header = ipv4::Header {
            identification: 1,
            ttl: 255,
            protocol: 112,
            source: HIGH,
            destination: GROUP_V4,
        };
        let payload = advert.emit(HIGH.into(), GROUP_V4.into());
        let bytes = ipv4::emit(&header, &payload).unwrap();
        bench.give(Input::Packet { index, packet: Packet::Ipv4(&bytes) });
    };
    let mut bench = master(with_vmac(true));
    hear(&mut bench, eth0().index);
    assert_eq!(bench.state(), "MASTER", "the copy at the base does not count");
    hear(&mut bench, vmac(9).index);
    assert_eq!(bench.state(), "BACKUP");
    for _ in 0..5 {
        bench.run(Duration::from_secs(1));
        hear(&mut bench, eth0().index);
    }
    assert_eq!(bench.state(), "BACKUP");
    bench.run(Duration::from_secs(3));
    hear(&mut bench, vmac(9).index);
    bench.run(Duration::from_secs(1));
    assert_eq!(bench.state(), "MASTER", "it was not heard there");
}

#[test]
fn addresses_live_on_the_vmac_and_are_announced_from_its_mac() {
    let bench = master(with_vmac(true));
    let desired = bench.stack.desired_addresses();
    assert_eq!((desired.len(), desired[0].index), (1, vmac(9).index));
    let macs = bench.out.iter().filter_map(|output| match output {
        Output::Announce { index, mac, .. } => Some((*index, *mac)),
        _ => None,
    });
    assert!(macs.into_iter().all(|one| one == (vmac(9).index, [0, 0, 0x5e, 0, 1, 51])));
}

#[test]
fn with_vmac_xmit_base_adverts_leave_by_the_base_interface() {
    let bench = master(with_vmac(false));
    let advert = first_advert(&bench);
    assert_eq!((advert.socket.index, advert.socket.foreign_source), (eth0().index, false));
    assert_eq!(bench.stack.desired_sockets().len(), 1);
    assert_eq!(bench.stack.desired_addresses()[0].index, vmac(9).index);
}

#[test]
fn a_vmac_is_up_while_its_router_is_master_and_its_base_is_up() {
    let mut bench = Bench::on(&only(with_vmac(true)), &[eth0(), vmac(9)], None);
    assert!(bench.stack.raised_links().is_empty(), "a backup takes no packets for it");
    bench.run(Duration::from_secs(4));
    assert!(bench.stack.raised_links().contains("vrrp.51"));
    bench.give(Input::Link(down(eth0())));
    assert!(bench.stack.raised_links().is_empty());
}

#[test]
fn without_its_vmac_a_router_is_in_fault_and_says_why() {
    let mut bench = Bench::on(&only(with_vmac(true)), &[eth0()], None);
    assert_eq!(bench.state(), "FAULT");
    assert!(bench.stack.routers()[0].faults().contains(&Fault::OwnLinkMissing));
    assert_eq!(bench.causes(), ["(VI_1) fault: interface vrrp.51 does not exist"]);
    bench.give(Input::Link(down(vmac(9))));
    assert_eq!(bench.state(), "BACKUP", "it is raised by whom becomes master");
}

#[test]
fn a_vmac_that_is_made_anew_under_a_master_is_announced_again() {
    let mut bench = master(with_vmac(true));
    bench.run(Duration::from_secs(6));
    bench.out.clear();
    bench.give(Input::Link(vmac(10)));
    bench.give(Input::LinkGone(vmac(9).index));
    assert_eq!(bench.state(), "MASTER");
    assert_eq!(bench.stack.desired_addresses()[0].index, vmac(10).index);
    assert_eq!(bench.announced().len(), 5);
    bench.run(SECOND);
    assert_eq!(first_advert(&bench).socket.index, vmac(10).index);
    assert!(!bench.log().iter().any(|line| line.contains("vrrp.51 down")), "our own doing");
}

#[test]
fn an_ipvlan_is_up_with_its_address_in_every_state() {
    let address: IpAddr = "10.9.0.77".parse().unwrap();
    let mut config = with_vmac(true);
    let kind = OwnLinkKind::Ipvlan { mode: IpvlanMode::Bridge, address: Some(address) };
    config.own_links = vec![own(kind, true)];
    config.virtual_addresses[0].interface = "eth0".into();
    let mut bench = Bench::on(&only(config), &[eth0(), vmac(9)], None);
    assert_eq!(bench.desired(), ["10.9.0.77/32"]);
    assert!(bench.stack.raised_links().contains("vrrp.51"));
    bench.run(Duration::from_secs(4));
    assert_eq!(bench.desired(), ["10.9.0.77/32", "10.9.0.160/24"]);
    let advert = first_advert(&bench);
    assert_eq!((advert.source, advert.socket.index), (address, vmac(9).index));
    assert_eq!(bench.stack.desired_addresses()[1].index, eth0().index);
}

#[test]
fn an_ipvlan_that_is_given_no_address_waits_for_one() {
    let mut config = with_vmac(true);
    let kind = OwnLinkKind::Ipvlan { mode: IpvlanMode::Bridge, address: None };
    config.own_links = vec![own(kind, true)];
    let mut bench = Bench::on(&only(config), &[eth0(), vmac(9)], None);
    let cause = "interface vrrp.51 has no IPv4 address to send from";
    assert_eq!(bench.causes(), [format!("(VI_1) fault: {cause}")]);
    bench.give(Input::Link(Link { primary_v4: Some(LOW), ..vmac(9) }));
    assert_eq!(bench.causes(), [format!("(VI_1) fault is over: {cause}")]);
    bench.run(Duration::from_secs(4));
    assert_eq!(first_advert(&bench).source, IpAddr::from(LOW));
}

/// VRID 51 on its VMAC, with an address on the VMAC, on a VMAC of its own, and on another interface.
fn with_addresses_elsewhere(all: bool) -> Bench {
    let mut config = with_vmac(true);
    config.vmac = Vmac::Macvlan {
        name: Some("vrrp.51".into()),
        mac: None,
        transmit_base: false,
        for_addresses: false,
        netlink_notify: false,
        group: None,
    };
    let second =
        OwnLink { name: "vrrp1.51".into(), base: "eth1".into(), ..config.own_links[0].clone() };
    config.own_links.push(OwnLink { transmits: false, ..second });
    let on = |net: &str, interface: &str| VirtualAddress::new(net.parse().unwrap(), interface);
    config.virtual_addresses.push(on("10.8.0.1/24", "vrrp1.51"));
    config.virtual_addresses.push(on("10.8.0.2/24", "eth1"));
    config.garp.delay = Duration::ZERO;
    config.garp.extra_interval = Duration::from_secs(10);
    config.garp.extra_all = all;
    let named = |number: u32, name: &str| Link {
        index: IfIndex::new(number).unwrap(),
        name: name.into(),
        ..eth0()
    };
    let links = [eth0(), vmac(9), named(10, "vrrp1.51"), named(3, "eth1")];
    let mut bench = Bench::on(&only(config), &links, None);
    bench.run(Duration::from_secs(4));
    assert_eq!(bench.announced().len(), 3 * 5, "at the takeover all of them");
    bench
}

#[test]
fn every_so_often_what_is_on_other_vmacs_is_announced() {
    let mut bench = with_addresses_elsewhere(false);
    bench.run(Duration::from_secs(9));
    assert!(bench.announced().is_empty());
    bench.run(Duration::from_secs(1));
    assert_eq!(bench.announced(), ["10.8.0.1".parse::<IpAddr>().unwrap()]);
    bench.run(Duration::from_secs(20));
    assert_eq!(bench.announced().len(), 2);
    bench.hear(HIGH, 150);
    bench.give(Input::LinkGone(vmac(9).index));
    bench.run(Duration::from_secs(2));
    assert!(bench.announced().is_empty(), "not when it is not master");
}

#[test]
fn every_so_often_what_is_on_any_other_interface_is_announced() {
    let mut bench = with_addresses_elsewhere(true);
    bench.run(Duration::from_secs(10));
    let mut announced = bench.announced();
    announced.sort();
    let wanted: [IpAddr; 2] = ["10.8.0.1".parse().unwrap(), "10.8.0.2".parse().unwrap()];
    assert_eq!(announced, wanted);
}

#[test]
fn whose_interface_is_renamed_leaves_while_it_can_be_heard_and_takes_its_addresses_away() {
    let mut bench = Bench::master(&only(instance(100)));
    bench.give(Input::Link(Link { name: "lan0".into(), ..eth0() }));
    assert_eq!(bench.state(), "FAULT");
    assert_eq!(bench.adverts(), [0, 0]);
    assert_eq!(bench.causes(), ["(VI_1) fault: interface eth0 does not exist"]);
    assert!(bench.desired().is_empty());
    let net = "10.9.0.160/24".parse().unwrap();
    assert!(bench.stack.managed_addresses().contains(&(eth0().index, net)), "still to be removed");
    bench.stack.forget_retired();
    assert!(!bench.stack.managed_addresses().contains(&(eth0().index, net)));
    bench.log();
    bench.give(Input::Link(eth0()));
    let log = bench.log();
    assert!(log.contains(&"Interface name has changed from lan0 to eth0".to_owned()), "{log:?}");
    assert!(log.contains(&"Interface eth0 added".to_owned()));
    assert_eq!(bench.state(), "BACKUP");
}

#[test]
fn an_interface_that_goes_is_named_once_its_router_has_left_and_one_that_nobody_names_is_not() {
    let mut bench = Bench::master(&only(instance(100)));
    let other = Link { index: base::IfIndex::new(7).unwrap(), name: "eth7".into(), ..eth0() };
    bench.give(Input::Link(other.clone()));
    bench.give(Input::LinkGone(other.index));
    bench.log();
    bench.give(Input::LinkGone(eth0().index));
    let log = bench.log();
    let at = |text: &str| log.iter().position(|line| line == text);
    assert!(at("Netlink reports eth0 down") < at("(VI_1) Entering FAULT STATE"), "{log:?}");
    assert!(at("(VI_1) Entering FAULT STATE") < at("Interface eth0 deleted"), "{log:?}");
    assert!(!log.iter().any(|line| line.contains("eth7")));
}
