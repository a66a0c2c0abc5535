//! Signal numbers, real-time ones included, and the mask of this thread.

use std::fmt;
use std::io;

use nix::sys::signal::{SigSet, SigmaskHow, Signal as Named, pthread_sigmask};

/// A signal's number. nix's own type knows no real-time signals; keepalived uses two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

impl Signal {
    /// Reload.
    pub const HUP: Self = Self(libc::SIGHUP);
    /// Stop, from a terminal.
    pub const INT: Self = Self(libc::SIGINT);
    /// Stop.
    pub const TERM: Self = Self(libc::SIGTERM);
    /// End at once; cannot be caught.
    pub const KILL: Self = Self(libc::SIGKILL);
    /// Write the data dumps.
    pub const USR1: Self = Self(libc::SIGUSR1);
    /// Write statistics.
    pub const USR2: Self = Self(libc::SIGUSR2);
    /// A child ended.
    pub const CHLD: Self = Self(libc::SIGCHLD);

    /// The highest signal number.
    pub(crate) const MAX: i32 = 64;

    /// Write the JSON file: `SIGRTMIN + 2`.
    pub fn json() -> Self {
        Self(libc::SIGRTMIN() + 2)
    }

    /// Write statistics, then zero them: `SIGRTMAX - 1`.
    pub fn stats_clear() -> Self {
        Self(libc::SIGRTMAX() - 1)
    }

    /// Go on with the file of the program that is there now: `SIGRTMAX - 2`, which keepalived does
    /// not use.
    pub fn upgrade() -> Self {
        Self(libc::SIGRTMAX() - 2)
    }

    /// The signal of that number, 1 to 64.
    pub const fn from_number(number: i32) -> Option<Self> {
        if number >= 1 && number <= Self::MAX { Some(Self(number)) } else { None }
    }

    /// Its number.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// What it is called where it ended a process: `Killed`, `Terminated`.
    pub fn description(self) -> String {
        match self.0 {
            libc::SIGHUP => "Hangup".to_owned(),
            libc::SIGINT => "Interrupt".to_owned(),
            libc::SIGQUIT => "Quit".to_owned(),
            libc::SIGILL => "Illegal instruction".to_owned(),
            libc::SIGABRT => "Aborted".to_owned(),
            libc::SIGBUS => "Bus error".to_owned(),
            libc::SIGFPE => "Floating point exception".to_owned(),
            libc::SIGKILL => "Killed".to_owned(),
            libc::SIGSEGV => "Segmentation fault".to_owned(),
            libc::SIGPIPE => "Broken pipe".to_owned(),
            libc::SIGALRM => "Alarm clock".to_owned(),
            libc::SIGTERM => "Terminated".to_owned(),
            libc::SIGXCPU => "CPU time limit exceeded".to_owned(),
            _ => self.to_string(),
        }
    }
}

/// `SIGTERM`, or `signal 63` for a real-time one.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Named::try_from(self.0) {
            Ok(named) => f.write_str(named.as_str()),
            Err(_) => write!(f, "signal {}", self.0),
        }
    }
}

/// All signals of this thread are blocked until this is dropped; then the former mask is back and
/// what arrived meanwhile is delivered.
#[derive(Debug)]
#[must_use = "dropping it unblocks the signals"]
pub struct BlockedSignals {
    former: SigSet,
}

impl BlockedSignals {
    /// Blocks every signal that can be blocked.
    ///
    /// # Errors
    /// The system call's.
    pub fn all() -> io::Result<Self> {
        let mut former = SigSet::empty();
        pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut former))?;
        Ok(Self { former })
    }

    /// Of a program that was executed with all signals blocked ([`crate::exec::Program::become_it`]):
    /// dropping it unblocks them.
    pub fn inherited() -> Self {
        Self { former: SigSet::empty() }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // Fails for a bad argument only, and then nothing else could be done.
        let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&self.former), None);
    }
}

/// SIGALRM ends this process after so many seconds, whatever it waits for by then.
pub fn end_after(seconds: u32) {
    nix::unistd::alarm::set(seconds);
}

/// Sends a signal to this very thread. While it is blocked ([`BlockedSignals`]) it waits, also in the program that this
/// process becomes meanwhile.
///
/// # Errors
/// The system's; `InvalidInput` for a number that is none.
#[expect(unsafe_code, reason = "nix's raise knows no real-time signals")]
pub fn raise(signal: Signal) -> io::Result<()> {
    // SAFETY: touches no memory.
    match unsafe { libc::raise(signal.number()) } {
        0 => Ok(()),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// Blocks nothing and handles every signal as a new program expects. For a process that is about
/// to become a script: an ignored signal (Rust ignores SIGPIPE) would stay ignored in it.
#[expect(unsafe_code, reason = "nix's sigaction knows no real-time signals")]
pub(crate) fn reset_for_exec() {
    for number in 1..=Signal::MAX {
        // SAFETY: SIG_DFL is no function of ours. SIGKILL, SIGSTOP and libc's own signals are refused.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
    let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_keepaliveds() {
        assert_eq!(Signal::HUP.number(), 1);
        assert_eq!(Signal::USR1.number(), 10);
        assert_eq!(Signal::USR2.number(), 12);
        assert_eq!(Signal::TERM.number(), 15);
        assert_eq!(Signal::json().number(), 36);
        assert_eq!(Signal::stats_clear().number(), 63);
        assert_eq!(Signal::upgrade().number(), 62, "ours");
    }

    #[test]
    fn a_signal_has_a_name_and_a_range() {
        assert_eq!(Signal::TERM.to_string(), "SIGTERM");
        assert_eq!(Signal::KILL.description(), "Killed");
        assert_eq!(Signal::stats_clear().to_string(), "signal 63");
        assert_eq!(Signal::from_number(0), None);
        assert_eq!(Signal::from_number(65), None);
        assert_eq!(Signal::from_number(9), Some(Signal::KILL));
    }

    #[test]
    fn signals_are_blocked_while_the_guard_lives() {
        let blocked = BlockedSignals::all().unwrap();
        assert!(SigSet::thread_get_mask().unwrap().contains(Named::SIGUSR1));
        drop(blocked);
        assert!(!SigSet::thread_get_mask().unwrap().contains(Named::SIGUSR1));
    }
}
