//! `notify_fifo`, `vrrp_notify_fifo`, `lvs_notify_fifo`: made before the children open them, with the
//! programs that read them, and removed when the daemon ends.

use std::collections::BTreeMap;
use std::path::Path;

use control_plane::Config;
use control_plane::model::Command;
use control_plane::model::global::Fifo;
use notify::Launcher;

use super::handover::FifoPlace;

/// The pipes of the running configuration, by path.
#[derive(Default)]
pub(super) struct Fifos {
    made: BTreeMap<String, Made>,
}

struct Made {
    fifo: Fifo,
    /// It was not there before.
    ours: bool,
    reader: Option<sys::Child>,
    /// Open, so that the reader does not meet its end while a child is replaced.
    _keeper: Option<sys::fifo::Fifo>,
}

impl Fifos {
    /// Makes what `config` wants and removes what it does not; what stays is not touched.
    pub(super) fn follow(&mut self, config: &Config) {
        let global = &config.global;
        let wanted: BTreeMap<&str, &Fifo> = [&global.fifo, &global.vrrp_fifo, &global.lvs_fifo]
            .into_iter()
            .flatten()
            .map(|fifo| (fifo.path.as_str(), fifo))
            .collect();
        let stays =
            |path: &str, made: &Made| wanted.get(path).is_some_and(|fifo| **fifo == made.fifo);
        for (path, made) in self.made.extract_if(.., |path, made| !stays(path, made)) {
            made.end(&path);
        }
        for (path, fifo) in wanted {
            if !self.made.contains_key(path)
                && let Some(made) = Made::begin(fifo, config)
            {
                self.made.insert(path.to_owned(), made);
            }
        }
    }

    /// Whether `pid` reads one of them.
    pub(super) fn is_reader(&self, pid: i32) -> bool {
        self.made.values().filter_map(|made| made.reader.as_ref()).any(|one| one.pid() == pid)
    }

    /// A process has ended and was collected: one that read a pipe has no number any longer.
    pub(super) fn ended(&mut self, pid: i32) {
        for (path, made) in &mut self.made {
            if made.reader.take_if(|reader| reader.pid() == pid).is_some() {
                log::error!("The reader of FIFO {path} has ended");
            }
        }
    }

    /// For the program that goes on in this process.
    pub(super) fn hand_over(&self) -> Vec<FifoPlace> {
        let place = |(path, made): (&String, &Made)| FifoPlace {
            path: path.clone(),
            ours: made.ours,
            reader: made.reader.as_ref().map(sys::Child::pid),
        };
        self.made.iter().map(place).collect()
    }

    /// What the former program of this process has made.
    pub(super) fn resume(places: Vec<FifoPlace>, config: &Config) -> Self {
        let global = &config.global;
        let wanted = [&global.fifo, &global.vrrp_fifo, &global.lvs_fifo];
        let made = places.into_iter().filter_map(|place| {
            let fifo = wanted.into_iter().flatten().find(|fifo| fifo.path == place.path)?.clone();
            // One that has ended needs no handle.
            let reader = place.reader.and_then(|pid| sys::Child::known(pid).ok());
            let keeper = keep(&place.path);
            Some((place.path, Made { fifo, ours: place.ours, reader, _keeper: keeper }))
        });
        Self { made: made.collect() }
    }

    /// Ends the readers and removes what was made.
    pub(super) fn end(self) {
        for (path, made) in self.made {
            made.end(&path);
        }
    }
}

impl Made {
    fn begin(fifo: &Fifo, config: &Config) -> Option<Self> {
        let path = &fifo.path;
        let owner = fifo.user.as_ref().map(notify::resolve_user).transpose();
        let owner = owner.unwrap_or_else(|error| {
            log::error!("FIFO {path}: {error}");
            None
        });
        match sys::fifo::make(Path::new(path), owner) {
            Ok(ours) => {
                let reader = fifo.script.as_ref().and_then(|script| read(script, path, config));
                Some(Self { fifo: fifo.clone(), ours, reader, _keeper: keep(path) })
            }
            Err(error) => {
                log::error!("cannot make FIFO {path}: {error}");
                None
            }
        }
    }

    fn end(self, path: &str) {
        if let Some(reader) = self.reader
            && let Err(error) = reader.signal_group(sys::Signal::TERM)
        {
            log::error!("cannot end the reader of FIFO {path}: {error}");
        }
        if self.ours
            && let Err(error) = std::fs::remove_file(path)
        {
            log::error!("cannot remove FIFO {path}: {error}");
        }
    }
}

fn keep(path: &str) -> Option<sys::fifo::Fifo> {
    // The child that writes to it tells what is wrong with it.
    sys::fifo::Fifo::open(Path::new(path)).ok()
}

/// Starts `*_fifo_script`, with the path as its last argument.
fn read(script: &Command, path: &str, config: &Config) -> Option<sys::Child> {
    let mut launcher =
        Launcher::new(config.global.scripts.clone(), crate::configuration::umask(config));
    let mut command = script.clone();
    command.args.push(path.to_owned());
    let started = launcher.start(&command);
    started.inspect_err(|error| log::error!("reader of FIFO {path}: {error}")).ok()
}
