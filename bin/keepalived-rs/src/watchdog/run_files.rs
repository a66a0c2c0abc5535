//! Where the PID files are.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use control_plane::model::global::Launch;
use serde::{Deserialize, Serialize};

use crate::cli::Options;

/// The system's directory for such files.
const RUN: &str = "/run";

/// The directory below it for `use_pid_dir` and what implies it.
const OWN: &str = "keepalived";

/// The PID files of one daemon, and the directories made for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunFiles {
    pub(crate) parent: PathBuf,
    pub(super) vrrp: PathBuf,
    pub(super) checkers: PathBuf,
    /// Outer ones first.
    directories: Vec<PathBuf>,
    /// The innermost of them is mounted over the outermost.
    #[serde(default)]
    is_mounted: bool,
}

impl RunFiles {
    /// By the command line, else by namespace, instance and `use_pid_dir`.
    pub(crate) fn new(options: &Options, launch: &Launch) -> Self {
        let mut directory = PathBuf::from(RUN);
        let mut directories = Vec::new();
        let named = launch.instance.is_some() || launch.namespace.is_some();
        if launch.use_pid_dir || named {
            directory.push(OWN);
            directories.push(directory.clone());
        }
        if let Some(namespace) = &launch.namespace {
            directory.push(namespace);
            directories.push(directory.clone());
        }
        let instance = launch.instance.as_ref().map(|name| format!("_{name}")).unwrap_or_default();
        let file = |chosen: &Option<PathBuf>, name: &str| {
            chosen.clone().unwrap_or_else(|| directory.join(format!("{name}{instance}.pid")))
        };
        Self {
            parent: file(&options.pid_file, "keepalived"),
            vrrp: file(&options.vrrp_pid_file, "vrrp"),
            checkers: file(&options.checkers_pid_file, "checkers"),
            directories,
            is_mounted: false,
        }
    }

    /// In a network namespace: whatever runs here finds the PID files in `/run/keepalived`, as with
    /// no namespace. To be called once the directories are there.
    pub(super) fn mount(&mut self, launch: &Launch) {
        let [over, .., directory] = &self.directories[..] else { return };
        if launch.namespace.is_none() {
            return;
        }
        if let Err(error) = sys::namespace::mount_over(directory, over) {
            return log::warn!(
                "cannot mount {} over {}: {error}",
                directory.display(),
                over.display()
            );
        }
        for path in [&mut self.parent, &mut self.vrrp, &mut self.checkers] {
            if let Ok(name) = path.strip_prefix(directory) {
                *path = over.join(name);
            }
        }
        self.is_mounted = true;
    }

    /// Whether [`Self::mount`] has mounted something.
    pub(super) const fn is_mounted(&self) -> bool {
        self.is_mounted
    }

    /// Makes the directories, mode 0755 whatever the umask.
    pub(super) fn make_directories(&self) -> Result<(), String> {
        let failed =
            |path: &Path, error| format!("Unable to create directory {} - {error}", path.display());
        for path in &self.directories {
            match DirBuilder::new().mode(0o755).create(path) {
                Ok(()) => fs::set_permissions(path, Permissions::from_mode(0o755))
                    .map_err(|error| failed(path, error))?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
                Err(error) => return Err(failed(path, error)),
            }
        }
        Ok(())
    }

    /// Removes the directories that nobody uses any longer.
    pub(super) fn remove_directories(&self) {
        if let Some(over) = self.directories.first().filter(|_| self.is_mounted)
            && let Err(error) = sys::namespace::unmount(over)
        {
            log::warn!("cannot unmount {}: {error}", over.display());
        }
        for path in self.directories.iter().rev() {
            // Another daemon's files keep it, which is no failure.
            if fs::remove_dir(path).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(options: &Options, launch: &Launch) -> [String; 3] {
        let RunFiles { parent, vrrp, checkers, .. } = RunFiles::new(options, launch);
        [parent, vrrp, checkers].map(|path| path.display().to_string())
    }

    #[test]
    fn names_are_keepaliveds() {
        let launch = Launch::default();
        let wanted = ["/run/keepalived.pid", "/run/vrrp.pid", "/run/checkers.pid"];
        assert_eq!(files(&Options::default(), &launch), wanted);
    }

    #[test]
    fn directory_instance_and_namespace_move_them() {
        let options = Options::default();
        let mut launch = Launch { use_pid_dir: true, ..Launch::default() };
        assert_eq!(files(&options, &launch)[0], "/run/keepalived/keepalived.pid");
        launch = Launch { instance: Some("INS".into()), ..Launch::default() };
        assert_eq!(files(&options, &launch)[1], "/run/keepalived/vrrp_INS.pid");
        launch.namespace = Some("ns".into());
        assert_eq!(files(&options, &launch)[2], "/run/keepalived/ns/checkers_INS.pid");
    }

    #[test]
    fn the_command_line_beats_all() {
        let options = Options { pid_file: Some("/tmp/own.pid".into()), ..Options::default() };
        let launch = Launch { use_pid_dir: true, ..Launch::default() };
        let wanted = ["/tmp/own.pid", "/run/keepalived/vrrp.pid", "/run/keepalived/checkers.pid"];
        assert_eq!(files(&options, &launch), wanted);
    }
}
