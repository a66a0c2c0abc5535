//! Mistakes and what is said of them, read as an administrator would: one mistake, one message, at
//! its place, with what to do. `INSTA_UPDATE=always` writes the expectations.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use control_plane::source::{FileFacts, FileKind};
use control_plane::{MemorySource, Options, load};

/// What `-t` prints for a file, and the status that it exits with.
fn printed(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    let mut source = MemorySource::new(name, std::fs::read(path).unwrap_or_default());
    let changeable = FileFacts { kind: FileKind::Regular, mode: 0o777, uid: 0, gid: 0 };
    source.facts.insert("/usr/bin/changeable".into(), changeable);
    let interfaces = ["eth0", "eth1", "lo"].map(str::to_owned);
    let options = Options { interfaces: Some(BTreeSet::from(interfaces)), ..Options::default() };
    let diagnostics = load(Path::new(name), &source, &options).diagnostics;
    format!("{}status {}\n", diagnostics.render(), diagnostics.exit_code())
}

#[test]
fn mistakes_are_told_where_they_are_and_once() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "conf"))
        .collect();
    files.sort();
    assert!(files.len() >= 18, "the golden files are not there");
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        insta::with_settings!({ snapshot_path => "golden", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, printed(&file));
        });
    }
}
