//! Adverts from somebody who means no good, or whose hardware does not: nothing comes of them but
//! counters.
#![allow(clippy::expect_used, reason = "test code")]

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::time::Duration;

use lab::{Capture, Daemon, Network, Node, Program, wait};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, sendto, setsockopt,
    socket, sockopt,
};

const OWN: &str = "10.9.0.1/24";
const VIP: [u8; 4] = [10, 9, 0, 160];
const EVIL: [u8; 4] = [10, 9, 0, 66];
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
const VRID: u8 = 51;
const LIMIT: Duration = Duration::from_secs(20);

/// Packets in all, and how many of them may wait to be read.
const PACKETS: usize = 20_000;
const AT_ONCE: usize = 50;

/// Lines that all of them together may lead to: each kind of mistake once, and what else goes on.
const LINES: usize = 60;

const CONFIGURATION: &str = "vrrp_instance VI_1 {
    version 3
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 100
    advert_int 0.5
    virtual_ipaddress { 10.9.0.160 }
}
";

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn byte(&mut self) -> u8 {
        self.any().to_le_bytes()[0]
    }

    fn below(&mut self, end: u64) -> u64 {
        self.any() % end
    }
}

/// What is wrong with a packet, and so which counter it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    /// Passed on by a router.
    Ttl,
    /// Shorter than the addresses that it says it has, with a good checksum.
    Length,
    /// No advertisement, with a good checksum.
    Kind,
    /// One bit or many have changed.
    Checksum,
    /// Another version, which is counted in no file.
    Version,
    /// Another router's, with a good checksum.
    Vrid,
    /// Anything, for no router of ours.
    Noise,
}

const DEFECTS: [Defect; 7] = [
    Defect::Ttl,
    Defect::Length,
    Defect::Kind,
    Defect::Checksum,
    Defect::Version,
    Defect::Vrid,
    Defect::Noise,
];

/// A datagram with that defect and no other. But for it the packet would take the addresses away.
fn datagram(dice: &mut Dice, defect: Defect) -> Vec<u8> {
    let mut ttl = 255;
    let mut advert = vec![0x31, VRID, 200, 1, 0, 50, 0, 0];
    advert.extend(VIP);
    match defect {
        Defect::Ttl => ttl = u8::try_from(dice.below(255)).expect("a byte").max(1),
        Defect::Length => advert.truncate(8 + usize::try_from(dice.below(4)).expect("small")),
        Defect::Kind => advert[0] = 0x30 | (2 + dice.byte() % 14),
        Defect::Version => advert[0] = [0x11, 0x21, 0x41, 0xf1][usize::from(dice.byte() % 4)],
        Defect::Vrid => {
            advert[1] =
                if dice.byte() < 128 { 1 + dice.byte() % 50 } else { 52 + dice.byte() % 200 }
        }
        Defect::Checksum | Defect::Noise => {}
    }
    let sum = checksum(&advert, &EVIL);
    advert[6..8].copy_from_slice(&sum.to_be_bytes());
    if defect == Defect::Checksum {
        // Not the first four bytes, which say what kind of packet it is and for whom.
        let at = 4 + usize::try_from(dice.below(8)).expect("small");
        advert[at] ^= 1 << dice.below(8);
    }
    if defect == Defect::Noise {
        let length = usize::try_from(dice.below(1400)).expect("small");
        advert = (0..length).map(|_| dice.byte()).collect();
        if advert.get(1) == Some(&VRID) {
            advert[1] = 0;
        }
    }
    let mut packet = vec![0x45, 0xc0, 0, 0, 0, 1, 0, 0, ttl, 112, 0, 0];
    packet.extend(EVIL);
    packet.extend(GROUP.octets());
    packet.extend(advert);
    packet
}

/// RFC 9568 section 5.2.8 over the pseudo-header of IPv4, written anew on purpose.
fn checksum(advert: &[u8], source: &[u8; 4]) -> u16 {
    let length = u8::try_from(advert.len()).expect("short");
    let pseudo = [&source[..], &GROUP.octets(), &[0, 112, 0, length]].concat();
    let bytes = [&pseudo, advert].concat();
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded")
}

/// Bytes that wait in the node's raw sockets, and packets that found no room there.
fn waiting(node: &Node) -> (u64, u64) {
    let table = node.proc_net("raw");
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.fold((0, 0), |(bytes, drops), row| {
        let queue = row[4].split(':').nth(1).expect("tx:rx");
        let dropped: u64 = row.last().expect("drops").parse().expect("a number");
        (bytes + u64::from_str_radix(queue, 16).expect("a number"), drops + dropped)
    })
}

#[test]
fn twenty_thousand_bad_adverts_change_nothing_but_counters() {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &[OWN]);
    let evil = network.host("evil", "eth0", &["10.9.0.66/24"]);
    let sent = Capture::of(&network, &node);
    node.sh("mkdir -p /run/dumps");
    // Dumps go where nobody else's do.
    let program = Program::ours();
    node.write_script(
        "scripts",
        "daemon",
        &format!("#!/bin/sh\nTMPDIR=/run/dumps exec {} \"$@\"\n", program.path().display()),
    );
    let daemon = Daemon::start(&Program::at("/scripts/daemon"), &node, CONFIGURATION);
    daemon.wait_log("Entering MASTER STATE", LIMIT);
    wait::eventually(LIMIT, "the VIP is there", || node.holds("10.9.0.160"));
    let vrrp = daemon.vrrp();
    let lines = daemon.log().len();

    let mut dice = Dice(17);
    let mut counts = [0_u64; DEFECTS.len()];
    let mut packets = (0..PACKETS).map(|n| {
        let kind = n % DEFECTS.len();
        counts[kind] += 1;
        datagram(&mut dice, DEFECTS[kind])
    });
    let to = SockaddrIn::from(std::net::SocketAddrV4::new(GROUP, 0));
    let raw = evil.inside(|| {
        let flags = SockFlag::SOCK_CLOEXEC;
        let raw = socket(AddressFamily::Inet, SockType::Raw, flags, SockProtocol::Raw);
        let raw = raw.expect("raw sockets need root");
        setsockopt(&raw, sockopt::BindToDevice, &"eth0".into()).expect("the interface is there");
        raw
    });
    loop {
        let some: Vec<Vec<u8>> = packets.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            break;
        }
        for packet in &some {
            sendto(std::os::fd::AsRawFd::as_raw_fd(&raw), packet, &to, MsgFlags::empty())
                .expect("it leaves");
        }
        wait::eventually(LIMIT, "the daemon has read them", || waiting(&node).0 == 0);
    }
    drop(packets);
    assert_eq!(waiting(&node).1, 0, "every packet was read");

    let stats = || {
        node.sh("kill -USR2 $(cat /run/vrrp.pid)");
        node.try_sh("cat /run/dumps/keepalived.stats").stdout
    };
    let count = |defect| counts[DEFECTS.iter().position(|one| *one == defect).expect("listed")];
    let mut expected = String::from("  Packet Errors:\n");
    for (name, defect) in
        [("Length", Defect::Length), ("TTL", Defect::Ttl), ("Invalid Type", Defect::Kind)]
    {
        writeln!(expected, "    {name}: {}", count(defect)).expect("a string");
    }
    wait::eventually(LIMIT, &format!("the counters are right: {expected}"), || {
        stats().contains(&expected)
    });
    assert!(stats().contains("  Became master: 1\n  Released master: 0\n"), "{}", stats());

    assert!(vrrp.is_alive(), "the same process");
    assert_eq!(daemon.vrrp(), vrrp);
    assert!(node.holds("10.9.0.160"));
    let said = daemon.log().text_since(lines);
    assert!(said.lines().count() <= LINES, "{} lines: {said}", said.lines().count());
    assert!(!said.contains("Entering"), "{said}");
    let adverts = sent.adverts();
    assert!(
        adverts.iter().all(
            |(_, advert)| advert.priority == 100 || advert.source != Ipv4Addr::new(10, 9, 0, 1)
        )
    );
    assert!(daemon.stop().1.success());
}
