//! `-t`: reads the configuration as a start would and says what is wrong with it.

use std::io::Write;
use std::path::Path;

use control_plane::Loaded;

use crate::cli::Options;
use crate::configuration;

/// Tests the configuration; the exit status is keepalived's.
pub(crate) fn run(options: &Options) -> i32 {
    let Loaded { diagnostics, files, .. } = configuration::load(options);
    let mut text = String::new();
    if options.log_detail > 0 {
        for file in &files {
            text.push_str(&format!("Opening file '{}'.\n", file.display()));
        }
    }
    text.push_str(&diagnostics.render());
    let written = match &options.test_log {
        Some(path) => append(path, &text),
        None => std::io::stderr().write_all(text.as_bytes()),
    };
    if let Err(error) = written {
        eprintln!("keepalived-rs: cannot write the result of the test: {error}");
        return 1;
    }
    match diagnostics.exit_code() {
        0 if options.wrong_value => 5,
        status => i32::from(status),
    }
}

/// Appends to a log file; a symbolic link is refused, because the place may be writable by all.
fn append(path: &Path, text: &str) -> std::io::Result<()> {
    sys::files::append_no_follow(path)?.write_all(text.as_bytes())
}
