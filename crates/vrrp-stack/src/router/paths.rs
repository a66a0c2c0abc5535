//! The ways by which a router's adverts leave and are heard: its interface, and `heartbeat`s.
//!
//! Every advert leaves by all of them, and an advert that comes by any of them counts. A copy of one
//! that came by another path a moment ago is none of the machine's business. A backup notices which
//! path is silent while another one is not; nothing follows from that but a line and a notification.

use std::net::IpAddr;

use base::{Duration, Instant};
use control_plane::model::Heartbeat;
use wire::ah::Reach;
use wire::checksum::VRRP_PROTOCOL;
use wire::vrrp::{HOP_LIMIT, Rules};
use wire::{Carrier, Family};

use super::{Turn, VirtualRouter};
use crate::event::Saying;
use crate::links::Links;
use crate::notification::NotifyState;
use crate::output::SocketKey;
use crate::state::State;

/// A path: 0 is the interface of the instance, others are its heartbeats in their order.
pub(crate) type PathId = usize;

/// The interface of the instance.
pub(crate) const SERVICE: PathId = 0;

/// What is known of the paths of one router.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Paths {
    /// When an advert was last heard, by path; from the beginning of the state on.
    heard: Vec<Heard>,
    /// The last advert that counted.
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Heard {
    at: Instant,
    /// It was said that nothing is heard any longer.
    lost: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Last {
    at: Instant,
    path: PathId,
    from: IpAddr,
    priority: u8,
}

/// What has become of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathNews {
    Lost(PathId),
    Found(PathId),
}

impl Paths {
    /// A state begins: every path has its time again.
    pub(crate) fn begin(&mut self, now: Instant, count: usize) {
        self.heard = vec![Heard { at: now, lost: false }; count];
        self.last = None;
    }

    /// An advert came by a path, and what that says of all of them; `patience` is the silence after
    /// which a path counts as lost.
    pub(crate) fn hear(&mut self, now: Instant, path: PathId, patience: Duration) -> Vec<PathNews> {
        let mut news = Vec::new();
        for (at, heard) in self.heard.iter_mut().enumerate() {
            if at == path {
                heard.at = now;
                if std::mem::take(&mut heard.lost) {
                    news.push(PathNews::Found(at));
                }
            } else if !heard.lost && now.saturating_since(heard.at) > patience {
                heard.lost = true;
                news.push(PathNews::Lost(at));
            }
        }
        news
    }

    /// Whether an advert is a copy of one that came by another path.
    pub(crate) fn is_copy(
        &self,
        now: Instant,
        path: PathId,
        priority: u8,
        interval: Duration,
    ) -> bool {
        self.last.is_some_and(|last| {
            last.path != path
                && last.priority == priority
                && now.saturating_since(last.at).saturating_mul(2) < interval
        })
    }

    /// An advert counts; from whom. While the sender is heard on the interface of the instance, it
    /// goes by its address there.
    pub(crate) fn attribute(
        &mut self,
        now: Instant,
        path: PathId,
        from: IpAddr,
        priority: u8,
        patience: Duration,
    ) -> IpAddr {
        let known = self
            .last
            .filter(|last| path != SERVICE && (last.priority == priority || priority == 0));
        let recent = self
            .heard
            .first()
            .is_some_and(|heard| !heard.lost && now.saturating_since(heard.at) <= patience);
        let from = known.filter(|_| recent).map_or(from, |last| last.from);
        self.last = Some(Last { at: now, path, from, priority });
        from
    }

    /// Whether a path is silent while another one is not.
    pub(crate) fn is_lost(&self, path: PathId) -> bool {
        self.heard.get(path).is_some_and(|heard| heard.lost)
    }
}

/// A way for an advert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) socket: SocketKey,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) hop_limit: u8,
    pub(crate) reach: Reach,
}

impl Way {
    /// Whether a packet comes from the other end of this way.
    fn admits(&self, carrier: &Carrier) -> bool {
        match self.reach {
            Reach::Link => carrier.destination == self.destination,
            Reach::Routed => {
                carrier.destination == self.source && carrier.source == self.destination
            }
        }
    }
}

impl VirtualRouter {
    /// How many paths it has.
    pub(crate) fn path_count(&self) -> usize {
        1 + self.config.split_brain.heartbeats.len()
    }

    /// A path in words.
    pub(crate) fn path_name(&self, path: PathId) -> String {
        let heartbeat =
            path.checked_sub(1).and_then(|at| self.config.split_brain.heartbeats.get(at));
        match heartbeat {
            None => self.home_name().to_owned(),
            Some(Heartbeat::Interface(name)) => format!("heartbeat {name}"),
            Some(Heartbeat::Unicast { destination, .. }) => format!("heartbeat {destination}"),
        }
    }

    /// The heartbeats that can be used now, with their paths.
    pub(crate) fn heartbeat_ways(&self, links: &Links) -> Vec<(PathId, Way)> {
        let heartbeats = self.config.split_brain.heartbeats.iter().enumerate();
        heartbeats.filter_map(|(at, one)| Some((at + 1, self.heartbeat_way(links, one)?))).collect()
    }

    fn heartbeat_way(&self, links: &Links, heartbeat: &Heartbeat) -> Option<Way> {
        let protocol = if self.ah_key().is_some() { wire::ah::PROTOCOL } else { VRRP_PROTOCOL };
        let key = |index, group| SocketKey {
            index,
            family: self.family,
            group,
            protocol,
            foreign_source: false,
        };
        match heartbeat {
            Heartbeat::Interface(name) => {
                let link = links.named(name)?;
                Some(Way {
                    socket: key(link.index, Some(self.group)),
                    source: link.primary(self.family)?,
                    destination: self.group,
                    hop_limit: HOP_LIMIT,
                    reach: Reach::Link,
                })
            }
            Heartbeat::Unicast { source, destination, interface } => {
                let link = match interface {
                    Some(name) => links.named(name)?,
                    None => links.with_primary(*source)?,
                };
                (Family::of(*source) == self.family).then_some(Way {
                    socket: key(link.index, None),
                    source: *source,
                    destination: *destination,
                    hop_limit: HOP_LIMIT,
                    reach: Reach::Routed,
                })
            }
        }
    }

    /// Whether a packet that came by a path is for this router.
    pub(crate) fn is_reached(&self, links: &Links, path: PathId, carrier: &Carrier) -> bool {
        if path == SERVICE {
            return self.is_addressed_by(carrier.destination);
        }
        let ways = self.heartbeat_ways(links);
        ways.iter().any(|(id, way)| *id == path && way.admits(carrier))
    }

    /// Its own address on a path.
    pub(crate) fn source_on(&self, links: &Links, path: PathId) -> Option<IpAddr> {
        let Some(at) = path.checked_sub(1) else { return self.source };
        Some(self.heartbeat_way(links, self.config.split_brain.heartbeats.get(at)?)?.source)
    }

    /// What a packet of a heartbeat has to obey: unicast may come over routers.
    pub(super) fn heartbeat_rules(&self, path: PathId) -> Rules {
        let mut rules = Rules::multicast(self.version());
        rules.checksum = self.checksum();
        if self.heartbeat_reach(path) == Reach::Routed {
            rules.hop_limit = 0..=u8::MAX;
        }
        rules
    }

    pub(super) fn heartbeat_reach(&self, path: PathId) -> Reach {
        let heartbeat =
            path.checked_sub(1).and_then(|at| self.config.split_brain.heartbeats.get(at));
        match heartbeat {
            Some(Heartbeat::Unicast { .. }) => Reach::Routed,
            Some(Heartbeat::Interface(_)) | None => Reach::Link,
        }
    }

    /// Says which paths have fallen silent or speak again.
    pub(super) fn hear_path(&mut self, turn: &mut Turn<'_>, path: PathId) {
        let State::Backup(backup) = self.state else { return };
        if self.path_count() < 2 {
            return;
        }
        let patience = self.active_down_interval(backup.interval);
        for news in self.paths.hear(turn.now, path, patience) {
            self.dirty = true;
            match news {
                PathNews::Lost(lost) => {
                    self.statistics.split_brain.paths_lost += 1;
                    let (lost, heard) = (self.path_name(lost), self.path_name(path));
                    self.say(turn, Saying::PathLost { lost, heard, silence: patience });
                    self.notify(turn, NotifyState::HeartbeatLost);
                }
                PathNews::Found(found) => {
                    self.say(turn, Saying::PathFound(self.path_name(found)));
                    self.notify(turn, NotifyState::HeartbeatFound);
                }
            }
        }
    }

    /// Paths that are silent while another one is not, in words.
    pub(crate) fn lost_paths(&self) -> Vec<String> {
        let lost = (0..self.path_count()).filter(|path| self.paths.is_lost(*path));
        lost.map(|path| self.path_name(path)).collect()
    }
}
