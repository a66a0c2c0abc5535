//! Files of the repository.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::workspace::root;

/// Folders that hold no source of ours.
const SKIPPED: &[&str] = &["target", ".git", "artifacts", "corpus"];

/// A file and its text.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its path from the root of the repository, with `/`.
    pub path: String,
    /// Its text; bytes that are no UTF-8 are replaced.
    pub text: String,
}

/// All files below `folder` (from the root of the repository), in order.
pub fn files(folder: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root().join(folder), &mut paths);
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

/// All files of Rust below `folder`, in order.
pub fn rust_files(folder: &str) -> Vec<Source> {
    let mut files = files(folder);
    files.retain(|file| file.path.ends_with(".rs"));
    files
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_symlink() {
            continue;
        }
        if !path.is_dir() {
            paths.push(path);
        } else if !SKIPPED.iter().any(|skipped| path.file_name() == Some(OsStr::new(skipped))) {
            collect(&path, paths);
        }
    }
}

fn read(path: &Path) -> Source {
    // A file may vanish between listing and reading while somebody edits; then it breaks no rule.
    let bytes = std::fs::read(path).unwrap_or_default();
    let from_root = path.strip_prefix(root()).unwrap_or(path);
    Source {
        path: from_root.to_string_lossy().into_owned(),
        text: String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// Of these files those that are compiled into the product, each cut where its own tests begin.
pub fn product(files: Vec<Source>) -> Vec<Source> {
    let tests = test_modules(&files);
    let is_test = |path: &str| {
        let folder_of = |test: &String| test.strip_suffix(".rs").map(|stem| format!("{stem}/"));
        path.contains("/tests/")
            || path.contains("/benches/")
            || tests.contains(path)
            || tests.iter().filter_map(folder_of).any(|folder| path.starts_with(&folder))
    };
    let product = files.into_iter().filter(|file| !is_test(&file.path));
    product.map(|file| Source { text: without_tests(&file.text), ..file }).collect()
}

/// The files of modules that stand behind `#[cfg(test)]`.
fn test_modules(files: &[Source]) -> BTreeSet<String> {
    files.iter().flat_map(|file| test_modules_of(&file.path, &file.text)).collect()
}

fn test_modules_of(path: &str, text: &str) -> Vec<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.strip_suffix(".rs").unwrap_or(name);
    let own_folder = match stem {
        "lib" | "main" | "mod" => folder.to_owned(),
        _ => format!("{folder}/{stem}"),
    };
    let mut found = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while lines.by_ref().any(|line| line == "#[cfg(test)]") {
        let mut given = None;
        for line in lines.by_ref() {
            if let Some(path) =
                line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]"))
            {
                given = Some(format!("{folder}/{path}"));
            } else if !line.starts_with("#[") {
                let name = module_name(line);
                let file = name.map(|name| format!("{own_folder}/{name}.rs"));
                found.extend(given.or(file));
                break;
            }
        }
    }
    found
}

/// `x` of `mod x;`, `pub(crate) mod x;`.
fn module_name(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("mod ")?;
    let is_visibility = before.is_empty() || before.starts_with("pub");
    rest.strip_suffix(';').filter(|_| is_visibility)
}

/// The text up to its own `#[cfg(test)] mod … {`, with comments left empty.
fn without_tests(text: &str) -> String {
    let mut kept = Vec::new();
    let mut after_cfg = false;
    for line in text.lines() {
        let code = line.trim();
        if after_cfg && code.starts_with("mod ") && code.ends_with('{') {
            break;
        }
        after_cfg = code == "#[cfg(test)]" || (after_cfg && code.starts_with("#["));
        kept.push(if code.starts_with("//") { "" } else { line });
    }
    kept.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn tests_are_told_from_the_product() {
        let files = vec![
            source("c/src/lib.rs", "pub mod a;\n#[cfg(test)]\nmod fixture;\n"),
            source("c/src/fixture.rs", "x.unwrap()"),
            source("c/src/a.rs", "#[cfg(test)]\n#[path = \"a_tests.rs\"]\nmod tests;\n"),
            source("c/src/a_tests.rs", "x.unwrap()"),
            source("c/src/b.rs", "fn b() {}\n// x.unwrap()\n#[cfg(test)]\nmod tests;\n"),
            source("c/src/b/tests.rs", "x.unwrap()"),
            source("c/src/b/tests/more.rs", "x.unwrap()"),
            source("c/src/d.rs", "fn d() {}\n#[cfg(test)]\nmod tests {\n x.unwrap()\n}\n"),
            source("c/tests/e.rs", "x.unwrap()"),
        ];
        let product = product(files);
        let paths: Vec<_> = product.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["c/src/lib.rs", "c/src/a.rs", "c/src/b.rs", "c/src/d.rs"]);
        assert!(product.iter().all(|file| !file.text.contains("unwrap")));
    }

    #[test]
    fn what_follows_a_test_function_still_counts() {
        let text = "#[cfg(test)]\nfn helper() {}\nfn product() { x.unwrap() }";
        assert!(without_tests(text).contains("unwrap"));
    }
}
