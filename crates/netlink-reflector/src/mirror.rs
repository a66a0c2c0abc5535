//! Links and addresses as the kernel has them, and what of it the owner has not heard of.
//!
//! The mirror changes by events, by dumps and by our own requests. The owner is told the
//! difference between what it believes and what is: a thing that came and went in between is no news,
//! and what the owner itself asked for is none either, even when the kernel's event about it comes
//! later.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::{IfIndex, IpNet, Ipv4Net, Ipv6Net};

use crate::address::{Address, CHANGEABLE, DEPRECATED, PERMANENT};
use crate::link::Link;

type AddressKey = (IfIndex, IpNet);

/// News about links and addresses, since the owner was last told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// An interface is there.
    LinkNew(Link),
    /// An interface is other than it was.
    LinkChanged(Link),
    /// An interface is gone; the name is the last one it had.
    LinkRemoved(IfIndex, String),
    /// An address is there.
    AddressAdded(Address),
    /// Duplicate address detection of an IPv6 address has begun or ended.
    AddressChanged(Address),
    /// An address is gone.
    AddressRemoved(Address),
}

/// An event of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Link(Link),
    LinkGone(IfIndex),
    Address(Address),
    AddressGone(Address),
}

/// The kernel's links and addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mirror {
    links: BTreeMap<IfIndex, Link>,
    names: BTreeMap<String, IfIndex>,
    addresses: BTreeMap<AddressKey, Address>,
    /// Who was there first.
    arrivals: Arrivals,
    /// What the owner believes, where that may differ from the above.
    believed_links: BTreeMap<IfIndex, Option<Link>>,
    believed_addresses: BTreeMap<AddressKey, Option<Address>>,
}

/// The order in which addresses came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Arrivals {
    by_key: BTreeMap<AddressKey, u64>,
    next: u64,
}

impl Arrivals {
    fn follow(&mut self, key: AddressKey, is_there: bool) {
        if is_there {
            self.by_key.entry(key).or_insert(self.next);
            self.next += 1;
        } else {
            self.by_key.remove(&key);
        }
    }
}

impl Mirror {
    /// All links, by index.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// The link with this index.
    pub fn link(&self, index: IfIndex) -> Option<&Link> {
        self.links.get(&index)
    }

    /// The link with this name.
    pub fn link_by_name(&self, name: &str) -> Option<&Link> {
        self.links.get(self.names.get(name)?)
    }

    /// The addresses of an interface, IPv4 first.
    pub fn addresses(&self, index: IfIndex) -> impl Iterator<Item = &Address> {
        let lowest = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0));
        let highest = IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from(u128::MAX), 128));
        self.addresses.range((index, lowest)..=(index, highest)).map(|(_, address)| address)
    }

    /// The addresses of an interface that `wanted` chooses, those first that have been there longest,
    /// as the kernel counts them: the first of a dump is its primary address. Of ten thousand mostly
    /// a few are wanted, so these alone are put in order.
    pub fn addresses_by_age(
        &self,
        index: IfIndex,
        wanted: impl Fn(&Address) -> bool,
    ) -> Vec<&Address> {
        let mut all: Vec<&Address> = self.addresses(index).filter(|one| wanted(one)).collect();
        all.sort_by_cached_key(|address| self.arrivals.by_key.get(&(index, address.net)));
        all
    }

    /// The address with exactly this prefix length.
    pub fn address(&self, index: IfIndex, net: IpNet) -> Option<&Address> {
        self.addresses.get(&(index, net))
    }

    /// The address, whatever its prefix length.
    pub fn find(&self, index: IfIndex, ip: IpAddr) -> Option<&Address> {
        let range = match ip {
            IpAddr::V4(ip) => {
                IpNet::V4(Ipv4Net::new_assert(ip, 0))..=IpNet::V4(Ipv4Net::new_assert(ip, 32))
            }
            IpAddr::V6(ip) => {
                IpNet::V6(Ipv6Net::new_assert(ip, 0))..=IpNet::V6(Ipv6Net::new_assert(ip, 128))
            }
        };
        let range = (index, *range.start())..=(index, *range.end());
        self.addresses.range(range).map(|(_, address)| address).next()
    }

    /// The name of an interface for a message, also when it is gone.
    pub(crate) fn device(&self, index: IfIndex) -> String {
        self.link(index).map_or_else(|| format!("interface {index}"), |link| link.name.clone())
    }

    /// Takes over what the kernel says.
    pub(crate) fn apply(&mut self, event: Event) {
        match event {
            Event::Link(link) => self.set_link(link.index, Some(link)),
            Event::LinkGone(index) => {
                let keys: Vec<_> = self.addresses(index).map(|a| (a.index, a.net)).collect();
                for key in keys {
                    self.set_address(key, None);
                }
                self.set_link(index, None);
            }
            Event::Address(address) => {
                self.set_address((address.index, address.net), Some(address));
            }
            Event::AddressGone(address) => {
                let key = (address.index, address.net);
                // the same local address may be there with another peer
                if self.addresses.get(&key).is_some_and(|known| known.peer == address.peer) {
                    self.set_address(key, None);
                }
            }
        }
    }

    /// Takes over a whole dump: what it does not hold is gone.
    pub(crate) fn replace(&mut self, links: Vec<Link>, addresses: Vec<Address>) {
        let present: BTreeSet<IfIndex> = links.iter().map(|link| link.index).collect();
        let gone: Vec<_> = self.links.keys().filter(|i| !present.contains(i)).copied().collect();
        for index in gone {
            self.apply(Event::LinkGone(index));
        }
        let present: BTreeSet<AddressKey> = addresses.iter().map(|a| (a.index, a.net)).collect();
        let gone: Vec<_> =
            self.addresses.keys().filter(|key| !present.contains(key)).copied().collect();
        for key in gone {
            self.set_address(key, None);
        }
        for link in links {
            self.apply(Event::Link(link));
        }
        self.arrivals = Arrivals::default();
        for address in addresses {
            self.apply(Event::Address(address));
        }
    }

    /// Takes over what a request of the owner has done: it knows.
    pub(crate) fn own(&mut self, key: AddressKey, address: Option<Address>) {
        self.believed_addresses.remove(&key);
        self.arrivals.follow(key, address.is_some());
        match address {
            Some(address) => self.addresses.insert(key, address),
            None => self.addresses.remove(&key),
        };
    }

    /// An address has another lifetime and other options from now on: these of its flags.
    pub(crate) fn set_flags(&mut self, key: AddressKey, flags: u32) {
        if let Some(address) = self.addresses.get_mut(&key) {
            address.flags &= !(PERMANENT | DEPRECATED | CHANGEABLE);
            address.flags |= flags;
        }
    }

    /// Whether there may be something that the owner does not know yet.
    pub(crate) fn has_changes(&self) -> bool {
        !self.believed_links.is_empty() || !self.believed_addresses.is_empty()
    }

    /// What the owner does not know yet; from now on it does. Links that came first, links that went
    /// last, so that an address never belongs to an unknown link.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut removed = Vec::new();
        for (index, believed) in std::mem::take(&mut self.believed_links) {
            match (believed, self.links.get(&index)) {
                (None, Some(link)) => changes.push(Change::LinkNew(link.clone())),
                (Some(old), Some(link)) if old != *link => {
                    changes.push(Change::LinkChanged(link.clone()));
                }
                (Some(old), None) => removed.push(Change::LinkRemoved(index, old.name)),
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
        for (key, believed) in std::mem::take(&mut self.believed_addresses) {
            match (believed, self.addresses.get(&key)) {
                (None, Some(address)) => changes.push(Change::AddressAdded(address.clone())),
                (Some(old), Some(address)) if old.detection() != address.detection() => {
                    changes.push(Change::AddressChanged(address.clone()));
                }
                (Some(old), None) => changes.push(Change::AddressRemoved(old)),
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
        changes.append(&mut removed);
        changes
    }

    fn set_link(&mut self, index: IfIndex, link: Option<Link>) {
        let name = link.as_ref().map(|link| link.name.clone());
        let old = match link {
            Some(link) => self.links.insert(index, link),
            None => self.links.remove(&index),
        };
        if let Some(old) = &old
            && self.names.get(&old.name) == Some(&index)
        {
            self.names.remove(&old.name);
        }
        if let Some(name) = name {
            self.names.insert(name, index);
        }
        self.believed_links.entry(index).or_insert(old);
    }

    fn set_address(&mut self, key: AddressKey, address: Option<Address>) {
        self.arrivals.follow(key, address.is_some());
        let old = match address {
            Some(address) => self.addresses.insert(key, address),
            None => self.addresses.remove(&key),
        };
        self.believed_addresses.entry(key).or_insert(old);
    }
}

#[cfg(test)]
pub(crate) mod tests;
