//! `keepalived.stats`: counters of each instance.

use vrrp_stack::Statistics;

use crate::layout::Lines;
use crate::live::VrrpLive;

/// All counters, instance by instance.
pub fn statistics(live: &VrrpLive) -> impl Iterator<Item = String> + use<'_> {
    live.stack
        .instances
        .iter()
        .flat_map(|one| instance(&one.known.identity.name, &one.known.statistics))
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

fn group(lines: &mut Lines, title: &str, counters: &[(&str, u64)]) {
    lines.at(2, format!("{title}:"));
    for (name, value) in counters {
        lines.at(4, format!("{name}: {value}"));
    }
}
