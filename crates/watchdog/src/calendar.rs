//! Dates and times of day, and what the moment is that they name.

use std::fmt;

const SECONDS_A_DAY: i64 = 86_400;

/// A moment as a calendar and a clock on the wall show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Civil {
    /// Its day.
    pub date: Date,
    /// Its time.
    pub time: Time,
}

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Date {
    /// For example 2026.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

/// A time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Time {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59; a leap second is the last one of its minute.
    pub second: u8,
}

/// The time zone of this machine.
pub trait Zone {
    /// What its clocks show at `seconds` since 1970, UTC.
    fn civil(&self, seconds: i64) -> Civil;

    /// When its clocks show that; of two moments (the clocks go back) either, of none (they go
    /// forward) one near it. `None` when the system cannot tell.
    fn seconds(&self, civil: Civil) -> Option<i64>;
}

/// Universal time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utc;

impl Zone for Utc {
    fn civil(&self, seconds: i64) -> Civil {
        let date = Date::from_days(seconds.div_euclid(SECONDS_A_DAY));
        let of_day = seconds.rem_euclid(SECONDS_A_DAY);
        let part = |value: i64| u8::try_from(value).unwrap_or(0);
        let (minute, second) = (of_day / 60 % 60, of_day % 60);
        let time = Time { hour: part(of_day / 3_600), minute: part(minute), second: part(second) };
        Civil { date, time }
    }

    fn seconds(&self, Civil { date, time }: Civil) -> Option<i64> {
        let of_day = (i64::from(time.hour) * 60 + i64::from(time.minute)) * 60;
        Some(date.days() * SECONDS_A_DAY + of_day + i64::from(time.second))
    }
}

impl Date {
    /// That day, if there is one.
    pub fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        let date = Self { year, month, day };
        let exists = (1..=12).contains(&month) && day >= 1 && Self::from_days(date.days()) == date;
        exists.then_some(date)
    }

    /// The day after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self::from_days(self.days() + 1)
    }

    /// Days since 1970-01-01. Years begin in March here, so that the leap day is their last.
    const fn days(self) -> i64 {
        let (month, day) = (self.month as i64, self.day as i64);
        let year = self.year as i64 - (month <= 2) as i64;
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let era = year.div_euclid(400);
        let year = year.rem_euclid(400);
        era * 146_097 + year * 365 + year / 4 - year / 100 + of_year - 719_468
    }

    /// The reverse of [`Self::days`].
    fn from_days(days: i64) -> Self {
        let days = days + 719_468;
        let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year + era * 400 + i64::from(month <= 2);
        let part = |value: i64| u8::try_from(value).unwrap_or(0);
        Self { year: i32::try_from(year).unwrap_or(i32::MAX), month: part(month), day: part(day) }
    }
}

impl Time {
    /// That time, if a clock shows it.
    pub const fn new(hour: u8, minute: u8, second: u8) -> Option<Self> {
        if hour < 24 && minute < 60 && second < 60 {
            return Some(Self { hour, minute, second });
        }
        None
    }
}

/// `2026-11-20 13:48:44`
impl fmt::Display for Civil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { date, time } = self;
        write!(f, "{:04}-{:02}-{:02} ", date.year, date.month, date.day)?;
        write!(f, "{:02}:{:02}:{:02}", time.hour, time.minute, time.second)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_moments_have_known_dates() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (-1, "1969-12-31 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_795_176_000, "2026-11-20 12:00:00"),
            (4_107_542_399, "2100-02-28 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(Utc.civil(seconds).to_string(), text);
        }
    }

    #[test]
    fn days_and_times_that_do_not_exist_are_none() {
        for (year, month, day) in [(2027, 2, 29), (2100, 2, 29), (2026, 13, 1), (2026, 4, 31)] {
            assert_eq!(Date::new(year, month, day), None);
        }
        assert_eq!((Date::new(2026, 0, 1), Date::new(2026, 1, 0)), (None, None));
        assert_eq!(
            (Time::new(24, 0, 0), Time::new(0, 60, 0), Time::new(0, 0, 60)),
            (None, None, None)
        );
    }

    #[test]
    fn the_day_after_the_last_of_february_depends_on_the_year() {
        let after = |year| Date::new(year, 2, 28).unwrap().next();
        assert_eq!((after(2028).month, after(2028).day), (2, 29));
        assert_eq!((after(2027).month, after(2027).day), (3, 1));
    }

    proptest! {
        #[test]
        fn a_moment_is_the_one_that_its_date_names(seconds in -100_000_000_000_i64..100_000_000_000) {
            let civil = Utc.civil(seconds);
            prop_assert_eq!(Utc.seconds(civil), Some(seconds));
            prop_assert!(Date::new(civil.date.year, civil.date.month, civil.date.day).is_some());
        }
    }
}
