//! Packets to many addresses get one firewall mark, so that IPVS needs one service for all of them
//! (`nftables_ipvs`). One table a family, which is ours alone:
//!
//! ```text
//! table ip keepalived_ipvs {
//!   map tcp_map { type ipv4_addr . inet_service : mark; flags interval
//!                 elements = { 10.1.1.5-10.1.1.7 . 80 : 1000 } }
//!   chain in { type filter hook input priority -1;
//!              meta mark set ip daddr . tcp dport map @tcp_map return }
//! }
//! ```
//!
//! and `udp_map`, `sctp_map` alike. A table is replaced as a whole. Up to eight messages of 500 elements
//! each (those of one protocol) that is one transaction, and no packet meets half of it. With more than
//! that the elements beyond follow in further transactions: until then packets to them have no mark.

use std::collections::BTreeMap;
use std::net::IpAddr;

use netlink::{Engine, Error, Protocol, Socket, Transport};

use super::expression::{Base, Expression, FIRST, Meta, Verdict};
use super::request::{FirewallRequest, InTable};
use super::ruleset::{Family, Set};
use super::{FirewallError, SUBSYSTEM};

/// Elements in one message: a list of them is one attribute, of 64 KiB at most.
const MESSAGE: usize = 500;

/// Messages of elements in the transaction that makes a table; more follow in others.
const MESSAGES: usize = 8;

/// The number of the hook for packets to this host (`NF_INET_LOCAL_IN`), where IPVS takes them later.
const LOCAL_IN: u32 = 1;

const CHAIN: &str = "in";

/// A protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ported {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Ported {
    const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Sctp];

    const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }
}

/// Packets to one port of neighbouring addresses, of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Marked {
    /// Their protocol.
    pub protocol: Ported,
    /// Their destination port.
    pub port: u16,
    /// The first address.
    pub first: IpAddr,
    /// The last one.
    pub last: IpAddr,
}

impl Marked {
    fn family(&self) -> Family {
        if self.first.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 }
    }

    /// The kernel's keys of the first and the last: address, then port, each filled up to 32 bits.
    pub(super) fn keys(&self) -> [Vec<u8>; 2] {
        [self.first, self.last].map(|ip| {
            let mut key = match ip {
                IpAddr::V4(ip) => ip.octets().to_vec(),
                IpAddr::V6(ip) => ip.octets().to_vec(),
            };
            key.extend_from_slice(&self.port.to_be_bytes());
            key.extend_from_slice(&[0; 2]);
            key
        })
    }
}

/// Which packets get which mark.
pub type MarkMap = BTreeMap<Marked, u32>;

/// The tables of both families.
#[derive(Debug)]
pub struct MarkTables<T> {
    engine: Engine<T>,
    table: String,
    priority: i32,
    /// What they hold, where that is known.
    known: BTreeMap<Family, MarkMap>,
}

impl MarkTables<Socket> {
    /// Those of the network namespace that the process is in.
    ///
    /// # Errors
    /// [`Error::Open`] when the kernel has no nfnetlink.
    pub fn open(table: &str, priority: i32) -> Result<Self, Error> {
        Ok(Self::new(Socket::commands(Protocol::Netfilter)?, table, priority))
    }
}

impl<T: Transport> MarkTables<T> {
    /// Tables named `table` of which nothing is known yet. `transport` is a socket of nfnetlink.
    pub fn new(transport: T, table: &str, priority: i32) -> Self {
        let (engine, table) = (Engine::new(transport), table.to_owned());
        Self { engine, table, priority, known: BTreeMap::new() }
    }

    /// The chains have this priority from now on; IPVS itself has 98 at the same hook.
    pub fn set_priority(&mut self, priority: i32) {
        if priority != self.priority {
            self.priority = priority;
            // Those with elements are made anew, those without have no chain.
            self.known.retain(|_, known| known.is_empty());
        }
    }

    /// Makes the kernel mark these packets and no others; there is no table for a family without any.
    /// Ranges must not overlap: see [`without_overlaps`]. Says whether anything had to be changed.
    ///
    /// # Errors
    /// The kernel refused or netlink failed. The tables are then made anew by the next call.
    pub fn reconcile(&mut self, wanted: &MarkMap) -> Result<bool, FirewallError> {
        let mut changed = false;
        for family in [Family::Ipv4, Family::Ipv6] {
            let wanted: MarkMap = wanted
                .iter()
                .filter(|(one, _)| one.family() == family)
                .map(|(one, mark)| (*one, *mark))
                .collect();
            if self.known.get(&family) == Some(&wanted) {
                continue;
            }
            // Whatever goes wrong below: then nothing is known.
            self.known.remove(&family);
            changed |=
                if wanted.is_empty() { self.remove(family)? } else { self.make(family, &wanted)? };
            self.known.insert(family, wanted);
        }
        Ok(changed)
    }

    /// Whether somebody has removed a table; the next [`Self::reconcile`] makes it anew.
    ///
    /// # Errors
    /// Netlink failed.
    pub fn look(&mut self) -> Result<bool, FirewallError> {
        let should = |(family, known): (&Family, &MarkMap)| (!known.is_empty()).then_some(*family);
        let mut is_gone = false;
        for family in self.known.iter().filter_map(should).collect::<Vec<_>>() {
            if !self.exists(family)? {
                self.known.remove(&family);
                is_gone = true;
            }
        }
        Ok(is_gone)
    }

    fn exists(&mut self, family: Family) -> Result<bool, FirewallError> {
        let request = FirewallRequest::GetTable(family);
        let request = InTable { table: &self.table, request: &request };
        match self.engine.query(&request, |_| Ok(Some(()))) {
            Ok(found) => Ok(!found.is_empty()),
            // No such table, or no nf_tables in the kernel at all.
            Err(Error::Refused(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn remove(&mut self, family: Family) -> Result<bool, FirewallError> {
        let exists = self.exists(family)?;
        if exists {
            self.transact(&[FirewallRequest::DeleteTable(family)])?;
        }
        Ok(exists)
    }

    /// Makes the table, in the place of one that may be there.
    fn make(&mut self, family: Family, wanted: &MarkMap) -> Result<bool, FirewallError> {
        // A table can only be removed for sure when it is there for sure.
        let mut requests = vec![
            FirewallRequest::AddTable(family),
            FirewallRequest::DeleteTable(family),
            FirewallRequest::AddTable(family),
            FirewallRequest::AddChain(family, CHAIN, Some((LOCAL_IN, self.priority))),
        ];
        let mut elements = Vec::new();
        for protocol in Ported::ALL {
            let of_it = wanted.iter().filter(|(one, _)| one.protocol == protocol);
            let of_it: Vec<(Marked, u32)> = of_it.map(|(one, mark)| (*one, *mark)).collect();
            if of_it.is_empty() {
                continue;
            }
            let set = Set::Marks(protocol);
            requests.push(FirewallRequest::AddSet(family, set));
            requests.push(FirewallRequest::AddRule(family, CHAIN, rule(family, protocol)));
            let messages = of_it.chunks(MESSAGE);
            elements
                .extend(messages.map(|list| FirewallRequest::AddMarks(family, set, list.to_vec())));
        }
        let mut parts = elements.chunks(MESSAGES);
        requests.extend(parts.next().unwrap_or_default().iter().cloned());
        self.transact(&requests)?;
        parts.try_for_each(|part| self.transact(part))?;
        Ok(true)
    }

    fn transact(&mut self, requests: &[FirewallRequest]) -> Result<(), FirewallError> {
        let table = &self.table;
        let requests: Vec<_> = requests.iter().map(|request| InTable { table, request }).collect();
        Ok(self.engine.transact(SUBSYSTEM, &requests)??)
    }
}

/// `meta mark set ip daddr . tcp dport map @tcp_map return`.
fn rule(family: Family, protocol: Ported) -> Vec<Expression> {
    let (offset, length) = match family {
        Family::Ipv4 => (16, 4),
        Family::Ipv6 => (24, 16),
    };
    let set = Set::Marks(protocol);
    vec![
        Expression::Meta { what: Meta::Protocol, register: FIRST },
        Expression::Byte(protocol.number()),
        Expression::Load { base: Base::Network, offset, length },
        Expression::PortBehind { address: length },
        Expression::FirstByMap { name: set.name(), id: set.id() },
        Expression::SetMark,
        Expression::Verdict(Verdict::Return),
    ]
}

/// The ranges that the kernel takes together: one that overlaps an earlier one of the same protocol and
/// port is left out, and named.
pub fn without_overlaps(wanted: impl IntoIterator<Item = (Marked, u32)>) -> (MarkMap, Vec<Marked>) {
    let (mut map, mut left_out) = (MarkMap::new(), Vec::new());
    for (one, mark) in wanted {
        let same = |other: &Marked| (other.protocol, other.port) == (one.protocol, one.port);
        let from = Marked { first: one.last, ..one };
        // Of those that begin at or before its end the last: those before that end before it begins.
        let before = map.range(..=Marked { last: highest(one.last), ..from }).next_back();
        let overlaps = before.is_some_and(|(other, _)| {
            same(other) && other.family() == one.family() && other.last >= one.first
        });
        if overlaps {
            left_out.push(one);
        } else {
            map.insert(one, mark);
        }
    }
    (map, left_out)
}

/// The highest address of its family.
const fn highest(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::BROADCAST),
        IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::from_bits(u128::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use netlink::fake::{Asked, Fake, Queued, error};

    use super::*;

    const ENOENT: i32 = 2;
    const GETTABLE: u16 = 0xa01;

    fn marked(first: &str, last: &str, port: u16) -> Marked {
        let [first, last] = [first, last].map(|text| text.parse().unwrap());
        Marked { protocol: Ported::Tcp, port, first, last }
    }

    fn grant(asked: &[Asked]) -> Vec<Queued> {
        let answers = asked.iter().filter(|asked| asked.wants_ack()).map(|asked| {
            let errno = if asked.kind == GETTABLE { ENOENT } else { 0 };
            error(asked.sequence, errno, None)
        });
        answers.map(Ok).collect()
    }

    fn sent(tables: &MarkTables<Fake>) -> usize {
        tables.engine.transport().sent.len()
    }

    #[test]
    fn a_range_that_overlaps_another_is_left_out_and_named() {
        let all = [
            marked("10.0.0.5", "10.0.0.9", 80),
            marked("10.0.0.9", "10.0.0.12", 80),
            marked("10.0.0.1", "10.0.0.20", 80),
            marked("10.0.0.7", "10.0.0.7", 80),
            marked("10.0.0.7", "10.0.0.7", 81),
            marked("10.0.0.10", "10.0.0.10", 80),
            marked("10.0.0.1", "10.0.0.4", 80),
            Marked { protocol: Ported::Udp, ..marked("10.0.0.7", "10.0.0.7", 80) },
            marked("2001:db8::1", "2001:db8::1", 80),
        ];
        let (map, left_out) = without_overlaps(all.map(|one| (one, 1000)));
        assert_eq!(left_out, all[1..4]);
        assert_eq!(map.len(), all.len() - 3);
    }

    #[test]
    fn a_table_is_replaced_when_marks_change_and_not_else() {
        let mut tables = MarkTables::new(Fake::new(grant), "keepalived_ipvs", -1);
        let mut wanted = MarkMap::from([(marked("10.0.0.5", "10.0.0.9", 80), 1000)]);
        assert!(tables.reconcile(&wanted).unwrap());
        let first = sent(&tables);
        assert_eq!(first, 2, "one table, and a look for that of the other family");
        assert!(!tables.reconcile(&wanted).unwrap());
        assert_eq!(sent(&tables), first);
        wanted.insert(marked("10.0.0.1", "10.0.0.1", 80), 1001);
        assert!(tables.reconcile(&wanted).unwrap());
        tables.set_priority(5);
        assert!(tables.reconcile(&wanted).unwrap(), "made anew with the other priority");
        assert_eq!(sent(&tables), first + 2);
    }

    #[test]
    fn many_marks_leave_in_messages_that_hold_them() {
        let mut tables = MarkTables::new(Fake::new(grant), "keepalived_ipvs", -1);
        let ip = |n: u32| IpAddr::from(std::net::Ipv6Addr::from_bits(u128::from(n)));
        let one = |n| Marked { protocol: Ported::Udp, port: 53, first: ip(n), last: ip(n) };
        let wanted: MarkMap = (0..20_000).map(|n| (one(n), n)).collect();
        assert!(tables.reconcile(&wanted).unwrap());
        let sent = &tables.engine.transport().sent;
        let largest = |datagram: &Vec<Asked>| datagram.iter().map(|one| one.payload.len()).max();
        assert!(sent.iter().filter_map(largest).max().unwrap() < 65_536);
        let bytes = |datagram: &Vec<Asked>| datagram.iter().map(|one| one.payload.len()).sum();
        assert!(sent.iter().map(bytes).max().unwrap_or(0_usize) < 500_000);
    }

    #[test]
    fn a_table_that_is_gone_is_made_anew() {
        let mut tables = MarkTables::new(Fake::new(grant), "keepalived_ipvs", -1);
        let wanted = MarkMap::from([(marked("10.0.0.5", "10.0.0.9", 80), 1000)]);
        tables.reconcile(&wanted).unwrap();
        assert!(tables.look().unwrap());
        assert!(tables.reconcile(&wanted).unwrap(), "this kernel has lost it");
    }
}
