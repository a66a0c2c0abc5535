//! Telling neighbours where addresses live: gratuitous ARP and unsolicited neighbour advertisements.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use base::{Duration, IfIndex, Instant, IpNet};

use crate::event::Event;
use crate::links::Links;
use crate::output::{Output, Outputs};

/// Messages that one input may add for one interface. The rest is due at once, so adverts and
/// packets get their turn in between.
pub const MESSAGES_PER_TURN: usize = 64;

/// Announcements that still have to leave, interface by interface. An address waits once, however
/// often it is asked for, so the queue is never longer than the configuration.
///
/// The first message of every address leaves before the second of any: what counts at a takeover
/// is when the last address has been announced once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AnnounceQueue {
    interfaces: BTreeMap<IfIndex, Waiting>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Waiting {
    /// Who is next.
    order: VecDeque<IpAddr>,
    /// How many messages each still gets.
    left: BTreeMap<IpAddr, u32>,
    /// The earliest time for the next message.
    next_at: Instant,
    /// `garp_interval`, `gna_interval`.
    spacing: Duration,
}

impl AnnounceQueue {
    /// `repeat` messages for an address, `spacing` apart from others on the interface.
    pub fn add(
        &mut self,
        now: Instant,
        index: IfIndex,
        address: IpAddr,
        repeat: u32,
        spacing: Duration,
    ) {
        if repeat == 0 {
            return;
        }
        let waiting = self.interfaces.entry(index).or_default();
        if waiting.order.is_empty() {
            waiting.next_at = waiting.next_at.max(now);
        }
        waiting.spacing = spacing;
        let left = waiting.left.entry(address).or_insert_with(|| {
            waiting.order.push_back(address);
            0
        });
        *left = repeat.max(*left);
    }

    /// These addresses have left the interface.
    pub fn cancel(&mut self, gone: &[(IfIndex, IpNet)]) {
        for (index, net) in gone {
            if let Some(waiting) = self.interfaces.get_mut(index) {
                waiting.left.remove(&net.addr());
            }
        }
        for waiting in self.interfaces.values_mut() {
            waiting.order.retain(|address| waiting.left.contains_key(address));
        }
    }

    /// When the next message is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        let busy = self.interfaces.values().filter(|waiting| !waiting.order.is_empty());
        busy.map(|waiting| waiting.next_at).min()
    }

    /// Emits what is due, at most [`MESSAGES_PER_TURN`] an interface.
    pub fn flush(&mut self, now: Instant, links: &Links, out: &mut Outputs) {
        self.interfaces.retain(|index, waiting| {
            let Some(link) = links.get(*index) else { return false };
            for _ in 0..MESSAGES_PER_TURN {
                if waiting.next_at > now {
                    break;
                }
                let Some(address) = waiting.pop(now) else { break };
                out.push(Output::Announce { index: *index, mac: link.mac, address });
                out.push(Output::Log(Event::Announcing { interface: link.name.clone(), address }));
            }
            // An idle interface is kept while its spacing still holds back the next message.
            !waiting.order.is_empty() || waiting.next_at > now
        });
    }
}

impl Waiting {
    fn pop(&mut self, now: Instant) -> Option<IpAddr> {
        let address = self.order.pop_front()?;
        self.next_at = now + self.spacing;
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
