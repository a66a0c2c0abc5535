//! "Did you mean": help for words that nobody knows.

use crate::diagnostic::{Code, Diagnostic};
use crate::keywords::{self, Block};

/// Whether one may be taken for a misspelling of the other.
fn is_close(given: &str, known: &str) -> bool {
    let allowed = match given.len() {
        0..=2 => 0,
        3..=5 => 1,
        6..=10 => 2,
        _ => 3,
    };
    // The distance is dear and never less than what one word has more than the other, so a file
    // of nothing but unknown words is read in time too.
    let lengths = given.chars().count().abs_diff(known.chars().count());
    lengths <= allowed && strsim::damerau_levenshtein(given, known) <= allowed
}

/// A value that looks like a definition which nobody made.
pub(crate) fn undefined(problem: Diagnostic, value: &str) -> Diagnostic {
    if value.starts_with('$') { problem.help(format!("{value} is not defined")) } else { problem }
}

/// An unknown word of an entry, with the one that was probably meant.
pub(crate) fn option(problem: Diagnostic, place: Block, given: &str) -> Diagnostic {
    let known = keywords::all().filter(|(block, _)| *block == place).map(|(_, row)| row.name);
    match closest(given, known) {
        Some(meant) => problem.label(format!("did you mean '{meant}'?")),
        None => problem,
    }
}

/// Whether one word is the beginning of the other: `advert_interval` for `advert_int`.
fn is_longer_or_shorter(given: &str, known: &str) -> bool {
    let shorter = given.len().min(known.len());
    shorter >= 5 && (given.starts_with(known) || known.starts_with(given))
}

/// The known word that was probably meant.
pub(crate) fn closest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A distance is of no use for a word that is longer than any keyword, and dear.
    if given.len() > 64 {
        return None;
    }
    let lower = given.to_ascii_lowercase();
    known
        .filter(|word| {
            is_close(&lower, &word.to_ascii_lowercase()) || is_longer_or_shorter(&lower, word)
        })
        .min_by_key(|word| strsim::damerau_levenshtein(given, word))
}

/// An unknown keyword, with where it would be known or what was probably meant.
pub(crate) fn unknown_keyword(block: Block, name: &str) -> Diagnostic {
    let problem = Diagnostic::new(Code::UnknownKeyword, format!("Unknown keyword '{name}'"));
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
