//! Socket options that nix lacks, and whatever else several sockets of this crate share.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use base::IfIndex;

/// Opens a socket of any family and protocol: not blocking, closed on exec.
#[expect(unsafe_code, reason = "nix's protocol numbers are a closed list without VRRP")]
pub(crate) fn open(family: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    // SAFETY: integers only.
    let fd =
        unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, protocol) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes the buffers of a socket larger than the system's limit allows, which needs
/// `CAP_NET_ADMIN`. The kernel doubles both numbers, for its own book-keeping. By number, not by
/// borrowed descriptor: neli's sockets tell no more.
///
/// # Errors
/// `PermissionDenied` without the capability.
pub fn force_buffers(socket: RawFd, receive_bytes: usize, send_bytes: usize) -> io::Result<()> {
    for (option, bytes) in
        [(libc::SO_RCVBUFFORCE, receive_bytes), (libc::SO_SNDBUFFORCE, send_bytes)]
    {
        let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
        set_raw(socket, libc::SOL_SOCKET, option, &bytes)?;
    }
    Ok(())
}

/// Sets the receive buffer of a socket; with `force` beyond the system's limit, which needs
/// `CAP_NET_ADMIN`. The kernel doubles the number, and has a least and a largest one. By number, as
/// [`force_buffers`].
///
/// # Errors
/// `PermissionDenied` for `force` without the capability.
pub fn set_receive_buffer(socket: RawFd, bytes: u32, force: bool) -> io::Result<()> {
    let option = if force { libc::SO_RCVBUFFORCE } else { libc::SO_RCVBUF };
    // The kernel refuses none for its size, and doubles it in an `int`.
    let bytes = i32::try_from(bytes).unwrap_or(i32::MAX).min(i32::MAX / 2);
    set_raw(socket, libc::SOL_SOCKET, option, &bytes)
}

/// Keeps from a netlink socket what is told of single IPv4 addresses (/32) that came or went because the
/// socket with the number `requester` asked for it; everything else is heard as before.
///
/// # Errors
/// The system call's; none is known for a good netlink socket.
pub fn drop_echoes_of_addresses(socket: RawFd, requester: u32) -> io::Result<()> {
    let mut program = echo_filter(requester);
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    let attached = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    set_raw(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &attached)
}

/// Looks at `nlmsg_type` and `nlmsg_pid`, then at `ifa_family` and `ifa_prefixlen`. A filter reads them as
/// if they came from a network.
fn echo_filter(requester: u32) -> [libc::sock_filter; 9] {
    const LOAD_WORD: u16 = 0x20;
    const LOAD_HALF: u16 = 0x28;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const KIND_AT: u32 = 4;
    const REQUESTER_AT: u32 = 12;
    const FAMILY_AT: u32 = 16;
    /// `AF_INET`, then the length of the prefix.
    const SINGLE_V4: u32 = (2 << 8) | 32;
    let kind = |kind: u16| u32::from(u16::from_be_bytes(kind.to_ne_bytes()));
    let requester = u32::from_be_bytes(requester.to_ne_bytes());
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    [
        step(LOAD_HALF, 0, 0, KIND_AT),
        step(JUMP_IF_EQUAL, 1, 0, kind(libc::RTM_NEWADDR)),
        step(JUMP_IF_EQUAL, 0, 5, kind(libc::RTM_DELADDR)),
        step(LOAD_WORD, 0, 0, REQUESTER_AT),
        step(JUMP_IF_EQUAL, 0, 3, requester),
        step(LOAD_HALF, 0, 0, FAMILY_AT),
        step(JUMP_IF_EQUAL, 0, 1, SINGLE_V4),
        step(RETURN, 0, 0, 0),
        step(RETURN, 0, 0, u32::MAX),
    ]
}

/// Sets an option whose value is the bytes of `value`.
pub(crate) fn set<T: Copy>(
    fd: BorrowedFd<'_>,
    level: i32,
    option: i32,
    value: &T,
) -> io::Result<()> {
    set_raw(fd.as_raw_fd(), level, option, value)
}

#[expect(unsafe_code, reason = "nix lacks these options")]
fn set_raw<T: Copy>(fd: RawFd, level: i32, option: i32, value: &T) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<T>()).map_err(io::Error::other)?;
    // SAFETY: pointer and length are those of a live plain value, which the kernel copies.
    let result =
        unsafe { libc::setsockopt(fd, level, option, std::ptr::from_ref(value).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Ties a socket to an interface by its number, which a rename does not change.
pub(crate) fn bind_to_interface(fd: BorrowedFd<'_>, interface: IfIndex) -> io::Result<()> {
    set(fd, libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX, &signed(interface)?)
}

/// An interface's number as the kernel's `int`.
pub(crate) fn signed(interface: IfIndex) -> io::Result<i32> {
    i32::try_from(interface.get()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// `None` where the kernel says "not now".
pub(crate) fn not_now<T>(result: nix::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(nix::Error::EAGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Repeats a call that a signal interrupted.
pub(crate) fn uninterrupted<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    // Each round needs a signal to arrive in the middle of a call that does not wait.
    loop {
        match call() {
            Err(nix::Error::EINTR) => {}
            result => return result,
        }
    }
}
