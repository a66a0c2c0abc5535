//! The package on a machine whose process 1 is systemd: what `systemctl` asks of the units is done,
//! and systemd knows how it went.

#![allow(clippy::expect_used, reason = "test code")]

use std::fs;
use std::time::Duration;

use lab::debian::{Debian, configuration};
use lab::package::package;
use lab::{Booted, Program, wait};

const SLACK: Duration = Duration::from_secs(30);
const DAEMON: &str = "keepalived";
const UNPRIVILEGED: &str = "keepalived-unprivileged";

const OPERATIONS: &str = include_str!("../../../docs/operations.md");

/// The unit as an admin of an older keepalived has it.
const FORKING: &str = "[Service]
Type=forking
PIDFile=/run/keepalived.pid
ExecStart=
ExecStart=/usr/sbin/keepalived $KEEPALIVED_OPTIONS
";

/// The machine with the package on it.
struct Box {
    machine: Booted,
}

impl Box {
    fn configure(&self, text: &str) {
        let file = self.machine.path("/etc/keepalived/keepalived.conf");
        fs::write(file, text).expect("the configuration can be written");
    }

    /// What `systemctl ACTION` returns for the unit.
    fn systemctl(&self, action: &str, unit: &str) -> Option<i32> {
        let finished = self.machine.try_sh(&format!("systemctl {action} {unit}"));
        println!("{action} {unit}: {} {}{}", finished.status, finished.stdout, finished.stderr);
        if !finished.status.success() {
            let journal = self.machine.sh(&format!("journalctl --no-pager -n 10 -u {unit}"));
            println!("{journal}");
        }
        finished.code()
    }

    /// A number that systemd has noted.
    fn number(&self, name: &str) -> u64 {
        self.property(DAEMON, name).parse().expect("a number")
    }

    /// What systemd has noted about the unit.
    fn property(&self, unit: &str, name: &str) -> String {
        let text = self.machine.sh(&format!("systemctl show --value -p {name} {unit}"));
        text.trim().to_owned()
    }

    fn active(&self, unit: &str) -> String {
        self.property(unit, "ActiveState")
    }

    /// Its main process; the PID file has to say the same.
    fn main(&self, unit: &str) -> String {
        let folder = if unit == UNPRIVILEGED { "/run/keepalived" } else { "/run" };
        let pid = self.machine.sh(&format!("cat {folder}/keepalived.pid")).trim().to_owned();
        assert_eq!(self.property(unit, "MainPID"), pid);
        pid
    }

    fn vrrp(&self, folder: &str) -> String {
        self.machine.try_sh(&format!("cat {folder}/vrrp.pid")).stdout
    }

    fn holds(&self, last: u8, yes: bool) {
        let address = format!("10.9.0.{last}");
        let what = format!("{address} is {}there", if yes { "" } else { "not " });
        wait::eventually(SLACK, &what, || self.machine.node().holds(&address) == yes);
    }

    fn installed(&self, fresh: bool) {
        self.machine.sh("dpkg -i /root/keepalived-rs.deb");
        let enabled = self.systemctl("is-enabled", DAEMON) == Some(0);
        assert!(enabled, "it starts at boot");
        assert_eq!(self.systemctl("is-enabled", UNPRIVILEGED), Some(1), "this one does not");
        if fresh {
            assert_eq!(self.active(DAEMON), "inactive", "nothing is configured");
        }
    }

    /// `Type=notify` as installed.
    fn the_unit(&self) {
        self.configure(&configuration(51));
        assert_eq!(self.systemctl("start", DAEMON), Some(0));
        assert_eq!(self.active(DAEMON), "active");
        // Ready says that every process is up.
        assert_ne!(self.vrrp("/run"), "");
        self.holds(51, true);
        let main = self.main(DAEMON);
        assert_eq!(self.systemctl("status", DAEMON), Some(0));

        self.configure(&configuration(52));
        assert_eq!(self.systemctl("reload", DAEMON), Some(0));
        self.holds(52, true);
        self.holds(51, false);
        assert_eq!(self.main(DAEMON), main);

        assert_eq!(self.systemctl("restart", DAEMON), Some(0));
        self.holds(52, true);
        assert_ne!(self.main(DAEMON), main);
    }

    /// What it says of itself, and what systemd does when it says nothing any longer.
    fn the_watchdog(&self) {
        assert_eq!(self.property(DAEMON, "WatchdogUSec"), "0", "it is the admin's choice");
        let says = |text: &str| {
            wait::eventually(SLACK, text, || self.property(DAEMON, "StatusText").contains(text));
        };
        says("Running: 1 MASTER");
        self.configure("nonsense\n");
        assert_eq!(self.systemctl("reload", DAEMON), Some(0));
        says("the last reload was refused");
        self.configure(&configuration(52));
        assert_eq!(self.systemctl("reload", DAEMON), Some(0));
        wait::becomes(SLACK, "forgotten", &"Running: 1 MASTER".to_owned(), || {
            self.property(DAEMON, "StatusText")
        });

        let folder = self.machine.path("/etc/systemd/system/keepalived.service.d");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("watchdog.conf"), "[Service]\nWatchdogSec=5\n").expect("a file");
        self.machine.sh("systemctl daemon-reload");
        assert_eq!(self.systemctl("restart", DAEMON), Some(0));
        let main = self.main(DAEMON);
        // Microseconds.
        let lived = || {
            let sign = self.number("WatchdogTimestampMonotonic");
            sign.saturating_sub(self.number("ActiveEnterTimestampMonotonic"))
        };
        wait::eventually(SLACK, "a sign after more than that time", || lived() > 5_000_000);
        assert_eq!(self.main(DAEMON), main, "it lives, and says so");
        self.machine.sh(&format!("kill -STOP {main}"));
        wait::eventually(SLACK, "it is ended and started again", || {
            self.number("NRestarts") >= 1 && self.active(DAEMON) == "active"
        });
        assert_ne!(self.main(DAEMON), main);
        let log = self.machine.sh("journalctl --no-pager -u keepalived");
        assert!(log.contains("Watchdog timeout"), "{log}");
        assert!(!log.contains("unset environment variable"), "{log}");
        self.holds(52, true);
        fs::remove_dir_all(&folder).expect("it was there");
        self.machine.sh("systemctl daemon-reload; systemctl reset-failed keepalived");
        assert_eq!(self.systemctl("restart", DAEMON), Some(0));
    }

    /// The package's next version takes over in the process that systemd knows.
    fn the_upgrade(&self) {
        let (main, child) = (self.main(DAEMON), self.vrrp("/run"));
        self.installed(false);
        wait::eventually(SLACK, "the successor is there", || {
            !["", &child].contains(&self.vrrp("/run").as_str())
        });
        assert_eq!(self.active(DAEMON), "active");
        assert_eq!(self.main(DAEMON), main, "the same process");
        assert_eq!(self.property(DAEMON, "NRestarts"), "0");
        assert!(self.machine.node().holds("10.9.0.52"));
    }

    /// systemd starts it again; but not when that would not help.
    fn the_end(&self) {
        let main = self.main(DAEMON);
        self.machine.sh(&format!("kill -9 {main}"));
        wait::eventually(SLACK, "it is started again", || {
            self.property(DAEMON, "NRestarts") == "1" && self.active(DAEMON) == "active"
        });
        assert_ne!(self.main(DAEMON), main);
        self.holds(52, true);
        assert_eq!(self.systemctl("stop", DAEMON), Some(0));
        self.holds(52, false);
        assert_eq!(self.active(DAEMON), "inactive");
        assert_eq!(self.machine.try_sh("ls /run/*.pid").stdout, "", "nothing is left");
        assert_eq!(self.systemctl("status", DAEMON), Some(3));

        self.configure(&configuration(52).replace("eth0", "nosuch0"));
        assert_eq!(self.systemctl("start", DAEMON), Some(1));
        assert_eq!(self.active(DAEMON), "failed");
        assert_eq!(self.property(DAEMON, "ExecMainStatus"), "2", "the configuration");
        assert_eq!(self.property(DAEMON, "NRestarts"), "0");
        self.machine.sh("systemctl reset-failed");
    }

    /// The same with the unit that older versions came with.
    fn forking(&self) {
        let folder = self.machine.path("/etc/systemd/system/keepalived.service.d");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("forking.conf"), FORKING).expect("a file");
        self.machine.sh("systemctl daemon-reload");
        self.configure(&configuration(53));
        assert_eq!(self.systemctl("start", DAEMON), Some(0));
        let main = self.main(DAEMON);
        self.holds(53, true);
        self.configure(&configuration(54));
        assert_eq!(self.systemctl("reload", DAEMON), Some(0));
        self.holds(54, true);
        let child = self.vrrp("/run");
        self.machine.sh("systemctl kill --kill-who=main --signal=62 keepalived");
        wait::eventually(SLACK, "the successor is there", || {
            !["", &child].contains(&self.vrrp("/run").as_str())
        });
        assert_eq!((self.active(DAEMON), self.main(DAEMON)), ("active".to_owned(), main.clone()));
        assert_eq!(self.systemctl("restart", DAEMON), Some(0));
        assert_ne!(self.main(DAEMON), main);
        assert_eq!(self.systemctl("stop", DAEMON), Some(0));
        self.holds(54, false);
        // A start that fails is a failure of the unit here too.
        self.configure(&configuration(53).replace("eth0", "nosuch0"));
        assert_eq!(self.systemctl("start", DAEMON), Some(1));
        assert_eq!(self.property(DAEMON, "Result"), "exit-code");
        self.machine.sh("systemctl reset-failed");
        fs::remove_dir_all(&folder).expect("it was there");
        self.machine.sh("systemctl daemon-reload");
    }

    /// VRRP and checks as two services, by the commands of the documentation.
    fn split(&self) {
        let (_, section) = OPERATIONS.split_once("## VRRP and checks as two").expect("the section");
        let (_, commands) = section.split_once("```sh\n").expect("its commands");
        let (commands, _) = commands.split_once("```").expect("their end");
        self.configure(&configuration(57));
        self.machine.sh(commands);
        self.holds(57, true);
        let units = ["keepalived-vrrp", "keepalived-check"];
        for unit in units {
            assert_eq!(
                (self.active(unit), self.active(DAEMON)),
                ("active".into(), "inactive".into())
            );
            let pid = self.machine.sh(&format!("cat /run/{unit}.pid"));
            assert_eq!(self.property(unit, "MainPID"), pid.trim());
        }
        wait::becomes(SLACK, "its own line", &"Running: 1 MASTER".to_owned(), || {
            self.property(units[0], "StatusText")
        });
        assert_eq!(self.systemctl("restart", units[1]), Some(0));
        self.holds(57, true);
        self.configure(&configuration(58));
        let plan = "keepalived --plan --vrrp -p /run/keepalived-vrrp.pid";
        assert!(self.machine.sh(plan).contains("10.9.0.58"));
        assert_eq!(self.systemctl("reload", "keepalived-vrrp keepalived-check"), Some(0));
        self.holds(58, true);
        // Of the kinds one runs: the start of it is the end of the others.
        self.machine.sh("systemd-sysusers");
        for whole in [DAEMON, UNPRIVILEGED] {
            assert_eq!(self.systemctl("start", whole), Some(0));
            assert_eq!(units.map(|unit| self.active(unit)), ["inactive", "inactive"], "{whole}");
            self.holds(58, true);
            assert_eq!(self.systemctl("start", "keepalived-vrrp keepalived-check"), Some(0));
            assert_eq!(units.map(|unit| self.active(unit)), ["active", "active"]);
            assert_eq!(self.active(whole), "inactive");
            self.holds(58, true);
        }
        assert_eq!(self.systemctl("disable --now", "keepalived-vrrp keepalived-check"), Some(0));
        self.holds(58, false);
        self.machine.sh("rm /etc/systemd/system/keepalived-*.service; systemctl daemon-reload");
        assert_eq!(self.systemctl("enable", DAEMON), Some(0));
    }

    /// The hardened unit: no root, nothing of the system to write to.
    fn unprivileged(&self) {
        self.machine.sh("systemd-sysusers");
        self.configure(&configuration(55));
        assert_eq!(self.systemctl("start", UNPRIVILEGED), Some(0));
        self.holds(55, true);
        let main = self.main(UNPRIVILEGED);
        let status = self.machine.sh(&format!("cat /proc/{main}/status; stat -c %U /proc/{main}"));
        assert!(status.ends_with("keepalived\n"), "{status}");
        assert!(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"), "{status}");
        self.configure(&configuration(56));
        assert_eq!(self.systemctl("reload", UNPRIVILEGED), Some(0));
        self.holds(56, true);
        let child = self.vrrp("/run/keepalived");
        self.installed(false);
        wait::eventually(SLACK, "the successor is there", || {
            !["", &child].contains(&self.vrrp("/run/keepalived").as_str())
        });
        assert_eq!(self.main(UNPRIVILEGED), main, "the package's next version took over");
        assert!(self.machine.node().holds("10.9.0.56"));
        self.machine.sh("systemctl kill --kill-who=main --signal=USR1 keepalived-unprivileged");
        wait::eventually(SLACK, "a dump", || {
            self.machine.try_sh("cat /run/keepalived/keepalived.data").stdout.contains("MASTER")
        });
        // One of the two: the other's start is its end.
        assert_eq!(self.systemctl("start", DAEMON), Some(0));
        assert_eq!(self.active(UNPRIVILEGED), "inactive");
        self.holds(56, true);
    }

    fn removed(&self) {
        self.machine.sh("dpkg -r keepalived-rs");
        self.holds(56, false);
        assert_eq!(self.machine.try_sh("ls /run/*.pid").stdout, "", "nothing is left");
        self.machine.sh("dpkg -P keepalived-rs");
        assert_eq!(self.property(DAEMON, "LoadState"), "not-found");
    }
}

#[test]
fn systemd_drives_the_daemon_by_its_units() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let Some(package) = package(Program::ours().path(), directory.path()) else { return };
    let Some(debian) = Debian::fresh(&["10.9.0.1/24"]) else { return };
    let Some(machine) = Booted::boot(debian) else { return };
    fs::copy(&package, machine.path("/root/keepalived-rs.deb")).expect("the package is copied");
    let it = Box { machine };
    it.installed(true);
    it.the_unit();
    it.the_watchdog();
    it.the_upgrade();
    it.the_end();
    it.forking();
    it.split();
    it.unprivileged();
    it.removed();
}
