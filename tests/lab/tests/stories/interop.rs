//! What two routers agree about that are not alike: ours and keepalived on either side, and two of
//! ours, at intervals of 0.2 s. `vrrp_kinds.rs` has every kind of advert; this has the elections.

use std::time::Duration;

use lab::program::Pairing;
use lab::{Daemon, Network, Node, Program, wait};

const OWN: [&str; 2] = ["10.9.0.1/24", "10.9.0.2/24"];
const VIP: &str = "10.9.0.160";

/// Three intervals and a skew are less than a second; many nodes share a machine.
const LIMIT: Duration = Duration::from_secs(10);
const QUIET: Duration = Duration::from_secs(1);

struct Pair {
    network: Network,
    nodes: [Node; 2],
    programs: [Program; 2],
}

impl Pair {
    fn new(programs: &[Program; 2]) -> Self {
        let network = Network::new();
        let nodes = ["one", "two"].map(|name| {
            let own = if name == "one" { &OWN[..1] } else { &OWN[1..] };
            network.machine(name, "eth0", own)
        });
        wait::eventually(LIMIT, "the cables carry", || {
            nodes.iter().all(|node| node.sh("ip -o link show eth0").contains("state UP"))
        });
        Self { network, nodes, programs: programs.clone() }
    }

    fn start(&self, at: usize, priority: u8, rest: &str) -> Daemon<'_> {
        let configuration = format!(
            "vrrp_instance VI_1 {{
                version 3
                state BACKUP
                interface eth0
                virtual_router_id 51
                priority {priority}
                advert_int 0.2
                {rest}
                virtual_ipaddress {{ {VIP} }}
            }}\n"
        );
        Daemon::start(&self.programs[at], &self.nodes[at], &configuration)
    }

    fn holders(&self) -> [bool; 2] {
        self.nodes.each_ref().map(|node| node.holds(VIP))
    }

    fn becomes(&self, what: &str, holders: [bool; 2]) {
        wait::becomes(LIMIT, what, &holders, || self.holders());
    }

    fn stays(&self, what: &str, holders: [bool; 2]) {
        wait::stays(QUIET, what, || self.holders() == holders);
    }
}

/// Equal routers that were apart: both were master, and the higher address stays it.
fn equals_meet_again(programs: &[Program; 2]) {
    let pair = Pair::new(programs);
    let _one = pair.start(0, 100, "");
    let _two = pair.start(1, 100, "");
    wait::eventually(LIMIT, "one of them is master", || pair.holders().contains(&true));
    pair.network.isolate(&pair.nodes[1]);
    pair.becomes("apart, both are", [true, true]);
    pair.stays("and stay it", [true, true]);
    pair.network.join(&pair.nodes[1]);
    pair.becomes("together, the higher address is", [false, true]);
    pair.stays("and stays it", [false, true]);
}

/// The higher priority was away: it takes over from the lower one at once.
fn unequals_meet_again(programs: &[Program; 2]) {
    let pair = Pair::new(programs);
    let _one = pair.start(0, 150, "");
    let _two = pair.start(1, 100, "");
    pair.becomes("the higher priority is master", [true, false]);
    pair.network.isolate(&pair.nodes[0]);
    pair.becomes("apart, both are", [true, true]);
    pair.network.join(&pair.nodes[0]);
    pair.becomes("together, the higher priority is", [true, false]);
    pair.stays("and stays it", [true, false]);
}

/// `nopreempt`: who is master stays it.
fn nobody_preempts(programs: &[Program; 2]) {
    let pair = Pair::new(programs);
    let two = pair.start(1, 100, "nopreempt");
    pair.becomes("alone, the lower priority is master", [false, true]);
    let one = pair.start(0, 150, "nopreempt");
    one.wait_log("Entering BACKUP STATE", LIMIT);
    pair.stays("and stays it", [false, true]);
    assert!(two.stop().1.success());
    pair.becomes("until it leaves", [true, false]);
}

/// `preempt_delay`: the lower priority is left in peace for so long, and then it is not.
fn one_preempts_after_a_while(programs: &[Program; 2]) {
    let pair = Pair::new(programs);
    let _two = pair.start(1, 100, "");
    pair.becomes("alone, the lower priority is master", [false, true]);
    let one = pair.start(0, 150, "preempt_delay 2");
    one.wait_log("start preempt delay", LIMIT);
    pair.stays("for a while", [false, true]);
    pair.becomes("then the higher priority is", [true, false]);
}

/// The master's power fails, which nobody says; the backup waits its whole time, and yields again.
fn one_loses_power(programs: &[Program; 2]) {
    let pair = Pair::new(programs);
    let one = pair.start(0, 150, "");
    let _two = pair.start(1, 100, "");
    pair.becomes("the higher priority is master", [true, false]);
    pair.network.power_off(&pair.nodes[0]);
    wait::eventually(LIMIT, "the backup is", || pair.nodes[1].holds(VIP));
    drop(one);
    pair.network.power_on(&pair.nodes[0], "eth0", &OWN[..1]);
    let _one = pair.start(0, 150, "");
    pair.becomes("the higher priority is master again", [true, false]);
}

const STORIES: [fn(&[Program; 2]); 5] = [
    equals_meet_again,
    unequals_meet_again,
    nobody_preempts,
    one_preempts_after_a_while,
    one_loses_power,
];

fn all(pairing: Pairing) {
    let Some(programs) = pairing.programs() else { return };
    std::thread::scope(|scope| {
        for story in STORIES {
            let programs = &programs;
            scope.spawn(move || story(programs));
        }
    });
}

#[test]
fn two_of_ours_elect_one_of_them() {
    all(Pairing::Ours);
}

#[test]
fn with_keepalived_as_the_second_one_is_elected() {
    all(Pairing::OursFirst);
}

#[test]
fn with_keepalived_as_the_first_one_is_elected() {
    all(Pairing::OursSecond);
}
