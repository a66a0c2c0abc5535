//! A kernel with IPVS: the running one, or User-Mode Linux with this machine's files as its root.
//!
//! Debian's `user-mode-linux` boots in about three seconds as an ordinary process. A test that needs
//! IPVS runs there again, by its name, when the running kernel lacks it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};

use skips::{Lack, skip};

use crate::command;
use crate::program::Program;

/// Set inside, so that the test knows where it runs.
const INSIDE: &str = "LAB_INSIDE_UML";

/// The longest that one boot with its tests may take.
const LIMIT: Duration = Duration::from_secs(420);

/// The same where the long form of a test was asked for (`LAB_…`).
const LONG_LIMIT: Duration = Duration::from_secs(7200);

/// Variables of this beginning ask for the long form of a test; they are known inside too.
const LONG: &str = "LAB_";

/// Last line of the output: the exit status.
const STATUS: &str = "lab-uml-status: ";

const MODULES: &str =
    "ip_vs ip_vs_rr ip_vs_wrr ip_vs_lc ip_vs_wlc ip_vs_sh ip_vs_mh veth bridge nlmon";

/// True inside User-Mode Linux.
pub fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// True if the running kernel has IPVS, perhaps after its module is loaded.
pub fn has_ipvs() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let mut modprobe = Command::new("modprobe");
        modprobe.args(["-a", "-q", "ip_vs", "ip_vs_rr", "nlmon"]);
        if command::exists("modprobe") {
            command::run(modprobe, "");
        }
        Path::new("/proc/net/ip_vs").exists()
    })
}

/// Runs `body` where IPVS is: here, or by running the test `name` of this executable again inside
/// User-Mode Linux. `name` is the name of the test function.
pub fn with_ipvs(name: &str, body: impl FnOnce()) {
    unless(has_ipvs(), name, body);
}

/// Runs `body` where the kernel has no IPVS and cannot get it, as [`with_ipvs`] does.
pub fn without_ipvs(name: &str, body: impl FnOnce()) {
    if !is_inside() && has_ipvs() && !command::exists("linux.uml") {
        return skip(Lack::KernelWithoutIpvs, "this kernel has IPVS, and there is no linux.uml");
    }
    if is_inside() {
        let mut remove = Command::new("sh");
        remove.args(["-c", "echo /bin/false >/proc/sys/kernel/modprobe; rmmod $(lsmod | awk '/^ip_vs_/ {print $1}') ip_vs"]);
        command::output(remove, "");
    }
    unless(is_inside() || !has_ipvs(), name, body);
}

/// Runs `body` here where `is_possible`, else as [`with_ipvs`] does inside User-Mode Linux.
pub fn unless(is_possible: bool, name: &str, body: impl FnOnce()) {
    if is_possible {
        return body();
    }
    assert!(!is_inside(), "it is not possible inside either");
    let own = env::current_exe().expect("the path of this executable");
    let path = path_of(&own, name);
    let text = again(&["--exact", &path, "--nocapture", "--test-threads=1"]);
    assert!(text.contains("1 passed"), "{path} did not run inside User-Mode Linux, see above");
}

/// Runs this executable of tests inside, with these arguments, and shows its output, which it returns.
/// It must succeed.
pub fn again(arguments: &[&str]) -> String {
    let own = env::current_exe().expect("the path of this executable");
    let mut text = String::new();
    let status = run(&own, arguments, |line| {
        text.push_str(line);
        text.push('\n');
    });
    println!("{text}");
    assert_eq!(status, Some(0), "{arguments:?} failed inside User-Mode Linux, see above");
    text
}

/// What the test harness calls the test of that function: the modules that it stands in come first.
fn path_of(executable: &Path, name: &str) -> String {
    let mut list = Command::new(executable);
    list.args(["--list", "--format", "terse"]);
    let list = command::run(list, "").stdout;
    let mut tests = list.lines().filter_map(|line| line.strip_suffix(": test"));
    let path = tests.find(|path| path.rsplit("::").next() == Some(name));
    path.unwrap_or_else(|| panic!("no test of this executable is named {name}")).to_owned()
}

/// Boots, runs `program` as root with `arguments` in the current folder, and shows each line of its
/// output while it runs. Returns its exit status, `None` if it gave none within [`LIMIT`].
pub fn run(program: &Path, arguments: &[&str], show: impl FnMut(&str)) -> Option<i32> {
    let limit = if long_forms().next().is_some() { LONG_LIMIT } else { LIMIT };
    run_within(limit, program, arguments, show)
}

/// The same with another limit.
pub fn run_within(
    limit: Duration,
    program: &Path,
    arguments: &[&str],
    mut show: impl FnMut(&str),
) -> Option<i32> {
    let folder = tempfile::Builder::new().prefix("lab-uml-").tempdir().expect("a temporary folder");
    let init = folder.path().join("init");
    fs::write(&init, script(program, arguments)).expect("the init script can be written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&init, mode).expect("the init script can be made executable");
    link_modules();
    let mut linux = Command::new("linux.uml");
    // Its guests would die at once on a processor with AMX: `uml_xstate.c`.
    if let Some(library) = option_env!("UML_XSTATE") {
        linux.env("LD_PRELOAD", library);
    }
    linux.args(["mem=512M", "rootfstype=hostfs", "rootflags=/", "rw", "quiet"]);
    linux.args(["con0=null,fd:2", "con=null", "ssl0=null,fd:1", "ssl=null"]);
    linux.arg({
        let mut argument = OsString::from("init=");
        argument.push(&init);
        argument
    });
    linux.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = linux.spawn().unwrap_or_else(|error| {
        panic!("linux.uml: {error}. The running kernel has no IPVS: apt-get install user-mode-linux kmod")
    });
    let (lines, received) = mpsc::channel();
    let console = Arc::new(crate::log::Log::default());
    console.follow(child.stderr.take().expect("standard error is a pipe"));
    let stdout = child.stdout.take().expect("standard output is a pipe");
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            if lines.send(line).is_err() {
                break;
            }
        }
    });
    let start = Instant::now();
    let mut status = None;
    while let Ok(line) = received.recv_timeout(limit.saturating_sub(start.elapsed())) {
        match line.strip_prefix(STATUS) {
            Some(code) => status = code.trim().parse().ok(),
            None => show(&line),
        }
    }
    finish(&mut child);
    if status.is_none() {
        show(&format!("User-Mode Linux gave no exit status; its console:\n{}", console.text()));
    }
    status
}

/// Waits for the kernel to power off, and ends it with all its processes if it does not.
fn finish(child: &mut std::process::Child) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(5) {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    if let Ok(group) = i32::try_from(child.id()) {
        nix::sys::signal::killpg(nix::unistd::Pid::from_raw(group), nix::sys::signal::SIGKILL).ok();
    }
    child.wait().ok();
}

/// Debian keeps the modules of the UML kernel in a place of their own.
fn link_modules() {
    let Some(modules) = fs::read_dir("/usr/lib/uml/modules").ok().and_then(|mut all| all.next())
    else {
        panic!("no modules in /usr/lib/uml/modules: apt-get install user-mode-linux");
    };
    let version = modules.expect("a readable folder").file_name();
    let link = Path::new("/lib/modules").join(&version);
    fs::create_dir_all("/lib/modules").ok();
    // Another test may have made it in the meantime.
    symlink(Path::new("/usr/lib/uml/modules").join(&version), &link).ok();
    assert!(link.exists(), "{} cannot be linked", link.display());
}

/// `LAB_X='…'` for each variable that asks for a long form.
fn long_forms() -> impl Iterator<Item = String> {
    env::vars()
        .filter(|(name, _)| name.starts_with(LONG))
        .map(|(name, value)| format!("{name}={}", quoted(&value)))
}

/// ` NAME='…'` if that variable is set.
fn given(name: &str) -> String {
    env::var(name).map(|value| format!(" {name}={}", quoted(&value))).unwrap_or_default()
}

/// The first process inside.
fn script(program: &Path, arguments: &[&str]) -> String {
    let mut call = quoted(&program.to_string_lossy());
    for argument in arguments {
        call.push(' ');
        call.push_str(&quoted(argument));
    }
    let folder = env::current_dir().expect("the current folder");
    format!(
        "#!/bin/bash
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
export {long} {ci} {INSIDE}=1 KEEPALIVED_RS={daemon} TMPDIR=/run RUST_BACKTRACE={backtrace}
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs run /run
mount -t tmpfs shm /dev/shm; mount -t devpts devpts /dev/pts
ip link set lo up
modprobe -a -q {MODULES}
cd {folder}
stty -F /dev/ttyS0 raw -echo
exec >/dev/ttyS0 2>&1 </dev/null
{call}
echo \"{STATUS}$?\"
sync
busybox poweroff -f
",
        daemon = quoted(&Program::ours().path().to_string_lossy()),
        long = long_forms().collect::<Vec<_>>().join(" "),
        ci = given("CI") + &given("SKIPS"),
        backtrace = env::var("RUST_BACKTRACE").unwrap_or_else(|_| "0".to_owned()),
        folder = quoted(&folder.to_string_lossy()),
    )
}

/// The text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
