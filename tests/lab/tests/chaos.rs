//! Processes of both directors are killed at random while a client pings and asks: only the loss of
//! a whole daemon or node may be seen, and no longer than the protocol needs. `LAB_KILLS=1000` for
//! the long form (`make chaos`).
#![allow(clippy::expect_used, reason = "test code")]

use std::time::{Duration, Instant};

use lab::director::{CLIENTS, Cluster, DIRECTORS, INTERFACE, SERVICE, VIP};
use lab::load::Load;
use lab::ping::Ping;
use lab::scenario::configuration;
use lab::web::Web;
use lab::{Daemon, Network, Node, Program, left, uml, wait};
use nix::sys::signal::Signal;

/// Kills where nobody asks for more.
const KILLS: usize = 40;

/// Kills of one bout, after which pings are counted; a bout costs one daemon and one node.
const BOUT: usize = 50;

/// One that lived this long is replaced at once, however many died before it.
const WELL: Duration = Duration::from_millis(1100);

const LIMIT: Duration = Duration::from_secs(30);

/// Three advertisement intervals and the skew of priority 50 (RFC 3768, 6.1): a node is lost.
const NODE_BOUND: Duration = Duration::from_millis(3805);

/// The skew alone: a daemon whose parent is killed says goodbye.
const DAEMON_BOUND: Duration = Duration::from_millis(805);

/// What two clocks, a switch and a kernel in a kernel add to either; and a request's own patience.
const SLACK: Duration = Duration::from_millis(700);

/// Of the clients: a request may be late on a busy machine, but it must not be refused or lost.
const PATIENCE: Duration = Duration::from_secs(3);

/// When the VIP goes back to the better node, both may have it for a moment.
const RETURN_BOUND: Duration = Duration::from_millis(500);

const NAMES: [&str; 2] = ["lvs-dr-master", "lvs-dr-backup"];

#[test]
fn kills_at_random_cost_nothing_but_when_a_daemon_or_a_node_is_lost() {
    uml::with_ipvs(
        "kills_at_random_cost_nothing_but_when_a_daemon_or_a_node_is_lost",
        kills_at_random,
    );
}

/// Steele, Lea, Flood: SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let number = usize::try_from((z ^ (z >> 31)) >> 32).expect("32 bits");
        number % limit
    }
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// When something may be lost: from a kill on for its bound.
struct Window {
    from: Instant,
    to: Instant,
}

#[derive(Default)]
struct Account {
    children: usize,
    daemons: usize,
    nodes: usize,
    pings: usize,
    requests: usize,
    lost_by_loss: usize,
}

fn kills_at_random() {
    let (kills, seed) = (number("LAB_KILLS", KILLS), number("LAB_SEED", 1));
    let mut dice = Dice(seed as u64);
    let program = Program::ours();
    let cluster = Cluster::new(INTERFACE);
    let _webs = cluster.servers.each_ref().map(|node| Web::start(node, 80));
    let vip = VIP.to_string();
    let [lb01, lb02] = &cluster.directors;
    let start = |which: usize| {
        Daemon::start(&program, &cluster.directors[which], configuration(NAMES[which]))
    };
    let mut daemons = [start(0), start(1)];
    wait::eventually(LIMIT, "lb01 has the VIP", || lb01.holds(&vip) && !lb02.holds(&vip));
    for node in &cluster.directors {
        wait::eventually(LIMIT, "its table is full", || servers(node) == 2);
    }
    let mut account = Account::default();
    // One for all bouts: no source port is used twice within minutes.
    let load = Load::patient(&cluster.client, &CLIENTS[..2], SERVICE, PATIENCE);
    let mut to_kill = kills;
    while to_kill > 0 {
        let bout = to_kill.min(BOUT);
        to_kill -= bout;
        let ping = Ping::start(&cluster.client, VIP);
        let began = Instant::now();
        let mut windows = Vec::new();
        // One daemon and one node of each bout; which and when is a matter of luck.
        let (daemon_at, node_at) = (dice.below(bout / 2), bout / 2 + dice.below(bout / 2));
        let mut replaced = [[Instant::now(); 2]; 2];
        for kill in 0..bout {
            let which = dice.below(2);
            if kill == daemon_at || kill == node_at {
                let is_node = kill == node_at;
                // A daemon whose VRRP process has just been killed has nobody to say goodbye.
                std::thread::sleep(WELL.saturating_sub(replaced[which][0].elapsed()));
                lose(
                    &cluster.network,
                    &cluster.directors,
                    &mut daemons,
                    which,
                    is_node,
                    &start,
                    &mut windows,
                );
                replaced = [[Instant::now(); 2]; 2];
                if is_node {
                    account.nodes += 1
                } else {
                    account.daemons += 1
                }
                continue;
            }
            let role = dice.below(2);
            std::thread::sleep(Duration::from_millis(dice.below(150) as u64));
            std::thread::sleep(WELL.saturating_sub(replaced[which][role].elapsed()));
            let victim = if role == 0 { daemons[which].vrrp() } else { daemons[which].checker() };
            let signal = [Signal::SIGKILL, Signal::SIGSEGV, Signal::SIGABRT][dice.below(3)];
            victim.signal(signal);
            replaced[which][role] = Instant::now();
            account.children += 1;
        }
        std::thread::sleep(WELL);
        let pings = ping.stop();
        let requests = load.since(began);
        account.pings += pings.sent.len();
        account.requests += requests.len();
        let allowed =
            |at: Instant| windows.iter().any(|one: &Window| at >= one.from && at <= one.to);
        let lost = pings.lost();
        let (by_loss, unexplained): (Vec<Instant>, Vec<Instant>) =
            lost.into_iter().partition(|at| allowed(*at));
        account.lost_by_loss += by_loss.len();
        let failed: Vec<_> = requests
            .iter()
            .filter(|one| one.result.is_err() && !allowed(one.start) && !allowed(one.end))
            .collect();
        assert_eq!(
            unexplained.len(),
            0,
            "pings lost though only children were killed, seed {seed}: {}",
            spans(began, &unexplained, &windows)
        );
        assert!(failed.is_empty(), "requests lost though only children were killed: {failed:?}");
        assert!(lb01.holds(&vip) && !lb02.holds(&vip), "the VIP is where it belongs");
    }
    println!(
        "{} kills of children, {} of daemons, {} of nodes (seed {seed}): {} pings and {} requests, \
         {} pings lost, all of them while a daemon or a node was",
        account.children,
        account.daemons,
        account.nodes,
        account.pings,
        account.requests,
        account.lost_by_loss
    );
    load.stop();
    for daemon in daemons {
        assert!(daemon.stop().1.success());
    }
    for (node, own) in cluster.directors.iter().zip(&DIRECTORS) {
        left::nothing(node, &[own]);
    }
}

/// What was lost when, and when it might have been, in seconds since `began`.
fn spans(began: Instant, lost: &[Instant], windows: &[Window]) -> String {
    let at = |moment: Instant| moment.saturating_duration_since(began).as_secs_f64();
    let mut text = String::from("lost");
    let mut before = None;
    for one in lost {
        let is_next = before.is_some_and(|last| *one - last < Duration::from_millis(100));
        if !is_next {
            text.push_str(&format!(" from {:.2}", at(*one)));
        }
        before = Some(*one);
    }
    if let Some(last) = before {
        text.push_str(&format!(" to {:.2}", at(last)));
    }
    for Window { from, to } in windows {
        text.push_str(&format!(", allowed {:.2} to {:.2}", at(*from), at(*to)));
    }
    text
}

/// A parent or a whole node is lost, and comes back; when what it costs is over, it returns.
fn lose<'node>(
    network: &Network,
    nodes: &'node [Node; 2],
    daemons: &mut [Daemon<'node>; 2],
    which: usize,
    is_node: bool,
    start: &impl Fn(usize) -> Daemon<'node>,
    windows: &mut Vec<Window>,
) {
    let vip = VIP.to_string();
    let (node, other) = (&nodes[which], &nodes[1 - which]);
    let (from, bound) = if is_node {
        (network.power_off(node), NODE_BOUND)
    } else {
        let at = Instant::now();
        daemons[which].parent().signal(Signal::SIGKILL);
        (at, DAEMON_BOUND)
    };
    windows.push(Window { from: from - SLACK, to: from + bound + SLACK });
    wait::eventually(LIMIT, "the other node has the VIP", || other.holds(&vip));
    wait::eventually(LIMIT, "nothing runs on the lost one", || node.processes().is_empty());
    if is_node {
        network.power_on(node, INTERFACE, &DIRECTORS[which..=which]);
    }
    daemons[which].wait_end(LIMIT);
    let back = Instant::now();
    daemons[which] = start(which);
    wait::eventually(LIMIT, "the VIP is on lb01 alone", || {
        nodes[0].holds(&vip) && !nodes[1].holds(&vip)
    });
    wait::eventually(LIMIT, "the table is full", || servers(node) == 2);
    // lb01 takes the VIP back some time after its start, at a moment that only its log knows.
    if which == 0 {
        let line = daemons[0].wait_log("Entering MASTER STATE", LIMIT);
        windows.push(Window { from: line.at - RETURN_BOUND, to: line.at + RETURN_BOUND });
    }
    println!(
        "{} was lost and is back after {:?}",
        if is_node { "a node" } else { "a daemon" },
        back - from
    );
}

/// Real servers in the node's table.
fn servers(node: &Node) -> usize {
    node.proc_net("ip_vs").matches("  -> ").count().saturating_sub(1)
}
