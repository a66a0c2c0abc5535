//! `~SEQ(...)` and `~LST(...)`: a line repeated over numbers or lists.

/// Most repetitions of one construct.
pub(crate) const MAX_ROUNDS: usize = 100_000;

/// A construct found in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repeat {
    /// First byte of the construct.
    pub start: usize,
    /// The byte after it.
    pub end: usize,
    /// What is defined, round by round.
    pub rounds: Vec<Vec<(String, String)>>,
}

/// What is wrong with a construct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadRepeat {
    pub start: usize,
    pub end: usize,
    pub message: String,
}

/// Where the first construct of a line starts and ends, its kind, and its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    kind: Kind,
    start: usize,
    end: usize,
    pub arguments: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Decimal,
    Hexadecimal,
    List,
}

/// The first construct of a line.
pub(crate) fn find(text: &str) -> Option<Found<'_>> {
    let mut from = 0;
    while let Some(at) = text[from..].find('~') {
        let start = from + at;
        let after = &text[start + 1..];
        let known = [("SEQx", Kind::Hexadecimal), ("SEQ", Kind::Decimal), ("LST", Kind::List)];
        let named = known.iter().find_map(|(name, kind)| Some((after.strip_prefix(name)?, *kind)));
        if let Some((rest, kind)) = named
            && let Some(inner) = rest.trim_start_matches([' ', '\t']).strip_prefix('(')
            && let Some(length) = inner.find(')')
        {
            let begin = text.len() - inner.len();
            let end = begin + length + 1;
            return Some(Found { kind, start, end, arguments: &inner[..length] });
        }
        from = start + 1;
    }
    None
}

impl Found<'_> {
    /// The rounds, `most` of a sequence, with everything in the arguments filled in already.
    pub(crate) fn rounds(&self, arguments: &str, most: usize) -> Result<Repeat, BadRepeat> {
        let rounds = match self.kind {
            Kind::Decimal => sequence(arguments, false, most),
            Kind::Hexadecimal => sequence(arguments, true, most),
            Kind::List => list(arguments),
        };
        let (start, end) = (self.start, self.end);
        match rounds {
            Ok(rounds) => Ok(Repeat { start, end, rounds }),
            Err(message) => Err(BadRepeat { start, end, message }),
        }
    }
}

type Rounds = Vec<Vec<(String, String)>>;

/// `VAR,END`, `VAR,START,END`, `VAR,START,STEP,END`.
fn sequence(arguments: &str, hexadecimal: bool, most: usize) -> Result<Rounds, String> {
    let invalid = || format!("Invalid ~SEQ values '{arguments}'");
    let mut parts = arguments.split(',').map(str::trim);
    let name = parts.next().filter(|name| super::define::is_name(name)).ok_or_else(invalid)?;
    let numbers: Result<Vec<i64>, _> = parts.map(str::parse::<i64>).collect();
    let (start, step, end) = match numbers.map_err(|_| invalid())?[..] {
        [end] => (if end < 0 { -1 } else { 1 }, if end < 0 { -1 } else { 1 }, end),
        [start, end] => (start, if end < start { -1 } else { 1 }, end),
        [start, step, end] => (start, step, end),
        _ => return Err(invalid()),
    };
    if step == 0 || (step > 0 && start > end) || (step < 0 && start < end) {
        return Err(invalid());
    }
    let mut rounds = Vec::new();
    let mut value = start;
    while if step > 0 { value <= end } else { value >= end } {
        if rounds.len() >= most {
            return Err(format!("~SEQ has more than {most} values"));
        }
        let text = if hexadecimal { hex(value) } else { value.to_string() };
        rounds.push(vec![(name.to_owned(), text)]);
        let Some(next) = value.checked_add(step) else { break };
        value = next;
    }
    Ok(rounds)
}

fn hex(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{:x}", value.unsigned_abs())
}

/// `VAR,V1,V2,...` or `{A,B},{a1,b1},{a2,b2},...`.
fn list(arguments: &str) -> Result<Rounds, String> {
    let invalid = || format!("Invalid ~LST values '{arguments}'");
    let mut groups = groups(arguments).ok_or_else(invalid)?.into_iter();
    let names = groups.next().ok_or_else(invalid)?;
    if names.is_empty() || !names.iter().all(|name| super::define::is_name(name)) {
        return Err(invalid());
    }
    groups
        .map(|values| {
            if values.len() > names.len() {
                return Err(format!("~LST has more values than names in '{arguments}'"));
            }
            let values =
                values.into_iter().map(str::to_owned).chain(std::iter::repeat(String::new()));
            Ok(names.iter().map(|name| (*name).to_owned()).zip(values).collect())
        })
        .collect()
}

/// Splits `a,{b,c},d` at its outer commas.
fn groups(arguments: &str) -> Option<Vec<Vec<&str>>> {
    let mut groups = Vec::new();
    let mut rest = arguments.trim();
    while !rest.is_empty() {
        let (group, after) = match rest.strip_prefix('{') {
            Some(inner) => {
                let (inner, after) = inner.split_once('}')?;
                (inner.split(',').map(str::trim).collect(), after.trim_start())
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (vec![rest[..end].trim()], &rest[end..])
            }
        };
        groups.push(group);
        rest = match after.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if after.is_empty() => after,
            None => return None,
        };
    }
    Some(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        let found = find(text).unwrap();
        let rounds = found.rounds(found.arguments, MAX_ROUNDS).unwrap().rounds;
        let show = |round: Vec<(String, String)>| {
            round
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        rounds.into_iter().map(show).collect()
    }

    #[test]
    fn sequences_of_the_reference_examples() {
        assert_eq!(values("~SEQ(N,3) s$N"), ["N=1", "N=2", "N=3"]);
        assert_eq!(values("~SEQ(N,5,3) t$N"), ["N=5", "N=4", "N=3"]);
        assert_eq!(values("~SEQ(N,-2)"), ["N=-1", "N=-2"]);
        assert_eq!(values("~SEQ(N,1,2,6)"), ["N=1", "N=3", "N=5"]);
        assert_eq!(values("~SEQx(N,9,12)"), ["N=9", "N=a", "N=b", "N=c"]);
        assert_eq!(values("a ~SEQ (Z,2) sp"), ["Z=1", "Z=2"]);
    }

    #[test]
    fn lists_of_the_reference_examples() {
        assert_eq!(values("~LST(L,aa,bb)"), ["L=aa", "L=bb"]);
        assert_eq!(values("~LST({L,K},{1,2},{3})"), ["L=1 K=2", "L=3 K="]);
    }

    #[test]
    fn malformed_ones_are_errors() {
        for text in [
            "~SEQ(N,1,0,5)",
            "~SEQ(N,5,1,3)",
            "~SEQ(N)",
            "~SEQ(1,2)",
            "~LST({A},{1,2})",
            "~SEQ(N,1,1,999999999)",
        ] {
            let found = find(text).unwrap();
            assert!(found.rounds(found.arguments, MAX_ROUNDS).is_err(), "{text}");
        }
        assert!(find("~user ~/x ~SEQ N").is_none());
    }
}
