//! What the kernel alone takes for the work of a row: the same requests in a bare loop, with nothing read,
//! logged, checked or announced.

use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Instant;

use lab::Node;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, connect, recv,
    send, socket,
};

/// Requests in one call: more in one make it no faster.
const BATCH: usize = 64;

/// Of linux/netlink.h, linux/rtnetlink.h, linux/genetlink.h, linux/ip_vs.h.
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_CREATE: u16 = 0x400;
const FLAGS: u16 = NLM_F_REQUEST | NLM_F_CREATE;
const NLMSG_ERROR: u16 = 2;
const RTM_NEWADDR: u16 = 20;
const IFA_LOCAL: u16 = 2;
const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const IPVS_CMD_NEW_SERVICE: u8 = 1;
const IPVS_CMD_NEW_DEST: u8 = 5;
const IPVS_CMD_ATTR_SERVICE: u16 = 1;
const IPVS_CMD_ATTR_DEST: u16 = 2;
/// Of an attribute with attributes inside.
const NESTED: u16 = 0x8000;
/// Protocol header and general header of a generic message.
const HEADERS: usize = 20;

/// Milliseconds for `count` addresses of an interface.
pub(crate) fn addresses(node: &Node, interface: &str, count: u32) -> f64 {
    node.inside(|| {
        let index = if_nametoindex(interface).expect("the interface exists");
        let requests = (1..=count).map(|n| {
            let mut body = vec![2, 32, 0, 0];
            body.extend(index.to_ne_bytes());
            attribute(&mut body, IFA_LOCAL, &Ipv4Addr::from(0x0a01_0000 + n).octets());
            request(RTM_NEWADDR, &body)
        });
        let requests: Vec<_> = requests.collect();
        let socket = open(SockProtocol::NetlinkRoute);
        timed(&socket, &requests)
    })
}

/// Seconds for `count` destinations, `of_one` in each service; the table is empty afterwards.
pub(crate) fn destinations(node: &Node, count: u32, of_one: u32) -> f64 {
    let taken = node.inside(|| {
        let socket = open(SockProtocol::NetlinkGeneric);
        let family = ipvs(&socket);
        let mut requests = Vec::new();
        for number in 0..count {
            let service = service(number / of_one);
            if number % of_one == 0 {
                let mut full = service.clone();
                attribute(&mut full, 6, b"wlc\0");
                attribute(&mut full, 7, &[0; 8]);
                attribute(&mut full, 8, &0_u32.to_ne_bytes());
                attribute(&mut full, 9, &u32::MAX.to_ne_bytes());
                requests.push(general(
                    family,
                    IPVS_CMD_NEW_SERVICE,
                    &[(IPVS_CMD_ATTR_SERVICE, &full)],
                ));
            }
            let both = [
                (IPVS_CMD_ATTR_SERVICE, &service[..]),
                (IPVS_CMD_ATTR_DEST, &destination(number % of_one)),
            ];
            requests.push(general(family, IPVS_CMD_NEW_DEST, &both));
        }
        timed(&socket, &requests) / 1e3
    });
    node.sh("ipvsadm -C");
    taken
}

/// Family, protocol, address and port, as each request names the service.
fn service(number: u32) -> Vec<u8> {
    let mut service = Vec::new();
    attribute(&mut service, 1, &2_u16.to_ne_bytes());
    attribute(&mut service, 2, &6_u16.to_ne_bytes());
    attribute(&mut service, 3, &address(0x0a00_0000 + number));
    attribute(&mut service, 4, &80_u16.to_be_bytes());
    service
}

/// Address, port, forwarding method (direct routing), weight and both thresholds.
fn destination(number: u32) -> Vec<u8> {
    let mut destination = Vec::new();
    attribute(&mut destination, 1, &address(0x0a80_0000 + number));
    attribute(&mut destination, 2, &80_u16.to_be_bytes());
    for (attribute_type, value) in [(3, 3_u32), (4, 100), (5, 0), (6, 0)] {
        attribute(&mut destination, attribute_type, &value.to_ne_bytes());
    }
    attribute(&mut destination, 11, &2_u16.to_ne_bytes());
    destination
}

/// An IPv4 address where an IPv6 one has room.
fn address(number: u32) -> [u8; 16] {
    let mut room = [0; 16];
    room[..4].copy_from_slice(&number.to_be_bytes());
    room
}

/// The number of the generic netlink family of IPVS.
fn ipvs(socket: &OwnedFd) -> u16 {
    let mut body = vec![CTRL_CMD_GETFAMILY, 1, 0, 0];
    attribute(&mut body, CTRL_ATTR_FAMILY_NAME, b"IPVS\0");
    send(socket.as_raw_fd(), &request(GENL_ID_CTRL, &body), MsgFlags::empty())
        .expect("netlink takes it");
    let mut room = [0; 4096];
    let length = recv(socket.as_raw_fd(), &mut room, MsgFlags::empty()).expect("an answer");
    let mut rest = room.get(HEADERS..length).expect("a family");
    loop {
        let number = |at: usize| u16::from_ne_bytes([rest[at], rest[at + 1]]);
        if number(2) == CTRL_ATTR_FAMILY_ID {
            return number(4);
        }
        rest = &rest[usize::from(number(0)).next_multiple_of(4)..];
    }
}

fn open(protocol: SockProtocol) -> OwnedFd {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol).expect("a socket");
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0)).expect("a free number");
    connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0)).expect("the kernel is there");
    socket
}

/// Milliseconds until the last of each batch is acknowledged. Of the others the kernel says something only when
/// it refuses them.
fn timed(socket: &OwnedFd, requests: &[Vec<u8>]) -> f64 {
    let batches: Vec<_> = requests
        .chunks(BATCH)
        .map(|batch| {
            let mut bytes = batch.concat();
            let last = bytes.len() - batch.last().map_or(0, Vec::len);
            bytes[last + 6..last + 8].copy_from_slice(&(FLAGS | NLM_F_ACK).to_ne_bytes());
            bytes
        })
        .collect();
    let begin = Instant::now();
    let mut room = [0; 8192];
    for batch in batches {
        send(socket.as_raw_fd(), &batch, MsgFlags::empty()).expect("netlink takes a batch");
        let length = recv(socket.as_raw_fd(), &mut room, MsgFlags::empty()).expect("an answer");
        let answer = &room[..length];
        let kind = u16::from_ne_bytes([answer[4], answer[5]]);
        assert_eq!((kind, &answer[16..20]), (NLMSG_ERROR, &[0; 4][..]), "everything is granted");
    }
    begin.elapsed().as_secs_f64() * 1e3
}

fn general(family: u16, command: u8, nested: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = vec![command, 1, 0, 0];
    for (attribute_type, inside) in nested {
        attribute(&mut body, attribute_type | NESTED, inside);
    }
    request(family, &body)
}

fn request(message_type: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + body.len()).expect("a short request");
    let mut request = length.to_ne_bytes().to_vec();
    request.extend(message_type.to_ne_bytes());
    request.extend(FLAGS.to_ne_bytes());
    request.extend([0; 8]);
    request.extend(body);
    request
}

fn attribute(to: &mut Vec<u8>, attribute_type: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).expect("a short attribute");
    to.extend(length.to_ne_bytes());
    to.extend(attribute_type.to_ne_bytes());
    to.extend(value);
    to.resize(to.len().next_multiple_of(4), 0);
}
