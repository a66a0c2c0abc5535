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
use super::way_back;
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
    /// The former program, as long as this one has to prove itself.
    #[serde(default)]
    pub(super) way_back: Option<WayBack>,
    /// The new program has failed and this one comes back: the process numbers of the children that
    /// there were before.
    #[serde(default)]
    pub(super) returned: Option<Vec<i32>>,
    /// Device and number of the file of the new program that has failed.
    #[serde(default)]
    pub(super) failed: Option<(u64, u64)>,
    /// The program that wrote this has failed, and the one that gets it does not go back to it.
    #[serde(default)]
    pub(super) no_return: bool,
}

/// What it takes to become the former program again. Descriptors by their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WayBack {
    /// Its file.
    pub(super) program: RawFd,
    /// The [`HandOver`] that it gets then.
    pub(super) memory: RawFd,
    /// What that one names: copies, which the new program has no other use for.
    pub(super) kept: Vec<RawFd>,
}

impl HandOver {
    /// The descriptors that the new program gets, to be told other numbers.
    pub(super) fn descriptors(&mut self) -> impl Iterator<Item = &mut RawFd> {
        let Self { pid_file, vrrp, checkers, .. } = self;
        let of_vrrp = [vrrp.process.as_mut().map(|(_, fd)| fd), vrrp.pid_file.as_mut()];
        let of_checkers = [checkers.process.as_mut().map(|(_, fd)| fd), checkers.pid_file.as_mut()];
        [Some(pid_file)].into_iter().chain(of_vrrp).chain(of_checkers).flatten()
    }

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
    /// The file of the former program.
    pub(super) former: Option<OwnedFd>,
}

/// Takes what the former program of this process has left; `None` when there was none, an error
/// when it cannot be used.
pub(super) fn receive() -> Option<Result<Received, String>> {
    let number = std::env::var(VARIABLE).ok()?.parse().ok()?;
    let mut hand_over: HandOver =
        inherited(number).ok().and_then(|fd| ipc::envelope::read(fd.as_fd()).ok())?;
    // Somebody else's, from whom this process has its environment.
    (hand_over.pid == std::process::id()).then(|| {
        let former = way_back::keep(&mut hand_over);
        take(hand_over, former)
    })
}

fn take(hand_over: HandOver, former: Option<OwnedFd>) -> Result<Received, String> {
    let text = |error: std::io::Error| format!("what the former program has left: {error}");
    drop(inherited(hand_over.program));
    let prepared = hand_over.prepared.ok_or("the former program has left no configuration")?;
    let prepared = inherited(prepared).map_err(text)?;
    let prepared: Prepared =
        ipc::blob::read(prepared.as_fd()).map_err(|error| error.to_string())?;
    let pid_file = inherited(hand_over.pid_file).map_err(text)?;
    let usable = Usable::of(prepared, hand_over.launch.clone());
    Ok(Received { hand_over, usable, pid_file, former })
}

#[cfg(test)]
mod tests {
    use control_plane::{MemorySource, load};
    use vrrp_stack::state::{ActiveRouter, AnnounceAgain, Backup, Master, State};

    use super::*;

    /// Hand-overs of versions that were released, and of the one that is being written. What a
    /// version has written every later one has to read. A field that is new needs `#[serde(default)]`;
    /// `UPDATE_GOLDEN=1` writes this version's anew, and then the older ones still have to be read.
    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hand-over");

    const CONFIGURATION: &str = "vrrp_script chk {\n script /usr/bin/true\n}\n\
        vrrp_sync_group G {\n group {\n VI_1\n VI_2\n }\n}\n\
        vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n priority 255\n \
        virtual_ipaddress {\n 10.0.0.1\n }\n}\n\
        vrrp_instance VI_2 {\n interface eth0\n virtual_router_id 52\n version 3\n \
        virtual_ipaddress {\n fe80::1\n 2001:db8::1\n }\n track_script {\n chk\n }\n}\n\
        virtual_server 10.0.0.1 80 {\n lb_algo wrr\n quorum 1\n \
        sorry_server 10.0.0.9 80\n real_server 10.0.0.2 80 {\n weight 3\n TCP_CHECK {\n }\n }\n \
        real_server 2001:db8::2 8080 {\n HTTP_GET {\n url {\n path /\n status_code 200\n }\n }\n }\n}\n";

    fn of_today() -> HandOver {
        let source = MemorySource::new("/c", CONFIGURATION);
        let config =
            load("/c".as_ref(), &source, &control_plane::Options::default()).config.unwrap();
        let start = base::Instant::from_micros(1_000_000);
        let mut outputs = vrrp_stack::Outputs::new();
        let stack = vrrp_stack::Stack::new(start, &config.vrrp, &[], None, &mut outputs);
        let mut outputs = checkers::Outputs::new();
        let checkers = checkers::Checkers::new(start, &config.lvs, None, 0, &mut outputs);
        let mut known = stack.snapshot();
        let later = |seconds| start + base::Duration::from_secs(seconds);
        let states = [
            State::Master(Master {
                advert_at: later(1),
                announce_again: Some(AnnounceAgain { at: later(5), repeat: 5 }),
                refresh_at: Some(later(60)),
                extra_at: None,
                other_owner_until: None,
            }),
            State::Backup(Backup {
                down_at: later(3),
                expired: false,
                interval: base::Duration::from_secs(1),
                active: Some(ActiveRouter { address: [10, 0, 0, 7].into(), priority: 200 }),
                active_until: later(3),
                preempt_at: None,
            }),
        ];
        for (instance, state) in known.instances.iter_mut().zip(states) {
            instance.state = state;
        }
        let files = RunFiles::new(&crate::cli::Options::default(), &config.global.launch);
        HandOver {
            build: ipc::BUILD.to_owned(),
            pid: 100,
            origin: Origin { directory: "/".into(), program: "/usr/sbin/keepalived".into() },
            launch: config.global.launch,
            files,
            pid_file: 5,
            program: 6,
            prepared: Some(7),
            vrrp: Place { process: Some((101, 8)), pid_file: Some(9), known },
            checkers: Place {
                process: Some((102, 10)),
                pid_file: Some(11),
                known: checkers.snapshot(),
            },
            fifos: vec![FifoPlace { path: "/run/fifo".into(), ours: true, reader: Some(103) }],
            reload: true,
            way_back: Some(WayBack { program: 12, memory: 13, kept: vec![14, 15] }),
            returned: None,
            failed: None,
            no_return: false,
        }
    }

    #[test]
    fn what_any_version_has_handed_over_is_read() {
        let today = of_today();
        let memory = ipc::envelope::write("hand-over", &today).unwrap();
        let bytes = sys::memfd::read_sealed(memory.as_fd(), 1 << 20).unwrap();
        let newest = Path::new(GOLDEN).join(concat!(env!("CARGO_PKG_VERSION"), ".cbor"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&newest, &bytes).unwrap();
        }
        assert!(newest.is_file(), "UPDATE_GOLDEN=1 writes {}", newest.display());
        for file in std::fs::read_dir(GOLDEN).unwrap() {
            let path = file.unwrap().path();
            let memory =
                sys::memfd::create_sealed("golden", &std::fs::read(&path).unwrap()).unwrap();
            let read: HandOver = ipc::envelope::read(memory.as_fd())
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!((read.pid, read.pid_file, read.prepared), (100, 5, Some(7)));
            assert_eq!((read.vrrp.process, read.vrrp.pid_file), (Some((101, 8)), Some(9)));
            assert_eq!((&read.origin, &read.files), (&today.origin, &today.files));
            assert_eq!(read.vrrp.known, today.vrrp.known, "{}", path.display());
            assert_eq!(read.checkers.known, today.checkers.known, "{}", path.display());
            assert_eq!(read.fifos.first().and_then(|fifo| fifo.reader), Some(103));
            assert!(read.reload);
        }
    }

    #[test]
    fn a_program_is_named_absolutely() {
        let origin = Origin::of_this();
        assert!(origin.program.is_absolute() && origin.program.is_file(), "{origin:?}");
        assert!(origin.directory.is_absolute());
    }
}
