//! Keywords that every check over the network has, and those of every check that is repeated.

use control_plane::keywords::Block;

use effects::{Sees, gone, new};

use crate::Row;
use crate::trace::{Act, Servers};

/// A check with `@` in it, as it must be to succeed with good servers.
pub(crate) fn check_of(block: Block) -> &'static str {
    match block {
        Block::TcpCheck => "TCP_CHECK {\n@\n}",
        Block::PingCheck => "PING_CHECK {\n@\n}",
        Block::UdpCheck => "UDP_CHECK {\nrequire_reply\n@\n}",
        Block::DnsCheck => "DNS_CHECK {\n@\n}",
        Block::SmtpCheck => "SMTP_CHECK {\n@\n}",
        Block::SmtpHost => "SMTP_CHECK {\nhost {\n@\n}\n}",
        Block::HttpGet => "HTTP_GET {\nurl {\npath /\n}\n@\n}",
        Block::SslGet => "SSL_GET {\nurl {\npath /\n}\n@\n}",
        Block::HttpUrl => "HTTP_GET {\nurl {\npath /\n@\n}\n}",
        Block::SslUrl => "SSL_GET {\nurl {\npath /\n@\n}\n}",
        Block::MiscCheck => "MISC_CHECK {\nmisc_path /usr/bin/env\n@\n}",
        other => panic!("{other:?} is no check"),
    }
}

/// The port whose servers speak what the check speaks.
fn port_of(block: Block) -> u16 {
    match block {
        Block::SmtpCheck | Block::SmtpHost => 25,
        Block::DnsCheck => 53,
        _ => 80,
    }
}

/// A virtual server with one real server that has this check.
pub(crate) fn service(port: u16, check: &str) -> String {
    format!(
        "virtual_server 10.1.0.1 {port} {{\nprotocol TCP\ndelay_loop 10\nwarmup 0\n\
         delay_before_retry 2\nretry 1\nconnect_timeout 5\n\
         real_server 10.2.0.1 {port} {{\nweight 1\n{check}\n}}\n}}\n"
    )
}

/// A row for a keyword in a check's block.
pub(crate) fn in_check(
    block: Block,
    keyword: &'static str,
    line: &str,
    play: &[(u64, Act)],
    sees: Sees,
) -> Row {
    Row {
        block,
        keyword,
        template: service(port_of(block), check_of(block)),
        without: String::new(),
        with: format!("{keyword} {line}"),
        play: play.to_vec(),
        sees,
    }
}

const OVER_THE_NETWORK: [Block; 8] = [
    Block::TcpCheck,
    Block::PingCheck,
    Block::UdpCheck,
    Block::DnsCheck,
    Block::SmtpCheck,
    Block::SmtpHost,
    Block::HttpGet,
    Block::SslGet,
];

/// A good check at 1 s, then servers that refuse.
pub(crate) fn failing() -> Vec<(u64, Act)> {
    vec![(5_000, Act::Servers(Servers::Refuse)), (40_000, Act::End)]
}

fn connection(block: Block) -> Vec<Row> {
    let once = [(1_500, Act::End)];
    let row = |keyword, line, sees| in_check(block, keyword, line, &once, sees);
    vec![
        row("connect_ip", "10.9.9.9", new("10.9.9.9:")),
        row("connect_port", "99", new("10.2.0.1:99 from")),
        row("bindto", "10.2.0.77", new("from Some(10.2.0.77:0)")),
        row("bind_port", "777", new("from Some(0.0.0.0:777)")),
        row("bind_if", "eth9", new("by Some(\"eth9\")")),
        row("connect_timeout", "3.5", new("within 3500")),
        row("fwmark", "7", new("mark 7")),
    ]
}

fn retries(block: Block) -> Vec<Row> {
    let row = |keyword, line, play: &[_], sees| in_check(block, keyword, line, play, sees);
    let alike = [(1_500, Act::End)];
    let good = [(45_000, Act::End)];
    // Down after the try at 11 s, that at 13 s, and so on: the tries after 41 s are not there.
    let failing = failing();
    vec![
        row("retry", "3", &failing, new("[17000] - 10.2.0.1:")),
        row("delay_before_retry", "4", &failing, new("bad gaps: [4000, ")),
        row("warmup", "20", &alike, gone("[1000] try")),
        row("delay_loop", "7", &good, new("good gaps: [7000, 7000, ")),
        row("alpha", "", &alike, gone("[0] + 10.2.0.1:")),
        // One more line: that of the first failure, before the retry.
        row("log_all_failures", "", &failing, new("[11000] log ")),
    ]
}

/// Rows for each of them in each kind of check.
pub(crate) fn rows() -> Vec<Row> {
    let old = |block| in_check(block, "nb_get_retry", "3", &failing(), new("[17000] - 10.2.0.1:"));
    let repeated = OVER_THE_NETWORK.into_iter().chain([Block::MiscCheck]);
    let network = OVER_THE_NETWORK.into_iter().flat_map(connection);
    network.chain(repeated.clone().flat_map(retries)).chain(repeated.map(old)).collect()
}
