//! What documents promise: their links lead somewhere, and every line of the log that asks for somebody
//! can be looked up.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

use architecture::log_lines::texts;
use architecture::sources::{Source, files, product, rust_files};
use architecture::workspace::root;

fn documents() -> Vec<Source> {
    let mut found: Vec<Source> =
        ["docs", "conf", "tests", "crates", "bin"].iter().flat_map(|one| files(one)).collect();
    found.retain(|file| file.path.ends_with(".md"));
    for name in ["README.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root().join(name)).expect("a text");
        found.push(Source { path: name.to_owned(), text });
    }
    found
}

/// The targets of `[text](target)`.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

/// What GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_leads_to_a_file_or_a_heading_of_ours() {
    let mut wrong = Vec::new();
    for document in documents() {
        let folder = Path::new(&document.path).parent().unwrap_or_else(|| Path::new(""));
        for target in targets(&document.text).filter(|target| !target.contains("://")) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() {
                root().join(&document.path)
            } else {
                root().join(folder).join(file)
            };
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let mut headings = text.lines().filter(|line| line.starts_with('#')).map(anchor);
            if !path.exists() {
                wrong.push(format!("{}: there is no {target}", document.path));
            } else if !heading.is_empty() && !headings.any(|one| one == heading) {
                wrong.push(format!("{}: {target} is no heading", document.path));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_target_of_make_that_a_document_names_exists() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).expect("the Makefile");
    let has = |target: &str| makefile.lines().any(|line| line.starts_with(&format!("{target}:")));
    let mut wrong = Vec::new();
    for document in documents() {
        for code in document.text.split('`').skip(1).step_by(2) {
            let Some(target) = code.strip_prefix("make ").and_then(|rest| rest.split(' ').next())
            else {
                continue;
            };
            if !has(target) {
                wrong.push(format!("{}: make {target}", document.path));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Warnings and errors that the daemon's code names in words.
#[test]
fn every_warning_and_error_of_the_log_can_be_looked_up() {
    let document = std::fs::read_to_string(root().join("docs/log-lines.md")).expect("a text");
    let sources = ["crates", "bin"].iter().flat_map(|folder| product(rust_files(folder)));
    let lines: BTreeSet<String> =
        sources.flat_map(|file| texts(&file.text, &["log::warn!(", "log::error!("])).collect();
    assert!(lines.len() > 50, "the lines are found: {lines:#?}");
    let missing: Vec<&str> =
        lines.iter().map(String::as_str).filter(|line| !document.contains(line)).collect();
    assert!(missing.is_empty(), "docs/log-lines.md has no row for\n{}\n", missing.join("\n"));
}

/// What a router complains of in the packets of others, each at the level *warning*.
#[test]
fn every_complaint_about_a_packet_can_be_looked_up() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).expect("a text");
    let (document, source) =
        (read("docs/log-lines.md"), read("crates/vrrp-stack/src/complaint.rs"));
    let source = source.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines = texts(&source, &["write!(f, ", "write!( f, "]);
    assert!(lines.len() > 14, "the lines are found: {lines:#?}");
    let missing: Vec<&String> = lines.iter().filter(|line| !document.contains(*line)).collect();
    assert!(missing.is_empty(), "docs/log-lines.md has no row for {missing:#?}");
}
