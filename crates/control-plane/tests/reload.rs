//! What a reload says it changes.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;

use control_plane::{Config, MemorySource, Options, diff, load};

const BASE: &str = "vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        10.0.0.1
    }
}
virtual_server 10.0.0.1 80 {
    protocol TCP
    lb_algo rr
    lb_kind DR
    real_server 10.0.0.2 80 { weight 1 }
}
";

fn config(text: &str) -> Config {
    let source = MemorySource::new("/k.conf", text);
    load(Path::new("/k.conf"), &source, &Options::default()).config.unwrap()
}

fn changes(from: &str, to: &str) -> Vec<String> {
    let text = BASE.replace(from, to);
    assert_ne!(text, BASE);
    diff(&config(BASE), &config(&text)).iter().map(ToString::to_string).collect()
}

#[test]
fn another_spelling_of_the_same_is_no_change() {
    assert!(changes("weight 1", "weight +1 # same").is_empty());
    assert!(changes("    interface eth0", "interface eth0\n priority 100").is_empty());
}

#[test]
fn addresses_and_servers_are_told_one_by_one() {
    assert_eq!(changes("10.0.0.1\n", "10.0.0.1\n10.0.0.9/24\n"), ["VIP 10.0.0.9/24 added to VI_1"]);
    assert_eq!(
        changes("        10.0.0.1\n", "10.0.0.3\n"),
        ["VIP 10.0.0.1/32 removed from VI_1", "VIP 10.0.0.3/32 added to VI_1"]
    );
    assert_eq!(
        changes("weight 1", "weight 2"),
        ["real_server 10.0.0.2:80 changed in [10.0.0.1]:tcp:80"]
    );
    assert_eq!(changes("lb_algo rr", "lb_algo wrr"), ["virtual_server [10.0.0.1]:tcp:80 changed"]);
}

#[test]
fn objects_are_told_by_their_name() {
    assert_eq!(
        changes("interface eth0", "interface eth0\n priority 7"),
        ["vrrp_instance VI_1 changed"]
    );
    assert_eq!(changes("VI_1", "VI_2"), ["vrrp_instance VI_1 removed", "vrrp_instance VI_2 added"]);
    assert_eq!(
        changes("vrrp_instance", "global_defs { router_id x }\nvrrp_instance"),
        ["global_defs changed"]
    );
}
