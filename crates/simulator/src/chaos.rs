//! What a seed does to a world.

use std::net::Ipv4Addr;

use base::{Duration, Priority, Vrid, Weight};
use control_plane::model::vrrp::SyncGroup;
use control_plane::model::{
    Command, Instance, Preempt, ScriptId, TrackScript, Version, VirtualAddress, Vrrp, VrrpScript,
};

use crate::changes::{LONGEST, level};
use crate::check::{self, Duel, Violation};
use crate::node::{Life, Node, Wishes};
use crate::seed::Seed;
use crate::world::{Weather, World};

/// The parent starts a child that died within milliseconds.
const RESPAWN_TIME: Duration = Duration::from_millis(30);
/// How often the story goes from trouble to quiet.
const EPISODES: usize = 2;
const TROUBLES: u64 = 8;

/// A world and what a seed does to it.
#[derive(Debug)]
pub struct Story {
    pub(crate) seed: Seed,
    /// The world.
    pub world: World,
    instances: usize,
    interval: Duration,
    duel: Duel,
    /// Instances that a reload has taken from a node.
    pub(crate) removed: Vec<Vec<Instance>>,
    /// Whether reloads change groups, intervals, versions and scripts too.
    changing: bool,
}

impl Story {
    /// The story of a seed with so many routers.
    pub fn new(number: u64, routers: usize) -> Self {
        let mut seed = Seed::new(number);
        let version = if seed.percent(50) { Version::V2 } else { Version::V3 };
        let interval = match version {
            Version::V2 => Duration::from_secs(1),
            Version::V3 => Duration::from_centis([10, 30, 100][seed.index(3)]),
        };
        let instances = if seed.percent(30) { 2 } else { 1 };
        let grouped = instances > 1 && seed.percent(60);
        let tracked = [None, None, Some(0), Some(-60), Some(40)][seed.index(5)];
        let nodes = (0..routers).map(|at| {
            let last = u8::try_from(at + 1).unwrap_or(u8::MAX);
            let vrids = 51..51 + u8::try_from(instances).unwrap_or(1);
            let mut instances: Vec<Instance> =
                vrids.map(|vrid| instance(&mut seed, vrid, version, interval, tracked)).collect();
            let scripts = tracked.map(script).into_iter().collect();
            let sync_groups = if grouped { vec![group(&mut instances)] } else { Vec::new() };
            let config =
                Vrrp { instances: instances.into(), scripts, sync_groups, ..Vrrp::default() };
            Node::new(Ipv4Addr::new(10, 9, 0, last), config)
        });
        let nodes = nodes.collect();
        let world = World::new(nodes, Seed::new(seed.any()));
        let removed = vec![Vec::new(); routers];
        let duel = Duel::default();
        Self { seed, world, instances, interval, duel, removed, changing: false }
    }

    /// The same nodes, with reloads that change groups, intervals, versions and scripts too.
    pub fn changing(number: u64, routers: usize) -> Self {
        Self { interval: LONGEST, changing: true, ..Self::new(number, routers) }
    }

    /// Plays it to its end, or to the first promise that was broken.
    pub fn play(&mut self) -> Result<(), Violation> {
        for _ in 0..EPISODES {
            for _ in 0..self.seed.below(TROUBLES) {
                self.trouble()?;
                let pause =
                    self.seed.span(Duration::from_millis(1), self.interval.saturating_mul(4));
                self.pass(pause, false)?;
            }
            self.calm()?;
            self.pass(self.quiet_time(), true)?;
            check::settled(&self.world, self.instances)?;
            check::together(&self.world)?;
            self.rest()?;
            if self.changing {
                self.change_unnoticed()?;
            }
            self.die_unnoticed()?;
        }
        Ok(())
    }

    /// Where nothing happens, nothing changes.
    fn rest(&mut self) -> Result<(), Violation> {
        let before = self.world.account.len();
        self.pass(self.interval.saturating_mul(10), true)?;
        check::unchanged(&self.world, before)
    }

    /// A process that dies and is started again changes nothing for anybody: a master stays
    /// master before a backup misses it.
    fn die_unnoticed(&mut self) -> Result<(), Violation> {
        let node = self.seed.index(self.world.nodes.len());
        self.pass(self.seed.clone().span(Duration::ZERO, self.interval), true)?;
        self.crash(node)?;
        let before = self.world.account.len();
        self.pass(self.interval.saturating_mul(5), false)?;
        check::unchanged(&self.world, before)?;
        check::settled(&self.world, self.instances)
    }

    /// The slowest way to an election: the remaining preemption delay, a whole Active_Down_Interval,
    /// and for equals that took over at once another interval.
    fn quiet_time(&self) -> Duration {
        Duration::from_secs(5) + self.interval.saturating_mul(9)
    }

    pub(crate) fn pass(&mut self, span: Duration, calm: bool) -> Result<(), Violation> {
        let patience = self.interval + Duration::from_millis(20);
        let (instances, duel) = (self.instances, &mut self.duel);
        let mut broken = Ok(());
        self.world.run(span, |world, until| {
            let fine = check::addresses(world)
                .and_then(|()| check::explained(world))
                .and_then(|()| check::farewells(world));
            let fine = fine.and_then(|()| {
                if calm { duel.look(world, instances, until, patience) } else { Ok(()) }
            });
            if broken.is_ok() {
                broken = fine;
            }
        });
        if self.world.storm { Err(Violation::Storm) } else { broken }
    }

    fn trouble(&mut self) -> Result<(), Violation> {
        let node = self.seed.index(self.world.nodes.len());
        if self.changing && self.seed.percent(40) {
            self.change_shape(node);
            return Ok(());
        }
        match self.seed.below(15) {
            0 | 1 => self.switch_on(node),
            2 => {
                let loss = [10, 50, 100][self.seed.index(3)];
                let delay = [1, 50, 400][self.seed.index(3)];
                let duplicates = [0, 30][self.seed.index(2)];
                let delay = Duration::from_millis(delay);
                self.world.weather = Weather { loss, duplicates, delay };
            }
            3 => self.world.weather = Weather::FAIR,
            4 => {
                let part = u8::try_from(self.seed.below(2)).unwrap_or(0);
                self.world.part[node] = part;
            }
            5 => self.world.act(node, "freezes", |node, _| {
                node.freeze();
                Wishes::default()
            }),
            6 => self.world.act(node, "thaws", Node::thaw),
            7 => self.crash(node)?,
            8 => self.world.act(node, "loses power", |node, _| {
                node.power_off();
                Wishes::default()
            }),
            9 => self.change_priority(node),
            10 => {
                let up = self.seed.percent(50);
                let what = if up { "link up" } else { "link down" };
                self.world.act(node, what, |node, now| node.set_link(now, up));
            }
            11 => {
                let span = self.some_time();
                self.world.act(node, "clock jumps", |node, now| node.jump(now, span));
            }
            12 => self.sleep(node)?,
            13 => self.change_instances(node),
            _ => match self.seed.below(2) {
                0 => self.world.nodes[node].script_good = self.seed.percent(50),
                _ => self.stop(node)?,
            },
        }
        Ok(())
    }

    fn switch_on(&mut self, node: usize) {
        if self.world.nodes[node].life == Life::Off {
            self.world.act(node, "boots", Node::boot);
        }
    }

    /// A reload with other priorities.
    fn change_priority(&mut self, node: usize) {
        let mut config = self.world.nodes[node].config.clone();
        let priority = any_priority(&mut self.seed);
        for instance in &mut config.instances {
            instance.priority = priority;
        }
        let what = format!("reloads with priority {priority}");
        self.world.act(node, &what, |node, now| node.reload(now, config));
    }

    /// A reload that changes what there is: another address, the last instance gone or back.
    fn change_instances(&mut self, node: usize) {
        let mut config = self.world.nodes[node].config.clone();
        let others = config.instances.len().saturating_sub(1);
        // A process that does not answer takes nothing over.
        let obeys = matches!(self.world.nodes[node].life, Life::Running(_) | Life::Off);
        let what = match self.seed.below(3) {
            // Members of a group that others have not would wait for each other: a mistake of theirs.
            0 if obeys && others > 0 && config.sync_groups.is_empty() => {
                self.removed[node].extend(config.instances.pop());
                "reloads without its last instance"
            }
            1 if obeys && !self.removed[node].is_empty() => {
                config.instances.extend(self.removed[node].pop());
                level(&mut config);
                "reloads with an instance again"
            }
            _ => {
                let last = u8::try_from(self.seed.below(4)).unwrap_or(0);
                let address = Ipv4Addr::new(10, 9, 2, last);
                for instance in config.instances.iter_mut().take(1) {
                    let net = base::Ipv4Net::from(address).into();
                    instance.virtual_addresses.truncate(1);
                    instance.virtual_addresses.push(VirtualAddress::new(net, "eth0"));
                }
                "reloads with another address"
            }
        };
        self.world.act(node, what, |node, now| node.reload(now, config));
    }

    /// The machine is suspended: nothing runs, and its clock does not count the time.
    fn sleep(&mut self, node: usize) -> Result<(), Violation> {
        if self.world.nodes[node].running().is_none() {
            return Ok(());
        }
        let span = self.some_time();
        let quietly = |act: fn(&mut Node)| {
            move |node: &mut Node, _| {
                act(node);
                Wishes::default()
            }
        };
        self.world.act(node, "is suspended", quietly(Node::freeze));
        self.pass(span, false)?;
        self.world.nodes[node].sleep(span);
        self.world.act(node, "resumes", Node::thaw);
        Ok(())
    }

    fn some_time(&mut self) -> Duration {
        self.seed.span(Duration::from_millis(1), self.interval.saturating_mul(6))
    }

    /// The process dies and the parent starts another one.
    fn crash(&mut self, node: usize) -> Result<(), Violation> {
        if self.world.nodes[node].running().is_none() {
            return Ok(());
        }
        self.world.act(node, "crashes", |node, _| {
            node.crash();
            Wishes::default()
        });
        self.pass(RESPAWN_TIME, false)?;
        self.world.act(node, "respawns", Node::respawn);
        Ok(())
    }

    /// An orderly stop: a master says goodbye.
    fn stop(&mut self, node: usize) -> Result<(), Violation> {
        let running = self.world.nodes[node].running().is_some();
        let leaves = running && check::holds_addresses(&self.world, node);
        let before = self.world.farewells[node];
        self.world.act(node, "stops", Node::stop);
        if leaves && self.world.farewells[node] == before {
            return Err(Violation::NoFarewell { node });
        }
        Ok(())
    }

    /// Trouble ends: everybody who is on runs, all hear each other or two parts stay for good.
    fn calm(&mut self) -> Result<(), Violation> {
        self.world.weather = Weather::FAIR;
        if self.seed.percent(70) {
            self.world.part.fill(0);
        }
        for node in 0..self.world.nodes.len() {
            self.world.act(node, "", Node::thaw);
            let up = self.seed.percent(85);
            self.world.act(node, "", |node, now| node.set_link(now, up));
            if self.seed.percent(80) {
                self.switch_on(node);
            }
        }
        if self.changing {
            self.agree();
        }
        // Packets of the storm are still under way.
        self.pass(Duration::from_millis(400), false)?;
        self.duel.forgive();
        Ok(())
    }
}

fn instance(
    seed: &mut Seed,
    vrid: u8,
    version: Version,
    interval: Duration,
    tracked: Option<i32>,
) -> Instance {
    let vrid = Vrid::new(vrid).unwrap_or_else(|_| unreachable!("51 and 52 are identifiers"));
    let mut instance = Instance::new(format!("VI_{vrid}"), "eth0", vrid);
    instance.version = version;
    instance.advert_interval = interval;
    instance.priority = any_priority(seed);
    instance.preempt = match seed.below(4) {
        0 => Preempt::Never,
        1 => Preempt::After(Duration::from_secs(2)),
        _ => Preempt::After(Duration::ZERO),
    };
    instance.lower_prio_no_advert = seed.percent(20);
    instance.higher_prio_send_advert = seed.percent(20);
    let address = Ipv4Addr::new(10, 9, 1, vrid.get());
    instance.virtual_addresses =
        vec![VirtualAddress::new(base::Ipv4Net::from(address).into(), "eth0")];
    if let Some(weight) = tracked.and_then(|weight| Weight::new(weight).ok()) {
        instance.track_scripts = vec![TrackScript { script: ScriptId(0), weight, reverse: false }];
    }
    instance
}

fn any_priority(seed: &mut Seed) -> Priority {
    Priority::new([100, 100, 150, 200, 254, 255][seed.index(6)]).unwrap_or_default()
}

/// A sync group of all instances. Members that disagree about who is best would never agree.
pub(crate) fn group(instances: &mut [Instance]) -> SyncGroup {
    if let [first, others @ ..] = instances {
        for other in others {
            (other.priority, other.preempt) = (first.priority, first.preempt);
        }
    }
    let members = instances.iter().map(|instance| instance.name.clone()).collect();
    SyncGroup { name: "G".into(), members, ..SyncGroup::default() }
}

pub(crate) fn script(weight: i32) -> VrrpScript {
    let command = Command { program: "/bin/check".into(), args: Vec::new(), user: None };
    let mut script = VrrpScript::new("check", command);
    script.weight = Weight::new(weight).unwrap_or_default();
    script
}
