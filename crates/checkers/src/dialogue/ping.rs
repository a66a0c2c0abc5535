//! PING_CHECK: one echo request and its reply.

use wire::echo;

use super::Step;
use crate::verdict::Passed;

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

    /// The ICMP message.
    pub(super) fn request(self) -> Vec<u8> {
        echo::request(self.ipv6, self.tag).to_vec()
    }

    /// The socket hears every ICMP message of the host.
    pub(super) fn received(self, message: &[u8]) -> Step {
        if echo::is_reply(self.ipv6, self.tag, message) {
            Step::Over(Ok(Passed::Answered))
        } else {
            Step::Ignored
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
