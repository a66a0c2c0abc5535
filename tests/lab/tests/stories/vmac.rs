//! `use_vmac`: the virtual router's own MAC on the wire, interfaces that come and go with it, and
//! settings of the kernel that are afterwards what they were; with keepalived on either side.

use std::time::Duration;

use lab::program::Pairing;
use lab::{Capture, Daemon, Network, Node, Program, left, strace, wait};
use nix::sys::signal::Signal;

const OWN: [&str; 2] = ["10.9.0.1/24", "10.9.0.2/24"];
const VIP: &str = "10.9.0.160";
const VIP_V6: [&str; 2] = ["fe80::160", "2001:db8::160"];
const VMAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];
const VMAC_V6: [u8; 6] = [0, 0, 0x5e, 0, 2, 52];

/// Version 2, priority 100: the slowest of all.
const DOWN_INTERVAL: Duration = Duration::from_millis(3_609);
const SLACK: Duration = Duration::from_millis(1_500);
const LIMIT: Duration = Duration::from_secs(15);

fn instance(vrid: u8, priority: u8, rest: &str) -> String {
    format!(
        "vrrp_instance VI_{vrid} {{
            state BACKUP
            interface eth0
            virtual_router_id {vrid}
            priority {priority}
            {rest}
        }}\n"
    )
}

fn ipv4(priority: u8) -> String {
    instance(51, priority, &format!("use_vmac\n virtual_ipaddress {{ {VIP}/24 }}"))
}

fn both(priority: u8) -> String {
    let [local, global] = VIP_V6;
    let vips = format!("virtual_ipaddress {{ {local}/64\n {global}/64\n }}");
    let ipv6 = format!("version 3\n advert_int 0.5\n use_vmac\n {vips}");
    format!("{}{}", ipv4(priority), instance(52, priority, &ipv6))
}

fn holds(node: &Node) -> bool {
    let shown = node.sh("ip -6 -o addr show");
    let has_v6 = VIP_V6.iter().all(|vip| shown.contains(&format!(" {vip}/")));
    node.holds(VIP) && has_v6
}

/// Frames from the MACs of virtual routers that `capture` has seen, by their ethertype.
fn from_vmacs(capture: &Capture) -> Vec<([u8; 6], u16)> {
    let frames = capture.frames().into_iter();
    let sender = |bytes: &[u8]| -> Option<[u8; 6]> { bytes.get(6..12)?.try_into().ok() };
    let with_sender = frames.filter_map(|frame| Some((sender(&frame.bytes)?, frame.protocol)));
    with_sender.filter(|(mac, _)| [VMAC, VMAC_V6].contains(mac)).collect()
}

/// Every setting of the network, but for those of interfaces that are not there all the time.
fn settings(node: &Node) -> Vec<String> {
    let all = node.sh("sysctl -a 2>/dev/null | grep '^net[.]'");
    let counts = |line: &&str| !line.contains("nf_conntrack") && !line.contains("vrrp");
    all.lines().filter(counts).map(str::to_owned).collect()
}

/// Lines of one that the other has not, both ways.
fn differences(one: &[String], other: &[String]) -> Vec<String> {
    let only = |mark: &str, of: &[String], without: &[String]| -> Vec<String> {
        of.iter()
            .filter(|line| !without.contains(line))
            .map(|line| format!("{mark}{line}"))
            .collect()
    };
    [only("-", one, other), only("+", other, one)].concat()
}

fn fails_over(pairing: Pairing) {
    let Some([first, second]) = pairing.programs() else { return };
    let network = Network::new();
    let one = network.machine("one", "eth0", &OWN[..1]);
    let two = network.machine("two", "eth0", &OWN[1..]);
    let client = network.host("client", "eth0", &["10.9.0.9/24"]);
    wait::eventually(LIMIT, "the link-local addresses can be used", || {
        [&one, &two].iter().all(|node| !node.sh("ip -6 addr show").contains("tentative"))
    });
    let sent = [Capture::of(&network, &one), Capture::of(&network, &two)];
    let backup = Daemon::start(&second, &two, &both(100));
    let master = Daemon::start(&first, &one, &both(150));
    wait::eventually(DOWN_INTERVAL * 2 + SLACK, "the higher router is master alone", || {
        holds(&one) && !holds(&two)
    });
    wait::eventually(SLACK, "the client reaches the address", || {
        client.try_sh(&format!("ping -c1 -W1 {VIP}")).status.success()
    });
    // The capture reads them when it gets time.
    wait::eventually(LIMIT, "an announcement is seen", || !sent[0].gratuitous_arps().is_empty());
    let announced = sent[0].gratuitous_arps();
    assert!(announced.iter().all(|(_, arp)| arp.sender_mac == VMAC), "{announced:?}");
    wait::eventually(LIMIT, "adverts of both families leave with the virtual MACs", || {
        let seen = from_vmacs(&sent[0]);
        seen.contains(&(VMAC, 0x0800)) && seen.contains(&(VMAC_V6, 0x86dd))
    });

    assert!(master.stop().1.success());
    wait::eventually(SLACK, "the lower router has taken over", || holds(&two));
    assert!(!holds(&one));
    wait::eventually(LIMIT, "the client reaches the address again", || {
        client.try_sh(&format!("ping -c1 -W1 {VIP}")).status.success()
    });
    wait::eventually(LIMIT, "the other node sends with the virtual MAC", || {
        from_vmacs(&sent[1]).contains(&(VMAC, 0x0800))
    });
    left::nothing(&one, &OWN[..1]);

    let master = Daemon::start(&first, &one, &both(150));
    wait::eventually(DOWN_INTERVAL + SLACK, "the higher router is back", || {
        holds(&one) && !holds(&two)
    });
    assert!(backup.stop().1.success());
    assert!(master.stop().1.success());
    for node in [&one, &two] {
        assert!(!node.sh("ip -o link").contains("vrrp"), "no VMAC is left");
    }
    left::nothing(&two, &OWN[1..]);
}

#[test]
fn a_virtual_mac_moves_between_two_of_ours() {
    fails_over(Pairing::Ours);
}

#[test]
fn a_virtual_mac_moves_to_keepalived_and_back() {
    fails_over(Pairing::OursFirst);
}

#[test]
fn a_virtual_mac_moves_from_keepalived_and_back() {
    fails_over(Pairing::OursSecond);
}

#[test]
fn links_addresses_settings_and_rules_are_as_with_keepalived() {
    let Some(keepalived) = Program::debian() else { return };
    // With forced rules about senders, and addresses that get a VMAC of their own.
    let configuration = format!(
        "global_defs {{ vmac_addr_prefix vx\n nftables_counters\n nftables_priority 7\n }}\n{}",
        instance(
            51,
            255,
            "use_vmac
             no_accept
             virtual_ipaddress {
                10.9.0.160/24
                10.8.0.160/24 dev eth1
                10.8.0.161/24 dev eth1 use_vmac
             }"
        )
    );
    let with = |program: &Program| {
        let network = Network::new();
        let node = network.machine("one", "eth0", &OWN[..1]);
        node.sh("ip link add eth1 type veth peer name peer1
             ip link set peer1 up
             ip link set eth1 up
             ip addr add 10.8.0.1/24 dev eth1
             sysctl -qw net.ipv4.conf.all.rp_filter=2");
        let daemon = Daemon::start(program, &node, &configuration);
        daemon.wait_log("setting VIPs", LIMIT);
        let shown = || node.sh("ip -o addr show scope global");
        wait::eventually(LIMIT, "the last address is there", || shown().contains("10.8.0.161"));
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        // Carrier and counters come a little later.
        let without_number = |line: &str| {
            let line = line.replace("state UNKNOWN", "state UP");
            line.split_once(": ").map(|(_, rest)| words(rest))
        };
        let links = node.sh("ip -d -o link show type macvlan");
        let mut found: Vec<String> = links.lines().filter_map(without_number).collect();
        found.extend(shown().lines().filter_map(without_number));
        let rules = node.sh("nft --stateless list ruleset");
        found.extend(rules.lines().map(words));
        let all = node.sh("sysctl -a 2>/dev/null");
        let ours = |line: &&str| {
            ["arp_ignore", "arp_filter", "accept_local", "promote_secondaries"]
                .iter()
                .any(|name| line.contains(&format!(".{name} =")))
        };
        found.extend(all.lines().filter(ours).map(str::to_owned));
        let rp_filter = |name: &str| {
            let path = format!("/proc/sys/net/ipv4/conf/{name}/rp_filter");
            format!("{name}: {}", node.sh(&format!("cat {path}")).trim())
        };
        found.extend(["all", "default", "eth0", "vrrp.51", "vx.51"].map(rp_filter));
        found.sort();
        assert!(daemon.stop().1.success());
        found
    };
    let (theirs, ours) = (with(&keepalived), with(&Program::ours()));
    assert!(ours.len() > 40, "{ours:#?}");
    assert_eq!(differences(&theirs, &ours), [""; 0]);
}

#[test]
fn every_setting_of_the_kernel_is_afterwards_what_it_was() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &OWN[..1]);
    node.sh("sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth0.rp_filter=2");
    let before = settings(&node);
    let global = "global_defs { disable_local_igmp }\n";
    let with_vmac = format!("{global}{}", both(255));
    let daemon = Daemon::start(&Program::ours(), &node, &with_vmac);
    wait::eventually(LIMIT, "the addresses are there", || holds(&node));
    let changed = settings(&node);
    assert!(differences(&before, &changed).len() > 6);

    // Killed, it has a successor that knows what there was, and nothing else happens.
    let vmac = node.sh("ip -o link show vrrp.51");
    let log = daemon.log().len();
    let first = daemon.vrrp();
    first.signal(Signal::SIGKILL);
    wait::eventually(LIMIT, "another process is there", || {
        node.pid_file("vrrp.pid").is_some_and(|pid| pid != first.pid)
    });
    wait::stays(Duration::from_secs(2), "the addresses stay", || holds(&node));
    assert_eq!(node.sh("ip -o link show vrrp.51"), vmac, "it is the same interface");
    assert!(!daemon.log().text_since(log).contains("VMAC interface"));
    let none: Vec<String> = Vec::new();
    assert_eq!(differences(&changed, &settings(&node)), none);

    // Without VMACs there is nothing to set, and with them again there is.
    let plain = with_vmac.replace("use_vmac", "");
    daemon.reload(&plain);
    // A change of this one needs a restart, as with keepalived.
    let igmp = [
        "-net.ipv4.igmp_link_local_mcast_reports = 1",
        "+net.ipv4.igmp_link_local_mcast_reports = 0",
    ];
    wait::becomes(LIMIT, "the settings without VMACs", &igmp.map(str::to_owned).to_vec(), || {
        differences(&before, &settings(&node))
    });
    assert!(!node.sh("ip -o link").contains("vrrp."));
    wait::eventually(LIMIT, "the addresses are on the interface itself", || holds(&node));
    daemon.reload(&with_vmac);
    wait::becomes(LIMIT, "the settings with VMACs", &none, || {
        differences(&changed, &settings(&node))
    });
    wait::eventually(LIMIT, "the addresses are on the VMACs", || {
        holds(&node) && node.addresses().iter().any(|address| address.interface == "vrrp.51")
    });
    assert!(daemon.stop().1.success());
    assert_eq!(differences(&before, &settings(&node)), none);
    left::nothing(&node, &OWN[..1]);
}

#[test]
fn a_virtual_mac_that_somebody_removes_is_there_again_and_announced() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &OWN[..1]);
    let sent = Capture::of(&network, &node);
    let daemon = Daemon::start(&Program::ours(), &node, &ipv4(255));
    wait::eventually(LIMIT, "the address is there", || node.holds(VIP));
    let log = daemon.log().len();
    let announced = sent.gratuitous_arps().len();
    node.sh("ip link del vrrp.51");
    wait::eventually(SLACK, "the address is there again", || node.holds(VIP));
    wait::eventually(SLACK, "it is announced with the virtual MAC", || {
        sent.gratuitous_arps()[announced..].iter().any(|(_, arp)| arp.sender_mac == VMAC)
    });
    let adverts = sent.adverts().len();
    wait::eventually(LIMIT, "adverts go on", || sent.adverts().len() > adverts);
    assert!(sent.adverts().iter().all(|(_, advert)| advert.priority == 255), "it never left");
    assert!(!daemon.log().text_since(log).contains("FAULT"));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &OWN[..1]);
}

#[test]
fn a_virtual_mac_that_goes_while_it_is_looked_for_is_made_before_its_router_misses_it() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &OWN[..1]);
    let daemon = Daemon::start(&Program::ours(), &node, &ipv4(255));
    wait::eventually(LIMIT, "the address is there", || node.holds(VIP));
    let directory = tempfile::tempdir().expect("a temporary directory");
    // Settings are read slowly, so that the kernel tells of the end meanwhile.
    let slow = ["-e", "trace=openat", "-e", "inject=openat:delay_enter=40000"];
    let output = directory.path().join("strace");
    let Some(mut strace) = strace::attach(daemon.vrrp().host_pid, &slow, &output) else { return };
    let log = daemon.log().len();
    node.sh("ip link del vrrp.51");
    daemon.log().wait_since(log, "Success creating VMAC interface vrrp.51", LIMIT);
    wait::eventually(LIMIT, "the address is there again", || node.holds(VIP));
    let said = daemon.log().text_since(log);
    assert!(!said.contains("fault") && !said.contains("FAULT"), "{said}");
    assert!(daemon.stop().1.success());
    strace.wait().expect("strace ends with the process");
    left::nothing(&node, &OWN[..1]);
}

#[test]
fn a_virtual_mac_that_somebody_renames_gets_its_name_back_and_the_router_stays_master() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &OWN[..1]);
    let sent = Capture::of(&network, &node);
    let daemon = Daemon::start(&Program::ours(), &node, &both(255));
    wait::eventually(LIMIT, "the addresses are there", || holds(&node));
    let number = || node.sh("cat /sys/class/net/vrrp.51/ifindex");
    let (before, log) = (number(), daemon.log().len());
    // Kernels before 6.2 rename only what is down, and ours is not for long.
    wait::eventually(LIMIT, "somebody renames it", || {
        let rename = "ip link set vrrp.51 name mine";
        let command = format!("{rename} || {{ ip link set vrrp.51 down && {rename}; }}");
        node.try_sh(&command).status.success()
    });
    let line = "(VI_51) Interface mine has its name vrrp.51 again";
    daemon.log().wait_since(log, line, LIMIT);
    wait::eventually(SLACK, "the addresses are there again", || holds(&node));
    assert_eq!(number(), before, "it is the same interface");
    assert!(!node.sh("ip -o link").contains("mine"));
    let adverts = sent.adverts().len();
    wait::eventually(LIMIT, "adverts go on", || sent.adverts().len() > adverts + 1);
    assert!(sent.adverts().iter().all(|(_, advert)| advert.priority == 255), "it never left");
    let said = daemon.log().text_since(log);
    assert!(!said.contains("FAULT"), "{said}");
    assert!(daemon.stop().1.success());
    left::nothing(&node, &OWN[..1]);
}

#[test]
fn the_group_of_a_virtual_mac_follows_reloads_and_somebody_who_changes_it() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &OWN[..1]);
    let text = |group: &str| {
        let rest = format!("use_vmac vrrp.51 {group}\n virtual_ipaddress {{ {VIP}/24 }}");
        instance(51, 255, &rest)
    };
    let daemon = Daemon::start(&Program::ours(), &node, &text("group 7"));
    wait::eventually(LIMIT, "the address is there", || node.holds(VIP));
    let shown = || {
        let shown = node.sh("ip -o link show vrrp.51");
        let mut words = shown.split_whitespace();
        let number = words.next().unwrap_or_default().to_owned();
        let group = words.skip_while(|word| *word != "group").nth(1).unwrap_or_default();
        (number, group.to_owned())
    };
    let (number, group) = shown();
    assert_eq!(group, "7");
    let log = daemon.log().len();
    for (text, group) in [(text("group 8"), "8"), (text(""), "default"), (text("group 9"), "9")] {
        daemon.reload(&text);
        wait::becomes(SLACK, "the group follows", &(number.clone(), group.to_owned()), shown);
    }
    node.sh("ip link set vrrp.51 group 3");
    wait::becomes(SLACK, "it is put back", &(number, "9".to_owned()), shown);
    let said = daemon.log().text_since(log);
    assert!(!said.contains("BACKUP") && !said.contains("FAULT"), "{said}");
    assert!(daemon.stop().1.success());
    left::nothing(&node, &OWN[..1]);
}

#[test]
fn a_master_stays_master_when_a_reload_gives_its_virtual_mac_another_name() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &OWN[..1]);
    let text = |name: &str| {
        instance(51, 255, &format!("use_vmac {name}\n virtual_ipaddress {{ {VIP}/24 }}"))
    };
    let daemon = Daemon::start(&Program::ours(), &node, &text("vrrp.51"));
    wait::eventually(LIMIT, "the address is there", || node.holds(VIP));
    let log = daemon.log().len();
    daemon.reload(&text("vmac51"));
    wait::eventually(LIMIT, "the address is on the new interface alone", || {
        node.sh("ip -o -4 addr show dev vmac51 2>&1 || true").contains(VIP)
            && !node.sh("ip -o link").contains("vrrp.51")
    });
    let said = daemon.log().text_since(log);
    assert!(!said.contains("BACKUP") && !said.contains("FAULT"), "{said}");
    assert!(daemon.stop().1.success());
    left::nothing(&node, &OWN[..1]);
}

#[test]
fn a_crash_of_all_processes_leaves_a_virtual_mac_that_the_next_start_takes_over() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &OWN[..1]);
    let mut daemon = Daemon::start(&Program::ours(), &node, &ipv4(255));
    wait::eventually(LIMIT, "the address is there", || node.holds(VIP));
    let vmac = node.sh("ip -o link show vrrp.51");
    node.kill_all();
    daemon.wait_end(LIMIT);
    node.sh("find /run -mindepth 1 ! -name log -delete");
    assert!(node.holds(VIP), "nobody could remove it");
    let daemon = Daemon::start(&Program::ours(), &node, &ipv4(255));
    daemon.wait_log("(VI_51) Found matching interface vrrp.51", LIMIT);
    wait::eventually(LIMIT, "the address is there", || node.holds(VIP));
    assert_eq!(node.sh("ip -o link show vrrp.51"), vmac);
    assert!(daemon.stop().1.success());
    assert!(!node.sh("ip -o link").contains("vrrp."));
    left::nothing(&node, &OWN[..1]);
}
