//! Stands in for IPVS where the running kernel has none, so that rows about checks are measured here, at
//! the real speed of system calls, and not in User-Mode Linux.

use std::path::Path;
use std::process::Command;

use lab::{Node, Program, uml};

const SOURCE: &str = include_str!("ipvs.c");

/// `program` as it can run on `node`: itself where the kernel has IPVS, else with a library before libc's
/// that answers what it says to IPVS. Both daemons get the same.
pub(crate) fn program(program: &Program, node: &Node) -> Program {
    if uml::has_ipvs() {
        return program.clone();
    }
    node.write_file("scripts", "ipvs.c", SOURCE);
    compile(&node.folder("scripts"));
    let path = program.path().display();
    let text = format!("#!/bin/sh\nLD_PRELOAD=/scripts/ipvs.so exec {path} \"$@\"\n");
    node.write_script("scripts", "daemon", &text);
    Program::at("/scripts/daemon")
}

fn compile(folder: &Path) {
    let words = ["-shared", "-fPIC", "-O2", "-o", "ipvs.so", "ipvs.c", "-ldl"];
    let made = Command::new("cc").args(words).current_dir(folder).output();
    let made = made.expect("cc, which Rust needs too");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
