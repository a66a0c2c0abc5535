//! An arbiter of which one side is reachable leaves one master: exhaustively, for two routers.
//!
//! The service segment falls apart at any moment, with the witnesses on either side, with or without
//! a heartbeat that goes on; every order of what happens at one moment, every advert and answer that
//! can be lost and every death, within a budget of such troubles and a horizon of virtual time. The
//! daemon's own machine runs. `EXHAUSTIVE=1 cargo test --release -p simulator --test
//! exhaustive_arbiter` has larger budgets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod exhaustion;

use std::hash::Hash;

use base::{Duration, Instant};
use exhaustion::{Budget, INTERVAL, START, next_timeout, without_number};
use simulator::Node;
use simulator::faults::{Parts, protect};
use simulator::node::{Life, Segment, Wishes};
use stateright::{Checker, Model, Property};
use vrrp_stack::ProbeId;

/// The longest time to an election: Active_Down_Interval of priority 100, three rounds of the
/// witnesses, and an interval for masters that have to hear each other.
const ELECTION: Duration = Duration::from_micros(3_609_375 + 1_500_000 + 1_000_000 + 1_000);

/// So long after it has lost the witnesses a router knows: a round that has just begun, and two of
/// silence.
const NOTICE: Duration = Duration::from_millis(1_500);

const IN_PEACE: &str = "a pair that falls apart in peace has one master at most";

/// Two routers, 150 and 100, and the place of their witnesses.
#[derive(Clone, Debug)]
struct Pair {
    heartbeat: bool,
    /// `arbiter gate keep`.
    keeps: bool,
    /// By how much the second starts later: the rounds of the two are not at one moment.
    apart: Duration,
    budget: Budget,
}

#[derive(Clone, Debug)]
struct Moment {
    now: Instant,
    nodes: Vec<Node>,
    flight: Vec<(usize, Flight)>,
    /// The segment is in two parts, and this node is where the witnesses are.
    cut: Option<usize>,
    /// Nothing had happened for a whole election when that came.
    was_calm: bool,
    losses: u8,
    troubles: u8,
    troubled_at: Instant,
    /// Since when there are two masters and nothing was lost.
    two_since: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Flight {
    Advert(Segment, Vec<u8>),
    Answer(ProbeId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Arrive(usize),
    Lose(usize),
    Wake(usize),
    /// The segment falls apart; this node has the witnesses.
    Cut(usize),
    /// It is whole again.
    Join,
    Respawn(usize),
    Fail(usize),
    Boot(usize),
}

impl Moment {
    fn parts(&self) -> impl PartialEq + Hash {
        let nodes = self.nodes.iter().map(|node| {
            let kind = std::mem::discriminant(&node.life);
            let stack = node.running();
            let states = stack.map(|s| s.routers().iter().map(|r| *r.state()).collect::<Vec<_>>());
            // The rounds of the witnesses are in here.
            let due = node.next_timeout();
            (kind, states, stack.map(|stack| stack.arbiters().to_vec()), due)
        });
        let flight = self.flight.iter().map(|(to, what)| match what {
            Flight::Advert(segment, bytes) => {
                (*to, Flight::Advert(*segment, without_number(bytes)))
            }
            answer @ Flight::Answer(_) => (*to, answer.clone()),
        });
        let mut flight: Vec<_> = flight.collect();
        flight.sort();
        let budget = (self.losses, self.troubles, self.troubled_at, self.two_since);
        (self.now, nodes.collect::<Vec<_>>(), flight, (self.cut, self.was_calm), budget)
    }

    fn masters(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|at| self.nodes[*at].is_master(0)).collect()
    }

    fn reaches_witness(&self, node: usize) -> bool {
        self.cut.is_none_or(|side| side == node)
    }

    fn take(&mut self, from: usize, wishes: Wishes) {
        if self.reaches_witness(from) {
            let answers = wishes.probes.into_iter().map(|probe| (from, Flight::Answer(probe)));
            self.flight.extend(answers);
        }
        let to = 1 - from;
        for advert in wishes.adverts {
            let segment = Segment::behind(advert.socket.index).unwrap();
            let carries = segment == Segment::Heartbeat || self.cut.is_none();
            if carries && self.nodes[to].running().is_some() {
                self.flight.push((to, Flight::Advert(segment, advert.datagram)));
            }
        }
    }
}

exhaustion::equal_by_parts!(Moment);

impl Model for Pair {
    type State = Moment;
    type Action = Step;

    fn init_states(&self) -> Vec<Moment> {
        let nodes = [(1, 150), (2, 100)].map(|(last, priority)| self.node(last, priority));
        let mut moment = Moment {
            now: START,
            nodes: nodes.into(),
            flight: Vec::new(),
            cut: None,
            was_calm: false,
            losses: self.budget.losses,
            troubles: self.budget.troubles,
            troubled_at: START,
            two_since: None,
        };
        let wishes = moment.nodes[0].boot(START);
        moment.take(0, wishes);
        moment.now = START + self.apart;
        let now = moment.now;
        while let Some((to, Flight::Answer(probe))) = moment.flight.pop() {
            let wishes = moment.nodes[to].answered(START, probe);
            moment.take(to, wishes);
        }
        let wishes = moment.nodes[1].boot(now);
        moment.take(1, wishes);
        vec![moment]
    }

    fn actions(&self, moment: &Moment, actions: &mut Vec<Step>) {
        let under_way = 0..moment.flight.len();
        actions.extend(under_way.clone().map(Step::Arrive));
        if moment.losses > 0 {
            actions.extend(under_way.map(Step::Lose));
        }
        if !moment.flight.is_empty() {
            return;
        }
        if let Some(due) = next_timeout(&moment.nodes)
            && due.saturating_since(START) <= self.budget.horizon
        {
            let ready = |node: &usize| moment.nodes[*node].next_timeout() == Some(due);
            actions.extend((0..moment.nodes.len()).filter(ready).map(Step::Wake));
        }
        if moment.troubles > 0 {
            match moment.cut {
                None => actions.extend([Step::Cut(0), Step::Cut(1)]),
                Some(_) => actions.push(Step::Join),
            }
            for (at, node) in moment.nodes.iter().enumerate() {
                match node.life {
                    Life::Running(_) => actions.extend([Step::Respawn(at), Step::Fail(at)]),
                    _ => actions.push(Step::Boot(at)),
                }
            }
        }
    }

    fn next_state(&self, before: &Moment, step: Step) -> Option<Moment> {
        let mut moment = before.clone();
        let now = moment.now;
        match step {
            Step::Arrive(at) => {
                let (to, what) = moment.flight.remove(at);
                let node = &mut moment.nodes[to];
                let wishes = match what {
                    Flight::Advert(segment, bytes) => node.deliver_on(now, segment, bytes),
                    Flight::Answer(probe) => node.answered(now, probe),
                };
                moment.take(to, wishes);
            }
            Step::Lose(at) => {
                moment.flight.remove(at);
                moment.losses -= 1;
                moment.troubled_at = now;
            }
            Step::Wake(node) => {
                moment.now = next_timeout(&moment.nodes).map_or(now, |due| due.max(now));
                let now = moment.now;
                let wishes = moment.nodes[node].timeout(now);
                moment.take(node, wishes);
            }
            Step::Cut(_) | Step::Join | Step::Respawn(_) | Step::Fail(_) | Step::Boot(_) => {
                let calm = now.saturating_since(moment.troubled_at) > ELECTION;
                moment.was_calm = calm && matches!(step, Step::Cut(_));
                moment.troubles -= 1;
                moment.troubled_at = now;
                moment.suffer(step);
            }
        }
        // Whoever lost something, or was started anew, has his time again.
        let anew = !matches!(step, Step::Arrive(_) | Step::Wake(_));
        let two = moment.masters().len() > 1;
        moment.two_since = match moment.two_since {
            Some(since) if two && !anew => Some(since),
            _ => two.then_some(moment.now),
        };
        Some(moment)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(IN_PEACE, in_peace),
            Property::always("two masters last until one notices", bounded),
            Property::always("after an election the master is where the witnesses are", served),
            Property::sometimes(
                "the higher one is where the witnesses are",
                |_, moment: &Moment| moment.cut == Some(0) && moment.masters() == [0],
            ),
            Property::sometimes(
                "the lower one takes over with the witnesses",
                |_, moment: &Moment| moment.cut == Some(1) && moment.masters() == [1],
            ),
            Property::sometimes("who has lost the witnesses yields", |_, moment: &Moment| {
                moment.cut == Some(1) && moment.masters().is_empty()
            }),
        ]
    }
}

/// A router that is cut off yields before the other one's time has come.
fn in_peace(_: &Pair, moment: &Moment) -> bool {
    moment.cut.is_none() || !moment.was_calm || moment.masters().len() < 2
}

/// During an election, or when adverts had been lost before, the cut may find both ready to be
/// master: until the one without witnesses notices, or both hear each other.
fn bounded(_: &Pair, moment: &Moment) -> bool {
    let patience = if moment.cut.is_some() { NOTICE } else { INTERVAL };
    moment.two_since.is_none_or(|since| moment.now.saturating_since(since) <= patience)
}

fn served(_: &Pair, moment: &Moment) -> bool {
    let quiet = moment.now.saturating_since(moment.troubled_at);
    if quiet <= ELECTION || !moment.flight.is_empty() {
        return true;
    }
    let able = |at: &usize| moment.nodes[*at].running().is_some() && moment.reaches_witness(*at);
    // The first has the higher priority, and preempts.
    let best: Vec<usize> = (0..moment.nodes.len()).filter(able).take(1).collect();
    moment.masters() == best
}

impl Moment {
    fn suffer(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Cut(side) => self.cut = Some(side),
            Step::Join => self.cut = None,
            Step::Respawn(node) => {
                self.nodes[node].crash();
                let wishes = self.nodes[node].respawn(now);
                self.take(node, wishes);
            }
            Step::Fail(node) => self.nodes[node].power_off(),
            Step::Boot(node) => {
                let wishes = self.nodes[node].boot(now);
                self.take(node, wishes);
            }
            Step::Arrive(_) | Step::Lose(_) | Step::Wake(_) => {}
        }
    }
}

impl Pair {
    fn node(&self, last: u8, priority: u8) -> Node {
        let parts = Parts { lease: false, heartbeat: self.heartbeat, arbiter: true };
        let mut config = protect(exhaustion::instance(priority), INTERVAL, parts);
        for used in config.instances.iter_mut().filter_map(|one| one.split_brain.arbiter.as_mut()) {
            used.keeps = self.keeps;
        }
        exhaustion::node(last, config)
    }
}

/// Budgets of the short form, and of the long one.
fn check(heartbeat: bool, apart: u64, short: (u8, u8, u64), long: (u8, u8, u64)) {
    let apart = Duration::from_millis(apart);
    exhaustion::check(Pair { heartbeat, keeps: false, apart, budget: Budget::chosen(short, long) });
}

#[test]
fn an_arbiter_leaves_one_master_in_a_segment_that_falls_apart() {
    for apart in [0, 200] {
        check(false, apart, (0, 1, 14), (0, 3, 18));
    }
}

#[test]
fn an_arbiter_leaves_one_master_although_adverts_and_answers_get_lost() {
    check(false, 0, (1, 1, 10), (2, 2, 16));
}

#[test]
fn an_arbiter_leaves_one_master_while_a_heartbeat_goes_on() {
    check(true, 200, (0, 1, 14), (0, 2, 18));
}

/// That the proof can fail: a master that keeps the addresses is one too many.
#[test]
fn a_master_that_keeps_the_addresses_without_witnesses_is_one_of_two() {
    let (apart, budget) = (Duration::ZERO, Budget::of((0, 1, 14)));
    let pair = Pair { heartbeat: false, keeps: true, apart, budget };
    let checker = pair.checker().threads(1).spawn_bfs().join();
    assert!(checker.discovery(IN_PEACE).is_some());
}
