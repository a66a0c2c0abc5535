//! Frames on a node's port of the switch, with the time when they passed.

use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
    recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;

use crate::frame::{self, Advert, Arp};
use crate::network::Network;
use crate::node::{Node, enter};

/// What the kernel calls a frame that leaves through the port, towards the node (`PACKET_OUTGOING`).
const OUTGOING: u8 = 4;

/// A captured frame.
#[derive(Debug, Clone)]
pub struct Frame {
    /// When it passed, as the kernel saw it.
    pub at: Instant,
    /// Its ethertype, or the netlink protocol on a netlink monitor.
    pub protocol: u16,
    /// The whole frame, from its destination address on.
    pub bytes: Vec<u8>,
}

/// A running capture of what one node sends.
#[derive(Debug)]
pub struct Capture {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    heard: Mutex<Heard>,
    /// Somebody asks, or has been answered.
    turn: Condvar,
}

#[derive(Debug, Default)]
struct Heard {
    frames: Vec<Frame>,
    /// How often somebody has asked for all that passed until then.
    asked: u64,
    /// The last of them that everything was read for.
    answered: u64,
    ended: bool,
}

impl Shared {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything was read that had passed when `asked` was looked at: waits until somebody asks for more, or for a
    /// while. Whoever sends does not wake the reader, which would cost the sender more than the frame. What to answer
    /// next; `None` at the end.
    fn answer(&self, asked: u64) -> Option<u64> {
        let mut heard = self.heard();
        heard.answered = asked;
        self.turn.notify_all();
        let idle = |heard: &mut Heard| heard.asked == asked && !heard.ended;
        let waited = self.turn.wait_timeout_while(heard, PAUSE, idle);
        (heard, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (!heard.ended).then_some(heard.asked)
    }
}

impl Capture {
    /// Captures from now on what `node` sends.
    pub fn of(network: &Network, node: &Node) -> Self {
        Self::on(network.switch(), node.name(), false)
    }

    /// Captures on an interface of any node: `everything`, or only frames that come in there.
    pub fn on(place: &Node, interface: &str, everything: bool) -> Self {
        let shared: Arc<Shared> = Arc::default();
        let namespace = place.network();
        let interface = interface.to_owned();
        let (ready, started) = std::sync::mpsc::channel();
        let reader = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            enter(&namespace);
            let socket = open(&interface);
            let port =
                nix::net::if_::if_nametoindex(interface.as_str()).expect("the interface exists");
            ready.send(()).ok();
            let mut buffer = vec![0; 65536];
            let mut asked = 0;
            loop {
                match receive(&socket, &mut buffer) {
                    Ok((length, at, Some(from))) if from.ifindex() == port as usize => {
                        if everything || from.pkttype() != OUTGOING {
                            let protocol = u16::from_be(from.protocol());
                            let frame = Frame { at, protocol, bytes: buffer[..length].to_vec() };
                            reader.heard().frames.push(frame);
                        }
                    }
                    Err(Errno::EAGAIN) => match reader.answer(asked) {
                        Some(next) => asked = next,
                        None => return,
                    },
                    // ENETDOWN: the port was taken down, the capture goes on when it is up again.
                    Ok(_) | Err(Errno::EINTR | Errno::ENETDOWN) => {}
                    Err(error) => panic!("capture on {interface}: {error}"),
                }
            }
        });
        started.recv().expect("the capture starts");
        Self { shared, thread: Some(thread) }
    }

    /// All frames that have passed so far.
    pub fn frames(&self) -> Vec<Frame> {
        let mut heard = self.shared.heard();
        heard.asked += 1;
        let asked = heard.asked;
        self.shared.turn.notify_all();
        let reads = |heard: &mut Heard| heard.answered < asked;
        let waited = self.shared.turn.wait_timeout_while(heard, LIMIT, reads);
        let (heard, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "the capture has ended");
        heard.frames.clone()
    }

    /// The adverts so far.
    pub fn adverts(&self) -> Vec<(Instant, Advert)> {
        self.select(frame::advert)
    }

    /// The gratuitous ARPs so far.
    pub fn gratuitous_arps(&self) -> Vec<(Instant, Arp)> {
        self.select(|bytes| frame::arp(bytes).filter(Arp::is_gratuitous))
    }

    fn select<T>(&self, read: impl Fn(&[u8]) -> Option<T>) -> Vec<(Instant, T)> {
        self.frames()
            .into_iter()
            .filter_map(|frame| read(&frame.bytes).map(|meaning| (frame.at, meaning)))
            .collect()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.shared.heard().ended = true;
        self.shared.turn.notify_all();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// One frame: its length, when the kernel saw it, and from where it came.
fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> nix::Result<(usize, Instant, Option<LinkAddr>)> {
    let mut room = nix::cmsg_space!(TimeSpec);
    let mut parts = [IoSliceMut::new(buffer)];
    let at_once = MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut parts, Some(&mut room), at_once)?;
    let stamp = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
        _ => None,
    });
    let age = stamp.and_then(|stamp| SystemTime::now().duration_since(UNIX_EPOCH + stamp).ok());
    let at = Instant::now() - age.unwrap_or_default();
    Ok((message.bytes, at, message.address))
}

fn open(interface: &str) -> OwnedFd {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll)
        .expect("packet sockets need root");
    setsockopt(&socket, sockopt::BindToDevice, &interface.into()).ok();
    setsockopt(&socket, sockopt::RcvBufForce, &(32 << 20)).ok();
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true).expect("the kernel stamps packets");
    socket
}

/// The reader looks that often when nobody asks: what passes meanwhile fits into the socket.
const PAUSE: Duration = Duration::from_millis(50);

/// The reader takes so long for what has passed, on a busy machine, unless it has ended.
const LIMIT: Duration = Duration::from_secs(60);
