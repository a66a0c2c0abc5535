//! From a path to a configuration.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::build::Builder;
use crate::diagnostic::Diagnostics;
use crate::lang::Reader;
use crate::model::Config;
use crate::parse::Parser;
use crate::source::Source;

/// What the command line and the machine say beside the file.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `--config-id`: lines with `@ID` are read when they name it. By default the host's name up
    /// to its first dot, which the caller knows.
    pub config_id: String,
    /// `--all-config`: every include that fails is an error.
    pub include_checks_all: bool,
    /// Names of the interfaces of this machine; `None` does not look whether an interface exists.
    pub interfaces: Option<BTreeSet<String>>,
    /// Start of `${_RANDOM}`.
    pub random_seed: u64,
    /// Lines that definitions and repetition may add, 2,000,000 by default. Who must answer soon, as
    /// an editor or the fuzzer, sets less.
    pub most_added_lines: Option<usize>,
}

/// A configuration that was read.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it means. `None` when keepalived would not start with it: no file, a file that had to
    /// be included, a keyword without the value it needs. Anything else that is wrong is left out
    /// or put right, and told.
    pub config: Option<Config>,
    /// All that is wrong with it.
    pub diagnostics: Diagnostics,
    /// Every file that was read, in order.
    pub files: Vec<PathBuf>,
}

/// Reads the configuration at `path`, with whatever it includes.
pub fn load(path: &Path, source: &dyn Source, options: &Options) -> Loaded {
    let mut reader = Reader::new(source, options, Parser::new(Builder::default()));
    let found = reader.read_main(path);
    let Reader { mut cx, sink: parser, files, .. } = reader;
    let builder = parser.finish(&mut cx);
    let config = builder.finish(&mut cx);
    let diagnostics = cx.diagnostics;
    let config = (found && !diagnostics.is_fatal()).then_some(config);
    Loaded { config, diagnostics, files }
}
