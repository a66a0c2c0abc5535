//! Sockets between two real namespaces, a virtual cable between them. Needs root; without it the
//! tests say so and pass.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::time::{Duration, Instant};

use base::IfIndex;
use sys::tcp::{Connect, connect_result, connect_start};
use sys::{Family, Inbox, MANY, PacketSocket, VrrpSocket, VrrpSocketOptions, namespace};

/// Two namespaces, `io-v0` in the one and `io-v1` in the other. A thread belongs to one of them at a
/// time, and each test is a thread of its own: so nothing has a name, nothing needs cleaning.
struct Cable {
    left: File,
    right: File,
}

impl Cable {
    fn new() -> Option<Self> {
        if !sys::process::is_root() {
            skips::skip(skips::Lack::Setup, "needs root");
            return None;
        }
        namespace::new_network().unwrap();
        let right = own_namespace();
        namespace::new_network().unwrap();
        let left = own_namespace();
        // `ip` wants a process in the other namespace: one that ends with its input.
        nix::sched::setns(&right, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
        let mut anchor = Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        nix::sched::setns(&left, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
        let id = anchor.id();
        ip(&format!("link add io-v0 type veth peer name io-v1 netns {id}"));
        drop(anchor.stdin.take());
        anchor.wait().unwrap();
        let cable = Self { left, right };
        cable.enter_right();
        set_up("io-v1", "10.77.0.2/24", "fe80::2/64");
        cable.enter_left();
        set_up("io-v0", "10.77.0.1/24", "fe80::1/64");
        Some(cable)
    }

    fn enter_left(&self) -> IfIndex {
        enter(&self.left, "io-v0")
    }

    fn enter_right(&self) -> IfIndex {
        enter(&self.right, "io-v1")
    }
}

fn own_namespace() -> File {
    File::open("/proc/thread-self/ns/net").unwrap()
}

fn enter(namespace: &File, interface: &str) -> IfIndex {
    nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
    let index = nix::net::if_::if_nametoindex(interface).unwrap();
    IfIndex::new(index).unwrap()
}

fn set_up(interface: &str, v4: &str, v6: &str) {
    ip("link set lo up");
    ip(&format!("link set {interface} addrgenmode none"));
    ip(&format!("link set {interface} up"));
    ip(&format!("addr add {v4} dev {interface}"));
    ip(&format!("addr add {v6} dev {interface} nodad"));
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

/// Calls until it gives something, for at most ten seconds.
fn poll<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not happen in ten seconds");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// An IPv4 header of twenty bytes before the payload; the kernel fills in length and checksum.
fn v4_datagram(source: Ipv4Addr, destination: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x45, 0xc0, 0, 0, 0, 0, 0, 0, 255, 112, 0, 0];
    bytes.extend(source.octets());
    bytes.extend(destination.octets());
    bytes.extend(payload);
    bytes
}

const GROUP4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
const LEFT4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const RIGHT4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

#[test]
fn an_ipv4_advert_arrives_with_its_header_and_not_at_its_sender() {
    let Some(cable) = Cable::new() else { return };
    let right =
        VrrpSocket::open(&VrrpSocketOptions::multicast(Family::V4, cable.enter_right())).unwrap();
    let left =
        VrrpSocket::open(&VrrpSocketOptions::multicast(Family::V4, cable.enter_left())).unwrap();
    let datagram = v4_datagram(LEFT4, GROUP4, b"advert");
    let mut buffer = [0; 2048];
    let received = poll("an advert", || {
        assert!(left.send(&datagram, LEFT4.into(), GROUP4.into(), 255).unwrap());
        right.receive(&mut buffer).unwrap()
    });
    assert_eq!((received.source, received.length), (IpAddr::V4(LEFT4), 26));
    assert_eq!((buffer[8], buffer[9]), (255, 112), "TTL and protocol");
    assert_eq!(&buffer[20..26], b"advert");
    assert_eq!(left.receive(&mut buffer).unwrap(), None, "a multicast of our own came back");
}

#[test]
fn many_adverts_leave_and_arrive_with_one_call_each_in_their_order() {
    let Some(cable) = Cable::new() else { return };
    let right =
        VrrpSocket::open(&VrrpSocketOptions::multicast(Family::V4, cable.enter_right())).unwrap();
    let left =
        VrrpSocket::open(&VrrpSocketOptions::multicast(Family::V4, cable.enter_left())).unwrap();
    let mut inbox = Inbox::default();
    poll("the cable carries", || {
        left.send(&v4_datagram(LEFT4, GROUP4, b"first"), LEFT4.into(), GROUP4.into(), 255).unwrap();
        right.receive_many(&mut inbox).unwrap();
        inbox.datagrams().next().map(|_| ())
    });
    right.receive_many(&mut inbox).unwrap();
    let all: Vec<Vec<u8>> =
        (0..u8::try_from(MANY).unwrap() + 3).map(|n| v4_datagram(LEFT4, GROUP4, &[n])).collect();
    let addressed: Vec<(&[u8], IpAddr)> = all.iter().map(|one| (&one[..], GROUP4.into())).collect();
    assert_eq!(left.send_many(&addressed), all.len());
    let mut arrived = Vec::new();
    poll("all of them", || {
        right.receive_many(&mut inbox).unwrap();
        for (datagram, bytes) in inbox.datagrams() {
            assert_eq!((datagram.source, datagram.truncated), (IpAddr::V4(LEFT4), false));
            assert_eq!(bytes.len(), 21);
            arrived.push(usize::from(bytes[20]));
        }
        assert_eq!(inbox.is_full(), inbox.datagrams().count() == MANY);
        (arrived.len() == all.len()).then_some(())
    });
    assert!(arrived.into_iter().eq(0..all.len()));
    right.receive_many(&mut inbox).unwrap();
    assert_eq!(inbox.datagrams().count(), 0, "then there is nothing");
    let v6 = [(&b"x"[..], IpAddr::from(Ipv6Addr::LOCALHOST))];
    assert_eq!(left.send_many(&v6), 0, "what is not IPv4 does not leave");
}

#[test]
fn a_datagram_longer_than_a_place_of_the_inbox_is_cut_and_says_so() {
    let Some(cable) = Cable::new() else { return };
    let right =
        VrrpSocket::open(&VrrpSocketOptions::multicast(Family::V4, cable.enter_right())).unwrap();
    let left =
        VrrpSocket::open(&VrrpSocketOptions::multicast(Family::V4, cable.enter_left())).unwrap();
    ip("link set io-v0 mtu 4000");
    cable.enter_right();
    ip("link set io-v1 mtu 4000");
    cable.enter_left();
    let long = v4_datagram(LEFT4, GROUP4, &[7; 3000]);
    let mut inbox = Inbox::default();
    poll("the long one", || {
        left.send(&long, LEFT4.into(), GROUP4.into(), 255).unwrap();
        right.receive_many(&mut inbox).unwrap();
        inbox.datagrams().next().map(|(datagram, bytes)| {
            assert!(datagram.truncated);
            assert_eq!((datagram.length, bytes.len()), (2048, 2048));
        })
    });
}

#[test]
fn a_unicast_socket_gets_unicasts_and_no_multicast() {
    let Some(cable) = Cable::new() else { return };
    let unicast = |interface| {
        let group = None;
        VrrpSocket::open(&VrrpSocketOptions {
            group,
            ..VrrpSocketOptions::multicast(Family::V4, interface)
        })
    };
    let right = unicast(cable.enter_right()).unwrap();
    let joined =
        VrrpSocket::open(&VrrpSocketOptions::multicast(Family::V4, cable.enter_right())).unwrap();
    let left = unicast(cable.enter_left()).unwrap();
    let mut buffer = [0; 2048];
    poll("a multicast at the socket that joined", || {
        left.send(&v4_datagram(LEFT4, GROUP4, b"multicast"), LEFT4.into(), GROUP4.into(), 255)
            .unwrap();
        joined.receive(&mut buffer).unwrap()
    });
    let to_right = v4_datagram(LEFT4, RIGHT4, b"unicast");
    let received = poll("a unicast", || {
        left.send(&to_right, LEFT4.into(), RIGHT4.into(), 255).unwrap();
        right.receive(&mut buffer).unwrap()
    });
    assert_eq!(&buffer[20..received.length], b"unicast", "and not the multicast before it");
}

#[test]
fn an_ipv6_advert_arrives_with_source_destination_and_hop_limit() {
    let Some(cable) = Cable::new() else { return };
    let right =
        VrrpSocket::open(&VrrpSocketOptions::multicast(Family::V6, cable.enter_right())).unwrap();
    let left =
        VrrpSocket::open(&VrrpSocketOptions::multicast(Family::V6, cable.enter_left())).unwrap();
    let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
    let mut buffer = [0; 2048];
    let received = poll("an advert", || {
        // Unready for the first moments of a link.
        let _ = left.send(b"advert", source.into(), group.into(), 255);
        right.receive(&mut buffer).unwrap()
    });
    assert_eq!(received.source, IpAddr::V6(source));
    assert_eq!((received.destination, received.hop_limit), (Some(group), Some(255)));
    assert_eq!(&buffer[..received.length], b"advert", "the payload, no header");
    let mixed = left.send(b"x", source.into(), GROUP4.into(), 255).unwrap_err();
    assert_eq!(mixed.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn a_datagram_longer_than_the_buffer_says_so() {
    let Some(cable) = Cable::new() else { return };
    let right =
        VrrpSocket::open(&VrrpSocketOptions::multicast(Family::V4, cable.enter_right())).unwrap();
    let left =
        VrrpSocket::open(&VrrpSocketOptions::multicast(Family::V4, cable.enter_left())).unwrap();
    let mut buffer = [0; 24];
    let received = poll("an advert", || {
        left.send(&v4_datagram(LEFT4, GROUP4, b"advert"), LEFT4.into(), GROUP4.into(), 255)
            .unwrap();
        right.receive(&mut buffer).unwrap()
    });
    assert_eq!((received.length, received.truncated), (24, true));
}

#[test]
fn a_frame_leaves_by_the_interface_it_is_given() {
    let Some(cable) = Cable::new() else { return };
    let before = received_frames(&cable);
    let interface = cable.enter_left();
    let socket = PacketSocket::open().unwrap();
    let mut frame = [0xff; 60];
    frame[6..14].copy_from_slice(&[2, 0, 0, 0, 0, 1, 0x08, 0x06]);
    poll("frames at the other end", || {
        assert!(socket.send(interface, &frame).unwrap());
        (received_frames(&cable) >= before + 20).then_some(())
    });
    let nowhere = IfIndex::new(9_999).unwrap();
    assert!(socket.send(nowhere, &frame).is_err());
}

/// How many frames the right end has received.
fn received_frames(cable: &Cable) -> u64 {
    cable.enter_right();
    let text = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    cable.enter_left();
    let line = text.lines().find_map(|line| line.trim().strip_prefix("io-v1:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_group_of_the_other_family_is_refused() {
    let Some(cable) = Cable::new() else { return };
    let group = Some(IpAddr::V4(GROUP4));
    let options = VrrpSocketOptions::multicast(Family::V6, cable.enter_left());
    let error = VrrpSocket::open(&VrrpSocketOptions { group, ..options }).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

/// Waits until the connection is decided, as the loop would.
fn decided(socket: &OwnedFd) -> io::Result<()> {
    use nix::poll::{PollFd, PollFlags};
    let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
    assert_eq!(nix::poll::poll(&mut fds, 10_000_u16).unwrap(), 1, "undecided after ten seconds");
    connect_result(socket.as_fd())
}

#[test]
fn a_connection_comes_from_the_address_it_was_told_to() {
    let Some(cable) = Cable::new() else { return };
    cable.enter_right();
    let listener = TcpListener::bind((RIGHT4, 8080)).unwrap();
    let interface = cable.enter_left();
    ip("addr add 10.77.0.9/24 dev io-v0");
    let bind = SocketAddr::from((Ipv4Addr::new(10, 77, 0, 9), 0));
    let target = SocketAddr::from((RIGHT4, 8080));
    let wanted = Connect {
        bind: Some(bind),
        interface: Some(interface),
        fwmark: Some(7),
        ..Connect::to(target)
    };
    let socket = connect_start(&wanted).unwrap();
    decided(&socket).unwrap();
    let (mut accepted, from) = listener.accept().unwrap();
    assert_eq!(from.ip(), bind.ip());
    accepted.write_all(b"220").unwrap();
    drop(accepted);
    let mut stream = std::net::TcpStream::from(socket);
    stream.set_nonblocking(false).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text, "220");
}

#[test]
fn a_refused_connection_says_so() {
    let Some(cable) = Cable::new() else { return };
    cable.enter_left();
    let refused = connect_start(&Connect::to(SocketAddr::from((RIGHT4, 9)))).unwrap();
    assert_eq!(decided(&refused).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    let no_route = connect_start(&Connect::to("192.0.2.1:80".parse().unwrap())).unwrap_err();
    assert_eq!(no_route.kind(), io::ErrorKind::NetworkUnreachable);
}

#[test]
fn a_check_from_a_fixed_port_can_be_repeated_at_once() {
    let Some(cable) = Cable::new() else { return };
    cable.enter_right();
    let listener = TcpListener::bind((RIGHT4, 8080)).unwrap();
    cable.enter_left();
    let target = SocketAddr::from((RIGHT4, 8080));
    for bind in ["10.77.0.1:5555", "10.77.0.1:5555"] {
        let wanted = Connect { bind: Some(bind.parse().unwrap()), ..Connect::to(target) };
        let socket = connect_start(&wanted).unwrap();
        decided(&socket).unwrap();
        let (mut accepted, from) = listener.accept().unwrap();
        assert_eq!(from.to_string(), bind);
        drop(socket);
        // The client closed first; its port is in TIME_WAIT now.
        assert_eq!(accepted.read(&mut [0; 8]).unwrap(), 0, "a plain end, no reset");
    }
}
