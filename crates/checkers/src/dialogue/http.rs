//! HTTP_GET and SSL_GET: one request, and the status and digest of its answer.

use control_plane::model::checks::{HttpCheck, HttpVersion, Url, UrlRegex};

use super::Step;
use super::body::{Body, Found};
use crate::verdict::{Failure, Passed};

/// The longest header that is looked at.
pub(super) const LONGEST_HEADER: usize = 64 * 1024;

/// The most lines of a header.
const MOST_LINES: usize = 256;

/// One request and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Http {
    request: Vec<u8>,
    wanted: Wanted,
    answer: Answer,
}

/// What an answer has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    status_codes: Vec<(u16, u16)>,
    digest: Option<[u8; 16]>,
    regex: Option<UrlRegex>,
}

/// What has come so far.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Header(Vec<u8>),
    Body {
        status: u16,
        announced: Option<u64>,
        body: Box<Body>,
    },
    /// All has come and passed, but for the pattern, which is being searched.
    Searched {
        without: Passed,
        lengths: Option<(u64, u64)>,
    },
}

impl Http {
    pub(crate) fn new(check: &HttpCheck, url: &Url) -> Self {
        let status_codes =
            if url.status_codes.is_empty() { vec![(200, 299)] } else { url.status_codes.clone() };
        Self {
            request: request(check, url),
            wanted: Wanted { status_codes, digest: url.digest, regex: url.regex.clone() },
            answer: Answer::Header(Vec::new()),
        }
    }

    pub(super) fn request(&self) -> Vec<u8> {
        self.request.clone()
    }

    pub(super) fn received(&mut self, bytes: &[u8]) -> Step {
        let header = match &mut self.answer {
            Answer::Body { body, .. } => {
                let found = body.push(bytes);
                return self.go_on(found);
            }
            Answer::Header(header) => header,
            Answer::Searched { .. } => return Step::Ignored,
        };
        header.extend(bytes);
        match parse(header) {
            Header::Partial if header.len() < LONGEST_HEADER => Step::More,
            // As keepalived has it: what is not HTTP is no data.
            Header::Partial | Header::Wrong => Step::failed(Failure::Closed),
            Header::Whole { length, status, announced, chunked } => {
                let mut body = Box::new(Body::new(chunked, self.wanted.regex.is_some()));
                let found = body.push(header.get(length..).unwrap_or_default());
                self.answer = Answer::Body { status, announced, body };
                self.go_on(found)
            }
        }
    }

    fn go_on(&mut self, found: Found) -> Step {
        match found {
            Found::More => Step::More,
            Found::End | Found::Broken => self.closed(),
        }
    }

    /// The answer ends with the connection.
    pub(super) fn closed(&mut self) -> Step {
        let Answer::Body { status, announced, body } = &mut self.answer else {
            return Step::failed(Failure::Closed);
        };
        let Wanted { status_codes, digest, regex } = &self.wanted;
        if !status_codes.iter().any(|(first, last)| (first..=last).contains(&&*status)) {
            return Step::failed(Failure::Status);
        }
        if !body.may_end() {
            return Step::failed(Failure::Closed);
        }
        let lengths =
            announced.map(|length| (length, body.length())).filter(|(said, came)| said != came);
        let without = match digest {
            Some(digest) if *digest != body.digest() => return Step::failed(Failure::Digest),
            Some(_) => Passed::Digest { lengths },
            None => Passed::Status { lengths },
        };
        let Some(regex) = regex else { return Step::Over(Ok(without)) };
        let step = Step::Search(Box::new(regex.clone()), body.take_kept());
        self.answer = Answer::Searched { without, lengths };
        step
    }

    /// Whether only the pattern is left to be looked at.
    pub(super) const fn is_searched(&self) -> bool {
        matches!(self.answer, Answer::Searched { .. })
    }

    /// The body was searched; `None`: there is no such pattern, so the url goes without.
    pub(super) fn searched(&self, found: Option<bool>) -> Step {
        let Answer::Searched { without, lengths } = self.answer else { return Step::Ignored };
        let wanted = self.wanted.regex.as_ref().is_some_and(|regex| !regex.no_match);
        Step::Over(match found {
            None => Ok(without),
            Some(found) if found == wanted => Ok(Passed::Regex { lengths }),
            Some(_) => Err(Failure::Regex),
        })
    }
}

/// What a check says to a web server, byte for byte as keepalived does.
pub fn request(check: &HttpCheck, url: &Url) -> Vec<u8> {
    let (version, close) = match check.version {
        HttpVersion::V1_0 => ("1.0", ""),
        HttpVersion::V1_0Close => ("1.0", "Connection: close\r\n"),
        HttpVersion::V1_1 => ("1.1", "Connection: close\r\n"),
    };
    let host = url.virtualhost.as_ref().or(check.virtualhost.as_ref());
    let host = host.cloned().unwrap_or_else(|| check.connect.target.to_string());
    let path = &url.path;
    format!(
        "GET {path} HTTP/{version}\r\nUser-Agent: KeepAliveClient\r\n{close}Host: {host}\r\n\r\n"
    )
    .into_bytes()
}

/// What is known of a header.
pub(super) enum Header {
    Partial,
    Wrong,
    Whole { length: usize, status: u16, announced: Option<u64>, chunked: bool },
}

pub(super) fn parse(bytes: &[u8]) -> Header {
    let mut lines = [httparse::EMPTY_HEADER; MOST_LINES];
    let mut answer = httparse::Response::new(&mut lines);
    // A server that real clients get on with must not fail for a line that nobody reads.
    let parsed = httparse::ParserConfig::default()
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .parse_response(&mut answer, bytes);
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Header::Partial,
        Err(_) => return Header::Wrong,
    };
    let Some(status) = answer.code else { return Header::Wrong };
    let value = |name: &str| {
        let line = answer.headers.iter().rfind(|line| line.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(line.value).ok().map(str::trim)
    };
    let chunked = value("Transfer-Encoding").is_some_and(ends_chunked);
    // RFC 9112 section 6.3: with chunks an announced length means nothing.
    let announced = if chunked { None } else { value("Content-Length") };
    Header::Whole { length, status, announced: announced.and_then(|n| n.parse().ok()), chunked }
}

fn ends_chunked(encodings: &str) -> bool {
    encodings.rsplit(',').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("chunked"))
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
