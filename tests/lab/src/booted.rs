//! A Debian whose process 1 is systemd, as on a real machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use skips::{Lack, skip};

use crate::command::{self, Finished};
use crate::debian::Debian;
use crate::node::Node;
use crate::wait;

const BOOT: &str = include_str!("debian-boot.sh");

/// systemd itself is up within a second here; the units of a bare system take another one.
const BOOT_LIMIT: Duration = Duration::from_secs(60);

/// A machine that has booted. Dropping it is the loss of its power.
#[derive(Debug)]
pub struct Booted {
    debian: Debian,
    starter: Child,
    /// Its control group, through the node's mounts.
    group: PathBuf,
    /// The number of its process 1, from outside.
    init: i32,
}

impl Booted {
    /// Boots `debian`; `None`, and a line that says why, where that is not allowed.
    pub fn boot(debian: Debian) -> Option<Self> {
        let root = debian.inner_root().to_owned();
        // Where each account of the machine's audit would be told about this one.
        fs::create_dir_all(debian.root().join("etc/systemd/journald.conf.d")).expect("a folder");
        let quiet = debian.root().join("etc/systemd/journald.conf.d/lab.conf");
        fs::write(quiet, "[Journal]\nAudit=no\nReadKMsg=no\n").expect("a file");
        let name = root.parent().and_then(Path::file_name).expect("its folder has a name");
        let mut boot = debian.node().command("/bin/bash");
        boot.args(["-c", BOOT, "debian-boot"]).arg(&root).arg(name);
        boot.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut starter = boot.spawn().expect("nsenter (util-linux) can be started");
        let groups = debian.root().join("sys/fs/cgroup");
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
        let group = groups.join(own).join(name);
        let scope = group.join("init.scope/cgroup.procs");
        let start = Instant::now();
        let init = loop {
            let text = fs::read_to_string(&scope).unwrap_or_default();
            if let Some(init) = text.lines().next().and_then(|line| line.parse().ok()) {
                break init;
            }
            if starter.try_wait().expect("it can be waited for").is_some() {
                let why = starter.stderr.take().map(std::io::read_to_string);
                skip(Lack::Boot, format!("systemd cannot be booted here: {why:?}"));
                return None;
            }
            assert!(start.elapsed() < BOOT_LIMIT, "systemd does not take its control group");
            thread::sleep(Duration::from_millis(20));
        };
        let booted = Self { debian, starter, group, init };
        wait::eventually(BOOT_LIMIT, "the machine is up", || {
            let state = booted.try_sh("systemctl is-system-running").stdout;
            ["running", "degraded"].contains(&state.trim())
        });
        Some(booted)
    }

    /// Its network and the processes beside process 1.
    pub fn node(&self) -> &Node {
        self.debian.node()
    }

    /// A file of it, from outside.
    pub fn path(&self, path: &str) -> PathBuf {
        Path::new(&format!("/proc/{}/root", self.init)).join(path.trim_start_matches('/'))
    }

    /// Runs a shell script on it, whatever it returns.
    pub fn try_sh(&self, script: &str) -> Finished {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.init.to_string(), "--all", "--"]);
        command::login_shell(command, script)
    }

    /// Runs a shell script on it, which must succeed. Returns its output.
    pub fn sh(&self, script: &str) -> String {
        self.try_sh(script).expect_success(script)
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        kill(Pid::from_raw(self.init), Signal::SIGKILL).ok();
        self.starter.wait().ok();
        // A group can go once its last process has been waited for.
        let start = Instant::now();
        while !remove_groups(&self.group) && start.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Removes a control group and those below it; true if it is gone.
fn remove_groups(group: &Path) -> bool {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_groups(&entry.path());
        }
    }
    fs::remove_dir(group).is_ok() || !group.exists()
}
