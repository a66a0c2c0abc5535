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
