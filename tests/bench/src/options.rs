//! The words on the command line.

use std::path::PathBuf;

use crate::row::Row;
use crate::rows;

/// What the caller wants.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Fewer rounds and smaller sizes: under three minutes.
    pub(crate) quick: bool,
    /// Only say which rows there are.
    pub(crate) list: bool,
    /// This is the copy inside User-Mode Linux: answer with figures as text.
    pub(crate) inside: bool,
    /// This is the copy that runs one test of a configuration and tells its cost.
    pub(crate) measure: Option<[String; 2]>,
    /// Where table and plots go.
    pub(crate) folder: PathBuf,
    /// Names of the rows that are wanted, all if empty.
    names: Vec<String>,
}

const USAGE: &str = "usage: bench [--quick] [--list] [--out FOLDER] [ROW...]";

impl Options {
    /// Reads the words.
    ///
    /// # Errors
    ///
    /// What is wrong with them, as text.
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { folder: "target/bench".into(), ..Self::default() };
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--quick" => options.quick = true,
                "--list" => options.list = true,
                "--inside" => options.inside = true,
                "--out" => options.folder = words.next().ok_or(USAGE)?.into(),
                "--measure" => {
                    let program = words.next().ok_or(USAGE)?;
                    options.measure = Some([program, words.next().ok_or(USAGE)?]);
                }
                name if rows::ALL.iter().any(|row| row.name == name) => options.names.push(word),
                other => return Err(format!("there is no row {other}; {USAGE}")),
            }
        }
        Ok(options)
    }

    /// The wanted rows, in the order of the table.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &'static Row> {
        let wanted = |row: &&Row| {
            let named = self.names.iter().any(|name| name == row.name);
            if self.names.is_empty() { !self.quick || row.quick } else { named }
        };
        rows::ALL.iter().filter(wanted)
    }
}
