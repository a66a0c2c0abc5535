//! `no_track` and `track_group`: entries that are put in place when the instance becomes master, and not again when
//! somebody removes them.

use std::time::Duration;

use lab::{Daemon, Network, Node, Program, left, wait};

const OWN: &str = "10.9.0.1/24";
const LIMIT: Duration = Duration::from_secs(8);

const CONFIGURATION: &str = "
static_ipaddress {
    10.9.3.1/32 dev eth0
    10.9.3.2/32 dev eth0 no_track
}
static_routes {
    10.9.4.1/32 dev eth0
    10.9.4.2/32 dev eth0 no_track
}
vrrp_instance V {
    interface eth0
    virtual_router_id 51
    version 3
    advert_int 0.1
    virtual_ipaddress {
        10.9.0.101/24
        10.9.0.102/24 no_track
    }
    virtual_routes {
        10.9.1.0/24 dev eth0
        10.9.2.0/24 dev eth0 no_track
    }
    virtual_rules {
        from 10.9.1.0/24 table 101 preference 1001
        from 10.9.2.0/24 table 102 preference 1002 no_track
    }
}
";

/// Everything of the configuration that is there: those without, then those with `no_track`.
fn there(node: &Node) -> (usize, usize) {
    let text = node.sh("ip -o -4 addr show dev eth0; ip route show; ip rule show");
    let count = |parts: &[&str]| {
        parts.iter().filter(|part| text.lines().any(|line| line.contains(**part))).count()
    };
    (
        count(&["10.9.0.101", "10.9.1.0/24 dev", "1001:", "10.9.3.1", "10.9.4.1"]),
        count(&["10.9.0.102", "10.9.2.0/24 dev", "1002:", "10.9.3.2", "10.9.4.2"]),
    )
}

#[test]
fn what_has_no_track_stays_away_until_the_next_takeover() {
    let program = Program::ours();
    let network = Network::new();
    let node = network.machine("one", "eth0", &[OWN]);
    let daemon = Daemon::start_with(&program, &node, CONFIGURATION, &["-P"]);
    wait::becomes(LIMIT, "everything is there", &(5, 5), || there(&node));

    node.sh("ip addr del 10.9.0.101/24 dev eth0; ip addr del 10.9.0.102/24 dev eth0
         ip addr del 10.9.3.1/32 dev eth0; ip addr del 10.9.3.2/32 dev eth0
         ip route del 10.9.1.0/24; ip route del 10.9.2.0/24
         ip route del 10.9.4.1/32; ip route del 10.9.4.2/32
         ip rule del preference 1001; ip rule del preference 1002");
    wait::becomes(LIMIT, "the others come back", &(5, 0), || there(&node));
    // Whatever makes the daemon compare again does not bring them back.
    node.sh("ip addr del 10.9.0.101/24 dev eth0");
    wait::becomes(LIMIT, "the others come back", &(5, 0), || there(&node));

    node.sh("ip link set eth0 down");
    daemon.wait_log("(V) Entering FAULT STATE", LIMIT);
    node.sh("ip link set eth0 up");
    daemon.log().wait_count("(V) Entering MASTER STATE", 2, LIMIT);
    // The static ones have had their turn.
    wait::becomes(LIMIT, "those of the instance are back", &(5, 3), || there(&node));

    assert!(daemon.stop().1.success());
    wait::becomes(LIMIT, "nothing is left", &(0, 0), || there(&node));
    left::nothing(&node, &[OWN]);
}

const GROUPED: &str = "
track_group T {
    group {
        V
    }
}
static_ipaddress {
    10.9.3.1/32 dev side0 track_group T
}
static_routes {
    10.9.4.0/24 dev side0 track_group T
}
vrrp_instance V {
    interface eth0
    virtual_router_id 51
    version 3
    advert_int 0.1
    virtual_ipaddress {
        10.9.0.101/24
    }
}
";

#[test]
fn an_instance_follows_the_static_entries_of_its_track_group() {
    let program = Program::ours();
    let network = Network::new();
    let node = network.machine("one", "eth0", &[OWN]);
    node.sh(
        "ip link add side0 type veth peer name side1; ip link set side0 up; ip link set side1 up",
    );
    let daemon = Daemon::start_with(&program, &node, GROUPED, &["-P"]);
    wait::eventually(LIMIT, "the VIP is there", || node.holds("10.9.0.101"));

    // What can be put back is no fault.
    node.sh("ip route del 10.9.4.0/24; ip addr del 10.9.3.1/32 dev side0");
    wait::eventually(LIMIT, "both are back", || {
        node.holds("10.9.3.1") && node.sh("ip route").contains("10.9.4.0/24")
    });
    assert!(!daemon.log().contains("FAULT"));

    // The kernel takes routes away with their interface.
    node.sh("ip link set side0 down");
    daemon.wait_log("(V) Entering FAULT STATE", LIMIT);
    wait::eventually(LIMIT, "the VIP is gone", || !node.holds("10.9.0.101"));
    node.sh("ip link set side0 up");
    wait::eventually(LIMIT, "the VIP is back", || node.holds("10.9.0.101"));
    assert!(daemon.stop().1.success());
}

/// A router with an interface of its own that comes and goes with its state, beside one of the group.
fn with_another() -> String {
    format!(
        "track_file f {{
            file /run/number
        }}
        {GROUPED}
        vrrp_instance W {{
            interface eth0
            virtual_router_id 52
            version 3
            advert_int 0.1
            use_vmac vrrp.52
            track_file {{ f weight 1 }}
            virtual_ipaddress {{ 10.9.0.152/24 }}
        }}\n"
    )
}

#[test]
fn another_instance_that_leaves_its_vmac_is_no_fault_of_the_group() {
    let program = Program::ours();
    let network = Network::new();
    let node = network.machine("one", "eth0", &[OWN]);
    node.sh(
        "ip link add side0 type veth peer name side1; ip link set side0 up; ip link set side1 up",
    );
    node.write_file("run", "number", "0\n");
    let daemon = Daemon::start_with(&program, &node, &with_another(), &["-P"]);
    for address in ["10.9.0.101", "10.9.0.152"] {
        wait::eventually(LIMIT, address, || node.holds(address));
    }
    for round in 0..3 {
        let from = daemon.log().len();
        node.write_file("run", "number", "-254\n");
        daemon.log().wait_since(from, "(W) Entering FAULT STATE", LIMIT);
        wait::eventually(LIMIT, "the other has gone", || !node.holds("10.9.0.152"));
        node.write_file("run", "number", "0\n");
        daemon.log().wait_since(from, "(W) Entering MASTER STATE", LIMIT);
        wait::eventually(LIMIT, "the other is back", || node.holds("10.9.0.152"));
        assert!(!daemon.log().contains("(V) Entering FAULT STATE"), "round {round}");
    }
    let from = daemon.reload(GROUPED);
    daemon.log().wait_since(from, "Reload complete", LIMIT);
    wait::eventually(LIMIT, "its interface is gone", || {
        !node.sh("ip link show").contains("vrrp.52")
    });
    // What follows the interface's end is done once something later is.
    node.sh("ip route del 10.9.4.0/24");
    wait::eventually(LIMIT, "the route is back", || node.sh("ip route").contains("10.9.4.0/24"));
    assert!(!daemon.log().contains("(V) Entering FAULT STATE"));
    assert!(node.holds("10.9.0.101"));
    assert!(daemon.stop().1.success());
}
