//! The raw sockets: one for each interface and family that an instance lives on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};

use base::IfIndex;
use scheduler::{Interest, Scheduler, Token};
use sys::{VrrpSocket, VrrpSocketOptions};
use telemetry::SocketView;
use vrrp_stack::{Link, OutgoingAdvert, Packet, SocketKey, Stack};
use wire::Family;

/// Longer than any advert: 255 IPv6 addresses and an authentication trailer are 4,144 bytes.
const BUFFER: usize = 8 * 1024;

/// Packets taken from one socket in one turn, so that a flood on one interface cannot keep the
/// others and the timers waiting.
const PACKETS_A_TURN: usize = 64;

/// The protocol of adverts; others carry them inside an authentication header.
const VRRP: u8 = 112;

/// All sockets that are open.
pub(super) struct Sockets {
    open: BTreeMap<SocketKey, (Token, VrrpSocket)>,
    by_token: BTreeMap<Token, SocketKey>,
    /// Those that could not be opened, so that the failure is said once.
    failed: BTreeSet<SocketKey>,
    buffer: Vec<u8>,
}

impl Sockets {
    pub(super) fn new() -> Self {
        Self {
            open: BTreeMap::new(),
            by_token: BTreeMap::new(),
            failed: BTreeSet::new(),
            buffer: vec![0; BUFFER],
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

    /// What dumps show: each socket with those who live on it.
    pub(super) fn views(
        &self,
        stack: &Stack,
        link: impl Fn(IfIndex) -> Option<Link>,
    ) -> Vec<SocketView> {
        let names = |key: &SocketKey, interface: &str| {
            let routers = stack.routers().iter().filter(|router| {
                router.config().interface == interface && router.socket(key.index) == *key
            });
            routers.map(|router| router.config().name.clone()).collect()
        };
        let view = |(key, (_, socket)): (&SocketKey, &(Token, VrrpSocket))| {
            let interface = link(key.index).map_or_else(|| key.index.to_string(), |link| link.name);
            SocketView {
                descriptor: socket.as_fd().as_raw_fd(),
                ipv6: key.family == Family::Ipv6,
                authenticated: key.protocol != VRRP,
                multicast: key.group.is_some(),
                instances: names(key, &interface),
                interface,
            }
        };
        self.open.iter().map(view).collect()
    }

    fn open_one(&mut self, key: SocketKey, scheduler: &mut Scheduler) {
        let usual = VrrpSocketOptions::multicast(family(key.family), key.index);
        let options = VrrpSocketOptions {
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

    /// Hands over what has arrived, at most [`PACKETS_A_TURN`] packets.
    pub(super) fn drain(
        &mut self,
        token: Token,
        scheduler: &mut Scheduler,
        mut heard: impl FnMut(IfIndex, Packet<'_>),
    ) {
        let Some(key) = self.by_token.get(&token) else { return };
        let Some((_, socket)) = self.open.get(key) else { return };
        for _ in 0..PACKETS_A_TURN {
            match socket.receive(&mut self.buffer) {
                Ok(Some(datagram)) => {
                    let Some(bytes) = self.buffer.get(..datagram.length) else { continue };
                    let packet = packet(&datagram, bytes).filter(|packet| key.takes(packet));
                    if let Some(packet) = packet {
                        heard(key.index, packet);
                    }
                }
                Ok(None) => return,
                // The link's state is told by the reflector; the socket stays.
                Err(error) => return log::debug!("VRRP socket on {}: {error}", key.index),
            }
        }
        scheduler.still_ready(token);
    }

    /// Sends an advert. What cannot leave now is worthless later and is dropped. Whether the kernel
    /// took it.
    pub(super) fn send(&self, advert: &OutgoingAdvert) -> bool {
        let Some((_, socket)) = self.open.get(&advert.socket) else { return false };
        match socket.send(&advert.datagram, advert.source, advert.destination, advert.hop_limit) {
            Ok(sent) => sent,
            Err(error) => {
                log::debug!("({}) cannot send an advert: {error}", advert.instance);
                false
            }
        }
    }
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

const fn family(family: Family) -> sys::Family {
    match family {
        Family::Ipv4 => sys::Family::V4,
        Family::Ipv6 => sys::Family::V6,
    }
}
