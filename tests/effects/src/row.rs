//! A keyword, where it is put, and what it must change.

use control_plane::keywords::Block;

/// One keyword in one place. `Act` is what can happen while the machine runs.
#[derive(Clone, Debug)]
pub struct Row<Act> {
    /// Where the keyword stands.
    pub block: Block,
    /// Its name.
    pub keyword: &'static str,
    /// The configuration; `@` is where the lines go.
    pub template: String,
    /// What stands there without the keyword.
    pub without: String,
    /// What stands there with it.
    pub with: String,
    /// What happens, at milliseconds after the start.
    pub play: Vec<(u64, Act)>,
    /// What the keyword must change.
    pub sees: Sees,
}

/// What is seen in the trace, as a part of one of its lines.
#[derive(Clone, Debug)]
pub enum Sees {
    /// With the keyword alone.
    New(String),
    /// Without it alone.
    Gone(String),
}

/// A part of a line that comes with the keyword.
pub fn new(text: impl Into<String>) -> Sees {
    Sees::New(text.into())
}

/// A part of a line that goes with the keyword.
pub fn gone(text: impl Into<String>) -> Sees {
    Sees::Gone(text.into())
}

impl<Act: Clone> Row<Act> {
    /// A row without anything in the place of the keyword.
    pub fn plain(
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
    #[must_use]
    pub fn instead_of(self, line: &str) -> Self {
        Self { without: line.to_owned(), ..self }
    }

    /// With lines before the place of the keyword.
    #[must_use]
    pub fn after(self, lines: &str) -> Self {
        Self { template: self.template.replace('@', &format!("{lines}\n@")), ..self }
    }

    /// With another part of the template.
    ///
    /// # Panics
    /// The template does not have that part.
    #[must_use]
    pub fn having(self, part: &str, other: &str) -> Self {
        assert!(self.template.contains(part), "{}: {part}", self.keyword);
        Self { template: self.template.replace(part, other), ..self }
    }

    /// Plays both configurations with `trace`, which says what is seen, a line each.
    ///
    /// # Errors
    /// What is not as it should be, with both traces.
    pub fn judge(&self, trace: impl Fn(&str, &[(u64, Act)]) -> Vec<String>) -> Result<(), String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(sees: Sees) -> Row<()> {
        Row::plain(Block::Instance, "word", "5", "before\n@\nafter", &[], sees)
    }

    fn lines(text: &str, _: &[(u64, ())]) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_comes_with_the_keyword_alone_is_its_effect() {
        assert_eq!(row(new("word 5")).judge(lines), Ok(()));
        assert!(row(gone("word 5")).judge(lines).is_err());
        assert_eq!(row(gone("other")).instead_of("other").judge(lines), Ok(()));
    }

    #[test]
    fn what_is_there_with_and_without_it_is_no_effect() {
        for sees in [new("before"), gone("before"), new("nowhere"), gone("nowhere")] {
            assert!(row(sees).judge(lines).is_err());
        }
    }
}
