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
        queue.add(NOW, &eth0(), address(host), 2, Duration::ZERO);
    }
    let expected = [1, 2, 3, 1, 2, 3].map(address);
    assert_eq!(flush(&mut queue, NOW), expected);
    assert_eq!(queue.next_timeout(), None);
}

#[test]
fn a_large_burst_is_spread_over_turns_without_a_pause() {
    let mut queue = AnnounceQueue::default();
    for host in 1..=200 {
        queue.add(NOW, &eth0(), address(host), 5, Duration::ZERO);
    }
    let mut total = 0;
    let mut turns = 0;
    while queue.next_timeout() == Some(NOW) {
        let sent = flush(&mut queue, NOW).len();
        assert!((1..=MESSAGES_PER_TURN).contains(&sent));
        total += sent;
        turns += 1;
    }
    assert_eq!((total, turns), (1_000, 4));
}

#[test]
fn garp_interval_keeps_messages_apart_also_across_bursts() {
    let mut queue = AnnounceQueue::default();
    let spacing = Duration::from_millis(100);
    queue.add(NOW, &eth0(), address(1), 2, spacing);
    assert_eq!(flush(&mut queue, NOW).len(), 1);
    let second = NOW + spacing;
    assert_eq!(queue.next_timeout(), Some(second));
    assert_eq!(flush(&mut queue, second).len(), 1);
    queue.add(second, &eth0(), address(2), 1, spacing);
    assert_eq!(queue.next_timeout(), Some(second + spacing));
}

#[test]
fn asking_twice_does_not_send_twice() {
    let mut queue = AnnounceQueue::default();
    for repeat in [1, 3, 2, 0] {
        queue.add(NOW, &eth0(), address(1), repeat, Duration::ZERO);
    }
    assert_eq!(flush(&mut queue, NOW).len(), 3);
}

#[test]
fn an_address_that_left_is_not_announced() {
    let mut queue = AnnounceQueue::default();
    let index = eth0().index;
    queue.add(NOW, &eth0(), address(1), 5, Duration::ZERO);
    queue.add(NOW, &eth0(), address(2), 1, Duration::ZERO);
    queue.cancel(&[(index, address(1).into())]);
    assert_eq!(flush(&mut queue, NOW), [address(2)]);
}

#[test]
fn an_interface_that_left_takes_its_queue_along() {
    let mut queue = AnnounceQueue::default();
    queue.add(
        NOW,
        &Link { index: IfIndex::new(99).unwrap(), ..eth0() },
        address(1),
        5,
        Duration::ZERO,
    );
    assert_eq!(flush(&mut queue, NOW), Vec::<IpAddr>::new());
    assert_eq!(queue, AnnounceQueue::default());
}

fn eth1() -> Link {
    Link { index: IfIndex::new(3).unwrap(), name: "eth1".into(), ..eth0() }
}

/// What leaves in so many steps of 100 ms, two messages of each of two addresses on two interfaces.
fn steps(queue: &mut AnnounceQueue, count: u64) -> Vec<Vec<IpAddr>> {
    let spacing = Duration::from_millis(100);
    let mut both = links();
    both.insert(eth1());
    for (link, hosts) in [(eth0(), [1, 2]), (eth1(), [11, 12])] {
        for host in hosts {
            queue.add(NOW, &link, address(host), 2, spacing);
        }
    }
    let step = |n: u64| {
        let mut out = Outputs::new();
        queue.flush(NOW + Duration::from_millis(n * 100), &both, &mut out);
        let announced = out.into_iter().filter_map(|output| match output {
            Output::Announce { address, .. } => Some(address),
            _ => None,
        });
        announced.collect()
    };
    (0..count).map(step).collect()
}

#[test]
fn interfaces_of_a_garp_group_share_one_limit_in_turns() {
    let mut queue = AnnounceQueue::default();
    let group = GarpGroup {
        garp_interval: Some(Duration::from_millis(100)),
        gna_interval: None,
        interfaces: vec!["eth0".into(), "eth1".into()],
    };
    queue.configure(&[group]);
    let expected = [1, 11, 2, 12, 1, 11, 2, 12].map(|host| vec![address(host)]);
    assert_eq!(steps(&mut queue, 8), expected);
    assert_eq!(queue.next_timeout(), None);

    let each = [[1, 11], [2, 12], [1, 11], [2, 12]].map(|hosts| hosts.map(address).to_vec());
    assert_eq!(steps(&mut AnnounceQueue::default(), 4), each, "without a group each has its own");
}

#[test]
fn gratuitous_arp_and_neighbour_advertisements_do_not_hold_each_other_up() {
    let mut queue = AnnounceQueue::default();
    let (slow, six) = (Duration::from_secs(10), "2001:db8::1".parse().unwrap());
    queue.add(NOW, &eth0(), address(1), 2, slow);
    queue.add(NOW, &eth0(), six, 2, Duration::from_millis(100));
    assert_eq!(flush(&mut queue, NOW), [address(1), six]);
    assert_eq!(flush(&mut queue, NOW + Duration::from_millis(100)), [six]);
    assert_eq!(queue.next_timeout(), Some(NOW + slow));
}
