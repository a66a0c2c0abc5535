//! Real configurations: nothing makes the reader fall or hang, and its verdict is keepalived's.
//!
//! The files are not part of the project. `KEEPALIVED_CORPUS` names a folder with `conf/*.conf`,
//! `VERDICTS.tsv` (file, class, exit codes of two versions of keepalived) and `INTERFACES.tsv`
//! (names of interfaces of the machine on which the verdicts were made).

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use control_plane::source::{FileFacts, FileKind, SourceError};
use control_plane::{FsSource, Loaded, Options, Source, load};

/// Programs of the machine on which the verdicts were made; no other script existed there.
const TOOLS: &[&str] = &[
    "bash",
    "sh",
    "env",
    "killall",
    "pgrep",
    "pidof",
    "curl",
    "ping",
    "systemctl",
    "service",
    "test",
    "true",
    "false",
    "nc",
    "ss",
    "cat",
    "echo",
    "grep",
    "ip",
    "wget",
    "logger",
    "python3",
    "sleep",
];

/// Disagreements that are meant; `docs/differences.md` says why.
const EXPLAINED: &[(&str, &str)] = &[
    ("0049", "keepalived ends with 0 because config_save_dir does not exist"),
    ("0055", "keepalived takes a program for insecure because /bin is a symbolic link"),
    ("0325", "keepalived ends with 0 because net_namespace does not exist"),
];

struct Machine;

impl Source for Machine {
    fn open(&self, path: &Path) -> Result<Box<dyn BufRead + '_>, SourceError> {
        FsSource.open(path)
    }
    fn glob(&self, pattern: &str) -> Vec<PathBuf> {
        FsSource.glob(pattern)
    }
    fn env(&self, name: &str) -> Option<String> {
        FsSource.env(name)
    }
    fn facts(&self, path: &Path) -> FileFacts {
        let folder = path.parent().and_then(Path::to_str).unwrap_or_default();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_tool =
            ["/bin", "/sbin", "/usr/bin", "/usr/sbin"].contains(&folder) && TOOLS.contains(&name);
        if is_tool {
            return FileFacts { kind: FileKind::Regular, mode: 0o755, uid: 0, gid: 0 };
        }
        let folders =
            ["/", "/tmp", "/etc", "/etc/keepalived", "/run", "/var/run", "/usr/local/bin"];
        if folders.iter().any(|folder| path == Path::new(folder)) {
            return FileFacts { kind: FileKind::Directory, mode: 0o755, uid: 0, gid: 0 };
        }
        if path.extension().is_some_and(|extension| extension == "conf") {
            return FsSource.facts(path);
        }
        FileFacts::MISSING
    }
    fn link_facts(&self, path: &Path) -> FileFacts {
        self.facts(path)
    }
    fn has_user(&self, name: &str) -> Option<bool> {
        Some(["root", "nobody", "daemon", "bin"].contains(&name))
    }
    fn has_group(&self, name: &str) -> Option<bool> {
        Some(["root", "nogroup", "daemon", "bin"].contains(&name))
    }
}

fn table(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn read(path: &Path, interfaces: &BTreeSet<String>) -> (Loaded, Duration) {
    let options = Options {
        interfaces: Some(interfaces.clone()),
        config_id: "host".to_owned(),
        ..Options::default()
    };
    let start = Instant::now();
    let loaded = load(path, &Machine, &options);
    let _ = loaded.diagnostics.render();
    (loaded, start.elapsed())
}

#[test]
fn the_verdict_over_real_files_is_that_of_keepalived() {
    let Some(folder) = std::env::var_os("KEEPALIVED_CORPUS").map(PathBuf::from) else {
        skips::skip(skips::Lack::Data, "KEEPALIVED_CORPUS names no folder of real files");
        return;
    };
    let interfaces: BTreeSet<String> = table(&folder.join("INTERFACES.tsv"))
        .iter()
        .filter_map(|row| row.first()?.split('@').next().map(str::to_owned))
        .collect();
    let verdicts: BTreeMap<String, u8> = table(&folder.join("VERDICTS.tsv"))
        .iter()
        .skip(1)
        .map(|row| (row[0].clone(), row[3].parse().unwrap()))
        .collect();
    let mut different = Vec::new();
    let mut same_code = 0;
    for (file, &verdict) in &verdicts {
        let path = folder.join("conf").join(format!("{file}.conf"));
        let (loaded, took) = read(&path, &interfaces);
        assert!(took < Duration::from_secs(5), "{file} took {took:?}");
        let ours = loaded.diagnostics.exit_code();
        same_code += usize::from(ours == verdict);
        let explained = EXPLAINED.iter().any(|(known, _)| known == file);
        if (ours == 0) != (verdict == 0) && !explained {
            different.push(format!("{file}: keepalived {verdict}, ours {ours}"));
        } else if ours != verdict {
            println!("other code: {file}: keepalived {verdict}, ours {ours}");
        }
    }
    println!("{} files, same code for {same_code}", verdicts.len());
    assert!(different.is_empty(), "{}", different.join("\n"));
}
