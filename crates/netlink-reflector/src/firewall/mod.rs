//! Packets from and to addresses that a node holds but must not answer for (`no_accept`, strict) are
//! dropped by nf_tables: one table per family, named `keepalived`, with the addresses in sets.
//!
//! The table is ours alone. It is made in one transaction with its first addresses, then only its
//! sets change, and it goes with the last address. When it turns out to be other than we left it
//! (somebody flushed the rules), it is made anew.

mod expression;
mod request;
mod ruleset;

use std::collections::BTreeSet;
use std::net::IpAddr;

use base::IfIndex;
use netlink::{Aborted, Engine, Error, Protocol, Socket, Transport};

use request::{Element, FirewallRequest};
pub use ruleset::Family;

/// NFNL_SUBSYS_NFTABLES.
const SUBSYSTEM: u8 = 10;

/// Addresses in one transaction: its datagram stays well below the socket's send buffer.
const CHUNK: usize = 1000;

/// Why the firewall is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum FirewallError {
    /// Netlink failed.
    #[error(transparent)]
    Netlink(#[from] Error),
    /// The kernel refused a transaction; nothing of it was carried out.
    #[error(transparent)]
    Refused(#[from] Aborted),
}

/// What is known of a family's table.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    /// Nothing: an earlier process may have left one.
    Nothing,
    /// There is none.
    Absent,
    /// It is there, with these addresses.
    Present(BTreeSet<Element>),
}

/// The tables of both families.
#[derive(Debug)]
pub struct Firewall<T> {
    engine: Engine<T>,
    ipv4: Known,
    ipv6: Known,
}

impl Firewall<Socket> {
    /// The firewall of the network namespace that the process is in.
    ///
    /// # Errors
    /// [`Error::Open`] when the kernel has no nfnetlink.
    pub fn open() -> Result<Self, Error> {
        Socket::commands(Protocol::Netfilter).map(Self::new)
    }
}

impl<T: Transport> Firewall<T> {
    /// A firewall of which nothing is known yet.
    pub fn new(transport: T) -> Self {
        Self { engine: Engine::new(transport), ipv4: Known::Nothing, ipv6: Known::Nothing }
    }

    /// Makes the kernel drop packets from and to the addresses in `drop`, and no others. Link-local
    /// IPv6 addresses count on their interface only. Returns whether anything had to be changed; an
    /// empty set removes the tables.
    ///
    /// # Errors
    /// The kernel refused or netlink failed. The tables are then made anew by the next call.
    pub fn reconcile(&mut self, drop: &BTreeSet<(IfIndex, IpAddr)>) -> Result<bool, FirewallError> {
        let elements =
            |family| drop.iter().filter_map(move |(index, ip)| Element::new(family, *index, *ip));
        let ipv4 = self.reconcile_family(Family::Ipv4, elements(Family::Ipv4).collect());
        let ipv6 = self.reconcile_family(Family::Ipv6, elements(Family::Ipv6).collect());
        Ok(ipv4? | ipv6?)
    }

    fn reconcile_family(
        &mut self,
        family: Family,
        wanted: BTreeSet<Element>,
    ) -> Result<bool, FirewallError> {
        // whatever goes wrong below: then nothing is known
        let known = std::mem::replace(self.known(family), Known::Nothing);
        let changed = match &known {
            Known::Present(present) if *present == wanted => false,
            Known::Absent if wanted.is_empty() => false,
            Known::Nothing | Known::Present(_) if wanted.is_empty() => self.remove(family)?,
            Known::Present(present) => match self.change(family, present, &wanted) {
                Err(FirewallError::Refused(_)) => self.make(family, &wanted)?,
                other => other?,
            },
            Known::Nothing | Known::Absent => self.make(family, &wanted)?,
        };
        *self.known(family) =
            if wanted.is_empty() { Known::Absent } else { Known::Present(wanted) };
        Ok(changed)
    }

    fn known(&mut self, family: Family) -> &mut Known {
        match family {
            Family::Ipv4 => &mut self.ipv4,
            Family::Ipv6 => &mut self.ipv6,
        }
    }

    /// Removes the table, if there is one.
    fn remove(&mut self, family: Family) -> Result<bool, FirewallError> {
        match self.engine.query(&FirewallRequest::GetTable(family), |_| Ok(Some(()))) {
            Ok(found) if found.is_empty() => Ok(false),
            Ok(_) => {
                self.transact(&[FirewallRequest::DeleteTable(family)])?;
                Ok(true)
            }
            // no such table, or no nf_tables in the kernel at all
            Err(Error::Refused(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the table with its rules and addresses, in the place of one that may be there.
    fn make(&mut self, family: Family, wanted: &BTreeSet<Element>) -> Result<bool, FirewallError> {
        // a table can only be removed for sure when it is there for sure
        let mut requests =
            vec![FirewallRequest::AddTable(family), FirewallRequest::DeleteTable(family)];
        requests.extend(ruleset::requests(family));
        let wanted: Vec<_> = wanted.iter().copied().collect();
        for chunk in wanted.chunks(CHUNK) {
            requests.extend(request::add(family, chunk));
            self.transact(&requests)?;
            requests.clear();
        }
        Ok(true)
    }

    /// Adds and removes addresses of a table that is there.
    fn change(
        &mut self,
        family: Family,
        present: &BTreeSet<Element>,
        wanted: &BTreeSet<Element>,
    ) -> Result<bool, FirewallError> {
        let added: Vec<_> = wanted.difference(present).copied().collect();
        let removed: Vec<_> = present.difference(wanted).copied().collect();
        for chunk in added.chunks(CHUNK) {
            self.transact(&request::add(family, chunk))?;
        }
        for chunk in removed.chunks(CHUNK) {
            self.transact(&request::remove(family, chunk))?;
        }
        Ok(true)
    }

    fn transact(&mut self, requests: &[FirewallRequest]) -> Result<(), FirewallError> {
        Ok(self.engine.transact(SUBSYSTEM, requests)??)
    }
}

#[cfg(test)]
mod tests;
