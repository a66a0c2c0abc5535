//! `interface_up_down_delays`: an interface that flaps is not followed at once.

use std::collections::BTreeMap;

use base::{Duration, IfIndex, Instant};
use control_plane::model::vrrp::LinkDelay;

use crate::link::Link;

/// How long interfaces must be in a state before it counts, and those that are watched for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Debounce {
    delays: BTreeMap<String, Delays>,
    /// Links whose newest state does not count yet, and when it does.
    waiting: BTreeMap<IfIndex, (Instant, Link)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Delays {
    down: Duration,
    up: Duration,
}

impl Debounce {
    /// Takes the configuration; what waits goes on waiting.
    pub(crate) fn configure(&mut self, delays: &[LinkDelay]) {
        let delays = delays.iter();
        self.delays = delays
            .map(|delay| (delay.interface.clone(), Delays { down: delay.down, up: delay.up }))
            .collect();
    }

    /// A link as the kernel has it now. Gives back what counts at once: the link, or the link with
    /// the state that it had, or nothing new. `known` is what counted until now.
    pub(crate) fn filter(&mut self, now: Instant, link: Link, known: Option<&Link>) -> Link {
        let delay = self
            .delays
            .get(&link.name)
            .map_or(Duration::ZERO, |delays| if link.up { delays.up } else { delays.down });
        match known {
            Some(known) if known.up != link.up && !delay.is_zero() => {
                let counts = Link { up: known.up, ..link.clone() };
                let since = self.waiting.remove(&link.index);
                let at = since.map_or(now + delay, |(at, _)| at);
                self.waiting.insert(link.index, (at, link));
                counts
            }
            _ => {
                self.waiting.remove(&link.index);
                link
            }
        }
    }

    /// The link is gone.
    pub(crate) fn forget(&mut self, index: IfIndex) {
        self.waiting.remove(&index);
    }

    /// Links whose newest state does not count yet.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = IfIndex> {
        self.waiting.keys().copied()
    }

    /// When the state of a link begins to count.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.waiting.values().map(|(at, _)| *at).min()
    }

    /// Links whose state counts now.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Link> {
        let due = self.waiting.extract_if(.., |_, (at, _)| *at <= now);
        due.map(|(_, (_, link))| link).collect()
    }
}
