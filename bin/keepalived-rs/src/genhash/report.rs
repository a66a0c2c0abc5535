//! What `-v` shows, in the shape of keepalived's genhash.

use std::fmt::Write;

use base::Duration;

/// Bytes of a row.
const ROW: usize = 16;

/// A part of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Header,
    HeaderText,
    Body,
    Hash,
    FinalHash,
}

impl Section {
    /// The line that begins it.
    pub(super) fn line(self) -> String {
        let name = match self {
            Self::Header => "   HTTP Header Buffer   ",
            Self::HeaderText => "HTTP Header Ascii Buffer",
            Self::Body => "       HTML Buffer       ",
            Self::Hash => "   HTML hash resulting   ",
            Self::FinalHash => "HTML hash final resulting",
        };
        let dashes = "-----------------------";
        format!("{dashes}[ {name} ]{dashes}\n")
    }
}

/// Bytes in rows of 16: place, two groups of eight, and what of them can be printed.
pub(super) fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (row, chunk) in bytes.chunks(ROW).enumerate() {
        let mut groups = [String::new(), String::new()];
        for (place, byte) in chunk.iter().enumerate() {
            if let Some(group) = groups.get_mut(place / (ROW / 2)) {
                // Writing to a string cannot fail.
                let _ = write!(group, "{byte:02x} ");
            }
        }
        let shown: String = chunk
            .iter()
            .map(
                |byte| {
                    if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' }
                },
            )
            .collect();
        let [first, second] = groups;
        let _ = writeln!(text, "{:04}  {first:24}- {second:26}{shown:16}", row * ROW);
    }
    text
}

/// The last line.
pub(super) fn end_line(url: &str, took: Duration) -> String {
    format!("Global response time for [{url}] = {} usecs\n", took.as_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_rows_of_sixteen() {
        assert_eq!(
            dump(b"HTTP/1.0 200 OK\r\n"),
            "0000  48 54 54 50 2f 31 2e 30 - 20 32 30 30 20 4f 4b 0d   HTTP/1.0 200 OK.\n\
             0016  0a                      -                           .               \n"
        );
    }

    #[test]
    fn sections_are_as_wide_as_keepalived_has_them() {
        let line = |section: Section| section.line();
        assert_eq!(
            line(Section::Header),
            "-----------------------[    HTTP Header Buffer    ]-----------------------\n"
        );
        assert_eq!(
            line(Section::HeaderText),
            "-----------------------[ HTTP Header Ascii Buffer ]-----------------------\n"
        );
        assert_eq!(
            line(Section::Body),
            "-----------------------[        HTML Buffer        ]-----------------------\n"
        );
        assert_eq!(
            line(Section::Hash),
            "-----------------------[    HTML hash resulting    ]-----------------------\n"
        );
        assert_eq!(
            line(Section::FinalHash),
            "-----------------------[ HTML hash final resulting ]-----------------------\n"
        );
    }
}
