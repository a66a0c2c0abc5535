//! A way back to the program that this process was before: while it is open, a crash or a hang of this
//! one executes that one again, which then finds everything as it has left it.
//!
//! The process stays the same one, so it keeps its number, its children and its place with the service
//! manager. A signal handler can do this, for all that it needs is prepared: `execveat` and `fcntl` are
//! safe in one (`signal-safety(7)`).

use std::ffi::{CString, OsString, c_char, c_int};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use base::Duration;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::alarm;

use crate::exec::Call;

/// What ends a program that has a mistake, and the clock for one that hangs.
const SIGNALS: [Signal; 6] = [
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGILL,
    Signal::SIGFPE,
    Signal::SIGABRT,
    Signal::SIGALRM,
];

/// Everything that the way back needs, never changed once it is published.
struct Way {
    program: OwnedFd,
    /// Kept open only.
    _kept: Vec<OwnedFd>,
    /// Their numbers and the program's, for the handler.
    numbers: Vec<RawFd>,
    _call: Call,
    argv: Vec<*const c_char>,
    envp: Vec<*const c_char>,
}

static WAY: AtomicPtr<Way> = AtomicPtr::new(ptr::null_mut());

/// Opens the way back to `program`, which gets `args`, the program's own name first, `variables`
/// beside this environment, and `kept` under their numbers. A crash takes it, as does the end of
/// `limit`, in whole seconds, at least 1.
///
/// # Errors
/// `InvalidInput` for a zero byte in any word; the system's.
pub fn open(
    program: OwnedFd,
    args: &[OsString],
    variables: &[(&str, &str)],
    kept: Vec<OwnedFd>,
    limit: Duration,
) -> io::Result<()> {
    let call = Call::new(args, variables)?;
    let words = |words: &[CString]| -> Vec<*const c_char> {
        words.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect()
    };
    let (argv, envp) = (words(call.argv()), words(call.envp()));
    let numbers = kept.iter().chain([&program]).map(AsRawFd::as_raw_fd).collect();
    let way = Box::new(Way { program, _kept: kept, numbers, _call: call, argv, envp });
    close();
    WAY.store(Box::into_raw(way), Ordering::SeqCst);
    handle(SigHandler::Handler(on_signal))?;
    // A program that another one became finds all signals blocked.
    SIGNALS.into_iter().collect::<SigSet>().thread_unblock()?;
    alarm::set(u32::try_from(limit.as_secs()).unwrap_or(u32::MAX).max(1));
    Ok(())
}

/// Whether there is a way back.
pub fn is_open() -> bool {
    !WAY.load(Ordering::SeqCst).is_null()
}

/// Closes it: this program is good, or this is a child of it, whose crash is its own.
#[expect(unsafe_code, reason = "what a signal handler may use is behind a pointer")]
pub fn close() {
    let way = WAY.swap(ptr::null_mut(), Ordering::SeqCst);
    if way.is_null() {
        return;
    }
    alarm::cancel();
    // Fails for a wrong signal only.
    let _ = handle(SigHandler::SigDfl);
    // SAFETY: it is from `Box::into_raw` in `open`, and the swap above has made this its only owner; a
    // handler that had it before does not come back.
    drop(unsafe { Box::from_raw(way) });
}

/// Takes the way back. Comes back when there is none, or when the former program cannot be executed.
pub fn take() {
    go();
}

fn handle(handler: SigHandler) -> io::Result<()> {
    for signal in SIGNALS {
        set_handler(signal, handler)?;
    }
    Ok(())
}

#[expect(unsafe_code, reason = "sigaction is unsafe in nix: handlers may do what they must not")]
fn set_handler(signal: Signal, handler: SigHandler) -> io::Result<()> {
    let action =
        SigAction::new(handler, SaFlags::SA_NODEFER | SaFlags::SA_ONSTACK, SigSet::empty());
    // SAFETY: `on_signal` calls nothing but functions that are safe in a signal handler.
    unsafe { sigaction(signal, &action) }?;
    Ok(())
}

extern "C" fn on_signal(number: c_int) {
    go();
    // There is no way back: end as without this handler.
    end_by(number);
}

#[expect(unsafe_code, reason = "nix's functions may allocate, which a signal handler must not")]
fn go() {
    // SAFETY: null, or a `Way` that lives until `close`, which a crash does not come back to.
    let Some(way) = (unsafe { WAY.load(Ordering::SeqCst).as_ref() }) else { return };
    for number in &way.numbers {
        // SAFETY: a system call on a number; a wrong one is refused.
        unsafe { libc::fcntl(*number, libc::F_SETFD, 0) };
    }
    // The successor of a program finds all signals blocked, as `Program::become_it` leaves them.
    // SAFETY: `sigset_t` is a plain array of bits for which all zeros are valid.
    let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live set.
    unsafe { libc::sigfillset(&raw mut all) };
    let mut former = all;
    // SAFETY: both pointers are to live sets.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const all, &raw mut former) };
    // An alarm that is set would go off in the program to come.
    // SAFETY: a system call on a number.
    unsafe { libc::alarm(0) };
    let program = way.program.as_raw_fd();
    let (argv, envp) = (way.argv.as_ptr(), way.envp.as_ptr());
    // SAFETY: both lists end with null and point to words that `way` owns; it comes back only when it
    // has failed.
    unsafe {
        libc::syscall(libc::SYS_execveat, program, c"".as_ptr(), argv, envp, libc::AT_EMPTY_PATH)
    };
    // SAFETY: the pointer is to a live set, and no old one is asked for.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const former, ptr::null_mut()) };
}

#[expect(unsafe_code, reason = "nix's functions may allocate, which a signal handler must not")]
fn end_by(number: c_int) {
    // SAFETY: SIG_DFL is no function of ours.
    unsafe { libc::signal(number, libc::SIG_DFL) };
    // SAFETY: `sigset_t` is a plain array of bits for which all zeros are valid: none is blocked.
    let none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live set, and no old one is asked for.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut()) };
    // SAFETY: raises a signal in this process.
    unsafe { libc::raise(number) };
}
