//! Connections that are started now and looked at later: TCP, and datagrams of one peer.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use base::IfIndex;
use nix::sys::socket::{SockaddrStorage, bind, connect, getsockopt, setsockopt, sockopt};

use crate::sockopt::{bind_to_interface, open, set};

/// A connection that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Connect {
    /// Where to.
    pub target: SocketAddr,
    /// `bindto`, `bind_port`: the address to come from; port 0 lets the kernel choose.
    pub bind: Option<SocketAddr>,
    /// `bind_if`: the interface to go by.
    pub interface: Option<IfIndex>,
    /// `fwmark`: the mark that the packets carry.
    pub fwmark: Option<u32>,
}

impl Connect {
    /// A connection with no wishes but its target.
    pub const fn to(target: SocketAddr) -> Self {
        Self { target, bind: None, interface: None, fwmark: None }
    }
}

/// Starts to connect and comes back at once. The socket is writable when it is decided; then ask
/// [`connect_result`]. To give up, drop it: before the connection stands that is silent, after it a
/// plain close. No linger is set, so a server sees what a short client shows it, and never a reset
/// unless it sent something that nobody read.
///
/// # Errors
/// What the kernel knows at once: `ENETUNREACH`, `EADDRNOTAVAIL`, on loopback also `ECONNREFUSED`.
pub fn connect_start(wanted: &Connect) -> io::Result<OwnedFd> {
    start(wanted, libc::SOCK_STREAM, 0)
}

/// A UDP socket that speaks with one peer. An ICMP error about it comes back from its next call.
///
/// # Errors
/// As [`connect_start`].
pub fn udp_connect(wanted: &Connect) -> io::Result<OwnedFd> {
    start(wanted, libc::SOCK_DGRAM, 0)
}

/// A raw socket that speaks ICMP or ICMPv6 with one peer and hears all that this peer sends to this
/// host. What comes over IPv4 begins with the IP header. The kernel fills in checksums of ICMPv6
/// only.
///
/// # Errors
/// As [`connect_start`]; `PermissionDenied` without `CAP_NET_RAW`.
pub fn icmp_connect(wanted: &Connect) -> io::Result<OwnedFd> {
    let mut wanted = *wanted;
    // Raw sockets know no ports, and take one for a protocol number.
    wanted.target.set_port(0);
    wanted.bind.iter_mut().for_each(|source| source.set_port(0));
    let protocol = if wanted.target.is_ipv4() { libc::IPPROTO_ICMP } else { libc::IPPROTO_ICMPV6 };
    start(&wanted, libc::SOCK_RAW, protocol)
}

fn start(wanted: &Connect, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    let family = if wanted.target.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let fd = open(family, kind, protocol)?;
    if let Some(interface) = wanted.interface {
        bind_to_interface(fd.as_fd(), interface)?;
    }
    if let Some(mark) = wanted.fwmark {
        set(fd.as_fd(), libc::SOL_SOCKET, libc::SO_MARK, &mark)?;
    }
    if let Some(source) = wanted.bind {
        if source.port() == 0 {
            // The port is then chosen at connect, where it need only be unique for this target.
            setsockopt(&fd, sockopt::IpBindAddressNoPort, &true)?;
        } else {
            // The port of the check before may still be in TIME_WAIT.
            setsockopt(&fd, sockopt::ReuseAddr, &true)?;
        }
        bind(fd.as_raw_fd(), &SockaddrStorage::from(source))?;
    }
    match connect(fd.as_raw_fd(), &SockaddrStorage::from(wanted.target)) {
        // An interrupted connect goes on by itself (connect(2)).
        Ok(()) | Err(nix::Error::EINPROGRESS | nix::Error::EINTR) => Ok(fd),
        Err(error) => Err(error.into()),
    }
}

/// How a connection that was started ended, once its socket is writable.
///
/// # Errors
/// Why it failed: `ECONNREFUSED`, `ETIMEDOUT`, `EHOSTUNREACH`.
pub fn connect_result(fd: BorrowedFd<'_>) -> io::Result<()> {
    match getsockopt(&fd, sockopt::SocketError)? {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}
