//! Capabilities: which this process has, and giving up those that it does not need. The bounding set
//! is not touched, for scripts of root get what root has from it.

use std::io;

use caps::{CapSet, Capability as Cap, CapsHashSet};

/// A capability that some process of the daemon needs; see `capabilities(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Addresses, routes, IPVS, firewall, large buffers.
    NetAdmin,
    /// Raw and packet sockets.
    NetRaw,
    /// A check from a port below 1024.
    NetBindService,
    /// Scripts as their user.
    SetUid,
    /// The same.
    SetGid,
    /// Ending scripts of other users.
    Kill,
    /// Pipes and directories of other users.
    DacOverride,
    /// Pipes for other users.
    Chown,
    /// The same.
    Fowner,
    /// Priorities, processors.
    SysNice,
    /// Memory that is not swapped.
    IpcLock,
    /// Limits.
    SysResource,
    /// Mounts, entering namespaces.
    SysAdmin,
    /// The network namespace of process 1.
    SysPtrace,
}

impl Capability {
    const fn number(self) -> Cap {
        match self {
            Self::NetAdmin => Cap::CAP_NET_ADMIN,
            Self::NetRaw => Cap::CAP_NET_RAW,
            Self::NetBindService => Cap::CAP_NET_BIND_SERVICE,
            Self::SetUid => Cap::CAP_SETUID,
            Self::SetGid => Cap::CAP_SETGID,
            Self::Kill => Cap::CAP_KILL,
            Self::DacOverride => Cap::CAP_DAC_OVERRIDE,
            Self::Chown => Cap::CAP_CHOWN,
            Self::Fowner => Cap::CAP_FOWNER,
            Self::SysNice => Cap::CAP_SYS_NICE,
            Self::IpcLock => Cap::CAP_IPC_LOCK,
            Self::SysResource => Cap::CAP_SYS_RESOURCE,
            Self::SysAdmin => Cap::CAP_SYS_ADMIN,
            Self::SysPtrace => Cap::CAP_SYS_PTRACE,
        }
    }
}

/// Whether this process may use that capability now.
///
/// # Errors
/// The system call's; none is known.
pub fn has(capability: Capability) -> io::Result<bool> {
    caps::has_cap(None, CapSet::Effective, capability.number()).map_err(io::Error::other)
}

/// Gives up every other capability, for good, of this process and of programs of its user.
///
/// # Errors
/// The system call's; none is known.
pub fn keep_only(kept: &[Capability]) -> io::Result<()> {
    let wanted: CapsHashSet = kept.iter().map(|one| one.number()).collect();
    let had = caps::read(None, CapSet::Permitted).map_err(io::Error::other)?;
    let kept: CapsHashSet = had.intersection(&wanted).copied().collect();
    caps::set(None, CapSet::Effective, &kept).map_err(io::Error::other)?;
    caps::set(None, CapSet::Permitted, &kept).map_err(io::Error::other)
}

/// From now on a program that this process executes has no capability by inheritance: one of root has
/// what root has, any other none.
///
/// # Errors
/// The system call's; a kernel before 4.3 knows no ambient capabilities.
pub fn inherit_none() -> io::Result<()> {
    caps::clear(None, CapSet::Ambient).map_err(io::Error::other)?;
    caps::clear(None, CapSet::Inheritable).map_err(io::Error::other)
}
