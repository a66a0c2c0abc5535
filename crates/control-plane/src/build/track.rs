//! Entries of `track_*` blocks: a name, then perhaps a weight.

use super::tracked::Tracked;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::lang::Context;
use crate::model::tracking::{BfdId, FileId, ProcessId};
use crate::parse::statement::Statement;
use crate::parse::value::integer;

/// One entry of a `track_*` block.
#[derive(Clone, Debug)]
pub(crate) struct TrackEntry<Id = ()> {
    pub name: String,
    pub place: Place,
    /// What it refers to, when that is known while the file is read.
    pub id: Id,
    /// `weight N`; `None` leaves that of the object.
    pub weight: Option<i16>,
    /// `reverse`, `noreverse`.
    pub reverse: Option<bool>,
}

/// All that one instance or sync group tracks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracks {
    pub interfaces: Vec<TrackEntry>,
    pub scripts: Vec<TrackEntry>,
    pub files: Vec<TrackEntry<FileId>>,
    pub processes: Vec<TrackEntry<ProcessId>>,
    pub bfds: Vec<TrackEntry<BfdId>>,
}

impl Tracks {
    /// An entry of a `track_*` block of `owner`; false when the block is none of these.
    pub(super) fn entry(
        &mut self,
        statement: &Statement<'_>,
        owner: &str,
        known: &Tracked,
        cx: &mut Context<'_>,
    ) -> bool {
        let kind = statement.keyword.name;
        let limit = match kind {
            "track_interface" | "track_script" | "track_bfd" => 253,
            "track_file" | "track_process" => 254,
            _ => return false,
        };
        let Some(entry) = read(statement, owner, limit, cx) else { return true };
        let missing = match kind {
            "track_interface" => {
                add(&mut self.interfaces, entry, kind, owner, cx);
                return true;
            }
            "track_script" if known.has_script(&entry.name) => {
                add(&mut self.scripts, entry, kind, owner, cx);
                return true;
            }
            "track_file" => known
                .file(&entry.name)
                .map(|(id, _)| add(&mut self.files, entry.clone().of(id), kind, owner, cx)),
            "track_process" => known
                .process(&entry.name)
                .map(|(id, _)| add(&mut self.processes, entry.clone().of(id), kind, owner, cx)),
            "track_bfd" => known
                .bfd(&entry.name)
                .filter(|(_, bfd)| bfd.for_vrrp)
                .map(|(id, _)| add(&mut self.bfds, entry.clone().of(id), kind, owner, cx)),
            _ => None,
        }
        .is_none();
        if missing {
            report_missing(kind, entry, owner, cx);
        }
        true
    }
}

fn report_missing(kind: &str, entry: TrackEntry, owner: &str, cx: &mut Context<'_>) {
    let what = kind.replace('_', " ");
    let message = format!("({owner}) {what} {} not found, ignoring...", entry.name);
    let block = match kind {
        "track_script" => "vrrp_script",
        "track_process" => "vrrp_track_process",
        "track_bfd" => "bfd_instance",
        other => other,
    };
    let problem = Diagnostic::new(Code::NotFound, message).at(entry.place);
    cx.report(
        problem
            .label(format!("no {block} of that name above that can be used"))
            .help(format!("a {block} must stand before the block that tracks it")),
    );
}

fn add<Id>(
    list: &mut Vec<TrackEntry<Id>>,
    entry: TrackEntry<Id>,
    kind: &str,
    owner: &str,
    cx: &mut Context<'_>,
) {
    if list.iter().any(|one| one.name == entry.name) {
        let message = format!("({owner}) duplicate {kind} {} - ignoring", entry.name);
        cx.report(Diagnostic::new(Code::Duplicate, message).at(entry.place));
    } else {
        list.push(entry);
    }
}

impl TrackEntry {
    fn of<Id>(self, id: Id) -> TrackEntry<Id> {
        let Self { name, place, weight, reverse, .. } = self;
        TrackEntry { name, place, id, weight, reverse }
    }
}

/// Reads `NAME [weight N [reverse|noreverse]]`. Weights of ±254 are allowed for some kinds only;
/// for the others they become ±253.
fn read(
    statement: &Statement<'_>,
    owner: &str,
    limit: i64,
    cx: &mut Context<'_>,
) -> Option<TrackEntry> {
    let name = statement.word(0)?.to_owned();
    let place = statement.place();
    let mut entry = TrackEntry { name, place, id: (), weight: None, reverse: None };
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
                let what = match statement.keyword.name {
                    "track_script" => "track script".to_owned(),
                    _ => what(statement, &entry.name),
                };
                let message = format!("({owner}) unknown {what} option {word} - ignoring");
                let problem = Diagnostic::new(Code::BadEntry, message);
                let problem = problem.label("expected weight N, reverse or noreverse");
                cx.report(problem.at(statement.place_of(at)));
                break;
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
) -> Option<i16> {
    let Some(word) = statement.word(at) else {
        let what = what(statement, name);
        let message = format!("({owner}) weight without value specified for {what} - ignoring");
        cx.report(Diagnostic::new(Code::ValueExpected, message).at(statement.place()));
        return None;
    };
    match integer(word, -254, 254) {
        Ok(number) if number.abs() > limit => {
            let message =
                format!("({owner}) weight for {name} cannot be +/-254. Setting to +/-253");
            cx.report(Diagnostic::new(Code::Adjusted, message).at(statement.place_of(at)));
            i16::try_from(number.signum() * limit).ok()
        }
        Ok(number) => i16::try_from(number).ok(),
        Err(problem) => {
            let outcome = match statement.keyword.name {
                "track_interface" => format!(
                    "({owner}) weight {word} for {name} must be between [-{limit}..{limit}] \
                     inclusive. Ignoring..."
                ),
                "track_script" => format!(
                    "({owner}) {}: weight must be between [-{limit}..{limit}] inclusive, \
                     ignoring...",
                    what(statement, name)
                ),
                _ => format!(
                    "({owner}) weight for {} must be in [-{limit}..{limit}] inclusive. Ignoring...",
                    what(statement, name)
                ),
            };
            cx.report(problem.at(statement.place_of(at)).outcome(outcome));
            None
        }
    }
}

/// `track script NAME`; interfaces keep the underscore.
fn what(statement: &Statement<'_>, name: &str) -> String {
    match statement.keyword.name {
        "track_interface" => format!("track_interface {name}"),
        "track_script" => format!("track script {name}"),
        kind => format!("{} {name}", kind.replace('_', " ")),
    }
}
