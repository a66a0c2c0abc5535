//! Several datagrams with one system call.
//!
//! A call into the kernel costs about as much as what an advert costs in this process, and a socket
//! whose readiness is told once has to be read until it is empty. One `recvmmsg` that brings fewer
//! datagrams than it has room for says both.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::sockopt::{not_now, uninterrupted};
use crate::vrrp_socket::Datagram;

/// Datagrams in one call at most.
pub const MANY: usize = 32;

/// Bytes of one datagram that are kept. An IPv4 advert of 255 addresses with an authentication
/// header is 1,092 bytes long; a longer packet is cut, and refused for its length.
const ROOM: usize = 2048;

/// Where datagrams arrive.
#[derive(Debug)]
pub struct Inbox {
    bytes: Vec<u8>,
    received: Vec<Datagram>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { bytes: vec![0; MANY * ROOM], received: Vec::with_capacity(MANY) }
    }
}

impl Inbox {
    /// What the last call has brought.
    pub fn datagrams(&self) -> impl Iterator<Item = (&Datagram, &[u8])> {
        self.received
            .iter()
            .zip(self.bytes.chunks(ROOM))
            .map(|(datagram, room)| (datagram, room.get(..datagram.length).unwrap_or_default()))
    }

    /// Whether the last call has filled it: there may be more.
    pub fn is_full(&self) -> bool {
        self.received.len() == MANY
    }

    /// Takes what lies in an IPv4 socket that does not block, [`MANY`] datagrams at most.
    #[expect(unsafe_code, reason = "nix ties the buffers of recvmmsg to one borrow for good")]
    pub(crate) fn receive_v4(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.received.clear();
        // SAFETY: all-zero bytes are valid for these: integers, byte arrays and null pointers.
        let (mut from, mut parts, mut headers): (
            [libc::sockaddr_in; MANY],
            [libc::iovec; MANY],
            [libc::mmsghdr; MANY],
        ) = unsafe { std::mem::zeroed() };
        let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_in>());
        let length = length.map_err(io::Error::other)?;
        let rooms = self.bytes.chunks_mut(ROOM);
        for (((from, part), header), room) in
            from.iter_mut().zip(&mut parts).zip(&mut headers).zip(rooms)
        {
            *part = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
            header.msg_hdr.msg_name = (&raw mut *from).cast();
            header.msg_hdr.msg_namelen = length;
            header.msg_hdr.msg_iov = &raw mut *part;
            header.msg_hdr.msg_iovlen = 1;
        }
        let count = libc::c_uint::try_from(MANY).map_err(io::Error::other)?;
        let got = not_now(uninterrupted(|| {
            // SAFETY: each header points at an address and a buffer of its own, live for the call.
            let got = unsafe {
                libc::recvmmsg(
                    fd.as_raw_fd(),
                    headers.as_mut_ptr(),
                    count,
                    libc::MSG_DONTWAIT,
                    std::ptr::null_mut(),
                )
            };
            nix::Error::result(got)
        }))?;
        let got = usize::try_from(got.unwrap_or(0)).unwrap_or(0);
        self.received.extend(headers.iter().zip(&from).take(got).map(|(header, from)| Datagram {
            length: usize::try_from(header.msg_len).unwrap_or(ROOM).min(ROOM),
            truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
            source: IpAddr::V4(Ipv4Addr::from(u32::from_be(from.sin_addr.s_addr))),
            destination: None,
            hop_limit: None,
        }));
        Ok(())
    }
}

/// Sends each of `datagrams` to the address beside it, in as few calls as possible. Returns how many
/// have left; why the next one has not is told by sending it alone.
#[expect(unsafe_code, reason = "nix ties the buffers of sendmmsg to one borrow for good")]
pub(crate) fn send_many<A: Copy>(fd: BorrowedFd<'_>, datagrams: &[(&[u8], A)]) -> usize {
    let mut sent = 0;
    for group in datagrams.chunks(MANY) {
        // SAFETY: all-zero bytes are valid for these: integers and null pointers.
        let (mut parts, mut headers): ([libc::iovec; MANY], [libc::mmsghdr; MANY]) =
            unsafe { std::mem::zeroed() };
        for ((part, header), (bytes, to)) in parts.iter_mut().zip(&mut headers).zip(group) {
            *part =
                libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
            header.msg_hdr.msg_name = std::ptr::from_ref(to).cast_mut().cast();
            header.msg_hdr.msg_namelen = libc::socklen_t::try_from(size_of::<A>()).unwrap_or(0);
            header.msg_hdr.msg_iov = &raw mut *part;
            header.msg_hdr.msg_iovlen = 1;
        }
        let count = libc::c_uint::try_from(group.len()).unwrap_or(0);
        let left = uninterrupted(|| {
            // SAFETY: the first `count` headers point at an address and bytes that outlive the call,
            // which only reads them.
            let left = unsafe { libc::sendmmsg(fd.as_raw_fd(), headers.as_mut_ptr(), count, 0) };
            nix::Error::result(left)
        });
        let left = left.ok().and_then(|left| usize::try_from(left).ok()).unwrap_or(0);
        sent += left;
        if left < group.len() {
            break;
        }
    }
    sent
}
