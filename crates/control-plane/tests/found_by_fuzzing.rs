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
