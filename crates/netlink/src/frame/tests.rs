use neli::rtnl::Ifaddrmsg;
use proptest::prelude::*;

use super::*;
use crate::engine::Engine;
use crate::engine::tests::Set;
use crate::events::Events;
use crate::fake::{Fake, error, message};

#[test]
fn the_kernels_text_is_found_behind_a_request_that_is_echoed_whole() {
    // as the kernel sends it: errno, the whole request of 20 bytes, then the text
    let mut payload = (-22i32).to_ne_bytes().to_vec();
    payload.extend_from_slice(&message(99, 0, 7, &[1, 2, 3, 4]));
    payload.extend_from_slice(&[7, 0, 1, 0, b'n', b'o', 0, 0]);
    let bytes = message(NLMSG_ERROR, NLM_F_ACK_TLVS, 7, &payload);
    let reply = Frames::new(&bytes).next().unwrap().unwrap();
    assert_eq!(reply.error(), Ok(Outcome { errno: 22, message: Some("no".to_owned()) }));
}

#[test]
fn an_acknowledgement_with_a_text_does_not_spoil_the_message_behind_it() {
    let bytes = [error(1, 0, Some("a warning")), message(50, 0, 2, &[])].concat();
    let frames: Vec<_> = Frames::new(&bytes).collect::<Result<_, _>>().unwrap();
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[0].error().unwrap().message.as_deref(), Some("a warning"));
    assert_eq!((frames[1].kind, frames[1].sequence), (50, 2));
}

#[test]
fn a_length_that_is_wrong_ends_the_datagram_with_one_error() {
    for length in [0u32, 1, 15, 17, u32::MAX] {
        let mut bytes = message(50, 0, 0, &[]);
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        let frames: Vec<_> = Frames::new(&bytes).collect();
        assert_eq!(frames, [Err(Malformed("a message's length is wrong"))], "{length}");
    }
}

#[test]
fn the_padding_of_the_last_message_may_be_missing() {
    let mut bytes = message(50, 0, 0, &[1, 2, 3]);
    bytes.pop();
    let frames: Vec<_> = Frames::new(&bytes).collect::<Result<_, _>>().unwrap();
    assert_eq!(frames[0].payload, [1, 2, 3]);
}

#[test]
fn an_error_message_without_a_number_is_malformed() {
    let bytes = message(NLMSG_ERROR, 0, 1, &[1, 2]);
    let reply = Frames::new(&bytes).next().unwrap().unwrap();
    assert!(reply.error().is_err());
}

/// Datagrams that are messages up to a point.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![Just(1u16), Just(2), Just(3), Just(4), any::<u16>()];
    let payload = prop::collection::vec(any::<u8>(), 0..80);
    let whole = (kind, any::<u16>(), 0..4u32, payload)
        .prop_map(|(kind, flags, sequence, payload)| message(kind, flags, sequence, &payload));
    let rest = prop::collection::vec(any::<u8>(), 0..40);
    (prop::collection::vec(whole, 0..4), rest).prop_map(|(whole, rest)| {
        let mut bytes = whole.concat();
        bytes.extend(rest);
        bytes
    })
}

proptest! {
    #[test]
    fn whatever_the_kernel_answers_every_call_returns(
        answers in prop::collection::vec(datagram(), 0..4),
        lost in any::<bool>(),
    ) {
        let decode = |reply: &Reply<'_>| reply.split::<Ifaddrmsg>().map(Some);
        let kernel = || {
            let answers = answers.clone();
            let lost = lost.then_some(Err(105));
            Fake::new(move |_| answers.iter().cloned().map(Ok).chain(lost.clone()).collect())
        };
        let _ = Engine::new(kernel()).run(&[Set(1), Set(2)]);
        let _ = Engine::new(kernel()).query(&Set(1), decode);
        let _ = Engine::new(kernel()).dump(&Set(1), decode);
        let _ = Engine::new(kernel()).transact(10, &[Set(1), Set(2)]);
        let _ = crate::genl::family(&mut Engine::new(kernel()), "IPVS");
        let mut events = Fake::agreeable();
        answers.iter().for_each(|answer| events.push(Ok(answer.clone())));
        let _ = Events::new(events).read(10, decode);
    }
}
