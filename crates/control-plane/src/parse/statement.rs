//! A keyword with its words.

use std::ops::Range;

use crate::diagnostic::Place;
use crate::keywords::{Block, Keyword};
use crate::lang::line::Origin;
use crate::lang::words::Word;

/// A line, or the part of a line before a brace, that begins with a known keyword; or an entry of
/// a block of entries.
#[derive(Clone, Debug)]
pub(crate) struct Statement<'a> {
    /// Its row in the table; for an entry, that of the block it stands in.
    pub keyword: &'static Keyword,
    /// Where the keyword stands.
    pub block: Block,
    /// The words. The first is the keyword, save in an entry.
    pub words: &'a [Word<'a>],
    /// The line.
    pub text: &'a str,
    /// Where the line stands.
    pub origin: Origin<'a>,
}

impl<'a> Statement<'a> {
    /// The word at `index`.
    pub(crate) fn word(&self, index: usize) -> Option<&'a str> {
        self.words.get(index).map(|word| word.text)
    }

    /// The place of everything.
    pub(crate) fn place(&self) -> Place {
        self.origin.place(self.span(0))
    }

    /// The place of one word; of everything when there is none.
    pub(crate) fn place_of(&self, index: usize) -> Place {
        match self.words.get(index) {
            Some(word) => self.origin.place(word.span.clone()),
            None => self.place(),
        }
    }

    /// The line's text from the word at `index` on, quotes and all.
    pub(crate) fn raw_from(&self, index: usize) -> &'a str {
        self.words.get(index).map_or("", |_| &self.text[self.span(index)])
    }

    fn span(&self, from: usize) -> Range<usize> {
        let start = self.words.get(from).map_or(0, |word| word.span.start);
        let end = self.words.last().map_or(start, |word| word.span.end);
        start..end.max(start)
    }
}
