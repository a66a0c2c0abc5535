//! How much memory this process keeps that it does not use.

/// Pieces from this size on, in bytes, are given back to the system as soon as they are free, and so
/// is the end of the heap beyond it. By itself the allocator would keep whatever was needed once, for
/// instance for the lines and messages of a thousand routers that start in one turn.
#[cfg(target_env = "gnu")]
const LARGE: i32 = 64 * 1024;

/// From now on free memory goes back to the system early. For a process that lives long and is busy
/// for moments; processes that are forked from this one do the same.
#[cfg_attr(target_env = "gnu", expect(unsafe_code, reason = "nix has no mallopt"))]
pub fn give_back_early() {
    #[cfg(target_env = "gnu")]
    for option in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        // SAFETY: integers only; a value that the allocator does not like changes nothing.
        unsafe { libc::mallopt(option, LARGE) };
    }
}
