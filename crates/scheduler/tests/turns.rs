//! The loop against the real kernel.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use base::{Duration, Instant};
use scheduler::{Event, Interest, Scheduler, TimerId, Token};
use sys::clock;

/// A loop with a timer far away, so that a test that would hang forever fails instead.
fn new_loop() -> Scheduler {
    let mut scheduler = Scheduler::new(&[]).unwrap();
    scheduler.set_timer(GUARD, clock::now() + Duration::from_secs(20));
    scheduler
}

const GUARD: TimerId = TimerId(u64::MAX);

fn turn(scheduler: &mut Scheduler) -> (Instant, Vec<Event>) {
    let mut events = Vec::new();
    let now = scheduler.turn(&mut events).unwrap();
    assert!(!events.contains(&Event::Timer(GUARD)), "nothing happened for 20 s");
    (now, events)
}

fn pair() -> (UnixStream, UnixStream) {
    let (here, there) = UnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    (here, there)
}

const fn readable(token: Token) -> Event {
    Event::Io { token, readable: true, writable: false, ended: false }
}

#[test]
fn a_descriptor_is_told_once_when_it_becomes_readable() {
    let mut scheduler = new_loop();
    let (mut here, mut there) = pair();
    let token = scheduler.register(here.as_fd(), Interest::Read).unwrap();
    there.write_all(b"a").unwrap();
    assert_eq!(turn(&mut scheduler).1, [readable(token)]);
    assert_eq!(here.read(&mut [0; 8]).unwrap(), 1);
    there.write_all(b"b").unwrap();
    assert_eq!(turn(&mut scheduler).1, [readable(token)]);
}

#[test]
fn an_exact_deadline_is_met_without_sleep_in_the_last_moment() {
    let mut scheduler = new_loop();
    let (mut here, mut there) = pair();
    let token = scheduler.register(here.as_fd(), Interest::Read).unwrap();
    let mut deadline = clock::now() + Duration::from_millis(20);
    let mut woke_before = false;
    scheduler.be_exact_at(Some(deadline));
    scheduler.set_timer(TimerId(1), deadline);
    loop {
        let (now, events) = turn(&mut scheduler);
        if events == [Event::Timer(TimerId(1))] {
            assert!(now >= deadline);
            break;
        }
        assert_eq!(events, [], "it wakes for nothing but to be there in time");
        woke_before |= now < deadline;
    }
    // A machine that is busy may have woken it too late.
    assert!(woke_before || scheduler.worst_lateness() > Duration::ZERO);
    // What comes in the last moment comes before the deadline.
    deadline = clock::now() + Duration::from_micros(200);
    scheduler.be_exact_at(Some(deadline));
    scheduler.set_timer(TimerId(1), deadline);
    there.write_all(b"a").unwrap();
    assert_eq!(turn(&mut scheduler).1.first(), Some(&readable(token)));
    assert_eq!(here.read(&mut [0; 8]).unwrap(), 1);
}

#[test]
fn a_handler_that_stopped_early_is_called_again_without_sleeping() {
    let mut scheduler = new_loop();
    let (here, mut there) = pair();
    let token = scheduler.register(here.as_fd(), Interest::Read).unwrap();
    there.write_all(b"a").unwrap();
    turn(&mut scheduler);
    scheduler.still_ready(token);
    scheduler.still_ready(token);
    assert_eq!(turn(&mut scheduler).1, [readable(token)], "once, though said twice");
    scheduler.still_ready(token);
    there.write_all(b"b").unwrap();
    assert_eq!(turn(&mut scheduler).1, [readable(token)], "news and left-overs are one event");
    let soon = TimerId(1);
    scheduler.set_timer(soon, clock::now());
    assert_eq!(turn(&mut scheduler).1, [Event::Timer(soon)], "nothing is left over");
}

#[test]
fn a_timer_due_waits_for_the_datagram_that_arrived_first() {
    let mut scheduler = new_loop();
    let (here, mut there) = pair();
    let token = scheduler.register(here.as_fd(), Interest::Read).unwrap();
    scheduler.set_timer(TimerId(7), clock::now());
    there.write_all(b"a").unwrap();
    assert_eq!(turn(&mut scheduler).1, [readable(token), Event::Timer(TimerId(7))]);
}

#[test]
fn a_timer_is_never_early_and_its_lateness_is_known() {
    let mut scheduler = new_loop();
    for _ in 0..20 {
        let deadline = clock::now() + Duration::from_micros(1_500);
        scheduler.set_timer(TimerId(1), deadline);
        let (now, events) = turn(&mut scheduler);
        assert_eq!(events, [Event::Timer(TimerId(1))]);
        assert!(now >= deadline, "{now:?} is before {deadline:?}");
        assert!(scheduler.worst_lateness() >= now.saturating_since(deadline));
        assert_eq!(scheduler.lateness(), now.saturating_since(deadline));
    }
    let worst = scheduler.reset_worst_lateness();
    assert!(worst > Duration::ZERO && scheduler.worst_lateness().is_zero());
}

#[test]
fn the_same_deadline_set_twice_in_a_row_fires_twice() {
    let mut scheduler = new_loop();
    let deadline = clock::now() + Duration::from_millis(2);
    for _ in 0..2 {
        scheduler.set_timer(TimerId(1), deadline);
        assert_eq!(turn(&mut scheduler).1, [Event::Timer(TimerId(1))]);
    }
}

#[test]
fn a_cancelled_timer_does_not_fire() {
    let mut scheduler = new_loop();
    scheduler.arm(TimerId(1), Some(clock::now() + Duration::from_millis(1)));
    scheduler.set_timer(TimerId(2), clock::now() + Duration::from_millis(5));
    scheduler.arm(TimerId(1), None);
    assert_eq!(turn(&mut scheduler).1, [Event::Timer(TimerId(2))]);
}

#[test]
fn a_token_that_was_deregistered_is_silent_and_never_used_again() {
    let mut scheduler = new_loop();
    let (here, mut there) = pair();
    let first = scheduler.register(here.as_fd(), Interest::Read).unwrap();
    there.write_all(b"a").unwrap();
    turn(&mut scheduler);
    scheduler.still_ready(first);
    scheduler.deregister(first);
    assert!(!scheduler.is_registered(first));
    scheduler.still_ready(first);
    let second = scheduler.register(here.as_fd(), Interest::Read).unwrap();
    assert_ne!(first, second);
    assert_eq!(turn(&mut scheduler).1, [readable(second)]);
    assert!(scheduler.reregister(first, Interest::Both).is_err());
}

#[test]
fn a_changed_interest_tells_what_is_ready_already() {
    let mut scheduler = new_loop();
    let (here, _there) = pair();
    let token = scheduler.register(here.as_fd(), Interest::Read).unwrap();
    scheduler.reregister(token, Interest::Both).unwrap();
    let (_, events) = turn(&mut scheduler);
    assert_eq!(events, [Event::Io { token, readable: false, writable: true, ended: false }]);
}

#[test]
fn the_end_of_a_stream_is_readable() {
    let mut scheduler = new_loop();
    let (mut here, there) = pair();
    let token = scheduler.register(here.as_fd(), Interest::Read).unwrap();
    drop(there);
    let (_, events) = turn(&mut scheduler);
    assert!(matches!(events[..], [Event::Io { token: it, readable: true, .. }] if it == token));
    assert_eq!(here.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn what_comes_within_a_pause_is_handled_in_one_turn_and_no_deadline_waits_for_it() {
    const TIMER: TimerId = TimerId(1);
    let mut scheduler = new_loop();
    let sockets: Vec<_> = (0..3).map(|_| pair()).collect();
    for (here, _) in &sockets {
        scheduler.register(here.as_fd(), Interest::Read).unwrap();
    }
    let pause = Duration::from_millis(100);
    let (begin, _) = {
        (&sockets[0].1).write_all(b"a").unwrap();
        turn(&mut scheduler)
    };
    scheduler.gather(pause);
    let others: Vec<_> = sockets[1..].iter().map(|(_, there)| there.try_clone().unwrap()).collect();
    let writer = std::thread::spawn(move || {
        others.iter().for_each(|mut other| other.write_all(b"a").unwrap());
    });
    let (now, events) = turn(&mut scheduler);
    writer.join().unwrap();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(now.saturating_since(begin) >= pause);
    let deadline = now + pause;
    scheduler.set_timer(TIMER, deadline);
    let (now, events) = turn(&mut scheduler);
    assert_eq!(events, [Event::Timer(TIMER)]);
    assert!(now.saturating_since(deadline) < pause, "it did not wait once more");
}

#[test]
fn no_deadline_waits_for_a_pause_when_the_turn_before_has_taken_long() {
    const TIMER: TimerId = TimerId(1);
    let (work, pause) = (Duration::from_millis(400), Duration::from_millis(500));
    let mut scheduler = new_loop();
    scheduler.set_timer(TIMER, clock::now());
    let (begin, _) = turn(&mut scheduler);
    scheduler.gather(pause);
    std::thread::sleep(std::time::Duration::from_micros(work.as_micros()));
    let end = clock::now();
    scheduler.set_timer(TIMER, begin + pause + Duration::from_millis(50));
    let (now, events) = turn(&mut scheduler);
    assert_eq!(events, [Event::Timer(TIMER)]);
    assert!(now.saturating_since(end) < pause, "it has let the pause go by");
}
