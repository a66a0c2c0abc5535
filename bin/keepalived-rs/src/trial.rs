//! The trial of this binary by the running parent of another: read what it would take over and the
//! configuration, say whether it can, and end. Nothing is changed by it. The parent calls it as
//! `keepalived-rs --upgrade-trial=STATE,ANSWER` and the daemon's own options; a program that does not
//! know that refuses it.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd, RawFd};

use serde::{Deserialize, Serialize};
use sys::exec::inherited;

use crate::cli::{self, Action};
use crate::configuration;
use crate::log_setup;
use crate::watchdog::HandOver;

const OPTION: &str = "--upgrade-trial=";

/// What this binary says of itself. The configuration comes with it, when it can go on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Verdict {
    /// [`ipc::BUILD`].
    pub(crate) build: String,
    /// Why it cannot take over.
    pub(crate) refused: Option<String>,
}

/// The option that asks for a trial.
pub(crate) fn argument(state: RawFd, answer: RawFd) -> String {
    format!("{OPTION}{state},{answer}")
}

/// The descriptors of a trial, if these arguments, the program's name first, ask for one.
pub(crate) fn asked(arguments: &[OsString]) -> Option<(RawFd, RawFd)> {
    let (state, answer) = arguments.get(1)?.to_str()?.strip_prefix(OPTION)?.split_once(',')?;
    Some((state.parse().ok()?, answer.parse().ok()?))
}

/// A build's version, for people.
pub(crate) fn version(build: &str) -> String {
    build.replacen(" build", "", 1)
}

/// Proves itself; the exit status.
pub(crate) fn run((state, answer): (RawFd, RawFd), arguments: Vec<OsString>) -> i32 {
    let (Ok(state), Ok(answer)) = (inherited(state), inherited(answer)) else { return 1 };
    let outcome = attempt(&state, arguments);
    let (refused, prepared) = match outcome {
        Ok(prepared) => (None, Some(prepared)),
        Err(why) => (Some(why), None),
    };
    let status = i32::from(refused.is_some());
    let verdict = Verdict { build: ipc::BUILD.to_owned(), refused };
    let told = ipc::envelope::write("verdict", &verdict).map_err(|error| error.to_string());
    let told = told.and_then(|verdict| {
        let fds: Vec<_> = [Some(&verdict), prepared.as_ref()].into_iter().flatten().collect();
        let fds: Vec<_> = fds.iter().map(|fd| fd.as_fd()).collect();
        sys::seqpacket::send(answer.as_fd(), b"verdict", &fds).map_err(|error| error.to_string())
    });
    if told.is_ok_and(|sent| sent) { status } else { 1 }
}

fn attempt(state: &OwnedFd, arguments: Vec<OsString>) -> Result<OwnedFd, String> {
    let hand_over: HandOver =
        ipc::envelope::read(state.as_fd()).map_err(|error| error.to_string())?;
    let Action::Run(mut options) = cli::parse(arguments.into_iter().skip(2))? else {
        return Err("its options do not start a daemon".to_owned());
    };
    options.make_absolute_in(hand_over.directory());
    log_setup::start(&options);
    let usable = configuration::at_start(&options, configuration::load(&options))
        .map_err(|status| format!("it cannot run the configuration (status {status})"))?;
    ipc::blob::write("prepared", &usable.prepared()).map_err(|error| error.to_string())
}
