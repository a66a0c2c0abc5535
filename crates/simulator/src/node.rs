//! One machine: the stack, what its parent remembers, and the addresses in its kernel.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use base::{Duration, IfIndex, Instant};
use control_plane::model::Vrrp;
use vrrp_stack::{
    ExitKind, Input, Link, NotifyState, OutgoingAdvert, Output, Outputs, Packet, ProbeId, RunId,
    Snapshot, Stack, State, Surroundings,
};

use crate::kernel::Addresses;

/// Datagrams that the kernel keeps for a process that does not read them.
const SOCKET_BUFFER: usize = 64;
/// Turns at one moment after which the stack counts as stuck.
const TURNS_AT_ONCE: usize = 1_000;

/// What the kernel keeps for a process that does not look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// A datagram.
    Packet(Segment, Vec<u8>),
    /// A child that has ended.
    Exit(RunId, ExitKind),
    /// A witness has answered.
    Answer(ProbeId),
}

/// A wire between the machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// Where clients are: `eth0`.
    Service,
    /// The second path: `eth1`.
    Heartbeat,
}

impl Segment {
    const BOTH: [Self; 2] = [Self::Service, Self::Heartbeat];

    const fn index(self) -> IfIndex {
        let number = match self {
            Self::Service => 2,
            Self::Heartbeat => 3,
        };
        match IfIndex::new(number) {
            Some(index) => index,
            None => unreachable!(),
        }
    }

    /// The wire behind an interface.
    pub fn behind(index: IfIndex) -> Option<Self> {
        Self::BOTH.into_iter().find(|segment| segment.index() == index)
    }
}

/// What becomes of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Life {
    /// The process runs.
    Running(Box<Stack>),
    /// The process is stopped (SIGSTOP, a stalled hypervisor): packets wait, time passes.
    Frozen {
        /// As it was.
        stack: Box<Stack>,
        /// What the kernel keeps for it.
        waiting: Vec<Waiting>,
    },
    /// The process has died; addresses stay, and the parent will start another.
    Crashed,
    /// The machine is off.
    Off,
}

/// What a node wants from the world after a turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Adverts for the segment.
    pub adverts: Vec<OutgoingAdvert>,
    /// Scripts that were started.
    pub scripts: Vec<RunId>,
    /// States that were notified, by instance name.
    pub notified: Vec<(String, NotifyState)>,
    /// Witnesses that were asked.
    pub probes: Vec<ProbeId>,
}

/// A machine on the segment.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its primary address.
    pub address: Ipv4Addr,
    /// Its configuration.
    pub config: Vrrp,
    /// Whether its cable carries.
    pub link_up: bool,
    /// Whether that of its heartbeat does.
    pub heartbeat_up: bool,
    /// A firewall of its own drops the adverts that it sends on the service segment.
    pub mute: bool,
    /// A firewall of its own drops the adverts that it is sent on the service segment.
    pub deaf: bool,
    /// What its tracking scripts say.
    pub script_good: bool,
    /// Its process.
    pub life: Life,
    /// The virtual addresses in its kernel.
    pub installed: Addresses,
    /// An instance that left without a word although its process could speak.
    pub unsaid: Option<String>,
    /// By how much its clock is ahead of the world's, in microseconds.
    ahead: i64,
    /// What its parent remembers for a successor.
    memory: Snapshot,
}

impl Node {
    /// A machine that is off.
    pub fn new(address: Ipv4Addr, config: Vrrp) -> Self {
        Self {
            address,
            config,
            link_up: true,
            heartbeat_up: true,
            mute: false,
            deaf: false,
            script_good: true,
            life: Life::Off,
            installed: Addresses::default(),
            unsaid: None,
            ahead: 0,
            memory: Snapshot::default(),
        }
    }

    /// The stack, if the process runs now.
    pub fn running(&self) -> Option<&Stack> {
        match &self.life {
            Life::Running(stack) => Some(stack),
            Life::Frozen { .. } | Life::Crashed | Life::Off => None,
        }
    }

    /// Whether that instance is MASTER in a process that runs now.
    pub fn is_master(&self, instance: usize) -> bool {
        let router = self.running().and_then(|stack| stack.routers().get(instance));
        router.is_some_and(|router| router.state().is_master())
    }

    /// Whether its kernel has addresses that somebody can talk to.
    pub fn holds(&self) -> bool {
        self.life != Life::Off && !self.installed.is_empty()
    }

    /// When its kernel removes an address by itself, by the world's clock.
    pub fn next_expiry(&self) -> Option<Instant> {
        Some(shifted(self.installed.next_expiry()?, self.ahead.saturating_neg()))
    }

    /// Its kernel removes what has had its time; a process that runs is told.
    pub fn expire(&mut self, now: Instant) -> Wishes {
        let mut out = Outputs::new();
        let now_here = self.local(now);
        for address in self.installed.expire(now_here) {
            if let Life::Running(stack) = &mut self.life {
                let gone = Input::AddressRepaired(Segment::Service.index(), address);
                stack.handle_input(now_here, gone, &mut out);
            }
        }
        self.settle(now, out)
    }

    /// When it has something to do by itself, by the world's clock.
    pub fn next_timeout(&self) -> Option<Instant> {
        let due = self.running().and_then(Stack::next_timeout)?;
        Some(shifted(due, self.ahead.saturating_neg()))
    }

    /// The time of the world on this machine's clock.
    const fn local(&self, now: Instant) -> Instant {
        shifted(now, self.ahead)
    }

    /// Its clock jumps forward, as after a migration of the virtual machine.
    pub fn jump(&mut self, now: Instant, by: Duration) -> Wishes {
        self.ahead = self.ahead.saturating_add(signed(by));
        self.give(now, Input::Timeout)
    }

    /// The machine slept for so long, and its clock with it: everything of before is that much older
    /// for the world than it knows.
    pub fn sleep(&mut self, by: Duration) {
        self.ahead = self.ahead.saturating_sub(signed(by));
    }

    /// Switches the machine on.
    pub fn boot(&mut self, now: Instant) -> Wishes {
        self.memory = Snapshot::default();
        self.installed.clear();
        self.start(now, None)
    }

    /// Starts a process after a crash; it goes on from what the parent remembers.
    pub fn respawn(&mut self, now: Instant) -> Wishes {
        let memory = self.memory.clone();
        self.start(now, Some(&memory))
    }

    /// Another binary takes over with the last words of the process that runs.
    pub fn upgrade(&mut self, now: Instant) -> Wishes {
        let Some(words) = self.running().map(Stack::snapshot) else { return Wishes::default() };
        self.start(now, Some(&words))
    }

    fn start(&mut self, now: Instant, resume: Option<&Snapshot>) -> Wishes {
        let mut out = Outputs::new();
        let held = self.installed.set().into_iter();
        let held = held.map(|address| (Segment::Service.index(), address)).collect();
        let around = Surroundings { held: Some(&held), ..Surroundings::default() };
        let (now_here, links) = (self.local(now), self.links());
        let stack = Stack::new_in(now_here, &self.config, &links, resume, around, &mut out);
        self.life = Life::Running(Box::new(stack));
        self.settle(now, out)
    }

    /// The process dies without a word.
    pub fn crash(&mut self) {
        if self.life != Life::Off {
            self.life = Life::Crashed;
        }
    }

    /// The power fails.
    pub fn power_off(&mut self) {
        self.life = Life::Off;
        self.installed.clear();
    }

    /// The administrator stops the daemon.
    pub fn stop(&mut self, now: Instant) -> Wishes {
        let wishes = self.give(now, Input::Stop);
        self.power_off();
        wishes
    }

    /// Stops the process in its tracks.
    pub fn freeze(&mut self) {
        self.life = match std::mem::replace(&mut self.life, Life::Off) {
            Life::Running(stack) => Life::Frozen { stack, waiting: Vec::new() },
            other => other,
        };
    }

    /// Lets a frozen process go on: it reads what waits before it looks at its timers.
    pub fn thaw(&mut self, now: Instant) -> Wishes {
        let (mut stack, waiting) = match std::mem::replace(&mut self.life, Life::Off) {
            Life::Frozen { stack, waiting } => (stack, waiting),
            other => {
                self.life = other;
                return Wishes::default();
            }
        };
        let mut out = Outputs::new();
        for kept in waiting {
            let input = match &kept {
                Waiting::Packet(segment, bytes) => packet(*segment, bytes),
                Waiting::Exit(run, status) => Input::ScriptExited { run: *run, status: *status },
                Waiting::Answer(probe) => Input::ProbeAnswered { probe: *probe, good: true },
            };
            stack.handle_input(self.local(now), input, &mut out);
        }
        for link in self.links() {
            stack.handle_input(self.local(now), Input::Link(link), &mut out);
        }
        self.life = Life::Running(stack);
        self.settle(now, out)
    }

    /// Plugs the cable in or out.
    pub fn set_link(&mut self, now: Instant, up: bool) -> Wishes {
        self.link_up = up;
        let link = self.link(Segment::Service);
        self.give(now, Input::Link(link))
    }

    /// The same with the cable of the heartbeat.
    pub fn set_heartbeat(&mut self, now: Instant, up: bool) -> Wishes {
        self.heartbeat_up = up;
        let link = self.link(Segment::Heartbeat);
        self.give(now, Input::Link(link))
    }

    /// Another configuration. A process that does not answer keeps the old one, and so does its
    /// successor; a machine that is off will read the new one.
    pub fn reload(&mut self, now: Instant, config: Vrrp) -> Wishes {
        if matches!(self.life, Life::Frozen { .. } | Life::Crashed) {
            return Wishes::default();
        }
        self.config = config.clone();
        self.give(now, Input::Reload(&config))
    }

    /// A packet arrives on the service segment.
    pub fn deliver(&mut self, now: Instant, bytes: Vec<u8>) -> Wishes {
        self.deliver_on(now, Segment::Service, bytes)
    }

    /// A packet arrives.
    pub fn deliver_on(&mut self, now: Instant, segment: Segment, bytes: Vec<u8>) -> Wishes {
        if self.deaf && segment == Segment::Service {
            return Wishes::default();
        }
        if let Life::Frozen { waiting, .. } = &mut self.life {
            if waiting.len() < SOCKET_BUFFER {
                waiting.push(Waiting::Packet(segment, bytes));
            }
            return Wishes::default();
        }
        self.give(now, packet(segment, &bytes))
    }

    /// A witness answers.
    pub fn answered(&mut self, now: Instant, probe: ProbeId) -> Wishes {
        if let Life::Frozen { waiting, .. } = &mut self.life {
            waiting.push(Waiting::Answer(probe));
            return Wishes::default();
        }
        self.give(now, Input::ProbeAnswered { probe, good: true })
    }

    /// A tracking script ends.
    pub fn script_ends(&mut self, now: Instant, run: RunId) -> Wishes {
        let status = ExitKind::Code(i32::from(!self.script_good));
        if let Life::Frozen { waiting, .. } = &mut self.life {
            waiting.push(Waiting::Exit(run, status));
            return Wishes::default();
        }
        self.give(now, Input::ScriptExited { run, status })
    }

    /// Its timers are looked at.
    pub fn timeout(&mut self, now: Instant) -> Wishes {
        self.give(now, Input::Timeout)
    }

    fn give(&mut self, now: Instant, input: Input<'_>) -> Wishes {
        let mut out = Outputs::new();
        let local = self.local(now);
        let Life::Running(stack) = &mut self.life else { return Wishes::default() };
        let masters = masters(stack);
        stack.handle_input(local, input, &mut out);
        self.hear_farewells(&masters, &out);
        self.settle(now, out)
    }

    /// A master that leaves, for FAULT or for good, says so: RFC 9568 section 6.4.3. One that yields
    /// to another master does not.
    fn hear_farewells(&mut self, masters: &[String], out: &Outputs) {
        let Life::Running(stack) = &self.life else { return };
        let lives = |name: &String| {
            let mut routers = stack.routers().iter();
            let router = routers.find(|router| router.config().name == *name);
            router.is_some_and(|r| matches!(r.state(), State::Master(_) | State::Backup(_)))
        };
        let said = |name: &String| {
            out.iter().any(|output| match output {
                Output::SendAdvert(advert) => {
                    advert.instance == *name && crate::world::leaves(&advert.datagram)
                }
                _ => false,
            })
        };
        let unsaid = masters.iter().find(|name| !lives(name) && !said(name));
        self.unsaid = self.unsaid.take().or_else(|| unsaid.cloned());
    }

    /// The rest of a turn: everything that is due, then the kernel, then the parent.
    fn settle(&mut self, now: Instant, mut out: Outputs) -> Wishes {
        let now = self.local(now);
        let Life::Running(stack) = &mut self.life else { return Wishes::default() };
        for _ in 0..TURNS_AT_ONCE {
            if stack.next_timeout().is_none_or(|due| due > now) {
                break;
            }
            stack.handle_input(now, Input::Timeout, &mut out);
        }
        debug_assert!(stack.next_timeout().is_none_or(|due| due > now), "the stack is stuck");
        let mute = self.mute;
        let leaves = |advert: &OutgoingAdvert| {
            !mute || Segment::behind(advert.socket.index) != Some(Segment::Service)
        };
        out.retain(|output| !matches!(output, Output::SendAdvert(advert) if !leaves(advert)));
        let leased: BTreeSet<String> = out
            .iter()
            .filter_map(|output| match output {
                Output::SendAdvert(advert) if advert.leased => Some(advert.instance.clone()),
                _ => None,
            })
            .collect();
        for instance in &leased {
            stack.handle_input(now, Input::AdvertLeft { instance }, &mut out);
        }
        self.installed.reconcile(now, &stack.desired_addresses());
        self.installed.renew(now, &stack.take_renewals());
        for news in stack.take_changes() {
            self.memory.apply(news);
        }
        wishes(out)
    }

    /// Its interfaces; the second is there when something is said over it.
    fn links(&self) -> Vec<Link> {
        let mut instances = self.config.instances.iter();
        let second = instances.any(|instance| !instance.split_brain.heartbeats.is_empty());
        let segments = if second { &Segment::BOTH[..] } else { &Segment::BOTH[..1] };
        segments.iter().map(|segment| self.link(*segment)).collect()
    }

    fn link(&self, segment: Segment) -> Link {
        let [a, b, c, last] = self.address.octets();
        let (name, up, address, net) = match segment {
            Segment::Service => ("eth0", self.link_up, self.address, 0),
            Segment::Heartbeat => {
                ("eth1", self.heartbeat_up, Ipv4Addr::new(a, b, c.wrapping_add(100), last), 1)
            }
        };
        Link {
            index: segment.index(),
            name: name.into(),
            up,
            mac: [2, 0, 0, 0, net, last],
            primary_v4: Some(address),
            link_local_v6: None,
            mtu: 1500,
            arp: true,
        }
    }
}

fn masters(stack: &Stack) -> Vec<String> {
    let masters = stack.routers().iter().filter(|router| router.state().is_master());
    masters.map(|router| router.config().name.clone()).collect()
}

const fn shifted(at: Instant, by: i64) -> Instant {
    Instant::from_micros(at.as_micros().saturating_add_signed(by))
}

fn signed(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

const fn packet(segment: Segment, bytes: &[u8]) -> Input<'_> {
    Input::Packet { index: segment.index(), packet: Packet::Ipv4(bytes) }
}

fn wishes(out: Outputs) -> Wishes {
    let mut wishes = Wishes::default();
    for output in out {
        match output {
            Output::SendAdvert(advert) => wishes.adverts.push(advert),
            Output::StartScript { run, .. } => wishes.scripts.push(run),
            Output::Notify(told) => {
                wishes.notified.push((told.object.name().to_owned(), told.state));
            }
            Output::Probe { probe, .. } => wishes.probes.push(probe),
            Output::Announce { .. }
            | Output::KillScript { .. }
            | Output::ProbeAddress { .. }
            | Output::Log(_) => {}
        }
    }
    wishes
}
