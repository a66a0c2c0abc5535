//! `track_file`: numbers in files, read when inotify tells of a change.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use base::{Duration, Instant, Sighting};
use control_plane::model::tracking::TrackFile;
use scheduler::{Interest, Scheduler, Token};
use sys::files::{initialise, read_small};
use sys::watch::{Happened, Watch, WatchId};
use watchdog::number;

/// How often a directory that is not there is looked for.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Reads from inotify in one turn at most, each of about a hundred changes.
const READS_A_TURN: usize = 64;

/// The files, and the directories that they are in.
#[derive(Default)]
pub(super) struct Files {
    watch: Option<(Watch, Token)>,
    files: Vec<File>,
    look_again: Option<Instant>,
}

struct File {
    config: TrackFile,
    /// Where changes of it are told: its directory, and that of the file which it is a link to.
    places: Vec<(WatchId, OsString)>,
    /// Its own directory is watched.
    is_watched: bool,
    /// Something has happened to it since it was read.
    is_touched: bool,
    value: i32,
}

impl Files {
    /// These files from now on. Files that were not there before get their first number.
    pub(super) fn follow(&mut self, now: Instant, wanted: &[TrackFile], scheduler: &mut Scheduler) {
        let known = |path: &str| self.files.iter().any(|file| file.config.path == path);
        for file in wanted.iter().filter(|file| !known(&file.path)) {
            write_first(file);
        }
        self.close(scheduler);
        let file = |config: &TrackFile| File {
            config: config.clone(),
            places: Vec::new(),
            is_watched: false,
            is_touched: false,
            value: 0,
        };
        self.files = wanted.iter().map(file).collect();
        if !self.files.is_empty() {
            self.open(scheduler)
                .unwrap_or_else(|error| log::error!("cannot watch track files: {error}"));
        }
        self.watch_all(now);
        self.read_where(|_| true);
    }

    fn open(&mut self, scheduler: &mut Scheduler) -> io::Result<()> {
        let watch = Watch::new()?;
        let token = scheduler.register(watch.as_fd(), Interest::Read)?;
        self.watch = Some((watch, token));
        Ok(())
    }

    /// Watches nothing any longer.
    fn close(&mut self, scheduler: &mut Scheduler) {
        if let Some((_, token)) = self.watch.take() {
            scheduler.deregister(token);
        }
        self.look_again = None;
    }

    /// Watches what is not watched yet, and comes back later for what cannot be.
    fn watch_all(&mut self, now: Instant) {
        let Some((watch, _)) = &self.watch else { return };
        for file in self.files.iter_mut().filter(|file| !file.is_watched) {
            file.watch_with(watch);
            // What was written before it was watched is told by nobody.
            file.is_touched |= file.is_watched;
        }
        let missing = self.files.iter().any(|file| !file.is_watched);
        self.look_again = missing.then_some(now + LOOK_AGAIN);
    }

    /// What has changed, when the event is of inotify.
    pub(super) fn on_event(
        &mut self,
        now: Instant,
        token: Token,
        scheduler: &mut Scheduler,
    ) -> Option<Vec<Sighting>> {
        let (watch, _) = self.watch.as_ref().filter(|(_, own)| *own == token)?;
        let (mut happened, mut more) = (Vec::new(), true);
        for _ in 0..READS_A_TURN {
            match watch.read() {
                Ok(some) if some.is_empty() => {
                    more = false;
                    break;
                }
                Ok(some) => happened.extend(some),
                Err(error) => {
                    log::error!("cannot read changes of track files: {error}");
                    more = false;
                    break;
                }
            }
        }
        if more {
            scheduler.still_ready(token);
        }
        let anything = happened.contains(&Happened::Anything);
        for file in &mut self.files {
            let lost = |(id, _): &(WatchId, OsString)| happened.contains(&Happened::Gone(*id));
            let touched = |(id, name): &(WatchId, OsString)| {
                happened.contains(&Happened::Touched(*id, name.clone()))
            };
            let is_lost = file.places.iter().any(lost);
            file.is_watched &= !is_lost;
            file.is_touched = anything || is_lost || file.places.iter().any(touched);
        }
        self.watch_all(now);
        Some(self.read_where(|file| file.is_touched))
    }

    /// When [`Self::on_timeout`] is due.
    pub(super) const fn next_timeout(&self) -> Option<Instant> {
        self.look_again
    }

    /// Looks for directories that were not there; what has changed.
    pub(super) fn on_timeout(&mut self, now: Instant) -> Vec<Sighting> {
        if self.look_again.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.watch_all(now);
        self.read_where(|_| true)
    }

    /// All numbers.
    pub(super) fn all(&self) -> impl Iterator<Item = Sighting> {
        self.files.iter().map(File::sighting)
    }

    /// Reads files; those whose number has changed.
    fn read_where(&mut self, which: impl Fn(&File) -> bool) -> Vec<Sighting> {
        let Self { watch, files, .. } = self;
        let mut news = Vec::new();
        for file in files.iter_mut().filter(|file| which(file)) {
            if let Some((watch, _)) = watch {
                // It may have become a link, or one to elsewhere.
                file.watch_with(watch);
            }
            file.is_touched = false;
            let value = file.read();
            if value != file.value {
                file.value = value;
                news.push(file.sighting());
            }
        }
        news
    }
}

impl File {
    fn watch_with(&mut self, watch: &Watch) {
        let path = PathBuf::from(&self.config.path);
        let places = [Some(path.clone()), std::fs::canonicalize(&path).ok()];
        let places = places.into_iter().flatten().filter_map(|path| place(watch, &path));
        self.places.clear();
        for place in places {
            if !self.places.contains(&place) {
                self.places.push(place);
            }
        }
        self.is_watched = path.file_name().is_none_or(|name| {
            // The first place is the file's own directory, if that could be watched.
            self.places.first().is_some_and(|(_, of)| of == name)
        });
    }

    /// No file, no number: 0.
    fn read(&self) -> i32 {
        let path = Path::new(&self.config.path);
        read_small(path, number::LONGEST).map_or(0, |text| watchdog::number(&text))
    }

    fn sighting(&self) -> Sighting {
        Sighting::File { name: self.config.name.clone(), value: self.value }
    }
}

fn place(watch: &Watch, path: &Path) -> Option<(WatchId, OsString)> {
    let name = path.file_name()?.to_owned();
    Some((watch.add(path.parent()?).ok()?, name))
}

/// `init_file`.
fn write_first(file: &TrackFile) {
    let Some(init) = file.init else { return };
    let text = format!("{}\n", init.value);
    if let Err(error) = initialise(Path::new(&file.path), &text, init.overwrite) {
        log::error!("Unable to initialise track file {} ({}): {error}", file.name, file.path);
    }
}
