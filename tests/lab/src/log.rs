//! Lines that a process wrote, with the time when they came.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::wait;

/// Bytes that are read at a time.
const CHUNK: usize = 64 * 1024;

/// A log of more lines than these is about thousands of servers, and not shown whole ...
const SHOWN: usize = 1000;

/// ... but so many of its last lines.
const LAST: usize = 20;

/// Pause between two looks at the same log.
const POLL: Duration = Duration::from_millis(5);

/// One line and when the lab read it.
#[derive(Debug, Clone)]
pub struct Line {
    /// Time of arrival.
    pub at: Instant,
    /// The line without its end.
    pub text: String,
}

/// A log that grows while it is read; copies show the same log.
#[derive(Debug, Clone, Default)]
pub struct Log {
    lines: Arc<Mutex<Vec<Line>>>,
}

impl Log {
    /// Appends every line of `stream` on a thread of its own until the stream ends.
    pub fn follow(&self, stream: impl Read + Send + 'static) {
        let log = self.clone();
        thread::spawn(move || {
            let mut reader = BufReader::with_capacity(CHUNK, stream);
            let mut begun = Vec::new();
            while let Ok(chunk) = reader.fill_buf()
                && !chunk.is_empty()
            {
                let length = chunk.len();
                log.take(&mut begun, chunk);
                reader.consume(length);
            }
            if !begun.is_empty() {
                log.push(String::from_utf8_lossy(&begun).trim_end());
            }
        });
    }

    /// Appends the lines of what was read at once, with one look at the clock; what of the last is there
    /// waits in `begun` for the rest.
    fn take(&self, begun: &mut Vec<u8>, chunk: &[u8]) {
        let at = Instant::now();
        let mut lines = self.locked();
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            begun.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let text = String::from_utf8_lossy(begun).trim_end().to_owned();
                lines.push(Line { at, text });
                begun.clear();
            }
        }
    }

    /// Appends one line.
    pub fn push(&self, text: &str) {
        self.locked().push(Line { at: Instant::now(), text: text.to_owned() });
    }

    /// Number of lines so far: a place to look on from.
    pub fn len(&self) -> usize {
        self.locked().len()
    }

    /// True if nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The lines from place `from` on.
    pub fn since(&self, from: usize) -> Vec<Line> {
        self.locked().iter().skip(from).cloned().collect()
    }

    /// Everything as text.
    pub fn text(&self) -> String {
        self.text_since(0)
    }

    /// Everything from place `from` on as text.
    pub fn text_since(&self, from: usize) -> String {
        self.since(from).into_iter().map(|line| line.text + "\n").collect()
    }

    /// True if a line holds `part`.
    pub fn contains(&self, part: &str) -> bool {
        self.locked().iter().any(|line| line.text.contains(part))
    }

    /// Lines that hold `part`.
    pub fn count(&self, part: &str) -> usize {
        self.locked().iter().filter(|line| line.text.contains(part)).count()
    }

    /// Waits for a line with `part` at or after place `from`.
    pub fn wait_since(&self, from: usize, part: &str, limit: Duration) -> Line {
        self.find_since(from, part, limit).unwrap_or_else(|| {
            panic!("not logged within {limit:?}: {part:?}; the log:\n{}", self.end())
        })
    }

    /// As [`Self::wait_since`], `None` if no such line came. Each line is looked at once.
    pub fn find_since(&self, mut from: usize, part: &str, limit: Duration) -> Option<Line> {
        let start = Instant::now();
        loop {
            let is_over = start.elapsed() >= limit;
            let lines = self.locked();
            let news = lines.get(from..).unwrap_or_default();
            if let Some(line) = news.iter().find(|line| line.text.contains(part)) {
                return Some(line.clone());
            }
            from += news.len();
            drop(lines);
            if is_over {
                return None;
            }
            thread::sleep(POLL);
        }
    }

    /// What a failure shows of it: everything, of thousands of lines the last few.
    pub fn end(&self) -> String {
        let before = self.len();
        let before = if before > SHOWN { before - LAST } else { 0 };
        let note = if before > 0 { format!("... {before} lines before\n") } else { String::new() };
        note + &self.text_since(before)
    }

    /// Waits for a line with `part`, which may be there already.
    pub fn wait(&self, part: &str, limit: Duration) -> Line {
        self.wait_since(0, part, limit)
    }

    /// Waits until `count` lines hold `part`.
    pub fn wait_count(&self, part: &str, count: usize, limit: Duration) {
        wait::eventually(limit, &format!("{count} lines with {part:?}"), || {
            self.count(part) >= count
        });
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(text: &str) -> Log {
        let log = Log::default();
        log.follow(std::io::Cursor::new(text.to_owned().into_bytes()));
        let count = text.lines().count();
        wait::eventually(Duration::from_secs(10), "all lines", || log.len() == count);
        log
    }

    #[test]
    fn lines_come_whole_however_they_are_read() {
        let text: String = (0..20_000).map(|n| format!("line {n}\n")).collect();
        assert_eq!(followed(&text).text(), text, "several times what is read at once");
        assert_eq!(followed("a\nb").text(), "a\nb\n", "the last has no end");
    }

    #[test]
    fn a_line_is_found_from_a_place_on_or_not_at_all() {
        let log = followed("one\ntwo\none more\n");
        let find = |from, part| log.find_since(from, part, Duration::ZERO).map(|line| line.text);
        assert_eq!(find(0, "one").as_deref(), Some("one"));
        assert_eq!(find(1, "one").as_deref(), Some("one more"));
        assert_eq!(find(0, "three"), None);
    }

    #[test]
    fn of_a_long_log_a_failure_shows_the_end() {
        assert_eq!(followed("a\nb\n").end(), "a\nb\n");
        let end = followed(&"x\n".repeat(5000)).end();
        assert!(end.starts_with("... 4980 lines before\nx\n"), "{end}");
        assert_eq!(end.lines().count(), 21);
    }
}
