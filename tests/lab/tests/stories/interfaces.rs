//! Interfaces that get other names, that come and go, and that are not there yet; which address adverts
//! come from; duplicate address detection. With Debian's keepalived beside ours, where it can do it.

use std::net::Ipv4Addr;
use std::time::Duration;

use lab::{Capture, Daemon, Network, Node, Program, left, wait};

const OWN: [&str; 2] = ["10.9.0.1/24", "10.9.0.2/24"];
const VIP: &str = "10.9.0.160";
const ON_VMAC: &str = "10.9.0.161";
const LIMIT: Duration = Duration::from_secs(20);

/// Skew time of priority 100, and what a loaded machine adds.
const AT_ONCE: Duration = Duration::from_millis(2_500);

fn instance(name: &str, vrid: u8, priority: u8, rest: &str) -> String {
    format!(
        "vrrp_instance {name} {{
            state BACKUP
            interface eth0
            virtual_router_id {vrid}
            priority {priority}
            {rest}
        }}\n"
    )
}

fn plain(priority: u8) -> String {
    instance("VI_1", 51, priority, &format!("virtual_ipaddress {{ {VIP}/24 }}"))
}

fn both(priority: u8) -> String {
    let vmac = format!("use_vmac\n virtual_ipaddress {{ {ON_VMAC}/24 }}");
    format!("{}{}", plain(priority), instance("VI_2", 52, priority, &vmac))
}

/// Under the eyes of who uses it where the kernel can do that, else while it is down. `true`: the former.
fn rename(node: &Node, from: &str, to: &str) -> bool {
    let live = node.try_sh(&format!("ip link set {from} name {to}")).status.success();
    if !live {
        node.sh(&format!(
            "ip link set {from} down; ip link set {from} name {to}; ip link set {to} up"
        ));
    }
    live
}

fn a_master_is_renamed(program: &Program) {
    let network = Network::new();
    let one = network.machine("one", "eth0", &OWN[..1]);
    let two = network.machine("two", "eth0", &OWN[1..]);
    let peer = Program::debian().unwrap_or_else(Program::ours);
    let backup = Daemon::start(&peer, &two, &plain(100));
    let master = Daemon::start(program, &one, &plain(150));
    wait::eventually(LIMIT, "the higher router is master alone", || {
        one.holds(VIP) && !two.holds(VIP)
    });
    let sent = Capture::of(&network, &one);
    let is_ours = program.path() == Program::ours().path();
    let live = rename(&one, "eth0", "lan0");
    wait::eventually(LIMIT, "the address has moved", || !one.holds(VIP) && two.holds(VIP));
    if live && is_ours {
        let last = sent.adverts().pop().expect("an advert left").1;
        assert_eq!(last.priority, 0, "it has said that it leaves");
    }
    let on_lan0 = one.addresses();
    assert_eq!(on_lan0.len(), 1, "{on_lan0:?}");
    master.wait_log("Interface name has changed from eth0 to lan0", LIMIT);

    rename(&one, "lan0", "eth0");
    wait::eventually(LIMIT, "the address is back", || one.holds(VIP) && !two.holds(VIP));
    master.wait_log("Interface eth0 added", LIMIT);
    assert!(master.stop().1.success());
    wait::eventually(AT_ONCE, "the lower router has taken over", || two.holds(VIP));
    left::nothing(&one, &OWN[..1]);
    assert!(backup.stop().1.success());
}

#[test]
fn a_master_whose_interface_is_renamed_leaves_and_comes_back() {
    a_master_is_renamed(&Program::ours());
}

#[test]
fn keepalived_leaves_a_renamed_interface_too() {
    if let Some(keepalived) = Program::debian() {
        a_master_is_renamed(&keepalived);
    }
}

/// What is said of interfaces that are removed and made again under a router, and of one that only
/// counts for the priority.
fn comes_and_goes(program: &Program) -> Vec<String> {
    let network = Network::new();
    let node = network.machine("one", "eth0", &OWN[..1]);
    let make = "ip link add eth1 type veth peer name peer1; ip link set peer1 up
         ip addr add 10.8.0.1/24 dev eth1; ip link set eth1 up";
    let count = "ip link add eth2 type veth peer name peer2; ip link set peer2 up
         ip link set eth2 up";
    node.sh(make);
    node.sh(count);
    let daemon = Daemon::start(
        program,
        &node,
        "global_defs { dynamic_interfaces }
         vrrp_instance VI_1 {
             state BACKUP
             interface eth1
             version 3
             advert_int 0.3
             virtual_router_id 51
             priority 100
             track_interface { eth2 weight -10 }
             virtual_ipaddress { 10.8.0.160/24 }
         }\n",
    );
    wait::eventually(LIMIT, "it is master", || node.sh("ip -o -4 addr").contains("10.8.0.160"));
    let from = daemon.log().len();
    let mut at = from;
    let steps = [
        ("ip link del eth1", "Interface eth1 deleted"),
        (make, "(VI_1) Entering MASTER STATE"),
        ("ip link del eth2", "Interface eth2 deleted"),
        (count, "Netlink reports eth2 up"),
    ];
    for (command, line) in steps {
        node.sh(command);
        daemon.log().wait_since(at, line, LIMIT);
        at = daemon.log().len();
    }
    let said = daemon.log().text_since(from);
    assert!(daemon.stop().1.success());
    let about = |line: &&str| {
        ["Interface eth", "Netlink reports eth", "Entering"].iter().any(|w| line.contains(w))
    };
    let begins = |line: &str| {
        let marks = ["Interface", "Netlink", "(VI_1)"];
        let at = marks.iter().filter_map(|mark| line.find(mark)).min();
        line[at.unwrap_or(0)..].to_owned()
    };
    said.lines().filter(about).map(begins).collect()
}

#[test]
fn interfaces_that_come_and_go_are_named_in_keepaliveds_words() {
    let ours = comes_and_goes(&Program::ours());
    let wanted = [
        "Netlink reports eth1 down",
        "(VI_1) Entering FAULT STATE",
        "Interface eth1 deleted",
        "Interface eth1 added",
        "Netlink reports eth1 up",
        "(VI_1) Entering BACKUP STATE",
        "(VI_1) Entering MASTER STATE",
        "Netlink reports eth2 down",
        "Interface eth2 deleted",
        "Interface eth2 added",
        "Netlink reports eth2 up",
    ];
    assert_eq!(ours, wanted);
    if let Some(keepalived) = Program::debian() {
        assert_eq!(comes_and_goes(&keepalived), wanted);
    }
}

#[test]
fn a_backup_whose_interface_is_renamed_waits_for_it() {
    let network = Network::new();
    let one = network.machine("one", "eth0", &OWN[..1]);
    let two = network.machine("two", "eth0", &OWN[1..]);
    let backup = Daemon::start(&Program::ours(), &two, &both(100));
    let master = Daemon::start(&Program::ours(), &one, &both(150));
    wait::eventually(LIMIT, "the higher router is master alone", || {
        one.holds(VIP) && !two.holds(VIP) && one.holds(ON_VMAC)
    });
    rename(&two, "eth0", "lan0");
    backup.wait_log("(VI_1) fault: interface eth0 does not exist", LIMIT);
    rename(&two, "lan0", "eth0");
    backup.wait_log("(VI_1) fault is over: interface eth0 does not exist", LIMIT);
    wait::stays(Duration::from_secs(4), "the higher router is master", || {
        one.holds(VIP) && !two.holds(VIP) && !two.holds(ON_VMAC)
    });
    assert!(master.stop().1.success());
    wait::eventually(LIMIT, "the lower router has taken over", || {
        two.holds(VIP) && two.holds(ON_VMAC)
    });
    assert!(backup.stop().1.success());
    left::nothing(&two, &OWN[1..]);
}

#[test]
fn an_interface_that_comes_and_goes_thirty_times_leaves_no_trace() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &OWN[..1]);
    let daemon = Daemon::start(&Program::ours(), &node, &both(255));
    let is_there = || node.holds(VIP) && node.holds(ON_VMAC);
    wait::eventually(LIMIT, "the addresses are there", is_there);
    let pid = daemon.vrrp().pid;
    let descriptors = || node.sh(&format!("ls /proc/{pid}/fd | wc -l"));
    let before = descriptors();
    for round in 0..30 {
        node.sh("ip link del eth0");
        network.plug(&node, "one", "eth0", &OWN[..1]);
        if round % 5 == 0 {
            wait::eventually(LIMIT, "the addresses are there again", is_there);
        }
    }
    wait::eventually(LIMIT, "the addresses are there at last", is_there);
    let sent = Capture::of(&network, &node);
    wait::eventually(LIMIT, "both routers send", || {
        let adverts = sent.adverts();
        [51, 52].iter().all(|vrid| adverts.iter().any(|(_, advert)| advert.vrid == *vrid))
    });
    wait::becomes(LIMIT, "no descriptor is left over", &before, descriptors);
    assert_eq!(daemon.vrrp().pid, pid, "it is the same process");
    let vmacs = node.sh("ip -o link").matches("vrrp.52@eth0").count();
    assert_eq!(vmacs, 1, "{}", node.sh("ip -o link"));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &OWN[..1]);
}

#[test]
fn with_dynamic_interfaces_a_start_needs_none_of_them() {
    let configuration = format!("global_defs {{ dynamic_interfaces }}\n{}", both(255));
    let with = |program: &Program| {
        let network = Network::new();
        let node = network.machine("one", "eth1", &["10.8.0.1/24"]);
        let daemon = Daemon::start(program, &node, &configuration);
        daemon.wait_log("Starting VRRP child process", LIMIT);
        network.plug(&node, "second", "eth0", &OWN[..1]);
        let is_there = || node.holds(VIP) && node.holds(ON_VMAC);
        for _ in 0..2 {
            wait::eventually(LIMIT, "the addresses are there", is_there);
            node.sh("ip link del eth0");
            wait::eventually(LIMIT, "nothing is there", || !is_there());
            network.plug(&node, "second", "eth0", &OWN[..1]);
        }
        wait::eventually(LIMIT, "the addresses are there again", is_there);
        let found = node.addresses();
        assert!(daemon.stop().1.success());
        found
    };
    let ours = with(&Program::ours());
    if let Some(keepalived) = Program::debian() {
        assert_eq!(with(&keepalived), ours);
    }
}

#[test]
fn adverts_come_from_the_first_address_as_with_keepalived() {
    let configuration = format!("static_ipaddress {{ 10.7.0.1/24 dev eth0\n }}\n{}", plain(255));
    let with = |program: &Program| -> Ipv4Addr {
        let network = Network::new();
        let own = ["10.9.0.5/24", "10.9.0.3/24", "10.8.0.1/24"];
        let node = network.machine("one", "eth0", &own);
        let sent = Capture::of(&network, &node);
        let daemon = Daemon::start(program, &node, &configuration);
        wait::eventually(LIMIT, "an advert leaves", || !sent.adverts().is_empty());
        let source = sent.adverts()[0].1.source;
        assert!(daemon.stop().1.success());
        assert!(sent.adverts().iter().all(|(_, advert)| advert.source == source));
        source
    };
    let ours = with(&Program::ours());
    assert_eq!(ours, Ipv4Addr::new(10, 9, 0, 5));
    if let Some(keepalived) = Program::debian() {
        assert_eq!(with(&keepalived), ours);
    }
}

const IPV6: &str = "vrrp_instance VI_6 {
    state BACKUP
    interface eth0
    version 3
    virtual_router_id 51
    priority 255
    virtual_ipaddress {
        fe80::160
        2001:db8::160/64
    }
}\n";

/// ICMPv6 neighbour advertisement, the flag that says that the sender is a router (RFC 4861 4.4).
fn router_flags(capture: &Capture) -> Vec<bool> {
    let frames = capture.frames().into_iter();
    let unsolicited = frames.filter(|frame| {
        frame.protocol == 0x86dd && (frame.bytes[20], frame.bytes[54]) == (58, 136)
    });
    unsolicited.map(|frame| frame.bytes[58] & 0x80 != 0).collect()
}

/// Addresses of adverts over IPv6.
fn senders(capture: &Capture) -> Vec<String> {
    let frames = capture.frames().into_iter();
    let adverts = frames.filter(|frame| frame.protocol == 0x86dd && frame.bytes[20] == 112);
    let source = |bytes: &[u8]| <[u8; 16]>::try_from(&bytes[22..38]).expect("16 bytes");
    adverts.map(|frame| std::net::Ipv6Addr::from(source(&frame.bytes)).to_string()).collect()
}

fn usable(node: &Node) {
    wait::eventually(LIMIT, "the link-local address can be used", || {
        let shown = node.sh("ip -6 -o addr show dev eth0 scope link");
        shown.contains("fe80::") && !shown.contains("tentative")
    });
}

#[test]
fn who_forwards_says_so_in_its_neighbour_advertisements() {
    let with = |program: &Program, forwards: bool| {
        let network = Network::new();
        let node = network.machine("one", "eth0", &OWN[..1]);
        node.sh(&format!("sysctl -qw net.ipv6.conf.all.forwarding={}", u8::from(forwards)));
        usable(&node);
        let sent = Capture::of(&network, &node);
        let daemon = Daemon::start(program, &node, IPV6);
        wait::eventually(LIMIT, "both addresses are announced", || router_flags(&sent).len() >= 10);
        let flags = router_flags(&sent);
        assert!(daemon.stop().1.success());
        flags[..10].to_vec()
    };
    for forwards in [false, true] {
        assert_eq!(with(&Program::ours(), forwards), [forwards; 10]);
        if let Some(keepalived) = Program::debian() {
            assert_eq!(with(&keepalived, forwards), [forwards; 10]);
        }
    }
}

#[test]
fn an_advert_waits_for_duplicate_address_detection() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &OWN[..1]);
    let sent = Capture::of(&network, &node);
    node.sh("sysctl -qw net.ipv6.conf.eth0.dad_transmits=4
         ip link set eth0 down; ip link set eth0 up");
    let tentative = || node.sh("ip -6 -o addr show dev eth0 tentative");
    wait::eventually(LIMIT, "detection has begun", || tentative().contains("fe80::"));
    let daemon = Daemon::start(&Program::ours(), &node, IPV6);
    daemon.wait_log("(VI_6) fault: interface eth0 has no IPv6 address to send from", LIMIT);
    assert!(tentative().contains("fe80::"), "it does not wait for nothing");
    wait::eventually(LIMIT, "an advert leaves", || !senders(&sent).is_empty());
    assert_eq!(tentative(), "");
    let own = node.sh("ip -6 -o addr show dev eth0 scope link");
    assert!(own.contains(&senders(&sent)[0]), "{own}");
    assert!(daemon.stop().1.success());
}

#[test]
fn an_address_that_somebody_else_has_is_named_and_no_source() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &OWN[..1]);
    let other = network.host("other", "eth0", &["10.9.0.9/24"]);
    usable(&other);
    other.sh("ip -6 addr add fe80::77/64 dev eth0 nodad
         ip -6 addr add 2001:db8::77/64 dev eth0 nodad");
    node.sh("sysctl -qw net.ipv6.conf.eth0.addr_gen_mode=1
         ip -6 addr flush dev eth0
         ip -6 addr add fe80::77/64 dev eth0");
    wait::eventually(LIMIT, "the kernel has found out", || {
        node.sh("ip -6 -o addr show dev eth0").contains("dadfailed")
    });
    let sent = Capture::of(&network, &node);
    let daemon = Daemon::start(&Program::ours(), &node, IPV6);
    let failed = |ip: &str| {
        format!("duplicate address detection of {ip} on eth0 failed: another node has that address")
    };
    daemon.wait_log(&failed("fe80::77"), LIMIT);
    daemon.wait_log("(VI_6) fault: interface eth0 has no IPv6 address to send from", LIMIT);
    node.sh("ip -6 addr add 2001:db8::77/64 dev eth0");
    daemon.wait_log(&failed("2001:db8::77"), LIMIT);
    assert_eq!(senders(&sent), [""; 0]);
    node.sh("ip -6 addr add fe80::78/64 dev eth0");
    wait::eventually(LIMIT, "an advert leaves", || !senders(&sent).is_empty());
    assert!(senders(&sent).iter().all(|source| source == "fe80::78"));
    assert_eq!(daemon.log().count("duplicate address detection"), 2, "each is said once");
    assert!(daemon.stop().1.success());
}
