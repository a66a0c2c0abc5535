//! What must hold.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use base::{Duration, Instant};
use control_plane::model::Preempt;
use vrrp_stack::router::Fault;
use vrrp_stack::{Stack, State, Verdict, VirtualRouter};

use crate::node::{Life, Node};
use crate::world::{Note, World};

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// After a quiet time a part of the segment has not exactly one master of an instance.
    Masters {
        /// Index of the instance.
        instance: usize,
        /// Nodes of the part that could be master.
        able: Vec<usize>,
        /// Nodes that are.
        masters: Vec<usize>,
    },
    /// After a quiet time a node should have taken over from this master and has not.
    WrongMaster {
        /// Index of the instance.
        instance: usize,
        /// Who is master.
        master: usize,
        /// Who should have taken over.
        better: usize,
    },
    /// Two masters heard each other for longer than it takes to notice.
    TwoMasters {
        /// Index of the instance.
        instance: usize,
        /// The nodes.
        nodes: [usize; 2],
        /// Since when.
        since: Instant,
    },
    /// After a quiet time the members of a sync group are in different states.
    Apart {
        /// The node.
        node: usize,
    },
    /// A node has addresses without being master, or is master without them.
    Addresses {
        /// The node.
        node: usize,
    },
    /// Adverts cause adverts without an end.
    Storm,
    /// A state changed although nothing had happened.
    Restless(Note),
    /// Two nodes held the addresses for longer than a handover takes.
    TwoHolders {
        /// The nodes.
        nodes: [usize; 2],
        /// Since when.
        since: Instant,
    },
    /// Not exactly one node holds the addresses, or one that no client reaches.
    NotServed {
        /// Who holds them.
        holders: Vec<usize>,
    },
    /// A master left in good order without saying goodbye.
    NoFarewell {
        /// The node.
        node: usize,
    },
    /// An instance is in FAULT and nothing is wrong, or the other way round.
    Unexplained {
        /// The node.
        node: usize,
        /// Name of the instance.
        instance: String,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Masters { instance, able, masters } => {
                write!(f, "instance {instance}: of nodes {able:?}, {masters:?} are master")
            }
            Self::WrongMaster { instance, master, better } => {
                write!(f, "instance {instance}: node {master} is master before node {better}")
            }
            Self::TwoMasters { instance, nodes, since } => {
                write!(f, "instance {instance}: nodes {nodes:?} both master since {since:?}")
            }
            Self::Apart { node } => write!(f, "node {node}: members of its group are apart"),
            Self::Addresses { node } => write!(f, "node {node}: addresses do not follow its state"),
            Self::Restless(Note { node, what, .. }) => {
                write!(f, "node {node}: {what}, for no reason")
            }
            Self::TwoHolders { nodes, since } => {
                write!(f, "nodes {nodes:?} both hold the addresses since {since:?}")
            }
            Self::NotServed { holders } => write!(f, "clients are not served: {holders:?} hold"),
            Self::Storm => f.write_str("adverts cause adverts without an end"),
            Self::NoFarewell { node } => write!(f, "node {node} left without priority 0"),
            Self::Unexplained { node, instance } => {
                write!(f, "node {node}: {instance} is in a state that its causes do not explain")
            }
        }
    }
}

/// Addresses are exactly where a master runs; at every moment.
pub fn addresses(world: &World) -> Result<(), Violation> {
    for (at, node) in world.nodes.iter().enumerate() {
        let Life::Running(stack) = &node.life else { continue };
        let masters = stack.routers().iter().filter(|router| router.holds_addresses());
        let expected = masters.flat_map(|router| &router.config().virtual_addresses);
        let expected: BTreeSet<IpAddr> = expected.map(|vip| vip.address()).collect();
        if node.installed.set() != expected {
            return Err(Violation::Addresses { node: at });
        }
    }
    Ok(())
}

/// FAULT has a cause and nothing else has one, every cause is so, and nobody waits for a group that he
/// does not belong to; at every moment, in every process that runs.
pub fn explained(world: &World) -> Result<(), Violation> {
    for (at, node) in world.nodes.iter().enumerate() {
        let Some(stack) = node.running() else { continue };
        for router in stack.routers() {
            let fine = match router.state() {
                State::Fault { .. } => !router.faults().is_empty(),
                State::Backup(backup) => {
                    let waits = backup.expired && others_of_group(node, stack, router).is_none();
                    router.faults().is_empty() && !waits
                }
                State::Master(_) => router.faults().is_empty(),
                State::Init => false,
                State::Stopped => true,
            };
            let true_causes =
                router.faults().iter().all(|fault| is_so(node, stack, router, *fault));
            let is_named = node.link_up || router.faults().contains(&Fault::LinkDown);
            let lives = !matches!(router.state(), State::Stopped);
            if !(fine && (!lives || (true_causes && is_named))) {
                let instance = router.config().name.clone();
                return Err(Violation::Unexplained { node: at, instance });
            }
        }
    }
    Ok(())
}

/// Whether a cause of FAULT is there, seen from outside of the stack's own book of causes.
fn is_so(node: &Node, stack: &Stack, router: &VirtualRouter, fault: Fault) -> bool {
    let has = |id, verdict| {
        let tracks = router.config().track_scripts.iter().any(|one| one.script == id);
        let name = node.config.scripts.get(id.0).map(|script| &script.name);
        let known = stack.snapshot().scripts;
        let known = known.iter().find(|one| Some(&one.name) == name);
        tracks && known.is_some_and(|one| one.verdict == verdict)
    };
    let another = |is: fn(&Fault) -> bool| {
        let others = others_of_group(node, stack, router).unwrap_or_default();
        others.iter().any(|other| other.faults().iter().any(is))
    };
    match fault {
        Fault::LinkDown => !node.link_up,
        Fault::ScriptPending(id) => has(id, Verdict::Unknown),
        Fault::ScriptDown(id) => has(id, Verdict::Down),
        Fault::GroupDown => another(|fault| !is_of_group(fault) && !is_pending(fault)),
        Fault::GroupPending => another(|fault| !is_of_group(fault) && is_pending(fault)),
        Fault::ProbePending(_) | Fault::ProbeDown(_) => {
            !router.config().split_brain.track_probes.is_empty()
        }
        // Nothing in these worlds makes another one.
        _ => false,
    }
}

const fn is_of_group(fault: &Fault) -> bool {
    matches!(fault, Fault::GroupDown | Fault::GroupPending)
}

const fn is_pending(fault: &Fault) -> bool {
    matches!(fault, Fault::ScriptPending(_) | Fault::ProbePending(_))
}

/// The other members of a router's sync group; `None` where it has none.
fn others_of_group<'a>(
    node: &Node,
    stack: &'a Stack,
    router: &VirtualRouter,
) -> Option<Vec<&'a VirtualRouter>> {
    let name = &router.config().name;
    let group = node.config.sync_groups.iter().find(|group| group.members.contains(name))?;
    let others = stack.routers().iter().filter(|other| {
        let other = &other.config().name;
        other != name && group.members.contains(other)
    });
    Some(others.collect())
}

/// Whoever left in good order has said so; at every moment.
pub fn farewells(world: &World) -> Result<(), Violation> {
    match world.nodes.iter().position(|node| node.unsaid.is_some()) {
        Some(node) => Err(Violation::NoFarewell { node }),
        None => Ok(()),
    }
}

/// One master in each part of the segment, and the right one. Holds once nothing has happened for
/// as long as the slowest election takes.
pub fn settled(world: &World, instances: usize) -> Result<(), Violation> {
    for instance in 0..instances {
        let mut seen = vec![false; world.nodes.len()];
        for first in 0..world.nodes.len() {
            if seen[first] {
                continue;
            }
            let same_part = |node: &usize| *node == first || world.connected(first, *node);
            let part: Vec<usize> = (0..world.nodes.len()).filter(same_part).collect();
            for node in &part {
                seen[*node] = true;
            }
            settled_part(world, instance, &part)?;
        }
    }
    Ok(())
}

/// Members of a sync group are where the others are.
pub fn together(world: &World) -> Result<(), Violation> {
    for (at, node) in world.nodes.iter().enumerate() {
        let Some(stack) = node.running().filter(|_| !node.config.sync_groups.is_empty()) else {
            continue;
        };
        let mut kinds = stack.routers().iter().map(|router| std::mem::discriminant(router.state()));
        let first = kinds.next();
        if kinds.any(|kind| Some(kind) != first) {
            return Err(Violation::Apart { node: at });
        }
    }
    Ok(())
}

fn settled_part(world: &World, instance: usize, part: &[usize]) -> Result<(), Violation> {
    let router = |node: usize| world.nodes[node].running()?.routers().get(instance);
    let able: Vec<usize> = part
        .iter()
        .copied()
        .filter(|node| router(*node).is_some_and(|router| router.faults().is_empty()))
        .collect();
    let masters: Vec<usize> =
        part.iter().copied().filter(|node| world.nodes[*node].is_master(instance)).collect();
    let expected = usize::from(!able.is_empty());
    if masters.len() != expected {
        return Err(Violation::Masters { instance, able, masters });
    }
    let Some(master) = masters.first().copied() else { return Ok(()) };
    let priority = |node: usize| router(node).map(|router| router.priority());
    let takes_over = |node: usize| {
        router(node).is_some_and(|router| matches!(router.config().preempt, Preempt::After(_)))
    };
    match able.iter().find(|node| takes_over(**node) && priority(**node) > priority(master)) {
        Some(better) => Err(Violation::WrongMaster { instance, master, better: *better }),
        None => Ok(()),
    }
}

/// Nothing has been noted since the account had that length.
pub fn unchanged(world: &World, before: usize) -> Result<(), Violation> {
    match world.account.get(before) {
        Some(note) => Err(Violation::Restless(note.clone())),
        None => Ok(()),
    }
}

/// Watches for two masters that hear each other.
#[derive(Clone, Debug, Default)]
pub struct Duel {
    since: Vec<((usize, usize, usize), Instant)>,
}

impl Duel {
    /// Something happened that lets everybody start anew.
    pub fn forgive(&mut self) {
        self.since.clear();
    }

    /// Looks at the masters as they are from `world.now` until `until`. Two that hear each other may
    /// last for `patience`: until the next advert of one of them has arrived.
    pub fn look(
        &mut self,
        world: &World,
        instances: usize,
        until: Instant,
        patience: Duration,
    ) -> Result<(), Violation> {
        let mut duels = Vec::new();
        for instance in 0..instances {
            for one in 0..world.nodes.len() {
                for two in one + 1..world.nodes.len() {
                    let both = [one, two].iter().all(|node| world.nodes[*node].is_master(instance));
                    if both && world.connected(one, two) {
                        duels.push((instance, one, two));
                    }
                }
            }
        }
        self.since.retain(|(duel, _)| duels.contains(duel));
        for duel in duels {
            let known = self.since.iter().find(|(known, _)| *known == duel);
            let since = known.map_or(world.now, |(_, since)| *since);
            if known.is_none() {
                self.since.push((duel, since));
            }
            if until.saturating_since(since) > patience {
                let (instance, one, two) = duel;
                return Err(Violation::TwoMasters { instance, nodes: [one, two], since });
            }
        }
        Ok(())
    }
}

/// Whether any router of a node is master, frozen or not.
pub fn holds_addresses(world: &World, node: usize) -> bool {
    let stack = match &world.nodes[node].life {
        Life::Running(stack) | Life::Frozen { stack, .. } => stack,
        Life::Crashed | Life::Off => return false,
    };
    stack.routers().iter().any(|router| matches!(router.state(), State::Master(_)))
}
