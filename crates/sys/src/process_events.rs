//! The kernel's process events (`linux/cn_proc.h`): told in the first network and PID namespace only,
//! to who has `CAP_NET_ADMIN`.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::sys::socket::{MsgFlags, recv, send};

use crate::sockopt::{not_now, open, set_receive_buffer, uninterrupted};

/// `NLMSG_DONE`, the type of every message of a connector.
const DONE: u16 = 3;
/// Bytes of `nlmsghdr` and `cn_msg`.
const HEADERS: usize = 16 + 20;
/// Bytes of `proc_event` before what belongs to the kind of event.
const EVENT: usize = 16;
/// More than any event has.
const LARGEST: usize = 256;
/// `PROC_PID_INIT_INO` (`linux/proc_ns.h`), as `/proc` shows it.
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";
/// Events that are read at a time.
const AT_ONCE: usize = 1024;

const FORK: u32 = 1;
const EXEC: u32 = 2;
const NAME: u32 = 0x200;

/// A socket that hears of processes that start or become another program. It never waits.
#[derive(Debug)]
pub struct ProcessEvents {
    fd: OwnedFd,
}

/// What was heard.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Processes that have started, or have another program or name.
    pub changed: Vec<i32>,
    /// The buffer was too small: there were more.
    pub lost: bool,
    /// There may be more to take: nothing else tells of it where readiness is told once.
    pub more: bool,
}

impl ProcessEvents {
    /// Opens the socket, with a receive buffer of so many bytes, beyond the system's limit with `true`.
    ///
    /// # Errors
    /// `EPROTONOSUPPORT` in another network namespace, `PermissionDenied` without the capability, `Unsupported` in
    /// another PID namespace: it would be told only while somebody outside listens, of processes by outer numbers.
    #[expect(unsafe_code, reason = "nix knows no connector among the netlink protocols")]
    pub fn open(receive_buffer: Option<(u32, bool)>) -> io::Result<Self> {
        if std::fs::read_link("/proc/self/ns/pid")?.as_os_str() != FIRST_PID_NAMESPACE {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let fd = open(libc::AF_NETLINK, libc::SOCK_DGRAM, libc::NETLINK_CONNECTOR)?;
        if let Some((bytes, force)) = receive_buffer {
            set_receive_buffer(fd.as_raw_fd(), bytes, force)?;
        }
        // SAFETY: all-zero bytes are a valid `sockaddr_nl`: integers alone.
        let mut at: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
        at.nl_family = libc::sa_family_t::try_from(libc::AF_NETLINK).map_err(io::Error::other)?;
        at.nl_groups = libc::CN_IDX_PROC;
        let length = libc::socklen_t::try_from(size_of_val(&at)).map_err(io::Error::other)?;
        // SAFETY: the address is live for the call, its length is its own.
        let bound = unsafe { libc::bind(fd.as_raw_fd(), (&raw const at).cast(), length) };
        nix::Error::result(bound)?;
        uninterrupted(|| send(fd.as_raw_fd(), &listen(), MsgFlags::empty()))?;
        Ok(Self { fd })
    }

    /// What has come since the last call, at most a thousand events.
    ///
    /// # Errors
    /// The system call's.
    pub fn take(&self) -> io::Result<Heard> {
        let fd = self.fd.as_raw_fd();
        hear(|buffer| not_now(uninterrupted(|| recv(fd, buffer, MsgFlags::empty()))))
    }
}

impl AsFd for ProcessEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What `receive` has, which puts one event into the buffer and says its length, `None` for none.
fn hear(mut receive: impl FnMut(&mut [u8]) -> io::Result<Option<usize>>) -> io::Result<Heard> {
    let (mut heard, mut buffer) = (Heard { more: true, ..Heard::default() }, [0; LARGEST]);
    for _ in 0..AT_ONCE {
        match receive(&mut buffer) {
            Ok(Some(length)) => heard.changed.extend(buffer.get(..length).and_then(changed)),
            Ok(None) => {
                heard.more = false;
                break;
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => heard.lost = true,
            Err(error) => return Err(error),
        }
    }
    heard.changed.sort_unstable();
    heard.changed.dedup();
    Ok(heard)
}

/// `PROC_CN_MCAST_LISTEN`: a netlink header, a connector's, and the word.
fn listen() -> Vec<u8> {
    const LISTEN: u32 = 1;
    const PROCESSES: u32 = 1;
    let mut bytes = Vec::with_capacity(HEADERS + 4);
    bytes.extend(40_u32.to_ne_bytes());
    bytes.extend([DONE, 0].map(u16::to_ne_bytes).concat());
    bytes.extend([0, 0, PROCESSES, PROCESSES, 0, 0].map(u32::to_ne_bytes).concat());
    bytes.extend([4_u16, 0].map(u16::to_ne_bytes).concat());
    bytes.extend(LISTEN.to_ne_bytes());
    bytes
}

/// The process that an event is about, when it has started or become another program.
fn changed(message: &[u8]) -> Option<i32> {
    let event = message.get(HEADERS..)?;
    let word = |at: usize| -> Option<[u8; 4]> { event.get(at..at + 4)?.try_into().ok() };
    // Numbers of the thread, then of its process; of a fork the parent's two, then the child's.
    let (thread, process) = match u32::from_ne_bytes(word(0)?) {
        FORK => (EVENT + 8, EVENT + 12),
        EXEC | NAME => (EVENT, EVENT + 4),
        _ => return None,
    };
    let (thread, process) = (word(thread)?, word(process)?);
    // A thread that starts is no process.
    (thread == process).then(|| i32::from_ne_bytes(process))
}

#[cfg(test)]
mod tests {
    use skips::Lack;

    use nix::sys::socket::{getsockopt, sockopt};

    use super::*;

    /// An event with so many words after its head.
    fn event(what: u32, words: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0; HEADERS];
        bytes.extend(what.to_ne_bytes());
        bytes.extend([0; EVENT - 4]);
        bytes.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        bytes
    }

    #[test]
    fn processes_that_start_or_change_are_heard_and_threads_and_ends_are_not() {
        assert_eq!(changed(&event(FORK, &[10, 10, 20, 20])), Some(20));
        assert_eq!(changed(&event(FORK, &[10, 10, 21, 10])), None, "a thread");
        assert_eq!(changed(&event(EXEC, &[20, 20])), Some(20));
        assert_eq!(changed(&event(NAME, &[20, 20, 0, 0])), Some(20));
        assert_eq!(changed(&event(0x8000_0000, &[20, 20, 0, 0])), None, "an end");
        let whole = event(FORK, &[10, 10, 20, 20]);
        for length in 0..whole.len() {
            assert_eq!(changed(&whole[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn what_is_not_read_at_a_time_is_said_to_be_there() {
        let mut waiting = (1..=1500).map(|pid: u32| event(EXEC, &[pid, pid]));
        let mut receive = |buffer: &mut [u8]| {
            let Some(bytes) = waiting.next() else { return Ok(None) };
            buffer[..bytes.len()].copy_from_slice(&bytes);
            Ok(Some(bytes.len()))
        };
        let first = hear(&mut receive).unwrap();
        assert_eq!((first.changed.len(), first.more), (1024, true));
        let rest = hear(&mut receive).unwrap();
        assert_eq!((rest.changed.len(), rest.more), (476, false));
        assert_eq!(rest.changed.last(), Some(&1500));
    }

    /// Whether the kernel tells of processes here: not in every namespace.
    fn is_told() -> bool {
        let Ok(events) = ProcessEvents::open(None) else { return false };
        std::process::Command::new("true").status().unwrap();
        !events.take().unwrap().changed.is_empty()
    }

    /// `process_monitor_rcv_bufs_force`.
    #[test]
    fn its_buffer_is_as_large_as_it_is_to_be_and_with_force_beyond_the_limit() {
        if !is_told() {
            return skips::skip(Lack::ProcessEvents, "the kernel tells of no process here");
        }
        const BYTES: u32 = 8_000_000;
        let size = |force| {
            let events = ProcessEvents::open(Some((BYTES, force))).unwrap();
            getsockopt(&events.fd, sockopt::RcvBuf).unwrap()
        };
        // The kernel doubles the number, and has a limit for who does not force.
        let limit = std::fs::read_to_string("/proc/sys/net/core/rmem_max").unwrap();
        let limit: usize = limit.trim().parse().unwrap();
        assert_eq!(size(true), 16_000_000);
        assert_eq!(size(false), 2 * limit.min(8_000_000));
    }

    #[test]
    fn a_start_is_heard_where_the_kernel_tells_of_it() {
        if !is_told() {
            return skips::skip(Lack::ProcessEvents, "the kernel tells of no process here");
        }
        let events = ProcessEvents::open(Some((100_000, true))).unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        child.wait().unwrap();
        let heard = events.take().unwrap();
        assert!(heard.changed.contains(&pid), "{pid} in {heard:?}");
    }
}
