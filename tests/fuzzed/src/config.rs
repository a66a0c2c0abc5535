//! Any bytes as a configuration: read to the end without a panic, with a bounded number of
//! diagnostics, every one of which can be shown.
//!
//! Byte 0xff, which no UTF-8 has, parts the files: the first is keepalived.conf, then come `a.conf`,
//! `b.conf` and `conf.d/c.conf` beside it, for `include` to find.

use std::path::Path;

use control_plane::{MemorySource, Options, load};

const FILES: [&str; 4] = ["keepalived.conf", "a.conf", "b.conf", "conf.d/c.conf"];
const DIRECTORY: &str = "/etc/keepalived";

/// As many diagnostics are kept at most.
const MOST_DIAGNOSTICS: usize = 2_000;

/// More repetition would make a run slow and find nothing more.
const MOST_ADDED_LINES: usize = 300;

/// Diagnostics are drawn, which takes longer than everything else, when there are so few of them
/// and the length of the input can be divided by this.
const MOST_DRAWN: usize = 5;
const DRAWN_EVERY: usize = 8;

/// One run.
pub fn run(bytes: &[u8]) {
    let mut source = MemorySource::default().with_program("/usr/bin/true");
    for (name, text) in FILES.iter().zip(bytes.split(|byte| *byte == 0xff)) {
        source = source.with(format!("{DIRECTORY}/{name}"), text);
    }
    let config_id = "lb01".to_owned();
    let most_added_lines = Some(MOST_ADDED_LINES);
    let mut options = Options { config_id, most_added_lines, ..Options::default() };
    if bytes.len().is_multiple_of(2) {
        options.interfaces = Some(["eth0", "lo"].map(str::to_owned).into());
    }
    let loaded = load(&Path::new(DIRECTORY).join(FILES[0]), &source, &options);

    let diagnostics = &loaded.diagnostics;
    let count = diagnostics.iter().count();
    assert!(count <= MOST_DIAGNOSTICS, "{count} diagnostics are kept");
    assert!(diagnostics.log_lines().count() >= count, "a diagnostic without a line");
    assert!([0, 2, 4, 5, 6].contains(&diagnostics.exit_code()));
    if count <= MOST_DRAWN && bytes.len().is_multiple_of(DRAWN_EVERY) {
        assert_eq!(diagnostics.render().is_empty(), diagnostics.is_empty());
    }
    match &loaded.config {
        Some(_) => assert!(!diagnostics.is_fatal()),
        None => assert!(diagnostics.is_fatal(), "no configuration and no reason why"),
    }
}
