//! The kernel's netlink socket.

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

use neli::consts::socket::{Msg, NlFamily};
use neli::socket::NlSocket;
use neli::utils::Groups;

use crate::error::Error;
use crate::transport::Transport;

/// Receive buffer of a socket for requests: the answers of several batches.
const COMMAND_BUFFER: usize = 1024 * 1024;

/// Receive buffer of a socket for events: a thousand addresses make a thousand events at once.
const EVENT_BUFFER: usize = 8 * 1024 * 1024;

/// Send buffer: a datagram larger than that is refused.
const SEND_BUFFER: usize = 512 * 1024;

/// Which part of the kernel a socket talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Links, addresses, routes, rules.
    Route,
    /// Families that are found by name, such as IPVS.
    Generic,
    /// nf_tables and its relatives.
    Netfilter,
}

impl Protocol {
    fn family(self) -> NlFamily {
        match self {
            Self::Route => NlFamily::Route,
            Self::Generic => NlFamily::Generic,
            Self::Netfilter => NlFamily::Netfilter,
        }
    }
}

/// The receive buffer that an administrator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveBuffer {
    /// Bytes.
    pub bytes: u32,
    /// Beyond the system's limit, if need be.
    pub force: bool,
}

/// A non-blocking netlink socket of the network namespace that the process is in.
pub struct Socket {
    inner: NlSocket,
    /// Bytes of receive buffer when nobody wants others.
    usual_buffer: usize,
}

impl Socket {
    /// A socket for requests, with the kernel's error texts on.
    ///
    /// # Errors
    /// [`Error::Open`]: the kernel lacks the protocol, or there are no descriptors left.
    pub fn commands(protocol: Protocol) -> Result<Self, Error> {
        Self::open(protocol, &[], COMMAND_BUFFER)
    }

    /// A socket that receives the notifications of `groups`.
    ///
    /// # Errors
    /// As [`Socket::commands`].
    pub fn events(protocol: Protocol, groups: &[u32]) -> Result<Self, Error> {
        Self::open(protocol, groups, EVENT_BUFFER)
    }

    /// Receives the notifications of `groups` too.
    ///
    /// # Errors
    /// [`Error::Open`]: the kernel has no such group.
    pub fn join(&mut self, groups: &[u32]) -> Result<(), Error> {
        let joined = self.inner.add_mcast_membership(Groups::new_groups(groups));
        joined.map_err(|source| Error::Open { step: "join its groups", source })
    }

    /// Gives it another receive buffer; `None` is the one that it was opened with.
    ///
    /// # Errors
    /// `PermissionDenied` for one beyond the system's limit without `CAP_NET_ADMIN`.
    pub fn set_receive_buffer(&self, wanted: Option<ReceiveBuffer>) -> io::Result<()> {
        match wanted {
            Some(ReceiveBuffer { bytes, force }) => {
                sys::set_receive_buffer(self.inner.as_raw_fd(), bytes, force)
            }
            None => enlarge(&self.inner, self.usual_buffer),
        }
    }

    /// What requests on `commands` do to single IPv4 addresses (/32) is not heard on this socket: who asked
    /// knows it from the answer, for nothing else comes or goes with such an address. Ten thousand of
    /// them would be as many events.
    ///
    /// # Errors
    /// [`Error::Open`]; everything is heard then.
    pub fn drop_echoes_of_addresses(&self, commands: &Self) -> Result<(), Error> {
        let dropped = commands
            .inner
            .pid()
            .and_then(|requester| sys::drop_echoes_of_addresses(self.as_raw_fd(), requester));
        dropped.map_err(|source| Error::Open { step: "leave out echoes of requests", source })
    }

    fn open(protocol: Protocol, groups: &[u32], buffer: usize) -> Result<Self, Error> {
        let failed = |step| move |source| Error::Open { step, source };
        let inner = NlSocket::connect(protocol.family(), None, Groups::new_groups(groups))
            .map_err(failed("open"))?;
        inner.nonblock().map_err(failed("set non-blocking"))?;
        inner.enable_ext_ack(true).map_err(failed("turn on error texts"))?;
        if protocol == Protocol::Route {
            inner.enable_strict_checking(true).map_err(failed("turn on strict checking"))?;
        }
        enlarge(&inner, buffer).map_err(failed("enlarge its buffers"))?;
        Ok(Self { inner, usual_buffer: buffer })
    }
}

/// Beyond the system's limit where that is allowed, else up to it: then a burst costs a resync.
fn enlarge(socket: &NlSocket, receive: usize) -> io::Result<()> {
    match sys::force_buffers(socket.as_raw_fd(), receive, SEND_BUFFER) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            socket.set_recv_buffer_size(receive)
        }
        result => result,
    }
}

impl Transport for Socket {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        match self.inner.send(datagram, Msg::empty())? {
            sent if sent == datagram.len() => Ok(()),
            sent => Err(io::Error::other(format!("{sent} of {} bytes sent", datagram.len()))),
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.recv(buffer, Msg::TRUNC).map(|(length, _)| length)
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("fd", &self.as_raw_fd()).finish()
    }
}
