//! Signals through the loop. A program of its own: a signal goes to the whole process, and would
//! interrupt the sleep of any other test in it.

use base::Duration;
use scheduler::{Event, Scheduler, Signal, TimerId};
use sys::clock;

#[test]
fn signals_are_events_real_time_ones_too_and_many_are_one() {
    let wanted = [Signal::USR2, Signal::stats_clear(), Signal::json()];
    let mut scheduler = Scheduler::new(&wanted).unwrap();
    let own = std::process::id().to_string();
    for number in ["-63", "-12", "-12"] {
        let status = std::process::Command::new("kill").args([number, &own]).status();
        assert!(status.unwrap().success());
    }
    // Gives up after 20 s: then the assertion says what is missing.
    let late = Event::Timer(TimerId(1));
    scheduler.set_timer(TimerId(1), clock::now() + Duration::from_secs(20));
    let mut seen = Vec::new();
    while seen.len() < 2 && !seen.contains(&late) {
        let mut events = Vec::new();
        scheduler.turn(&mut events).unwrap();
        seen.extend(events);
    }
    assert_eq!(seen, [Event::Signal(Signal::USR2), Event::Signal(Signal::stats_clear())]);
    let refused = Scheduler::new(&[Signal::KILL]).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
}
