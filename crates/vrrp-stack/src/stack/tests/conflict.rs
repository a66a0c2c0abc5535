//! `conflict_detection`, `notify_split_brain`.

use base::Duration;
use control_plane::model::split_brain::ConflictAction;
use control_plane::model::{Instance, Vrrp};

use crate::fixture::*;
use crate::input::Input;
use crate::output::Output;

const THEIRS: [u8; 6] = [2, 0, 0, 0, 0, 0xbb];

fn watching(priority: u8, action: ConflictAction) -> Vrrp {
    let mut instance: Instance = instance(priority);
    instance.split_brain.conflict = Some(action);
    instance.split_brain.notify = Some(command("/bin/split"));
    only(instance)
}

fn master(action: ConflictAction) -> Bench {
    let mut bench = Bench::new(&watching(100, action));
    bench.run(Duration::from_secs(15));
    assert_eq!(bench.state(), "MASTER");
    bench.out.clear();
    bench
}

fn claim(bench: &mut Bench, mac: [u8; 6]) {
    let address = "10.9.0.160".parse().unwrap();
    bench.give(Input::Claimed { index: eth0().index, mac, address });
}

fn count(lines: &[String], part: &str) -> usize {
    lines.iter().filter(|line| line.contains(part)).count()
}

#[test]
fn a_lower_master_is_a_split_brain_that_is_told_once_and_healed_with_announcements() {
    let mut bench = master(ConflictAction::Report);
    for _ in 0..3 {
        bench.hear(LOW, 50);
        bench.run(SECOND);
    }
    let log = bench.log();
    let told = "(VI_1) split brain: 10.9.0.2 is master too, with a lower priority";
    assert_eq!(count(&log, told), 1, "{log:#?}");
    assert_eq!(bench.notified().iter().filter(|one| *one == "/bin/split").count(), 1);
    assert_eq!(bench.stack.view().instances[0].split_brain.doubles, 1);
    bench.run(Duration::from_secs(10));
    bench.out.clear();

    bench.hear(LOW, 50);
    bench.run(Duration::from_millis(1_900));
    bench.announced();
    bench.notified();
    bench.run(Duration::from_millis(200));
    let log = bench.log();
    assert_eq!(count(&log, "split brain is over: 10.9.0.2 is silent"), 1, "{log:#?}");
    assert_eq!(bench.announced().len(), 5, "switches learn again");
    let told = bench.notified();
    assert!(told.contains(&"/bin/master".to_owned()), "and so do cloud routes: {told:?}");
    bench.run(Duration::from_secs(20));
    assert_eq!(count(&bench.log(), "split brain"), 0);
}

#[test]
fn a_lower_master_that_goes_on_does_not_hear_us() {
    let mut bench = master(ConflictAction::Report);
    for _ in 0..10 {
        bench.hear(LOW, 50);
        bench.run(SECOND);
    }
    let told = "(VI_1) split brain: 10.9.0.2 goes on as master although adverts have left here for 3.6 s: \
                it does not hear this node; is protocol 112 or multicast filtered towards it?";
    let log = bench.log();
    assert_eq!(count(&log, told), 1, "{log:#?}");
}

#[test]
fn an_advert_that_crosses_our_first_one_is_no_split_brain() {
    let mut bench = Bench::new(&watching(100, ConflictAction::Report));
    bench.run(Duration::from_millis(3_700));
    assert_eq!(bench.state(), "MASTER");
    bench.hear(LOW, 50);
    assert_eq!(count(&bench.log(), "split brain"), 0);
}

#[test]
fn whoever_answers_for_an_address_is_named_with_the_likely_cause() {
    let mut bench = master(ConflictAction::Report);
    claim(&mut bench, eth0().mac);
    assert_eq!(count(&bench.log(), "another node"), 0, "that is this node");
    for _ in 0..5 {
        claim(&mut bench, THEIRS);
    }
    let told = "(VI_1) another node answers for 10.9.0.160 with 02:00:00:00:00:bb, yet no advert is heard \
                on eth0 for 3.6 s: is protocol 112 or multicast filtered?";
    assert_eq!(bench.log(), [told]);
    assert_eq!(bench.notified(), ["/bin/split"]);
    bench.run(Duration::from_secs(10));
    bench.out.clear();
    claim(&mut bench, THEIRS);
    assert_eq!(bench.log(), [told], "and again after a while");
    assert_eq!(bench.state(), "MASTER");
}

#[test]
fn an_address_is_defended_once_in_ten_seconds() {
    let mut bench = master(ConflictAction::Insist);
    for _ in 0..20 {
        claim(&mut bench, THEIRS);
        bench.run(SECOND);
    }
    assert_eq!(bench.announced().len(), 2 * 5);
}

#[test]
fn a_node_gives_way_to_the_higher_one_that_it_had_heard() {
    let heard = |priority| {
        let mut bench = Bench::new(&watching(100, ConflictAction::Yield));
        bench.hear(LOW, priority);
        bench.run(Duration::from_secs(15));
        assert_eq!(bench.state(), "MASTER");
        claim(&mut bench, THEIRS);
        bench
    };
    let mut lower = heard(200);
    assert_eq!(lower.state(), "BACKUP");
    lower.run(Duration::from_secs(25));
    assert_eq!(lower.state(), "BACKUP", "it waits before it tries again");
    lower.run(Duration::from_secs(6));
    assert_eq!(lower.state(), "MASTER");
    let mut nobody = Bench::new(&watching(100, ConflictAction::Yield));
    nobody.run(Duration::from_secs(15));
    claim(&mut nobody, THEIRS);
    assert_eq!(nobody.state(), "MASTER", "one of the two has to keep it");
}

#[test]
fn a_master_asks_after_its_takeover_and_now_and_then() {
    let mut bench = Bench::new(&watching(100, ConflictAction::Report));
    assert!(bench.stack.heard_links().is_empty(), "a backup has nothing to look for");
    bench.run(Duration::from_secs(75));
    assert_eq!(bench.stack.heard_links().len(), 1);
    let asked =
        bench.out.iter().filter(|output| matches!(output, Output::ProbeAddress { .. })).count();
    assert_eq!(asked, 3, "1, 31 and 61 s after the takeover");
}

#[test]
fn without_the_keyword_nothing_is_watched() {
    let mut bench = Bench::master(&only(instance(100)));
    bench.run(Duration::from_secs(60));
    bench.hear(LOW, 50);
    claim(&mut bench, THEIRS);
    assert_eq!(count(&bench.log(), "split brain"), 0);
    assert!(bench.stack.heard_links().is_empty());
}

#[test]
fn a_master_that_is_heard_and_answers_for_an_address_is_one_double() {
    let mut bench = master(ConflictAction::Report);
    bench.hear(LOW, 50);
    claim(&mut bench, THEIRS);
    bench.run(SECOND);
    bench.hear(LOW, 50);
    assert_eq!(bench.notified().iter().filter(|one| *one == "/bin/split").count(), 1);
    assert_eq!(bench.stack.view().instances[0].split_brain.doubles, 1);
}

#[test]
fn an_ipv6_address_is_asked_for_and_claimed_by_advertisements() {
    let mut config = watching(100, ConflictAction::Report);
    let address = "fd00:216::250";
    config.instances[0].virtual_addresses =
        vec![vip("fe80::51/128"), vip(&format!("{address}/64"))];
    let mut bench = Bench::new(&config);
    bench.run(Duration::from_secs(15));
    assert_eq!(bench.state(), "MASTER");
    let heard: Vec<_> = bench.stack.heard_links().into_iter().collect();
    assert_eq!(heard, [(eth0().index, wire::Family::Ipv6)]);
    let asked: Vec<String> = bench
        .out
        .iter()
        .filter_map(|output| match output {
            Output::ProbeAddress { address, .. } => Some(address.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(asked, ["fe80::51", address]);
    bench.log();
    bench.give(Input::Claimed {
        index: eth0().index,
        mac: THEIRS,
        address: address.parse().unwrap(),
    });
    let told = format!("another node answers for {address} with 02:00:00:00:00:bb");
    assert_eq!(count(&bench.log(), &told), 1);
}
