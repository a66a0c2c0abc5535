//! What the parent says in the log. The words are keepalived's where keepalived has the event.

use std::fmt;

use base::Duration;

use crate::role::Role;
use crate::supervisor::Exit;

/// Something worth a log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A child was forked.
    Starting(Role, i32),
    /// A child could not be forked.
    ForkFailed(Role, String),
    /// A child ended that was not to end.
    Ended(i32, Exit),
    /// A child that is not up starts anew, with the configuration that has come into force.
    StartsAnew(Role, i32),
    /// A child died and is replaced.
    Respawning(Role, i32),
    /// A child died and `--dont-respawn` ends the daemon.
    Exiting(Role, i32),
    /// The replacement is put off.
    Delayed(Role, Duration),
    /// A child ended with a status that no respawn would better.
    Permanent(i32, Exit),
    /// A child cannot work on this machine; the others go on without it.
    Unavailable(Role),
    /// SIGHUP.
    Reloading,
    /// The new configuration is in force everywhere.
    Reloaded,
    /// One line of what a reload changes.
    Plan(Role, String),
    /// The new configuration changes nothing for the children.
    NoChange,
    /// The new configuration was refused; the old one stays.
    Refused(String),
    /// The new binary was not taken; this one goes on.
    UpgradeRefused(String),
    /// The children of the former binary are replaced.
    Upgraded,
    /// The children of the new binary die: the former one is tried.
    Returning,
    /// Orderly stop begins.
    Stopping,
    /// A child does not answer.
    Hung(Role, i32),
    /// A child did not end in time.
    Forced(Role, i32),
}

impl Event {
    /// Whether it is a problem.
    pub const fn is_error(&self) -> bool {
        matches!(
            self,
            Self::ForkFailed(..)
                | Self::Ended(..)
                | Self::Respawning(..)
                | Self::Exiting(..)
                | Self::Permanent(..)
                | Self::Unavailable(_)
                | Self::Refused(_)
                | Self::UpgradeRefused(_)
                | Self::Returning
                | Self::Hung(..)
                | Self::Forced(..)
        )
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting(role, pid) => write!(f, "Starting {role} child process, pid={pid}"),
            Self::ForkFailed(role, why) => write!(f, "{role} child process: fork error ({why})"),
            Self::Ended(pid, Exit::Signal(signal)) => {
                write!(f, "pid {pid} exited due to signal {signal}")
            }
            Self::Ended(pid, exit) => write!(f, "pid {pid} exited with {exit}"),
            Self::StartsAnew(role, pid) => {
                write!(f, "{role} child process({pid}) is not up, starts anew")
            }
            Self::Respawning(role, pid) => {
                write!(f, "{role} child process({pid}) died: Respawning")
            }
            Self::Exiting(role, pid) => write!(f, "{role} child process({pid}) died: Exiting"),
            Self::Delayed(role, wait) => {
                write!(f, "Restart of {role} process delayed {wait} to limit respawn rate")
            }
            Self::Permanent(pid, exit) => {
                write!(f, "pid {pid} exited with permanent error {exit}. Terminating")
            }
            Self::Unavailable(role) => {
                write!(
                    f,
                    "{role} child process cannot work on this system; the rest goes on without it"
                )
            }
            Self::Reloading => f.write_str("Reloading ..."),
            Self::Reloaded => f.write_str("Reload complete"),
            Self::Plan(role, line) => write!(f, "Reload: {role}: {line}"),
            Self::NoChange => f.write_str("Reload: nothing changes"),
            Self::Refused(why) => {
                write!(f, "Reload refused, the running configuration stays in force: {why}")
            }
            Self::UpgradeRefused(why) => {
                write!(f, "Upgrade refused, the running program goes on: {why}")
            }
            Self::Upgraded => f.write_str("Upgrade complete"),
            Self::Returning => {
                f.write_str("Upgrade: processes of the new program die, back to the former one")
            }
            Self::Stopping => f.write_str("Stopping"),
            Self::Hung(role, pid) => {
                write!(f, "{role} child process({pid}) does not answer - forcing termination")
            }
            Self::Forced(role, pid) => {
                write!(f, "{role} process({pid}) failed to die - forcing termination")
            }
        }
    }
}
