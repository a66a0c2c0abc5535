//! A place and what becomes of its process.

use std::process::Command;

use scheduler::Event;

use watchdog::Role;

use super::*;
use crate::kind::Checkers;

/// Checkers on a kernel without IPVS may end before their parent has told them anything.
#[test]
#[expect(clippy::zombie_processes, reason = "the place collects it")]
fn a_child_that_ends_before_it_is_told_to_begin_has_ended_with_its_status() {
    let mut scheduler = Scheduler::new(&[]).unwrap();
    let mut slot = Slot::<Checkers>::new(Path::new("/nowhere/checkers.pid"), None);
    let (ours, theirs) = Slot::<Checkers>::channel().unwrap();
    drop(theirs);
    let started = Command::new("/bin/sh").args(["-c", "exit 3"]).spawn().unwrap();
    let child = sys::Child::known(started.id().cast_signed()).unwrap();
    let life = TimerFd::new().unwrap();
    let outside = [Sighting::File { name: "number".into(), value: 1 }];
    assert_eq!(slot.adopt(child, (ours, life), 1, &outside, &mut scheduler), Ok(()));
    let mut inputs = Vec::new();
    while inputs.is_empty() {
        let mut events = Vec::new();
        scheduler.turn(&mut events).unwrap();
        for event in events {
            let Event::Io { token, .. } = event else { continue };
            inputs.extend(slot.on_event(token, &mut scheduler).unwrap_or_default());
        }
    }
    assert_eq!(inputs, [Input::Exited(Role::Checkers, Exit::Status(3))]);
}
