//! Names for what the network is made of.

use std::fmt;
use std::num::NonZeroU32;

pub use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// The kernel's number of a network interface; never 0, never reused while the system runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IfIndex(NonZeroU32);

impl IfIndex {
    /// The loopback interface has this number in every network namespace.
    pub const LOOPBACK: Self = Self(NonZeroU32::MIN);

    /// The index, or `None` for 0, which the kernel uses for "any".
    pub const fn new(value: u32) -> Option<Self> {
        match NonZeroU32::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The index as a number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for IfIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
