//! Every keyword about virtual servers, real servers and checks has an effect that can be seen: each
//! has a row here, a configuration that is played with and without it against servers of virtual time,
//! and something that must be seen with it alone (or without it alone). What happens in the kernel, in
//! files or in other processes is seen by tests elsewhere, which are named.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod checks;
mod elsewhere;
mod network;
mod row;
mod services;
mod trace;

use std::collections::BTreeSet;

use control_plane::keywords::{self, Block, Effect};
use row::Row;

fn rows() -> Vec<Row> {
    [network::rows(), checks::rows(), services::rows()].concat()
}

#[test]
fn each_keyword_changes_what_is_said_to_servers_or_what_follows_from_their_answers() {
    let wrong: Vec<String> = rows().iter().filter_map(|row| row.judge().err()).collect();
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_keyword_is_without_a_test_of_its_effect() {
    let is_meant = |block: Block, name: &str| match block {
        Block::Ssl | Block::VirtualServer | Block::RealServer => true,
        Block::MiscCheck | Block::SmtpCheck | Block::SmtpHost | Block::TcpCheck => true,
        Block::PingCheck | Block::UdpCheck | Block::HttpGet | Block::HttpUrl => true,
        Block::SslGet | Block::SslUrl | Block::DnsCheck => true,
        Block::FileCheck | Block::BfdCheck => true,
        Block::Root => ["SSL", "virtual_server", "virtual_server_group"].contains(&name),
        Block::GlobalDefs => {
            name.starts_with("lvs_")
                || name.starts_with("checker_")
                || ["rs_init_notifies", "no_checker_emails", "smtp_alert_checker"].contains(&name)
        }
        _ => false,
    };
    let mut tested: BTreeSet<(Block, &str)> =
        rows().iter().map(|row| (row.block, row.keyword)).collect();
    tested.extend(elsewhere::ALL.iter().map(|test| (test.block, test.keyword)));
    let missing: Vec<(Block, &str)> = keywords::all()
        .map(|(block, keyword)| (block, keyword.name))
        .filter(|(block, name)| is_meant(*block, name))
        .filter(|(block, name)| keywords::effect(*block, name) == Effect::Full)
        .filter(|place| !tested.contains(place))
        .collect();
    assert!(missing.is_empty(), "without a test: {missing:#?}");
    let unknown: Vec<&(Block, &str)> =
        tested.iter().filter(|(block, name)| keywords::find(*block, name).is_none()).collect();
    assert!(unknown.is_empty(), "no keywords: {unknown:?}");
}

#[test]
fn the_tests_elsewhere_exist_and_name_their_keywords() {
    let wrong: Vec<String> = elsewhere::ALL.iter().filter_map(|test| test.judge().err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
