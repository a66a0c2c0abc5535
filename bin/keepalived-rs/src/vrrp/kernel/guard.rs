//! The rules of nftables that go with addresses and VMACs, and whether somebody has removed them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base::{Duration, IfIndex, Instant};
use control_plane::Config;
use netlink_reflector::Firewall;
use netlink_reflector::firewall::{Options, Vmacs};

/// So often it is looked whether the rules are still there: the kernel says of no flush whose rules went.
const LOOK: Duration = Duration::from_secs(5);

/// The firewall, once there was something for it to do.
#[derive(Default)]
pub(super) struct Guard {
    firewall: Option<Firewall<netlink::Socket>>,
    /// None before the first configuration.
    options: Option<Options>,
    /// Something is dropped, or a VMAC is there.
    has_rules: bool,
    look_at: Option<Instant>,
}

impl Guard {
    /// This is the configuration from now on. A table with another name than before goes with the next
    /// [`Self::reconcile`], also when it was a predecessor who made it.
    pub(super) fn configure(&mut self, config: &Config) {
        let wanted = &config.global.firewall;
        let usual = Options::default();
        let options = Options {
            table: wanted.table.clone().unwrap_or(usual.table),
            priority: wanted.priority.unwrap_or(usual.priority),
            counters: wanted.counters,
        };
        let before = self.options.replace(options);
        if self.firewall.is_none()
            && let Some(before) = before.filter(|before| Some(before) != self.options.as_ref())
        {
            // A kernel without nftables has nothing of a predecessor.
            self.firewall = Firewall::open(before).ok();
        }
    }

    /// Rules may have gone: [`Self::look`] is due.
    pub(super) const fn disturbed(&mut self) {
        if self.has_rules {
            self.look_at = Some(Instant::from_micros(0));
        }
    }

    /// When [`Self::look`] is due.
    pub(super) const fn next_timeout(&self) -> Option<Instant> {
        self.look_at
    }

    /// Whether rules are not there any longer that should be: [`Self::reconcile`] makes them anew.
    /// Nothing is asked before it is time.
    pub(super) fn look(&mut self, now: Instant) -> bool {
        let Some(firewall) =
            self.firewall.as_mut().filter(|_| self.look_at.is_some_and(|at| at <= now))
        else {
            return false;
        };
        self.look_at = Some(now + LOOK);
        match firewall.look() {
            Ok(false) => false,
            Ok(true) => {
                log::warn!("nftables: rules of ours were removed, they are made anew");
                true
            }
            Err(error) => {
                log::error!("{error}");
                false
            }
        }
    }

    /// Closed before the addresses are there, opened after they have gone.
    ///
    /// # Errors
    /// What the kernel refused, as text.
    pub(super) fn reconcile(
        &mut self,
        now: Instant,
        dropped: &BTreeSet<(IfIndex, IpAddr)>,
        vmacs: &Vmacs,
    ) -> Result<(), String> {
        self.has_rules = !dropped.is_empty() || *vmacs != Vmacs::default();
        let next = self.look_at.unwrap_or(now + LOOK);
        self.look_at = self.has_rules.then_some(next);
        let options = self.options.clone().unwrap_or_default();
        let firewall = match &mut self.firewall {
            Some(firewall) => firewall,
            none => match Firewall::open(options.clone()) {
                Ok(firewall) => none.insert(firewall),
                // A kernel without nftables has no left-overs of a crash either.
                Err(_) if !self.has_rules => return Ok(()),
                Err(error) => return Err(error.to_string()),
            },
        };
        let configured = firewall.configure(options);
        let done = configured.and_then(|()| firewall.reconcile(dropped, vmacs));
        done.map(drop).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const T0: Instant = Instant::from_micros(0);

    fn config(table: &str) -> Config {
        let mut config = Config::default();
        config.global.firewall.table = Some(table.to_owned());
        config
    }

    fn tables() -> String {
        let output = Command::new("nft").args(["list", "tables"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn dropped() -> BTreeSet<(IfIndex, IpAddr)> {
        BTreeSet::from([(IfIndex::new(1).unwrap(), "10.66.0.1".parse().unwrap())])
    }

    /// `false`, and a word about it, where this cannot be tried.
    fn enter_network() -> bool {
        let is_in = sys::namespace::new_network().is_ok();
        if !is_in {
            skips::skip(skips::Lack::Setup, "network namespaces need root");
        }
        is_in
    }

    #[test]
    fn a_successor_that_goes_on_to_a_configuration_with_another_table_removes_the_former() {
        if !enter_network() {
            return;
        }
        let mut predecessor = Guard::default();
        predecessor.configure(&config("one"));
        predecessor.reconcile(T0, &dropped(), &Vmacs::default()).unwrap();
        assert_eq!(tables(), "table ip one\n");
        let mut successor = Guard::default();
        successor.configure(&config("one"));
        successor.configure(&config("two"));
        successor.reconcile(T0, &dropped(), &Vmacs::default()).unwrap();
        assert_eq!(tables(), "table ip two\n");
        // A table that was never ours is left to whom it belongs.
        let mut stranger = Guard::default();
        stranger.configure(&config("three"));
        stranger.reconcile(T0, &dropped(), &Vmacs::default()).unwrap();
        assert_eq!(tables(), "table ip two\ntable ip three\n");
    }

    #[test]
    fn it_is_looked_for_rules_at_times_and_when_something_is_wrong_and_not_else() {
        if !enter_network() {
            return;
        }
        let mut guard = Guard::default();
        guard.configure(&config("one"));
        guard.reconcile(T0, &BTreeSet::new(), &Vmacs::default()).unwrap();
        assert_eq!(guard.next_timeout(), None);
        guard.reconcile(T0, &dropped(), &Vmacs::default()).unwrap();
        assert_eq!(guard.next_timeout(), Some(T0 + LOOK));
        Command::new("nft").args(["flush", "ruleset"]).status().unwrap();
        let later = T0 + Duration::from_millis(1);
        assert!(!guard.look(later), "it is not time");
        guard.disturbed();
        assert!(guard.look(later));
        assert_eq!(guard.next_timeout(), Some(later + LOOK));
        guard.reconcile(later, &dropped(), &Vmacs::default()).unwrap();
        assert_eq!(tables(), "table ip one\n");
        assert!(!guard.look(later + LOOK), "all is there");
    }
}
