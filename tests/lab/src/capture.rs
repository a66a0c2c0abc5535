//! Frames on a node's port of the switch, with the time when they passed.

use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
    recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeSpec, TimeVal, TimeValLike};

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
    frames: Arc<Mutex<Vec<Frame>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    /// Captures from now on what `node` sends.
    pub fn of(network: &Network, node: &Node) -> Self {
        Self::on(network.switch(), node.name(), false)
    }

    /// Captures on an interface of any node: `everything`, or only frames that come in there.
    pub fn on(place: &Node, interface: &str, everything: bool) -> Self {
        let frames: Arc<Mutex<Vec<Frame>>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let namespace = place.network();
        let interface = interface.to_owned();
        let (ready, started) = std::sync::mpsc::channel();
        let (shared, ended) = (Arc::clone(&frames), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            enter(&namespace);
            let socket = open(&interface);
            let port =
                nix::net::if_::if_nametoindex(interface.as_str()).expect("the interface exists");
            ready.send(()).ok();
            let mut buffer = vec![0; 65536];
            while !ended.load(Ordering::Relaxed) {
                match receive(&socket, &mut buffer) {
                    Ok((length, at, Some(from))) if from.ifindex() == port as usize => {
                        if everything || from.pkttype() != OUTGOING {
                            let protocol = u16::from_be(from.protocol());
                            let frame = Frame { at, protocol, bytes: buffer[..length].to_vec() };
                            shared.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
                        }
                    }
                    // ENETDOWN: the port was taken down, the capture goes on when it is up again.
                    Ok(_) | Err(Errno::EAGAIN | Errno::EINTR | Errno::ENETDOWN) => {}
                    Err(error) => panic!("capture on {interface}: {error}"),
                }
            }
        });
        started.recv().expect("the capture starts");
        Self { frames, stop, thread: Some(thread) }
    }

    /// All frames so far.
    pub fn frames(&self) -> Vec<Frame> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// One frame: its length, when the kernel saw it, and from where it came.
fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> nix::Result<(usize, Instant, Option<LinkAddr>)> {
    let mut room = nix::cmsg_space!(TimeSpec);
    let mut parts = [IoSliceMut::new(buffer)];
    let none = MsgFlags::empty();
    let message = recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut parts, Some(&mut room), none)?;
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
    let pause = TimeVal::milliseconds(i64::try_from(PAUSE.as_millis()).unwrap_or(50));
    setsockopt(&socket, sockopt::ReceiveTimeout, &pause).expect("a receive timeout can be set");
    socket
}

/// How long a look at the stop mark may be late.
const PAUSE: Duration = Duration::from_millis(50);
