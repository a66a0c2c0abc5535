//! What holds whatever happens.

mod common;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use base::{Duration, Instant};
use checkers::{Checkers, Input, Outcome, Output, Outputs, ProbeId, Snapshot};
use common::{alpha, checked, inhibited, lvs, service, tcp};
use control_plane::model::{GroupNames, Lvs};
use proptest::prelude::*;

/// One thing that may happen.
#[derive(Clone, Debug)]
enum Step {
    /// Go to the next timer and so many milliseconds beyond.
    Wait(u64),
    /// The n-th running probe ends.
    Done(usize, Outcome),
    /// A probe that may never have been ends.
    Stray(u64),
    /// Another configuration.
    Reload(Vec<Shape>),
    /// The process dies and its successor gets the reports.
    Die,
    /// The kernel has what is desired.
    Programmed,
}

/// A service: its number, and its servers by number and form.
type Shape = (u8, Vec<(u8, u8)>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome =
        prop_oneof![Just(Outcome::Connected), Just(Outcome::Failed), Just(Outcome::TimedOut)];
    let step = prop_oneof![
        6 => (0_u64..3_000).prop_map(Step::Wait),
        8 => (0_usize..8, outcome).prop_map(|(which, outcome)| Step::Done(which, outcome)),
        1 => (0_u64..50).prop_map(Step::Stray),
        2 => shapes().prop_map(Step::Reload),
        1 => Just(Step::Die),
        1 => Just(Step::Programmed),
    ];
    proptest::collection::vec(step, 0..60)
}

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    let servers = proptest::collection::vec((0_u8..4, 0_u8..5), 0..5);
    proptest::collection::vec((0_u8..3, servers), 0..4)
}

fn config(shapes: &[Shape]) -> Lvs {
    let one = |&(number, form): &(u8, u8)| {
        let address = format!("127.0.0.{number}:80");
        let mut server = checked(&address, u32::from(form), 1);
        match form {
            0 => server.checkers.clear(),
            2 => server = alpha(server),
            3 => server = inhibited(server),
            4 => server.checkers.push(tcp(&format!("127.0.0.{number}:81"), 0)),
            _ => {}
        }
        server
    };
    lvs(shapes
        .iter()
        .map(|(number, servers)| {
            service(&format!("10.1.0.{number}:80"), servers.iter().map(one).collect())
        })
        .collect())
}

/// The machine, the probes that run, and what the parent has been told.
struct Run {
    machine: Checkers,
    now: Instant,
    config: Arc<Lvs>,
    running: Vec<ProbeId>,
    kept: Snapshot,
}

impl Run {
    fn take(&mut self, out: Outputs) {
        for output in out {
            match output {
                Output::StartProbe { probe, .. } => self.running.push(probe),
                Output::AbortProbe(probe) => {
                    let before = self.running.len();
                    self.running.retain(|one| *one != probe);
                    assert_eq!(self.running.len() + 1, before, "{probe} was not running");
                }
                Output::Send { .. }
                | Output::Search { .. }
                | Output::Notify { .. }
                | Output::Tell { .. }
                | Output::Mail(_) => {}
                Output::Log(event) => {
                    assert!(!event.named(&GroupNames::NONE).to_string().is_empty())
                }
            }
        }
        for change in self.machine.take_changes() {
            self.kept.apply(change);
        }
        assert_eq!(self.kept.services, self.machine.snapshot().services, "all is reported");
    }

    fn step(&mut self, step: Step) {
        let mut out = Outputs::new();
        match step {
            Step::Wait(millis) => {
                if let Some(at) = self.machine.next_timeout() {
                    self.now = self.now.max(at) + Duration::from_millis(millis);
                }
                self.machine.handle_input(self.now, Input::Timeout, &mut out);
            }
            Step::Done(which, outcome) if !self.running.is_empty() => {
                let probe = self.running.swap_remove(which % self.running.len());
                self.machine.handle_input(self.now, Input::ProbeDone { probe, outcome }, &mut out);
            }
            Step::Done(..) => {}
            Step::Stray(number) if self.running.contains(&ProbeId(number)) => {}
            Step::Stray(number) => {
                let before = self.machine.clone();
                let input =
                    Input::ProbeDone { probe: ProbeId(number), outcome: Outcome::Connected };
                self.machine.handle_input(self.now, input, &mut out);
                assert_eq!(self.machine, before, "a stray result changes nothing");
            }
            Step::Reload(shapes) => {
                self.config = Arc::new(config(&shapes));
                self.machine.handle_input(self.now, Input::Reload(&self.config), &mut out);
                assert_eq!(self.machine.plan(&self.config), [], "nothing is left to change");
            }
            Step::Die => {
                let seed = self.now.as_micros();
                self.running.clear();
                let desired = self.machine.desired().clone();
                self.machine =
                    Checkers::new(self.now, &self.config, Some(&self.kept), seed, &mut out);
                assert_eq!(*self.machine.desired(), desired, "a death changes nothing");
            }
            Step::Programmed => self.machine.kernel_is_current(),
        }
        self.take(out);
    }

    /// The pool is exactly the servers that are up, and the inhibited ones with weight 0.
    fn check(&self) {
        let snapshot = self.machine.snapshot();
        let mut expected = BTreeSet::new();
        let mut services = BTreeSet::new();
        for service in &self.config.virtual_servers {
            if !services.insert(service.address) {
                continue;
            }
            let mut seen: BTreeSet<SocketAddr> = BTreeSet::new();
            for server in &service.real_servers {
                if !seen.insert(server.address) {
                    continue;
                }
                let id = checkers::ServerId { service: service.address, server: server.address };
                let up = snapshot.servers[&id].is_up();
                if up || server.inhibit_on_failure {
                    expected.insert((id, if up { server.weight } else { 0 }));
                }
            }
        }
        let desired: BTreeSet<_> = self
            .machine
            .desired()
            .iter()
            .flat_map(|(&service, one)| {
                one.destinations.iter().map(move |(&server, destination)| {
                    (checkers::ServerId { service, server }, destination.weight)
                })
            })
            .collect();
        assert_eq!(desired, expected);
        assert!(services.iter().eq(self.machine.desired().keys()));
        for (id, _) in desired {
            assert!(self.machine.managed()[&id.service].contains(&id.server), "{id:?} is ours");
        }
        let (in_flight, _) = self.machine.probe_counts();
        assert_eq!(in_flight, self.running.len());
        let has_checks = snapshot.servers.values().any(|server| !server.checks.is_empty());
        assert_eq!(self.machine.next_timeout().is_some(), has_checks, "no check is forgotten");
    }
}

proptest! {
    #[test]
    fn the_pool_is_the_set_of_servers_that_are_up(first in shapes(), steps in steps()) {
        let mut out = Outputs::new();
        let config = Arc::new(config(&first));
        let now = Instant::default();
        let machine = Checkers::new(now, &config, None, 5, &mut out);
        let kept = Snapshot::default();
        let mut run = Run { machine, now, config, running: Vec::new(), kept };
        run.take(out);
        run.check();
        for step in steps {
            run.step(step);
            run.check();
        }
        let mut out = Outputs::new();
        run.machine.handle_input(run.now, Input::Stop, &mut out);
        run.take(out);
        assert!(run.machine.desired().is_empty());
        assert!(run.running.is_empty(), "{:?} still run", run.running);
        assert_eq!(run.machine.next_timeout(), None);
    }
}
