//! Processes of a node, seen from the machine that the lab runs on.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// One process of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number on this machine.
    pub host_pid: i32,
    /// Its number inside the node, as PID files show it.
    pub pid: i32,
    /// Number of its parent on this machine.
    pub host_parent: i32,
    /// Name as `ps` shows it.
    pub name: String,
}

impl Process {
    /// Sends `signal`; a process that is gone already is no error.
    pub fn signal(&self, signal: Signal) {
        signal::kill(Pid::from_raw(self.host_pid), signal).ok();
    }

    /// What it has open, sorted: paths, and the kinds of what has none (`socket:`, `anon_inode:`).
    pub fn descriptors(&self) -> Vec<String> {
        let mut kinds: Vec<String> = fs::read_dir(format!("/proc/{}/fd", self.host_pid))
            .expect("its descriptors")
            .flatten()
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .map(|target| target.display().to_string())
            .map(|target| match target.strip_prefix("anon_inode:") {
                Some(_) => target,
                None => target.split('[').next().unwrap_or_default().to_owned(),
            })
            .collect();
        kinds.sort();
        kinds
    }

    /// Memory that is its own, in KiB: what it has written to, not what it has read of its program.
    pub fn memory(&self) -> usize {
        let text =
            fs::read_to_string(format!("/proc/{}/status", self.host_pid)).expect("its status");
        let own = text.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("RssAnon");
        own.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// False once it is gone or only waits to be reaped.
    pub fn is_alive(&self) -> bool {
        status(self.host_pid).is_some_and(|found| found.name == self.name)
    }
}

/// The live processes whose PID namespace is `namespace`, without its process 1.
pub fn in_namespace(namespace: &Path) -> Vec<Process> {
    let mut found: Vec<Process> = fs::read_dir("/proc")
        .expect("/proc can be read")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| namespace_of(*pid).is_some_and(|own| own == namespace))
        .filter_map(status)
        .filter(|process| process.pid != 1)
        .collect();
    found.sort_by_key(|process| process.pid);
    found
}

/// The PID namespace of a process, as its link in `/proc` names it.
fn namespace_of(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

/// Reads `/proc/PID/status`; `None` for what is gone or a zombie.
fn status(pid: i32) -> Option<Process> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    if field("State")?.starts_with(['Z', 'X']) {
        return None;
    }
    Some(Process {
        host_pid: pid,
        pid: field("NSpid")?.split_whitespace().last()?.parse().ok()?,
        host_parent: field("PPid")?.parse().ok()?,
        name: field("Name")?.to_owned(),
    })
}
