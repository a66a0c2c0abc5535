//! Keywords against split brain: what they mean, and what is said of wrong ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::path::Path;

use base::Duration;
use control_plane::model::split_brain::{
    ArbiterId, ConflictAction, Heartbeat, Lease, SplitBrain, TrackProbe, UsedArbiter, Witness,
};
use control_plane::source::MemorySource;
use control_plane::{Config, Options, load};

fn read(text: &str) -> (Config, String) {
    let loaded =
        load(Path::new("/k.conf"), &MemorySource::new("/k.conf", text), &Options::default());
    (loaded.config.unwrap(), loaded.diagnostics.render())
}

fn instance(global: &str, lines: &str) -> (SplitBrain, Option<u32>, String) {
    let (config, said) = read(&format!(
        "global_defs {{\n{global}\n}}\nvrrp_instance V {{\ninterface eth0\nvirtual_router_id 5\n\
         advert_int 1\nvirtual_ipaddress {{\n10.9.0.7\n}}\n{lines}\n}}\n"
    ));
    let instance = config.vrrp.instances[0].clone();
    (instance.split_brain.clone(), instance.lease_seconds(), said)
}

#[test]
fn without_its_keywords_there_is_nothing_of_it() {
    assert_eq!(instance("", ""), (SplitBrain::default(), None, String::new()));
}

#[test]
fn a_lease_is_of_the_instance_or_of_global_defs() {
    assert_eq!(instance("", "vip_lease").1, Some(3), "three adverts of a second, without skew");
    assert_eq!(instance("vip_lease auto", "").1, Some(3));
    assert_eq!(instance("vip_lease", "vip_lease off").1, None);
    assert_eq!(instance("vip_lease 9", "vip_lease 5").1, Some(5));
    assert_eq!(instance("vip_lease", "advert_int 20").1, Some(60));
    assert_eq!(instance("vip_lease", "version 3\nadvert_int 0.1").1, Some(1), "never less");
}

#[test]
fn a_lease_that_adverts_cannot_renew_in_time_is_lengthened() {
    let (split_brain, _, said) = instance("", "advert_int 4\nvip_lease 3");
    assert_eq!(split_brain.lease, Some(Lease::Seconds(8)));
    assert!(said.contains("(V) vip_lease 3 is less than two advert intervals - setting to 8"));
    let (split_brain, _, said) = instance("", "vip_lease soon");
    assert_eq!(split_brain.lease, None);
    assert!(said.contains("(V) vip_lease 'soon' ignored"), "{said}");
}

#[test]
fn heartbeats_are_interfaces_and_unicast_pairs() {
    let (split_brain, _, said) = instance(
        "",
        "heartbeat {\ninterface eth1\nunicast 10.1.0.1 10.1.0.2\nunicast 10.2.0.1 10.2.0.2 dev eth2\n\
         interface eth0\n}",
    );
    let unicast = |text: [&str; 2], interface: Option<&str>| Heartbeat::Unicast {
        source: text[0].parse().unwrap(),
        destination: text[1].parse().unwrap(),
        interface: interface.map(str::to_owned),
    };
    let paths = vec![
        Heartbeat::Interface("eth1".into()),
        unicast(["10.1.0.1", "10.1.0.2"], None),
        unicast(["10.2.0.1", "10.2.0.2"], Some("eth2")),
    ];
    assert_eq!(split_brain.heartbeats, paths, "the own interface is none: {said}");
    for wrong in ["eth1", "interface", "unicast 10.1.0.1", "unicast 10.1.0.1 fe80::1"] {
        let (split_brain, _, said) = instance("", &format!("heartbeat {{\n{wrong}\n}}"));
        assert!(split_brain.heartbeats.is_empty());
        assert!(said.contains("(V) heartbeat cannot be used - ignoring"), "{wrong}: {said}");
    }
}

#[test]
fn a_heartbeat_does_not_meet_another_router_of_its_number() {
    let one = |name: &str, interface: &str, lines: &str| {
        format!(
            "vrrp_instance {name} {{\ninterface {interface}\nvirtual_router_id 5\n\
             virtual_ipaddress {{\n10.9.0.7\n}}\nheartbeat {{\n{lines}\n}}\n}}\n"
        )
    };
    let (config, said) = read(&format!(
        "{}{}{}",
        one("A", "eth0", "interface eth1\ninterface eth3\nunicast fe80::1 fe80::2"),
        one("B", "eth1", "interface eth2"),
        one("C", "eth4", "interface eth2\nunicast 10.3.0.1 10.3.0.2"),
    ));
    let count = |at: usize| config.vrrp.instances[at].split_brain.heartbeats.len();
    assert_eq!([count(0), count(1), count(2)], [1, 1, 1], "{said}");
    assert!(said.contains("(A) VRID 5 of a heartbeat is in use on eth1 - ignoring"), "{said}");
    assert!(said.contains("(C) VRID 5 of a heartbeat is in use on eth2 - ignoring"), "{said}");
    assert!(said.contains("(A) heartbeat of another address family - ignoring"), "{said}");
}

#[test]
fn detection_reports_unless_it_is_told_more() {
    let conflict = |line: &str| instance("", line).0.conflict;
    assert_eq!(conflict("conflict_detection"), Some(ConflictAction::Report));
    assert_eq!(conflict("conflict_detection yield"), Some(ConflictAction::Yield));
    assert_eq!(conflict("conflict_detection insist"), Some(ConflictAction::Insist));
    assert_eq!(conflict("conflict_detection off"), None);
    let inherited = instance("conflict_detection insist", "conflict_detection off");
    assert_eq!(inherited.0.conflict, None);
}

const ARBITER: &str = "vrrp_arbiter w {\nping 10.9.0.254\ntcp 10.9.0.253 443\narp 10.9.0.252 dev eth0\n\
                       http 10.9.0.251 80 /alive\ninterval 0.5\nrise 2\nfall 3\nquorum 2\n}\n";

#[test]
fn an_arbiter_is_found_wherever_it_stands_and_serves_instances_and_groups() {
    let instance = |name: &str, id: u8, lines: &str| {
        format!(
            "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {id}\nvirtual_ipaddress {{\n\
             10.9.0.{id}\n}}\n{lines}\n}}\n"
        )
    };
    let (config, said) = read(&format!(
        "{}{}vrrp_sync_group G {{\ngroup {{\nV\nW\n}}\narbiter w\n}}\n{ARBITER}",
        instance("V", 5, "arbiter w keep"),
        instance("W", 6, "track_probe {\nw weight -20 reverse\nother\n}"),
    ));
    assert!(said.contains("(W) vrrp_arbiter other not found, ignoring..."), "{said}");
    let [arbiter] = &config.vrrp.arbiters[..] else { panic!("{said}") };
    assert_eq!(arbiter.witnesses.len(), 4);
    assert_eq!(arbiter.witnesses[0], Witness::Ping("10.9.0.254".parse().unwrap()));
    assert_eq!(arbiter.witnesses[3].to_string(), "http 10.9.0.251:80 /alive");
    assert_eq!(
        (arbiter.interval, arbiter.timeout),
        (Duration::from_millis(500), Duration::from_millis(500))
    );
    assert_eq!((arbiter.rise, arbiter.fall, arbiter.quorum), (2, 3, 2));
    let used = |at: usize| config.vrrp.instances[at].split_brain.arbiter;
    assert_eq!(used(0), Some(UsedArbiter { arbiter: ArbiterId(0), keeps: true }));
    assert_eq!(used(1), Some(UsedArbiter { arbiter: ArbiterId(0), keeps: false }));
    let probe = TrackProbe {
        arbiter: ArbiterId(0),
        weight: base::Weight::new(-20).unwrap(),
        reverse: true,
    };
    assert_eq!(config.vrrp.instances[1].split_brain.track_probes, vec![probe]);
}

#[test]
fn an_arbiter_without_a_witness_is_none() {
    for (lines, message) in [
        ("", "vrrp_arbiter w has no witness"),
        ("ping nobody", "(w) witness cannot be used - ignoring"),
        ("tcp 10.9.0.1 70000", "(w) witness cannot be used - ignoring"),
        ("arp fe80::1 dev eth0", "(w) witness cannot be used - ignoring"),
        ("ping 10.9.0.1\nquorum 2", "has fewer witnesses than its quorum"),
    ] {
        let (config, said) = read(&format!("vrrp_arbiter w {{\n{lines}\n}}\n"));
        assert!(said.contains(message), "{lines}: {said}");
        assert_eq!(config.vrrp.arbiters.len(), usize::from(lines.contains("quorum")));
    }
}
