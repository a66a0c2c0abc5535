//! Keywords of checks.

use super::Shape::{
    Address, Bool, Choice, Custom, Flag, Int, Nested, OptWord, Script, Weight, Word,
};
use super::{Block, Head, Table, row, secs};

/// Keywords of every check over the network.
#[rustfmt::skip] // one row a keyword
pub(super) static CONNECTION: Table = Table { places: &[Block::SmtpCheck, Block::SmtpHost, Block::TcpCheck, Block::PingCheck, Block::UdpCheck, Block::HttpGet, Block::SslGet, Block::DnsCheck], rows: &[
    row("connect_ip", Address).needed().invalid("Invalid connect_ip address {v} - ignoring").syntax("ADDR").default("address of the real server").doc("Address contacted by the check."),
    row("connect_port", Int(1, 65535)).needed().invalid("Invalid checker connect_port '{v}'").syntax("PORT").range("integer 1..65535").default("port of the real server (SMTP_CHECK 25, DNS_CHECK 53 if that is 0)").doc("Port contacted by the check."),
    row("bindto", Address).needed().invalid("Invalid bindto address {v} - ignoring").syntax("ADDR").range("address of the same family").default("kernel choice").doc("Source address of the check."),
    row("bind_port", Int(1, 65535)).needed().invalid("Invalid checker bind_port '{v}'").syntax("PORT").range("integer 1..65535").default("ephemeral").doc("Source port of the check."),
    row("bind_if", Word).needed().syntax("IFNAME").doc("Outgoing interface, needed for link-local sources."),
    row("connect_timeout", secs(1, 4294967295)).needed().invalid("connect_timeout {v} invalid - ignoring").syntax("SECS").range("decimal 0.000001..4294.967295").default("real server value, 5").unit("s").doc("Time allowed for connection and each exchange."),
    row("fwmark", Int(0, 4294967295)).needed().invalid("Invalid fwmark connection value '{v}'").syntax("N").range("integer 0..4294967295").default("0 (none)").doc("Firewall mark on packets of the check."),
] };

/// Keywords of every check that is repeated.
#[rustfmt::skip] // one row a keyword
pub(super) static RETRIES: Table = Table { places: &[Block::SmtpCheck, Block::SmtpHost, Block::TcpCheck, Block::PingCheck, Block::UdpCheck, Block::HttpGet, Block::SslGet, Block::DnsCheck, Block::MiscCheck], rows: &[
    row("retry", Int(0, 4294967295)).needed().invalid("Invalid retry connection value '{v}'").syntax("N").range("integer 0..4294967295").default("real server value, else 1 (MISC_CHECK 0, DNS_CHECK 3)").unit("count").doc("Retries before the service is declared failed."),
    row("delay_before_retry", secs(0, u64::MAX)).needed().syntax("SECS").range("decimal 0..").default("real server value, else 1 (HTTP_GET and SSL_GET 3, DNS_CHECK the delay_loop)").unit("s").doc("Pause between retries."),
    row("warmup", secs(0, u64::MAX)).needed().syntax("SECS").range("decimal 0..").default("real server value, else delay_loop").unit("s").doc("Random initial delay up to this value."),
    row("delay_loop", secs(1, u64::MAX)).needed().invalid("delay_loop '{v}' is invalid - ignoring").syntax("SECS").range("decimal 0.000001..").default("real server value, 60").unit("s").doc("Check period."),
    row("alpha", Bool).invalid("Invalid alpha parameter {v}").syntax("[BOOL]").default("real server value").doc("Start in failed state until the first success."),
    row("log_all_failures", Bool).invalid("Invalid log_all_failures parameter {v}").syntax("[BOOL]").default("checker_log_all_failures").doc("Log every failure while already down."),
] };

/// The old spelling of `retry`, which many files carry in every check. keepalived 2.4.3 knows it in
/// HTTP checks alone and ignores the line elsewhere.
#[rustfmt::skip] // one row a keyword
pub(super) static OLD_RETRIES: Table = Table { places: &[Block::SmtpCheck, Block::SmtpHost, Block::TcpCheck, Block::PingCheck, Block::UdpCheck, Block::DnsCheck, Block::MiscCheck], rows: &[
    row("nb_get_retry", Int(0, 4294967295)).needed().invalid("Invalid nb_get_retry value '{v}'").syntax("N").range("integer 0..").unit("count").deprecated("nb_get_retry is deprecated - please use 'retry'").doc("Same as retry."),
] };

/// Keywords of `MISC_CHECK`.
#[rustfmt::skip] // one row a keyword
pub(super) static MISC: Table = Table { places: &[Block::MiscCheck], rows: &[
    row("misc_path", Script).needs("").syntax("SCRIPT [USER [GROUP]]").default("mandatory").doc("Program run; exit status gives the result."),
    row("misc_timeout", Int(0, 4294)).needed().invalid("Invalid misc_timeout value '{v}'").syntax("SECS").range("integer 0..4294 (0 = none given)").default("delay_loop of the checker").unit("s").doc("Time limit of the program."),
    row("misc_dynamic", Flag).doc("Exit 2..255 sets weight to status minus 2; 0 leaves configured weight."),
    row("user", Custom).needs("No user specified for misc checker script '/usr/bin/env'").invalid("Failed to set uid/gid for misc checker script '/usr/bin/env' - removing").syntax("USER [GROUP]").range("existing user, group").default("script_user").doc("Identity of the program."),
] };

/// Keywords of `SMTP_CHECK`.
#[rustfmt::skip] // one row a keyword
pub(super) static SMTP: Table = Table { places: &[Block::SmtpCheck], rows: &[
    row("helo_name", Word).needs("SMTP_CHECK helo name missing").syntax("NAME").default("smtpchecker.keepalived.org").doc("Name sent in HELO."),
    row("host", Nested(Block::SmtpHost, Head::Any)).syntax("{ ... }").renamed("the same keywords directly in SMTP_CHECK").doc("Alternative target of the check."),
] };

/// Keywords of `UDP_CHECK`.
#[rustfmt::skip] // one row a keyword
pub(super) static UDP: Table = Table { places: &[Block::UdpCheck], rows: &[
    row("payload", Custom).needs("UDP_CHECK payload requires a payload").invalid("Invalid hex string for UDP_CHECK payload").syntax("HEX ...").range("pairs of hex digits, spaces allowed").default("zero-length datagram").doc("Bytes sent."),
    row("require_reply", Custom).invalid("Invalid hex string for UDP_CHECK reply").syntax("[HEX ...]").range("hex digits, x as wildcard nibble").doc("A reply is needed, optionally starting with this pattern."),
    row("min_reply_length", Int(0, 65535)).needed().invalid("UDP_CHECK min length {v} not valid - must be between 0 & 65535").syntax("N").range("integer 0..65535").default("0").unit("bytes").doc("Shortest acceptable reply."),
    row("max_reply_length", Int(0, 65535)).needed().invalid("UDP_CHECK max length {v} not valid - must be between 0 & 65535").syntax("N").range("integer 0..65535").default("255").unit("bytes").doc("Longest acceptable reply."),
] };

/// Keywords of `HTTP_GET`, `SSL_GET`.
#[rustfmt::skip] // one row a keyword
pub(super) static HTTP: Table = Table { places: &[Block::HttpGet, Block::SslGet], rows: &[
    row("nb_get_retry", Int(0, 4294967295)).needed().invalid("Invalid nb_get_retry value '{v}'").syntax("N").range("integer 0..").default("as retry").unit("count").deprecated("nb_get_retry is deprecated - please use 'retry'").doc("Same as retry."),
    row("virtualhost", Word).needs("HTTP_GET virtualhost name missing").syntax("NAME").default("real server value, else connect address and port").doc("HTTP Host header for all urls."),
    row("http_protocol", Choice(&["1.0", "1.0C", "1.0c", "1.1"])).needs("Missing http_protocol version").invalid("Invalid http_protocol version {v}").syntax("1.0|1.0C|1.0c|1.1").default("1.0").doc("HTTP version of the request; 1.0C, 1.0c and 1.1 add a Connection: close header."),
    row("enable_sni", Bool).invalid("Invalid enable_sni parameter {v}").syntax("[BOOL]").doc("Send server name from virtualhost during TLS handshake."),
    row("sni_name", OptWord).syntax("[NAME]").default("virtualhost when no NAME").since_2_4().doc("Turns SNI on, optionally with a fixed server name."),
    row("fast_recovery", Bool).invalid("Invalid fast_recovery parameter {v}").syntax("[BOOL]").doc("While recovering without known failure, next url is checked at once."),
] };

/// Keywords of `HTTP_GET` alone.
#[rustfmt::skip] // one row a keyword
pub(super) static HTTP_ONLY: Table = Table { places: &[Block::HttpGet], rows: &[
    row("url", Nested(Block::HttpUrl, Head::Any)).syntax("{ ... }").default("at least one required").doc("One request to make."),
] };

/// Keywords of `SSL_GET` alone.
#[rustfmt::skip] // one row a keyword
pub(super) static SSL_ONLY: Table = Table { places: &[Block::SslGet], rows: &[
    row("tls_compliant", Bool).invalid("Invalid tls_compliant option {v}").syntax("[BOOL]").since_2_4().doc("Premature TLS end is a failure."),
    row("url", Nested(Block::SslUrl, Head::Any)).syntax("{ ... }").default("at least one required").doc("One request to make."),
] };

/// Keywords of `url`.
#[rustfmt::skip] // one row a keyword
pub(super) static URL: Table = Table { places: &[Block::HttpUrl, Block::SslUrl], rows: &[
    row("path", Word).needed().syntax("PATH").range("string starting with slash").default("mandatory").doc("Request target."),
    row("digest", Custom).needed().invalid("digest '{v}' character length should be 32 rather than 2").syntax("MD5HEX").range("32 hex digits").once().doc("Expected MD5 of the body."),
    row("status_code", Custom).invalid("Invalid HTTP_GET status code '{v}'").syntax("CODE|FIRST-LAST ...").range("100..599").default("200-299").doc("Accepted status codes."),
    row("virtualhost", Word).needs("Missing HTTP_GET virtualhost name").syntax("NAME").default("that of the checker").doc("HTTP Host header for this url."),
    row("regex", Custom).needs("regex missing or too many fields").syntax("\"PATTERN\"").range("PCRE2 pattern, quoted with escapes").doc("Body must match."),
    row("regex_no_match", Flag).doc("Body must not match."),
    row("regex_options", Custom).syntax("OPTION ...").range("allow_empty_class alt_bsux auto_callout caseless dollar_endonly dotall dupnames extended firstline match_unset_backref multiline never_ucp never_utf no_auto_capture no_auto_possess no_dotstar_anchor no_start_optimize ucp ungreedy utf never_backslash_c alt_circumflex alt_verbnames use_offset_limit; unknown words silently skipped").doc("Compile options of the pattern."),
    row("regex_min_offset", Int(0, 4294967295)).syntax("N").range("integer 0..").default("0").unit("bytes").doc("Match must not start before this offset."),
    row("regex_max_offset", Int(0, 4294967295)).syntax("N").range("integer 0.., above minimum").unit("bytes").doc("Match must start before this offset."),
    row("regex_stack", Custom).syntax("START MAX").range("integers, START not above MAX").default("PCRE2 default").unit("bytes").doc("JIT stack sizes (one stack shared by all)."),
] };

/// Keywords of `url` of `SSL_GET`.
#[rustfmt::skip] // one row a keyword
pub(super) static SSL_URL: Table = Table { places: &[Block::SslUrl], rows: &[
    row("tls_compliant", Bool).invalid("Invalid tls_compliant option {v}").syntax("[BOOL]").default("that of the checker").since_2_4().doc("Premature TLS end is a failure for this url."),
] };

/// Keywords of `DNS_CHECK`.
#[rustfmt::skip] // one row a keyword
pub(super) static DNS: Table = Table { places: &[Block::DnsCheck], rows: &[
    row("type", Custom).needed().invalid("Unknown DNS check type {v} - ignoring").syntax("A|NS|CNAME|SOA|MX|TXT|AAAA|RRSIG|DNSKEY").range("case-insensitive word").default("SOA").doc("Record type queried."),
    row("name", Word).needed().syntax("DOMAIN").range("domain name").default(". (root)").once().doc("Name queried."),
] };

/// Keywords of `FILE_CHECK`.
#[rustfmt::skip] // one row a keyword
pub(super) static FILE: Table = Table { places: &[Block::FileCheck], rows: &[
    row("track_file", Word).needed().invalid("track_file {v} not found").syntax("NAME").range("defined track_file").default("mandatory").doc("File used."),
    row("weight", Weight(-2147483647, 2147483647)).needs("track file weight missing").invalid("weight for track file must be in [-2147483647..2147483647] inclusive. Ignoring...").syntax("N [reverse|noreverse]").range("integer -2147483647..2147483647").default("weight of the track_file").unit("multiplier").doc("Multiplier of the file value; 0 = non-zero value means failure."),
] };

/// Keywords of `BFD_CHECK`.
#[rustfmt::skip] // one row a keyword
pub(super) static BFD_CHECK: Table = Table { places: &[Block::BfdCheck], rows: &[
    row("name", Word).needs("({o}) BFD_CHECK - No or too many names specified - skipping checker").invalid("({o}) BFD_CHECK - BFD {v} not configured").syntax("NAME").range("defined bfd_instance").default("mandatory").once().doc("Session used."),
    row("alpha", Bool).invalid("Invalid alpha parameter {v}").syntax("[BOOL]").default("real server value").doc("Start in failed state."),
] };
