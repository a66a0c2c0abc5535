//! VRRP inside an IPsec authentication header (RFC 2402, RFC 2403), `auth_type AH` of version 2 as
//! RFC 2338 section 5.3.6.3 meant it and keepalived does it.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | Next = 112    |  Length = 4   |           Reserved            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |        Security Parameters Index = source address             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                       Sequence number                         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |            HMAC-MD5, its first twelve bytes                   |
//! ```
//!
//! The sum covers the IPv4 header without what routers change, this header with a zero sum, and
//! the advert. Sequence numbers are sent but not enforced: keys that people type in have no state
//! that would survive a restart (RFC 2402 section 3.3.2). keepalived does refuse numbers that it has
//! seen from anybody, so a sender goes on from the highest that it has heard.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;

use crate::checksum::VRRP_PROTOCOL;
use crate::ipv4::{self, HEADER_LEN as IP_LEN, Header};

/// The authentication header's protocol number.
pub const PROTOCOL: u8 = 51;
/// Bytes of the header.
pub const HEADER_LEN: usize = 24;
/// Its length in words of four bytes, less two.
const LENGTH_FIELD: u8 = 4;
const ICV_LEN: usize = 12;
/// Where the sum stands in the datagram.
const ICV: std::ops::Range<usize> = IP_LEN + HEADER_LEN - ICV_LEN..IP_LEN + HEADER_LEN;

/// A key: the password, padded with zero bytes.
pub type Key = [u8; 8];

/// Whether a datagram may come over routers, which count its TTL down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Multicast: the TTL is 255 on arrival and is summed up.
    Link,
    /// Unicast: the TTL is not summed up.
    Routed,
}

/// A whole datagram with `advert` inside an authentication header. `header.protocol` does not
/// matter. `None` when it does not fit into a datagram.
pub fn emit(
    header: &Header,
    sequence: u32,
    advert: &[u8],
    key: &Key,
    reach: Reach,
) -> Option<Vec<u8>> {
    let mut payload = vec![VRRP_PROTOCOL, LENGTH_FIELD, 0, 0];
    payload.extend_from_slice(&header.source.octets());
    payload.extend_from_slice(&sequence.to_be_bytes());
    payload.extend_from_slice(&[0; ICV_LEN]);
    payload.extend_from_slice(advert);
    let mut datagram = ipv4::emit(&Header { protocol: PROTOCOL, ..*header }, &payload)?;
    let sum = sum(&datagram, key, reach)?;
    datagram.get_mut(ICV)?.copy_from_slice(&sum);
    Some(datagram)
}

/// The advert inside an authentication header, whose sum is not looked at yet: who has to check it
/// stands in the advert. `None` when this is no VRRP inside an authentication header.
pub fn advert(payload: &[u8]) -> Option<&[u8]> {
    let (header, advert) = payload.split_first_chunk::<HEADER_LEN>()?;
    (header[0] == VRRP_PROTOCOL && header[1] == LENGTH_FIELD).then_some(advert)
}

/// Whether a datagram carries the right sum for `key`. Options in the IPv4 header are none of
/// keepalived's: a datagram with some is refused.
pub fn is_authentic(datagram: &[u8], key: &Key, reach: Reach) -> bool {
    let sent = datagram.get(ICV);
    datagram.first() == Some(&0x45)
        && sent.is_some_and(|sent| sum(datagram, key, reach).is_some_and(|sum| sum == sent))
}

/// The sequence number of a datagram that [`is_authentic`].
pub fn sequence(datagram: &[u8]) -> Option<u32> {
    datagram.get(IP_LEN + 8..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// HMAC-MD5-96 (RFC 2403) over what stays the same on the way.
fn sum(datagram: &[u8], key: &Key, reach: Reach) -> Option<[u8; ICV_LEN]> {
    let total = datagram.get(2..4)?;
    let total = usize::from(u16::from_be_bytes([*total.first()?, *total.get(1)?]));
    let mut fixed = datagram.get(..total)?.to_vec();
    fixed.get_mut(ICV)?.fill(0);
    let header = fixed.first_chunk_mut::<IP_LEN>()?;
    header[1] = 0; // type of service
    header[6..8].fill(0); // flags and fragment offset
    header[10..12].fill(0); // checksum
    if reach == Reach::Routed {
        header[8] = 0;
    }
    let mut mac = Hmac::<Md5>::new_from_slice(key).ok()?;
    mac.update(&fixed);
    mac.finalize().into_bytes().first_chunk().copied()
}

#[cfg(test)]
mod tests;
