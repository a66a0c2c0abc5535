//! SMTP_CHECK: greeting, HELO, QUIT (RFC 5321 section 4.2).

use super::Step;
use crate::verdict::{Failure, Passed};

/// Bytes of one reply that are looked at; RFC 5321 allows 512 a line.
const LONGEST_REPLY: usize = 16 * 1024;

/// One conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Smtp {
    helo_name: String,
    awaits: Awaits,
    /// What came of the reply's line so far.
    line: Vec<u8>,
    /// What came of the reply so far, bytes.
    length: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    Greeting,
    Hello,
    Goodbye,
}

impl Smtp {
    pub(crate) const fn new(helo_name: String) -> Self {
        Self { helo_name, awaits: Awaits::Greeting, line: Vec::new(), length: 0 }
    }

    /// The server speaks first.
    pub(super) const fn connected(&self) -> Step {
        Step::More
    }

    /// A server that answers ahead of time is answered all at once.
    pub(super) fn received(&mut self, bytes: &[u8]) -> Step {
        let mut to_send = Vec::new();
        for &byte in bytes {
            self.length += 1;
            let code = match byte {
                b'\n' if self.line.get(3) == Some(&b'-') => {
                    self.line.clear();
                    continue;
                }
                b'\n' => code(&self.line),
                _ if self.length >= LONGEST_REPLY => None,
                _ => {
                    self.line.push(byte);
                    continue;
                }
            };
            self.line.clear();
            self.length = 0;
            match self.replied(code) {
                Step::Send(bytes) => to_send.extend(bytes),
                over => return over,
            }
        }
        if to_send.is_empty() { Step::More } else { Step::Send(to_send) }
    }

    fn replied(&mut self, code: Option<u16>) -> Step {
        match (self.awaits, code) {
            (Awaits::Greeting, Some(220)) => {
                self.awaits = Awaits::Hello;
                Step::Send(format!("HELO {}\r\n", self.helo_name).into_bytes())
            }
            (Awaits::Greeting, _) => Step::failed(Failure::Greeting),
            (Awaits::Hello, Some(250)) => {
                self.awaits = Awaits::Goodbye;
                Step::Send(b"QUIT\r\n".to_vec())
            }
            (Awaits::Hello, _) => Step::failed(Failure::Hello),
            (Awaits::Goodbye, _) => Step::Over(Ok(Passed::Answered)),
        }
    }
}

fn code(line: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(line.get(..3)?).ok()?;
    let ends = matches!(line.get(3), None | Some(b' ' | b'\r'));
    digits.parse().ok().filter(|_| ends && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(replies: &[&[u8]]) -> Vec<Step> {
        let mut smtp = Smtp::new("me.example.com".to_owned());
        replies.iter().map(|reply| smtp.received(reply)).collect()
    }

    #[test]
    fn greeting_hello_and_goodbye_make_a_success() {
        assert_eq!(
            talk(&[b"220 hi\r\n", b"250 ok\r\n", b"500 what?\r\n"]),
            [
                Step::Send(b"HELO me.example.com\r\n".to_vec()),
                Step::Send(b"QUIT\r\n".to_vec()),
                Step::Over(Ok(Passed::Answered)),
            ],
            "any answer to QUIT will do"
        );
    }

    #[test]
    fn other_codes_fail_with_the_name_of_the_phase() {
        assert_eq!(talk(&[b"554 no\r\n"]), [Step::failed(Failure::Greeting)]);
        assert_eq!(talk(&[b"hello\r\n"]), [Step::failed(Failure::Greeting)]);
        assert_eq!(talk(&[b"220 hi\r\n", b"500 no\r\n"])[1], Step::failed(Failure::Hello));
    }

    #[test]
    fn a_reply_may_come_in_pieces_and_have_several_lines() {
        assert_eq!(
            talk(&[b"22", b"0-a\r", b"\n220 b\r\n", b"250-ok\r\n250 more\r\n"]),
            [
                Step::More,
                Step::More,
                Step::Send(b"HELO me.example.com\r\n".to_vec()),
                Step::Send(b"QUIT\r\n".to_vec()),
            ]
        );
    }

    #[test]
    fn a_reply_without_end_is_no_reply() {
        let mut smtp = Smtp::new("x".to_owned());
        let flood = vec![b'2'; 1000];
        let steps: Vec<Step> = (0..17).map(|_| smtp.received(&flood)).collect();
        assert_eq!(steps.last(), Some(&Step::failed(Failure::Greeting)));
    }

    /// Found by fuzzing: what came behind the end of a reply was lost, or not, as it was cut.
    #[test]
    fn a_server_that_answers_ahead_is_judged_the_same_however_its_bytes_are_cut() {
        let text = b"220-one\r\n220 two\r\n250 ok\r\n";
        let both = b"HELO me.example.com\r\nQUIT\r\n".to_vec();
        assert_eq!(talk(&[text]), [Step::Send(both)]);
        assert_eq!(talk(&[b"220 a\r\n250 b\r\n221 c\r\n"]), [Step::Over(Ok(Passed::Answered))]);
        let steps = talk(&[&text[..20], &text[20..]]);
        assert_eq!(steps.last(), Some(&Step::Send(b"QUIT\r\n".to_vec())));
    }
}
