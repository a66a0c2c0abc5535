//! What the machine wants done.

use std::fmt;
use std::net::SocketAddr;

use base::Instant;

use crate::event::Event;

/// What one turn wants done, in this order. The caller empties it.
pub type Outputs = Vec<Output>;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Begin a probe; its result comes back as [`Input::ProbeDone`](crate::Input::ProbeDone).
    StartProbe {
        /// The name of this one probe, never used again.
        probe: ProbeId,
        /// What to do.
        spec: ProbeSpec,
        /// When the machine gives it up by itself, with an [`Output::AbortProbe`].
        deadline: Instant,
    },
    /// End a probe; its result is no longer wanted.
    AbortProbe(ProbeId),
    /// A line for the log.
    Log(Event),
}

/// The name of one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId(pub u64);

impl fmt::Display for ProbeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "probe {}", self.0)
    }
}

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeSpec {
    /// Open a TCP connection and close it again.
    TcpConnect {
        /// Where to.
        target: SocketAddr,
        /// Where from; the kernel chooses when `None`.
        bind: Option<SocketAddr>,
        /// Which interface to use; any when `None`.
        bind_interface: Option<String>,
        /// The mark of its packets; 0 is none.
        mark: u32,
    },
}
