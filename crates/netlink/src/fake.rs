//! A scripted kernel: a [`Transport`] whose answers a test writes.

use std::collections::VecDeque;
use std::fmt;
use std::io;

use crate::frame::{Frames, HEADER, NLMSG_DONE, NLMSG_ERROR};
use crate::transport::Transport;

/// One request as the fake kernel sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// `nlmsg_seq`.
    pub sequence: u32,
    /// What follows the netlink header.
    pub payload: Vec<u8>,
}

impl Asked {
    /// Whether the request asks for an answer in any case.
    pub fn wants_ack(&self) -> bool {
        self.flags & 4 != 0
    }
}

/// What the receive queue holds: a datagram, or an errno that reading gives.
pub type Queued = Result<Vec<u8>, i32>;

type Kernel = Box<dyn FnMut(&[Asked]) -> Vec<Queued>>;

/// A fake socket: every datagram that is sent goes to a function, whose answers are queued.
pub struct Fake {
    kernel: Kernel,
    queue: VecDeque<Queued>,
    /// Every datagram that was sent, as requests.
    pub sent: Vec<Vec<Asked>>,
}

impl Fake {
    /// A kernel that answers each datagram with what `kernel` returns.
    pub fn new(kernel: impl FnMut(&[Asked]) -> Vec<Queued> + 'static) -> Self {
        Self { kernel: Box::new(kernel), queue: VecDeque::new(), sent: Vec::new() }
    }

    /// A kernel that grants every request.
    pub fn agreeable() -> Self {
        Self::new(|asked| {
            let wanted = asked.iter().filter(|request| request.wants_ack());
            wanted.map(|request| Ok(error(request.sequence, 0, None))).collect()
        })
    }

    /// Queues something that was not asked for, such as an event.
    pub fn push(&mut self, queued: Queued) {
        self.queue.push_back(queued);
    }
}

impl Transport for Fake {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        let asked: Vec<Asked> = Frames::new(datagram)
            .map_while(Result::ok)
            .map(|frame| Asked {
                kind: frame.kind,
                flags: frame.flags,
                sequence: frame.sequence,
                payload: frame.payload.to_vec(),
            })
            .collect();
        self.queue.extend((self.kernel)(&asked));
        self.sent.push(asked);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.queue.pop_front() {
            None => Err(io::ErrorKind::WouldBlock.into()),
            Some(Err(errno)) => Err(io::Error::from_raw_os_error(errno)),
            Some(Ok(datagram)) => {
                let fits = datagram.len().min(buffer.len());
                if let (Some(to), Some(from)) = (buffer.get_mut(..fits), datagram.get(..fits)) {
                    to.copy_from_slice(from);
                }
                Ok(datagram.len())
            }
        }
    }
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fake").field("queue", &self.queue).field("sent", &self.sent).finish()
    }
}

/// One message as bytes.
pub fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + payload.len()).unwrap_or(u32::MAX);
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&flags.to_ne_bytes());
    bytes.extend_from_slice(&sequence.to_ne_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// One attribute with its padding, as a kernel writes it; [`crate::AttributeWriter`] has no part in it.
pub fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The answer `errno` (positive; 0 is an acknowledgement) to a request, with a text or without. The
/// request is echoed by its header alone, as with capped acknowledgements.
pub fn error(sequence: u32, errno: i32, text: Option<&str>) -> Vec<u8> {
    let mut payload = (-errno).to_ne_bytes().to_vec();
    payload.extend_from_slice(&message(0, 0, sequence, &[]));
    let mut flags = 0x100;
    if let Some(text) = text {
        flags |= 0x200;
        payload.extend(attribute(1, &[text.as_bytes(), &[0]].concat()));
    }
    message(NLMSG_ERROR, flags, sequence, &payload)
}

/// The end of a dump.
pub fn done(sequence: u32) -> Vec<u8> {
    message(NLMSG_DONE, 2, sequence, &0i32.to_ne_bytes())
}
