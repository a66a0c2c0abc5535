//! How long IPVS remembers connections.

use std::fmt;

/// `lvs_timeouts`, seconds. To be set, `None` leaves a value as it is; the kernel says all three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Timeouts {
    /// `tcp`.
    pub tcp: Option<u32>,
    /// `tcpfin`: after the last FIN.
    pub tcp_fin: Option<u32>,
    /// `udp`.
    pub udp: Option<u32>,
}

impl Timeouts {
    /// Whether nothing is to be set.
    pub const fn is_empty(&self) -> bool {
        self.tcp.is_none() && self.tcp_fin.is_none() && self.udp.is_none()
    }

    /// The values of `self`, and of `other` where `self` has none.
    pub fn or(self, other: Self) -> Self {
        Self {
            tcp: self.tcp.or(other.tcp),
            tcp_fin: self.tcp_fin.or(other.tcp_fin),
            udp: self.udp.or(other.udp),
        }
    }
}

/// `tcp 900 tcpfin 120 udp 300`, without what is left alone.
impl fmt::Display for Timeouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [("tcp", self.tcp), ("tcpfin", self.tcp_fin), ("udp", self.udp)];
        let mut gap = "";
        for (name, value) in all {
            if let Some(seconds) = value {
                write!(f, "{gap}{name} {seconds}")?;
                gap = " ";
            }
        }
        Ok(())
    }
}
