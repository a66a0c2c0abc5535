//! The interfaces that instances make for themselves: made as soon as the interface below them is
//! there, raised while their router is master, removed when the configuration does not name them any
//! longer. What a predecessor has left is taken over.

use std::collections::{BTreeMap, BTreeSet};

use base::IfIndex;
use control_plane::Config;
use control_plane::model::own_link::{OwnLink, OwnLinkKind};
use control_plane::model::vrrp::IpvlanMode;
use netlink_reflector::firewall::Vmacs;
use netlink_reflector::{Change, LinkRequest, Reflector};
use vrrp_stack::{HostFact, Scope, Setting, Stack};

use super::settings::{Access, Settings};
use crate::names::{Kind, Names};

/// The links of a configuration, and those that were made.
#[derive(Default)]
pub(super) struct OwnLinks {
    wanted: Vec<Wanted>,
    /// Names of those that are ours to remove, with their instances.
    ours: BTreeMap<String, String>,
    /// Those that have got their settings, by number.
    ready: BTreeSet<IfIndex>,
    facts: Vec<HostFact>,
    /// What was done, for the log.
    lines: Vec<String>,
    /// `promote_secondaries` of interfaces without a VMAC.
    promoting: BTreeSet<String>,
    /// `disable_local_igmp`.
    no_local_igmp: bool,
}

/// A link that should be there.
struct Wanted {
    instance: String,
    link: OwnLink,
    /// The group of interfaces that it has to be in; `None` where nobody ever said one.
    group: Option<u32>,
}

impl OwnLinks {
    /// What a predecessor has made.
    pub(super) fn resume(&mut self, known: &BTreeMap<String, String>) {
        self.ours.clone_from(known);
    }

    /// Takes over a configuration.
    pub(super) fn configure(&mut self, config: &Config, names: &Names) {
        let instances = &config.vrrp.instances;
        let links = instances.iter().flat_map(|one| one.own_links.iter().map(move |l| (one, l)));
        let wanted = links.map(|(instance, link)| {
            let number = |group: &String| names.find(Kind::Group, group);
            let had = || self.wanted.iter().find(|one| one.link.name == link.name)?.group;
            let group = match link.group.as_ref().map(number) {
                Some(Ok(group)) => Some(group),
                // It stays where it is.
                Some(Err(problem)) => {
                    log::error!("({}) interface {}: {problem}", instance.name, link.name);
                    had()
                }
                // One that a reload takes away is that of all interfaces again.
                None => had().map(|_| 0),
            };
            Wanted { instance: instance.name.clone(), link: link.clone(), group }
        });
        let wanted = wanted.collect();
        self.wanted = wanted;
        let promoting = instances.iter().filter(|one| one.promote_secondaries);
        self.promoting = promoting.map(|one| one.interface.clone()).collect();
        self.no_local_igmp = config.global.launch.disable_local_igmp;
    }

    /// No link is wanted any longer. Settings stay until [`Self::finish`]: without
    /// `promote_secondaries` the removal of an address takes others along.
    pub(super) fn leave(&mut self) {
        self.wanted.clear();
    }

    /// Nothing at all is wanted any longer.
    pub(super) fn finish(&mut self) {
        self.promoting.clear();
        self.no_local_igmp = false;
    }

    /// Whether there is, or was, anything to do at all.
    pub(super) fn is_idle(&self) -> bool {
        self.wanted.is_empty()
            && self.ours.is_empty()
            && self.promoting.is_empty()
            && !self.no_local_igmp
    }

    /// The links that a successor has to know as its own.
    pub(super) fn memory(&self) -> BTreeMap<String, String> {
        self.ours.clone()
    }

    /// How many links are ours.
    pub(super) fn count(&self) -> usize {
        self.ours.len()
    }

    /// Whether news of the kernel may mean that a link has to be made, or found again.
    pub(super) fn concern(&self, change: &Change) -> bool {
        let named = |name: &str| {
            self.wanted.iter().any(|one| one.link.name == name || one.link.base == name)
                || self.promoting.contains(name)
        };
        match change {
            Change::LinkNew(link) | Change::LinkChanged(link) => {
                named(&link.name) || self.ready.contains(&link.index)
            }
            Change::LinkRemoved(_, name) => named(name),
            // That of an ipvlan, which adverts come from.
            Change::AddressRemoved(address) => self.ready.contains(&address.index),
            _ => false,
        }
    }

    /// Whether an interface of that name is one of these.
    pub(super) fn has(&self, name: &str) -> bool {
        self.wanted.iter().any(|one| one.link.name == name)
    }

    /// Makes what is missing. Problems are returned as text.
    pub(super) fn make<T: netlink::Transport>(
        &mut self,
        reflector: &mut Reflector<T>,
    ) -> Vec<String> {
        let mut problems = Vec::new();
        for at in 0..self.wanted.len() {
            let Some(one) = self.wanted.get(at) else { break };
            let Some(wish) = wish(one, reflector) else { continue };
            let (name, instance) = (wish.name.clone(), one.instance.clone());
            problems.extend(self.give_name_back(&wish, &instance, reflector));
            let mut requests = vec![LinkRequest::Create(wish.clone())];
            if let Some(actual) = reflector.link_by_name(&name) {
                if wish.is_met_by(actual) {
                    if !self.ours.contains_key(&name) {
                        self.lines.push(format!("({instance}) Found matching interface {name}"));
                        self.is_ours(name, instance);
                    }
                    let (index, is) = (actual.index, actual.group);
                    if let Some(group) = wish.group.filter(|group| *group != is) {
                        let request = LinkRequest::Group(index, group, wish.name);
                        problems.extend(carry_out(reflector, &[request]));
                    }
                    continue;
                }
                if !self.ours.contains_key(&name) {
                    problems.push(format!(
                        "({instance}) interface {name} is there already and is none of ours"
                    ));
                    continue;
                }
                requests.insert(0, LinkRequest::Remove(actual.index, name.clone()));
            }
            match reflector.change_links(&requests) {
                Ok(refusals) if refusals.is_empty() => {
                    let kind = match wish.kind {
                        netlink_reflector::OwnLinkKind::Macvlan(_) => "VMAC",
                        netlink_reflector::OwnLinkKind::Ipvlan(_) => "ipvlan",
                    };
                    let line = format!("({instance}): Success creating {kind} interface {name}");
                    self.lines.push(line);
                    self.is_ours(name, instance);
                }
                Ok(refusals) => problems.extend(refusals.iter().map(ToString::to_string)),
                Err(error) => problems.push(error.to_string()),
            }
        }
        problems
    }

    /// A link of ours that somebody has given another name gets its own again: another one with the
    /// same MAC cannot be made beside it.
    fn give_name_back<T: netlink::Transport>(
        &mut self,
        wish: &netlink_reflector::OwnLink,
        instance: &str,
        reflector: &mut Reflector<T>,
    ) -> Vec<String> {
        if reflector.link_by_name(&wish.name).is_some() {
            return Vec::new();
        }
        let has_mac = matches!(wish.kind, netlink_reflector::OwnLinkKind::Macvlan(_));
        let known = has_mac && self.ours.contains_key(&wish.name);
        let is_it = |link: &&netlink_reflector::Link| {
            (known || self.ready.contains(&link.index))
                && wish.is_met_by(link)
                && !self.has(&link.name)
                // One of ours that a reload gave another name goes when its router has left it.
                && !self.ours.contains_key(&link.name)
        };
        let Some(link) = reflector.links().find(is_it) else { return Vec::new() };
        let (index, other) = (link.index, link.name.clone());
        let rename = LinkRequest::Rename(index, wish.name.clone(), other.clone());
        let mut refused = carry_out(reflector, std::slice::from_ref(&rename));
        if !refused.is_empty() {
            // A kernel that renames only what is down.
            refused =
                carry_out(reflector, &[LinkRequest::Raise(index, false, other.clone()), rename]);
        }
        if refused.is_empty() {
            let line = format!("({instance}) Interface {other} has its name {} again", wish.name);
            self.lines.push(line);
        }
        refused
    }

    fn is_ours(&mut self, name: String, instance: String) {
        self.facts.push(HostFact::Link(name.clone(), Some(instance.clone())));
        self.ours.insert(name, instance);
    }

    /// What was done since the last call.
    pub(super) fn take_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    /// What the parent has to know.
    pub(super) fn take_facts(&mut self) -> Vec<HostFact> {
        std::mem::take(&mut self.facts)
    }

    /// Settings of the links themselves. They go with them, so nobody has to remember what they were.
    pub(super) fn prepare<T: netlink::Transport>(
        &mut self,
        reflector: &Reflector<T>,
        access: &mut impl Access,
    ) {
        let there = |one: &Wanted| {
            let link = reflector.link_by_name(&one.link.name)?;
            self.ours.contains_key(&link.name).then_some((link.index, one.link.clone()))
        };
        let links: Vec<_> = self.wanted.iter().filter_map(there).collect();
        self.ready.retain(|index| links.iter().any(|(there, _)| there == index));
        for (index, link) in links {
            if !self.ready.insert(index) {
                continue;
            }
            for (name, value) in of_own_link(&link) {
                let setting = Setting { scope: Scope::Link(index), name: name.to_owned() };
                // Written also where it is so: what was never written follows `default`.
                match access.write(&setting, value) {
                    // The kernel has no IPv6.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => log::error!("cannot set {name} of {}: {error}", link.name),
                    Ok(()) => {}
                }
            }
        }
    }

    /// Settings of other interfaces that are needed as long as there are such links.
    pub(super) fn settings<T: netlink::Transport>(
        &self,
        reflector: &Reflector<T>,
        settings: &Settings,
        access: &impl Access,
    ) -> BTreeMap<Setting, String> {
        let mut wanted = BTreeMap::new();
        let mut want = |scope, name: &str, value: &str| {
            wanted.insert(Setting { scope, name: name.to_owned() }, value.to_owned());
        };
        if self.no_local_igmp {
            want(Scope::Global, "ipv4/igmp_link_local_mcast_reports", "0");
        }
        for link in self.promoting.iter().filter_map(|name| reflector.link_by_name(name)) {
            want(Scope::Link(link.index), "ipv4/conf/promote_secondaries", "1");
        }
        let is_vmac = |one: &&Wanted| matches!(one.link.kind, OwnLinkKind::Vmac(_));
        let vmacs = self.wanted.iter().filter(is_vmac).filter(|one| one.link.ipv4);
        let bases = vmacs.filter_map(|one| reflector.link_by_name(&one.link.base));
        let mut bases: BTreeSet<IfIndex> = bases.map(|base| base.index).collect();
        // Those that are about to go still are there.
        let surplus = self.ours.keys().filter(|name| !self.has(name));
        let below = surplus.filter_map(|name| reflector.link_by_name(name)?.parent);
        let arp_ignore =
            |base| Setting { scope: Scope::Link(base), name: "ipv4/conf/arp_ignore".to_owned() };
        bases.extend(below.filter(|base| settings.holds(&arp_ignore(*base))));
        for base in &bases {
            // Only the VMAC may answer for its addresses.
            want(Scope::Link(*base), "ipv4/conf/arp_ignore", "1");
            want(Scope::Link(*base), "ipv4/conf/arp_filter", "1");
            // Nor may it ask for others in their name: who is asked learns the wrong MAC.
            want(Scope::Link(*base), "ipv4/conf/arp_announce", "2");
        }
        if !bases.is_empty() {
            self.move_rp_filter(reflector, settings, access, &mut want);
        }
        wanted
    }

    /// A VMAC takes packets whose senders the kernel would look for elsewhere. Its own `rp_filter` of 0
    /// counts only when that of `all` is 0 too, so what `all` had goes to each of the others.
    fn move_rp_filter<T: netlink::Transport>(
        &self,
        reflector: &Reflector<T>,
        settings: &Settings,
        access: &impl Access,
        want: &mut impl FnMut(Scope, &str, &str),
    ) {
        const NAME: &str = "ipv4/conf/rp_filter";
        let original = |scope| {
            let value = settings.original(&Setting { scope, name: NAME.to_owned() }, access);
            value.ok().and_then(|value| value.parse::<u8>().ok()).unwrap_or(0)
        };
        let of_all = original(Scope::All);
        if of_all == 0 {
            return;
        }
        let others = reflector.links().filter(|link| !self.has(&link.name));
        let others = others.map(|link| Scope::Link(link.index));
        for scope in std::iter::once(Scope::Default).chain(others) {
            want(scope, NAME, &original(scope).max(of_all).to_string());
        }
        want(Scope::All, NAME, "0");
    }

    /// Switches on what has to be up now, before adverts leave by it.
    pub(super) fn raise<T: netlink::Transport>(
        &self,
        reflector: &mut Reflector<T>,
        stack: &Stack,
    ) -> Vec<String> {
        let requests: Vec<LinkRequest> = stack
            .raised_links()
            .into_iter()
            .filter_map(|name| reflector.link_by_name(name))
            .filter(|link| !link.up && self.ready.contains(&link.index))
            .map(|link| LinkRequest::Raise(link.index, true, link.name.clone()))
            .collect();
        carry_out(reflector, &requests)
    }

    /// Switches off what needs not be up, and removes what nobody wants: once the last advert has left
    /// and the addresses are gone.
    pub(super) fn settle<T: netlink::Transport>(
        &mut self,
        reflector: &mut Reflector<T>,
        stack: &Stack,
    ) -> Vec<String> {
        let raised = stack.raised_links();
        let idle = self.wanted.iter().filter(|one| !raised.contains(one.link.name.as_str()));
        let requests: Vec<LinkRequest> = idle
            .filter(|one| self.ours.contains_key(&one.link.name))
            .filter_map(|one| reflector.link_by_name(&one.link.name))
            .filter(|link| link.up)
            .map(|link| LinkRequest::Raise(link.index, false, link.name.clone()))
            .collect();
        let mut problems = carry_out(reflector, &requests);
        let surplus: Vec<String> =
            self.ours.keys().filter(|name| !self.has(name)).cloned().collect();
        for name in surplus {
            let Some(link) = reflector.link_by_name(&name) else {
                self.forget(&name);
                continue;
            };
            let refused = carry_out(reflector, &[LinkRequest::Remove(link.index, name.clone())]);
            if refused.is_empty()
                && let Some(instance) = self.forget(&name)
            {
                self.lines.push(format!("({instance}) Success removing VMAC interface {name}"));
            }
            problems.extend(refused);
        }
        problems
    }

    fn forget(&mut self, name: &str) -> Option<String> {
        self.facts.push(HostFact::Link(name.to_owned(), None));
        self.ours.remove(name)
    }

    /// The VMACs that are there, with their bases. Without local IGMP there is nothing to keep from
    /// leaving by those of IPv4.
    pub(super) fn vmacs<T: netlink::Transport>(&self, reflector: &Reflector<T>) -> Vmacs {
        let there = |one: &Wanted| {
            let link = reflector.link_by_name(&one.link.name)?;
            Some((link.index, reflector.link_by_name(&one.link.base)?.index))
        };
        let vmacs =
            || self.wanted.iter().filter(|one| matches!(one.link.kind, OwnLinkKind::Vmac(_)));
        let ipv4 = vmacs().filter(|one| one.link.ipv4 && !self.no_local_igmp);
        Vmacs {
            ipv4: ipv4.filter_map(there).collect(),
            ipv6: vmacs().filter(|one| one.link.ipv6).filter_map(there).collect(),
        }
    }
}

fn carry_out<T: netlink::Transport>(
    reflector: &mut Reflector<T>,
    requests: &[LinkRequest],
) -> Vec<String> {
    match reflector.change_links(requests) {
        Ok(refusals) => refusals.iter().map(ToString::to_string).collect(),
        Err(error) => vec![error.to_string()],
    }
}

/// A link in the kernel's numbers; `None` while what it needs is not there.
fn wish<T: netlink::Transport>(
    one: &Wanted,
    reflector: &Reflector<T>,
) -> Option<netlink_reflector::OwnLink> {
    let link = &one.link;
    let base = reflector.link_by_name(&link.base)?;
    let master = match &link.vrf {
        Some(vrf) => Some(reflector.link_by_name(vrf)?.index),
        // In a VRF with its base, where packets to its addresses belong.
        None => base.master.filter(|master| {
            reflector.link(*master).is_some_and(|link| link.kind.as_deref() == Some("vrf"))
        }),
    };
    Some(netlink_reflector::OwnLink {
        name: link.name.clone(),
        base: base.index,
        kind: match link.kind {
            OwnLinkKind::Vmac(mac) => netlink_reflector::OwnLinkKind::Macvlan(mac),
            OwnLinkKind::Ipvlan { mode, .. } => {
                netlink_reflector::OwnLinkKind::Ipvlan(match mode {
                    IpvlanMode::Bridge => 0,
                    IpvlanMode::Private => 1,
                    IpvlanMode::Vepa => 2,
                })
            }
        },
        group: one.group,
        master,
    })
}

/// What a link of our own needs. The kernel gives it no addresses because a router on the network
/// says so, and none by itself either, but for the link-local address of an ipvlan.
fn of_own_link(link: &OwnLink) -> Vec<(&'static str, &'static str)> {
    let mut settings = match link.kind {
        // One of IPv6, too, would answer for IPv4 addresses of other interfaces.
        OwnLinkKind::Vmac(_) => vec![
            ("ipv6/conf/addr_gen_mode", "1"),
            ("ipv4/conf/arp_ignore", "1"),
            ("ipv4/conf/arp_announce", "2"),
        ],
        OwnLinkKind::Ipvlan { .. } => Vec::new(),
    };
    if link.ipv6 {
        settings.extend([("ipv6/conf/accept_ra", "0"), ("ipv6/conf/autoconf", "0")]);
    } else {
        settings.push(("ipv6/conf/disable_ipv6", "1"));
    }
    if link.ipv4 && matches!(link.kind, OwnLinkKind::Vmac(_)) {
        settings.extend([
            ("ipv4/conf/accept_local", "1"),
            ("ipv4/conf/rp_filter", "0"),
            ("ipv4/conf/promote_secondaries", "1"),
        ]);
    }
    settings
}
