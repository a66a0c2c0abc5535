//! What the children say of themselves when they are asked, as the parent gets it, and what is
//! needed to write it down.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::sockets::SocketView;
use base::{Duration, Instant, Sighting};
use checkers::{ScriptRun, ScriptRunsOf, ServerId, ServerState};
use control_plane::model::ServiceAddress;
use serde::{Deserialize, Serialize};
use vrrp_stack::{InstanceView, Link, ProcessSnapshot, ScriptView, State, View};

/// The VRRP process at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VrrpLive {
    /// When.
    pub at: Instant,
    /// Instances and scripts.
    pub stack: View,
    /// All interfaces of its network namespace.
    pub links: Vec<LinkView>,
    /// The sockets that hear adverts.
    pub sockets: Vec<SocketView>,
    /// By how much the latest of its timers was late since it runs.
    pub worst_lateness: Duration,
}

impl VrrpLive {
    /// The socket of an instance.
    pub(crate) fn socket(&self, name: &str) -> Option<&SocketView> {
        self.sockets.iter().find(|socket| socket.instances.iter().any(|one| one == name))
    }

    pub(crate) fn instance(&self, name: &str) -> Option<&InstanceView> {
        self.stack.instances.iter().find(|one| one.known.identity.name == name)
    }

    /// The number in a `track_file`.
    pub(crate) fn value(&self, file: &str) -> Option<i32> {
        self.stack.seen.iter().find_map(|one| match one {
            Sighting::File { name, value } if name == file => Some(*value),
            _ => None,
        })
    }

    /// A `vrrp_track_process`, and how many processes of it there are.
    pub(crate) fn process(&self, name: &str) -> Option<(&ProcessSnapshot, u32)> {
        let known = self.stack.processes.iter().find(|known| known.name == name)?;
        let count = self.stack.seen.iter().find_map(|one| match one {
            Sighting::Processes { name: of, count } if of == name => Some(*count),
            _ => None,
        });
        Some((known, count.unwrap_or(0)))
    }

    pub(crate) fn script(&self, name: &str) -> Option<&ScriptView> {
        self.stack.scripts.iter().find(|one| one.known.name == name)
    }
}

/// The checker process at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckersLive {
    /// When.
    #[serde(default)]
    pub at: Instant,
    /// Virtual servers, real servers, checks.
    pub known: checkers::Snapshot,
    /// When scripts of checks ran last, and how they ended.
    #[serde(default)]
    pub script_runs: ScriptRunsOf,
}

impl CheckersLive {
    pub(crate) fn server(
        &self,
        service: ServiceAddress,
        server: SocketAddr,
    ) -> Option<&ServerState> {
        self.known.servers.get(&ServerId { service, server })
    }

    /// The last run of the script of a check; `place` counts the server's checks, those of BFD not.
    pub(crate) fn script_run(
        &self,
        service: ServiceAddress,
        server: SocketAddr,
        place: usize,
    ) -> Option<ScriptRun> {
        self.script_runs.get(&ServerId { service, server })?.get(&place).copied()
    }
}

/// An interface as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkView {
    /// Its name.
    pub name: String,
    /// Its number.
    pub index: u32,
    /// The source of IPv4 adverts.
    pub primary_v4: Option<Ipv4Addr>,
    /// The source of IPv6 adverts.
    pub link_local_v6: Option<Ipv6Addr>,
    /// Its hardware address; all zero when it has none.
    pub mac: [u8; 6],
    /// Switched on.
    pub up: bool,
    /// Able to send.
    pub running: bool,
    /// It was both at least once.
    pub seen_up: bool,
    /// Neighbours learn addresses from ARP.
    pub arp: bool,
    /// What it is.
    pub kind: LinkKind,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// The kernel's group of interfaces that it belongs to; 0 is that of all others.
    #[serde(default)]
    pub group: u32,
    /// The VRF it belongs to, by name.
    #[serde(default)]
    pub vrf: Option<String>,
}

/// What an interface is by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkKind {
    /// The kernel's number for its hardware (ARPHRD).
    pub hardware: u16,
    /// Has an address that all others hear.
    pub broadcast: bool,
    /// The loopback interface.
    pub loopback: bool,
    /// Has one peer.
    pub point_to_point: bool,
    /// Can send multicast.
    pub multicast: bool,
    /// A macvlan.
    pub macvlan: Option<Macvlan>,
}

/// Ethernet.
impl Default for LinkKind {
    fn default() -> Self {
        Self {
            hardware: 1,
            broadcast: true,
            loopback: false,
            point_to_point: false,
            multicast: true,
            macvlan: None,
        }
    }
}

/// How a macvlan lies upon another interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Macvlan {
    /// The kernel's number for its mode: 1 is private.
    pub mode: u32,
    /// The interface below it.
    pub below: Below,
}

/// The interface below another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Below {
    /// Its name.
    Here(String),
    /// In another network namespace.
    Elsewhere {
        /// Its number there.
        index: u32,
        /// The number of that namespace here.
        namespace: u32,
    },
}

/// As the stack has it: of kinds, groups and VRFs it knows nothing.
impl From<Link> for LinkView {
    fn from(link: Link) -> Self {
        Self {
            name: link.name,
            index: link.index.get(),
            primary_v4: link.primary_v4,
            link_local_v6: link.link_local_v6,
            mac: link.mac,
            up: link.up,
            running: link.up,
            seen_up: link.up,
            arp: link.arp,
            kind: LinkKind::default(),
            mtu: link.mtu,
            group: 0,
            vrf: None,
        }
    }
}

/// One moment by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// By the clock that timers use.
    pub at: Instant,
    /// By the wall clock, since 1970.
    pub wall: Duration,
}

impl Moment {
    /// The wall clock at another moment.
    pub(crate) fn wall_at(self, when: Instant) -> Duration {
        if when >= self.at {
            self.wall + when.saturating_since(self.at)
        } else {
            self.wall.saturating_sub(self.at.saturating_since(when))
        }
    }
}

/// The local time of a second since 1970, as `Fri Nov 20 08:14:17` and the year.
pub type Calendar = fn(u64) -> (String, i32);

/// How moments are written.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The moment that is shown.
    pub moment: Moment,
    /// The time zone.
    pub calendar: Calendar,
}

impl Clock {
    /// `1795155449.715985`.
    pub(crate) fn epoch(self, when: Instant) -> String {
        let wall = self.moment.wall_at(when);
        format!("{}.{:06}", wall.as_secs(), wall.subsec_micros())
    }

    /// `1795155449.715985 (Fri Nov 20 06:17:29.715985 2026)`.
    pub(crate) fn epoch_and_date(self, when: Instant) -> String {
        let wall = self.moment.wall_at(when);
        let (date, year) = (self.calendar)(wall.as_secs());
        format!("{} ({date}.{:06} {year})", self.epoch(when), wall.subsec_micros())
    }

    /// `1795155458.829754 (Fri Nov 20 06:17:38 2026.829754)`, as the checker process has it; 1970 for
    /// what has never been.
    pub(crate) fn epoch_and_year(self, when: Option<Instant>) -> String {
        let wall = when.map_or(Duration::ZERO, |when| self.moment.wall_at(when));
        let (date, year) = (self.calendar)(wall.as_secs());
        let (seconds, micros) = (wall.as_secs(), wall.subsec_micros());
        format!("{seconds}.{micros:06} ({date} {year}.{micros:06})")
    }
}

/// keepalived's words for a state. What is not up yet or has left is INIT: monitoring refuses others.
pub(crate) const fn state_name(state: State) -> &'static str {
    match state {
        State::Init | State::Stopped => "INIT",
        State::Backup(_) => "BACKUP",
        State::Master(_) => "MASTER",
        State::Fault { .. } => "FAULT",
    }
}

/// keepalived's numbers for a state.
pub(crate) const fn state_number(state: State) -> u8 {
    match state {
        State::Init | State::Stopped => 0,
        State::Backup(_) => 1,
        State::Master(_) => 2,
        State::Fault { .. } => 3,
    }
}
