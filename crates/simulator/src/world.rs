//! Nodes on one segment, and the order in which things happen.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use base::{Duration, Instant};
use vrrp_stack::{NotifyState, ProbeId, RunId};

use crate::node::{Life, Node, Segment, Wishes};
use crate::seed::Seed;

/// How long a tracking script runs.
const SCRIPT_TIME: Duration = Duration::from_millis(10);

/// How long a witness takes to answer.
const ANSWER_TIME: Duration = Duration::from_millis(2);

/// Events in one run after which something is amplifying itself.
const EVENTS_PER_RUN: u32 = 20_000;

/// How the segment treats packets now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// Packets lost out of a hundred, for each receiver on its own.
    pub loss: u8,
    /// Packets that arrive twice out of a hundred.
    pub duplicates: u8,
    /// Longest time on the way.
    pub delay: Duration,
}

impl Weather {
    /// Nothing is lost, and a packet takes less than a millisecond.
    pub const FAIR: Self = Self { loss: 0, duplicates: 0, delay: Duration::from_millis(1) };
}

/// Something under way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Packet { to: usize, segment: Segment, bytes: Vec<u8> },
    ScriptEnds { node: usize, life: u32, run: RunId },
    Answer { node: usize, life: u32, probe: ProbeId },
}

impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pending {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// Events of one moment happen in the order in which they were caused.
#[derive(Clone, Debug, Eq)]
struct Pending {
    at: Instant,
    number: u64,
    event: Event,
}

/// A line of the account that a failing seed prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at: Instant,
    /// Which node.
    pub node: usize,
    /// What.
    pub what: String,
}

/// The nodes and the segment between them.
#[derive(Clone, Debug)]
pub struct World {
    /// The time.
    pub now: Instant,
    /// The machines.
    pub nodes: Vec<Node>,
    /// Which part of the segment a node is in; nodes in different parts do not hear each other.
    pub part: Vec<u8>,
    /// The same of the segment of the heartbeats.
    pub heartbeat_part: Vec<u8>,
    /// In which part of the service segment witnesses and clients are; `None` is nowhere.
    pub witness: Option<u8>,
    /// Nodes that cannot reach the witnesses although they are in their part.
    pub blind: Vec<bool>,
    /// How the segment treats packets.
    pub weather: Weather,
    /// Adverts with priority 0 that left, by node.
    pub farewells: Vec<u64>,
    /// More happened in one [`run`](Self::run) than routers in their right mind cause.
    pub storm: bool,
    /// What happened.
    pub account: Vec<Note>,
    /// Counts the processes of a node, so that a dead one's script means nothing to the next.
    lives: Vec<u32>,
    pending: BinaryHeap<Reverse<Pending>>,
    caused: u64,
    seed: Seed,
}

impl World {
    /// These machines, all off, on one quiet segment.
    pub fn new(nodes: Vec<Node>, seed: Seed) -> Self {
        let count = nodes.len();
        Self {
            now: Instant::from_micros(1_000_000_000),
            nodes,
            part: vec![0; count],
            heartbeat_part: vec![0; count],
            witness: Some(0),
            blind: vec![false; count],
            weather: Weather::FAIR,
            farewells: vec![0; count],
            storm: false,
            account: Vec::new(),
            lives: vec![0; count],
            pending: BinaryHeap::new(),
            caused: 0,
            seed,
        }
    }

    /// Whether packets pass from one node to another on the service segment.
    pub fn connected(&self, from: usize, to: usize) -> bool {
        self.connected_by(Segment::Service, from, to)
    }

    /// Whether packets pass from one node to another on a segment.
    pub fn connected_by(&self, segment: Segment, from: usize, to: usize) -> bool {
        let part = match segment {
            Segment::Service => &self.part,
            Segment::Heartbeat => &self.heartbeat_part,
        };
        self.carries(segment, from) && self.carries(segment, to) && part.get(from) == part.get(to)
    }

    fn carries(&self, segment: Segment, node: usize) -> bool {
        self.nodes.get(node).is_some_and(|node| match segment {
            Segment::Service => node.link_up,
            Segment::Heartbeat => node.heartbeat_up,
        })
    }

    /// Whether a node is where the clients are.
    pub fn serves(&self, node: usize) -> bool {
        self.carries(Segment::Service, node)
            && self.witness.is_some()
            && self.part.get(node).copied() == self.witness
    }

    fn reaches_witness(&self, node: usize) -> bool {
        self.serves(node) && self.blind.get(node) == Some(&false)
    }

    /// Lets something happen to a node.
    pub fn act(&mut self, node: usize, what: &str, act: impl FnOnce(&mut Node, Instant) -> Wishes) {
        let Some(machine) = self.nodes.get_mut(node) else { return };
        let was_dead = matches!(machine.life, Life::Off | Life::Crashed);
        let wishes = act(machine, self.now);
        if was_dead && let Some(lives) = self.lives.get_mut(node) {
            *lives += 1;
        }
        if !what.is_empty() {
            self.note(node, what.to_owned());
        }
        self.grant(node, wishes);
    }

    /// Lets time pass. `look` sees the world after every event, with the time until which nothing
    /// else happens.
    pub fn run(&mut self, span: Duration, mut look: impl FnMut(&Self, Instant)) {
        let end = self.now + span;
        for events in 0.. {
            let timers = self.nodes.iter().enumerate();
            let timer =
                timers.filter_map(|(node, machine)| Some((machine.next_timeout()?, node))).min();
            let event = self.pending.peek().map(|Reverse(next)| next.at);
            let nodes = self.nodes.iter().enumerate();
            let expiry = nodes.filter_map(|(node, one)| Some((one.next_expiry()?, node))).min();
            let timer = match (expiry, timer) {
                (Some(expiry), other) if other.is_none_or(|other| expiry.0 <= other.0) => {
                    Some((expiry.0, expiry.1, true))
                }
                (_, timer) => timer.map(|(at, node)| (at, node, false)),
            };
            let due = [timer.map(|(at, ..)| at), event].into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= end) else { break };
            if events >= EVENTS_PER_RUN {
                self.storm = true;
                break;
            }
            look(self, due);
            self.now = self.now.max(due);
            match (timer, event) {
                (Some((at, node, expires)), other) if other.is_none_or(|other| at < other) => {
                    self.act(node, "", if expires { Node::expire } else { Node::timeout });
                }
                _ => self.next_event(),
            }
        }
        look(self, end);
        self.now = end;
    }

    fn next_event(&mut self) {
        let Some(Reverse(Pending { event, .. })) = self.pending.pop() else { return };
        match event {
            Event::Packet { to, segment, bytes } => {
                if self.carries(segment, to) {
                    self.act(to, "", |node, now| node.deliver_on(now, segment, bytes));
                }
            }
            Event::Answer { node, life, probe } => {
                if self.lives.get(node) == Some(&life) && self.reaches_witness(node) {
                    self.act(node, "", |node, now| node.answered(now, probe));
                }
            }
            Event::ScriptEnds { node, life, run } => {
                if self.lives.get(node) == Some(&life) {
                    self.act(node, "", |node, now| node.script_ends(now, run));
                }
            }
        }
    }

    fn grant(&mut self, node: usize, wishes: Wishes) {
        for (instance, state) in wishes.notified {
            self.note(node, format!("{instance} is {state}"));
            debug_assert!(state != NotifyState::Stop || self.nodes[node].running().is_none());
        }
        for run in wishes.scripts {
            let life = self.lives.get(node).copied().unwrap_or(0);
            self.cause(self.now + SCRIPT_TIME, Event::ScriptEnds { node, life, run });
        }
        for probe in wishes.probes {
            let life = self.lives.get(node).copied().unwrap_or(0);
            if self.reaches_witness(node) {
                self.cause(self.now + ANSWER_TIME, Event::Answer { node, life, probe });
            }
        }
        for advert in wishes.adverts {
            let Some(segment) = Segment::behind(advert.socket.index) else { continue };
            if leaves(&advert.datagram) {
                if let Some(count) = self.farewells.get_mut(node) {
                    *count += 1;
                }
                self.note(node, format!("{} says goodbye", advert.instance));
            }
            for to in (0..self.nodes.len()).filter(|to| *to != node) {
                if self.connected_by(segment, node, to) {
                    self.carry(to, segment, &advert.datagram);
                }
            }
        }
    }

    fn carry(&mut self, to: usize, segment: Segment, datagram: &[u8]) {
        let copies = 1 + u8::from(self.seed.percent(self.weather.duplicates));
        for _ in 0..copies {
            if !self.seed.percent(self.weather.loss) {
                let delay = self.seed.span(Duration::from_micros(50), self.weather.delay);
                let bytes = datagram.to_vec();
                self.cause(self.now + delay, Event::Packet { to, segment, bytes });
            }
        }
    }

    fn cause(&mut self, at: Instant, event: Event) {
        self.caused += 1;
        self.pending.push(Reverse(Pending { at, number: self.caused, event }));
    }

    /// Adds a line to the account.
    pub fn note(&mut self, node: usize, what: String) {
        self.account.push(Note { at: self.now, node, what });
    }
}

/// Whether an IPv4 datagram is an advert with priority 0.
pub(crate) fn leaves(datagram: &[u8]) -> bool {
    let payload = wire::ipv4::parse(datagram).map(|datagram| datagram.payload);
    let view = payload.and_then(|payload| wire::AdvertView::new(payload).ok());
    view.is_some_and(|view| view.priority() == 0)
}
