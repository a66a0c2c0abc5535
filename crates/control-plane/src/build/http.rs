//! `HTTP_GET` and `SSL_GET` while they are read.

use crate::diagnostic::{Code, Diagnostic, Place};
use crate::lang::Context;
use crate::lang::words::script_words;
use crate::model::TcpCheck;
use crate::model::checks::{HttpCheck, HttpVersion, Sni, Url, UrlRegex};
use crate::parse::statement::Statement;
use crate::parse::value::{Value, boolean, integer};

/// Codes that count as success when nobody says anything.
const SUCCESS: (u16, u16) = (200, 299);

/// An HTTP check while it is read.
#[derive(Debug)]
pub(crate) struct HttpDraft {
    tls: bool,
    virtualhost: Option<String>,
    version: HttpVersion,
    sni: Sni,
    fast_recovery: bool,
    tls_compliant: bool,
    pub urls: Vec<UrlDraft>,
    url: Option<UrlDraft>,
}

/// A `url` while it is read.
#[derive(Debug)]
pub(crate) struct UrlDraft {
    place: Place,
    url: Url,
    regex: UrlRegex,
    has_pattern: bool,
    tls_compliant: Option<bool>,
}

impl HttpDraft {
    pub(super) const fn new(tls: bool) -> Self {
        Self {
            tls,
            virtualhost: None,
            version: HttpVersion::V1_0,
            sni: Sni::Off,
            fast_recovery: false,
            tls_compliant: false,
            urls: Vec::new(),
            url: None,
        }
    }

    pub(super) fn open_url(&mut self, place: Place) {
        self.url = Some(UrlDraft {
            place,
            url: Url::default(),
            regex: UrlRegex::default(),
            has_pattern: false,
            tls_compliant: None,
        });
    }

    pub(super) fn close_url(&mut self, cx: &mut Context<'_>) {
        let Some(url) = self.url.take() else { return };
        if url.url.path.is_empty() {
            let message = "HTTP/SSL_GET checker url has no path - ignoring";
            cx.report(Diagnostic::new(Code::Incomplete, message).at(url.place));
        } else {
            self.urls.push(url);
        }
    }

    pub(super) fn leaf(
        &mut self,
        statement: &Statement<'_>,
        value: &Value<'_>,
        cx: &mut Context<'_>,
    ) {
        if let Some(url) = &mut self.url {
            return url.leaf(statement, value, cx);
        }
        match statement.keyword.name {
            "virtualhost" => self.virtualhost = value.string(),
            "http_protocol" => {
                self.version = match value.text() {
                    Some("1.1") => HttpVersion::V1_1,
                    Some("1.0C" | "1.0c") => HttpVersion::V1_0Close,
                    _ => HttpVersion::V1_0,
                };
            }
            "enable_sni" => self.sni = if value.bool() { Sni::VirtualHost } else { Sni::Off },
            "sni_name" => match value.string() {
                Some(name) => self.sni = Sni::Name(name),
                None if matches!(self.sni, Sni::Name(_)) => {
                    let message = "sni_name without a name after one with a name - ignoring";
                    cx.report(Diagnostic::new(Code::Repeated, message).at(statement.place()));
                }
                None => self.sni = Sni::VirtualHost,
            },
            "fast_recovery" => self.fast_recovery = value.bool(),
            "tls_compliant" => self.tls_compliant = value.bool(),
            _ => {}
        }
    }

    /// The check with its defaults filled in.
    pub(super) fn finish(self, connect: TcpCheck, virtualhost: Option<&str>) -> HttpCheck {
        let compliant = self.tls_compliant;
        HttpCheck {
            connect,
            tls: self.tls,
            virtualhost: self.virtualhost.or_else(|| virtualhost.map(str::to_owned)),
            version: self.version,
            sni: self.sni,
            fast_recovery: self.fast_recovery,
            urls: self.urls.into_iter().map(|url| url.finish(compliant)).collect(),
        }
    }
}

impl UrlDraft {
    fn leaf(&mut self, statement: &Statement<'_>, value: &Value<'_>, cx: &mut Context<'_>) {
        match statement.keyword.name {
            "path" => self.url.path = value.string().unwrap_or_default(),
            "virtualhost" => self.url.virtualhost = value.string(),
            "digest" => self.digest(statement, cx),
            "status_code" => self.status_codes(statement, cx),
            "tls_compliant" => self.tls_compliant = Some(value.bool()),
            "regex" => self.pattern(statement, cx),
            "regex_no_match" => {
                self.regex.no_match = statement.word(1).and_then(boolean).unwrap_or(true)
            }
            "regex_options" => {
                let words = statement.words.iter().skip(1);
                self.regex.options.extend(words.map(|word| word.text.to_owned()));
            }
            "regex_min_offset" => self.regex.min_offset = value.int().unwrap_or(0),
            "regex_max_offset" => self.regex.max_offset = value.int(),
            "regex_stack" => self.stack(statement),
            _ => {}
        }
    }

    fn digest(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let word = statement.word(1).unwrap_or_default();
        let mut bad = |message: String| {
            let problem = Diagnostic::new(Code::InvalidValue, message).at(statement.place_of(1));
            cx.report(problem.label("expected the MD5 of the body as 32 hexadecimal digits"));
        };
        if self.url.digest.is_some() {
            bad(format!("Digest '{word}' is a duplicate"));
        } else if word.len() != 32 {
            bad(format!(
                "digest '{word}' character length should be 32 rather than {}",
                word.len()
            ));
        } else {
            match super::hmac::hex(word).and_then(|bytes| bytes.try_into().ok()) {
                Some(digest) => self.url.digest = Some(digest),
                None => bad(format!("Digest '{word}' not a valid hex string")),
            }
        }
    }

    /// `CODE|FIRST-LAST ...`.
    fn status_codes(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        for (index, word) in statement.words.iter().enumerate().skip(1) {
            let (first, last) = word.text.split_once('-').unwrap_or((word.text, word.text));
            let code =
                |text| integer(text, 100, 599).ok().and_then(|code| u16::try_from(code).ok());
            match (code(first), code(last)) {
                (Some(first), Some(last)) if first <= last => {
                    self.url.status_codes.push((first, last));
                }
                _ => {
                    let message = format!("Invalid HTTP_GET status code '{}'", word.text);
                    let problem = Diagnostic::new(Code::InvalidValue, message);
                    let problem = problem.at(statement.place_of(index));
                    cx.report(problem.label("expected 100 to 599, or a range such as 200-299"));
                }
            }
        }
    }

    fn pattern(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let words = script_words(statement.raw_from(1)).unwrap_or_default();
        let [pattern] = &words[..] else {
            let message = "regex missing or too many fields";
            let problem = Diagnostic::new(Code::InvalidValue, message).at(statement.place());
            cx.report(problem.help("put the pattern into quotes"));
            return;
        };
        self.regex.pattern.clone_from(pattern);
        self.has_pattern = true;
    }

    fn stack(&mut self, statement: &Statement<'_>) {
        let number = |index| statement.word(index).and_then(|word: &str| word.parse::<u64>().ok());
        if let (Some(start), Some(max)) = (number(1), number(2))
            && start <= max
        {
            self.regex.stack = Some((start, max));
        }
    }

    fn finish(self, tls_compliant: bool) -> Url {
        let mut url = self.url;
        url.tls_compliant = self.tls_compliant.unwrap_or(tls_compliant);
        url.regex = self.has_pattern.then_some(self.regex);
        if url.status_codes.is_empty() {
            url.status_codes.push(SUCCESS);
        }
        url
    }
}
