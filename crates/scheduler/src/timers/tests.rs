use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const fn at(micros: u64) -> Instant {
    Instant::from_micros(micros)
}

#[test]
fn timers_come_up_in_order_of_their_deadlines() {
    let mut timers = Timers::default();
    for (id, deadline) in [(1, 30), (2, 10), (3, 20)] {
        timers.set(TimerId(id), at(deadline));
    }
    assert_eq!(timers.earliest(), Some(at(10)));
    assert_eq!(timers.take_due(at(25)), Some((TimerId(2), at(10))));
    assert_eq!(timers.take_due(at(25)), Some((TimerId(3), at(20))));
    assert_eq!(timers.take_due(at(25)), None, "30 is not yet due");
    assert_eq!(timers.len(), 1);
}

#[test]
fn a_timer_set_again_has_its_new_deadline_only() {
    let mut timers = Timers::default();
    timers.set(TimerId(1), at(10));
    timers.set(TimerId(1), at(50));
    assert_eq!(timers.take_due(at(49)), None);
    assert_eq!(timers.take_due(at(50)), Some((TimerId(1), at(50))));
    assert_eq!(timers.take_due(at(99)), None);
    assert!(timers.is_empty());
}

#[test]
fn a_cancelled_timer_never_comes_up() {
    let mut timers = Timers::default();
    timers.set(TimerId(1), at(10));
    timers.cancel(TimerId(1));
    timers.cancel(TimerId(2));
    assert_eq!(timers.earliest(), None);
    timers.set(TimerId(1), at(10));
    assert_eq!(timers.earliest(), Some(at(10)), "set anew after it was cancelled");
}

#[test]
fn timers_due_at_once_come_in_the_order_they_were_set() {
    let mut timers = Timers::default();
    for id in [7, 3, 5] {
        timers.set(TimerId(id), at(10));
    }
    let order: Vec<_> =
        std::iter::from_fn(|| timers.take_due(at(10))).map(|(id, _)| id.0).collect();
    assert_eq!(order, [7, 3, 5]);
}

#[test]
fn a_timer_set_a_million_times_takes_no_room() {
    let mut timers = Timers::default();
    for deadline in 0..1_000_000 {
        timers.set(TimerId(1), at(deadline));
    }
    assert!(timers.heap.len() <= 2 + SLACK, "{} entries", timers.heap.len());
    assert_eq!(timers.take_due(at(1_000_000)), Some((TimerId(1), at(999_999))));
}

proptest! {
    #[test]
    fn it_behaves_as_a_sorted_map_does(steps in prop::collection::vec((0_u8..3, 0_u64..6, 0_u64..50), 1..400)) {
        let mut timers = Timers::default();
        let mut model = BTreeMap::new();
        for (step, id, time) in steps {
            match step {
                0 => {
                    timers.set(TimerId(id), at(time));
                    model.insert(id, time);
                }
                1 => {
                    timers.cancel(TimerId(id));
                    model.remove(&id);
                }
                _ => {
                    let taken = timers.take_due(at(time));
                    let earliest = model.values().min().copied().filter(|earliest| *earliest <= time);
                    prop_assert_eq!(taken.map(|(_, at)| at.as_micros()), earliest);
                    if let Some((id, at)) = taken {
                        prop_assert_eq!(model.remove(&id.0), Some(at.as_micros()));
                    }
                }
            }
            prop_assert_eq!(timers.len(), model.len());
            prop_assert_eq!(timers.earliest().map(Instant::as_micros), model.values().min().copied());
        }
    }
}
