//! The network interfaces that are there.

use std::collections::BTreeSet;
use std::io;

use nix::net::if_::if_nameindex;

/// Their names.
///
/// # Errors
/// The system call's: too many open files.
pub fn interfaces() -> io::Result<BTreeSet<String>> {
    let interfaces = if_nameindex()?;
    Ok(interfaces.iter().map(|one| one.name().to_string_lossy().into_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_there() {
        assert!(interfaces().unwrap().contains("lo"));
    }
}
