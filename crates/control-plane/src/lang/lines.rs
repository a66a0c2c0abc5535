//! The lines of a file, one at a time: a configuration of any length takes the memory of its
//! longest line.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

/// Reads line by line.
pub(crate) struct Lines<R> {
    reader: R,
    bytes: Vec<u8>,
    /// Bytes of a line that are kept.
    longest: u64,
    /// Bytes of the whole that may still be read.
    allowed: u64,
}

/// What comes next.
pub(crate) enum Next<'a> {
    /// A line without its newline. Of one that is too long there is more than `longest` bytes, not
    /// all; what is no UTF-8 is replaced.
    Line(Cow<'a, str>),
    /// There is more than may be read.
    TooMuch,
    /// The end of the file.
    End,
}

impl<R: BufRead> Lines<R> {
    /// Reads `allowed` bytes at most.
    pub(crate) const fn new(reader: R, longest: u64, allowed: u64) -> Self {
        Self { reader, bytes: Vec::new(), longest, allowed }
    }

    /// Bytes that may still be read.
    pub(crate) const fn allowed(&self) -> u64 {
        self.allowed
    }

    /// The next line.
    ///
    /// # Errors
    /// Those of reading.
    pub(crate) fn next(&mut self) -> io::Result<Next<'_>> {
        self.bytes.clear();
        // Room for the newline, for a CR before it, and for one byte that shows that it is too long.
        let kept = self.longest + 3;
        let mut read = count((&mut self.reader).take(kept).read_until(b'\n', &mut self.bytes)?);
        if read == 0 {
            return Ok(Next::End);
        }
        if self.bytes.last() == Some(&b'\n') {
            self.bytes.pop();
        } else if read == kept {
            let rest = self.allowed.saturating_sub(read).saturating_add(1);
            read += count((&mut self.reader).take(rest).skip_until(b'\n')?);
        }
        if read > self.allowed {
            self.allowed = 0;
            return Ok(Next::TooMuch);
        }
        self.allowed -= read;
        Ok(Next::Line(String::from_utf8_lossy(&self.bytes)))
    }
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], longest: u64, allowed: u64) -> Vec<String> {
        let mut lines = Lines::new(text, longest, allowed);
        let mut read = Vec::new();
        loop {
            match lines.next().unwrap() {
                Next::Line(line) => read.push(line.into_owned()),
                Next::TooMuch => read.push("<too much>".to_owned()),
                Next::End => return read,
            }
            if lines.allowed() == 0 {
                return read;
            }
        }
    }

    #[test]
    fn the_last_line_needs_no_newline() {
        assert_eq!(lines(b"a\n\nb", 9, 99), ["a", "", "b"]);
        assert_eq!(lines(b"a\n", 9, 99), ["a"]);
        assert_eq!(lines(b"", 9, 99), [""; 0]);
    }

    #[test]
    fn the_rest_of_a_line_that_is_too_long_is_passed_over() {
        assert_eq!(lines(b"12345678\nb", 4, 99), ["1234567", "b"]);
        assert_eq!(lines(b"1234\r\nb", 4, 99), ["1234\r", "b"]);
        assert_eq!(lines(b"1234567\nb", 4, 99), ["1234567", "b"], "the newline is the byte after");
    }

    #[test]
    fn no_more_is_read_than_is_allowed() {
        assert_eq!(lines(b"abc\nde\n", 9, 5), ["abc", "<too much>"]);
        assert_eq!(lines(&[b'x'; 1_000], 4, 100), ["<too much>"]);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(lines(b"a\xffb\n", 9, 99), ["a\u{fffd}b"]);
    }
}
