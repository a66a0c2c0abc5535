//! ARP, and neighbour advertisements of IPv6, as they are heard on one interface.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use base::IfIndex;
use nix::sys::socket::{MsgFlags, recv};

use crate::Family;
use crate::sockopt::{not_now, open, set, signed, uninterrupted};

/// Where the kernel shows a filter what kind of packet it looks at: `SKF_AD_OFF + SKF_AD_PKTTYPE`.
const PACKET_KIND: u32 = 0xffff_f004;

/// A socket that hears the ARP messages (IPv4) or neighbour advertisements (IPv6) of others, and nothing
/// else: the kernel filters. It never waits.
#[derive(Debug)]
pub struct NeighbourSocket {
    fd: OwnedFd,
}

impl NeighbourSocket {
    /// Opens the socket, which needs `CAP_NET_RAW`.
    ///
    /// # Errors
    /// `PermissionDenied` without the capability, `ENODEV` when the interface is gone.
    #[expect(unsafe_code, reason = "nix makes link-layer addresses from raw pointers only")]
    pub fn open(interface: IfIndex, family: Family) -> io::Result<Self> {
        // Protocol 0 hears nothing until the filter is there and the interface is chosen.
        let fd = open(libc::AF_PACKET, libc::SOCK_RAW, 0)?;
        let (protocol, mut program) = match family {
            Family::V4 => (libc::ETH_P_ARP, arp_filter().to_vec()),
            Family::V6 => (libc::ETH_P_IPV6, advertisement_filter().to_vec()),
        };
        let length = u16::try_from(program.len()).map_err(io::Error::other)?;
        let attached = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
        set(fd.as_fd(), libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &attached)?;
        // SAFETY: all-zero bytes are a valid `sockaddr_ll`: integers and a byte array.
        let mut at: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        at.sll_family = libc::sa_family_t::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
        at.sll_protocol = u16::try_from(protocol).map_err(io::Error::other)?.to_be();
        at.sll_ifindex = signed(interface)?;
        let length = libc::socklen_t::try_from(size_of_val(&at)).map_err(io::Error::other)?;
        // SAFETY: the address is live for the call, its length is its own.
        let bound = unsafe { libc::bind(fd.as_raw_fd(), (&raw const at).cast(), length) };
        nix::Error::result(bound)?;
        Ok(Self { fd })
    }

    /// The next frame, Ethernet header first: how many bytes of the buffer it fills. `None` when there
    /// is none now.
    ///
    /// # Errors
    /// The system call's: `ENETDOWN` when the interface went down.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        not_now(uninterrupted(|| recv(self.fd.as_raw_fd(), buffer, MsgFlags::empty())))
    }
}

impl AsFd for NeighbourSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

const LOAD_BYTE: u16 = 0x30;
const LOAD_HALF: u16 = 0x28;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
const OUTGOING: u32 = 4;
const WHOLE: u32 = 0x0004_0000;

const fn step(code: u16, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt, jf, k }
}

/// Takes ARP that others sent, whole; drops everything else.
const fn arp_filter() -> [libc::sock_filter; 6] {
    const ETHERTYPE_AT: u32 = 12;
    const ARP: u32 = 0x0806;
    [
        step(LOAD_BYTE, 0, 0, PACKET_KIND),
        step(JUMP_IF_EQUAL, 3, 0, OUTGOING),
        step(LOAD_HALF, 0, 0, ETHERTYPE_AT),
        step(JUMP_IF_EQUAL, 0, 1, ARP),
        step(RETURN, 0, 0, WHOLE),
        step(RETURN, 0, 0, 0),
    ]
}

/// Takes neighbour advertisements that others sent (RFC 4861 section 4.4), whole; drops everything
/// else. The socket's protocol is IPv6 already; none of its extension headers stands before one.
const fn advertisement_filter() -> [libc::sock_filter; 8] {
    const NEXT_HEADER_AT: u32 = 14 + 6;
    const TYPE_AT: u32 = 14 + 40;
    const ICMPV6: u32 = 58;
    const NEIGHBOUR_ADVERTISEMENT: u32 = 136;
    [
        step(LOAD_BYTE, 0, 0, PACKET_KIND),
        step(JUMP_IF_EQUAL, 5, 0, OUTGOING),
        step(LOAD_BYTE, 0, 0, NEXT_HEADER_AT),
        step(JUMP_IF_EQUAL, 0, 3, ICMPV6),
        step(LOAD_BYTE, 0, 0, TYPE_AT),
        step(JUMP_IF_EQUAL, 0, 1, NEIGHBOUR_ADVERTISEMENT),
        step(RETURN, 0, 0, WHOLE),
        step(RETURN, 0, 0, 0),
    ]
}
