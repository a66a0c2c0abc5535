use base::Duration;

use control_plane::model::Command;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn config(rise: u32, fall: u32) -> VrrpScript {
    let command = Command { program: "/bin/chk".into(), args: Vec::new(), user: None };
    let mut config = VrrpScript::new("chk", command);
    (config.rise, config.fall) = (rise, fall);
    (config.interval, config.timeout) = (Duration::from_secs(5), Duration::from_secs(2));
    config
}

struct Bench {
    tracker: ScriptTracker,
    now: Instant,
    fresh: RunId,
    out: Outputs,
}

impl Bench {
    fn new(config: VrrpScript) -> Self {
        let now = Instant::from_micros(1_000_000);
        let tracker = ScriptTracker::new(now, config);
        Self { tracker, now, fresh: RunId(1), out: Outputs::new() }
    }

    fn timeout(&mut self) {
        self.tracker.handle_timeout(self.now, &mut self.fresh, &mut self.out);
    }

    fn wait(&mut self, span: Duration) {
        self.now += span;
        self.timeout();
    }

    fn exit(&mut self, code: i32) {
        self.tracker.handle_exit(self.now, ExitKind::Code(code), &mut self.out);
    }

    /// One run with that result, started when it is due.
    fn result(&mut self, code: i32) -> Verdict {
        self.now = self.now.max(self.tracker.next_timeout().unwrap());
        self.timeout();
        self.exit(code);
        self.tracker.verdict()
    }

    fn log(&mut self) -> Vec<String> {
        let lines = self.out.iter().filter_map(|output| match output {
            Output::Log(event) => Some(event.to_string()),
            _ => None,
        });
        let lines = lines.collect();
        self.out.clear();
        lines
    }
}

#[test]
fn the_first_result_decides_whatever_rise_and_fall_say() {
    assert_eq!(Bench::new(config(3, 3)).result(0), Verdict::Up);
    assert_eq!(Bench::new(config(3, 3)).result(1), Verdict::Down);
}

#[test]
fn rise_and_fall_count_results_in_a_row() {
    let mut bench = Bench::new(config(3, 2));
    bench.result(1);
    assert_eq!([bench.result(0), bench.result(0), bench.result(1)], [Verdict::Down; 3]);
    assert_eq!([bench.result(0), bench.result(0)], [Verdict::Down; 2], "a failure starts anew");
    assert_eq!(bench.result(0), Verdict::Up);
    assert_eq!([bench.result(1), bench.result(0), bench.result(1)], [Verdict::Up; 3]);
    assert_eq!(bench.result(1), Verdict::Down);
}

#[test]
fn init_fail_presumes_failure_until_the_first_success() {
    let mut presumed = config(3, 1);
    presumed.init_fail = true;
    let mut bench = Bench::new(presumed);
    assert_eq!(bench.tracker.verdict(), Verdict::Down);
    assert_eq!(bench.result(0), Verdict::Up);
}

#[test]
fn runs_start_an_interval_apart() {
    let mut bench = Bench::new(config(1, 1));
    bench.timeout();
    bench.now += SECOND;
    bench.exit(0);
    assert_eq!(bench.tracker.next_timeout(), Some(bench.now + Duration::from_secs(4)));
}

#[test]
fn a_run_that_takes_longer_than_the_interval_leaves_starts_out() {
    let mut slow = config(1, 1);
    slow.timeout = Duration::from_secs(60);
    let mut bench = Bench::new(slow);
    bench.timeout();
    bench.now += Duration::from_secs(12);
    bench.exit(0);
    assert_eq!(bench.tracker.next_timeout(), Some(bench.now + Duration::from_secs(3)));
}

#[test]
fn an_overrun_is_a_failure_at_once_and_ends_the_script_first_gently_then_not() {
    let mut bench = Bench::new(config(1, 1));
    bench.timeout();
    bench.out.clear();
    bench.wait(Duration::from_secs(2));
    let run = RunId(1);
    assert_eq!(bench.out[0], Output::KillScript { run, signal: KillSignal::Term });
    assert_eq!(bench.log(), ["VRRP_Script(chk) timed_out"]);
    assert_eq!(bench.tracker.verdict(), Verdict::Down);
    bench.wait(SECOND);
    assert_eq!(bench.out, [Output::KillScript { run, signal: KillSignal::Kill }]);
    assert_eq!(bench.tracker.next_timeout(), None, "its end is awaited, no second one is started");
    bench.out.clear();
    bench.tracker.handle_exit(bench.now, ExitKind::Signal(9), &mut bench.out);
    assert_eq!(bench.log(), [""; 0], "the failure has been counted");
    assert_eq!(bench.tracker.next_timeout(), Some(bench.now + Duration::from_secs(2)));
}

#[test]
fn each_change_of_the_exit_status_is_said() {
    let mut bench = Bench::new(config(1, 1));
    bench.result(0);
    assert_eq!(bench.log(), ["VRRP_Script(chk) succeeded"]);
    bench.result(1);
    assert_eq!(
        bench.log(),
        ["Script `chk` now returning 1", "VRRP_Script(chk) failed (exited with status 1)"]
    );
    bench.result(2);
    assert_eq!(bench.log(), ["Script `chk` now returning 2"]);
    bench.result(2);
    assert_eq!(bench.log(), [""; 0]);
}

#[test]
fn a_script_that_cannot_be_started_has_failed() {
    let mut bench = Bench::new(config(1, 1));
    bench.timeout();
    bench.tracker.handle_exit(bench.now, ExitKind::NotStarted, &mut bench.out);
    assert_eq!(bench.tracker.verdict(), Verdict::Down);
}

#[test]
fn an_interval_of_zero_does_not_divide_by_it() {
    let mut config = config(1, 1);
    config.interval = Duration::ZERO;
    let mut bench = Bench::new(config);
    bench.timeout();
    bench.exit(0);
    assert_eq!(bench.tracker.next_timeout(), Some(bench.now));
}

#[test]
fn another_command_ends_the_run_of_the_old_one() {
    let mut bench = Bench::new(config(1, 1));
    bench.result(0);
    bench.wait(Duration::from_secs(5));
    bench.out.clear();
    let mut other = config(1, 1);
    other.command.program = "/bin/other".into();
    let old = bench.tracker.reconfigure(bench.now, other, &mut bench.out);
    assert_eq!(old, Some(RunId(2)));
    assert_eq!(bench.log(), ["VRRP_Script(chk) considered successful on reload"]);
    assert_eq!((bench.tracker.run(), bench.tracker.next_timeout()), (None, Some(bench.now)));
}

#[test]
fn a_stopped_script_never_starts_again() {
    let mut bench = Bench::new(config(1, 1));
    bench.timeout();
    assert_eq!(bench.tracker.stop(), Some(RunId(1)));
    bench.exit(0);
    assert_eq!((bench.tracker.next_timeout(), bench.tracker.verdict()), (None, Verdict::Unknown));
}

#[test]
fn a_script_that_has_ended_in_time_is_not_found_late_however_late_its_status_is_learnt() {
    let mut bench = Bench::new(config(1, 1));
    bench.timeout();
    let run = bench.tracker.run().unwrap();
    bench.out.clear();
    // The end and the timeout in one turn, the status some turns later.
    bench.now += Duration::from_secs(2);
    bench.tracker.handle_end(&[run].into());
    bench.timeout();
    bench.wait(SECOND);
    assert_eq!(bench.out, []);
    assert_eq!(bench.tracker.next_timeout(), None);
    bench.exit(0);
    assert_eq!(bench.tracker.verdict(), Verdict::Up);
    assert!(bench.tracker.next_timeout().is_some(), "it goes on");
}

#[test]
fn the_end_of_another_start_does_not_keep_a_script_from_being_late() {
    let mut bench = Bench::new(config(1, 1));
    bench.timeout();
    let run = bench.tracker.run().unwrap();
    bench.tracker.handle_end(&[RunId(run.0 + 1)].into());
    bench.wait(Duration::from_secs(2));
    assert_eq!(bench.tracker.verdict(), Verdict::Down);
    // A process that was asked to end and has ended is not killed.
    bench.out.clear();
    bench.tracker.handle_end(&[run].into());
    bench.wait(Duration::from_secs(2));
    assert_eq!(bench.out, []);
}
