//! Back to the former program, when the new one crashes, hangs or cannot go on in its first moments.
//!
//! The old program prepares it before it becomes the new one: a file of itself, and a hand-over like
//! that of an upgrade, with copies of all descriptors. The new one keeps it until it relies on its own
//! children. Until then the former ones work, and the old program that comes back takes over from them
//! as after any upgrade.

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;

use base::Duration;
use sys::exec::{Program, inherited};

use super::WatchDog;
use super::handover::{self, HandOver, VARIABLE, WayBack};
use crate::log_file;

/// What a new program may take until its children stand ready beside the former ones.
const LIMIT: Duration = Duration::from_secs(30);

/// A way back and what it keeps open.
pub(super) struct Prepared {
    program: Program,
    pub(super) kept: Vec<OwnedFd>,
    memory: RawFd,
}

impl WatchDog {
    /// What the `next` program needs to become this one again. All stays open as long as this lives.
    pub(super) fn prepare_way_back(
        &self,
        reload: bool,
        next: &Program,
    ) -> Result<Prepared, String> {
        let text = |error: std::io::Error| error.to_string();
        let program = Program::open("/proc/self/exe".as_ref()).map_err(text)?;
        let mut hand_over = self.hand_over(reload);
        let running = (&self.running.config, &self.running.errors);
        let prepared = ipc::blob::write("prepared", &running).map_err(|error| error.to_string())?;
        hand_over.prepared = Some(prepared.as_raw_fd());
        hand_over.program = program.number();
        hand_over.failed = Some(next.identity().map_err(text)?);
        hand_over.returned = Some(sys::process::children().map_err(text)?);
        let mut kept = vec![prepared];
        for number in hand_over.descriptors() {
            let copy = sys::exec::copy(*number).map_err(text)?;
            *number = copy.as_raw_fd();
            kept.push(copy);
        }
        let memory =
            ipc::envelope::write("hand-over", &hand_over).map_err(|error| error.to_string())?;
        let number = memory.as_raw_fd();
        kept.push(memory);
        Ok(Prepared { program, kept, memory: number })
    }
}

impl Prepared {
    /// For the new program.
    pub(super) fn told(&self) -> WayBack {
        let kept = self.kept.iter().map(AsRawFd::as_raw_fd).collect();
        WayBack { program: self.program.number(), memory: self.memory, kept }
    }

    /// The descriptors that it has to find open.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = std::os::fd::BorrowedFd<'_>> {
        self.kept.iter().map(AsFd::as_fd).chain([self.program.as_fd()])
    }
}

/// In the new program: keeps the way back open from here on, if the former one has left one. Gives the
/// former program's file.
pub(super) fn keep(hand_over: &mut HandOver) -> Option<OwnedFd> {
    let WayBack { program, memory, kept } = hand_over.way_back.take()?;
    let number = memory.to_string();
    let mut former = None;
    // First all of them: what is not taken would stay open, in scripts too.
    let kept: Vec<_> = kept.into_iter().map(inherited).collect();
    let opened = inherited(program).and_then(|program| {
        former = program.try_clone().ok();
        let kept = kept.into_iter().collect::<Result<Vec<_>, _>>()?;
        let variables = [(VARIABLE, number.as_str())];
        sys::way_back::open(program, &handover::arguments(), &variables, kept, LIMIT)
    });
    if let Err(error) = opened {
        log::warn!("Upgrade: there is no way back to the former program: {error}");
        return former;
    }
    former
}

/// In the program that has come back: ends the children of the one that has failed. They have not
/// begun anything. What others have left to this process stays, and the writer of their log, which ends
/// by itself with the last line. Gives what went wrong: there is no log yet.
pub(super) fn end_strangers(hand_over: &HandOver) -> Vec<String> {
    let (Some(ours), Some(failed)) = (&hand_over.returned, hand_over.failed) else {
        return Vec::new();
    };
    let children = sys::process::children().unwrap_or_default();
    let strangers = children.into_iter().filter(|pid| !ours.contains(pid) && runs(*pid, failed));
    strangers
        .filter(|pid| !log_file::is_writer(*pid))
        .filter_map(|pid| {
            let error = sys::process::end(pid).err()?;
            Some(format!("process {pid} of the new program is not ended: {error}"))
        })
        .collect()
}

fn runs(pid: i32, program: (u64, u64)) -> bool {
    let file = std::fs::metadata(format!("/proc/{pid}/exe"));
    file.is_ok_and(|file| (file.dev(), file.ino()) == program)
}

/// Becomes the former program again; comes back when there is no way.
pub(super) fn take() {
    if sys::way_back::is_open() {
        logging::flush();
        sys::way_back::take();
    }
}

/// This program is good, or has to manage by itself.
pub(super) fn close() {
    sys::way_back::close();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_the_file_of_its_program() {
        let own = std::process::id().cast_signed();
        let program = |path: &str| Program::open(path.as_ref()).unwrap().identity().unwrap();
        assert!(runs(own, program("/proc/self/exe")));
        assert!(!runs(own, program("/bin/sh")), "what others have left is not ended");
        assert!(!runs(i32::MAX, program("/proc/self/exe")), "it has ended");
        assert!(!log_file::is_writer(own));
    }
}
