//! A network namespace for one test: a test is a thread, and a namespace belongs to a thread.

use std::process::Command;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use skips::{Lack, skip};

/// Moves this thread into a new namespace with the loopback up; `false` (and a word about it) when
/// that is not allowed.
pub(crate) fn enter() -> bool {
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => {
            ip("link set lo up");
            true
        }
        Err(Errno::EPERM) => {
            skip(Lack::Setup, "network namespaces need root");
            false
        }
        Err(error) => panic!("unshare: {error}"),
    }
}

/// As [`enter`], and `false` also when the kernel has no nf_tables for IPv4.
pub(crate) fn enter_with_firewall() -> bool {
    if !enter() {
        return false;
    }
    let probe = Command::new("nft").args(["add", "table", "ip", "probe"]).output().unwrap();
    if !probe.status.success() {
        skip(Lack::Setup, String::from_utf8_lossy(&probe.stderr));
        return false;
    }
    nft("delete table ip probe");
    true
}

/// Runs `ip` with these words.
pub(crate) fn ip(words: &str) -> String {
    run("ip", words)
}

/// Runs `nft` with these words.
pub(crate) fn nft(words: &str) -> String {
    run("nft", words)
}

fn run(program: &str, words: &str) -> String {
    let output = Command::new(program).args(words.split_whitespace()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words}: {error}");
    String::from_utf8(output.stdout).unwrap()
}
