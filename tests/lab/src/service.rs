//! Servers that behave as a test wants them to: well or badly, at the turn of a switch.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::node::{Node, enter};

/// How soon a server notices its end.
const LOOK: Duration = Duration::from_millis(50);

/// How long a client may take for what it has to say.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether servers behave; copies are the same switch.
#[derive(Debug, Clone)]
pub struct Switch(Arc<AtomicBool>);

impl Default for Switch {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Switch {
    /// From now on they behave, or do not.
    pub fn set(&self, good: bool) {
        self.0.store(good, Ordering::Relaxed);
    }

    fn is_good(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A running server; dropping it closes its port.
#[derive(Debug)]
pub struct Service {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a UDP server answers to a datagram, and whether it shall behave.
pub type Answer = fn(&[u8], bool) -> Option<Vec<u8>>;

impl Service {
    /// A TCP server on all addresses of `node`; each client has a thread of its own. `talk` gets the
    /// connection, and whether it shall behave.
    pub fn tcp<Talk>(node: &Node, port: u16, switch: &Switch, talk: Talk) -> Self
    where
        Talk: Fn(&mut TcpStream, bool) -> io::Result<()> + Clone + Send + 'static,
    {
        let listener = node.inside(|| {
            TcpListener::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))
                .expect("the port is free")
        });
        setsockopt(&listener, sockopt::ReceiveTimeout, &timeout()).expect("a timeout can be set");
        let switch = switch.clone();
        Self::run(node, move || {
            if let Ok((mut stream, _)) = listener.accept() {
                let (good, talk) = (switch.is_good(), talk.clone());
                thread::spawn(move || {
                    // The listener's short timeout is inherited.
                    stream.set_read_timeout(Some(PATIENCE))?;
                    talk(&mut stream, good)
                });
            }
        })
    }

    /// A UDP server on all addresses of `node`.
    pub fn udp(node: &Node, port: u16, switch: &Switch, answer: Answer) -> Self {
        let socket = node.inside(|| {
            UdpSocket::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))
                .expect("the port is free")
        });
        setsockopt(&socket, sockopt::ReceiveTimeout, &timeout()).expect("a timeout can be set");
        let switch = switch.clone();
        Self::run(node, move || {
            let mut datagram = [0; 2048];
            let Ok((length, client)) = socket.recv_from(&mut datagram) else { return };
            if let Some(reply) = answer(&datagram[..length], switch.is_good()) {
                socket.send_to(&reply, client).ok();
            }
        })
    }

    fn run(node: &Node, mut turn: impl FnMut() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (ended, network) = (Arc::clone(&stop), node.network());
        let thread = thread::spawn(move || {
            enter(&network);
            while !ended.load(Ordering::Relaxed) {
                turn();
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// Reads one request of HTTP: up to the empty line.
pub fn request(stream: &mut TcpStream) -> io::Result<String> {
    let (mut text, mut bytes) = (String::new(), [0; 1024]);
    while !text.contains("\r\n\r\n") {
        let length = stream.read(&mut bytes)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        text.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    Ok(text)
}

fn timeout() -> TimeVal {
    TimeVal::milliseconds(LOOK.as_millis().try_into().unwrap_or(i64::MAX))
}
