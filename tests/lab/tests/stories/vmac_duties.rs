//! What RFC 9568 asks of a router with a virtual MAC, seen by a host beside it; and virtual MACs
//! together with `vip_lease` and `heartbeat`.

use std::time::Duration;

use lab::overlap;
use lab::{Capture, Daemon, Network, Node, Program, left, wait};

const OWN: [&str; 2] = ["10.9.0.1/24", "10.9.0.2/24"];
const VIP: &str = "10.9.0.160";
const VIP_V6: &str = "2001:db8::160";
/// Behind both routers.
const FAR: &str = "10.77.0.1";
const VMAC: &str = "00:00:5e:00:01:33";
const VMAC_V6: &str = "00:00:5e:00:02:34";
const LIMIT: Duration = Duration::from_secs(20);

/// Three advertisement intervals and the skew of priority 100 (RFC 3768, 6.1), on a busy machine.
const TAKEOVER: Duration = Duration::from_millis(3_609 + 3_000);

fn instance(vrid: u8, priority: u8, rest: &str) -> String {
    format!(
        "vrrp_instance VI_{vrid} {{
            state BACKUP
            interface eth0
            virtual_router_id {vrid}
            priority {priority}
            use_vmac
            {rest}
        }}\n"
    )
}

fn routers(priority: u8, accept: &str) -> String {
    let ipv4 = format!("{accept}\n virtual_ipaddress {{ {VIP}/24 }}");
    let vips = format!("virtual_ipaddress {{ fe80::160/64\n {VIP_V6}/64 }}");
    let ipv6 = format!("version 3\n {accept}\n {vips}");
    format!("{}{}", instance(51, priority, &ipv4), instance(52, priority, &ipv6))
}

/// Two routers that forward, and a host that sends by way of the virtual address.
struct Segment {
    network: Network,
    one: Node,
    two: Node,
    host: Node,
}

impl Segment {
    fn new() -> Self {
        let network = Network::new();
        let router = |name: &str, own: &str| {
            let node = network.machine(name, "eth0", &[own]);
            node.sh(&format!(
                "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
                 ip link add far type veth peer name beyond
                 ip link set far up; ip link set beyond up
                 ip addr add {FAR}/24 dev far"
            ));
            node
        };
        let (one, two) = (router("one", OWN[0]), router("two", OWN[1]));
        let host = network.host("host", "eth0", &["10.9.0.9/24"]);
        host.sh(&format!(
            "ip -6 addr add 2001:db8::9/64 dev eth0; ip route add 10.77.0.0/24 via {VIP}"
        ));
        wait::eventually(LIMIT, "IPv6 addresses can be used", || {
            [&one, &two, &host].iter().all(|node| !node.sh("ip -6 addr").contains("tentative"))
        });
        Self { network, one, two, host }
    }

    fn reaches(&self, address: &str) -> bool {
        self.host.try_sh(&format!("ping -c1 -W1 {address}")).status.success()
    }

    /// The MAC that the host knows for an address.
    fn neighbour(&self, address: &str) -> String {
        let shown = self.host.sh(&format!("ip neigh show {address} dev eth0"));
        let mut words = shown.split_whitespace().skip_while(|word| *word != "lladdr");
        words.nth(1).unwrap_or_default().to_owned()
    }

    /// The switch delivers what is sent to the virtual MAC at this port, whoever sends from it.
    fn steer(&self, port: &str) {
        let command = format!("bridge fdb replace {VMAC} dev {port} master static sticky");
        self.network.switch().sh(&command);
    }
}

#[test]
fn the_virtual_mac_answers_for_the_addresses_and_a_backup_takes_nothing_that_is_sent_to_it() {
    let segment = Segment::new();
    let Segment { one, two, host, .. } = &segment;
    let answers = Capture::of(&segment.network, one);
    let master = Daemon::start(&Program::ours(), one, &routers(150, ""));
    let backup = Daemon::start(&Program::ours(), two, &routers(100, ""));
    wait::eventually(LIMIT, "the higher router is master alone", || {
        one.holds(VIP) && one.sh("ip -6 -o addr").contains(VIP_V6) && !two.holds(VIP)
    });

    // 8.1.2, 8.2.2: who asks is told the virtual MAC, and no other.
    host.sh("ip neigh flush all");
    wait::eventually(LIMIT, "the host reaches both", || {
        segment.reaches(VIP) && segment.reaches(VIP_V6)
    });
    assert_eq!((segment.neighbour(VIP), segment.neighbour(VIP_V6)), (VMAC.into(), VMAC_V6.into()));
    let replies = || -> Vec<Vec<u8>> {
        let frames = answers.frames().into_iter().map(|frame| frame.bytes);
        let is_reply = |bytes: &Vec<u8>| {
            bytes[12..14] == [8, 6] && bytes[20..22] == [0, 2] && bytes[28..32] == [10, 9, 0, 160]
        };
        frames.filter(is_reply).map(|bytes| bytes[22..28].to_vec()).collect()
    };
    wait::eventually(LIMIT, "a question is answered", || {
        host.sh(&format!("ip neigh flush {VIP} dev eth0"));
        segment.reaches(VIP);
        !replies().is_empty()
    });
    let known = host.sh(&format!("ip -6 neigh show {VIP_V6} dev eth0"));
    assert!(
        known.split_whitespace().any(|word| word == "router"),
        "6.4.3: MUST respond to ND Neighbor Solicitation messages (with the Router Flag (R) set): {known}"
    );
    let own = one.sh("ip -6 -o addr show");
    assert!(
        !own.contains("200:5eff:fe00"),
        "7.4: The Virtual Router MAC MUST NOT be used in the derivation of interface identifiers: {own}"
    );
    let senders = replies();
    assert!(senders.iter().all(|mac| *mac == [0, 0, 0x5e, 0, 1, 51]), "{senders:?}");
    assert!(
        segment.reaches(FAR),
        "6.4.3: MUST forward packets with a destination link-layer MAC address equal to the virtual \
         router MAC address"
    );

    // A backup takes no packet for the MAC, neither to forward it nor for itself.
    segment.steer("two");
    host.sh(&format!("ip neigh replace {VIP} lladdr {VMAC} dev eth0 nud permanent"));
    let is_steered = Capture::on(segment.network.switch(), "two", true);
    wait::eventually(LIMIT, "packets to the MAC go to the backup", || {
        assert!(
            !segment.reaches(VIP) && !segment.reaches(FAR),
            "6.4.2: MUST discard packets with a destination link-layer MAC address equal to the \
             virtual router MAC address"
        );
        let frames = is_steered.frames();
        frames
            .iter()
            .any(|frame| frame.protocol == 0x0800 && frame.bytes[..6] == [0, 0, 0x5e, 0, 1, 51])
    });
    assert!(master.stop().1.success());
    wait::eventually(LIMIT, "as a master it takes both", || {
        segment.reaches(VIP) && segment.reaches(FAR)
    });
    assert!(backup.stop().1.success());
    assert!(!segment.reaches(FAR), "nobody takes packets for the MAC any longer");
    left::nothing(one, &[OWN[0], "10.77.0.1/24"]);
}

#[test]
fn without_accept_the_virtual_mac_forwards_and_answers_questions_but_takes_no_packet_itself() {
    let segment = Segment::new();
    let Segment { one, host, .. } = &segment;
    let master = Daemon::start(&Program::ours(), one, &routers(150, "no_accept"));
    wait::eventually(LIMIT, "it is master", || {
        one.holds(VIP) && one.sh("ip -6 -o addr").contains(VIP_V6)
    });
    host.sh("ip neigh flush all");
    wait::eventually(LIMIT, "what lies behind is reached", || segment.reaches(FAR));
    assert!(
        !segment.reaches(VIP) && !segment.reaches(VIP_V6),
        "6.4.3: Otherwise, it MUST NOT accept these packets"
    );
    wait::eventually(
        LIMIT,
        "6.4.3: MUST respond to ARP requests; if Accept_Mode is False, MUST NOT drop IPv6 Neighbor \
         Solicitations and Neighbor Advertisements",
        || {
            segment.reaches(VIP_V6);
            segment.neighbour(VIP) == VMAC && segment.neighbour(VIP_V6) == VMAC_V6
        },
    );
    master.reload(&routers(150, "accept"));
    wait::eventually(LIMIT, "with accept it takes them", || {
        segment.reaches(VIP) && segment.reaches(VIP_V6)
    });
    assert!(master.stop().1.success());
}

#[test]
fn a_virtual_mac_with_a_lease_and_a_heartbeat_is_on_one_node_through_every_fault() {
    let network = Network::new();
    let [one, two] = ["one", "two"]
        .map(|name| network.machine(name, "eth0", &OWN[usize::from(name == "two")..][..1]));
    let heartbeat = Network::new();
    heartbeat.plug(&one, "one", "eth1", &["10.1.0.1/24"]);
    heartbeat.plug(&two, "two", "eth1", &["10.1.0.2/24"]);
    let with = |priority: u8| {
        let vips = format!("virtual_ipaddress {{ {VIP}/24 }}");
        instance(
            51,
            priority,
            &format!("vip_lease auto\n heartbeat {{ interface eth1\n }}\n {vips}"),
        )
    };
    let master = Daemon::start(&Program::ours(), &one, &with(150));
    wait::eventually(LIMIT, "the higher router is master", || one.holds(VIP));
    let backup = Daemon::start(&Program::ours(), &two, &with(100));
    backup.wait_log("Entering BACKUP STATE", LIMIT);
    let vmac_is_up =
        |node: &Node| node.sh("ip -o link show vrrp.51").contains("<BROADCAST,MULTICAST,UP");

    // The service network falls apart: nothing moves, the heartbeat goes on.
    let (held, ()) = overlap::watch([&one, &two], VIP, || {
        network.isolate(&one);
        backup.wait_log("no advert is heard on eth0", LIMIT);
        wait::stays(Duration::from_secs(5), "one node has the address", || {
            one.holds(VIP) && !two.holds(VIP)
        });
        network.join(&one);
    });
    assert_eq!((held.both, held.neither), (Duration::ZERO, Duration::ZERO), "{held}");
    assert!(vmac_is_up(&one) && !vmac_is_up(&two));

    // The cable of the master is out: the backup hears of it by the heartbeat.
    network.cut(&one);
    wait::eventually(Duration::from_secs(3), "the address has moved at once", || {
        !one.holds(VIP) && two.holds(VIP)
    });
    network.mend(&one);
    wait::eventually(LIMIT, "it is back", || one.holds(VIP) && !two.holds(VIP));

    // The master freezes: its kernel takes the address away before the other node has it.
    let (held, ()) = overlap::watch([&one, &two], VIP, || {
        master.freeze();
        wait::eventually(TAKEOVER, "the other node has it", || two.holds(VIP));
        wait::stays(Duration::from_secs(2), "and keeps it", || two.holds(VIP) && !one.holds(VIP));
        master.thaw();
        wait::eventually(LIMIT, "it is back", || one.holds(VIP) && !two.holds(VIP));
    });
    assert!(held.both < Duration::from_millis(300), "{held}");
    wait::eventually(LIMIT, "the VMAC is up at one node", || vmac_is_up(&one) && !vmac_is_up(&two));
    assert!(master.stop().1.success());
    assert!(backup.stop().1.success());
    left::nothing(&one, &[OWN[0], "10.1.0.1/24"]);
}
