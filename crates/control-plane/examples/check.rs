//! Reads a configuration and says what is wrong with it: `check [--log] FILE`.

use std::path::PathBuf;

use control_plane::{FsSource, Options, load};

fn main() -> std::process::ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let log = arguments.iter().position(|word| word == "--log").map(|at| arguments.remove(at));
    let dump = arguments.iter().position(|word| word == "--dump").map(|at| arguments.remove(at));
    let path = PathBuf::from(arguments.pop().unwrap_or_default());
    let loaded = load(&path, &FsSource, &Options::default());
    if log.is_some() {
        for line in loaded.diagnostics.log_lines() {
            println!("{line}");
        }
    } else {
        print!("{}", loaded.diagnostics.render());
    }
    if dump.is_some() {
        println!("{:#?}", loaded.config);
    }
    loaded.diagnostics.exit_code().into()
}
