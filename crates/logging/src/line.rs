//! How a line looks. Pure.

use std::borrow::Cow;

use log::Level;
use sys::clock::LocalTime;

use crate::facility::Facility;

/// A line is cut here, in bytes: with what stands before it, it goes into a pipe in one piece
/// (`PIPE_BUF` is 4096).
const MAX_TEXT: usize = 3800;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// `Fri Nov 20 06:11:37 2026: text`.
pub(crate) fn console(time: LocalTime, text: &str) -> String {
    let day_name = DAYS.get(usize::from(time.weekday)).unwrap_or(&"???");
    format!("{day_name} {} {}: {}\n", date(time), time.year, tame(text))
}

/// `<30>Nov 20 06:11:37 Keepalived_vrrp[4711]: text`, as RFC 3164 has it and libc sends it.
pub(crate) fn syslog(
    facility: Facility,
    level: Level,
    time: LocalTime,
    identity: &str,
    pid: u32,
    text: &str,
) -> String {
    let priority = facility.number() * 8 + severity(level);
    format!("<{priority}>{} {identity}[{pid}]: {}", date(time), tame(text))
}

/// keepalived files nearly all under "info", what `-D` adds included; so do we, but for what is
/// wrong, so that a filter by severity finds it.
const fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info | Level::Debug => 6,
        Level::Trace => 7,
    }
}

/// `Nov  2 06:11:37`.
fn date(time: LocalTime) -> String {
    let month = MONTHS.get(usize::from(time.month)).unwrap_or(&"???");
    let LocalTime { day, hour, minute, second, .. } = time;
    format!("{month} {day:>2} {hour:02}:{minute:02}:{second:02}")
}

/// One line of bounded length without control characters: part of the text may come from the network
/// and must not look like a line of its own.
fn tame(text: &str) -> Cow<'_, str> {
    let text = text.trim_end();
    let end = if text.len() <= MAX_TEXT { text.len() } else { text.floor_char_boundary(MAX_TEXT) };
    let text = text.get(..end).unwrap_or_default();
    if text.contains(|letter: char| letter.is_control() && letter != '\t') {
        Cow::Owned(text.replace(|letter: char| letter.is_control() && letter != '\t', " "))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: LocalTime =
        LocalTime { year: 2026, month: 10, day: 20, weekday: 5, hour: 6, minute: 11, second: 37 };

    #[test]
    fn a_console_line_is_keepaliveds() {
        let line = console(TIME, "(VI_1) Entering MASTER STATE");
        assert_eq!(line, "Fri Nov 20 06:11:37 2026: (VI_1) Entering MASTER STATE\n");
        let second = console(LocalTime { day: 2, weekday: 1, ..TIME }, "x");
        assert_eq!(second, "Mon Nov  2 06:11:37 2026: x\n");
    }

    #[test]
    fn a_syslog_line_is_libcs() {
        let line = syslog(Facility::Daemon, Level::Info, TIME, "Keepalived_vrrp", 21506, "text");
        assert_eq!(line, "<30>Nov 20 06:11:37 Keepalived_vrrp[21506]: text");
        let line = syslog(Facility::Local(7), Level::Error, TIME, "Keepalived", 1, "text");
        assert_eq!(line, "<187>Nov 20 06:11:37 Keepalived[1]: text");
    }

    #[test]
    fn what_the_detail_option_adds_is_info_to_syslog() {
        let line = syslog(Facility::Daemon, Level::Debug, TIME, "Keepalived", 1, "text");
        assert!(line.starts_with("<30>"), "{line}");
    }

    #[test]
    fn a_line_break_in_a_text_is_no_new_line() {
        let line = console(TIME, "reply: 200\r\nFri Nov 20: forged\u{1b}[31m\n");
        assert_eq!(line, "Fri Nov 20 06:11:37 2026: reply: 200  Fri Nov 20: forged [31m\n");
    }

    #[test]
    fn a_long_line_is_cut_between_letters() {
        let line = console(TIME, &"ä".repeat(5_000));
        assert!(line.len() < 4_096 && line.ends_with("ä\n"), "{} bytes", line.len());
    }
}
