//! Echo request and reply of ICMP (RFC 792) and ICMPv6 (RFC 4443 section 4.1).

use crate::checksum;

/// Bytes of a request without data.
pub const LEN: usize = 8;

/// Types of request and reply.
const fn types(ipv6: bool) -> (u8, u8) {
    if ipv6 { (128, 129) } else { (8, 0) }
}

/// A request. The reply repeats `tag`: identifier and sequence number. For IPv6 the kernel fills the
/// checksum in, which covers addresses.
pub fn request(ipv6: bool, tag: [u8; 4]) -> [u8; LEN] {
    let [a, b, c, d] = tag;
    let mut message = [types(ipv6).0, 0, 0, 0, a, b, c, d];
    if !ipv6 {
        let [high, low] = checksum::internet(&message).to_be_bytes();
        (message[2], message[3]) = (high, low);
    }
    message
}

/// Whether an ICMP message is the reply to the request with that tag: a socket hears every ICMP
/// message of the host.
pub fn is_reply(ipv6: bool, tag: [u8; 4], message: &[u8]) -> bool {
    message.first() == Some(&types(ipv6).1) && message.get(4..LEN) == Some(&tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_makes_the_message_sum_up_to_all_ones() {
        for tag in [0_u32, 1, 0xffff_ffff, 0xf7ff_0001, 0x1234_5678] {
            let request = request(false, tag.to_be_bytes());
            let words =
                request.chunks_exact(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
            let sum: u32 = words.sum();
            assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff, "{request:x?}");
        }
    }

    #[test]
    fn the_kernel_sums_up_what_leaves_over_ipv6() {
        assert_eq!(request(true, [1, 2, 3, 4]), [128, 0, 0, 0, 1, 2, 3, 4]);
    }
}
