//! How much memory this process keeps that it does not use.

use std::fs;

/// Pieces from this size on, in bytes, are given back to the system as soon as they are free, and so
/// is the end of the heap beyond it. By itself the allocator would keep whatever was needed once, for
/// instance for the lines and messages of a thousand routers that start in one turn.
#[cfg(target_env = "gnu")]
const LARGE: i32 = 64 * 1024;

/// What the heap grows by at a time, and keeps at its end, while [`hold`] is in force; and otherwise, the
/// allocator's own.
#[cfg(target_env = "gnu")]
const STEPS: [i32; 2] = [1024 * 1024, 128 * 1024];

/// Until [`give_back_early`] free memory stays with this process: it will be needed again at once. For
/// moments in which much comes and goes, a start, a reload: a page that goes and comes back costs more
/// than what is done with it.
#[cfg_attr(target_env = "gnu", expect(unsafe_code, reason = "nix has no mallopt"))]
pub fn hold() {
    #[cfg(target_env = "gnu")]
    for (option, value) in [(libc::M_TRIM_THRESHOLD, i32::MAX), (libc::M_TOP_PAD, STEPS[0])] {
        // SAFETY: integers only; a value that the allocator does not like changes nothing.
        unsafe { libc::mallopt(option, value) };
    }
}

/// From now on free memory goes back to the system early. For a process that lives long and is busy
/// for moments; processes that are forked from this one do the same.
#[cfg_attr(target_env = "gnu", expect(unsafe_code, reason = "nix has no mallopt"))]
pub fn give_back_early() {
    #[cfg(target_env = "gnu")]
    for (option, value) in [
        (libc::M_MMAP_THRESHOLD, LARGE),
        (libc::M_TRIM_THRESHOLD, LARGE),
        (libc::M_TOP_PAD, STEPS[1]),
    ] {
        // SAFETY: integers only; a value that the allocator does not like changes nothing.
        unsafe { libc::mallopt(option, value) };
    }
}

/// The pages of the program's own code are this process's no longer, until it comes by again: then they
/// come back from the file cache, as those do that were never needed yet. Where the cache has lost them, for lack of
/// memory or because an administrator drops it, the next use waits for the disk, so this is for a moment after which
/// most of the code is not needed again: a start. Nothing happens to a process whose memory is locked.
pub fn forget_code() {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    maps.lines().filter_map(code).for_each(forget);
}

/// The first byte and the length of what a line of `/proc/self/maps` names, if it is code from a file
/// that nobody can have changed.
fn code(line: &str) -> Option<(usize, usize)> {
    let mut words = line.split_whitespace();
    let (range, rights) = (words.next()?, words.next()?);
    let path = words.nth(3)?;
    if rights != "r-xp" || !path.starts_with('/') {
        return None;
    }
    let (from, to) = range.split_once('-')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    let (from, to) = (number(from)?, number(to)?);
    Some((from, to.checked_sub(from)?))
}

#[expect(unsafe_code, reason = "nix takes a pointer of this process's own making")]
fn forget((from, length): (usize, usize)) {
    let from = std::ptr::with_exposed_provenance_mut(from);
    // SAFETY: the pages are those of a file, were never written, and read the same when they are back.
    unsafe { libc::madvise(from, length, libc::MADV_DONTNEED) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_what_comes_from_a_file_and_can_be_run_but_not_written() {
        let line = |rights: &str, path: &str| {
            format!("55d0c8a00000-55d0c8a02000 {rights} 00001000 fe:00 1234      {path}")
        };
        assert_eq!(code(&line("r-xp", "/usr/sbin/keepalived")), Some((0x55d0_c8a0_0000, 0x2000)));
        assert_eq!(
            code(&line("r--p", "/usr/sbin/keepalived")),
            None,
            "relocated data is there too"
        );
        assert_eq!(code(&line("rwxp", "/usr/sbin/keepalived")), None);
        assert_eq!(code(&line("r-xp", "[vdso]")), None);
        assert_eq!(code(&line("r-xp", "")), None);
    }

    #[test]
    fn a_process_that_has_forgotten_its_code_goes_on() {
        forget_code();
        assert_eq!("2026".parse(), Ok(2026));
    }
}
