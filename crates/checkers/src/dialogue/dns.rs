//! DNS_CHECK: one question (RFC 1035 section 4.1), answered without an error.

use super::Step;
use crate::verdict::{Failure, Passed};

/// Flags of a query: recursion desired.
const RECURSION_DESIRED: u16 = 0x0100;
/// The bit of a response in the third byte.
const RESPONSE: u8 = 0x80;
/// Class IN.
const INTERNET: u16 = 1;
/// A label's most bytes.
const LONGEST_LABEL: usize = 63;

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dns {
    id: u16,
    record_type: u16,
    name: String,
}

impl Dns {
    /// A question with a number of its own, which the answer repeats.
    pub(crate) const fn new(id: u16, record_type: u16, name: String) -> Self {
        Self { id, record_type, name }
    }

    pub(super) fn query(&self) -> Vec<u8> {
        let header = [self.id, RECURSION_DESIRED, 1, 0, 0, 0];
        let mut query: Vec<u8> = header.iter().flat_map(|word| word.to_be_bytes()).collect();
        for label in self.name.split('.').filter(|label| !label.is_empty()) {
            let label = label.as_bytes().get(..LONGEST_LABEL).unwrap_or(label.as_bytes());
            query.extend(u8::try_from(label.len()));
            query.extend(label);
        }
        query.push(0);
        query.extend([self.record_type, INTERNET].iter().flat_map(|word| word.to_be_bytes()));
        query
    }

    /// Anything that is not the answer to this question is somebody else's.
    pub(super) fn received(&self, datagram: &[u8]) -> Step {
        let Some(header) = datagram.first_chunk::<12>() else { return Step::Ignored };
        if header.first_chunk::<2>() != Some(&self.id.to_be_bytes()) || header[2] & RESPONSE == 0 {
            return Step::Ignored;
        }
        match header[3] & 0x0f {
            0 => Step::Over(Ok(Passed::Answered)),
            rcode => Step::failed(Failure::Rcode(rcode)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dns() -> Dns {
        Dns::new(0x1e9c, 1, "www.example.com".to_owned())
    }

    #[test]
    fn the_question_has_the_bytes_that_keepalived_sends() {
        assert_eq!(
            dns().query(),
            b"\x1e\x9c\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\
              \x03www\x07example\x03com\x00\x00\x01\x00\x01"
        );
        assert_eq!(Dns::new(0, 6, ".".to_owned()).query().len(), 12 + 1 + 4, "the root is empty");
    }

    #[test]
    fn rcode_zero_is_success_and_any_other_a_failure() {
        let reply = |flags: u8| [0x1e, 0x9c, 0x81, flags, 0, 1, 0, 0, 0, 0, 0, 0];
        assert_eq!(dns().received(&reply(0x80)), Step::Over(Ok(Passed::Answered)));
        assert_eq!(dns().received(&reply(0x83)), Step::failed(Failure::Rcode(3)));
    }

    #[test]
    fn strange_short_and_question_datagrams_are_ignored() {
        let other_id = [0x1e, 0x9d, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0];
        assert_eq!(dns().received(&other_id), Step::Ignored);
        assert_eq!(dns().received(&other_id[..11]), Step::Ignored);
        assert_eq!(dns().received(&dns().query()), Step::Ignored);
    }
}
