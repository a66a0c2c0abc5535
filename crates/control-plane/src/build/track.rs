//! Entries of `track_*` blocks: a name, then perhaps a weight.

use crate::diagnostic::{Code, Diagnostic, Place};
use crate::lang::Context;
use crate::parse::statement::Statement;
use crate::parse::value::integer;

/// One entry of a `track_*` block.
#[derive(Clone, Debug)]
pub(crate) struct TrackEntry {
    pub name: String,
    pub place: Place,
    /// `weight N`; `None` leaves that of the object.
    pub weight: Option<i64>,
    /// `reverse`, `noreverse`.
    pub reverse: Option<bool>,
}

/// Reads `NAME [weight N [reverse|noreverse]]`. Weights of ±254 are allowed for some kinds only;
/// for the others they become ±253.
pub(super) fn read(
    statement: &Statement<'_>,
    owner: &str,
    limit: i64,
    cx: &mut Context<'_>,
) -> Option<TrackEntry> {
    let name = statement.word(0)?.to_owned();
    let mut entry = TrackEntry { name, place: statement.place(), weight: None, reverse: None };
    let mut at = 1;
    while let Some(word) = statement.word(at) {
        match word {
            "weight" => {
                at += 1;
                entry.weight = weight(statement, at, &entry.name, owner, limit, cx);
            }
            "reverse" => entry.reverse = Some(true),
            "noreverse" => entry.reverse = Some(false),
            _ => {
                let message =
                    format!("({owner}) unknown word '{word}' for {} - ignoring", entry.name);
                let problem = Diagnostic::new(Code::BadEntry, message);
                cx.report(
                    problem
                        .at(statement.place_of(at))
                        .label("expected weight N, reverse or noreverse"),
                );
            }
        }
        at += 1;
    }
    Some(entry)
}

fn weight(
    statement: &Statement<'_>,
    at: usize,
    name: &str,
    owner: &str,
    limit: i64,
    cx: &mut Context<'_>,
) -> Option<i64> {
    let Some(word) = statement.word(at) else {
        let message = format!("({owner}) weight without a value specified for {name} - ignoring");
        cx.report(Diagnostic::new(Code::ValueExpected, message).at(statement.place()));
        return None;
    };
    match integer(word, -254, 254) {
        Ok(number) if number.abs() > limit => {
            let message =
                format!("({owner}) weight for {name} cannot be +/-254. Setting to +/-253");
            cx.report(Diagnostic::new(Code::Adjusted, message).at(statement.place_of(at)));
            Some(number.signum() * limit)
        }
        Ok(number) => Some(number),
        Err(problem) => {
            let outcome = format!(
                "({owner}) weight {word} for {name} must be between [-{limit}..{limit}] inclusive. \
                 Ignoring..."
            );
            cx.report(problem.at(statement.place_of(at)).outcome(outcome));
            None
        }
    }
}
