//! Numbers as people read them.

/// Three digits that count, thousands apart.
pub(crate) fn number(value: f64) -> String {
    let digits = match value.abs() {
        large if large >= 100.0 => 0,
        large if large >= 10.0 => 1,
        small if small >= 1.0 || small == 0.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let whole = text.find('.').unwrap_or(text.len());
    let mut grouped = String::new();
    for (place, digit) in text.char_indices() {
        let left = whole.saturating_sub(place);
        let before = text[..place].chars().any(|earlier| earlier.is_ascii_digit());
        if place < whole && before && left % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_show_the_digits_that_count() {
        let texts = [0.0, 0.1234, 1.234, 12.34, 123.4, 1234.0, 1_234_567.0].map(number);
        assert_eq!(texts, ["0.00", "0.123", "1.23", "12.3", "123", "1,234", "1,234,567"]);
        assert_eq!(number(-1234.0), "-1,234");
    }
}
