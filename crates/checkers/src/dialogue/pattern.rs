//! `regex` and its kin: what the body of an HTTP answer has to match.
//!
//! Patterns are Perl's, with look-around and back-references, matched in bounded time; a body is taken
//! as UTF-8, whatever is not as the replacement character.

use control_plane::model::checks::UrlRegex;
use fancy_regex::{Regex, RegexBuilder};

/// Bytes of a body that are searched.
const LONGEST_SEARCHED: usize = 1024 * 1024;

/// Steps back that a match may take before the body counts as not matching.
const MOST_STEPS_BACK: usize = 1_000_000;

/// What a body has to match, and the body so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    wanted: UrlRegex,
    body: Vec<u8>,
}

/// How it came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matched {
    /// As wanted.
    Yes,
    No,
    /// There is no such pattern, so nothing is wanted.
    Invalid,
}

impl Pattern {
    pub(super) fn new(wanted: &UrlRegex) -> Self {
        Self { wanted: wanted.clone(), body: Vec::new() }
    }

    /// The next bytes of the body.
    pub(super) fn take(&mut self, data: &[u8]) {
        let room = LONGEST_SEARCHED.saturating_sub(self.body.len());
        self.body.extend(data.iter().take(room));
    }

    pub(super) fn matches(&self) -> Matched {
        let Ok(regex) = compile(&self.wanted) else { return Matched::Invalid };
        let text: &str = &String::from_utf8_lossy(&self.body);
        let first = usize::try_from(self.wanted.min_offset).unwrap_or(usize::MAX);
        let last = self.wanted.max_offset.map_or(u64::MAX, |last| last);
        // What takes too many steps has not matched.
        let found = (first <= text.len())
            .then(|| regex.find_from_pos(text, text.ceil_char_boundary(first)).ok().flatten())
            .flatten()
            .is_some_and(|found| u64::try_from(found.start()).is_ok_and(|start| start <= last));
        if found == self.wanted.no_match { Matched::No } else { Matched::Yes }
    }
}

/// The pattern with its options.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) fn compile(wanted: &UrlRegex) -> Result<Regex, String> {
    let letter = |option: &String| match option.as_str() {
        "caseless" => Some('i'),
        "multiline" => Some('m'),
        "dotall" => Some('s'),
        "extended" => Some('x'),
        _ => None,
    };
    let letters: String = wanted.options.iter().filter_map(letter).collect();
    let pattern = match letters.as_str() {
        "" => wanted.pattern.clone(),
        letters => format!("(?{letters}){}", wanted.pattern),
    };
    let mut builder = RegexBuilder::new(&pattern);
    builder.backtrack_limit(MOST_STEPS_BACK);
    builder.build().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(wanted: UrlRegex, body: &str) -> Matched {
        let mut pattern = Pattern::new(&wanted);
        body.as_bytes().chunks(3).for_each(|piece| pattern.take(piece));
        pattern.matches()
    }

    fn wanted(pattern: &str) -> UrlRegex {
        UrlRegex { pattern: pattern.to_owned(), ..UrlRegex::default() }
    }

    #[test]
    fn a_pattern_is_searched_anywhere_and_may_look_around() {
        assert_eq!(matches(wanted("l+o"), "hello"), Matched::Yes);
        assert_eq!(matches(wanted("^l"), "hello"), Matched::No);
        assert_eq!(matches(wanted("(?<=h)e(?!x)"), "hello"), Matched::Yes);
        assert_eq!(matches(wanted(r"(.)\1"), "hello"), Matched::Yes);
        assert_eq!(matches(wanted("(h"), "hello"), Matched::Invalid);
    }

    #[test]
    fn no_match_turns_the_sense_round() {
        let not = |pattern| UrlRegex { no_match: true, ..wanted(pattern) };
        assert_eq!(matches(not("error"), "hello"), Matched::Yes);
        assert_eq!(matches(not("hell"), "hello"), Matched::No);
    }

    #[test]
    fn options_work_as_their_letters_do() {
        let with = |pattern: &str, option: &str| UrlRegex {
            options: vec![option.to_owned()],
            ..wanted(pattern)
        };
        assert_eq!(matches(with("HELLO", "caseless"), "hello"), Matched::Yes);
        assert_eq!(matches(with("a.b", "dotall"), "a\nb"), Matched::Yes);
        assert_eq!(matches(with("^b$", "multiline"), "a\nb\nc"), Matched::Yes);
        assert_eq!(matches(with("a  b # words", "extended"), "ab"), Matched::Yes);
    }

    #[test]
    fn a_match_begins_between_its_offsets() {
        let between = |min_offset, max_offset| UrlRegex { min_offset, max_offset, ..wanted("l") };
        assert_eq!(matches(between(3, None), "hello"), Matched::Yes);
        assert_eq!(matches(between(4, None), "hello"), Matched::No);
        assert_eq!(matches(between(40, None), "hello"), Matched::No);
        assert_eq!(matches(between(0, Some(2)), "hello"), Matched::Yes);
        assert_eq!(matches(between(0, Some(1)), "hello"), Matched::No);
    }

    #[test]
    fn a_pattern_that_explodes_has_not_matched() {
        let body = format!("{}b", "a".repeat(200));
        assert_eq!(matches(wanted(r"^(a|a|(?=a)a)*\1?c$"), &body), Matched::No);
    }
}
