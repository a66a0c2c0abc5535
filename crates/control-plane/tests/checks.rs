//! Settings that do not go together: what keepalived says, and what becomes of them.
//!
//! Each case is a small valid configuration with one deviation. The expected lines are those of
//! keepalived 2.4.3, without the number of the line.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::path::Path;

use control_plane::model::Preempt;
use control_plane::model::vrrp::{HmacMode, InitialState};
use control_plane::source::{FileFacts, FileKind};
use control_plane::{Code, Loaded, MemorySource, Options, load};

fn read(text: &str) -> Loaded {
    let mut source =
        MemorySource::new("/k.conf", text).with_program("/usr/bin/env").with("/tmp/other", "");
    let changeable = FileFacts { kind: FileKind::Regular, mode: 0o777, uid: 0, gid: 0 };
    source.facts.insert("/usr/bin/changeable".into(), changeable);
    let interfaces = ["eth0", "eth1", "lo"].map(str::to_owned);
    let options = Options { interfaces: Some(BTreeSet::from(interfaces)), ..Options::default() };
    load(Path::new("/k.conf"), &source, &options)
}

/// What is said, without numbers of lines.
fn said(text: &str) -> Vec<String> {
    let loaded = read(text);
    let plain = |line: String| match line.split_once(") ") {
        Some((prefix, rest)) if prefix.starts_with("(Line ") => rest.to_owned(),
        _ => line,
    };
    let mut loaded = loaded;
    loaded.diagnostics.retain(|one| one.code != Code::NotYet);
    loaded.diagnostics.log_lines().map(plain).collect()
}

/// An instance with some lines more; `before` stands outside of it.
fn instance_after(before: &str, lines: &str) -> String {
    format!(
        "global_defs {{\n script_user root\n enable_script_security\n}}\n{before}\nvrrp_instance V \
         {{\n interface eth0\n virtual_router_id 5\n{lines}\n virtual_ipaddress {{\n 10.9.0.77\n }}\n}}\n"
    )
}

fn instance(lines: &str) -> String {
    instance_after("", lines)
}

fn check_all(make: fn(&str) -> String, cases: &[(&str, &[&str])]) {
    for (lines, expected) in cases {
        assert_eq!(said(&make(lines)), *expected, "for:\n{lines}");
    }
}

#[test]
fn adverts_and_elections() {
    check_all(
        instance,
        &[
            (
                "advert_int 0.5",
                &["(V) VRRPv2 advertisement interval 0.500000s must be an integer. rounding"],
            ),
            (
                "advert_int 1.4",
                &["(V) VRRPv2 advertisement interval 1.400000s must be an integer. rounding"],
            ),
            (
                "version 3\nadvert_int 50",
                &[
                    "(V) VRRPv3 advertisement interval 50.00s is out of range. Must be less than 40.96s. Setting to 40.95s",
                ],
            ),
            (
                "version 3\nadvert_int 0.015",
                &[
                    "(V) VRRPv3 advertisement interval 0.015000s must be in units of 10ms - rounding",
                ],
            ),
            (
                "advert_int 0",
                &[
                    "number '0' outside range [0.010000, 255.000000]",
                    "(V) Advert interval (0) not valid! Must be > 0 - ignoring",
                ],
            ),
            (
                "advert_int 256",
                &[
                    "number '256' outside range [0.010000, 255.000000]",
                    "(V) Advert interval (256) not valid! Must be > 0 - ignoring",
                ],
            ),
            (
                "state MASTER\nnopreempt",
                &["(V) Warning - nopreempt will not work with initial state MASTER - clearing"],
            ),
            (
                "nopreempt\npreempt_delay 5",
                &["(V) preempt_delay is incompatible with nopreempt mode - resetting"],
            ),
            (
                "state MASTER\npreempt_delay 5",
                &["(V) Warning - preempt delay will not work with initial state MASTER - clearing"],
            ),
            (
                "priority 300",
                &[
                    "number '300' outside range [1, 255]",
                    "(V) Priority not valid! must be between 1 & 255. Using default 100",
                ],
            ),
            ("timer_expired_backup", &["(V) expired_timer_backup requires nopreempt - resetting"]),
            (
                "owner_ignore_adverts",
                &["(V) ignoring owner_ignore_adverts since priority is not 255"],
            ),
            (
                "priority 255\nowner_ignore_adverts off",
                &["(V) strict_mode with priority 255 requires owner_ignore_adverts"],
            ),
            ("state PRIMARY", &["(V) unknown state 'PRIMARY', defaulting to BACKUP"]),
        ],
    );
}

#[test]
fn authentication() {
    check_all(
        instance,
        &[
            (
                "authentication {\nauth_type PASS\nauth_pass 123456789\n}",
                &["Truncating auth_pass to 8 characters"],
            ),
            (
                "authentication {\nauth_type PASS\n}",
                &["(V) Authentication specified but no password given. Ignoring"],
            ),
            ("authentication {\nauth_pass x\n}", &[]),
            (
                "version 3\nauthentication {\nauth_type PASS\nauth_pass x\n}",
                &["(V) VRRP version 3 does not support authentication. Ignoring."],
            ),
            (
                "auth_hmac {\nkey 1 0123456789abcdef0123456789abcdef\n}",
                &["(V) auth_hmac active_key 0 is not defined, disabling extension"],
            ),
            (
                "auth_hmac {\nkey 1 12345678\nactive_key 1\n}",
                &[
                    "(V) auth_hmac key 1 length 8 not in range [32, 64]",
                    "(V) auth_hmac active_key 1 is not defined, disabling extension",
                ],
            ),
            (
                "authentication {\nauth_type PASS\nauth_pass x\n}\nauth_hmac {\nkey 1 0123456789abcdef0123456789abcdef\nactive_key 1\n}",
                &["(V) auth_hmac cannot be combined with authentication, dropping legacy auth"],
            ),
            (
                "auth_hmac {\nkey 1 0123456789abcdef0123456789abcdef\nkey 1 0123456789abcdef0123456789abcdef\nactive_key 1\n}",
                &["(V) duplicate auth_hmac key id 1"],
            ),
        ],
    );
}

#[test]
fn unicast_and_sources() {
    let no_peers = "(V) A unicast keyword has been specified without any unicast peers. Defaulting to multicast. This usage is deprecated - please update your configuration.";
    check_all(
        instance,
        &[
            ("unicast_peer {\n}", &[no_peers]),
            ("unicast_src_ip 10.9.0.1", &[no_peers]),
            ("unicast_peer {\n10.9.0.2\n10.9.0.2\n}", &["(V) 10.9.0.2 - duplicate unicast_peer"]),
            (
                "unicast_peer {\n2001:db8::2\n}",
                &[
                    "(V): address family must match VRRP instance [10.9.0.77] - ignoring",
                    "(V) No VIP specified; at least one is required",
                ],
            ),
            ("unicast_ttl 5", &["(V): Cannot use unicast_ttl without unicast peers - resetting"]),
            (
                "unicast_peer {\n10.9.0.2 min_ttl 9 max_ttl 3\n}",
                &["(V) 10.9.0.2 - min_ttl 9 > max_ttl 3 - all packets will be discarded"],
            ),
            ("mcast_dst_ip 10.9.0.2", &["(V) mcast_dst_ip 10.9.0.2 not multicast. Skipping..."]),
            (
                "mcast_src_ip 2001:db8::1",
                &[
                    "(V): address family must match VRRP instance [10.9.0.77] - ignoring",
                    "(V) No VIP specified; at least one is required",
                ],
            ),
        ],
    );
}

#[test]
fn interfaces() {
    check_all(
        instance,
        &[
            (
                "use_vmac\nunicast_peer {\n10.9.0.2\n}",
                &["(V) unicast with use_vmac requires vmac_xmit_base - setting"],
            ),
            (
                "use_vmac\nuse_ipvlan",
                &[
                    "(V) IPv4 ipvlan requires a source ip address to be configured. setting instance to fault state",
                ],
            ),
            ("vmac_xmit_base", &["(V) vmac_xmit_base is only valid with a vmac"]),
            (
                "use_vmac vrrp.5 01:00:00:00:00:01",
                &["VMAC MAC address is multicast 01:00:00:00:00:01 - ignoring"],
            ),
            (
                "use_vmac vrrp.5 00:00:5e:00:01:05",
                &[
                    "VMAC MAC address not allowed to be RFC5798 address (00:00:5e:00:01:05) - ignoring",
                ],
            ),
            ("use_vmac vrrp.5 02:00:00:00:01", &[]),
            ("interface lo", &["(V) cannot use a loopback interface (lo) for vrrp - ignoring"]),
            (
                "track_interface {\neth1 weight 254\n}",
                &["(V) weight for eth1 cannot be +/-254. Setting to +/-253"],
            ),
            (
                "track_interface {\neth1 weight 255\n}",
                &[
                    "number '255' outside range [-254, 254]",
                    "(V) weight 255 for eth1 must be between [-253..253] inclusive. Ignoring...",
                ],
            ),
            (
                "track_interface {\neth1\neth1\n}",
                &["(V) duplicate track_interface eth1 - ignoring"],
            ),
            (
                "track_interface {\neth0\n}",
                &["(V) Ignoring track_interface eth0 since own interface"],
            ),
            ("vrf eth1", &["(V) Cannot specify VRF interface and interface - ignoring"]),
        ],
    );
}

#[test]
fn strict_mode() {
    let strict = |lines: &str| instance(&format!("strict_mode\n{lines}"));
    check_all(
        strict,
        &[
            ("", &[]),
            (
                "unicast_peer {\n10.9.0.2\n}",
                &["(V) Unicast peers are not supported in strict mode"],
            ),
            (
                "authentication {\nauth_type PASS\nauth_pass x\n}",
                &["(V) Strict mode does not support authentication. Ignoring."],
            ),
            ("state MASTER\npriority 100", &["(V) State MASTER must match being address owner"]),
            (
                "accept",
                &[
                    "(V) warning - accept mode for VRRP version 2 does not comply with RFC3768 - resetting",
                ],
            ),
            (
                "preempt_delay 5",
                &["(V) preempt_delay is incompatible with strict mode - resetting"],
            ),
            (
                "down_timer_adverts 5",
                &["(V) down_timer_adverts is incompatible with strict mode - resetting"],
            ),
            (
                "garp_lower_prio_repeat 3\ngarp_lower_prio_delay 4",
                &[
                    "(V) Strict mode requires no repeat garps. resetting",
                    "(V) Strict mode requires no repeat garp delay. resetting",
                ],
            ),
            ("garp_lower_prio_repeat 0\ngarp_lower_prio_delay 0\ngarp_master_repeat 3", &[]),
            (
                "lower_prio_no_advert off",
                &["(V) Strict mode requires no lower priority advert. resetting"],
            ),
            ("lower_prio_no_advert on\nhigher_prio_send_advert off", &[]),
            (
                "higher_prio_send_advert on",
                &["(V) strict mode requires higher_prio_send_advert to be clear. resetting"],
            ),
            ("state BACKUP\npriority 255", &["(V) State MASTER must match being address owner"]),
            ("state MASTER\npriority 255", &[]),
            (
                "auth_hmac {\nkey 1 0123456789abcdef0123456789abcdef\nactive_key 1\nmode permissive\n}",
                &["(V) strict mode requires auth_hmac mode enforce. resetting"],
            ),
        ],
    );
    let bare = |mode: &str, vip: &str| {
        instance(mode).replace(" virtual_ipaddress {\n 10.9.0.77\n }\n", vip)
    };
    let (ours, theirs) =
        (" virtual_ipaddress {\n fe80::77\n }\n", "virtual_ipaddress {\n2001:db8::7\n}\n");
    let cases: [(&str, &str, &[&str]); 5] = [
        (
            "strict_mode",
            "no_virtual_ipaddress\n",
            &["(V) No VIP specified; at least one is required"],
        ),
        ("", "no_virtual_ipaddress\n", &[]),
        ("strict_mode", ours, &[]),
        ("strict_mode", theirs, &["(V) the first IPv6 VIP address must be link local"]),
        (
            "strict_mode\nversion 2",
            ours,
            &["(V) cannot use IPv6 with VRRP version 2; setting version 3"],
        ),
    ];
    for (mode, vip, expected) in cases {
        assert_eq!(said(&bare(mode, vip)), expected, "{mode} {vip}");
    }
}

#[test]
fn strict_mode_means_what_nobody_has_written() {
    let resolved = |before: &str, lines: &str| {
        let loaded = read(&instance_after(before, lines));
        loaded.config.unwrap().vrrp.instances.first().cloned()
    };
    let lenient = "global_defs {\nvrrp_garp_lower_prio_repeat 3\nvrrp_garp_lower_prio_delay 4\n\
                   vrrp_lower_prio_no_advert off\nvrrp_higher_prio_send_advert on\n}";
    for before in ["", lenient] {
        let strict = resolved(before, "strict_mode\npriority 255").unwrap();
        assert_eq!(strict.garp.lower_prio_repeat, 0);
        assert!(strict.garp.lower_prio_delay.is_zero());
        assert!(strict.lower_prio_no_advert && !strict.higher_prio_send_advert);
        assert!(strict.owner_ignore_adverts);
    }
    let plain = resolved(lenient, "priority 255").unwrap();
    assert_eq!(plain.garp.lower_prio_repeat, 3);
    assert!(!plain.lower_prio_no_advert && plain.higher_prio_send_advert);
    assert!(!plain.owner_ignore_adverts);
    let hmac = "strict_mode\nauth_hmac {\nkey 1 0123456789abcdef0123456789abcdef\nactive_key 1\nmode permissive\n}";
    let hmac = resolved("", hmac).unwrap().hmac.unwrap();
    assert_eq!(hmac.mode, HmacMode::Enforce);
}

#[test]
fn a_strict_instance_speaks_to_peers_only_where_there_is_no_multicast() {
    let text = instance("strict_mode\nunicast_peer {\n10.9.0.2\n}");
    for (without, instances) in [(BTreeSet::new(), 0), (BTreeSet::from(["eth0".to_owned()]), 1)] {
        let options = Options { without_multicast: without, ..Options::default() };
        let loaded =
            load(Path::new("/k.conf"), &MemorySource::new("/k.conf", text.as_str()), &options);
        assert_eq!(loaded.diagnostics.errors().count(), 1 - instances);
        assert_eq!(loaded.config.unwrap().vrrp.instances.len(), instances);
    }
}

#[test]
fn an_owner_wants_to_be_master_and_waits_for_nothing() {
    let nopreempt = "(V) Warning - nopreempt will not work with initial state MASTER - clearing";
    let useless = "(V) nopreempt is incompatible with priority 255. resetting nopreempt";
    let delay = "(V) Warning - preempt delay will not work with initial state MASTER - clearing";
    check_all(
        instance,
        &[
            ("priority 255\nnopreempt", &[nopreempt]),
            ("state BACKUP\npriority 255\nnopreempt", &[useless]),
            ("state MASTER\npriority 255\nnopreempt", &[nopreempt]),
            ("priority 255\npreempt_delay 5", &[delay]),
            ("state BACKUP\npriority 255\npreempt_delay 5", &[]),
            ("strict_mode\npriority 255\npreempt_delay 5", &[delay]),
        ],
    );
    let owner = read(&instance("priority 255\nnopreempt")).config.unwrap();
    let owner = &owner.vrrp.instances[0];
    assert_eq!(owner.wanted_state, InitialState::Master);
    assert_eq!(owner.preempt, Preempt::After(base::Duration::ZERO));
}

#[test]
fn scripts_and_other_trackers() {
    let tracked = |text: &str| {
        let (before, lines) = text.split_once("---").unwrap();
        instance_after(before, lines)
    };
    check_all(
        tracked,
        &[
            (
                "vrrp_script s {\nscript /usr/bin/env\nweight 5\n}---priority 255\ntrack_script {\ns\n}",
                &["(V) ignoring tracked script s with weights due to address_owner"],
            ),
            (
                "vrrp_script s {\n}---track_script {\ns\n}",
                &[
                    "No script set for vrrp_script s - removing",
                    "(V) track script s not found, ignoring...",
                ],
            ),
            (
                "vrrp_script s {\nscript /usr/bin/env\n}---track_script {\ns\ns\n}",
                &["(V) duplicate track_script s - ignoring"],
            ),
            (
                "vrrp_script s {\nscript /usr/bin/changeable\n}---track_script {\ns\n}",
                &["Disabling track script s due to insecure"],
            ),
            (
                "vrrp_script s {\nscript /usr/bin/env\nuser nobody1\n}---track_script {\ns\n}",
                &[
                    "Unable to set uid/gid for script '/usr/bin/env'",
                    "(V) track script s not found, ignoring...",
                ],
            ),
            (
                "vrrp_track_process s {\n}---track_process {\ns\n}",
                &[
                    "track process 's' process name not specified",
                    "(V) track process s not found, ignoring...",
                ],
            ),
            (
                "track_file s {\n}---track_file {\ns\n}",
                &[
                    "No file set for track_file s - ignoring",
                    "(V) track file s not found, ignoring...",
                ],
            ),
            (
                "bfd_instance b {\n}---track_bfd {\nb\n}",
                &[
                    "Configuration error: BFD instance b has no neighbor address set, disabling instance",
                    "(V) track bfd b not found, ignoring...",
                ],
            ),
            (
                "bfd_instance b {\nneighbor_ip 10.9.0.2\n}\nbfd_instance c {\nneighbor_ip 10.9.0.2\n}---",
                &[
                    "Configuration error: BFD instance c has duplicate neighbor address 10.9.0.2, ignoring instance",
                ],
            ),
            (
                "---notify /usr/bin/env\nnotify /usr/bin/env",
                &["(V) notify script already specified - ignoring /usr/bin/env"],
            ),
        ],
    );
}

#[test]
fn identities() {
    let two = |second: &str| format!("{}vrrp_instance W {{\n{second}\n}}\n", instance(""));
    check_all(
        two,
        &[
            (
                "interface eth0\nvirtual_router_id 5\nvirtual_ipaddress {\n10.9.0.78\n}",
                &["V and W both use VRID 5 with IPv4 on interface eth0"],
            ),
            ("interface eth1\nvirtual_router_id 5\nvirtual_ipaddress {\n10.9.0.78\n}", &[]),
            ("interface eth0\nvirtual_router_id 5\nvirtual_ipaddress {\n2001:db8::1\n}", &[]),
            (
                "interface eth0\nvirtual_router_id 5\nunicast_peer {\n10.9.0.2\n}\nvirtual_ipaddress {\n10.9.0.78\n}",
                &[],
            ),
            ("interface eth0\nvirtual_router_id 6\nvirtual_ipaddress {\n10.9.0.77\n}", &[]),
            ("virtual_router_id 6\nvirtual_ipaddress {\n10.9.0.77\n}", &["(W) Unknown interface!"]),
            (
                "interface eth0\nvirtual_ipaddress {\n10.9.0.77\n}",
                &["(W) the virtual router id must be set"],
            ),
            (
                "interface eth0\nvirtual_router_id 6",
                &["(W) No VIP specified; at least one is sensible"],
            ),
            (
                "interface eth0\nvirtual_router_id 6\nversion 3",
                &["(W) No VIP specified; at least one is required"],
            ),
            ("interface eth0\nvirtual_router_id 6\nno_virtual_ipaddress", &[]),
        ],
    );
    let twice = format!("{}{}", instance(""), instance("").replace("enable_script_security", ""));
    assert_eq!(said(&twice), ["vrrp instance V already defined"]);
}

#[test]
fn entries_of_addresses_routes_and_rules() {
    let entry = |text: &str| {
        let (block, entry) = text.split_once(": ").unwrap();
        instance(&format!("{block} {{\n{entry}\n}}"))
    };
    check_all(
        entry,
        &[
            (
                "virtual_ipaddress: 10.9.1.1/33",
                &[
                    "number '33' outside range [0, 32]",
                    "Invalid address prefix len 33 for address 10.9.1.1/33 - using 32",
                ],
            ),
            ("virtual_ipaddress: 10.9.1", &["VRRP parsed invalid IP 10.9.1. skipping IP..."]),
            ("virtual_ipaddress: 10.9.1.1 dev", &["No dev parameter specified for 10.9.1.1"]),
            (
                "virtual_ipaddress: 10.9.1.1 bogus",
                &["Unknown configuration entry 'bogus' for ip address - ignoring"],
            ),
            (
                "virtual_ipaddress: 10.9.1.1\n10.9.1.1",
                &["(V): VIP duplicates a VIP 10.9.1.1 - ignoring"],
            ),
            (
                "virtual_ipaddress: 10.9.1.1/24 scope 300",
                &["Invalid scope '300' specified for 10.9.1.1/24 - ignoring"],
            ),
            (
                "virtual_ipaddress: 10.9.1.1 label 1234567890123456",
                &[
                    "Address label 1234567890123456 is longer than maximum length 15 - removing address",
                ],
            ),
            ("virtual_routes: via 10.9.0.1", &["Route must have a destination"]),
            (
                "virtual_routes: bogus",
                &["VRRP parsed invalid IP bogus. skipping IP...", "unknown route keyword bogus"],
            ),
            (
                "virtual_routes: 192.0.2.7/24 gw 10.9.0.1",
                &["\"gw\" for routes is deprecated. Please use \"via\""],
            ),
            ("virtual_routes: 192.0.2.7/24 via 10.9.0.1 metric 5 mtu lock 1400", &[]),
            (
                "virtual_rules: from 192.0.2.0/24 preference 7",
                &["No action specified for rule - ignoring"],
            ),
            (
                "virtual_rules: from 192.0.2.0/24 table 1 nop preference 7",
                &[
                    "Cannot specify more than one of table/nop/goto/blackhole/prohibit/unreachable for rule",
                ],
            ),
            (
                "virtual_rules: from 192.0.2.0/24 table 1",
                &[
                    "Rule has no preference specified - setting to 16384. This is probably not what you want.",
                ],
            ),
            (
                "virtual_rules: from 192.0.2.0/24 goto 5 preference 7",
                &["Invalid rule - preference 7 >= goto target 5"],
            ),
            (
                "virtual_rules: from 192.0.2.0/24 table 1 preference 7 protocol 5",
                &[
                    "Rule cannot be tracked if protocol is not RTPROT_KEEPALIVED(18), resetting protocol",
                ],
            ),
        ],
    );
}

/// A virtual server; `lines` replace the protocol, the real server follows.
fn server(lines: &str) -> String {
    let (lines, real) =
        lines.split_once("---").unwrap_or((lines, "real_server 10.0.0.2 80 {\nTCP_CHECK {\n}\n}"));
    format!(
        "virtual_server 10.0.0.1 80 {{\nlb_algo rr\nlb_kind NAT\nprotocol TCP\n{lines}\n{real}\n}}\n"
    )
}

#[test]
fn virtual_servers() {
    check_all(
        server,
        &[
            ("", &[]),
            (
                "---real_server 10.0.0.2 80 {\n}\nreal_server 10.0.0.2 80 {\n}",
                &[
                    "VS [10.0.0.1]:tcp:80: real server [10.0.0.2]:tcp:80 is duplicated - removing second rs",
                ],
            ),
            (
                "quorum 5",
                &[
                    "Warning - quorum 5 for [10.0.0.1]:tcp:80 exceeds total weight of real servers 1, reducing quorum to 1",
                ],
            ),
            (
                "hysteresis 1",
                &[
                    "Virtual server [10.0.0.1]:tcp:80: hysteresis 1 >= quorum 1; setting hysteresis to 0",
                ],
            ),
            (
                "ops",
                &[
                    "Virtual server [10.0.0.1]:tcp:80: one packet scheduling requires UDP - resetting",
                ],
            ),
            ("sh-port", &["sh-port only applies to sh scheduler - ignoring"]),
            (
                "lb_kind DR\n---real_server 10.0.0.2 81 {\n}",
                &[
                    "WARNING - virtual server [10.0.0.1]:tcp:80 and real server [10.0.0.2]:tcp:81 ports don't match - resetting",
                ],
            ),
            (
                "---real_server 2001:db8::2 80 {\n}",
                &[
                    "Address family of virtual server and real server 2001:db8::2 don't match - skipping real server.",
                    "Virtual server [10.0.0.1]:tcp:80 has no real servers - ignoring",
                ],
            ),
            (
                "sorry_server 2001:db8::2 80",
                &[
                    "Address family of virtual server and sorry server 2001:db8::2 don't match - skipping sorry server.",
                ],
            ),
            (
                "sorry_server_inhibit\nsorry_server 10.0.0.3 80",
                &["Ignoring sorry_server inhibit used before or without sorry_server"],
            ),
            ("---", &["Virtual server [10.0.0.1]:tcp:80 has no real servers - ignoring"]),
            ("lb_algo zz", &["Invalid lvs_scheduler 'zz' - ignoring"]),
        ],
    );
    let bare = |head: &str, lines: &str| {
        format!("virtual_server {head} {{\n{lines}\nreal_server 10.0.0.2 {{\n}}\n}}\n")
    };
    assert_eq!(
        said(&bare("10.0.0.1 80", "lb_kind NAT\nprotocol TCP")),
        ["Virtual server [10.0.0.1]:tcp:80: no scheduler set, setting default 'wlc'"]
    );
    assert_eq!(
        said(&bare("10.0.0.1 80", "lb_algo rr\nprotocol TCP")),
        ["Virtual server [10.0.0.1]:tcp:80: no forwarding method set, setting default NAT"]
    );
    assert_eq!(
        said(&bare("10.0.0.1 80", "lb_algo rr\nlb_kind NAT")),
        ["Virtual server [10.0.0.1]:none:80: no protocol set - defaulting to UDP"]
    );
    assert_eq!(
        said(&bare("10.0.0.1 0", "lb_algo rr\nlb_kind NAT\nprotocol TCP")),
        ["Virtual server [10.0.0.1]:tcp:0: zero port only valid for persistent services - setting"]
    );
    assert_eq!(
        said(&bare("fwmark 5", "lb_algo rr\nlb_kind NAT\nreal_server 2001:db8::1 {\n}")),
        [
            "Address family of virtual server and real server 10.0.0.2 don't match - skipping real server."
        ]
    );
    assert_eq!(
        said(&format!(
            "virtual_server_group G {{\n10.8.0.1\n}}\n{}",
            bare("group G", "lb_algo rr\nlb_kind NAT\nprotocol TCP")
        )),
        ["Virtual server [G]:0: zero port only valid for persistent services - setting"]
    );
    assert_eq!(
        said(&bare("fwmark 5", "lb_algo rr\nlb_kind NAT\nprotocol TCP")),
        ["Warning: Virtual server FWM 5: protocol specified for fwmark - protocol will be ignored"]
    );
}

#[test]
fn checks_of_real_servers() {
    let check = |check: &str| server(&format!("---real_server 10.0.0.2 80 {{\n{check}\n}}"));
    check_all(
        check,
        &[
            ("HTTP_GET {\n}", &["HTTP/SSL_GET checker has no urls specified - ignoring"]),
            (
                "HTTP_GET {\nurl {\n}\n}",
                &[
                    "HTTP/SSL_GET checker url has no path - ignoring",
                    "HTTP/SSL_GET checker has no urls specified - ignoring",
                ],
            ),
            (
                "HTTP_GET {\nurl {\npath /\nstatus_code 99\n}\n}",
                &["Invalid HTTP_GET status code '99'"],
            ),
            (
                "HTTP_GET {\nurl {\npath /\nstatus_code 200-204 301\n}\nnb_get_retry 3\n}",
                &["nb_get_retry is deprecated - please use 'retry'"],
            ),
            ("MISC_CHECK {\n}", &["No script path has been specified for MISC_CHECKER - skipping"]),
            (
                "BFD_CHECK {\n}",
                &["([10.0.0.2]:tcp:80) No name has been specified for BFD_CHECKER - skipping"],
            ),
            (
                "TCP_CHECK {\nconnect_ip 10.0.0.3\nbindto 2001:db8::1\n}",
                &[
                    "bindto address 2001:db8::1 does not match address family of connect_ip - skipping",
                ],
            ),
            ("UDP_CHECK {\npayload 0g\n}", &["Invalid hex string for UDP_CHECK payload"]),
            ("DNS_CHECK {\ntype ZZ\n}", &["Unknown DNS check type ZZ - ignoring"]),
            (
                "FILE_CHECK {\ntrack_file zz\n}",
                &["track_file zz not found", "FILE_CHECK has no track_file specified - ignoring"],
            ),
        ],
    );
}
