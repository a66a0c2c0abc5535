//! `config_save_dir`: what was read at each load, and what each process was before and after a reload.
//! For whoever has to find out what repeated reloads did.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use control_plane::Config;
use ipc::Report;

use crate::cli::Options;
use crate::configuration;

/// Where the files of this daemon are, and which come next.
#[derive(Default)]
pub(super) struct Saved {
    /// Of the last load.
    load: Option<Load>,
    /// What the last reload has replaced.
    former: Option<Config>,
}

struct Load {
    directory: PathBuf,
    number: u32,
}

impl Saved {
    /// The files have just been read, and this is what they say; `parent` is this process.
    pub(super) fn loaded(&mut self, options: &Options, config: &Config, parent: i32) {
        self.load = match &config.global.files.config_save_dir {
            Some(directory) => self.save(options, Path::new(directory), parent),
            None => None,
        };
    }

    fn save(&self, options: &Options, directory: &Path, parent: i32) -> Option<Load> {
        let path = |number| directory.join(format!("keepalived.conf.{parent}.{number}"));
        let mut number = self.load.as_ref().map_or(0, |load| load.number.saturating_add(1));
        // Another binary in this process has been here before, or a process of the same number.
        while number < u32::MAX && path(number).exists() {
            number += 1;
        }
        make(directory)
            .and_then(|()| {
                let lines = configuration::merged(options);
                sys::files::replace(&path(number), lines.into_iter())
            })
            .inspect_err(|error| {
                log::error!("cannot save to config_save_dir {}: {error}", directory.display());
            })
            .ok()?;
        Some(Load { directory: directory.to_owned(), number })
    }

    /// What was read last is in force now.
    pub(super) fn adopted(&mut self, former: Config) {
        self.former = self.load.is_some().then_some(former);
    }

    /// Whether the processes are to say what they are before and after the reload under way.
    pub(super) const fn wants_reports(&self) -> bool {
        self.former.is_some()
    }

    /// The file for what a process was, and the configuration that it had then; `None` for a report
    /// that is not about a reload.
    pub(super) fn place<'a>(
        &'a self,
        report: Report,
        name: &str,
        pid: i32,
        running: &'a Config,
    ) -> Option<(PathBuf, &'a Config)> {
        let (moment, config) = match report {
            Report::BeforeReload => ("pre", self.former.as_ref()?),
            Report::AfterReload => ("post", running),
            _ => return None,
        };
        let Load { directory, number } = self.load.as_ref()?;
        Some((directory.join(format!("{name}.{pid}.{number}.{moment}")), config))
    }
}

/// Makes the directory, for this user alone, whatever the umask.
fn make(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => std::fs::set_permissions(directory, Permissions::from_mode(0o700)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
