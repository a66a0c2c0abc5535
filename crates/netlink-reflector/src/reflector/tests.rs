use netlink::fake::{Asked, Fake, Queued, attribute, done, error, message};
use proptest::prelude::*;

use super::*;
use crate::route::Route;

const ENOBUFS: i32 = 105;

/// The payload of a link message.
fn link(index: u32, name: &str) -> Vec<u8> {
    let mut bytes = vec![0, 0, 1, 0];
    bytes.extend_from_slice(&index.to_ne_bytes());
    bytes.extend_from_slice(&0x1043u32.to_ne_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend(attribute(3, format!("{name}\0").as_bytes()));
    bytes.extend(attribute(4, &1500u32.to_ne_bytes()));
    bytes
}

/// The payload of a message about 10.0.0.LAST/32.
fn address(index: u32, last: u8) -> Vec<u8> {
    let mut bytes = vec![2, 32, 0x80, 0];
    bytes.extend_from_slice(&index.to_ne_bytes());
    bytes.extend(attribute(1, &[10, 0, 0, last]));
    bytes.extend(attribute(2, &[10, 0, 0, last]));
    bytes
}

/// A kernel with one link, 2 "eth0", that has 10.0.0.1 and grants every request.
fn kernel(asked: &[Asked]) -> Vec<Queued> {
    let sequence = asked[0].sequence;
    let entry = |kind, payload: Vec<u8>| Ok(message(kind, 2, sequence, &payload));
    match asked[0].kind {
        RTM_GETLINK => vec![entry(RTM_NEWLINK, link(2, "eth0")), Ok(done(sequence))],
        RTM_GETADDR => vec![entry(RTM_NEWADDR, address(2, 1)), Ok(done(sequence))],
        _ => vec![Ok(error(asked.last().unwrap().sequence, 0, None))],
    }
}

/// The header of a route message, with the mark of keepalived.
fn route_of_keepalived() -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[0] = 2;
    bytes[ROUTE_PROTOCOL] = PROTOCOL_KEEPALIVED;
    bytes
}

fn reflector() -> Reflector<Fake> {
    let mut reflector = Reflector::new(Fake::new(kernel), Fake::agreeable());
    assert_eq!(reflector.resync().unwrap().len(), 2);
    reflector
}

fn event(reflector: &mut Reflector<Fake>, event: Queued) {
    reflector.events.transport_mut().push(event);
}

fn sent(reflector: &Reflector<Fake>) -> usize {
    reflector.engine.transport().sent.len()
}

fn index() -> IfIndex {
    IfIndex::new(2).unwrap()
}

fn desired(lasts: &[u8]) -> Vec<DesiredAddress> {
    let net = |last| format!("10.0.0.{last}/32").parse().unwrap();
    lasts.iter().map(|last| DesiredAddress::new(index(), net(last))).collect()
}

fn keys(lasts: &[u8]) -> BTreeSet<(IfIndex, IpNet)> {
    desired(lasts).iter().map(|desired| (desired.index, desired.net)).collect()
}

/// Plans, and carries it all out.
fn reconcile(
    reflector: &mut Reflector<Fake>,
    managed: &BTreeSet<(IfIndex, IpNet)>,
    desired: &[DesiredAddress],
) -> Result<Report, Error> {
    reflector.plan(managed, desired)?;
    reflector.step(usize::MAX)
}

#[test]
fn nothing_to_do_sends_nothing() {
    let mut reflector = reflector();
    let before = sent(&reflector);
    let report = reconcile(&mut reflector, &keys(&[1, 2]), &desired(&[1])).unwrap();
    assert_eq!(report, Report::default());
    assert_eq!(sent(&reflector), before);
}

#[test]
fn a_difference_is_one_batch_and_known_at_once() {
    let mut reflector = reflector();
    let before = sent(&reflector);
    let report = reconcile(&mut reflector, &keys(&[1, 2, 3]), &desired(&[2, 3])).unwrap();
    assert_eq!((report.added, report.removed, report.refused.len()), (2, 1, 0));
    let [batch] = &reflector.engine.transport().sent[before..] else { panic!("one datagram") };
    let kinds: Vec<_> = batch.iter().map(|asked| asked.kind).collect();
    assert_eq!(kinds, [RTM_DELADDR, RTM_NEWADDR, RTM_NEWADDR]);
    assert_eq!(reflector.addresses(index()).count(), 2);
    let report = reconcile(&mut reflector, &keys(&[1, 2, 3]), &desired(&[2, 3])).unwrap();
    assert_eq!(report, Report::default());
}

#[test]
fn a_plan_is_carried_out_in_steps_and_in_the_order_of_the_configuration() {
    let mut reflector = reflector();
    let wanted = desired(&[9, 3, 7, 5]);
    assert_eq!(reflector.plan(&keys(&[1]), &wanted).unwrap(), 5, "one removal, four additions");
    let before = sent(&reflector);
    let mut there = Vec::new();
    for left in [3, 1, 0] {
        reflector.step(2).unwrap();
        assert_eq!(reflector.pending(), left);
        let now: Vec<_> = reflector.addresses(index()).map(|found| found.net).collect();
        there.extend(now.iter().filter(|net| !there.contains(*net)).copied().collect::<Vec<_>>());
    }
    let order: Vec<_> = there.iter().map(ToString::to_string).collect();
    assert_eq!(order, ["10.0.0.9/32", "10.0.0.3/32", "10.0.0.7/32", "10.0.0.5/32"]);
    assert_eq!(sent(&reflector), before + 3);
    assert_eq!(reflector.step(2).unwrap(), Report::default());
    assert_eq!(sent(&reflector), before + 3, "an empty plan sends nothing");
}

#[test]
fn a_new_plan_takes_the_place_of_one_that_is_half_done() {
    let mut reflector = reflector();
    reflector.plan(&keys(&[1, 2, 3]), &desired(&[1, 2, 3])).unwrap();
    reflector.step(1).unwrap();
    assert_eq!(reflector.plan(&keys(&[1, 2, 3]), &desired(&[1])).unwrap(), 1, "2 goes again");
    assert_eq!(reflector.step(8).unwrap().removed, 1);
    assert_eq!(reflector.addresses(index()).count(), 1);
}

#[test]
fn what_is_there_or_gone_already_is_no_failure() {
    let answers = |asked: &[Asked]| match asked[0].kind {
        RTM_GETLINK | RTM_GETADDR => kernel(asked),
        _ => asked
            .iter()
            .map(|asked| match asked.kind {
                RTM_NEWADDR => Ok(error(asked.sequence, EEXIST, None)),
                _ => Ok(error(asked.sequence, EADDRNOTAVAIL, None)),
            })
            .collect(),
    };
    let mut reflector = Reflector::new(Fake::new(answers), Fake::agreeable());
    reflector.resync().unwrap();
    let report = reconcile(&mut reflector, &keys(&[1, 2]), &desired(&[2])).unwrap();
    assert_eq!(report, Report::default());
    let there: Vec<_> = reflector.addresses(index()).map(|found| found.net.to_string()).collect();
    assert_eq!(there, ["10.0.0.2/32"]);
}

#[test]
fn a_refusal_is_told_and_the_mirror_stays_true() {
    let answers = |asked: &[Asked]| match asked[0].kind {
        RTM_GETLINK | RTM_GETADDR => kernel(asked),
        _ => asked.iter().map(|asked| Ok(error(asked.sequence, 13, None))).collect(),
    };
    let mut reflector = Reflector::new(Fake::new(answers), Fake::agreeable());
    reflector.resync().unwrap();
    let report = reconcile(&mut reflector, &keys(&[1, 2]), &desired(&[2])).unwrap();
    let texts: Vec<_> = report.refused.iter().map(Refusal::to_string).collect();
    assert_eq!(
        texts,
        [
            "cannot remove address 10.0.0.1/32 dev eth0: Permission denied (os error 13)",
            "cannot add address 10.0.0.2/32 dev eth0: Permission denied (os error 13)",
        ]
    );
    let there: Vec<_> = reflector.addresses(index()).map(|found| found.net.to_string()).collect();
    assert_eq!(there, ["10.0.0.1/32"]);
}

#[test]
fn what_a_repair_reads_on_the_way_is_news_for_the_next_drain() {
    let mut reflector = reflector();
    let net = |text: &str| text.parse::<IpNet>().unwrap();
    let wide = DesiredAddress::new(index(), net("10.1.0.1/24"));
    let managed = BTreeSet::from([(index(), wide.net)]);
    reconcile(&mut reflector, &managed, &[wide]).unwrap();
    assert!(!reflector.has_more());
    event(&mut reflector, Ok(message(RTM_NEWADDR, 0, 0, &address(2, 7))));
    reconcile(&mut reflector, &managed, &[]).unwrap();
    assert!(reflector.has_more(), "the descriptor will not tell of it again");
    let changes = reflector.drain(Instant::default()).unwrap();
    assert!(matches!(&changes[..], [Change::AddressAdded(_)]), "{changes:?}");
    assert!(!reflector.has_more());
}

#[test]
fn an_address_that_somebody_removed_is_news_also_when_a_comparison_comes_first() {
    let mut reflector = reflector();
    event(&mut reflector, Ok(message(RTM_DELADDR, 0, 0, &address(2, 1))));
    assert_eq!(reconcile(&mut reflector, &keys(&[1]), &desired(&[1])).unwrap(), Report::default());
    let changes = reflector.drain(Instant::default()).unwrap();
    assert!(matches!(&changes[..], [Change::AddressRemoved(_)]), "{changes:?}");
    assert_eq!(reconcile(&mut reflector, &keys(&[1]), &desired(&[1])).unwrap().added, 1);
}

#[test]
fn whether_a_route_has_gone_with_something_is_not_known_before_the_next_plan() {
    let mut reflector = reflector();
    let route = Route {
        destination: Some("192.0.2.0/24".parse().unwrap()),
        table: 254,
        ..Route::default()
    };
    let ours = [Object::Route(Box::new(route))];
    reflector.plan_objects(&ours, &ours, &[]);
    reflector.step(usize::MAX).unwrap();
    assert!(reflector.has_object(&ours[0]) && !reflector.has_lost() && !reflector.has_more());

    event(&mut reflector, Ok(message(RTM_DELROUTE, 0, 0, &route_of_keepalived())));
    assert_eq!(reflector.drain(Instant::default()).unwrap(), []);
    assert!(reflector.has_lost() && !reflector.has_object(&ours[0]));
    assert!(
        reflector.has_more(),
        "no link or address has changed, and yet there is something to do"
    );
    assert!(reflector.take_lost() && !reflector.has_more());
    assert_eq!(reflector.plan_objects(&ours, &ours, &[]), 1);
    reflector.step(usize::MAX).unwrap();
    assert!(reflector.has_object(&ours[0]) && !reflector.has_lost());
}

#[test]
fn lost_events_are_made_up_for_by_a_dump_at_most_once_a_second() {
    let mut reflector = reflector();
    let start = Instant::from_micros(5_000_000);
    let before = sent(&reflector);
    event(&mut reflector, Err(ENOBUFS));
    assert_eq!(reflector.drain(start).unwrap(), []);
    assert_eq!(sent(&reflector), before + 2, "links and addresses");
    assert_eq!(reflector.next_timeout(), None);

    event(&mut reflector, Err(ENOBUFS));
    reflector.drain(start + Duration::from_millis(10)).unwrap();
    assert_eq!(sent(&reflector), before + 2, "not so soon again");
    assert_eq!(reflector.next_timeout(), Some(start + RESYNC_INTERVAL));
    reflector.drain(start + RESYNC_INTERVAL).unwrap();
    assert_eq!(sent(&reflector), before + 4);
    assert_eq!(reflector.next_timeout(), None);
}

#[test]
fn old_events_do_not_undo_a_dump() {
    let mut reflector = reflector();
    // .9 came, its going was lost with the rest
    event(&mut reflector, Ok(message(RTM_NEWADDR, 0, 0, &address(2, 9))));
    event(&mut reflector, Err(ENOBUFS));
    assert_eq!(reflector.drain(Instant::default()).unwrap(), []);
    assert_eq!(reflector.addresses(index()).count(), 1);
}

#[test]
fn after_lost_answers_the_mirror_is_dumped_before_it_is_used() {
    let mut lost = false;
    let answers = move |asked: &[Asked]| match asked[0].kind {
        RTM_GETLINK | RTM_GETADDR => kernel(asked),
        _ if !std::mem::replace(&mut lost, true) => vec![Err(ENOBUFS)],
        _ => kernel(asked),
    };
    let mut reflector = Reflector::new(Fake::new(answers), Fake::agreeable());
    reflector.resync().unwrap();
    assert!(reconcile(&mut reflector, &keys(&[2]), &desired(&[2])).is_err());
    let before = sent(&reflector);
    assert_eq!(reconcile(&mut reflector, &keys(&[2]), &desired(&[2])).unwrap().added, 1);
    assert_eq!(sent(&reflector), before + 3, "two dumps and the request");
}

#[test]
fn a_dump_that_fails_is_tried_again_later() {
    let mut fail = 3;
    let answers = move |asked: &[Asked]| {
        fail -= 1;
        if fail == 0 { vec![] } else { kernel(asked) }
    };
    let mut reflector = Reflector::new(Fake::new(answers), Fake::agreeable());
    reflector.resync().unwrap();
    event(&mut reflector, Err(ENOBUFS));
    let start = Instant::from_micros(5_000_000);
    assert!(reflector.drain(start).is_err());
    assert_eq!(reflector.next_timeout(), Some(start + RESYNC_INTERVAL));
    assert!(reflector.drain(start + RESYNC_INTERVAL).is_ok());
    assert_eq!(reflector.next_timeout(), None);
}

#[test]
fn a_part_of_a_link_message_is_not_taken_for_the_whole() {
    let mut reflector = reflector();
    let wireless = &link(2, "eth0")[..16];
    event(&mut reflector, Ok(message(RTM_NEWLINK, 0, 0, wireless)));
    let mut bridge = link(2, "eth0");
    bridge[0] = 7;
    event(&mut reflector, Ok(message(RTM_DELLINK, 0, 0, &bridge)));
    assert_eq!(reflector.drain(Instant::default()).unwrap(), []);
    assert!(reflector.link_by_name("eth0").is_some_and(|link| link.up && link.running));
}

#[test]
fn an_impossible_prefix_length_counts_as_a_lost_event() {
    let mut reflector = reflector();
    let mut wrong = address(2, 5);
    wrong[1] = 33;
    let before = sent(&reflector);
    event(&mut reflector, Ok(message(RTM_NEWADDR, 0, 0, &wrong)));
    reflector.drain(Instant::default()).unwrap();
    assert_eq!(sent(&reflector), before + 2, "dumped");
}

proptest! {
    #[test]
    fn no_event_makes_it_panic(
        events in prop::collection::vec(
            (16..24u16, prop::collection::vec(any::<u8>(), 0..100)), 0..8,
        ),
    ) {
        let mut reflector = reflector();
        for (kind, payload) in events {
            event(&mut reflector, Ok(message(kind, 0, 0, &payload)));
        }
        prop_assert!(reflector.drain(Instant::default()).is_ok());
    }
}
