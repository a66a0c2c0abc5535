use super::upgrade::PROBATION;
use super::*;
use crate::predecessor::{LINGER_LIMIT, PROOF, RETIRE_LIMIT, WARM_LIMIT};

/// A supervisor that is just about to try a new binary.
fn in_trial() -> Supervisor {
    let (mut machine, _) = both_up();
    let out = feed(&mut machine, LATER, Input::Upgrade);
    assert_eq!(out, [Output::Log(Event::Reloading), Output::Load]);
    feed(&mut machine, LATER, Input::Loaded(roles(&Role::ALL)));
    for role in Role::ALL {
        let plan = Vec::new();
        feed(&mut machine, LATER, Input::Prepared { role, generation: 2, plan });
    }
    feed(&mut machine, LATER, Input::Committed { role: Role::Vrrp, generation: 2 });
    let committed = Input::Committed { role: Role::Checkers, generation: 2 };
    let out = feed(&mut machine, LATER, committed);
    assert_eq!(out, [Output::Log(Event::Reloaded), Output::Try]);
    machine
}

/// The supervisor of the new binary: both children work, both successors are forked.
fn in_succession() -> Supervisor {
    let settings = Settings { no_heartbeat: true, ..Settings::default() };
    let (all, mut out) = (roles(&Role::ALL), Vec::new());
    let mut machine = Supervisor::resume(settings, &all, &all, false, &mut out);
    assert_eq!(out, [Output::Fork(Role::Checkers), Output::Fork(Role::Vrrp)]);
    for (role, pid) in [(Role::Checkers, 21), (Role::Vrrp, 22)] {
        feed(&mut machine, T0, Input::Forked(role, pid));
    }
    machine
}

#[test]
fn an_upgrade_reloads_tries_the_new_binary_and_becomes_it() {
    let mut machine = in_trial();
    let out = feed(&mut machine, LATER, Input::TrialPassed);
    assert_eq!(out, [Output::TakeOver { reload: false }]);
}

#[test]
fn a_reload_that_comes_during_the_trial_is_left_to_the_new_binary() {
    let mut machine = in_trial();
    assert_eq!(feed(&mut machine, LATER, Input::Reload), []);
    let out = feed(&mut machine, LATER, Input::TrialPassed);
    assert_eq!(out, [Output::TakeOver { reload: true }]);
    let all = roles(&Role::ALL);
    let mut out = Vec::new();
    Supervisor::resume(Settings::default(), &BTreeSet::new(), &all, true, &mut out);
    assert!(out.contains(&Output::Load), "{out:?}");
}

#[test]
fn a_binary_that_fails_its_trial_or_the_exec_leaves_the_old_one_running() {
    for passed_first in [false, true] {
        let mut machine = in_trial();
        if passed_first {
            feed(&mut machine, LATER, Input::TrialPassed);
        }
        feed(&mut machine, LATER, Input::Reload);
        let out = feed(&mut machine, LATER, Input::UpgradeFailed("no".into()));
        assert_eq!(out.first(), Some(&Output::EndTrial));
        assert_eq!(texts(&out)[0], "Upgrade refused, the running program goes on: no");
        assert_eq!(out.last(), Some(&Output::Load), "the reload that waited");
    }
}

#[test]
fn a_binary_that_hangs_in_its_trial_is_given_up() {
    let mut machine = in_trial();
    let due = machine.next_timeout().unwrap();
    assert_eq!(due, LATER + TRIAL_LIMIT);
    let out = feed(&mut machine, due, Input::Timeout);
    assert_eq!(out.first(), Some(&Output::EndTrial));
    assert!(feed(&mut machine, due, Input::TrialPassed).is_empty(), "too late");
}

#[test]
fn a_configuration_that_cannot_be_loaded_refuses_an_upgrade() {
    let (mut machine, _) = both_up();
    feed(&mut machine, LATER, Input::Upgrade);
    let out = feed(&mut machine, LATER, Input::LoadFailed("line 3".into()));
    assert!(!out.contains(&Output::Try));
    assert!(texts(&out)[1].starts_with("Upgrade refused"), "{out:?}");
}

#[test]
fn a_child_of_the_former_binary_hands_over_when_its_successor_is_warm() {
    let mut machine = in_succession();
    assert!(feed(&mut machine, T0, Input::Warm(Role::Vrrp)).is_empty());
    assert_eq!(machine.next_timeout(), Some(T0 + PROOF), "the new binary lives for a moment first");
    let out = feed(&mut machine, T0 + PROOF, Input::Timeout);
    assert_eq!(out, [Output::Retire(Role::Vrrp)]);
    let out = feed(&mut machine, T0, Input::Retired(Role::Vrrp));
    assert_eq!(out, [Output::Begin(Role::Vrrp)]);
    assert!(feed(&mut machine, T0, Input::Warm(Role::Vrrp)).is_empty());
    feed(&mut machine, T0, Input::Warm(Role::Checkers));
    // It dies on the way: its successor begins with what is known.
    let out = feed(&mut machine, T0, Input::PredecessorExited(Role::Checkers));
    assert_eq!(out, [Output::Begin(Role::Checkers), Output::Log(Event::Upgraded)]);
    assert!(feed(&mut machine, T0, Input::PredecessorExited(Role::Vrrp)).is_empty());
}

#[test]
fn one_that_does_not_hand_over_or_does_not_leave_is_killed() {
    let mut machine = in_succession();
    feed(&mut machine, T0, Input::Warm(Role::Vrrp));
    feed(&mut machine, T0 + PROOF, Input::Timeout);
    let kill = Output::KillPredecessor(Role::Vrrp, Signal::Kill);
    let out = feed(&mut machine, T0 + PROOF + RETIRE_LIMIT, Input::Timeout);
    assert_eq!(out, std::slice::from_ref(&kill));
    feed(&mut machine, T0, Input::Warm(Role::Checkers));
    feed(&mut machine, T0, Input::Retired(Role::Vrrp));
    assert!(feed(&mut machine, T0 + LINGER_LIMIT, Input::Timeout).contains(&kill));
}

#[test]
fn while_its_predecessor_works_a_successor_may_die_of_anything_or_hang() {
    let mut machine = in_succession();
    for exit in [Exit::FATAL, Exit::CONFIG, Exit::Signal(11)] {
        let out = feed(&mut machine, LATER, Input::Exited(Role::Vrrp, exit));
        assert_eq!(out.last(), Some(&Output::Fork(Role::Vrrp)));
        feed(&mut machine, LATER - Duration::from_secs(2), Input::Forked(Role::Vrrp, 23));
    }
    let out = feed(&mut machine, LATER + WARM_LIMIT, Input::Timeout);
    assert!(out.contains(&Output::Kill(Role::Vrrp, Signal::Kill)), "{out:?}");
    assert!(!out.contains(&Output::KillPredecessor(Role::Vrrp, Signal::Kill)));
}

#[test]
fn a_successor_that_dies_before_it_has_begun_means_the_way_back() {
    for warm in [false, true] {
        let mut machine = in_succession();
        if warm {
            feed(&mut machine, T0, Input::Warm(Role::Vrrp));
        }
        let out = feed(&mut machine, T0, Input::Exited(Role::Vrrp, Exit::FATAL));
        assert!(out.contains(&Output::GoBack), "{out:?}");
        // Where there is no way back another successor comes, and has to get warm again.
        assert!(out.contains(&Output::Log(Event::Respawning(Role::Vrrp, 22))), "{out:?}");
        let out = feed(&mut machine, T0 + PROOF, Input::Timeout);
        assert!(!out.contains(&Output::Retire(Role::Vrrp)), "{out:?}");
    }
    let mut machine = in_succession();
    feed(&mut machine, T0, Input::Warm(Role::Checkers));
    feed(&mut machine, T0 + PROOF, Input::Timeout);
    let out = feed(&mut machine, T0 + PROOF, Input::Exited(Role::Vrrp, Exit::FATAL));
    assert!(!out.contains(&Output::GoBack), "the other one has handed over already");
}

/// The supervisor of the new binary, whose children have begun at `T0`.
fn on_probation() -> Supervisor {
    let mut machine = in_succession();
    for role in Role::ALL {
        feed(&mut machine, T0, Input::Warm(role));
        feed(&mut machine, T0, Input::Retired(role));
    }
    machine
}

#[test]
fn children_that_crash_on_probation_mean_a_trial_of_the_former_binary() {
    for (exits, back) in [
        (&[Exit::Signal(11)][..], false),
        (&[Exit::Signal(11), Exit::Signal(6)], true),
        (&[Exit::FATAL], true),
        (&[Exit::Signal(9), Exit::Signal(9), Exit::Signal(15)], false),
    ] {
        let mut machine = on_probation();
        let mut out = Vec::new();
        for exit in exits {
            out = feed(&mut machine, T0, Input::Exited(Role::Vrrp, *exit));
        }
        assert_eq!(out.contains(&Output::TryFormer), back, "{exits:?}: {out:?}");
        if back {
            assert!(
                out.contains(&Output::Log(Event::Respawning(Role::Vrrp, 22))) || exits.len() > 1
            );
            let taken = feed(&mut machine, T0, Input::TrialPassed);
            assert_eq!(taken, [Output::TakeOver { reload: false }]);
        }
    }
    let mut machine = on_probation();
    let late = T0 + PROBATION;
    let out = feed(&mut machine, late, Input::Exited(Role::Vrrp, Exit::FATAL));
    assert!(!out.contains(&Output::TryFormer) && texts(&out)[0].contains("permanent"), "{out:?}");
}

#[test]
fn a_binary_that_has_been_gone_back_to_is_not_on_probation() {
    let mut machine = in_succession();
    machine.settings.no_return = true;
    for role in Role::ALL {
        feed(&mut machine, T0, Input::Warm(role));
        feed(&mut machine, T0, Input::Retired(role));
    }
    let out = feed(&mut machine, T0, Input::Exited(Role::Vrrp, Exit::Signal(11)));
    assert_eq!(out.last(), Some(&Output::Fork(Role::Vrrp)), "{out:?}");
    feed(&mut machine, T0, Input::Forked(Role::Vrrp, 30));
    let out = feed(&mut machine, T0, Input::Exited(Role::Vrrp, Exit::Signal(11)));
    assert!(!out.contains(&Output::TryFormer), "{out:?}");
    assert!(matches!(machine.child(Role::Vrrp), Child::Waiting { .. }), "a pause before the next");
}

#[test]
fn the_former_binary_is_let_go_of_when_probation_ends() {
    let mut machine = on_probation();
    assert_eq!(feed(&mut machine, T0 + Duration::from_secs(9), Input::Timeout), []);
    for role in Role::ALL {
        feed(&mut machine, T0, Input::PredecessorExited(role));
    }
    assert_eq!(machine.next_timeout(), Some(T0 + PROBATION));
    let out = feed(&mut machine, T0 + PROBATION, Input::Timeout);
    assert_eq!(out, [Output::ForgetFormer]);
    assert_eq!(machine.next_timeout(), None);
}

#[test]
fn reloads_and_upgrades_wait_until_the_succession_is_over() {
    let mut machine = in_succession();
    assert!(feed(&mut machine, T0, Input::Reload).is_empty());
    for role in Role::ALL {
        feed(&mut machine, T0, Input::Warm(role));
    }
    feed(&mut machine, T0, Input::Retired(Role::Checkers));
    let out = feed(&mut machine, T0, Input::Retired(Role::Vrrp));
    assert_eq!(out.last(), Some(&Output::Load));
}

#[test]
fn a_stop_during_the_succession_waits_for_both_generations() {
    let mut machine = in_succession();
    feed(&mut machine, T0, Input::Warm(Role::Vrrp));
    feed(&mut machine, T0 + PROOF, Input::Timeout);
    let out = feed(&mut machine, T0, Input::Stop);
    // The one was working and leaves in order; the other has let go, so its successor clears up.
    assert!(out.contains(&Output::KillPredecessor(Role::Checkers, Signal::Term)));
    assert!(!out.contains(&Output::Begin(Role::Checkers)));
    let begin = out.iter().position(|output| *output == Output::Begin(Role::Vrrp)).unwrap();
    let term = Output::Kill(Role::Vrrp, Signal::Term);
    assert!(out.iter().position(|output| *output == term).unwrap() > begin);
    for role in Role::ALL {
        assert!(feed(&mut machine, T0, Input::Exited(role, Exit::Status(0))).is_empty());
    }
    assert!(feed(&mut machine, T0, Input::PredecessorExited(Role::Vrrp)).is_empty());
    let out = feed(&mut machine, T0, Input::PredecessorExited(Role::Checkers));
    assert_eq!(out, [Output::Exit(0)]);
}

#[test]
fn without_a_child_of_the_former_binary_the_upgrade_is_over_at_once() {
    for wanted in [BTreeSet::new(), roles(&[Role::Vrrp])] {
        let mut out = Vec::new();
        let none = BTreeSet::new();
        let machine = Supervisor::resume(Settings::default(), &none, &wanted, false, &mut out);
        let end = [Output::CloseWayBack, Output::Log(Event::Upgraded)];
        assert!(out.ends_with(&end), "{out:?}");
        assert_eq!(machine.next_timeout(), None);
    }
}

#[test]
fn a_stop_closes_the_way_back_that_is_open() {
    for (mut machine, is_open) in [(in_succession(), true), (on_probation(), false)] {
        let out = feed(&mut machine, T0, Input::Stop);
        assert_eq!(out.contains(&Output::CloseWayBack), is_open, "{out:?}");
    }
}
