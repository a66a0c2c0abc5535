//! A line on its way from a file to the parser, and where it came from.

use std::ops::Range;
use std::sync::Arc;

use crate::diagnostic::Place;

/// Where a line stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    /// The file, as it was named.
    pub file: &'a Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The line as it stands there.
    pub raw: &'a str,
    /// Where the text starts within `raw`; `None` once a definition was filled in, when columns
    /// have no meaning any more.
    pub offset: Option<usize>,
}

impl<'a> Origin<'a> {
    /// The place of a part of the text.
    pub(crate) fn place(&self, span: Range<usize>) -> Place {
        let whole = || {
            let start = self.raw.len() - self.raw.trim_start().len();
            start..self.raw.trim_end().len().max(start)
        };
        let span = match self.offset {
            Some(offset) => span.start + offset..span.end + offset,
            None => whole(),
        };
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Place {
            file: Arc::clone(self.file),
            line: self.line,
            text: Arc::from(self.raw),
            start: narrow(span.start),
            end: narrow(span.end),
        }
    }

    /// The same line, `by` bytes further on.
    pub(crate) fn skip(self, by: usize) -> Self {
        Self { offset: self.offset.map(|offset| offset + by), ..self }
    }

    /// The same line after something was filled in.
    pub(crate) const fn changed(self) -> Self {
        Self { file: self.file, line: self.line, raw: self.raw, offset: None }
    }
}

/// Cuts white space (space, tab, the CR of a CRLF) off both ends.
pub(crate) fn trim<'a>(text: &'a str, origin: Origin<'a>) -> (&'a str, Origin<'a>) {
    let from_start = text.trim_start_matches(BLANK);
    let origin = origin.skip(text.len() - from_start.len());
    (from_start.trim_end_matches(BLANK), origin)
}

/// What separates words.
pub(crate) const BLANK: [char; 3] = [' ', '\t', '\r'];

/// The text before a comment. `#` and `!` start one anywhere but within double quotes; a
/// backslash before them is dropped with the comment.
pub(crate) fn without_comment(text: &str) -> &str {
    if !text.bytes().any(|byte| matches!(byte, b'#' | b'!')) {
        return text;
    }
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'#' | b'!' if !quoted => {
                let before = &text[..at];
                return before.strip_suffix('\\').unwrap_or(before);
            }
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::without_comment;

    #[test]
    fn a_comment_starts_anywhere_but_in_double_quotes() {
        assert_eq!(without_comment("priority 100#x"), "priority 100");
        assert_eq!(without_comment("a \"b#c!\" d ! e"), "a \"b#c!\" d ");
        assert_eq!(without_comment("a 'b#c'"), "a 'b");
        assert_eq!(without_comment("# only"), "");
        assert_eq!(without_comment("a\\#b"), "a");
    }
}
