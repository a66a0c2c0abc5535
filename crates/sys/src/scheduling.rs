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
    fn a_processor_that_does_not_exist_is_an_error() {
        set_processors(&[1_000_000]).unwrap_err();
        set_processors(&[]).unwrap_err();
    }
}
