//! A Debian that has nothing but its base system, to install packages on.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use crate::command::{self, Finished};
use crate::network::Network;
use crate::node::Node;

/// A download of 80 MB and its unpacking.
const BOOTSTRAP_LIMIT: Duration = Duration::from_secs(600);

/// Building the package from files that are there.
const BUILD_LIMIT: Duration = Duration::from_secs(300);

const RELEASE: &str = "bookworm";

/// What is there beside the base system: systemd, which runs only on a machine that is booted, and
/// the packages of OpenRC, which are not installed.
const EXTRAS: &str = "systemd";
const OPENRC: &str = "mkdir -p /opt/openrc && apt-get update && \
    apt-get install -y --no-install-recommends --download-only \
    -o Dir::Cache::archives=/opt/openrc openrc";
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

/// The base system, downloaded once; the other tests wait meanwhile.
fn base() -> Option<PathBuf> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    if !command::exists("debootstrap") {
        println!("skipped: no debootstrap (apt-get install debootstrap)");
        return None;
    }
    let base = target().join(format!("lab-debian-{RELEASE}-inits"));
    if base.is_dir() {
        return Some(base);
    }
    let unfinished = base.with_extension("unfinished");
    fs::remove_dir_all(&unfinished).ok();
    let mut debootstrap = Command::new("debootstrap");
    debootstrap.args(["--variant=minbase", &format!("--include={EXTRAS}"), RELEASE]);
    debootstrap.arg(&unfinished).arg(MIRROR);
    let finished = command::run_within(BOOTSTRAP_LIMIT, debootstrap, "");
    if !finished.status.success() {
        println!("skipped: no base system from {MIRROR}: {}", finished.stderr);
        return None;
    }
    let mut download = Command::new("chroot");
    download.arg(&unfinished).args(["/bin/sh", "-c", OPENRC]).env("LC_ALL", "C");
    let finished = command::run_within(BOOTSTRAP_LIMIT, download, "");
    if !finished.status.success() {
        println!("no OpenRC from {MIRROR}: {}", finished.stderr);
    }
    // What only costs time: the lists of apt, and certainty after a loss of power.
    fs::remove_dir_all(unfinished.join("var/lib/apt/lists")).ok();
    fs::write(unfinished.join("etc/dpkg/dpkg.cfg.d/lab"), "force-unsafe-io\n").expect("a file");
    fs::rename(&unfinished, &base).expect("the base system gets its name");
    Some(base)
}

fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(WORKSPACE).join("target"), PathBuf::from)
}

/// Builds the package with this program, by the same rules as `make deb`; `None`, and a line that
/// says why, without `cargo deb`.
pub fn package(program: &Path, directory: &Path) -> Option<PathBuf> {
    if !command::exists("cargo-deb") {
        println!("skipped: no cargo-deb (cargo install --locked cargo-deb)");
        return None;
    }
    let release = directory.join("target/release");
    fs::create_dir_all(&release).expect("a folder");
    let mut strip = Command::new("strip");
    strip.arg("--strip-debug").arg("-o").arg(release.join("keepalived-rs")).arg(program);
    command::output(strip, "");
    let mut files = Command::new("make");
    files.args(["--no-print-directory", "-C", WORKSPACE, "deb-files"]);
    command::output(files, "");
    let mut deb = Command::new("cargo");
    deb.args(["deb", "--no-build", "--no-strip", "--fast", "--output"]).arg(directory.join("deb/"));
    deb.current_dir(Path::new(WORKSPACE).join("bin/keepalived-rs"));
    deb.env("CARGO_TARGET_DIR", directory.join("target"));
    let finished = command::run_within(BUILD_LIMIT, deb, "");
    assert!(finished.status.success(), "cargo deb: {}", finished.stderr);
    let mut built = fs::read_dir(directory.join("deb")).expect("the package is there").flatten();
    built.next().map(|entry| entry.path())
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
