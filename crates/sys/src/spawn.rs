//! Scripts: started without waiting, even for the exec.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io;
use std::os::fd::BorrowedFd;

use nix::sys::stat::{Mode, umask};
use nix::unistd::{self, Gid, Pid, Uid};

use crate::process::{self, Child, Forked, exit_now, fork};
use crate::signal::reset_for_exec;
use crate::users::User;

/// The status of a script that could not be executed, as a shell has it.
pub const NOT_EXECUTED: i32 = 127;

/// A script to start.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Spawn {
    /// The program's file, absolute; there is no path search.
    pub program: String,
    /// Its arguments, without its own name.
    pub args: Vec<String>,
    /// Its whole environment.
    pub env: BTreeMap<String, String>,
    /// Whom it runs as; `None` leaves user and groups as they are.
    pub user: Option<User>,
    /// The supplementary groups of that user; empty for none.
    pub groups: Vec<u32>,
    /// File mode mask.
    pub umask: u32,
}

/// Starts a script and comes back at once: in a process group of its own, with the null device as
/// standard input, output and error, nothing else open, no signal blocked or ignored, and SIGTERM to
/// come when this process dies. What fails after the fork shows as exit status [`NOT_EXECUTED`].
///
/// # Errors
/// As [`fork`]; `InvalidInput` for a zero byte in any word.
pub fn spawn(script: &Spawn) -> io::Result<Child> {
    start(script, None)
}

/// As [`spawn`], with these as standard input and output.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_with(
    script: &Spawn,
    input: BorrowedFd<'_>,
    output: BorrowedFd<'_>,
) -> io::Result<Child> {
    start(script, Some((input, output)))
}

type Ends<'a> = Option<(BorrowedFd<'a>, BorrowedFd<'a>)>;

fn start(script: &Spawn, ends: Ends<'_>) -> io::Result<Child> {
    let prepared = Prepared::new(script)?;
    match fork()? {
        Forked::Parent(child) => Ok(child),
        Forked::Child(blocked) => {
            // Signals stay blocked until the parent's handlers are gone; the guard must not undo that.
            std::mem::forget(blocked);
            // Only a failure comes back.
            let _ = prepared.become_script(ends);
            exit_now(NOT_EXECUTED)
        }
    }
}

/// Everything that can be wrong or needs memory is done before the fork.
struct Prepared {
    argv: Vec<CString>,
    envp: Vec<CString>,
    user: Option<User>,
    groups: Vec<Gid>,
    umask: Mode,
    parent: i32,
}

impl Prepared {
    fn new(script: &Spawn) -> io::Result<Self> {
        let words = std::iter::once(&script.program).chain(&script.args);
        let variables = script.env.iter().map(|(name, value)| format!("{name}={value}"));
        Ok(Self {
            argv: words.map(|word| CString::new(word.as_str())).collect::<Result<_, _>>()?,
            envp: variables.map(CString::new).collect::<Result<_, _>>()?,
            user: script.user,
            groups: script.groups.iter().copied().map(Gid::from_raw).collect(),
            umask: Mode::from_bits_truncate(script.umask),
            parent: process::own_pid(),
        })
    }

    fn become_script(&self, ends: Ends<'_>) -> io::Result<()> {
        unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
        process::null_stdio()?;
        if let Some((input, output)) = ends {
            unistd::dup2_stdin(input)?;
            unistd::dup2_stdout(output)?;
        }
        close_the_rest_on_exec();
        umask(self.umask);
        if let Some(user) = self.user {
            unistd::setgroups(&self.groups)?;
            let gid = Gid::from_raw(user.gid);
            unistd::setresgid(gid, gid, gid)?;
            let uid = Uid::from_raw(user.uid);
            unistd::setresuid(uid, uid, uid)?;
        }
        // Of a daemon that is not root's; root's scripts have what root has all the same.
        crate::privilege::inherit_none()?;
        // After the change of user, which would remove it.
        process::die_with_parent(self.parent)?;
        reset_for_exec();
        let Some(program) = self.argv.first() else { return Ok(()) };
        unistd::execve(program, &self.argv, &self.envp)?;
        Ok(())
    }
}

/// Our own descriptors close on exec by themselves; this is for those that a library opened.
#[expect(unsafe_code, reason = "nix has no close_range")]
fn close_the_rest_on_exec() {
    let flags = libc::CLOSE_RANGE_CLOEXEC;
    // SAFETY: integers only; nothing is closed before the exec.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, flags) };
}
