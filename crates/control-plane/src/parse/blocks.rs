//! Blocks and their braces: what opens and closes them, and which brace is missing when they do not
//! match.

use std::ops::Range;

use super::statement::Statement;
use super::{Parser, Piece};
use crate::build::Builder;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::keywords::{self, Block, Head, Keyword, Shape};
use crate::lang::Context;
use crate::lang::line::Origin;
use crate::lang::words::Word;

/// Blocks that may stand in each other; the language needs five.
const MAX_DEPTH: usize = 64;

/// An open block.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// The keyword that opened it; none for a brace that belongs to nothing.
    pub keyword: Option<&'static Keyword>,
    /// Where that keyword stands.
    pub outside: Block,
    pub inside: Inside,
    pub opened: Place,
    /// Words of a list so far.
    pub entries: usize,
}

/// How the inside of a block is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    Keywords(Block),
    Entries,
    List,
    /// Nobody reads it.
    Skipped,
    /// What follows a brace that closed its block too early, up to the brace that was meant.
    Stray,
}

/// A block outside of all others that was closed.
#[derive(Clone, Debug)]
pub(super) struct Closed {
    pub keyword: &'static Keyword,
    pub inside: Block,
    pub brace: Place,
}

/// A block whose brace has not come yet.
#[derive(Debug)]
pub(super) struct Pending {
    /// None for an unknown keyword, whose block is skipped if it has one.
    pub keyword: Option<&'static Keyword>,
    pub block: Block,
    pub words: Vec<(String, Range<usize>)>,
    pub text: String,
    pub place: Place,
    pub line: u32,
    pub raw: String,
    pub offset: Option<usize>,
}

impl Parser {
    /// Whether an unknown keyword outside of all blocks belongs into the block that was closed
    /// last: then its brace came too early, and that is the one mistake.
    pub(super) fn closed_too_early(
        &mut self,
        name: &str,
        place: &Place,
        cx: &mut Context<'_>,
    ) -> bool {
        let Some(closed) = self.closed.take() else { return false };
        if keywords::find(closed.inside, name).is_none() {
            return false;
        }
        let block = closed.keyword.name;
        let message =
            format!("Extra '}}' found: {name}, which comes after it, belongs into {block}");
        let problem = Diagnostic::new(Code::ExtraClose, message).at(closed.brace);
        let problem = problem.label(format!("this closes {block}"));
        cx.report(
            problem.related(place.clone(), "from here on nothing is read, up to the next '}'"),
        );
        let (keyword, outside, opened) = (None, Block::Root, place.clone());
        self.stack.push(Frame { keyword, outside, inside: Inside::Stray, opened, entries: 0 });
        true
    }

    pub(super) fn wait_for_brace(
        &mut self,
        keyword: Option<&'static Keyword>,
        block: Block,
        words: &[Word<'_>],
        text: &str,
        origin: Origin<'_>,
    ) {
        let span = words.first().map_or(0..0, |word| word.span.clone());
        self.pending = Some(Pending {
            keyword,
            block,
            words: words.iter().map(|word| (word.text.to_owned(), word.span.clone())).collect(),
            text: text.to_owned(),
            place: origin.place(span),
            line: origin.line,
            raw: origin.raw.to_owned(),
            offset: origin.offset,
        });
    }

    /// A keyword that needs a block did not get one.
    pub(super) fn no_brace_came(&mut self, words: &[Word<'_>], cx: &mut Context<'_>) {
        let Some(pending) = self.pending.take() else { return };
        let Some(keyword) = pending.keyword else { return };
        let next = words.first().map_or("", |word| word.text);
        // What follows shows whether the block is there and only its brace is not.
        let belongs_inside = match keyword.shape {
            Shape::Nested(inner, _) => {
                keywords::find(inner, next).is_some()
                    && keywords::find(pending.block, next).is_none()
            }
            _ => false,
        };
        let name = keyword.name;
        let needs_name = matches!(keyword.shape, Shape::Nested(_, head) | Shape::Entries(head) if head.needs_words());
        // Without its peers a unicast instance would send to everybody: that is no small thing.
        let may_be_empty = match keyword.shape {
            Shape::Entries(_) => name != "unicast_peer",
            Shape::Nested(inner, _) => matches!(inner, Block::GlobalDefs | Block::Ssl),
            _ => false,
        };
        if needs_name && pending.words.len() < 2 {
            self.enter(pending, cx);
            self.stack.pop();
        } else if may_be_empty && !belongs_inside {
            let problem = Diagnostic::new(
                Code::NoBlock,
                format!("{name} has no block: nothing follows from it"),
            );
            cx.report(problem.at(pending.place).label("expected '{' after it"));
        } else {
            let message = "Missing '{' at beginning of configuration block";
            let problem = Diagnostic::new(Code::MissingOpen, message).at(pending.place.clone());
            cx.report(problem.label(format!("{name} needs a block")));
            if belongs_inside {
                self.enter(pending, cx);
            }
        }
    }

    /// When a line opens a block that can only stand further out, a brace was forgotten before it.
    pub(super) fn closes_forgotten(
        &mut self,
        words: &[Word<'_>],
        origin: Origin<'_>,
        cx: &mut Context<'_>,
    ) -> bool {
        let Some(word) = words.first() else { return false };
        let name = word.text;
        let Some(frame) = self.stack.last() else { return false };
        if frame.inside == Inside::Stray && keywords::find(Block::Root, name).is_some() {
            self.stack.pop();
            return true;
        }
        let here = match frame.inside {
            Inside::Keywords(block) => keywords::find(block, name).is_some(),
            Inside::Skipped | Inside::Stray => return false,
            // `{` never follows an entry.
            Inside::Entries | Inside::List => false,
        };
        if here || frame.keyword.is_none() {
            return false;
        }
        let opens = |block| keywords::find(block, name).is_some_and(Keyword::opens_block);
        let outside = |frame: &Frame| opens(frame.outside);
        let Some(depth) = self.stack.iter().rposition(outside) else { return false };
        if self.stack[depth..].iter().any(|frame| frame.keyword.is_none()) {
            return false;
        }
        while self.stack.len() > depth {
            self.report_unclosed(Some((name, origin.place(word.span.clone()))), cx);
            self.forgiven += 1;
            self.pop(cx);
        }
        true
    }

    pub(super) fn report_unclosed(&self, before: Option<(&str, Place)>, cx: &mut Context<'_>) {
        let Some(frame) = self.stack.last() else { return };
        let name = frame.opened.marked();
        let problem = |message: String| {
            let problem = Diagnostic::new(Code::MissingClose, message).at(frame.opened.clone());
            problem.label("this block is never closed")
        };
        cx.report(match before {
            Some((next, place)) => {
                problem(format!("missing '}}': {name} is still open where {next} begins"))
                    .related(place, "a '}' belongs before this")
            }
            None => problem(format!("missing '}}': {name} is still open at the end")),
        });
    }

    /// `{`.
    pub(super) fn open(
        &mut self,
        piece: Piece,
        words: &[Word<'_>],
        text: &str,
        origin: Origin<'_>,
        at: usize,
        cx: &mut Context<'_>,
    ) {
        if self.stack.len() >= MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} blocks stand in each other");
            cx.report(Diagnostic::new(Code::TooMuch, message).at(origin.place(at..at + 1)));
            return;
        }
        if matches!(self.inside(), Inside::Skipped | Inside::Stray) {
            self.push_skipped(origin.place(at..at + 1));
            return;
        }
        match (piece, self.pending.take()) {
            (Piece::Opener(keyword, block), _) => {
                let statement = Statement { keyword, block, words, text, origin };
                self.enter_statement(&statement, cx);
            }
            (Piece::Unknown, _) => self.push_skipped(origin.place(at..at + 1)),
            (Piece::Plain, Some(pending)) => self.enter(pending, cx),
            (Piece::Plain, None) => {
                let problem = Diagnostic::new(Code::UnexpectedOpen, "Unexpected '{' - ignoring");
                let place = origin.place(at..at + 1);
                cx.report(problem.label("nothing here opens a block").at(place.clone()));
                let inside = self.inside();
                let outside = Block::Root;
                self.stack.push(Frame {
                    keyword: None,
                    outside,
                    inside,
                    opened: place,
                    entries: 0,
                });
            }
        }
    }

    pub(super) fn push_skipped(&mut self, opened: Place) {
        let outside = Block::Root;
        let inside = Inside::Skipped;
        self.stack.push(Frame { keyword: None, outside, inside, opened, entries: 0 });
    }

    pub(super) fn enter(&mut self, pending: Pending, cx: &mut Context<'_>) {
        let Some(keyword) = pending.keyword else {
            self.push_skipped(pending.place);
            return;
        };
        let word = |(text, span)| Word { text, span };
        let words: Vec<Word<'_>> =
            pending.words.iter().map(|(text, span)| word((text.as_str(), span.clone()))).collect();
        let origin = Origin {
            file: &pending.place.file,
            line: pending.line,
            raw: &pending.raw,
            offset: pending.offset,
        };
        let (block, text) = (pending.block, pending.text.as_str());
        self.enter_statement(&Statement { keyword, block, words: &words, text, origin }, cx);
    }

    pub(super) fn enter_statement(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let keyword = statement.keyword;
        let opened = statement.place();
        self.old_spelling(statement, cx);
        cx.tell_effect(statement.block, keyword.name, || statement.place_of(0));
        let mut inside = match keyword.shape {
            Shape::Nested(block, _) => Inside::Keywords(block),
            Shape::List => Inside::List,
            _ => Inside::Entries,
        };
        if !self.head_fits(statement, cx) || !self.builder.enter(statement, cx) {
            inside = Inside::Skipped;
        }
        let keyword = (inside != Inside::Skipped).then_some(keyword);
        self.stack.push(Frame { keyword, outside: statement.block, inside, opened, entries: 0 });
    }

    /// Whether the words between keyword and brace are what the block needs; if not, that was told.
    pub(super) fn head_fits(&self, statement: &Statement<'_>, cx: &mut Context<'_>) -> bool {
        let head = match statement.keyword.shape {
            Shape::Nested(_, head) | Shape::Entries(head) => head,
            _ => Head::None,
        };
        match (head, statement.word(1)) {
            (Head::None, Some(word)) => {
                let name = statement.keyword.name;
                let message = format!("Block {name} has extra parameters {word} ...");
                let problem = Diagnostic::new(Code::ExtraWords, message);
                cx.report(problem.at(statement.place_of(1)));
                true
            }
            (Head::Name | Head::Words, None) => self.may_lack_value(statement, cx),
            _ => true,
        }
    }

    /// `}`.
    pub(super) fn close(&mut self, origin: &Origin<'_>, at: usize, cx: &mut Context<'_>) {
        self.no_brace_came(&[], cx);
        if let Some(frame) = self.stack.last() {
            self.closed = match (frame.keyword, frame.inside) {
                (Some(keyword), Inside::Keywords(inside)) if self.stack.len() == 1 => {
                    Some(Closed { keyword, inside, brace: origin.place(at..at + 1) })
                }
                _ => None,
            };
            self.pop(cx);
        } else if self.forgiven > 0 {
            self.forgiven -= 1;
        } else {
            let problem = Diagnostic::new(Code::ExtraClose, "Extra '}' found");
            let problem = problem.label("no block is open here").at(origin.place(at..at + 1));
            cx.report(
                problem
                    .help("a '}' further up closes a block too early, or this one is one too many"),
            );
        }
    }

    pub(super) fn pop(&mut self, cx: &mut Context<'_>) {
        let Some(frame) = self.stack.pop() else { return };
        if let Some(keyword) = frame.keyword {
            self.builder.leave(keyword, frame.outside, frame.entries, cx);
        }
    }

    /// The end of all files: whatever is still open is told and closed.
    pub(crate) fn finish(mut self, cx: &mut Context<'_>) -> Builder {
        self.no_brace_came(&[], cx);
        self.stack.retain(|frame| frame.inside != Inside::Stray);
        if self.stack.len() > self.forgiven {
            self.report_unclosed(None, cx);
        }
        while !self.stack.is_empty() {
            self.pop(cx);
        }
        self.builder
    }
}
