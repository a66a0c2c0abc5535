//! Commands of the machine (`ip`, `ipvsadm`, ...), with their output and a bound on their time.

use std::io::{Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// No command of the lab needs longer, even under User-Mode Linux.
const LIMIT: Duration = Duration::from_secs(60);

/// What a finished command left.
#[derive(Debug, Clone)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Finished {
    /// Exit status, `None` if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// What it has written, if it has succeeded; fails the test if not. `what` names it.
    pub fn expect_success(self, what: &str) -> String {
        let Self { status, stdout, stderr } = self;
        assert!(status.success(), "{what} ended with {status}: {stderr}{stdout}");
        stdout
    }
}

/// Runs `command` with `input` on its standard input and collects what it says.
pub fn run(command: Command, input: &str) -> Finished {
    run_within(LIMIT, command, input)
}

/// The same for a command that may take longer.
pub fn run_within(limit: Duration, mut command: Command, input: &str) -> Finished {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    // A command that ends without reading its input breaks the pipe; its status tells why.
    stdin.write_all(input.as_bytes()).ok();
    drop(stdin);
    let stdout = collect(child.stdout.take().expect("standard output is a pipe"));
    let stderr = collect(child.stderr.take().expect("standard error is a pipe"));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("the child can be waited for") {
            break status;
        }
        if start.elapsed() > limit {
            child.kill().ok();
            panic!("{command:?} did not end within {limit:?}");
        }
        thread::sleep(Duration::from_millis(1));
    };
    Finished {
        status,
        stdout: stdout.join().unwrap_or_default(),
        stderr: stderr.join().unwrap_or_default(),
    }
}

/// Runs `command`, which must succeed, and returns its standard output.
pub fn output(command: Command, input: &str) -> String {
    output_within(LIMIT, command, input)
}

/// The same for a command that may take longer.
pub fn output_within(limit: Duration, command: Command, input: &str) -> String {
    let what = format!("{command:?} with the input {input:?}");
    run_within(limit, command, input).expect_success(&what)
}

/// Runs a shell script by `command`, which brings it to where it runs, as somebody who has just logged
/// in on a Debian system.
pub(crate) fn login_shell(mut command: Command, script: &str) -> Finished {
    command.args(["/bin/sh", "-c", script]);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C");
    run(command, "")
}

/// True if a program of that name is on PATH.
pub fn exists(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    })
}

fn collect(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
