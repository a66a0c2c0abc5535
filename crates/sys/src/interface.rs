//! The network interfaces that are there.

use std::collections::BTreeSet;
use std::io;

use base::IfIndex;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nameindex, if_nametoindex};

/// Their names.
///
/// # Errors
/// The system call's: too many open files.
pub fn interfaces() -> io::Result<BTreeSet<String>> {
    let interfaces = if_nameindex()?;
    Ok(interfaces.iter().map(|one| one.name().to_string_lossy().into_owned()).collect())
}

/// The names of those without `IFF_MULTICAST`.
///
/// # Errors
/// The system call's: too many open files.
pub fn interfaces_without_multicast() -> io::Result<BTreeSet<String>> {
    let all = getifaddrs()?;
    let without = all.filter(|one| !one.flags.contains(InterfaceFlags::IFF_MULTICAST));
    Ok(without.map(|one| one.interface_name).collect())
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
