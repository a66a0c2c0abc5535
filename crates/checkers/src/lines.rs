//! What checks say about their servers, in keepalived's words.

use std::fmt;
use std::net::SocketAddr;

use control_plane::model::{Checker, CheckerKind};

use crate::names::{Named, ServerId, ServerName, names};
use crate::verdict::{Failure, Passed};

/// A line of the log about one check of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckLine {
    /// The real server.
    pub server: ServerId,
    /// Its check.
    pub kind: CheckKind,
    /// What there is to say.
    pub said: CheckSaid,
}

/// The kinds of checks that have words of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// `TCP_CHECK`.
    Tcp,
    /// `HTTP_GET`.
    Http,
    /// `SSL_GET`.
    Ssl,
    /// `SMTP_CHECK` of this host.
    Smtp(SocketAddr),
    /// `DNS_CHECK`.
    Dns,
    /// `UDP_CHECK`.
    Udp,
    /// `PING_CHECK`.
    Ping,
    /// `MISC_CHECK` with this program.
    Misc(String),
}

/// What there is to say about a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckSaid {
    /// It succeeded, for the first time or the first time after a failure.
    Succeeded,
    /// One url of a server that is not up yet succeeded.
    UrlPassed {
        /// `path`.
        path: String,
        /// The strictest test.
        passed: Passed,
    },
    /// A body was not as long as announced, which is no failure.
    Lengths {
        /// `path`.
        path: String,
        /// What the server announced, bytes.
        announced: u64,
        /// What came, bytes.
        received: u64,
    },
    /// One try failed, and another follows (`log_all_failures`).
    TryFailed {
        /// Why.
        failure: Failure,
        /// Tries that failed before it since the last success.
        before: u32,
        /// `retry`.
        retry: u32,
    },
    /// It counts as failed.
    Failed {
        /// Why.
        failure: Failure,
        /// Further tries that failed as well; 0 where none were due.
        retries: u32,
        /// `retry`.
        retry: u32,
    },
}

impl CheckKind {
    /// Of a check; `None`: it has no words.
    pub(crate) fn of(check: &Checker) -> Option<Self> {
        Some(match &check.kind {
            CheckerKind::Tcp(_) => Self::Tcp,
            CheckerKind::Http(http) if http.tls => Self::Ssl,
            CheckerKind::Http(_) => Self::Http,
            CheckerKind::Smtp(smtp) => Self::Smtp(smtp.connect.target),
            CheckerKind::Dns(_) => Self::Dns,
            CheckerKind::Udp(_) => Self::Udp,
            CheckerKind::Ping(_) => Self::Ping,
            CheckerKind::Misc(misc) => Self::Misc(misc.command.program.clone()),
            CheckerKind::File(_) | CheckerKind::Bfd(_) => return None,
        })
    }

    /// Whether the line of a failed check names no reason, so that a line about its last try has
    /// something to add.
    pub(crate) const fn has_summary(&self) -> bool {
        matches!(self, Self::Tcp | Self::Http | Self::Ssl | Self::Udp | Self::Ping)
    }
}

impl fmt::Display for Named<'_, CheckLine> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what.said {
            CheckSaid::Succeeded => self.fmt_succeeded(f),
            CheckSaid::UrlPassed { path, passed } => {
                let test = match passed {
                    Passed::Digest { .. } => "MD5 digest",
                    Passed::Regex { .. } => "Regex match",
                    _ => "HTTP status code",
                };
                write!(f, "{test} success to {} url({path})", ServerName(self.what.server))
            }
            CheckSaid::Lengths { path, announced, received } => {
                let (server, service) = names(&self.what.server, self.groups);
                write!(
                    f,
                    "http_check for RS {server} VS {service} url {path}: content_length \
                     ({announced}) does not match received bytes ({received})"
                )
            }
            CheckSaid::TryFailed { failure, before, retry } => {
                self.fmt_try(f, failure, *before, *retry)
            }
            CheckSaid::Failed { failure, retries, retry } => {
                self.fmt_failed(f, failure, *retries, *retry)
            }
        }
    }
}

impl Named<'_, CheckLine> {
    fn fmt_succeeded(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (server, service) = names(&self.what.server, self.groups);
        match &self.what.kind {
            CheckKind::Tcp => write!(f, "TCP connection to {server} success."),
            CheckKind::Udp => write!(f, "UDP connection to {server} success."),
            CheckKind::Ping => write!(f, "ICMP connection to {server} success."),
            CheckKind::Http | CheckKind::Ssl => {
                write!(f, "Remote Web server {server} succeed on service.")
            }
            CheckKind::Smtp(_) => write!(f, "Remote SMTP server {server} succeed on service."),
            CheckKind::Dns => write!(f, "DNS_CHECK ({server}) succeeded"),
            CheckKind::Misc(program) => {
                write!(f, "Misc check for [{server} VS {service}] by [{program}] succeeded.")
            }
        }
    }

    fn fmt_try(
        &self,
        f: &mut fmt::Formatter<'_>,
        failure: &Failure,
        before: u32,
        retry: u32,
    ) -> fmt::Result {
        let (server, service) = names(&self.what.server, self.groups);
        let timed_out = matches!(failure, Failure::ConnectTimeout | Failure::Timeout);
        match &self.what.kind {
            CheckKind::Tcp if timed_out => write!(f, "TCP connection to {server} timeout."),
            CheckKind::Tcp => write!(f, "TCP connection to {server} failed."),
            CheckKind::Udp if matches!(failure, Failure::Mismatch | Failure::Length) => {
                write!(f, "UDP check to {server} reply data mismatch.")
            }
            CheckKind::Udp => write!(f, "UDP connection to {server} failed."),
            CheckKind::Ping if timed_out => {
                write!(f, "ICMP connection to address {server} timeout.")
            }
            CheckKind::Ping => write!(f, "ICMP connection to {server} of {service} failed."),
            CheckKind::Http | CheckKind::Ssl => {
                write!(f, "{} server {server}.", http_words(failure))
            }
            CheckKind::Smtp(host) => write!(f, "SMTP_CHECK {} {}", smtp_words(failure), At(*host)),
            CheckKind::Dns => fmt_dns(f, server, failure),
            CheckKind::Misc(program) => {
                let verb = if timed_out { "timed out" } else { "failed" };
                write!(f, "Misc check for [{server} VS {service}] by [{program}] {verb}")?;
                match (before, retry) {
                    (0, 1) => f.write_str(", will do 1 retry")?,
                    (0, _) => write!(f, ", will do {retry} retries")?,
                    _ => write!(f, " on retry {before}/{retry}")?,
                }
                fmt_exit(f, failure)
            }
        }
    }

    fn fmt_failed(
        &self,
        f: &mut fmt::Formatter<'_>,
        failure: &Failure,
        retries: u32,
        retry: u32,
    ) -> fmt::Result {
        let (server, service) = names(&self.what.server, self.groups);
        match &self.what.kind {
            CheckKind::Tcp => write!(f, "TCP_CHECK on service {server} failed{}.", After(retries)),
            CheckKind::Udp => write!(f, "UDP_CHECK on service {server} failed{}.", After(retries)),
            CheckKind::Ping if retries == 0 => {
                write!(f, "ICMP CHECK on service {server} failed.")
            }
            CheckKind::Ping => {
                write!(f, "ICMP CHECK on service {server} of {service} failed{}.", After(retries))
            }
            CheckKind::Http => write!(f, "HTTP_CHECK on service {server} failed{}.", After(retry)),
            CheckKind::Ssl => write!(f, "SSL_CHECK on service {server} failed{}.", After(retry)),
            CheckKind::Smtp(host) => write!(f, "SMTP_CHECK {} {}", smtp_words(failure), At(*host)),
            CheckKind::Dns => {
                fmt_dns(f, server, failure)?;
                write!(f, "{}", After(retries))
            }
            CheckKind::Misc(program) => {
                let timed_out = *failure == Failure::Timeout;
                let verb = if timed_out { "timed out" } else { "failed" };
                write!(f, "Misc check for [{server} VS {service}] by [{program}] {verb} ")?;
                match retry {
                    0 => f.write_str("with retry disabled")?,
                    1 => f.write_str("after 1 retry")?,
                    _ => write!(f, "after {retry} retries")?,
                }
                fmt_exit(f, failure)
            }
        }
    }
}

/// ` after 2 retries`, nothing for none.
struct After(u32);

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            retries => write!(f, " after {retries} retries"),
        }
    }
}

/// `[10.0.0.1]:25`, for both families.
pub(crate) struct At(pub(crate) SocketAddr);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]:{}", self.0.ip(), self.0.port())
    }
}

const fn http_words(failure: &Failure) -> &'static str {
    match failure {
        Failure::ConnectTimeout => "Timeout connecting",
        Failure::Timeout => "Timeout WEB read",
        Failure::Read(_) => "Read error with",
        // Two blanks before "server" are keepalived's own.
        Failure::Closed => "Read, no data received from ",
        Failure::Tls => "SSL handshake/communication error",
        Failure::Status => "HTTP status code error to",
        Failure::Digest => "MD5 digest error to",
        Failure::Regex => "Regex match failed",
        _ => "Connection failed",
    }
}

pub(crate) const fn smtp_words(failure: &Failure) -> &'static str {
    match failure {
        Failure::Timeout => "Read timeout from server",
        Failure::Read(_) | Failure::Closed => "Read failure from server",
        Failure::Greeting => "Bad greeting banner from server",
        Failure::Hello => "Bad HELO response from server",
        _ => "Could not connect to server",
    }
}

fn fmt_dns(f: &mut fmt::Formatter<'_>, server: ServerName, failure: &Failure) -> fmt::Result {
    match failure {
        Failure::Rcode(rcode) => {
            write!(f, "DNS_CHECK ({server}) read error occurred. (rcode = {rcode})")
        }
        Failure::Read(error) => {
            let (code, text) = (error.code, &error.text);
            write!(f, "DNS_CHECK ({server}) failed to read socket; errno {code} ({text})")
        }
        Failure::Timeout => write!(f, "DNS_CHECK ({server}) read timeout from socket"),
        _ => write!(f, "DNS_CHECK ({server}) failed to connect socket"),
    }
}

/// How a script ended, and the full stop.
fn fmt_exit(f: &mut fmt::Formatter<'_>, failure: &Failure) -> fmt::Result {
    match failure {
        Failure::Exited(status) => write!(f, " (exited with status {status})."),
        Failure::Signal(signal) => write!(f, " (due to signal {signal})."),
        Failure::Timeout => f.write_str("."),
        _ => f.write_str(" (not started)."),
    }
}
