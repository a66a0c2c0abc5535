//! What an instance does against split brain, with the defaults of `global_defs` and what its sync
//! group says.

use std::collections::HashSet;

use base::Duration;

use super::instance::Shared;
use crate::build::group::SyncGroupDraft;
use crate::build::late;
use crate::build::split_brain::{ProbeDraft, SplitBrainDraft};
use crate::diagnostic::{Code, Place};
use crate::lang::Context;
use crate::model::split_brain::{
    Arbiter, ArbiterId, Heartbeat, Lease, SplitBrain, TrackProbe, UsedArbiter,
};
use crate::model::vrrp::Instance;

/// One instance's own part. A heartbeat over the interface of the instance itself is none.
pub(super) fn resolve(
    draft: SplitBrainDraft,
    (name, interface): (&str, &str),
    interval: Duration,
    shared: &Shared<'_>,
    cx: &mut Context<'_>,
) -> SplitBrain {
    let defaults = &shared.global.split_brain;
    let lease = draft.lease.as_ref().or(defaults.lease.as_ref());
    let lease =
        lease.and_then(|(lease, place)| Some(long_enough((*lease)?, name, interval, place, cx)));
    let (arbiter, track_probes) = look_up(draft.arbiter, draft.probes, name, shared.arbiters, cx);
    let own = Heartbeat::Interface(interface.to_owned());
    SplitBrain {
        lease,
        heartbeats: draft.heartbeats.into_iter().filter(|path| *path != own).collect(),
        conflict: draft.conflict.or(defaults.conflict).flatten(),
        notify: draft.notify,
        arbiter,
        track_probes,
    }
}

/// A lease is renewed when an advert leaves: between two adverts it must not end.
fn long_enough(
    lease: Lease,
    name: &str,
    interval: Duration,
    place: &Place,
    cx: &mut Context<'_>,
) -> Lease {
    let Lease::Seconds(seconds) = lease else { return lease };
    let twice = interval.saturating_mul(2).as_micros().div_ceil(1_000_000);
    let least = u32::try_from(twice).unwrap_or(u32::MAX);
    if seconds >= least {
        return lease;
    }
    let message = format!(
        "({name}) vip_lease {seconds} is less than two advert intervals - setting to {least}"
    );
    cx.report(late(Code::Adjusted, message, place));
    Lease::Seconds(least)
}

fn look_up(
    arbiter: Option<((String, bool), Place)>,
    probes: Vec<ProbeDraft>,
    owner: &str,
    arbiters: &[Arbiter],
    cx: &mut Context<'_>,
) -> (Option<UsedArbiter>, Vec<TrackProbe>) {
    let mut find = |name: &str, place: &Place| {
        let found = arbiters.iter().position(|one| one.name == name).map(ArbiterId);
        if found.is_none() {
            let message = format!("({owner}) vrrp_arbiter {name} not found, ignoring...");
            cx.report(late(Code::NotFound, message, place));
        }
        found
    };
    let used = arbiter.and_then(|((name, keeps), place)| {
        Some(UsedArbiter { arbiter: find(&name, &place)?, keeps })
    });
    let probes = probes.into_iter().filter_map(|draft| {
        let arbiter = find(&draft.arbiter, &draft.place)?;
        Some(TrackProbe { arbiter, weight: draft.weight, reverse: draft.reverse })
    });
    (used, probes.collect())
}

/// What a sync group says holds for members that say nothing themselves.
pub(super) fn spread(
    group: &mut SyncGroupDraft,
    instances: &mut [Instance],
    arbiters: &[Arbiter],
    cx: &mut Context<'_>,
) {
    let draft = std::mem::take(&mut group.split_brain);
    let (arbiter, probes) = look_up(draft.arbiter, draft.probes, &group.name, arbiters, cx);
    let is_member = |one: &Instance| group.members.iter().any(|(name, _)| *name == one.name);
    for instance in instances.iter_mut().filter(|one| is_member(one)) {
        let own = &mut instance.split_brain;
        own.arbiter = own.arbiter.or(arbiter);
        for probe in &probes {
            if !own.track_probes.iter().any(|known| known.arbiter == probe.arbiter) {
                own.track_probes.push(*probe);
            }
        }
    }
}

/// Heartbeats of another family, or with a virtual router id that is taken on that interface.
pub(super) fn check_heartbeats(instances: &mut [(Instance, Place)], cx: &mut Context<'_>) {
    let services =
        instances.iter().map(|(one, _)| (one.interface.clone(), one.vrid, one.is_ipv4()));
    let mut taken: HashSet<_> = services.collect();
    for (instance, place) in instances {
        let (vrid, ipv4) = (instance.vrid, instance.is_ipv4());
        let name = instance.name.clone();
        instance.split_brain.heartbeats.retain(|path| {
            let (interface, fits) = match path {
                Heartbeat::Interface(name) => (Some(name), true),
                Heartbeat::Unicast { source, interface, .. } => {
                    (interface.as_ref(), source.is_ipv4() == ipv4)
                }
            };
            if !fits {
                let message = format!("({name}) heartbeat of another address family - ignoring");
                cx.report(late(Code::BadAddress, message, place));
                return false;
            }
            let Some(interface) = interface else { return true };
            let free = taken.insert((interface.clone(), vrid, ipv4));
            if !free {
                let message = format!(
                    "({name}) VRID {vrid} of a heartbeat is in use on {interface} - ignoring"
                );
                cx.report(late(Code::Duplicate, message, place));
            }
            free
        });
    }
}
