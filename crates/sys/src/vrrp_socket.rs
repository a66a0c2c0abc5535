//! The raw socket that adverts arrive at and leave by.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use base::IfIndex;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, getsockopt, recvmsg,
    sendmsg, setsockopt, sockopt,
};

use crate::many::{Inbox, send_many};
use crate::sockopt::{
    bind_to_interface, not_now, open, set, set_receive_buffer, signed, uninterrupted,
};

/// From linux/in.h; libc does not have it.
const IP_MULTICAST_ALL: i32 = 49;

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// What socket is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VrrpSocketOptions {
    /// IPv4 or IPv6.
    pub family: Family,
    /// The interface it listens at and sends from; for unicast also a VRF, or `None` for whatever
    /// routing chooses.
    pub interface: Option<IfIndex>,
    /// 112 for VRRP, 51 for VRRP inside an authentication header.
    pub protocol: u8,
    /// The group to join, of the socket's family; `None` for unicast. A family's own group is
    /// 224.0.0.18 or ff02::12, unless `vrrp_mcast_group4/6` says otherwise.
    pub group: Option<IpAddr>,
    /// Adverts leave from addresses that this interface has not got (those of a VMAC's base).
    pub foreign_source: bool,
}

impl VrrpSocketOptions {
    /// The usual socket: VRRP's protocol and the family's own group.
    pub const fn multicast(family: Family, interface: IfIndex) -> Self {
        let group = match family {
            Family::V4 => IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18)),
            Family::V6 => IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12)),
        };
        let interface = Some(interface);
        Self { family, interface, protocol: 112, group: Some(group), foreign_source: false }
    }
}

/// What was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Datagram {
    /// How many bytes of the buffer are filled; never more than the buffer has.
    pub length: usize,
    /// It was longer than the buffer; the rest is lost.
    pub truncated: bool,
    /// Who sent it.
    pub source: IpAddr,
    /// Where it was sent to. IPv6 only: on IPv4 the buffer begins with the header, which says so.
    pub destination: Option<Ipv6Addr>,
    /// IPv6 only, like `destination`.
    pub hop_limit: Option<u8>,
}

/// A raw socket of VRRP's protocol number on one interface. It never waits.
///
/// On IPv4 what is sent and received begins with the IP header; the kernel fills in the header's
/// checksum and length. On IPv6 it begins with the VRRP header, the kernel writes the IP header, and VRRP's checksum is the caller's matter in both directions.
/// Multicasts of our own do not come back.
#[derive(Debug)]
pub struct VrrpSocket {
    fd: OwnedFd,
    family: Family,
    interface: Option<IfIndex>,
    /// What the system gave it, as the kernel counts it: doubled.
    usual_buffer: usize,
}

impl VrrpSocket {
    /// Opens the socket, which needs `CAP_NET_RAW`.
    ///
    /// # Errors
    /// `PermissionDenied` without the capability; `ENODEV` when the interface is gone;
    /// `InvalidInput` for a group of the other family, or without an interface.
    pub fn open(options: &VrrpSocketOptions) -> io::Result<Self> {
        let domain = match options.family {
            Family::V4 => libc::AF_INET,
            Family::V6 => libc::AF_INET6,
        };
        let fd = open(domain, libc::SOCK_RAW, i32::from(options.protocol))?;
        if let Some(interface) = options.interface {
            bind_to_interface(fd.as_fd(), interface)?;
        }
        let usual_buffer = getsockopt(&fd, sockopt::RcvBuf)?;
        match options.family {
            Family::V4 => prepare_v4(fd.as_fd(), options)?,
            Family::V6 => prepare_v6(fd.as_fd(), options)?,
        }
        Ok(Self { fd, family: options.family, interface: options.interface, usual_buffer })
    }

    /// IPv4 or IPv6.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Gives it so many bytes of receive buffer; `None` is what the system gave it.
    ///
    /// # Errors
    /// The system call's; none is known.
    pub fn set_receive_buffer(&self, bytes: Option<u32>) -> io::Result<()> {
        let usual = u32::try_from(self.usual_buffer / 2).unwrap_or(u32::MAX);
        let (socket, bytes) = (self.fd.as_raw_fd(), bytes.unwrap_or(usual));
        // Without CAP_NET_ADMIN the system's limit holds.
        set_receive_buffer(socket, bytes, true)
            .or_else(|_| set_receive_buffer(socket, bytes, false))
    }

    /// The next datagram, or `None` when there is none now. 64 KiB of buffer truncate nothing; an
    /// advert of VRRP fits 2 KiB.
    ///
    /// # Errors
    /// The system call's: `ENETDOWN` when the interface went down.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Datagram>> {
        match self.family {
            Family::V4 => self.receive_v4(buffer),
            Family::V6 => self.receive_v6(buffer),
        }
    }

    /// Sends one datagram; on IPv4 `datagram` begins with its IP header, in which the source
    /// stands, so `source` and `hop_limit` matter to IPv6 alone. `false` when the kernel has no room now: an
    /// advert that cannot leave now is not worth sending later.
    ///
    /// # Errors
    /// The system call's: `ENETDOWN`, `ENETUNREACH`, `EADDRNOTAVAIL`; `InvalidInput` for addresses
    /// of the other family.
    pub fn send(
        &self,
        datagram: &[u8],
        source: IpAddr,
        destination: IpAddr,
        hop_limit: u8,
    ) -> io::Result<bool> {
        match (self.family, source, destination) {
            (Family::V4, _, IpAddr::V4(destination)) => self.send_v4(datagram, destination),
            (Family::V6, IpAddr::V6(source), IpAddr::V6(destination)) => {
                self.send_v6(datagram, source, destination, hop_limit)
            }
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// What lies in an IPv4 socket, as many datagrams as `inbox` holds; none when nothing is there.
    /// Unless [`Inbox::is_full`] says otherwise, the socket was empty when this returned.
    ///
    /// # Errors
    /// As [`Self::receive`]; `Unsupported` for IPv6, whose datagrams come with more than bytes.
    pub fn receive_many(&self, inbox: &mut Inbox) -> io::Result<()> {
        match self.family {
            Family::V4 => inbox.receive_v4(self.fd.as_fd()),
            Family::V6 => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Sends IPv4 datagrams, which begin with their headers, each to the address beside it, in as
    /// few calls as possible. Returns how many have left; why the next one has not is what
    /// [`Self::send`] says of it, and of every IPv6 datagram.
    pub fn send_many(&self, datagrams: &[(&[u8], IpAddr)]) -> usize {
        let to = |address: IpAddr| match address {
            IpAddr::V4(address) => Some(v4_destination(address)),
            IpAddr::V6(_) => None,
        };
        let all: Vec<_> =
            datagrams.iter().map_while(|(bytes, address)| Some((*bytes, to(*address)?))).collect();
        send_many(self.fd.as_fd(), &all)
    }

    fn receive_v4(&self, buffer: &mut [u8]) -> io::Result<Option<Datagram>> {
        let mut parts = [IoSliceMut::new(buffer)];
        let received = not_now(uninterrupted(|| {
            recvmsg::<SockaddrIn>(self.fd.as_raw_fd(), &mut parts, None, MsgFlags::empty())
                .map(|message| (message.bytes, message.flags, message.address))
        }))?;
        Ok(received.map(|(length, flags, address)| Datagram {
            length,
            truncated: flags.contains(MsgFlags::MSG_TRUNC),
            source: IpAddr::V4(address.map_or(Ipv4Addr::UNSPECIFIED, |address| address.ip())),
            destination: None,
            hop_limit: None,
        }))
    }

    fn receive_v6(&self, buffer: &mut [u8]) -> io::Result<Option<Datagram>> {
        let mut parts = [IoSliceMut::new(buffer)];
        let mut control = nix::cmsg_space!(libc::in6_pktinfo, libc::c_int);
        let message = uninterrupted(|| {
            recvmsg::<SockaddrIn6>(
                self.fd.as_raw_fd(),
                &mut parts,
                Some(&mut control),
                MsgFlags::empty(),
            )
            .map(|message| {
                let (mut destination, mut hop_limit) = (None, None);
                for control in message.cmsgs().into_iter().flatten() {
                    match control {
                        ControlMessageOwned::Ipv6PacketInfo(info) => {
                            destination = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr));
                        }
                        ControlMessageOwned::Ipv6HopLimit(limit) => {
                            hop_limit = u8::try_from(limit).ok();
                        }
                        _ => {}
                    }
                }
                let source = message.address.map_or(Ipv6Addr::UNSPECIFIED, |from| from.ip());
                Datagram {
                    length: message.bytes,
                    truncated: message.flags.contains(MsgFlags::MSG_TRUNC),
                    source: IpAddr::V6(source),
                    destination,
                    hop_limit,
                }
            })
        });
        not_now(message)
    }

    fn send_v4(&self, datagram: &[u8], destination: Ipv4Addr) -> io::Result<bool> {
        let to = SockaddrIn::from(SocketAddrV4::new(destination, 0));
        let sent = not_now(uninterrupted(|| {
            let parts = [IoSlice::new(datagram)];
            sendmsg(self.fd.as_raw_fd(), &parts, &[], MsgFlags::empty(), Some(&to))
        }))?;
        Ok(sent.is_some())
    }

    fn send_v6(
        &self,
        datagram: &[u8],
        from: Ipv6Addr,
        to: Ipv6Addr,
        hop_limit: u8,
    ) -> io::Result<bool> {
        let hop_limit = i32::from(hop_limit);
        let interface = self.interface.map_or(0, IfIndex::get);
        let to = SockaddrIn6::from(SocketAddrV6::new(to, 0, 0, interface));
        let info = libc::in6_pktinfo {
            ipi6_addr: libc::in6_addr { s6_addr: from.octets() },
            ipi6_ifindex: interface,
        };
        let sent = not_now(uninterrupted(|| {
            let parts = [IoSlice::new(datagram)];
            let control =
                [ControlMessage::Ipv6PacketInfo(&info), ControlMessage::Ipv6HopLimit(&hop_limit)];
            sendmsg(self.fd.as_raw_fd(), &parts, &control, MsgFlags::empty(), Some(&to))
        }))?;
        Ok(sent.is_some())
    }
}

impl AsFd for VrrpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn prepare_v4(fd: BorrowedFd<'_>, options: &VrrpSocketOptions) -> io::Result<()> {
    set(fd, libc::IPPROTO_IP, libc::IP_HDRINCL, &1_i32)?;
    // Otherwise every group that any program of this machine joined is delivered here too.
    set(fd, libc::IPPROTO_IP, IP_MULTICAST_ALL, &0_i32)?;
    set(fd, libc::IPPROTO_IP, libc::IP_MULTICAST_LOOP, &0_i32)?;
    let Some(group) = options.group else { return Ok(()) };
    let (IpAddr::V4(group), Some(interface)) = (group, options.interface) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let membership = libc::ip_mreqn {
        imr_multiaddr: libc::in_addr { s_addr: u32::from(group).to_be() },
        imr_address: libc::in_addr { s_addr: 0 },
        imr_ifindex: signed(interface)?,
    };
    set(fd, libc::IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, &membership)?;
    set(fd, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, &membership)
}

fn prepare_v6(fd: BorrowedFd<'_>, options: &VrrpSocketOptions) -> io::Result<()> {
    setsockopt(&fd, sockopt::Ipv6RecvPacketInfo, &true)?;
    setsockopt(&fd, sockopt::Ipv6RecvHopLimit, &true)?;
    set(fd, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_HOPS, &255_i32)?;
    set(fd, libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS, &255_i32)?;
    set(fd, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_LOOP, &0_i32)?;
    set(fd, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_ALL, &0_i32)?;
    if options.foreign_source {
        set(fd, libc::IPPROTO_IPV6, libc::IPV6_FREEBIND, &1_i32)?;
    }
    let Some(group) = options.group else { return Ok(()) };
    let (IpAddr::V6(group), Some(interface)) = (group, options.interface) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let membership = libc::ipv6_mreq {
        ipv6mr_multiaddr: libc::in6_addr { s6_addr: group.octets() },
        ipv6mr_interface: interface.get(),
    };
    set(fd, libc::IPPROTO_IPV6, libc::IPV6_ADD_MEMBERSHIP, &membership)?;
    set(fd, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_IF, &signed(interface)?)
}

fn v4_destination(address: Ipv4Addr) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::sa_family_t::try_from(libc::AF_INET).unwrap_or_default(),
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) },
        sin_zero: [0; 8],
    }
}
