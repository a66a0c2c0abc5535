//! `auth_hmac` of an instance.

use std::io::Read;
use std::path::Path;

use base::Duration;

use crate::diagnostic::{Code, Diagnostic, Place};
use crate::lang::Context;
use crate::model::vrrp::{Hmac, HmacKey, HmacMode};
use crate::parse::statement::Statement;
use crate::parse::value::{Value, integer};
use crate::source::{FileKind, Source};

/// Bytes that a key may have.
const KEY_LENGTH: std::ops::RangeInclusive<usize> = 32..=64;
/// Bytes of a key's file that are read: more than a key of 64 bytes in hexadecimal.
const LONGEST_FILE: u64 = 256;
/// Shortest default of `time_window`.
const MIN_WINDOW: Duration = Duration::from_secs(5);

/// `auth_hmac` while it is read.
#[derive(Clone, Debug)]
pub(crate) struct HmacDraft {
    pub place: Place,
    keys: Vec<HmacKey>,
    active: Option<u8>,
    time_window: Option<Duration>,
    monotonic: bool,
    pub(super) mode: HmacMode,
}

impl HmacDraft {
    pub(super) const fn new(place: Place) -> Self {
        Self {
            place,
            keys: Vec::new(),
            active: None,
            time_window: None,
            monotonic: false,
            mode: HmacMode::Enforce,
        }
    }

    pub(super) fn leaf(
        &mut self,
        owner: &str,
        statement: &Statement<'_>,
        value: &Value<'_>,
        cx: &mut Context<'_>,
    ) {
        match (statement.keyword.name, value.text()) {
            ("key", _) => self.key(owner, statement, cx),
            ("active_key", _) => self.active = value.int(),
            ("time_window", _) => self.time_window = value.seconds(),
            ("anti_replay", word) => self.monotonic = word == Some("monotonic"),
            ("mode", Some("permissive")) => self.mode = HmacMode::Permissive,
            ("mode", Some("receive-only")) => self.mode = HmacMode::ReceiveOnly,
            ("mode", _) => self.mode = HmacMode::Enforce,
            _ => {}
        }
    }

    /// `key ID SECRET`.
    fn key(&mut self, owner: &str, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let (Some(id), Some(secret)) = (statement.word(1), statement.word(2)) else {
            let message = format!("({owner}) auth_hmac key needs an id and a value");
            cx.report(Diagnostic::new(Code::ValueExpected, message).at(statement.place()));
            return;
        };
        let id = match integer(id, 1, 255) {
            Ok(id) => u8::try_from(id).unwrap_or_default(),
            Err(problem) => {
                let outcome =
                    format!("({owner}) auth_hmac key id '{id}' must be between 1 and 255");
                cx.report(problem.at(statement.place_of(1)).outcome(outcome));
                return;
            }
        };
        if self.keys.iter().any(|key| key.id == id) {
            let message = format!("({owner}) duplicate auth_hmac key id {id}");
            cx.report(Diagnostic::new(Code::Duplicate, message).at(statement.place_of(1)));
            return;
        }
        match parse_secret(secret, cx.source) {
            Ok(secret) => self.keys.push(HmacKey { id, secret }),
            Err(reason) => {
                let message = format!("({owner}) auth_hmac key {id} {reason}");
                cx.report(Diagnostic::new(Code::InvalidValue, message).at(statement.place_of(2)));
            }
        }
    }

    /// The settings, when the key for sending is there.
    pub(super) fn finish(
        self,
        owner: &str,
        interval: Duration,
        cx: &mut Context<'_>,
    ) -> Option<Hmac> {
        let active = self.active.unwrap_or(0);
        if !self.keys.iter().any(|key| key.id == active) {
            let message = format!(
                "({owner}) auth_hmac active_key {active} is not defined, disabling extension"
            );
            cx.report(super::late(Code::Incomplete, message, &self.place));
            return None;
        }
        let window = interval.saturating_mul(3).max(MIN_WINDOW);
        Some(Hmac {
            keys: self.keys,
            active,
            time_window: self.time_window.unwrap_or(window),
            monotonic: self.monotonic,
            mode: self.mode,
        })
    }
}

/// `hex:DIGITS`, `file:PATH` or text.
fn parse_secret(word: &str, source: &dyn Source) -> Result<Vec<u8>, String> {
    if let Some(path) = word.strip_prefix("file:") {
        let text = read_secret(path, source).map_err(|why| format!("file {path}: {why}"))?;
        if text.starts_with("file:") {
            return Err(format!("file {path} names a file"));
        }
        return parse_secret(&text, source);
    }
    let bytes = match word.strip_prefix("hex:") {
        Some(digits) => hex(digits).ok_or("is no even number of hexadecimal digits")?,
        None => word.as_bytes().to_vec(),
    };
    if KEY_LENGTH.contains(&bytes.len()) {
        return Ok(bytes);
    }
    Err(format!(
        "length {} not in range [{}, {}]",
        bytes.len(),
        KEY_LENGTH.start(),
        KEY_LENGTH.end()
    ))
}

/// The text in a file, without the end of its line.
fn read_secret(path: &str, source: &dyn Source) -> Result<String, String> {
    let path = Path::new(path);
    if source.facts(path).kind != FileKind::Regular {
        return Err("no such file".to_owned());
    }
    let file = source.open(path).map_err(|error| error.to_string())?;
    let mut text = String::new();
    file.take(LONGEST_FILE).read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// Pairs of hexadecimal digits.
pub(super) fn hex(digits: &str) -> Option<Vec<u8>> {
    if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let pairs = (0..digits.len()).step_by(2).map(|at| digits.get(at..at + 2));
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}
