//! What checks look at: one server behind many addresses, which counts who comes.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lab::Node;
use lab::node::enter;
use nix::sys::socket::{Backlog, listen, setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};

use crate::stand_in;

/// Those who answer, where an answer needs the client's word first.
const TALKERS: usize = 8;

/// Those who accept where there is nothing to say; one alone does not keep up with ten thousand a second.
const ACCEPTORS: usize = 2;

/// How long a client may take for what it has to say; so long a server may take to notice its end.
const PATIENCE_MS: i64 = 500;

/// Visits are counted by this time.
pub(crate) const SLOT: Duration = Duration::from_millis(100);

const PAGE: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";

/// What the server does with a connection.
#[derive(Debug, Clone)]
pub(crate) enum Manner {
    /// Closes it.
    Accept,
    /// Answers a request of HTTP.
    Page,
    /// The same in TLS.
    Secret(Arc<ServerConfig>),
}

impl Manner {
    /// TLS with a certificate of its own.
    pub(crate) fn secret(node: &Node) -> Self {
        node.sh("cd /run && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
             -days 2 -subj /CN=target -keyout target.key -out target.pem 2>/dev/null");
        let file = |name: &str| node.folder("run").join(name);
        let certificate =
            CertificateDer::from_pem_file(file("target.pem")).expect("openssl wrote it");
        let key = PrivateKeyDer::from_pem_file(file("target.key")).expect("openssl wrote it");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the library's own versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("key and certificate are one pair");
        Self::Secret(Arc::new(config))
    }
}

/// A running server; dropping it closes its port.
#[derive(Debug)]
pub(crate) struct Target {
    visits: Arc<AtomicU64>,
    slots: Arc<Mutex<Vec<u32>>>,
    start: Instant,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Target {
    /// Listens on port 80 of all addresses of 10.100.0.0/14, which are `node`'s own from now on; `apart`:
    /// on a processor of its own, see [`stand_in::program`].
    pub(crate) fn start(node: &Node, manner: &Manner, apart: bool) -> Self {
        node.sh("ip route replace local 10.100.0.0/14 dev lo
             echo 4096 >/proc/sys/net/core/somaxconn");
        let listener = node.inside(|| {
            TcpListener::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 80))
                .expect("the port is free")
        });
        listen(&listener, Backlog::new(4096).expect("a small number")).expect("it listens already");
        let patience = TimeVal::milliseconds(PATIENCE_MS);
        setsockopt(&listener, sockopt::ReceiveTimeout, &patience).expect("a timeout can be set");
        let mut target = Self {
            visits: Arc::default(),
            slots: Arc::default(),
            start: Instant::now(),
            stop: Arc::default(),
            threads: Vec::new(),
        };
        let talkers = if matches!(manner, Manner::Accept) { ACCEPTORS } else { TALKERS };
        for _ in 0..talkers {
            let listener = listener.try_clone().expect("descriptors are left");
            let (visits, slots) = (Arc::clone(&target.visits), Arc::clone(&target.slots));
            let (start, stop) = (target.start, Arc::clone(&target.stop));
            let (manner, network) = (manner.clone(), node.network());
            target.threads.push(thread::spawn(move || {
                enter(&network);
                stand_in::answer_at_once(apart);
                while !stop.load(Ordering::Relaxed) {
                    let Ok((stream, _)) = listener.accept() else { continue };
                    visits.fetch_add(1, Ordering::Relaxed);
                    count(&slots, start.elapsed());
                    // A client that goes away is the client's business.
                    answer(stream, &manner).ok();
                }
            }));
        }
        target
    }

    /// Connections so far.
    pub(crate) fn visits(&self) -> u64 {
        self.visits.load(Ordering::Relaxed)
    }

    /// Connections of each whole slot since `from`.
    pub(crate) fn slots_since(&self, from: Instant) -> Vec<u32> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let first = slot_at(from - self.start) + 1;
        let whole = slot_at(self.start.elapsed()).min(slots.len());
        slots.get(first..whole).unwrap_or_default().to_vec()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}

fn slot_at(time: Duration) -> usize {
    usize::try_from(time.as_millis() / SLOT.as_millis()).unwrap_or(usize::MAX)
}

fn count(slots: &Mutex<Vec<u32>>, time: Duration) {
    let mut slots = slots.lock().unwrap_or_else(PoisonError::into_inner);
    let slot = slot_at(time);
    if slots.len() <= slot {
        slots.resize(slot + 1, 0);
    }
    slots[slot] += 1;
}

fn answer(mut stream: TcpStream, manner: &Manner) -> io::Result<()> {
    match manner {
        Manner::Accept => Ok(()),
        Manner::Page => page(&mut stream),
        Manner::Secret(config) => {
            let mut session =
                ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
            page(&mut Stream::new(&mut session, &mut stream))?;
            session.send_close_notify();
            session.write_tls(&mut stream).map(drop)
        }
    }
}

/// One request, which these clients send in one piece, and its answer.
fn page(stream: &mut (impl Read + Write)) -> io::Result<()> {
    let mut request = [0; 2048];
    let mut length = 0;
    while !request[..length].ends_with(b"\r\n\r\n") {
        match stream.read(&mut request[length..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => length += more,
        }
    }
    stream.write_all(PAGE)
}
