//! `keepalived.stats`: counters of each instance.

use control_plane::Config;
use vrrp_stack::Statistics;

use crate::layout::Lines;
use crate::live::VrrpLive;
use crate::split_brain;

/// All counters, instance by instance; those against split brain where any of it is configured, so that
/// the file stays keepalived's.
pub fn statistics<'a>(
    config: &'a Config,
    live: &'a VrrpLive,
) -> impl Iterator<Item = String> + use<'a> {
    live.stack.instances.iter().flat_map(|one| {
        let name = &one.known.identity.name;
        let mut lines = instance(name, &one.known.statistics);
        if config.vrrp.instances.iter().any(|one| one.name == *name && split_brain::is_used(one)) {
            split_brain::counters(&mut lines, &one.known.statistics.split_brain);
        }
        lines
    })
}

fn instance(name: &str, counted: &Statistics) -> Lines {
    let mut lines = Lines::default();
    lines.at(0, format!("VRRP Instance: {name}"));
    let adverts = [("Received", counted.advert_received), ("Sent", counted.advert_sent)];
    group(&mut lines, "Advertisements", &adverts);
    lines.at(2, format!("Became master: {}", counted.become_master));
    lines.at(2, format!("Released master: {}", counted.release_master));
    let packets = [
        ("Length", counted.packet_length_errors),
        ("TTL", counted.ttl_errors),
        ("Invalid Type", counted.invalid_type),
        ("Advertisement Interval", counted.advert_interval_errors),
        ("Address List", counted.address_list_errors),
    ];
    group(&mut lines, "Packet Errors", &packets);
    let passwords = [
        ("Invalid Type", counted.invalid_auth_type),
        ("Type Mismatch", counted.auth_type_mismatch),
        ("Failure", counted.auth_failure),
    ];
    group(&mut lines, "Authentication Errors", &passwords);
    let trailers = &counted.trailers;
    let extension = [
        ("Missing", trailers.missing),
        ("Malformed", trailers.malformed),
        ("Unknown Key", trailers.unknown_key),
        ("Invalid HMAC", trailers.invalid_hmac),
        ("Stale", trailers.stale),
        ("Replay", trailers.replay),
    ];
    group(&mut lines, "Authentication Extension Errors", &extension);
    let zero = [("Received", counted.priority_zero_received), ("Sent", counted.priority_zero_sent)];
    group(&mut lines, "Priority Zero", &zero);
    lines
}

pub(crate) fn group(lines: &mut Lines, title: &str, counters: &[(&str, u64)]) {
    lines.at(2, format!("{title}:"));
    for (name, value) in counters {
        lines.at(4, format!("{name}: {value}"));
    }
}
