//! The interfaces that the stack was told about.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use base::IfIndex;
use wire::Family;

use crate::event::Event;
use crate::link::Link;

/// Interfaces by number and by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Links {
    by_index: BTreeMap<IfIndex, Link>,
    by_name: BTreeMap<String, IfIndex>,
    /// Sources of adverts that somebody tracks (`track_src_ip`) and that are there.
    sources: BTreeSet<(IfIndex, IpAddr)>,
    /// Names of interfaces whose drivers are asked for their link.
    polled: BTreeSet<String>,
}

impl Links {
    /// Takes a link in and returns what was known of it before. A name that belonged to another
    /// link moves here: the kernel has one link of a name at a time.
    pub fn insert(&mut self, link: Link) -> Option<Link> {
        let (index, name) = (link.index, link.name.clone());
        let old = self.by_index.insert(index, link);
        if let Some(old) = &old
            && self.by_name.get(&old.name) == Some(&index)
        {
            self.by_name.remove(&old.name);
        }
        self.by_name.insert(name, index);
        old
    }

    /// Forgets a link and returns what was known of it.
    pub fn remove(&mut self, index: IfIndex) -> Option<Link> {
        let old = self.by_index.remove(&index)?;
        if self.by_name.get(&old.name) == Some(&index) {
            self.by_name.remove(&old.name);
        }
        Some(old)
    }

    /// The link of that number.
    pub fn get(&self, index: IfIndex) -> Option<&Link> {
        self.by_index.get(&index)
    }

    /// The link of which this is the source of adverts.
    pub fn with_primary(&self, address: IpAddr) -> Option<&Link> {
        let is_it = |link: &&Link| link.primary(Family::of(address)) == Some(address);
        self.by_index.values().find(is_it)
    }

    /// These are the tracked sources that are there; whether that is news.
    pub fn set_sources(&mut self, sources: &BTreeSet<(IfIndex, IpAddr)>) -> bool {
        let is_news = self.sources != *sources;
        if is_news {
            self.sources.clone_from(sources);
        }
        is_news
    }

    /// The drivers of these interfaces are asked for their link.
    pub fn set_polled<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        self.polled = names.into_iter().map(str::to_owned).collect();
    }

    /// What is to be said when the state of an interface has changed.
    pub fn news(&self, name: String, up: bool) -> Event {
        match (self.polled.contains(&name), up) {
            (true, true) => Event::LinkbeatUp(name),
            (true, false) => Event::LinkbeatDown(name),
            (false, true) => Event::LinkUp(name),
            (false, false) => Event::LinkDown(name),
        }
    }

    /// Whether an address that is tracked is there.
    pub fn has_source(&self, index: IfIndex, address: IpAddr) -> bool {
        self.sources.contains(&(index, address))
    }

    /// The link of that name.
    pub fn named(&self, name: &str) -> Option<&Link> {
        self.by_name.get(name).and_then(|index| self.by_index.get(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u32, name: &str) -> Link {
        Link {
            index: IfIndex::new(index).unwrap(),
            name: name.into(),
            up: true,
            mac: [0; 6],
            primary_v4: None,
            link_local_v6: None,
            mtu: 1500,
            arp: true,
        }
    }

    #[test]
    fn a_renamed_link_is_found_by_its_new_name_only() {
        let mut links = Links::default();
        assert_eq!(links.insert(link(2, "eth0")), None);
        assert_eq!(links.insert(link(2, "lan0")), Some(link(2, "eth0")));
        assert_eq!(links.named("eth0"), None);
        assert_eq!(links.named("lan0"), Some(&link(2, "lan0")));
    }

    #[test]
    fn a_name_that_moved_stays_with_its_new_owner() {
        let mut links = Links::default();
        links.insert(link(2, "eth0"));
        links.insert(link(3, "eth0"));
        assert!(links.remove(link(2, "").index).is_some());
        assert_eq!(links.named("eth0"), Some(&link(3, "eth0")));
    }
}
