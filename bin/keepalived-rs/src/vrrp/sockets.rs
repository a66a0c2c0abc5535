//! The raw sockets: one for each interface and family that an instance lives on.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};

use base::IfIndex;
use scheduler::{Interest, Scheduler, Token};
use sys::{Inbox, VrrpSocket, VrrpSocketOptions};
use telemetry::SocketView;
use vrrp_stack::{Link, OutgoingAdvert, Packet, SocketKey, Stack};
use wire::Family;

/// Longer than any advert: 255 IPv6 addresses and an authentication trailer are 4,144 bytes.
const BUFFER: usize = 8 * 1024;

/// IPv6 packets taken from one socket in one turn, so that a flood on one interface cannot keep the
/// others and the timers waiting. Of IPv4 it is what one system call brings.
const PACKETS_A_TURN: usize = 64;

/// The protocol of adverts; others carry them inside an authentication header.
const VRRP: u8 = 112;

/// All sockets that are open.
pub(super) struct Sockets {
    open: BTreeMap<SocketKey, (Token, VrrpSocket)>,
    by_token: BTreeMap<Token, SocketKey>,
    /// Bytes of receive buffer, where that is not what the system gives.
    sizes: BTreeMap<SocketKey, u32>,
    /// Those that could not be opened, so that the failure is said once.
    failed: BTreeSet<SocketKey>,
    /// For IPv6.
    buffer: Vec<u8>,
    /// For IPv4.
    inbox: Inbox,
}

impl Sockets {
    pub(super) fn new() -> Self {
        Self {
            open: BTreeMap::new(),
            by_token: BTreeMap::new(),
            sizes: BTreeMap::new(),
            failed: BTreeSet::new(),
            buffer: vec![0; BUFFER],
            inbox: Inbox::default(),
        }
    }

    /// Opens what is wanted and not open.
    pub(super) fn open_missing(&mut self, wanted: &BTreeSet<SocketKey>, scheduler: &mut Scheduler) {
        self.failed.retain(|key| wanted.contains(key));
        for key in wanted {
            if !self.open.contains_key(key) {
                self.open_one(*key, scheduler);
            }
        }
    }

    /// Closes what is no longer wanted.
    pub(super) fn close_surplus(
        &mut self,
        wanted: &BTreeSet<SocketKey>,
        scheduler: &mut Scheduler,
    ) {
        let by_token = &mut self.by_token;
        self.open.retain(|key, (token, _)| {
            let keep = wanted.contains(key);
            if !keep {
                by_token.remove(token);
                scheduler.deregister(*token);
            }
            keep
        });
    }

    /// Sets their receive buffers: those that are not named have what the system gives.
    pub(super) fn set_sizes(&mut self, wanted: BTreeMap<SocketKey, u32>) {
        for (key, (_, socket)) in &self.open {
            let bytes = wanted.get(key).copied();
            if bytes == self.sizes.get(key).copied() {
                continue;
            }
            if let Err(error) = socket.set_receive_buffer(bytes) {
                log::warn!("receive buffer of a VRRP socket on {}: {error}", key.index);
            }
        }
        self.sizes = wanted.into_iter().filter(|(key, _)| self.open.contains_key(key)).collect();
    }

    /// What dumps show: each socket with those who live on it.
    pub(super) fn views(
        &self,
        stack: &Stack,
        link: impl Fn(IfIndex) -> Option<Link>,
    ) -> Vec<SocketView> {
        let names = |key: &SocketKey, interface: &str| {
            let routers = stack.routers().iter().filter(|router| {
                router.home_name() == interface && router.socket(key.index) == *key
            });
            routers.map(|router| router.config().name.clone()).collect()
        };
        let view = |(key, (_, socket)): (&SocketKey, &(Token, VrrpSocket))| {
            let interface = match key.bound_to() {
                Some(index) => link(index).map_or_else(|| index.to_string(), |link| link.name),
                None => String::new(),
            };
            SocketView {
                descriptor: socket.as_fd().as_raw_fd(),
                ipv6: key.family == Family::Ipv6,
                authenticated: key.protocol != VRRP,
                multicast: key.group.is_some(),
                receive_buffer: self.sizes.get(key).copied().unwrap_or(0),
                instances: names(key, &interface),
                interface,
            }
        };
        self.open.iter().map(view).collect()
    }

    fn open_one(&mut self, key: SocketKey, scheduler: &mut Scheduler) {
        let usual = VrrpSocketOptions::multicast(system_family(key.family), key.index);
        let options = VrrpSocketOptions {
            interface: key.bound_to(),
            group: key.group,
            protocol: key.protocol,
            foreign_source: key.foreign_source,
            ..usual
        };
        let opened = VrrpSocket::open(&options).and_then(|socket| {
            let token = scheduler.register(socket.as_fd(), Interest::Read)?;
            Ok((token, socket))
        });
        match opened {
            Ok((token, socket)) => {
                let kind = match key.group {
                    Some(group) => format!("multicast, address({group})"),
                    None => "unicast".to_owned(),
                };
                log::debug!(
                    "VRRP sockpool: [ifindex({:>3}), family({}), proto({}), {kind}]",
                    key.index,
                    key.family,
                    key.protocol
                );
                self.failed.remove(&key);
                self.sizes.remove(&key);
                self.by_token.insert(token, key);
                self.open.insert(key, (token, socket));
            }
            Err(error) => {
                if self.failed.insert(key) {
                    log::error!("cannot open a VRRP socket on interface {}: {error}", key.index);
                }
            }
        }
    }

    /// Whether the token is one of ours.
    pub(super) fn owns(&self, token: Token) -> bool {
        self.by_token.contains_key(&token)
    }

    /// Hands over what has arrived, a bounded number of packets; whether there is more.
    pub(super) fn drain(
        &mut self,
        token: Token,
        scheduler: &mut Scheduler,
        mut heard: impl FnMut(IfIndex, Packet<'_>),
    ) -> bool {
        let Some(key) = self.by_token.get(&token) else { return false };
        let Some((_, socket)) = self.open.get(key) else { return false };
        let mut take = |datagram: &sys::Datagram, bytes: &[u8]| {
            let packet = packet(datagram, bytes).filter(|packet| key.takes(packet));
            if let Some(packet) = packet {
                heard(key.index, packet);
            }
        };
        let more = match key.family {
            Family::Ipv4 => socket.receive_many(&mut self.inbox).map(|()| {
                self.inbox.datagrams().for_each(|(datagram, bytes)| take(datagram, bytes));
                self.inbox.is_full()
            }),
            Family::Ipv6 => drain_one_by_one(socket, &mut self.buffer, take),
        };
        let more = more.unwrap_or_else(|error| {
            // The link's state is told by the reflector; the socket stays.
            log::debug!("VRRP socket on {}: {error}", key.index);
            false
        });
        if more {
            scheduler.still_ready(token);
        }
        more
    }

    /// Sends adverts in their order, neighbours in the list that leave by the same socket together.
    /// What cannot leave now is worthless later and is dropped. `left` hears of each that the kernel
    /// took.
    pub(super) fn send<'a>(
        &self,
        adverts: &[&'a OutgoingAdvert],
        mut left: impl FnMut(&'a OutgoingAdvert),
    ) {
        for together in adverts.chunk_by(|one, two| one.socket == two.socket) {
            let Some((_, socket)) = together.first().and_then(|one| self.open.get(&one.socket))
            else {
                continue;
            };
            let mut rest = together;
            while let [first, others @ ..] = rest {
                let sent = match others {
                    [] => 0,
                    _ => send_together(socket, rest),
                };
                rest.iter().take(sent).for_each(|advert| left(advert));
                if sent == 0 && send_alone(socket, first) {
                    left(first);
                }
                rest = rest.get(sent.max(1)..).unwrap_or_default();
            }
        }
    }
}

/// How many of the adverts have left, from the first on.
fn send_together(socket: &VrrpSocket, adverts: &[&OutgoingAdvert]) -> usize {
    let datagrams: Vec<(&[u8], IpAddr)> =
        adverts.iter().map(|advert| (&advert.datagram[..], advert.destination)).collect();
    socket.send_many(&datagrams)
}

/// Whether it has left.
fn send_alone(socket: &VrrpSocket, advert: &OutgoingAdvert) -> bool {
    let OutgoingAdvert { datagram, source, destination, hop_limit, .. } = advert;
    let sent = socket.send(datagram, *source, *destination, *hop_limit);
    sent.unwrap_or_else(|error| {
        log::debug!("({}) cannot send an advert: {error}", advert.instance);
        false
    })
}

/// Whether the socket may hold more than the bound of a turn.
fn drain_one_by_one(
    socket: &VrrpSocket,
    buffer: &mut [u8],
    mut take: impl FnMut(&sys::Datagram, &[u8]),
) -> io::Result<bool> {
    for _ in 0..PACKETS_A_TURN {
        let Some(datagram) = socket.receive(buffer)? else { return Ok(false) };
        if let Some(bytes) = buffer.get(..datagram.length) {
            take(&datagram, bytes);
        }
    }
    Ok(true)
}

fn packet<'a>(datagram: &sys::Datagram, bytes: &'a [u8]) -> Option<Packet<'a>> {
    match datagram.source {
        IpAddr::V4(_) => Some(Packet::Ipv4(bytes)),
        IpAddr::V6(source) => Some(Packet::Ipv6 {
            source,
            destination: datagram.destination?,
            hop_limit: datagram.hop_limit?,
            payload: bytes,
        }),
    }
}

pub(super) const fn system_family(family: Family) -> sys::Family {
    match family {
        Family::Ipv4 => sys::Family::V4,
        Family::Ipv6 => sys::Family::V6,
    }
}
