use super::*;
use crate::fake::{Fake, done, error, message};

fn events(queue: Vec<Result<Vec<u8>, i32>>) -> Events<Fake> {
    let mut fake = Fake::agreeable();
    queue.into_iter().for_each(|queued| fake.push(queued));
    Events::new(fake)
}

fn kind(reply: &Reply<'_>) -> Result<Option<u16>, Malformed> {
    match reply.kind {
        60 => Ok(None),
        61 => Err(Malformed("kind 61")),
        kind => Ok(Some(kind)),
    }
}

#[test]
fn events_are_read_until_the_queue_is_empty() {
    let two = [message(50, 0, 0, &[]), message(51, 0, 0, &[1, 2, 3])].concat();
    let mut events = events(vec![Ok(two), Ok(message(52, 0, 0, &[]))]);
    let batch = events.read(10, kind).unwrap();
    assert_eq!(batch, Batch { items: vec![50, 51, 52], lost: false, more: false });
    assert_eq!(events.read(10, kind).unwrap().items, []);
}

#[test]
fn the_bound_is_kept_and_told() {
    let mut events = events(vec![Ok(message(50, 0, 0, &[])), Ok(message(51, 0, 0, &[]))]);
    let batch = events.read(1, kind).unwrap();
    assert_eq!(batch, Batch { items: vec![50], lost: false, more: true });
    assert_eq!(events.read(2, kind).unwrap().items, [51]);
}

#[test]
fn what_is_of_no_interest_is_passed_over() {
    let control = [error(1, 5, None), done(1), message(1, 0, 0, &[]), message(60, 0, 0, &[])];
    let mut events = events(vec![Ok(control.concat()), Ok(message(50, 0, 0, &[]))]);
    let batch = events.read(10, kind).unwrap();
    assert_eq!(batch, Batch { items: vec![50], lost: false, more: false });
}

#[test]
fn a_loss_is_told_and_what_is_there_is_read() {
    let cut = message(50, 0, 0, &vec![0; RECEIVE_BUFFER]);
    let garbled = vec![200, 0, 0, 0, 50, 0];
    for loss in
        [Err(105), Ok(cut), Ok(garbled), Ok(message(61, 0, 0, &[])), Ok(message(4, 0, 0, &[]))]
    {
        let mut events = events(vec![loss.clone(), Ok(message(50, 0, 0, &[]))]);
        let batch = events.read(10, kind).unwrap();
        assert_eq!(batch, Batch { items: vec![50], lost: true, more: false }, "{loss:?}");
    }
}

#[test]
fn a_broken_socket_is_an_error() {
    let mut events = events(vec![Err(9)]);
    assert!(matches!(events.read(10, kind), Err(Error::Receive(_))));
}
