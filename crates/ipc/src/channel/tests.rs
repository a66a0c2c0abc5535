use super::*;
use crate::last_words::{Heard, LastWords};
use crate::message::tests::Record;
use crate::message::{Generation, ToChild, ToParent};

type Parent = Channel<ToChild, ToParent<Record>>;
type Child = Channel<ToParent<Record>, ToChild>;

fn pair() -> (Parent, Child) {
    Channel::pair().unwrap()
}

fn state(name: &str, value: u32) -> ToParent<Record> {
    ToParent::State(Record { name: name.to_owned(), value })
}

fn receive_all(parent: &mut Parent) -> Vec<ToParent<Record>> {
    std::iter::from_fn(|| parent.receive().unwrap()).map(|received| received.message).collect()
}

#[test]
fn messages_arrive_in_order_and_both_ways() {
    let (mut parent, mut child) = pair();
    parent.send(&ToChild::Ping(1)).unwrap();
    parent.send(&ToChild::Commit { generation: Generation(2) }).unwrap();
    assert_eq!(child.receive().unwrap().unwrap().message, ToChild::Ping(1));
    let commit = ToChild::Commit { generation: Generation(2) };
    assert_eq!(child.receive().unwrap().unwrap().message, commit);
    assert!(child.receive().unwrap().is_none());
    child.send(&ToParent::Pong(1)).unwrap();
    assert_eq!(receive_all(&mut parent), [ToParent::Pong(1)]);
}

#[test]
fn a_configuration_travels_with_its_message() {
    let (mut parent, mut child) = pair();
    let config = crate::blob::write("config", &vec!["x".repeat(200_000)]).unwrap();
    parent
        .send_with(&ToChild::Start { generation: Generation(1), moved_on: true }, vec![config])
        .unwrap();
    let received = child.receive().unwrap().unwrap();
    let config: Vec<String> = crate::blob::read(received.fds[0].as_fd()).unwrap();
    assert_eq!(config[0].len(), 200_000);
}

#[test]
fn a_reader_that_sleeps_finds_the_latest_state_of_each_object() {
    let (mut parent, mut child) = pair();
    for value in 0..10_000 {
        child.send(&state("VI_1", value)).unwrap();
        child.send(&state("VI_2", value)).unwrap();
    }
    assert!(child.wants_to_write());
    assert!(child.waiting() <= 2, "{} messages wait", child.waiting());
    let mut seen = receive_all(&mut parent);
    child.flush().unwrap();
    assert!(!child.wants_to_write());
    seen.extend(receive_all(&mut parent));
    assert_eq!(seen[seen.len() - 2..], [state("VI_1", 9_999), state("VI_2", 9_999)]);
    assert!(seen.len() < 2_000, "{} messages were kept", seen.len());
}

#[test]
fn a_reader_that_never_reads_is_an_error_with_the_number() {
    let (_parent, mut child) = pair();
    let error = (0..100_000).find_map(|number| child.send(&ToParent::Pong(number)).err()).unwrap();
    assert!(matches!(error, SendError::Full), "{error:?}");
    assert!(error.to_string().starts_with("1024 messages wait"), "{error}");
}

#[test]
fn the_end_of_the_other_process_is_told_to_reader_and_writer() {
    let (mut parent, mut child) = pair();
    child.send(&ToParent::Pong(1)).unwrap();
    drop(child);
    assert!(matches!(parent.send(&ToChild::Ping(1)), Err(SendError::Closed)));
    assert_eq!(parent.receive().unwrap().unwrap().message, ToParent::Pong(1), "its last words");
    assert!(matches!(parent.receive(), Err(ReceiveError::Closed)));
}

#[test]
fn another_build_is_refused_by_name() {
    let (here, there) = seqpacket::pair().unwrap();
    let mut parent = Parent::new(here).unwrap();
    let record = encode(&BuildId::other(), LIMIT).unwrap();
    assert!(seqpacket::send(there.as_fd(), &record, &[]).unwrap());
    let error = parent.receive().unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("the other process is of build 0.0.1 (0000000000000001)"), "{text}");
}

#[test]
fn a_peer_that_does_not_say_its_build_is_refused() {
    let (here, there) = seqpacket::pair().unwrap();
    let mut parent = Parent::new(here).unwrap();
    assert!(seqpacket::send(there.as_fd(), b"hello", &[]).unwrap());
    assert!(matches!(parent.receive(), Err(ReceiveError::NoIdentity(_))));
}

#[test]
fn nonsense_is_an_error_and_not_a_panic() {
    let (mut parent, child) = pair();
    assert!(seqpacket::send(child.as_fd(), &[0xff; 40], &[]).unwrap());
    assert!(matches!(parent.receive(), Err(ReceiveError::Message(_))));
    let (mut parent, child) = pair();
    let too_long = vec![0; RECORD_LIMIT + 1];
    assert!(seqpacket::send(child.as_fd(), &too_long, &[]).unwrap());
    assert!(matches!(parent.receive(), Err(ReceiveError::TooLong)));
}

#[test]
fn a_message_too_long_to_send_leaves_the_channel_in_order() {
    let (mut parent, mut child) = pair();
    let plan = vec!["x".repeat(RECORD_LIMIT)];
    let error = child.send(&ToParent::Prepared { generation: Generation(1), plan }).unwrap_err();
    assert!(matches!(error, SendError::Message(CodecError::TooLong { .. })), "{error:?}");
    child.send(&ToParent::Pong(3)).unwrap();
    assert_eq!(receive_all(&mut parent), [ToParent::Pong(3)]);
}

#[test]
fn last_words_are_heard_by_a_parent_that_understands_nothing_else() {
    let (parent, mut child) = pair();
    child.send(&ToParent::Pong(1)).unwrap();
    child.send(&state("VI_1", 1)).unwrap();
    assert!(!child.is_to_retire());
    let mut listener = LastWords::<Vec<String>>::new(parent.as_fd().try_clone_to_owned().unwrap());
    listener.ask().unwrap();
    assert!(child.receive().unwrap().is_none() && child.is_to_retire());
    child.say_last_words(&vec!["VI_1".to_owned()]).unwrap();
    assert_eq!(listener.hear().unwrap(), Heard::Words(vec!["VI_1".to_owned()]));
    assert_eq!(listener.hear().unwrap(), Heard::Nothing);
    drop(child);
    assert_eq!(listener.hear().unwrap(), Heard::Closed);
}

#[test]
fn last_words_that_find_no_room_wait_and_are_no_message_to_a_parent_of_the_same_build() {
    let (mut parent, mut child) = pair();
    while !child.wants_to_write() {
        child.send(&ToParent::Pong(1)).unwrap();
    }
    child.say_last_words(&1_u8).unwrap();
    assert_eq!(child.waiting(), 1, "what waited is forgotten");
    let mut heard = 0;
    while child.wants_to_write() {
        heard += receive_all(&mut parent).len();
        child.flush().unwrap();
    }
    heard += receive_all(&mut parent).len();
    assert!(heard > 0 && parent.receive().unwrap().is_none());
}
