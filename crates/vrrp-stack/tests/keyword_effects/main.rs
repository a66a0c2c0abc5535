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

use control_plane::keywords::Block;
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

#[test]
fn no_word_of_an_entry_is_without_a_comparison_with_keepalived() {
    let mut seen = elsewhere::compared();
    seen.extend(elsewhere::ENTRIES.iter().map(|test| (test.block, test.keyword)));
    let gaps = Table::Entries.gaps(&seen);
    assert!(gaps.is_empty(), "{gaps:#?}");
    let wrong: Vec<String> =
        elsewhere::ENTRIES.iter().filter_map(|test| test.judge(&[]).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
