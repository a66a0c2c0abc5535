//! `auth_hmac`: what keepalived 2.4 puts behind an advert to prove who sent it, and when.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   Type = 1    |    Key id     |           Reserved = 0        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                   Seconds since 1970                          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   Fraction of a second        |           Counter             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |          HMAC-SHA256, its first sixteen bytes                 |
//! ```
//!
//! Time and counter are one sequence number of 64 bits. The sum covers the family, version and
//! VRID, the source address padded to 16 bytes, the advert with a zero checksum, and this trailer with
//! a zero sum. The checksum of the advert does not cover the trailer; the length in the IP header does.

use std::net::IpAddr;

use base::Duration;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

/// Bytes of a trailer.
pub const LEN: usize = 28;
/// Type 1, of which there is no other.
const KIND: u8 = 1;
const SUM_LEN: usize = 16;
/// Where the checksum of an advert stands.
const CHECKSUM: std::ops::Range<usize> = 6..8;

/// A trailer as it was received. Nothing is known to be true of it before [`Self::is_authentic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Which key it names.
    pub key_id: u8,
    /// When it was sent; grows with each advert.
    pub sequence: Sequence,
    sum: [u8; SUM_LEN],
}

/// Why bytes behind an advert are no trailer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TrailerError {
    /// There is none.
    #[error("missing authentication trailer")]
    Missing,
    /// Another type, another length, or bits where there must be none.
    #[error("malformed authentication trailer")]
    Malformed,
}

/// A moment of the sender's wall clock and a counter, as one number that wraps round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The number of a moment since 1970.
    pub fn at(wall: Duration) -> Self {
        let fraction = (wall.subsec_micros() << 16) / 1_000_000;
        Self((wall.as_secs() << 32) | (fraction << 16))
    }

    /// The moment, in seconds since 1970, of which 32 bits are kept.
    pub const fn seconds(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Whether it comes after the other one, on the circle of all numbers.
    pub const fn is_after(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0).cast_signed() > 0
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// How far two moments are apart.
    pub fn skew(self, other: Self) -> Duration {
        let apart = self.0.wrapping_sub(other.0).cast_signed().unsigned_abs();
        let micros = (u128::from(apart) * 1_000_000) >> 32;
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// The bytes of `advert` and a trailer. `advert` is complete, with its checksum.
pub fn emit(advert: &[u8], source: IpAddr, key_id: u8, key: &[u8], sequence: Sequence) -> Vec<u8> {
    let mut trailer = vec![KIND, key_id, 0, 0];
    trailer.extend_from_slice(&sequence.0.to_be_bytes());
    let sum = sum(advert, source, &trailer, key);
    [advert, &trailer, &sum].concat()
}

impl Trailer {
    /// Reads what stands behind an advert.
    ///
    /// # Errors
    /// As [`TrailerError`] says.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrailerError> {
        if bytes.is_empty() {
            return Err(TrailerError::Missing);
        }
        let bytes: &[u8; LEN] = bytes.try_into().map_err(|_| TrailerError::Malformed)?;
        let [kind, key_id, 0, 0, rest @ ..] = bytes else { return Err(TrailerError::Malformed) };
        let split = rest.split_first_chunk().and_then(|(sequence, sum)| {
            Some((Sequence(u64::from_be_bytes(*sequence)), *sum.first_chunk()?))
        });
        match split {
            Some((sequence, sum)) if *kind == KIND => Ok(Self { key_id: *key_id, sequence, sum }),
            _ => Err(TrailerError::Malformed),
        }
    }

    /// Whether it was made with `key` for this advert of this sender.
    pub fn is_authentic(&self, advert: &[u8], source: IpAddr, key: &[u8]) -> bool {
        let mut trailer = vec![KIND, self.key_id, 0, 0];
        trailer.extend_from_slice(&self.sequence.0.to_be_bytes());
        let sum = sum(advert, source, &trailer, key);
        // All bytes are compared, so that the time taken tells nothing.
        sum.iter().zip(self.sum).fold(0, |differs, (ours, theirs)| differs | (ours ^ theirs)) == 0
    }
}

/// `trailer` is it without its sum.
fn sum(advert: &[u8], source: IpAddr, trailer: &[u8], key: &[u8]) -> [u8; SUM_LEN] {
    let (family, address) = match source {
        IpAddr::V4(address) => (4, address.octets().to_vec()),
        IpAddr::V6(address) => (6, address.octets().to_vec()),
    };
    let version = advert.first().map_or(0, |first| first >> 4);
    let vrid = advert.get(1).copied().unwrap_or(0);
    let mut advert = advert.to_vec();
    if let Some(checksum) = advert.get_mut(CHECKSUM) {
        checksum.fill(0);
    }
    let padding = vec![0; 16 - address.len()];
    // A key of any length is taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; SUM_LEN] };
    let head = [family, version, vrid, 0];
    for part in [&head[..], &address, &padding, &advert, trailer, &[0; SUM_LEN]] {
        mac.update(part);
    }
    mac.finalize().into_bytes().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As keepalived 2.4.3 sent it: VRID 6, priority 206, address 10.9.0.206, key 7 = 00 to 1f.
    const CAPTURED: &[u8] = b"\x21\x06\xce\x01\x00\x01\x06\x20\x0a\x09\x00\xce\0\0\0\0\0\0\0\0\
        \x01\x07\0\0\x6a\xff\xe4\xf6\x19\xa3\0\0\
        \xe9\x9b\x35\xa3\x8e\x87\xba\x3b\x5b\x9d\x2d\xc4\x8a\xea\xf9\xa7";

    fn source() -> IpAddr {
        "10.9.0.1".parse().unwrap()
    }

    fn key() -> Vec<u8> {
        (0..32).collect()
    }

    const AT: Sequence = Sequence(0x6aff_e4f6_19a3_0000);

    #[test]
    fn a_trailer_is_the_captured_one() {
        assert_eq!(emit(&CAPTURED[..20], source(), 7, &key(), AT), CAPTURED);
    }

    #[test]
    fn the_captured_one_is_authentic_with_its_key_advert_and_source_only() {
        let (advert, trailer) = CAPTURED.split_at(20);
        let trailer = Trailer::parse(trailer).unwrap();
        assert_eq!((trailer.key_id, trailer.sequence), (7, AT));
        assert!(trailer.is_authentic(advert, source(), &key()));
        assert!(!trailer.is_authentic(advert, source(), &key()[1..]));
        assert!(!trailer.is_authentic(advert, "10.9.0.2".parse().unwrap(), &key()));
        for at in (0..advert.len()).filter(|at| !CHECKSUM.contains(at)) {
            let mut changed = advert.to_vec();
            changed[at] ^= 1;
            assert!(!trailer.is_authentic(&changed, source(), &key()), "byte {at}");
        }
    }

    #[test]
    fn every_byte_of_a_trailer_counts() {
        let (advert, trailer) = CAPTURED.split_at(20);
        for at in 0..LEN {
            let mut changed = trailer.to_vec();
            changed[at] ^= 1;
            let fine = Trailer::parse(&changed)
                .is_ok_and(|trailer| trailer.is_authentic(advert, source(), &key()));
            assert!(!fine, "byte {at}");
        }
    }

    #[test]
    fn no_trailer_is_missing_and_another_length_or_type_malformed() {
        let trailer = &CAPTURED[20..];
        assert_eq!(Trailer::parse(&[]), Err(TrailerError::Missing));
        assert_eq!(Trailer::parse(&trailer[1..]), Err(TrailerError::Malformed));
        assert_eq!(Trailer::parse(&[trailer, &[0]].concat()), Err(TrailerError::Malformed));
        let mut other = trailer.to_vec();
        other[0] = 2;
        assert_eq!(Trailer::parse(&other), Err(TrailerError::Malformed));
    }

    #[test]
    fn a_sequence_number_is_the_time_and_goes_round() {
        let at = Sequence::at(Duration::from_micros(1_795_155_190_500_000));
        assert_eq!((at.seconds(), at.0 & 0xffff_ffff), (1_795_155_190, 0x8000_0000));
        assert!(at.next().is_after(at) && !at.is_after(at) && !at.is_after(at.next()));
        assert!(Sequence(1).is_after(Sequence(u64::MAX)));
        let later = Sequence::at(Duration::from_micros(1_795_155_193_000_000));
        assert_eq!(later.skew(at), Duration::from_micros(2_500_000));
        assert_eq!(at.skew(later), Duration::from_micros(2_500_000));
    }
}
