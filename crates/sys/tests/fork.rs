//! Processes. No test harness: it has threads, and a process with threads must not fork.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use sys::exec::{Program, inherited};
use sys::privilege::{Capability, has};
use sys::process::{adopt_orphans, die_with_parent, exit_now, own_pid, reap_orphan, set_name};
use sys::{Child, Daemonised, Exit, Forked, PidFile, PidFileError, Signal, daemonise, fork};

fn main() {
    if let Some(number) = std::env::var_os("SYS_TEST_SUCCESSOR") {
        return the_successor_has_what_was_kept(&number.into_string().unwrap());
    }
    a_child_tells_its_status_or_signal_once();
    a_process_with_a_second_thread_does_not_fork();
    a_child_dies_with_its_parent_and_becomes_ours();
    a_lock_lives_as_long_as_the_last_process_that_has_the_file();
    the_original_ends_as_the_daemon_says();
    a_daemon_has_no_terminal_and_stands_in_the_root_folder();
    a_process_has_the_name_it_gave_itself();
    a_program_takes_the_place_of_another_with_its_descriptors_and_children();
    a_program_that_cannot_be_executed_changes_nothing();
    what_is_given_up_is_gone_for_good_and_what_is_kept_works();
    a_program_that_crashes_or_hangs_becomes_the_former_one_while_the_way_back_is_open();
    println!("11 process tests passed");
}

/// Forks; `run` is the new process, which ends with the status it returns, 99 for a panic.
fn child(run: impl FnOnce() -> i32) -> Child {
    match fork().unwrap() {
        Forked::Parent(child) => child,
        Forked::Child(blocked) => {
            drop(blocked);
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
            exit_now(result.unwrap_or(99))
        }
    }
}

/// Calls until it gives something, for at most ten seconds.
fn poll<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..2_000 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{what} did not happen in ten seconds")
}

fn wait(child: &Child) -> Exit {
    poll("the end of a child", || child.try_wait().unwrap())
}

fn a_child_tells_its_status_or_signal_once() {
    let ended = child(|| 204);
    assert_eq!(wait(&ended), Exit::Status(204));
    assert_eq!(ended.try_wait().unwrap_err().raw_os_error(), Some(10), "ECHILD the second time");
    ended.signal(Signal::TERM).unwrap();
    for signal in [Signal::KILL, Signal::TERM, Signal::stats_clear()] {
        let sleeper = child(|| {
            loop {
                std::thread::park();
            }
        });
        assert_eq!(sleeper.try_wait().unwrap(), None);
        sleeper.signal(signal).unwrap();
        assert_eq!(wait(&sleeper), Exit::Signal(signal));
    }
}

fn a_process_with_a_second_thread_does_not_fork() {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || stopped.recv().is_err());
    let error = fork().unwrap_err();
    assert_eq!(error.to_string(), "a process with threads must not fork");
    drop(stop);
    assert!(thread.join().unwrap());
    // The kernel lists a thread for a moment longer than its join takes.
    poll("the end of the thread", || {
        (fs::read_dir("/proc/self/task").unwrap().count() == 1).then_some(())
    });
}

fn a_child_dies_with_its_parent_and_becomes_ours() {
    adopt_orphans().unwrap();
    let (mut from_grandchild, mut to_us) = io::pipe().unwrap();
    let parent = child(move || {
        let parent = own_pid();
        let grandchild = child(move || {
            let is_watching = die_with_parent(parent).is_ok();
            to_us.write_all(&own_pid().to_ne_bytes()).unwrap();
            if !is_watching {
                return 1;
            }
            loop {
                std::thread::park();
            }
        });
        wait(&grandchild);
        0
    });
    let mut pid = [0; 4];
    from_grandchild.read_exact(&mut pid).unwrap();
    let pid = i32::from_ne_bytes(pid);
    parent.signal(Signal::KILL).unwrap();
    // The parent is ours to wait for; it must not be taken for an orphan.
    let ours = parent.pid();
    let (mut parent_exit, mut orphan) = (None, None);
    poll("the end of both", || {
        orphan = orphan.or_else(|| reap_orphan(|pid| pid == ours).unwrap());
        parent_exit = parent_exit.or_else(|| parent.try_wait().unwrap());
        (orphan.is_some() && parent_exit.is_some()).then_some(())
    });
    assert_eq!((orphan, parent_exit), (Some(pid), Some(Exit::Signal(Signal::KILL))));
    assert_eq!(reap_orphan(|_| false).unwrap(), None, "nobody is left");
}

fn a_lock_lives_as_long_as_the_last_process_that_has_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pid");
    let pid_file = PidFile::open(&path).unwrap();
    let holder = child(|| {
        loop {
            std::thread::park();
        }
    });
    drop(pid_file);
    assert!(matches!(PidFile::open(&path), Err(PidFileError::Locked { .. })));
    holder.signal(Signal::KILL).unwrap();
    wait(&holder);
    let mut taken_over = PidFile::open(&path).unwrap();
    taken_over.write(own_pid()).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", own_pid()));
}

/// Runs `daemon` as a daemon; says with what status the process that was started ended.
fn daemon(daemon: impl FnOnce(sys::Announce)) -> Exit {
    wait(&child(|| match daemonise().unwrap() {
        Daemonised::Original(status) => status,
        Daemonised::Daemon(announce) => {
            daemon(announce);
            exit_now(0)
        }
    }))
}

fn the_original_ends_as_the_daemon_says() {
    assert_eq!(daemon(|announce| announce.tell(0)), Exit::Status(0));
    assert_eq!(daemon(|announce| announce.tell(6)), Exit::Status(6));
    assert_eq!(daemon(drop), Exit::Status(1), "it died without a word");
}

fn a_daemon_has_no_terminal_and_stands_in_the_root_folder() {
    let (mut read, mut write) = io::pipe().unwrap();
    let exit = daemon(move |announce| {
        let target = |name: &str| fs::read_link(format!("/proc/self/{name}")).unwrap();
        let stdio = [0, 1, 2].map(|fd| target(&format!("fd/{fd}")));
        let is_right = stdio.iter().all(|path| path.to_str() == Some("/dev/null"))
            && target("cwd").to_str() == Some("/");
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let after_name = stat.rsplit(") ").next().unwrap();
        // State, parent, group, session, terminal.
        let fields: Vec<i32> =
            after_name.split(' ').skip(1).take(4).map(|field| field.parse().unwrap()).collect();
        let is_leader = fields[2] == own_pid();
        write
            .write_all(&[u8::from(is_right), u8::from(is_leader), u8::from(fields[3] == 0)])
            .unwrap();
        announce.tell(0);
    });
    assert_eq!(exit, Exit::Status(0));
    let mut answers = Vec::new();
    read.read_to_end(&mut answers).unwrap();
    assert_eq!(answers, [1, 1, 1], "streams and folder, leader of a session, no terminal");
}

fn a_process_has_the_name_it_gave_itself() {
    let named = child(|| {
        set_name("keepalived_vrrp").unwrap();
        i32::from(fs::read_to_string("/proc/self/comm").unwrap() != "keepalived_vrrp\n")
    });
    assert_eq!(wait(&named), Exit::Status(0));
}

/// In a child, which becomes this test program again; that one ends with 42 when it finds all.
fn a_program_takes_the_place_of_another_with_its_descriptors_and_children() {
    let successor = child(|| {
        let memory = sys::memfd::create_sealed("kept", b"state").unwrap();
        let sleeper = child(|| {
            loop {
                std::thread::park();
            }
        });
        let value = format!("{} {}", memory.as_raw_fd(), sleeper.pid());
        let program = Program::open(&std::env::current_exe().unwrap()).unwrap();
        let variables = [("SYS_TEST_SUCCESSOR", value.as_str())];
        panic!("{}", program.become_it(&["test".into()], &variables, &[memory.as_fd()]));
    });
    assert_eq!(wait(&successor), Exit::Status(42));
}

fn the_successor_has_what_was_kept(value: &str) {
    let blocked = sys::BlockedSignals::inherited();
    let (fd, pid) = value.split_once(' ').unwrap();
    let memory = inherited(fd.parse().unwrap()).unwrap();
    assert_eq!(sys::memfd::read_sealed(memory.as_fd(), 10).unwrap(), b"state");
    let child = Child::known(pid.parse().unwrap()).unwrap();
    assert_eq!(child.try_wait().unwrap(), None, "it lives, and is still ours");
    child.signal(Signal::KILL).unwrap();
    assert_eq!(wait(&child), Exit::Signal(Signal::KILL));
    drop(blocked);
    exit_now(42)
}

/// In a child, which becomes this test program again, as above.
fn a_program_that_crashes_or_hangs_becomes_the_former_one_while_the_way_back_is_open() {
    let with_way_back = |end: &dyn Fn() -> i32| {
        child(|| {
            let memory = sys::memfd::create_sealed("kept", b"state").unwrap();
            let parent = own_pid();
            let sleeper = child(|| {
                // Its parent may have crashed by now, as it is meant to.
                if die_with_parent(parent).is_err() {
                    return 0;
                }
                loop {
                    std::thread::park();
                }
            });
            let value = format!("{} {}", memory.as_raw_fd(), sleeper.pid());
            let program = fs::File::open("/proc/self/exe").unwrap().into();
            let variables = [("SYS_TEST_SUCCESSOR", value.as_str())];
            let limit = base::Duration::from_secs(1);
            sys::way_back::open(program, &["test".into()], &variables, vec![memory], limit)
                .unwrap();
            end()
        })
    };
    let crash = |number: i32| {
        let own = sys::Signal::from_number(number).unwrap();
        Child::known(own_pid()).unwrap().signal(own).unwrap();
        7
    };
    for number in [11, 6, 7, 4, 8] {
        assert_eq!(wait(&with_way_back(&|| crash(number))), Exit::Status(42), "signal {number}");
    }
    let hangs = with_way_back(&|| {
        loop {
            std::thread::park();
        }
    });
    assert_eq!(wait(&hangs), Exit::Status(42));
    let gives_up = with_way_back(&|| {
        sys::way_back::take();
        7
    });
    assert_eq!(wait(&gives_up), Exit::Status(42));
    let is_on_its_own = with_way_back(&|| {
        sys::way_back::close();
        assert!(!sys::way_back::is_open());
        sys::way_back::take();
        crash(11)
    });
    assert_eq!(wait(&is_on_its_own), Exit::Signal(Signal::from_number(11).unwrap()));
}

fn a_program_that_cannot_be_executed_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program");
    fs::write(&path, "this is no program").unwrap();
    let program = Program::open(&path).unwrap();
    let memory = sys::memfd::create_sealed("kept", b"state").unwrap();
    assert_eq!(
        program.become_it(&["test".into()], &[], &[memory.as_fd()]).kind(),
        io::ErrorKind::PermissionDenied
    );
    assert_eq!(wait(&program.start(&["test".into()], &[]).unwrap()), Exit::Status(127));
    Program::open(&folder.path().join("none")).unwrap_err();
}

fn what_is_given_up_is_gone_for_good_and_what_is_kept_works() {
    if !sys::process::is_root() {
        return skips::skip(skips::Lack::Setup, "only root has capabilities to give up");
    }
    let ended = child(|| {
        sys::privilege::inherit_none().unwrap();
        sys::privilege::keep_only(&[Capability::NetRaw, Capability::Kill]).unwrap();
        assert!(has(Capability::NetRaw).unwrap());
        assert!(!has(Capability::NetAdmin).unwrap());
        sys::privilege::keep_only(&[Capability::NetAdmin, Capability::Kill]).unwrap();
        assert!(!has(Capability::NetAdmin).unwrap(), "it does not come back");
        7
    });
    assert_eq!(wait(&ended), Exit::Status(7));
}
