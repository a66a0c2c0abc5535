//! Network namespaces.

use std::fs::File;
use std::io;
use std::path::Path;

use nix::sched::{CloneFlags, setns, unshare};

/// Moves this process into the network namespace that `ip netns add NAME` made (`-s NAME`,
/// `net_namespace`). To be called before any socket is opened.
///
/// # Errors
/// `NotFound` when there is none of that name; `PermissionDenied` without `CAP_SYS_ADMIN`;
/// `InvalidInput` for a name that is a path.
pub fn enter_network(name: &str) -> io::Result<()> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let namespace = File::open(Path::new("/run/netns").join(name))?;
    Ok(setns(namespace, CloneFlags::CLONE_NEWNET)?)
}

/// Moves this thread into a new network namespace, in which there is nothing but a loopback
/// interface that is down.
///
/// # Errors
/// `PermissionDenied` without `CAP_SYS_ADMIN`.
pub fn new_network() -> io::Result<()> {
    Ok(unshare(CloneFlags::CLONE_NEWNET)?)
}
