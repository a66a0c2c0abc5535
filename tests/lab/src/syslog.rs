//! The node's `/dev/log`: what a daemon in the background says.

use std::os::unix::net::UnixDatagram;
use std::thread;

use crate::log::Log;
use crate::node::Node;

/// Listens on the node's `/dev/log`. Lines are kept as they come: `<30>Nov 20 06:11:37 Keepalived[7]: text`.
pub fn listen(node: &Node) -> Log {
    let log = Log::default();
    let socket = UnixDatagram::bind(node.folder("run").join("log")).expect("the node's /dev/log");
    let lines = log.clone();
    // The thread ends with the test's process; nobody waits for a datagram socket to end.
    thread::spawn(move || {
        let mut record = vec![0; 8192];
        while let Ok(length) = socket.recv(&mut record) {
            lines.push(String::from_utf8_lossy(&record[..length]).trim_end_matches(['\n', '\0']));
        }
    });
    log
}
