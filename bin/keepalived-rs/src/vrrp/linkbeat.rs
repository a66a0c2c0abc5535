//! `linkbeat_interfaces`, `linkbeat_use_polling`: whether an interface has a link is asked of its
//! driver, once a second and whenever the kernel tells something of it.

use std::collections::BTreeMap;

use base::{Duration, Instant};
use control_plane::model::Vrrp;
use control_plane::model::vrrp::LinkbeatMethod;
use sys::{LinkMethod, LinkProbe};

/// keepalived's.
const INTERVAL: Duration = Duration::from_secs(1);

/// What is preferred when nothing is said, in this order.
const METHODS: [LinkMethod; 3] = [LinkMethod::Mii, LinkMethod::Ethtool, LinkMethod::Ioctl];

/// The interfaces that are polled.
#[derive(Default)]
pub(super) struct Linkbeat {
    probe: Option<LinkProbe>,
    polled: BTreeMap<String, Polled>,
    next_at: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Polled {
    wanted: LinkbeatMethod,
    /// What its driver understands.
    method: Option<LinkMethod>,
    /// `None`: there is no such interface.
    up: Option<bool>,
}

impl Linkbeat {
    /// Takes the configuration, and asks at once. Whether an interface may look otherwise now: another is
    /// asked, or one in another way.
    pub(super) fn configure(
        &mut self,
        now: Instant,
        config: &Vrrp,
        exists: impl Fn(&str) -> bool,
    ) -> bool {
        let before = self.answers();
        self.follow(now, config, exists);
        before != self.answers()
    }

    /// What is known of each interface.
    fn answers(&self) -> Vec<(String, Option<bool>)> {
        self.polled.iter().map(|(name, polled)| (name.clone(), polled.up)).collect()
    }

    fn follow(&mut self, now: Instant, config: &Vrrp, exists: impl Fn(&str) -> bool) {
        let mut old = std::mem::take(&mut self.polled);
        for (interface, wanted) in config.polled_interfaces() {
            let known = old.remove(interface).filter(|known| known.wanted == wanted);
            let fresh = Polled { wanted, method: None, up: None };
            self.polled.insert(interface.to_owned(), known.unwrap_or(fresh));
        }
        for entry in &config.linkbeat {
            if !self.polled.contains_key(&entry.interface) {
                let name = &entry.interface;
                log::info!("Turning off linkbeat for {name} since not used for tracking");
            }
        }
        if self.polled.is_empty() {
            (self.probe, self.next_at) = (None, None);
            return;
        }
        if self.probe.is_none() {
            log::info!("Using MII-BMSR/ETHTOOL NIC polling thread(s)...");
            match LinkProbe::open() {
                Ok(probe) => self.probe = Some(probe),
                Err(error) => log::error!("links cannot be polled: {error}"),
            }
        }
        self.poll(now, exists);
    }

    /// When [`Self::poll`] is to be called.
    pub(super) const fn next_timeout(&self) -> Option<Instant> {
        self.next_at
    }

    /// Whether an interface is polled.
    pub(super) fn polls(&self, interface: &str) -> bool {
        self.polled.contains_key(interface)
    }

    /// Whether it has a link; `None` when nobody polls it, or nobody can.
    pub(super) fn has_link(&self, interface: &str) -> Option<bool> {
        self.polled.get(interface)?.up
    }

    /// Asks all that exist; those that answer otherwise than the last time. An interface that does not
    /// exist is not asked for: the kernel would look for a module of that name, and wait for it.
    pub(super) fn poll(&mut self, now: Instant, exists: impl Fn(&str) -> bool) -> Vec<String> {
        self.next_at = Some(now + INTERVAL);
        let Some(probe) = &self.probe else { return Vec::new() };
        let mut changed = Vec::new();
        for (interface, polled) in &mut self.polled {
            let answer = |method| probe.has_link(interface, method).ok();
            let found = if exists(interface) { ask(polled, answer) } else { None };
            let (method, up) = found.unzip();
            polled.method = method;
            if polled.up != up {
                polled.up = up;
                changed.push(interface.clone());
            }
        }
        changed
    }
}

/// The method that answers, and its answer: the last one, the wanted one, then the others.
fn ask(polled: &Polled, answer: impl Fn(LinkMethod) -> Option<bool>) -> Option<(LinkMethod, bool)> {
    let wanted = match polled.wanted {
        LinkbeatMethod::Auto => None,
        LinkbeatMethod::Mii => Some(LinkMethod::Mii),
        LinkbeatMethod::Ethtool => Some(LinkMethod::Ethtool),
        LinkbeatMethod::Ioctl => Some(LinkMethod::Ioctl),
    };
    let order = polled.method.into_iter().chain(wanted).chain(METHODS);
    order.into_iter().find_map(|method| Some((method, answer(method)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wanted_method_is_tried_first_and_one_that_works_is_kept() {
        let polled = |wanted, method| Polled { wanted, method, up: None };
        let all = |_| Some(true);
        let no_mii = |method| (method != LinkMethod::Mii).then_some(false);
        let asked =
            |polled: Polled, driver: &dyn Fn(LinkMethod) -> Option<bool>| ask(&polled, driver);
        let auto = polled(LinkbeatMethod::Auto, None);
        assert_eq!(asked(auto, &all), Some((LinkMethod::Mii, true)));
        assert_eq!(asked(auto, &no_mii), Some((LinkMethod::Ethtool, false)));
        let ioctl = polled(LinkbeatMethod::Ioctl, None);
        assert_eq!(asked(ioctl, &all), Some((LinkMethod::Ioctl, true)));
        let mii = polled(LinkbeatMethod::Mii, None);
        assert_eq!(asked(mii, &no_mii), Some((LinkMethod::Ethtool, false)), "a supported one");
        let known = polled(LinkbeatMethod::Mii, Some(LinkMethod::Ioctl));
        assert_eq!(asked(known, &all), Some((LinkMethod::Ioctl, true)));
        assert_eq!(asked(known, &|_| None), None);
    }
}
