//! Packets from and to addresses that a node holds but must not answer for (`no_accept`, strict) are
//! dropped by nf_tables: one table per family, named `keepalived`, with the addresses in sets.
//!
//! The same tables keep what would betray a VMAC to a switch from leaving by it.
//!
//! The table is ours alone. It is made in one transaction with its first addresses, then only its
//! sets of addresses change, and it goes with the last address and VMAC. When it turns out to be other than we left it
//! (somebody flushed the rules: [`Firewall::look`]), it is made anew.

mod expression;
pub mod marks;
mod request;
mod ruleset;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use base::IfIndex;
use netlink::{Aborted, Attributes, Engine, Error, Protocol, Socket, Transport};

use request::{Element, FirewallRequest, InTable};
pub use ruleset::Family;
use ruleset::{Layout, Set};

/// NFNL_SUBSYS_NFTABLES.
const SUBSYSTEM: u8 = 10;

/// Bytes of `struct nfgenmsg`, which every message begins with.
const HEADER: usize = 4;

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
    /// It is there, with that.
    Present(Contents),
}

/// What a family's table holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Contents {
    drop: BTreeSet<Element>,
    vmacs: BTreeMap<IfIndex, IfIndex>,
}

impl Contents {
    fn is_empty(&self) -> bool {
        self.drop.is_empty() && self.vmacs.is_empty()
    }
}

/// The macvlans with virtual MACs, each with the interface that it lies upon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vmacs {
    /// Those of IPv4.
    pub ipv4: BTreeMap<IfIndex, IfIndex>,
    /// Those of IPv6.
    pub ipv6: BTreeMap<IfIndex, IfIndex>,
}

/// How the tables are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Name of both tables.
    pub table: String,
    /// Priority of the chains at their hooks; the host's own filter has 0.
    pub priority: i32,
    /// Every rule counts packets and bytes.
    pub counters: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { table: "keepalived".to_owned(), priority: -1, counters: false }
    }
}

/// The tables of both families.
#[derive(Debug)]
pub struct Firewall<T> {
    engine: Engine<T>,
    options: Options,
    ipv4: Known,
    ipv6: Known,
    /// The kernel lacks what the rules for VMACs are made of.
    without_vmacs: bool,
}

impl Firewall<Socket> {
    /// The firewall of the network namespace that the process is in, with tables that are made like this.
    ///
    /// # Errors
    /// [`Error::Open`] when the kernel has no nfnetlink.
    pub fn open(options: Options) -> Result<Self, Error> {
        Ok(Self::new(Socket::commands(Protocol::Netfilter)?, options))
    }
}

impl<T: Transport> Firewall<T> {
    /// A firewall of which nothing is known yet.
    pub fn new(transport: T, options: Options) -> Self {
        Self {
            engine: Engine::new(transport),
            options,
            ipv4: Known::Nothing,
            ipv6: Known::Nothing,
            without_vmacs: false,
        }
    }

    /// From now on tables are made like this; those that are there go when they are other, also those that
    /// an earlier process has left.
    ///
    /// # Errors
    /// Netlink failed, or the kernel refused to remove a table.
    pub fn configure(&mut self, options: Options) -> Result<(), FirewallError> {
        if options == self.options {
            return Ok(());
        }
        for family in [Family::Ipv4, Family::Ipv6] {
            if *self.known(family) != Known::Absent {
                self.remove(family)?;
            }
            *self.known(family) = Known::Nothing;
        }
        self.options = options;
        Ok(())
    }

    /// Makes the kernel drop packets from and to the addresses in `drop`, and no others. Link-local
    /// IPv6 addresses count on their interface only. Packets that would tell a switch of a VMAC
    /// leave by its base, or not at all. Returns whether anything had to be changed; without addresses
    /// and VMACs there are no tables.
    ///
    /// # Errors
    /// The kernel refused or netlink failed. The tables are then made anew by the next call, without
    /// the rules for VMACs if it was those that it refused.
    pub fn reconcile(
        &mut self,
        drop: &BTreeSet<(IfIndex, IpAddr)>,
        vmacs: &Vmacs,
    ) -> Result<bool, FirewallError> {
        let contents = |family, vmacs: &BTreeMap<IfIndex, IfIndex>| {
            let elements = drop.iter().filter_map(|(at, ip)| Element::new(family, *at, *ip));
            Contents { drop: elements.collect(), vmacs: vmacs.clone() }
        };
        let ipv4 = self.reconcile_family(Family::Ipv4, contents(Family::Ipv4, &vmacs.ipv4));
        let ipv6 = self.reconcile_family(Family::Ipv6, contents(Family::Ipv6, &vmacs.ipv6));
        Ok(ipv4? | ipv6?)
    }

    fn reconcile_family(
        &mut self,
        family: Family,
        mut wanted: Contents,
    ) -> Result<bool, FirewallError> {
        if self.without_vmacs {
            wanted.vmacs.clear();
        }
        // whatever goes wrong below: then nothing is known
        let known = std::mem::replace(self.known(family), Known::Nothing);
        let changed = match &known {
            Known::Present(present) if *present == wanted => false,
            Known::Absent if wanted.is_empty() => false,
            Known::Nothing | Known::Present(_) if wanted.is_empty() => self.remove(family)?,
            Known::Present(present) if is_alike(present, &wanted) => {
                match self.change(family, &present.drop, &wanted.drop) {
                    Err(FirewallError::Refused(_)) => self.make(family, &wanted)?,
                    other => other?,
                }
            }
            Known::Present(_) => self.make(family, &wanted)?,
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

    /// Whether somebody has removed a table, or rules of it; the next [`Self::reconcile`] makes it anew.
    /// Addresses that were taken out of a set are not missed.
    ///
    /// # Errors
    /// Netlink failed.
    pub fn look(&mut self) -> Result<bool, FirewallError> {
        let mut is_other = false;
        for family in [Family::Ipv4, Family::Ipv6] {
            let Known::Present(contents) = self.known(family) else { continue };
            let contents = contents.clone();
            let requests = ruleset::requests(family, self.layout(&contents));
            let is_rule =
                |request: &&FirewallRequest| matches!(request, FirewallRequest::AddRule(..));
            if self.count_rules(family)? != requests.iter().filter(is_rule).count() {
                *self.known(family) = Known::Nothing;
                is_other = true;
            }
        }
        Ok(is_other)
    }

    /// How many rules the table has; without a table there are none.
    fn count_rules(&mut self, family: Family) -> Result<usize, FirewallError> {
        let table = &self.options.table;
        let request = InTable { table, request: &FirewallRequest::ListRules(family) };
        let rules = self.engine.dump(&request, |reply| {
            let attributes = reply.payload.get(HEADER..).unwrap_or_default();
            let of = Attributes::parse(attributes)?.text(request::ATTR_TABLE);
            Ok((of.as_ref() == Some(table)).then_some(()))
        });
        match rules {
            Ok(rules) => Ok(rules.len()),
            Err(Error::Refused(_)) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the table, if there is one.
    fn remove(&mut self, family: Family) -> Result<bool, FirewallError> {
        let request = FirewallRequest::GetTable(family);
        let request = InTable { table: &self.options.table, request: &request };
        match self.engine.query(&request, |_| Ok(Some(()))) {
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
    fn make(&mut self, family: Family, wanted: &Contents) -> Result<bool, FirewallError> {
        let layout = self.layout(wanted);
        let made = self.make_laid_out(family, wanted, layout);
        self.without_vmacs |= layout.vmacs && matches!(made, Err(FirewallError::Refused(_)));
        made
    }

    fn layout(&self, contents: &Contents) -> Layout {
        Layout {
            drops: !contents.drop.is_empty(),
            vmacs: !contents.vmacs.is_empty(),
            priority: self.options.priority,
            counters: self.options.counters,
        }
    }

    fn make_laid_out(
        &mut self,
        family: Family,
        wanted: &Contents,
        layout: Layout,
    ) -> Result<bool, FirewallError> {
        // a table can only be removed for sure when it is there for sure
        let mut requests =
            vec![FirewallRequest::AddTable(family), FirewallRequest::DeleteTable(family)];
        requests.extend(ruleset::requests(family, layout));
        if layout.vmacs {
            let pairs: Vec<_> = wanted.vmacs.iter().map(|(vmac, base)| (*vmac, *base)).collect();
            if family == Family::Ipv6 {
                requests.push(FirewallRequest::AddVmacs(family, Set::Vmacs, pairs.clone()));
            }
            requests.push(FirewallRequest::AddVmacs(family, Set::VmacMap, pairs));
        }
        if !layout.drops {
            self.transact(&requests)?;
        }
        let wanted: Vec<_> = wanted.drop.iter().copied().collect();
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
        let table = &self.options.table;
        let requests: Vec<_> = requests.iter().map(|request| InTable { table, request }).collect();
        Ok(self.engine.transact(SUBSYSTEM, &requests)??)
    }
}

/// Whether only addresses have to be added and removed to make one of the other.
fn is_alike(one: &Contents, other: &Contents) -> bool {
    one.vmacs == other.vmacs && one.drop.is_empty() == other.drop.is_empty()
}

#[cfg(test)]
mod tests;
