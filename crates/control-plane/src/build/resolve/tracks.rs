//! What instances and sync groups track, as references with their weights.

use base::Weight;

use super::Scripts;
use crate::build::late;
use crate::build::track::{TrackEntry, Tracks};
use crate::build::tracked::Tracked;
use crate::diagnostic::Code;
use crate::lang::Context;
use crate::model::TrackScript;
use crate::model::tracking::{TrackBfd, TrackFileUse, TrackInterface, TrackProcessUse};
use crate::model::vrrp::TrackWeight;

/// References of one instance or sync group.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolved {
    pub interfaces: Vec<TrackInterface>,
    pub scripts: Vec<TrackScript>,
    pub files: Vec<TrackFileUse>,
    pub processes: Vec<TrackProcessUse>,
    pub bfds: Vec<TrackBfd>,
}

/// Who tracks, and what that means for weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner<'a> {
    pub name: &'a str,
    /// Why weights have no place here, if they have none.
    pub no_weights: Option<NoWeights>,
    /// Its own interface, which is watched anyway.
    pub interface: &'a str,
}

/// Why an owner of trackers may not have weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoWeights {
    /// Priority 255 never changes.
    AddressOwner,
    /// Members of a sync group move together.
    SyncGroup,
}

impl NoWeights {
    const fn reason(self) -> &'static str {
        match self {
            Self::AddressOwner => "address_owner",
            Self::SyncGroup => "SYNC group",
        }
    }
}

/// Looks up everything that is tracked, and drops weights that cannot be.
pub(super) fn resolve(
    tracks: Tracks,
    owner: Owner<'_>,
    scripts: &Scripts,
    known: &Tracked,
    cx: &mut Context<'_>,
) -> Resolved {
    let mut guard = Guard { owner, cx };
    Resolved {
        interfaces: tracks.interfaces.into_iter().filter_map(|one| guard.interface(one)).collect(),
        scripts: tracks.scripts.iter().filter_map(|one| guard.script(one, scripts)).collect(),
        files: tracks.files.iter().filter_map(|one| guard.file(one, known)).collect(),
        processes: tracks.processes.iter().filter_map(|one| guard.process(one, known)).collect(),
        bfds: tracks.bfds.iter().filter_map(|one| guard.bfd(one, known)).collect(),
    }
}

struct Guard<'a, 'c, 's> {
    owner: Owner<'a>,
    cx: &'c mut Context<'s>,
}

impl Guard<'_, '_, '_> {
    /// Whether a weight may stay; if not, that is told.
    fn allows<Id>(&mut self, weight: i32, kind: &str, entry: &TrackEntry<Id>) -> bool {
        let Some(why) = self.owner.no_weights.filter(|_| weight != 0) else { return true };
        let message = format!(
            "({}) ignoring tracked {kind} {} with weights due to {}",
            self.owner.name,
            entry.name,
            why.reason()
        );
        self.cx.report(late(Code::Adjusted, message, &entry.place));
        false
    }

    fn interface(&mut self, entry: TrackEntry) -> Option<TrackInterface> {
        if entry.name == self.owner.interface {
            let message = format!(
                "({}) Ignoring track_interface {} since own interface",
                self.owner.name, entry.name
            );
            self.cx.report(late(Code::Adjusted, message, &entry.place));
            return None;
        }
        let (owner, name) = (self.owner.name, &entry.name);
        self.cx.needs_interface(name, entry.place.clone(), || {
            format!("({owner}) tracked interface {name} doesn't exist")
        });
        let given = entry.weight.unwrap_or(0);
        let kept = self.allows(given.into(), "interface", &entry);
        if !kept && self.owner.no_weights == Some(NoWeights::AddressOwner) {
            return None;
        }
        let weight =
            if kept { Weight::new(given.into()).unwrap_or_default() } else { Weight::FAULT };
        let reverse = entry.reverse.unwrap_or(false);
        Some(TrackInterface { interface: entry.name, weight: TrackWeight { weight, reverse } })
    }

    fn script(&mut self, entry: &TrackEntry, scripts: &Scripts) -> Option<TrackScript> {
        let script = *scripts.ids.get(&entry.name)?;
        let own = scripts.kept.get(script.0)?;
        let given = entry.weight.and_then(|weight| Weight::new(weight.into()).ok());
        let weight = given.unwrap_or(own.weight);
        self.allows(weight.get(), "script", entry).then(|| TrackScript {
            script,
            weight,
            reverse: entry.reverse.unwrap_or(own.reverse),
        })
    }

    fn file(
        &mut self,
        entry: &TrackEntry<crate::model::FileId>,
        known: &Tracked,
    ) -> Option<TrackFileUse> {
        let own = known.files.get(entry.id.0)?;
        let mut weight = entry.weight.unwrap_or(own.weight);
        // A weight of 1 is what nobody asked for: it becomes 0, so that the file still counts.
        let by_default = entry.weight.is_none() && own.weight == 1;
        if by_default && self.owner.no_weights.is_some() {
            weight = 0;
        }
        self.allows(weight.into(), "file", entry).then(|| TrackFileUse {
            file: entry.id,
            weight,
            reverse: entry.reverse.unwrap_or(own.reverse),
        })
    }

    fn process(
        &mut self,
        entry: &TrackEntry<crate::model::ProcessId>,
        known: &Tracked,
    ) -> Option<TrackProcessUse> {
        let own = known.processes.get(entry.id.0)?;
        let weight = entry.weight.unwrap_or(own.weight);
        self.allows(weight.into(), "process", entry).then(|| TrackProcessUse {
            process: entry.id,
            weight,
            reverse: entry.reverse.unwrap_or(own.reverse),
        })
    }

    fn bfd(
        &mut self,
        entry: &TrackEntry<crate::model::BfdId>,
        known: &Tracked,
    ) -> Option<TrackBfd> {
        let own = known.bfds.get(entry.id.0)?.weight;
        let given = entry.weight.and_then(|weight| Weight::new(weight.into()).ok());
        let weight = given.unwrap_or(own.weight);
        let reverse = entry.reverse.unwrap_or(own.reverse);
        self.allows(weight.get(), "bfd", entry)
            .then_some(TrackBfd { bfd: entry.id, weight: TrackWeight { weight, reverse } })
    }
}
