//! The PID files of a start: all of them are taken, or the daemon does not start.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use sys::{PidFile, PidFileError};
use watchdog::Role;

use super::remove;
use super::run_files::RunFiles;

/// The children of a daemon that was killed still end in order, with thousands of addresses and servers for
/// seconds: a start waits that long for their files. A refusal would leave the machine without a daemon.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Those of the children that the configuration wants, until a child comes.
#[derive(Default)]
pub(super) struct OfChildren {
    pub(super) vrrp: Option<PidFile>,
    pub(super) checkers: Option<PidFile>,
}

impl OfChildren {
    /// Removes those that no child has come to.
    pub(super) fn remove(self) {
        [self.vrrp, self.checkers].into_iter().flatten().for_each(remove);
    }
}

/// The PID files of the parent and of the `wanted` children, locked; `None` when a living daemon has one. A
/// daemon with a parent's file of its own would else do the same work a second time. A role that is not wanted
/// may be another daemon's.
pub(super) fn claim(
    files: &RunFiles,
    wanted: &BTreeSet<Role>,
) -> Result<Option<(PidFile, OfChildren)>, String> {
    claim_from(files, wanted, is_left_alone)
}

fn claim_from(
    files: &RunFiles,
    wanted: &BTreeSet<Role>,
    is_ending: fn(&Path) -> bool,
) -> Result<Option<(PidFile, OfChildren)>, String> {
    let parent = match PidFile::open(&files.parent) {
        Ok(file) => file,
        Err(error) => return refused(error),
    };
    let mut children = OfChildren::default();
    for role in wanted {
        let (path, place) = match role {
            Role::Vrrp => (&files.vrrp, &mut children.vrrp),
            Role::Checkers => (&files.checkers, &mut children.checkers),
        };
        match open_patiently(path, is_ending) {
            Ok(file) => *place = Some(file),
            Err(error) => {
                children.remove();
                remove(parent);
                return refused(error);
            }
        }
    }
    Ok(Some((parent, children)))
}

fn refused<T>(error: PidFileError) -> Result<Option<T>, String> {
    match error {
        PidFileError::Locked { .. } => {
            log::error!("{error}");
            log::error!("daemon is already running");
            Ok(None)
        }
        PidFileError::Io { .. } => Err(error.to_string()),
    }
}

fn open_patiently(path: &Path, is_ending: fn(&Path) -> bool) -> Result<PidFile, PidFileError> {
    let until = Instant::now() + PATIENCE;
    loop {
        match PidFile::open(path) {
            Err(PidFileError::Locked { .. }) if Instant::now() < until && is_ending(path) => {
                sleep(PAUSE);
            }
            other => return other,
        }
    }
}

/// Whether the process that a file names has lost its parent, which runs the same program as long as it lives:
/// a child without one ends.
fn is_left_alone(path: &Path) -> bool {
    let program = |pid: i32| fs::read_link(format!("/proc/{pid}/exe")).ok();
    let pid = fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<i32>().ok());
    let status = pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok());
    let parent = status.as_deref().and_then(|status| {
        status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse::<i32>().ok())
    });
    pid.and_then(program).is_none_or(|own| parent.and_then(program) != Some(own))
}

#[cfg(test)]
mod tests {
    use control_plane::model::global::Launch;

    use super::*;
    use crate::cli::Options;

    fn files(folder: &Path, vrrp: &str) -> RunFiles {
        let options = Options {
            pid_file: Some(folder.join("own.pid")),
            vrrp_pid_file: Some(folder.join(vrrp)),
            checkers_pid_file: Some(folder.join("checkers.pid")),
            ..Options::default()
        };
        RunFiles::new(&options, &Launch::default())
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_of_a_child_that_another_daemon_has_refuses_the_start_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let _other = PidFile::open(&folder.path().join("vrrp.pid")).unwrap();
        let wanted = BTreeSet::from(Role::ALL);
        let claimed = claim_from(&files(folder.path(), "vrrp.pid"), &wanted, |_| false);
        assert!(claimed.unwrap().is_none());
        assert_eq!(names(folder.path()), ["vrrp.pid"]);
    }

    #[test]
    fn a_daemon_that_runs_the_other_part_only_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let _other = PidFile::open(&folder.path().join("vrrp.pid")).unwrap();
        let claimed = claim(&files(folder.path(), "vrrp.pid"), &BTreeSet::from([Role::Checkers]));
        let (_parent, children) = claimed.unwrap().unwrap();
        assert!(children.vrrp.is_none() && children.checkers.is_some());
    }

    #[test]
    fn a_child_of_a_killed_daemon_that_is_about_to_end_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let dying = PidFile::open(&folder.path().join("vrrp.pid")).unwrap();
        let ends = std::thread::spawn(move || {
            sleep(PAUSE * 5);
            dying.remove().unwrap();
        });
        let wanted = BTreeSet::from(Role::ALL);
        let claimed = claim_from(&files(folder.path(), "vrrp.pid"), &wanted, |_| true);
        let (parent, children) = claimed.unwrap().unwrap();
        ends.join().unwrap();
        assert_eq!(names(folder.path()), ["checkers.pid", "own.pid", "vrrp.pid"]);
        children.remove();
        remove(parent);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_process_is_left_alone_when_its_parent_runs_another_program() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vrrp.pid");
        // A shell whose parent is this test; and its child, a shell as well.
        let mut shell = std::process::Command::new("sh")
            .args(["-c", "sh -c 'echo $$; read end; :'; :"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut child = String::new();
        let mut said = std::io::BufReader::new(shell.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut said, &mut child).unwrap();
        fs::write(&file, child).unwrap();
        assert!(!is_left_alone(&file), "its parent is there");
        fs::write(&file, format!("{}\n", shell.id())).unwrap();
        assert!(is_left_alone(&file));
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert!(is_left_alone(&file), "it is gone");
    }

    #[test]
    fn a_missing_directory_of_a_childs_file_is_an_error_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let why = claim(&files(folder.path(), "no/vrrp.pid"), &BTreeSet::from(Role::ALL)).err();
        assert!(why.unwrap().starts_with("Unable to open pid file "));
        assert!(names(folder.path()).is_empty());
    }
}
