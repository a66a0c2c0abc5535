//! Values by the shape that the table gives them.

use std::net::IpAddr;

use base::Duration;

use super::statement::Statement;
use crate::diagnostic::{Code, Diagnostic};
use crate::keywords::{Shape, TimeShape};
use crate::lang::words::{first_raw_word, script_words};
use crate::model::{Command, ScriptUser};

/// A value that fits its keyword.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// Nothing was given, and nothing is needed; or the keyword reads its words itself.
    None,
    /// A BOOL.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A weight, and `reverse` or `noreverse` when it is given.
    Weight(i64, Option<bool>),
    /// A time.
    Time(Duration),
    /// A word.
    Text(&'a str),
    /// An address.
    Address(IpAddr),
    /// A command.
    Command(Command),
}

impl<'a> Value<'a> {
    /// A BOOL; anything else counts as given.
    pub(crate) const fn bool(&self) -> bool {
        !matches!(self, Value::Bool(false))
    }

    /// A number that fits the type, as bounds of the table make sure it does.
    pub(crate) fn int<T: TryFrom<i64>>(&self) -> Option<T> {
        match self {
            Value::Int(number) | Value::Weight(number, _) => T::try_from(*number).ok(),
            _ => None,
        }
    }

    /// A time.
    pub(crate) const fn time(&self) -> Option<Duration> {
        match self {
            Value::Time(time) => Some(*time),
            _ => None,
        }
    }

    /// Seconds written as a whole number.
    pub(crate) fn seconds(&self) -> Option<Duration> {
        self.int().map(Duration::from_secs)
    }

    /// A word.
    pub(crate) const fn text(&self) -> Option<&'a str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A word of its own.
    pub(crate) fn string(&self) -> Option<String> {
        self.text().map(str::to_owned)
    }

    /// A command.
    pub(crate) fn command(self) -> Option<Command> {
        match self {
            Value::Command(command) => Some(command),
            _ => None,
        }
    }
}

/// Reads the value of a statement by the shape of its keyword.
///
/// A value that is slightly wrong (too many decimals) comes with its diagnostic.
pub(crate) fn read<'a>(
    statement: &Statement<'a>,
    notes: &mut Vec<Diagnostic>,
) -> Result<Value<'a>, Diagnostic> {
    let Some(word) = statement.word(1) else {
        return Ok(if statement.keyword.shape == Shape::Bool {
            Value::Bool(true)
        } else {
            Value::None
        });
    };
    let at = |problem: Diagnostic| problem.at(statement.place_of(1));
    match statement.keyword.shape {
        Shape::Flag | Shape::Custom | Shape::Nested(..) | Shape::Entries(_) | Shape::List => {
            Ok(Value::None)
        }
        Shape::Bool => boolean(word).map(Value::Bool).ok_or_else(|| {
            let problem = Diagnostic::new(Code::InvalidValue, format!("invalid BOOL '{word}'"));
            at(problem.label("expected on, true, yes, off, false or no"))
        }),
        Shape::Int(min, max) | Shape::OptInt(min, max) => {
            integer(word, min, max).map(Value::Int).map_err(at)
        }
        Shape::Weight(min, max) => {
            let number = integer(word, min, max).map_err(at)?;
            Ok(Value::Weight(number, reverse(statement, 2, notes)))
        }
        Shape::Time(shape) => match time(word, shape) {
            Ok((time, None)) => Ok(Value::Time(time)),
            Ok((time, Some(note))) => {
                notes.push(at(note));
                Ok(Value::Time(time))
            }
            Err(problem) => Err(at(problem)),
        },
        Shape::Word | Shape::OptWord => Ok(Value::Text(word)),
        Shape::Choice(known) | Shape::OptChoice(known) => choice(word, known).map_err(at),
        Shape::Address => {
            if let Some(length) = pointless_prefix(word) {
                notes.push(at(length));
            }
            let address = address(word).ok_or(()).map(Value::Address);
            address.map_err(|_| {
                at(Diagnostic::new(Code::BadAddress, format!("invalid address '{word}'")))
            })
        }
        Shape::Script | Shape::OptScript => command(statement, 1).map(Value::Command),
    }
}

/// An address. keepalived takes `192.0.2.1/24` for 192.0.2.1 wherever a prefix has no meaning.
pub(crate) fn address(word: &str) -> Option<IpAddr> {
    let (address, length) = word.split_once('/').unwrap_or((word, "0"));
    length.parse::<u8>().ok()?;
    address.parse().ok()
}

/// Says so when an address comes with a prefix length that nobody reads.
pub(crate) fn pointless_prefix(word: &str) -> Option<Diagnostic> {
    let (address, length) = word.split_once('/')?;
    let message = format!("the prefix length /{length} has no meaning here");
    Some(Diagnostic::new(Code::Ineffective, message).help(format!("write {address}")))
}

/// A BOOL.
pub(crate) fn boolean(word: &str) -> Option<bool> {
    match word {
        "on" | "true" | "yes" => Some(true),
        "off" | "false" | "no" => Some(false),
        _ => None,
    }
}

/// A decimal whole number within bounds.
pub(crate) fn integer(word: &str, min: i64, max: i64) -> Result<i64, Diagnostic> {
    let invalid = || {
        let problem = Diagnostic::new(Code::InvalidNumber, format!("invalid number '{word}'"));
        problem.label(format!("expected a whole number, {min} to {max}"))
    };
    let digits = word.strip_prefix(['+', '-']).unwrap_or(word);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid());
    }
    match word.parse::<i64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(out_of_range(word, &min.to_string(), &max.to_string())),
    }
}

fn out_of_range(word: &str, min: &str, max: &str) -> Diagnostic {
    let message = format!("number '{word}' outside range [{min}, {max}]");
    let plain = |number: &str| match number.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole.to_owned(),
        Some(_) => number.trim_end_matches('0').to_owned(),
        None => number.to_owned(),
    };
    let label = format!("expected {} to {}", plain(min), plain(max));
    Diagnostic::new(Code::OutOfRange, message).label(label)
}

/// A decimal number that is a time, and what is slightly wrong with it.
pub(crate) fn time(
    word: &str,
    shape: TimeShape,
) -> Result<(Duration, Option<Diagnostic>), Diagnostic> {
    let invalid = || {
        let problem = Diagnostic::new(Code::InvalidNumber, format!("invalid number '{word}'"));
        problem.label("expected a number such as 3 or 0.5, without a unit")
    };
    let unsigned = word.strip_prefix('+').unwrap_or(word);
    let negative = unsigned.starts_with('-');
    let number = unsigned.trim_start_matches('-');
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return Err(invalid());
    }
    let bounds = || {
        let show = |micros: u64| decimal(micros, shape.unit);
        let max =
            if shape.max == u64::MAX { decimal(u64::from(u32::MAX), 1) } else { show(shape.max) };
        out_of_range(word, &show(shape.min), &max)
    };
    if negative {
        return Err(bounds());
    }
    let micros = micros(whole, fraction, shape.unit).ok_or_else(bounds)?;
    if micros < shape.min || micros > shape.max {
        return Err(bounds());
    }
    let precise = fraction.trim_end_matches('0').len() <= usize::from(shape.decimals);
    let note = (!precise).then(|| {
        let message = format!("number '{word}' has too many decimal places");
        Diagnostic::new(Code::TooPrecise, message)
            .label(format!("{} decimals count", shape.decimals))
    });
    Ok((Duration::from_micros(micros), note))
}

/// The number in microseconds, rounded to the nearest.
fn micros(whole: &str, fraction: &str, unit: u64) -> Option<u64> {
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut micros = whole.checked_mul(unit)?;
    let mut worth = unit;
    for digit in fraction.bytes().map(|byte| u64::from(byte - b'0')) {
        if worth < 10 {
            return micros.checked_add(u64::from(digit >= 5 && worth == 1));
        }
        worth /= 10;
        micros = micros.checked_add(digit * worth)?;
    }
    Some(micros)
}

/// A bound as keepalived prints it, with all its decimals.
fn decimal(micros: u64, unit: u64) -> String {
    let digits = if unit == 1_000 { 3 } else { 6 };
    format!("{}.{:0digits$}", micros / unit, micros % unit)
}

fn choice<'a>(word: &'a str, known: &[&str]) -> Result<Value<'a>, Diagnostic> {
    if known.contains(&word) {
        return Ok(Value::Text(word));
    }
    let problem = Diagnostic::new(Code::InvalidValue, format!("invalid value '{word}'"));
    let problem = problem.label(format!("expected {}", known.join(" or ")));
    let same = known.iter().find(|one| one.eq_ignore_ascii_case(word));
    Err(match same {
        Some(same) => problem.help(format!("write '{same}'; capitals matter")),
        None => problem,
    })
}

/// `reverse` or `noreverse` at `index`.
fn reverse(statement: &Statement<'_>, index: usize, notes: &mut Vec<Diagnostic>) -> Option<bool> {
    match statement.word(index)? {
        "reverse" => Some(true),
        "noreverse" => Some(false),
        other => {
            let message = format!("unknown weight option {other}");
            let problem = Diagnostic::new(Code::InvalidValue, message);
            let problem = problem.label("expected reverse, noreverse or nothing");
            notes.push(problem.at(statement.place_of(index)));
            None
        }
    }
}

/// A command from the word at `index` on: the first word is the whole command line, then come
/// user and group.
pub(crate) fn command(statement: &Statement<'_>, index: usize) -> Result<Command, Diagnostic> {
    let raw = statement.raw_from(index);
    let quote = |_| {
        let message = format!("String '{raw}': missing terminating quote");
        Diagnostic::new(Code::UnmatchedQuote, message).at(statement.place_of(index))
    };
    let (line, rest) = first_raw_word(raw).map_err(quote)?;
    let mut words = script_words(&line).map_err(quote)?.into_iter();
    let Some(program) = words.next().filter(|program| !program.is_empty()) else {
        let problem = Diagnostic::new(Code::ValueExpected, "the command is empty");
        return Err(problem.at(statement.place_of(index)));
    };
    let mut names = script_words(rest).map_err(quote)?.into_iter();
    let user = names.next().map(|user| ScriptUser { user, group: names.next() });
    Ok(Command { program, args: words.collect(), user })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: TimeShape =
        TimeShape { min: 10_000, max: 255_000_000, unit: 1_000_000, decimals: 6 };

    #[test]
    fn whole_numbers_are_decimal_only() {
        assert_eq!(integer("+5", 1, 255).unwrap(), 5);
        assert_eq!(integer("-20", -20, 19).unwrap(), -20);
        for word in ["0x64", "100x", "1e3", "", "1.5", "+", "--1", "\u{663}"] {
            assert_eq!(integer(word, 1, 255).unwrap_err().code, Code::InvalidNumber, "{word}");
        }
        let problem = integer("300", 1, 255).unwrap_err();
        assert_eq!(&*problem.message, "number '300' outside range [1, 255]");
        assert!(integer("99999999999999999999", 0, 10).is_err());
    }

    #[test]
    fn times_are_decimal_seconds_with_up_to_six_digits() {
        let micros =
            |word| time(word, SECONDS).map(|(time, note)| (time.as_micros(), note.is_some()));
        assert_eq!(micros("1").unwrap(), (1_000_000, false));
        assert_eq!(micros("0.25").unwrap(), (250_000, false));
        assert_eq!(micros(".5").unwrap(), (500_000, false));
        assert_eq!(micros("1.0000001").unwrap(), (1_000_000, true));
        assert_eq!(micros("1.0000006").unwrap(), (1_000_001, true));
        for word in ["1s", "1e3", ".", "", "1.2.3", "abc"] {
            assert_eq!(micros(word).unwrap_err().code, Code::InvalidNumber, "{word}");
        }
        let problem = time("0", SECONDS).unwrap_err();
        assert_eq!(&*problem.message, "number '0' outside range [0.010000, 255.000000]");
        assert_eq!(time("-1", SECONDS).unwrap_err().code, Code::OutOfRange);
        assert!(time("99999999999999999999", SECONDS).is_err());
    }

    #[test]
    fn bools_are_lower_case_words() {
        assert_eq!(boolean("yes"), Some(true));
        assert_eq!(boolean("false"), Some(false));
        assert_eq!(boolean("ON"), None);
    }
}
