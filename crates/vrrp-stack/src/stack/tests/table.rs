//! Every state and every input.

use base::{Duration, Sighting};
use control_plane::model::tracking::{TrackFile, TrackFileUse};
use control_plane::model::vrrp::TrackGroup;
use control_plane::model::{FileId, Vrrp, VrrpScript};

use crate::arbiter::ProbeId;
use crate::fixture::*;
use crate::input::Input;
use crate::script::RunId;
use crate::state::State;

fn file(value: i32) -> Sighting {
    Sighting::File { name: "tf".into(), value }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Given {
    LinkUp,
    LinkDown,
    LinkGone,
    AddressGone,
    Higher,
    EqualHigherAddress,
    EqualLowerAddress,
    Lower,
    Zero,
    OwnPacket,
    Garbage,
    ScriptSucceeds,
    ScriptFails,
    ScriptEnds,
    FileFails,
    FileFine,
    WallClock,
    AddressRepaired,
    AdvertLeft,
    SourceGone,
    StaticMissing,
    Claimed,
    ProbeAnswered,
    Timeout,
    Reload,
    Stop,
}

const STATES: [&str; 5] = ["BACKUP", "MASTER", "FAULT", "WAITING", "STOPPED"];

const INPUTS: [Given; 26] = [
    Given::LinkUp,
    Given::LinkDown,
    Given::LinkGone,
    Given::AddressGone,
    Given::Higher,
    Given::EqualHigherAddress,
    Given::EqualLowerAddress,
    Given::Lower,
    Given::Zero,
    Given::OwnPacket,
    Given::Garbage,
    Given::ScriptSucceeds,
    Given::ScriptFails,
    Given::ScriptEnds,
    Given::FileFails,
    Given::FileFine,
    Given::WallClock,
    Given::AddressRepaired,
    Given::AdvertLeft,
    Given::SourceGone,
    Given::StaticMissing,
    Given::Claimed,
    Given::ProbeAnswered,
    Given::Timeout,
    Given::Reload,
    Given::Stop,
];

/// The rows of a kind of input: one that comes new does not compile without.
const fn rows_of(input: &Input<'_>) -> &'static [Given] {
    match input {
        Input::Link(_) => &[Given::LinkUp, Given::LinkDown, Given::AddressGone],
        Input::LinkGone(_) => &[Given::LinkGone],
        Input::Packet { .. } => &[
            Given::Higher,
            Given::EqualHigherAddress,
            Given::EqualLowerAddress,
            Given::Lower,
            Given::Zero,
            Given::OwnPacket,
            Given::Garbage,
        ],
        Input::ScriptExited { .. } => &[Given::ScriptSucceeds, Given::ScriptFails],
        Input::ScriptsEnded(_) => &[Given::ScriptEnds],
        Input::Sighted(_) => &[Given::FileFails, Given::FileFine],
        Input::ProbeAnswered { .. } => &[Given::ProbeAnswered],
        Input::Claimed { .. } => &[Given::Claimed],
        Input::AdvertLeft { .. } => &[Given::AdvertLeft],
        Input::AddressRepaired(..) => &[Given::AddressRepaired],
        Input::StaticsMissing(_) => &[Given::StaticMissing],
        Input::Sources(_) => &[Given::SourceGone],
        Input::WallClock(_) => &[Given::WallClock],
        Input::Timeout => &[Given::Timeout],
        Input::Reload(_) => &[Given::Reload],
        Input::Stop => &[Given::Stop],
    }
}

/// One script with weight 0 that runs every 100 s, one file with weight 0, and static entries.
fn config() -> Vrrp {
    let mut script = VrrpScript::new("chk", command("/bin/chk"));
    (script.interval, script.timeout) = (Duration::from_secs(100), Duration::from_secs(90));
    let mut config = with_script(instance(100), script);
    config.instances[0].track_files =
        vec![TrackFileUse { file: FileId(0), weight: 0, reverse: false }];
    config.track_groups = vec![TrackGroup { name: "g".into(), members: vec!["VI_1".into()] }];
    config.files = vec![TrackFile {
        name: "tf".into(),
        path: "/run/tf".into(),
        weight: 0,
        reverse: false,
        init: None,
    }];
    config
}

/// A bench in that state, with a run of the script under way, and nothing said yet. WAITING is
/// FAULT before the script's first result.
fn bench(state: &str) -> (Bench, RunId) {
    let mut bench = Bench::new(&config());
    let mut run = bench.started()[0];
    if state != "WAITING" {
        bench.exit(run, 0);
        bench.run(Duration::from_secs(100));
        run = bench.started()[0];
    }
    match state {
        "BACKUP" => bench.hear(HIGH, 150),
        "FAULT" => bench.give(Input::Link(down(eth0()))),
        "STOPPED" => bench.give(Input::Stop),
        "MASTER" | "WAITING" => {}
        other => panic!("no such state: {other}"),
    }
    assert_eq!(bench.state(), if state == "WAITING" { "FAULT" } else { state });
    bench.out.clear();
    (bench, run)
}

fn apply(bench: &mut Bench, given: Given, run: RunId) {
    let give = |bench: &mut Bench, input: Input<'_>| {
        assert!(rows_of(&input).contains(&given), "{given:?}");
        bench.give(input);
    };
    let (index, address) = (eth0().index, "10.9.0.160".parse().unwrap());
    let groups = ["g".to_owned()].into();
    match given {
        Given::LinkUp => give(bench, Input::Link(eth0())),
        Given::LinkDown => give(bench, Input::Link(down(eth0()))),
        Given::LinkGone => give(bench, Input::LinkGone(index)),
        Given::AddressGone => {
            give(bench, Input::Link(crate::Link { primary_v4: None, ..eth0() }));
        }
        Given::Higher => bench.hear(LOW, 150),
        Given::EqualHigherAddress => bench.hear(HIGH, 100),
        Given::EqualLowerAddress => bench.hear(LOW, 100),
        Given::Lower => bench.hear(HIGH, 99),
        Given::Zero => bench.hear(HIGH, 0),
        Given::OwnPacket => bench.hear(OURS, 200),
        Given::Garbage => bench.hear_bytes(HIGH, 255, &[0x21, 51, 200, 9, 0, 1, 0, 0]),
        Given::ScriptSucceeds => bench.exit(run, 0),
        Given::ScriptFails => bench.exit(run, 1),
        Given::ScriptEnds => give(bench, Input::ScriptsEnded(&[run].into())),
        Given::FileFails => give(bench, Input::Sighted(&file(1))),
        Given::FileFine => give(bench, Input::Sighted(&file(0))),
        Given::WallClock => give(bench, Input::WallClock(Duration::from_secs(1))),
        Given::AddressRepaired => give(bench, Input::AddressRepaired(index, address)),
        Given::AdvertLeft => give(bench, Input::AdvertLeft { instance: "VI_1" }),
        Given::SourceGone => give(bench, Input::Sources(&[].into())),
        Given::StaticMissing => give(bench, Input::StaticsMissing(&groups)),
        Given::Claimed => give(bench, Input::Claimed { index, mac: [9; 6], address }),
        Given::ProbeAnswered => {
            give(bench, Input::ProbeAnswered { probe: ProbeId(77), good: false });
        }
        Given::Timeout => {
            bench.freeze(Duration::from_secs(5));
            give(bench, Input::Timeout);
        }
        Given::Reload => give(bench, Input::Reload(&config())),
        Given::Stop => give(bench, Input::Stop),
    }
}

/// The state afterwards, and the priorities of the adverts that left.
fn expected(state: &str, given: Given) -> (&'static str, &'static [u8]) {
    use Given as G;
    match (state, given) {
        ("STOPPED", _) => ("STOPPED", &[]),

        ("BACKUP", G::LinkDown | G::LinkGone | G::AddressGone | G::StaticMissing) => ("FAULT", &[]),
        ("BACKUP", G::ScriptFails | G::FileFails) => ("FAULT", &[]),
        ("BACKUP", G::Timeout) => ("MASTER", &[100]),
        ("BACKUP", G::Stop) => ("STOPPED", &[]),
        ("BACKUP", _) => ("BACKUP", &[]),

        ("MASTER", G::LinkDown | G::AddressGone | G::StaticMissing) => ("FAULT", &[0, 0]),
        ("MASTER", G::ScriptFails | G::FileFails) => ("FAULT", &[0, 0]),
        ("MASTER", G::LinkGone) => ("FAULT", &[]),
        ("MASTER", G::Higher | G::EqualHigherAddress) => ("BACKUP", &[]),
        ("MASTER", G::EqualLowerAddress | G::Lower | G::Zero | G::Timeout) => ("MASTER", &[100]),
        ("MASTER", G::Stop) => ("STOPPED", &[0]),
        ("MASTER", _) => ("MASTER", &[]),

        ("FAULT", G::LinkUp) => ("BACKUP", &[]),
        ("FAULT", G::Stop) => ("STOPPED", &[]),
        ("FAULT", _) => ("FAULT", &[]),

        ("WAITING", G::ScriptSucceeds) => ("BACKUP", &[]),
        ("WAITING", G::Stop) => ("STOPPED", &[]),
        ("WAITING", _) => ("FAULT", &[]),
        (other, _) => panic!("no such state: {other}"),
    }
}

#[test]
fn the_transition_table_is_complete_and_correct() {
    for state in STATES {
        for given in INPUTS {
            let (mut bench, run) = bench(state);
            apply(&mut bench, given, run);
            let (next, adverts) = expected(state, given);
            assert_eq!(bench.state(), next, "{state} on {given:?}");
            assert_eq!(bench.adverts(), adverts, "adverts of {state} on {given:?}");
            assert_eq!(
                bench.desired().len(),
                usize::from(next == "MASTER"),
                "{state} on {given:?}"
            );
            let has_timer = bench.stack.routers()[0].next_timeout().is_some();
            assert_eq!(has_timer, matches!(next, "MASTER" | "BACKUP"), "{state} on {given:?}");
        }
    }
}

#[test]
fn a_change_of_state_is_notified_exactly_once_and_nothing_else_is() {
    for state in STATES {
        for given in INPUTS {
            let (mut bench, run) = bench(state);
            apply(&mut bench, given, run);
            let (next, _) = expected(state, given);
            let told = *bench.stack.routers()[0].state() != State::Fault { told: false };
            let changed = if state == "WAITING" { told } else { state != next };
            let word = if next == "STOPPED" { "STOP" } else { next };
            let notified = bench.notified();
            if changed {
                let generic = format!("/bin/generic INSTANCE VI_1 {word} 100");
                assert_eq!(notified.len(), 2, "{state} on {given:?}: {notified:?}");
                assert_eq!(notified[1], generic, "{state} on {given:?}");
            } else {
                assert_eq!(notified, [""; 0], "{state} on {given:?}");
            }
        }
    }
}
