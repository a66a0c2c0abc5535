//! UDP_CHECK: a datagram, and what must not or must come back.

use control_plane::model::checks::UdpCheck;

use super::Step;
use crate::verdict::{Failure, Passed, Verdict};

/// What keepalived sends when the configuration has no payload.
const PAYLOAD: &[u8; 32] = b"keepalived check - keepalived ch";

/// One datagram and its reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Udp {
    payload: Vec<u8>,
    /// What a reply begins with; `None`: none is needed.
    reply: Option<Vec<(u8, u8)>>,
    /// Lengths that a reply may have.
    lengths: (usize, usize),
}

impl Udp {
    pub(crate) fn new(check: &UdpCheck) -> Self {
        let payload = match check.payload.as_slice() {
            [] => PAYLOAD.to_vec(),
            payload => payload.to_vec(),
        };
        Self {
            payload,
            reply: check.reply.clone(),
            lengths: (check.min_reply_length.into(), check.max_reply_length.into()),
        }
    }

    pub(super) fn payload(&self) -> Vec<u8> {
        self.payload.clone()
    }

    pub(super) fn received(&self, datagram: &[u8]) -> Step {
        // A server that answers although no answer is needed is there.
        let wanted = self.reply.as_deref().unwrap_or_default();
        let (shortest, longest) = self.lengths;
        let length_counts = !wanted.is_empty();
        if length_counts && !(shortest..=longest).contains(&datagram.len()) {
            return Step::failed(Failure::Length);
        }
        let differs = |(byte, &(want, mask)): (&u8, &(u8, u8))| (byte ^ want) & mask != 0;
        if datagram.iter().zip(wanted).any(differs) {
            return Step::failed(Failure::Mismatch);
        }
        Step::Over(Ok(Passed::Answered))
    }

    /// Silence is success where no reply is needed: nobody said that the port is closed.
    pub(super) const fn timed_out(&self) -> Verdict {
        match self.reply {
            None => Ok(Passed::Answered),
            Some(_) => Err(Failure::Timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use control_plane::model::TcpCheck;

    use super::*;

    fn udp(reply: Option<Vec<(u8, u8)>>) -> Udp {
        let check = UdpCheck {
            connect: TcpCheck::new("10.0.0.1:53".parse().unwrap()),
            payload: b"AB".to_vec(),
            reply,
            min_reply_length: 2,
            max_reply_length: 4,
        };
        Udp::new(&check)
    }

    #[test]
    fn silence_is_success_unless_a_reply_is_required() {
        assert_eq!(udp(None).timed_out(), Ok(Passed::Answered));
        assert_eq!(udp(Some(Vec::new())).timed_out(), Err(Failure::Timeout));
    }

    #[test]
    fn a_pattern_is_compared_as_far_as_both_go_but_for_wildcards() {
        let pattern = udp(Some(vec![(0x01, 0xff), (0x20, 0xf0), (0x03, 0xff)]));
        let passed = Step::Over(Ok(Passed::Answered));
        assert_eq!(pattern.received(&[1, 0x27]), passed);
        assert_eq!(pattern.received(&[1, 0x2f, 3, 9]), passed);
        assert_eq!(pattern.received(&[1, 0x37, 3]), Step::failed(Failure::Mismatch));
    }

    #[test]
    fn the_length_counts_only_with_a_pattern() {
        let pattern = udp(Some(vec![(0x01, 0xff)]));
        assert_eq!(pattern.received(&[1]), Step::failed(Failure::Length));
        assert_eq!(pattern.received(&[1; 5]), Step::failed(Failure::Length));
        assert_eq!(udp(Some(Vec::new())).received(&[1]), Step::Over(Ok(Passed::Answered)));
    }
}
