//! The loop across a fork. No test harness: it has threads, and a process with threads must not fork.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use base::Duration;
use scheduler::{Event, Interest, Scheduler, Signal, TimerId};
use sys::{BlockedSignals, Child, Exit, Forked, clock};

const GUARD: TimerId = TimerId(u64::MAX);
const SIGNALS: [Signal; 3] = [Signal::HUP, Signal::TERM, Signal::USR1];

fn main() {
    each_process_gets_its_own_signals_and_only_those();
    what_the_child_does_to_its_copy_leaves_the_parents_loop_alone();
    a_signal_sent_before_the_child_has_a_loop_is_delivered_when_it_has();
    what_has_come_since_the_last_turn_waits_for_the_next_loop_of_this_process();
    println!("4 fork tests passed");
}

fn new_loop() -> Scheduler {
    let mut scheduler = Scheduler::new(&SIGNALS).unwrap();
    scheduler.set_timer(GUARD, clock::now() + Duration::from_secs(20));
    scheduler
}

fn turn(scheduler: &mut Scheduler) -> Vec<Event> {
    let mut events = Vec::new();
    scheduler.turn(&mut events).unwrap();
    assert!(!events.contains(&Event::Timer(GUARD)), "nothing happened for 20 s");
    events
}

/// Forks; `run` is the new process, which ends with the status it returns.
fn fork(scheduler: &mut Scheduler, run: impl FnOnce(BlockedSignals) -> i32) -> Child {
    match scheduler.fork().unwrap() {
        Forked::Parent(child) => child,
        Forked::Child(blocked) => {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(blocked)));
            sys::process::exit_now(result.unwrap_or(99))
        }
    }
}

/// Turns the loop until the child's descriptor is ready, then collects its status.
fn wait(scheduler: &mut Scheduler, child: &Child) -> Exit {
    let token = scheduler.register(child.as_fd(), Interest::Read).unwrap();
    loop {
        let events = turn(scheduler);
        if events.iter().any(|event| matches!(event, Event::Io { token: it, .. } if *it == token)) {
            scheduler.deregister(token);
            return child.try_wait().unwrap().expect("its descriptor said that it ended");
        }
    }
}

fn each_process_gets_its_own_signals_and_only_those() {
    let mut parent = new_loop();
    let (mut ready, mut tell) = UnixStream::pair().unwrap();
    let child = fork(&mut parent, |blocked| {
        let mut own = new_loop();
        drop(blocked);
        tell.write_all(b"x").unwrap();
        assert_eq!(turn(&mut own), [Event::Signal(Signal::USR1)]);
        tell.write_all(b"x").unwrap();
        assert_eq!(turn(&mut own), [Event::Signal(Signal::TERM)]);
        7
    });
    ready.read_exact(&mut [0]).unwrap();
    child.signal(Signal::USR1).unwrap();
    ready.read_exact(&mut [0]).unwrap();
    // The child has had its signal. Had it woken us, that would come before this timer.
    parent.set_timer(TimerId(1), clock::now());
    assert_eq!(turn(&mut parent), [Event::Timer(TimerId(1))], "the child's signal woke the parent");
    child.signal(Signal::TERM).unwrap();
    assert_eq!(wait(&mut parent, &child), Exit::Status(7));
    assert!(child.signal(Signal::TERM).is_ok(), "a process that ended is fine");
}

fn what_the_child_does_to_its_copy_leaves_the_parents_loop_alone() {
    let mut parent = new_loop();
    let (mut here, mut there) = UnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    let token = parent.register(here.as_fd(), Interest::Read).unwrap();
    let child = match parent.fork().unwrap() {
        Forked::Parent(child) => child,
        Forked::Child(blocked) => {
            parent.deregister(token);
            let refused = parent.turn(&mut Vec::new()).unwrap_err();
            drop((parent, blocked));
            let is_refused = refused.kind() == std::io::ErrorKind::Unsupported;
            sys::process::exit_now(i32::from(!is_refused))
        }
    };
    assert_eq!(wait(&mut parent, &child), Exit::Status(0));
    there.write_all(b"a").unwrap();
    assert_eq!(
        turn(&mut parent),
        [Event::Io { token, readable: true, writable: false, ended: false }]
    );
    assert_eq!(here.read(&mut [0; 4]).unwrap(), 1);
}

fn a_signal_sent_before_the_child_has_a_loop_is_delivered_when_it_has() {
    let mut parent = new_loop();
    let (mut go, mut wait_for_go) = UnixStream::pair().unwrap();
    let child = fork(&mut parent, |blocked| {
        wait_for_go.read_exact(&mut [0]).unwrap();
        let mut own = new_loop();
        drop(blocked);
        i32::from(turn(&mut own) != [Event::Signal(Signal::HUP)])
    });
    child.signal(Signal::HUP).unwrap();
    go.write_all(b"x").unwrap();
    assert_eq!(wait(&mut parent, &child), Exit::Status(0));
    let killed = fork(&mut parent, |_blocked| {
        loop {
            std::thread::park();
        }
    });
    killed.signal(Signal::KILL).unwrap();
    assert_eq!(wait(&mut parent, &killed), Exit::Signal(Signal::KILL));
}

/// As a program that becomes another one: its loop is gone, and the handlers with it.
fn what_has_come_since_the_last_turn_waits_for_the_next_loop_of_this_process() {
    let mut former = new_loop();
    let child = fork(&mut former, |blocked| {
        let mut first = new_loop();
        drop(blocked);
        sys::signal::raise(Signal::TERM).unwrap();
        let held = first.hold_signals().unwrap();
        sys::signal::raise(Signal::HUP).unwrap();
        drop(first);
        let mut next = new_loop();
        drop(held);
        let events = turn(&mut next);
        assert_eq!(events, [Event::Signal(Signal::HUP), Event::Signal(Signal::TERM)]);
        0
    });
    assert_eq!(wait(&mut former, &child), Exit::Status(0));
}
