//! A Debian that has nothing but its base system, to install packages on.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use skips::{Lack, skip};
use tempfile::TempDir;

use crate::command::{self, Finished};
use crate::network::Network;
use crate::node::Node;

/// A download of 80 MB and its unpacking.
const BOOTSTRAP_LIMIT: Duration = Duration::from_secs(600);

const RELEASE: &str = "bookworm";

/// What is there beside the base system: systemd, which runs only on a machine that is booted.
const EXTRAS: &str = "systemd";

/// Packages that are there and not installed, with all that they need: `/opt/NAME/*.deb`, and the file
/// `/opt/NAME/complete` once nothing is missing.
const DOWNLOADED: [&str; 2] = ["openrc", "keepalived"];
const DOWNLOAD: &str = "mkdir -p /opt/$1 && apt-get install -y -qq --no-install-recommends \
    --download-only -o Dir::Cache::archives=/opt/$1 $1 && touch /opt/$1/complete";
const MIRROR: &str = "http://deb.debian.org/debian";

/// The workspace.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A host with its own base system, on a network. It is reached by `chroot`.
#[derive(Debug)]
pub struct Debian {
    node: Node,
    root: PathBuf,
    _network: Network,
    _directory: TempDir,
}

impl Debian {
    /// A fresh one with `eth0`; `None`, and a line that says why, where none can be made.
    pub fn fresh(addresses: &[&str]) -> Option<Self> {
        let base = base()?;
        let directory = TempDir::with_prefix("lab-debian-").expect("a temporary directory");
        let root = directory.path().join("root");
        let network = Network::new();
        let node = network.host("debian", "eth0", addresses);
        let (path, base, own) = (root.display(), base.display(), directory.path().display());
        node.sh(&format!(
            "mkdir {own}/upper {own}/work {path}
             # A copy takes longer, and works on every file system.
             mount -t overlay -o lowerdir={base},upperdir={own}/upper,workdir={own}/work base {path} ||
                 cp -a {base}/. {path}
             mount -t proc proc {path}/proc
             mount -t sysfs sys {path}/sys
             mount --rbind /dev {path}/dev
             mount -t tmpfs run {path}/run"
        ));
        Some(Self { node, root, _network: network, _directory: directory })
    }

    /// Its namespaces.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Where its files are, from outside, with what is mounted there.
    pub fn root(&self) -> PathBuf {
        self.node.outside(&self.root)
    }

    /// The same, as the node sees it.
    pub(crate) fn inner_root(&self) -> &Path {
        &self.root
    }

    /// Runs a shell script on it, whatever it returns.
    pub fn try_sh(&self, script: &str) -> Finished {
        let mut command = self.node.command("chroot");
        command.arg(&self.root);
        command::login_shell(command, script)
    }

    /// Runs a shell script on it, which must succeed. Returns its output.
    pub fn sh(&self, script: &str) -> String {
        self.try_sh(script).expect_success(script)
    }

    /// Whether that package and all that it needs can be installed from `/opt`; if not, says so.
    pub fn has(&self, package: &str) -> bool {
        let there = is_complete(&self.root(), package);
        if !there {
            skip(Lack::Mirror, format!("{package} could not be downloaded"));
        }
        there
    }

    /// All its files but those that every installation changes.
    pub fn files(&self) -> Vec<String> {
        let files = self.sh(
            "find / -xdev -not -path '/var/lib/dpkg/*' -not -path '/var/log/*' -not -path '/tmp/*'",
        );
        let mut files: Vec<String> = files.lines().map(str::to_owned).collect();
        files.sort();
        files
    }
}

/// The base system, downloaded once; the other tests wait meanwhile. It does not change while this
/// process has it: roots are laid over it.
fn base() -> Option<PathBuf> {
    static ONE: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    if one.is_none() {
        let base = target().join(format!("lab-debian-{RELEASE}-packages"));
        if !base.is_dir() {
            bootstrap(&base)?;
        }
        complete(&base);
        *one = Some(base);
    }
    one.clone()
}

/// Makes the base system; where it fails, says so.
fn bootstrap(base: &Path) -> Option<()> {
    if !command::exists("debootstrap") {
        skip(Lack::Setup, "no debootstrap (apt-get install debootstrap)");
        return None;
    }
    let unfinished = base.with_extension("unfinished");
    fs::remove_dir_all(&unfinished).ok();
    let mut debootstrap = Command::new("debootstrap");
    debootstrap.args(["--variant=minbase", &format!("--include={EXTRAS}"), RELEASE]);
    debootstrap.arg(&unfinished).arg(MIRROR);
    let finished = command::run_within(BOOTSTRAP_LIMIT, debootstrap, "");
    if !finished.status.success() {
        skip(Lack::Mirror, format!("no base system from {MIRROR}: {}", finished.stderr));
        return None;
    }
    // Certainty after a loss of power only costs time.
    fs::write(unfinished.join("etc/dpkg/dpkg.cfg.d/lab"), "force-unsafe-io\n").expect("a file");
    fs::rename(&unfinished, base).expect("the base system gets its name");
    Some(())
}

/// Downloads what is still missing, each by itself; what fails is tried again by the next process of tests.
fn complete(base: &Path) {
    let missing = DOWNLOADED.into_iter().filter(|name| !is_complete(base, name));
    let missing: Vec<&str> = missing.collect();
    if missing.is_empty() {
        return;
    }
    let mut failures = Vec::from_iter(in_root(base, "apt-get update -qq", ""));
    failures.extend(missing.iter().filter_map(|name| in_root(base, DOWNLOAD, name)));
    if !failures.is_empty() {
        println!("not all of {missing:?} from {MIRROR}: {}", failures.join("\n"));
    }
    // They only cost time.
    fs::remove_dir_all(base.join("var/lib/apt/lists")).ok();
}

fn is_complete(root: &Path, package: &str) -> bool {
    root.join("opt").join(package).join("complete").exists()
}

/// Runs a script with an argument in a root that is being made; why it has failed.
fn in_root(root: &Path, script: &str, argument: &str) -> Option<String> {
    let mut shell = Command::new("chroot");
    shell.arg(root).args(["/bin/sh", "-c", script, "sh", argument]).env("LC_ALL", "C");
    let finished = command::run_within(BOOTSTRAP_LIMIT, shell, "");
    (!finished.status.success()).then_some(finished.stderr)
}

fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(WORKSPACE).join("target"), PathBuf::from)
}

/// A daemon that owns the address 10.9.0.`last` on the eth0 that such a system has.
pub fn configuration(last: u8) -> String {
    format!(
        "vrrp_instance VI_1 {{
            state MASTER
            interface eth0
            virtual_router_id 51
            priority 255
            virtual_ipaddress {{ 10.9.0.{last} }}
        }}
        "
    )
}
