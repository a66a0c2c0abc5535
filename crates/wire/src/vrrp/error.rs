//! Why an advert was refused.

use thiserror::Error;

/// The first thing that was wrong, in the order in which an advert is looked at
/// (RFC 9568 section 7.1). Each has its own counter in the statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AdvertError {
    /// Cut off, or longer than its own address count says.
    #[error("length {got}, needs {needed}")]
    Length {
        /// Bytes that the header asks for.
        needed: usize,
        /// Bytes that came.
        got: usize,
    },
    /// Not the version that this virtual router speaks.
    #[error("version {received}, expected {expected}")]
    Version {
        /// The number in the packet.
        received: u8,
        /// The number that this router speaks.
        expected: u8,
    },
    /// Not an advert: the only type there is, is 1.
    #[error("type {0}, the only known is 1")]
    Type(u8),
    /// It may have come over a router.
    #[error("TTL or hop limit {received}, must be {lowest} to {highest}")]
    HopLimit {
        /// What came.
        received: u8,
        /// The lowest that is allowed.
        lowest: u8,
        /// The highest that is allowed.
        highest: u8,
    },
    /// The bytes changed on the way.
    #[error("checksum does not match")]
    Checksum,
    /// Virtual router id 0.
    #[error("virtual router id 0")]
    Vrid,
}
