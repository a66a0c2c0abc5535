//! Why IPVS cannot be used.

/// Why a call failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel has no IPVS, or its module is not loaded.
    #[error(
        "the kernel has no IPVS: load it with 'modprobe ip_vs', or use a kernel with CONFIG_IP_VS"
    )]
    NoIpvs,
    /// IPVS is older than its netlink interface as it is used here.
    #[error("IPVS version {found} is too old, 1.2.1 is needed")]
    TooOld {
        /// The kernel's version.
        found: String,
    },
    /// Netlink failed. The table is read anew before it is used again.
    #[error(transparent)]
    Netlink(#[from] netlink::Error),
}
