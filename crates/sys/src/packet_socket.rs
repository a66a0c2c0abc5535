//! Whole Ethernet frames out of any interface: gratuitous ARP and neighbour advertisements.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use base::IfIndex;

use crate::many::{MANY, send_many};
use crate::sockopt::{not_now, open, signed, uninterrupted};

/// A socket that sends frames and receives none. It never waits.
#[derive(Debug)]
pub struct PacketSocket {
    fd: OwnedFd,
}

impl PacketSocket {
    /// Opens the socket, which needs `CAP_NET_RAW`. One is enough for all interfaces.
    ///
    /// # Errors
    /// `PermissionDenied` without the capability.
    pub fn open() -> io::Result<Self> {
        // Protocol 0: the kernel delivers nothing to it.
        Ok(Self { fd: open(libc::AF_PACKET, libc::SOCK_RAW, 0)? })
    }

    /// Sends a frame that begins with its link-layer header. `false` when the interface's queue is
    /// full: send it again later.
    ///
    /// # Errors
    /// The system call's: `ENETDOWN`, `ENXIO` when the interface is gone.
    #[expect(unsafe_code, reason = "nix makes link-layer addresses from raw pointers only")]
    pub fn send(&self, interface: IfIndex, frame: &[u8]) -> io::Result<bool> {
        let to = link_layer(interface)?;
        let length = libc::socklen_t::try_from(size_of_val(&to)).map_err(io::Error::other)?;
        let sent = not_now(uninterrupted(|| {
            // SAFETY: frame and address are live for the call, their lengths are their own.
            let sent = unsafe {
                libc::sendto(
                    self.fd.as_raw_fd(),
                    frame.as_ptr().cast(),
                    frame.len(),
                    0,
                    (&raw const to).cast(),
                    length,
                )
            };
            nix::Error::result(sent).map(drop)
        }));
        match sent {
            // A full device queue; not an error of this frame.
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(false),
            other => Ok(other?.is_some()),
        }
    }

    /// Sends the first [`MANY`] of `frames`, each out of the interface beside it, with one call. Returns how
    /// many have left; why the next one of them has not is what [`Self::send`] says of it.
    pub fn send_many<'a>(&self, frames: impl IntoIterator<Item = (&'a [u8], IfIndex)>) -> usize {
        // No memory from the heap: a thread that only sends needs none of its own.
        let mut addressed: [(&[u8], libc::sockaddr_ll); MANY] = [(&[], nowhere()); MANY];
        let mut ready = 0;
        for (slot, (frame, interface)) in addressed.iter_mut().zip(frames) {
            let Ok(to) = link_layer(interface) else { break };
            *slot = (frame, to);
            ready += 1;
        }
        send_many(self.fd.as_fd(), addressed.get(..ready).unwrap_or_default())
    }
}

#[expect(unsafe_code, reason = "nix makes link-layer addresses from raw pointers only")]
fn nowhere() -> libc::sockaddr_ll {
    // SAFETY: all-zero bytes are a valid `sockaddr_ll`: integers and a byte array.
    unsafe { std::mem::zeroed() }
}

fn link_layer(interface: IfIndex) -> io::Result<libc::sockaddr_ll> {
    let mut to = nowhere();
    to.sll_family = libc::sa_family_t::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
    to.sll_ifindex = signed(interface)?;
    Ok(to)
}
