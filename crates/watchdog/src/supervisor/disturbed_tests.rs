//! Children that die, freeze or do not get up, at a start and while a reload is under way.

use super::starting::START_LIMIT;
use super::*;
use crate::pulse::{SILENCE, limit};
use crate::reload::{COMMIT_LIMIT, PREPARE_LIMIT};

fn prepared(role: Role, generation: u64) -> Input {
    Input::Prepared { role, generation, plan: vec![] }
}

/// Both children were asked to prepare configuration 2 at `LATER`.
fn preparing(settings: Settings) -> Supervisor {
    let (mut machine, _) = both_up_with(settings);
    feed(&mut machine, T0 + SILENCE, Input::Timeout);
    for role in Role::ALL {
        feed(&mut machine, T0 + SILENCE, Input::Pong(role, 1));
    }
    feed(&mut machine, LATER, Input::Reload);
    feed(&mut machine, LATER, Input::Loaded(roles(&Role::ALL)));
    machine
}

fn committing(settings: Settings) -> Supervisor {
    let mut machine = preparing(settings);
    for role in Role::ALL {
        feed(&mut machine, LATER, prepared(role, 2));
    }
    assert_eq!(machine.generation(), 2);
    machine
}

/// A machine whose VRRP process dies at each start, with the next one put off.
fn crash_loop() -> Supervisor {
    let (mut machine, _) = both_up();
    feed(&mut machine, T0, Input::Exited(Role::Vrrp, Exit::Signal(6)));
    feed(&mut machine, T0, Input::Forked(Role::Vrrp, 13));
    feed(&mut machine, T0, Input::Exited(Role::Vrrp, Exit::Signal(6)));
    assert!(matches!(machine.child(Role::Vrrp), Child::Waiting { .. }));
    machine
}

fn kill(role: Role) -> Output {
    Output::Kill(role, Signal::Kill)
}

#[test]
fn a_child_that_has_prepared_and_dies_before_the_commit_is_asked_again() {
    let mut machine = preparing(Settings::default());
    feed(&mut machine, LATER, prepared(Role::Vrrp, 2));
    let out = feed(&mut machine, LATER, Input::Exited(Role::Vrrp, Exit::Signal(9)));
    assert!(out.contains(&Output::Fork(Role::Vrrp)), "with the former configuration");
    feed(&mut machine, LATER, Input::Forked(Role::Vrrp, 14));
    assert_eq!(feed(&mut machine, LATER, prepared(Role::Checkers, 2)), []);
    let out = feed(&mut machine, LATER, Input::Ready(Role::Vrrp));
    assert_eq!(out, [Output::Send(Role::Vrrp, Command::Prepare(2))]);
    let out = feed(&mut machine, LATER, prepared(Role::Vrrp, 2));
    assert!(out.contains(&Output::Send(Role::Vrrp, Command::Commit(2))), "{out:?}");
}

#[test]
fn a_configuration_that_kills_whoever_compares_it_is_refused() {
    let mut machine = preparing(Settings::default());
    feed(&mut machine, LATER, prepared(Role::Checkers, 2));
    for pid in 20..22 {
        feed(&mut machine, LATER, Input::Exited(Role::Vrrp, Exit::Signal(6)));
        feed(&mut machine, LATER, Input::Forked(Role::Vrrp, pid));
        feed(&mut machine, LATER, Input::Ready(Role::Vrrp));
    }
    feed(&mut machine, LATER, Input::Exited(Role::Vrrp, Exit::Signal(6)));
    assert!(matches!(machine.child(Role::Vrrp), Child::Waiting { .. }));
    let out = feed(&mut machine, LATER + PREPARE_LIMIT, Input::Timeout);
    assert!(texts(&out).iter().any(|text| text.contains("no answer from VRRP")), "{out:?}");
    assert_eq!(machine.generation(), 1);
}

#[test]
fn a_child_that_dies_at_each_start_starts_at_once_with_a_new_configuration() {
    let mut machine = crash_loop();
    feed(&mut machine, T0, Input::Reload);
    let out = feed(&mut machine, T0, Input::Loaded(roles(&Role::ALL)));
    assert_eq!(out, [Output::Send(Role::Checkers, Command::Prepare(2))]);
    let out = feed(&mut machine, T0, prepared(Role::Checkers, 2));
    let place = |wanted: Output| out.iter().position(|output| *output == wanted);
    assert!(place(Output::Adopt) < place(Output::Fork(Role::Vrrp)), "{out:?}");
    assert!(place(Output::Fork(Role::Vrrp)).is_some());
    let committed = Input::Committed { role: Role::Checkers, generation: 2 };
    assert_eq!(texts(&feed(&mut machine, T0, committed)), ["Reload complete"]);
    feed(&mut machine, T0, Input::Forked(Role::Vrrp, 15));
    feed(&mut machine, T0, Input::Ready(Role::Vrrp));
    assert!(machine.all_ready());
}

#[test]
fn a_child_that_dies_at_each_start_does_not_keep_an_upgrade_away() {
    let mut machine = crash_loop();
    feed(&mut machine, T0, Input::Upgrade);
    feed(&mut machine, T0, Input::Loaded(roles(&Role::ALL)));
    feed(&mut machine, T0, prepared(Role::Checkers, 2));
    let committed = Input::Committed { role: Role::Checkers, generation: 2 };
    assert_eq!(feed(&mut machine, T0, committed).last(), Some(&Output::Try));
}

#[test]
fn a_child_that_begins_to_die_while_a_reload_is_prepared_is_waited_for_no_longer() {
    let mut out = Vec::new();
    let mut machine = Supervisor::start(Settings::default(), &roles(&Role::ALL), &mut out);
    for (role, pid) in [(Role::Checkers, 11), (Role::Vrrp, 12)] {
        feed(&mut machine, T0, Input::Forked(role, pid));
    }
    feed(&mut machine, T0, Input::Ready(Role::Checkers));
    feed(&mut machine, T0, Input::Reload);
    feed(&mut machine, T0, Input::Loaded(roles(&Role::ALL)));
    assert_eq!(feed(&mut machine, T0, prepared(Role::Checkers, 2)), [], "it may get up yet");
    feed(&mut machine, T0, Input::Exited(Role::Vrrp, Exit::Signal(6)));
    feed(&mut machine, T0, Input::Forked(Role::Vrrp, 13));
    let out = feed(&mut machine, T0, Input::Exited(Role::Vrrp, Exit::Signal(6)));
    assert_eq!(machine.generation(), 2);
    assert_eq!(out.iter().filter(|output| **output == Output::Fork(Role::Vrrp)).count(), 1);
}

#[test]
fn a_child_that_does_not_get_up_does_not_fail_a_reload_and_starts_anew() {
    for is_forked in [true, false] {
        let settings = Settings { no_heartbeat: true, ..Settings::default() };
        let mut machine = Supervisor::start(settings, &roles(&Role::ALL), &mut Vec::new());
        feed(&mut machine, T0, Input::Forked(Role::Checkers, 11));
        feed(&mut machine, T0, Input::Ready(Role::Checkers));
        if is_forked {
            feed(&mut machine, T0, Input::Forked(Role::Vrrp, 12));
        }
        feed(&mut machine, T0, Input::Reload);
        feed(&mut machine, T0, Input::Loaded(roles(&Role::ALL)));
        feed(&mut machine, T0, prepared(Role::Checkers, 2));
        let mut out = feed(&mut machine, T0 + PREPARE_LIMIT, Input::Timeout);
        assert_eq!(machine.generation(), 2);
        if !is_forked {
            assert!(!out.contains(&kill(Role::Vrrp)));
            out = feed(&mut machine, LATER, Input::Forked(Role::Vrrp, 12));
        }
        assert!(out.contains(&kill(Role::Vrrp)), "it has the former configuration: {out:?}");
        let out = feed(&mut machine, LATER, Input::Exited(Role::Vrrp, Exit::Signal(9)));
        assert_eq!(out, [Output::Fork(Role::Vrrp)]);
        let out = feed(&mut machine, LATER, Input::Forked(Role::Vrrp, 13));
        assert!(!out.contains(&kill(Role::Vrrp)));
    }
}

#[test]
fn an_answer_to_a_reload_that_was_given_up_does_not_count_for_the_next() {
    let mut machine = preparing(Settings::default());
    let refused = Input::Refused { role: Role::Vrrp, generation: 2, reason: "no".into() };
    feed(&mut machine, LATER, refused);
    feed(&mut machine, LATER, Input::Reload);
    let out = feed(&mut machine, LATER, Input::Loaded(roles(&Role::ALL)));
    assert!(out.contains(&Output::Send(Role::Vrrp, Command::Prepare(3))), "{out:?}");
    feed(&mut machine, LATER, prepared(Role::Vrrp, 3));
    assert_eq!(feed(&mut machine, LATER, prepared(Role::Checkers, 2)), []);
    assert_eq!(machine.generation(), 1);
}

#[test]
fn a_vrrp_process_that_freezes_in_a_reload_is_replaced_as_soon_as_ever() {
    for mut machine in [preparing(Settings::default()), committing(Settings::default())] {
        // What its timer tells.
        let silent = LATER + SILENCE;
        feed(&mut machine, silent, Input::Silent(Role::Vrrp));
        assert_eq!(feed(&mut machine, silent, Input::Timeout), [Output::Ping(Role::Vrrp, 2)]);
        let due = machine.next_timeout().unwrap();
        assert_eq!(due, LATER + Duration::from_millis(2500));
        assert_eq!(feed(&mut machine, due, Input::Timeout).last(), Some(&kill(Role::Vrrp)));
    }
}

#[test]
fn checkers_that_reload_for_long_are_not_taken_for_hung() {
    let mut machine = preparing(Settings::default());
    feed(&mut machine, LATER, Input::Silent(Role::Checkers));
    let later = LATER + Duration::from_secs(5);
    assert_eq!(feed(&mut machine, later, Input::Timeout), []);
    for role in Role::ALL {
        feed(&mut machine, later, prepared(role, 2));
    }
    for role in Role::ALL {
        feed(&mut machine, later, Input::Committed { role, generation: 2 });
    }
    assert_eq!(feed(&mut machine, later, Input::Timeout), [Output::Ping(Role::Checkers, 2)]);
    assert_eq!(machine.next_timeout(), Some(later + limit(Role::Checkers)));
}

#[test]
fn a_child_that_does_not_say_that_it_has_committed_is_replaced_before_the_reload_is_over() {
    let mut machine = committing(Settings::default());
    feed(&mut machine, LATER, Input::Committed { role: Role::Vrrp, generation: 2 });
    let due = LATER + COMMIT_LIMIT;
    let out = feed(&mut machine, due, Input::Timeout);
    assert_eq!(
        texts(&out),
        ["Healthcheck child process(11) does not answer - forcing termination"]
    );
    assert!(out.contains(&kill(Role::Checkers)));
    let out = feed(&mut machine, due, Input::Exited(Role::Checkers, Exit::Signal(9)));
    assert!(texts(&out).contains(&"Reload complete".to_owned()), "{out:?}");
    assert_eq!(out.last(), Some(&Output::Fork(Role::Checkers)));
}

#[test]
fn a_child_that_does_not_get_up_is_replaced_by_one_that_has_twice_the_time() {
    let (mut machine, _) = both_up_with(Settings::default());
    feed(&mut machine, T0 + SILENCE, Input::Timeout);
    for role in Role::ALL {
        feed(&mut machine, T0 + SILENCE, Input::Pong(role, 1));
    }
    feed(&mut machine, LATER, Input::Exited(Role::Vrrp, Exit::Signal(9)));
    let mut now = LATER;
    for (pid, times) in [(20, 1), (21, 2), (22, 4)] {
        feed(&mut machine, now, Input::Forked(Role::Vrrp, pid));
        let due = machine.next_timeout().unwrap();
        assert_eq!(due, now + START_LIMIT.saturating_mul(times));
        let out = feed(&mut machine, due, Input::Timeout);
        assert_eq!(out.last(), Some(&kill(Role::Vrrp)), "{out:?}");
        assert!(!machine.is_well());
        let out = feed(&mut machine, due, Input::Exited(Role::Vrrp, Exit::Signal(9)));
        assert_eq!(out.last(), Some(&Output::Fork(Role::Vrrp)));
        now = due;
    }
    feed(&mut machine, now, Input::Forked(Role::Vrrp, 23));
    feed(&mut machine, now, Input::Ready(Role::Vrrp));
    assert_eq!(machine.next_timeout(), Some(now + SILENCE), "it has got up");
    feed(&mut machine, now, Input::Exited(Role::Vrrp, Exit::Signal(9)));
    feed(&mut machine, now, Input::Forked(Role::Vrrp, 24));
    assert_eq!(machine.next_timeout(), Some(now + START_LIMIT), "the next is not slow for it");
}

#[test]
fn a_machine_that_has_slept_gives_a_start_its_time_again() {
    let mut machine =
        Supervisor::start(Settings::default(), &roles(&[Role::Vrrp]), &mut Vec::new());
    feed(&mut machine, T0, Input::Forked(Role::Vrrp, 5));
    let late = T0 + START_LIMIT + Duration::from_secs(3600);
    assert_eq!(feed(&mut machine, late, Input::Timeout), []);
    assert_eq!(machine.next_timeout(), Some(late + START_LIMIT));
}

#[test]
fn a_child_that_was_never_up_has_nothing_to_be_removed_when_it_ends_the_daemon() {
    let mut machine =
        Supervisor::start(Settings::default(), &roles(&[Role::Vrrp]), &mut Vec::new());
    feed(&mut machine, T0, Input::Forked(Role::Vrrp, 5));
    let out = feed(&mut machine, T0, Input::Exited(Role::Vrrp, Exit::CONFIG));
    assert_eq!(out.last(), Some(&Output::Exit(2)));
}

#[test]
fn the_others_have_their_whole_time_when_one_childs_end_ends_the_daemon() {
    let (mut machine, _) = both_up();
    machine.weigh(20_000);
    feed(&mut machine, LATER, Input::Exited(Role::Vrrp, Exit::FATAL));
    assert_eq!(machine.next_timeout(), Some(LATER + Duration::from_secs(25)));
}

#[test]
fn whatever_ends_a_child_is_named() {
    for (exit, line) in [
        (Exit::Status(0), "pid 12 exited with status 0"),
        (Exit::Status(101), "pid 12 exited with status 101"),
        (Exit::Signal(6), "pid 12 exited due to signal 6"),
    ] {
        let (mut machine, _) = both_up();
        let out = feed(&mut machine, LATER, Input::Exited(Role::Vrrp, exit));
        assert_eq!(texts(&out), [line, "VRRP child process(12) died: Respawning"]);
    }
}

#[test]
fn a_child_that_fails_while_all_stop_has_a_successor_that_clears_up() {
    for (exit, clears_up) in [
        (Exit::FATAL, true),
        (Exit::Status(101), true),
        (Exit::Signal(6), true),
        (Exit::Status(0), false),
    ] {
        let (mut machine, _) = both_up();
        feed(&mut machine, LATER, Input::Stop);
        let out = feed(&mut machine, LATER, Input::Exited(Role::Vrrp, exit));
        assert_eq!(out == [Output::Fork(Role::Vrrp)], clears_up, "{exit:?}: {out:?}");
    }
}
