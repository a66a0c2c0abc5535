//! Records between two processes of this machine, with descriptors on board.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
    sendmsg, socketpair,
};

use crate::sockopt::{not_now, uninterrupted};

/// At most so many descriptors travel with one record.
pub const MAX_FDS: usize = 4;

/// What one call received.
#[derive(Debug)]
pub enum Received {
    /// A record.
    Record {
        /// Bytes of the buffer that are filled.
        length: usize,
        /// It was longer than the buffer; the rest is lost.
        truncated: bool,
        /// What came with it.
        fds: Vec<OwnedFd>,
    },
    /// Nothing now.
    NotNow,
    /// The other end is closed, and nothing is left to read.
    Closed,
}

/// Two connected sockets that keep record boundaries; neither waits, both close on exec.
///
/// # Errors
/// The system call's: too many open files.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    Ok(socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?)
}

/// Sends one record with at most [`MAX_FDS`] descriptors, which stay open here too. `false` when
/// the kernel has no room now. An empty record would look like the end and is refused.
///
/// # Errors
/// `BrokenPipe` when the other end is gone; `InvalidInput` for too many descriptors or no byte.
pub fn send(socket: BorrowedFd<'_>, record: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<bool> {
    if record.is_empty() || fds.len() > MAX_FDS {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &rights };
    let sent = not_now(uninterrupted(|| {
        let parts = [IoSlice::new(record)];
        sendmsg::<()>(socket.as_raw_fd(), &parts, control, MsgFlags::MSG_NOSIGNAL, None)
    }))?;
    Ok(sent.is_some())
}

/// The next record.
///
/// # Errors
/// The system call's. A peer that died with unread records shows as `ConnectionReset`.
#[expect(unsafe_code, reason = "nix hands received descriptors over as plain numbers")]
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Received> {
    let mut parts = [IoSliceMut::new(buffer)];
    let mut control = nix::cmsg_space!([RawFd; MAX_FDS]);
    let received = not_now(uninterrupted(|| {
        recvmsg::<()>(
            socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::MSG_CMSG_CLOEXEC,
        )
        .map(|message| {
            let mut fds = Vec::new();
            for control in message.cmsgs().into_iter().flatten() {
                if let ControlMessageOwned::ScmRights(raw) = control {
                    // SAFETY: the kernel has just made these descriptors for this record, and nobody
                    // else has seen their numbers.
                    fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
                }
            }
            (message.bytes, message.flags, fds)
        })
    }))?;
    Ok(match received {
        None => Received::NotNow,
        Some((0, ..)) => Received::Closed,
        Some((length, flags, fds)) => {
            Received::Record { length, truncated: flags.contains(MsgFlags::MSG_TRUNC), fds }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn a_record_arrives_whole_with_its_descriptors() {
        let (here, there) = pair().unwrap();
        let memory = crate::memfd::create_sealed("test", b"inside").unwrap();
        assert!(send(here.as_fd(), b"one", &[memory.as_fd()]).unwrap());
        assert!(send(here.as_fd(), b"two", &[]).unwrap());
        let mut buffer = [0; 16];
        let Received::Record { length: 3, truncated: false, fds } =
            receive(there.as_fd(), &mut buffer).unwrap()
        else {
            panic!("no first record")
        };
        assert_eq!(&buffer[..3], b"one");
        assert_eq!(crate::memfd::read_sealed(fds[0].as_fd(), 100).unwrap(), b"inside");
        let second = receive(there.as_fd(), &mut buffer).unwrap();
        assert!(matches!(second, Received::Record { length: 3, .. }));
        assert_eq!(&buffer[..3], b"two");
        assert!(matches!(receive(there.as_fd(), &mut buffer).unwrap(), Received::NotNow));
    }

    #[test]
    fn a_closed_peer_is_an_end_for_the_reader_and_an_error_for_the_writer() {
        let (here, there) = pair().unwrap();
        drop(there);
        assert!(matches!(receive(here.as_fd(), &mut [0; 4]).unwrap(), Received::Closed));
        let error = send(here.as_fd(), b"x", &[]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_full_socket_says_not_now() {
        let (here, _there) = pair().unwrap();
        let accepted = (0..100_000).take_while(|_| send(here.as_fd(), b"x", &[]).unwrap()).count();
        assert!((1..100_000).contains(&accepted), "{accepted}");
    }

    #[test]
    fn a_record_longer_than_the_buffer_says_so() {
        let (here, there) = pair().unwrap();
        send(here.as_fd(), b"longer", &[]).unwrap();
        let received = receive(there.as_fd(), &mut [0; 3]).unwrap();
        assert!(matches!(received, Received::Record { length: 3, truncated: true, .. }));
    }

    #[test]
    fn an_empty_record_is_refused() {
        let (here, _there) = pair().unwrap();
        assert_eq!(send(here.as_fd(), b"", &[]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
