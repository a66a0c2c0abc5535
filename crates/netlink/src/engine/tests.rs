use std::fmt;

use neli::consts::nl::NlmF;
use neli::types::Buffer;

use super::*;
use crate::attribute::AttributeWriter;
use crate::fake::{Asked, Fake, Queued, done, error, message};

/// "set N": a request with nothing but a number.
#[derive(Debug)]
pub(crate) struct Set(pub(crate) u32);

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "set {}", self.0)
    }
}

impl Request for Set {
    fn message(&self) -> Message {
        Message::new(99, NlmF::empty(), &self.0, AttributeWriter::new())
    }
}

/// A request with an attribute of so many bytes.
struct Big(usize);

impl fmt::Display for Big {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "send {} bytes", self.0)
    }
}

impl Request for Big {
    fn message(&self) -> Message {
        let attributes = AttributeWriter::new().bytes(1, &vec![0; self.0]);
        Message::new(99, NlmF::empty(), &Buffer::new(), attributes)
    }
}

fn numbers(count: u32) -> Vec<Set> {
    (0..count).map(Set).collect()
}

fn engine(kernel: impl FnMut(&[Asked]) -> Vec<Queued> + 'static) -> Engine<Fake> {
    Engine::new(Fake::new(kernel))
}

fn number(asked: &Asked) -> u32 {
    u32::from_ne_bytes(asked.payload[..4].try_into().unwrap())
}

fn entry(reply: &Reply<'_>) -> Result<Option<u32>, Malformed> {
    let bytes = reply.payload.first_chunk().ok_or(Malformed("short"))?;
    Ok(Some(u32::from_ne_bytes(*bytes)))
}

#[test]
fn a_datagram_holds_128_requests_and_the_last_asks_for_an_answer() {
    let mut engine = Engine::new(Fake::agreeable());
    assert_eq!(engine.run(&numbers(300)).unwrap(), []);
    let sent = &engine.transport().sent;
    assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [128, 128, 44]);
    for datagram in sent {
        let acks: Vec<_> = datagram.iter().map(Asked::wants_ack).collect();
        assert_eq!(acks.iter().filter(|ack| **ack).count(), 1);
        assert_eq!(acks.last(), Some(&true));
    }
    let all: Vec<_> = sent.iter().flatten().map(number).collect();
    assert_eq!(all, (0..300).collect::<Vec<_>>(), "in order, none twice");
}

#[test]
fn a_datagram_of_large_requests_stays_small() {
    let mut engine = Engine::new(Fake::agreeable());
    let requests: Vec<_> = (0..6).map(|_| Big(30_000)).collect();
    engine.run(&requests).unwrap();
    let sent = &engine.transport().sent;
    assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2]);
}

#[test]
fn no_requests_make_no_system_call() {
    let mut engine = Engine::new(Fake::agreeable());
    assert_eq!(engine.run::<Set>(&[]).unwrap(), []);
    assert_eq!(engine.transport().sent.len(), 0);
}

#[test]
fn a_refused_request_is_named_in_words_and_the_others_are_carried_out() {
    let mut engine = engine(|asked| {
        let mut answers = Vec::new();
        for request in asked {
            match number(request) {
                3 => answers.push(Ok(error(request.sequence, 17, None))),
                130 => answers.push(Ok(error(request.sequence, 22, Some("no such thing")))),
                _ if request.wants_ack() => answers.push(Ok(error(request.sequence, 0, None))),
                _ => {}
            }
        }
        answers
    });
    let refusals = engine.run(&numbers(140)).unwrap();
    assert_eq!(refusals.iter().map(|refusal| refusal.index).collect::<Vec<_>>(), [3, 130]);
    assert_eq!(refusals[0].to_string(), "cannot set 3: File exists (os error 17)");
    assert_eq!(
        refusals[1].to_string(),
        "cannot set 130: Invalid argument (os error 22), the kernel says: no such thing"
    );
}

#[test]
fn the_refusal_of_the_last_request_ends_the_batch() {
    let mut engine = engine(|asked| {
        let last = asked.last().unwrap();
        vec![Ok(error(last.sequence, 1, None))]
    });
    let refusals = engine.run(&numbers(2)).unwrap();
    assert_eq!(refusals.len(), 1);
    assert_eq!((refusals[0].index, refusals[0].errno), (1, 1));
}

#[test]
fn many_answers_may_share_a_datagram() {
    let mut engine = engine(|asked| {
        let all = asked.iter().flat_map(|request| error(request.sequence, 17, Some("there")));
        vec![Ok(all.collect())]
    });
    assert_eq!(engine.run(&numbers(100)).unwrap().len(), 100);
}

#[test]
fn a_missing_answer_is_an_error_that_names_the_request() {
    let mut engine = engine(|_| vec![]);
    let error = engine.run(&numbers(2)).unwrap_err();
    assert_eq!(error.to_string(), "the kernel did not answer the request to set 0");
}

#[test]
fn lost_answers_are_an_error() {
    let mut engine = engine(|_| vec![Err(ENOBUFS)]);
    assert!(matches!(engine.run(&numbers(2)), Err(Error::Overrun)));
}

#[test]
fn answers_to_an_earlier_call_are_passed_over() {
    let mut late = Vec::new();
    let mut engine = engine(move |asked| {
        let sequence = asked[0].sequence;
        late.push(Ok(error(sequence, 17, None)));
        if late.len() == 1 {
            return vec![];
        }
        std::mem::take(&mut late).into_iter().chain([Ok(error(sequence, 0, None))]).collect()
    });
    assert!(engine.run(&numbers(1)).is_err(), "its answer comes too late");
    let refusals = engine.run(&numbers(1)).unwrap();
    assert_eq!(refusals.len(), 1, "the answer to the second call, not that to the first");
}

#[test]
fn sequence_numbers_may_wrap() {
    let mut engine = engine(|asked| {
        let all = asked.iter().map(|request| Ok(error(request.sequence, 17, None)));
        all.collect()
    });
    engine.next_sequence = u32::MAX - 1;
    let refusals = engine.run(&numbers(5)).unwrap();
    let indices: Vec<_> = refusals.iter().map(|refusal| refusal.index).collect();
    assert_eq!(indices, [0, 1, 2, 3, 4]);
}

#[test]
fn a_request_that_cannot_be_written_is_not_sent() {
    let mut engine = Engine::new(Fake::agreeable());
    let error = engine.run(&[Big(65_532)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot write the request to send 65532 bytes as netlink: \
         an attribute is longer than 65,531 bytes"
    );
    assert_eq!(engine.transport().sent.len(), 0);
}

#[test]
fn a_datagram_that_was_cut_is_an_error() {
    let mut engine =
        engine(|asked| vec![Ok(message(99, 0, asked[0].sequence, &vec![0; RECEIVE_BUFFER]))]);
    assert!(matches!(engine.run(&numbers(1)), Err(Error::Truncated { .. })));
}

#[test]
fn a_query_gives_what_comes_before_the_acknowledgement() {
    let mut engine = engine(|asked| {
        let sequence = asked[0].sequence;
        assert!(asked[0].wants_ack());
        vec![
            Ok(message(99, 0, sequence, &7u32.to_ne_bytes())),
            Ok(message(99, 0, 0, &8u32.to_ne_bytes())),
            Ok(error(sequence, 0, None)),
        ]
    });
    assert_eq!(engine.query(&Set(1), entry).unwrap(), [7], "and nothing that was not asked for");
}

#[test]
fn a_refused_query_gives_the_reason() {
    let mut engine = engine(|asked| vec![Ok(error(asked[0].sequence, 2, None))]);
    let error = engine.query(&Set(1), entry).unwrap_err();
    assert_eq!(error.errno(), Some(2));
    assert_eq!(error.to_string(), "cannot set 1: No such file or directory (os error 2)");
}

/// A dump of the numbers in `entries`, two in a datagram.
fn dump(sequence: u32, flags: u16, entries: &[u32]) -> Vec<Queued> {
    let mut datagrams: Vec<Queued> = entries
        .chunks(2)
        .map(|pair| {
            Ok(pair.iter().flat_map(|n| message(99, flags, sequence, &n.to_ne_bytes())).collect())
        })
        .collect();
    datagrams.push(Ok(done(sequence)));
    datagrams
}

#[test]
fn a_dump_is_read_to_its_end() {
    let mut engine = engine(|asked| {
        assert_eq!(asked[0].flags & 0x300, 0x300, "NLM_F_DUMP");
        dump(asked[0].sequence, 2, &[1, 2, 3, 4, 5])
    });
    assert_eq!(engine.dump(&Set(0), entry).unwrap(), [1, 2, 3, 4, 5]);
}

#[test]
fn a_dump_starts_again_when_the_table_changed_meanwhile() {
    let mut tries = 0;
    let mut engine = engine(move |asked| {
        tries += 1;
        let flags = if tries < 3 { 0x12 } else { 2 };
        dump(asked[0].sequence, flags, &[tries, tries])
    });
    assert_eq!(engine.dump(&Set(0), entry).unwrap(), [3, 3], "nothing of the first two");
}

#[test]
fn a_dump_starts_again_when_a_part_was_lost() {
    let mut tries = 0;
    let mut engine = engine(move |asked| {
        tries += 1;
        let mut datagrams = dump(asked[0].sequence, 2, &[1, 2, 3]);
        if tries == 1 {
            datagrams.insert(1, Err(ENOBUFS));
        }
        datagrams
    });
    assert_eq!(engine.dump(&Set(0), entry).unwrap(), [1, 2, 3]);
}

#[test]
fn a_dump_of_a_table_that_never_rests_gives_up() {
    let mut engine = engine(|asked| dump(asked[0].sequence, 0x12, &[1]));
    let error = engine.dump(&Set(0), entry).unwrap_err();
    assert_eq!(error.to_string(), "the table changed during each of 8 tries to set 0");
}

#[test]
fn a_dump_that_the_kernel_refuses_gives_the_reason() {
    let mut engine = engine(|asked| {
        let payload = (-95i32).to_ne_bytes();
        vec![Ok(message(NLMSG_DONE, 2, asked[0].sequence, &payload))]
    });
    assert_eq!(engine.dump(&Set(0), entry).unwrap_err().errno(), Some(95));
}

#[test]
fn an_entry_that_cannot_be_read_is_an_error_after_the_whole_dump_was_read() {
    let mut engine = engine(|asked| {
        let sequence = asked[0].sequence;
        vec![
            Ok(message(99, 2, sequence, &[])),
            Ok(message(99, 2, sequence, &1u32.to_ne_bytes())),
            Ok(done(sequence)),
        ]
    });
    assert!(matches!(engine.dump(&Set(0), entry), Err(Error::Malformed(_))));
    let left = engine.transport_mut().receive(&mut [0; 100]);
    assert_eq!(left.unwrap_err().kind(), ErrorKind::WouldBlock);
}
