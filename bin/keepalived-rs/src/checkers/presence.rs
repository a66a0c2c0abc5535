//! Which addresses of services with `ha_suspend` are on this host.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base::Instant;
use control_plane::model::ServiceAddress;
use control_plane::model::global::Buffers;
use control_plane::model::lvs::{GroupEntry, Lvs};
use netlink_reflector::Reflector;
use scheduler::{Interest, Scheduler, Token};

use crate::buffers;

/// The view of addresses, which is there while a service asks for it.
#[derive(Default)]
pub(super) struct Presence {
    view: Option<View>,
    /// First and last addresses that services ask for.
    wanted: Vec<(IpAddr, IpAddr)>,
}

struct View {
    reflector: Reflector<netlink::Socket>,
    token: Token,
}

impl Presence {
    /// This is the configuration from now on; what is here of its addresses.
    pub(super) fn configure(
        &mut self,
        config: &Lvs,
        buffers: &Buffers,
        scheduler: &mut Scheduler,
    ) -> BTreeSet<IpAddr> {
        self.wanted = wanted(config).collect();
        if self.wanted.is_empty() {
            if let Some(view) = self.view.take() {
                scheduler.deregister(view.token);
            }
            return BTreeSet::new();
        }
        if self.view.is_none() {
            match open(scheduler) {
                Ok(view) => self.view = Some(view),
                Err(error) => log::error!("ha_suspend: addresses cannot be watched: {error}"),
            }
        }
        if let Some(View { reflector, .. }) = &self.view {
            let (command, monitor) = (buffers.lvs_command, buffers.lvs_monitor);
            let (command, monitor) = (buffers::wanted(command), buffers::wanted(monitor));
            buffers::check("checker", reflector.set_receive_buffers(command, monitor));
        }
        self.here()
    }

    /// Whether the descriptor behind `token` is the one of this view.
    pub(super) fn owns(&self, token: Token) -> bool {
        self.view.as_ref().is_some_and(|view| view.token == token)
    }

    /// When [`Self::drain`] is to be called without an event.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.view.as_ref().and_then(|view| view.reflector.next_timeout())
    }

    /// Something has changed; what is here now.
    pub(super) fn drain(&mut self, now: Instant, scheduler: &mut Scheduler) -> BTreeSet<IpAddr> {
        if let Some(View { reflector, token }) = &mut self.view {
            if let Err(error) = reflector.drain(now) {
                log::error!("ha_suspend: {error}");
            }
            if reflector.has_more() {
                scheduler.still_ready(*token);
            }
        }
        self.here()
    }

    fn here(&self) -> BTreeSet<IpAddr> {
        let Some(View { reflector, .. }) = &self.view else { return BTreeSet::new() };
        let links = reflector.links().map(|link| link.index);
        let all = links.flat_map(|index| reflector.addresses(index)).map(|one| one.net.addr());
        let is_wanted = |ip: &IpAddr| self.wanted.iter().any(|(a, b)| (a..=b).contains(&ip));
        all.filter(is_wanted).collect()
    }
}

fn open(scheduler: &mut Scheduler) -> Result<View, String> {
    let mut reflector = Reflector::open().map_err(|error| error.to_string())?;
    reflector.resync().map_err(|error| error.to_string())?;
    let token =
        scheduler.register(reflector.fd(), Interest::Read).map_err(|error| error.to_string())?;
    Ok(View { reflector, token })
}

fn wanted(config: &Lvs) -> impl Iterator<Item = (IpAddr, IpAddr)> {
    let suspended = config.virtual_servers.iter().filter(|service| service.ha_suspend);
    suspended.flat_map(|service| match service.address {
        ServiceAddress::Address { ip, .. } => vec![(ip, ip)],
        ServiceAddress::Mark { .. } => Vec::new(),
        ServiceAddress::Group { group, .. } => {
            let found = config.groups.iter().find(|found| found.id == group);
            let entries = found.into_iter().flat_map(|group| &group.entries);
            let addresses = entries.filter_map(|entry| match *entry {
                GroupEntry::Addresses { first, last, .. } => Some((first, last)),
                GroupEntry::Mark { .. } => None,
            });
            addresses.collect()
        }
    })
}
