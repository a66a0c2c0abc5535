//! The one logger of a process, behind the `log` macros.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use log::{Level, LevelFilter, Log, Metadata, Record, SetLoggerError};

use crate::console;
use crate::facility::Facility;
use crate::file::LogFile;
use crate::identity::Process;
use crate::stamp;
use crate::syslog::Syslog;

const SYSLOG_SOCKET: &str = "/dev/log";

/// How much is logged (`-D`). `log::debug!` lines are those that one `-D` adds, `log::trace!` those
/// of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Detail {
    /// What an administrator must know.
    #[default]
    Normal,
    /// `-D`.
    Detailed,
    /// `-D -D`.
    Everything,
}

impl Detail {
    /// As many times as `-D` was given.
    pub const fn from_count(count: u8) -> Self {
        match count {
            0 => Self::Normal,
            1 => Self::Detailed,
            _ => Self::Everything,
        }
    }

    const fn level(self) -> LevelFilter {
        match self {
            Self::Normal => LevelFilter::Info,
            Self::Detailed => LevelFilter::Debug,
            Self::Everything => LevelFilter::Trace,
        }
    }
}

/// Where lines go.
#[derive(Debug)]
pub struct Options {
    /// `-l`: to standard error. `RUST_LOG` may choose other lines for it, by module and level.
    pub console: bool,
    /// To syslog under this facility; `None` with `-G`.
    pub syslog: Option<Facility>,
    /// `-g`: to files, by way of the process behind this pipe.
    pub file: Option<OwnedFd>,
    /// How much.
    pub detail: Detail,
    /// What syslog calls this process: see [`crate::identity()`].
    pub identity: String,
}

struct Sink {
    console: Option<(env_logger::Logger, console::Shared)>,
    console_lost: Arc<AtomicU64>,
    syslog: Option<Mutex<Syslog>>,
    file: Option<LogFile>,
    syslog_level: LevelFilter,
}

static SINK: OnceLock<Sink> = OnceLock::new();

/// Sends the lines of the `log` macros where `options` say. Once a process; a forked one inherits it
/// and calls [`set_identity`].
///
/// # Errors
/// When there is a logger already.
pub fn init(options: Options) -> Result<(), SetLoggerError> {
    let level = options.detail.level();
    let sink = SINK.get_or_init(|| Sink::new(options));
    log::set_logger(sink)?;
    let console = sink.console.as_ref();
    let console_level = console.map_or(LevelFilter::Off, |(logger, _)| logger.filter());
    log::set_max_level(console_level.max(level));
    Ok(())
}

/// What syslog calls this process from now on. For a process that was just forked.
pub fn set_identity(identity: &str) {
    if let Some(mut syslog) = SINK.get().and_then(Sink::syslog) {
        syslog.set_identity(identity.to_owned());
    }
}

/// Whose lines these are from now on, in log files. For a process that was just forked.
pub fn set_process(process: Process) {
    if let Some(file) = SINK.get().and_then(|sink| sink.file.as_ref()) {
        file.set_process(process);
    }
}

/// From now on lines for the console wait for [`flush`], which then is to be called at the end of each
/// turn: a thousand lines of one turn are a few system calls. Errors and what does not fit one write
/// leave at once. The clock is not read for each of them, and a syslog daemon that is not there is not
/// looked for again before the next turn. Not for a process that forks and goes on in both.
pub fn gather() {
    stamp::gather();
    if let Some((_, console)) = SINK.get().and_then(|sink| sink.console.as_ref()) {
        console.gather();
    }
}

/// Gives the console what was gathered, and both what they had no room for, without waiting. Whether
/// some still waits: then this is to be called again soon, or the lines wait for the next one.
pub fn flush() -> bool {
    stamp::renew();
    let console = SINK.get().and_then(|sink| sink.console.as_ref());
    let console_waits = console.is_some_and(|(_, console)| console.write_out());
    let syslog_waits = SINK.get().and_then(Sink::syslog).is_some_and(|mut syslog| {
        syslog.next_turn();
        syslog.flush()
    });
    console_waits || syslog_waits
}

/// Before a process ends: gives syslog what it had no room for, and waits `limit` at most.
pub fn finish(limit: std::time::Duration) {
    let pause = std::time::Duration::from_millis(5);
    let mut left = limit;
    while flush() && !left.is_zero() {
        std::thread::sleep(pause.min(left));
        left = left.saturating_sub(pause);
    }
}

/// How many lines this process and those before it in the line of forks could not write.
pub fn lost() -> u64 {
    let Some(sink) = SINK.get() else { return 0 };
    let syslog = sink.syslog().map_or(0, |syslog| syslog.lost());
    let file = sink.file.as_ref().map_or(0, LogFile::lost);
    syslog + file + sink.console_lost.load(Ordering::Relaxed)
}

impl Sink {
    fn new(options: Options) -> Self {
        let Options { console, syslog, file, detail, identity } = options;
        let console_lost = Arc::new(AtomicU64::new(0));
        let lost = Arc::clone(&console_lost);
        Self {
            console: console.then(|| {
                let shared = console::Shared::new(lost);
                (console::logger(detail.level(), shared.clone()), shared)
            }),
            console_lost,
            syslog: syslog.map(|facility| {
                Mutex::new(Syslog::new(PathBuf::from(SYSLOG_SOCKET), facility, identity))
            }),
            // A pipe that cannot be set up has no lines in it; nothing else suffers.
            file: file.and_then(|pipe| LogFile::new(pipe).ok()),
            syslog_level: detail.level(),
        }
    }

    fn syslog(&self) -> Option<MutexGuard<'_, Syslog>> {
        // A panic while logging leaves nothing half done that could matter.
        self.syslog.as_ref().map(|syslog| syslog.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Libraries that tell of every byte when they are asked for details, which `-D` does not mean.
/// `RUST_LOG` can ask them.
pub(crate) const NOISY: [&str; 3] = ["neli", "rustls", "mio"];

/// What a library has to say that is no warning.
fn is_noise(metadata: &Metadata<'_>) -> bool {
    let module = metadata.target().split("::").next().unwrap_or_default();
    metadata.level() > Level::Warn && NOISY.contains(&module)
}

impl Log for Sink {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let elsewhere = self.syslog.is_some() || self.file.is_some();
        (elsewhere && metadata.level() <= self.syslog_level && !is_noise(metadata))
            || self.console.as_ref().is_some_and(|(logger, _)| logger.enabled(metadata))
    }

    fn log(&self, record: &Record<'_>) {
        if record.level() <= self.syslog_level
            && !is_noise(record.metadata())
            && let Some(mut syslog) = self.syslog()
        {
            syslog.log(record.level(), &record.args().to_string());
        }
        if record.level() <= self.syslog_level
            && !is_noise(record.metadata())
            && let Some(file) = &self.file
        {
            file.log(&record.args().to_string());
        }
        if let Some((logger, console)) = &self.console {
            logger.log(record);
            if record.level() == Level::Error {
                console.write_out();
            }
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_heard_from_warnings_on() {
        let from = |target, level| Metadata::builder().target(target).level(level).build();
        assert!(is_noise(&from("neli::nl", Level::Debug)));
        assert!(!is_noise(&from("neli::nl", Level::Warn)));
        assert!(!is_noise(&from("netlink", Level::Debug)));
    }

    #[test]
    fn each_detail_option_adds_a_level() {
        let levels = [0, 1, 2, 9].map(|count| Detail::from_count(count).level());
        let expected =
            [LevelFilter::Info, LevelFilter::Debug, LevelFilter::Trace, LevelFilter::Trace];
        assert_eq!(levels, expected);
    }
}
