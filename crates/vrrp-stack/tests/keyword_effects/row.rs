//! A keyword, where it is put, and what it must change.

use control_plane::keywords::Block;

use crate::trace::{Act, trace};

/// One keyword in one place.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) block: Block,
    pub(crate) keyword: &'static str,
    /// The configuration; `@` is where the lines go.
    pub(crate) template: String,
    /// What stands there without the keyword.
    pub(crate) without: String,
    /// What stands there with it.
    pub(crate) with: String,
    /// What happens, at milliseconds after the start.
    pub(crate) play: Vec<(u64, Act)>,
    pub(crate) sees: Sees,
}

/// What is seen in the trace, as a part of one of its lines.
#[derive(Clone, Debug)]
pub(crate) enum Sees {
    /// With the keyword alone.
    New(String),
    /// Without it alone.
    Gone(String),
}

/// A part of a line that comes with the keyword.
pub(crate) fn new(text: impl Into<String>) -> Sees {
    Sees::New(text.into())
}

/// A part of a line that goes with the keyword.
pub(crate) fn gone(text: impl Into<String>) -> Sees {
    Sees::Gone(text.into())
}

impl Row {
    /// A row without anything in the place of the keyword.
    pub(crate) fn plain(
        block: Block,
        keyword: &'static str,
        line: &str,
        template: &str,
        play: &[(u64, Act)],
        sees: Sees,
    ) -> Self {
        Self {
            block,
            keyword,
            template: template.to_owned(),
            without: String::new(),
            with: format!("{keyword} {line}"),
            play: play.to_vec(),
            sees,
        }
    }

    /// With another line in its place where the keyword is not.
    pub(crate) fn instead_of(self, line: &str) -> Self {
        Self { without: line.to_owned(), ..self }
    }

    /// With lines before the place of the keyword.
    pub(crate) fn after(self, lines: &str) -> Self {
        Self { template: self.template.replace('@', &format!("{lines}\n@")), ..self }
    }

    /// With another part of the template.
    pub(crate) fn having(self, part: &str, other: &str) -> Self {
        assert!(self.template.contains(part), "{}: {part}", self.keyword);
        Self { template: self.template.replace(part, other), ..self }
    }

    /// Plays both configurations.
    ///
    /// # Errors
    /// What is not as it should be, with both traces.
    pub(crate) fn judge(&self) -> Result<(), String> {
        let played = |line: &str| trace(&self.template.replace('@', line), &self.play);
        let [without, with] = [played(&self.without), played(&self.with)];
        let has = |lines: &[String], text: &str| lines.iter().any(|line| line.contains(text));
        let (text, wanted) = match &self.sees {
            Sees::New(text) => (text, true),
            Sees::Gone(text) => (text, false),
        };
        if has(&with, text) == wanted && has(&without, text) != wanted {
            return Ok(());
        }
        Err(format!(
            "{} in {:?}: {:?}\n  without:\n    {}\n  with:\n    {}",
            self.keyword,
            self.block,
            self.sees,
            without.join("\n    "),
            with.join("\n    ")
        ))
    }
}
