//! Every keyword of VRRP has an effect that can be seen: each has a row here, a configuration that is
//! played with and without it in virtual time, and something that must be seen with it alone (or without
//! it alone). What happens in the kernel, in files or in other processes is seen by tests elsewhere,
//! which are named.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod elsewhere;
mod globals;
mod groups;
mod instance;
mod trace;
mod tracking;

use std::collections::BTreeSet;

use control_plane::keywords::{self, Block};
use effects::Table;

/// A row about this machine.
type Row = effects::Row<trace::Act>;

fn rows() -> Vec<Row> {
    [instance::rows(), tracking::rows(), groups::rows(), globals::rows()].concat()
}

#[test]
fn each_keyword_changes_what_is_sent_programmed_told_or_logged() {
    let wrong: Vec<String> =
        rows().iter().filter_map(|row| row.judge(trace::trace).err()).collect();
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_keyword_is_without_a_test_of_its_effect() {
    let mut tested: BTreeSet<(Block, &str)> =
        rows().iter().map(|row| (row.block, row.keyword)).collect();
    tested.extend(elsewhere::all().iter().map(|test| (test.block, test.keyword)));
    let gaps = Table::Vrrp.gaps(&tested);
    assert!(gaps.is_empty(), "{gaps:#?}");
}

#[test]
fn the_tests_elsewhere_exist_and_name_their_keywords() {
    let wrong: Vec<String> = elsewhere::all()
        .iter()
        .filter_map(|test| test.judge(&elsewhere::CONFIGURATIONS).err())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Words of entries that both daemons read here, and whose outcome in the kernel has to be the same:
/// `kernel_objects.rs` of the lab.
const COMPARED: [&str; 2] = [
    include_str!("../../../../tests/lab/scenarios/kernel-objects.conf"),
    include_str!("../../../../tests/lab/scenarios/kernel-object-names.conf"),
];

/// Those that are seen elsewhere, or that nothing follows from.
const OTHER_WORDS: [(&str, &str); 11] = [
    ("ADDR[/LEN]", "the address itself"),
    ("DEST[/LEN]|default", "the destination itself"),
    ("TYPE", "its values: blackhole, unreachable, prohibit, throw, unicast"),
    ("no_track", "no_track.rs: what_has_no_track_stays_away_until_the_next_takeover"),
    ("track_group", "no_track.rs: an_instance_follows_the_static_entries_of_its_track_group"),
    ("use_vmac", "vmac.rs: links_addresses_settings_and_rules_are_as_with_keepalived"),
    ("vrf", "ipvlan.rs: a_vmac_and_routes_are_in_a_vrf_as_with_keepalived"),
    ("as", "reported as unusable"),
    ("inet", "says the family, which the addresses say too"),
    ("inet6", "says the family, which the addresses say too"),
    ("ttl-propagate", "of MPLS, which the lab's kernels have not"),
];

#[test]
fn no_word_of_an_entry_is_without_a_comparison_with_keepalived() {
    let words: BTreeSet<&str> = COMPARED.iter().flat_map(|text| text.split_whitespace()).collect();
    let is_seen =
        |name: &str| words.contains(name) || OTHER_WORDS.iter().any(|(other, _)| *other == name);
    let entries = [Block::AddressEntry, Block::RouteEntry, Block::RuleEntry];
    let missing: Vec<(Block, &str)> = keywords::all()
        .map(|(block, keyword)| (block, keyword.name))
        .filter(|(block, name)| entries.contains(block) && !is_seen(name))
        .collect();
    assert!(missing.is_empty(), "not compared: {missing:?}");
}
