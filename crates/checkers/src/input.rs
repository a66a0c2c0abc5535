//! What happens to the machine.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use control_plane::model::Lvs;

use crate::output::ProbeId;
use crate::verdict::SocketError;

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// The time of [`Checkers::next_timeout`](crate::Checkers::next_timeout) has come. Harmless
    /// when nothing is due.
    Timeout,
    /// A probe has its result. Ignored when the probe was aborted meanwhile.
    ProbeDone {
        /// The probe of an [`Output::StartProbe`](crate::Output::StartProbe).
        probe: ProbeId,
        /// How it ended.
        outcome: Outcome,
    },
    /// The way of a [`ProbeSpec::Talk`](crate::ProbeSpec::Talk) is open.
    ProbeConnected {
        /// The probe.
        probe: ProbeId,
    },
    /// The server said something.
    ProbeReceived {
        /// The probe.
        probe: ProbeId,
        /// What it said; one datagram where the probe speaks in datagrams.
        bytes: &'a [u8],
    },
    /// The server says no more.
    ProbeEnded {
        /// The probe.
        probe: ProbeId,
        /// Why, when it did not just close.
        error: Option<SocketError>,
    },
    /// A body was searched for its pattern.
    Searched {
        /// The probe of an [`Output::Search`](crate::Output::Search).
        probe: ProbeId,
        /// Whether the pattern is in it; `None`: there is no such pattern, so nothing is wanted.
        found: Option<bool>,
    },
    /// The number in a file (`track_file`).
    FileSeen {
        /// Its name in the configuration, which may be one that comes.
        name: &'a str,
        /// The number.
        value: i32,
    },
    /// These addresses of services with `ha_suspend` are on this host, and no others. Those of a
    /// configuration that comes are told before it does.
    Addresses(&'a BTreeSet<IpAddr>),
    /// A new configuration holds from now on.
    Reload(&'a Arc<Lvs>),
    /// The daemon ends: no more probes, nothing in the kernel. Later inputs are ignored.
    Stop,
}

/// How a probe ended. Its deadline is the machine's business: the driver never has to say that a
/// probe took too long, but may when the kernel says so first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The connection was accepted.
    Connected,
    /// There is no connection and will be none: refused, unreachable, no descriptor left. For a
    /// script: it could not be started.
    Failed,
    /// No answer in time.
    TimedOut,
    /// The TLS handshake failed.
    TlsFailed,
    /// The script ended with this status.
    Exited(i32),
    /// The script was ended by this signal.
    Signal(i32),
}
