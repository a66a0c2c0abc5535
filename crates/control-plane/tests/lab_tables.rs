//! The lab compares the IPVS table of many configurations with keepalived's. Each keyword about
//! virtual and real servers stands in one of them.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use control_plane::keywords::{self, Block};

/// The VRRP process has the first, so the lab looks at it in a story of its own, `sync_daemon.rs`; pipes
/// and checks that need a file or a BFD session have stories too.
const ELSEWHERE: [&str; 5] =
    ["lvs_sync_daemon", "lvs_notify_fifo", "lvs_notify_fifo_script", "FILE_CHECK", "BFD_CHECK"];

#[test]
fn every_keyword_of_virtual_servers_is_in_a_configuration_that_the_lab_compares() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/lab/ipvs");
    let mut said = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        said.extend(text.split_whitespace().map(str::to_owned));
    }
    let is_meant = |(block, name): &(Block, &str)| match block {
        Block::VirtualServer | Block::RealServer => true,
        Block::GlobalDefs => name.starts_with("lvs_") && !name.contains("netlink"),
        Block::Root => name.starts_with("virtual_server"),
        _ => false,
    };
    let missing: Vec<_> = keywords::all()
        .map(|(block, keyword)| (block, keyword.name))
        .filter(is_meant)
        .filter(|(_, name)| !said.contains(*name) && !ELSEWHERE.contains(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
