//! Definitions (`$NAME=VALUE`) and what is filled in for them.

use std::collections::HashMap;

/// Longest text that definitions may grow a line to.
pub(crate) const MAX_EXPANDED: usize = 64 * 1024;
/// Definitions that may stand in each other.
const MAX_NESTING: usize = 32;
/// Most definitions of a configuration.
const MAX_DEFINITIONS: usize = 100_000;

/// Times that one value is filled into another, in all: an expansion may be endless without
/// growing.
const MAX_WORK: usize = 2_000_000;

/// What is defined.
#[derive(Clone, Debug, Default)]
pub(crate) struct Definitions {
    values: HashMap<String, Vec<String>>,
    /// State of the generator behind `${_RANDOM}`.
    random: u64,
    work: usize,
}

/// What a place in the file gives to `${_PWD}`, `${_INSTANCE}`, `${_ENV NAME}`.
pub(crate) struct Surroundings<'a> {
    pub directory: &'a str,
    pub config_id: &'a str,
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

/// A line after everything that is defined was filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expanded {
    /// One line, or several when the last thing was a definition of several lines.
    pub lines: Vec<String>,
    /// Names with braces that nobody defined; they are left in the text.
    pub undefined: Vec<String>,
    /// Whether anything was filled in at all.
    pub changed: bool,
}

/// Definitions that cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ExpandError {
    /// A definition leads back to itself.
    Endless(String),
    /// The line became too long.
    TooLong,
    /// `${_RANDOM}` with bounds that are none.
    BadRandom(String),
}

/// `$NAME=VALUE` at the start of a line: the name and what is right of `=`.
pub(crate) fn definition(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.strip_prefix('$')?.split_once('=')?;
    is_name(name).then(|| (name, value.trim_start()))
}

/// Whether `name` can be defined.
pub(crate) fn is_name(name: &str) -> bool {
    let first = name.bytes().next();
    first.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Definitions {
    /// Nothing is defined yet; `${_RANDOM}` starts from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: seed, ..Self::default() }
    }

    /// Defines `name`, with one value for each line; false when there are too many definitions.
    pub(crate) fn set(&mut self, name: &str, lines: Vec<String>) -> bool {
        let room = self.values.len() < MAX_DEFINITIONS || self.values.contains_key(name);
        if room {
            self.values.insert(name.to_owned(), lines);
        }
        room
    }

    /// Defines `name` for a while; returns what it was before.
    pub(crate) fn replace(
        &mut self,
        name: &str,
        value: Option<Vec<String>>,
    ) -> Option<Vec<String>> {
        match value {
            Some(value) => self.values.insert(name.to_owned(), value),
            None => self.values.remove(name),
        }
    }

    /// Fills in everything in `text`.
    pub(crate) fn expand(
        &mut self,
        text: &str,
        around: &Surroundings<'_>,
    ) -> Result<Expanded, ExpandError> {
        let mut result = Expanded::default();
        let mut line = String::with_capacity(text.len());
        self.fill(text, around, 0, &mut line, &mut result)?;
        result.lines.push(line);
        Ok(result)
    }

    fn fill(
        &mut self,
        text: &str,
        around: &Surroundings<'_>,
        depth: usize,
        line: &mut String,
        result: &mut Expanded,
    ) -> Result<(), ExpandError> {
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            line.push_str(&rest[..at]);
            let found = &rest[at..];
            rest = match reference(found) {
                None => {
                    line.push('$');
                    &found[1..]
                }
                Some(reference) => {
                    self.fill_one(
                        &reference,
                        &found[..reference.length],
                        around,
                        depth,
                        line,
                        result,
                    )?;
                    &found[reference.length..]
                }
            };
            if line.len() > MAX_EXPANDED {
                return Err(ExpandError::TooLong);
            }
        }
        line.push_str(rest);
        if line.len() > MAX_EXPANDED { Err(ExpandError::TooLong) } else { Ok(()) }
    }

    fn fill_one(
        &mut self,
        reference: &Reference<'_>,
        as_written: &str,
        around: &Surroundings<'_>,
        depth: usize,
        line: &mut String,
        result: &mut Expanded,
    ) -> Result<(), ExpandError> {
        if let Some(lines) = self.values.get(reference.name) {
            self.work += 1;
            if self.work > MAX_WORK {
                return Err(ExpandError::TooLong);
            }
            if depth >= MAX_NESTING {
                return Err(ExpandError::Endless(reference.name.to_owned()));
            }
            result.changed = true;
            let lines = lines.clone();
            return self.fill_lines(&lines, around, depth, line, result);
        }
        if let Some(value) = self.built_in(reference, around)? {
            result.changed = true;
            line.push_str(&value);
            return Ok(());
        }
        if reference.braces {
            result.undefined.push(reference.name.to_owned());
        }
        line.push_str(as_written);
        Ok(())
    }

    /// A value of several lines: what is before it belongs to its first line, and its further
    /// lines are lines of their own, in which definitions are filled in when they are read.
    fn fill_lines(
        &mut self,
        lines: &[String],
        around: &Surroundings<'_>,
        depth: usize,
        line: &mut String,
        result: &mut Expanded,
    ) -> Result<(), ExpandError> {
        let Some((last, before)) = lines.split_last() else { return Ok(()) };
        let mut size = line.len();
        for one in before {
            size += one.len();
            if size > MAX_EXPANDED {
                return Err(ExpandError::TooLong);
            }
            let mut complete = std::mem::take(line);
            complete.push_str(one);
            result.lines.push(complete);
        }
        if before.is_empty() {
            return self.fill(last, around, depth + 1, line, result);
        }
        line.push_str(last);
        Ok(())
    }

    fn built_in(
        &mut self,
        reference: &Reference<'_>,
        around: &Surroundings<'_>,
    ) -> Result<Option<String>, ExpandError> {
        Ok(Some(match reference.name {
            "_PWD" => around.directory.to_owned(),
            "_INSTANCE" => around.config_id.to_owned(),
            "_HASH" => "#".to_owned(),
            "_BANG" => "!".to_owned(),
            "_ENV" => {
                let value = (around.env)(reference.arguments.trim()).unwrap_or_default();
                // A newline would break out of the line that the value stands in.
                value.replace(['\n', '\r', '\0'], " ")
            }
            "_RANDOM" => self.random(reference.arguments)?.to_string(),
            _ => return Ok(None),
        }))
    }

    fn random(&mut self, arguments: &str) -> Result<u64, ExpandError> {
        let bad = || ExpandError::BadRandom(arguments.to_owned());
        let numbers: Result<Vec<u32>, _> = arguments.split_whitespace().map(str::parse).collect();
        let (min, max) = match numbers.map_err(|_| bad())?[..] {
            [] => (0, 32_767),
            [max] => (0, max),
            [min, max] if min <= max => (min, max),
            _ => return Err(bad()),
        };
        // splitmix64: short, and good enough for spreading start times.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        Ok(u64::from(min) + mixed % (u64::from(max - min) + 1))
    }
}

/// `${NAME}`, `${NAME ARGUMENTS}` or `$NAME`.
struct Reference<'a> {
    name: &'a str,
    arguments: &'a str,
    braces: bool,
    /// Bytes, with `$` and braces.
    length: usize,
}

/// The reference that `text`, which begins with `$`, begins with. Without braces a name counts
/// only before a blank, a comma, `)` or the end of the line.
fn reference(text: &str) -> Option<Reference<'_>> {
    let after = text.get(1..)?;
    if let Some(inner) = after.strip_prefix('{') {
        let end = inner.find('}')?;
        let (name, arguments) = inner[..end].split_once([' ', '\t']).unwrap_or((&inner[..end], ""));
        return is_name(name).then_some(Reference {
            name,
            arguments,
            braces: true,
            length: end + 3,
        });
    }
    let length =
        after.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let ends =
        matches!(after.as_bytes().get(length), None | Some(b' ' | b'\t' | b',' | b')' | b'\r'));
    let name = &after[..length];
    (ends && is_name(name)).then_some(Reference {
        name,
        arguments: "",
        braces: false,
        length: length + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(definitions: &[(&str, &[&str])], text: &str) -> Result<Expanded, ExpandError> {
        let mut all = Definitions::default();
        for (name, lines) in definitions {
            all.set(name, lines.iter().map(|line| (*line).to_owned()).collect());
        }
        let env = |name: &str| (name == "HOME").then(|| "/root".to_owned());
        all.expand(text, &Surroundings { directory: "DIR", config_id: "foo", env: &env })
    }

    fn line(definitions: &[(&str, &[&str])], text: &str) -> String {
        expand(definitions, text).unwrap().lines.join("|")
    }

    #[test]
    fn names_are_filled_in_as_the_reference_examples_show() {
        let given: &[(&str, &[&str])] = &[("A", &["one"]), ("C", &["x$A"])];
        assert_eq!(line(given, "c$C"), "cxone");
        assert_eq!(line(given, "$A,b"), "one,b");
        assert_eq!(line(given, "$A)c"), "one)c");
        assert_eq!(line(given, "$Ad"), "$Ad");
        assert_eq!(line(given, "p${_PWD} i${_INSTANCE}"), "pDIR ifoo");
        assert_eq!(line(given, "${_ENV HOME} ${_ENV NOPE}z"), "/root z");
        assert_eq!(line(given, "r${_RANDOM 5 5}"), "r5");
        assert_eq!(line(given, "h${_HASH}${_BANG}"), "h#!");
        assert_eq!(line(given, "${ X} $ $1"), "${ X} $ $1");
    }

    #[test]
    fn a_value_of_several_lines_makes_several_lines() {
        assert_eq!(line(&[("M", &["multi1", "m2@x", "m3"])], "pre $M"), "pre multi1|m2@x|m3");
    }

    #[test]
    fn a_definition_that_leads_to_itself_ends_in_an_error() {
        assert_eq!(expand(&[("IF", &["$IF"])], "$IF"), Err(ExpandError::Endless("IF".into())));
        let given: &[(&str, &[&str])] = &[("A", &["$B"]), ("B", &["$A"])];
        assert!(matches!(expand(given, "$A"), Err(ExpandError::Endless(_))));
    }

    #[test]
    fn growth_beyond_all_measure_ends_in_an_error() {
        let ten = |name: &str| format!("${{{name}}}").repeat(10);
        let (b, c, d, e) = (ten("B"), ten("C"), ten("D"), "x".repeat(1000));
        let given: &[(&str, &[&str])] = &[("A", &[&b]), ("B", &[&c]), ("C", &[&d]), ("D", &[&e])];
        assert_eq!(expand(given, "$A"), Err(ExpandError::TooLong));
    }

    #[test]
    fn unknown_names_with_braces_are_told() {
        assert_eq!(expand(&[], "a ${X} $Y").unwrap().undefined, ["X"]);
    }
}
