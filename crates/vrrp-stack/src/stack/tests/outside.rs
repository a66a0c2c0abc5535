//! Files, processes and BFD sessions that are tracked.

use base::{Duration, Sighting, Weight};
use control_plane::model::tracking::{
    ParamMatch, TrackBfd, TrackFile, TrackFileUse, TrackProcess, TrackProcessUse,
};
use control_plane::model::vrrp::{SyncGroup, TrackGroup, TrackWeight, Vrrp};
use control_plane::model::{BfdId, FileId, ProcessId};

use crate::fixture::*;
use crate::input::Input;
use crate::output::Outputs;
use crate::stack::{Stack, Surroundings};

fn file_config(weight: i16, reverse: bool) -> Vrrp {
    let mut one = instance(100);
    one.track_files = vec![TrackFileUse { file: FileId(0), weight, reverse }];
    let file = TrackFile {
        name: "tf".to_owned(),
        path: "/run/tf".to_owned(),
        weight: 1,
        reverse: false,
        init: None,
    };
    Vrrp { files: vec![file], ..only(one) }
}

fn process_config(weight: i16, reverse: bool) -> Vrrp {
    let mut one = instance(100);
    one.track_processes = vec![TrackProcessUse { process: ProcessId(0), weight, reverse }];
    Vrrp { processes: vec![process()], ..only(one) }
}

fn process() -> TrackProcess {
    TrackProcess {
        name: "web".to_owned(),
        process: vec!["nginx".to_owned()],
        param_match: None,
        weight: 0,
        reverse: false,
        quorum: 2,
        quorum_max: Some(4),
        fork_delay: Duration::ZERO,
        terminate_delay: Duration::ZERO,
        full_command: false,
    }
}

fn file(value: i32) -> Sighting {
    Sighting::File { name: "tf".to_owned(), value }
}

fn web(count: u32) -> Sighting {
    Sighting::Processes { name: "web".to_owned(), count }
}

fn priority(bench: &Bench) -> u8 {
    bench.stack.routers()[0].priority().get()
}

/// A stack that had seen this before it started.
fn seeing(config: &Vrrp, sighting: Sighting) -> Bench {
    let mut bench = Bench::new(config);
    bench.out.clear();
    bench.stack = Stack::new_in(
        bench.now,
        config,
        &[eth0()],
        None,
        Surroundings { seen: &[sighting], ..Surroundings::default() },
        &mut bench.out,
    );
    bench
}

#[test]
fn the_number_in_a_file_times_its_weight_is_added() {
    let mut bench = Bench::new(&file_config(2, false));
    for (value, expected) in [(0, 100), (7, 114), (-7, 86), (300, 254), (-126, 1), (0, 100)] {
        bench.give(Input::Sighted(&file(value)));
        assert_eq!((bench.state(), priority(&bench)), ("BACKUP", expected), "{value}");
    }
    let log = bench.log();
    assert!(log.contains(&"(VI_1) Changing effective priority from 100 to 114".to_owned()));
}

#[test]
fn with_reverse_the_number_is_subtracted() {
    let mut bench = Bench::new(&file_config(2, true));
    bench.give(Input::Sighted(&file(7)));
    assert_eq!(priority(&bench), 86);
    bench.give(Input::Sighted(&file(127)));
    assert_eq!(bench.state(), "FAULT");
}

#[test]
fn a_sum_of_254_below_0_is_a_fault_in_keepalived_s_words() {
    let mut bench = Bench::master(&file_config(1, false));
    bench.give(Input::Sighted(&file(-253)));
    assert_eq!((bench.state(), priority(&bench)), ("MASTER", 1));
    bench.out.clear();
    bench.give(Input::Sighted(&file(-254)));
    assert_eq!(bench.adverts(), [0, 0]);
    let log = bench.log();
    assert_eq!(log[0], "(VI_1): tracked file tf now FAULT state");
    assert!(log.contains(&"(VI_1) Entering FAULT STATE".to_owned()), "{log:?}");
    assert_eq!(bench.causes(), ["(VI_1) fault: tracked file tf says so"]);
    bench.give(Input::Sighted(&file(0)));
    assert_eq!(
        bench.log(),
        ["(VI_1): tracked file tf leaving FAULT state", "(VI_1) Entering BACKUP STATE",]
    );
}

#[test]
fn weight_0_makes_any_number_but_0_a_fault_and_reversed_0_itself() {
    let mut bench = Bench::new(&file_config(0, false));
    assert_eq!(bench.state(), "BACKUP");
    bench.give(Input::Sighted(&file(1)));
    assert_eq!(bench.state(), "FAULT");
    bench.give(Input::Sighted(&file(0)));
    assert_eq!(bench.state(), "BACKUP");
    let mut bench = Bench::new(&file_config(0, true));
    assert_eq!(bench.state(), "FAULT");
    bench.give(Input::Sighted(&file(-1)));
    assert_eq!(bench.state(), "BACKUP");
}

#[test]
fn numbers_beyond_all_bounds_stay_within_them() {
    let mut bench = Bench::new(&file_config(254, false));
    bench.give(Input::Sighted(&file(i32::MAX)));
    assert_eq!(priority(&bench), 254);
    bench.give(Input::Sighted(&file(i32::MIN)));
    assert_eq!(bench.state(), "FAULT");
}

#[test]
fn what_was_seen_before_the_start_counts_from_the_start() {
    let mut bench = seeing(&file_config(1, false), file(5));
    assert_eq!(priority(&bench), 105);
    assert_eq!(bench.log()[0], "(VI_1) Changing effective priority from 100 to 105");
    assert_eq!(seeing(&file_config(0, false), file(5)).state(), "FAULT");
}

#[test]
fn an_address_owner_keeps_its_priority() {
    let mut config = file_config(1, false);
    config.instances[0].priority = base::Priority::new(255).unwrap();
    let mut bench = Bench::new(&config);
    bench.give(Input::Sighted(&file(-5)));
    assert_eq!((bench.state(), priority(&bench)), ("MASTER", 255));
}

#[test]
fn what_a_sync_group_tracks_counts_for_every_member() {
    let mut config = file_config(0, false);
    let files = std::mem::take(&mut config.instances[0].track_files);
    let group = SyncGroup {
        name: "G".to_owned(),
        members: vec!["VI_1".to_owned()],
        track_files: files,
        ..SyncGroup::default()
    };
    config.sync_groups = vec![group];
    let mut bench = Bench::new(&config);
    bench.give(Input::Sighted(&file(1)));
    assert_eq!(bench.state(), "FAULT");
}

#[test]
fn a_reload_keeps_the_number_and_learns_that_of_a_new_file() {
    let mut bench = Bench::new(&only(instance(100)));
    bench.give(Input::Sighted(&file(5)));
    assert_eq!(priority(&bench), 100, "nobody tracks it");
    bench.give(Input::Reload(&file_config(1, false)));
    assert_eq!(priority(&bench), 105);
    bench.give(Input::Reload(&file_config(2, false)));
    assert_eq!(priority(&bench), 110);
    bench.give(Input::Reload(&only(instance(100))));
    assert_eq!(priority(&bench), 100);
}

#[test]
fn processes_count_as_up_between_quorum_and_quorum_max() {
    let mut bench = Bench::new(&process_config(0, false));
    for (count, state) in
        [(0, "FAULT"), (1, "FAULT"), (2, "BACKUP"), (4, "BACKUP"), (5, "FAULT"), (3, "BACKUP")]
    {
        bench.give(Input::Sighted(&web(count)));
        assert_eq!(bench.state(), state, "{count}");
    }
    let causes = bench.causes();
    assert!(causes.contains(&"(VI_1) fault: process web has not its quorum".to_owned()));
}

#[test]
fn weights_of_processes_count_by_their_sign_and_reverse() {
    for (weight, reverse, without, with) in
        [(10, false, 100, 110), (-10, false, 90, 100), (10, true, 110, 100), (-10, true, 100, 90)]
    {
        let mut bench = seeing(&process_config(weight, reverse), web(1));
        assert_eq!(priority(&bench), without, "{weight} {reverse}");
        bench.give(Input::Sighted(&web(2)));
        assert_eq!(priority(&bench), with, "{weight} {reverse}");
    }
}

#[test]
fn a_change_of_quorum_counts_after_its_delay_unless_it_is_taken_back() {
    let mut config = process_config(0, false);
    config.processes[0].fork_delay = Duration::from_secs(2);
    config.processes[0].terminate_delay = Duration::from_secs(3);
    let mut bench = seeing(&config, web(2));
    assert_eq!(bench.state(), "BACKUP", "what is seen first counts at once");

    bench.give(Input::Sighted(&web(1)));
    bench.run(SECOND);
    bench.give(Input::Sighted(&web(0)));
    bench.run(SECOND);
    bench.give(Input::Sighted(&web(3)));
    bench.run(Duration::from_secs(5));
    assert_ne!(bench.state(), "FAULT", "it came back in time");

    bench.give(Input::Sighted(&web(1)));
    bench.run(Duration::from_micros(2_999_999));
    assert_ne!(bench.state(), "FAULT");
    bench.run(Duration::from_micros(1));
    assert_eq!(bench.state(), "FAULT");

    bench.give(Input::Sighted(&web(2)));
    bench.run(Duration::from_micros(1_999_999));
    assert_eq!(bench.state(), "FAULT");
    bench.run(Duration::from_micros(1));
    assert_eq!(bench.state(), "BACKUP");
}

#[test]
fn a_successor_goes_on_with_a_delay_that_runs() {
    let mut config = process_config(0, false);
    config.processes[0].terminate_delay = Duration::from_secs(30);
    let mut bench = seeing(&config, web(2));
    bench.give(Input::Sighted(&web(0)));
    bench.run(Duration::from_secs(10));
    let known = bench.stack.snapshot();
    assert_eq!(known, bench.stack.take_changes().into_iter().collect(), "the parent knows");
    bench.stack = Stack::new_in(
        bench.now,
        &config,
        &[eth0()],
        Some(&known),
        Surroundings { seen: &[web(0)], ..Surroundings::default() },
        &mut Outputs::new(),
    );
    assert_ne!(bench.state(), "FAULT");
    bench.run(Duration::from_secs(19));
    assert_ne!(bench.state(), "FAULT");
    bench.run(SECOND);
    assert_eq!(bench.state(), "FAULT");
}

#[test]
fn another_quorum_after_a_reload_counts_and_another_program_begins_anew() {
    let mut bench = seeing(&process_config(0, false), web(2));
    let mut config = process_config(0, false);
    config.processes[0].quorum = 3;
    bench.give(Input::Reload(&config));
    assert_eq!(bench.state(), "FAULT");
    config.processes[0].param_match = Some(ParamMatch::Exact);
    config.processes[0].fork_delay = Duration::from_secs(9);
    bench.give(Input::Sighted(&web(3)));
    bench.give(Input::Reload(&config));
    assert_eq!(bench.state(), "BACKUP", "what is seen first counts at once");
}

#[test]
fn without_a_bfd_process_every_session_is_down() {
    let config = |weight: i32, reverse| {
        let weight = TrackWeight { weight: Weight::new(weight).unwrap(), reverse };
        let mut one = instance(100);
        one.track_bfds = vec![TrackBfd { bfd: BfdId(0), weight }];
        only(one)
    };
    let mut bench = Bench::new(&config(0, false));
    assert_eq!(bench.state(), "FAULT");
    assert_eq!(bench.causes(), ["(VI_1) fault: a BFD session is down: there is no BFD process"]);
    for (weight, reverse, expected) in
        [(10, false, 100), (-10, false, 90), (10, true, 110), (-10, true, 100)]
    {
        let bench = Bench::new(&config(weight, reverse));
        assert_eq!((bench.state(), priority(&bench)), ("BACKUP", expected));
    }
    assert_eq!(Bench::new(&config(0, true)).state(), "BACKUP");
}

#[test]
fn an_instance_whose_static_entries_are_missing_is_in_fault_until_they_are_back() {
    let group =
        TrackGroup { name: "T".to_owned(), members: vec!["VI_1".to_owned(), "VI_9".to_owned()] };
    let mut bench = Bench::master(&Vrrp { track_groups: vec![group], ..only(instance(100)) });
    let of = |name: &str| std::collections::BTreeSet::from([name.to_owned()]);
    bench.give(Input::StaticsMissing(&of("other")));
    assert_eq!(bench.state(), "MASTER");
    bench.give(Input::StaticsMissing(&of("T")));
    assert_eq!((bench.state(), bench.adverts()), ("FAULT", vec![0, 0]));
    assert_eq!(
        bench.causes(),
        ["(VI_1) fault: a static address, route or rule of its track_group is missing"]
    );
    bench.give(Input::StaticsMissing(&Default::default()));
    assert_eq!(bench.state(), "BACKUP");
}
