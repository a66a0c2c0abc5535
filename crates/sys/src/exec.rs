//! This program replaced by another file of it, in the same process, or tried in a process of its own.
//! What the new program needs of the old one are descriptors, by their numbers, and its children,
//! which stay its own.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::fcntl::{AtFlags, FcntlArg, FdFlag, fcntl};
use nix::unistd::{self, Pid};

use crate::process::{self, Child, Forked, exit_now, fork};
use crate::signal::{BlockedSignals, reset_for_exec};
use crate::spawn::NOT_EXECUTED;

/// A file to execute. It is open: what is tried and what is executed later are the same, whatever
/// comes to its path.
#[derive(Debug)]
pub struct Program {
    file: File,
}

/// The words that a program is given.
pub(crate) struct Call {
    argv: Vec<CString>,
    envp: Vec<CString>,
}

impl Program {
    /// Opens the file.
    ///
    /// # Errors
    /// The system's: no such file.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)? })
    }

    /// The file that is open there.
    pub fn of(file: OwnedFd) -> Self {
        Self { file: file.into() }
    }

    /// The descriptor's number, which the new program finds open and may close.
    pub fn number(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Device and number of the file: `/proc/PID/exe` has the same in each process that runs it.
    ///
    /// # Errors
    /// The system's; none is known for an open file.
    pub fn identity(&self) -> io::Result<(u64, u64)> {
        let file = self.file.metadata()?;
        Ok((file.dev(), file.ino()))
    }

    /// Its descriptor.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Becomes this program, which finds `keep` open under the same numbers, `variables` beside the
    /// environment of this process, and all signals blocked ([`BlockedSignals::inherited`]). `args`
    /// begins with the program's own name. Comes back only with the error, and then nothing has
    /// changed.
    pub fn become_it(
        &self,
        args: &[OsString],
        variables: &[(&str, &str)],
        keep: &[BorrowedFd<'_>],
    ) -> io::Error {
        let attempt = || {
            let call = Call::new(args, variables)?;
            let blocked = BlockedSignals::all()?;
            let kept: Vec<_> = keep.iter().copied().chain([self.file.as_fd()]).collect();
            let result = set_kept(&kept, true).and_then(|()| self.exec(&call));
            // It worked a moment ago.
            let _ = set_kept(&kept, false);
            drop(blocked);
            result
        };
        attempt().err().unwrap_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// Starts it as a child, which finds `keep` open, leads a process group and dies with this process. That it cannot be
    /// executed shows as exit status [`NOT_EXECUTED`].
    ///
    /// # Errors
    /// As [`fork`]; `InvalidInput` for a zero byte in any word.
    pub fn start(&self, args: &[OsString], keep: &[BorrowedFd<'_>]) -> io::Result<Child> {
        let (parent, call) = (process::own_pid(), Call::new(args, &[])?);
        match fork()? {
            Forked::Parent(child) => Ok(child),
            Forked::Child(blocked) => {
                // Signals stay blocked until the parent's handlers are gone.
                std::mem::forget(blocked);
                let kept: Vec<_> = keep.iter().copied().chain([self.file.as_fd()]).collect();
                // Only a failure comes back.
                let _ = set_kept(&kept, true)
                    .and_then(|()| Ok(unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0))?))
                    .and_then(|()| process::die_with_parent(parent))
                    .and_then(|()| {
                        reset_for_exec();
                        self.exec(&call)
                    });
                exit_now(NOT_EXECUTED)
            }
        }
    }

    fn exec(&self, call: &Call) -> io::Result<()> {
        unistd::execveat(&self.file, c"", &call.argv, &call.envp, AtFlags::AT_EMPTY_PATH)?;
        Ok(())
    }
}

impl Call {
    pub(crate) fn new(args: &[OsString], variables: &[(&str, &str)]) -> io::Result<Self> {
        let argv = args.iter().map(|arg| CString::new(arg.as_bytes())).collect::<Result<_, _>>()?;
        let kept = std::env::vars_os()
            .filter(|(name, _)| variables.iter().all(|(added, _)| name != OsStr::new(added)));
        let added = variables.iter().map(|(name, value)| (name.into(), value.into()));
        let envp = kept.chain(added).map(|(mut line, value): (OsString, OsString)| {
            line.push("=");
            line.push(value);
            CString::new(line.into_vec())
        });
        Ok(Self { argv, envp: envp.collect::<Result<_, _>>()? })
    }

    pub(crate) fn argv(&self) -> &[CString] {
        &self.argv
    }

    pub(crate) fn envp(&self) -> &[CString] {
        &self.envp
    }
}

fn set_kept(fds: &[BorrowedFd<'_>], keep: bool) -> io::Result<()> {
    let flags = if keep { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    for fd in fds {
        fcntl(fd, FcntlArg::F_SETFD(flags))?;
    }
    Ok(())
}

/// A copy of the descriptor that is open under that number; it does not outlive an exec.
///
/// # Errors
/// The system's: there is none, too many open files.
#[expect(unsafe_code, reason = "a number is taken for a descriptor")]
pub fn copy(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: only for the time of this call, and for a number that is no descriptor it fails.
    unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned()
}

/// Takes over the descriptor that this program's predecessor in the same process has left open under
/// that number. To be called once for each, at the start, before anything else could own it.
///
/// # Errors
/// The system's when there is none; `InvalidInput` for standard input, output and error.
#[expect(unsafe_code, reason = "a number becomes a descriptor")]
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    if number <= 2 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: only for the time of this call, and for a number that is no descriptor it fails.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // SAFETY: it is open, and by the contract above nobody else in this process owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
