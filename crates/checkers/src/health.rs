//! One check's verdict: up or down, and how many failures in a row it takes.
//!
//! ```text
//!            success                    failure, the try after the last retry
//!   Up { failures } -> Up { 0 }         Up -------------------------------> Down
//!            failure within `retry`     Down ----------- success ---------> Up { 0 }
//!   Up { n } --> Up { n + 1 }           Presumed --- whatever comes first --> Up { 0 } or Down
//! ```
//!
//! keepalived starts with the retry counter exhausted: the very first result decides alone.

use base::Duration;
use control_plane::model::Checker;
use serde::{Deserialize, Serialize};

/// What is known of a server by one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Health {
    /// No result yet; counts as up, or as down with `alpha`.
    Presumed {
        /// Whether it counts as up.
        up: bool,
    },
    /// Up.
    Up {
        /// Failures in a row so far, at most `retry`.
        failures: u32,
    },
    /// Down, until one success.
    Down,
}

/// What follows from one result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// From the end of this try to the next.
    pub next: Duration,
    /// What is worth saying about it.
    pub said: Said,
}

/// What is worth saying about a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Nothing: it is as it was, or not yet decided.
    Nothing,
    /// It works: the first result, or the first after it was down.
    Success,
    /// It counts as failed, after so many retries.
    Failure {
        /// 0 when none were due.
        retries: u32,
    },
}

impl Health {
    /// Before the first result.
    pub const fn at_start(alpha: bool) -> Self {
        Self::Presumed { up: !alpha }
    }

    /// Whether the server may be used as far as this check goes.
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Presumed { up: true } | Self::Up { .. })
    }

    /// A try succeeded.
    pub const fn succeeded(&mut self, check: &Checker) -> Step {
        let said = match self {
            Self::Up { .. } => Said::Nothing,
            Self::Presumed { .. } | Self::Down => Said::Success,
        };
        *self = Self::Up { failures: 0 };
        Step { next: check.delay_loop, said }
    }

    /// A try failed.
    pub const fn failed(&mut self, check: &Checker) -> Step {
        match *self {
            Self::Up { failures } if failures < check.retry => {
                *self = Self::Up { failures: failures + 1 };
                Step { next: check.delay_before_retry, said: Said::Nothing }
            }
            Self::Up { failures } => self.goes_down(check, Said::Failure { retries: failures }),
            Self::Presumed { .. } => self.goes_down(check, Said::Failure { retries: 0 }),
            Self::Down => self.goes_down(check, Said::Nothing),
        }
    }

    const fn goes_down(&mut self, check: &Checker, said: Said) -> Step {
        *self = Self::Down;
        Step { next: check.delay_loop, said }
    }

    /// The same verdict with the retries of another `retry` all unused.
    pub const fn with_fresh_retries(self) -> Self {
        match self {
            Self::Up { .. } => Self::Up { failures: 0 },
            other => other,
        }
    }
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
