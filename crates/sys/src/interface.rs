//! The network interfaces that are there.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd;

use base::IfIndex;
use nix::net::if_::{if_nameindex, if_nametoindex};

use crate::ifreq;
use crate::sockopt::open;

/// Their names.
///
/// # Errors
/// The system call's: too many open files.
pub fn interfaces() -> io::Result<BTreeSet<String>> {
    let interfaces = if_nameindex()?;
    Ok(interfaces.iter().map(|one| one.name().to_string_lossy().into_owned()).collect())
}

/// The names of those without `IFF_MULTICAST`. One that goes meanwhile is none of them.
///
/// # Errors
/// The system call's: too many open files.
pub fn interfaces_without_multicast() -> io::Result<BTreeSet<String>> {
    // By name: getifaddrs would bring all their addresses, of which there may be ten thousand.
    let socket = open(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let without = |name: &String| {
        ifreq::flags(socket.as_fd(), name).is_ok_and(|flags| flags & libc::IFF_MULTICAST == 0)
    };
    Ok(interfaces()?.into_iter().filter(without).collect())
}

/// The index of the interface of that name.
///
/// # Errors
/// `ENODEV` when there is none.
pub fn interface_index(name: &str) -> io::Result<IfIndex> {
    IfIndex::new(if_nametoindex(name)?).ok_or_else(|| io::ErrorKind::NotFound.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_there() {
        assert!(interfaces().unwrap().contains("lo"));
        assert_eq!(interface_index("lo").unwrap().get(), 1);
        assert!(interfaces_without_multicast().unwrap().contains("lo"));
    }

    #[test]
    fn an_interface_that_is_not_there_is_an_error() {
        assert!(interface_index("no-such-one").is_err());
    }
}
