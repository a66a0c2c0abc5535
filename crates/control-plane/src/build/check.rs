//! Checks of real servers while they are read.

use std::net::{IpAddr, SocketAddr};

use base::Duration;

use super::http::HttpDraft;
use super::script::{script_user, user_exists};
use super::tracked::Tracked;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::lang::Context;
use crate::model::checks::{
    CONNECT_TIMEOUT, DELAY_LOOP, DNS_TYPES, DnsCheck, FileCheck, MiscCheck, SmtpCheck, UdpCheck,
};
use crate::model::lvs::CheckDefaults;
use crate::model::tracking::{BfdId, FileId};
use crate::model::{Checker, CheckerKind, Command, ScriptUser, TcpCheck};
use crate::parse::statement::Statement;
use crate::parse::value::Value;

/// `helo_name` of a check when nobody says anything.
const HELO_NAME: &str = "smtpchecker.keepalived.org";
/// `max_reply_length` when nobody says anything.
const MAX_REPLY: u16 = 255;

impl CheckDefaults {
    /// A keyword of these; false when it is none.
    pub(super) fn leaf(&mut self, name: &str, value: &Value<'_>) -> bool {
        match name {
            "retry" | "nb_get_retry" => self.retry = value.int(),
            "delay_before_retry" => self.delay_before_retry = value.time(),
            "warmup" => self.warmup = value.time(),
            "connect_timeout" => self.connect_timeout = value.time(),
            "delay_loop" => self.delay_loop = value.time(),
            _ => return false,
        }
        true
    }

    /// Where these say nothing, the others count.
    pub(super) fn or(&self, others: &Self) -> Self {
        Self {
            retry: self.retry.or(others.retry),
            delay_before_retry: self.delay_before_retry.or(others.delay_before_retry),
            warmup: self.warmup.or(others.warmup),
            connect_timeout: self.connect_timeout.or(others.connect_timeout),
            delay_loop: self.delay_loop.or(others.delay_loop),
        }
    }
}

/// A check while it is read.
#[derive(Debug)]
pub(crate) struct CheckDraft {
    kind: Kind,
    /// Where it stands, until it is complete.
    place: Option<Box<Place>>,
    own: CheckDefaults,
    ip: Option<IpAddr>,
    port: Option<u16>,
    /// Where its packets come from, when that was said.
    from: Option<Box<From>>,
    alpha: Option<bool>,
    log_all: Option<bool>,
}

/// Where packets of a check come from.
#[derive(Debug, Default)]
struct From {
    bind: Option<IpAddr>,
    port: Option<u16>,
    interface: Option<String>,
    mark: u32,
}

/// Which check, and what only that kind has.
#[derive(Debug)]
enum Kind {
    Tcp,
    Ping,
    Smtp { helo: Option<String>, hosts: Vec<CheckDraft>, host: Option<Box<CheckDraft>> },
    Udp(Box<UdpDraft>),
    Http(Box<HttpDraft>),
    Dns { record_type: u16, name: Option<String> },
    Misc(Box<MiscDraft>),
    File { file: Option<FileId>, weight: Option<(i32, bool)> },
    Bfd(Option<BfdId>),
}

#[derive(Debug)]
struct UdpDraft {
    payload: Vec<u8>,
    reply: Option<Vec<(u8, u8)>>,
    min: u16,
    max: u16,
}

#[derive(Debug, Default)]
struct MiscDraft {
    command: Option<Command>,
    timeout: Option<Duration>,
    dynamic: bool,
    user: Option<ScriptUser>,
    unusable: bool,
}

/// What a real server hands to its checks when they are complete.
pub(crate) struct Surroundings<'a> {
    pub server: SocketAddr,
    pub defaults: &'a CheckDefaults,
    pub alpha: bool,
    pub virtualhost: Option<&'a str>,
    pub tracked: &'a Tracked,
}

impl CheckDraft {
    /// A check block begins.
    pub(super) fn open(name: &str, place: Place) -> Option<Self> {
        Some(Self::new(
            match name {
                "TCP_CHECK" => Kind::Tcp,
                "PING_CHECK" => Kind::Ping,
                "SMTP_CHECK" => Kind::Smtp { helo: None, hosts: Vec::new(), host: None },
                "UDP_CHECK" => Kind::Udp(Box::new(UdpDraft {
                    payload: Vec::new(),
                    reply: None,
                    min: 0,
                    max: MAX_REPLY,
                })),
                "HTTP_GET" => Kind::Http(Box::new(HttpDraft::new(false))),
                "SSL_GET" => Kind::Http(Box::new(HttpDraft::new(true))),
                "DNS_CHECK" => Kind::Dns { record_type: 6, name: None },
                "MISC_CHECK" => Kind::Misc(Box::default()),
                "FILE_CHECK" => Kind::File { file: None, weight: None },
                "BFD_CHECK" => Kind::Bfd(None),
                _ => return None,
            },
            place,
        ))
    }

    fn new(kind: Kind, place: Place) -> Self {
        Self {
            kind,
            place: Some(Box::new(place)),
            own: CheckDefaults::NONE,
            ip: None,
            port: None,
            from: None,
            alpha: None,
            log_all: None,
        }
    }

    /// A block within the check begins: `url`, `host`.
    pub(super) fn enter(&mut self, statement: &Statement<'_>) -> bool {
        match &mut self.kind {
            Kind::Http(http) => http.open_url(statement.place_of(0)),
            Kind::Smtp { host, .. } => {
                *host = Some(Box::new(Self::new(Kind::Tcp, statement.place_of(0))));
            }
            _ => return false,
        }
        true
    }

    /// A block within the check ends.
    pub(super) fn leave(&mut self, cx: &mut Context<'_>) {
        match &mut self.kind {
            Kind::Http(http) => http.close_url(cx),
            Kind::Smtp { hosts, host, .. } => hosts.extend(host.take().map(|host| *host)),
            _ => {}
        }
    }

    pub(super) fn leaf(
        &mut self,
        statement: &Statement<'_>,
        value: Value<'_>,
        known: &Tracked,
        server: &str,
        cx: &mut Context<'_>,
    ) {
        let name = statement.keyword.name;
        if let Kind::Smtp { host: Some(host), .. } = &mut self.kind {
            return host.leaf(statement, value, known, server, cx);
        }
        if self.own.leaf(name, &value) {
            return;
        }
        match (name, &value) {
            ("connect_ip", Value::Address(ip)) => self.ip = Some(*ip),
            ("bindto", Value::Address(ip)) => self.bindto(*ip, statement, cx),
            ("connect_port", _) => self.port = value.int(),
            ("bind_port", _) => self.from().port = value.int(),
            ("bind_if", _) => self.from().interface = value.string(),
            ("fwmark", _) => self.from().mark = value.int().unwrap_or(0),
            ("alpha", _) => self.alpha = Some(value.bool()),
            ("log_all_failures", _) => self.log_all = Some(value.bool()),
            _ => self.special(statement, value, known, server, cx),
        }
    }

    fn bindto(&mut self, ip: IpAddr, statement: &Statement<'_>, cx: &mut Context<'_>) {
        if self.ip.is_some_and(|target| target.is_ipv4() != ip.is_ipv4()) {
            let message = format!(
                "bindto address {ip} does not match address family of connect_ip - skipping"
            );
            cx.report(Diagnostic::new(Code::BadAddress, message).at(statement.place_of(1)));
            return;
        }
        self.from().bind = Some(ip);
    }

    fn from(&mut self) -> &mut From {
        self.from.get_or_insert_default()
    }

    /// A keyword of one kind only.
    fn special(
        &mut self,
        statement: &Statement<'_>,
        value: Value<'_>,
        known: &Tracked,
        server: &str,
        cx: &mut Context<'_>,
    ) {
        match &mut self.kind {
            Kind::Smtp { helo, .. } => *helo = value.string(),
            Kind::Udp(draft) => draft.leaf(statement, &value, cx),
            Kind::Http(draft) => draft.leaf(statement, &value, cx),
            Kind::Dns { record_type, name } => match statement.keyword.name {
                "type" => dns_type(record_type, statement, cx),
                _ => *name = name.take().or_else(|| value.string()),
            },
            Kind::Misc(draft) => draft.leaf(statement, value, cx),
            Kind::File { file, weight } => match statement.keyword.name {
                "weight" => {
                    let reverse = matches!(value, Value::Weight(_, Some(true)));
                    *weight = value.int().map(|number| (number, reverse));
                }
                _ => track_file(file, statement, known, cx),
            },
            Kind::Bfd(bfd) => {
                let name = statement.word(1).unwrap_or_default();
                *bfd = known.bfd(name).filter(|(_, bfd)| bfd.for_checkers).map(|(id, _)| id);
                if bfd.is_none() {
                    let message = format!("({server}) BFD_CHECK - BFD {name} not configured");
                    cx.report(Diagnostic::new(Code::NotFound, message).at(statement.place_of(1)));
                }
            }
            Kind::Tcp | Kind::Ping => {}
        }
    }

    /// Whether the check has all that it needs; if not, that is told and it is left out.
    pub(super) fn is_complete(&mut self, server: &str, cx: &mut Context<'_>) -> bool {
        let place = self.place.take().map(|place| *place);
        let message = match &self.kind {
            Kind::Http(http) if http.urls.is_empty() => {
                "HTTP/SSL_GET checker has no urls specified - ignoring".to_owned()
            }
            Kind::Misc(misc) if misc.unusable => return false,
            Kind::Misc(misc) if misc.command.is_none() => {
                "No script path has been specified for MISC_CHECKER - skipping".to_owned()
            }
            Kind::File { file: None, .. } => {
                "FILE_CHECK has no track_file specified - ignoring".to_owned()
            }
            Kind::Bfd(None) => {
                format!("({server}) No name has been specified for BFD_CHECKER - skipping")
            }
            _ => return true,
        };
        cx.report(Diagnostic::new(Code::Incomplete, message).at(place));
        false
    }

    /// The check with its defaults filled in; several, when an SMTP check has several hosts.
    pub(super) fn finish(
        mut self,
        around: &Surroundings<'_>,
        checks: &mut Vec<Checker>,
        log_all: &mut Vec<Option<bool>>,
    ) {
        let hosts = match &mut self.kind {
            Kind::Smtp { helo, hosts, .. } => {
                let helo = helo.clone();
                let smtp = || Kind::Smtp { helo: helo.clone(), hosts: Vec::new(), host: None };
                std::mem::take(hosts)
                    .into_iter()
                    .map(|host| Self { kind: smtp(), own: host.own.or(&self.own), ..host })
                    .collect()
            }
            _ => Vec::new(),
        };
        if hosts.is_empty() {
            log_all.push(self.log_all);
            checks.push(self.finish_one(around));
        }
        for host in hosts {
            log_all.push(host.log_all);
            checks.push(host.finish_one(around));
        }
    }

    fn finish_one(mut self, around: &Surroundings<'_>) -> Checker {
        let all = self.own.or(around.defaults);
        let (retry, delay_before_retry) = match &self.kind {
            Kind::Misc(_) => (0, Some(Duration::from_secs(1))),
            Kind::Http(_) => (1, Some(Duration::from_secs(3))),
            Kind::Dns { .. } => (3, None),
            _ => (1, Some(Duration::from_secs(1))),
        };
        let delay_loop = all.delay_loop.unwrap_or(DELAY_LOOP);
        let connect = self.connect(around.server, &all);
        Checker {
            delay_loop,
            warmup: all.warmup.unwrap_or(delay_loop),
            retry: all.retry.unwrap_or(retry),
            delay_before_retry: all.delay_before_retry.or(delay_before_retry).unwrap_or(delay_loop),
            alpha: self.alpha.unwrap_or(around.alpha),
            log_all_failures: self.log_all.unwrap_or(false),
            kind: self.kind.finish(connect, delay_loop, around),
        }
    }

    fn connect(&mut self, server: SocketAddr, all: &CheckDefaults) -> TcpCheck {
        let mut port = self.port.unwrap_or_else(|| server.port());
        if port == 0 {
            port = match self.kind {
                Kind::Smtp { .. } => 25,
                Kind::Dns { .. } => 53,
                _ => 0,
            };
        }
        let target = SocketAddr::new(self.ip.unwrap_or_else(|| server.ip()), port);
        let from = self.from.take().map(|from| *from).unwrap_or_default();
        let same_family = from.bind.filter(|ip| ip.is_ipv4() == target.is_ipv4());
        let bind = match (same_family, from.port) {
            (None, None) => None,
            (Some(ip), port) => Some(SocketAddr::new(ip, port.unwrap_or(0))),
            (None, Some(port)) => Some(SocketAddr::new(any_address(target), port)),
        };
        TcpCheck {
            bind: bind.map(Box::new),
            connect_timeout: all.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            bind_interface: from.interface.map(String::into_boxed_str),
            mark: from.mark,
            ..TcpCheck::new(target)
        }
    }
}

impl Kind {
    fn finish(
        self,
        connect: TcpCheck,
        delay_loop: Duration,
        around: &Surroundings<'_>,
    ) -> CheckerKind {
        match self {
            Self::Tcp => CheckerKind::Tcp(connect),
            Self::Ping => CheckerKind::Ping(connect),
            Self::Smtp { helo, .. } => {
                let helo_name = helo.unwrap_or_else(|| HELO_NAME.to_owned());
                CheckerKind::Smtp(Box::new(SmtpCheck { connect, helo_name }))
            }
            Self::Udp(draft) => CheckerKind::Udp(Box::new(UdpCheck {
                connect,
                payload: draft.payload,
                reply: draft.reply,
                min_reply_length: draft.min,
                max_reply_length: draft.max,
            })),
            Self::Http(draft) => {
                CheckerKind::Http(Box::new(draft.finish(connect, around.virtualhost)))
            }
            Self::Dns { record_type, name } => {
                let name = name.unwrap_or_else(|| ".".to_owned());
                CheckerKind::Dns(Box::new(DnsCheck { connect, record_type, name }))
            }
            Self::Misc(draft) => CheckerKind::Misc(Box::new(draft.finish(delay_loop))),
            Self::File { file, weight } => {
                let file = file.unwrap_or(FileId(0));
                let own = around.tracked.files.get(file.0);
                let own = own.map_or((1, false), |file| (file.weight.into(), file.reverse));
                let (weight, reverse) = weight.unwrap_or(own);
                CheckerKind::File(FileCheck { file, weight, reverse })
            }
            Self::Bfd(bfd) => CheckerKind::Bfd(bfd.unwrap_or(BfdId(0))),
        }
    }
}

impl UdpDraft {
    fn leaf(&mut self, statement: &Statement<'_>, value: &Value<'_>, cx: &mut Context<'_>) {
        // As keepalived reads it, a word of one digit is a byte.
        let word = |text: &str| if text.len() == 1 { format!("0{text}") } else { text.to_owned() };
        let digits: String = statement.words.iter().skip(1).map(|one| word(one.text)).collect();
        match statement.keyword.name {
            "payload" => match super::hmac::hex(&digits) {
                Some(bytes) => self.payload = bytes,
                None => bad_hex("payload", statement, cx),
            },
            "require_reply" => match pattern(&digits) {
                Some(reply) => self.reply = Some(reply),
                None => bad_hex("reply", statement, cx),
            },
            "min_reply_length" => self.min = value.int().unwrap_or(0),
            _ => self.max = value.int().unwrap_or(MAX_REPLY),
        }
    }
}

fn bad_hex(what: &str, statement: &Statement<'_>, cx: &mut Context<'_>) {
    let message = format!("Invalid hex string for UDP_CHECK {what}");
    let problem = Diagnostic::new(Code::InvalidValue, message).at(statement.place_of(1));
    cx.report(problem.label("expected pairs of hexadecimal digits"));
}

/// Pairs of hexadecimal digits, each of which may be `x` for any: bytes and their masks.
fn pattern(digits: &str) -> Option<Vec<(u8, u8)>> {
    if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let mask: String = digits.chars().map(|digit| if digit == 'x' { '0' } else { 'f' }).collect();
    let bytes = super::hmac::hex(&digits.replace('x', "0"))?;
    Some(bytes.into_iter().zip(super::hmac::hex(&mask)?).collect())
}

impl MiscDraft {
    fn leaf(&mut self, statement: &Statement<'_>, value: Value<'_>, cx: &mut Context<'_>) {
        match statement.keyword.name {
            "misc_path" => self.command = value.command(),
            "misc_timeout" => self.timeout = value.seconds().filter(|time| !time.is_zero()),
            "misc_dynamic" => self.dynamic = true,
            _ => {
                let user = script_user(statement, 1);
                if user.as_ref().is_some_and(|user| user_exists(user, cx)) {
                    self.user = user;
                    return;
                }
                self.unusable = true;
                let message = "Failed to set uid/gid for misc checker script - removing";
                let problem = Diagnostic::new(Code::BadUser, message).at(statement.place_of(1));
                cx.report(problem.label("no such user or group on this machine"));
            }
        }
    }

    fn finish(self, delay_loop: Duration) -> MiscCheck {
        let nothing = || Command { program: String::new(), args: Vec::new(), user: None };
        let mut command = self.command.unwrap_or_else(nothing);
        command.user = command.user.or(self.user);
        MiscCheck { command, timeout: self.timeout.unwrap_or(delay_loop), dynamic: self.dynamic }
    }
}

fn track_file(
    file: &mut Option<FileId>,
    statement: &Statement<'_>,
    known: &Tracked,
    cx: &mut Context<'_>,
) {
    let name = statement.word(1).unwrap_or_default();
    *file = known.file(name).map(|(id, _)| id);
    if file.is_none() {
        let message = format!("track_file {name} not found");
        let problem = Diagnostic::new(Code::NotFound, message).at(statement.place_of(1));
        cx.report(problem.label("no track_file of that name above"));
    }
}

/// `type`.
fn dns_type(record_type: &mut u16, statement: &Statement<'_>, cx: &mut Context<'_>) {
    let word = statement.word(1).unwrap_or_default();
    match DNS_TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
        Some((_, number)) => *record_type = *number,
        None => {
            let message = format!("Unknown DNS check type {word} - ignoring");
            let problem = Diagnostic::new(Code::InvalidValue, message).at(statement.place_of(1));
            let names: Vec<&str> = DNS_TYPES.iter().map(|(name, _)| *name).collect();
            cx.report(problem.label(format!("known: {}", names.join(" "))));
        }
    }
}

/// "Any address" of the family of `target`.
const fn any_address(target: SocketAddr) -> IpAddr {
    match target {
        SocketAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
    }
}
