//! The routers of a stack, and which of them have something to do or to tell.

use std::collections::BTreeSet;
use std::ops::Deref;

use base::Instant;

use crate::router::VirtualRouter;

/// All routers, in the order of the configuration. They are changed through [`Self::act`] alone, so
/// that a turn finds those that matter without a look at all: a turn with a thousand routers costs
/// no more than one with ten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Routers {
    all: Vec<VirtualRouter>,
    /// The next timeout of each router.
    deadlines: Vec<Option<Instant>>,
    /// The same, earliest first.
    due: BTreeSet<(Instant, usize)>,
    /// Those that may have news for the parent.
    unreported: BTreeSet<usize>,
    /// Those whose groups were not looked at since.
    unsynced: BTreeSet<usize>,
}

impl Routers {
    /// Lets the router at that place do something.
    pub(crate) fn act<T>(
        &mut self,
        at: usize,
        act: impl FnOnce(&mut VirtualRouter) -> T,
    ) -> Option<T> {
        let result = act(self.all.get_mut(at)?);
        self.note(at);
        Some(result)
    }

    /// Lets each router do something, in the order of the configuration.
    pub(crate) fn act_all(&mut self, mut act: impl FnMut(&mut VirtualRouter)) {
        for at in 0..self.all.len() {
            self.act(at, &mut act);
        }
    }

    /// Adds a router after the others.
    pub(crate) fn push(&mut self, router: VirtualRouter) {
        self.all.push(router);
        self.deadlines.push(None);
        self.note(self.all.len() - 1);
    }

    /// When the first of them has something to do by itself.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(deadline, _)| *deadline)
    }

    /// The first of them that has something to do by itself, and when.
    pub(crate) fn first_due(&self) -> Option<(Instant, &VirtualRouter)> {
        let (deadline, at) = self.due.first()?;
        Some((*deadline, self.all.get(*at)?))
    }

    /// The places of those whose time has come, in the order of the configuration.
    pub(crate) fn due(&self, now: Instant) -> BTreeSet<usize> {
        self.due.iter().take_while(|(deadline, _)| *deadline <= now).map(|(_, at)| *at).collect()
    }

    /// The places of those that were changed since the last call, for the groups.
    pub(crate) fn take_unsynced(&mut self) -> BTreeSet<usize> {
        std::mem::take(&mut self.unsynced)
    }

    /// The routers that have news for the parent since the last call.
    pub(crate) fn take_news(&mut self) -> impl Iterator<Item = &VirtualRouter> {
        let mut places = std::mem::take(&mut self.unreported);
        places.retain(|at| self.all.get_mut(*at).is_some_and(VirtualRouter::take_dirty));
        places.into_iter().filter_map(|at| self.all.get(at))
    }

    fn note(&mut self, at: usize) {
        self.unreported.insert(at);
        self.unsynced.insert(at);
        let (Some(router), Some(known)) = (self.all.get(at), self.deadlines.get_mut(at)) else {
            return;
        };
        let next = router.next_timeout();
        if *known == next {
            return;
        }
        if let Some(old) = std::mem::replace(known, next) {
            self.due.remove(&(old, at));
        }
        if let Some(next) = next {
            self.due.insert((next, at));
        }
    }
}

impl Deref for Routers {
    type Target = [VirtualRouter];

    fn deref(&self) -> &[VirtualRouter] {
        &self.all
    }
}

impl FromIterator<VirtualRouter> for Routers {
    fn from_iter<All: IntoIterator<Item = VirtualRouter>>(all: All) -> Self {
        let mut routers = Self::default();
        all.into_iter().for_each(|router| routers.push(router));
        routers
    }
}

impl IntoIterator for Routers {
    type Item = VirtualRouter;
    type IntoIter = std::vec::IntoIter<VirtualRouter>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.into_iter()
    }
}
