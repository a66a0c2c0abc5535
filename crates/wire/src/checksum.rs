//! The Internet checksum (RFC 1071).

use std::net::IpAddr;

/// VRRP's protocol number, in IPv4's protocol field and in pseudo headers (RFC 9568 section 5.1.1.4).
pub const VRRP_PROTOCOL: u8 = 112;

/// One's complement sum over the whole of `data`, complemented. Over data that carries its own
/// correct checksum the result is 0.
pub fn internet(data: &[u8]) -> u16 {
    finish(sum(data))
}

/// The same over a pseudo header and `data`: RFC 9568 section 5.2.8 for VRRPv3, RFC 8200 section
/// 8.1 for ICMPv6. Addresses of different families count as they are; such a packet cannot exist.
pub fn with_pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, data: &[u8]) -> u16 {
    let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
    let total = sum(data) + address(source) + address(destination) + u64::from(protocol);
    finish(total.saturating_add(length))
}

fn address(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(v4) => sum(&v4.octets()),
        IpAddr::V6(v6) => sum(&v6.octets()),
    }
}

fn sum(data: &[u8]) -> u64 {
    let pairs = data.chunks(2).map(|pair| match *pair {
        [high, low] => u64::from(u16::from_be_bytes([high, low])),
        [high] => u64::from(u16::from_be_bytes([high, 0])),
        _ => 0,
    });
    pairs.sum()
}

fn finish(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}
