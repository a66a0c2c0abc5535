//! Real nginx behind a check script: `nginx-lb01.conf` with `split-watch-lb02.conf`, and `nginx-weight.conf`.

use std::time::Duration;

use lab::program::Pairing;
use lab::scenario::configuration;
use lab::{Daemon, Network, Node, left, wait};

/// A check every 5 s, a start of nginx, and an election.
const LIMIT: Duration = Duration::from_secs(25);

/// The guides' script: nginx is started again when it is dead; the check fails when that fails.
const CHECK_WEB: &str = "#!/bin/bash
if ! pidof nginx >/dev/null; then
    nginx -c /run/nginx.conf
    sleep 0.2
    pidof nginx >/dev/null || exit 1
fi
";

/// The guides' watch on the second node: says so when both hold the address.
const CHECK_SPLIT: &str = "#!/bin/bash
if ping -c 1 -W 1 10.0.0.1 >/dev/null && ip -4 addr show eth0 | grep -q 10.0.0.3; then
    echo 'split brain' >>/run/split
fi
";

const NGINX_CHECK: &str = "#!/bin/bash\npidof nginx >/dev/null\n";

#[test]
fn the_script_restarts_nginx_and_its_failure_moves_the_vip_between_two_of_ours() {
    the_script_restarts_nginx(Pairing::Ours);
}

#[test]
fn the_script_restarts_nginx_and_its_failure_moves_the_vip_with_keepalived_as_backup() {
    the_script_restarts_nginx(Pairing::OursFirst);
}

#[test]
fn the_script_restarts_nginx_and_its_failure_moves_the_vip_with_keepalived_as_master() {
    the_script_restarts_nginx(Pairing::OursSecond);
}

fn the_script_restarts_nginx(pairing: Pairing) {
    const VIP: &str = "10.0.0.3";
    let Some([first, second]) = pairing.programs() else { return };
    let network = Network::new();
    let lb01 = with_nginx(network.machine("lb01", "eth0", &["10.0.0.1/24"]));
    let lb02 = with_nginx(network.machine("lb02", "eth0", &["10.0.0.2/24"]));
    lb01.write_script("scripts", "check_web.sh", CHECK_WEB);
    lb02.write_script("scripts", "check_spilt.sh", CHECK_SPLIT);
    let one = Daemon::start(&first, &lb01, configuration("nginx-lb01"));
    let two = Daemon::start(&second, &lb02, configuration("split-watch-lb02"));
    wait::eventually(LIMIT, "lb01 has the VIP", || lb01.holds(VIP));
    wait::eventually(LIMIT, "lb02 has it not", || !lb02.holds(VIP));

    stop_nginx(&lb01);
    wait::eventually(LIMIT, "the script starts nginx again", || runs_nginx(&lb01));
    assert!(lb01.holds(VIP), "the VIP stays where nginx was only restarted");

    lb01.write_file("run", "nginx.conf", "this is no configuration\n");
    stop_nginx(&lb01);
    wait::eventually(LIMIT, "lb01 gives the VIP up", || !lb01.holds(VIP));
    one.wait_log("(VI_1) Entering FAULT STATE", LIMIT);
    wait::eventually(LIMIT, "lb02 takes over", || lb02.holds(VIP));

    lb01.write_file("run", "nginx.conf", &nginx_conf("lb01"));
    wait::eventually(LIMIT, "nginx is back", || runs_nginx(&lb01));
    wait::eventually(LIMIT, "the VIP is back on lb01", || lb01.holds(VIP) && !lb02.holds(VIP));
    assert!(one.stop().1.success());
    wait::eventually(LIMIT, "nopreempt hinders no takeover", || lb02.holds(VIP));
    assert!(two.stop().1.success());
}

#[test]
fn a_dead_nginx_costs_20_priority_between_two_of_ours() {
    a_dead_nginx_costs_20_priority(Pairing::Ours);
}

#[test]
fn a_dead_nginx_costs_20_priority_with_keepalived_as_backup() {
    a_dead_nginx_costs_20_priority(Pairing::OursFirst);
}

#[test]
fn a_dead_nginx_costs_20_priority_with_keepalived_as_master() {
    a_dead_nginx_costs_20_priority(Pairing::OursSecond);
}

fn a_dead_nginx_costs_20_priority(pairing: Pairing) {
    const VIP: &str = "172.16.100.150";
    const OWN: [&str; 2] = ["172.16.100.1/24", "172.16.100.2/24"];
    let Some([first, second]) = pairing.programs() else { return };
    let network = Network::new();
    let lb01 = with_nginx(network.machine("lb01", "eth0", &OWN[..1]));
    let lb02 = with_nginx(network.machine("lb02", "eth0", &OWN[1..]));
    for node in [&lb01, &lb02] {
        node.write_script("etc", "nginx_check.sh", NGINX_CHECK);
    }
    let backup = configuration("nginx-weight")
        .replace("MASTER", "BACKUP")
        .replace("priority 100", "priority 90");
    let one = Daemon::start(&first, &lb01, configuration("nginx-weight"));
    let two = Daemon::start(&second, &lb02, &backup);
    wait::eventually(LIMIT, "lb01 has the VIP", || lb01.holds(VIP) && !lb02.holds(VIP));

    stop_nginx(&lb01);
    one.wait_log("Changing effective priority from 100 to 80", LIMIT);
    wait::eventually(LIMIT, "lb02 takes over", || lb02.holds(VIP) && !lb01.holds(VIP));
    lb01.sh("nginx -c /run/nginx.conf");
    one.wait_log("Changing effective priority from 80 to 100", LIMIT);
    wait::eventually(LIMIT, "the VIP is back on lb01", || lb01.holds(VIP) && !lb02.holds(VIP));

    assert!(one.stop().1.success());
    assert!(two.stop().1.success());
    for (node, own) in [(&lb01, &OWN[..1]), (&lb02, &OWN[1..])] {
        stop_nginx(node);
        node.sh("rm -r /run/nginx*");
        left::nothing(node, own);
    }
}

/// Starts nginx on the node.
fn with_nginx(node: Node) -> Node {
    node.write_file("run", "nginx.conf", &nginx_conf(node.name()));
    node.sh("mkdir /run/nginx; nginx -c /run/nginx.conf");
    node
}

/// Everything that it writes stays on its node.
fn nginx_conf(name: &str) -> String {
    let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path /run/nginx/{kind};\n"))
        .collect();
    format!(
        "worker_processes 1;
         pid /run/nginx.pid;
         error_log /run/nginx/error.log;
         events {{ worker_connections 64; }}
         http {{
             access_log off;
             {folders}
             server {{ listen 80; location / {{ return 200 \"{name}\\n\"; }} }}
         }}\n"
    )
}

fn runs_nginx(node: &Node) -> bool {
    node.processes().iter().any(|process| process.name == "nginx")
}

/// Again and again, for the first process may start a worker between two deaths.
fn stop_nginx(node: &Node) {
    wait::eventually(LIMIT, "nginx is dead", || {
        node.try_sh("kill -9 $(pidof nginx)");
        !runs_nginx(node)
    });
}
