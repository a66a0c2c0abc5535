//! The IPVS table of another network namespace (`net_namespace_ipvs`), as with Debian's keepalived: checks
//! go out where the daemon runs, the table is where it was asked for, and nowhere else.

use std::time::Duration;

use lab::service::{Service, Switch};
use lab::{Daemon, Network, Node, Program, left, uml, wait};
use nix::sys::signal::Signal;

const OWN: [&str; 1] = ["192.168.100.11/24"];

/// A start, an election and User-Mode Linux.
const LIMIT: Duration = Duration::from_secs(20);

const TABLE: [&str; 2] =
    ["-A -t 10.8.0.1:80 -s rr", "-a -t 10.8.0.1:80 -r 192.168.100.11:7 -m -w 3"];

/// One server answers in the daemon's namespace, the other nowhere; a sync daemon follows an instance.
const SERVICE: &str = "
    virtual_server 10.8.0.1 80 {
        delay_loop 1
        lb_algo rr
        lb_kind NAT
        protocol TCP
        real_server 192.168.100.11 7 {
            weight 3
            TCP_CHECK {
                connect_timeout 1
            }
        }
        real_server 192.168.100.11 8 {
            weight 3
            TCP_CHECK {
                connect_timeout 1
                retry 0
            }
        }
    }";

#[test]
fn the_table_of_another_namespace_is_programmed_and_checks_stay_here() {
    uml::with_ipvs("the_table_of_another_namespace_is_programmed_and_checks_stay_here", || {
        elsewhere(&Program::ours());
        if let Some(keepalived) = Program::debian() {
            elsewhere(&keepalived);
        }
    });
}

fn elsewhere(program: &Program) {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &OWN);
    // The kernel takes servers that it could reach only.
    node.sh(
        "ip netns add tables; ip -n tables link set lo up; ip -n tables route add default dev lo",
    );
    let _server = Service::tcp(&node, 7, &Switch::default(), |_, _| Ok(()));
    let configuration = format!("net_namespace_ipvs tables\n{SERVICE}");
    let daemon = Daemon::start_with(program, &node, &configuration, &["-C"]);
    wait::becomes(LIMIT, "the table", &TABLE.map(String::from).to_vec(), || table(&node, "tables"));
    assert_eq!(node.ipvs(), [""; 0], "nothing is here");
    if *program == Program::ours() {
        let victim = daemon.checker();
        victim.signal(Signal::SIGKILL);
        wait::eventually(LIMIT, "a successor", || {
            !victim.is_alive() && daemon.checker().pid != victim.pid
        });
        assert_eq!(table(&node, "tables"), TABLE, "the table stays");
        node.sh("ip netns exec tables ipvsadm -C");
        let back = TABLE.map(String::from).to_vec();
        wait::becomes(LIMIT, "the successor's work", &back, || table(&node, "tables"));
    }
    assert!(daemon.stop().1.success());
    assert_eq!(table(&node, "tables"), [""; 0]);
    node.sh("ip netns del tables; umount /run/netns; rmdir /run/netns; rm -rf /run/mount");
    left::nothing(&node, &OWN);
}

#[test]
fn without_a_name_the_table_is_that_of_the_namespace_of_process_1() {
    uml::with_ipvs("without_a_name_the_table_is_that_of_the_namespace_of_process_1", || {
        default_one(&Program::ours());
        if let Some(keepalived) = Program::debian() {
            default_one(&keepalived);
        }
    });
}

fn default_one(program: &Program) {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &OWN);
    node.sh("ip netns add inner; ip -n inner link set lo up");
    let service = SERVICE.split("TCP_CHECK").next().expect("a first server");
    let configuration =
        format!("net_namespace inner\nnet_namespace_ipvs\n{service}\n        }}\n    }}\n");
    let configuration = configuration.replace("192.168.100.11", "192.168.100.77");
    let table_here = TABLE.map(|line| line.replace("192.168.100.11", "192.168.100.77")).to_vec();
    let daemon = Daemon::start_with(program, &node, &configuration, &["-C"]);
    wait::becomes(LIMIT, "the table", &table_here, || node.ipvs());
    assert_eq!(table(&node, "inner"), [""; 0], "nothing is where the daemon runs");
    assert!(daemon.stop().1.success());
    assert_eq!(node.ipvs(), [""; 0]);
    node.sh("ip netns del inner; umount /run/netns; rmdir /run/netns; rm -rf /run/mount");
    left::nothing(&node, &OWN);
}

fn table(node: &Node, namespace: &str) -> Vec<String> {
    let text = node.sh(&format!("ip netns exec {namespace} ipvsadm -Sn | sort"));
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}
