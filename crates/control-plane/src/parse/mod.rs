//! From lines to statements in blocks: braces, keywords by the table, values by their shape. What a
//! statement means is the [`Builder`]'s affair.
//!
//! One mistake makes one message: an unknown block is skipped whole, a stray brace does not close
//! what it does not belong to, a missing one is told where its block began.

mod blocks;
pub(crate) mod hint;
pub(crate) mod statement;
pub(crate) mod value;

use crate::build::Builder;
use crate::diagnostic::{Code, Diagnostic};
use crate::keywords::{self, Block, Keyword, Missing};
use crate::lang::line::Origin;
use crate::lang::words::{Token, Word, tokens};
use crate::lang::{Context, Sink};
use blocks::{Closed, Frame, Inside, Pending};
use statement::Statement;
use value::Value;

/// Unknown keywords for which the meant one is looked for.
const MAX_HINTS: usize = 500;

/// Puts statements together and hands them to the builder.
pub(crate) struct Parser {
    pub builder: Builder,
    stack: Vec<Frame>,
    /// A keyword that opens a block, whose `{` must come on a later line.
    pending: Option<Pending>,
    /// The block that was closed last, while nothing else has come.
    closed: Option<Closed>,
    /// Blocks that were closed for want of their own brace; as many stray ones are forgiven.
    forgiven: usize,
    /// Unknown keywords for which the meant one was looked for.
    hints: usize,
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
        Self { builder, stack: Vec::new(), pending: None, closed: None, forgiven: 0, hints: 0 }
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
        if opens && self.closes_forgotten(words, origin, cx) {
            return self.piece(words, text, origin, opens, cx);
        }
        match self.inside() {
            Inside::Skipped | Inside::Stray => Piece::Unknown,
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
            if block == Block::Root && self.closed_too_early(name.text, &place, cx) {
                return Piece::Unknown;
            }
            cx.report(self.unknown_keyword(block, name.text).at(place));
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

    /// An unknown keyword. Looking for what was meant is dear, so it has a bound.
    fn unknown_keyword(&mut self, block: Block, name: &str) -> Diagnostic {
        self.hints += 1;
        if self.hints > MAX_HINTS {
            return Diagnostic::new(Code::UnknownKeyword, format!("Unknown keyword '{name}'"));
        }
        hint::unknown_keyword(block, name)
    }

    /// A statement that is no block.
    fn statement(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let keyword = statement.keyword;
        self.old_spelling(statement, cx);
        cx.tell_effect(statement.block, keyword.name, || statement.place_of(0));
        if statement.words.len() < 2 && !self.may_lack_value(statement, cx) {
            self.builder.invalid(statement);
            return;
        }
        let mut notes = Vec::new();
        let value = value::read(statement, &mut notes);
        for mut note in notes {
            if note.code == Code::InvalidValue {
                let block = statement.block.name().unwrap_or_default();
                let object = self.builder.object(statement.block);
                note.message = format!("{block} {object} {}", note.message).into();
            }
            cx.report(note);
        }
        match value {
            Ok(value) => self.builder.leaf(statement, value, cx),
            Err(problem) => {
                let value = statement.word(1).unwrap_or_default();
                let outcome = self.fill(keyword.invalid, value, statement.block);
                // That `${NAME}` is not defined was told already.
                if !value.contains("${") {
                    cx.report(hint::undefined(outcome_of(problem, outcome), value));
                }
                self.builder.invalid(statement);
            }
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
