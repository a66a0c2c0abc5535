//! `reload_time_file`: a file that says when to reload. Its first line is exactly
//! `HH:MM:SS`, `YY-MM-DD HH:MM:SS` or `YYYY-MM-DD HH:MM:SS`, with a `Z` at its end for UTC.

use std::fmt;

use crate::calendar::{Civil, Date, Time, Utc, Zone};

/// Bytes of the file that are looked at: more than any form has.
pub const LONGEST: u64 = 64;

/// What the file asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Wish {
    /// `None`: the next time that clocks show it.
    date: Option<Date>,
    time: Time,
    utc: bool,
}

/// When the next reload is. The file is read elsewhere, and told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReloadTime {
    /// Seconds since 1970, UTC.
    at: Option<i64>,
    has_date: bool,
}

/// Something worth a log line, in keepalived's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A reload is to come.
    Scheduled(Civil),
    /// It comes at another time.
    Moved(Civil, Civil),
    /// It does not come.
    Cancelled(Civil),
    /// The file holds no time.
    Invalid(String),
    /// The file holds a date that is over.
    Past(Civil),
}

impl News {
    /// Whether it is a problem.
    pub const fn is_error(&self) -> bool {
        matches!(self, Self::Invalid(_) | Self::Past(_))
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheduled(at) => write!(f, "Scheduling reload for {at}"),
            Self::Moved(from, to) => write!(f, "Reload time updated from {from} to {to}"),
            Self::Cancelled(at) => write!(f, "Cancelling reload scheduled for {at}"),
            Self::Invalid(text) => write!(f, "Invalid reload time '{text}' specified - ignoring"),
            Self::Past(at) => write!(f, "Reload time {at} is in the past - ignoring"),
        }
    }
}

impl ReloadTime {
    /// When the reload is, in seconds since 1970, UTC.
    pub const fn at(&self) -> Option<i64> {
        self.at
    }

    /// The file holds this now, `None` without a file; `now` in seconds since 1970, UTC.
    pub fn follow(&mut self, text: Option<&[u8]>, now: i64, zone: &impl Zone) -> Vec<News> {
        let (wanted, mut news) = wanted(text, now, zone);
        let before = self.at;
        self.at = wanted.map(|(at, _)| at);
        self.has_date = wanted.is_some_and(|(_, has_date)| has_date);
        let civil = |at| zone.civil(at);
        news.extend(match (before, self.at) {
            (Some(before), Some(at)) if before != at => Some(News::Moved(civil(before), civil(at))),
            (None, Some(at)) => Some(News::Scheduled(civil(at))),
            (Some(before), None) => Some(News::Cancelled(civil(before))),
            _ => None,
        });
        news
    }

    /// Whether the reload is due, which is told once, and whether the file has served then: one with
    /// a time alone asks for the same on each day.
    pub fn take_due(&mut self, now: i64) -> Option<Served> {
        self.at.filter(|at| *at <= now)?;
        self.at = None;
        Some(if self.has_date { Served::ForGood } else { Served::ForToday })
    }
}

/// What a file that has served is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// Its date is over.
    ForGood,
    /// Its time comes again tomorrow.
    ForToday,
}

fn wanted(text: Option<&[u8]>, now: i64, zone: &impl Zone) -> (Option<(i64, bool)>, Vec<News>) {
    let line = text.and_then(|text| text.split(|byte| *byte == b'\n').next()).unwrap_or_default();
    if line.is_empty() {
        return (None, Vec::new());
    }
    let at = Wish::parse(line).and_then(|wish| {
        let at = if wish.utc { wish.at(now, &Utc) } else { wish.at(now, zone) };
        at.map(|at| (at, wish.date.is_some()))
    });
    match at {
        None => (None, vec![News::Invalid(String::from_utf8_lossy(line).into_owned())]),
        Some((at, _)) if at < now => (None, vec![News::Past(zone.civil(at))]),
        some => (some, Vec::new()),
    }
}

impl Wish {
    fn parse(line: &[u8]) -> Option<Self> {
        let (line, utc) = line.strip_suffix(b"Z").map_or((line, false), |line| (line, true));
        let (date, time) = match line.iter().position(|byte| *byte == b' ') {
            Some(at) => (Some(parse_date(line.get(..at)?)?), line.get(at + 1..)?),
            None => (None, line),
        };
        let [hour, minute, second] = numbers(time, b':')?;
        let small = |(value, digits): (u16, usize)| {
            (digits == 2).then_some(value).and_then(|value| u8::try_from(value).ok())
        };
        let time = Time::new(small(hour)?, small(minute)?, small(second)?)?;
        Some(Self { date, time, utc })
    }

    /// The moment, in seconds since 1970, UTC.
    fn at(self, now: i64, zone: &impl Zone) -> Option<i64> {
        let at = |date| zone.seconds(Civil { date, time: self.time });
        if let Some(date) = self.date {
            return at(date);
        }
        let today = zone.civil(now).date;
        match at(today)? {
            over if over <= now => at(today.next()),
            to_come => Some(to_come),
        }
    }
}

fn parse_date(text: &[u8]) -> Option<Date> {
    let [(year, year_digits), (month, 2), (day, 2)] = numbers(text, b'-')? else { return None };
    let year = match year_digits {
        2 => year + 2_000,
        4 => year,
        _ => return None,
    };
    Date::new(i32::from(year), u8::try_from(month).ok()?, u8::try_from(day).ok()?)
}

/// Three numbers of at most four digits, and how many digits each has.
fn numbers(text: &[u8], separator: u8) -> Option<[(u16, usize); 3]> {
    let mut parts = text.split(|byte| *byte == separator).map(|part| {
        let is_number = !part.is_empty() && part.len() <= 4 && part.iter().all(u8::is_ascii_digit);
        let value =
            |part: &[u8]| part.iter().fold(0, |all, digit| all * 10 + u16::from(digit - b'0'));
        is_number.then(|| (value(part), part.len()))
    });
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Five hours behind UTC, as New York in winter.
    struct West;

    const BEHIND: i64 = 5 * 3_600;

    impl Zone for West {
        fn civil(&self, seconds: i64) -> Civil {
            Utc.civil(seconds - BEHIND)
        }

        fn seconds(&self, civil: Civil) -> Option<i64> {
            Utc.seconds(civil).map(|seconds| seconds + BEHIND)
        }
    }

    /// 2026-11-20 12:00:00 UTC, 07:00:00 there.
    const NOW: i64 = 1_795_176_000;

    fn said(time: &mut ReloadTime, text: &str) -> Vec<String> {
        let news = time.follow(Some(text.as_bytes()), NOW, &West);
        news.iter().map(ToString::to_string).collect()
    }

    fn scheduled(text: &str) -> Option<i64> {
        let mut time = ReloadTime::default();
        said(&mut time, text);
        time.at().map(|at| at - NOW)
    }

    #[test]
    fn each_form_means_a_moment_here_or_in_utc() {
        for (text, in_seconds) in [
            ("07:00:05\n", 5),
            ("07:00:05", 5),
            ("12:00:05Z\n", 5),
            ("06:59:59", 86_399),
            ("07:00:00", 86_400),
            ("11:59:59Z", 86_399),
            ("26-11-20 07:01:00", 60),
            ("2026-11-20 07:01:00\nwhatever", 60),
            ("2026-11-21 12:00:00Z", 86_400),
            ("2028-02-29 12:00:00Z", 40_262_400),
        ] {
            assert_eq!(scheduled(text), Some(in_seconds), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_exactly_such_a_form_is_told_and_nothing_is_scheduled() {
        for text in [
            "garbage",
            "1:02:03",
            "24:00:00",
            "07:00:00 ",
            " 07:00:00",
            "2027-02-30 10:00:00",
            "126-11-20 07:01:00",
            "2026-11-20  07:01:00",
            "2026-11-20",
            "07:00",
            "07:00:00z",
            "Z",
            "2026-11-20 07:01:00 Z",
            "07:00:5x",
            "-7:00:00",
            "07:00:00:00",
        ] {
            let mut time = ReloadTime::default();
            let line = format!("Invalid reload time '{text}' specified - ignoring");
            assert_eq!(said(&mut time, text), [line]);
            assert_eq!(time.at(), None);
        }
    }

    #[test]
    fn the_log_follows_the_file() {
        let mut time = ReloadTime::default();
        let news = said(&mut time, "2026-11-20 07:01:00");
        assert_eq!(news, ["Scheduling reload for 2026-11-20 07:01:00"]);
        assert_eq!(said(&mut time, "07:01:00"), [""; 0], "it is the same moment");
        let moved = "Reload time updated from 2026-11-20 07:01:00 to 2026-11-20 08:00:00";
        assert_eq!(said(&mut time, "13:00:00Z"), [moved]);
        assert_eq!(said(&mut time, ""), ["Cancelling reload scheduled for 2026-11-20 08:00:00"]);
        said(&mut time, "08:00:00");
        let past = "Reload time 2026-11-20 06:00:00 is in the past - ignoring";
        let cancelled = "Cancelling reload scheduled for 2026-11-20 08:00:00";
        assert_eq!(said(&mut time, "2026-11-20 06:00:00"), [past, cancelled]);
        said(&mut time, "08:00:00");
        assert_eq!(time.follow(None, NOW, &West).len(), 1, "the file is gone");
        assert_eq!(time.at(), None);
    }

    #[test]
    fn a_reload_is_due_once_and_a_time_without_date_comes_again() {
        let mut time = ReloadTime::default();
        said(&mut time, "07:00:05");
        assert_eq!(time.take_due(NOW + 4), None);
        assert_eq!(time.take_due(NOW + 5), Some(Served::ForToday));
        assert_eq!(time.take_due(NOW + 6), None);
        time.follow(Some(b"07:00:05"), NOW + 5, &West);
        assert_eq!(time.at(), Some(NOW + 5 + 86_400));
        said(&mut time, "2026-11-20 07:00:05");
        assert_eq!(time.take_due(NOW + 7), Some(Served::ForGood));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_a_time_lies_ahead(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut time = ReloadTime::default();
            time.follow(Some(&bytes), NOW, &West);
            prop_assert!(time.at().is_none_or(|at| at >= NOW));
        }

        #[test]
        fn digits_and_separators_do_not_panic(text in "[0-9]{0,5}[-:]?[0-9]{0,3}[-: Z]?[0-9:Z-]{0,14}") {
            ReloadTime::default().follow(Some(text.as_bytes()), NOW, &West);
        }
    }
}
