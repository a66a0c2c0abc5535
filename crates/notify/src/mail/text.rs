//! How a mail reads: keepalived's headers and arrows.

use base::Mail;

use super::{Mailbox, Settings};

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Characters of a display name that need no quotes (RFC 5322, 3.2.3).
const ATOM: &str = "!#$%&'*+-/=?^_`{|}~ ";

/// The whole mail, with `\r\n` at the end of each line but without the final dot and the
/// blank line before it. `seconds` since 1970, UTC.
pub fn message(settings: &Settings, mail: &Mail, seconds: u64) -> String {
    let to: Vec<String> = settings.to.iter().map(header).collect();
    let line = |text: &str| text.replace(char::is_control, " ");
    format!(
        "Date: {}\r\nFrom: {}\r\nSubject: [{}] {}\r\nX-Mailer: Keepalived\r\nTo: {}\r\n\r\n\
         => {} <=\r\n",
        date(seconds),
        header(&settings.from),
        line(&settings.router),
        line(&mail.subject),
        to.join(",\r\n "),
        line(&mail.body),
    )
}

/// `"Ops, team" <ops@example.com>`.
fn header(mailbox: &Mailbox) -> String {
    let Some(name) = &mailbox.name else { return mailbox.address.clone() };
    let plain = name.chars().all(|c| c.is_alphanumeric() || ATOM.contains(c));
    let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
    let quoted = if plain { escaped } else { format!("\"{escaped}\"") };
    format!("{quoted} <{}>", mailbox.address)
}

/// `Fri, 20 Nov 2026 06:17:25 +0000` (RFC 5322, 3.3).
fn date(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let (year, month, day) = civil(days);
    let weekday = name(&DAYS, days % 7);
    let month = name(&MONTHS, month);
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} +0000")
}

fn name(names: &[&'static str], at: u64) -> &'static str {
    usize::try_from(at).ok().and_then(|at| names.get(at)).copied().unwrap_or("???")
}

/// Year, month from 0, day from 1 of a day since 1 January 1970: the proleptic Gregorian calendar
/// counted from 1 March of the year 0, so that the leap day comes last.
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12;
    let year = year + era * 400 + if month < 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use base::MailAbout;
    use control_plane::model::{Global, global};

    use super::*;
    use crate::mail::Host;

    #[test]
    fn a_mail_reads_as_keepalived_writes_it() {
        let mail = global::Mail {
            to: vec!["admin@example.com".to_owned(), "Ops, team <ops@example.com>".to_owned()],
            from: Some("keepalived@example.com".to_owned()),
            server: Some(("127.0.0.1".to_owned(), 25)),
            ..global::Mail::default()
        };
        let global = Global { router_id: Some("LAB1".to_owned()), mail, ..Global::default() };
        let settings = Settings::new(&global, Host { name: "lb1", user: "root" }).unwrap();
        let mail = Mail {
            about: MailAbout::State,
            subject: "VRRP Instance VI_3 - Entering BACKUP state".to_owned(),
            body: "VRRP Instance is no longer owning VRRP VIPs".to_owned(),
        };
        assert_eq!(
            message(&settings, &mail, 1_795_155_445),
            "Date: Fri, 20 Nov 2026 06:17:25 +0000\r\n\
             From: keepalived@example.com\r\n\
             Subject: [LAB1] VRRP Instance VI_3 - Entering BACKUP state\r\n\
             X-Mailer: Keepalived\r\n\
             To: admin@example.com,\r\n \"Ops, team\" <ops@example.com>\r\n\
             \r\n\
             => VRRP Instance is no longer owning VRRP VIPs <=\r\n"
        );
    }

    #[test]
    fn leap_days_and_ends_of_years_have_their_dates() {
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(date(951_782_400), "Tue, 29 Feb 2000 00:00:00 +0000");
        assert_eq!(date(1_767_225_599), "Wed, 31 Dec 2025 23:59:59 +0000");
        assert_eq!(date(4_107_542_400), "Mon, 01 Mar 2100 00:00:00 +0000");
    }

    #[test]
    fn a_name_without_special_characters_needs_no_quotes() {
        let plain = Mailbox::parse("Ops Team <ops@example.com>");
        assert_eq!(header(&plain), "Ops Team <ops@example.com>");
        let quote = Mailbox { name: Some("a\"b".to_owned()), address: "c@d".to_owned() };
        assert_eq!(header(&quote), "\"a\\\"b\" <c@d>");
    }
}
