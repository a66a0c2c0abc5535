use crate::fixture::*;
use crate::input::Input;

use super::*;

#[test]
fn news_in_any_number_make_the_snapshot_that_the_stack_would_give() {
    let mut bench = Bench::new(&only(instance(100)));
    let mut kept = Snapshot::default();
    for step in 0..8 {
        bench.run(SECOND);
        if step == 5 {
            bench.hear(HIGH, 200);
        }
        for news in bench.stack.take_changes() {
            kept.apply(news);
        }
    }
    let state = |snapshot: &Snapshot| snapshot.instances[0].state.is_master();
    assert_eq!(kept.instances.len(), 1);
    assert_eq!(state(&kept), state(&bench.stack.snapshot()));
    assert_eq!(kept.instances[0].statistics.release_master, 1);
}

#[test]
fn an_instance_that_is_gone_is_forgotten() {
    let mut bench = Bench::new(&only(instance(100)));
    let mut kept: Snapshot = bench.stack.take_changes().into_iter().collect();
    bench.give(Input::Reload(&control_plane::model::Vrrp::default()));
    let news = bench.stack.take_changes();
    assert!(matches!(&news[..], [ObjectState::InstanceGone(_)]));
    for object in news {
        kept.apply(object);
    }
    assert_eq!(kept, Snapshot::default());
}

#[test]
fn newer_news_of_an_object_have_the_same_key() {
    let mut bench = Bench::new(&only(instance(100)));
    let first = bench.stack.take_changes();
    bench.run(Duration::from_secs(4));
    let second = bench.stack.take_changes();
    assert_eq!(first[0].key(), second[0].key());
    assert_ne!(first[0], second[0]);
}

use base::Duration;
