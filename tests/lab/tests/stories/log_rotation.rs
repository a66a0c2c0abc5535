//! `conf/keepalived.logrotate` as it is installed, run by logrotate: beside a daemon that writes the
//! files which it names, and beside a syslog.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::OWNER;
use lab::{Daemon, Lack, Network, Node, Program, command, left, wait};

const OWN: &str = "10.9.0.1/24";
const SLACK: Duration = Duration::from_secs(8);

/// Where `make install` leaves the file, below the prefix.
const INSTALLED: &str = "share/doc/keepalived-rs/keepalived.logrotate";

/// What a distribution says before it includes the files of packages.
const DISTRIBUTION: &str = "weekly\nrotate 4\ncreate\ninclude /scripts/logrotate.d\n";

/// A machine with a `/var/log` of its own and logrotate set up; `None` where there is none.
fn machine(network: &Network) -> Option<Node> {
    if !command::exists("logrotate") {
        lab::skip(Lack::Setup, "no logrotate (apt-get install logrotate)");
        return None;
    }
    let node = network.machine("one", "eth0", &[OWN]);
    let directory = tempfile::tempdir().expect("a temporary directory");
    super::install::install(directory.path(), "sysv");
    let installed = Path::new("opt/ka").join(INSTALLED);
    let text = fs::read_to_string(directory.path().join(installed)).expect("the installed file");
    fs::create_dir(node.folder("scripts").join("logrotate.d")).expect("a folder");
    node.write_file("scripts/logrotate.d", "keepalived", &text);
    node.write_file("scripts", "logrotate.conf", DISTRIBUTION);
    // logrotate takes no file that others may write to, nor a folder.
    node.sh("chmod 644 /scripts/logrotate.conf /scripts/logrotate.d/*
             chmod 755 /scripts /scripts/logrotate.d
             mount -t tmpfs -o mode=755 log /var/log
             # Debian's script would tell the syslog of this machine.
             [ ! -d /usr/lib/rsyslog ] || mount -t tmpfs none /usr/lib/rsyslog
             rm -rf /run/mount");
    Some(node)
}

/// What logrotate says of it: nothing.
fn rotate(node: &Node) {
    let finished = node.try_sh("logrotate -f -s /scripts/logrotate.state /scripts/logrotate.conf");
    assert!(finished.status.success(), "{}", finished.stderr);
    assert_eq!(finished.stderr, "");
}

fn count(node: &Node, line: &str, files: &str) -> usize {
    let lines = node.try_sh(&format!("cd /var/log; zcat -f {files} | grep -Fc '{line}'")).stdout;
    lines.trim().parse().expect("a number")
}

#[test]
fn logrotate_takes_the_files_of_a_daemon_which_goes_on_in_new_ones_and_no_line_is_lost() {
    let network = Network::new();
    let Some(node) = machine(&network) else { return };
    let options = ["-D", "-g/var/log/keepalived.log"];
    let daemon = Daemon::start_with(&Program::ours(), &node, OWNER, &options);
    let has = |line: &str, file: &str, times: usize| {
        wait::becomes(SLACK, &format!("{line} in {file}"), &times, || count(&node, line, file));
    };
    has("Startup complete", "keepalived.log", 1);
    has("(VI_1) Entering MASTER STATE", "keepalived_vrrp.log", 1);
    // Lines come before, while and after the files are taken away, twice.
    let mut reloads = 0;
    let mut reload = || {
        reloads += 1;
        let address = ["10.9.0.51", "10.9.0.52"][reloads % 2];
        let from = daemon.reload(&OWNER.replace("10.9.0.51", address));
        daemon.log().wait_since(from, "Reload complete", SLACK);
    };
    for _ in 0..2 {
        reload();
        std::thread::scope(|scope| {
            let rotation = scope.spawn(|| rotate(&node));
            while !rotation.is_finished() {
                reload();
            }
        });
        reload();
    }
    assert!(daemon.stop().1.success());
    has("Stopped Keepalived", "keepalived.log", 1);
    has("(VI_1) sent 0 priority", "keepalived_vrrp.log", 1);
    wait::eventually(SLACK, "the writer ends", || node.processes().is_empty());

    // The first file is compressed by now, when nobody writes to it any more.
    has("Starting Keepalived", "keepalived.log.2.gz", 1);
    has("(VI_1) Entering MASTER STATE", "keepalived_vrrp.log.2.gz", 1);
    has("Reloading ...", "keepalived.log.2.gz keepalived.log.1 keepalived.log", reloads);
    has("Reload complete", "keepalived.log.2.gz keepalived.log.1 keepalived.log", reloads);
    assert!(count(&node, "Reload complete", "keepalived.log.1") > 0);
    assert!(count(&node, "Reload complete", "keepalived.log") > 0);
    left::nothing(&node, &[OWN]);
}

/// Who writes the file for syslog has it open: it is told, and once, whatever was rotated.
#[test]
fn logrotate_tells_a_syslog_which_it_knows_by_its_pid_file_that_the_log_was_taken() {
    for file in ["rsyslogd.pid", "syslogd.pid"] {
        let network = Network::new();
        let Some(node) = machine(&network) else { return };
        node.write_script(
            "scripts",
            "syslog",
            &format!(
                "#!/bin/sh
                open() {{ exec 3>>/var/log/keepalived.log; echo opened >&3; }}
                trap open HUP
                open
                echo $$ >/run/{file}
                while :; do sleep 0.1; done\n"
            ),
        );
        node.sh("/scripts/syslog >/dev/null 2>&1 & ");
        let lines = |file: &str| node.try_sh(&format!("cat /var/log/{file}")).stdout;
        wait::becomes(SLACK, "it runs", &"opened\n".to_owned(), || lines("keepalived.log"));
        wait::eventually(SLACK, "its PID file", || node.try_sh("cat /run/*.pid").status.success());
        node.sh("echo of another >/var/log/keepalived_vrrp.log");
        rotate(&node);
        wait::becomes(SLACK, "a new file", &"opened\n".to_owned(), || lines("keepalived.log"));
        assert_eq!(lines("keepalived.log.1"), "opened\n", "{file}");
        assert_eq!(lines("keepalived_vrrp.log.1"), "of another\n", "{file}");
        wait::stays(Duration::from_millis(500), "told once", || {
            lines("keepalived.log") == "opened\n"
        });
    }
}
