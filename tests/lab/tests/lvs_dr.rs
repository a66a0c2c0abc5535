//! The LVS-DR pair with traffic, `lvs-dr-master.conf` and `lvs-dr-backup.conf`.
#![allow(clippy::expect_used, reason = "test code")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lab::director::{CLIENTS, Cluster, DIRECTORS, INTERFACE, SERVICE, VIP};
use lab::load::{self, Load};
use lab::program::Pairing;
use lab::scenario::configuration;
use lab::web::Web;
use lab::{Daemon, Network, Node, Program, left, uml, wait};

/// Three advertisement intervals and the skew of priority 90.
const LB02_DOWN_INTERVAL: Duration = Duration::from_millis(3649);
const LB01_DOWN_INTERVAL: Duration = Duration::from_millis(3609);

/// First check within delay_loop (6 s), three retries 3 s apart, each connect refused at once.
const REMOVAL: Duration = Duration::from_secs(6 + 3 * 3);

/// From the advert of a master that returns until the neighbours know its address, where a system call takes 40 µs.
const HANDOVER: Duration = Duration::from_millis(50);

const SLACK: Duration = Duration::from_secs(6);

#[test]
fn the_pair_serves_through_dead_servers_a_crash_a_return_and_stops_clean() {
    uml::with_ipvs(
        "the_pair_serves_through_dead_servers_a_crash_a_return_and_stops_clean",
        the_pair_serves,
    );
}

fn the_pair_serves() {
    let program = Program::ours();
    let Cluster { network, directors: [lb01, lb02], servers: [web1, web2], client } =
        Cluster::new(INTERFACE);
    let mut webs = [Some(Web::start(&web1, 80)), Some(Web::start(&web2, 80))];
    let backup = Daemon::start(&program, &lb02, configuration("lvs-dr-backup"));
    let master = Daemon::start(&program, &lb01, configuration("lvs-dr-master"));
    let vip = VIP.to_string();
    wait::eventually(LB01_DOWN_INTERVAL + SLACK, "lb01 has the VIP", || lb01.holds(&vip));
    for node in [&lb01, &lb02] {
        wait::becomes(SLACK, "both servers are in the table", &full_table(), || node.ipvs());
    }

    let clients = Load::start(&client, &CLIENTS, SERVICE);
    wait::eventually(SLACK, "both servers answer", || {
        let requests = clients.requests();
        load::answered_by(&requests, "web1") && load::answered_by(&requests, "web2")
    });

    let died = Instant::now();
    webs[0] = None;
    wait::eventually(REMOVAL + SLACK, "the dead server leaves lb01", || servers(&lb01) == 1);
    println!("the dead server left after {:?}", died.elapsed());
    wait::eventually(REMOVAL + SLACK, "the dead server leaves lb02", || servers(&lb02) == 1);
    let removed = Instant::now();
    wait::stays(Duration::from_secs(1), "one server serves all", || servers(&lb01) == 1);
    let requests = clients.since(removed);
    assert!(!requests.is_empty() && load::failed(&requests).is_empty(), "{requests:?}");
    webs[0] = Some(Web::start(&web1, 80));
    for node in [&lb01, &lb02] {
        wait::becomes(Duration::from_secs(6) + SLACK, "the server is back", &full_table(), || {
            node.ipvs()
        });
    }

    let before = clients.requests().len();
    let crashed = network.power_off(&lb01);
    wait::eventually(LB02_DOWN_INTERVAL + SLACK, "lb02 takes over", || lb02.holds(&vip));
    wait::stays(Duration::from_secs(2), "lb02 serves", || lb02.holds(&vip));
    let last = clients.requests()[before..]
        .iter()
        .filter(|one| one.result.is_err())
        .map(|one| one.end)
        .max();
    let outage = last.expect("a crash costs requests").duration_since(crashed);
    println!("the last failed request ended {outage:?} after the crash");
    assert!(outage < LB02_DOWN_INTERVAL + Duration::from_secs(1), "outage of {outage:?}");
    drop(master);

    let returning = Instant::now();
    network.power_on(&lb01, INTERFACE, &DIRECTORS[..1]);
    let master = Daemon::start(&program, &lb01, configuration("lvs-dr-master"));
    wait::eventually(LB01_DOWN_INTERVAL + SLACK, "lb01 has the VIP again", || lb01.holds(&vip));
    wait::eventually(SLACK, "lb02 gave it back", || !lb02.holds(&vip));
    wait::stays(Duration::from_secs(2), "lb01 serves", || lb01.holds(&vip));
    let requests = clients.since(returning);
    let failed = load::failed(&requests);
    println!("the return cost {} of {} requests", failed.len(), requests.len());
    // Those on their way while the address changes hands: one of a client, all begun within a moment. The crash has left
    // the clients in step, so that it may be all of them.
    let first = failed.iter().map(|one| one.start).min();
    let is_of_the_moment = |one: &&load::Request| {
        first.is_some_and(|first| one.start.duration_since(first) <= HANDOVER)
    };
    let hit: BTreeSet<_> = failed.iter().map(|one| one.client).collect();
    let of_the_moment = failed.iter().copied().filter(is_of_the_moment).count();
    assert_eq!(
        (hit.len(), of_the_moment),
        (failed.len(), failed.len()),
        "the return cost {failed:?}"
    );
    clients.stop();

    assert!(backup.stop().1.success());
    assert!(master.stop().1.success());
    left::nothing(&lb01, &DIRECTORS[..1]);
    left::nothing(&lb02, &DIRECTORS[1..]);
}

#[test]
fn the_pair_with_scripts_runs_whole() {
    uml::with_ipvs("the_pair_with_scripts_runs_whole", with_scripts);
}

fn with_scripts() {
    let program = Program::ours();
    let cluster = Cluster::new(INTERFACE);
    let [lb01, lb02] = &cluster.directors;
    let _webs = cluster.servers.each_ref().map(|node| Web::start(node, 80));
    for node in [lb01, lb02] {
        node.write_script("scripts", "notify.sh", "#!/bin/sh\necho \"$@\" >>/run/notified\n");
    }
    lb01.write_script("scripts", "check_m.sh", "#!/bin/sh\n[ ! -e /run/broken ]\n");
    let backup = Daemon::start(&program, lb02, configuration("lvs-dr-scripts-backup"));
    let master = Daemon::start(&program, lb01, configuration("lvs-dr-scripts-master"));
    let vip = VIP.to_string();
    wait::eventually(LB01_DOWN_INTERVAL + SLACK, "lb01 has the VIP", || lb01.holds(&vip));
    lb01.write_file("run", "broken", "");
    wait::eventually(LB02_DOWN_INTERVAL + SLACK * 2, "lb02 takes over", || lb02.holds(&vip));
    wait::eventually(SLACK, "lb01 gives the VIP up", || !lb01.holds(&vip));
    for node in [lb01, lb02] {
        wait::becomes(SLACK, "both servers are in the table", &full_table(), || node.ipvs());
        assert!(node.pid_file("checkers.pid").is_some() && node.pid_file("vrrp.pid").is_some());
        assert_eq!(node.processes().len(), 3, "three processes: {:?}", node.processes());
    }
    assert!(backup.stop().1.success());
    assert!(master.stop().1.success());
    assert!(lb02.sh("cat /run/notified; rm /run/notified").contains(&format!("master {vip}\n")));
    lb01.sh("rm /run/notified /run/broken");
    left::nothing(lb01, &DIRECTORS[..1]);
    left::nothing(lb02, &DIRECTORS[1..]);
}

#[test]
fn only_the_vrrp_part_runs_beside_keepalived_as_backup() {
    only_the_vrrp_part_runs(Pairing::OursFirst);
}

#[test]
fn only_the_vrrp_part_runs_beside_keepalived_as_master() {
    only_the_vrrp_part_runs(Pairing::OursSecond);
}

/// With `-P` neither needs IPVS, and the VIP moves all the same.
fn only_the_vrrp_part_runs(pairing: Pairing) {
    let Some([first, second]) = pairing.programs() else { return };
    let network = Network::new();
    let lb01 = network.machine("lb01", INTERFACE, &DIRECTORS[..1]);
    let lb02 = network.machine("lb02", INTERFACE, &DIRECTORS[1..]);
    let vip = VIP.to_string();
    let backup = Daemon::start_with(&second, &lb02, configuration("lvs-dr-backup"), &["-P"]);
    let master = Daemon::start_with(&first, &lb01, configuration("lvs-dr-master"), &["-P"]);
    wait::eventually(LB01_DOWN_INTERVAL + SLACK, "lb01 has the VIP", || lb01.holds(&vip));
    wait::eventually(SLACK, "lb02 has it not", || !lb02.holds(&vip));
    assert_eq!(lb01.pid_file("checkers.pid"), None, "no checker runs");
    assert!(master.stop().1.success());
    wait::eventually(Duration::from_secs(1), "lb02 has the VIP", || lb02.holds(&vip));
    assert!(backup.stop().1.success());
    left::nothing(&lb01, &DIRECTORS[..1]);
    left::nothing(&lb02, &DIRECTORS[1..]);
}

/// The table that the configuration asks for, as `ipvsadm -Sn` writes it.
fn full_table() -> Vec<String> {
    [
        "-A -t 192.168.216.250:80 -s rr -p 50",
        "-a -t 192.168.216.250:80 -r 192.168.216.179:80 -g -w 1",
        "-a -t 192.168.216.250:80 -r 192.168.216.204:80 -g -w 1",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Real servers in the node's table.
fn servers(node: &Node) -> usize {
    node.proc_net("ip_vs").lines().filter(|line| line.trim_start().starts_with("-> ")).count() - 1
}
