//! Checks of a real server.

use std::net::SocketAddr;

use base::Duration;
use serde::{Deserialize, Serialize};

use super::Command;
use super::tracking::{BfdId, FileId};

/// `delay_loop` when nobody says anything.
pub const DELAY_LOOP: Duration = Duration::from_secs(60);
/// `connect_timeout` when nobody says anything.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A check of a real server: what all kinds share, and what is special to one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Checker {
    /// `delay_loop`: from the end of one check to the next; default 60 s.
    pub delay_loop: Duration,
    /// `warmup`: the first check starts at random within it; default `delay_loop`.
    pub warmup: Duration,
    /// `retry`: further tries before a server that is up counts as down.
    pub retry: u32,
    /// `delay_before_retry`.
    pub delay_before_retry: Duration,
    /// `alpha`: down until the first success; default that of the real server.
    pub alpha: bool,
    /// `log_all_failures`: also those of a server that is down.
    pub log_all_failures: bool,
    /// The kind of check.
    pub kind: CheckerKind,
}

impl Checker {
    /// A check that says nothing but its kind; `retry` and `delay_before_retry` are TCP_CHECK's.
    pub const fn new(kind: CheckerKind) -> Self {
        Self {
            delay_loop: DELAY_LOOP,
            warmup: DELAY_LOOP,
            retry: 1,
            delay_before_retry: Duration::from_secs(1),
            alpha: false,
            log_all_failures: false,
            kind,
        }
    }
}

/// Which check.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CheckerKind {
    /// `TCP_CHECK`.
    Tcp(TcpCheck),
    /// `HTTP_GET`, `SSL_GET`.
    Http(Box<HttpCheck>),
    /// `SMTP_CHECK`.
    Smtp(Box<SmtpCheck>),
    /// `DNS_CHECK`.
    Dns(Box<DnsCheck>),
    /// `UDP_CHECK`.
    Udp(Box<UdpCheck>),
    /// `PING_CHECK`.
    Ping(TcpCheck),
    /// `MISC_CHECK`.
    Misc(Box<MiscCheck>),
    /// `FILE_CHECK`.
    File(FileCheck),
    /// `BFD_CHECK`.
    Bfd(BfdId),
}

/// `TCP_CHECK { ... }`: the server is up when it accepts a connection. Every check over the network
/// has this part.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TcpCheck {
    /// `connect_ip`, `connect_port`; the real server's own by default.
    pub target: SocketAddr,
    /// `bindto`, `bind_port`: the source to connect from.
    pub bind: Option<Box<SocketAddr>>,
    /// `connect_timeout`; default 5 s.
    pub connect_timeout: Duration,
    /// `bind_if`: the interface to connect by.
    pub bind_interface: Option<Box<str>>,
    /// `fwmark` of its packets; 0 is none.
    pub mark: u32,
}

impl TcpCheck {
    /// A connection to `target` with the default timeout.
    pub const fn new(target: SocketAddr) -> Self {
        Self { target, bind: None, connect_timeout: CONNECT_TIMEOUT, bind_interface: None, mark: 0 }
    }
}

/// `HTTP_GET { ... }`, `SSL_GET { ... }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HttpCheck {
    /// Where to.
    pub connect: TcpCheck,
    /// `SSL_GET`.
    pub tls: bool,
    /// `virtualhost`, that of the real server or of the virtual server by default.
    pub virtualhost: Option<String>,
    /// `http_protocol`.
    pub version: HttpVersion,
    /// `enable_sni`, `sni_name`.
    pub sni: Sni,
    /// `fast_recovery`: while a server comes back, the next url is tried at once.
    pub fast_recovery: bool,
    /// `url` blocks, at least one.
    pub urls: Vec<Url>,
}

/// `http_protocol`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HttpVersion {
    /// `1.0`.
    #[default]
    V1_0,
    /// `1.0C`, `1.0c`: 1.0 with `Connection: close`.
    V1_0Close,
    /// `1.1`, with `Connection: close`.
    V1_1,
}

/// The server name that a TLS handshake carries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sni {
    /// None.
    #[default]
    Off,
    /// The virtual host.
    VirtualHost,
    /// `sni_name NAME`.
    Name(String),
}

/// `url { ... }`: one request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Url {
    /// `path`.
    pub path: String,
    /// `digest`: MD5 of the body.
    pub digest: Option<[u8; 16]>,
    /// `status_code`: ranges, both ends included; default 200 to 299.
    pub status_codes: Vec<(u16, u16)>,
    /// `virtualhost`; `None` is that of the check.
    pub virtualhost: Option<String>,
    /// `regex`.
    pub regex: Option<UrlRegex>,
    /// `tls_compliant`: a connection that ends without TLS's goodbye has failed.
    pub tls_compliant: bool,
}

/// `regex` and its kin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UrlRegex {
    /// The pattern (PCRE2).
    pub pattern: String,
    /// `regex_no_match`: the body must not match.
    pub no_match: bool,
    /// `regex_options`.
    pub options: Vec<String>,
    /// `regex_min_offset`.
    pub min_offset: u64,
    /// `regex_max_offset`.
    pub max_offset: Option<u64>,
    /// `regex_stack START MAX`, bytes.
    pub stack: Option<(u64, u64)>,
}

/// `SMTP_CHECK { ... }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SmtpCheck {
    /// Where to.
    pub connect: TcpCheck,
    /// `helo_name`; default `smtpchecker.keepalived.org`.
    pub helo_name: String,
}

/// Types of DNS records by name (RFC 1035 section 3.2.2 and later ones).
pub const DNS_TYPES: [(&str, u16); 9] = [
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("RRSIG", 46),
    ("DNSKEY", 48),
];

/// `DNS_CHECK { ... }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DnsCheck {
    /// Where to.
    pub connect: TcpCheck,
    /// `type`, as a number of the protocol (RFC 1035 section 3.2.2); default 6, SOA.
    pub record_type: u16,
    /// `name`; default the root.
    pub name: String,
}

/// `UDP_CHECK { ... }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UdpCheck {
    /// Where to.
    pub connect: TcpCheck,
    /// `payload`.
    pub payload: Vec<u8>,
    /// `require_reply`: bytes and their masks, which a reply must begin with.
    pub reply: Option<Vec<(u8, u8)>>,
    /// `min_reply_length`; default 0.
    pub min_reply_length: u16,
    /// `max_reply_length`; default 255.
    pub max_reply_length: u16,
}

/// `MISC_CHECK { ... }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MiscCheck {
    /// `misc_path`.
    pub command: Command,
    /// `misc_timeout`; default `delay_loop`.
    pub timeout: Duration,
    /// `misc_dynamic`: the exit status gives the weight.
    pub dynamic: bool,
}

/// `FILE_CHECK { ... }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileCheck {
    /// `track_file`.
    pub file: FileId,
    /// `weight`: multiplier; 0 makes a number other than 0 a failure.
    pub weight: i32,
    /// `reverse`.
    pub reverse: bool,
}
