//! Network namespaces, and the view of the file system that goes with one.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};

/// Moves this process into the network namespace that `ip netns add NAME` made (`-s NAME`,
/// `net_namespace`). To be called before any socket is opened.
///
/// # Errors
/// `NotFound` when there is none of that name; `PermissionDenied` without `CAP_SYS_ADMIN`;
/// `InvalidInput` for a name that is a path.
pub fn enter_network(name: &str) -> io::Result<()> {
    enter(&path(name)?)
}

/// Does `action` inside the network namespace `name`; the empty name is that of process 1. Sockets that
/// it opens belong there from then on, while this thread comes back.
///
/// # Errors
/// As [`enter_network`], and `PermissionDenied` without `CAP_SYS_PTRACE` for the empty name. Nothing
/// is done then.
pub fn inside_network<T>(name: &str, action: impl FnOnce() -> T) -> io::Result<T> {
    let there = if name.is_empty() { PathBuf::from("/proc/1/ns/net") } else { path(name)? };
    let here = File::open("/proc/thread-self/ns/net")?;
    enter(&there)?;
    let result = action();
    setns(here, CloneFlags::CLONE_NEWNET)?;
    Ok(result)
}

/// Gives this process a view of the file system of its own, in which `directory` lies at `over` too.
/// What others mount later is seen here as well, and nothing of this by them.
///
/// # Errors
/// `PermissionDenied` without `CAP_SYS_ADMIN`; `NotFound` when one of the two is missing.
pub fn mount_over(directory: &Path, over: &Path) -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none)?;
    Ok(mount(Some(directory), over, none, MsFlags::MS_BIND, none)?)
}

/// Takes back [`mount_over`].
///
/// # Errors
/// `PermissionDenied` without `CAP_SYS_ADMIN`; `InvalidInput` when nothing is mounted there.
pub fn unmount(over: &Path) -> io::Result<()> {
    Ok(umount2(over, MntFlags::MNT_DETACH)?)
}

/// Moves this thread into a new network namespace, in which there is nothing but a loopback
/// interface that is down.
///
/// # Errors
/// `PermissionDenied` without `CAP_SYS_ADMIN`.
pub fn new_network() -> io::Result<()> {
    Ok(unshare(CloneFlags::CLONE_NEWNET)?)
}

fn path(name: &str) -> io::Result<PathBuf> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(Path::new("/run/netns").join(name))
}

fn enter(namespace: &Path) -> io::Result<()> {
    Ok(setns(File::open(namespace)?, CloneFlags::CLONE_NEWNET)?)
}
