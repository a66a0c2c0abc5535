//! Interfaces that come, change, get other names, and go.

use base::{IfIndex, Instant};

use crate::event::Event;
use crate::link::Link;
use crate::output::{Output, Outputs};
use crate::stack::Stack;

impl Stack {
    pub(crate) fn link_changed(&mut self, now: Instant, link: Link, out: &mut Outputs) {
        let known = self.links.get(link.index);
        let link = self.debounce.filter(now, link, known);
        self.follow_link(now, link, out);
    }

    pub(crate) fn follow_link(&mut self, now: Instant, link: Link, out: &mut Outputs) {
        let known = self.links.get(link.index);
        if known == Some(&link) {
            return;
        }
        let former = known.filter(|known| known.name != link.name);
        let former = former.map(|known| known.name.clone());
        if let Some(former) = &former {
            self.leave_name(now, link.index, former, out);
        }
        let (name, up, index) = (link.name.clone(), link.up, link.index);
        let had_name = self.links.named(&name).map(|link| link.index);
        let old = self.links.insert(link);
        self.say_name(former.as_deref(), old.is_none(), &name, out);
        // That of a link of our own is our own doing.
        if old.as_ref().is_some_and(|old| old.up != up) && !self.is_own_link(&name) {
            out.push(Output::Log(self.links.news(name.clone(), up)));
        }
        self.links_changed(now, out);
        if had_name != Some(index) {
            // Made anew under a master: neighbours are told of the addresses that come back.
            self.each_router(now, out, |router, turn| router.announce_on(turn, &name));
        }
    }

    /// Somebody gives an interface another name: who lives there leaves as long as it can be heard, and
    /// what is on it is taken away, although no instance names it any longer.
    fn leave_name(&mut self, now: Instant, index: IfIndex, former: &str, out: &mut Outputs) {
        let managed = self.managed_addresses();
        self.retired.extend(managed.into_iter().filter(|(at, _)| *at == index));
        self.each_router(now, out, |router, turn| {
            if router.home_name() == former {
                router.lose_home(turn);
            }
        });
    }

    /// Names are news where the configuration has them.
    fn say_name(&self, former: Option<&str>, is_new: bool, name: &str, out: &mut Outputs) {
        let concerned = |name: &str| self.is_named(name);
        if self.is_own_link(name) || !(concerned(name) || former.is_some_and(concerned)) {
            return;
        }
        if let Some(former) = former {
            let (from, to) = (former.to_owned(), name.to_owned());
            out.push(Output::Log(Event::LinkRenamed { from, to }));
        }
        if former.is_some() || is_new {
            out.push(Output::Log(Event::LinkAdded(name.to_owned())));
        }
    }

    pub(crate) fn link_gone(&mut self, now: Instant, index: IfIndex, out: &mut Outputs) {
        self.debounce.forget(index);
        let old = self.links.remove(index);
        if let Some(old) = old {
            let is_own = self.is_own_link(&old.name);
            if old.up && !is_own {
                out.push(Output::Log(Event::LinkDown(old.name.clone())));
            }
            self.links_changed(now, out);
            if !is_own && self.is_named(&old.name) {
                out.push(Output::Log(Event::LinkDeleted(old.name)));
            }
        }
    }

    /// Whether the configuration has an interface of that name.
    fn is_named(&self, name: &str) -> bool {
        let mut routers = self.routers.iter().map(|router| (router, router.config()));
        routers.any(|(router, config)| {
            router.home_name() == name
                || router.vips().any(|vip| vip.interface == name)
                || config.track_interfaces.iter().any(|tracked| tracked.interface == name)
        })
    }

    fn is_own_link(&self, name: &str) -> bool {
        let mut own = self.routers.iter().flat_map(|router| &router.config().own_links);
        own.any(|link| link.name == name)
    }

    fn links_changed(&mut self, now: Instant, out: &mut Outputs) {
        self.generation += 1;
        self.rebuild_listeners();
        self.look_around(now, out);
    }
}
