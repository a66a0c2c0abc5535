//! What a test may lack, and what of that in CI.
#![allow(clippy::panic, reason = "test code: this is how a test fails")]

use std::env;
use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;

/// What a test may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Root, a program, a part of the kernel that every Debian has.
    Setup,
    /// Observations of keepalived that are no part of the project; a variable names where they are.
    Data,
    /// A mirror of Debian that answers, for a machine of its own.
    Mirror,
    /// Control groups in which systemd can be booted.
    Boot,
    /// Both tools that build the package: one is enough to build it.
    Builders,
    /// The kernel's process events: in the first namespaces of a kernel that has them, which Debian's
    /// User-Mode Linux has not.
    ProcessEvents,
    /// A kernel without IPVS, or User-Mode Linux to stand in for one.
    KernelWithoutIpvs,
}

/// What CI may lack.
const ALLOWED: [Lack; 6] = [
    Lack::Data,
    Lack::Mirror,
    Lack::Boot,
    Lack::Builders,
    Lack::ProcessEvents,
    Lack::KernelWithoutIpvs,
];

/// Says why the calling test ends here, which it has to do.
///
/// # Panics
/// Where `CI` is `true`, if it is not on the list.
pub fn skip(lack: Lack, why: impl Display) {
    let is_ci = env::var("CI").is_ok_and(|value| value == "true");
    assert!(
        !is_ci || ALLOWED.contains(&lack),
        "not to be skipped in CI: {why}; tests/lab/setup should have installed it"
    );
    println!("skipped: {why}");
    if let Some(list) = env::var_os("SKIPS") {
        let list = OpenOptions::new().append(true).create(true).open(list);
        // The list is for people; a test does not fail for it.
        list.and_then(|mut list| writeln!(list, "{why}")).ok();
    }
}
