//! VRRP's small numbers, each within its bounds by construction.

use std::fmt;
use std::num::NonZeroU8;

use serde::{Deserialize, Serialize};

/// A number was outside the bounds of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange {
    /// What the number was meant for.
    pub what: &'static str,
    /// The number that came.
    pub value: i64,
    /// The smallest that is allowed.
    pub min: i64,
    /// The largest that is allowed.
    pub max: i64,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, value, min, max } = self;
        write!(f, "{what} {value} is outside the range {min} to {max}")
    }
}

impl std::error::Error for OutOfRange {}

/// Virtual Router Identifier, 1 to 255 (RFC 9568 section 5.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Vrid(NonZeroU8);

impl Vrid {
    /// The identifier, or an error for 0.
    pub fn new(value: u8) -> Result<Self, OutOfRange> {
        let error = OutOfRange { what: "virtual router id", value: value.into(), min: 1, max: 255 };
        NonZeroU8::new(value).map(Self).ok_or(error)
    }

    /// The identifier as it stands in a packet.
    pub const fn get(self) -> u8 {
        self.0.get()
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The priority of a router that runs, 1 to 255 (RFC 9568 section 5.2.4). The 0 of a packet that
/// says "I am leaving" is not a priority of a router: codecs carry it as `Option::None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Priority(NonZeroU8);

impl Priority {
    /// The lowest priority that takes part in an election.
    pub const MIN: Self = Self(NonZeroU8::MIN);
    /// The highest priority of a router that does not own the addresses.
    pub const MAX_BACKUP: Self = Self(match NonZeroU8::new(254) {
        Some(value) => value,
        None => NonZeroU8::MAX,
    });
    /// The priority of the address owner.
    pub const OWNER: Self = Self(NonZeroU8::MAX);
    /// What a router has when nothing is configured.
    pub const DEFAULT: Self = Self(match NonZeroU8::new(100) {
        Some(value) => value,
        None => NonZeroU8::MIN,
    });

    /// The priority, or an error for 0.
    pub fn new(value: u8) -> Result<Self, OutOfRange> {
        let error = OutOfRange { what: "priority", value: value.into(), min: 1, max: 255 };
        NonZeroU8::new(value).map(Self).ok_or(error)
    }

    /// The priority as it stands in a packet.
    pub const fn get(self) -> u8 {
        self.0.get()
    }

    /// Whether this is the address owner's priority.
    pub fn is_owner(self) -> bool {
        self == Self::OWNER
    }

    /// The effective priority after tracking: `self + sum` within 1 to 254. The address owner's
    /// never changes (keepalived: "Effective priority").
    pub fn adjusted(self, sum: i32) -> Self {
        if self.is_owner() {
            return self;
        }
        let wanted = i32::from(self.get()).saturating_add(sum);
        let within = wanted.clamp(Self::MIN.get().into(), Self::MAX_BACKUP.get().into());
        u8::try_from(within).ok().and_then(NonZeroU8::new).map_or(Self::MIN, Self)
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a tracked object adds to or takes from a priority, −253 to 253
/// (`weight` of `vrrp_script`, `track_interface`, …). 0 means that its failure is a fault.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Weight(i16);

impl Weight {
    /// The failure of the object puts the instance into FAULT.
    pub const FAULT: Self = Self(0);

    /// The weight, or an error outside −253 to 253.
    pub fn new(value: i32) -> Result<Self, OutOfRange> {
        let error = OutOfRange { what: "weight", value: value.into(), min: -253, max: 253 };
        match i16::try_from(value) {
            Ok(small) if (-253..=253).contains(&small) => Ok(Self(small)),
            _ => Err(error),
        }
    }

    /// The weight as a number.
    pub fn get(self) -> i32 {
        self.0.into()
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_of_zero_is_refused() {
        assert!(Vrid::new(0).is_err());
        assert_eq!(Vrid::new(51).unwrap().get(), 51);
    }

    #[test]
    fn effective_priority_stays_within_1_to_254() {
        let hundred = Priority::new(100).unwrap();
        assert_eq!(hundred.adjusted(-20).get(), 80);
        assert_eq!(hundred.adjusted(-253).get(), 1);
        assert_eq!(hundred.adjusted(253).get(), 254);
        assert_eq!(hundred.adjusted(i32::MIN).get(), 1);
    }

    #[test]
    fn the_owner_keeps_its_priority_whatever_is_tracked() {
        assert_eq!(Priority::OWNER.adjusted(-253), Priority::OWNER);
    }

    #[test]
    fn a_weight_is_within_253_either_way() {
        assert_eq!(Weight::new(-253).unwrap().get(), -253);
        assert!(Weight::new(254).is_err());
        assert!(Weight::new(-300_000).is_err());
    }
}
