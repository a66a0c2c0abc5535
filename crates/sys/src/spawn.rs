//! Scripts: started without waiting, even for the exec.

pub(crate) mod launch;
mod raw;

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::process::{self, Child};
use crate::users::User;
use launch::Prepared;

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
/// come when this process dies. What fails in the new process shows as exit status [`NOT_EXECUTED`].
///
/// # Errors
/// The system call's: too many processes, no memory, no descriptor; `InvalidInput` for a zero byte in any word.
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
    let (pid, pidfd) = launch::launch(prepared(script, ends)?)?;
    Ok(Child::of(pid, pidfd))
}

/// Everything that can be wrong or needs memory is done before there is a process.
fn prepared(script: &Spawn, ends: Ends<'_>) -> io::Result<Prepared> {
    let words = std::iter::once(&script.program).chain(&script.args);
    let variables = script.env.iter().map(|(name, value)| format!("{name}={value}"));
    Ok(Prepared {
        program: CString::new(script.program.as_str())?,
        argv: words.map(|word| CString::new(word.as_str())).collect::<Result<_, _>>()?,
        envp: variables.map(CString::new).collect::<Result<_, _>>()?,
        user: script.user,
        groups: script.groups.clone(),
        umask: script.umask,
        parent: process::own_pid(),
        ends: ends.map(|(input, output)| (input.as_raw_fd(), output.as_raw_fd())),
    })
}
