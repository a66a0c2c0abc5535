//! From lines to statements in blocks: braces, keywords by the table, values by their shape. What a
//! statement means is the [`Builder`]'s affair.
//!
//! One mistake makes one message: an unknown block is skipped whole, a stray brace does not close
//! what it does not belong to, a missing one is told where its block began.

mod hint;
pub(crate) mod statement;
pub(crate) mod value;

use std::collections::HashSet;
use std::ops::Range;

use crate::build::Builder;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::keywords::{self, Block, Effect, Head, Keyword, Missing, Shape};
use crate::lang::line::Origin;
use crate::lang::words::{Token, Word, tokens};
use crate::lang::{Context, Sink};
use statement::Statement;
use value::Value;

/// Blocks that may stand in each other; the language needs five.
const MAX_DEPTH: usize = 64;

/// Puts statements together and hands them to the builder.
pub(crate) struct Parser {
    pub builder: Builder,
    stack: Vec<Frame>,
    /// A keyword that opens a block, whose `{` must come on a later line.
    pending: Option<Pending>,
    /// Blocks that were closed for want of their own brace; as many stray ones are forgiven.
    forgiven: usize,
    /// Features without effect that were told: once each is enough.
    without_effect: HashSet<&'static str>,
}

/// An open block.
#[derive(Clone, Debug)]
struct Frame {
    /// The keyword that opened it; none for a brace that belongs to nothing.
    keyword: Option<&'static Keyword>,
    /// Where that keyword stands.
    outside: Block,
    inside: Inside,
    opened: Place,
    /// Words of a list so far.
    entries: usize,
}

/// How the inside of a block is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    Keywords(Block),
    Entries,
    List,
    /// Nobody reads it.
    Skipped,
}

/// A block whose brace has not come yet.
#[derive(Debug)]
struct Pending {
    /// None for an unknown keyword, whose block is skipped if it has one.
    keyword: Option<&'static Keyword>,
    block: Block,
    words: Vec<(String, Range<usize>)>,
    text: String,
    place: Place,
    line: u32,
    raw: String,
    offset: Option<usize>,
}

/// What a piece of a line was.
enum Piece {
    /// Nothing, or something that takes no block.
    Plain,
    /// A keyword that opens a block; the builder has not seen it yet.
    Opener(&'static Keyword, Block),
    /// Something unknown.
    Unknown,
}

impl Sink for Parser {
    fn line(&mut self, text: &str, origin: Origin<'_>, cx: &mut Context<'_>) {
        let mut words = Vec::new();
        let mut last = Piece::Plain;
        let mut in_piece = false;
        for token in tokens(text) {
            match token {
                Token::Word(word) => {
                    words.push(word);
                    in_piece = true;
                }
                Token::Open(at) => {
                    last = if in_piece { self.piece(&words, text, origin, true, cx) } else { last };
                    self.open(last, &words, text, origin, at, cx);
                    (last, in_piece) = (Piece::Plain, false);
                    words.clear();
                }
                Token::Close(at) => {
                    if in_piece {
                        self.piece(&words, text, origin, false, cx);
                    }
                    self.close(&origin, at, cx);
                    (last, in_piece) = (Piece::Plain, false);
                    words.clear();
                }
                Token::Unterminated(at) => {
                    unmatched_quote(text, origin, at, cx);
                    if words.len() < 2 {
                        // Its value is behind the quote: nothing of the line can be used.
                        return;
                    }
                }
            }
        }
        if in_piece {
            self.piece(&words, text, origin, false, cx);
        }
    }
}

fn unmatched_quote(text: &str, origin: Origin<'_>, at: usize, cx: &mut Context<'_>) {
    let problem = Diagnostic::new(Code::UnmatchedQuote, format!("Unterminated quote '{text}'"));
    let problem = problem.label("this quote is never closed").at(origin.place(at..text.len()));
    cx.report(problem.help("a quote ends on the line it begins on"));
}

impl Parser {
    /// A parser for one configuration.
    pub(crate) fn new(builder: Builder) -> Self {
        Self {
            builder,
            stack: Vec::new(),
            pending: None,
            forgiven: 0,
            without_effect: HashSet::new(),
        }
    }

    fn inside(&self) -> Inside {
        self.stack.last().map_or(Inside::Keywords(Block::Root), |frame| frame.inside)
    }

    /// Words up to a brace or the end of the line.
    fn piece(
        &mut self,
        words: &[Word<'_>],
        text: &str,
        origin: Origin<'_>,
        opens: bool,
        cx: &mut Context<'_>,
    ) -> Piece {
        self.no_brace_came(words, cx);
        if opens && self.closes_forgotten(words, cx) {
            return self.piece(words, text, origin, opens, cx);
        }
        match self.inside() {
            Inside::Skipped => Piece::Unknown,
            Inside::Keywords(block) => self.keyword(block, words, text, origin, opens, cx),
            Inside::List => {
                for word in words {
                    self.entry(std::slice::from_ref(word), text, origin, cx);
                }
                Piece::Plain
            }
            Inside::Entries => {
                self.entry(words, text, origin, cx);
                Piece::Plain
            }
        }
    }

    fn entry(&mut self, words: &[Word<'_>], text: &str, origin: Origin<'_>, cx: &mut Context<'_>) {
        let Some(frame) = self.stack.last_mut() else { return };
        frame.entries += 1;
        let Some(keyword) = frame.keyword else { return };
        let statement = Statement { keyword, block: frame.outside, words, text, origin };
        self.builder.entry(&statement, cx);
    }

    fn keyword(
        &mut self,
        block: Block,
        words: &[Word<'_>],
        text: &str,
        origin: Origin<'_>,
        opens: bool,
        cx: &mut Context<'_>,
    ) -> Piece {
        let Some(name) = words.first() else { return Piece::Plain };
        let Some(keyword) = keywords::find(block, name.text) else {
            let place = origin.place(name.span.clone());
            cx.report(hint::unknown_keyword(block, name.text).at(place));
            if !opens {
                self.wait_for_brace(None, block, words, text, origin);
            }
            return Piece::Unknown;
        };
        let statement = Statement { keyword, block, words, text, origin };
        if !keyword.opens_block() {
            self.statement(&statement, cx);
            return Piece::Plain;
        }
        if !opens {
            self.wait_for_brace(Some(keyword), block, words, text, origin);
            return Piece::Plain;
        }
        Piece::Opener(keyword, block)
    }

    fn wait_for_brace(
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

    /// A statement that is no block.
    fn statement(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let keyword = statement.keyword;
        self.old_spelling(statement, cx);
        self.effect(statement, cx);
        if statement.words.len() < 2 && !self.may_lack_value(statement, cx) {
            return;
        }
        let mut notes = Vec::new();
        let value = value::read(statement, &mut notes);
        for note in notes {
            cx.report(note);
        }
        match value {
            Ok(value) => self.builder.leaf(statement, value, cx),
            Err(problem) => {
                let value = statement.word(1).unwrap_or_default();
                let outcome = self.fill(keyword.invalid, value, statement.block);
                cx.report(outcome_of(problem, outcome));
                self.builder.invalid(statement);
            }
        }
    }

    /// Says so when nothing follows from a keyword yet, once for each feature.
    fn effect(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let (block, name) = (statement.block, statement.keyword.name);
        let Effect::NotYet(feature) = keywords::effect(block, name) else { return };
        if self.without_effect.insert(feature) {
            let message = format!("{name}: checked, but without effect yet ({feature})");
            cx.report(Diagnostic::new(Code::NotYet, message).at(statement.place_of(0)));
        }
    }

    /// Says so when a keyword should be written another way.
    fn old_spelling(&self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let keyword = statement.keyword;
        let problem = if let Some(message) = keyword.deprecated {
            Diagnostic::new(Code::Deprecated, self.fill(message, "", statement.block))
        } else if let Some(renamed) = keyword.renamed {
            let message = format!("{} is an old spelling: write {renamed}", keyword.name);
            Diagnostic::new(Code::OldSpelling, message)
        } else {
            return;
        };
        cx.report(problem.at(statement.place_of(0)));
    }

    /// Whether a statement without any value may go on; if not, that was told.
    fn may_lack_value(&self, statement: &Statement<'_>, cx: &mut Context<'_>) -> bool {
        let (name, syntax) = (statement.keyword.name, statement.keyword.syntax);
        let problem = match statement.keyword.missing {
            Missing::Allowed => return true,
            Missing::Fatal => Diagnostic::new(
                Code::MissingValue,
                format!(
                    "*** Configuration line starting `{name}` is missing a parameter after \
                     keyword `{name}` at word position 2"
                ),
            )
            .outcome("keepalived does not start with this"),
            Missing::Ignored("") => return true,
            Missing::Ignored(message) => {
                Diagnostic::new(Code::ValueExpected, self.fill(message, "", statement.block))
            }
        };
        let problem = problem.label(format!("expected {name} {syntax}"));
        cx.report(problem.at(statement.place_of(0)));
        false
    }

    /// A text of the table with its `{o}` and `{v}` filled in.
    fn fill(&self, text: &str, value: &str, block: Block) -> String {
        if !text.contains('{') {
            return text.to_owned();
        }
        text.replace("{o}", &self.builder.object(block)).replace("{v}", value)
    }

    /// A keyword that needs a block did not get one.
    fn no_brace_came(&mut self, words: &[Word<'_>], cx: &mut Context<'_>) {
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
    fn closes_forgotten(&mut self, words: &[Word<'_>], cx: &mut Context<'_>) -> bool {
        let Some(name) = words.first().map(|word| word.text) else { return false };
        let Some(frame) = self.stack.last() else { return false };
        let here = match frame.inside {
            Inside::Keywords(block) => keywords::find(block, name).is_some(),
            Inside::Skipped => return false,
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
            self.report_unclosed(Some(name), cx);
            self.forgiven += 1;
            self.pop(cx);
        }
        true
    }

    fn report_unclosed(&self, before: Option<&str>, cx: &mut Context<'_>) {
        let Some(frame) = self.stack.last() else { return };
        let name = frame.keyword.map_or("{", |keyword| keyword.name);
        let message = match before {
            Some(next) => format!("missing '}}': {name} is still open where {next} begins"),
            None => format!("missing '}}': {name} is still open at the end"),
        };
        let problem = Diagnostic::new(Code::MissingClose, message).at(frame.opened.clone());
        cx.report(problem.label("this block is never closed"));
    }

    /// `{`.
    fn open(
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
        if self.inside() == Inside::Skipped {
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

    fn push_skipped(&mut self, opened: Place) {
        let outside = Block::Root;
        let inside = Inside::Skipped;
        self.stack.push(Frame { keyword: None, outside, inside, opened, entries: 0 });
    }

    fn enter(&mut self, pending: Pending, cx: &mut Context<'_>) {
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

    fn enter_statement(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let keyword = statement.keyword;
        let opened = statement.place();
        self.old_spelling(statement, cx);
        self.effect(statement, cx);
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
    fn head_fits(&self, statement: &Statement<'_>, cx: &mut Context<'_>) -> bool {
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
    fn close(&mut self, origin: &Origin<'_>, at: usize, cx: &mut Context<'_>) {
        self.no_brace_came(&[], cx);
        if !self.stack.is_empty() {
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

    fn pop(&mut self, cx: &mut Context<'_>) {
        let Some(frame) = self.stack.pop() else { return };
        if let Some(keyword) = frame.keyword {
            self.builder.leave(keyword, frame.outside, frame.entries, cx);
        }
    }

    /// The end of all files: whatever is still open is told and closed.
    pub(crate) fn finish(mut self, cx: &mut Context<'_>) -> Builder {
        self.no_brace_came(&[], cx);
        if self.stack.len() > self.forgiven {
            self.report_unclosed(None, cx);
        }
        while !self.stack.is_empty() {
            self.pop(cx);
        }
        self.builder
    }
}

/// A diagnostic with what the table says follows from it.
fn outcome_of(problem: Diagnostic, outcome: String) -> Diagnostic {
    // Where keepalived has one sentence only, that one is the message and ours the explanation.
    let generic = matches!(problem.code, Code::InvalidValue | Code::BadAddress);
    if generic && !outcome.is_empty() {
        let label = problem.label.clone().unwrap_or_else(|| problem.message.clone());
        return Diagnostic { message: outcome.into(), label: Some(label), ..problem };
    }
    problem.outcome(outcome)
}

impl Value<'_> {
    /// Whether the keyword stood alone.
    pub(crate) const fn is_none(&self) -> bool {
        matches!(self, Value::None)
    }
}
