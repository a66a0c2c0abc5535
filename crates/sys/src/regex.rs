//! Perl's patterns as PCRE2 has them, which is what `regex` in a configuration is written for. PCRE2
//! is compiled into the program (`.cargo/config.toml`), with its compiler to machine code where the
//! system lets a program write code.

#![expect(unsafe_code, reason = "PCRE2 is a C library, and its safe crate lacks most options")]

use std::fmt;
use std::ptr::{self, NonNull};

use pcre2_sys as pcre2;
use thiserror::Error;

/// Steps that one search may take: about a tenth of a second.
const MOST_STEPS: u32 = 1_000_000;

/// Bytes of an error's text.
const LONGEST_MESSAGE: usize = 256;

/// Words of `regex_options` and what PCRE2 calls them.
const OPTIONS: &[(&str, u32)] = &[
    ("allow_empty_class", pcre2::PCRE2_ALLOW_EMPTY_CLASS),
    ("alt_bsux", pcre2::PCRE2_ALT_BSUX),
    ("auto_callout", pcre2::PCRE2_AUTO_CALLOUT),
    ("caseless", pcre2::PCRE2_CASELESS),
    ("dollar_endonly", pcre2::PCRE2_DOLLAR_ENDONLY),
    ("dotall", pcre2::PCRE2_DOTALL),
    ("dupnames", pcre2::PCRE2_DUPNAMES),
    ("extended", pcre2::PCRE2_EXTENDED),
    ("firstline", pcre2::PCRE2_FIRSTLINE),
    ("match_unset_backref", pcre2::PCRE2_MATCH_UNSET_BACKREF),
    ("multiline", pcre2::PCRE2_MULTILINE),
    ("never_ucp", pcre2::PCRE2_NEVER_UCP),
    ("never_utf", pcre2::PCRE2_NEVER_UTF),
    ("no_auto_capture", pcre2::PCRE2_NO_AUTO_CAPTURE),
    ("no_auto_possess", pcre2::PCRE2_NO_AUTO_POSSESS),
    ("no_dotstar_anchor", pcre2::PCRE2_NO_DOTSTAR_ANCHOR),
    ("no_start_optimize", pcre2::PCRE2_NO_START_OPTIMIZE),
    ("ucp", pcre2::PCRE2_UCP),
    ("ungreedy", pcre2::PCRE2_UNGREEDY),
    ("utf", pcre2::PCRE2_UTF),
    ("never_backslash_c", pcre2::PCRE2_NEVER_BACKSLASH_C),
    ("alt_circumflex", pcre2::PCRE2_ALT_CIRCUMFLEX),
    ("alt_verbnames", pcre2::PCRE2_ALT_VERBNAMES),
    ("use_offset_limit", pcre2::PCRE2_USE_OFFSET_LIMIT),
];

/// Why there is no pattern: the words of PCRE2.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("at offset {offset}: {message}")]
pub struct PatternError {
    /// Bytes of the pattern before the mistake.
    pub offset: usize,
    /// What it is.
    pub message: String,
}

/// Why a search came to no end: PCRE2's number and words.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message} ({code})")]
pub struct SearchError {
    /// `PCRE2_ERROR_...`.
    pub code: i32,
    /// What that is.
    pub message: String,
}

/// A pattern that is ready for searches.
pub struct Pattern {
    code: NonNull<pcre2::pcre2_code_8>,
    found: NonNull<pcre2::pcre2_match_data_8>,
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pattern").finish_non_exhaustive()
    }
}

impl Pattern {
    /// Compiles a pattern with these words of `regex_options`; words that PCRE2 does not know are
    /// skipped. `offset_limit`: [`Matcher::is_found`] will be asked for a last place.
    ///
    /// # Errors
    /// What is wrong with the pattern, and where.
    pub fn new<'a>(
        pattern: &str,
        options: impl IntoIterator<Item = &'a str>,
        offset_limit: bool,
    ) -> Result<Self, PatternError> {
        let bit = |word: &str| OPTIONS.iter().find(|(name, _)| *name == word).map(|(_, bit)| *bit);
        let limit = if offset_limit { pcre2::PCRE2_USE_OFFSET_LIMIT } else { 0 };
        let bits = options.into_iter().filter_map(bit).fold(limit, |all, bit| all | bit);
        let (mut error, mut offset) = (0, 0);
        let text = pattern.as_bytes();
        // SAFETY: the text is valid for its length, the two places are ours, no context is fine.
        let code = unsafe {
            pcre2::pcre2_compile_8(
                text.as_ptr(),
                text.len(),
                bits,
                &raw mut error,
                &raw mut offset,
                ptr::null_mut(),
            )
        };
        let Some(code) = NonNull::new(code) else {
            return Err(PatternError { offset, message: message(error) });
        };
        // To machine code where that is possible; without it a search takes longer.
        // SAFETY: the code was made just now.
        unsafe { pcre2::pcre2_jit_compile_8(code.as_ptr(), pcre2::PCRE2_JIT_COMPLETE) };
        // SAFETY: the code was made just now, no context is fine.
        let found = unsafe {
            pcre2::pcre2_match_data_create_from_pattern_8(code.as_ptr(), ptr::null_mut())
        };
        let Some(found) = NonNull::new(found) else {
            // SAFETY: the code was made just now and nobody else has it.
            unsafe { pcre2::pcre2_code_free_8(code.as_ptr()) };
            return Err(PatternError { offset: 0, message: "no memory".to_owned() });
        };
        Ok(Self { code, found })
    }
}

impl Drop for Pattern {
    fn drop(&mut self) {
        // SAFETY: made in `new`, freed here alone.
        unsafe { pcre2::pcre2_match_data_free_8(self.found.as_ptr()) };
        // SAFETY: made in `new`, freed here alone.
        unsafe { pcre2::pcre2_code_free_8(self.code.as_ptr()) };
    }
}

/// What searches share: their bounds, and the stack of machine code.
pub struct Matcher {
    context: NonNull<pcre2::pcre2_match_context_8>,
    stack: Option<NonNull<pcre2::pcre2_jit_stack_8>>,
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matcher").field("stack", &self.stack.is_some()).finish_non_exhaustive()
    }
}

impl Matcher {
    /// With a stack of `(first, most)` bytes, or PCRE2's own of 32 KiB.
    ///
    /// # Errors
    /// There is no memory, or no such stack.
    pub fn new(stack: Option<(usize, usize)>) -> Result<Self, std::io::Error> {
        let none = || std::io::Error::from(std::io::ErrorKind::OutOfMemory);
        // SAFETY: no general context is fine.
        let context = unsafe { pcre2::pcre2_match_context_create_8(ptr::null_mut()) };
        let context = NonNull::new(context).ok_or_else(none)?;
        // SAFETY: the context was made just now.
        unsafe { pcre2::pcre2_set_match_limit_8(context.as_ptr(), MOST_STEPS) };
        let mut matcher = Self { context, stack: None };
        if let Some((first, most)) = stack {
            // SAFETY: no general context is fine; sizes that cannot be give null.
            let stack = unsafe { pcre2::pcre2_jit_stack_create_8(first, most, ptr::null_mut()) };
            let stack = NonNull::new(stack).ok_or_else(none)?;
            matcher.stack = Some(stack);
            // SAFETY: both are alive, the stack until the context is freed; without a function the
            // pointer is taken as a stack.
            unsafe {
                pcre2::pcre2_jit_stack_assign_8(context.as_ptr(), None, stack.as_ptr().cast());
            }
        }
        Ok(matcher)
    }

    /// Whether the pattern matches `text` from some place between `first` and `last`, in bytes.
    ///
    /// # Errors
    /// The search took too many steps or too much stack, or `text` is not what the pattern can be
    /// searched in.
    pub fn is_found(
        &mut self,
        pattern: &mut Pattern,
        text: &[u8],
        first: usize,
        last: Option<usize>,
    ) -> Result<bool, SearchError> {
        if first > text.len() {
            return Ok(false);
        }
        // SAFETY: the context is alive; `usize::MAX` is PCRE2_UNSET, no limit.
        unsafe {
            pcre2::pcre2_set_offset_limit_8(self.context.as_ptr(), last.unwrap_or(usize::MAX));
        }
        // SAFETY: the text is valid for its length and longer than `first`; code, match data and
        // context are alive and used by this call alone.
        let code = unsafe {
            pcre2::pcre2_match_8(
                pattern.code.as_ptr(),
                text.as_ptr(),
                text.len(),
                first,
                0,
                pattern.found.as_ptr(),
                self.context.as_ptr(),
            )
        };
        match code {
            0.. => Ok(true),
            pcre2::PCRE2_ERROR_NOMATCH => Ok(false),
            code => Err(SearchError { code, message: message(code) }),
        }
    }
}

impl Drop for Matcher {
    fn drop(&mut self) {
        // SAFETY: made in `new`, freed here alone.
        unsafe { pcre2::pcre2_match_context_free_8(self.context.as_ptr()) };
        if let Some(stack) = self.stack {
            // SAFETY: made in `new`, freed here alone, after the context that used it.
            unsafe { pcre2::pcre2_jit_stack_free_8(stack.as_ptr()) };
        }
    }
}

/// PCRE2's words for a number.
fn message(code: i32) -> String {
    let mut text = [0_u8; LONGEST_MESSAGE];
    // SAFETY: the buffer is ours and as long as said.
    let length = unsafe { pcre2::pcre2_get_error_message_8(code, text.as_mut_ptr(), text.len()) };
    let length = usize::try_from(length).unwrap_or(0);
    String::from_utf8_lossy(text.get(..length).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, options: &[&str], text: &[u8]) -> bool {
        let mut pattern = Pattern::new(pattern, options.iter().copied(), false).unwrap();
        Matcher::new(None).unwrap().is_found(&mut pattern, text, 0, None).unwrap()
    }

    #[test]
    fn a_pattern_is_searched_anywhere_and_may_look_around() {
        assert!(found("l+o", &[], b"hello"));
        assert!(!found("^l", &[], b"hello"));
        assert!(found("(?<=h)e(?!x)", &[], b"hello"));
        assert!(found(r"(.)\1", &[], b"hello"));
        assert!(found("^hello$", &[], b"hello\n"), "before the last newline too");
        assert!(found("\\xff\\x00", &[], b"a\xff\0"), "bytes are bytes");
    }

    #[test]
    fn what_is_wrong_with_a_pattern_is_said_as_keepalived_says_it() {
        let error = Pattern::new("(", [], false).unwrap_err();
        assert_eq!(error.to_string(), "at offset 1: missing closing parenthesis");
    }

    /// Each option: a pattern and a text that match with it and not without, or the other way round.
    #[test]
    fn each_option_changes_what_matches() {
        let cases: &[(&str, &str, &[u8], bool)] = &[
            ("caseless", "HELLO", b"hello", true),
            ("dollar_endonly", "^hello$", b"hello\n", false),
            ("dotall", "a.b", b"a\nb", true),
            ("extended", "a  b # words", b"ab", true),
            ("firstline", "b", b"a\nb", false),
            ("match_unset_backref", r"(x)?b\1", b"b", true),
            ("multiline", "^b$", b"a\nb\nc", true),
            ("ucp", r"^\w$", b"\xe9", true),
            ("utf", "^.$", "é".as_bytes(), true),
            ("alt_circumflex", "(?m)^$", b"a\n", true),
            ("alt_bsux", r"^\x4$", b"x4", true),
            ("ungreedy", r"^(a+)(a*)b\2$", b"aaba", true),
        ];
        for (option, pattern, text, with) in cases {
            assert_eq!(found(pattern, &[option], text), *with, "{option}");
            if *option != "ungreedy" {
                assert_eq!(found(pattern, &[], text), !with, "without {option}");
            }
        }
    }

    #[test]
    fn options_about_the_pattern_itself_decide_whether_it_is_one() {
        let is_one =
            |pattern, option: &[&str]| Pattern::new(pattern, option.iter().copied(), false).is_ok();
        for (option, pattern, with) in [
            ("allow_empty_class", "a[]b", true),
            ("dupnames", "(?<n>a)|(?<n>b)", true),
            ("never_utf", "(*UTF)a", false),
            ("never_ucp", "(*UCP)a", false),
            ("never_backslash_c", r"\C", false),
            ("no_auto_capture", r"(a)\1", false),
            ("alt_verbnames", r"(*MARK:a\)b)c", true),
        ] {
            assert_eq!(is_one(pattern, &[option]), with, "{option}");
            if option != "alt_verbnames" {
                assert_eq!(is_one(pattern, &[]), !with, "without {option}");
            }
        }
        for option in ["auto_callout", "no_auto_possess", "no_dotstar_anchor", "unknown"] {
            assert!(found("l+o", &[option], b"hello"), "{option}");
        }
        for option in ["no_start_optimize", "use_offset_limit"] {
            assert!(found("l+o", &[option], b"hello"), "{option}");
        }
    }

    #[test]
    fn a_match_begins_between_its_offsets() {
        let between = |first, last: Option<usize>| {
            let mut pattern = Pattern::new("l", [], last.is_some()).unwrap();
            Matcher::new(None).unwrap().is_found(&mut pattern, b"hello", first, last).unwrap()
        };
        assert!(between(3, None));
        assert!(!between(4, None));
        assert!(!between(40, None));
        assert!(between(0, Some(2)));
        assert!(!between(0, Some(1)));
    }

    #[test]
    fn a_pattern_that_explodes_is_given_up() {
        let text = format!("{}b", "a".repeat(200));
        let mut pattern = Pattern::new(r"^(a|a|aa)*[cd]$", [], false).unwrap();
        let mut matcher = Matcher::new(None).unwrap();
        assert!(matcher.is_found(&mut pattern, text.as_bytes(), 0, None).is_err());
    }

    #[test]
    fn a_larger_stack_lets_a_deep_search_come_to_its_end() {
        let text = format!("{}c", "ab".repeat(100_000));
        let deep = |stack| {
            let mut pattern = Pattern::new("^(?:(a)|(b))*c$", [], false).unwrap();
            Matcher::new(stack).unwrap().is_found(&mut pattern, text.as_bytes(), 0, None)
        };
        assert_eq!(deep(None).unwrap_err().code, pcre2::PCRE2_ERROR_JIT_STACKLIMIT);
        assert_eq!(deep(Some((32 * 1024, 64 * 1024 * 1024))), Ok(true));
        assert!(Matcher::new(Some((0, 0))).is_err());
    }
}
