//! A web server that answers with its name: the real server of the lab.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::node::{Node, enter};

/// A running server; dropping it closes the port, and connections are refused.
#[derive(Debug)]
pub struct Web {
    stop: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Web {
    /// Serves on all addresses of `node`.
    pub fn start(node: &Node, port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let connections = Arc::new(AtomicUsize::new(0));
        let listener = node.inside(|| {
            TcpListener::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))
                .expect("the port is free")
        });
        setsockopt(&listener, sockopt::ReceiveTimeout, &TimeVal::milliseconds(50))
            .expect("a timeout can be set");
        let name = node.name().to_owned();
        let (ended, count, network) = (Arc::clone(&stop), Arc::clone(&connections), node.network());
        let thread = thread::spawn(move || {
            enter(&network);
            while !ended.load(Ordering::Relaxed) {
                if let Ok((stream, _)) = listener.accept() {
                    count.fetch_add(1, Ordering::Relaxed);
                    serve(stream, &name).ok();
                }
            }
        });
        Self { stop, connections, thread: Some(thread) }
    }

    /// Connections accepted so far, checks included.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// Answers one request; a check that connects and leaves gets nothing.
fn serve(mut stream: TcpStream, name: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.set_write_timeout(Some(Duration::from_millis(300)))?;
    let mut request = [0; 1024];
    if stream.read(&mut request)? > 0 {
        let length = name.len() + 1;
        write!(stream, "HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n{name}\n")?;
    }
    Ok(())
}
