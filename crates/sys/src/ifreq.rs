//! Requests about an interface by its name, as netdevice(7) describes them.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// One request through any socket: `data` is what follows the interface's name, both ways.
///
/// # Errors
/// `InvalidInput` for a name that cannot be one; the system call's: `ENODEV` when there is no such
/// interface.
#[expect(unsafe_code, reason = "nix has no such requests")]
pub(crate) fn ask<T: Copy>(
    socket: BorrowedFd<'_>,
    interface: &str,
    request: libc::c_ulong,
    data: T,
) -> io::Result<T> {
    // SAFETY: all-zero bytes are a valid `ifreq`: bytes and integers.
    let mut about: libc::ifreq = unsafe { std::mem::zeroed() };
    const { assert!(size_of::<T>() <= size_of::<libc::__c_anonymous_ifr_ifru>()) };
    let (name, room) = (interface.as_bytes(), about.ifr_name.len());
    if name.is_empty() || name.len() >= room || name.contains(&0) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in about.ifr_name.iter_mut().zip(name) {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    let place = (&raw mut about.ifr_ifru).cast::<T>();
    // SAFETY: `data` fits into the union, as was asserted; unaligned writes need no more.
    unsafe { place.write_unaligned(data) };
    // SAFETY: `about` is live for the call. A pointer in `data` is to a live value of the caller,
    // of the size that the kernel knows by the request.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), request, &raw mut about) };
    nix::Error::result(result)?;
    // SAFETY: what was written above, or what the kernel wrote in its place: integers.
    Ok(unsafe { place.read_unaligned() })
}

/// The interface's flags, `IFF_UP` and its like.
///
/// # Errors
/// As [`ask`].
pub(crate) fn flags(socket: BorrowedFd<'_>, interface: &str) -> io::Result<libc::c_int> {
    let flags: libc::c_short = ask(socket, interface, libc::SIOCGIFFLAGS, 0)?;
    Ok(libc::c_int::from(flags))
}
