//! Gratuitous ARPs and unsolicited neighbour advertisements, on their way out.

mod courier;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;

use base::IfIndex;
use sys::{MANY, PacketSocket};
use wire::MacAddress;

pub(super) use courier::Courier;

/// A burst of so many messages leaves within the time that it takes to begin a thread.
pub(super) const SHORT: usize = 256;

/// An interface, its hardware address, and the address that is announced there.
type Announcement = (IfIndex, MacAddress, IpAddr);

/// Messages that leave in one turn at most.
const A_TURN: usize = 256;

/// Addresses that are not there yet and that are looked for in one turn. They come in the order in
/// which they are announced, but for those that the kernel refuses.
const ABSENT_A_TURN: usize = 16;

/// Announcements of addresses that the kernel is about to get: bounded by the messages that the
/// stack emits in the turns that this takes.
#[derive(Default)]
pub(super) struct Unannounced(VecDeque<Announcement>);

impl Unannounced {
    /// These, too.
    pub(super) fn extend(&mut self, fresh: impl IntoIterator<Item = Announcement>) {
        self.0.extend(fresh);
    }

    /// Only these are still wanted.
    pub(super) fn retain(&mut self, wanted: impl Fn(IfIndex, IpAddr) -> bool) {
        self.0.retain(|(index, _, address)| wanted(*index, *address));
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that may leave in this turn, for their addresses are there. Of the others those are
    /// dropped which will not come, for the kernel is not busy with them.
    pub(super) fn take_ready(
        &mut self,
        has: impl Fn(IfIndex, IpAddr) -> bool,
        is_busy: bool,
    ) -> Vec<Announcement> {
        let (mut ready, mut absent) = (Vec::new(), Vec::new());
        while ready.len() < A_TURN && absent.len() < ABSENT_A_TURN {
            let Some(announcement) = self.0.pop_front() else { break };
            if has(announcement.0, announcement.2) {
                ready.push(announcement);
            } else if is_busy {
                absent.push(announcement);
            }
        }
        // One that is refused does not keep those behind it waiting.
        if ready.is_empty() {
            self.0.extend(absent);
        } else {
            absent.into_iter().rev().for_each(|announcement| self.0.push_front(announcement));
        }
        ready
    }
}

/// A message as it leaves.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    index: IfIndex,
    address: IpAddr,
    bytes: Bytes,
}

/// As long as the address's family wants it.
#[derive(Debug, Clone)]
enum Bytes {
    Arp([u8; wire::arp::FRAME_LEN]),
    Ndp([u8; wire::ndp::FRAME_LEN]),
}

impl Frame {
    fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Arp(bytes) => bytes,
            Bytes::Ndp(bytes) => bytes,
        }
    }
}

/// One message for each address, from its interface's hardware address. `is_router` is asked once for
/// each interface with IPv6.
pub(super) fn frames(
    addresses: &[Announcement],
    is_router: impl Fn(IfIndex) -> bool,
) -> VecDeque<Frame> {
    let mut routers = BTreeMap::new();
    let frame = |(index, mac, address): &Announcement| {
        let bytes = match address {
            IpAddr::V4(address) => Bytes::Arp(wire::arp::gratuitous(*mac, *address)),
            IpAddr::V6(address) => {
                let router = *routers.entry(*index).or_insert_with(|| is_router(*index));
                Bytes::Ndp(wire::ndp::unsolicited(*mac, *address, router))
            }
        };
        Frame { index: *index, address: *address, bytes }
    };
    addresses.iter().map(frame).collect()
}

/// Sends them. One that cannot leave is left out: the next burst says it again. Returns those, and why.
pub(super) fn send(socket: &PacketSocket, frames: &[Frame]) -> Vec<(IpAddr, io::Error)> {
    let mut failed = Vec::new();
    let mut rest = frames;
    while !rest.is_empty() {
        let left = socket.send_many(rest.iter().map(|frame| (frame.bytes(), frame.index)));
        rest = rest.get(left..).unwrap_or_default();
        if let (true, [frame, others @ ..]) = (left < MANY, rest) {
            if let Err(error) = socket.send(frame.index, frame.bytes()) {
                failed.push((frame.address, error));
            }
            rest = others;
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn announcement(number: u32) -> Announcement {
        let index = IfIndex::new(2).unwrap();
        (index, [0; 6], IpAddr::from(Ipv4Addr::from(number)))
    }

    fn waiting(count: u32) -> Unannounced {
        let mut waiting = Unannounced::default();
        waiting.extend((0..count).map(announcement));
        waiting
    }

    /// The addresses from `from` up to `to` are there.
    fn present(from: u32, to: u32) -> impl Fn(IfIndex, IpAddr) -> bool {
        move |_, address| match address {
            IpAddr::V4(address) => (from..to).contains(&u32::from(address)),
            IpAddr::V6(_) => false,
        }
    }

    #[test]
    fn addresses_are_announced_as_they_come_in_their_order() {
        let mut waiting = waiting(1_000);
        assert_eq!(waiting.take_ready(present(0, 100), true).len(), 100);
        assert_eq!(waiting.take_ready(present(0, 100), true), []);
        let next = waiting.take_ready(present(0, 1_000), true);
        assert_eq!((next.len(), next[0]), (A_TURN, announcement(116)), "those looked for are last");
        while !waiting.take_ready(present(0, 1_000), true).is_empty() {}
        assert!(waiting.is_empty());
    }

    #[test]
    fn what_is_no_longer_held_is_not_announced_although_it_is_still_there() {
        let mut waiting = waiting(10);
        waiting.retain(present(0, 4));
        assert_eq!(waiting.take_ready(present(0, 10), true).len(), 4);
        assert!(waiting.is_empty());
    }

    #[test]
    fn an_address_that_is_refused_holds_up_no_other_and_is_forgotten_at_the_end() {
        let mut waiting = waiting(20);
        assert_eq!(waiting.take_ready(present(17, 20), true), []);
        assert_eq!(waiting.take_ready(present(17, 20), true).len(), 3);
        for _ in 0..3 {
            waiting.take_ready(present(17, 20), false);
        }
        assert!(waiting.is_empty());
    }
}
