//! What is said to a server and what it answers, without a socket: bytes in, bytes out, a verdict.
//!
//! A dialogue is one try of a check. Whatever a server sends, it needs bounded memory, and its time
//! is the machine's business.

mod body;
mod dns;
mod http;
pub mod page;
mod ping;
mod smtp;
mod udp;

pub(crate) use dns::Dns;
pub(crate) use http::Http;
pub(crate) use ping::Ping;
pub(crate) use smtp::Smtp;
pub(crate) use udp::Udp;

use control_plane::model::checks::UrlRegex;

use crate::verdict::{Failure, SocketError, Verdict};

/// One try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dialogue {
    Http(Box<Http>),
    Smtp(Smtp),
    Dns(Dns),
    Udp(Udp),
    Ping(Ping),
}

/// What a dialogue wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing: that was not for us, the time goes on.
    Ignored,
    /// The rest of an answer; the server gets new time for it.
    More,
    /// Send this and give the server time to answer.
    Send(Vec<u8>),
    /// Search this body, the answer is for [`Dialogue::searched`].
    Search(Box<UrlRegex>, Vec<u8>),
    /// It is over.
    Over(Verdict),
}

impl Step {
    /// It is over and failed.
    const fn failed(failure: Failure) -> Self {
        Self::Over(Err(failure))
    }
}

impl Dialogue {
    /// The way to the server is open.
    pub(crate) fn connected(&mut self) -> Step {
        Step::Send(match self {
            Self::Http(http) => http.request(),
            Self::Smtp(smtp) => return smtp.connected(),
            Self::Dns(dns) => dns.query(),
            Self::Udp(udp) => udp.payload(),
            Self::Ping(ping) => ping.request(),
        })
    }

    /// The server said something. Of datagrams this is one.
    pub(crate) fn received(&mut self, bytes: &[u8]) -> Step {
        match self {
            Self::Http(http) => http.received(bytes),
            Self::Smtp(smtp) => smtp.received(bytes),
            Self::Dns(dns) => dns.received(bytes),
            Self::Udp(udp) => udp.received(bytes),
            Self::Ping(ping) => ping.received(bytes),
        }
    }

    /// The server has closed, or the connection broke.
    pub(crate) fn ended(&mut self, error: Option<SocketError>) -> Step {
        match (self, error) {
            (Self::Http(http), _) if http.is_searched() => Step::Ignored,
            (Self::Http(http), None) => http.closed(),
            (_, None) => Step::failed(Failure::Closed),
            (_, Some(error)) => Step::failed(Failure::Read(error)),
        }
    }

    /// The body was searched.
    pub(crate) fn searched(&mut self, found: Option<bool>) -> Step {
        match self {
            Self::Http(http) => http.searched(found),
            _ => Step::Ignored,
        }
    }

    /// The time is over.
    pub(crate) const fn timed_out(&mut self) -> Verdict {
        match self {
            Self::Udp(udp) => udp.timed_out(),
            _ => Err(Failure::Timeout),
        }
    }
}
