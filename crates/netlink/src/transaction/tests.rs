use super::*;
use crate::engine::tests::Set;
use crate::fake::{Asked, Fake, error};

#[test]
fn a_transaction_is_one_datagram_with_the_answer_asked_of_the_last_request() {
    let mut engine = Engine::new(Fake::agreeable());
    assert_eq!(engine.transact(10, &[Set(1), Set(2)]).unwrap(), Ok(()));
    let [datagram] = &engine.transport().sent[..] else { panic!("more than one") };
    let kinds: Vec<_> = datagram.iter().map(|request| request.kind).collect();
    assert_eq!(kinds, [0x10, 99, 99, 0x11]);
    let acks: Vec<_> = datagram.iter().map(Asked::wants_ack).collect();
    assert_eq!(acks, [false, false, true, false]);
    assert_eq!(datagram[0].payload, [0, 0, 0, 10], "the subsystem in network byte order");
}

#[test]
fn no_requests_make_no_transaction() {
    let mut engine = Engine::new(Fake::agreeable());
    assert_eq!(engine.transact::<Set>(10, &[]).unwrap(), Ok(()));
    assert_eq!(engine.transport().sent.len(), 0);
}

#[test]
fn a_refused_request_aborts_and_is_named() {
    let mut engine = Engine::new(Fake::new(|asked| {
        vec![Ok(error(asked[1].sequence, 2, None)), Ok(error(asked[2].sequence, 0, None))]
    }));
    let aborted = engine.transact(10, &[Set(1), Set(2)]).unwrap().unwrap_err();
    assert_eq!(aborted.refusals[0].index, 0);
    assert_eq!(aborted.to_string(), "cannot set 1: No such file or directory (os error 2)");
}

#[test]
fn a_batch_that_is_refused_as_a_whole_needs_no_further_answer() {
    let mut engine = Engine::new(Fake::new(|asked| vec![Ok(error(asked[0].sequence, 1, None))]));
    let aborted = engine.transact(10, &[Set(1), Set(2)]).unwrap().unwrap_err();
    assert_eq!(
        aborted.to_string(),
        "cannot carry out a batch of 2 firewall requests: Operation not permitted (os error 1)"
    );
}

#[test]
fn a_failure_at_the_end_counts_although_the_requests_were_granted() {
    let mut engine = Engine::new(Fake::new(|asked| {
        vec![Ok(error(asked[0].sequence, 12, None)), Ok(error(asked[2].sequence, 0, None))]
    }));
    let aborted = engine.transact(10, &[Set(1), Set(2)]).unwrap().unwrap_err();
    assert_eq!(aborted.refusals.len(), 1);
    assert_eq!(aborted.refusals[0].errno, 12);
}

#[test]
fn silence_is_an_error() {
    let mut engine = Engine::new(Fake::new(|_| vec![]));
    assert!(matches!(engine.transact(10, &[Set(1)]), Err(Error::NoReply(_))));
}

#[test]
fn of_many_refusals_the_first_is_told() {
    let mut engine = Engine::new(Fake::new(|asked| {
        let refused = asked[1..=3].iter().map(|request| Ok(error(request.sequence, 95, None)));
        refused.collect()
    }));
    let aborted = engine.transact(10, &[Set(1), Set(2), Set(3)]).unwrap().unwrap_err();
    assert_eq!(
        aborted.to_string(),
        "cannot set 1: Operation not supported (os error 95) (and 2 more requests)"
    );
}
