//! Whether an interface has a link, asked of its driver.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::ifreq;
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
                let found =
                    ifreq::ask(self.fd.as_fd(), interface, libc::SIOCGMIIPHY, Mii::default())?;
                let wanted = Mii { register: STATUS_REGISTER, ..found };
                let status = ifreq::ask(self.fd.as_fd(), interface, libc::SIOCGMIIREG, wanted)?;
                Ok(status.value_out & LINK_STATUS != 0)
            }
            LinkMethod::Ethtool => {
                let mut answer = Ethtool { command: GET_LINK, value: 0 };
                ifreq::ask(self.fd.as_fd(), interface, libc::SIOCETHTOOL, &raw mut answer)?;
                Ok(answer.value != 0)
            }
            LinkMethod::Ioctl => {
                Ok(ifreq::flags(self.fd.as_fd(), interface)? & libc::IFF_RUNNING != 0)
            }
        }
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
