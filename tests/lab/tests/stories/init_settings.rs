//! The settings of `conf/keepalived.default` take effect in `conf/keepalived.init`, both as they are
//! installed, from either of the two files that the script reads.

use std::time::{Duration, Instant};

use super::OWNER;
use lab::{Network, Node, left, wait};
use tempfile::TempDir;

const OWN: &str = "10.9.0.1/24";
const SLACK: Duration = Duration::from_secs(20);

/// A machine with the program below `/opt/ka`, its init script, and the shipped settings.
struct Machine {
    node: Node,
    script: String,
    _installed: TempDir,
    _network: Network,
}

impl Machine {
    fn new() -> Self {
        let network = Network::new();
        let node = network.machine("one", "eth0", &[OWN]);
        let installed = tempfile::tempdir().expect("a temporary directory");
        super::install::install(installed.path(), "sysv");
        let root = installed.path().display();
        // `/etc/default` is the real machine's until then.
        node.sh(&format!(
            "mount -t tmpfs none /opt
             cp -a {root}/opt/ka /opt/ka
             rm -rf /run/mount /etc/default /etc/sysconfig
             mkdir /etc/default /etc/sysconfig
             cp /opt/ka/share/doc/keepalived-rs/keepalived.default /etc/default/keepalived"
        ));
        node.write_file("etc", "keepalived.conf", OWNER);
        let script = format!("{root}/etc/init.d/keepalived");
        Self { node, script, _installed: installed, _network: network }
    }

    /// What the init script returns and says.
    fn service(&self, action: &str) -> (Option<i32>, String) {
        let finished = self.node.try_sh(&format!("{} {action}", self.script));
        println!("{action}: {} {}{}", finished.status, finished.stdout, finished.stderr);
        (finished.code(), finished.stdout + &finished.stderr)
    }

    /// A setting in that file becomes this; in the shipped one it must be there, perhaps commented out.
    fn set(&self, name: &str, value: &str) {
        self.node.sh(&format!(
            "grep -q '^#\\?{name}=' /etc/default/keepalived
             sed -i 's|^#\\?{name}=.*|{name}=\"{value}\"|' /etc/default/keepalived"
        ));
    }

    /// Starts it, and with which options it runs by that PID file.
    fn started(&self, pid_file: &str) -> String {
        assert_eq!(self.service("start").0, Some(0));
        let call = format!("tr '\\0' ' ' </proc/$(cat {pid_file})/cmdline");
        let call = self.node.sh(&call);
        let options = call.trim().strip_prefix("/opt/ka/sbin/keepalived");
        options.expect("the program that is installed").trim().to_owned()
    }

    fn stopped(&self) {
        assert_eq!(self.service("stop").0, Some(0));
        wait::eventually(SLACK, "all have ended", || self.node.processes().is_empty());
        left::nothing(&self.node, &[OWN]);
    }
}

#[test]
fn the_settings_of_the_shipped_file_take_effect_with_the_init_script() {
    let machine = Machine::new();
    // As shipped.
    assert_eq!(machine.started("/run/keepalived.pid"), "-D");
    machine.stopped();

    // Options, in both variables; the PID file has to be named too.
    machine.set("KEEPALIVED_OPTIONS", "-d -p /run/other.pid");
    let (status, said) = machine.service("start");
    assert_eq!(status, Some(1), "it runs, and the script would not find it");
    assert!(said.contains("PIDFILE="), "{said}");
    machine.set("PIDFILE", "/run/other.pid");
    machine.stopped();
    machine.node.sh("echo 'DAEMON_ARGS=\"--log-facility 3\"' >>/etc/default/keepalived");
    assert_eq!(machine.started("/run/other.pid"), "-d -p /run/other.pid --log-facility 3");
    assert_eq!(machine.service("status").0, Some(0));
    assert_eq!(machine.service("reload").0, Some(0));

    // How long a stop is waited for: one that does not come.
    let parent = machine.node.sh("cat /run/other.pid").trim().to_owned();
    machine.node.sh(&format!("kill -STOP {parent}"));
    machine.set("STOP_SECONDS", "1");
    let begun = Instant::now();
    assert_eq!(machine.service("stop").0, Some(1), "it has not ended");
    let waited = begun.elapsed();
    assert!(waited > Duration::from_millis(900) && waited < SLACK, "{waited:?}");
    machine.node.sh(&format!("kill -CONT {parent}"));
    wait::eventually(SLACK, "all have ended", || machine.node.processes().is_empty());
    machine.set("STOP_SECONDS", "60");

    // The other file counts last; what it does not name stays as it was.
    machine
        .node
        .sh("echo 'KEEPALIVED_OPTIONS=\"-D -p /run/third.pid\"' >/etc/sysconfig/keepalived");
    machine.node.sh("echo 'PIDFILE=/run/third.pid' >>/etc/sysconfig/keepalived");
    assert_eq!(machine.started("/run/third.pid"), "-D -p /run/third.pid --log-facility 3");
    assert_eq!(machine.service("status").0, Some(0));
    machine.stopped();

    // It alone, as other distributions have it; and neither: the script knows what is needed.
    machine.node.sh("rm /etc/default/keepalived");
    assert_eq!(machine.started("/run/third.pid"), "-D -p /run/third.pid");
    machine.stopped();
    machine.node.sh("rm /etc/sysconfig/keepalived");
    assert_eq!(machine.started("/run/keepalived.pid"), "-D");
    machine.stopped();
}
