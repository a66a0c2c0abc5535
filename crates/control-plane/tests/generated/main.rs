//! What is made of the keyword table beside the lists in `docs`: the man page, the highlighting for
//! Vim, the dictionary of the fuzzer. `UPDATE_DOCS=1` writes them.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod dictionary;
mod man_page;
mod vim;

use std::collections::BTreeSet;
use std::path::PathBuf;

use control_plane::keywords::{self, Block, Shape};

/// Compares a file of the repository with what it should be, or writes it.
fn agree(name: &str, wanted: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, wanted).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "{name} is not up to date: run the tests of control-plane with UPDATE_DOCS=1"
    );
}

/// Words that are written as they are: no `$NAME=`, no `~SEQ(...)`.
fn is_plain(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        && !word.is_empty()
}

/// Plain keywords of the places for which `filter` is true.
fn names(filter: impl Fn(Block, &Shape) -> bool) -> BTreeSet<&'static str> {
    keywords::all()
        .filter(|(place, row)| filter(*place, &row.shape) && is_plain(row.name))
        .map(|(_, row)| row.name)
        .collect()
}

/// Values that are words of the language.
fn values() -> BTreeSet<&'static str> {
    let choices = keywords::all().flat_map(|(_, row)| match row.shape {
        Shape::Choice(words) | Shape::OptChoice(words) => words,
        Shape::Bool => &["on", "off", "true", "false", "yes", "no"],
        Shape::Weight(..) => &["reverse", "noreverse"],
        _ => &[],
    });
    choices.copied().filter(|word| is_plain(word)).collect()
}
