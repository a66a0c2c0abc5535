//! The Debian package on a bare system, and its init script with LSB's return codes.

#![allow(clippy::expect_used, reason = "test code")]

use std::fs;
use std::time::Duration;

use lab::debian::{Debian, configuration};
use lab::package::{Builder, package};
use lab::{Program, wait};

const SLACK: Duration = Duration::from_secs(30);

/// The machine with the package on it.
struct Box<'a> {
    debian: &'a Debian,
}

impl Box<'_> {
    /// What the init script returns.
    fn service(&self, action: &str) -> Option<i32> {
        let finished = self.debian.try_sh(&format!("/etc/init.d/keepalived {action}"));
        println!("{action}: {} {}{}", finished.status, finished.stdout, finished.stderr);
        finished.code()
    }

    /// The same for who is not root.
    fn as_nobody(&self, action: &str) -> Option<i32> {
        let as_nobody = "setpriv --reuid nobody --regid nogroup --clear-groups";
        let finished = self.debian.try_sh(&format!("{as_nobody} /etc/init.d/keepalived {action}"));
        println!("{action}: {} {}{}", finished.status, finished.stdout, finished.stderr);
        finished.code()
    }

    fn configure(&self, text: &str) {
        let file = self.debian.root().join("etc/keepalived/keepalived.conf");
        fs::write(file, text).expect("the configuration can be written");
    }

    fn holds(&self, address: &str, yes: bool) {
        let what = format!("{address} is {}there", if yes { "" } else { "not " });
        wait::eventually(SLACK, &what, || self.debian.node().holds(address) == yes);
    }

    fn daemons(&self) -> usize {
        let processes = self.debian.node().processes();
        processes.iter().filter(|process| process.name.contains("keepalived")).count()
    }
}

#[test]
fn the_package_installs_runs_upgrades_and_leaves_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let Some(package) = package(Program::ours().path(), directory.path()) else { return };
    let Some(debian) = Debian::fresh(&["10.9.0.1/24"]) else { return };
    fs::copy(&package, debian.root().join("tmp/keepalived-rs.deb")).expect("the package is copied");
    let machine = Box { debian: &debian };
    // Packages may start and stop services, as on a machine that was booted.
    debian.sh(
        "printf '#!/bin/sh\\nexit 0\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d",
    );
    let before = debian.files();

    // Without a configuration it is installed and not started.
    debian.sh("dpkg -i /tmp/keepalived-rs.deb");
    assert_eq!(debian.sh("readlink -f /usr/sbin/keepalived").trim(), "/usr/sbin/keepalived-rs");
    assert!(debian.sh("keepalived -v 2>&1").starts_with("Keepalived v2.4.3 "));
    assert!(debian.sh("readlink -f /usr/bin/genhash").contains("keepalived-rs"));
    assert!(debian.sh("ls /etc/rc2.d").contains("keepalived"), "it starts at boot");
    assert_eq!(machine.service("status"), Some(3), "not running");
    assert_eq!(machine.service("start"), Some(6), "not configured");
    assert_eq!(machine.service("stop"), Some(0), "not running is stopped");
    assert_eq!(machine.service("reload"), Some(7), "not running");
    assert_eq!(machine.service("try-restart"), Some(0));
    assert_eq!(machine.daemons(), 0);

    // With one it does what it is told.
    machine.configure(&configuration(51));
    assert_eq!(machine.service("start"), Some(0));
    machine.holds("10.9.0.51", true);
    assert_eq!(machine.service("status"), Some(0));
    assert_eq!(machine.service("start"), Some(0), "it runs already");
    machine.configure(&configuration(52));
    assert_eq!(machine.service("reload"), Some(0));
    machine.holds("10.9.0.52", true);
    machine.holds("10.9.0.51", false);
    for action in ["restart", "try-restart", "force-reload"] {
        assert_eq!(machine.service(action), Some(0), "{action}");
        machine.holds("10.9.0.52", true);
    }
    machine.configure(&configuration(53).replace("eth0", "nosuch0"));
    assert_eq!(machine.service("restart"), Some(6), "what runs is not stopped for this");
    machine.holds("10.9.0.52", true);
    machine.configure(&configuration(52));
    assert_eq!(machine.service("dance"), Some(2), "no such action");
    debian.sh("kill -9 $(cat /run/keepalived.pid)");
    machine.holds("10.9.0.52", false);
    assert_eq!(machine.service("status"), Some(1), "dead, with its PID file");
    assert_eq!(machine.service("start"), Some(0), "the file does not hold it up");
    machine.holds("10.9.0.52", true);

    // LSB's 4: not allowed, or not to be known; 5: not installed.
    assert_eq!(machine.as_nobody("status"), Some(0), "anybody may ask");
    for action in ["stop", "reload", "upgrade", "restart"] {
        assert_eq!(machine.as_nobody(action), Some(4), "{action}");
    }
    machine.holds("10.9.0.52", true);
    assert_eq!(machine.service("stop"), Some(0));
    machine.holds("10.9.0.52", false);
    assert_eq!(machine.as_nobody("start"), Some(4));
    assert_eq!(machine.as_nobody("status"), Some(3));
    debian.sh("echo 1 >/run/keepalived.pid; chmod 600 /run/keepalived.pid");
    assert_eq!(machine.as_nobody("status"), Some(4), "nobody can know");
    assert_eq!(machine.service("status"), Some(1), "that is another process");
    debian.sh("rm /run/keepalived.pid; mv /usr/sbin/keepalived-rs /usr/sbin/away");
    for action in ["start", "restart", "force-reload"] {
        assert_eq!(machine.service(action), Some(5), "{action}");
    }
    assert_eq!(machine.service("stop"), Some(0), "not running is stopped");
    debian.sh("mv /usr/sbin/away /usr/sbin/keepalived-rs");
    assert_eq!(machine.service("start"), Some(0));
    machine.holds("10.9.0.52", true);

    // The next version takes over in place.
    let pid = debian.sh("cat /run/keepalived.pid");
    debian.sh("dpkg -i /tmp/keepalived-rs.deb");
    assert_eq!(machine.service("status"), Some(0));
    assert_eq!(debian.sh("cat /run/keepalived.pid"), pid, "the same process");
    machine.holds("10.9.0.52", true);

    // Also where the admin has deleted the script, which stays away until it is asked for.
    debian.sh("rm /etc/init.d/keepalived; dpkg -i /tmp/keepalived-rs.deb");
    assert!(!debian.root().join("etc/init.d/keepalived").exists());
    machine.holds("10.9.0.52", true);
    debian.sh("dpkg -i --force-confmiss /tmp/keepalived-rs.deb");
    assert_eq!(machine.service("status"), Some(0));
    assert_eq!(debian.sh("cat /run/keepalived.pid"), pid, "the same process");

    // And away.
    debian.sh("dpkg -r keepalived-rs");
    machine.holds("10.9.0.52", false);
    assert_eq!(machine.daemons(), 0, "a package that is removed stops its daemon");
    let left = debian.sh("ls /etc/init.d/keepalived /etc/default/keepalived");
    assert_eq!(left.lines().count(), 2, "settings stay until purge");
    assert_eq!(machine.service("status"), Some(3));
    fs::remove_file(debian.root().join("etc/keepalived/keepalived.conf")).expect("it was there");
    debian.sh("dpkg -P keepalived-rs");
    assert_eq!(debian.files(), before, "nothing is left");
}

#[test]
fn the_package_takes_the_place_of_the_distributions_and_gives_it_back() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let Some(package) = package(Program::ours().path(), directory.path()) else { return };
    let Some(debian) = Debian::fresh(&["10.9.0.1/24"]) else { return };
    if !debian.has("keepalived") {
        return;
    }
    fs::copy(&package, debian.root().join("tmp/keepalived-rs.deb")).expect("the package is copied");
    let machine = Box { debian: &debian };
    debian.sh(
        "printf '#!/bin/sh\\nexit 0\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d",
    );
    // Which program the daemon runs.
    let runs = || debian.try_sh("readlink /proc/$(cat /run/keepalived.pid)/exe").stdout;
    let boots = || debian.sh("ls /etc/rc2.d").contains("keepalived");

    // Its own `restart` gives the old daemon a second, which is not always enough.
    let restart_theirs = || {
        assert_eq!(machine.service("stop"), Some(0));
        wait::eventually(SLACK, "it has ended", || machine.daemons() == 0);
        assert_eq!(machine.service("start"), Some(0));
        machine.holds("10.9.0.51", true);
        assert_eq!(runs(), "/usr/sbin/keepalived\n");
    };

    // The other one, as an admin has set it up.
    debian.sh("mkdir -p /etc/keepalived");
    machine.configure(&configuration(51));
    debian.sh("dpkg -i /opt/keepalived/*.deb");
    debian.sh("echo 'DAEMON_ARGS=\"--log-facility 3\"' >>/etc/default/keepalived");
    restart_theirs();

    // Questions about files that the admin has changed are answered as apt does by itself.
    let install = "apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confdef \
                   -o Dpkg::Options::=--force-confold";
    debian.sh(&format!("{install} /tmp/keepalived-rs.deb"));
    assert_eq!(runs(), "/usr/sbin/keepalived-rs\n");
    machine.holds("10.9.0.51", true);
    let call = debian.sh("tr '\\0' ' ' </proc/$(cat /run/keepalived.pid)/cmdline");
    assert!(call.contains("--log-facility 3"), "the admin's options count: {call}");
    let state = debian.try_sh("dpkg-query -W -f '${Status}' keepalived").stdout;
    assert_eq!(state, "deinstall ok config-files");
    assert!(boots());
    for action in ["status", "reload", "restart"] {
        assert_eq!(machine.service(action), Some(0), "{action}");
    }
    machine.holds("10.9.0.51", true);

    // The other one's rest is taken away: what the two share stays, but for the start at boot.
    debian.sh("dpkg -P keepalived");
    assert!(debian.sh("cat /etc/default/keepalived").contains("--log-facility"));
    assert_eq!(machine.service("status"), Some(0));
    debian.sh("dpkg-reconfigure keepalived-rs");
    assert!(boots());
    machine.holds("10.9.0.51", true);

    // And back.
    debian.sh("dpkg -r keepalived-rs");
    machine.holds("10.9.0.51", false);
    assert!(!debian.root().join("usr/sbin/keepalived").exists());
    debian.sh("dpkg -i --force-confdef --force-confold /opt/keepalived/keepalived_*.deb");
    restart_theirs();
    assert!(debian.sh("keepalived -v 2>&1").starts_with("Keepalived v2.2.7"));
    debian.sh("dpkg -P keepalived-rs");
    assert!(boots(), "it belongs to the other one now");
    restart_theirs();
    assert_eq!(machine.service("stop"), Some(0));
    machine.holds("10.9.0.51", false);
}

#[test]
fn both_builders_make_the_same_package() {
    if ![Builder::CargoDeb, Builder::DpkgDeb].into_iter().all(Builder::is_there) {
        return lab::skip(lab::Lack::Builders, "cargo-deb or dpkg-deb is not there");
    }
    let look = |builder: Builder| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let package = builder.build(Program::ours().path(), directory.path());
        let tell = |arguments: &[&str]| {
            let mut tell = std::process::Command::new("dpkg-deb");
            tell.arg(arguments[0]).arg(&package).args(&arguments[1..]);
            lab::command::output(tell, "")
        };
        // Mode and name; folders come and go with the builder.
        let files = tell(&["--contents"]);
        let files = files.lines().filter(|line| !line.starts_with('d')).map(|line| {
            let mut words = line.split_whitespace();
            let mode = words.next().unwrap_or_default().to_owned();
            (words.next_back().unwrap_or_default().to_owned(), mode)
        });
        let mut files: Vec<_> = files.collect();
        files.sort();
        let fields = [
            "Package",
            "Version",
            "Architecture",
            "Maintainer",
            "Section",
            "Priority",
            "Recommends",
            "Provides",
            "Conflicts",
            "Replaces",
            "Description",
        ];
        let fields = fields.map(|field| tell(&["--field", field]));
        let control = directory.path().join("control");
        let mut unpack = std::process::Command::new("dpkg-deb");
        unpack.arg("--control").arg(&package).arg(&control);
        lab::command::output(unpack, "");
        let parts = ["conffiles", "postinst", "prerm", "postrm"].map(|name| {
            let text = fs::read_to_string(control.join(name)).expect("a file of the package");
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            if name == "conffiles" {
                lines.sort();
            }
            lines
        });
        (files, fields, parts)
    };
    let [theirs, ours] = [Builder::CargoDeb, Builder::DpkgDeb].map(look);
    assert_eq!(ours, theirs);
}

#[test]
fn openrc_drives_the_daemon_by_its_script() {
    let Some(debian) = Debian::fresh(&["10.9.0.1/24"]) else { return };
    if !debian.has("openrc") {
        return;
    }
    let machine = Box { debian: &debian };
    debian.sh("dpkg -i /opt/openrc/*.deb; mkdir -p /run/openrc; touch /run/openrc/softlevel");
    fs::copy(Program::ours().path(), debian.root().join("usr/sbin/keepalived"))
        .expect("the program can be copied");
    let script = include_str!("../../../conf/keepalived.openrc").replace("@PREFIX@", "/usr");
    fs::write(debian.root().join("etc/init.d/keepalived"), script).expect("the script is written");
    debian.sh("chmod 755 /etc/init.d/keepalived; mkdir -p /etc/keepalived");
    let service = |action: &str| {
        // Nothing is known of the network here: `--nodeps`.
        let finished = debian.try_sh(&format!("rc-service --nodeps keepalived {action}"));
        println!("{action}: {} {}{}", finished.status, finished.stdout, finished.stderr);
        finished.code()
    };
    assert_eq!(service("status"), Some(3));
    assert_ne!(service("start"), Some(0), "there is no configuration");
    machine.configure(&configuration(51));
    assert_eq!(service("start"), Some(0));
    machine.holds("10.9.0.51", true);
    assert_eq!(service("status"), Some(0));
    assert_eq!(service("checkconfig"), Some(0));
    machine.configure(&configuration(52));
    assert_eq!(service("reload"), Some(0));
    machine.holds("10.9.0.52", true);
    let (pid, child) = (debian.sh("cat /run/keepalived.pid"), debian.sh("cat /run/vrrp.pid"));
    assert_eq!(service("upgrade"), Some(0));
    wait::eventually(SLACK, "a successor", || {
        !["", &child].contains(&debian.try_sh("cat /run/vrrp.pid").stdout.as_str())
    });
    assert_eq!(debian.sh("cat /run/keepalived.pid"), pid);
    machine.configure(&configuration(53).replace("state MASTER", "state"));
    // OpenRC itself calls this a success.
    service("restart");
    assert_eq!(debian.sh("cat /run/keepalived.pid"), pid, "what runs is not stopped for this");
    machine.holds("10.9.0.52", true);
    machine.configure(&configuration(53));
    assert_eq!(service("restart"), Some(0));
    machine.holds("10.9.0.53", true);
    assert_ne!(debian.sh("cat /run/keepalived.pid"), pid);
    assert_eq!(service("stop"), Some(0));
    machine.holds("10.9.0.53", false);
    wait::eventually(SLACK, "it has ended", || machine.daemons() == 0);
}

#[test]
fn systemd_takes_the_unit() {
    if !lab::command::exists("systemd-analyze") {
        lab::skip(lab::Lack::Setup, "no systemd-analyze (apt-get install systemd)");
        return;
    }
    let conf = concat!(env!("CARGO_MANIFEST_DIR"), "/../../conf");
    let directory = tempfile::tempdir().expect("a temporary directory");
    for entry in fs::read_dir(conf).expect("the folder of service files").flatten() {
        let name = entry.file_name();
        if !name.to_string_lossy().ends_with(".service") {
            continue;
        }
        // The program has to be there.
        let text = fs::read_to_string(entry.path()).expect("a unit");
        let text = text.replace("@PREFIX@/sbin/keepalived", "/bin/true");
        let unit = directory.path().join(&name);
        fs::write(&unit, text).expect("the unit can be written");
        let mut verify = std::process::Command::new("systemd-analyze");
        verify.args(["verify", "--man=no"]).arg(&unit);
        let finished = lab::command::run(verify, "");
        assert!(finished.status.success(), "{}: {}", name.display(), finished.stderr);
        assert_eq!(finished.stderr, "", "{}", name.display());
    }
}
