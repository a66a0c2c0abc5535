//! Standard error, written without waiting: behind it may be a pipe whose reader has stopped.

use std::io::{self, Stderr, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use env_logger::{Builder, Logger, Target};
use log::LevelFilter;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::line;
use crate::sink::NOISY;
use crate::stamp;

/// A pipe that is ready takes so much without waiting, and whole (POSIX `PIPE_BUF`).
const GATHERED: usize = 4096;

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

    /// Writes what waits.
    pub(crate) fn write_out(&self) {
        self.locked().write_out();
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

struct Console<W> {
    to: W,
    lost: Arc<AtomicU64>,
    gathers: bool,
    /// Whole lines that were not written yet, and how many.
    gathered: (Vec<u8>, u64),
}

impl<W: AsFd> Console<W> {
    const fn new(to: W, lost: Arc<AtomicU64>) -> Self {
        Self { to, lost, gathers: false, gathered: (Vec::new(), 0) }
    }

    /// One whole line.
    fn take(&mut self, line: &[u8]) {
        if self.gathered.0.len() + line.len() > GATHERED {
            self.write_out();
        }
        self.gathered.0.extend_from_slice(line);
        self.gathered.1 += 1;
        if !self.gathers {
            self.write_out();
        }
    }

    fn write_out(&mut self) {
        let (text, lines) = (&self.gathered.0, self.gathered.1);
        if text.is_empty() {
            return;
        }
        if self.is_writable() {
            // Past the standard library's own buffer and lock.
            let _ = nix::unistd::write(&self.to, text);
        } else {
            self.lost.fetch_add(lines, Ordering::Relaxed);
        }
        self.gathered.0.clear();
        self.gathered.1 = 0;
    }

    fn is_writable(&self) -> bool {
        let mut fds = [PollFd::new(self.to.as_fd(), PollFlags::POLLOUT)];
        let ready = poll(&mut fds, PollTimeout::ZERO);
        ready.is_ok_and(|count| count > 0)
            && fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLOUT))
    }
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
    fn a_pipe_that_nobody_reads_loses_lines_but_never_waits() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut console = console(writer);
        let line = [b'x'; 1_000];
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
