//! "Did you mean": help for words that nobody knows.

use crate::diagnostic::{Code, Diagnostic};
use crate::keywords::{self, Block};

/// Words that may differ for one to be taken for a misspelling of the other.
fn is_close(given: &str, known: &str) -> bool {
    let allowed = match given.len() {
        0..=2 => 0,
        3..=5 => 1,
        6..=10 => 2,
        _ => 3,
    };
    strsim::damerau_levenshtein(given, known) <= allowed
}

/// The known word that was probably meant.
pub(crate) fn closest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A distance is of no use for a word that is longer than any keyword, and dear.
    if given.len() > 64 {
        return None;
    }
    known
        .filter(|word| is_close(&given.to_ascii_lowercase(), &word.to_ascii_lowercase()))
        .min_by_key(|word| strsim::damerau_levenshtein(given, word))
}

/// An unknown keyword, with where it would be known or what was probably meant.
pub(crate) fn unknown_keyword(block: Block, name: &str) -> Diagnostic {
    let problem = Diagnostic::new(Code::UnknownKeyword, format!("Unknown keyword '{name}'"));
    if name.contains('\u{a0}') {
        return problem.help("a no-break space stands here; put a plain space in its place");
    }
    if name.starts_with('\u{feff}') {
        return problem.help("the file begins with a byte order mark; save it without one");
    }
    if name.starts_with('$') {
        return problem.help("a definition has no blank before '=': $NAME=VALUE");
    }
    let here = keywords::all().filter(|(place, _)| *place == block).map(|(_, row)| row.name);
    if let Some(meant) = closest(name, here) {
        return problem.label(format!("did you mean '{meant}'?"));
    }
    let elsewhere: Vec<String> = keywords::all()
        .filter(|(place, row)| row.name == name && block_name(*place).is_some())
        .filter_map(|(place, _)| block_name(place).map(str::to_owned))
        .take(3)
        .collect();
    if elsewhere.is_empty() {
        return problem;
    }
    problem.label("unknown here").help(format!("it belongs into {}", elsewhere.join(", ")))
}

/// What a block is called in a message.
const fn block_name(block: Block) -> Option<&'static str> {
    Some(match block {
        Block::Root => "no block at all",
        Block::GlobalDefs => "global_defs",
        Block::TrackGroup => "track_group",
        Block::SyncGroup => "vrrp_sync_group",
        Block::GarpGroup => "garp_group",
        Block::Instance => "vrrp_instance",
        Block::Authentication => "authentication",
        Block::AuthHmac => "auth_hmac",
        Block::Script => "vrrp_script",
        Block::TrackProcess => "vrrp_track_process",
        Block::TrackFile => "track_file",
        Block::Bfd => "bfd_instance",
        Block::Ssl => "SSL",
        Block::VirtualServer => "virtual_server",
        Block::RealServer => "real_server",
        Block::MiscCheck => "MISC_CHECK",
        Block::SmtpCheck => "SMTP_CHECK",
        Block::SmtpHost => "host of SMTP_CHECK",
        Block::TcpCheck => "TCP_CHECK",
        Block::PingCheck => "PING_CHECK",
        Block::UdpCheck => "UDP_CHECK",
        Block::HttpGet => "HTTP_GET",
        Block::HttpUrl => "url of HTTP_GET",
        Block::SslGet => "SSL_GET",
        Block::SslUrl => "url of SSL_GET",
        Block::DnsCheck => "DNS_CHECK",
        Block::FileCheck => "FILE_CHECK",
        Block::BfdCheck => "BFD_CHECK",
        Block::AddressEntry | Block::RouteEntry | Block::RuleEntry | Block::Directive => {
            return None;
        }
    })
}
