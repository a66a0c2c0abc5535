//! The other router of a measurement: it sends adverts as it is told, and decides nothing.

use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lab::Node;
use lab::node::enter;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, sendto, setsockopt,
    socket, sockopt,
};

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

/// Higher than that of every router that is measured.
const PRIORITY: u8 = 254;

/// A running sender; dropping it makes it silent, without a priority 0.
#[derive(Debug)]
pub(crate) struct Advertiser {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// One virtual router that it plays the master of.
#[derive(Debug, Clone)]
pub(crate) struct Router {
    /// Interface that its adverts leave through.
    pub(crate) interface: String,
    /// Address that they come from.
    pub(crate) source: Ipv4Addr,
    /// Virtual router identifier.
    pub(crate) vrid: u8,
    /// The address that it announces.
    pub(crate) address: Ipv4Addr,
}

impl Advertiser {
    /// Sends version 3 adverts of priority 254 for each router, one round an interval.
    pub(crate) fn start(node: &Node, routers: &[Router], interval: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicUsize::new(0));
        let (network, ended, count) = (node.network(), Arc::clone(&stop), Arc::clone(&sent));
        let routers = routers.to_vec();
        let thread = thread::spawn(move || {
            enter(&network);
            let messages: Vec<(OwnedFd, [u8; 32])> = routers
                .iter()
                .map(|router| (open(&router.interface), advert(router, interval)))
                .collect();
            let to = SockaddrIn::from(std::net::SocketAddrV4::new(GROUP, 0));
            let start = Instant::now();
            let total = u32::try_from(messages.len()).expect("a few thousand routers");
            for round in 0_u32.. {
                for (place, (socket, message)) in (0_u32..).zip(&messages) {
                    // Spread over the interval, as routers that started at different times are.
                    let due = start + interval * round + interval * place / total;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    if ended.load(Ordering::Relaxed) {
                        return;
                    }
                    if sendto(socket.as_raw_fd(), message, &to, MsgFlags::empty()).is_ok() {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        });
        Self { stop, sent, thread: Some(thread) }
    }

    /// Adverts that left so far.
    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Advertiser {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// A socket for whole datagrams (`IPPROTO_RAW`), on one interface.
fn open(interface: &str) -> OwnedFd {
    let socket =
        socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Raw)
            .expect("raw sockets need root");
    setsockopt(&socket, sockopt::BindToDevice, &interface.into()).expect("the interface exists");
    socket
}

/// A whole IPv4 datagram of version 3 (RFC 9568 section 5): the kernel fills in the checksum of the
/// IP header.
fn advert(router: &Router, interval: Duration) -> [u8; 32] {
    let hundredths = u16::try_from(interval.as_millis() / 10).expect("at most 40.95 s");
    let mut datagram = [0; 32];
    datagram[..10].copy_from_slice(&[0x45, 0xc0, 0, 32, 0, 0, 0, 0, 255, 112]);
    datagram[12..16].copy_from_slice(&router.source.octets());
    datagram[16..20].copy_from_slice(&GROUP.octets());
    datagram[20..24].copy_from_slice(&[0x31, router.vrid, PRIORITY, 1]);
    datagram[24..26].copy_from_slice(&hundredths.to_be_bytes());
    datagram[28..32].copy_from_slice(&router.address.octets());
    let words = |bytes: &[u8]| -> u32 {
        bytes.chunks_exact(2).map(|two| u32::from(u16::from_be_bytes([two[0], two[1]]))).sum()
    };
    // Pseudo header: both addresses, the protocol, the length.
    let mut sum = words(&datagram[12..]) + 112 + 12;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let checksum = u16::try_from(sum).map_or(0, |sum| !sum);
    datagram[26..28].copy_from_slice(&checksum.to_be_bytes());
    datagram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_datagram_is_an_advert() {
        let router = Router {
            interface: "eth0".to_owned(),
            source: Ipv4Addr::new(10, 0, 0, 1),
            vrid: 51,
            address: Ipv4Addr::new(10, 0, 0, 100),
        };
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00]);
        frame.extend(advert(&router, Duration::from_millis(100)));
        let seen = lab::frame::advert(&frame).expect("an advert");
        assert_eq!((seen.version, seen.vrid, seen.priority), (3, 51, PRIORITY));
        assert_eq!((seen.source, seen.addresses), (router.source, vec![router.address]));
    }
}
