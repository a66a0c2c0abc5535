//! What a reload compares: meanings, not texts.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;

use control_plane::{Config, MemorySource, Options, load};

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

#[test]
fn another_spelling_of_the_same_means_the_same() {
    for (from, to) in
        [("weight 1", "weight +1 # same"), ("    interface eth0", "interface eth0\n priority 100")]
    {
        let text = BASE.replace(from, to);
        assert_ne!(text, BASE);
        assert_eq!(config(&text), config(BASE), "{to}");
    }
}
