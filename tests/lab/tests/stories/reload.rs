//! Reload: what did not change is not touched, and a bad file changes nothing.

use std::time::Duration;

use lab::director::{Cluster, DIRECTORS, INTERFACE};
use lab::nlmon::{Change, Monitor};
use lab::scenario::configuration;
use lab::web::Web;
use lab::{Capture, Daemon, Network, Program, left, uml, wait};

const LIMIT: Duration = Duration::from_secs(20);

/// How long after a reload something might still come.
const QUIET: Duration = Duration::from_secs(2);

const OWN: &str = "192.168.100.11/24";
const VIP: &str = "192.168.100.100";

/// Just below the VIP of the scenario.
const SECOND_VIP: &str = "192.168.100.101";

#[test]
fn a_reload_touches_in_the_kernel_only_what_changed() {
    uml::with_ipvs("a_reload_touches_in_the_kernel_only_what_changed", only_what_changed);
}

fn only_what_changed() {
    let cluster = Cluster::new(INTERFACE);
    let [node, _] = &cluster.directors;
    let _webs = [Web::start(&cluster.servers[0], 80), Web::start(&cluster.servers[1], 80)];
    let configured = configuration("lvs-dr-master");
    let daemon = Daemon::start(&Program::ours(), node, configured);
    let vip = "192.168.216.250";
    wait::eventually(LIMIT, "the VIP is there", || node.holds(vip));
    let servers = || node.proc_net("ip_vs").matches("  -> ").count().saturating_sub(1);
    wait::eventually(LIMIT, "both servers are in the table", || servers() == 2);
    let monitor = Monitor::start(node);
    // The monitor's own start is over when its link is up.
    let mut seen = monitor.changes().len();
    let mut since = |what: &str, expected: usize| -> Vec<Change> {
        wait::eventually(LIMIT, what, || monitor.changes().len() >= seen + expected);
        wait::stays(QUIET, what, || monitor.changes().len() == seen + expected);
        let new = monitor.changes().split_off(seen);
        seen += new.len();
        new
    };

    reload(&daemon, configured);
    since("a reload that changes nothing sends nothing", 0);

    let more_vips = configured.replace("192.168.216.250\n", "192.168.216.250\n192.168.216.251\n");
    reload(&daemon, &more_vips);
    let changes = since("one address is added", 1);
    assert!(changes[0].is_new_address(), "{}", changes[0]);
    assert!(node.holds("192.168.216.251") && node.holds(vip));
    reload(&daemon, configured);
    let changes = since("one address is removed", 1);
    assert!(changes[0].is_delete_address(), "{}", changes[0]);
    assert!(!node.holds("192.168.216.251") && node.holds(vip));

    let start = configured.find("    real_server 192.168.216.179").expect("the second server");
    let one_server = format!("{}}}\n", &configured[..start]);
    reload(&daemon, &one_server);
    let changes = since("one server is removed", 1);
    assert!(changes[0].is_delete_destination(), "{}", changes[0]);
    assert_eq!(servers(), 1);
    reload(&daemon, configured);
    let changes = since("one server is added", 1);
    assert!(changes[0].is_new_destination(), "{}", changes[0]);
    assert_eq!(servers(), 2);

    assert!(daemon.stop().1.success());
    node.sh("ip link del nlmon0");
    left::nothing(node, &DIRECTORS[..1]);
}

/// Reloads and waits until it is done.
fn reload(daemon: &Daemon<'_>, text: &str) {
    let from = daemon.reload(text);
    daemon.log().wait_since(from, "Reload complete", LIMIT);
}

#[test]
fn a_master_stays_master_and_announces_only_what_is_new() {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &[OWN]);
    let sent = Capture::of(&network, &node);
    let configured = configuration("single-lb01");
    let daemon = Daemon::start(&Program::ours(), &node, configured);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let announced = |vip: &str| {
        let arps = sent.gratuitous_arps();
        arps.iter().filter(|(_, arp)| arp.sender.to_string() == vip).count()
    };
    // Two bursts of five, 5 s apart; then nothing more is due.
    wait::eventually(LIMIT, "both bursts are out", || announced(VIP) >= 10);
    let from = daemon.log().len();

    reload(&daemon, configured);
    let line = "192.168.100.100/24 dev eth0 label eth0:3";
    let more = configured.replace(line, &format!("{line}\n{SECOND_VIP}/24 dev eth0"));
    reload(&daemon, &more);
    wait::eventually(LIMIT, "the new VIP is there", || node.holds(SECOND_VIP));
    wait::eventually(LIMIT, "the new VIP is announced", || announced(SECOND_VIP) >= 5);
    assert!(node.holds(VIP));
    reload(&daemon, configured);
    wait::eventually(LIMIT, "it is gone again", || !node.holds(SECOND_VIP));
    wait::stays(QUIET, "the first VIP stays", || node.holds(VIP));

    assert_eq!(announced(VIP), 10, "what stays is not announced again");
    assert!(!daemon.log().text_since(from).contains("Entering"), "no change of state");
    let adverts = sent.adverts();
    let longest = adverts.windows(2).map(|pair| pair[1].0 - pair[0].0).max().expect("adverts");
    assert!(longest < Duration::from_millis(1250), "a gap of {longest:?} between two adverts");
    assert!(adverts.iter().all(|(_, advert)| advert.priority == 100));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

#[test]
fn a_bad_file_keeps_the_running_configuration_and_says_what_is_wrong_where() {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &[OWN]);
    let sent = Capture::of(&network, &node);
    let configured = configuration("single-lb01");
    let mut daemon = Daemon::start(&Program::ours(), &node, configured);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));

    let misspelt =
        configured.replace(VIP, SECOND_VIP).replace("    priority 100", "    priorty 100");
    let unclosed = configured.replace(VIP, SECOND_VIP).replacen("    }\n", "", 1);
    let without_argument =
        configured.replace(VIP, SECOND_VIP).replace("interface eth0", "interface");
    for (bad, said) in [
        (misspelt, ["Line 9)", "priorty"]),
        (unclosed, ["", "missing '}'"]),
        (without_argument, ["Line 7)", "interface"]),
    ] {
        let from = daemon.reload(&bad);
        wait::eventually(LIMIT, &format!("{said:?} is said in one line"), || {
            let lines = daemon.log().since(from);
            lines.iter().any(|line| said.iter().all(|part| line.text.contains(part)))
        });
        wait::stays(QUIET, "the old VIP stays, the new one does not come", || {
            node.holds(VIP) && !node.holds(SECOND_VIP)
        });
        assert!(daemon.is_running());
    }
    let from = daemon.reload(&configured.replace(VIP, SECOND_VIP));
    daemon.log().wait_since(from, "Reload complete", LIMIT);
    wait::eventually(LIMIT, "a good file is taken", || !node.holds(VIP) && node.holds(SECOND_VIP));
    let adverts = sent.adverts();
    assert!(adverts.iter().all(|(_, advert)| advert.priority == 100), "it was master all the time");
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}
