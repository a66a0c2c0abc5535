//! How this process shares the machine: priorities, processors, memory that is not swapped. What is
//! set here does not reach the programs that it starts, but for the processors.

use std::io;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::Pid;

/// Sets the nice value of the ordinary scheduler, -20 (first) to 19.
///
/// # Errors
/// `PermissionDenied` for less than now without `CAP_SYS_NICE`.
#[expect(unsafe_code, reason = "nix has no setpriority")]
pub fn set_nice(value: i8) -> io::Result<()> {
    // SAFETY: integers only; 0 is this process.
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, value.into()) };
    nix::Error::result(result)?;
    // What it starts gets 0 again, not what is better than that.
    set_scheduler(libc::SCHED_OTHER, 0)
}

/// Runs before every ordinary process: `SCHED_RR` with this priority, 1 to 99.
///
/// # Errors
/// `PermissionDenied` without `CAP_SYS_NICE`.
pub fn set_realtime(priority: u8) -> io::Result<()> {
    set_scheduler(libc::SCHED_RR, priority.into())
}

#[expect(unsafe_code, reason = "nix has no sched_setscheduler")]
fn set_scheduler(policy: libc::c_int, priority: libc::c_int) -> io::Result<()> {
    // SAFETY: all-zero bytes are a valid `sched_param`, integers.
    let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    parameters.sched_priority = priority;
    let policy = policy | libc::SCHED_RESET_ON_FORK;
    // SAFETY: a live value for the time of the call; 0 is this process.
    let result = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    nix::Error::result(result)?;
    Ok(())
}

/// How the scheduler treats a thread. A new one is ordinary, whatever the one is that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    policy: libc::c_int,
    priority: libc::c_int,
    nice: libc::c_int,
}

impl Rank {
    /// That of the calling thread.
    ///
    /// # Errors
    /// The system calls'; none is known.
    #[expect(unsafe_code, reason = "nix has neither sched_getparam nor getpriority")]
    pub fn of_this_thread() -> io::Result<Self> {
        // SAFETY: all-zero bytes are a valid `sched_param`, integers.
        let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
        // SAFETY: an integer only; 0 is this thread.
        let policy = nix::Error::result(unsafe { libc::sched_getscheduler(0) })?;
        // SAFETY: a live value for the time of the call.
        nix::Error::result(unsafe { libc::sched_getparam(0, &raw mut parameters) })?;
        // SAFETY: integers only. -1 is a nice value too; for this thread nothing can be wrong.
        let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
        Ok(Self {
            policy: policy & !libc::SCHED_RESET_ON_FORK,
            priority: parameters.sched_priority,
            nice,
        })
    }

    /// Gives it to the calling thread.
    ///
    /// # Errors
    /// `PermissionDenied` for more than it has without `CAP_SYS_NICE`.
    #[expect(unsafe_code, reason = "nix has no setpriority")]
    pub fn take(self) -> io::Result<()> {
        // SAFETY: integers only; 0 is this thread.
        let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, self.nice) };
        nix::Error::result(result)?;
        set_scheduler(self.policy, self.priority)
    }
}

/// The kernel kills this process when, as a real-time one, it computes for so many microseconds
/// without waiting once.
///
/// # Errors
/// The system call's; none is known.
pub fn limit_realtime(micros: u64) -> io::Result<()> {
    Ok(setrlimit(Resource::RLIMIT_RTTIME, micros, micros)?)
}

/// Runs on these processors only, counted from 0.
///
/// # Errors
/// `InvalidInput` when there is none of them.
pub fn set_processors(processors: &[u32]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for processor in processors {
        let index = usize::try_from(*processor).map_err(io::Error::other)?;
        set.set(index)?;
    }
    Ok(sched_setaffinity(Pid::this(), &set)?)
}

/// Runs on every processor that it may.
///
/// # Errors
/// The system call's; none is known.
pub fn set_all_processors() -> io::Result<()> {
    let mut set = CpuSet::new();
    for index in 0..CpuSet::count() {
        set.set(index)?;
    }
    Ok(sched_setaffinity(Pid::this(), &set)?)
}

/// Undoes [`lock_memory`].
///
/// # Errors
/// The system call's; none is known.
#[expect(unsafe_code, reason = "nix's own is behind a feature that nothing else needs")]
pub fn unlock_memory() -> io::Result<()> {
    // SAFETY: no arguments.
    nix::Error::result(unsafe { libc::munlockall() })?;
    Ok(())
}

/// Keeps the memory of this process, now and later, out of the swap space.
///
/// # Errors
/// `PermissionDenied` or out of memory, by `RLIMIT_MEMLOCK`.
#[expect(unsafe_code, reason = "nix's own is behind a feature that nothing else needs")]
pub fn lock_memory() -> io::Result<()> {
    // SAFETY: flags only.
    let result = unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) };
    nix::Error::result(result)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_takes_the_rank_that_it_is_given() {
        let ordinary = Rank::of_this_thread().unwrap();
        let modest = Rank { nice: ordinary.nice + 1, ..ordinary };
        let taken = std::thread::spawn(move || modest.take().and_then(|()| Rank::of_this_thread()));
        assert_eq!(taken.join().unwrap().unwrap(), modest);
        assert_eq!(Rank::of_this_thread().unwrap(), ordinary, "the one that made it is as it was");
    }

    #[test]
    fn a_processor_that_does_not_exist_is_an_error() {
        set_processors(&[1_000_000]).unwrap_err();
        set_processors(&[]).unwrap_err();
    }
}
