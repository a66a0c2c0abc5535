//! What the exhaustive proofs share: a virtual router, what of a datagram counts, how all is looked at.

use std::fmt::Debug;
use std::hash::Hash;
use std::net::Ipv4Addr;

use base::{Duration, Instant, Ipv4Net, Priority, Vrid};
use control_plane::model::{Instance, VirtualAddress, Vrrp};
use simulator::Node;
use stateright::{Checker, HasDiscoveries, Model};

pub(crate) const INTERVAL: Duration = Duration::from_secs(1);
pub(crate) const START: Instant = Instant::from_micros(1_000_000_000);

/// Makes moments equal whose `parts` are.
macro_rules! equal_by_parts {
    ($moment:ty) => {
        impl std::hash::Hash for $moment {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.parts().hash(state);
            }
        }

        impl PartialEq for $moment {
            fn eq(&self, other: &Self) -> bool {
                self.parts() == other.parts()
            }
        }
    };
}
pub(crate) use equal_by_parts;

/// An instance with one address.
pub(crate) fn instance(priority: u8) -> Instance {
    let mut instance = Instance::new("VI_1", "eth0", Vrid::new(51).unwrap());
    instance.advert_interval = INTERVAL;
    instance.priority = Priority::new(priority).unwrap();
    let net = Ipv4Net::from(Ipv4Addr::new(10, 9, 1, 51)).into();
    instance.virtual_addresses = vec![VirtualAddress::new(net, "eth0")];
    instance
}

/// The router with that last byte in its own address.
pub(crate) fn node(last: u8, config: Vrrp) -> Node {
    Node::new(Ipv4Addr::new(10, 9, 0, last), config)
}

/// A datagram but for its identification and the checksum over it.
pub(crate) fn without_number(datagram: &[u8]) -> Vec<u8> {
    let mut bytes = datagram.to_vec();
    for at in [4, 5, 10, 11] {
        bytes[at] = 0;
    }
    bytes
}

/// When the first timer of any of them runs out.
pub(crate) fn next_timeout(nodes: &[Node]) -> Option<Instant> {
    nodes.iter().filter_map(Node::next_timeout).min()
}

/// How far to look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Messages that may be lost.
    pub(crate) losses: u8,
    /// What else may go wrong, so many times.
    pub(crate) troubles: u8,
    /// Virtual time.
    pub(crate) horizon: Duration,
}

impl Budget {
    /// Losses, troubles, seconds.
    pub(crate) const fn of((losses, troubles, seconds): (u8, u8, u64)) -> Self {
        Self { losses, troubles, horizon: Duration::from_secs(seconds) }
    }

    /// That of the short form, or of the long one where `EXHAUSTIVE` is set.
    pub(crate) fn chosen(short: (u8, u8, u64), long: (u8, u8, u64)) -> Self {
        Self::of(if std::env::var_os("EXHAUSTIVE").is_some() { long } else { short })
    }
}

/// Looks at every moment, or until one breaks a promise: a bug may make them endless.
pub(crate) fn check<M>(model: M)
where
    M: Model + Debug + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let what = format!("{model:?}");
    let checker = model.checker().threads(1).finish_when(HasDiscoveries::AnyFailures);
    let checker = checker.spawn_bfs().join();
    println!("{what}: {} moments", checker.unique_state_count());
    checker.assert_properties();
    assert!(checker.is_done(), "every moment was looked at");
}
