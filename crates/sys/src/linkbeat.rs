//! Whether an interface has a link, asked of its driver.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use crate::sockopt::open;

/// How a driver is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkMethod {
    /// The basic mode status register of the interface's transceiver (IEEE 802.3 clause 22).
    Mii,
    /// `ETHTOOL_GLINK`.
    Ethtool,
    /// The interface's flags.
    Ioctl,
}

/// Asks drivers. An answer comes from a register or from memory: no call waits for the network, though
/// for the kernel's lock on interfaces. Ask for interfaces that exist: for others the kernel looks for a
/// module.
#[derive(Debug)]
pub struct LinkProbe {
    fd: OwnedFd,
}

/// `struct mii_ioctl_data` of the kernel.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Mii {
    transceiver: u16,
    register: u16,
    value_in: u16,
    value_out: u16,
}

/// `struct ethtool_value` of the kernel.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Ethtool {
    command: u32,
    value: u32,
}

const STATUS_REGISTER: u16 = 1;
const LINK_STATUS: u16 = 0x0004;
const GET_LINK: u32 = 0x0a;

impl LinkProbe {
    /// Makes the socket that drivers are asked through.
    ///
    /// # Errors
    /// Too many open files.
    pub fn open() -> io::Result<Self> {
        Ok(Self { fd: open(libc::AF_INET, libc::SOCK_DGRAM, 0)? })
    }

    /// Whether there is a link.
    ///
    /// # Errors
    /// `ENODEV` without such an interface; `EOPNOTSUPP` when its driver cannot be asked that way;
    /// `InvalidInput` for what is no name.
    pub fn has_link(&self, interface: &str, method: LinkMethod) -> io::Result<bool> {
        match method {
            LinkMethod::Mii => {
                let found = self.ask(interface, libc::SIOCGMIIPHY, Mii::default())?;
                let wanted = Mii { register: STATUS_REGISTER, ..found };
                let status = self.ask(interface, libc::SIOCGMIIREG, wanted)?;
                Ok(status.value_out & LINK_STATUS != 0)
            }
            LinkMethod::Ethtool => {
                let mut answer = Ethtool { command: GET_LINK, value: 0 };
                self.ask(interface, libc::SIOCETHTOOL, &raw mut answer)?;
                Ok(answer.value != 0)
            }
            LinkMethod::Ioctl => {
                let flags: libc::c_short = self.ask(interface, libc::SIOCGIFFLAGS, 0)?;
                Ok(libc::c_int::from(flags) & libc::IFF_RUNNING != 0)
            }
        }
    }

    /// One request about an interface: `data` is what follows its name, both ways.
    #[expect(unsafe_code, reason = "nix has no such requests")]
    fn ask<T: Copy>(&self, interface: &str, request: libc::c_ulong, data: T) -> io::Result<T> {
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
        let result = unsafe { libc::ioctl(self.fd.as_raw_fd(), request, &raw mut about) };
        nix::Error::result(result)?;
        // SAFETY: what was written above, or what the kernel wrote in its place: integers.
        Ok(unsafe { place.read_unaligned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_has_a_link_but_no_transceiver() {
        let probe = LinkProbe::open().unwrap();
        assert!(probe.has_link("lo", LinkMethod::Ethtool).unwrap());
        assert!(probe.has_link("lo", LinkMethod::Ioctl).unwrap());
        let refused = probe.has_link("lo", LinkMethod::Mii).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EOPNOTSUPP));
    }

    #[test]
    fn what_is_no_interface_is_an_error() {
        let probe = LinkProbe::open().unwrap();
        for method in [LinkMethod::Mii, LinkMethod::Ethtool, LinkMethod::Ioctl] {
            let refused = probe.has_link("no-such-one", method).unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(libc::ENODEV));
            for name in ["", "a-name-that-is-much-too-long", "a\0b"] {
                let refused = probe.has_link(name, method).unwrap_err();
                assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{name:?}");
            }
        }
    }
}
