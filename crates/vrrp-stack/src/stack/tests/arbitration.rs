//! `arbiter`, `track_probe`.

use base::{Duration, Weight};
use control_plane::model::split_brain::{TrackProbe, UsedArbiter};
use control_plane::model::{Arbiter, ArbiterId, Instance, Vrrp, Witness};

use crate::arbiter::ProbeId;
use crate::fixture::*;
use crate::input::Input;
use crate::output::Output;

fn with_arbiter(instance: Instance) -> Vrrp {
    let arbiter = Arbiter {
        name: "w".into(),
        witnesses: vec![Witness::Ping([10, 9, 0, 254].into())],
        interval: Duration::from_millis(500),
        timeout: Duration::from_millis(500),
        rise: 1,
        fall: 2,
        quorum: 1,
    };
    Vrrp { arbiters: vec![arbiter], ..only(instance) }
}

fn asking(priority: u8, keeps: bool) -> Vrrp {
    let mut instance = instance(priority);
    instance.split_brain.arbiter = Some(UsedArbiter { arbiter: ArbiterId(0), keeps });
    with_arbiter(instance)
}

/// Moves the clock on with a witness that answers, or not.
fn run(bench: &mut Bench, span: Duration, reachable: bool) {
    let end = bench.now + span;
    answer(bench, reachable);
    while let Some(due) = bench.stack.next_timeout().filter(|due| *due <= end) {
        bench.now = bench.now.max(due);
        bench.give(Input::Timeout);
        answer(bench, reachable);
    }
    bench.now = end;
}

fn answer(bench: &mut Bench, reachable: bool) {
    let asked: Vec<ProbeId> = bench
        .out
        .iter()
        .filter_map(|output| match output {
            Output::Probe { probe, .. } => Some(*probe),
            _ => None,
        })
        .collect();
    bench.out.retain(|output| !matches!(output, Output::Probe { .. }));
    for probe in asked.into_iter().filter(|_| reachable) {
        bench.give(Input::ProbeAnswered { probe, good: true });
    }
}

const LONG: Duration = Duration::from_secs(20);

#[test]
fn a_node_that_hears_nobody_and_reaches_no_witness_stays_backup_and_says_why() {
    let mut bench = Bench::new(&asking(100, false));
    run(&mut bench, LONG, false);
    assert_eq!(bench.state(), "BACKUP");
    let log = bench.log();
    let held = "(VI_1) nobody is heard, but the witnesses of w cannot be reached either: this node \
                may be the one that is cut off, and stays BACKUP";
    assert_eq!(log.iter().filter(|line| *line == held).count(), 1, "{log:#?}");
    assert!(bench.stack.view().instances[0].split_brain.held);
    assert_eq!(bench.stack.routers()[0].statistics().split_brain.held, 1);
    assert!(log.contains(&"vrrp_arbiter w: ping 10.9.0.254 cannot be reached".to_owned()));

    run(&mut bench, Duration::from_millis(501), true);
    assert_eq!(bench.state(), "BACKUP", "a master that lives has an interval to be heard");
    run(&mut bench, Duration::from_millis(1_610), true);
    assert_eq!(bench.state(), "MASTER", "its time came long ago");
    assert!(!bench.stack.view().instances[0].split_brain.held);
}

#[test]
fn a_node_that_reaches_its_witness_takes_over_in_time() {
    let mut bench = Bench::new(&asking(100, false));
    run(&mut bench, Duration::from_millis(3_609), true);
    assert_eq!(bench.state(), "BACKUP");
    run(&mut bench, Duration::from_millis(1), true);
    assert_eq!(bench.state(), "MASTER");
}

/// Not before its witnesses are known to be out of reach: the master may have left for that reason,
/// and a third node may have them.
#[test]
fn a_master_that_says_goodbye_is_followed_without_a_witness_by_who_would_keep_the_addresses() {
    for (keeps, state) in [(false, "BACKUP"), (true, "MASTER")] {
        let mut bench = Bench::new(&asking(100, keeps));
        run(&mut bench, SECOND, false);
        bench.hear(LOW, 0);
        run(&mut bench, LONG, false);
        assert_eq!(bench.state(), state);
        run(&mut bench, Duration::from_secs(3), true);
        assert_eq!(bench.state(), "MASTER");
    }
}

#[test]
fn a_master_that_loses_its_witness_yields_or_keeps_as_it_is_told() {
    for (keeps, state) in [(false, "BACKUP"), (true, "MASTER")] {
        let mut bench = Bench::new(&asking(100, keeps));
        run(&mut bench, LONG, true);
        assert_eq!(bench.state(), "MASTER");
        bench.adverts();
        bench.log();
        run(&mut bench, LONG, false);
        assert_eq!(bench.state(), state);
        assert_eq!(bench.adverts().contains(&0), !keeps, "who yields says so");
        assert_eq!(bench.stack.routers()[0].statistics().split_brain.witnesses_lost, 1);
        let end = if keeps { "keeps" } else { "gives up" };
        let line = format!(
            "(VI_1) the witnesses of w cannot be reached: this node may be cut off, and {end} the \
             addresses"
        );
        assert!(bench.log().contains(&line));
        run(&mut bench, Duration::from_secs(3), true);
        assert_eq!(bench.state(), "MASTER", "nobody else is heard");
    }
}

#[test]
fn a_cut_off_node_does_not_preempt_either() {
    let mut bench = Bench::new(&asking(100, false));
    for _ in 0..10 {
        bench.hear(LOW, 50);
        run(&mut bench, SECOND, false);
    }
    assert_eq!(bench.state(), "BACKUP");
    for _ in 0..3 {
        bench.hear(LOW, 50);
        run(&mut bench, SECOND, true);
    }
    assert_eq!(bench.state(), "MASTER");
}

#[test]
fn a_node_that_was_cut_off_listens_before_it_takes_over() {
    let mut bench = Bench::new(&asking(100, false));
    run(&mut bench, LONG, false);
    run(&mut bench, Duration::from_millis(900), true);
    bench.hear(HIGH, 150);
    run(&mut bench, Duration::from_secs(3), true);
    assert_eq!(bench.state(), "BACKUP", "the master was there all the time");
    run(&mut bench, SECOND, true);
    assert_eq!(bench.state(), "MASTER");
}

#[test]
fn an_owner_asks_too() {
    let mut bench = Bench::new(&asking(255, false));
    run(&mut bench, LONG, false);
    assert_eq!(bench.state(), "BACKUP");
    run(&mut bench, Duration::from_secs(2), true);
    assert_eq!(bench.state(), "MASTER");
}

#[test]
fn a_reload_keeps_what_is_known_of_the_witnesses() {
    let mut bench = Bench::new(&asking(100, false));
    run(&mut bench, LONG, true);
    bench.give(Input::Reload(&asking(110, false)));
    run(&mut bench, Duration::from_millis(400), false);
    assert_eq!(bench.state(), "MASTER");
    bench.give(Input::Reload(&only(instance(110))));
    run(&mut bench, LONG, false);
    assert_eq!(bench.state(), "MASTER", "nobody is asked any longer");
}

fn tracking(weight: i32) -> Vrrp {
    let mut instance = instance(100);
    let weight = Weight::new(weight).unwrap();
    let probe = TrackProbe { arbiter: ArbiterId(0), weight, reverse: false };
    instance.split_brain.track_probes = vec![probe];
    with_arbiter(instance)
}

#[test]
fn a_probe_changes_the_priority_as_a_script_does() {
    let mut bench = Bench::new(&tracking(-30));
    run(&mut bench, SECOND, true);
    assert_eq!(bench.stack.routers()[0].priority().get(), 100);
    run(&mut bench, LONG, false);
    assert_eq!(bench.stack.routers()[0].priority().get(), 70);
    assert_eq!(bench.state(), "MASTER");
}

#[test]
fn a_probe_without_weight_is_a_fault_while_it_is_down_and_awaited_before() {
    let mut bench = Bench::new(&tracking(0));
    assert_eq!(bench.state(), "FAULT");
    assert_eq!(bench.notified(), [] as [&str; 0], "it only waits");
    run(&mut bench, LONG, true);
    assert_eq!(bench.state(), "MASTER");
    run(&mut bench, LONG, false);
    assert_eq!(bench.state(), "FAULT");
    let causes = bench.causes();
    let cause = "(VI_1) fault: the witnesses of w cannot be reached".to_owned();
    assert!(causes.contains(&cause), "{causes:#?}");
}
