//! "Did you mean": help for words that nobody knows.

use crate::diagnostic::{Code, Diagnostic};
use crate::keywords::{self, Block};

/// Words that may differ for one to be taken for a misspelling of the other.
fn is_close(given: &str, known: &str) -> bool {
    let allowed = match given.len() {
        0..=2 => 0,
        3..=5 => 1,
        6..=10 => 2,
        _ => 3,
    };
    strsim::damerau_levenshtein(given, known) <= allowed
}

/// The known word that was probably meant.
pub(crate) fn closest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A distance is of no use for a word that is longer than any keyword, and dear.
    if given.len() > 64 {
        return None;
    }
    known
        .filter(|word| is_close(&given.to_ascii_lowercase(), &word.to_ascii_lowercase()))
        .min_by_key(|word| strsim::damerau_levenshtein(given, word))
}

/// An unknown keyword, with where it would be known or what was probably meant.
pub(crate) fn unknown_keyword(block: Block, name: &str) -> Diagnostic {
    let problem = Diagnostic::new(Code::UnknownKeyword, format!("Unknown keyword '{name}'"));
    if name.contains('\u{a0}') {
        return problem.help("a no-break space stands here; put a plain space in its place");
    }
    if name.starts_with('\u{feff}') {
        return problem.help("the file begins with a byte order mark; save it without one");
    }
    if name.starts_with('$') {
        return problem.help("a definition has no blank before '=': $NAME=VALUE");
    }
    let here = keywords::all().filter(|(place, _)| *place == block).map(|(_, row)| row.name);
    if let Some(meant) = closest(name, here) {
        return problem.label(format!("did you mean '{meant}'?"));
    }
    let elsewhere: Vec<String> = keywords::all()
        .filter(|(place, row)| row.name == name && place.name().is_some())
        .filter_map(|(place, _)| place.name().map(str::to_owned))
        .take(3)
        .collect();
    if elsewhere.is_empty() {
        return problem;
    }
    problem.label("unknown here").help(format!("it belongs into {}", elsewhere.join(", ")))
}
