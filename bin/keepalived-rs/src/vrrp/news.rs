//! What the kernel tells of links and addresses, as inputs of the stack and as lines of the log.

use base::{IfIndex, Instant};
use netlink_reflector::{Address, Change};
use vrrp_stack::Input;

use super::{Vrrp, make_links};

/// So often links are made before the stack hears the news: the first pass may lead to more of it.
const PASSES: usize = 3;

impl Vrrp {
    pub(super) fn on_kernel(&mut self, now: Instant) {
        let mut changes = self.kernel.drain(now);
        // A link of our own that somebody removed is there again before the stack misses it.
        // The news of its end may come in while the first pass is made, just after that of its addresses'.
        for _ in 0..PASSES {
            if !make_links(&mut self.kernel, &mut self.parent) {
                break;
            }
            changes.extend(self.kernel.drain(now));
        }
        // Each interface is looked at once, however many of its addresses came and went; one that
        // has another number now is there before the old one goes.
        let (mut touched, mut gone) = (self.kernel.poll_links(now, &changes), Vec::new());
        for change in changes {
            match change {
                Change::LinkRemoved(index, _) => gone.push(index),
                other => touched.extend(self.on_change(now, other)),
            }
        }
        for index in touched {
            if let Some(link) = self.kernel.link(index, &self.ours) {
                self.input(now, Input::Link(link));
            }
        }
        for index in gone {
            self.input(now, Input::LinkGone(index));
        }
        self.look_for_sources(now);
    }

    /// Takes news in; says which interface has to be looked at.
    fn on_change(&mut self, now: Instant, change: Change) -> Option<IfIndex> {
        match change {
            Change::LinkNew(link) | Change::LinkChanged(link) => Some(link.index),
            Change::LinkRemoved(..) => None,
            Change::AddressAdded(address) | Change::AddressChanged(address) => {
                if self.options.watch_addresses {
                    self.report_address(&address, "added to");
                }
                if self.ours.contains(&address.net.addr()) {
                    self.kernel.disturbed();
                }
                if address.is_duplicate() {
                    self.report_duplicate(&address);
                }
                Some(address.index)
            }
            Change::AddressRemoved(address) => {
                let ip = address.net.addr();
                if self.options.watch_addresses || self.ours.contains(&ip) {
                    self.report_address(&address, "removed from");
                }
                if self.ours.contains(&ip) {
                    self.kernel.disturbed();
                    // Put back at the end of this turn, then announced.
                    self.input(now, Input::AddressRepaired(address.index, ip));
                }
                Some(address.index)
            }
        }
    }

    pub(super) fn report_address(&self, address: &Address, what: &str) {
        let (ip, name) = (address.net.addr(), self.kernel.name(address.index));
        log::info!("Netlink reflector reports IP {ip} {what} {name}");
    }

    /// Addresses that are of no use from the beginning.
    pub(super) fn report_duplicates(&self) {
        self.kernel.duplicates().for_each(|address| self.report_duplicate(address));
    }

    fn report_duplicate(&self, address: &Address) {
        let (ip, name) = (address.net.addr(), self.kernel.name(address.index));
        log::warn!(
            "duplicate address detection of {ip} on {name} failed: another node has that address"
        );
    }
}
