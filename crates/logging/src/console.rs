//! Standard error, written without waiting: behind it may be a pipe whose reader has stopped.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use env_logger::{Builder, Logger, Target};
use log::LevelFilter;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sys::clock;

use crate::line;
use crate::sink::NOISY;

/// The console's logger: lines of `level` and above, or whatever `RUST_LOG` says.
pub(crate) fn logger(level: LevelFilter, lost: Arc<AtomicU64>) -> Logger {
    let mut builder = Builder::new();
    builder.filter_level(level);
    for module in NOISY {
        builder.filter_module(module, level.min(LevelFilter::Warn));
    }
    builder
        .parse_env(env_logger::DEFAULT_FILTER_ENV)
        .format(|out, record| {
            let text = line::console(clock::local_time(), &record.args().to_string());
            out.write_all(text.as_bytes())
        })
        .target(Target::Pipe(Box::new(Console { to: io::stderr(), lost })))
        .build()
}

/// Takes one line with each `write`.
struct Console<W> {
    to: W,
    lost: Arc<AtomicU64>,
}

impl<W: AsFd> Write for Console<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.is_writable() {
            // Past the standard library's own buffer and lock; a pipe with room takes a whole line.
            let _ = nix::unistd::write(&self.to, line);
        } else {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: AsFd> Console<W> {
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
        Console { to, lost: Arc::default() }
    }

    #[test]
    fn a_pipe_that_nobody_reads_loses_lines_but_never_waits() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut console = console(writer);
        let line = [b'x'; 1_000];
        for _ in 0..200 {
            console.write_all(&line).unwrap();
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
        console.write_all(b"line\n").unwrap();
    }
}
