//! The command line: one table, from which the parser and the help text are made.
//!
//! The grammar is getopt's, as keepalived has it: `-Dn`, `-fFILE`, `-f FILE`, `--use-file=FILE`,
//! long names shortened as far as they stay unambiguous, an optional value only when attached.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser};
use logging::Facility;

use crate::version;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Run as a daemon, or in the foreground.
    Run(Options),
    /// `-t`: test the configuration.
    Test(Options),
    /// Print a text on standard error and leave with status 0.
    Print(String),
    /// Print a text on standard output and leave with status 0.
    Answer(String),
}

/// Everything that can be set on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// `-f`.
    pub(crate) config: PathBuf,
    /// `-n`.
    pub(crate) foreground: bool,
    /// `-l`.
    pub(crate) log_console: bool,
    /// `-D`, counted.
    pub(crate) log_detail: u8,
    /// `-G`.
    pub(crate) no_syslog: bool,
    /// `-S`.
    pub(crate) facility: Facility,
    /// `-C` leaves it out.
    pub(crate) run_vrrp: bool,
    /// `-P` leaves it out.
    pub(crate) run_checkers: bool,
    /// `--all`.
    pub(crate) run_all: bool,
    /// `-R`.
    pub(crate) dont_respawn: bool,
    /// `-d`.
    pub(crate) dump_config: bool,
    /// `-p`.
    pub(crate) pid_file: PathBuf,
    /// `-r`.
    pub(crate) vrrp_pid_file: PathBuf,
    /// `-c`.
    pub(crate) checkers_pid_file: PathBuf,
    /// `-i`.
    pub(crate) config_id: Option<String>,
    /// `-e`.
    pub(crate) all_include_checks: bool,
    /// The value of `-t`.
    pub(crate) test_log: Option<PathBuf>,
    /// Words that are no options.
    pub(crate) unexpected: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            config: "/etc/keepalived/keepalived.conf".into(),
            foreground: false,
            log_console: false,
            log_detail: 0,
            no_syslog: false,
            facility: Facility::Daemon,
            run_vrrp: true,
            run_checkers: true,
            run_all: false,
            dont_respawn: false,
            dump_config: false,
            pid_file: "/run/keepalived.pid".into(),
            vrrp_pid_file: "/run/vrrp.pid".into(),
            checkers_pid_file: "/run/checkers.pid".into(),
            config_id: None,
            all_include_checks: false,
            test_log: None,
            unexpected: Vec::new(),
        }
    }
}

impl Options {
    /// Makes file names independent of the working directory, which a daemon leaves.
    pub(crate) fn make_absolute(&mut self) {
        let files = [
            &mut self.config,
            &mut self.pid_file,
            &mut self.vrrp_pid_file,
            &mut self.checkers_pid_file,
        ];
        for file in files {
            // An empty name stays what it is: opening it says what is wrong.
            if let Ok(absolute) = std::path::absolute(&*file) {
                *file = absolute;
            }
        }
    }
}

/// Whether an option takes a value, and what it is called in the help text.
#[derive(Clone, Copy)]
enum Value {
    None,
    Required(&'static str),
    /// Only attached: `-tFILE`, `--config-test=FILE`.
    Attached(&'static str),
}

/// What an option does.
#[derive(Clone, Copy)]
enum Effect {
    Set(fn(&mut Options)),
    Take(fn(&mut Options, OsString) -> Result<(), String>),
    Test,
    Version,
    Help,
    SignalNumber,
}

struct Flag {
    short: Option<char>,
    long: &'static str,
    value: Value,
    doc: &'static str,
    effect: Effect,
}

const fn flag(short: char, long: &'static str, doc: &'static str, set: fn(&mut Options)) -> Flag {
    Flag { short: Some(short), long, value: Value::None, doc, effect: Effect::Set(set) }
}

const fn taking(
    short: char,
    long: &'static str,
    value: &'static str,
    doc: &'static str,
    take: fn(&mut Options, OsString) -> Result<(), String>,
) -> Flag {
    let value = Value::Required(value);
    Flag { short: Some(short), long, value, doc, effect: Effect::Take(take) }
}

/// Every option there is.
const FLAGS: &[Flag] = &[
    taking('f', "use-file", "FILE", "Use this configuration file", |o, v| {
        o.config = v.into();
        Ok(())
    }),
    flag('P', "vrrp", "Only run the VRRP stack", |o| o.run_checkers = false),
    flag('C', "check", "Only run the health checkers", |o| o.run_vrrp = false),
    flag('B', "no_bfd", "Do not run BFD instances (none are run yet)", |_| ()),
    Flag {
        short: None,
        long: "all",
        value: Value::None,
        doc: "Start every enabled process even if it has nothing configured",
        effect: Effect::Set(|o| o.run_all = true),
    },
    flag('l', "log-console", "Log to the console too", |o| o.log_console = true),
    flag('D', "log-detail", "More log lines", |o| o.log_detail = o.log_detail.saturating_add(1)),
    taking('S', "log-facility", "0-7|local0-local7|user|daemon", "syslog facility", facility),
    flag('G', "no-syslog", "Do not log to syslog", |o| o.no_syslog = true),
    flag('R', "dont-respawn", "End when a process dies instead of starting it again", |o| {
        o.dont_respawn = true;
    }),
    flag('n', "dont-fork", "Stay in the foreground", |o| o.foreground = true),
    flag('d', "dump-conf", "Log the configuration at the start", |o| o.dump_config = true),
    taking('p', "pid", "FILE", "PID file of the parent", |o, v| {
        o.pid_file = v.into();
        Ok(())
    }),
    taking('r', "vrrp_pid", "FILE", "PID file of the VRRP process", |o, v| {
        o.vrrp_pid_file = v.into();
        Ok(())
    }),
    taking('c', "checkers_pid", "FILE", "PID file of the checker process", |o, v| {
        o.checkers_pid_file = v.into();
        Ok(())
    }),
    taking('b', "bfd_pid", "FILE", "PID file of the BFD process (none is run yet)", |_, _| Ok(())),
    flag('e', "all-config", "All include checks on", |o| o.all_include_checks = true),
    taking('i', "config-id", "ID", "Value that @ID lines of the configuration ask for", |o, v| {
        o.config_id = Some(v.to_string_lossy().into_owned());
        Ok(())
    }),
    Flag {
        short: None,
        long: "signum",
        value: Value::Required("NAME"),
        doc: "Print the number of the signal: STOP, RELOAD",
        effect: Effect::SignalNumber,
    },
    Flag {
        short: Some('t'),
        long: "config-test",
        value: Value::Attached("LOGFILE"),
        doc: "Test the configuration and leave",
        effect: Effect::Test,
    },
    Flag {
        short: Some('v'),
        long: "version",
        value: Value::None,
        doc: "Print the version",
        effect: Effect::Version,
    },
    Flag {
        short: Some('h'),
        long: "help",
        value: Value::None,
        doc: "Print this text",
        effect: Effect::Help,
    },
];

/// keepalived says what is wrong with a facility and goes on with the default.
fn facility(options: &mut Options, value: OsString) -> Result<(), String> {
    match value.to_str().and_then(Facility::from_name) {
        Some(facility) => options.facility = facility,
        None => eprintln!("Invalid log facility '{}'", value.to_string_lossy()),
    }
    Ok(())
}

/// Reads the command line, without the program's name. An error is what keepalived prints before
/// it leaves with status 1.
pub(crate) fn parse<I>(args: I) -> Result<Action, String>
where
    I: IntoIterator,
    I::Item: Into<OsString>,
{
    let mut parser = Parser::from_args(args);
    let mut options = Options::default();
    let mut test = false;
    while let Some(arg) = parser.next().map_err(|error| describe(&error))? {
        let (row, written) = match arg {
            Arg::Short(c) => (find_short(c)?, format!("-{c}")),
            Arg::Long(name) => (find_long(name)?, format!("--{name}")),
            Arg::Value(word) => {
                options.unexpected.push(word.to_string_lossy().into_owned());
                continue;
            }
        };
        let missing = || format!("Missing parameter for option {written}");
        let value = match row.value {
            Value::None => None,
            Value::Attached(_) => parser.optional_value(),
            Value::Required(_) => Some(parser.value().map_err(|_| missing())?),
        };
        if value.as_ref().is_some_and(|value| value.is_empty()) {
            return Err(missing());
        }
        match row.effect {
            Effect::Set(set) => set(&mut options),
            Effect::Take(take) => take(&mut options, value.unwrap_or_default())?,
            Effect::Test => {
                test = true;
                options.test_log = value.map(PathBuf::from);
            }
            Effect::Version => return Ok(Action::Print(version::text())),
            Effect::Help => return Ok(Action::Print(help())),
            Effect::SignalNumber => return signal_number(&value.unwrap_or_default()),
        }
    }
    Ok(if test { Action::Test(options) } else { Action::Run(options) })
}

fn find_short(short: char) -> Result<&'static Flag, String> {
    FLAGS
        .iter()
        .find(|flag| flag.short == Some(short))
        .ok_or_else(|| format!("Unknown option -{short}"))
}

fn find_long(name: &str) -> Result<&'static Flag, String> {
    if let Some(exact) = FLAGS.iter().find(|flag| flag.long == name) {
        return Ok(exact);
    }
    let mut starting = FLAGS.iter().filter(|flag| flag.long.starts_with(name));
    match (starting.next(), starting.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(format!("Unknown option --{name}")),
    }
}

fn describe(error: &lexopt::Error) -> String {
    match error {
        lexopt::Error::UnexpectedValue { option, .. } => format!("Unexpected value for {option}"),
        other => other.to_string(),
    }
}

/// `--signum`: the numbers by which scripts reach the daemon.
fn signal_number(name: &OsString) -> Result<Action, String> {
    match name.to_str() {
        Some("STOP") => Ok(Action::Answer("15".into())),
        Some("RELOAD") => Ok(Action::Answer("1".into())),
        _ => Err(format!("Unknown sigfunc {}", name.to_string_lossy())),
    }
}

/// The help text, made from the table.
fn help() -> String {
    let mut text = String::from("Usage: keepalived-rs [OPTION...]\n");
    for flag in FLAGS {
        let short = flag.short.map_or_else(|| "    ".into(), |c| format!("-{c}, "));
        let value = match flag.value {
            Value::None => String::new(),
            Value::Required(name) => format!("={name}"),
            Value::Attached(name) => format!("[={name}]"),
        };
        let left = format!("  {short}--{}{value}", flag.long);
        text.push_str(&format!("{left:<32} {}\n", flag.doc));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str]) -> Options {
        match parse(args) {
            Ok(Action::Run(options) | Action::Test(options)) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_are_read_as_guides_write_them() {
        let options = run(&["-D", "-d", "-S", "0"]);
        assert_eq!((options.log_detail, options.facility), (1, Facility::Local(0)));
        assert!(options.dump_config);
        let options = run(&["-nlDf/tmp/x", "--vrrp_pid=/a", "--checkers_pid", "/b"]);
        assert!(options.foreground && options.log_console);
        assert_eq!(options.config, PathBuf::from("/tmp/x"));
        assert_eq!(options.vrrp_pid_file, PathBuf::from("/a"));
        assert_eq!(options.checkers_pid_file, PathBuf::from("/b"));
    }

    #[test]
    fn vrrp_leaves_out_the_checkers_and_check_leaves_out_vrrp() {
        let options = run(&["--vrrp"]);
        assert!(options.run_vrrp && !options.run_checkers);
        let options = run(&["-C"]);
        assert!(!options.run_vrrp && options.run_checkers);
    }

    #[test]
    fn a_long_name_may_be_shortened_while_it_is_unambiguous() {
        assert!(run(&["--dont-f"]).foreground);
        assert_eq!(parse(["--dont"]), Err("Unknown option --dont".into()));
    }

    #[test]
    fn the_value_of_the_configuration_test_must_be_attached() {
        assert_eq!(run(&["-t/tmp/log"]).test_log, Some("/tmp/log".into()));
        assert_eq!(run(&["--config-test=/tmp/log"]).test_log, Some("/tmp/log".into()));
        let options = run(&["-t", "-f", "x"]);
        assert_eq!((options.test_log, options.config), (None, "x".into()));
    }

    #[test]
    fn errors_have_keepaliveds_words() {
        assert_eq!(parse(["-z"]), Err("Unknown option -z".into()));
        assert_eq!(parse(["--zz"]), Err("Unknown option --zz".into()));
        assert_eq!(parse(["-f"]), Err("Missing parameter for option -f".into()));
        assert_eq!(parse(["--pid="]), Err("Missing parameter for option --pid".into()));
        assert_eq!(parse(["--signum=NO"]), Err("Unknown sigfunc NO".into()));
    }

    #[test]
    fn further_words_are_kept_and_do_not_stop_the_start() {
        assert_eq!(run(&["-n", "start", "now"]).unexpected, ["start", "now"]);
    }

    #[test]
    fn every_option_stands_in_the_help_text_once() {
        let text = help();
        for flag in FLAGS {
            let name = format!("--{}", flag.long);
            let ends = |line: &&str| {
                line.starts_with(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')
            };
            assert_eq!(text.split(&name).skip(1).filter(ends).count(), 1, "{name}");
        }
    }

    #[test]
    fn no_two_options_share_a_letter_or_a_name() {
        for (n, one) in FLAGS.iter().enumerate() {
            for other in &FLAGS[n + 1..] {
                assert_ne!(one.long, other.long);
                assert!(one.short.is_none() || one.short != other.short, "{}", one.long);
            }
        }
    }
}
