//! Every keyword about virtual servers, real servers and checks has an effect that can be seen: each
//! has a row here, a configuration that is played with and without it against servers of virtual time,
//! and something that must be seen with it alone (or without it alone). What happens in the kernel, in
//! files or in other processes is seen by tests elsewhere, which are named.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod checks;
mod elsewhere;
mod network;
mod services;
mod trace;

use std::collections::BTreeSet;

use control_plane::keywords::Block;
use effects::Table;

/// A row about this machine.
type Row = effects::Row<trace::Act>;

fn rows() -> Vec<Row> {
    [network::rows(), checks::rows(), services::rows()].concat()
}

#[test]
fn each_keyword_changes_what_is_said_to_servers_or_what_follows_from_their_answers() {
    let wrong: Vec<String> =
        rows().iter().filter_map(|row| row.judge(trace::trace).err()).collect();
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_keyword_is_without_a_test_of_its_effect() {
    let mut tested: BTreeSet<(Block, &str)> =
        rows().iter().map(|row| (row.block, row.keyword)).collect();
    tested.extend(elsewhere::ALL.iter().map(|test| (test.block, test.keyword)));
    let gaps = Table::Checkers.gaps(&tested);
    assert!(gaps.is_empty(), "{gaps:#?}");
}

#[test]
fn the_tests_elsewhere_exist_and_name_their_keywords() {
    let wrong: Vec<String> =
        elsewhere::ALL.iter().filter_map(|test| test.judge(&[]).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
