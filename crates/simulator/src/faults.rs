//! Single faults against what is configured to prevent split brain: lease, heartbeat, arbiter.
//!
//! [`chaos`](crate::chaos) plays everything at once, where nothing can be promised while it lasts.
//! Here one fault at a time happens to nodes that are protected against it, and the promises hold at
//! every moment: no two nodes hold the addresses for longer than a handover, and once the election
//! is over exactly one holds them, where the clients are.

use std::net::{IpAddr, Ipv4Addr};

use base::{Duration, Instant, Priority, Vrid};
use control_plane::model::split_brain::{Heartbeat, Lease, UsedArbiter};
use control_plane::model::{
    Arbiter, ArbiterId, Instance, Preempt, Version, VirtualAddress, Vrrp, Witness,
};

use crate::check::{self, Violation};
use crate::node::{Life, Node, Wishes};
use crate::seed::Seed;
use crate::world::World;

/// From the new master's first advert to the end of the old one: an advert on its way, and a turn.
const HANDOVER: Duration = Duration::from_millis(5);
/// The parent starts a child that died within milliseconds.
const RESPAWN_TIME: Duration = Duration::from_millis(30);
/// How late the kernel may end a lifetime.
const LATEST: Duration = Duration::from_millis(200);
const SECOND: Duration = Duration::from_secs(1);
const FAULTS: u64 = 4;

/// What is configured against split brain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// `vip_lease auto`.
    pub lease: bool,
    /// `heartbeat`.
    pub heartbeat: bool,
    /// `arbiter`.
    pub arbiter: bool,
}

impl Parts {
    /// As docs/split-brain.md recommends.
    pub const ALL: Self = Self { lease: true, heartbeat: true, arbiter: true };
}

/// One fault; of a node where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The service segment falls apart: this node on one side.
    ServiceCut(usize),
    /// Its cable is out.
    ServiceCable(usize),
    /// It does not hear adverts on the service segment.
    Deaf(usize),
    /// Nobody does.
    AllDeaf,
    /// Its adverts are filtered as they leave.
    Mute(usize),
    /// All its processes are killed, the parent too.
    Killed(usize),
    /// All its processes are stopped.
    Frozen(usize),
    /// It cannot reach the witnesses.
    Blind(usize),
    /// Nobody can: they are dead.
    NoWitness,
    /// The heartbeats of this node are cut off.
    HeartbeatCut(usize),
    /// The cable of its heartbeat is out.
    HeartbeatCable(usize),
    /// It is cut off on both segments.
    BothCut(usize),
    /// Its power fails.
    Power(usize),
}

impl Fault {
    fn any(seed: &mut Seed, nodes: usize) -> Self {
        let node = seed.index(nodes);
        match seed.below(13) {
            0 => Self::ServiceCut(node),
            1 => Self::ServiceCable(node),
            2 => Self::Deaf(node),
            3 => Self::AllDeaf,
            4 => Self::Mute(node),
            5 => Self::Killed(node),
            6 => Self::Frozen(node),
            7 => Self::Blind(node),
            8 => Self::NoWitness,
            9 => Self::HeartbeatCut(node),
            10 => Self::HeartbeatCable(node),
            11 => Self::BothCut(node),
            _ => Self::Power(node),
        }
    }

    /// Whether these parts keep two nodes from holding the addresses.
    const fn is_answered_by(self, parts: Parts) -> bool {
        match self {
            Self::ServiceCut(_) => parts.heartbeat || parts.arbiter,
            Self::Deaf(_) | Self::AllDeaf => parts.heartbeat,
            Self::Mute(_) => parts.lease || parts.heartbeat,
            Self::Killed(_) | Self::Frozen(_) => parts.lease,
            Self::BothCut(_) => parts.arbiter,
            Self::ServiceCable(_)
            | Self::Blind(_)
            | Self::NoWitness
            | Self::HeartbeatCut(_)
            | Self::HeartbeatCable(_)
            | Self::Power(_) => true,
        }
    }

    /// Whether the lease is what ends the addresses.
    const fn needs_lease(self) -> bool {
        matches!(self, Self::Killed(_) | Self::Frozen(_) | Self::Mute(_))
    }
}

/// Watches how long two nodes hold the addresses.
#[derive(Clone, Copy, Debug, Default)]
struct Overlap {
    since: Option<Instant>,
}

impl Overlap {
    /// Looks at the holders as they are from `world.now` until `until`.
    fn look(&mut self, world: &World, until: Instant, allowed: Duration) -> Result<(), Violation> {
        let holders = holders(world);
        let [one, two, ..] = holders[..] else {
            self.since = None;
            return Ok(());
        };
        let since = *self.since.get_or_insert(world.now);
        if until.saturating_since(since) > allowed {
            return Err(Violation::TwoHolders { nodes: [one, two], since });
        }
        Ok(())
    }
}

fn holders(world: &World) -> Vec<usize> {
    (0..world.nodes.len()).filter(|node| world.nodes[*node].holds()).collect()
}

/// A world whose nodes are protected, and the faults that a seed lets happen one after the other.
#[derive(Debug)]
pub struct Siege {
    seed: Seed,
    /// The world.
    pub world: World,
    parts: Parts,
    interval: Duration,
    overlap: Overlap,
}

impl Siege {
    /// The story of a seed.
    pub fn new(number: u64, parts: Parts) -> Self {
        let mut seed = Seed::new(number);
        let version = if seed.percent(50) { Version::V2 } else { Version::V3 };
        let interval = match version {
            Version::V2 => SECOND,
            Version::V3 => Duration::from_centis([10, 30, 50, 100][seed.index(4)]),
        };
        let count = if seed.percent(70) { 2 } else { 3 };
        // With the same priority the address would decide, which differs from path to path.
        let priorities: &[u8] =
            [&[150, 100, 50][..], &[100, 254, 200], &[200, 199, 198]][seed.index(3)];
        let preempt = match seed.below(4) {
            0 => Preempt::Never,
            1 => Preempt::After(Duration::from_secs(2)),
            _ => Preempt::After(Duration::ZERO),
        };
        let nodes = priorities.iter().take(count).zip(1..).map(|(priority, last)| {
            let mut instance = instance(version, interval, *priority);
            instance.preempt = preempt;
            let config = protect(instance, interval, parts);
            let mut node = Node::new(Ipv4Addr::new(10, 9, 0, last), config);
            node.installed.late = seed.span(Duration::ZERO, LATEST);
            node
        });
        let nodes = nodes.collect();
        let world = World::new(nodes, Seed::new(seed.any()));
        Self { seed, world, parts, interval, overlap: Overlap::default() }
    }

    /// Plays it to its end, or to the first promise that was broken.
    pub fn play(&mut self) -> Result<(), Violation> {
        for node in 0..self.world.nodes.len() {
            self.world.act(node, "boots", Node::boot);
            let pause = self.seed.span(Duration::ZERO, SECOND);
            self.pass(pause, HANDOVER + self.interval)?;
        }
        self.recover()?;
        for _ in 0..FAULTS {
            let fault = Fault::any(&mut self.seed, self.world.nodes.len());
            if fault.is_answered_by(self.parts) {
                self.suffer(fault)?;
            }
        }
        Ok(())
    }

    fn suffer(&mut self, fault: Fault) -> Result<(), Violation> {
        let pause = self.seed.span(Duration::ZERO, self.interval.saturating_mul(3));
        self.pass(pause, HANDOVER)?;
        self.world.note(0, format!("fault: {fault:?}"));
        self.begin(fault);
        let allowed = self.allowed(fault);
        let early = self.seed.span(Duration::ZERO, self.patience().saturating_mul(2));
        self.pass(early, allowed)?;
        if self.seed.percent(40) {
            self.disturb(allowed)?;
        }
        if self.seed.percent(60) {
            self.pass(self.patience(), allowed)?;
            self.check_service(fault)?;
            let late = self.seed.span(Duration::ZERO, Duration::from_secs(10));
            self.pass(late, HANDOVER)?;
            self.check_service(fault)?;
        }
        self.world.note(0, format!("over: {fault:?}"));
        self.end(fault);
        self.recover()
    }

    /// The fault is over: one master, the right one, and no double on the way there but for the
    /// rest of a lease.
    fn recover(&mut self) -> Result<(), Violation> {
        let allowed = self.interval + self.lease_rest() + HANDOVER;
        self.pass(self.quiet(), allowed)?;
        check::settled(&self.world, 1)?;
        match holders(&self.world)[..] {
            [_] => Ok(()),
            _ => Err(Violation::NotServed { holders: holders(&self.world) }),
        }
    }

    fn begin(&mut self, fault: Fault) {
        let world = &mut self.world;
        let side = u8::from(self.seed.percent(50));
        match fault {
            Fault::ServiceCut(node) => {
                world.part[node] = 1;
                world.witness = Some(side);
            }
            Fault::BothCut(node) => {
                (world.part[node], world.heartbeat_part[node]) = (1, 1);
                world.witness = Some(side);
            }
            Fault::HeartbeatCut(node) => world.heartbeat_part[node] = 1,
            Fault::ServiceCable(node) => world.act(node, "", |node, now| node.set_link(now, false)),
            Fault::HeartbeatCable(node) => {
                world.act(node, "", |node, now| node.set_heartbeat(now, false));
            }
            Fault::Deaf(node) => world.nodes[node].deaf = true,
            Fault::AllDeaf => world.nodes.iter_mut().for_each(|node| node.deaf = true),
            Fault::Mute(node) => world.nodes[node].mute = true,
            Fault::Killed(node) => world.nodes[node].crash(),
            Fault::Frozen(node) => world.nodes[node].freeze(),
            Fault::Blind(node) => world.blind[node] = true,
            Fault::NoWitness => world.witness = None,
            Fault::Power(node) => world.nodes[node].power_off(),
        }
    }

    fn end(&mut self, fault: Fault) {
        let world = &mut self.world;
        world.part.fill(0);
        world.heartbeat_part.fill(0);
        world.blind.fill(false);
        world.witness = Some(0);
        for node in &mut world.nodes {
            (node.deaf, node.mute) = (false, false);
        }
        match fault {
            Fault::ServiceCable(node) => world.act(node, "", |node, now| node.set_link(now, true)),
            Fault::HeartbeatCable(node) => {
                world.act(node, "", |node, now| node.set_heartbeat(now, true));
            }
            Fault::Killed(node) | Fault::Power(node) => world.act(node, "boots", Node::boot),
            Fault::Frozen(node) => world.act(node, "thaws", Node::thaw),
            _ => {}
        }
    }

    /// What an administrator or a bad day adds to a fault: a reload, a death, an upgrade.
    fn disturb(&mut self, allowed: Duration) -> Result<(), Violation> {
        let node = self.seed.index(self.world.nodes.len());
        if self.world.nodes[node].running().is_none() {
            return Ok(());
        }
        match self.seed.below(3) {
            0 => self.world.act(node, "reloads", |node, now| {
                let config = node.config.clone();
                node.reload(now, config)
            }),
            1 => self.world.act(node, "is upgraded", Node::upgrade),
            _ => {
                self.world.act(node, "dies", |node, _| {
                    node.crash();
                    Wishes::default()
                });
                self.pass(RESPAWN_TIME, allowed)?;
                self.world.act(node, "respawns", Node::respawn);
            }
        }
        Ok(())
    }

    /// Exactly one node has the addresses, and clients reach it where somebody can know where they
    /// are.
    fn check_service(&self, fault: Fault) -> Result<(), Violation> {
        let holders = holders(&self.world);
        let fine = match holders[..] {
            [only] => {
                let lives = matches!(self.world.nodes[only].life, Life::Running(_));
                let found = !self.parts.arbiter || self.world.serves(only);
                let sees = !self.parts.arbiter || !self.world.blind[only];
                lives && found && sees
            }
            // Whoever yields without witnesses yields to nobody when they are dead.
            [] => fault == Fault::NoWitness && self.parts.arbiter,
            _ => false,
        };
        if fine { Ok(()) } else { Err(Violation::NotServed { holders }) }
    }

    /// How long two may hold the addresses while a fault begins.
    fn allowed(&self, fault: Fault) -> Duration {
        let rest = if fault.needs_lease() { self.lease_rest() } else { Duration::ZERO };
        HANDOVER + rest
    }

    /// By how much the kernel's whole seconds may outlast the down time of the first backup.
    fn lease_rest(&self) -> Duration {
        let instances = self.world.nodes.iter().flat_map(|node| &node.config.instances);
        let skew = instances.clone().map(|one| {
            let unit = if one.version == Version::V2 { SECOND } else { one.advert_interval };
            unit.mul_ratio(256 - u64::from(one.priority.get()), 256).unwrap_or_default()
        });
        let down = self.interval.saturating_mul(3) + skew.min().unwrap_or_default();
        let lease = instances.filter_map(Instance::lease_seconds).max();
        let lease = lease.map_or(Duration::ZERO, |secs| Duration::from_secs(secs.into()) + LATEST);
        lease.saturating_sub(down)
    }

    /// Active_Down_Interval of anybody, and a second.
    fn patience(&self) -> Duration {
        self.interval.saturating_mul(4) + SECOND + SECOND
    }

    /// The slowest way to an election, with `preempt_delay`.
    fn quiet(&self) -> Duration {
        self.patience() + self.interval.saturating_mul(4) + Duration::from_secs(3)
    }

    fn pass(&mut self, span: Duration, allowed: Duration) -> Result<(), Violation> {
        let overlap = &mut self.overlap;
        let mut broken = Ok(());
        self.world.run(span, |world, until| {
            let fine = check::addresses(world)
                .and_then(|()| check::explained(world))
                .and_then(|()| check::farewells(world))
                .and_then(|()| overlap.look(world, until, allowed));
            if broken.is_ok() {
                broken = fine;
            }
        });
        if self.world.storm { Err(Violation::Storm) } else { broken }
    }
}

/// A time in which nothing goes wrong but that the machines are slow, and their administrators
/// busy: no lease ends, and nobody changes his state.
#[derive(Debug)]
pub struct Peace {
    seed: Seed,
    /// The world.
    pub world: World,
}

impl Peace {
    /// Two nodes with everything that is recommended, settled.
    pub fn new(number: u64) -> Self {
        let mut seed = Seed::new(number);
        let nodes = [(150, 1), (100, 2)].map(|(priority, last)| {
            let config = protect(instance(Version::V2, SECOND, priority), SECOND, Parts::ALL);
            let mut node = Node::new(Ipv4Addr::new(10, 9, 0, last), config);
            node.installed.late = seed.span(Duration::ZERO, LATEST);
            node
        });
        let mut world = World::new(nodes.into(), Seed::new(seed.any()));
        for node in 0..2 {
            world.act(node, "boots", Node::boot);
        }
        world.run(Duration::from_secs(10), |_, _| ());
        Self { seed, world }
    }

    /// So much virtual time.
    pub fn last(&mut self, span: Duration) -> Result<(), Violation> {
        let before = self.world.account.len();
        let end = self.world.now + span;
        while self.world.now < end {
            let node = self.seed.index(2);
            self.trouble(node)?;
            let pause = self.seed.span(Duration::ZERO, SECOND);
            self.pass(pause)?;
            check::unchanged(&self.world, before)?;
        }
        Ok(())
    }

    fn trouble(&mut self, node: usize) -> Result<(), Violation> {
        match self.seed.below(6) {
            // A busy machine: the process gets no time for a while.
            0..=2 => {
                self.world.nodes[node].freeze();
                let span = self.seed.span(Duration::ZERO, Duration::from_millis(1_200));
                self.pass(span)?;
                self.world.act(node, "", Node::thaw);
            }
            3 => self.world.act(node, "", |node, now| {
                let config = node.config.clone();
                node.reload(now, config)
            }),
            4 => self.world.act(node, "", Node::upgrade),
            _ => {
                self.world.nodes[node].crash();
                self.pass(RESPAWN_TIME)?;
                self.world.act(node, "", Node::respawn);
            }
        }
        Ok(())
    }

    fn pass(&mut self, span: Duration) -> Result<(), Violation> {
        let mut broken = Ok(());
        self.world.run(span, |world, _| {
            if broken.is_ok() {
                broken = match holders(world)[..] {
                    [0] if world.nodes[0].installed.ended == 0 => Ok(()),
                    _ => Err(Violation::NotServed { holders: holders(world) }),
                };
            }
        });
        broken
    }
}

fn instance(version: Version, interval: Duration, priority: u8) -> Instance {
    let vrid = Vrid::new(51).unwrap_or_else(|_| unreachable!("51 is an identifier"));
    let mut instance = Instance::new("VI_1", "eth0", vrid);
    (instance.version, instance.advert_interval) = (version, interval);
    instance.priority = Priority::new(priority).unwrap_or_default();
    let net = base::Ipv4Net::from(Ipv4Addr::new(10, 9, 1, 51)).into();
    instance.virtual_addresses = vec![VirtualAddress::new(net, "eth0")];
    instance
}

/// The same with these parts. Witnesses are asked so often that who is cut off yields before another
/// one takes over.
pub fn protect(mut instance: Instance, interval: Duration, parts: Parts) -> Vrrp {
    let brain = &mut instance.split_brain;
    brain.lease = parts.lease.then_some(Lease::Auto);
    if parts.heartbeat {
        brain.heartbeats = vec![Heartbeat::Interface("eth1".into())];
    }
    let asked = UsedArbiter { arbiter: ArbiterId(0), keeps: false };
    brain.arbiter = parts.arbiter.then_some(asked);
    let round = interval.mul_ratio(1, 2).unwrap_or(interval);
    let arbiter = Arbiter {
        name: "gate".into(),
        witnesses: vec![Witness::Ping(IpAddr::from([10, 9, 0, 254]))],
        interval: round,
        timeout: round,
        rise: 1,
        fall: 2,
        quorum: 1,
    };
    let arbiters = if parts.arbiter { vec![arbiter] } else { Vec::new() };
    Vrrp { instances: vec![instance].into(), arbiters, ..Vrrp::default() }
}
