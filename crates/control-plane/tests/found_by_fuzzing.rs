//! Texts that the fuzzer has found to be read wrongly.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;

use control_plane::{Loaded, MemorySource, Options, load};

fn read(text: &str) -> Loaded {
    load(Path::new("/c"), &MemorySource::new("/c", text), &Options::default())
}

#[test]
fn a_virtual_server_of_a_group_that_does_not_exist_is_left_out() {
    let text = "virtual_server group NOBODY {\n delay_loop 6\n lvs_sched rr\n lvs_method DR\n protocol TCP\n \
                real_server 10.0.1.1 80 {\n }\n}\n\
                virtual_server 10.0.0.1 80 {\n lvs_sched rr\n lvs_method DR\n protocol TCP\n \
                real_server 10.0.1.1 80 {\n }\n}\n";
    let loaded = read(text);
    let told = loaded
        .diagnostics
        .log_lines()
        .any(|line| line.contains("Virtual server group NOBODY specified but not configured"));
    assert!(told, "{}", loaded.diagnostics.render());
    assert_eq!(loaded.config.unwrap().lvs.virtual_servers.len(), 1);
}

#[test]
fn a_word_that_definitions_have_made_long_is_not_told_whole() {
    let text = format!("$A={}\n$B={}\n~SEQ(N,1,50) $B\n", "x".repeat(1_000), "${A}".repeat(60));
    let loaded = read(&text);
    assert!(!loaded.diagnostics.is_empty());
    let longest = loaded.diagnostics.log_lines().map(|line| line.len()).max();
    assert!(longest < Some(3_000), "{longest:?}");
}

#[test]
fn sixty_thousand_addresses_are_compared_in_time() {
    let mut text = String::from(
        "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n",
    );
    for number in 0..60_000 {
        text.push_str(&format!(" 10.{}.{}.{}/32\n", number >> 16, number >> 8 & 255, number & 255));
    }
    text.push_str(" 10.0.0.1/32\n }\n}\n");
    let loaded = read(&text);
    let told = loaded
        .diagnostics
        .log_lines()
        .any(|line| line.contains("VIP duplicates a VIP 10.0.0.1/32"));
    assert!(told, "{}", loaded.diagnostics.render());
    let vrrp = loaded.config.unwrap().vrrp;
    assert_eq!(vrrp.instances[0].virtual_addresses.len(), 60_000);
}
