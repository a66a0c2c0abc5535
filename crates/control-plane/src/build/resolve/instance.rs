//! One instance: defaults, and what its settings do to each other.

use std::collections::HashMap;

use base::{Duration, Priority, Vrid};

use super::{Scripts, addresses, track_scripts, vrrp_alert};
use crate::build::global::GlobalDraft;
use crate::build::instance::{AuthType, GarpDraft, InstanceDraft};
use crate::build::late;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::lang::Context;
use crate::model::vrrp::{
    Authentication, Garp, InitialState, Instance, Preempt, Unicast, Version, VirtualAddress,
};

/// Longest interval that version 3 can say (RFC 9568 section 5.2.7: 12 bits of hundredths).
const MAX_V3_INTERVAL: Duration = Duration::from_centis(4_095);
/// Longest name of an interface.
const MAX_INTERFACE_NAME: usize = 15;

/// The instance, or `None` when it lacks what it cannot do without.
pub(super) fn resolve(
    mut draft: InstanceDraft,
    global: &GlobalDraft,
    scripts: &Scripts,
    cx: &mut Context<'_>,
) -> Option<Instance> {
    let vrid = vrid(&draft, cx)?;
    let interface = interface(&draft, global, cx)?;
    let strict = draft.strict.unwrap_or(global.strict);
    let version = version(&draft, global, strict);
    if !has_addresses(&draft, version, strict, cx) {
        return None;
    }
    let priority = priority(&draft);
    let state = state(&draft, priority, strict, cx);
    let unicast = unicast(&mut draft, global, strict, cx);
    let authentication = authentication(&draft, version, strict, cx);
    let accept = accept(&draft, version, strict, cx);
    let preempt = preempt(&draft, state, strict, cx);
    let down_timer_adverts = down_timer_adverts(&draft, global, strict, cx);
    let advert_interval = advert_interval(&draft, version, cx);
    let track_scripts = track_scripts(&draft.track_scripts, scripts);
    let on = |list: Vec<_>| -> Vec<VirtualAddress> {
        list.into_iter().map(|one| addresses::resolve(one, &interface)).collect()
    };
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
        skip_check_advert_addresses: draft.skip_check.unwrap_or(global.skip_check),
        virtual_addresses: on(draft.addresses),
        excluded_addresses: on(draft.excluded),
        track_scripts,
        notify: draft.notify,
        garp: garp(&draft.garp, global),
        lower_prio_no_advert: draft.lower_prio_no_advert.unwrap_or(global.lower_prio_no_advert),
        higher_prio_send_advert: draft
            .higher_prio_send_advert
            .unwrap_or(global.higher_prio_send_advert),
        native_ipv6: draft.ipv4 == Some(false) || draft.native_ipv6.is_some(),
        source: draft.source.map(|(address, _)| address),
        track_source: draft.track_source,
        destination: draft.destination.map(|(address, _)| address),
        unicast,
        dont_track_primary: draft.dont_track_primary,
        promote_secondaries: draft.promote_secondaries,
        smtp_alert: vrrp_alert(draft.smtp_alert, global),
        notify_priority_changes: draft
            .notify_priority_changes
            .unwrap_or(global.notify_priority_changes),
        debug: draft.debug,
        ..Instance::new(draft.name, interface, vrid)
    })
}

fn report(
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
    if vrid.is_none() {
        let message = format!("({}) the virtual router id must be set", draft.name);
        let problem = late(Code::Incomplete, message, &draft.place);
        cx.report(problem.help("write 'virtual_router_id N', 1 to 255, the same on every node"));
    }
    vrid
}

fn interface(draft: &InstanceDraft, global: &GlobalDraft, cx: &mut Context<'_>) -> Option<String> {
    let Some((name, place)) = &draft.interface else {
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
    let absent = cx.options.interfaces.as_ref().is_some_and(|known| !known.contains(name));
    if absent && !global.dynamic_interfaces {
        let message =
            format!("WARNING - interface {name} for vrrp_instance {} doesn't exist", draft.name);
        let problem = Diagnostic::new(Code::InterfaceMissing, message).at(place.clone());
        cx.report(problem.label("no such interface on this machine").help(
            "create it before the start, or write 'dynamic_interfaces' into global_defs: then \
             the instance is in FAULT until it comes",
        ));
    }
    if name.len() > MAX_INTERFACE_NAME {
        let text = format!("interface name {name} is longer than {MAX_INTERFACE_NAME} characters");
        report(draft, Some(place), Code::BadInterface, &text, cx);
        return None;
    }
    Some(name.clone())
}

fn version(draft: &InstanceDraft, global: &GlobalDraft, strict: bool) -> Version {
    let ipv6 = draft.ipv4 == Some(false);
    let default = if ipv6 { 3 } else { global.version.unwrap_or(2) };
    let wanted = draft.version.unwrap_or(default);
    // Version 2 knows no IPv6; keepalived insists on that in strict mode only.
    let must_be_3 = ipv6 && strict;
    if wanted == 3 || must_be_3 { Version::V3 } else { Version::V2 }
}

fn has_addresses(
    draft: &InstanceDraft,
    version: Version,
    strict: bool,
    cx: &mut Context<'_>,
) -> bool {
    if !draft.addresses.is_empty() || draft.no_addresses {
        return true;
    }
    let needed = version == Version::V3 || strict;
    let (code, word) =
        if needed { (Code::Incomplete, "required") } else { (Code::Doubtful, "sensible") };
    let message = format!("({}) No VIP specified; at least one is {word}", draft.name);
    let problem = late(code, message, &draft.place);
    cx.report(problem.help("write 'no_virtual_ipaddress' if none is meant"));
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
    let Some((state, place)) = &draft.state else { return InitialState::Backup };
    let ah = matches!(draft.auth_type, Some((AuthType::Ah, _)));
    if *state == InitialState::Master && strict && !priority.is_owner() {
        let text = "State MASTER must match being address owner";
        report(draft, Some(place), Code::Adjusted, text, cx);
        return InitialState::Backup;
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
    strict: bool,
    cx: &mut Context<'_>,
) -> Option<Unicast> {
    let mut unicast = std::mem::take(&mut draft.unicast);
    if unicast.peers.is_empty() && !unicast.fault_without_peer {
        if let Some(place) = &draft.unicast_place {
            let text = "A unicast keyword has been specified without any unicast peers. Defaulting \
                        to multicast. This usage is deprecated - please update your configuration.";
            report(draft, Some(place), Code::Adjusted, text, cx);
        }
        return None;
    }
    if strict {
        let text = "Unicast peers are not supported in strict mode";
        report(draft, draft.unicast_place.as_ref(), Code::Adjusted, text, cx);
    }
    unicast.check_source |= global.check_unicast_source;
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
    let refused = if version == Version::V3 {
        "VRRP version 3 does not support authentication. Ignoring."
    } else if strict {
        "Strict mode does not support authentication. Ignoring."
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
    state: InitialState,
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
        given => given.is_some(),
    };
    let delay = draft.preempt_delay.as_ref().filter(|(delay, _)| !delay.is_zero());
    let refused = match delay {
        None => None,
        Some((_, place)) if strict => {
            Some((place, "preempt_delay is incompatible with strict mode - resetting"))
        }
        Some((_, place)) if never => {
            Some((place, "preempt_delay is incompatible with nopreempt mode - resetting"))
        }
        Some((_, place)) if master => Some((
            place,
            "Warning - preempt delay will not work with initial state MASTER - clearing",
        )),
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

/// `garp_*`: the instance's own, then those of `global_defs`, then `vrrp_min_garp`, then the
/// defaults.
fn garp(own: &GarpDraft, global: &GlobalDraft) -> Garp {
    let shared = &global.garp;
    let base = if global.min_garp {
        Garp { delay: Duration::ZERO, repeat: 1, refresh_repeat: 1, ..Garp::default() }
    } else {
        Garp::default()
    };
    let delay = own.delay.or(shared.delay).unwrap_or(base.delay);
    let repeat = own.repeat.or(shared.repeat).unwrap_or(base.repeat);
    let (extra_interval, extra_all) = own.extra.or(shared.extra).unwrap_or_default();
    Garp {
        delay,
        repeat,
        refresh: own.refresh.or(shared.refresh).unwrap_or(base.refresh),
        refresh_repeat: own.refresh_repeat.or(shared.refresh_repeat).unwrap_or(base.refresh_repeat),
        lower_prio_delay: own.lower_prio_delay.or(shared.lower_prio_delay).unwrap_or(delay),
        lower_prio_repeat: own.lower_prio_repeat.or(shared.lower_prio_repeat).unwrap_or(repeat),
        interval: shared.interval.unwrap_or(base.interval),
        gna_interval: shared.gna_interval.unwrap_or(base.gna_interval),
        extra_interval,
        extra_all,
    }
}

/// Instances of one interface, family and kind must differ in their virtual router id.
pub(super) fn check_identities(instances: &mut Vec<(Instance, Place)>, cx: &mut Context<'_>) {
    let mut seen: HashMap<_, (String, Place)> = HashMap::new();
    instances.retain(|(instance, place)| {
        let ipv4 = instance.is_ipv4();
        let unicast = instance.unicast.is_some();
        let key = (instance.interface.clone(), instance.vrid, ipv4, unicast, instance.destination);
        let Some((first, first_place)) = seen.get(&key) else {
            seen.insert(key, (instance.name.clone(), place.clone()));
            return true;
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
            problem.label("this one is left out").related(first_place.clone(), "the first one"),
        );
        false
    });
}
