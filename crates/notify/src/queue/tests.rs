use proptest::prelude::*;

use super::*;

const fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

fn script(name: &str) -> Command {
    Command { program: name.to_owned(), args: Vec::new(), user: None }
}

#[derive(Default)]
struct Harness {
    queue: Queue<&'static str>,
}

impl Harness {
    fn input(&mut self, second: u64, input: Input<&'static str>) -> Outputs<&'static str> {
        let mut out = Vec::new();
        self.queue.handle_input(at(second), input, &mut out);
        out
    }

    fn event(
        &mut self,
        second: u64,
        object: &'static str,
        names: &[&str],
    ) -> Outputs<&'static str> {
        let commands = names.iter().copied().map(script).collect();
        self.input(second, Input::Enqueue { object, commands })
    }

    fn exited(&mut self, second: u64, id: u64) -> Outputs<&'static str> {
        self.input(second, Input::Exited(RunId(id)))
    }
}

fn start(id: u64, name: &str) -> Output<&'static str> {
    Output::Start { id: RunId(id), command: script(name) }
}

#[test]
fn scripts_of_one_object_run_one_after_another_in_order() {
    let mut harness = Harness::default();
    assert_eq!(harness.event(0, "VI_1", &["backup", "generic"]), [start(0, "backup")]);
    assert_eq!(harness.event(1, "VI_1", &["master"]), []);
    assert_eq!(harness.exited(2, 0), [start(1, "generic")]);
    assert_eq!(harness.exited(3, 1), [start(2, "master")]);
    assert_eq!(harness.exited(4, 2), []);
    assert!(harness.queue.is_idle());
    assert_eq!(harness.queue.next_timeout(), None);
}

#[test]
fn scripts_that_wait_are_named_and_those_that_run_are_not() {
    let mut harness = Harness::default();
    harness.event(0, "VI_1", &["backup", "generic"]);
    harness.event(0, "VI_2", &["master", "generic", "last"]);
    let waiting: Vec<_> = harness.queue.waiting().cloned().collect();
    assert_eq!(waiting, ["generic", "generic", "last"].map(script));
}

#[test]
fn objects_do_not_wait_for_each_other() {
    let mut harness = Harness::default();
    assert_eq!(harness.event(0, "VI_1", &["one"]), [start(0, "one")]);
    assert_eq!(harness.event(0, "VI_2", &["two"]), [start(1, "two")]);
}

#[test]
fn an_event_without_scripts_is_nothing() {
    let mut harness = Harness::default();
    assert_eq!(harness.event(0, "VI_1", &[]), []);
    assert!(harness.queue.is_idle());
}

#[test]
fn a_script_that_hangs_holds_up_the_next_for_half_a_minute_only() {
    let mut harness = Harness::default();
    harness.event(0, "VI_1", &["hangs"]);
    assert_eq!(harness.queue.next_timeout(), None, "it holds up nobody");
    harness.event(10, "VI_1", &["next"]);
    assert_eq!(harness.queue.next_timeout(), Some(at(30)));
    let overdue = Output::Overdue { object: "VI_1", id: RunId(0) };
    assert_eq!(harness.input(30, Input::Timeout), [overdue, start(1, "next")]);
    assert_eq!(harness.exited(31, 1), []);
    assert!(!harness.queue.is_idle(), "the first still runs");
    assert_eq!(harness.exited(99, 0), []);
    assert!(harness.queue.is_idle());
}

#[test]
fn a_script_that_hangs_each_time_does_not_fill_the_machine() {
    let mut harness = Harness::default();
    let mut started = 0;
    for event in 0..20 {
        let out = harness.event(event * 40, "VI_1", &["hangs"]);
        started += out.iter().filter(|out| matches!(out, Output::Start { .. })).count();
    }
    assert_eq!(started, MAX_OVERDUE + 1);
}

#[test]
fn too_many_waiting_drop_the_oldest() {
    let mut harness = Harness::default();
    harness.event(0, "VI_1", &["running"]);
    for number in 0..MAX_WAITING {
        assert_eq!(harness.event(0, "VI_1", &[&number.to_string()]), []);
    }
    let dropped = Output::Dropped { object: "VI_1", command: script("0") };
    assert_eq!(harness.event(0, "VI_1", &["latest"]), [dropped]);
}

#[test]
fn a_thousand_changes_at_once_start_a_bounded_number() {
    let mut queue = Queue::default();
    let mut out = Vec::new();
    for object in 0..1_000 {
        let commands = vec![script("notify")];
        queue.handle_input(at(0), Input::Enqueue { object, commands }, &mut out);
    }
    assert_eq!(out.len(), MAX_RUNNING);
    out.clear();
    queue.handle_input(at(1), Input::Exited(RunId(5)), &mut out);
    assert_eq!(out, [Output::Start { id: RunId(64), command: script("notify") }]);
}

#[test]
fn at_the_stop_scripts_have_until_the_deadline() {
    let mut harness = Harness::default();
    harness.event(0, "VI_1", &["slow", "never"]);
    assert_eq!(harness.input(5, Input::Finish { by: at(6) }), []);
    assert_eq!(harness.event(5, "VI_2", &["stop"]), [start(1, "stop")]);
    assert_eq!(harness.exited(5, 1), []);
    assert_eq!(harness.queue.next_timeout(), Some(at(6)));
    let dropped = Output::Dropped { object: "VI_1", command: script("never") };
    assert_eq!(harness.input(6, Input::Timeout), [dropped, Output::Kill(RunId(0))]);
    assert!(harness.queue.is_idle());
    assert_eq!(harness.exited(7, 0), [], "the end of a script that was ended is no news");
}

#[test]
fn an_end_that_nobody_knows_is_ignored() {
    let mut harness = Harness::default();
    assert_eq!(harness.exited(0, 42), []);
}

proptest! {
    /// Whatever happens: no object has two scripts running that are not overdue, its scripts start in
    /// order, and when all ended nothing is left.
    #[test]
    fn order_holds_and_nothing_is_forgotten(steps in prop::collection::vec((0_u8..3, 0_u8..3, 0_u64..20), 1..200)) {
        let mut queue = Queue::<u8>::default();
        let (mut now, mut serial) = (0, 0_u64);
        let mut last_started = [None::<u64>; 3];
        let mut alive: VecDeque<RunId> = VecDeque::new();
        let mut out = Vec::new();
        for (step, object, time) in steps {
            now += time;
            let input = match step {
                0 => {
                    serial += 1;
                    let command = script(&format!("{object}:{serial}"));
                    Input::Enqueue { object, commands: vec![command] }
                }
                1 => alive.pop_front().map_or(Input::Timeout, Input::Exited),
                _ => Input::Timeout,
            };
            queue.handle_input(at(now), input, &mut out);
            for output in out.drain(..) {
                if let Output::Start { id, command } = output {
                    let (object, serial) = command.program.split_once(':').unwrap();
                    let last = &mut last_started[object.parse::<usize>().unwrap()];
                    let serial = Some(serial.parse().unwrap());
                    prop_assert!(*last < serial, "{last:?} was before {serial:?}");
                    *last = serial;
                    alive.push_back(id);
                }
            }
            prop_assert!(queue.next_timeout().is_none_or(|timeout| timeout > at(now)));
        }
        while let Some(id) = alive.pop_front() {
            queue.handle_input(at(now), Input::Exited(id), &mut out);
            for output in out.drain(..) {
                if let Output::Start { id, .. } = output {
                    alive.push_back(id);
                }
            }
        }
        prop_assert!(queue.is_idle(), "{queue:?}");
    }
}
