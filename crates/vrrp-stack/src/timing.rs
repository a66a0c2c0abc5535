//! The two intervals that VRRP computes.

use base::{Duration, Instant, Priority};
use wire::Version;

/// Skew_Time: how much later a router of lower priority notices that the master is gone. Version 2
/// counts in seconds (RFC 3768 section 6.1), version 3 in the master's interval (RFC 9568 section
/// 6.1), here without rounding.
pub fn skew_time(version: Version, priority: Priority, interval: Duration) -> Duration {
    let unit = match version {
        Version::V2 => Duration::from_secs(1),
        Version::V3 => interval,
    };
    unit.mul_ratio(256 - u64::from(priority.get()), 256).unwrap_or(Duration::ZERO)
}

/// Active_Down_Interval (Master_Down_Interval in RFC 3768): how long a backup waits for an advert.
/// `adverts` is keepalived's `down_timer_adverts`, 3 by the RFCs.
pub fn active_down_interval(
    version: Version,
    priority: Priority,
    interval: Duration,
    adverts: u8,
) -> Duration {
    interval.saturating_mul(adverts.into()) + skew_time(version, priority, interval)
}

/// When a router that spoke at `last` should have spoken again, by a fifth of its interval.
pub(crate) fn overdue(last: Instant, interval: Duration) -> Instant {
    last + Duration::from_micros(interval.saturating_mul(6).as_micros() / 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down(version: Version, priority: u8, interval_ms: u64) -> u64 {
        let priority = Priority::new(priority).unwrap();
        active_down_interval(version, priority, Duration::from_millis(interval_ms), 3).as_micros()
    }

    #[test]
    fn version_2_skews_by_seconds() {
        assert_eq!(down(Version::V2, 100, 1_000), 3_609_375);
        assert_eq!(down(Version::V2, 100, 2_000), 6_609_375);
        assert_eq!(down(Version::V2, 255, 1_000), 3_003_906);
    }

    #[test]
    fn version_3_skews_by_the_masters_interval() {
        assert_eq!(down(Version::V3, 147, 500), 1_712_890, "what keepalived prints for it");
        assert_eq!(
            down(Version::V3, 100, 40_950),
            147_803_906,
            "(256 - p) * 4095 is beyond 16 bits"
        );
    }
}
