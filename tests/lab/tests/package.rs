//! The Debian package on a bare system, and its init script with LSB's return codes.

#![allow(clippy::expect_used, reason = "test code")]

use std::fs;
use std::time::Duration;

use lab::debian::{self, Debian, configuration};
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
    let Some(package) = debian::package(Program::ours().path(), directory.path()) else { return };
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

/// What a distribution's package has, as far as the two meet: names of files and of the service.
const OTHER_PACKAGE: &str = r#"
set -e
cd /tmp
mkdir -p other/DEBIAN other/usr/sbin other/etc/init.d other/etc/default other/etc/keepalived
printf 'Package: keepalived\nVersion: 1:2.2.7-1\nArchitecture: amd64\nMaintainer: x <x@localhost>\nDescription: the other one\n' >other/DEBIAN/control
printf '/etc/init.d/keepalived\n/etc/default/keepalived\n' >other/DEBIAN/conffiles
printf '#!/bin/sh\n[ "$1" != remove ] || /etc/init.d/keepalived stop\n' >other/DEBIAN/prerm
printf '#!/bin/sh\nexec sleep 1000\n' >other/usr/sbin/keepalived
printf '#!/bin/sh\ncase $1 in start) setsid /usr/sbin/keepalived >/dev/null 2>&1 & echo $! >/run/other.pid ;; stop) kill $(cat /run/other.pid); rm /run/other.pid ;; esac\n' >other/etc/init.d/keepalived
printf 'DAEMON_ARGS=""\n' >other/etc/default/keepalived
chmod 755 other/DEBIAN/prerm other/usr/sbin/keepalived other/etc/init.d/keepalived
dpkg-deb --build --root-owner-group other other.deb
dpkg -i other.deb
echo 'KEEPALIVED_OPTIONS="-D -d"' >>/etc/default/keepalived
/etc/init.d/keepalived start
"#;

#[test]
fn the_package_takes_the_place_of_the_distributions() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let Some(package) = debian::package(Program::ours().path(), directory.path()) else { return };
    let Some(debian) = Debian::fresh(&["10.9.0.1/24"]) else { return };
    fs::copy(&package, debian.root().join("tmp/keepalived-rs.deb")).expect("the package is copied");
    let machine = Box { debian: &debian };
    debian.sh(
        "printf '#!/bin/sh\\nexit 0\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d",
    );
    debian.sh(OTHER_PACKAGE);
    machine.configure(&configuration(51));
    let sleepers = || debian.node().processes().iter().filter(|one| one.name == "sleep").count();
    wait::eventually(SLACK, "the other one runs", || sleepers() == 1);

    // Questions about files that the admin has changed are answered as apt does by itself.
    debian.sh("apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confdef \
         -o Dpkg::Options::=--force-confold /tmp/keepalived-rs.deb");
    wait::eventually(SLACK, "the other one has ended", || sleepers() == 0);
    assert_eq!(debian.sh("readlink -f /usr/sbin/keepalived").trim(), "/usr/sbin/keepalived-rs");
    let state = debian.try_sh("dpkg-query -W -f '${Status}' keepalived").stdout;
    assert!(!state.contains("ok installed"), "{state}");
    let settings = debian.sh("cat /etc/default/keepalived");
    assert!(settings.contains("-D -d"), "what the admin wrote stays: {settings}");
    machine.holds("10.9.0.51", true);
    debian.sh("dpkg -r keepalived-rs");
    machine.holds("10.9.0.51", false);
    assert!(!debian.root().join("usr/sbin/keepalived").exists());
}

#[test]
fn openrc_drives_the_daemon_by_its_script() {
    let Some(debian) = Debian::fresh(&["10.9.0.1/24"]) else { return };
    if !debian.try_sh("ls /opt/openrc/openrc_*.deb").status.success() {
        println!("skipped: the packages of OpenRC could not be downloaded");
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
        println!("skipped: no systemd-analyze (apt-get install systemd)");
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
