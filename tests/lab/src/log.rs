//! Lines that a process wrote, with the time when they came.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::wait;

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
            let mut reader = BufReader::new(stream);
            let mut bytes = Vec::new();
            while matches!(reader.read_until(b'\n', &mut bytes), Ok(count) if count > 0) {
                log.push(String::from_utf8_lossy(&bytes).trim_end());
                bytes.clear();
            }
        });
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
        let found = || self.since(from).into_iter().find(|line| line.text.contains(part));
        let start = Instant::now();
        while start.elapsed() < limit {
            if let Some(line) = found() {
                return line;
            }
            thread::sleep(Duration::from_millis(5));
        }
        found().unwrap_or_else(|| {
            panic!("not logged within {limit:?}: {part:?}; the log:\n{}", self.text())
        })
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
