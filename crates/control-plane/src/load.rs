//! From a path to a configuration.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::build::Builder;
use crate::diagnostic::Diagnostics;
use crate::lang::line::Origin;
use crate::lang::{Context, Reader, Sink};
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
    /// Those of them that carry no multicast, where strict mode lets an instance speak to peers.
    pub without_multicast: BTreeSet<String>,
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

/// The configuration at `path` as one text, in lines: comments, conditions, includes, repetitions and
/// definitions are gone, what is left has no blanks at its ends. A line `# FILE` stands where another
/// file begins or goes on. It means the same as the files that it was read from.
pub fn merged(path: &Path, source: &dyn Source, options: &Options) -> Vec<String> {
    let mut reader = Reader::new(source, options, Copy::default());
    reader.read_main(path);
    reader.sink.lines
}

/// Keeps the lines.
#[derive(Default)]
struct Copy {
    file: Option<Arc<str>>,
    lines: Vec<String>,
}

impl Sink for Copy {
    fn line(&mut self, text: &str, origin: Origin<'_>, _: &mut Context<'_>) {
        if self.file.as_ref() != Some(origin.file) {
            self.file = Some(Arc::clone(origin.file));
            self.lines.push(format!("# {}", origin.file));
        }
        self.lines.push(text.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemorySource;

    #[test]
    fn a_merged_copy_means_what_its_files_mean() {
        let main = "$NAME=VI_1\n! mine\nglobal_defs {\n  router_id a # b\n  @other smtp_alert\n}\n\
                    include part.conf\nvirtual_server_group g {\n 10.0.0.1 80\n}\n";
        let part = "vrrp_instance $NAME {\n  interface eth0\n  virtual_router_id 5\n}\n";
        let source = MemorySource::new("/c/main.conf", main).with("/c/part.conf", part);
        let options = Options::default();
        let path = Path::new("/c/main.conf");
        let lines = merged(path, &source, &options);
        let wanted = [
            "# /c/main.conf",
            "global_defs {",
            "router_id a",
            "}",
            "# /c/part.conf",
            "vrrp_instance VI_1 {",
            "interface eth0",
            "virtual_router_id 5",
            "}",
            "# /c/main.conf",
            "virtual_server_group g {",
            "10.0.0.1 80",
            "}",
        ];
        assert_eq!(lines, wanted);
        let copy = MemorySource::new("/copy", lines.join("\n"));
        let again = load(Path::new("/copy"), &copy, &options);
        assert_eq!(again.config, load(path, &source, &options).config);
    }
}
