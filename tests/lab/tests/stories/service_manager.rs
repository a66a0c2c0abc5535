//! What a service manager hears over its socket (`sd_notify(3)`), played by a socket of the test.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use lab::scenario::configuration;
use lab::{Network, Node, Program, left, wait};

const OWN: &str = "192.168.100.11/24";
const VIP: &str = "192.168.100.100";
const LIMIT: Duration = Duration::from_secs(20);

/// A machine whose daemon tells this socket.
struct Told {
    node: Node,
    socket: UnixDatagram,
    _network: Network,
}

impl Told {
    fn machine() -> Self {
        let (network, node) = Network::of_one(&[OWN]);
        let socket = UnixDatagram::bind(node.folder("run").join("notify")).expect("a socket");
        Self { node, socket, _network: network }
    }

    fn start(&self, text: &str, environment: &str) {
        self.node.write_file("etc", "keepalived.conf", text);
        let program = Program::ours();
        let path = program.path().display();
        self.node.sh(&format!("NOTIFY_SOCKET=/run/notify {environment} {path} -D"));
    }

    /// The next datagram, if one comes in time.
    fn heard_within(&self, limit: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(limit)).expect("a timeout");
        let mut buffer = [0; 1000];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    /// The next datagram with this in it; others may come before.
    #[expect(clippy::panic, reason = "test code")]
    fn heard(&self, word: &str) -> String {
        let end = Instant::now() + LIMIT;
        let mut others = Vec::new();
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            match self.heard_within(left.max(Duration::from_millis(1))) {
                Some(text) if text.contains(word) => return text,
                other => others.extend(other),
            }
        }
        panic!("no word '{word}' within {LIMIT:?}: {others:?}");
    }

    /// All that is there, and what comes within `time`.
    fn all_within(&self, time: Duration) -> String {
        let end = Instant::now() + time;
        let mut all = String::new();
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            all.extend(self.heard_within(left.max(Duration::from_millis(1))));
        }
        all
    }

    fn signal(&self, signal: &str, file: &str) {
        self.node.sh(&format!("kill -{signal} $(cat /run/{file}.pid)"));
    }

    fn pid(&self, file: &str) -> Option<i32> {
        self.node.pid_file(&format!("{file}.pid"))
    }

    fn ended(&self) {
        wait::eventually(LIMIT, "it is gone", || self.node.processes().is_empty());
        self.node.sh("rm /run/notify");
        left::nothing(&self.node, &[OWN]);
    }
}

#[test]
fn it_hears_of_readiness_reload_state_upgrade_and_stop() {
    let told = Told::machine();
    let text = configuration("single-lb01");
    told.start(text, "");
    let pid = told.pid("keepalived").expect("the daemon is up");
    assert!(told.heard("READY=1").starts_with(&format!("READY=1\nMAINPID={pid}\nSTATUS=Running")));
    assert_eq!(told.heard("1 MASTER"), "STATUS=Running: 1 MASTER\n");

    told.signal("HUP", "keepalived");
    let reloading = told.heard("RELOADING=1");
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(told.heard("READY=1").lines().last(), Some("STATUS=Running: 1 MASTER"));

    told.node.write_file("etc", "keepalived.conf", &text.replace("priority", "priorty"));
    told.signal("HUP", "keepalived");
    told.heard("RELOADING=1");
    let refused = told.heard("READY=1");
    assert!(refused.contains("1 MASTER; the last reload was refused: "), "{refused}");

    told.node.write_file("etc", "keepalived.conf", text);
    let child = told.pid("vrrp");
    told.signal("62", "keepalived");
    told.heard("STATUS=Upgrading");
    assert!(told.heard("READY=1").starts_with(&format!("READY=1\nMAINPID={pid}\n")));
    assert_ne!(told.pid("vrrp"), child, "a new program's child works");
    assert!(told.node.holds(VIP));
    told.signal("TERM", "keepalived");
    assert!(told.heard("STOPPING=1").contains("STATUS=Stopping\n"));
    told.ended();
}

#[test]
fn it_hears_signs_of_life_while_the_daemon_turns_and_only_then() {
    let told = Told::machine();
    let before = Instant::now();
    told.start(configuration("single-lb01"), "WATCHDOG_USEC=1000000");
    // Two a second, the first at once. No load makes six of them come sooner than five intervals
    // after a moment before the start; what comes too seldom takes longer than four times that.
    let six: Vec<Instant> = (0..6).map(|_| (told.heard("WATCHDOG=1"), Instant::now()).1).collect();
    let soonest = Duration::from_millis(2500);
    assert!(six[5] - before >= soonest, "{:?} for six", six[5] - before);
    assert!(six[5] - six[0] <= soonest * 4, "{:?} for five intervals", six[5] - six[0]);

    told.signal("STOP", "keepalived");
    told.all_within(Duration::from_millis(300));
    let frozen = told.all_within(Duration::from_secs(2));
    assert!(!frozen.contains("WATCHDOG=1"), "nothing of a frozen parent: {frozen}");
    told.signal("CONT", "keepalived");
    told.heard("WATCHDOG=1");

    // A frozen child is the parent's own business: it is replaced, and the daemon lives.
    let frozen = told.pid("vrrp");
    told.signal("STOP", "vrrp");
    wait::eventually(LIMIT, "it is replaced", || told.pid("vrrp") != frozen);
    told.heard("WATCHDOG=1");
    // An upgrade goes on with it.
    told.signal("62", "keepalived");
    told.heard("READY=1");
    told.all_within(Duration::from_millis(100));
    told.heard("WATCHDOG=1");
    told.signal("TERM", "keepalived");
    told.ended();
}

#[test]
fn another_process_that_is_asked_for_signs_of_life_gets_none_from_here() {
    let told = Told::machine();
    told.start(configuration("single-lb01"), "WATCHDOG_USEC=200000 WATCHDOG_PID=1");
    told.heard("READY=1");
    assert!(!told.all_within(Duration::from_secs(1)).contains("WATCHDOG=1"));
    told.signal("TERM", "keepalived");
    told.ended();
}

#[test]
fn it_is_asked_for_more_time_while_scripts_run_and_a_stop_goes_on() {
    let told = Told::machine();
    let life = "child_wait_time 15\nglobal_defs {\n  script_user root\n  \
                startup_script \"/bin/sleep 0.1\"\n  startup_script_timeout 20\n  \
                shutdown_script \"/bin/sleep 0.1\"\n  shutdown_script_timeout 40\n}\n";
    told.start(&format!("{life}{}", configuration("single-lb01")), "");
    let start = told.heard("EXTEND_TIMEOUT_USEC=");
    assert_eq!(start, "EXTEND_TIMEOUT_USEC=35000000\nSTATUS=Waiting for the startup script\n");
    told.heard("READY=1");
    // It cannot end yet. One call: a parent that has time in between replaces a frozen child.
    told.node.sh("kill -STOP $(cat /run/vrrp.pid); kill -TERM $(cat /run/keepalived.pid)");
    assert!(told.heard("STOPPING=1").contains("EXTEND_TIMEOUT_USEC=15000000\n"));
    assert_eq!(told.heard("EXTEND"), "EXTEND_TIMEOUT_USEC=15000000\n", "five seconds later");
    told.signal("CONT", "vrrp");
    let end = told.heard("EXTEND");
    assert_eq!(end, "EXTEND_TIMEOUT_USEC=55000000\nSTATUS=Waiting for the shutdown script\n");
    told.ended();
}
