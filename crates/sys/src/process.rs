//! Processes: the fork of a daemon's own processes, the handle to a child, and what a process
//! says about itself.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::sys::prctl;
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::signal::{Signal as Named, kill, killpg};
use nix::sys::stat::{Mode, umask};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::{self, ForkResult, Pid};

use crate::signal::{BlockedSignals, Signal};
use crate::spawn::launch;

/// Gives memory that was used and is free back to the system. For a process that has just done something
/// large; takes about a millisecond for ten megabytes.
#[cfg_attr(target_env = "gnu", expect(unsafe_code, reason = "nix has no malloc_trim"))]
pub fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the function takes a number, touches nothing that is in use, and may run in any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// What a process, and those of its children that it has waited for, have used of the processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProcessorTime {
    /// In its own code.
    pub user: base::Duration,
    /// In the kernel.
    pub system: base::Duration,
    /// Of the children, in their own code.
    pub children_user: base::Duration,
    /// Of the children, in the kernel.
    pub children_system: base::Duration,
}

/// What this process has used.
///
/// # Errors
/// The system's; none is known.
pub fn processor_time() -> io::Result<ProcessorTime> {
    let own = getrusage(UsageWho::RUSAGE_SELF)?;
    let children = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let time = |time: TimeVal| {
        base::Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap_or_default())
    };
    Ok(ProcessorTime {
        user: time(own.user_time()),
        system: time(own.system_time()),
        children_user: time(children.user_time()),
        children_system: time(children.system_time()),
    })
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// It ended itself with this status, 0 to 255.
    Status(i32),
    /// A signal ended it.
    Signal(Signal),
}

/// A child process that has not been waited for. Its descriptor is readable once it ended. Dropping
/// the handle neither ends the process nor collects its status.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    pidfd: OwnedFd,
}

impl Child {
    /// The handle to a child that this process had before it executed its present program.
    ///
    /// # Errors
    /// `ESRCH` when there is no such process. One that is not a child shows at [`Self::try_wait`].
    pub fn known(pid: i32) -> io::Result<Self> {
        let pid = Pid::from_raw(pid);
        Ok(Self { pid, pidfd: pidfd_open(pid)? })
    }

    /// One that has just been made.
    pub(crate) const fn of(pid: Pid, pidfd: OwnedFd) -> Self {
        Self { pid, pidfd }
    }

    /// Its process number, which stays its own until [`Self::try_wait`] has told the end.
    pub const fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// How it ended, or `None` while it runs. Call it no more once it told.
    ///
    /// # Errors
    /// The system call's: `ECHILD` when somebody else collected the status.
    #[expect(unsafe_code, reason = "nix cannot tell a death by a real-time signal")]
    pub fn try_wait(&self) -> io::Result<Option<Exit>> {
        // SAFETY: all-zero bytes are a valid `siginfo_t`, and what WNOHANG leaves for "none ended".
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let id = libc::id_t::try_from(self.pidfd.as_raw_fd()).map_err(io::Error::other)?;
        let flags = libc::WEXITED | libc::WNOHANG;
        // SAFETY: a live descriptor, and a live value for the kernel to fill.
        nix::Error::result(unsafe { libc::waitid(libc::P_PIDFD, id, &raw mut info, flags) })?;
        // SAFETY: waitid succeeded, so the fields of a child's end are filled, or zero.
        let (pid, status) = (unsafe { info.si_pid() }, unsafe { info.si_status() });
        if pid != 0 {
            launch::tidy();
        }
        Ok(match (pid, info.si_code) {
            (0, _) => None,
            (_, libc::CLD_EXITED) => Some(Exit::Status(status)),
            _ => Signal::from_number(status).map(Exit::Signal),
        })
    }

    /// Sends it a signal. A process that ended already is fine: its number cannot belong to another.
    ///
    /// # Errors
    /// `EPERM` when it has become another user's.
    #[expect(unsafe_code, reason = "neither nix nor libc has pidfd_send_signal")]
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let no_info = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: a live descriptor, a number, no siginfo, no flags.
        let result = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.pidfd.as_raw_fd(),
                signal.number(),
                no_info,
                0,
            )
        };
        gone_is_fine(nix::Error::result(result).map(drop))
    }

    /// Sends a signal to the whole process group that a script leads, its own children included.
    /// To be called before [`Self::try_wait`] has told the end.
    ///
    /// # Errors
    /// `EPERM` when the group has become another user's; `InvalidInput` for a real-time signal.
    pub fn signal_group(&self, signal: Signal) -> io::Result<()> {
        let named = Named::try_from(signal.number())?;
        gone_is_fine(killpg(self.pid, named))
    }
}

impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

fn gone_is_fine(result: nix::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error != nix::Error::ESRCH => Err(error.into()),
        _ => Ok(()),
    }
}

/// Which side of a [`fork`] this is.
#[derive(Debug)]
pub enum Forked {
    /// The process that called.
    Parent(Child),
    /// The new process. Its signals are blocked until this guard is dropped, which is right only
    /// after it has dropped its parent's signal handling and installed its own.
    Child(BlockedSignals),
}

/// Makes a copy of this process that goes on here too. All signals are blocked across the fork, so
/// that none reaches the copy while it still has the original's handlers.
///
/// # Errors
/// `Unsupported` when this process has more than one thread: a lock that another thread holds would
/// stay locked in the copy for ever. Else the system call's: too many processes, out of memory.
#[expect(unsafe_code, reason = "fork is unsafe with threads; there are none")]
pub fn fork() -> io::Result<Forked> {
    require_single_thread()?;
    launch::tidy();
    let blocked = BlockedSignals::all()?;
    // SAFETY: one thread, checked above, so that no lock is held by a thread that the copy lacks.
    match unsafe { unistd::fork() }? {
        ForkResult::Child => {
            launch::forked();
            Ok(Forked::Child(blocked))
        }
        ForkResult::Parent { child } => {
            // Not reaped before we ask, so the number is still the child's, even if it ended.
            let pidfd = pidfd_open(child).inspect_err(|_| undo_fork(child))?;
            Ok(Forked::Parent(Child { pid: child, pidfd }))
        }
    }
}

/// A child that we cannot watch (the system is out of memory or files) must not run. It ends at once, so the wait for
/// it is short.
fn undo_fork(child: Pid) {
    let _ = kill(child, Named::SIGKILL);
    let _ = waitpid(child, None);
}

fn require_single_thread() -> io::Result<()> {
    let threads = fs::read_dir("/proc/self/task")?.take(2).count();
    if threads == 1 {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::Unsupported, "a process with threads must not fork"))
}

#[expect(unsafe_code, reason = "neither nix nor libc has pidfd_open")]
fn pidfd_open(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: integers only; the kernel sets close-on-exec by itself.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let fd = i32::try_from(nix::Error::result(fd)?).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A descriptor that becomes readable when a process ends, whose parent need not be this one.
///
/// # Errors
/// `ESRCH`: there is no such process.
pub fn end_of(pid: i32) -> io::Result<OwnedFd> {
    pidfd_open(Pid::from_raw(pid))
}

/// The signal that this process gets when its parent dies. To be called in the child, with the
/// parent's number as known before the fork. A change of user removes it.
///
/// # Errors
/// `NotConnected` when the parent is dead already, and no signal will come.
pub fn die_with_parent(parent: i32) -> io::Result<()> {
    prctl::set_pdeathsig(Named::SIGTERM)?;
    if unistd::getppid().as_raw() == parent {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::NotConnected, "the parent process has ended"))
}

/// The opposite of [`die_with_parent`].
///
/// # Errors
/// The system call's; none is known.
pub fn outlive_parent() -> io::Result<()> {
    Ok(prctl::set_pdeathsig(None)?)
}

/// From now on the orphans below this process become its own children, to be collected with
/// [`reap_orphan`].
///
/// # Errors
/// The system call's; none is known.
pub fn adopt_orphans() -> io::Result<()> {
    Ok(prctl::set_child_subreaper(true)?)
}

/// The process numbers of all children of this process, adopted ones included.
///
/// # Errors
/// The system's: no `/proc`, or a kernel without lists of children.
pub fn children() -> io::Result<Vec<i32>> {
    let own = own_pid();
    let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children"))?;
    Ok(children.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect())
}

/// Ends a child at once; one that is gone already is no error.
///
/// # Errors
/// The system call's; none is known for a child.
pub fn end(child: i32) -> io::Result<()> {
    gone_is_fine(nix::sys::signal::kill(Pid::from_raw(child), Named::SIGKILL))
}

/// Ends the scripts that a dead child has left: our children that are none of `ours`, lead a group of
/// their own and have not begun a session, as [`crate::spawn()`] starts them. A program with more
/// capabilities than its parent, a script of root's, does not get the signal of a parent's death.
///
/// # Errors
/// The system's: no `/proc`, or a kernel without lists of children, and then nothing is ended.
pub fn end_orphans(ours: impl Fn(i32) -> bool) -> io::Result<()> {
    let session = unistd::getsid(None)?;
    for pid in children()? {
        let child = Pid::from_raw(pid);
        // One that has ended meanwhile answers with an error, and stays ours until it is collected.
        let is_script = !ours(pid)
            && unistd::getpgid(Some(child)) == Ok(child)
            && unistd::getsid(Some(child)) == Ok(session);
        if is_script {
            gone_is_fine(killpg(child, Named::SIGTERM))?;
        }
    }
    Ok(())
}

/// Collects one ended process that is none of `ours`; says its number. `None` when there is no
/// such one now, or when one of ours must be collected first: then call again after that.
///
/// # Errors
/// The system call's, other than "no child", which is `None`.
pub fn reap_orphan(ours: impl Fn(i32) -> bool) -> io::Result<Option<i32>> {
    let peek = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    let ended = match waitid(Id::All, peek) {
        Ok(status) => status.pid(),
        Err(nix::Error::ECHILD) => None,
        Err(error) => return Err(error.into()),
    };
    let Some(pid) = ended.filter(|pid| !ours(pid.as_raw())) else { return Ok(None) };
    waitpid(pid, Some(WaitPidFlag::WNOHANG))?;
    Ok(Some(pid.as_raw()))
}

/// Which side of [`daemonise`] this is.
#[derive(Debug)]
pub enum Daemonised {
    /// The process that was started, after the daemon said how its start went: it ends with this
    /// status.
    Original(i32),
    /// The daemon. Until it has told, the original waits.
    Daemon(Announce),
}

/// How the daemon tells the process that was started how the start went. Dropped without a word,
/// as when the daemon dies, the original ends with status 1.
#[derive(Debug)]
#[must_use = "the process that was started waits for it"]
pub struct Announce(PipeWriter);

impl Announce {
    /// The start is over: 0 for success, else the status of the failure.
    pub fn tell(mut self, status: u8) {
        // Nobody listens when the original was killed; that is not the daemon's trouble.
        let _ = self.0.write_all(&[status]);
    }
}

/// Becomes a daemon: a new session that can get no terminal, `/` as working directory, the null
/// device as standard input, output and error. The process that was started waits in this call for
/// [`Announce::tell`], and, told of a failure, for the end of the daemon.
///
/// # Errors
/// As [`fork`].
pub fn daemonise() -> io::Result<Daemonised> {
    let (mut told, announce) = io::pipe()?;
    if let Forked::Parent(daemon) = fork()? {
        drop(announce);
        let mut status = [1];
        // An early end leaves the 1.
        let _ = told.read_exact(&mut status);
        if status != [0] {
            // It takes its files away before it ends: who sees the failure may start another one.
            let _ = waitpid(daemon.pid, None);
        }
        return Ok(Daemonised::Original(i32::from(status[0])));
    }
    drop(told);
    // It stays the leader of its session, as keepalived: init scripts signal the session.
    unistd::setsid()?;
    unistd::chdir("/")?;
    null_stdio()?;
    Ok(Daemonised::Daemon(Announce(announce)))
}

/// Standard input, output and error become the null device.
///
/// # Errors
/// The system's: no null device.
pub fn null_stdio() -> io::Result<()> {
    let null: File = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    unistd::dup2_stdin(&null)?;
    unistd::dup2_stdout(&null)?;
    unistd::dup2_stderr(&null)?;
    Ok(())
}

/// Ends this process at once: no destructor, no exit handler, no buffer written. For a forked
/// process whose buffers are copies.
#[expect(unsafe_code, reason = "nix has no _exit")]
pub fn exit_now(status: i32) -> ! {
    // SAFETY: an integer only; does not return.
    unsafe { libc::_exit(status) }
}

/// This process's number.
pub fn own_pid() -> i32 {
    unistd::getpid().as_raw()
}

/// Whether this process is root's.
pub fn is_root() -> bool {
    unistd::geteuid().is_root()
}

/// Raises the limit of core dumps as far as this process may.
///
/// # Errors
/// The system call's; none is known.
pub fn allow_core_dumps() -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_CORE)?;
    Ok(setrlimit(Resource::RLIMIT_CORE, hard, hard)?)
}

/// The bits that files made from now on do not get, as `umask` of a shell.
pub fn set_umask(mask: u32) {
    umask(Mode::from_bits_truncate(mask));
}

/// What `ps` and `/proc` call this process: `keepalived_vrrp`. Cut to 15 bytes by the kernel.
///
/// # Errors
/// `InvalidInput` for a name with a zero byte.
pub fn set_name(name: &str) -> io::Result<()> {
    let name = CString::new(name)?;
    Ok(prctl::set_name(&name)?)
}

/// Lets this process have as many descriptors as it may; how many that is. Its children inherit it.
///
/// # Errors
/// The system's; none is known.
pub fn raise_open_files() -> io::Result<u64> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(hard)
}
