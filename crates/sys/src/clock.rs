//! The clocks. A process reads the monotonic one once a turn of its loop.

use base::Instant;
use nix::time::{ClockId, clock_gettime};

/// The time now: microseconds of `CLOCK_MONOTONIC`, the same clock in every process of this machine.
pub fn now() -> Instant {
    // The call fails for an unknown clock only; Linux has always had this one.
    let (seconds, nanos) = clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map_or((0, 0), |time| (time.tv_sec(), time.tv_nsec()));
    let micros = u64::try_from(seconds)
        .unwrap_or(0)
        .saturating_mul(1_000_000)
        .saturating_add(u64::try_from(nanos).unwrap_or(0) / 1_000);
    Instant::from_micros(micros)
}

/// The wall clock: microseconds since 1970, UTC.
pub fn wall() -> base::Duration {
    let (seconds, nanos) = clock_gettime(ClockId::CLOCK_REALTIME)
        .map_or((0, 0), |time| (time.tv_sec(), time.tv_nsec()));
    let micros = u64::try_from(nanos).unwrap_or(0) / 1_000;
    base::Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
        + base::Duration::from_micros(micros)
}

/// A moment of the wall clock in the time zone of this machine, for log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalTime {
    /// For example 2026.
    pub year: i32,
    /// 0 is January.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 is Sunday.
    pub weekday: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60.
    pub second: u8,
}

/// The wall clock, local time. The time zone file is read at the first call and never again.
pub fn local_time() -> LocalTime {
    let seconds = clock_gettime(ClockId::CLOCK_REALTIME).map_or(0, |time| time.tv_sec());
    local_time_at(seconds)
}

/// The local time of `seconds` since 1970, UTC.
#[expect(unsafe_code, reason = "nix has no localtime_r")]
pub fn local_time_at(seconds: i64) -> LocalTime {
    // SAFETY: all-zero bytes are a valid `tm`: integers, and a pointer that may be null.
    let mut broken_down: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values of the right types for the time of the call. On
    // failure the result is null and `broken_down` stays zero.
    unsafe { libc::localtime_r(&raw const seconds, &raw mut broken_down) };
    let small = |value: libc::c_int| u8::try_from(value).unwrap_or(0);
    LocalTime {
        year: broken_down.tm_year.saturating_add(1900),
        month: small(broken_down.tm_mon),
        day: small(broken_down.tm_mday),
        weekday: small(broken_down.tm_wday),
        hour: small(broken_down.tm_hour),
        minute: small(broken_down.tm_min),
        second: small(broken_down.tm_sec),
    }
}

/// When clocks of this time zone show that; the day of the week does not matter. Of an hour that
/// comes twice either one, of one that does not come a moment near it.
///
/// `None` for a moment that the system cannot tell.
#[expect(unsafe_code, reason = "nix has no mktime")]
pub fn seconds_at_local(time: LocalTime) -> Option<i64> {
    // SAFETY: all-zero bytes are a valid `tm`: integers, and a pointer that may be null.
    let mut broken_down: libc::tm = unsafe { std::mem::zeroed() };
    broken_down.tm_year = time.year.checked_sub(1900)?;
    broken_down.tm_mon = time.month.into();
    broken_down.tm_mday = time.day.into();
    broken_down.tm_hour = time.hour.into();
    broken_down.tm_min = time.minute.into();
    broken_down.tm_sec = time.second.into();
    // Whether clocks are an hour ahead then is for the system to know.
    broken_down.tm_isdst = -1;
    // SAFETY: the pointer is to a live `tm` for the time of the call.
    let seconds = unsafe { libc::mktime(&raw mut broken_down) };
    (seconds != -1).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back() {
        let first = now();
        let second = now();
        assert!(first.as_micros() > 0);
        assert!(second >= first);
    }

    #[test]
    fn the_wall_clock_is_after_this_was_written() {
        assert!(wall().as_secs() > 1_795_000_000);
    }

    #[test]
    fn a_local_time_is_the_second_that_shows_it() {
        for second in [1_795_176_000, 1_780_000_000, 1] {
            assert_eq!(seconds_at_local(local_time_at(second)), Some(second));
        }
    }

    #[test]
    fn a_known_second_is_a_known_date() {
        // 2026-11-20 12:00:00 UTC, a Friday; no time zone is more than 14 hours away.
        let time = local_time_at(1_795_176_000);
        assert_eq!((time.year, time.month), (2026, 10));
        assert!([(19, 4), (20, 5), (21, 6)].contains(&(time.day, time.weekday)), "{time:?}");
    }
}
