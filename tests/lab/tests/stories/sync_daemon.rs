//! The kernel's sync daemon follows an instance, as with Debian's keepalived.

use std::time::Duration;

use lab::{Daemon, Network, Node, Program, left, uml, wait};

const OWN: [&str; 1] = ["192.168.100.11/24"];

/// A start, an election and User-Mode Linux.
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn the_sync_daemon_is_backup_then_master_then_gone() {
    uml::with_ipvs("the_sync_daemon_is_backup_then_master_then_gone", || {
        follows(&Program::ours());
        if let Some(keepalived) = Program::debian() {
            follows(&keepalived);
        }
    });
}

fn follows(program: &Program) {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &OWN);
    let configuration = "global_defs {
        lvs_sync_daemon eth0 VI_1 id 9 maxlen 1400 port 9000 ttl 3 group 224.0.0.99
    }
    vrrp_instance VI_1 {
        interface eth0
        virtual_router_id 51
        priority 100
        advert_int 1
        virtual_ipaddress {
            192.168.100.100
        }
    }";
    let daemon = Daemon::start(program, &node, configuration);
    let state = |role| {
        format!(
            "{role} sync daemon (mcast=eth0, syncid=9, maxlen=1400, group=224.0.0.99, \
             port=9000, ttl=3)"
        )
    };
    wait::becomes(LIMIT, "a backup", &state("backup"), || daemons(&node));
    wait::becomes(LIMIT, "a master", &state("master"), || daemons(&node));
    assert!(daemon.stop().1.success());
    assert_eq!(daemons(&node), "");
    left::nothing(&node, &OWN);
}

/// What an instance says in its own block, with the numbers that nobody has given.
#[test]
fn the_sync_daemon_of_an_instance_runs_on_the_interface_that_it_names() {
    uml::with_ipvs("the_sync_daemon_of_an_instance_runs_on_the_interface_that_it_names", || {
        let network = Network::new();
        let node = network.machine("lb01", "eth0", &OWN);
        let configuration = "vrrp_instance VI_1 {
            interface eth0
            virtual_router_id 51
            advert_int 1
            lvs_sync_daemon_interface eth0
            virtual_ipaddress {
                192.168.100.100
            }
        }";
        let daemon = Daemon::start(&Program::ours(), &node, configuration);
        for role in ["backup", "master"] {
            let start = format!("{role} sync daemon (mcast=eth0, syncid=51, ");
            wait::eventually(LIMIT, role, || daemons(&node).starts_with(&start));
        }
        assert!(daemon.stop().1.success());
        assert_eq!(daemons(&node), "");
        left::nothing(&node, &OWN);
    });
}

#[test]
fn a_sync_daemon_whose_interface_comes_late_starts_then() {
    uml::with_ipvs("a_sync_daemon_whose_interface_comes_late_starts_then", || {
        let network = Network::new();
        let node = network.machine("lb01", "eth0", &OWN);
        // Without an instance both roles run.
        let configuration = "global_defs {
            lvs_sync_daemon late0 id 9
        }
        vrrp_instance VI_1 {
            interface eth0
            virtual_router_id 51
            virtual_ipaddress {
                192.168.100.100
            }
        }";
        let daemon = Daemon::start_with(&Program::ours(), &node, configuration, &["-P"]);
        daemon.wait_log("IPVS: cannot start", LIMIT);
        node.sh("ip link add late0 type veth peer name late1; ip link set late0 up; ip link set late1 up");
        wait::eventually(LIMIT, "both run", || daemons(&node).lines().count() == 2);
        assert_eq!(daemon.log().count("IPVS: cannot start"), 2, "each was said once");
        assert!(daemon.stop().1.success());
        assert_eq!(daemons(&node), "");
    });
}

fn daemons(node: &Node) -> String {
    node.sh("ipvsadm -l --daemon").trim().to_owned()
}
