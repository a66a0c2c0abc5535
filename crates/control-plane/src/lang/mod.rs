//! From files to lines: comments, definitions, conditions, repetition and includes are gone when a
//! line reaches the [`Sink`]. Everything is bounded; no input makes it run or grow without end.

pub(crate) mod define;
pub(crate) mod include;
pub(crate) mod line;
mod lines;
pub(crate) mod repeat;
pub(crate) mod words;

use std::collections::HashSet;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Options;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use crate::keywords::{self, Block, Effect};
use crate::source::{Source, SourceError};
use define::{Definitions, ExpandError, Expanded, Surroundings};
use include::Checks;
use line::{Origin, trim, without_comment};
use lines::Lines;

/// Longest line that keepalived reads, in bytes.
const MAX_LINE: usize = 1_022;
/// Lines that definitions and repetition may add to a configuration, when nobody says anything else.
const MAX_ADDED_LINES: usize = 1_000_000;
/// Bytes that they may add.
const MAX_ADDED_BYTES: usize = 64 << 20;
/// Files that may be included in each other.
const MAX_INCLUDE_DEPTH: usize = 32;
/// Files of a configuration.
const MAX_FILES: usize = 10_000;
/// Bytes of all files.
const MAX_BYTES: u64 = 1 << 30;
/// U+00A0.
const NO_BREAK_SPACE: char = '\u{a0}';
/// Absent interfaces that are told.
const MAX_ABSENT: usize = 1_000;
/// Times that one line may turn into another one.
const MAX_TURNS: usize = 64;

/// What every part of the reading shares.
pub(crate) struct Context<'s> {
    pub source: &'s dyn Source,
    pub options: &'s Options,
    pub diagnostics: Diagnostics,
    /// Which failures of an `include` are errors at this point of the file.
    pub include_checks: Checks,
    /// Interfaces that do not exist; an error unless `dynamic_interfaces` is set somewhere.
    pub absent: Vec<Diagnostic>,
    /// Rules that had no preference of their own so far.
    pub rules_without_preference: u32,
    /// Features without effect that were told: once each is enough.
    without_effect: HashSet<&'static str>,
}

impl Context<'_> {
    /// An interface that something is to use. Whether its absence matters is known when everything
    /// has been read.
    pub(crate) fn needs_interface(
        &mut self,
        name: &str,
        place: Place,
        message: impl FnOnce() -> String,
    ) {
        let absent = self.options.interfaces.as_ref().is_some_and(|known| !known.contains(name));
        if absent && self.absent.len() < MAX_ABSENT {
            let problem = Diagnostic::new(Code::InterfaceMissing, message()).at(place);
            self.absent.push(problem.label("no such interface on this machine").help(
                "create it before the start, or write 'dynamic_interfaces' into global_defs: then \
                 the instance is in FAULT until it comes",
            ));
        }
    }

    /// Says so when nothing follows from a keyword yet, once for each feature.
    pub(crate) fn tell_effect(&mut self, block: Block, name: &str, place: impl FnOnce() -> Place) {
        let Effect::NotYet(feature) = keywords::effect(block, name) else { return };
        if self.without_effect.insert(feature) {
            let message = format!("{name}: checked, but without effect yet ({feature})");
            self.report(Diagnostic::new(Code::NotYet, message).at(place()));
        }
    }

    /// One more diagnostic.
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }
}

/// Who gets the lines.
pub(crate) trait Sink {
    /// One line: trimmed, without comment, not empty.
    fn line(&mut self, text: &str, origin: Origin<'_>, cx: &mut Context<'_>);
}

/// Reads files and hands their lines to a sink.
pub(crate) struct Reader<'s, S> {
    pub cx: Context<'s>,
    pub sink: S,
    pub files: Vec<PathBuf>,
    definitions: Definitions,
    /// The files that are being read, each included by the one before it.
    open: Vec<PathBuf>,
    /// A definition of several lines, while it is being read.
    collecting: Option<(String, Vec<String>)>,
    most_added_lines: usize,
    added_lines: usize,
    added_bytes: usize,
    /// Bytes of all files that may still be read.
    bytes_left: u64,
}

impl<'s, S: Sink> Reader<'s, S> {
    /// A reader that has read nothing yet.
    pub(crate) fn new(source: &'s dyn Source, options: &'s Options, sink: S) -> Self {
        let all = options.include_checks_all;
        let cx = Context {
            source,
            options,
            diagnostics: Diagnostics::default(),
            include_checks: if all { Checks::ALL } else { Checks::default() },
            absent: Vec::new(),
            rules_without_preference: 0,
            without_effect: HashSet::new(),
        };
        let definitions = Definitions::new(options.random_seed);
        Self {
            cx,
            sink,
            files: Vec::new(),
            definitions,
            open: Vec::new(),
            collecting: None,
            most_added_lines: options.most_added_lines.unwrap_or(MAX_ADDED_LINES),
            added_lines: 0,
            added_bytes: 0,
            bytes_left: MAX_BYTES,
        }
    }

    /// Reads the file that the daemon was started with; false when there is none.
    pub(crate) fn read_main(&mut self, path: &Path) -> bool {
        let pattern = path.to_string_lossy();
        let (files, problems) =
            include::resolve(&pattern, Checks::MAIN, Path::new(""), self.cx.source);
        for problem in problems {
            let code = if problem.is_error { Code::NoConfiguration } else { Code::IncludeSkipped };
            self.cx.report(Diagnostic::new(code, problem.message));
        }
        let mut any = false;
        for file in files {
            any |= self.read_file(&file, None);
        }
        any
    }

    fn read_file(&mut self, path: &Path, from: Option<Origin<'_>>) -> bool {
        let place = from.map(|origin| origin.place(0..0));
        if self.open.iter().any(|open| open == path) {
            let message = format!("'{}' includes itself", path.display());
            self.cx.report(Diagnostic::new(Code::IncludeLoop, message).at(place));
            return false;
        }
        if self.open.len() >= MAX_INCLUDE_DEPTH || self.files.len() >= MAX_FILES {
            let message = format!("too many files are included; '{}' is left out", path.display());
            self.cx.report(Diagnostic::new(Code::TooMuch, message).at(place));
            return false;
        }
        let problem = |error: &dyn std::fmt::Display| {
            format!("Configuration file '{}' open problem ({error}) - skipping", path.display())
        };
        let reader = match self.cx.source.open(path) {
            Ok(reader) => reader,
            Err(error) => {
                let code =
                    if from.is_some() { Code::IncludeSkipped } else { Code::NoConfiguration };
                self.cx.report(Diagnostic::new(code, problem(&error)).at(place));
                return false;
            }
        };
        self.files.push(path.to_owned());
        if self.files.len() > 1 {
            self.cx.diagnostics.set_several_files();
        }
        self.open.push(path.to_owned());
        let checks = self.cx.include_checks;
        let file = Arc::from(path.to_string_lossy());
        match self.read_lines(reader, &file) {
            Ok(true) => {}
            Ok(false) => {
                let message = format!("'{}' makes the configuration too long", path.display());
                self.cx.report(Diagnostic::new(Code::TooMuch, message).at(place));
            }
            // Half a file is worse than none.
            Err(error) => {
                let error = SourceError::from(error);
                let code = if from.is_some() { Code::IncludeFailed } else { Code::NoConfiguration };
                self.cx.report(Diagnostic::new(code, problem(&error)).at(place));
            }
        }
        self.cx.include_checks = checks;
        self.open.pop();
        true
    }

    /// Reads a file to its end; false when the configuration became too long.
    fn read_lines(&mut self, reader: impl BufRead, file: &Arc<str>) -> io::Result<bool> {
        let mut lines = Lines::new(reader, MAX_LINE as u64);
        let mut number = 0_u32;
        while let Some(line) = lines.next(self.bytes_left)? {
            self.bytes_left = self.bytes_left.saturating_sub(line.bytes);
            if self.bytes_left == 0 {
                return Ok(false);
            }
            number = number.saturating_add(1);
            self.raw_line(&line.text, number, file);
        }
        self.finish_collecting();
        Ok(true)
    }

    fn raw_line(&mut self, raw: &str, line: u32, file: &Arc<str>) {
        let raw = raw.strip_suffix('\r').unwrap_or(raw);
        let origin = Origin { file, line, raw, offset: Some(0) };
        if raw.len() > MAX_LINE {
            let message = "line too long - ignoring";
            let cut = Origin { raw: raw.get(..80).unwrap_or_default(), ..origin };
            let help = format!("keepalived reads at most {MAX_LINE} bytes of a line");
            let problem = Diagnostic::new(Code::LineTooLong, message).help(help);
            self.cx.report(problem.at(cut.place(0..cut.raw.len())));
        } else if raw.contains('\0') {
            let message = "configuration appears to have embedded NULs - ignoring line";
            let shown = raw.replace('\0', " ");
            let at = Origin { raw: &shown, ..origin }.place(0..shown.len());
            self.cx.report(Diagnostic::new(Code::EmbeddedNul, message).at(at));
        } else if raw.contains(NO_BREAK_SPACE) {
            self.line_with_odd_blanks(raw, origin);
        } else {
            self.physical_line(raw, origin);
        }
    }

    /// Text that went through a word processor or a web page: keepalived takes a no-break space for
    /// a part of a word. It is told, and read as the space that was meant.
    fn line_with_odd_blanks(&mut self, raw: &str, origin: Origin<'_>) {
        let used = without_comment(raw);
        if let Some(at) = used.find(NO_BREAK_SPACE) {
            let message = "a no-break space stands here";
            let place = origin.place(at..at + NO_BREAK_SPACE.len_utf8());
            let problem = Diagnostic::new(Code::OddBlank, message).at(place);
            self.cx.report(problem.help("put a plain space in its place"));
        }
        // Two spaces for two bytes: columns stay what they are.
        self.physical_line(&raw.replace(NO_BREAK_SPACE, "  "), origin);
    }

    fn physical_line(&mut self, raw: &str, origin: Origin<'_>) {
        let (text, origin) = trim(without_comment(raw), origin);
        if let Some((_, lines)) = &mut self.collecting {
            let more = text.strip_suffix('\\');
            if !text.is_empty() && lines.len() < MAX_LINE {
                lines.push(more.unwrap_or(text).trim_end().to_owned());
            }
            if more.is_none() {
                self.finish_collecting();
            }
            return;
        }
        self.logical_line(text, origin, 0);
    }

    fn finish_collecting(&mut self) {
        if let Some((name, lines)) = self.collecting.take() {
            self.definitions.set(&name, lines);
        }
    }

    /// A line that may still be a condition, a definition, an include or a repetition.
    fn logical_line(&mut self, text: &str, origin: Origin<'_>, turns: usize) {
        let (text, origin) = trim(without_comment(text), origin);
        if text.is_empty() {
            return;
        }
        if turns > MAX_TURNS {
            let message = "definitions or conditions of this line never come to an end";
            self.cx.report(Diagnostic::new(Code::TooMuch, message).at(origin.place(0..text.len())));
            return;
        }
        if let Some(condition) = text.strip_prefix('@') {
            if let Some(rest) = self.applies(condition) {
                let origin = origin.skip(text.len() - rest.len());
                self.logical_line(rest, origin, turns + 1);
            }
            return;
        }
        if let Some((name, value)) = define::definition(text) {
            self.define(name, value, origin);
            return;
        }
        if let Some((pattern, checks)) = include::directive(text, self.cx.include_checks) {
            self.include(pattern, checks, origin);
            return;
        }
        if let Some(found) = repeat::find(text) {
            self.repeat(text, found, origin, turns);
            return;
        }
        if !text.contains('$') {
            self.sink.line(text, origin, &mut self.cx);
            return;
        }
        self.fill_in(text, origin, turns);
    }

    /// `ID TEXT`, `^ID TEXT` after `@`: the text, when it applies.
    fn applies<'a>(&self, condition: &'a str) -> Option<&'a str> {
        let (wanted, rest) = match condition.strip_prefix('^') {
            Some(rest) => (false, rest),
            None => (true, condition),
        };
        let (id, text) = rest.split_once([' ', '\t'])?;
        ((id == self.cx.options.config_id) == wanted).then_some(text)
    }

    fn define(&mut self, name: &str, value: &str, origin: Origin<'_>) {
        if let Some(first) = value.strip_suffix('\\') {
            self.collecting = Some((name.to_owned(), vec![first.trim_end().to_owned()]));
        } else if !self.definitions.set(name, vec![value.to_owned()]) {
            let problem = Diagnostic::new(Code::TooMuch, "too many definitions");
            self.cx.report(problem.at(origin.place(0..name.len() + 1)));
        }
    }

    fn include(&mut self, pattern: &str, checks: Checks, origin: Origin<'_>) {
        let Some(expanded) = self.expand(pattern, origin) else { return };
        let pattern = expanded.lines.first().map_or(pattern, String::as_str);
        let directory = self.directory();
        let (files, problems) = include::resolve(pattern, checks, &directory, self.cx.source);
        let whole = origin.changed();
        for problem in problems {
            let code = if problem.is_error { Code::IncludeFailed } else { Code::IncludeSkipped };
            self.cx.report(Diagnostic::new(code, problem.message).at(whole.place(0..0)));
        }
        for file in files {
            self.read_file(&file, Some(whole));
        }
    }

    /// The directory of the file that is being read.
    fn directory(&self) -> PathBuf {
        let file = self.open.last().and_then(|file| file.parent());
        file.map(Path::to_owned).unwrap_or_default()
    }

    fn repeat(&mut self, text: &str, found: repeat::Found<'_>, origin: Origin<'_>, turns: usize) {
        let Some(arguments) = self.expand(found.arguments, origin) else { return };
        let arguments = arguments.lines.first().cloned().unwrap_or_default();
        let most = self.most_added_lines.min(repeat::MAX_ROUNDS);
        let repeat = match found.rounds(&arguments, most) {
            Ok(repeat) => repeat,
            Err(bad) => {
                let at = origin.place(bad.start..bad.end);
                self.cx.report(Diagnostic::new(Code::BadRepeat, bad.message).at(at));
                return;
            }
        };
        let rest = format!("{}{}", &text[..repeat.start], &text[repeat.end..]);
        for round in repeat.rounds {
            if !self.may_add(rest.len(), origin) {
                return;
            }
            let mut before = Vec::with_capacity(round.len());
            for (name, value) in round {
                let old = self.definitions.replace(&name, Some(vec![value]));
                before.push((name, old));
            }
            self.logical_line(&rest, origin.changed(), turns + 1);
            for (name, old) in before.into_iter().rev() {
                self.definitions.replace(&name, old);
            }
        }
    }

    /// Counts one more line that does not stand in a file.
    fn may_add(&mut self, bytes: usize, origin: Origin<'_>) -> bool {
        let most = self.most_added_lines;
        let had_room = self.added_lines < most && self.added_bytes < MAX_ADDED_BYTES;
        self.added_lines += 1;
        self.added_bytes = self.added_bytes.saturating_add(bytes);
        let has_room = self.added_lines < most && self.added_bytes < MAX_ADDED_BYTES;
        if had_room && !has_room {
            let message = "definitions and repetition make too many lines; the rest is left out";
            self.cx.report(Diagnostic::new(Code::TooMuch, message).at(origin.place(0..0)));
        }
        has_room
    }

    fn fill_in(&mut self, text: &str, origin: Origin<'_>, turns: usize) {
        let Some(expanded) = self.expand(text, origin) else { return };
        for name in expanded.undefined.iter().filter(|_| !expanded.changed) {
            let at = text.find(&format!("${{{name}")).unwrap_or_default();
            let place = origin.place(at..(at + name.len() + 3).min(text.len()));
            let problem = Diagnostic::new(Code::Undefined, format!("${{{name}}} is not defined"));
            let help = format!("write '${name}=VALUE' on a line of its own, before it is used");
            self.cx.report(problem.at(place).help(help));
        }
        if !expanded.changed {
            self.sink.line(text, origin, &mut self.cx);
            return;
        }
        for line in &expanded.lines {
            if !self.may_add(line.len(), origin) {
                return;
            }
            self.after_filling_in(line, origin.changed(), turns + 1);
        }
    }

    /// A line that came out of definitions may be a condition or a definition itself; what it does
    /// not do is have its names filled in again, unless it has one that is defined.
    fn after_filling_in(&mut self, line: &str, origin: Origin<'_>, turns: usize) {
        let (text, origin) = trim(without_comment(line), origin);
        let special = text.starts_with(['@', '$']) || text.starts_with("include");
        if special || text.contains(['$', '~']) {
            self.logical_line(text, origin, turns);
        } else if !text.is_empty() {
            self.sink.line(text, origin, &mut self.cx);
        }
    }

    fn expand(&mut self, text: &str, origin: Origin<'_>) -> Option<Expanded> {
        let directory = self.directory();
        let directory = directory.to_string_lossy();
        let source = self.cx.source;
        let around = Surroundings {
            directory: &directory,
            config_id: &self.cx.options.config_id,
            env: &|name| source.env(name),
        };
        let error = match self.definitions.expand(text, &around) {
            Ok(expanded) => return Some(expanded),
            Err(error) => error,
        };
        let message = match error {
            ExpandError::Endless(name) => format!("the definition of ${name} leads back to itself"),
            ExpandError::TooLong => {
                format!("definitions make this line longer than {} bytes", define::MAX_EXPANDED)
            }
            ExpandError::BadRandom(arguments) => {
                format!("${{_RANDOM {arguments}}} needs no, one or two numbers, the smaller first")
            }
        };
        let at = origin.place(0..text.len());
        self.cx.report(Diagnostic::new(Code::BadDefinition, message).at(at));
        None
    }
}
