//! Faults after which two nodes hold one address, ours beside Debian's keepalived: for how long?
#![allow(clippy::expect_used, reason = "test code")]

use std::time::Duration;

use lab::overlap::{self, Held};
use lab::{Daemon, Network, Node, Program, left, wait};
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
    _network: Network,
    lb01: Node,
    lb02: Node,
}

impl Pair {
    fn new() -> Self {
        let network = Network::new();
        let lb01 = network.machine("lb01", "eth0", &OWN[..1]);
        let lb02 = network.machine("lb02", "eth0", &OWN[1..]);
        Self { _network: network, lb01, lb02 }
    }

    /// lb01 is master, lb02 backup.
    fn start(&self, program: &Program, lines: &str) -> (Daemon<'_>, Daemon<'_>) {
        let master = Daemon::start(program, &self.lb01, &configuration(150, lines));
        wait::eventually(DOWN_INTERVAL + SLACK, "the VIP is on lb01", || self.lb01.holds(VIP));
        let backup = Daemon::start(program, &self.lb02, &configuration(100, lines));
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
        left::nothing(&pair.lb01, &OWN[..1]);
        held
    };
    let ours = play(&Program::ours(), "vip_lease auto");
    println!("adverts filtered on the way out: with a lease {ours}");
    assert!(ours.both < HANDOVER, "{ours}");
    if let Some(held) = keepalived("adverts filtered on the way out", |program| play(program, "")) {
        assert!(held.both > LOOK / 2, "{held}");
    }
}

/// A lease never ends by itself: neither on a busy machine nor by a reload or a death that the
/// parent heals. `SPLIT_BRAIN_SECONDS` makes it longer.
#[test]
fn a_lease_lasts_through_load_reloads_and_respawns() {
    let seconds = std::env::var("SPLIT_BRAIN_SECONDS").ok().and_then(|text| text.parse().ok());
    let rounds = seconds.unwrap_or(6) / 2;
    let pair = Pair::new();
    let leased = "virtual_routes { 198.51.100.0/24 dev eth0 src 192.168.216.250 }\n vip_lease 2";
    let text = configuration(150, leased);
    let master = Daemon::start(&Program::ours(), &pair.lb01, &text);
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
