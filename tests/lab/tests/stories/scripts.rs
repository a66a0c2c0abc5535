//! Check scripts and notify scripts: `lvs-dr-scripts-master.conf` and `lvs-dr-scripts-backup.conf`.
//!
//! Only the VRRP part runs (`-P`): the kernel needs no IPVS for it.

use std::time::{Duration, Instant};

use lab::program::Pairing;
use lab::scenario::configuration;
use lab::{Capture, Daemon, Network, Node, Program, left, wait};
use nix::sys::signal::Signal;

const VIP: &str = "192.168.216.250";
const OWN: [&str; 2] = ["192.168.216.10/24", "192.168.216.11/24"];
const INTERFACE: &str = "ens33";
const LIMIT: Duration = Duration::from_secs(20);

/// Writes its arguments to a file, a line for each call.
const NOTIFY: &str = "#!/bin/sh\necho \"$@\" >>/run/notified\n";

/// Fails while `/run/broken` is there.
const CHECK: &str = "#!/bin/sh\n[ ! -e /run/broken ]\n";

/// The guides' script that stops the daemon when the service is dead; there is no systemd here, so
/// the signal that `systemctl stop` sends goes to the process that the unit's PIDFile names.
const CHECK_THAT_STOPS: &str = "#!/bin/sh
if [ -e /run/broken ]; then kill -TERM \"$(cat /run/keepalived.pid)\"; fi
";

#[test]
fn the_check_script_costs_20_and_notify_scripts_tell_each_change_between_two_of_ours() {
    the_check_script_costs_20(Pairing::Ours);
}

#[test]
fn the_check_script_costs_20_and_notify_scripts_tell_each_change_with_keepalived_as_backup() {
    the_check_script_costs_20(Pairing::OursFirst);
}

#[test]
fn the_check_script_costs_20_and_notify_scripts_tell_each_change_with_keepalived_as_master() {
    the_check_script_costs_20(Pairing::OursSecond);
}

fn the_check_script_costs_20(pairing: Pairing) {
    let Some([first, second]) = pairing.programs() else { return };
    let network = Network::new();
    let [lb01, lb02] = nodes(&network, CHECK);
    let sent_by_lb01 = Capture::of(&network, &lb01);
    let priority = || sent_by_lb01.adverts().last().map(|(_, advert)| advert.priority);
    let one = start(&first, &lb01, "lvs-dr-scripts-master");
    wait::eventually(LIMIT, "lb01 has the VIP", || lb01.holds(VIP));
    // Not before: started together either may be master for a moment, and be told so.
    let two = start(&second, &lb02, "lvs-dr-scripts-backup");
    told(&lb02, &["backup"]);
    wait::becomes(LIMIT, "the advertised priority", &Some(100), priority);
    told(&lb01, &["backup", "master"]);

    lb01.write_file("run", "broken", "");
    one.wait_log("Changing effective priority from 100 to 80", LIMIT);
    wait::eventually(LIMIT, "lb02 takes over from priority 80", || lb02.holds(VIP));
    wait::eventually(LIMIT, "lb01 gives the VIP up", || !lb01.holds(VIP));
    told(&lb01, &["backup", "master", "backup"]);
    told(&lb02, &["backup", "master"]);

    lb01.sh("rm /run/broken");
    one.wait_log("Changing effective priority from 80 to 100", LIMIT);
    wait::eventually(LIMIT, "lb01 takes the VIP back", || lb01.holds(VIP));
    wait::eventually(LIMIT, "lb02 gives the VIP up", || !lb02.holds(VIP));
    told(&lb01, &["backup", "master", "backup", "master"]);
    told(&lb02, &["backup", "master", "backup"]);

    assert!(one.stop().1.success());
    assert!(two.stop().1.success());
    for (node, own) in [(&lb01, &OWN[..1]), (&lb02, &OWN[1..])] {
        node.sh("rm /run/notified");
        left::nothing(node, own);
    }
}

#[test]
fn a_check_script_that_stops_the_daemon_moves_the_vip_between_two_of_ours() {
    a_check_script_that_stops_the_daemon(Pairing::Ours);
}

#[test]
fn a_check_script_that_stops_the_daemon_moves_the_vip_with_keepalived_as_backup() {
    a_check_script_that_stops_the_daemon(Pairing::OursFirst);
}

fn a_check_script_that_stops_the_daemon(pairing: Pairing) {
    let Some([first, second]) = pairing.programs() else { return };
    let network = Network::new();
    let [lb01, lb02] = nodes(&network, CHECK_THAT_STOPS);
    let mut one = start(&first, &lb01, "lvs-dr-scripts-master");
    let _two = start(&second, &lb02, "lvs-dr-scripts-backup");
    wait::eventually(LIMIT, "lb01 has the VIP", || lb01.holds(VIP));
    lb01.write_file("run", "broken", "");
    let status = one.wait_end(LIMIT);
    assert!(status.success(), "it is a clean stop: {status}");
    wait::eventually(Duration::from_secs(1), "lb02 has the VIP", || lb02.holds(VIP));
    lb01.sh("rm /run/notified /run/broken");
    left::nothing(&lb01, &OWN[..1]);
}

fn nodes(network: &Network, check: &str) -> [Node; 2] {
    ["lb01", "lb02"].map(|name| {
        let own = if name == "lb01" { &OWN[..1] } else { &OWN[1..] };
        let node = network.machine(name, INTERFACE, own);
        node.write_script("scripts", "notify.sh", NOTIFY);
        node.write_script("scripts", "check_m.sh", check);
        node
    })
}

fn start<'node>(program: &lab::Program, node: &'node Node, scenario: &str) -> Daemon<'node> {
    Daemon::start_with(program, node, configuration(scenario), &["-P"])
}

/// The notify script was called for exactly these states, in this order, once each.
fn told(node: &Node, states: &[&str]) {
    let expected: String = states.iter().map(|state| format!("{state} {VIP}\n")).collect();
    let file = node.folder("run").join("notified");
    let what = format!("notifications on {}", node.name());
    wait::becomes(LIMIT, &what, &expected, || std::fs::read_to_string(&file).unwrap_or_default());
}

#[test]
fn a_script_that_ended_in_time_is_not_late_when_its_timeout_is_over_before_anybody_looks() {
    const CHECK: &str = "#!/bin/sh\necho $$ >/run/started\nread line </run/go\n";
    let network = Network::new();
    let [node, _other] = nodes(&network, CHECK);
    node.sh("mkfifo /run/go");
    // On a machine so busy that the script does not end in time there is nothing to be seen.
    let seen = (0..5).any(|_| ends_in_time_while_nobody_looks(&node));
    assert!(seen, "a script that gets a second can end");
}

/// Whether the script has ended in time, and nobody looked before its timeout was over.
fn ends_in_time_while_nobody_looks(node: &Node) -> bool {
    let text = format!(
        "vrrp_script chk {{
            script /scripts/check_m.sh
            interval 100
            timeout 3
        }}
        vrrp_instance VI_1 {{
            interface {INTERFACE}
            virtual_router_id 51
            priority 100
            track_script {{ chk }}
            virtual_ipaddress {{ {VIP} }}
        }}\n"
    );
    node.sh("rm -f /run/started");
    // It starts after this, and before it is seen.
    let before = Instant::now();
    let daemon = Daemon::start(&Program::ours(), node, &text);
    let state = || node.try_sh("grep State: /proc/$(cat /run/started)/status").stdout;
    wait::eventually(LIMIT, "the script runs", || state().contains("State:"));
    let after = Instant::now();
    wait::eventually(LIMIT, "it has run for long", || after.elapsed() > Duration::from_secs(2));
    let vrrp = daemon.vrrp();
    vrrp.signal(Signal::SIGSTOP);
    node.sh("timeout 3 sh -c 'echo >/run/go'; true");
    wait::eventually(LIMIT, "it has ended", || !state().contains("S (sleeping)"));
    let in_time = before.elapsed() < Duration::from_millis(2_900);
    wait::eventually(LIMIT, "its timeout is over", || after.elapsed() > Duration::from_secs(3));
    vrrp.signal(Signal::SIGCONT);
    if in_time {
        daemon.wait_log("VRRP_Script(chk) succeeded", LIMIT);
        assert!(!daemon.log().contains("VRRP_Script(chk) timed_out"));
    }
    assert!(daemon.stop().1.success());
    in_time
}
