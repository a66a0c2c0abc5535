//! `include` and its kin: which files a pattern means, and what of it is an error.

use std::path::{Path, PathBuf};

use crate::source::{FileKind, Source};

/// Alternatives that one pattern may have.
const MAX_ALTERNATIVES: usize = 1_000;

/// Which failures of an include are errors: `include_check`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checks {
    /// A file that is there cannot be used.
    pub read: bool,
    /// A name without wildcard leads nowhere.
    pub found: bool,
    /// A wildcard matches nothing.
    pub wildcard: bool,
    /// An alternative in braces leads nowhere.
    pub brace: bool,
}

impl Checks {
    /// All of them.
    pub(crate) const ALL: Self = Self { read: true, found: true, wildcard: true, brace: true };
    /// Those of the file that the daemon is started with.
    pub(crate) const MAIN: Self = Self { read: true, found: true, wildcard: true, brace: false };

    const fn or(self, other: Self) -> Self {
        Self {
            read: self.read || other.read,
            found: self.found || other.found,
            wildcard: self.wildcard || other.wildcard,
            brace: self.brace || other.brace,
        }
    }
}

/// The pattern of a line that is an include, and what it checks beside `base`.
pub(crate) fn directive(text: &str, base: Checks) -> Option<(&str, Checks)> {
    let rest = text.strip_prefix("include")?;
    let none = Checks::default();
    let (own, rest) = match rest.as_bytes().first()? {
        b' ' | b'\t' => (none, rest),
        b'r' => (Checks { read: true, ..none }, &rest[1..]),
        b'm' => (Checks { read: true, found: true, ..none }, &rest[1..]),
        b'w' => (Checks { read: true, found: true, wildcard: true, ..none }, &rest[1..]),
        b'b' => (Checks { read: true, brace: true, ..none }, &rest[1..]),
        b'a' => (Checks::ALL, &rest[1..]),
        _ => return None,
    };
    let pattern = rest.strip_prefix([' ', '\t'])?.trim();
    (!pattern.is_empty()).then(|| (pattern, own.or(base)))
}

/// Something about an include that must be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub message: String,
    /// Whether the configuration is refused for it.
    pub is_error: bool,
}

/// The files that `pattern` means, and what is wrong with it. Relative names count from
/// `directory`.
pub(crate) fn resolve(
    pattern: &str,
    checks: Checks,
    directory: &Path,
    source: &dyn Source,
) -> (Vec<PathBuf>, Vec<Problem>) {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    let alternatives = braces(pattern);
    let many = alternatives.len() > 1;
    let (mut missing_names, mut empty_wildcards) = (0_usize, 0_usize);
    for alternative in &alternatives {
        let full = directory.join(alternative);
        let is_wildcard = alternative.contains(['*', '?', '[']);
        let found = if is_wildcard {
            source.glob(&full.to_string_lossy())
        } else if source.facts(&full).kind == FileKind::Missing {
            Vec::new()
        } else {
            vec![full]
        };
        match (found.is_empty(), is_wildcard) {
            (true, true) => empty_wildcards += 1,
            (true, false) => missing_names += 1,
            _ => {}
        }
        for path in found {
            match unfit(&path, source) {
                None => files.push(path),
                Some(message) => problems.push(Problem { message, is_error: checks.read }),
            }
        }
    }
    problems.extend(nothing_found(pattern, checks, many, missing_names, empty_wildcards));
    (files, problems)
}

fn nothing_found(
    pattern: &str,
    checks: Checks,
    many: bool,
    missing_names: usize,
    empty_wildcards: usize,
) -> Option<Problem> {
    if many {
        return (missing_names > 0).then(|| Problem {
            message: format!("Some config files missing: \"{pattern}\"."),
            is_error: checks.brace,
        });
    }
    if missing_names > 0 {
        let message = format!("Config files missing '{pattern}'.");
        return Some(Problem { message, is_error: checks.found });
    }
    (empty_wildcards > 0 && checks.wildcard).then(|| Problem {
        message: format!("No config files matched '{pattern}'."),
        is_error: true,
    })
}

/// Why a file cannot be included, if it cannot.
fn unfit(path: &Path, source: &dyn Source) -> Option<String> {
    let facts = source.facts(path);
    let path = path.display();
    match facts.kind {
        FileKind::Directory => {
            Some(format!("Configuration file '{path}/' is a directory - skipping"))
        }
        FileKind::Regular if !facts.is_executable() => None,
        _ => Some(format!(
            "Configuration file '{path}' is not a regular non-executable file - skipping"
        )),
    }
}

/// `a{b,c}d` becomes `abd`, `acd`.
fn braces(pattern: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(one) = open.pop() {
        match split_brace(&one) {
            Some(parts) if done.len() + open.len() + parts.len() <= MAX_ALTERNATIVES => {
                open.extend(parts.into_iter().rev());
            }
            _ => done.push(one),
        }
    }
    done
}

/// The first group of braces of a pattern, spelt out.
fn split_brace(pattern: &str) -> Option<Vec<String>> {
    let start = pattern.find('{')?;
    let mut depth = 0_usize;
    let mut from = start + 1;
    let mut parts = Vec::new();
    for (at, byte) in pattern.bytes().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b',' if depth == 1 => {
                parts.push(&pattern[from..at]);
                from = at + 1;
            }
            b'}' if depth == 1 => {
                parts.push(&pattern[from..at]);
                let (before, after) = (&pattern[..start], &pattern[at + 1..]);
                return Some(parts.iter().map(|part| format!("{before}{part}{after}")).collect());
            }
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MemorySource;

    #[test]
    fn braces_are_spelt_out_in_order() {
        assert_eq!(braces("x{a,b{1,2}}y"), ["xay", "xb1y", "xb2y"]);
        assert_eq!(braces("a}b{c"), ["a}b{c"]);
        assert!(braces(&"{a,b}".repeat(30)).len() <= MAX_ALTERNATIVES);
    }

    /// The matrix of the language reference: 0 silent, 1 message, 6 error.
    #[test]
    fn what_is_an_error_follows_the_letter_of_the_directive() {
        let source =
            MemorySource::new("/c/inc.conf", "").with("/c/sub/x", "").with_program("/c/run.conf");
        let cases: [(&str, [u8; 6]); 7] = [
            ("nofile.conf", [1, 1, 6, 6, 1, 6]),
            ("no*.conf", [0, 0, 0, 6, 0, 6]),
            ("{inc,nofile}.conf", [1, 1, 1, 1, 6, 6]),
            ("{no1,no2}.conf", [1, 1, 1, 1, 6, 6]),
            ("{inc.conf,no*.conf}", [0, 0, 0, 0, 0, 0]),
            ("sub", [1, 6, 6, 6, 6, 6]),
            ("run.conf", [1, 6, 6, 6, 6, 6]),
        ];
        for (pattern, expected) in cases {
            for (letter, expected) in ["", "r", "m", "w", "b", "a"].iter().zip(expected) {
                let line = format!("include{letter} {pattern}");
                let (pattern, checks) = directive(&line, Checks::default()).unwrap();
                let (_, problems) = resolve(pattern, checks, Path::new("/c"), &source);
                let outcome = match problems.first() {
                    None => 0,
                    Some(problem) if problem.is_error => 6,
                    Some(_) => 1,
                };
                assert_eq!(outcome, expected, "{line}");
            }
        }
    }

    #[test]
    fn other_words_are_no_includes() {
        for text in ["include", "includex a", "includes a", "include_check", "xinclude a"] {
            assert_eq!(directive(text, Checks::default()), None, "{text}");
        }
    }
}
