//! The processes that the parent keeps alive.

use std::fmt;

/// Which child. The order is that of the start: checkers first, as keepalived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Health checks and the kernel's IPVS table.
    Checkers,
    /// Virtual addresses.
    Vrrp,
}

impl Role {
    /// All of them, in the order of their start.
    pub const ALL: [Self; 2] = [Self::Checkers, Self::Vrrp];
}

/// The name that keepalived's log lines give the child.
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Checkers => "Healthcheck",
            Self::Vrrp => "VRRP",
        })
    }
}
