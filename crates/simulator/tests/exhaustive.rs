//! Two, three and four routers, exhaustively: every order in which adverts of one moment arrive, every
//! advert that can be lost, every moment at which a router can stop, lose power or come back, within a
//! budget of such troubles and a horizon of virtual time.
//!
//! Where the seeds of `seeds.rs` play long stories with everything in them, this leaves out nothing of
//! short ones. The daemon's own machine runs; time is an action that is possible once nothing is
//! under way. So routers that answer each other for ever would hide every other promise: that adverts
//! cause no adverts without an end is one of its own.
//!
//! `EXHAUSTIVE=1 cargo test --release -p simulator --test exhaustive` has larger budgets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod exhaustion;

use std::hash::Hash;

use base::{Duration, Instant};
use control_plane::model::{Preempt, Version, Vrrp};
use exhaustion::{Budget, INTERVAL, START, next_timeout, without_number};
use simulator::Node;
use simulator::node::{Life, Wishes};
use stateright::{Model, Property};

/// Adverts take no time here, so this is for the timers of one moment only.
const SLACK: Duration = Duration::from_millis(1);

/// The longest time to an election in fair weather: Active_Down_Interval of priority 100, and an
/// interval for masters that have to hear each other.
const ELECTION: Duration = Duration::from_micros(3_609_375 + 1_000_000 + 1_000);

#[derive(Clone, Debug)]
struct Segment {
    priorities: Vec<u8>,
    preempt: bool,
    budget: Budget,
}

#[derive(Clone, Debug)]
struct Moment {
    now: Instant,
    nodes: Vec<Node>,
    /// Adverts under way: to whom, what.
    flight: Vec<(usize, Vec<u8>)>,
    losses: u8,
    troubles: u8,
    /// The last time that something was lost or went wrong.
    troubled_at: Instant,
    /// Since when there are two masters and nothing was lost.
    two_since: Option<Instant>,
    /// Somebody who was master stopped without a priority 0.
    silent_stop: bool,
    /// Adverts that were sent because of an advert, since the last timer or trouble.
    answers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// One of the adverts under way arrives.
    Arrive(usize),
    /// It does not.
    Lose(usize),
    /// The next timer runs out, on this router.
    Wake(usize),
    /// An administrator stops this router.
    Stop(usize),
    /// Its power fails.
    Fail(usize),
    /// It is switched on.
    Boot(usize),
    /// Its process dies and is started again with what the parent knows.
    Respawn(usize),
}

/// What the routers are and what is under way; how often they spoke is no difference.
impl Moment {
    fn parts(&self) -> impl PartialEq + Hash {
        let routers = self.nodes.iter().map(|node| {
            let kind = std::mem::discriminant(&node.life);
            let stack = node.running();
            let states = stack.map(|s| s.routers().iter().map(|r| *r.state()).collect::<Vec<_>>());
            (kind, states, node.installed.clone())
        });
        let mut flight: Vec<_> =
            self.flight.iter().map(|(to, bytes)| (*to, without_number(bytes))).collect();
        flight.sort();
        (
            (self.now, routers.collect::<Vec<_>>(), flight),
            (self.losses, self.troubles, self.troubled_at, self.two_since, self.silent_stop),
            self.answers,
        )
    }

    fn masters(&self) -> usize {
        self.nodes.iter().filter(|node| node.is_master(0)).count()
    }

    fn take(&mut self, from: usize, wishes: Wishes) {
        for advert in wishes.adverts {
            for to in (0..self.nodes.len()).filter(|to| *to != from) {
                if self.nodes[to].running().is_some() {
                    self.flight.push((to, advert.datagram.clone()));
                }
            }
        }
    }
}

exhaustion::equal_by_parts!(Moment);

impl Model for Segment {
    type State = Moment;
    type Action = Step;

    fn init_states(&self) -> Vec<Moment> {
        let nodes = (1..).zip(&self.priorities).map(|(last, priority)| self.node(last, *priority));
        let mut moment = Moment {
            now: START,
            nodes: nodes.collect(),
            flight: Vec::new(),
            losses: self.budget.losses,
            troubles: self.budget.troubles,
            troubled_at: START,
            two_since: None,
            silent_stop: false,
            answers: 0,
        };
        for node in &mut moment.nodes {
            node.boot(START);
        }
        vec![moment]
    }

    fn actions(&self, moment: &Moment, actions: &mut Vec<Step>) {
        let under_way = 0..moment.flight.len();
        actions.extend(under_way.clone().map(Step::Arrive));
        if moment.losses > 0 {
            actions.extend(under_way.map(Step::Lose));
        }
        if moment.flight.is_empty()
            && let Some(due) = next_timeout(&moment.nodes)
            && due.saturating_since(START) <= self.budget.horizon
        {
            let ready = |node: &usize| moment.nodes[*node].next_timeout() == Some(due);
            actions.extend((0..moment.nodes.len()).filter(ready).map(Step::Wake));
        }
        if moment.troubles > 0 && moment.flight.is_empty() {
            for (at, node) in moment.nodes.iter().enumerate() {
                match node.life {
                    Life::Running(_) => {
                        actions.extend([Step::Stop(at), Step::Fail(at), Step::Respawn(at)]);
                    }
                    _ => actions.push(Step::Boot(at)),
                }
            }
        }
    }

    fn next_state(&self, before: &Moment, step: Step) -> Option<Moment> {
        let mut moment = before.clone();
        let now = moment.now;
        let trouble = |moment: &mut Moment| {
            moment.troubles -= 1;
            moment.troubled_at = now;
        };
        if !matches!(step, Step::Arrive(_) | Step::Lose(_)) {
            moment.answers = 0;
        }
        match step {
            Step::Arrive(at) => {
                let (to, bytes) = moment.flight.remove(at);
                let wishes = moment.nodes[to].deliver(now, bytes);
                moment.answers += wishes.adverts.len();
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
            Step::Stop(node) => {
                trouble(&mut moment);
                let was_master = moment.nodes[node].is_master(0);
                let wishes = moment.nodes[node].stop(now);
                let says = |advert: &vrrp_stack::OutgoingAdvert| priority(&advert.datagram) == 0;
                moment.silent_stop |= was_master && !wishes.adverts.iter().any(says);
                moment.take(node, wishes);
            }
            Step::Fail(node) => {
                trouble(&mut moment);
                moment.nodes[node].power_off();
                moment.flight.retain(|(to, _)| *to != node);
            }
            Step::Boot(node) => {
                trouble(&mut moment);
                let wishes = moment.nodes[node].boot(now);
                moment.take(node, wishes);
            }
            Step::Respawn(node) => {
                trouble(&mut moment);
                moment.nodes[node].crash();
                let wishes = moment.nodes[node].respawn(now);
                moment.take(node, wishes);
            }
        }
        let lost = matches!(step, Step::Lose(_));
        moment.two_since = match moment.two_since {
            Some(since) if moment.masters() > 1 && !lost => Some(since),
            _ => (moment.masters() > 1).then_some(moment.now),
        };
        Some(moment)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "two masters hear each other within an interval",
                |_, moment: &Moment| {
                    let two = moment.two_since;
                    two.is_none_or(|since| moment.now.saturating_since(since) <= INTERVAL + SLACK)
                },
            ),
            Property::always("after an election there is one master, the right one", one_master),
            Property::always("addresses are where the master is", |_, moment: &Moment| {
                let fine = |node: &Node| {
                    node.running().is_none() || node.is_master(0) != node.installed.is_empty()
                };
                moment.nodes.iter().all(fine)
            }),
            Property::always("who stops in good order says so", |_, moment: &Moment| {
                !moment.silent_stop
            }),
            Property::always("adverts cause no adverts without an end", Self::comes_to_rest),
            Property::sometimes("somebody becomes master", |_, moment: &Moment| {
                moment.masters() == 1
            }),
            Property::sometimes("two are master for a moment", |_, moment: &Moment| {
                moment.masters() > 1
            }),
        ]
    }
}

fn one_master(segment: &Segment, moment: &Moment) -> bool {
    let quiet = moment.now.saturating_since(moment.troubled_at);
    let alive = || moment.nodes.iter().filter(|node| node.running().is_some());
    if quiet <= ELECTION || !moment.flight.is_empty() || alive().count() == 0 {
        return true;
    }
    let priority = |node: &Node| node.config.instances[0].priority;
    let best = alive().map(priority).max();
    let mut masters = alive().filter(|node| node.is_master(0));
    match (masters.next(), masters.next()) {
        (Some(only), None) => !segment.preempt || Some(priority(only)) == best,
        _ => false,
    }
}

/// The priority in an advert, behind twenty bytes of IPv4 header.
fn priority(datagram: &[u8]) -> u8 {
    datagram[22]
}

impl Segment {
    /// Nobody speaks on and on in no time: each router answers each other one once, at most. Without
    /// this, routers that never yield would keep the clock, and with it every other promise, at one
    /// moment for ever.
    fn comes_to_rest(&self, moment: &Moment) -> bool {
        let routers = self.priorities.len();
        moment.answers <= routers * (routers - 1)
    }

    fn node(&self, last: u8, priority: u8) -> Node {
        let mut instance = exhaustion::instance(priority);
        instance.version = Version::V2;
        let preempt = Preempt::After(Duration::ZERO);
        instance.preempt = if self.preempt { preempt } else { Preempt::Never };
        exhaustion::node(last, Vrrp { instances: vec![instance].into(), ..Vrrp::default() })
    }
}

/// Budgets of the short form, and of the long one.
fn check(priorities: &[u8], preempt: bool, short: (u8, u8, u64), long: (u8, u8, u64)) {
    let priorities = priorities.to_vec();
    exhaustion::check(Segment { priorities, preempt, budget: Budget::chosen(short, long) });
}

#[test]
fn two_routers_in_every_way() {
    check(&[100, 150], true, (2, 1, 12), (4, 3, 16));
}

#[test]
fn two_equal_routers_in_every_way() {
    check(&[100, 100], true, (2, 1, 12), (4, 3, 16));
}

#[test]
fn two_routers_without_preemption_in_every_way() {
    check(&[100, 150], false, (2, 1, 12), (4, 3, 16));
}

#[test]
fn three_routers_in_every_way() {
    check(&[100, 150, 150], true, (1, 1, 10), (3, 2, 14));
}

#[test]
fn four_routers_in_every_way() {
    check(&[100, 120, 150, 150], true, (1, 1, 9), (2, 2, 12));
}
