//! Keywords of one line, each seen from outside.

use std::time::Duration;

use lab::{Daemon, Network, Node, Program, left, sockets, wait};

const VIP: &str = "192.168.100.100";
const OWN: &str = "192.168.100.11/24";
const LIMIT: Duration = Duration::from_secs(8);

fn machine() -> (Network, Node) {
    Network::of_one(&[OWN])
}

/// An instance that is master after a third of a second.
fn instance(name: &str, vrid: u8, address: &str, lines: &str) -> String {
    format!(
        "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {vrid}\npriority 100\n\
         advert_int 0.1\nversion 3\nvirtual_ipaddress {{\n{address}/24\n}}\n{lines}\n}}\n"
    )
}

#[test]
fn track_src_ip_waits_for_the_address_that_adverts_come_from() {
    let (_network, node) = machine();
    let second = "192.168.100.12";
    let text = instance("VI_1", 51, VIP, &format!("mcast_src_ip {second}\ntrack_src_ip"));
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    let cause = format!("(VI_1) fault: interface eth0 has no address {second}");
    daemon.wait_log(&cause, LIMIT);
    node.sh(&format!("ip address add {second}/24 dev eth0"));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    node.sh(&format!("ip address del {second}/24 dev eth0"));
    wait::eventually(LIMIT, "the VIP is gone", || !node.holds(VIP));
    daemon.log().wait_count(&cause, 2, LIMIT);

    // A reload that begins or ends to look for it.
    let careless = text.replace("track_src_ip", "");
    daemon.reload(&careless);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    node.sh(&format!("ip address add {second}/24 dev eth0"));
    let from = daemon.reload(&text);
    daemon.log().wait_since(from, "Reload complete", LIMIT);
    assert!(!daemon.log().text_since(from).contains("fault"), "it is there");
    assert!(daemon.stop().1.success());
    node.sh(&format!("ip address del {second}/24 dev eth0"));
    left::nothing(&node, &[OWN]);
}

#[test]
fn the_second_instance_with_a_virtual_router_id_is_in_fault() {
    let (_network, node) = machine();
    let other = "192.168.100.101";
    let text = instance("VI_1", 51, VIP, "") + &instance("VI_2", 51, other, "");
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    daemon.wait_log("VI_1 and VI_2 both use VRID 51 with IPv4 on interface eth0", LIMIT);
    daemon.wait_log("(VI_2) Entering FAULT STATE", LIMIT);
    wait::eventually(LIMIT, "the VIP of the first is there", || node.holds(VIP));
    assert!(!node.holds(other));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

/// An interface that its driver says has a link, and the kernel that it is not to be used yet.
fn dormant_machine() -> (Network, Node) {
    let (network, node) = machine();
    node.sh("ip link set eth0 down; ip link set eth0 mode dormant up");
    wait::eventually(LIMIT, "the interface is dormant", || {
        node.sh("ip link show eth0").contains("state DORMANT")
    });
    (network, node)
}

#[test]
fn linkbeat_polls_the_driver_instead_of_trusting_netlink() {
    let in_instance = instance("VI_1", 51, VIP, "linkbeat_use_polling");
    let plain = instance("VI_1", 51, VIP, "");
    let (network, node) = dormant_machine();
    let mut daemon = Daemon::start(&Program::ours(), &node, &plain);
    daemon.wait_log("(VI_1) fault: interface eth0 is down", LIMIT);
    for text in [
        format!("linkbeat_interfaces {{\neth0 ETHTOOL\n}}\n{plain}"),
        format!("linkbeat_interfaces {{\neth0 MII\n}}\n{plain}"),
        format!("linkbeat_use_polling\n{plain}"),
        in_instance,
    ] {
        assert!(daemon.stop().1.success());
        daemon = Daemon::start(&Program::ours(), &node, &text);
        daemon.wait_log("Using MII-BMSR/ETHTOOL NIC polling thread(s)...", LIMIT);
        wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    }
    network.cut(&node);
    daemon.wait_log("Linkbeat reports eth0 down", LIMIT);
    wait::eventually(LIMIT, "the VIP is gone", || !node.holds(VIP));
    network.mend(&node);
    daemon.wait_log("Linkbeat reports eth0 up", LIMIT);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));

    // The flags of the interface are what netlink tells.
    daemon.reload(&format!("linkbeat_interfaces {{\neth0 IOCTL\n}}\n{plain}"));
    wait::eventually(LIMIT, "the VIP is gone", || !node.holds(VIP));
    assert!(daemon.stop().1.success());
    node.sh("ip link set eth0 mode default");
    left::nothing(&node, &[OWN]);
}

/// Families and protocols of the sockets below.
const NETLINK_ROUTE: (u16, u32) = (16, 0);
const RAW_VRRP: (u16, u32) = (2, 112);

/// Receive buffers of the sockets of a kind that the VRRP process has.
fn buffers(daemon: &Daemon<'_>, kind: (u16, u32)) -> Vec<usize> {
    let all = sockets::of(&daemon.vrrp()).into_iter();
    all.filter(|one| (one.family, one.protocol) == kind).map(|one| one.receive_buffer).collect()
}

#[test]
fn receive_buffers_are_as_large_as_they_are_to_be() {
    let (_network, node) = machine();
    let both = |lines: &str| {
        instance("VI_1", 51, VIP, "kernel_rx_buf_size 20000")
            + &instance("VI_2", 52, "192.168.100.101", lines)
    };
    let daemon = Daemon::start(&Program::ours(), &node, &both(""));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    assert_eq!(buffers(&daemon, RAW_VRRP), [20_000]);
    // Without settings it takes what a burst needs, beyond the system's limit.
    let (command, monitor) = (1024 * 1024, 8 * 1024 * 1024);
    assert_eq!(buffers(&daemon, NETLINK_ROUTE), [command, monitor]);

    let limit = sockets::limit();
    for (globals, raw, netlink) in [
        ("vrrp_rx_bufs_policy MTU", 24_500, [command, monitor]),
        ("vrrp_rx_bufs_policy MTU\nvrrp_rx_bufs_multiplier 2", 23_000, [command, monitor]),
        ("vrrp_rx_bufs_policy ADVERT\nvrrp_rx_bufs_multiplier 100", 23_200, [command, monitor]),
        ("vrrp_rx_bufs_policy 5000", 25_000, [command, monitor]),
        ("vrrp_netlink_cmd_rcv_bufs 50000", 20_000, [50_000, monitor]),
        ("vrrp_netlink_monitor_rcv_bufs 20000000", 20_000, [limit, command]),
        (
            "vrrp_netlink_monitor_rcv_bufs 20000000\nvrrp_netlink_monitor_rcv_bufs_force",
            20_000,
            [command, 20_000_000],
        ),
        (
            "vrrp_netlink_cmd_rcv_bufs 3000000\nvrrp_netlink_cmd_rcv_bufs_force true",
            20_000,
            [3_000_000, monitor],
        ),
        ("", 20_000, [command, monitor]),
    ] {
        daemon.reload(&format!("global_defs {{\n{globals}\n}}\n{}", both("")));
        wait::becomes(LIMIT, globals, &vec![raw], || buffers(&daemon, RAW_VRRP));
        let mut netlink = netlink.to_vec();
        netlink.sort();
        wait::becomes(LIMIT, globals, &netlink, || buffers(&daemon, NETLINK_ROUTE));
    }
    daemon.reload(&both("kernel_rx_buf_size 4000"));
    wait::becomes(LIMIT, "the sum", &vec![24_000], || buffers(&daemon, RAW_VRRP));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

#[test]
fn promote_secondaries_of_the_kernel_is_set_as_long_as_an_instance_wants_it() {
    let (_network, node) = machine();
    let setting = "/proc/sys/net/ipv4/conf/eth0/promote_secondaries";
    node.sh(&format!("echo 0 >/proc/sys/net/ipv4/conf/all/promote_secondaries; echo 0 >{setting}"));
    let value = || node.sh(&format!("cat {setting}"));
    let [with, without] = ["promote_secondaries", ""].map(|line| instance("VI_1", 51, VIP, line));
    let daemon = Daemon::start(&Program::ours(), &node, &with);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    assert_eq!(value(), "1\n");
    daemon.reload(&without);
    wait::becomes(LIMIT, "the setting without it", &"0\n".to_owned(), value);
    daemon.reload(&with);
    wait::becomes(LIMIT, "the setting with it again", &"1\n".to_owned(), value);
    assert!(daemon.stop().1.success());
    assert_eq!(value(), "0\n");
    left::nothing(&node, &[OWN]);
}

#[test]
fn with_use_vmac_addr_an_address_on_another_interface_has_a_virtual_mac_too() {
    let (_network, node) = machine();
    node.sh("ip link add eth1 type veth peer name peer1
             ip link set peer1 up; ip link set eth1 up");
    let text = |line: &str| {
        let own = instance("VI_1", 51, VIP, &format!("use_vmac\n{line}"));
        own.replace("/24\n}", "/24\n10.8.0.160/24 dev eth1\n}")
    };
    let place = || {
        let addresses = node.addresses();
        let other = addresses.iter().find(|one| one.cidr.starts_with("10.8.0.160/"));
        other.map(|one| one.interface.clone()).unwrap_or_default()
    };
    for (line, wanted) in [("", "eth1"), ("use_vmac_addr", "vrrp1.51")] {
        let daemon = Daemon::start(&Program::ours(), &node, &text(line));
        wait::becomes(LIMIT, &format!("its place with '{line}'"), &wanted.to_owned(), place);
        if line == "use_vmac_addr" {
            let link = node.sh("ip -o link show vrrp1.51");
            assert!(link.contains("vrrp1.51@eth1") && link.contains("00:00:5e:00:01:33"), "{link}");
        }
        assert!(daemon.stop().1.success());
    }
    node.sh("ip link del eth1");
    left::nothing(&node, &[OWN]);
}
