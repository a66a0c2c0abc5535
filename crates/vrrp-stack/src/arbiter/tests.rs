use base::Duration;

use super::*;

fn arbiter(witnesses: u8, quorum: u32) -> Arbiter {
    let witness = |last| Witness::Ping([192, 0, 2, last].into());
    Arbiter {
        name: "w".into(),
        witnesses: (1..=witnesses).map(witness).collect(),
        interval: Duration::from_secs(1),
        timeout: Duration::from_millis(500),
        rise: 1,
        fall: 2,
        quorum,
    }
}

struct Rounds {
    tracker: ArbiterTracker,
    now: Instant,
    fresh: u64,
    out: Outputs,
}

impl Rounds {
    fn new(config: Arbiter) -> Self {
        let now = Instant::from_micros(1_000_000_000);
        Self { tracker: ArbiterTracker::new(now, config), now, fresh: 1, out: Outputs::new() }
    }

    /// One round in which these witnesses answer; those with `None` are silent.
    fn round(&mut self, answers: &[Option<bool>]) -> Verdict {
        let start = self.now;
        self.timeout();
        let probes: Vec<ProbeId> = self
            .out
            .iter()
            .filter_map(|output| match output {
                Output::Probe { probe, .. } => Some(*probe),
                _ => None,
            })
            .collect();
        self.out.retain(|output| !matches!(output, Output::Probe { .. }));
        assert_eq!(probes.len(), answers.len());
        for (probe, answer) in probes.iter().zip(answers) {
            if let Some(good) = answer {
                assert!(self.tracker.answered(*probe, *good, &mut self.out));
                assert!(!self.tracker.answered(*probe, *good, &mut self.out), "counted once");
            }
        }
        self.now = start + Duration::from_millis(500);
        self.timeout();
        self.now = start + Duration::from_secs(1);
        self.tracker.verdict()
    }

    fn timeout(&mut self) {
        self.tracker.handle_timeout(self.now, &mut self.fresh, &mut self.out);
    }

    fn log(&mut self) -> Vec<String> {
        let log = self.out.drain(..).filter_map(|output| match output {
            Output::Log(event) => Some(event.to_string()),
            _ => None,
        });
        log.collect()
    }
}

#[test]
fn nothing_is_known_before_the_first_answer_and_one_is_enough_for_a_quorum_of_one() {
    let mut rounds = Rounds::new(arbiter(2, 1));
    assert_eq!(rounds.tracker.verdict(), Verdict::Unknown);
    assert_eq!(rounds.round(&[Some(true), None]), Verdict::Up);
    assert_eq!(
        rounds.log(),
        [
            "vrrp_arbiter w: ping 192.0.2.1 can be reached",
            "vrrp_arbiter w: 1 of the witnesses can be reached, 1 have to be",
            "vrrp_arbiter w: ping 192.0.2.2 cannot be reached",
        ]
    );
}

#[test]
fn a_witness_is_lost_after_its_silent_rounds_and_found_again_by_an_answer() {
    let mut rounds = Rounds::new(arbiter(1, 1));
    assert_eq!(rounds.round(&[Some(true)]), Verdict::Up);
    assert_eq!(rounds.round(&[None]), Verdict::Up, "one silence is forgiven");
    assert_eq!(rounds.round(&[Some(true)]), Verdict::Up);
    assert_eq!(rounds.round(&[None]), Verdict::Up);
    assert_eq!(rounds.round(&[Some(false)]), Verdict::Down, "a refusal counts as silence does");
    assert_eq!(rounds.round(&[Some(true)]), Verdict::Up);
}

#[test]
fn a_node_that_reaches_nobody_knows_it_after_the_first_round() {
    let mut rounds = Rounds::new(arbiter(3, 2));
    assert_eq!(rounds.round(&[None, None, None]), Verdict::Down);
    assert_eq!(rounds.round(&[Some(true), None, None]), Verdict::Down);
    assert_eq!(rounds.round(&[Some(true), Some(true), None]), Verdict::Up);
}

#[test]
fn another_configuration_with_the_same_witnesses_keeps_what_is_known() {
    let mut rounds = Rounds::new(arbiter(2, 1));
    rounds.round(&[Some(true), None]);
    let now = rounds.now;
    rounds.tracker.reconfigure(now, arbiter(2, 2));
    assert_eq!(rounds.tracker.verdict(), Verdict::Down);
    rounds.tracker.reconfigure(now, arbiter(3, 2));
    assert_eq!(rounds.tracker.verdict(), Verdict::Unknown);
}
