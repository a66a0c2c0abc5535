//! The recommended pair of `conf/samples` as a whole: one fault after the other, a client that goes on
//! pinging, and Debian's keepalived where witnesses decide.
#![allow(clippy::expect_used, reason = "test code")]

use std::time::{Duration, Instant};

use lab::overlap::{self, Held};
use lab::ping::Ping;
use lab::{Daemon, Network, Node, Program, wait};

const VIP: &str = "192.168.216.250";

/// Three advertisement intervals and the skew of priority 100 (RFC 3768, 6.1).
const DOWN_INTERVAL: Duration = Duration::from_millis(3609);
/// What is promised beside it.
const GRACE: Duration = Duration::from_secs(1);
/// Of a handover between two that hear each other.
const HANDOVER: Duration = Duration::from_millis(300);
/// What a busy machine may add to a start.
const SLACK: Duration = Duration::from_secs(6);

const SAMPLES: [&str; 2] = [
    include_str!("../../../conf/samples/split-brain-lb01.conf"),
    include_str!("../../../conf/samples/split-brain-lb02.conf"),
];

/// The same pair as keepalived knows it.
fn plain(priority: u8) -> String {
    format!(
        "vrrp_instance VI_1 {{\n state BACKUP\n interface eth0\n virtual_router_id 51\n \
         priority {priority}\n advert_int 1\n virtual_ipaddress {{\n {VIP}/24\n }}\n}}\n"
    )
}

/// Two directors with a cable between them, a gateway that is their witness, and a client.
struct Field {
    service: Network,
    heartbeat: Network,
    lb01: Node,
    lb02: Node,
    _gate: Node,
    client: Node,
}

impl Field {
    fn new() -> Self {
        let service = Network::new();
        let lb01 = service.machine("lb01", "eth0", &["192.168.216.1/24"]);
        let lb02 = service.machine("lb02", "eth0", &["192.168.216.2/24"]);
        let gate = service.host("gate", "eth0", &["192.168.216.254/24"]);
        let client = service.host("client", "eth0", &["192.168.216.77/24"]);
        let heartbeat = Network::new();
        heartbeat.plug(&lb01, "lb01", "eth1", &["10.1.0.1/24"]);
        heartbeat.plug(&lb02, "lb02", "eth1", &["10.1.0.2/24"]);
        Self { service, heartbeat, lb01, lb02, _gate: gate, client }
    }

    fn watch<T>(&self, work: impl FnOnce() -> T) -> (Held, T) {
        overlap::watch([&self.lb01, &self.lb02], VIP, work)
    }

    /// lb01 is master, lb02 backup.
    fn start(&self, program: &Program, texts: [&str; 2]) -> [Daemon<'_>; 2] {
        let first = Daemon::start(program, &self.lb01, texts[0]);
        wait::eventually(DOWN_INTERVAL + SLACK, "the VIP is on lb01", || self.lb01.holds(VIP));
        let second = Daemon::start(program, &self.lb02, texts[1]);
        second.wait_log("Entering BACKUP STATE", SLACK);
        if *program == Program::ours() {
            second.wait_log("1 of the witnesses can be reached", SLACK);
        }
        [first, second]
    }

    /// lb01 has it again, and nobody else.
    fn settled(&self) {
        wait::eventually(DOWN_INTERVAL + SLACK, "lb01 alone has it", || {
            self.lb01.holds(VIP) && !self.lb02.holds(VIP)
        });
    }
}

/// A single fault, and who should have the address while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    MasterIsolated,
    BackupIsolated,
    MasterCable,
    FilteredOneWay,
    FilteredBothWays,
    FilteredOnTheWayOut,
    Killed,
    Frozen,
    MasterWithoutWitness,
    BackupWithoutWitness,
    HeartbeatCut,
    MasterCutOff,
    BackupCutOff,
}

const NO_ADVERTS_IN: &str = "nft 'table inet f { chain i { type filter hook input priority 0; \
                             iifname eth0 ip protocol 112 drop; }; }'";
const NO_ADVERTS_OUT: &str = "nft 'table inet f { chain o { type filter hook output priority 0; \
                              ip protocol 112 drop; }; }'";
const NO_WITNESS: &str = "nft 'table inet f { chain o { type filter hook output priority 0; \
                          ip daddr { 192.168.216.253, 192.168.216.254 } drop; }; }'";

impl Fault {
    /// Whether lb02 has to take over.
    const fn moves(self) -> bool {
        matches!(
            self,
            Self::MasterIsolated
                | Self::MasterCable
                | Self::FilteredOnTheWayOut
                | Self::Killed
                | Self::Frozen
                | Self::MasterWithoutWitness
                | Self::MasterCutOff
        )
    }

    fn begin(self, field: &Field, daemons: &[Daemon<'_>; 2]) {
        match self {
            Self::MasterIsolated => field.service.isolate(&field.lb01),
            Self::BackupIsolated => field.service.isolate(&field.lb02),
            Self::MasterCable => field.service.cut(&field.lb01),
            Self::FilteredOneWay => drop(field.lb02.sh(NO_ADVERTS_IN)),
            Self::FilteredBothWays => {
                field.lb01.sh(NO_ADVERTS_IN);
                field.lb02.sh(NO_ADVERTS_IN);
            }
            Self::FilteredOnTheWayOut => drop(field.lb01.sh(NO_ADVERTS_OUT)),
            Self::Killed => field.lb01.kill_all(),
            Self::Frozen => daemons[0].freeze(),
            Self::MasterWithoutWitness => drop(field.lb01.sh(NO_WITNESS)),
            Self::BackupWithoutWitness => drop(field.lb02.sh(NO_WITNESS)),
            Self::HeartbeatCut => field.heartbeat.isolate(&field.lb01),
            Self::MasterCutOff => {
                field.service.isolate(&field.lb01);
                field.heartbeat.isolate(&field.lb01);
            }
            Self::BackupCutOff => {
                field.service.isolate(&field.lb02);
                field.heartbeat.isolate(&field.lb02);
            }
        }
    }

    fn end(self, field: &Field, daemons: &[Daemon<'_>; 2]) {
        field.lb01.sh("nft flush ruleset");
        field.lb02.sh("nft flush ruleset");
        match self {
            Self::MasterCable => field.service.mend(&field.lb01),
            Self::Frozen => daemons[0].thaw(),
            Self::MasterIsolated
            | Self::BackupIsolated
            | Self::HeartbeatCut
            | Self::MasterCutOff
            | Self::BackupCutOff => {
                for node in [&field.lb01, &field.lb02] {
                    field.service.join(node);
                    field.heartbeat.join(node);
                }
            }
            _ => {}
        }
    }
}

/// One fault with the recommended pair: nobody has the address twice, and the client soon finds it.
fn suffer(field: &Field, daemons: &[Daemon<'_>; 2], fault: Fault) {
    let pings = Ping::start(&field.client, VIP.parse().expect("an address"));
    let (held, ()) = field.watch(|| {
        fault.begin(field, daemons);
        let start = Instant::now();
        if fault.moves() {
            wait::eventually(DOWN_INTERVAL + GRACE, "lb02 takes over", || field.lb02.holds(VIP));
        } else {
            let stays = || field.lb01.holds(VIP) && !field.lb02.holds(VIP);
            wait::stays(DOWN_INTERVAL + GRACE, "lb01 has it", stays);
        }
        println!("{fault:?}: settled after {:?}", start.elapsed());
        let one = || field.lb01.holds(VIP) != field.lb02.holds(VIP);
        wait::stays(Duration::from_millis(500), "exactly one has it", one);
    });
    let pings = pings.stop();
    println!("{fault:?}: {held}; a client waits {:?}", pings.longest_gap());
    assert_eq!(held.both, Duration::ZERO, "{fault:?}: {held}");
    assert!(pings.longest_gap() < DOWN_INTERVAL + GRACE, "{fault:?}: {:?}", pings.longest_gap());
    let last = pings.sent.last().expect("some pings");
    assert!(last.1.is_some(), "{fault:?}: the client is served at the end");
    if fault == Fault::Killed {
        return;
    }
    let (held, ()) = field.watch(|| {
        fault.end(field, daemons);
        field.settled();
    });
    assert!(held.both < HANDOVER, "the end of {fault:?}: {held}");
}

fn play(faults: &[Fault]) {
    let field = Field::new();
    let daemons = field.start(&Program::ours(), SAMPLES);
    for fault in faults {
        suffer(&field, &daemons, *fault);
    }
    if !faults.contains(&Fault::Killed) {
        for daemon in daemons {
            assert!(daemon.stop().1.success());
        }
    }
}

#[test]
fn the_recommended_pair_stands_when_links_break() {
    play(&[Fault::MasterIsolated, Fault::BackupIsolated, Fault::MasterCable, Fault::HeartbeatCut]);
}

#[test]
fn the_recommended_pair_stands_when_adverts_are_filtered_and_daemons_die() {
    play(&[
        Fault::FilteredOneWay,
        Fault::FilteredBothWays,
        Fault::FilteredOnTheWayOut,
        Fault::Frozen,
        Fault::Killed,
    ]);
}

#[test]
fn the_recommended_pair_stands_when_a_side_is_cut_off_or_has_no_witness() {
    play(&[
        Fault::MasterCutOff,
        Fault::BackupCutOff,
        Fault::MasterWithoutWitness,
        Fault::BackupWithoutWitness,
    ]);
}

/// Debian's keepalived in the same places, for comparison: it has no witness to ask.
#[test]
fn without_witnesses_both_sides_of_a_cut_have_the_address() {
    let Some(program) = Program::debian() else { return };
    let field = Field::new();
    let texts = [plain(150), plain(100)];
    let daemons = field.start(&program, [&texts[0], &texts[1]]);
    for fault in [Fault::MasterCutOff, Fault::BackupCutOff] {
        let pings = Ping::start(&field.client, VIP.parse().expect("an address"));
        let (held, ()) = field.watch(|| {
            fault.begin(&field, &daemons);
            wait::eventually(DOWN_INTERVAL + SLACK, "lb02 takes over", || field.lb02.holds(VIP));
            wait::stays(Duration::from_secs(2), "both have it", || field.lb01.holds(VIP));
        });
        println!("{fault:?}: with keepalived {held}; {:?}", pings.stop().longest_gap());
        assert!(held.both > Duration::from_secs(1), "{fault:?}: {held}");
        fault.end(&field, &daemons);
        field.settled();
    }
    for daemon in daemons {
        assert!(daemon.stop().1.success());
    }
}

/// The arbiter belongs to a sync group here: its members leave together and come together.
#[test]
fn a_sync_group_without_witnesses_gives_all_its_addresses_up() {
    const OTHER: &str = "192.168.216.251";
    let text = |priority: u8| {
        let instance = |name: &str, vrid: u8, vip: &str| {
            format!(
                "vrrp_instance {name} {{\n state BACKUP\n interface eth0\n virtual_router_id {vrid}\n \
                 priority {priority}\n advert_int 1\n vip_lease auto\n virtual_ipaddress {{\n \
                 {vip}/24\n }}\n}}\n"
            )
        };
        format!(
            "vrrp_arbiter gate {{\n ping 192.168.216.254\n interval 0.5\n}}\nvrrp_sync_group G {{\n \
             group {{\n A\n B\n }}\n arbiter gate\n}}\n{}{}",
            instance("A", 51, VIP),
            instance("B", 52, OTHER)
        )
    };
    let field = Field::new();
    let texts = [text(150), text(100)];
    let daemons = field.start(&Program::ours(), [&texts[0], &texts[1]]);
    let all = |node: &Node| node.holds(VIP) && node.holds(OTHER);
    let none = |node: &Node| !node.holds(VIP) && !node.holds(OTHER);
    wait::eventually(DOWN_INTERVAL + SLACK, "lb01 has both", || all(&field.lb01));
    let (held, ()) = field.watch(|| {
        field.service.isolate(&field.lb01);
        wait::eventually(DOWN_INTERVAL + GRACE, "lb02 has both", || all(&field.lb02));
        wait::stays(Duration::from_millis(500), "lb01 has none", || none(&field.lb01));
    });
    println!("a group cut off: {held}");
    assert_eq!(held.both, Duration::ZERO, "{held}");
    field.service.join(&field.lb01);
    wait::eventually(DOWN_INTERVAL + SLACK, "lb01 has both again", || {
        all(&field.lb01) && none(&field.lb02)
    });
    for daemon in daemons {
        assert!(daemon.stop().1.success());
    }
}
