//! Faults after which two nodes hold one address, ours beside Debian's keepalived: for how long?
#![allow(clippy::expect_used, reason = "test code")]

use std::io::Write;
use std::time::Duration;

use lab::overlap::{self, Held};
use lab::ping::Ping;
use lab::service::{Service, Switch, request};
use lab::{Capture, Daemon, Network, Node, Program, left, wait};
use nix::sys::signal::Signal;

const VIP: &str = "192.168.216.250";
const OWN: [&str; 2] = ["192.168.216.1/24", "192.168.216.2/24"];

/// Three advertisement intervals and the skew of priority 100 (RFC 3768, 6.1).
const DOWN_INTERVAL: Duration = Duration::from_millis(3609);

/// What a busy machine may add to a start or to a look; what is timed has a bound of its own.
const SLACK: Duration = Duration::from_secs(6);

/// How long a fault is looked at: longer than any takeover.
const LOOK: Duration = Duration::from_secs(6);

/// Of a handover between two that hear each other.
const HANDOVER: Duration = Duration::from_millis(300);

/// The two of a pair: `lines` stand in the instance.
fn configuration(priority: u8, lines: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{
    interface eth0
    state BACKUP
    virtual_router_id 51
    priority {priority}
    advert_int 1
    virtual_ipaddress {{
        {VIP}/24
    }}
    {lines}
}}
"
    )
}

struct Pair {
    network: Network,
    heartbeat: Network,
    lb01: Node,
    lb02: Node,
}

impl Pair {
    fn new() -> Self {
        let network = Network::new();
        let lb01 = network.machine("lb01", "eth0", &OWN[..1]);
        let lb02 = network.machine("lb02", "eth0", &OWN[1..]);
        let heartbeat = Network::new();
        heartbeat.plug(&lb01, "lb01", "eth1", &["10.1.0.1/24"]);
        heartbeat.plug(&lb02, "lb02", "eth1", &["10.1.0.2/24"]);
        Self { network, heartbeat, lb01, lb02 }
    }

    /// lb01 is master, lb02 backup.
    fn start(&self, program: &Program, lines: &str) -> (Daemon<'_>, Daemon<'_>) {
        self.start_with(program, &[lines.to_owned(), lines.to_owned()])
    }

    fn start_with(&self, program: &Program, lines: &[String; 2]) -> (Daemon<'_>, Daemon<'_>) {
        let master = Daemon::start(program, &self.lb01, &configuration(150, &lines[0]));
        wait::eventually(DOWN_INTERVAL + SLACK, "the VIP is on lb01", || self.lb01.holds(VIP));
        let backup = Daemon::start(program, &self.lb02, &configuration(100, &lines[1]));
        backup.wait_log("Entering BACKUP STATE", SLACK);
        (master, backup)
    }

    fn watch<T>(&self, work: impl FnOnce() -> T) -> (Held, T) {
        overlap::watch([&self.lb01, &self.lb02], VIP, work)
    }
}

/// The same fault with keepalived; where it is not installed there is nothing to compare with.
fn keepalived(fault: &str, play: impl Fn(&Program) -> Held) -> Option<Held> {
    let held = play(&Program::debian()?);
    println!("{fault}: with keepalived {held}");
    Some(held)
}

fn wait_for(span: Duration) {
    wait::stays(span, "time passes", || true);
}

#[test]
fn a_node_whose_daemon_is_killed_loses_the_address_by_the_kernels_hand() {
    let play = |program: &Program, lines: &str| {
        let pair = Pair::new();
        let (_master, _backup) = pair.start(program, lines);
        let (held, ()) = pair.watch(|| {
            pair.lb01.kill_all();
            wait::eventually(DOWN_INTERVAL + SLACK, "lb02 takes over", || pair.lb02.holds(VIP));
            wait_for(LOOK);
        });
        held
    };
    let ours = play(&Program::ours(), "vip_lease auto");
    println!("all processes killed: with a lease {ours}");
    assert_eq!(ours.both, Duration::ZERO, "{ours}");
    assert!(ours.neither < Duration::from_secs(1) + HANDOVER, "{ours}");
    if let Some(held) = keepalived("all processes killed", |program| play(program, "")) {
        assert!(held.both > LOOK / 2, "{held}");
    }
}

#[test]
fn a_frozen_node_loses_the_address_and_has_it_again_when_it_thaws() {
    let play = |program: &Program, lines: &str| {
        let pair = Pair::new();
        let (master, backup) = pair.start(program, lines);
        let (held, ()) = pair.watch(|| {
            master.freeze();
            wait::eventually(DOWN_INTERVAL + SLACK, "lb02 takes over", || pair.lb02.holds(VIP));
            wait_for(LOOK);
            master.thaw();
            wait::eventually(DOWN_INTERVAL + SLACK, "lb01 has it again", || {
                pair.lb01.holds(VIP) && !pair.lb02.holds(VIP)
            });
        });
        assert!(master.stop().1.success());
        assert!(backup.stop().1.success());
        held
    };
    let ours = play(&Program::ours(), "vip_lease auto");
    println!("frozen and thawed: with a lease {ours}");
    assert!(ours.both < HANDOVER, "{ours}");
    if let Some(held) = keepalived("frozen and thawed", |program| play(program, "")) {
        assert!(held.both > LOOK / 2, "{held}");
    }
}

#[test]
fn a_node_whose_adverts_are_filtered_on_the_way_out_gives_the_address_up() {
    const FILTER: &str = "nft 'table inet f { chain o { type filter hook output priority 0; \
                          ip protocol 112 drop; }; }'";
    let play = |program: &Program, lines: &str| {
        let pair = Pair::new();
        let (master, backup) = pair.start(program, lines);
        let (held, ()) = pair.watch(|| {
            pair.lb01.sh(FILTER);
            wait::eventually(DOWN_INTERVAL + SLACK, "lb02 takes over", || pair.lb02.holds(VIP));
            wait_for(LOOK);
        });
        pair.lb01.sh("nft flush ruleset");
        wait::eventually(SLACK, "lb01 has it again", || {
            pair.lb01.holds(VIP) && !pair.lb02.holds(VIP)
        });
        assert!(master.stop().1.success());
        assert!(backup.stop().1.success());
        left::nothing(&pair.lb01, &[OWN[0], "10.1.0.1/24"]);
        held
    };
    let ours = play(&Program::ours(), "vip_lease auto");
    println!("adverts filtered on the way out: with a lease {ours}");
    assert!(ours.both < HANDOVER, "{ours}");
    if let Some(held) = keepalived("adverts filtered on the way out", |program| play(program, "")) {
        assert!(held.both > LOOK / 2, "{held}");
    }
}

/// The lines of both nodes with a heartbeat of that kind.
fn heartbeat(program: &Program, lines: &str) -> [String; 2] {
    if *program != Program::ours() {
        return [String::new(), String::new()];
    }
    let of = |path: &str| {
        format!("vip_lease auto\n    heartbeat {{\n        {path}\n    }}\n    {lines}")
    };
    [of("unicast 10.1.0.1 10.1.0.2"), of("unicast 10.1.0.2 10.1.0.1 dev eth1")]
}

/// The service network falls apart while both nodes see their links up: a backup that hears its
/// master by the heartbeat stays backup.
#[test]
fn a_heartbeat_keeps_the_peace_while_the_service_network_is_apart() {
    let play = |program: &Program| {
        let pair = Pair::new();
        let (master, backup) = pair.start_with(program, &heartbeat(program, ""));
        let from = backup.log().len();
        let (held, ()) = pair.watch(|| {
            pair.network.isolate(&pair.lb01);
            wait_for(LOOK);
        });
        if *program == Program::ours() {
            let line = backup.log().wait_since(from, "no advert is heard on eth0", SLACK);
            println!("{}", line.text);
            pair.heartbeat.isolate(&pair.lb01);
            wait::eventually(DOWN_INTERVAL + SLACK, "both paths are cut", || pair.lb02.holds(VIP));
            pair.heartbeat.join(&pair.lb01);
            wait::eventually(SLACK, "one path is enough", || !pair.lb02.holds(VIP));
        }
        pair.network.join(&pair.lb01);
        wait::eventually(DOWN_INTERVAL + SLACK, "lb01 alone has it", || {
            pair.lb01.holds(VIP) && !pair.lb02.holds(VIP)
        });
        assert!(master.stop().1.success());
        assert!(backup.stop().1.success());
        held
    };
    let ours = play(&Program::ours());
    println!("service network apart: with a heartbeat {ours}");
    assert_eq!(ours.both, Duration::ZERO, "{ours}");
    if let Some(held) = keepalived("service network apart", play) {
        assert!(held.both > Duration::from_secs(1), "{held}");
    }
}

#[test]
fn adverts_that_are_filtered_on_the_way_in_come_by_the_heartbeat() {
    const FILTER: &str = "nft 'table inet f { chain i { type filter hook input priority 0; \
                          iifname eth0 ip protocol 112 drop; }; }'";
    let play = |program: &Program, both: bool| {
        let pair = Pair::new();
        let (master, backup) = pair.start_with(program, &heartbeat(program, ""));
        let (held, ()) = pair.watch(|| {
            pair.lb02.sh(FILTER);
            if both {
                pair.lb01.sh(FILTER);
            }
            wait_for(LOOK);
        });
        assert!(master.stop().1.success());
        assert!(backup.stop().1.success());
        held
    };
    for (fault, both) in
        [("multicast filtered one way", false), ("multicast filtered both ways", true)]
    {
        let ours = play(&Program::ours(), both);
        println!("{fault}: with a heartbeat {ours}");
        assert_eq!(ours.both, Duration::ZERO, "{ours}");
        if let Some(held) = keepalived(fault, |program| play(program, both)) {
            assert!(held.both > Duration::from_secs(1), "{held}");
        }
    }
}

#[test]
fn a_master_whose_cable_is_out_says_so_by_the_heartbeat() {
    let play = |program: &Program| {
        let pair = Pair::new();
        let (master, backup) = pair.start_with(program, &heartbeat(program, ""));
        let (held, taken) = pair.watch(|| {
            pair.network.cut(&pair.lb01);
            wait::eventually(DOWN_INTERVAL + SLACK, "lb02 takes over", || pair.lb02.holds(VIP))
        });
        println!("cable out: taken over after {taken:?}, {held}");
        assert!(master.stop().1.success());
        assert!(backup.stop().1.success());
        taken
    };
    let skew = Duration::from_millis(610);
    assert!(play(&Program::ours()) < skew + HANDOVER);
    if let Some(program) = Program::debian() {
        assert!(play(&program) > Duration::from_secs(2));
    }
}

/// The second path alone is cut: it is named, and nothing else happens.
#[test]
fn the_loss_of_the_heartbeat_changes_nothing() {
    let pair = Pair::new();
    let program = Program::ours();
    let (master, backup) = pair.start_with(&program, &heartbeat(&program, ""));
    let (held, ()) = pair.watch(|| {
        pair.heartbeat.isolate(&pair.lb01);
        backup.wait_log("no advert is heard on heartbeat 10.1.0.1", DOWN_INTERVAL + SLACK);
        wait::stays(LOOK, "lb01 has the address", || pair.lb01.holds(VIP));
        pair.heartbeat.join(&pair.lb01);
        backup.wait_log("adverts are heard on heartbeat 10.1.0.1 again", SLACK);
    });
    assert_eq!(held, Held::default());
    assert!(master.stop().1.success());
    assert!(backup.stop().1.success());
}

/// Three kinds of witness on the service network, and an arbiter that asks them.
const ARBITER: &str = "vrrp_arbiter gate {
    ping 192.168.216.254
    arp 192.168.216.254 dev eth0
    tcp 192.168.216.254 7
    http 192.168.216.254 8080 /alive
    interval 0.5
    quorum 4
}
";

/// A host that answers all of them.
fn witness(network: &Network) -> (Node, [Service; 2]) {
    let host = network.host("gate", "eth0", &["192.168.216.254/24"]);
    let always = Switch::default();
    let echo = Service::tcp(&host, 7, &always, |_, _| Ok(()));
    let web = Service::tcp(&host, 8080, &always, |stream, _| {
        request(stream)?;
        stream.write_all(b"HTTP/1.0 204 No Content\r\n\r\n")
    });
    (host, [echo, web])
}

/// The master is cut off from everybody; its backup reaches the witnesses. And the other way round.
#[test]
fn who_is_cut_off_from_the_witnesses_has_not_the_address() {
    let pair = Pair::new();
    let (gate, servers) = witness(&pair.network);
    let client = pair.network.host("client", "eth0", &["192.168.216.77/24"]);
    let program = Program::ours();
    let text =
        |priority| format!("{ARBITER}{}", configuration(priority, "vip_lease\n arbiter gate"));
    let master = Daemon::start(&program, &pair.lb01, &text(150));
    wait::eventually(DOWN_INTERVAL + SLACK, "the VIP is on lb01", || pair.lb01.holds(VIP));
    let backup = Daemon::start(&program, &pair.lb02, &text(100));
    backup.wait_log("vrrp_arbiter gate: 4 of the witnesses can be reached", SLACK);

    let from = backup.log().len();
    let (held, ()) = pair.watch(|| {
        pair.network.isolate(&pair.lb02);
        backup.log().wait_since(from, "this node may be the one that is cut off", LOOK + SLACK);
        wait::stays(Duration::from_secs(2), "lb02 has it not", || !pair.lb02.holds(VIP));
    });
    println!("backup cut off: with an arbiter {held}");
    assert_eq!(held, Held::default());
    pair.network.join(&pair.lb02);
    backup.log().wait_since(from, "master set to 192.168.216.1", SLACK);

    let pings = Ping::start(&client, VIP.parse().expect("an address"));
    let (held, ()) = pair.watch(|| {
        pair.network.isolate(&pair.lb01);
        wait::eventually(DOWN_INTERVAL + SLACK, "lb02 takes over", || pair.lb02.holds(VIP));
        wait_for(LOOK);
    });
    let pings = pings.stop();
    println!("master cut off: with an arbiter {held}; longest gap {:?}", pings.longest_gap());
    assert_eq!(held.both, Duration::ZERO, "{held}");
    assert!(pings.longest_gap() < DOWN_INTERVAL + Duration::from_secs(1));
    assert!(master.log().contains("this node may be cut off, and gives up the addresses"));
    pair.network.join(&pair.lb01);
    wait::eventually(DOWN_INTERVAL + SLACK, "lb01 alone has it", || {
        pair.lb01.holds(VIP) && !pair.lb02.holds(VIP)
    });
    drop(servers);
    drop(gate);
    assert!(master.stop().1.success());
    assert!(backup.stop().1.success());
}

/// Nothing of what prevents a double is configured, only what names it: multicast is filtered.
#[test]
fn a_double_that_could_not_be_prevented_is_named_and_healed() {
    const FILTER: &str = "nft 'table inet f { chain i { type filter hook input priority 0; \
                          ip protocol 112 drop; }; }'";
    let pair = Pair::new();
    let lines = "conflict_detection\n notify_split_brain /scripts/split";
    for node in [&pair.lb01, &pair.lb02] {
        node.write_script("scripts", "split", "#!/bin/sh\necho double >> /run/split\n");
    }
    let global = "global_defs {\n script_user root\n}\n";
    let text = |priority| format!("{global}{}", configuration(priority, lines));
    let program = Program::ours();
    let master = Daemon::start(&program, &pair.lb01, &text(150));
    wait::eventually(DOWN_INTERVAL + SLACK, "the VIP is on lb01", || pair.lb01.holds(VIP));
    let backup = Daemon::start(&program, &pair.lb02, &text(100));
    backup.wait_log("Entering BACKUP STATE", SLACK);

    pair.lb01.sh(FILTER);
    pair.lb02.sh(FILTER);
    let line =
        backup.wait_log("another node answers for 192.168.216.250 with", DOWN_INTERVAL + SLACK);
    println!("{}", line.text);
    assert!(line.text.contains("yet no advert is heard on eth0 for 3.6 s"), "{}", line.text);
    wait::eventually(SLACK, "notify_split_brain ran", || {
        pair.lb02.run_files().contains(&"split".to_owned())
    });
    let from = master.log().len();
    let healing = Capture::of(&pair.network, &pair.lb01);
    pair.lb01.sh("nft flush ruleset");
    master.log().wait_since(from, "split brain: 192.168.216.2 is master too", SLACK);
    pair.lb02.sh("nft flush ruleset");
    wait::eventually(SLACK, "lb02 yields", || !pair.lb02.holds(VIP));
    master.log().wait_since(from, "split brain is over: 192.168.216.2 is silent", SLACK);
    wait::eventually(SLACK, "the winner announces", || !healing.gratuitous_arps().is_empty());
    assert!(master.stop().1.success());
    assert!(backup.stop().1.success());
}

/// A lease never ends by itself: neither on a busy machine nor by a reload, a death that the parent
/// heals, or an upgrade. `SPLIT_BRAIN_SECONDS` makes it longer.
#[test]
fn a_lease_lasts_through_load_reloads_respawns_and_upgrades() {
    let seconds = std::env::var("SPLIT_BRAIN_SECONDS").ok().and_then(|text| text.parse().ok());
    let rounds = seconds.unwrap_or(8) / 4;
    let pair = Pair::new();
    let leased = "virtual_routes { 198.51.100.0/24 dev eth0 src 192.168.216.250 }\n vip_lease auto";
    let text = configuration(150, leased);
    let program = Program::ours();
    let upgrade = format!(
        "kill -$({} --signum=UPGRADE) $(cat /run/keepalived.pid)",
        program.path().display()
    );
    let master = Daemon::start(&program, &pair.lb01, &text);
    wait::eventually(DOWN_INTERVAL + SLACK, "the VIP is on lb01", || pair.lb01.holds(VIP));
    let route = || pair.lb01.sh("ip route show 198.51.100.0/24");
    wait::eventually(SLACK, "the route is there", || !route().is_empty());
    let from = master.log().len();
    let mut hogs: Vec<_> = (0..4)
        .map(|_| {
            let mut hog = pair.lb01.command("/bin/sh");
            hog.args(["-c", "while :; do :; done"]).spawn().expect("a busy loop")
        })
        .collect();
    for _ in 0..rounds {
        master.reload(&text);
        let vrrp = master.vrrp();
        vrrp.signal(Signal::SIGKILL);
        wait::stays(Duration::from_secs(2), "the address stays", || pair.lb01.holds(VIP));
        wait::eventually(SLACK, "another process", || master.vrrp().pid != vrrp.pid);
        let vrrp = master.vrrp();
        pair.lb01.sh(&upgrade);
        wait::stays(Duration::from_secs(2), "the address stays", || pair.lb01.holds(VIP));
        wait::eventually(SLACK, "another binary's process", || master.vrrp().pid != vrrp.pid);
    }
    for hog in &mut hogs {
        hog.kill().expect("the loop ends");
        hog.wait().expect("the loop has ended");
    }
    let log = master.log().text_since(from);
    assert!(!log.contains("removed from"), "{log}");
    assert!(!log.contains("lease of the addresses has ended"), "{log}");

    pair.lb01.kill_all();
    wait::eventually(SLACK, "the lease ends", || !pair.lb01.holds(VIP));
    wait::eventually(SLACK, "and its route with it", || route().is_empty());
}
