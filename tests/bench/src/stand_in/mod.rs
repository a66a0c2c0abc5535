//! How daemons run in rows about checks: with their packets received elsewhere, and where the running
//! kernel has no IPVS with a stand-in for it, so that they are measured here, at the real speed of system
//! calls, and not in User-Mode Linux.

use std::path::Path;
use std::process::Command;

use lab::{Node, Program, uml};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

const SOURCE: &str = include_str!("ipvs.c");

/// The processor of the daemon.
const DAEMONS: usize = 0;

/// The processor of those who answer, and of all packets that arrive.
const OTHERS: usize = 1;

/// `program` as it is to run on `node`. On loopback a sender does the work of the receiver too, which is
/// the same for both daemons and hides what they cost: when they are to be `apart`, packets are received
/// on a processor of their own, as where a network card's interrupts are elsewhere. Where the kernel has no IPVS, a library before
/// libc's answers what is said to it. Both daemons get the same.
pub(crate) fn program(program: &Program, node: &Node, apart: bool) -> Program {
    let mut words = String::new();
    if !uml::has_ipvs() {
        node.write_file("scripts", "ipvs.c", SOURCE);
        compile(&node.folder("scripts"));
        words.push_str("LD_PRELOAD=/scripts/ipvs.so ");
    }
    // What else the machine does is not to be measured: both go before it, where that is allowed.
    words.push_str("exec $(chrt -f 1 true 2>/dev/null && echo chrt -f 1) ");
    if apart && has_two() {
        let mask = 1 << OTHERS;
        node.sh(&format!(
            "mkdir -p /run/sys && mount -t sysfs sys /run/sys
             echo {mask:x} >/run/sys/class/net/lo/queues/rx-0/rps_cpus
             umount /run/sys && rmdir /run/sys"
        ));
        words.push_str(&format!("taskset -c {DAEMONS} "));
    }
    let path = program.path().display();
    node.write_script("scripts", "daemon", &format!("#!/bin/sh\n{words}{path} \"$@\"\n"));
    Program::at("/scripts/daemon")
}

/// The calling thread is one of those who answer: before whatever else the machine does, where that is
/// allowed, and on their processor when they are to be `apart`.
pub(crate) fn answer_at_once(apart: bool) {
    let own = nix::unistd::gettid().to_string();
    Command::new("chrt").args(["-f", "-p", "1", &own]).output().ok();
    let mut others = CpuSet::new();
    if apart && has_two() && others.set(OTHERS).is_ok() {
        sched_setaffinity(Pid::from_raw(0), &others).ok();
    }
}

fn has_two() -> bool {
    let Ok(mine) = sched_getaffinity(Pid::from_raw(std::process::id().cast_signed())) else {
        return false;
    };
    [DAEMONS, OTHERS].into_iter().all(|one| mine.is_set(one).unwrap_or(false))
}

fn compile(folder: &Path) {
    let words = ["-shared", "-fPIC", "-O2", "-o", "ipvs.so", "ipvs.c", "-ldl"];
    let made = Command::new("cc").args(words).current_dir(folder).output();
    let made = made.expect("cc, which Rust needs too");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
