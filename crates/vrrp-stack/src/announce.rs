//! Telling neighbours where addresses live: gratuitous ARP and unsolicited neighbour advertisements.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use base::{Duration, IfIndex, Instant, IpNet};
use control_plane::model::vrrp::GarpGroup;
use wire::Family;

use crate::link::Link;
use crate::links::Links;
use crate::output::{Output, Outputs};

/// Messages that one input may add for one interface. The rest is due at once, so adverts and
/// packets get their turn in between.
pub const MESSAGES_PER_TURN: usize = 256;

/// Announcements that still have to leave, interface by interface. An address waits once, however
/// often it is asked for, so the queue is never longer than the configuration.
///
/// The first message of every address leaves before the second of any: what counts at a takeover
/// is when the last address has been announced once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AnnounceQueue {
    /// `garp_group`: which interfaces share a limit.
    groups: BTreeMap<String, usize>,
    queues: BTreeMap<(IfIndex, Family), Waiting>,
    limits: BTreeMap<Scope, Limit>,
    /// Nobody reads of each address that it waits.
    pub(crate) is_quiet: bool,
}

/// What a limit is for. Gratuitous ARP and neighbour advertisements do not hold each other up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Scope {
    Link(IfIndex, Family),
    Group(usize, Family),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Limit {
    /// The earliest time for the next message.
    next_at: Instant,
    /// Whose message was the last one: the others of a group come before its next.
    last: Option<IfIndex>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Waiting {
    /// Under which limit.
    scope: Scope,
    /// Who is next.
    order: VecDeque<IpAddr>,
    /// How many messages each still gets.
    left: BTreeMap<IpAddr, u32>,
    /// `garp_interval`, `gna_interval`.
    spacing: Duration,
}

impl AnnounceQueue {
    /// Takes the `garp_group`s; what waits goes on waiting under the limit that it has.
    pub fn configure(&mut self, groups: &[GarpGroup]) {
        let numbered = groups.iter().enumerate();
        let places = numbered.flat_map(|(number, group)| {
            group.interfaces.iter().map(move |interface| (interface.clone(), number))
        });
        self.groups = places.collect();
    }

    /// `repeat` messages for an address, `spacing` apart from others on the interface, or on those of
    /// its `garp_group`.
    pub fn add(
        &mut self,
        now: Instant,
        link: &Link,
        address: IpAddr,
        repeat: u32,
        spacing: Duration,
    ) {
        if repeat == 0 {
            return;
        }
        let family = Family::of(address);
        let group = self.groups.get(&link.name).map(|group| Scope::Group(*group, family));
        let scope = group.unwrap_or(Scope::Link(link.index, family));
        let limit = self.limits.entry(scope).or_default();
        limit.next_at = limit.next_at.max(now);
        let fresh = || Waiting { scope, order: VecDeque::new(), left: BTreeMap::new(), spacing };
        let waiting = self.queues.entry((link.index, family)).or_insert_with(fresh);
        (waiting.scope, waiting.spacing) = (scope, spacing);
        let left = waiting.left.entry(address).or_insert_with(|| {
            waiting.order.push_back(address);
            0
        });
        *left = repeat.max(*left);
    }

    /// These addresses have left the interface.
    pub fn cancel(&mut self, gone: &[(IfIndex, IpNet)]) {
        for (index, net) in gone {
            let address = net.addr();
            if let Some(waiting) = self.queues.get_mut(&(*index, Family::of(address))) {
                waiting.left.remove(&address);
            }
        }
        for waiting in self.queues.values_mut() {
            waiting.order.retain(|address| waiting.left.contains_key(address));
        }
        self.queues.retain(|_, waiting| !waiting.order.is_empty());
    }

    /// When the next message is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        let limits = self.queues.values().filter_map(|waiting| self.limits.get(&waiting.scope));
        limits.map(|limit| limit.next_at).min()
    }

    /// Emits what is due, at most [`MESSAGES_PER_TURN`] an interface.
    pub fn flush(&mut self, now: Instant, links: &Links, out: &mut Outputs) {
        if self.next_timeout().is_none_or(|at| at > now) {
            // Whoever waits has a limit of that kind.
            return self.limits.retain(|_, limit| limit.next_at > now);
        }
        self.queues.retain(|(index, _), _| links.get(*index).is_some());
        let mut scopes: BTreeMap<Scope, Vec<Member<'_>>> = BTreeMap::new();
        for ((index, _), waiting) in &mut self.queues {
            scopes.entry(waiting.scope).or_default().push((*index, waiting));
        }
        for (scope, members) in scopes {
            flush_scope(now, self.limits.entry(scope).or_default(), members, links, out);
        }
        self.queues.retain(|_, waiting| !waiting.order.is_empty());
        // An idle limit is kept while it still holds back the next message.
        let Self { queues, limits, .. } = self;
        let is_used = |scope| queues.values().any(|waiting| waiting.scope == scope);
        limits.retain(|scope, limit| limit.next_at > now || is_used(*scope));
    }
}

/// An interface, and who waits there.
type Member<'a> = (IfIndex, &'a mut Waiting);

/// Those of one limit in turns.
fn flush_scope(
    now: Instant,
    limit: &mut Limit,
    mut members: Vec<Member<'_>>,
    links: &Links,
    out: &mut Outputs,
) {
    let had_theirs = members.partition_point(|(index, _)| Some(*index) <= limit.last);
    let first = had_theirs % members.len().max(1);
    members.rotate_left(first);
    for _ in 0..MESSAGES_PER_TURN {
        for (index, waiting) in &mut members {
            if limit.next_at > now {
                return;
            }
            let Some(link) = links.get(*index) else { continue };
            let Some(address) = waiting.pop() else { continue };
            (limit.next_at, limit.last) = (now + waiting.spacing, Some(*index));
            out.push(Output::Announce { index: *index, mac: link.mac, address });
        }
    }
}

impl Waiting {
    fn pop(&mut self) -> Option<IpAddr> {
        let address = self.order.pop_front()?;
        if let Some(left) = self.left.get_mut(&address) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.left.remove(&address);
            } else {
                self.order.push_back(address);
            }
        }
        Some(address)
    }
}

#[cfg(test)]
mod tests;
