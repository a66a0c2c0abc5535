//! Scripts, started by a process with threads.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::time::Duration;

use nix::sys::prctl;
use sys::spawn::{NOT_EXECUTED, Spawn, spawn, spawn_with};
use sys::users::User;
use sys::{Child, Exit, Signal};

/// One at a time: whoever sees that a core is allowed must see nobody else's script.
static ALONE: Mutex<()> = Mutex::new(());

fn shell(line: &str) -> Spawn {
    Spawn {
        program: "/bin/sh".to_owned(),
        args: vec!["-c".to_owned(), line.to_owned()],
        env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
        user: None,
        groups: Vec::new(),
        umask: 0o27,
    }
}

fn wait(child: &Child) -> Exit {
    for _ in 0..2_000 {
        if let Some(exit) = child.try_wait().unwrap() {
            return exit;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("a script does not end in ten seconds")
}

/// What the script writes; it must succeed.
fn output(script: &Spawn) -> String {
    let null = File::open("/dev/null").unwrap();
    let (mut reader, writer) = io::pipe().unwrap();
    let child = spawn_with(script, null.as_fd(), writer.as_fd()).unwrap();
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(wait(&child), Exit::Status(0), "{text}");
    text
}

#[test]
fn a_script_inherits_nothing_but_what_it_was_given() {
    let _alone = ALONE.lock();
    let _open = File::open("/etc/passwd").unwrap();
    let seen = output(&shell(
        "grep -E '^Sig(Blk|Ign):|^Cap(Inh|Amb):' /proc/self/status; umask; env | grep -v '^PWD=\\|^_=\\|SHLVL'; \
         readlink /proc/self/fd/0 /proc/self/fd/2; ls /proc/self/fd | wc -l; \
         cut -d' ' -f5 /proc/$$/stat | grep -qx $$ && echo leads",
    ));
    // The list of descriptors has one of its own.
    let none = "0000000000000000";
    let expected = format!(
        "SigBlk:\t{none}\nSigIgn:\t{none}\nCapInh:\t{none}\nCapAmb:\t{none}\n0027\n\
         PATH=/usr/bin:/bin\n/dev/null\n/dev/null\n4\nleads\n"
    );
    assert_eq!(seen, expected);
}

#[test]
fn without_ends_all_three_are_the_null_device() {
    let _alone = ALONE.lock();
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    let line =
        format!("for n in 0 1 2; do readlink /proc/$$/fd/$n | cat >> {}; done", told.display());
    assert_eq!(wait(&spawn(&shell(&line)).unwrap()), Exit::Status(0));
    assert_eq!(std::fs::read_to_string(told).unwrap(), "/dev/null\n".repeat(3));
}

#[test]
fn a_program_that_cannot_be_executed_shows_as_a_shell_has_it() {
    let _alone = ALONE.lock();
    let script = Spawn { program: "/nowhere/at/all".to_owned(), ..shell("true") };
    assert_eq!(wait(&spawn(&script).unwrap()), Exit::Status(NOT_EXECUTED));
    let zero = Spawn { args: vec!["a\0b".to_owned()], ..shell("true") };
    assert_eq!(spawn(&zero).unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn a_signal_reaches_the_whole_group() {
    let _alone = ALONE.lock();
    let null = File::open("/dev/null").unwrap();
    let (mut reader, writer) = io::pipe().unwrap();
    let script = shell("sleep 60 & echo; wait");
    let child = spawn_with(&script, null.as_fd(), writer.as_fd()).unwrap();
    drop(writer);
    reader.read_exact(&mut [0]).unwrap();
    child.signal_group(Signal::TERM).unwrap();
    assert_eq!(wait(&child), Exit::Signal(Signal::TERM));
    // The end of the pipe: `sleep` had it too.
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_script_of_another_user_has_its_groups_and_leaves_this_process_as_it_was() {
    let _alone = ALONE.lock();
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    assert!(prctl::get_dumpable().unwrap());
    let user = Some(User { uid: 65_534, gid: 65_533 });
    let script = Spawn {
        user,
        groups: vec![10, 20],
        ..shell("id -u; id -g; id -G; grep CapEff /proc/self/status")
    };
    assert_eq!(output(&script), "65534\n65533\n65533 10 20\nCapEff:\t0000000000000000\n");
    assert!(nix::unistd::geteuid().is_root());
    assert!(prctl::get_dumpable().unwrap(), "it may leave a core as before");
}

#[test]
fn many_scripts_of_many_threads_at_once_get_what_is_theirs() {
    let _alone = ALONE.lock();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                let statuses = (0..50).map(|n| (thread * 50 + n) % 120);
                let started: Vec<(i32, Child)> = statuses
                    .map(|status| (status, spawn(&shell(&format!("exit {status}"))).unwrap()))
                    .collect();
                for (status, child) in started {
                    assert_eq!(wait(&child), Exit::Status(status));
                }
            });
        }
    });
}
