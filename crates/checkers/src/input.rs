//! What happens to the machine.

use control_plane::model::Lvs;

use crate::output::ProbeId;

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
    /// A new configuration holds from now on.
    Reload(&'a Lvs),
    /// The daemon ends: no more probes, nothing in the kernel. Later inputs are ignored.
    Stop,
}

/// How a probe ended. Its deadline is the machine's business: the driver never has to say that a
/// probe took too long, but may when the kernel says so first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The connection was accepted.
    Connected,
    /// There is no connection and will be none: refused, unreachable, no descriptor left.
    Failed,
    /// No answer in time.
    TimedOut,
}
