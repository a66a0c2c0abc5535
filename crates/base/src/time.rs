//! Points in time and spans, in whole microseconds.
//!
//! `std::time::Instant` can be neither stored, sent nor made in a test. These can: a point in time is
//! microseconds of `CLOCK_MONOTONIC`, which all processes of one machine share, so a deadline that
//! one process hands to its successor keeps its meaning.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// A point in time: microseconds of `CLOCK_MONOTONIC`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Instant(u64);

/// A span of time in microseconds. Arithmetic saturates: a timer that would be past the end of
/// `u64` microseconds (584,000 years) is simply never due.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Duration(u64);

impl Instant {
    /// Microseconds of the monotonic clock.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds of the monotonic clock.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero when it is not in the past.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// Longer than anything that is configured.
    pub const MAX: Self = Self(u64::MAX);

    /// A span of whole microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// A span of whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// A span of hundredths of a second, the unit of VRRPv3 (RFC 9568 section 5.2.7).
    pub const fn from_centis(centis: u64) -> Self {
        Self(centis.saturating_mul(10_000))
    }

    /// A span of whole seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// The span in microseconds.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The span in whole milliseconds, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// The span in whole hundredths of a second, rounded down.
    pub const fn as_centis(self) -> u64 {
        self.0 / 10_000
    }

    /// The span in whole seconds, rounded down.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The microseconds beyond the whole seconds.
    pub const fn subsec_micros(self) -> u64 {
        self.0 % 1_000_000
    }

    /// Whether this is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// `self * factor`, saturating.
    pub const fn saturating_mul(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }

    /// `self - other`, zero when `other` is longer.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `self * numerator / denominator` without losing the high bits; `None` when `denominator` is 0.
    pub fn mul_ratio(self, numerator: u64, denominator: u64) -> Option<Self> {
        let wide = u128::from(self.0).checked_mul(u128::from(numerator))?;
        let scaled = wide.checked_div(u128::from(denominator))?;
        Some(Self(u64::try_from(scaled).unwrap_or(u64::MAX)))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Add for Duration {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl From<Duration> for std::time::Duration {
    fn from(span: Duration) -> Self {
        Self::from_micros(span.0)
    }
}

/// Seconds with as many decimals as are needed: `3.609375s`, `1s`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secs, micros) = (self.as_secs(), self.subsec_micros());
        if micros == 0 {
            return write!(f, "{secs}s");
        }
        let digits = format!("{micros:06}");
        write!(f, "{secs}.{}s", digits.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_past_the_end_of_time_saturates() {
        let late = Instant::from_micros(u64::MAX - 1) + Duration::from_secs(5);
        assert_eq!(late.as_micros(), u64::MAX);
        assert_eq!(Instant::from_micros(3) - Duration::from_secs(1), Instant::default());
    }

    #[test]
    fn the_past_is_measured_and_the_future_is_zero() {
        let (early, late) = (Instant::from_micros(10), Instant::from_micros(25));
        assert_eq!(late.saturating_since(early), Duration::from_micros(15));
        assert_eq!(early.saturating_since(late), Duration::ZERO);
    }

    #[test]
    fn a_ratio_keeps_the_high_bits() {
        let year = Duration::from_secs(31_536_000);
        assert_eq!(year.mul_ratio(156, 256), Some(Duration::from_micros(19_217_250_000_000)));
        assert_eq!(year.mul_ratio(1, 0), None);
        assert_eq!(Duration::MAX.mul_ratio(3, 1), Some(Duration::MAX));
    }

    #[test]
    fn a_span_prints_as_seconds() {
        assert_eq!(Duration::from_micros(3_609_375).to_string(), "3.609375s");
        assert_eq!(Duration::from_secs(1).to_string(), "1s");
        assert_eq!(Duration::from_millis(10).to_string(), "0.01s");
    }
}
