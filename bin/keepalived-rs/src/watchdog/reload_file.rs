//! `reload_time_file`: the file that says when to reload is watched and read, and removed when it
//! has served.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use base::{Duration, Instant};
use control_plane::model::global::Reload;
use scheduler::{Interest, Scheduler, Token};
use sys::clock::{self, LocalTime};
use sys::files::read_small;
use sys::watch::{Happened, Watch, WatchId};
use watchdog::ReloadTime;
use watchdog::calendar::{Civil, Date, Time, Zone};
use watchdog::reload_time::{LONGEST, Served};

/// How often the wall clock is looked at while a reload is to come: somebody may set it.
const LOOK: Duration = Duration::from_secs(1);

/// How often a directory that is not there is looked for.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Reads from inotify in one turn at most, each of about a hundred changes.
const READS_A_TURN: usize = 64;

/// The file, if one is named, and what it says.
#[derive(Default)]
pub(super) struct ReloadFile {
    path: Option<PathBuf>,
    repeat: bool,
    time: ReloadTime,
    watch: Option<(Watch, Token)>,
    /// Its directory, while that is watched.
    directory: Option<WatchId>,
    look_at: Option<Instant>,
}

impl ReloadFile {
    /// This is the configuration from now on. The file is read again.
    pub(super) fn follow(&mut self, now: Instant, reload: &Reload, scheduler: &mut Scheduler) {
        if let Some((_, token)) = self.watch.take() {
            scheduler.deregister(token);
        }
        self.directory = None;
        self.path = reload.time_file.as_ref().map(PathBuf::from);
        self.repeat = reload.repeat;
        if self.path.is_some() {
            match open(scheduler) {
                Ok(watch) => self.watch = Some(watch),
                Err(error) => log::error!("cannot watch reload_time_file: {error}"),
            }
        }
        if let Err(directory) = self.watch_directory() {
            log::warn!("Unable to monitor reload timer file directory {}", directory.display());
        }
        self.read(now);
    }

    /// When [`Self::on_timeout`] is due.
    pub(super) const fn next_timeout(&self) -> Option<Instant> {
        self.look_at
    }

    /// Whether a reload is due.
    pub(super) fn on_timeout(&mut self, now: Instant) -> bool {
        if self.look_at.is_none_or(|at| at > now) {
            return false;
        }
        if self.directory.is_none() && self.path.is_some() && self.watch_directory().is_ok() {
            self.read(now);
        }
        let served = self.time.take_due(seconds());
        match served {
            Some(Served::ForToday) if self.repeat => self.read(now),
            Some(_) => self.remove(),
            None => {}
        }
        self.look_later(now);
        served.is_some()
    }

    /// Whether the event was one of the file's.
    pub(super) fn on_event(
        &mut self,
        now: Instant,
        token: Token,
        scheduler: &mut Scheduler,
    ) -> bool {
        let Some((watch, _)) = self.watch.as_ref().filter(|(_, own)| *own == token) else {
            return false;
        };
        let mut is_touched = false;
        for turn in 0..READS_A_TURN {
            let happened = watch.read().unwrap_or_default();
            if happened.is_empty() {
                break;
            }
            let name = self.path.as_deref().and_then(Path::file_name);
            let is_ours = |one: &Happened| match one {
                Happened::Touched(_, of) => name == Some(of),
                Happened::Gone(_) | Happened::Anything => true,
            };
            is_touched |= happened.iter().any(is_ours);
            let is_gone = happened.iter().any(|one| matches!(one, Happened::Gone(_)));
            if is_gone && self.directory.take().is_some() {
                log::warn!("Directory of reload timer file has disappeared.");
            }
            if turn + 1 == READS_A_TURN {
                scheduler.still_ready(token);
            }
        }
        if is_touched {
            self.read(now);
        }
        true
    }

    /// # Errors
    /// The directory, when there is one that cannot be watched.
    fn watch_directory(&mut self) -> Result<(), PathBuf> {
        let (Some((watch, _)), Some(path)) = (&self.watch, &self.path) else { return Ok(()) };
        let directory = path.parent().unwrap_or_else(|| Path::new("/"));
        self.directory = watch.add(directory).ok();
        self.directory.map(|_| ()).ok_or_else(|| directory.to_owned())
    }

    fn read(&mut self, now: Instant) {
        let text = self.path.as_deref().and_then(|path| read_small(path, LONGEST).ok());
        for news in self.time.follow(text.as_deref(), seconds(), &Here) {
            let level = if news.is_error() { log::Level::Warn } else { log::Level::Info };
            log::log!(level, "{news}");
        }
        self.look_later(now);
    }

    fn look_later(&mut self, now: Instant) {
        let is_lost = self.watch.is_some() && self.directory.is_none();
        let again = is_lost.then_some(now + LOOK_AGAIN);
        let due = self.time.at().map(|at| {
            // To the microsecond: the file says a second, and means its beginning.
            let wall = clock::wall();
            let at = Duration::from_secs(u64::try_from(at).unwrap_or(0));
            now + at.saturating_sub(wall).min(LOOK)
        });
        self.look_at = [again, due].into_iter().flatten().min();
    }

    fn remove(&self) {
        let Some(path) = &self.path else { return };
        if let Err(error) = std::fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            log::error!("cannot remove reload_time_file {}: {error}", path.display());
        }
    }
}

fn open(scheduler: &mut Scheduler) -> io::Result<(Watch, Token)> {
    let watch = Watch::new()?;
    let token = scheduler.register(watch.as_fd(), Interest::Read)?;
    Ok((watch, token))
}

fn seconds() -> i64 {
    i64::try_from(clock::wall().as_secs()).unwrap_or(i64::MAX)
}

/// The time zone of this machine.
struct Here;

impl Zone for Here {
    fn civil(&self, seconds: i64) -> Civil {
        let local = clock::local_time_at(seconds);
        let LocalTime { year, month, day, hour, minute, second, .. } = local;
        let (date, time) = (Date { year, month: month + 1, day }, Time { hour, minute, second });
        Civil { date, time }
    }

    fn seconds(&self, Civil { date, time }: Civil) -> Option<i64> {
        clock::seconds_at_local(LocalTime {
            year: date.year,
            month: date.month.checked_sub(1)?,
            day: date.day,
            weekday: 0,
            hour: time.hour,
            minute: time.minute,
            second: time.second,
        })
    }
}
