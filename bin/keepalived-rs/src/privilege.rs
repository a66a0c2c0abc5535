//! The capabilities of each process: given up when everything that needs more is done. The daemon
//! runs as root, or as a user that its service manager has given what it needs. Scripts have what
//! their user has, never what the daemon has.

use std::io;

use control_plane::model::global::Launch;
use sys::privilege::{self, Capability, has};

/// What every child needs: its work, and scripts as their users.
const OF_CHILDREN: [Capability; 8] = [
    Capability::NetAdmin,
    Capability::NetRaw,
    Capability::SetUid,
    Capability::SetGid,
    Capability::Kill,
    Capability::DacOverride,
    Capability::SysNice,
    // Locked memory is bounded without it, however it came to be locked.
    Capability::IpcLock,
];

/// What only the parent and checks from a privileged port need.
const FURTHER: [Capability; 4] =
    [Capability::NetBindService, Capability::Chown, Capability::Fowner, Capability::SysResource];

/// For the IPVS table of another network namespace: a child opens its sockets there and gives these up.
const ELSEWHERE: [Capability; 2] = [Capability::SysAdmin, Capability::SysPtrace];

/// Whether this process may do what the daemon is for.
pub(crate) fn is_enough() -> bool {
    [Capability::NetAdmin, Capability::NetRaw].into_iter().all(|one| has(one).unwrap_or(false))
}

/// The parent keeps what its children start with. A successor of the parent, after an upgrade, gets
/// from the kernel what it began with: root's, or what its service manager has given.
///
/// With a view of the file system of its own it keeps what takes that back at the end.
pub(crate) fn of_parent(launch: &Launch, has_mounted: bool) {
    let mounting: &[Capability] = if has_mounted { &[Capability::SysAdmin] } else { &[] };
    let elsewhere = if launch.ipvs_namespace.is_some() { &ELSEWHERE[..] } else { &[] };
    check(privilege::keep_only(&[&OF_CHILDREN[..], &FURTHER[..], mounting, elsewhere].concat()));
}

/// The VRRP process.
pub(crate) fn of_vrrp() {
    check(privilege::inherit_none().and_then(|()| privilege::keep_only(&OF_CHILDREN)));
}

/// The checker process: it may check from a port below 1024.
pub(crate) fn of_checkers() {
    let kept = [&OF_CHILDREN[..], &[Capability::NetBindService]].concat();
    check(privilege::inherit_none().and_then(|()| privilege::keep_only(&kept)));
}

fn check(result: io::Result<()>) {
    if let Err(error) = result {
        log::warn!("the process keeps privileges that it does not need: {error}");
    }
}
