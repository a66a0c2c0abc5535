//! Adverts from somebody who means no good, or whose hardware does not: nothing comes of them but
//! counters.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
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

/// The same on the node that backs it up, which also says of each packet of an unknown router.
const BACKUP: &str = "global_defs {
    log_unknown_vrids
}
vrrp_instance VI_1 {
    version 3
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority 90
    advert_int 0.5
    virtual_ipaddress { 10.9.0.160 }
}
";

/// Lines of a limiter in ten seconds, and the one that says how many it has left out.
const LIMITED: usize = 101;

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

/// The program, whose dumps go where nobody else's do.
fn with_dumps(program: &Program, node: &Node) -> Program {
    node.sh("mkdir -p /run/dumps");
    let text = format!("#!/bin/sh\nTMPDIR=/run/dumps exec {} \"$@\"\n", program.path().display());
    node.write_script("scripts", "daemon", &text);
    Program::at("/scripts/daemon")
}

/// The statistics of now, once they are written.
fn stats(node: &Node) -> String {
    node.sh("kill -USR2 $(cat /run/vrrp.pid)");
    node.try_sh("cat /run/dumps/keepalived.stats").stdout
}

/// What `Refused Packets` of the data dump of now counts under a name.
fn refused(node: &Node, what: &str) -> u64 {
    node.sh("kill -USR1 $(cat /run/vrrp.pid)");
    let data = node.try_sh("cat /run/dumps/keepalived.data").stdout;
    let line = data.lines().find_map(|line| line.trim_start().strip_prefix(what));
    let count = line.and_then(|rest| rest.strip_prefix(" = "));
    count.map_or(0, |count| count.parse().expect("a number"))
}

/// A socket that sends any datagram on the node's interface.
fn raw_socket(node: &Node) -> OwnedFd {
    node.inside(|| {
        let flags = SockFlag::SOCK_CLOEXEC;
        let raw = socket(AddressFamily::Inet, SockType::Raw, flags, SockProtocol::Raw);
        let raw = raw.expect("raw sockets need root");
        setsockopt(&raw, sockopt::BindToDevice, &"eth0".into()).expect("the interface is there");
        raw
    })
}

fn send(raw: &OwnedFd, packet: &[u8]) {
    let to = SockaddrIn::from(std::net::SocketAddrV4::new(GROUP, 0));
    sendto(raw.as_raw_fd(), packet, &to, MsgFlags::empty()).expect("it leaves");
}

/// Counters of instance and stack, as the packets that were sent want them.
fn assert_counted(node: &Node, sent: &[u64; DEFECTS.len()]) {
    let count = |defect| sent[DEFECTS.iter().position(|one| *one == defect).expect("listed")];
    let mut expected = String::from("  Packet Errors:\n");
    for (name, defect) in
        [("Length", Defect::Length), ("TTL", Defect::Ttl), ("Invalid Type", Defect::Kind)]
    {
        writeln!(expected, "    {name}: {}", count(defect)).expect("a string");
    }
    wait::eventually(LIMIT, &format!("the counters are right: {expected}"), || {
        stats(node).contains(&expected)
    });
    for (what, defect) in
        [("(VI_1) Wrong version", Defect::Version), ("(VI_1) Wrong checksum", Defect::Checksum)]
    {
        wait::becomes(LIMIT, what, &count(defect), || refused(node, what));
    }
    let strangers = || refused(node, "Unreadable") + refused(node, "Unknown VRID");
    wait::becomes(LIMIT, "strangers", &(count(Defect::Vrid) + count(Defect::Noise)), strangers);
}

#[test]
fn twenty_thousand_bad_adverts_change_nothing_but_counters() {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &[OWN]);
    let other = network.machine("lb02", "eth0", &["10.9.0.2/24"]);
    let evil = network.host("evil", "eth0", &["10.9.0.66/24"]);
    let sent = Capture::of(&network, &node);
    let program = with_dumps(&Program::ours(), &node);
    let daemon = Daemon::start(&program, &node, CONFIGURATION);
    daemon.wait_log("Entering MASTER STATE", LIMIT);
    wait::eventually(LIMIT, "the VIP is there", || node.holds("10.9.0.160"));
    let backup = Daemon::start(&with_dumps(&Program::ours(), &other), &other, BACKUP);
    backup.wait_log("master set to 10.9.0.1", LIMIT);
    let (vrrp, second) = (daemon.vrrp(), backup.vrrp());
    let lines = [daemon.log().len(), backup.log().len()];

    let mut dice = Dice(17);
    let mut counts = [0_u64; DEFECTS.len()];
    let mut packets = (0..PACKETS).map(|n| {
        let kind = n % DEFECTS.len();
        counts[kind] += 1;
        datagram(&mut dice, DEFECTS[kind])
    });
    let raw = raw_socket(&evil);
    let begin = std::time::Instant::now();
    loop {
        let some: Vec<Vec<u8>> = packets.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            break;
        }
        some.iter().for_each(|packet| send(&raw, packet));
        wait::eventually(LIMIT, "the daemons have read them", || {
            waiting(&node).0 + waiting(&other).0 == 0
        });
    }
    drop(packets);
    let tens = usize::try_from(begin.elapsed().as_secs() / 10 + 2).expect("seconds");
    assert_eq!(waiting(&node).1 + waiting(&other).1, 0, "every packet was read");
    assert_counted(&node, &counts);
    assert_counted(&other, &counts);
    assert!(
        stats(&node).contains("  Became master: 1\n  Released master: 0\n"),
        "{}",
        stats(&node)
    );
    assert!(stats(&other).contains("  Became master: 0\n"), "{}", stats(&other));

    assert!(vrrp.is_alive() && second.is_alive(), "the same processes");
    assert_eq!((daemon.vrrp(), backup.vrrp()), (vrrp, second));
    assert!(node.holds("10.9.0.160") && !other.holds("10.9.0.160"));
    let said = daemon.log().text_since(lines[0]);
    assert!(said.lines().count() <= LINES, "{} lines: {said}", said.lines().count());
    assert!(!said.contains("Entering"), "{said}");
    let said = backup.log().text_since(lines[1]);
    let unknown = said.lines().filter(|line| line.contains("unknown VRID")).count();
    assert!((1..=LIMITED * tens).contains(&unknown), "{unknown} of {PACKETS}");
    assert!(!said.contains("Entering"), "{said}");
    let adverts = sent.adverts();
    assert!(
        adverts.iter().all(
            |(_, advert)| advert.priority == 100 || advert.source != Ipv4Addr::new(10, 9, 0, 1)
        )
    );
    assert_only_good_adverts_hold_a_backup_back(&network, &node, &backup, &raw);
    assert!(backup.stop().1.success());
    network.mend(&node);
    assert!(daemon.stop().1.success());
}

/// Nobody hears the master any more, and what pretends to be a better one goes on: the backup takes over when its
/// time is up.
fn assert_only_good_adverts_hold_a_backup_back(
    network: &Network,
    master: &Node,
    backup: &Daemon<'_>,
    raw: &OwnedFd,
) {
    let mut dice = Dice(18);
    network.cut(master);
    let taken = wait::eventually(LIMIT, "the backup takes over", || {
        DEFECTS.iter().for_each(|defect| send(raw, &datagram(&mut dice, *defect)));
        backup.log().contains("Entering MASTER STATE")
    });
    // Three adverts of half a second and the skew are 1.8 s.
    let longest = Duration::from_secs(4);
    assert!(taken < longest, "{taken:?}");
}

const WITH_PASSWORD: &str = "vrrp_instance VI_1 {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 100
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass secret
    }
    virtual_ipaddress { 10.9.0.160 }
}
";

/// Of version 2 and lower priority, with these bytes: type, authentication, interval, address,
/// password; the checksum is right.
fn version_2(kind: u8, auth: u8, interval: u8, address: [u8; 4], password: &[u8; 8]) -> Vec<u8> {
    let mut advert = vec![0x20 | kind, VRID, 50, 1, auth, interval, 0, 0];
    advert.extend(address);
    advert.extend(password);
    let mut sum: u32 =
        advert.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    sum = (sum & 0xffff) + (sum >> 16);
    let sum = !u16::try_from((sum & 0xffff) + (sum >> 16)).expect("folded");
    advert[6..8].copy_from_slice(&sum.to_be_bytes());
    let mut packet = vec![0x45, 0xc0, 0, 0, 0, 1, 0, 0, 255, 112, 0, 0];
    packet.extend(EVIL);
    packet.extend(GROUP.octets());
    packet.extend(advert);
    packet
}

/// So many of each, and how the statistics show them.
fn version_2_counts(other_intervals: u8) -> (Vec<Vec<u8>>, String) {
    const SECRET: &[u8; 8] = b"secret\0\0";
    let other = [10, 9, 0, 161];
    let mut short = version_2(1, 1, 1, VIP, SECRET);
    short.truncate(30);
    let mut hops = version_2(1, 1, 1, VIP, SECRET);
    hops[8] = 254;
    let kinds = [
        (short, 1),
        (hops, 2),
        (version_2(2, 1, 1, VIP, SECRET), 3),
        (version_2(1, 1, 2, VIP, SECRET), 4),
        (version_2(1, 1, 1, other, SECRET), 5),
        (version_2(1, 7, 1, VIP, SECRET), 6),
        (version_2(1, 0, 1, VIP, &[0; 8]), 7),
        (version_2(1, 1, 1, VIP, b"guessed\0"), 8),
    ];
    let expected = format!(
        "  Packet Errors:\n    Length: 1\n    TTL: 2\n    Invalid Type: 3\n    \
         Advertisement Interval: {other_intervals}\n    Address List: 5\n  \
         Authentication Errors:\n    Invalid Type: 6\n    Type Mismatch: 7\n    Failure: 8\n"
    );
    let packets = kinds.into_iter().flat_map(|(packet, times)| vec![packet; times]);
    (packets.collect(), expected)
}

fn each_kind_is_counted(program: &Program, other_intervals: u8) {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &[OWN]);
    let evil = network.host("evil", "eth0", &["10.9.0.66/24"]);
    let daemon = Daemon::start(&with_dumps(program, &node), &node, WITH_PASSWORD);
    daemon.wait_log("Entering MASTER STATE", LIMIT);
    let raw = raw_socket(&evil);
    let (packets, expected) = version_2_counts(other_intervals);
    for packet in &packets {
        send(&raw, packet);
    }
    let counted = || {
        let text = stats(&node);
        let from = text.find("  Packet Errors").unwrap_or(text.len());
        text[from..]
            .lines()
            .take(expected.lines().count())
            .map(|line| format!("{line}\n"))
            .collect()
    };
    wait::becomes(LIMIT, "the counters", &expected, counted);
    assert!(node.holds("10.9.0.160"));
    assert!(daemon.stop().1.success());
}

#[test]
fn every_kind_of_wrong_advert_of_version_2_is_counted_where_it_belongs() {
    each_kind_is_counted(&Program::ours(), 4);
}

/// 2.2.7 drops what has another interval too, and does not count it.
#[test]
fn keepalived_counts_every_kind_of_wrong_advert_there_too() {
    if let Some(keepalived) = Program::debian() {
        each_kind_is_counted(&keepalived, 0);
    }
}
