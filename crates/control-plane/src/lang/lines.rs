//! The lines of a file, one at a time: a configuration of any length takes the memory of its
//! longest line.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

/// Reads line by line.
pub(crate) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Bytes of a line that are kept.
    longest: u64,
}

/// One line.
pub(crate) struct Line<'a> {
    /// Without its newline; what is no UTF-8 is replaced. Of a line that is too long there is more
    /// than may be kept, but not all.
    pub text: Cow<'a, str>,
    /// Bytes in the file, its newline included.
    pub bytes: u64,
}

impl<R: BufRead> Lines<R> {
    /// Lines of which `longest` bytes are kept.
    pub(crate) const fn new(reader: R, longest: u64) -> Self {
        Self { reader, buffer: Vec::new(), longest }
    }

    /// The next line; `None` at the end. No more is read than that line and, when it is very long,
    /// `allowed` bytes of it.
    ///
    /// # Errors
    /// Those of reading.
    pub(crate) fn next(&mut self, allowed: u64) -> io::Result<Option<Line<'_>>> {
        self.buffer.clear();
        // Room for a CR and the newline, and for one byte that shows that it is too long.
        let kept = self.longest + 3;
        let mut bytes = count((&mut self.reader).take(kept).read_until(b'\n', &mut self.buffer)?);
        if bytes == 0 {
            return Ok(None);
        }
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
        } else if bytes == kept {
            bytes += count((&mut self.reader).take(allowed).skip_until(b'\n')?);
        }
        Ok(Some(Line { text: String::from_utf8_lossy(&self.buffer), bytes }))
    }
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], longest: u64) -> Vec<(String, u64)> {
        let mut lines = Lines::new(text, longest);
        let mut read = Vec::new();
        while let Some(line) = lines.next(1_000).unwrap() {
            read.push((line.text.into_owned(), line.bytes));
        }
        read
    }

    fn texts(text: &[u8], longest: u64) -> Vec<String> {
        lines(text, longest).into_iter().map(|(text, _)| text).collect()
    }

    #[test]
    fn the_last_line_needs_no_newline() {
        assert_eq!(texts(b"a\n\nb", 9), ["a", "", "b"]);
        assert_eq!(texts(b"a\n", 9), ["a"]);
        assert_eq!(texts(b"", 9), [""; 0]);
    }

    #[test]
    fn the_rest_of_a_line_that_is_too_long_is_passed_over() {
        assert_eq!(texts(b"123456789\nb", 4), ["1234567", "b"]);
        assert_eq!(texts(b"1234567\nb", 4), ["1234567", "b"], "the newline is the next byte");
        assert_eq!(texts(b"1234\r\nb", 4), ["1234\r", "b"]);
    }

    #[test]
    fn every_byte_is_counted() {
        let total = |text: &[u8]| lines(text, 4).iter().map(|(_, bytes)| bytes).sum::<u64>();
        assert_eq!(total(b"a\r\n\n123456789\nb"), 15);
        let endless = [b'x'; 5_000];
        let read = Lines::new(&endless[..], 4).next(100).unwrap().unwrap().bytes;
        assert_eq!(read, 107, "what is kept, and as many bytes as are allowed");
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(texts(b"a\xffb\n", 9), ["a\u{fffd}b"]);
    }
}
