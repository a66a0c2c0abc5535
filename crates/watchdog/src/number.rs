//! What the text of a `track_file` means.

/// Bytes of a `track_file` that are looked at: more than blanks and any number have.
pub const LONGEST: u64 = 64;

/// The number that a text begins with, after blanks: decimal, `0x` hexadecimal, `0` octal, as C's
/// `strtol` reads it; 0 when it begins with none, or with one beyond 32 bits. What follows it does
/// not matter.
pub fn number(text: &[u8]) -> i32 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (base, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] if rest.first().is_some_and(u8::is_ascii_hexdigit) => {
            (16, rest)
        }
        [b'0', ..] => (8, digits),
        _ => (10, digits),
    };
    let digits = digits.iter().map_while(|byte| char::from(*byte).to_digit(base));
    let value = digits
        .fold(0_i64, |value, digit| value.saturating_mul(base.into()).saturating_add(digit.into()));
    i32::try_from(if negative { -value } else { value }).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_strtol_does() {
        for (text, value) in [
            ("5\n", 5),
            ("-5", -5),
            ("+3", 3),
            ("  7 ", 7),
            ("\n\n4", 4),
            ("5abc", 5),
            ("0x10", 16),
            ("0x", 0),
            ("010", 8),
            ("-2147483648", i32::MIN),
        ] {
            assert_eq!(number(text.as_bytes()), value, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_number_or_too_large_is_0() {
        for text in ["", "abc", "-", "99999999999", "-99999999999999999999999", "\u{b2}"] {
            assert_eq!(number(text.as_bytes()), 0, "{text:?}");
        }
    }
}
