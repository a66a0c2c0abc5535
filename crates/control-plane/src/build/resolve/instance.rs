//! One instance: defaults, and what its settings do to each other.

use std::collections::HashMap;

use base::{Duration, Priority, Vrid};

use super::host::DEFAULT_INTERFACE;
use super::split_brain;
use super::strict;
use super::tracks::{self, NoWeights, Owner};
use super::{Scripts, addresses, vrrp_alert};
use crate::build::garp::GarpDraft;
use crate::build::global::GlobalDraft;
use crate::build::instance::{AuthType, InstanceDraft};
use crate::build::late;
use crate::build::tracked::Tracked;
use crate::diagnostic::{Code, Place};
use crate::lang::Context;
use crate::model::Arbiter;
use crate::model::vrrp::{
    Authentication, Garp, GarpGroup, InitialState, Instance, Preempt, Unicast, Version,
    VirtualAddress, Vmac,
};

/// Longest interval that version 3 can say (RFC 9568 section 5.2.7: 12 bits of hundredths).
const MAX_V3_INTERVAL: Duration = Duration::from_centis(4_095);
/// Longest name of an interface.
const MAX_INTERFACE_NAME: usize = 15;

/// What an instance is completed with.
pub(super) struct Shared<'a> {
    pub global: &'a GlobalDraft,
    pub scripts: &'a Scripts,
    pub tracked: &'a Tracked,
    pub in_sync_group: bool,
    pub garp_groups: &'a [GarpGroup],
    pub arbiters: &'a [Arbiter],
}

/// The instance, or `None` when it lacks what it cannot do without.
pub(super) fn resolve(
    mut draft: InstanceDraft,
    shared: &Shared<'_>,
    cx: &mut Context<'_>,
) -> Option<Instance> {
    let global = shared.global;
    let vrid = vrid(&draft, cx)?;
    let interface = interface(&draft, cx)?;
    let strict = draft.strict.unwrap_or(global.strict);
    let version = version(&draft, global, strict, cx);
    if !has_addresses(&draft, version, strict, cx) {
        return None;
    }
    strict::check_first_address(&draft, strict, cx);
    let priority = priority(&draft);
    if strict && !strict::enforce(&mut draft, priority, cx) {
        return None;
    }
    let state = state(&draft, priority, strict, cx);
    let unicast = unicast(&mut draft, global, cx);
    let authentication = authentication(&draft, version, strict, cx);
    let accept = accept(&draft, version, strict, cx);
    let preempt = preempt(&draft, (state, priority), strict, cx);
    let down_timer_adverts = down_timer_adverts(&draft, global, strict, cx);
    let advert_interval = advert_interval(&draft, version, cx);
    let owner = Owner {
        name: &draft.name.clone(),
        no_weights: if priority.is_owner() {
            Some(NoWeights::AddressOwner)
        } else {
            shared.in_sync_group.then_some(NoWeights::SyncGroup)
        },
        interface: &interface,
    };
    let tracks = std::mem::take(&mut draft.tracks);
    let tracks = tracks::resolve(tracks, owner, shared.scripts, shared.tracked, cx);
    let vmac = vmac(&mut draft, &interface, vrid, unicast.is_some(), strict, cx);
    let hmac = hmac(&mut draft, advert_interval, cx);
    let authentication = if hmac.is_some() { Authentication::None } else { authentication };
    let owner_ignore_adverts = owner_ignore_adverts(&draft, priority, global, cx);
    let timer_expired_backup = timer_expired_backup(&draft, preempt, cx);
    let split_brain = std::mem::take(&mut draft.split_brain);
    let split_brain =
        split_brain::resolve(split_brain, (&draft.name, &interface), advert_interval, shared, cx);
    Some(Instance {
        wanted_state: state,
        priority,
        version,
        advert_interval,
        down_timer_adverts,
        authentication,
        preempt,
        accept,
        strict,
        track_scripts: tracks.scripts,
        track_interfaces: tracks.interfaces,
        track_files: tracks.files,
        track_processes: tracks.processes,
        track_bfds: tracks.bfds,
        vmac,
        hmac,
        owner_ignore_adverts,
        timer_expired_backup,
        unicast,
        split_brain,
        ..as_written(draft, interface, vrid, shared)
    })
}

/// What follows from the instance's own words, and from `global_defs` where it has none.
fn as_written(
    draft: InstanceDraft,
    interface: String,
    vrid: Vrid,
    shared: &Shared<'_>,
) -> Instance {
    let global = shared.global;
    let default = global.default_interface.as_deref().unwrap_or(DEFAULT_INTERFACE);
    let usual = if interface.is_empty() { default } else { &interface };
    let on = |list: Vec<_>| -> Vec<VirtualAddress> {
        list.into_iter().map(|one| addresses::resolve(one, usual)).collect()
    };
    Instance {
        skip_check_advert_addresses: draft.skip_check.unwrap_or(global.skip_check),
        virtual_addresses: on(draft.addresses),
        excluded_addresses: on(draft.excluded),
        routes: draft.routes,
        rules: draft.rules,
        vrf: draft.vrf.map(|(vrf, _)| vrf),
        checksum_as_v2: draft.checksum_as_v2.unwrap_or(global.checksum_as_v2),
        receive_buffer: draft.receive_buffer,
        linkbeat_polling: draft.linkbeat_polling,
        notify: draft.notify.into(),
        garp: garp(&draft.garp, global, &interface, shared.garp_groups),
        lower_prio_no_advert: draft.lower_prio_no_advert.unwrap_or(global.lower_prio_no_advert),
        higher_prio_send_advert: draft
            .higher_prio_send_advert
            .unwrap_or(global.higher_prio_send_advert),
        native_ipv6: draft.ipv4 == Some(false) || draft.native_ipv6.is_some(),
        source: draft.source.map(|(address, _)| address),
        track_source: draft.track_source,
        duplicate_of: None,
        destination: draft.destination.map(|(address, _)| address),
        dont_track_primary: draft.dont_track_primary,
        promote_secondaries: draft.promote_secondaries,
        smtp_alert: vrrp_alert(draft.smtp_alert, global),
        notify_priority_changes: draft
            .notify_priority_changes
            .unwrap_or(global.notify_priority_changes),
        debug: draft.debug,
        ..Instance::new(draft.name, interface, vrid)
    }
}

pub(super) fn report(
    draft: &InstanceDraft,
    place: Option<&Place>,
    code: Code,
    text: &str,
    cx: &mut Context<'_>,
) {
    let message = format!("({}) {text}", draft.name);
    cx.report(late(code, message, place.unwrap_or(&draft.place)));
}

fn vrid(draft: &InstanceDraft, cx: &mut Context<'_>) -> Option<Vrid> {
    let vrid = draft.vrid.as_ref().and_then(|(vrid, _)| Vrid::new(*vrid).ok());
    if vrid.is_none() && !draft.lacks_told {
        let message = format!("({}) the virtual router id must be set", draft.name);
        let problem = late(Code::Incomplete, message, &draft.place);
        cx.report(problem.help("write 'virtual_router_id N', 1 to 255, the same on every node"));
    }
    vrid
}

fn interface(draft: &InstanceDraft, cx: &mut Context<'_>) -> Option<String> {
    let Some((name, place)) = &draft.interface else {
        if draft.source.is_some() && !draft.unicast.peers.is_empty() {
            // Unicast goes out by whatever interface routing chooses.
            return Some(String::new());
        }
        if draft.lacks_told {
            return None;
        }
        let message = format!("({}) Unknown interface!", draft.name);
        let problem = late(Code::Incomplete, message, &draft.place);
        cx.report(problem.help("write 'interface NAME'"));
        return None;
    };
    if name == "lo" {
        let text = format!("cannot use a loopback interface ({name}) for vrrp - ignoring");
        report(draft, Some(place), Code::BadInterface, &text, cx);
        return None;
    }
    cx.needs_interface(name, place.clone(), || {
        format!("WARNING - interface {name} for vrrp_instance {} doesn't exist", draft.name)
    });
    if name.len() > MAX_INTERFACE_NAME {
        let text = format!("interface name {name} is longer than {MAX_INTERFACE_NAME} characters");
        report(draft, Some(place), Code::BadInterface, &text, cx);
        return None;
    }
    Some(name.clone())
}

fn version(
    draft: &InstanceDraft,
    global: &GlobalDraft,
    strict: bool,
    cx: &mut Context<'_>,
) -> Version {
    let ipv6 = draft.ipv4 == Some(false);
    let default = if ipv6 { 3 } else { global.version.unwrap_or(2) };
    let wanted = draft.version.unwrap_or(default);
    // Version 2 knows no IPv6; keepalived insists on that in strict mode only.
    let must_be_3 = ipv6 && strict;
    if must_be_3 && wanted != 3 {
        let text = "cannot use IPv6 with VRRP version 2; setting version 3";
        report(draft, None, Code::Adjusted, text, cx);
    }
    if wanted == 3 || must_be_3 { Version::V3 } else { Version::V2 }
}

fn has_addresses(
    draft: &InstanceDraft,
    version: Version,
    strict: bool,
    cx: &mut Context<'_>,
) -> bool {
    if !draft.addresses.is_empty() || (draft.no_addresses && !strict) {
        return true;
    }
    let needed = version == Version::V3 || strict;
    let (code, word) =
        if needed { (Code::Incomplete, "required") } else { (Code::Doubtful, "sensible") };
    let message = format!("({}) No VIP specified; at least one is {word}", draft.name);
    let problem = late(code, message, &draft.place);
    let problem = if strict {
        problem.help("strict mode knows no instance without one")
    } else {
        problem.help("write 'no_virtual_ipaddress' if none is meant")
    };
    cx.report(problem);
    !needed
}

fn priority(draft: &InstanceDraft) -> Priority {
    let owner = matches!(draft.state, Some((InitialState::Master, _)));
    let default = if owner { Priority::OWNER } else { Priority::DEFAULT };
    let given = draft.priority.as_ref().and_then(|(priority, _)| Priority::new(*priority).ok());
    given.unwrap_or(default)
}

fn state(
    draft: &InstanceDraft,
    priority: Priority,
    strict: bool,
    cx: &mut Context<'_>,
) -> InitialState {
    let fitting = if priority.is_owner() { InitialState::Master } else { InitialState::Backup };
    let Some((state, place)) = &draft.state else { return fitting };
    let ah = matches!(draft.auth_type, Some((AuthType::Ah, _)));
    if *state != fitting && strict {
        let text = "State MASTER must match being address owner";
        report(draft, Some(place), Code::Adjusted, text, cx);
        return fitting;
    }
    if *state == InitialState::Master && ah && !strict {
        let text = "Initial state master is incompatible with AH authentication - clearing";
        report(draft, Some(place), Code::Adjusted, text, cx);
        return InitialState::Backup;
    }
    *state
}

fn unicast(
    draft: &mut InstanceDraft,
    global: &GlobalDraft,
    cx: &mut Context<'_>,
) -> Option<Unicast> {
    let mut unicast = std::mem::take(&mut draft.unicast);
    if unicast.peers.is_empty() && !unicast.fault_without_peer {
        if let (Some(_), Some(place)) = (unicast.ttl, &draft.unicast_ttl_place) {
            let message = format!(
                "({}): Cannot use unicast_ttl without unicast peers - resetting",
                draft.name
            );
            cx.report(late(Code::Adjusted, message, place));
        }
        if let Some(place) = &draft.unicast_place {
            let text = "A unicast keyword has been specified without any unicast peers. Defaulting \
                        to multicast. This usage is deprecated - please update your configuration.";
            report(draft, Some(place), Code::Adjusted, text, cx);
        }
        return None;
    }
    let limits =
        |peer: &crate::model::vrrp::UnicastPeer| peer.min_ttl > 0 || peer.max_ttl < u8::MAX;
    unicast.check_source |= global.check_unicast_source || unicast.peers.iter().any(limits);
    Some(unicast)
}

fn authentication(
    draft: &InstanceDraft,
    version: Version,
    strict: bool,
    cx: &mut Context<'_>,
) -> Authentication {
    let Some((kind, place)) = &draft.auth_type else { return Authentication::None };
    let Some(password) = draft.auth_pass else {
        let text = "Authentication specified but no password given. Ignoring";
        report(draft, Some(place), Code::Incomplete, text, cx);
        return Authentication::None;
    };
    let refused = if strict {
        "Strict mode does not support authentication. Ignoring."
    } else if version == Version::V3 {
        "VRRP version 3 does not support authentication. Ignoring."
    } else {
        return match kind {
            AuthType::Pass => Authentication::Pass(password),
            AuthType::Ah => Authentication::Ah(password),
        };
    };
    report(draft, Some(place), Code::Adjusted, refused, cx);
    Authentication::None
}

fn accept(draft: &InstanceDraft, version: Version, strict: bool, cx: &mut Context<'_>) -> bool {
    match &draft.accept {
        None => !strict,
        Some((true, place)) if strict && version == Version::V2 => {
            let text = "warning - accept mode for VRRP version 2 does not comply with RFC3768 - \
                        resetting";
            report(draft, Some(place), Code::Adjusted, text, cx);
            false
        }
        Some((accept, _)) => *accept,
    }
}

fn preempt(
    draft: &InstanceDraft,
    (state, priority): (InitialState, Priority),
    strict: bool,
    cx: &mut Context<'_>,
) -> Preempt {
    let master = state == InitialState::Master;
    let never = match &draft.nopreempt {
        Some((_, place)) if master => {
            let text = "Warning - nopreempt will not work with initial state MASTER - clearing";
            report(draft, Some(place), Code::Adjusted, text, cx);
            false
        }
        Some((_, place)) if priority.is_owner() => {
            let text = "nopreempt is incompatible with priority 255. resetting nopreempt";
            report(draft, Some(place), Code::Adjusted, text, cx);
            false
        }
        given => given.is_some(),
    };
    let delay = draft.preempt_delay.as_ref().filter(|(delay, _)| !delay.is_zero());
    let refused = match delay {
        None => None,
        Some((_, place)) if master => Some((
            place,
            "Warning - preempt delay will not work with initial state MASTER - clearing",
        )),
        Some((_, place)) if strict => {
            Some((place, "preempt_delay is incompatible with strict mode - resetting"))
        }
        Some((_, place)) if never => {
            Some((place, "preempt_delay is incompatible with nopreempt mode - resetting"))
        }
        Some(_) => None,
    };
    if let Some((place, text)) = refused {
        report(draft, Some(place), Code::Adjusted, text, cx);
    }
    match (never, delay) {
        (true, _) => Preempt::Never,
        (false, Some((delay, _))) if refused.is_none() => Preempt::After(*delay),
        _ => Preempt::After(Duration::ZERO),
    }
}

fn down_timer_adverts(
    draft: &InstanceDraft,
    global: &GlobalDraft,
    strict: bool,
    cx: &mut Context<'_>,
) -> u8 {
    const DEFAULT: u8 = 3;
    let own = draft.down_timer_adverts.as_ref().map(|(count, _)| *count);
    let count = own.or(global.down_timer_adverts).unwrap_or(DEFAULT);
    if strict && count != DEFAULT {
        let place = draft.down_timer_adverts.as_ref().map(|(_, place)| place);
        let text = "down_timer_adverts is incompatible with strict mode - resetting";
        report(draft, place, Code::Adjusted, text, cx);
        return DEFAULT;
    }
    count
}

fn advert_interval(draft: &InstanceDraft, version: Version, cx: &mut Context<'_>) -> Duration {
    let Some((interval, place)) = &draft.advert_interval else { return Duration::from_secs(1) };
    let (secs, micros) = (interval.as_secs(), interval.subsec_micros());
    match version {
        Version::V2 if micros != 0 => {
            let text = format!(
                "VRRPv2 advertisement interval {secs}.{micros:06}s must be an integer. rounding"
            );
            report(draft, Some(place), Code::Adjusted, &text, cx);
            Duration::from_secs((secs + u64::from(micros >= 500_000)).max(1))
        }
        Version::V3 if *interval > MAX_V3_INTERVAL => {
            let centis = interval.as_centis();
            let text = format!(
                "VRRPv3 advertisement interval {}.{:02}s is out of range. Must be less than \
                 40.96s. Setting to 40.95s",
                centis / 100,
                centis % 100
            );
            report(draft, Some(place), Code::Adjusted, &text, cx);
            MAX_V3_INTERVAL
        }
        Version::V3 if interval.as_micros() % 10_000 != 0 => {
            let text = format!(
                "VRRPv3 advertisement interval {secs}.{micros:06}s must be in units of 10ms - \
                 rounding"
            );
            report(draft, Some(place), Code::Adjusted, &text, cx);
            Duration::from_centis((interval.as_micros() + 5_000) / 10_000)
        }
        _ => *interval,
    }
}

/// `use_vmac`, `use_ipvlan` and `vrf`, as far as they go together.
fn vmac(
    draft: &mut InstanceDraft,
    interface: &str,
    vrid: Vrid,
    unicast: bool,
    strict: bool,
    cx: &mut Context<'_>,
) -> Vmac {
    let vmac = draft.vmac.take();
    let base = draft.vmac_base.take();
    if let Some((ipvlan, place)) = draft.ipvlan.take() {
        let ipv4 = draft.ipv4 != Some(false);
        if ipv4 && ipvlan.address.is_none() && draft.source.is_none() {
            let text = "IPv4 ipvlan requires a source ip address to be configured. setting \
                        instance to fault state";
            report(draft, Some(&place), Code::Incomplete, text, cx);
        }
        let (name, address) = (ipvlan.name, ipvlan.address);
        return Vmac::Ipvlan { name, address, mode: ipvlan.mode, group: ipvlan.group };
    }
    let Some(vmac) = vmac else {
        if let Some(((), place)) = base {
            let text = "vmac_xmit_base is only valid with a vmac";
            report(draft, Some(&place), Code::Adjusted, text, cx);
        }
        vrf_without_vmac(draft, interface, cx);
        return Vmac::None;
    };
    if unicast && base.is_none() {
        let text = "unicast with use_vmac requires vmac_xmit_base - setting";
        report(draft, None, Code::Adjusted, text, cx);
    }
    if std::mem::take(&mut draft.promote_secondaries) {
        let text = "promote_secondaries is automatically set for vmacs - ignoring";
        report(draft, None, Code::Adjusted, text, cx);
    }
    let mut mac = vmac.mac.map(|mac| mac.with_vrid(vrid.get()));
    let mut transmit_base = unicast || base.is_some();
    if strict && (mac.is_some() || transmit_base) {
        (mac, transmit_base) = (None, false);
        let text = "a VMAC MAC address and vmac_xmit_base are incompatible with strict mode - \
                    resetting";
        report(draft, None, Code::Adjusted, text, cx);
    }
    Vmac::Macvlan {
        name: vmac.name,
        mac,
        transmit_base,
        for_addresses: draft.vmac_addresses,
        netlink_notify: vmac.netlink_notify,
        group: vmac.group,
    }
}

fn vrf_without_vmac(draft: &mut InstanceDraft, interface: &str, cx: &mut Context<'_>) {
    if interface.is_empty() {
        return;
    }
    if let Some((_, place)) = draft.vrf.take() {
        let text = "Cannot specify VRF interface and interface - ignoring";
        report(draft, Some(&place), Code::Adjusted, text, cx);
    }
}

fn hmac(
    draft: &mut InstanceDraft,
    interval: Duration,
    cx: &mut Context<'_>,
) -> Option<crate::model::vrrp::Hmac> {
    let hmac = draft.hmac.take()?;
    let place = hmac.place.clone();
    let hmac = hmac.finish(&draft.name, interval, cx)?;
    if draft.auth_type.is_some() {
        let text = "auth_hmac cannot be combined with authentication, dropping legacy auth";
        report(draft, Some(&place), Code::Adjusted, text, cx);
    }
    Some(hmac)
}

fn owner_ignore_adverts(
    draft: &InstanceDraft,
    priority: Priority,
    global: &GlobalDraft,
    cx: &mut Context<'_>,
) -> bool {
    let Some((ignore, place)) = &draft.owner_ignore else {
        return priority.is_owner() && (global.owner_ignore_adverts);
    };
    if !priority.is_owner() {
        if *ignore {
            let text = "ignoring owner_ignore_adverts since priority is not 255";
            report(draft, Some(place), Code::Adjusted, text, cx);
        }
        return false;
    }
    if !ignore {
        let text = "strict_mode with priority 255 requires owner_ignore_adverts";
        report(draft, Some(place), Code::Adjusted, text, cx);
    }
    true
}

fn timer_expired_backup(
    draft: &InstanceDraft,
    preempt: Preempt,
    cx: &mut Context<'_>,
) -> Option<Priority> {
    let (highest, place) = draft.timer_expired.as_ref()?;
    if preempt != Preempt::Never {
        let text = "expired_timer_backup requires nopreempt - resetting";
        report(draft, Some(place), Code::Adjusted, text, cx);
        return None;
    }
    Priority::new(*highest).ok()
}

/// `garp_*`: the instance's own, then those of `global_defs`, then `vrrp_min_garp`, then the
/// defaults.
fn garp(own: &GarpDraft, global: &GlobalDraft, interface: &str, groups: &[GarpGroup]) -> Garp {
    let shared = &global.garp;
    let base = if global.min_garp {
        Garp { delay: Duration::ZERO, repeat: 1, refresh_repeat: 1, ..Garp::default() }
    } else {
        Garp::default()
    };
    let delay = own.delay.or(shared.delay).unwrap_or(base.delay);
    let repeat = own.repeat.or(shared.repeat).unwrap_or(base.repeat);
    let group = groups.iter().find(|group| group.interfaces.iter().any(|one| one == interface));
    let of_group = |value: fn(&GarpGroup) -> Option<Duration>| group.and_then(value);
    let (extra_interval, extra_all) = own.extra.or(shared.extra).unwrap_or_default();
    Garp {
        delay,
        repeat,
        refresh: own.refresh.or(shared.refresh).unwrap_or(base.refresh),
        refresh_repeat: own.refresh_repeat.or(shared.refresh_repeat).unwrap_or(base.refresh_repeat),
        lower_prio_delay: own.lower_prio_delay.or(shared.lower_prio_delay).unwrap_or(delay),
        lower_prio_repeat: own.lower_prio_repeat.or(shared.lower_prio_repeat).unwrap_or(repeat),
        interval: of_group(|group| group.garp_interval)
            .or(shared.interval)
            .unwrap_or(base.interval),
        gna_interval: of_group(|group| group.gna_interval)
            .or(shared.gna_interval)
            .unwrap_or(base.gna_interval),
        extra_interval,
        extra_all,
    }
}

/// Instances of one interface, VRF, family and kind must differ in their virtual router id.
pub(super) fn check_identities(instances: &mut [(Instance, Place)], cx: &mut Context<'_>) {
    let mut seen: HashMap<_, (String, Place)> = HashMap::new();
    for (instance, place) in instances {
        let ipv4 = instance.is_ipv4();
        let unicast = instance.unicast.is_some();
        let place_of = (instance.interface.clone(), instance.vrf.clone());
        let key = (place_of, instance.vrid, ipv4, unicast, instance.destination);
        let Some((first, first_place)) = seen.get(&key) else {
            seen.insert(key, (instance.name.clone(), place.clone()));
            continue;
        };
        let message = format!(
            "{first} and {} both use VRID {} with IPv{} on interface {}",
            instance.name,
            instance.vrid,
            if ipv4 { 4 } else { 6 },
            instance.interface
        );
        let problem = late(Code::Duplicate, message, place);
        cx.report(
            problem.label("this one stays in FAULT").related(first_place.clone(), "the first one"),
        );
        instance.duplicate_of = Some(first.clone());
    }
}
