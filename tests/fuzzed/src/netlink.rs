//! Any bytes as what the kernel answers and tells: no panic, no endless reading.
//!
//! The bytes are datagrams, each after its length in two bytes. Every other one is an event.

use std::collections::VecDeque;
use std::io;

use base::Instant;
use netlink::{Attributes, Transport};
use netlink_reflector::Reflector;

/// A kernel that answers a request with the next datagram.
struct Kernel {
    datagrams: VecDeque<Vec<u8>>,
    /// The answer to the last request.
    answer: Option<Vec<u8>>,
    /// Whether datagrams come without being asked for.
    speaks: bool,
}

impl Transport for Kernel {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        self.answer = self.datagrams.pop_front();
        // An answer counts only with the number of its request.
        if let (Some(answer), Some(sequence)) = (&mut self.answer, datagram.get(8..12))
            && let Some(slot) = answer.get_mut(8..12)
        {
            slot.copy_from_slice(sequence);
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let next = if self.speaks { self.datagrams.pop_front() } else { self.answer.take() };
        let Some(datagram) = next else { return Err(io::ErrorKind::WouldBlock.into()) };
        let fits = datagram.len().min(buffer.len());
        buffer[..fits].copy_from_slice(&datagram[..fits]);
        Ok(datagram.len())
    }
}

/// One run.
pub fn run(bytes: &[u8]) {
    if let Ok(attributes) = Attributes::parse(bytes) {
        for (kind, _) in attributes.iter() {
            let _ = (attributes.text(kind), attributes.address(kind), attributes.u32(kind));
            let _ = attributes.nested(kind);
        }
    }
    let mut queues = [VecDeque::new(), VecDeque::new()];
    let mut rest = bytes;
    for turn in 0.. {
        let Some((length, after)) = rest.split_first_chunk::<2>() else { break };
        let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
        let (datagram, after) = after.split_at(length);
        queues[turn % 2].push_back(datagram.to_vec());
        rest = after;
    }
    let [answers, events] = queues;
    let kernel = Kernel { datagrams: answers, answer: None, speaks: false };
    let speaker = Kernel { datagrams: events, answer: None, speaks: true };
    let mut reflector = Reflector::new(kernel, speaker);
    let _ = reflector.resync();
    let _ = reflector.drain(Instant::default());
    for link in reflector.links() {
        let _ = reflector.addresses(link.index).count();
    }
}
