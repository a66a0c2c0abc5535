//! What the parent of one binary leaves to that of the next, which runs in the same process: its
//! descriptors by number, its children by process number, what it knows. Both may be of different
//! versions, so it is in an envelope ([`ipc::envelope`]); a field that is new in a version needs
//! `#[serde(default)]`.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use control_plane::model::global::Launch;
use serde::{Deserialize, Serialize};
use sys::exec::inherited;

use super::run_files::RunFiles;
use crate::configuration::{Prepared, Usable};
use crate::kind::{Checkers, Kind, Vrrp};

/// The environment variable with the number of the descriptor of the [`HandOver`]. Scripts do not
/// get it.
pub(super) const VARIABLE: &str = "KEEPALIVED_RS_HANDOVER";

/// Where the daemon was started, and as what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// The working directory that relative names of the command line mean.
    pub(super) directory: PathBuf,
    /// The program's file, absolute, by the name under which it was started: what is there now is
    /// the program to go on with.
    pub(super) program: PathBuf,
}

impl Origin {
    /// Of this process, at its start.
    pub(super) fn of_this() -> Self {
        let directory = std::env::current_dir().unwrap_or_else(|_| "/".into());
        let called = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
        // A bare name was found by a search that may find something else next time.
        let named = called.components().count() > 1 && directory.join(&called).is_file();
        let program =
            if named { directory.join(called) } else { std::env::current_exe().unwrap_or(called) };
        Self { directory, program }
    }
}

/// Everything.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandOver {
    /// Who wrote it: [`ipc::BUILD`].
    pub(super) build: String,
    /// For this process only: the environment is inherited by others.
    pub(super) pid: u32,
    pub(super) origin: Origin,
    pub(super) launch: Launch,
    pub(super) files: RunFiles,
    /// Of the parent, locked.
    pub(super) pid_file: RawFd,
    /// The program's file, which the new one has no use for.
    pub(super) program: RawFd,
    /// The configuration as the new binary's trial has read it, in its own layout.
    pub(super) prepared: Option<RawFd>,
    pub(super) vrrp: Place<<Vrrp as Kind>::Known>,
    pub(super) checkers: Place<<Checkers as Kind>::Known>,
    pub(super) fifos: Vec<FifoPlace>,
    /// A reload was asked for and not served.
    pub(super) reload: bool,
}

impl HandOver {
    /// The working directory that relative names of the command line mean.
    pub(crate) fn directory(&self) -> &Path {
        &self.origin.directory
    }
}

/// A place for a child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Place<Known> {
    /// The process that works there, and the parent's end of the way to it.
    pub(super) process: Option<(i32, RawFd)>,
    pub(super) pid_file: Option<RawFd>,
    /// Its last known state.
    pub(super) known: Known,
}

/// A named pipe.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FifoPlace {
    pub(super) path: String,
    /// It was not there before the daemon.
    pub(super) ours: bool,
    /// The process number of its reader.
    pub(super) reader: Option<i32>,
}

/// The arguments of this process, the program's name first.
pub(super) fn arguments() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// What this process's former program has left, if it has.
pub(super) struct Received {
    pub(super) hand_over: HandOver,
    pub(super) usable: Usable,
    pub(super) pid_file: OwnedFd,
}

/// Takes what the former program of this process has left; `None` when there was none, an error
/// when it cannot be used.
pub(super) fn receive() -> Option<Result<Received, String>> {
    let number = std::env::var(VARIABLE).ok()?.parse().ok()?;
    let hand_over: HandOver =
        inherited(number).ok().and_then(|fd| ipc::envelope::read(fd.as_fd()).ok())?;
    // Somebody else's, from whom this process has its environment.
    (hand_over.pid == std::process::id()).then(|| take(hand_over))
}

fn take(hand_over: HandOver) -> Result<Received, String> {
    let text = |error: std::io::Error| format!("what the former program has left: {error}");
    drop(inherited(hand_over.program));
    let prepared = hand_over.prepared.ok_or("the former program has left no configuration")?;
    let prepared = inherited(prepared).map_err(text)?;
    let prepared: Prepared =
        ipc::blob::read(prepared.as_fd()).map_err(|error| error.to_string())?;
    let pid_file = inherited(hand_over.pid_file).map_err(text)?;
    let usable = Usable::of(prepared, hand_over.launch.clone());
    Ok(Received { hand_over, usable, pid_file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_named_absolutely() {
        let origin = Origin::of_this();
        assert!(origin.program.is_absolute() && origin.program.is_file(), "{origin:?}");
        assert!(origin.directory.is_absolute());
    }
}
