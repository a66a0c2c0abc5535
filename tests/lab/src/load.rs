//! Clients that ask for a page again and again, and account for each request.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::ops::RangeInclusive;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::node::{Node, enter};

/// Time between the starts of two requests of one client.
const INTERVAL: Duration = Duration::from_millis(100);

/// A request that takes longer has failed.
const LIMIT: Duration = Duration::from_millis(500);

/// Source ports, each used once: IPVS remembers a connection for minutes, and sends a new one with
/// the same ports to the server of the old one, even if that has left the table.
const PORTS: RangeInclusive<u16> = 10_000..=60_000;

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Address that asked.
    pub client: Ipv4Addr,
    /// When it was sent.
    pub start: Instant,
    /// When it had its answer, or had none.
    pub end: Instant,
    /// Name of the server that answered, or what went wrong.
    pub result: Result<String, String>,
}

/// Running clients, one for each address, all on one node.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    requests: Arc<Mutex<Vec<Request>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts one client for each address of `clients`, all on `node`, asking `server`.
    pub fn start(node: &Node, clients: &[Ipv4Addr], server: SocketAddrV4) -> Self {
        Self::patient(node, clients, server, LIMIT)
    }

    /// The same with clients that wait for so long: a machine that stands still for a moment is no
    /// failure, a refused connection is one at once.
    pub fn patient(
        node: &Node,
        clients: &[Ipv4Addr],
        server: SocketAddrV4,
        patience: Duration,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let threads = clients
            .iter()
            .map(|&client| {
                let (network, ended) = (node.network(), Arc::clone(&stop));
                let requests = Arc::clone(&requests);
                thread::spawn(move || {
                    enter(&network);
                    for port in PORTS.cycle().take_while(|_| !ended.load(Ordering::Relaxed)) {
                        let start = Instant::now();
                        let from = SocketAddrV4::new(client, port);
                        let result =
                            ask_within(patience, from, server).map_err(|error| error.to_string());
                        let request = Request { client, start, end: Instant::now(), result };
                        requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
                        thread::sleep(INTERVAL.saturating_sub(start.elapsed()));
                    }
                })
            })
            .collect();
        Self { stop, requests, threads }
    }

    /// The requests that ended so far, in the order of their ends.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The requests that started at or after `from`.
    pub fn since(&self, from: Instant) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.start >= from).collect()
    }

    /// Ends the clients and returns all requests.
    pub fn stop(mut self) -> Vec<Request> {
        self.end();
        self.requests()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}

/// Those that failed.
pub fn failed(requests: &[Request]) -> Vec<&Request> {
    requests.iter().filter(|request| request.result.is_err()).collect()
}

/// True if `server` answered one of them.
pub fn answered_by(requests: &[Request], server: &str) -> bool {
    requests.iter().any(|request| request.result.as_deref() == Ok(server))
}

/// One request over a connection of its own. The thread must be inside the client's network.
pub fn ask(client: SocketAddrV4, server: SocketAddrV4) -> io::Result<String> {
    ask_within(LIMIT, client, server)
}

fn ask_within(
    patience: Duration,
    client: SocketAddrV4,
    server: SocketAddrV4,
) -> io::Result<String> {
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let limit = TimeVal::milliseconds(i64::try_from(patience.as_millis()).unwrap_or(500));
    setsockopt(&socket, sockopt::SendTimeout, &limit)?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &limit)?;
    bind(socket.as_raw_fd(), &SockaddrIn::from(client))?;
    connect(socket.as_raw_fd(), &SockaddrIn::from(server))?;
    let mut stream = TcpStream::from(socket);
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((_, body)) if !body.is_empty() => Ok(body.trim_end().to_owned()),
        _ => Err(io::Error::other("incomplete answer")),
    }
}
