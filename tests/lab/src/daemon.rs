//! A daemon on a node: started as guides start it, watched, and stopped.

use std::io::{Read, Write};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::log::{Line, Log};
use crate::node::Node;
use crate::process::Process;
use crate::program::Program;
use crate::wait;

/// A stop may take its children a second each; more is a failure.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// A daemon in the foreground with its log on the console.
#[derive(Debug)]
pub struct Daemon<'node> {
    node: &'node Node,
    child: Child,
    log: Log,
}

/// The configuration file of a node, where keepalived looks for it.
const CONFIGURATION: &str = "keepalived.conf";

impl<'node> Daemon<'node> {
    /// Writes `/etc/keepalived/keepalived.conf` and starts `PROGRAM -n -l -D`.
    pub fn start(program: &Program, node: &'node Node, configuration: &str) -> Self {
        Self::start_with(program, node, configuration, &[])
    }

    /// The same with more options.
    pub fn start_with(
        program: &Program,
        node: &'node Node,
        configuration: &str,
        options: &[&str],
    ) -> Self {
        let all = [&["-n", "-l", "-D"], options].concat();
        Self::start_exactly_with(program, node, configuration, &all)
    }

    /// The same with these options only. `-n` must be among them, and without `-l` there is no log.
    pub fn start_exactly_with(
        program: &Program,
        node: &'node Node,
        configuration: &str,
        options: &[&str],
    ) -> Self {
        node.write_file("etc", CONFIGURATION, configuration);
        let mut command = node.command(program.path());
        command.args(options);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::of(node, command.spawn().expect("the daemon can be started"))
    }

    /// The same, and when the program was executed. What comes before is no time of its: the way into the node's
    /// namespaces takes longer than some daemon's start where system calls are slow.
    pub fn start_timed(
        program: &Program,
        node: &'node Node,
        configuration: &str,
        options: &[&str],
    ) -> (Self, Instant) {
        node.write_file("etc", CONFIGURATION, configuration);
        let mut command = node.command("/bin/sh");
        command.args(["-c", r#"echo; read -r go; exec "$0" "$@" </dev/null"#]);
        command.arg(program.path()).args(options);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a shell can be started");
        let ready = child.stdout.as_mut().expect("standard output is a pipe");
        ready.read_exact(&mut [0]).expect("the shell is ready");
        let mut go = child.stdin.take().expect("standard input is a pipe");
        let start = Instant::now();
        go.write_all(b"\n").expect("the shell waits");
        (Self::of(node, child), start)
    }

    fn of(node: &'node Node, mut child: Child) -> Self {
        let log = Log::default();
        log.follow(child.stdout.take().expect("standard output is a pipe"));
        log.follow(child.stderr.take().expect("standard error is a pipe"));
        Self { node, child, log }
    }

    /// Everything that it logged.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Waits for a log line.
    pub fn wait_log(&self, part: &str, limit: Duration) -> Line {
        self.log.wait(part, limit)
    }

    /// Its first process.
    pub fn parent(&self) -> Process {
        wait::until(Duration::from_secs(10), "the daemon runs", || self.find_parent()).0
    }

    fn find_parent(&self) -> Option<Process> {
        let nsenter = i32::try_from(self.child.id()).expect("a process number");
        self.node.processes().into_iter().find(|process| process.host_parent == nsenter)
    }

    /// Its process that speaks VRRP, as `/run/vrrp.pid` says.
    pub fn vrrp(&self) -> Process {
        self.named_in("vrrp.pid")
    }

    /// Its process that checks servers, as `/run/checkers.pid` says.
    pub fn checker(&self) -> Process {
        self.named_in("checkers.pid")
    }

    fn named_in(&self, file: &str) -> Process {
        let (process, _) =
            wait::until(Duration::from_secs(10), &format!("a process in {file}"), || {
                self.node.process(self.node.pid_file(file)?)
            });
        process
    }

    /// Writes a new configuration and sends SIGHUP. Returns the place in the log where its answer begins.
    pub fn reload(&self, configuration: &str) -> usize {
        self.write(configuration);
        self.reload_written().1
    }

    /// Writes a new configuration, of which the daemon is not told yet.
    pub fn write(&self, configuration: &str) {
        self.node.write_file("etc", CONFIGURATION, configuration);
    }

    /// Sends SIGHUP. Returns when, and the place in the log where the answer begins.
    pub fn reload_written(&self) -> (Instant, usize) {
        let (parent, from) = (self.parent(), self.log.len());
        let at = Instant::now();
        parent.signal(Signal::SIGHUP);
        (at, from)
    }

    /// Stops every process of its node where it is, as a stalled hypervisor does.
    pub fn freeze(&self) {
        self.node.processes().iter().for_each(|process| process.signal(Signal::SIGSTOP));
    }

    /// Ends [`Self::freeze`].
    pub fn thaw(&self) {
        self.node.processes().iter().for_each(|process| process.signal(Signal::SIGCONT));
        // nsenter stops with its child, and goes on with nobody.
        let nsenter = i32::try_from(self.child.id()).expect("a process number");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(nsenter), Signal::SIGCONT).ok();
    }

    /// True while its first process lives.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it ends by itself.
    pub fn wait_end(&mut self, limit: Duration) -> ExitStatus {
        let child = &mut self.child;
        wait::until(limit, "the daemon ends", || child.try_wait().expect("a child")).0
    }

    /// Sends SIGTERM and waits for the end. Returns when the signal was sent, and the status.
    pub fn stop(mut self) -> (Instant, ExitStatus) {
        let parent = self.parent();
        let at = Instant::now();
        parent.signal(Signal::SIGTERM);
        (at, self.wait_end(STOP_LIMIT))
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        let patience = Instant::now() + Duration::from_secs(10);
        while self.is_running() && Instant::now() < patience {
            // Its children end with their parent; the node's own end catches what does not.
            if let Some(parent) = self.find_parent() {
                parent.signal(Signal::SIGKILL);
                self.child.wait().ok();
            } else {
                // It is about to end by itself, or to begin.
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        if std::thread::panicking() {
            eprintln!("log of the daemon on {}:\n{}", self.node.name(), self.log.end());
        }
    }
}
