use crate::fixture::eth0;

use super::*;

fn address(host: u8) -> IpAddr {
    IpAddr::from([10, 9, 0, host])
}

fn links() -> Links {
    let mut links = Links::default();
    links.insert(eth0());
    links
}

fn flush(queue: &mut AnnounceQueue, now: Instant) -> Vec<IpAddr> {
    let mut out = Outputs::new();
    queue.flush(now, &links(), &mut out);
    let announced = out.into_iter().filter_map(|output| match output {
        Output::Announce { address, .. } => Some(address),
        _ => None,
    });
    announced.collect()
}

const NOW: Instant = Instant::from_micros(1_000_000);

#[test]
fn every_address_is_announced_once_before_any_is_announced_twice() {
    let mut queue = AnnounceQueue::default();
    for host in 1..=3 {
        queue.add(NOW, eth0().index, address(host), 2, Duration::ZERO);
    }
    let expected = [1, 2, 3, 1, 2, 3].map(address);
    assert_eq!(flush(&mut queue, NOW), expected);
    assert_eq!(queue.next_timeout(), None);
}

#[test]
fn a_large_burst_is_spread_over_turns_without_a_pause() {
    let mut queue = AnnounceQueue::default();
    for host in 1..=100 {
        queue.add(NOW, eth0().index, address(host), 5, Duration::ZERO);
    }
    let mut total = 0;
    let mut turns = 0;
    while queue.next_timeout() == Some(NOW) {
        let sent = flush(&mut queue, NOW).len();
        assert!((1..=MESSAGES_PER_TURN).contains(&sent));
        total += sent;
        turns += 1;
    }
    assert_eq!((total, turns), (500, 8));
}

#[test]
fn garp_interval_keeps_messages_apart_also_across_bursts() {
    let mut queue = AnnounceQueue::default();
    let spacing = Duration::from_millis(100);
    let index = eth0().index;
    queue.add(NOW, index, address(1), 2, spacing);
    assert_eq!(flush(&mut queue, NOW).len(), 1);
    let second = NOW + spacing;
    assert_eq!(queue.next_timeout(), Some(second));
    assert_eq!(flush(&mut queue, second).len(), 1);
    queue.add(second, index, address(2), 1, spacing);
    assert_eq!(queue.next_timeout(), Some(second + spacing));
}

#[test]
fn asking_twice_does_not_send_twice() {
    let mut queue = AnnounceQueue::default();
    for repeat in [1, 3, 2, 0] {
        queue.add(NOW, eth0().index, address(1), repeat, Duration::ZERO);
    }
    assert_eq!(flush(&mut queue, NOW).len(), 3);
}

#[test]
fn an_address_that_left_is_not_announced() {
    let mut queue = AnnounceQueue::default();
    let index = eth0().index;
    queue.add(NOW, index, address(1), 5, Duration::ZERO);
    queue.add(NOW, index, address(2), 1, Duration::ZERO);
    queue.cancel(&[(index, address(1).into())]);
    assert_eq!(flush(&mut queue, NOW), [address(2)]);
}

#[test]
fn an_interface_that_left_takes_its_queue_along() {
    let mut queue = AnnounceQueue::default();
    queue.add(NOW, IfIndex::new(99).unwrap(), address(1), 5, Duration::ZERO);
    assert_eq!(flush(&mut queue, NOW), Vec::<IpAddr>::new());
    assert_eq!(queue, AnnounceQueue::default());
}
