//! Pings ten milliseconds apart, each accounted for.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recv, sendto, socket,
};

use crate::node::{Node, enter};

const INTERVAL: Duration = Duration::from_millis(10);

/// How long an answer may take, after the last ping was sent.
const PATIENCE: Duration = Duration::from_secs(1);

/// Marks our echo requests.
const IDENTIFIER: u16 = 0x6c61;

/// A running ping.
#[derive(Debug)]
pub struct Ping {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Pings>,
}

/// What came of a ping.
#[derive(Debug, Clone, Default)]
pub struct Pings {
    /// When each was sent, and when its answer came.
    pub sent: Vec<(Instant, Option<Instant>)>,
}

impl Pings {
    /// Those without an answer.
    pub fn lost(&self) -> Vec<Instant> {
        self.sent.iter().filter(|(_, answer)| answer.is_none()).map(|(at, _)| *at).collect()
    }

    /// From the last answered ping before a loss to the next answered one: the longest such time.
    pub fn longest_gap(&self) -> Duration {
        let answered: Vec<Instant> =
            self.sent.iter().filter(|(_, answer)| answer.is_some()).map(|(at, _)| *at).collect();
        answered.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }
}

impl Ping {
    /// Starts to ping `target` from `node`.
    pub fn start(node: &Node, target: Ipv4Addr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (namespace, ended) = (node.network(), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            enter(&namespace);
            run(target, &ended)
        });
        Self { stop, thread }
    }

    /// Ends it, after the last answers had their time.
    pub fn stop(self) -> Pings {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the pinging thread")
    }
}

fn run(target: Ipv4Addr, stop: &AtomicBool) -> Pings {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Inet, SockType::Raw, flags, SockProtocol::Icmp)
        .expect("raw sockets need root");
    let to = SockaddrIn::from(SocketAddrV4::new(target, 0));
    let mut pings = Pings::default();
    let mut due = Instant::now();
    let mut end = None;
    loop {
        let now = Instant::now();
        if end.is_none() && stop.load(Ordering::Relaxed) {
            end = Some(now + PATIENCE);
        }
        match end {
            Some(end) if now >= end || pings.lost().is_empty() => return pings,
            None if now >= due => {
                let sequence = u16::try_from(pings.sent.len()).expect("at most 65536 pings");
                pings.sent.push((now, None));
                // No route or no neighbour: the ping counts as lost.
                sendto(socket.as_raw_fd(), &request(sequence), &to, MsgFlags::empty()).ok();
                due += INTERVAL;
            }
            _ => {}
        }
        let mut ready = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        poll(&mut ready, PollTimeout::from(2_u8)).ok();
        let mut packet = [0; 128];
        while let Ok(length) = recv(socket.as_raw_fd(), &mut packet, MsgFlags::empty()) {
            let answered = answer(&packet[..length], target).map(usize::from);
            if let Some((_, answer)) = answered.and_then(|number| pings.sent.get_mut(number)) {
                answer.get_or_insert_with(Instant::now);
            }
        }
    }
}

fn request(sequence: u16) -> [u8; 8] {
    let [id_high, id_low] = IDENTIFIER.to_be_bytes();
    let [high, low] = sequence.to_be_bytes();
    let mut sum = 0x0800 + u32::from(IDENTIFIER) + u32::from(sequence);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    let [check_high, check_low] = u16::try_from(sum).map_or(0, |sum| !sum).to_be_bytes();
    [8, 0, check_high, check_low, id_high, id_low, high, low]
}

/// The sequence number if this is an answer of `target` to one of our pings.
fn answer(packet: &[u8], target: Ipv4Addr) -> Option<u16> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let message = packet.get(header..header + 8)?;
    let ours = message[0] == 0 && message[4..6] == IDENTIFIER.to_be_bytes();
    (ours && packet.get(12..16)? == target.octets())
        .then(|| u16::from_be_bytes([message[6], message[7]]))
}
