//! `strace` looks on, or makes system calls slow.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use skips::{Lack, skip};

use crate::{command, wait};

const LIMIT: Duration = Duration::from_secs(30);

/// Looks at a process from now on, with these arguments, until it ends. `None` where there is no
/// `strace`, or it may not: the reason is printed.
pub fn attach(pid: i32, arguments: &[&str], output: &Path) -> Option<Child> {
    if !command::exists("strace") {
        skip(Lack::Setup, "no strace (apt-get install strace)");
        return None;
    }
    let mut strace = Command::new("strace");
    strace.args(arguments).args(["-p", &pid.to_string(), "-o"]).arg(output);
    let mut child = strace.stderr(Stdio::null()).spawn().expect("strace can be started");
    let status = format!("/proc/{pid}/status");
    let is_traced = || {
        let status = fs::read_to_string(&status).expect("the process lives");
        status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
    };
    let mut ended = false;
    wait::eventually(LIMIT, "strace looks on", || {
        ended = child.try_wait().expect("a child").is_some();
        ended || is_traced()
    });
    if ended {
        skip(Lack::Setup, "strace may not look at other processes here");
    }
    (!ended).then_some(child)
}
