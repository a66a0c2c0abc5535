//! Which daemon runs on a node.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use skips::{Lack, skip};

use crate::{command, uml};

/// Where Debian's package has its daemon.
const DEBIAN: &str = "/usr/sbin/keepalived";

/// A build from nothing on a slow machine.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);

/// Environment variable that names another program to test.
const OVERRIDE: &str = "KEEPALIVED_RS";

/// A daemon's executable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
}

impl Program {
    /// The daemon under test: what `KEEPALIVED_RS` names, else this workspace's, which is built first.
    pub fn ours() -> Self {
        static PATH: OnceLock<PathBuf> = OnceLock::new();
        Self { path: PATH.get_or_init(|| named().unwrap_or_else(built)).clone() }
    }

    /// Debian's keepalived as the peer, `None` (and a line that says so) where it is not installed.
    pub fn debian() -> Option<Self> {
        if Path::new(DEBIAN).is_file() {
            return Some(Self { path: DEBIAN.into() });
        }
        skip(Lack::Setup, format!("{DEBIAN} is not installed (apt-get install keepalived)"));
        None
    }

    /// An executable by its path on the node.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Who runs on the first and on the second node of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// The daemon under test on both.
    Ours,
    /// The daemon under test on the first, Debian's keepalived on the second.
    OursFirst,
    /// Debian's keepalived on the first, the daemon under test on the second.
    OursSecond,
}

impl Pairing {
    /// The programs, `None` where Debian's is needed and not installed.
    pub fn programs(self) -> Option<[Program; 2]> {
        let ours = Program::ours();
        Some(match self {
            Self::Ours => [ours.clone(), ours],
            Self::OursFirst => [ours, Program::debian()?],
            Self::OursSecond => [Program::debian()?, ours],
        })
    }
}

fn named() -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os(OVERRIDE)?);
    assert!(path.is_file(), "{OVERRIDE} names {}, which is no file", path.display());
    Some(path)
}

/// `target/PROFILE/keepalived-rs` of the build that this executable belongs to.
fn built() -> PathBuf {
    let own = env::current_exe().expect("the path of this executable");
    let folder = own.parent().expect("executables are in a folder");
    let profile =
        if folder.ends_with("deps") { folder.parent().expect("deps has a parent") } else { folder };
    let path = profile.join("keepalived-rs");
    if !uml::is_inside() {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
        cargo.args(["build", "--quiet", "--package", "keepalived-rs", "--bin", "keepalived-rs"]);
        cargo.arg("--target-dir").arg(profile.parent().expect("a profile is inside target"));
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        command::output_within(BUILD_LIMIT, cargo, "");
    }
    assert!(path.is_file(), "{} was not built", path.display());
    path
}
