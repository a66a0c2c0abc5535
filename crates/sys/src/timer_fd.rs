//! One deadline as a descriptor. epoll's own timeout is in whole milliseconds; this is exact.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use base::Instant;
use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, TimerSetTimeFlags};
use nix::sys::timerfd::{ClockId, TimerFd as Kernel, TimerFlags};

/// A descriptor that is readable from a deadline on.
#[derive(Debug)]
pub struct TimerFd {
    kernel: Kernel,
}

impl TimerFd {
    /// A timer without deadline.
    ///
    /// # Errors
    /// The system call's: too many open files.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        Ok(Self { kernel: Kernel::new(ClockId::CLOCK_MONOTONIC, flags)? })
    }

    /// Sets the deadline, or removes it. What had expired is forgotten: nothing need be read.
    ///
    /// # Errors
    /// The system call's; none is known for a good descriptor.
    pub fn set(&self, deadline: Option<Instant>) -> io::Result<()> {
        let Some(deadline) = deadline else { return Ok(self.kernel.unset()?) };
        // Zero would disarm it, and "never" must fit the kernel's signed nanoseconds.
        let micros = deadline.as_micros().clamp(1, 1 << 62);
        let seconds = i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX);
        let nanos = i64::try_from(micros % 1_000_000 * 1_000).unwrap_or(0);
        let at = Expiration::OneShot(TimeSpec::new(seconds, nanos));
        Ok(self.kernel.set(at, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?)
    }
}

impl AsFd for TimerFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.kernel.as_fd()
    }
}
