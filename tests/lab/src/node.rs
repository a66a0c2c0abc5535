//! A node: a host on the switch, in namespaces of its own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use tempfile::TempDir;

use crate::command::{self, Finished};
use crate::process::{self, Process};
use crate::wait;

const INIT: &str = include_str!("node-init.sh");

/// An IPv4 address as `ip` shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// Interface that it is on.
    pub interface: String,
    /// `address/prefix`.
    pub cidr: String,
    /// Label, which is the interface's name unless configured.
    pub label: String,
}

/// A host of the lab. It lives as long as this value: dropping it ends its processes and its
/// namespaces, and the kernel takes its links.
#[derive(Debug)]
pub struct Node {
    name: String,
    holder: Child,
    directory: Option<TempDir>,
}

impl Node {
    /// A host without files of its own: the switch, a client, a real server.
    pub(crate) fn bare(name: &str) -> Self {
        Self::start(name, None)
    }

    /// A host that can run a daemon: `/run`, `/etc/keepalived` and `/scripts` are its own.
    pub(crate) fn machine(name: &str) -> Self {
        let directory = TempDir::with_prefix("lab-node-").expect("a temporary directory");
        for part in ["root", "run", "etc", "scripts"] {
            fs::create_dir(directory.path().join(part)).expect("a directory of the node");
        }
        Self::start(name, Some(directory))
    }

    fn start(name: &str, directory: Option<TempDir>) -> Self {
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]);
        unshare.args([
            "--propagation",
            "private",
            "--",
            "/bin/bash",
            "-c",
            INIT,
            "node-init",
            name,
        ]);
        unshare.args(directory.iter().map(TempDir::path));
        unshare.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = unshare.spawn().expect("unshare (util-linux) can be started");
        let mut greeting = String::new();
        let stdout = holder.stdout.take().expect("standard output is a pipe");
        BufReader::new(stdout).read_line(&mut greeting).ok();
        let node = Self { name: name.to_owned(), holder, directory };
        assert_eq!(
            greeting, "ready\n",
            "node {name} needs root and namespaces; see its message above"
        );
        node
    }

    /// Its host name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A folder of this machine, seen from outside: `run`, `etc` (its `/etc/keepalived`), `scripts`.
    pub fn folder(&self, part: &str) -> PathBuf {
        self.directory.as_ref().expect("only machines have folders").path().join(part)
    }

    /// Writes an executable file below its `/scripts` or another of its folders.
    pub fn write_script(&self, part: &str, name: &str, text: &str) {
        let path = self.folder(part).join(name);
        fs::write(&path, text).expect("the script can be written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&path, mode).expect("the script can be made executable");
    }

    /// Writes a file below one of its folders.
    pub fn write_file(&self, part: &str, name: &str, text: &str) {
        fs::write(self.folder(part).join(name), text).expect("the file can be written");
    }

    /// A file as this node sees it, by a path from outside.
    pub(crate) fn outside(&self, path: &Path) -> PathBuf {
        let inside = path.strip_prefix("/").unwrap_or(path);
        Path::new(&format!("/proc/{}/root", self.holder.id())).join(inside)
    }

    /// A command inside this node.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let of = |kind: &str| format!("/proc/{}/ns/{kind}", self.holder.id());
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", of("net"))).arg(format!("--mount={}", of("mnt")));
        command.arg(format!("--pid={}", of("pid_for_children")));
        command.arg(format!("--uts={}", of("uts"))).arg(format!("--ipc={}", of("ipc")));
        command.arg("--").arg(program);
        command
    }

    /// Runs a shell script inside this node; it must succeed. Returns its output.
    pub fn sh(&self, script: &str) -> String {
        let mut command = self.command("/bin/sh");
        command.args(["-ec", script]);
        command::output(command, "")
    }

    /// Runs a shell script inside this node, whatever it returns.
    pub fn try_sh(&self, script: &str) -> Finished {
        let mut command = self.command("/bin/sh");
        command.args(["-c", script]);
        command::run(command, "")
    }

    /// Runs `work` on a thread that is inside this node's network; sockets made there stay there.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let network = self.network();
        thread::scope(|scope| {
            let worker = scope.spawn(move || {
                enter(&network);
                work()
            });
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Its network namespace, for threads that stay inside; see [`enter`].
    pub fn network(&self) -> File {
        File::open(format!("/proc/{}/ns/net", self.holder.id())).expect("the node is alive")
    }

    /// Number of the process whose network namespace it is; for `ip link add ... netns`.
    pub(crate) fn network_pid(&self) -> u32 {
        self.holder.id()
    }

    /// Its IPv4 addresses but 127.0.0.1, sorted.
    pub fn addresses(&self) -> Vec<Address> {
        let mut found: Vec<Address> =
            self.sh("ip -o -4 addr show").lines().filter_map(address).collect();
        found.retain(|address| !address.cidr.starts_with("127."));
        found.sort();
        found
    }

    /// True if the address is local, as the kernel's own table says; much cheaper than [`Self::addresses`].
    pub fn holds(&self, address: &str) -> bool {
        let leaf = format!("|-- {address}");
        let trie = self.proc_net("fib_trie");
        let mut lines = trie.lines();
        while let Some(line) = lines.next() {
            if line.trim_start() == leaf
                && lines.next().is_some_and(|next| next.contains("host LOCAL"))
            {
                return true;
            }
        }
        false
    }

    /// A file of its `/proc/net`; empty if the kernel has it not.
    pub fn proc_net(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/net/{file}", self.holder.id())).unwrap_or_default()
    }

    /// Its IPVS table as `ipvsadm -Sn` writes it, sorted by line.
    pub fn ipvs(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.sh("ipvsadm -Sn").lines().map(|line| line.trim_end().to_owned()).collect();
        lines.sort();
        lines
    }

    /// Its processes.
    pub fn processes(&self) -> Vec<Process> {
        let path = format!("/proc/{}/ns/pid_for_children", self.holder.id());
        process::in_namespace(&fs::read_link(path).expect("the node is alive"))
    }

    /// Its process with that number inside the node.
    pub fn process(&self, pid: i32) -> Option<Process> {
        self.processes().into_iter().find(|process| process.pid == pid)
    }

    /// What its PID file `/run/NAME` holds, if it is there and complete.
    pub fn pid_file(&self, name: &str) -> Option<i32> {
        fs::read_to_string(self.folder("run").join(name)).ok()?.trim().parse().ok()
    }

    /// Files in its `/run`, but for the lab's own log socket, sorted.
    pub fn run_files(&self) -> Vec<String> {
        names(&self.folder("run")).into_iter().filter(|name| name != "log").collect()
    }

    /// Ends all its processes at once, as loss of power does.
    pub fn kill_all(&self) {
        self.try_sh("kill -9 -1");
        wait::eventually(Duration::from_secs(10), "all processes of the node are gone", || {
            self.processes().is_empty()
        });
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.holder.kill().ok();
        self.holder.wait().ok();
    }
}

/// Moves the calling thread into a network namespace.
pub fn enter(network: &File) {
    setns(network, CloneFlags::CLONE_NEWNET).expect("the network namespace can be entered");
}

/// `2: eth0    inet 10.0.0.1/24 scope global eth0:3\       valid_lft forever ...`
fn address(line: &str) -> Option<Address> {
    let words: Vec<&str> = line.split('\\').next()?.split_whitespace().collect();
    Some(Address {
        interface: (*words.get(1)?).to_owned(),
        cidr: (*words.get(3)?).to_owned(),
        label: (*words.last()?).to_owned(),
    })
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder of the node")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
