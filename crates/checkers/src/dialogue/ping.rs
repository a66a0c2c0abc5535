//! PING_CHECK: one echo request (RFC 792, RFC 4443 section 4.1) and its reply.

use super::Step;
use crate::verdict::Passed;

/// Echo request and reply.
const V4: (u8, u8) = (8, 0);
const V6: (u8, u8) = (128, 129);

/// One echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ping {
    ipv6: bool,
    /// Identifier and sequence number, which the reply repeats.
    tag: [u8; 4],
}

impl Ping {
    /// An echo with a tag of its own.
    pub(crate) const fn new(ipv6: bool, tag: u32) -> Self {
        Self { ipv6, tag: tag.to_be_bytes() }
    }

    const fn types(self) -> (u8, u8) {
        if self.ipv6 { V6 } else { V4 }
    }

    /// The ICMP message. For IPv6 the kernel fills the checksum in, which covers addresses.
    pub(super) fn request(self) -> Vec<u8> {
        let [a, b, c, d] = self.tag;
        let kind = self.types().0;
        let sum = if self.ipv6 { [0, 0] } else { checksum([[kind, 0], [a, b], [c, d]]) };
        vec![kind, 0, sum[0], sum[1], a, b, c, d]
    }

    /// The socket hears every ICMP message of the host.
    pub(super) fn received(self, message: &[u8]) -> Step {
        let is_reply = message.first() == Some(&self.types().1);
        if is_reply && message.get(4..8) == Some(&self.tag) {
            Step::Over(Ok(Passed::Answered))
        } else {
            Step::Ignored
        }
    }
}

/// RFC 1071, of a message that has no more words than these.
fn checksum(words: [[u8; 2]; 3]) -> [u8; 2] {
    let sum: u32 = words.iter().map(|word| u32::from(u16::from_be_bytes(*word))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let [_, _, high, low] = (!((folded & 0xffff) + (folded >> 16))).to_be_bytes();
    [high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_makes_the_message_sum_up_to_all_ones() {
        for tag in [0, 1, 0xffff_ffff, 0xf7ff_0001, 0x1234_5678] {
            let request = Ping::new(false, tag).request();
            let words =
                request.chunks_exact(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
            let sum: u32 = words.sum();
            assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff, "{request:x?}");
        }
    }

    #[test]
    fn only_the_reply_with_the_same_tag_counts() {
        let ping = Ping::new(false, 0x0102_0304);
        let passed = Step::Over(Ok(Passed::Answered));
        assert_eq!(ping.received(&[0, 0, 9, 9, 1, 2, 3, 4]), passed);
        assert_eq!(ping.received(&[0, 0, 9, 9, 1, 2, 3, 5]), Step::Ignored);
        assert_eq!(ping.received(&ping.request()), Step::Ignored, "our own request");
        assert_eq!(ping.received(&[3, 1]), Step::Ignored);
        assert_eq!(Ping::new(true, 0x0102_0304).received(&[129, 0, 9, 9, 1, 2, 3, 4]), passed);
    }
}
