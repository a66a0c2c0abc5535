//! For whom a packet is.

use std::collections::BTreeMap;

use base::{IfIndex, Instant};
use wire::{AdvertView, Family};

use super::Stack;
use crate::envelope::Envelope;
use crate::event::Event;
use crate::input::Packet;
use crate::output::{Output, Outputs};
use crate::router::VirtualRouter;
use crate::router::paths::SERVICE;

impl Stack {
    pub(super) fn receive(
        &mut self,
        now: Instant,
        index: IfIndex,
        packet: Packet<'_>,
        out: &mut Outputs,
    ) {
        let Some(Envelope { carrier, payload, sealed }) = Envelope::open(packet) else {
            self.stray.unreadable += 1;
            return;
        };
        let Ok(view) = AdvertView::new(payload) else {
            self.stray.unreadable += 1;
            return;
        };
        let listeners = self.listeners.get(&(index, Family::of(carrier.source), view.vrid()));
        let Some(listeners) = listeners else {
            self.stray.unknown_vrid += 1;
            if let Some(link) = self.links.get(index).filter(|_| self.log_unknown_vrids) {
                let (vrid, interface, from) = (view.vrid(), link.name.clone(), carrier.source);
                out.push(Output::Log(Event::UnknownVrid { vrid, interface, from }));
            }
            return;
        };
        let mut hearing = listeners.iter().filter_map(|(at, path)| {
            let router = self.routers.get(*at)?;
            let hears = *path != SERVICE || router.hears_on(index, &self.links);
            hears.then_some((*at, *path, router))
        });
        let mut is_heard = false;
        let found = hearing.find(|(_, path, router)| {
            is_heard = true;
            router.is_reached(&self.links, *path, &carrier)
        });
        let Some((at, path, _)) = found else {
            self.stray.misdirected += u64::from(is_heard);
            return;
        };
        self.with_router(now, at, out, |router, turn| {
            router.receive(turn, view, &carrier, sealed, path);
        });
    }

    pub(crate) fn rebuild_listeners(&mut self) {
        let mut listeners: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let live = |router: &&VirtualRouter| router.config().duplicate_of.is_none();
        for (at, router) in self.routers.iter().enumerate().filter(|(_, router)| live(router)) {
            let key = |index| (index, router.family(), router.config().vrid.get());
            let own = router.transmitting_link().and_then(|own| self.links.named(&own.name));
            let own = own.map(|link| link.index);
            for index in router.home_index(&self.links).into_iter().chain(own) {
                listeners.entry(key(index)).or_default().push((at, SERVICE));
            }
            for (path, way) in router.heartbeat_ways(&self.links) {
                listeners.entry(key(way.socket.index)).or_default().push((at, path));
            }
        }
        // An instance that lives on the interface comes before another one's heartbeat.
        for places in listeners.values_mut() {
            places.sort_by_key(|(_, path)| *path != SERVICE);
        }
        self.listeners = listeners;
    }
}
