//! How files are kept.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use architecture::rules::{LONGEST_FILE, TOP_LEVEL};
use architecture::sources::{files, product, rust_files};
use architecture::workspace::root;

/// Folders with code or text of ours.
const OURS: [&str; 5] = ["crates", "bin", "tests", "docs", "conf"];

fn nothing_wrong(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn only_what_belongs_there_lies_at_the_top() {
    let entries = std::fs::read_dir(root()).expect("the root of the repository");
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let wrong: Vec<String> = names
        .filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()))
        .map(|name| format!("{name} does not belong at the top: crates, bin, conf, tests or docs"))
        .collect();
    nothing_wrong(&wrong);
}

#[test]
fn no_file_of_rust_is_longer_than_800_lines() {
    let mut wrong = Vec::new();
    for file in OURS.iter().flat_map(|folder| rust_files(folder)) {
        let lines = file.text.lines().count();
        if lines > LONGEST_FILE {
            wrong.push(format!("{} has {lines} lines: one concept a file, split it", file.path));
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn the_product_never_panics_on_purpose() {
    let bad = [".unwrap()", "panic!(", "todo!(", "unimplemented!(", "dbg!("];
    let mut wrong = Vec::new();
    for folder in ["crates", "bin"] {
        for file in product(rust_files(folder)) {
            for (number, line) in file.text.lines().enumerate() {
                for word in bad.iter().filter(|word| line.contains(**word)) {
                    wrong.push(format!(
                        "{}:{} has `{word}`: return an error, or say with `let … else` what \
                         happens instead",
                        file.path,
                        number + 1
                    ));
                }
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn an_expect_says_why_it_cannot_fail() {
    let mut wrong = Vec::new();
    for folder in ["crates", "bin"] {
        for file in product(rust_files(folder)) {
            if file.text.contains(".expect(\"") && !file.text.contains("clippy::expect_used") {
                wrong.push(format!(
                    "{} has `.expect()` without `#[expect(clippy::expect_used, reason = …)]`",
                    file.path
                ));
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn unsafe_code_is_in_sys_alone() {
    let mut wrong = Vec::new();
    for folder in ["crates", "bin"] {
        for file in product(rust_files(folder)) {
            let found = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"];
            if !file.path.starts_with("crates/sys/")
                && found.iter().any(|word| file.text.contains(word))
            {
                wrong.push(format!("{} has unsafe code: sys is the place for it", file.path));
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not find itself.
    let words =
        [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["#[ig", "nore"]].map(|two| two.concat());
    let mut wrong = Vec::new();
    for file in OURS.iter().flat_map(|folder| rust_files(folder)) {
        for word in words.iter().filter(|word| file.text.contains(word.as_str())) {
            wrong.push(format!("{} has {word}: do it, or open an issue", file.path));
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn the_project_stands_alone() {
    let outside = ["/work/", "shared/"].concat();
    let mut wrong = Vec::new();
    for file in OURS.iter().flat_map(|folder| files(folder)) {
        if file.text.contains(&outside) {
            wrong.push(format!("{} names a path outside of the repository", file.path));
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn every_crate_begins_with_its_promise() {
    let mut wrong = Vec::new();
    for file in ["crates", "bin", "tests"].iter().flat_map(|folder| rust_files(folder)) {
        if !file.path.ends_with("/src/lib.rs") {
            continue;
        }
        let promise = file.text.lines().next().and_then(|line| line.strip_prefix("//! "));
        if promise.is_none_or(|promise| promise.starts_with('(') || promise.len() < 20) {
            wrong.push(format!("{}: the first paragraph says what the crate promises", file.path));
        }
        let has_logic = file.text.lines().any(|line| {
            ["fn ", "pub fn ", "struct ", "pub struct ", "impl "]
                .iter()
                .any(|word| line.starts_with(word))
        });
        if has_logic {
            wrong.push(format!("{}: lib.rs has the module list and no logic", file.path));
        }
    }
    nothing_wrong(&wrong);
}
