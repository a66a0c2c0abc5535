//! A script's way from the start of its process to its program, beside the process that starts it.
//!
//! A fork copies the tables of this process's memory, and waits for whoever holds their lock: another script that is
//! between its fork and its program, has no processor and will get none soon. With a thousand scripts a second a
//! real-time process stood still for half a second. So a script's process shares the memory (`CLONE_VM`) until it
//! executes its program, and nobody waits. Until then it has a stack of its own, reads what was prepared for it, writes
//! nothing, and makes its system calls itself: the C library's would write this process's `errno`.

use std::ffi::CString;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use nix::sys::prctl;
use nix::unistd::Pid;

use super::NOT_EXECUTED;
use super::raw::{Fault, call, exit, word};
use crate::signal::{BlockedSignals, Signal};
use crate::users::User;

// The calls of before take numbers of 16 bits.
#[cfg(not(target_pointer_width = "32"))]
use libc::{SYS_setgroups as SETGROUPS, SYS_setresgid as SETRESGID, SYS_setresuid as SETRESUID};
#[cfg(target_pointer_width = "32")]
use libc::{
    SYS_setgroups32 as SETGROUPS, SYS_setresgid32 as SETRESGID, SYS_setresuid32 as SETRESUID,
};

/// Of the stack, in 16 bytes: 16 KiB. The deepest call needs some hundred bytes.
const STACK: usize = 1024;

static UNDER_WAY: Mutex<UnderWay> =
    Mutex::new(UnderWay { launches: Vec::new(), is_dumpable: false });

#[expect(clippy::vec_box, reason = "a process stands on what is in it: it must not move")]
struct UnderWay {
    /// Those that had not executed their program when somebody looked: what they read and stand on must stay.
    launches: Vec<Box<Launch>>,
    /// A process that changes its user takes the right to leave a core from the memory that it is in, also from this
    /// one: it had it before.
    is_dumpable: bool,
}

/// What a script's process needs, all of it made before.
pub(super) struct Prepared {
    pub(super) program: CString,
    pub(super) argv: Vec<CString>,
    pub(super) envp: Vec<CString>,
    pub(super) user: Option<User>,
    pub(super) groups: Vec<u32>,
    pub(super) umask: u32,
    /// The number of this process.
    pub(super) parent: i32,
    /// Standard input and output instead of the null device.
    pub(super) ends: Option<(RawFd, RawFd)>,
}

/// A process on its way.
struct Launch {
    prepared: Prepared,
    /// As the kernel wants them: pointers into `prepared`, a null pointer last.
    argv: Vec<*const libc::c_char>,
    envp: Vec<*const libc::c_char>,
    stack: Vec<u128>,
    /// The kernel writes 0 when the process has its own memory, or has ended.
    shares: AtomicU32,
}

// SAFETY: the pointers are to strings of the same value, which nobody changes.
#[expect(unsafe_code, reason = "pointers are neither sent nor shared by themselves")]
unsafe impl Send for Launch {}

/// Starts the process and comes back at once: its number, and a descriptor that is readable once it has ended.
///
/// # Errors
/// The system call's: too many processes, no memory.
pub(super) fn launch(prepared: Prepared) -> io::Result<(Pid, OwnedFd)> {
    let mut under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
    let free = under_way.tidy();
    if under_way.launches.is_empty() {
        under_way.is_dumpable = is_dumpable();
    }
    let mut launch = Box::new(Launch {
        argv: pointers(&prepared.argv),
        envp: pointers(&prepared.envp),
        prepared,
        stack: free.unwrap_or_else(|| vec![0; STACK]),
        shares: AtomicU32::new(1),
    });
    // None reaches the process while it has this one's handlers.
    let blocked = BlockedSignals::all()?;
    let started = clone(&mut launch);
    drop(blocked);
    let started = started?;
    under_way.launches.push(launch);
    Ok(started)
}

/// A process has ended, or another is about to be forked: what was kept for those that are on their own may go.
pub(crate) fn tidy() {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner).tidy();
}

/// In the child of a fork: nobody shares its memory, which is as it was before somebody else's did.
pub(crate) fn forked() {
    let mut under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
    if !under_way.launches.is_empty() {
        under_way.launches.clear();
        under_way.restore();
    }
}

/// Whether this process leaves a core as it is; 2 is "for root only", which nobody can set again.
#[expect(unsafe_code, reason = "nix's tells 1 and 2 as one")]
fn is_dumpable() -> bool {
    // SAFETY: integers only.
    unsafe { libc::prctl(libc::PR_GET_DUMPABLE) == 1 }
}

impl UnderWay {
    /// Forgets those that have memory of their own by now; the stack of one of them is free.
    fn tidy(&mut self) -> Option<Vec<u128>> {
        let mut free = None;
        self.launches.retain_mut(|one| {
            let shares = one.shares.load(Ordering::Acquire) != 0;
            if !shares {
                free = Some(std::mem::take(&mut one.stack));
            }
            shares
        });
        if free.is_some() && self.launches.is_empty() {
            self.restore();
        }
        free
    }

    fn restore(&self) {
        if self.is_dumpable {
            // Fails for a bad argument only.
            let _ = prctl::set_dumpable(true);
        }
    }
}

fn pointers(words: &[CString]) -> Vec<*const libc::c_char> {
    words.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect()
}

#[expect(unsafe_code, reason = "nix's clone knows no descriptor of the process")]
fn clone(launch: &mut Launch) -> io::Result<(Pid, OwnedFd)> {
    let mut pidfd: RawFd = -1;
    let mut flags = libc::CLONE_VM | libc::CLONE_PIDFD | libc::SIGCHLD;
    // Where system calls of our own are not known (`raw`), or the library refuses to tell of the end (musl), the two
    // processes go one after the other.
    let takes_turns =
        cfg!(not(all(target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64"))));
    flags |= if takes_turns { libc::CLONE_VFORK } else { libc::CLONE_CHILD_CLEARTID };
    let top = launch.stack.as_mut_ptr_range().end;
    let shares = launch.shares.as_ptr();
    let own = ptr::from_mut(launch);
    // SAFETY: the stack ends at `top` and is the process's alone; it, what `own` points at and `shares` stay where
    // they are until the kernel has cleared `shares`. The thread area is not set.
    let pid = unsafe {
        libc::clone(
            run,
            top.cast(),
            flags,
            own.cast(),
            &raw mut pidfd,
            ptr::null_mut::<libc::c_void>(),
            shares,
        )
    };
    let pid = nix::Error::result(pid)?;
    if takes_turns {
        launch.shares.store(0, Ordering::Release);
    }
    // SAFETY: the kernel has just made this descriptor for us alone.
    Ok((Pid::from_raw(pid), unsafe { OwnedFd::from_raw_fd(pidfd) }))
}

/// The process.
#[expect(unsafe_code, reason = "the argument is a pointer")]
extern "C" fn run(launch: *mut libc::c_void) -> libc::c_int {
    // SAFETY: what `clone` was given, which nobody changes while the process reads it.
    let launch: &Launch = unsafe { &*launch.cast::<Launch>().cast_const() };
    // Only a failure comes back.
    let _ = become_script(launch);
    exit(NOT_EXECUTED)
}

fn become_script(launch: &Launch) -> Result<(), Fault> {
    let Launch { prepared, argv, envp, .. } = launch;
    call(libc::SYS_setpgid, [0, 0, 0, 0, 0])?;
    set_stdio(prepared.ends)?;
    // Our own descriptors close on exec by themselves; this is for those that a library opened.
    let _ = call(
        libc::SYS_close_range,
        [3, u32::MAX as usize, libc::CLOSE_RANGE_CLOEXEC as usize, 0, 0],
    );
    call(libc::SYS_umask, [prepared.umask as usize, 0, 0, 0, 0])?;
    if let Some(User { uid, gid, .. }) = prepared.user {
        let groups = &prepared.groups;
        call(SETGROUPS, [groups.len(), groups.as_ptr() as usize, 0, 0, 0])?;
        call(SETRESGID, [gid as usize, gid as usize, gid as usize, 0, 0])?;
        call(SETRESUID, [uid as usize, uid as usize, uid as usize, 0, 0])?;
        // Nobody else of that user's looks into what is root's memory still, whatever `fs.suid_dumpable` says.
        call(libc::SYS_prctl, [word(libc::PR_SET_DUMPABLE), 0, 0, 0, 0])?;
    }
    inherit_none()?;
    // After the change of user, which would remove it.
    call(libc::SYS_prctl, [word(libc::PR_SET_PDEATHSIG), word(libc::SIGTERM), 0, 0, 0])?;
    if call(libc::SYS_getppid, [0; 5])? != word(prepared.parent) {
        return Err(Fault);
    }
    forget_handlers();
    let program = prepared.program.as_ptr() as usize;
    call(libc::SYS_execve, [program, argv.as_ptr() as usize, envp.as_ptr() as usize, 0, 0])
        .map(drop)
}

/// The null device, or what was given in place of it.
fn set_stdio(ends: Option<(RawFd, RawFd)>) -> Result<(), Fault> {
    let at = word(libc::AT_FDCWD);
    let null =
        call(libc::SYS_openat, [at, c"/dev/null".as_ptr() as usize, word(libc::O_RDWR), 0, 0])?;
    let (input, output) = ends.map_or((null, null), |(input, output)| (word(input), word(output)));
    for (from, to) in [(input, 0), (output, 1), (null, 2)] {
        if from != to {
            call(libc::SYS_dup3, [from, to, 0, 0, 0])?;
        }
    }
    if null > 2 {
        call(libc::SYS_close, [null, 0, 0, 0, 0])?;
    }
    Ok(())
}

/// As [`crate::privilege::inherit_none`]: of a daemon that is not root's; root's scripts have what root has all the
/// same.
fn inherit_none() -> Result<(), Fault> {
    let clear = word(libc::PR_CAP_AMBIENT_CLEAR_ALL);
    call(libc::SYS_prctl, [word(libc::PR_CAP_AMBIENT), clear, 0, 0, 0])?;
    // linux/capability.h: version 3, this process; then effective, permitted and inheritable, low and high half.
    let header: [u32; 2] = [0x2008_0522, 0];
    let mut sets = [[0_u32; 3]; 2];
    let header = header.as_ptr() as usize;
    call(libc::SYS_capget, [header, sets.as_mut_ptr() as usize, 0, 0, 0])?;
    for [_, _, inheritable] in &mut sets {
        *inheritable = 0;
    }
    call(libc::SYS_capset, [header, sets.as_ptr() as usize, 0, 0, 0]).map(drop)
}

/// As [`crate::signal::reset_for_exec`]: every signal is handled as a new program expects, and none is blocked.
fn forget_handlers() {
    // A `sigaction` of the kernel: the handler (0 is the default), flags, the restorer, the mask.
    let default = [0_u64; 4];
    let length = size_of::<u64>();
    for number in 1..=Signal::MAX {
        // SIGKILL and SIGSTOP are refused.
        let _ =
            call(libc::SYS_rt_sigaction, [word(number), default.as_ptr() as usize, 0, length, 0]);
    }
    let none = 0_u64;
    let set = word(libc::SIG_SETMASK);
    let _ = call(libc::SYS_rt_sigprocmask, [set, ptr::from_ref(&none) as usize, 0, length, 0]);
}
