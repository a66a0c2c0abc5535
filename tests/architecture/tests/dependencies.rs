//! Who may use whom.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use architecture::rules::{
    EXCEPTIONS, FOR_TESTS, NAMED_BY_NOBODY_ELSE, OWNERS, PACKAGES, Rule, SYSTEM, SYSTEM_WORDS,
};
use architecture::sources::{product, rust_files};
use architecture::workspace::{For, Workspace};

fn rule(package: &str) -> &'static Rule {
    PACKAGES.iter().find(|rule| rule.package == package).unwrap_or_else(|| {
        panic!("package {package} has no row in tests/architecture/src/rules.rs: give it one")
    })
}

fn nothing_wrong(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn arrows_between_our_crates_never_turn_round() {
    let workspace = Workspace::load();
    let ours: BTreeSet<&str> = PACKAGES.iter().map(|rule| rule.package).collect();
    let mut wrong = Vec::new();
    for package in workspace.packages() {
        let allowed = rule(&package.name).uses;
        for (whose, name) in Workspace::named_by(package) {
            if whose == For::Tests && FOR_TESTS.contains(&name) {
                continue;
            }
            if ours.contains(name) && name != package.name.as_str() && !allowed.contains(&name) {
                wrong.push(format!(
                    "{} names {name}, but may use only {allowed:?}: move the code down, or hand \
                     the value over in a type of a crate below both",
                    package.name
                ));
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn the_drawing_itself_has_no_circle() {
    for (place, rule) in PACKAGES.iter().enumerate() {
        for used in rule.uses {
            let below = PACKAGES.iter().position(|other| other.package == *used);
            let below = below.unwrap_or_else(|| panic!("{used} of {} has no row", rule.package));
            assert!(below < place, "{} uses {used}, which stands below it", rule.package);
            assert!(
                !rule.pure || PACKAGES[below].pure,
                "{} is pure and may not use {used}, which is not",
                rule.package
            );
        }
    }
}

#[test]
fn a_pure_crate_reaches_nothing_that_touches_the_system() {
    let workspace = Workspace::load();
    let mut wrong = Vec::new();
    for package in workspace.packages().filter(|package| rule(&package.name).pure) {
        let reached = workspace.reached_by(package);
        for name in SYSTEM {
            if let Some(way) = reached.get(*name) {
                wrong.push(format!(
                    "{} is pure but reaches {name}: {way}. Make it an output of the machine and \
                     let bin/keepalived-rs do it",
                    package.name
                ));
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn a_pure_crate_names_neither_file_nor_socket_nor_clock() {
    let mut wrong = Vec::new();
    for rule in PACKAGES.iter().filter(|rule| rule.pure) {
        for file in product(rust_files(&format!("crates/{}/src", rule.package))) {
            if EXCEPTIONS.iter().any(|(path, _)| *path == file.path) {
                continue;
            }
            for word in SYSTEM_WORDS.iter().filter(|word| file.text.contains(**word)) {
                wrong.push(format!(
                    "{} names {word}, and {} is pure: take it as a parameter",
                    file.path, rule.package
                ));
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn every_outside_crate_that_touches_the_system_has_its_owner() {
    let workspace = Workspace::load();
    let mut wrong = Vec::new();
    for package in workspace.packages() {
        for (whose, name) in Workspace::named_by(package) {
            let Some((_, owners)) = OWNERS.iter().find(|(owned, _)| *owned == name) else {
                continue;
            };
            let for_tests = whose == For::Tests && !NAMED_BY_NOBODY_ELSE.contains(&name);
            if !for_tests && !owners.contains(&package.name.as_str()) {
                wrong.push(format!(
                    "{} names {name}, which only {owners:?} may: use what they offer",
                    package.name
                ));
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn bincode_stays_at_the_one_version_that_works() {
    let workspace = Workspace::load();
    let ipc = workspace.packages().find(|package| package.name.as_str() == "ipc");
    let ipc = ipc.expect("the workspace has a package ipc");
    let bincode = ipc.dependencies.iter().find(|dependency| dependency.name == "bincode");
    let wanted = bincode.expect("ipc names bincode").req.to_string();
    assert_eq!(
        wanted, "=1.3.3",
        "bincode 2 panics without a limit and 3 does not compile: see deny.toml"
    );
}

#[test]
fn every_package_of_the_drawing_exists() {
    let workspace = Workspace::load();
    let existing: BTreeSet<&str> = workspace.packages().map(|one| one.name.as_str()).collect();
    let missing: Vec<String> = PACKAGES
        .iter()
        .filter(|rule| !existing.contains(rule.package))
        .map(|rule| format!("{} is in rules.rs and not in the workspace", rule.package))
        .collect();
    nothing_wrong(&missing);
}

#[test]
fn every_package_takes_the_lints_of_the_workspace() {
    let workspace = Workspace::load();
    let mut wrong = Vec::new();
    for package in workspace.packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("the manifest");
        let inherits = manifest.contains("[lints]\nworkspace = true");
        // `sys` has unsafe code and so its own table, which only weakens that one lint.
        let own = package.name.as_str() == "sys" && manifest.contains("unsafe_code = \"deny\"");
        if !inherits && !own {
            wrong.push(format!("{}: [lints] workspace = true is missing", package.manifest_path));
        }
        let unsafe_allowed = manifest.contains("unsafe_code = \"allow\"");
        if unsafe_allowed {
            wrong.push(format!("{}: unsafe code belongs into sys", package.manifest_path));
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn every_package_says_what_it_is_and_under_which_licence() {
    let workspace = Workspace::load();
    let mut wrong = Vec::new();
    for package in workspace.packages() {
        if package.description.as_deref().unwrap_or_default().is_empty() {
            wrong.push(format!("{}: the description is missing", package.manifest_path));
        }
        if package.license.as_deref() != Some("MIT OR Apache-2.0") {
            wrong.push(format!("{}: license.workspace = true is missing", package.manifest_path));
        }
    }
    nothing_wrong(&wrong);
}
