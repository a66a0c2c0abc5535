//! What a node tells its kernel over netlink, seen by a netlink monitor device (module `nlmon`).

use std::fmt;
use std::time::Instant;

use crate::capture::{Capture, Frame};
use crate::node::Node;

/// Set in what a process asks; answers and notifications of the kernel lack it (`NLM_F_REQUEST`).
/// The device shows both, and does not say which way a message went.
const REQUEST: u16 = 1;

/// Netlink protocols, `linux/netlink.h`.
const ROUTE: u16 = 0;
const NETFILTER: u16 = 12;
const GENERIC: u16 = 16;

/// The generic netlink controller, which only answers questions (`GENL_ID_CTRL`).
const CONTROLLER: u16 = 16;

/// Commands of IPVS that only ask: services, destinations, daemons, configuration, information
/// (`linux/ip_vs.h`).
const IPVS_QUESTIONS: [u8; 5] = [4, 8, 11, 13, 15];

/// A request that wants to change something in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Netlink protocol: 0 route, 12 netfilter, 16 generic.
    pub protocol: u16,
    /// Message type.
    pub kind: u16,
    /// Command of a generic message.
    pub command: Option<u8>,
}

impl Change {
    /// An address is added.
    pub fn is_new_address(self) -> bool {
        (self.protocol, self.kind) == (ROUTE, 20)
    }

    /// An address is deleted.
    pub fn is_delete_address(self) -> bool {
        (self.protocol, self.kind) == (ROUTE, 21)
    }

    /// An IPVS destination is added.
    pub fn is_new_destination(self) -> bool {
        self.protocol == GENERIC && self.command == Some(5)
    }

    /// An IPVS destination is deleted.
    pub fn is_delete_destination(self) -> bool {
        self.protocol == GENERIC && self.command == Some(7)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "protocol {} type {} command {:?}", self.protocol, self.kind, self.command)
    }
}

/// A running watch over the requests of a node.
#[derive(Debug)]
pub struct Monitor {
    capture: Capture,
}

impl Monitor {
    /// Watches from now on. The lab's own `ip` and `ipvsadm` in this node would be seen as well.
    pub fn start(node: &Node) -> Self {
        node.sh("modprobe nlmon; ip link add nlmon0 type nlmon; ip link set nlmon0 up");
        Self { capture: Capture::on(node, "nlmon0", true) }
    }

    /// The changes asked for so far.
    pub fn changes(&self) -> Vec<Change> {
        self.timed_changes().into_iter().map(|(_, change)| change).collect()
    }

    /// The same, each with the time when it was asked for.
    pub fn timed_changes(&self) -> Vec<(Instant, Change)> {
        let frames = self.capture.frames();
        let of = |frame: &Frame| {
            let at = frame.at;
            changes(frame.protocol, &frame.bytes).into_iter().map(move |change| (at, change))
        };
        frames.iter().flat_map(of).collect()
    }
}

/// The changes among the messages of one send.
fn changes(protocol: u16, mut bytes: &[u8]) -> Vec<Change> {
    let mut found = Vec::new();
    while let Some(header) = bytes.first_chunk::<16>() {
        let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let kind = u16::from_ne_bytes([header[4], header[5]]);
        let asked = u16::from_ne_bytes([header[6], header[7]]) & REQUEST != 0;
        let command = (protocol == GENERIC).then(|| bytes.get(16).copied()).flatten();
        let question = match protocol {
            ROUTE => kind % 4 == 2,
            NETFILTER => false,
            GENERIC => {
                kind == CONTROLLER || command.is_some_and(|own| IPVS_QUESTIONS.contains(&own))
            }
            _ => true,
        };
        if kind >= 16 && asked && !question {
            found.push(Change { protocol, kind, command });
        }
        bytes = bytes.get(length.max(16).next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, payload: [u8; 4]) -> Vec<u8> {
        let mut bytes = 20_u32.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn every_message_of_a_batch_is_judged() {
        let mut batch = message(20, [0; 4]);
        batch.extend(message(22, [0; 4]));
        batch.extend(message(21, [0; 4]));
        let found = changes(ROUTE, &batch);
        assert_eq!(found.len(), 2, "the question (22) is no change: {found:?}");
        assert!(found[0].is_new_address() && found[1].is_delete_address());
    }

    #[test]
    fn what_the_kernel_says_is_no_change() {
        let mut notification = message(20, [0; 4]);
        notification[6] = 0;
        assert!(changes(ROUTE, &notification).is_empty());
    }

    #[test]
    fn ipvs_questions_are_no_changes() {
        assert!(changes(GENERIC, &message(30, [4, 1, 0, 0])).is_empty());
        assert!(changes(GENERIC, &message(30, [5, 1, 0, 0]))[0].is_new_destination());
        assert!(changes(GENERIC, &message(CONTROLLER, [3, 1, 0, 0])).is_empty());
    }
}
