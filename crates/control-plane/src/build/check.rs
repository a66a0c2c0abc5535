//! Checks of real servers while they are read.

use std::net::{IpAddr, SocketAddr};

use base::Duration;

use crate::diagnostic::{Code, Diagnostic, Place};
use crate::lang::Context;
use crate::model::{Checker, CheckerKind, TcpCheck};
use crate::parse::statement::Statement;
use crate::parse::value::Value;

/// `delay_loop` when nobody says anything.
const DELAY_LOOP: Duration = Duration::from_secs(60);
/// `connect_timeout` when nobody says anything.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What a virtual server gives to its real servers, and these to their checks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Defaults {
    retry: Option<u32>,
    delay_before_retry: Option<Duration>,
    warmup: Option<Duration>,
    connect_timeout: Option<Duration>,
    delay_loop: Option<Duration>,
}

impl Defaults {
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
    own: Defaults,
    ip: Option<IpAddr>,
    port: Option<u16>,
    bind: Option<(IpAddr, Place)>,
    bind_port: Option<u16>,
    bind_interface: Option<String>,
    mark: u32,
    alpha: Option<bool>,
    log_all: Option<bool>,
}

/// Which check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tcp,
}

impl CheckDraft {
    /// A check block begins.
    pub(super) fn open(name: &str) -> Option<Self> {
        let kind = match name {
            "TCP_CHECK" => Kind::Tcp,
            _ => return None,
        };
        Some(Self {
            kind,
            own: Defaults::default(),
            ip: None,
            port: None,
            bind: None,
            bind_port: None,
            bind_interface: None,
            mark: 0,
            alpha: None,
            log_all: None,
        })
    }

    pub(super) fn leaf(
        &mut self,
        statement: &Statement<'_>,
        value: &Value<'_>,
        cx: &mut Context<'_>,
    ) {
        let name = statement.keyword.name;
        if self.own.leaf(name, value) {
            return;
        }
        match (name, value) {
            ("connect_ip", Value::Address(ip)) => self.ip = Some(*ip),
            ("bindto", Value::Address(ip)) => self.bindto(*ip, statement, cx),
            ("connect_port", _) => self.port = value.int(),
            ("bind_port", _) => self.bind_port = value.int(),
            ("bind_if", _) => self.bind_interface = value.string(),
            ("fwmark", _) => self.mark = value.int().unwrap_or(0),
            ("alpha", _) => self.alpha = Some(value.bool()),
            ("log_all_failures", _) => self.log_all = Some(value.bool()),
            _ => {}
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
        self.bind = Some((ip, statement.place_of(1)));
    }

    pub(super) const fn log_all_failures(&self) -> Option<bool> {
        self.log_all
    }

    /// The check with its defaults filled in.
    pub(super) fn finish(
        self,
        server: SocketAddr,
        defaults: &Defaults,
        alpha: bool,
    ) -> Option<Checker> {
        let all = self.own.or(defaults);
        let target = SocketAddr::new(
            self.ip.unwrap_or_else(|| server.ip()),
            self.port.unwrap_or_else(|| server.port()),
        );
        let bind = match (self.bind, self.bind_port) {
            (None, None) => None,
            (Some((ip, _)), port) => Some(SocketAddr::new(ip, port.unwrap_or(0))),
            (None, Some(port)) => Some(SocketAddr::new(any_address(target), port)),
        };
        let connect = TcpCheck {
            bind,
            connect_timeout: all.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            bind_interface: self.bind_interface,
            mark: self.mark,
            ..TcpCheck::new(target)
        };
        let kind = match self.kind {
            Kind::Tcp => CheckerKind::Tcp(connect),
        };
        let delay_loop = all.delay_loop.unwrap_or(DELAY_LOOP);
        Some(Checker {
            delay_loop,
            warmup: all.warmup.unwrap_or(delay_loop),
            retry: all.retry.unwrap_or(1),
            delay_before_retry: all.delay_before_retry.unwrap_or(Duration::from_secs(1)),
            alpha: self.alpha.unwrap_or(alpha),
            log_all_failures: self.log_all.unwrap_or(false),
            kind,
        })
    }
}

/// "Any address" of the family of `target`.
const fn any_address(target: SocketAddr) -> IpAddr {
    match target {
        SocketAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
    }
}
