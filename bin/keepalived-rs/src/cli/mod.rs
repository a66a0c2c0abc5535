//! The command line. The grammar is getopt's, as keepalived has it: `-Dn`, `-fFILE`, `-f FILE`,
//! `--use-file=FILE`, long names shortened as far as they stay unambiguous, an optional value only
//! when attached.
//!
//! - `options`: what can be set
//! - `table`: every option there is; `completions`: what shells make of it

#[cfg(test)]
mod completions;
mod options;
mod table;

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser};
use sys::Signal;

use crate::version;
pub(crate) use options::Options;
use table::{Effect, FLAGS, Flag, Value, help};

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Run as a daemon, or in the foreground.
    Run(Options),
    /// `-t`: test the configuration.
    Test(Options),
    /// `--plan`: say what a reload would change.
    Plan(Options),
    /// `-T`: the rest of the line is for the tool that computes digests.
    Genhash(Vec<OsString>),
    /// Print a text on standard error and leave with status 0.
    Print(String),
    /// Print a text on standard output and leave with status 0.
    Answer(String),
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
    let (mut test, mut plan) = (false, false);
    while let Some(arg) = parser.next().map_err(|error| describe(&error))? {
        let (row, written) = match arg {
            Arg::Short(c) => (find_short(c)?, format!("-{c}")),
            Arg::Long(name) => {
                let (found, written) = (find_long(name), format!("--{name}"));
                (known_long(found, &written, &mut parser)?, written)
            }
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
            Effect::Plan => plan = true,
            Effect::Version => return Ok(Action::Print(version::text())),
            Effect::Help => return Ok(Action::Print(help())),
            Effect::Genhash => return genhash(&mut parser),
            Effect::SignalNumber => return signal_number(&value.unwrap_or_default()),
        }
    }
    Ok(match (test, plan) {
        (true, _) => Action::Test(options),
        (false, true) => Action::Plan(options),
        (false, false) => Action::Run(options),
    })
}

fn find_short(short: char) -> Result<&'static Flag, String> {
    FLAGS
        .iter()
        .find(|flag| flag.short == Some(short))
        .ok_or_else(|| format!("Unknown option -{short}"))
}

fn find_long(name: &str) -> Option<&'static Flag> {
    if let Some(exact) = FLAGS.iter().find(|flag| flag.long == name) {
        return Some(exact);
    }
    let mut starting = FLAGS.iter().filter(|flag| flag.long.starts_with(name));
    match (starting.next(), starting.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// An option that takes no value is unknown with one: the message names the word as it was written.
fn known_long(
    found: Option<&'static Flag>,
    written: &str,
    parser: &mut Parser,
) -> Result<&'static Flag, String> {
    match found {
        Some(row) if !matches!(row.value, Value::None) => Ok(row),
        found => match (parser.optional_value(), found) {
            (None, Some(row)) => Ok(row),
            (None, None) => Err(format!("Unknown option {written}")),
            (Some(value), _) => {
                Err(format!("Unknown option {written}={}", value.to_string_lossy()))
            }
        },
    }
}

fn describe(error: &lexopt::Error) -> String {
    match error {
        // `-P=3` is for getopt a further letter.
        lexopt::Error::UnexpectedValue { .. } => "Unknown option -=".to_owned(),
        other => other.to_string(),
    }
}

/// `-T`: what follows belongs to the tool.
fn genhash(parser: &mut Parser) -> Result<Action, String> {
    let rest = parser.raw_args().map_err(|error| describe(&error))?;
    Ok(Action::Genhash(rest.collect()))
}

/// `--signum`: the numbers by which scripts reach the daemon.
fn signal_number(name: &OsString) -> Result<Action, String> {
    match name.to_str() {
        Some("STOP") => Ok(Signal::TERM),
        Some("RELOAD") => Ok(Signal::HUP),
        Some("DATA") => Ok(Signal::USR1),
        Some("STATS") => Ok(Signal::USR2),
        Some("STATS_CLEAR") => Ok(Signal::stats_clear()),
        Some("JSON") => Ok(Signal::json()),
        Some("UPGRADE") => Ok(Signal::upgrade()),
        _ => Err(format!("Unknown sigfunc {}", name.to_string_lossy())),
    }
    .map(|signal| Action::Answer(signal.number().to_string()))
}

#[cfg(test)]
mod tests;
