//! What is wrong with a configuration: where, what, what follows from it, what to write instead.

mod code;
mod render;

use std::sync::Arc;

pub use code::{Class, Code, Severity};

/// Diagnostics that are kept; beyond that they are counted only.
const MAX_KEPT: usize = 2_000;
/// Longest text of a diagnostic, bytes. A line of a file has less.
const MAX_TEXT: usize = 2_000;

/// Diagnostics among which the same one is looked for.
const RECENT: usize = 32;

/// A place in a file, with the line that stands there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file, as it was named.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The text of the line.
    pub text: Arc<str>,
    /// First byte of what is meant, within the text.
    pub start: u32,
    /// The byte after it.
    pub end: u32,
}

impl Place {
    /// The text that is meant.
    pub fn marked(&self) -> &str {
        let at = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        self.text.get(at(self.start)..at(self.end)).unwrap_or_default().trim_end()
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind.
    pub code: Code,
    /// One line, in keepalived's words where it has some.
    pub message: Box<str>,
    /// Where.
    pub place: Option<Box<Place>>,
    /// Short words at the place.
    pub label: Option<Box<str>>,
    /// What follows from it, again in keepalived's words where it has some.
    pub outcome: Option<Box<str>>,
    /// What to do about it.
    pub help: Option<Box<str>>,
    /// Another place that matters.
    pub related: Option<Box<(Place, String)>>,
    /// Found when everything had been read. keepalived logs such a message without a line number.
    pub late: bool,
}

impl Diagnostic {
    /// A diagnostic with the least that it must say.
    pub fn new(code: Code, message: impl Into<Box<str>>) -> Self {
        Self {
            code,
            message: message.into(),
            place: None,
            label: None,
            outcome: None,
            help: None,
            related: None,
            late: false,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn at(mut self, place: impl Into<Option<Place>>) -> Self {
        self.place = place.into().map(Box::new);
        self
    }

    /// Words at the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<Box<str>>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// What follows from it.
    #[must_use]
    pub fn outcome(mut self, outcome: impl Into<Box<str>>) -> Self {
        let outcome = outcome.into();
        self.outcome = (!outcome.is_empty()).then_some(outcome);
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<Box<str>>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Another place.
    #[must_use]
    pub fn related(mut self, place: Place, words: impl Into<String>) -> Self {
        self.related = Some(Box::new((place, words.into())));
        self
    }

    /// Cuts texts that quote what definitions have made of a line: that may be 64 KiB a line.
    fn shorten(&mut self) {
        let others = [&mut self.label, &mut self.outcome, &mut self.help];
        for text in others.into_iter().flatten().chain([&mut self.message]) {
            if text.len() > MAX_TEXT {
                let end = text.floor_char_boundary(MAX_TEXT);
                *text = format!("{}...", &text[..end]).into();
            }
        }
    }

    /// Found after everything was read.
    #[must_use]
    pub const fn late(mut self) -> Self {
        self.late = true;
        self
    }
}

/// All that is wrong with a configuration, in the order it was found.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    dropped: usize,
    worst: Option<Class>,
    several_files: bool,
}

impl Diagnostics {
    /// One more. Beyond a bound it is only counted; the same at the same place, as a line makes it
    /// that is repeated, is told once.
    pub fn push(&mut self, mut diagnostic: Diagnostic) {
        let class = diagnostic.code.class();
        self.worst = self.worst.max(Some(class));
        diagnostic.shorten();
        let recent = self.list.iter().rev().take(RECENT);
        if diagnostic.place.is_some() && recent.into_iter().any(|one| *one == diagnostic) {
            return;
        }
        if self.list.len() < MAX_KEPT {
            self.list.push(diagnostic);
        } else {
            self.dropped += 1;
        }
    }

    /// From now on log lines name the file.
    pub(crate) const fn set_several_files(&mut self) {
        self.several_files = true;
    }

    /// All that are kept.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Keeps only some of them; what they amount to stays.
    pub fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.list.retain(keep);
    }

    /// Whether there is nothing to say at all.
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many could not be kept.
    pub const fn dropped(&self) -> usize {
        self.dropped
    }

    /// The worst class.
    pub const fn worst(&self) -> Option<Class> {
        self.worst
    }

    /// What `keepalived -t` exits with: 0 for nothing that counts, 2 for a keyword without its
    /// value, 4 for an interface or a fatal problem, 6 for scripts that are not safe or a missing
    /// file, 5 for everything else.
    pub const fn exit_code(&self) -> u8 {
        match self.worst {
            None | Some(Class::Note) => 0,
            Some(Class::MissingParameter) => 2,
            Some(Class::FileNotFound | Class::BadInterface | Class::Fatal) => 4,
            Some(Class::Security | Class::Include) => 6,
            Some(_) => 5,
        }
    }

    /// Whether the daemon refuses to start with (or to reload) this configuration: a keyword
    /// without the value it needs, or a missing file.
    pub const fn is_fatal(&self) -> bool {
        matches!(self.worst, Some(Class::MissingParameter | Class::Include))
    }

    /// How many errors and how many warnings.
    pub fn count(&self) -> (usize, usize) {
        let of = |severity| self.list.iter().filter(|one| one.code.severity() == severity).count();
        (of(Severity::Error) + self.dropped, of(Severity::Warning))
    }

    /// Every diagnostic with its line and a mark under the place, in the style of rustc.
    pub fn render(&self) -> String {
        render::render(self)
    }

    /// Those that keep something from being done.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter().filter(|one| one.code.severity() == Severity::Error)
    }

    /// What the daemon exits with instead of starting: 2 for a keyword without its value or an
    /// interface that does not exist, 6 for a file that is missing. `None`: it starts.
    pub fn start_status(&self) -> Option<u8> {
        let has = |code| self.list.iter().any(|one| one.code == code);
        match self.worst {
            Some(Class::MissingParameter) => Some(2),
            Some(Class::Include) => Some(6),
            _ => (has(Code::InterfaceMissing) || has(Code::FatalInterface)).then_some(2),
        }
    }

    /// Lines for a log, in keepalived's style: `(Line 12) Unknown keyword 'x'`, with the name of
    /// the file once there are several.
    pub fn log_lines(&self) -> impl Iterator<Item = String> + '_ {
        self.list.iter().flat_map(|one| one.log_lines(self.several_files))
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Diagnostic {
    /// What makes it the same mistake in another version of the file: its kind and its words.
    pub fn identity(&self) -> (Code, String) {
        (self.code, self.message.to_string())
    }

    fn log_lines(&self, several_files: bool) -> Vec<String> {
        let prefix = match &self.place {
            Some(place) if !self.late && several_files => {
                format!("({}: Line {}) ", place.file, place.line)
            }
            Some(place) if !self.late => format!("(Line {}) ", place.line),
            _ => String::new(),
        };
        let mut lines = vec![format!("{prefix}{}", self.message)];
        lines.extend(self.outcome.iter().map(|outcome| format!("{prefix}{outcome}")));
        lines
    }
}
