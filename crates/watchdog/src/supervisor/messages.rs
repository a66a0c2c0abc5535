//! What the parent hears and says.

use std::collections::BTreeSet;
use std::fmt;

use crate::event::Event;
use crate::role::Role;

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// `exit(status)`.
    Status(i32),
    /// By a signal.
    Signal(i32),
}

impl Exit {
    /// Fatal problem.
    pub const FATAL: Self = Self::Status(1);
    /// The configuration cannot be run.
    pub const CONFIG: Self = Self::Status(2);
    /// The system lacks what this child needs (IPVS), which does not concern the others.
    pub const UNAVAILABLE: Self = Self::Status(3);
    /// A privilege is missing.
    pub const PERMISSION: Self = Self::Status(4);

    pub(super) const fn is_permanent(self) -> bool {
        matches!(self, Self::FATAL | Self::CONFIG | Self::PERMISSION)
    }
}

/// keepalived's names of the permanent errors.
impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::FATAL => f.write_str("FATAL"),
            Self::CONFIG => f.write_str("CONFIG"),
            Self::PERMISSION => f.write_str("missing permission"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The answer to [`Output::Fork`].
    Forked(Role, i32),
    /// The other answer to [`Output::Fork`].
    ForkFailed(Role, String),
    /// A child ended.
    Exited(Role, Exit),
    /// A child is up.
    Ready(Role),
    /// A child has answered the question of that number.
    Pong(Role, u64),
    /// A child has not turned its loop for [`crate::pulse::SILENCE`].
    Silent(Role),
    /// A child has worked out what a new configuration changes.
    Prepared {
        /// Who.
        role: Role,
        /// For which configuration.
        generation: u64,
        /// What would change, a line each; empty when nothing would.
        plan: Vec<String>,
    },
    /// A child cannot take a new configuration.
    Refused {
        /// Who.
        role: Role,
        /// For which configuration.
        generation: u64,
        /// Why not.
        reason: String,
    },
    /// A child runs the new configuration.
    Committed {
        /// Who.
        role: Role,
        /// Which configuration.
        generation: u64,
    },
    /// SIGHUP.
    Reload,
    /// The files were read; the configuration wants these children.
    Loaded(BTreeSet<Role>),
    /// The files cannot be used.
    LoadFailed(String),
    /// The signal to go on with the program's file that is there now.
    Upgrade,
    /// The answer to [`Output::Try`]: the new binary reads the state and the configuration.
    TrialPassed,
    /// The other answer to [`Output::Try`], or the one to [`Output::TakeOver`].
    UpgradeFailed(String),
    /// A child waits for the word to begin, everything that takes time being done.
    Warm(Role),
    /// A child of the former binary has handed over what it knows.
    Retired(Role),
    /// A child of the former binary ended.
    PredecessorExited(Role),
    /// SIGTERM or SIGINT.
    Stop,
    /// [`super::Supervisor::next_timeout`] has come.
    Timeout,
}

/// A signal to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Leave in order.
    Term,
    /// Leave.
    Kill,
}

/// A message to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Work out what the configuration that comes with this would change.
    Prepare(u64),
    /// Change it.
    Commit(u64),
    /// Forget it.
    Abort(u64),
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Fork this child and answer with [`Input::Forked`] or [`Input::ForkFailed`].
    Fork(Role),
    /// Send it a message.
    Send(Role, Command),
    /// Ask it to answer with this number.
    Ping(Role, u64),
    /// Send it a signal.
    Kill(Role, Signal),
    /// Let the new binary prove itself; answer with [`Input::TrialPassed`] or
    /// [`Input::UpgradeFailed`].
    Try,
    /// Let the former binary prove that it can go on, as `Try` does with the new one.
    TryFormer,
    /// The trial is of no interest any longer.
    EndTrial,
    /// Become the new binary; `reload`: it has to serve one. [`Input::UpgradeFailed`] if that fails.
    TakeOver {
        /// One was asked for meanwhile.
        reload: bool,
    },
    /// Become the former binary again, if there is a way back; else what follows.
    GoBack,
    /// The former binary is not gone back to any longer: let go of its file.
    ForgetFormer,
    /// There is no way back to the former binary any longer.
    CloseWayBack,
    /// Tell the child of the former binary to hand over, and answer with [`Input::Retired`]. From here
    /// on there is no way back.
    Retire(Role),
    /// Send a signal to the child of the former binary.
    KillPredecessor(Role, Signal),
    /// Tell the child to begin, with what its predecessor knew. From here on there is no way back.
    Begin(Role),
    /// Read the configuration and answer with [`Input::Loaded`] or [`Input::LoadFailed`].
    Load,
    /// What was loaded last is the configuration now.
    Adopt,
    /// What was loaded last is not used.
    Discard,
    /// Write a log line.
    Log(Event),
    /// All is over.
    Exit(i32),
}
