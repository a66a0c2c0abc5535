use super::*;
use crate::reload::PREPARE_LIMIT;

const T0: Instant = Instant::from_micros(10_000_000);
const LATER: Instant = Instant::from_micros(20_000_000);

fn roles(list: &[Role]) -> BTreeSet<Role> {
    list.iter().copied().collect()
}

/// A supervisor whose two children are up, with nothing left in the outputs.
fn both_up() -> (Supervisor, Vec<Output>) {
    both_up_with(Settings { no_heartbeat: true, ..Settings::default() })
}

fn both_up_with(settings: Settings) -> (Supervisor, Vec<Output>) {
    let mut out = Vec::new();
    let mut machine = Supervisor::start(settings, &roles(&Role::ALL), &mut out);
    for (role, pid) in [(Role::Checkers, 11), (Role::Vrrp, 12)] {
        machine.handle_input(T0, Input::Forked(role, pid), &mut out);
        machine.handle_input(T0, Input::Ready(role), &mut out);
    }
    out.clear();
    (machine, out)
}

fn feed(machine: &mut Supervisor, now: Instant, input: Input) -> Vec<Output> {
    let mut out = Vec::new();
    machine.handle_input(now, input, &mut out);
    out
}

fn texts(out: &[Output]) -> Vec<String> {
    out.iter()
        .filter_map(|output| match output {
            Output::Log(event) => Some(event.to_string()),
            _ => None,
        })
        .collect()
}

#[test]
fn checkers_start_before_vrrp_as_in_keepalived() {
    let mut out = Vec::new();
    Supervisor::start(Settings::default(), &roles(&Role::ALL), &mut out);
    assert_eq!(out, [Output::Fork(Role::Checkers), Output::Fork(Role::Vrrp)]);
}

#[test]
fn a_child_that_is_killed_is_forked_again_in_the_same_step() {
    let (mut machine, _) = both_up();
    let out = feed(&mut machine, LATER, Input::Exited(Role::Vrrp, Exit::Signal(9)));
    assert_eq!(out.last(), Some(&Output::Fork(Role::Vrrp)));
    assert_eq!(
        texts(&out),
        ["pid 12 exited due to signal 9", "VRRP child process(12) died: Respawning"]
    );
    assert_eq!(machine.next_timeout(), None);
}

#[test]
fn a_child_that_dies_early_again_and_again_waits_longer_each_time() {
    let (mut machine, _) = both_up();
    let soon = T0 + Duration::from_millis(5);
    feed(&mut machine, soon, Input::Exited(Role::Vrrp, Exit::Signal(11)));
    feed(&mut machine, soon, Input::Forked(Role::Vrrp, 13));
    let out = feed(&mut machine, soon, Input::Exited(Role::Vrrp, Exit::Signal(11)));
    assert!(!out.contains(&Output::Fork(Role::Vrrp)));
    assert_eq!(
        texts(&out).last().unwrap(),
        "Restart of VRRP process delayed 0.1s to limit respawn rate"
    );
    let due = machine.next_timeout().unwrap();
    assert_eq!(due, soon + Duration::from_millis(100));
    assert_eq!(feed(&mut machine, due, Input::Timeout), [Output::Fork(Role::Vrrp)]);
}

#[test]
fn a_permanent_error_of_one_child_stops_the_daemon_with_its_status() {
    for (exit, word) in
        [(Exit::FATAL, "FATAL"), (Exit::CONFIG, "CONFIG"), (Exit::PERMISSION, "missing permission")]
    {
        let (mut machine, _) = both_up();
        let out = feed(&mut machine, LATER, Input::Exited(Role::Vrrp, exit));
        assert_eq!(
            texts(&out)[0],
            format!("pid 12 exited with permanent error {word}. Terminating")
        );
        assert!(out.contains(&Output::Kill(Role::Checkers, Signal::Term)));
        assert!(out.contains(&Output::Fork(Role::Vrrp)), "what it has left is to be removed");
        let out = feed(&mut machine, LATER, Input::Forked(Role::Vrrp, 13));
        assert_eq!(out.last(), Some(&Output::Kill(Role::Vrrp, Signal::Term)));
        // Whatever is wrong with it may be wrong with this one too.
        assert_eq!(feed(&mut machine, LATER, Input::Exited(Role::Vrrp, exit)), []);
        let out = feed(&mut machine, LATER, Input::Exited(Role::Checkers, Exit::Status(0)));
        let Exit::Status(status) = exit else { unreachable!() };
        assert_eq!(out, [Output::Exit(status)]);
    }
}

#[test]
fn a_kernel_without_ipvs_costs_the_checkers_and_not_the_addresses() {
    let (mut machine, _) = both_up();
    let out = feed(&mut machine, T0, Input::Exited(Role::Checkers, Exit::UNAVAILABLE));
    assert_eq!(out, [Output::Log(Event::Unavailable(Role::Checkers))]);
    assert!(machine.child(Role::Vrrp).is_ready());
}

#[test]
fn a_kernel_without_ipvs_ends_a_daemon_that_has_nothing_else_to_do() {
    let mut out = Vec::new();
    let mut machine = Supervisor::start(Settings::default(), &roles(&[Role::Checkers]), &mut out);
    feed(&mut machine, T0, Input::Forked(Role::Checkers, 5));
    let out = feed(&mut machine, T0, Input::Exited(Role::Checkers, Exit::UNAVAILABLE));
    assert_eq!(out.last(), Some(&Output::Exit(1)));
}

#[test]
fn dont_respawn_ends_the_daemon_at_the_first_death() {
    let mut out = Vec::new();
    let settings = Settings { dont_respawn: true, ..Settings::default() };
    let mut machine = Supervisor::start(settings, &roles(&[Role::Vrrp]), &mut out);
    feed(&mut machine, T0, Input::Forked(Role::Vrrp, 5));
    let out = feed(&mut machine, T0, Input::Exited(Role::Vrrp, Exit::Signal(9)));
    assert!(texts(&out).contains(&"VRRP child process(5) died: Exiting".to_owned()));
    assert_eq!(out.last(), Some(&Output::Exit(0)));
}

#[test]
fn a_reload_commits_only_when_every_child_has_answered() {
    let (mut machine, _) = both_up();
    let out = feed(&mut machine, LATER, Input::Reload);
    assert_eq!(out, [Output::Log(Event::Reloading), Output::Load]);
    let out = feed(&mut machine, LATER, Input::Loaded(roles(&Role::ALL)));
    assert_eq!(
        out,
        [
            Output::Send(Role::Checkers, Command::Prepare(2)),
            Output::Send(Role::Vrrp, Command::Prepare(2)),
        ]
    );
    let plan = vec!["VIP 10.0.0.1/32 added to VI_1".to_owned()];
    let prepared = Input::Prepared { role: Role::Vrrp, generation: 2, plan };
    let out = feed(&mut machine, LATER, prepared);
    assert_eq!(texts(&out), ["Reload: VRRP: VIP 10.0.0.1/32 added to VI_1"]);
    assert_eq!(machine.generation(), 1, "one answer is outstanding");
    let prepared = Input::Prepared { role: Role::Checkers, generation: 2, plan: vec![] };
    let out = feed(&mut machine, LATER, prepared);
    assert_eq!(
        out,
        [
            Output::Adopt,
            Output::Send(Role::Checkers, Command::Commit(2)),
            Output::Send(Role::Vrrp, Command::Commit(2)),
        ]
    );
    feed(&mut machine, LATER, Input::Committed { role: Role::Vrrp, generation: 2 });
    let out = feed(&mut machine, LATER, Input::Committed { role: Role::Checkers, generation: 2 });
    assert_eq!(texts(&out), ["Reload complete"]);
    assert_eq!(machine.next_timeout(), None);
}

#[test]
fn a_configuration_that_cannot_be_read_reaches_no_child() {
    let (mut machine, _) = both_up();
    feed(&mut machine, LATER, Input::Reload);
    let out = feed(&mut machine, LATER, Input::LoadFailed("line 3 is bad".into()));
    assert_eq!(out[0], Output::Discard);
    assert!(texts(&out)[0].ends_with("stays in force: line 3 is bad"));
    assert_eq!(machine.generation(), 1);
}

#[test]
fn one_child_that_refuses_makes_every_child_forget_the_new_configuration() {
    let (mut machine, _) = both_up();
    feed(&mut machine, LATER, Input::Reload);
    feed(&mut machine, LATER, Input::Loaded(roles(&Role::ALL)));
    let refused = Input::Refused { role: Role::Vrrp, generation: 2, reason: "no".into() };
    let out = feed(&mut machine, LATER, refused);
    assert!(out.contains(&Output::Send(Role::Checkers, Command::Abort(2))));
    assert!(out.contains(&Output::Send(Role::Vrrp, Command::Abort(2))));
    assert!(out.contains(&Output::Discard));
    let late = Input::Prepared { role: Role::Checkers, generation: 2, plan: vec![] };
    assert_eq!(feed(&mut machine, LATER, late), [], "an answer to what is over changes nothing");
}

#[test]
fn a_child_that_does_not_answer_fails_the_reload_in_time() {
    let (mut machine, _) = both_up();
    feed(&mut machine, LATER, Input::Reload);
    feed(&mut machine, LATER, Input::Loaded(roles(&Role::ALL)));
    let due = machine.next_timeout().unwrap();
    assert_eq!(due, LATER + PREPARE_LIMIT);
    let out = feed(&mut machine, due, Input::Timeout);
    assert!(texts(&out)[0].contains("no answer from Healthcheck, VRRP within 10s"));
}

#[test]
fn a_child_that_dies_while_a_reload_is_prepared_is_replaced_and_asked_again() {
    let (mut machine, _) = both_up();
    feed(&mut machine, LATER, Input::Reload);
    feed(&mut machine, LATER, Input::Loaded(roles(&Role::ALL)));
    let plan = Input::Prepared { role: Role::Checkers, generation: 2, plan: vec![] };
    feed(&mut machine, LATER, plan);
    let out = feed(&mut machine, LATER, Input::Exited(Role::Vrrp, Exit::Signal(9)));
    assert!(out.contains(&Output::Fork(Role::Vrrp)));
    feed(&mut machine, LATER, Input::Forked(Role::Vrrp, 14));
    let out = feed(&mut machine, LATER, Input::Ready(Role::Vrrp));
    assert_eq!(out, [Output::Send(Role::Vrrp, Command::Prepare(2))]);
}

#[test]
fn a_child_that_dies_during_the_commit_does_not_hold_it_up() {
    let (mut machine, _) = both_up();
    feed(&mut machine, LATER, Input::Reload);
    feed(&mut machine, LATER, Input::Loaded(roles(&Role::ALL)));
    for role in Role::ALL {
        feed(&mut machine, LATER, Input::Prepared { role, generation: 2, plan: vec![] });
    }
    feed(&mut machine, LATER, Input::Committed { role: Role::Checkers, generation: 2 });
    let out = feed(&mut machine, LATER, Input::Exited(Role::Vrrp, Exit::Signal(9)));
    assert!(texts(&out).contains(&"Reload complete".to_owned()));
    assert!(out.contains(&Output::Fork(Role::Vrrp)));
}

#[test]
fn a_second_hangup_during_a_reload_is_remembered_once() {
    let (mut machine, _) = both_up();
    feed(&mut machine, LATER, Input::Reload);
    assert_eq!(feed(&mut machine, LATER, Input::Reload), []);
    assert_eq!(feed(&mut machine, LATER, Input::Reload), []);
    let out = feed(&mut machine, LATER, Input::LoadFailed("bad".into()));
    assert_eq!(out.iter().filter(|o| **o == Output::Load).count(), 1);
    let out = feed(&mut machine, LATER, Input::LoadFailed("bad".into()));
    assert!(!out.contains(&Output::Load));
}

#[test]
fn a_reload_starts_a_child_that_has_become_needed() {
    let mut out = Vec::new();
    let mut machine = Supervisor::start(Settings::default(), &roles(&[Role::Vrrp]), &mut out);
    feed(&mut machine, T0, Input::Forked(Role::Vrrp, 5));
    feed(&mut machine, T0, Input::Ready(Role::Vrrp));
    feed(&mut machine, T0, Input::Reload);
    feed(&mut machine, T0, Input::Loaded(roles(&Role::ALL)));
    let plan = Input::Prepared { role: Role::Vrrp, generation: 2, plan: vec![] };
    let out = feed(&mut machine, T0, plan);
    assert!(out.contains(&Output::Fork(Role::Checkers)));
    let adopt = out.iter().position(|o| *o == Output::Adopt);
    let fork = out.iter().position(|o| *o == Output::Fork(Role::Checkers));
    assert!(adopt < fork, "the new child starts with the new configuration");
}

#[test]
fn a_daemon_without_configuration_waits_and_a_reload_gives_it_work() {
    let mut out = Vec::new();
    let mut machine = Supervisor::start(Settings::default(), &BTreeSet::new(), &mut out);
    assert_eq!(out, []);
    assert!(machine.all_ready());
    feed(&mut machine, T0, Input::Reload);
    let out = feed(&mut machine, T0, Input::Loaded(roles(&[Role::Vrrp])));
    assert!(out.contains(&Output::Fork(Role::Vrrp)));
}

#[test]
fn a_stop_ends_when_the_last_child_has_ended() {
    let (mut machine, _) = both_up();
    let out = feed(&mut machine, LATER, Input::Stop);
    assert_eq!(
        out,
        [
            Output::Log(Event::Stopping),
            Output::Kill(Role::Checkers, Signal::Term),
            Output::Kill(Role::Vrrp, Signal::Term),
        ]
    );
    assert_eq!(feed(&mut machine, LATER, Input::Exited(Role::Vrrp, Exit::Status(0))), []);
    let out = feed(&mut machine, LATER, Input::Exited(Role::Checkers, Exit::Status(0)));
    assert_eq!(out, [Output::Exit(0)]);
}

#[test]
fn a_child_that_does_not_end_is_killed_after_a_time_that_grows_with_the_work() {
    let (mut machine, _) = both_up();
    machine.weigh(50_000);
    feed(&mut machine, LATER, Input::Stop);
    let due = machine.next_timeout().unwrap();
    assert_eq!(due, LATER + Duration::from_secs(55));
    let out = feed(&mut machine, due, Input::Timeout);
    assert!(out.contains(&Output::Kill(Role::Vrrp, Signal::Kill)));
    assert!(out.contains(&Output::Kill(Role::Checkers, Signal::Kill)));
}

#[test]
fn a_child_that_is_killed_while_all_stop_has_one_successor_that_clears_up() {
    let (mut machine, _) = both_up();
    feed(&mut machine, LATER, Input::Stop);
    let out = feed(&mut machine, LATER, Input::Exited(Role::Vrrp, Exit::Signal(9)));
    assert_eq!(out, [Output::Fork(Role::Vrrp)]);
    let out = feed(&mut machine, LATER, Input::Forked(Role::Vrrp, 13));
    assert_eq!(out.last(), Some(&Output::Kill(Role::Vrrp, Signal::Term)));
    assert_eq!(feed(&mut machine, LATER, Input::Exited(Role::Vrrp, Exit::Signal(9))), []);
    let out = feed(&mut machine, LATER, Input::Exited(Role::Checkers, Exit::Status(0)));
    assert_eq!(out, [Output::Exit(0)]);
}

#[test]
fn a_stop_during_a_backoff_does_not_wait_for_it_and_clears_up() {
    let mut out = Vec::new();
    let mut machine = Supervisor::start(Settings::default(), &roles(&[Role::Vrrp]), &mut out);
    for pid in [5, 6] {
        feed(&mut machine, T0, Input::Forked(Role::Vrrp, pid));
        feed(&mut machine, T0, Input::Exited(Role::Vrrp, Exit::Signal(9)));
    }
    let out = feed(&mut machine, T0, Input::Stop);
    assert_eq!(out, [Output::Log(Event::Stopping), Output::Fork(Role::Vrrp)]);
    let out = feed(&mut machine, T0, Input::Forked(Role::Vrrp, 7));
    assert_eq!(out.last(), Some(&Output::Kill(Role::Vrrp, Signal::Term)));
    // It dies as the others did: then there is nothing to be done.
    let out = feed(&mut machine, T0, Input::Exited(Role::Vrrp, Exit::Signal(9)));
    assert_eq!(out, [Output::Exit(0)]);
}

#[test]
fn a_child_that_does_not_answer_is_named_killed_and_replaced() {
    let (mut machine, _) = both_up_with(Settings::default());
    let asked = machine.next_timeout().unwrap();
    let out = feed(&mut machine, asked, Input::Timeout);
    assert_eq!(out, [Output::Ping(Role::Checkers, 1), Output::Ping(Role::Vrrp, 1)]);
    feed(&mut machine, asked, Input::Pong(Role::Checkers, 1));
    // The checkers are silent meanwhile, asked again, and answer; what the other says is not its answer.
    feed(&mut machine, asked, Input::Silent(Role::Checkers));
    let (now, hung) = loop {
        let now = machine.next_timeout().unwrap();
        let out = feed(&mut machine, now, Input::Timeout);
        match out[..] {
            [Output::Ping(Role::Checkers, number)] => {
                feed(&mut machine, now, Input::Pong(Role::Checkers, number));
                if number < 4 {
                    feed(&mut machine, now, Input::Silent(Role::Checkers));
                }
            }
            _ => break (now, out),
        }
    };
    assert_eq!(now, asked + crate::pulse::limit(Role::Vrrp));
    assert_eq!(texts(&hung), ["VRRP child process(12) does not answer - forcing termination"]);
    assert!(hung.contains(&Output::Kill(Role::Vrrp, Signal::Kill)));
    assert!(!machine.is_well(), "as long as it is there");
    let out = feed(&mut machine, now, Input::Exited(Role::Vrrp, Exit::Signal(9)));
    assert!(machine.is_well());
    assert_eq!(out.last(), Some(&Output::Fork(Role::Vrrp)));
}

#[cfg(test)]
#[path = "supervisor/upgrade_tests.rs"]
mod upgrade_tests;

#[cfg(test)]
#[path = "supervisor/disturbed_tests.rs"]
mod disturbed_tests;
