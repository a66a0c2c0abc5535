//! Standard error, written without waiting: behind it may be a pipe whose reader has stopped.

use std::io::{self, Stderr, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use env_logger::{Builder, Logger, Target};
use log::LevelFilter;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::line;
use crate::sink::NOISY;
use crate::stamp;

/// A pipe that is ready takes so much without waiting, and whole (POSIX `PIPE_BUF`).
const GATHERED: usize = 4096;

/// Bytes that wait for a reader that is slower than a burst of ours: ten thousand servers have a line each
/// at a start.
const BACKLOG: usize = 4 * 1024 * 1024;

/// The console's logger: lines of `level` and above, or whatever `RUST_LOG` says.
pub(crate) fn logger(level: LevelFilter, console: Shared) -> Logger {
    let mut builder = Builder::new();
    builder.filter_level(level);
    for module in NOISY {
        builder.filter_module(module, level.min(LevelFilter::Warn));
    }
    builder
        .parse_env(env_logger::DEFAULT_FILTER_ENV)
        .format(|out, record| {
            let text = line::console(stamp::now().time, &record.args().to_string());
            out.write_all(text.as_bytes())
        })
        .target(Target::Pipe(Box::new(console)))
        .build()
}

/// Standard error, for the logger and for who tells it when a turn is over.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Console<Stderr>>>);

impl Shared {
    pub(crate) fn new(lost: Arc<AtomicU64>) -> Self {
        Self(Arc::new(Mutex::new(Console::new(io::stderr(), lost))))
    }

    /// From now on lines wait for [`Self::write_out`], as long as they fit one write together.
    pub(crate) fn gather(&self) {
        self.locked().gathers = true;
    }

    /// Writes what waits, as far as there is room; whether some still waits.
    pub(crate) fn write_out(&self) -> bool {
        self.locked().write_out()
    }

    fn locked(&self) -> MutexGuard<'_, Console<Stderr>> {
        // A panic while logging leaves nothing half done that could matter.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Shared {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.locked().take(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Ends of lines in it.
fn lines(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

struct Console<W> {
    to: W,
    lost: Arc<AtomicU64>,
    gathers: bool,
    /// Whole lines, of which those from `written` on were not written yet.
    text: Vec<u8>,
    written: usize,
    /// When so much waits there may be room for some of it.
    try_at: usize,
}

impl<W: AsFd> Console<W> {
    const fn new(to: W, lost: Arc<AtomicU64>) -> Self {
        Self { to, lost, gathers: false, text: Vec::new(), written: 0, try_at: GATHERED }
    }

    const fn waiting(&self) -> usize {
        self.text.len() - self.written
    }

    /// One whole line.
    fn take(&mut self, line: &[u8]) {
        if self.waiting() + line.len() > self.try_at {
            self.write_out();
        }
        if self.waiting() + line.len() > BACKLOG {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.text.extend_from_slice(line);
        if !self.gathers {
            self.write_out();
        }
    }

    /// Whether some still waits. Nothing does where lines are not gathered: nobody would come back for it.
    fn write_out(&mut self) -> bool {
        while self.waiting() > 0 && self.is_writable() {
            let rest = self.text.get(self.written..).unwrap_or_default();
            let part = whole_lines(rest);
            // Past the standard library's own buffer and lock.
            match nix::unistd::write(&self.to, part) {
                Ok(0) | Err(Errno::EAGAIN) => break,
                Ok(written) => self.written += written,
                Err(Errno::EINTR) => {}
                // A full disk, or nobody who reads: what it is for it cannot be told.
                Err(_) => {
                    self.lost.fetch_add(lines(part), Ordering::Relaxed);
                    self.written += part.len();
                }
            }
        }
        if !self.gathers && self.waiting() > 0 {
            let left = self.text.get(self.written..).unwrap_or_default();
            self.lost.fetch_add(lines(left), Ordering::Relaxed);
            self.written = self.text.len();
        }
        self.text.drain(..self.written);
        self.written = 0;
        if self.text.is_empty() {
            // A burst does not come each turn.
            self.text.shrink_to(GATHERED);
        }
        self.try_at = self.waiting() + GATHERED;
        !self.text.is_empty()
    }

    fn is_writable(&self) -> bool {
        let mut fds = [PollFd::new(self.to.as_fd(), PollFlags::POLLOUT)];
        let ready = poll(&mut fds, PollTimeout::ZERO);
        ready.is_ok_and(|count| count > 0)
            && fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLOUT))
    }
}

/// As many lines as one write takes; the first of them in any case.
fn whole_lines(text: &[u8]) -> &[u8] {
    let end_of = |part: &[u8]| part.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
    let room = text.get(..GATHERED).unwrap_or(text);
    let first = || text.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
    let end = end_of(room).or_else(first).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use std::io::{PipeWriter, Read};

    use super::*;

    fn console(to: PipeWriter) -> Console<PipeWriter> {
        Console::new(to, Arc::default())
    }

    #[test]
    fn lines_that_are_gathered_leave_together_and_in_order() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut console = console(writer);
        console.gathers = true;
        for line in 0..100 {
            console.take(format!("{line:049}\n").as_bytes());
        }
        let mut read = vec![0; 8192];
        assert_eq!(reader.read(&mut read).unwrap(), 4050, "what fills one write has left");
        console.write_out();
        assert_eq!(reader.read(&mut read).unwrap(), 950, "the rest leaves with the turn");
        assert!(read.starts_with(format!("{:049}\n", 81).as_bytes()));
    }

    #[test]
    fn a_burst_that_a_reader_is_too_slow_for_arrives_whole() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut console = console(writer);
        console.gathers = true;
        for line in 0..10_000 {
            console.take(format!("{line:099}\n").as_bytes());
        }
        assert!(console.write_out(), "a pipe holds 64 KiB");
        let (mut all, mut part) = (Vec::new(), vec![0; 8192]);
        while all.len() < 1_000_000 {
            let length = reader.read(&mut part).unwrap();
            all.extend_from_slice(&part[..length]);
            console.write_out();
        }
        let lines = String::from_utf8(all).unwrap();
        assert!(lines.lines().enumerate().all(|(n, line)| line.parse::<usize>().unwrap() == n));
        assert!(!console.write_out());
        assert_eq!(console.lost.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn lines_for_which_a_disk_has_no_room_are_counted() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut console = Console::new(full, Arc::default());
        console.take(b"one\n");
        assert_eq!(console.lost.load(Ordering::Relaxed), 1);
        console.gathers = true;
        console.take(b"two\n");
        console.take(b"three\n");
        assert!(!console.write_out(), "nothing waits for ever");
        assert_eq!(console.lost.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn what_waits_is_bounded_and_the_rest_is_counted() {
        let (_reader, writer) = io::pipe().unwrap();
        let mut console = console(writer);
        console.gathers = true;
        let line = [b"x".repeat(999), b"\n".to_vec()].concat();
        for _ in 0..10_000 {
            console.take(&line);
        }
        assert!(console.text.len() <= BACKLOG);
        let lost = console.lost.load(Ordering::Relaxed);
        assert!((5_600..5_900).contains(&lost), "{lost}");
    }

    #[test]
    fn a_pipe_that_nobody_reads_loses_lines_but_never_waits() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut console = console(writer);
        let line = [[b'x'; 999].as_slice(), b"\n"].concat();
        for _ in 0..200 {
            console.take(&line);
        }
        let lost = console.lost.load(Ordering::Relaxed);
        assert!((100..200).contains(&lost), "{lost} lost: a pipe holds 64 KiB");
        drop(console);
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(read.len() as u64, (200 - lost) * 1_000, "every line is whole or absent");
    }

    #[test]
    fn a_reader_that_is_gone_is_no_error() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut console = console(writer);
        console.take(b"line\n");
    }
}
