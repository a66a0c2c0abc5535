//! What keepalived was seen to do, line by line: the logs and tables come from its own runs.

mod common;

use checkers::Input;
use common::{World, alpha, at, checked, inhibited, lvs, server, service, tcp};
use control_plane::model::checks::{Checker, CheckerKind};
use control_plane::model::lvs::{
    GroupId, Protocol, ServerGroup, ServiceAddress, SorryServer, Tunnel, VirtualServer,
};
use control_plane::model::{BfdId, Command, ForwardingMethod, Lvs, RealServer};

const VS: &str = "[10.1.0.100]:tcp:80";

#[test]
fn a_start_puts_servers_into_the_pool_and_names_the_checks() {
    let config = lvs(vec![
        service(
            "10.1.0.100:80",
            vec![checked("127.0.0.2:80", 1, 2), checked("127.0.0.3:80", 2, 2)],
        ),
        service("10.1.0.101:80", vec![alpha(checked("127.0.0.2:80", 1, 0))]),
    ]);
    let mut world = World::new(&config);
    assert_eq!(
        world.take_lines(),
        [
            "Gained quorum 1+0=1 <= 3 for VS [10.1.0.100]:tcp:80",
            "Activating healthchecker for service [127.0.0.2]:tcp:80 for VS [10.1.0.100]:tcp:80",
            "Activating healthchecker for service [127.0.0.3]:tcp:80 for VS [10.1.0.100]:tcp:80",
            "Activating healthchecker for service [127.0.0.2]:tcp:80 for VS [10.1.0.101]:tcp:80",
        ],
    );
    assert_eq!(
        world.table(),
        [
            "-A -t 10.1.0.100:80 -s rr",
            "-a -t 10.1.0.100:80 -r 127.0.0.2:80 -m -w 1",
            "-a -t 10.1.0.100:80 -r 127.0.0.3:80 -m -w 2",
            "-A -t 10.1.0.101:80 -s rr",
        ],
    );
}

#[test]
fn the_first_check_comes_one_second_after_the_start_when_there_is_no_warmup() {
    let mut world =
        World::new(&lvs(vec![service("10.1.0.100:80", vec![checked("127.0.0.2:80", 1, 2)])]));
    world.listening.insert(at("127.0.0.2:80"));
    world.run_until(8_000);
    let server = at("127.0.0.2:80");
    assert_eq!(world.probed, [(1_000, server), (4_000, server), (7_000, server)]);
}

#[test]
fn one_failure_of_the_first_check_takes_the_server_down_without_retries() {
    let mut world =
        World::new(&lvs(vec![service("10.1.0.100:80", vec![checked("127.0.0.3:80", 1, 2)])]));
    world.take_lines();
    world.run_until(30_000);
    assert_eq!(
        world.take_lines(),
        [
            "TCP_CHECK on service [127.0.0.3]:tcp:80 failed.",
            "Removing service [127.0.0.3]:tcp:80 from VS [10.1.0.100]:tcp:80",
            "Lost quorum 1-0=1 > 0 for VS [10.1.0.100]:tcp:80",
        ],
        "and further failures of a server that is down are silent"
    );
    assert_eq!(world.table(), ["-A -t 10.1.0.100:80 -s rr"]);
}

#[test]
fn a_live_server_goes_after_its_retries_and_comes_back_with_one_success() {
    let mut world =
        World::new(&lvs(vec![service("10.1.0.100:80", vec![checked("127.0.0.2:80", 1, 2)])]));
    world.listening.insert(at("127.0.0.2:80"));
    world.run_until(4_500);
    world.take_lines();
    world.listening.clear();
    world.run_until(12_500);
    assert_eq!(
        world.lines,
        [
            (9_000, "TCP_CHECK on service [127.0.0.2]:tcp:80 failed after 2 retries.".to_owned()),
            (9_000, format!("Removing service [127.0.0.2]:tcp:80 from VS {VS}")),
            (9_000, format!("Lost quorum 1-0=1 > 0 for VS {VS}")),
        ],
        "tries at 7, 8 and 9 s"
    );
    world.take_lines();
    world.listening.insert(at("127.0.0.2:80"));
    world.run_until(15_500);
    assert_eq!(
        world.lines,
        [
            (15_000, "TCP connection to [127.0.0.2]:tcp:80 success.".to_owned()),
            (15_000, format!("Adding service [127.0.0.2]:tcp:80 to VS {VS}")),
            (15_000, format!("Gained quorum 1+0=1 <= 1 for VS {VS}")),
        ],
    );
}

#[test]
fn failures_within_the_retries_leave_no_trace() {
    let mut world =
        World::new(&lvs(vec![service("10.1.0.100:80", vec![checked("127.0.0.2:80", 1, 5)])]));
    world.listening.insert(at("127.0.0.2:80"));
    world.run_until(1_500);
    world.take_lines();
    let table = world.table();
    world.listening.clear();
    world.run_until(8_500);
    world.listening.insert(at("127.0.0.2:80"));
    world.run_until(9_500);
    world.listening.clear();
    world.run_until(16_500);
    assert_eq!(world.take_lines(), [""; 0], "the success between has given all retries back");
    assert_eq!(world.table(), table);
    world.run_until(17_500);
    assert_eq!(world.table().len(), 1, "five retries after the failure at 12 s are over at 17 s");
}

#[test]
fn a_silent_server_fails_at_the_timeout_and_the_delay_counts_from_there() {
    let mut world =
        World::new(&lvs(vec![service("10.1.0.100:80", vec![checked("10.1.0.50:80", 1, 1)])]));
    world.silent.insert(at("10.1.0.50:80"));
    world.run_until(3_500);
    assert_eq!(world.lines.last().unwrap().0, 3_000, "1 s start delay, 2 s connect_timeout");
    assert!(world.in_flight.is_empty(), "and the probe was aborted");
    world.run_until(6_500);
    assert_eq!(world.probed.iter().map(|probe| probe.0).collect::<Vec<_>>(), [1_000, 6_000]);
}

#[test]
fn a_server_that_is_down_is_tried_every_delay_loop_without_retries() {
    let mut world =
        World::new(&lvs(vec![service("10.1.0.100:80", vec![checked("127.0.0.2:80", 1, 3)])]));
    world.run_until(12_000);
    let times: Vec<_> = world.probed.iter().map(|probe| probe.0).collect();
    assert_eq!(times, [1_000, 4_000, 7_000, 10_000]);
}

#[test]
fn log_all_failures_tells_each_try_until_the_server_is_down() {
    let mut check = tcp("127.0.0.2:80", 1);
    check.log_all_failures = true;
    let mut world = World::new(&lvs(vec![service(
        "10.1.0.100:80",
        vec![server("127.0.0.2:80", 1, vec![check])],
    )]));
    world.listening.insert(at("127.0.0.2:80"));
    world.run_until(1_500);
    world.take_lines();
    world.listening.clear();
    world.run_until(4_500);
    world.silent.insert(at("127.0.0.2:80"));
    world.run_until(30_000);
    assert_eq!(
        world.take_lines(),
        [
            "TCP connection to [127.0.0.2]:tcp:80 failed.",
            "TCP connection to [127.0.0.2]:tcp:80 timeout.",
            "TCP_CHECK on service [127.0.0.2]:tcp:80 failed after 1 retries.",
            "Removing service [127.0.0.2]:tcp:80 from VS [10.1.0.100]:tcp:80",
            "Lost quorum 1-0=1 > 0 for VS [10.1.0.100]:tcp:80",
        ],
    );
}

#[test]
fn an_inhibited_server_stays_with_weight_0() {
    let servers = vec![checked("127.0.0.2:80", 1, 0), inhibited(checked("127.0.0.4:80", 3, 0))];
    let mut world = World::new(&lvs(vec![service("10.1.0.100:80", servers)]));
    world.listening.insert(at("127.0.0.2:80"));
    world.run_until(1_500);
    let lines = world.take_lines();
    assert!(
        lines.contains(&format!("Disabling service [127.0.0.4]:tcp:80 of VS {VS}")),
        "{lines:?}"
    );
    assert_eq!(world.table().last().unwrap(), "-a -t 10.1.0.100:80 -r 127.0.0.4:80 -m -w 0");
    world.listening.insert(at("127.0.0.4:80"));
    world.run_until(4_500);
    assert_eq!(
        world.take_lines(),
        [
            "TCP connection to [127.0.0.4]:tcp:80 success.",
            "Enabling service [127.0.0.4]:tcp:80 of VS [10.1.0.100]:tcp:80",
        ],
    );
    assert_eq!(world.table().last().unwrap(), "-a -t 10.1.0.100:80 -r 127.0.0.4:80 -m -w 3");
}

#[test]
fn an_alpha_server_waits_for_its_first_success() {
    let servers = vec![alpha(checked("127.0.0.2:80", 1, 3)), alpha(checked("127.0.0.3:80", 1, 3))];
    let mut world = World::new(&lvs(vec![service("10.1.0.100:80", servers)]));
    assert_eq!(world.table(), ["-A -t 10.1.0.100:80 -s rr"]);
    world.take_lines();
    world.listening.insert(at("127.0.0.2:80"));
    world.run_until(1_500);
    assert_eq!(
        world.take_lines(),
        [
            "TCP connection to [127.0.0.2]:tcp:80 success.",
            "Adding service [127.0.0.2]:tcp:80 to VS [10.1.0.100]:tcp:80",
            "Gained quorum 1+0=1 <= 1 for VS [10.1.0.100]:tcp:80",
            "TCP_CHECK on service [127.0.0.3]:tcp:80 failed.",
        ],
        "the other one says that it failed but was in no pool to be removed from"
    );
}

#[test]
fn a_server_is_up_only_while_all_its_checks_are() {
    let checks = vec![tcp("127.0.0.2:80", 0), tcp("127.0.0.2:81", 0)];
    let mut world =
        World::new(&lvs(vec![service("10.1.0.100:80", vec![server("127.0.0.2:80", 1, checks)])]));
    world.listening.insert(at("127.0.0.2:80"));
    world.run_until(1_500);
    assert_eq!(world.table().len(), 1);
    world.listening.clear();
    world.run_until(4_500);
    world.listening.insert(at("127.0.0.2:81"));
    world.run_until(7_500);
    assert_eq!(world.table().len(), 1, "the first check has failed meanwhile");
    world.listening.insert(at("127.0.0.2:80"));
    world.take_lines();
    world.run_until(10_500);
    assert_eq!(world.table().len(), 2);
    assert_eq!(world.lines.len(), 3, "one success, one server, one quorum: {:?}", world.lines);
}

#[test]
fn what_has_no_effect_yet_is_said_and_does_no_harm() {
    let bfd = Checker::new(CheckerKind::Bfd(BfdId(0)));
    let config = lvs(vec![service("10.1.0.100:80", vec![server("127.0.0.2:80", 1, vec![bfd])])]);
    let mut world = World::new(&config);
    assert_eq!(
        world.take_lines(),
        [
            "WARNING - BFD_CHECK of service [127.0.0.2]:tcp:80 of VS [10.1.0.100]:tcp:80 has no \
             effect yet, the server counts as up",
            "Gained quorum 1+0=1 <= 1 for VS [10.1.0.100]:tcp:80",
        ],
    );
    assert_eq!(world.table().len(), 2);
    assert_eq!(world.plan(&config), []);
}

#[test]
fn a_group_is_one_service_for_the_checkers() {
    let address =
        ServiceAddress::Group { group: GroupId::of("G1"), protocol: Protocol::Tcp, ipv6: false };
    let group = VirtualServer {
        real_servers: vec![checked("127.0.0.2:80", 1, 0)],
        ..VirtualServer::new(address)
    };
    let groups = vec![ServerGroup::new("G1", Vec::new())];
    let mut world = World::new(&Lvs { groups, ..lvs(vec![group]) });
    assert_eq!(world.table().len(), 2);
    world.run_until(4_500);
    assert_eq!(world.table(), ["-A group G1 -s wlc"], "the check has failed");
}

#[test]
fn a_firewall_mark_is_a_service_too() {
    let mark = VirtualServer {
        real_servers: vec![checked("127.0.0.2:80", 1, 0)],
        ..VirtualServer::new(ServiceAddress::Mark { mark: 5, ipv6: false })
    };
    let mut world = World::new(&lvs(vec![mark]));
    assert_eq!(
        world.take_lines(),
        [
            "Gained quorum 1+0=1 <= 1 for VS FWM 5",
            "Activating healthchecker for service [127.0.0.2]:none:80 for VS FWM 5",
        ],
    );
    assert_eq!(world.table(), ["-A -f 5 -s wlc", "-a -f 5 -r 127.0.0.2:80 -m -w 1"]);
}

#[test]
fn a_server_without_checks_is_always_up() {
    let mut world =
        World::new(&lvs(vec![service("10.1.0.100:80", vec![server("127.0.0.5:80", 1, vec![])])]));
    assert_eq!(world.machine.next_timeout(), None);
    world.run_until(60_000);
    assert_eq!(world.table().len(), 2);
}

/// The services of the sorry server run: a quorum of 2, an inhibited server among three.
fn with_sorry(inhibit: bool, servers: Vec<RealServer>) -> VirtualServer {
    let sorry = SorryServer {
        address: at("10.3.3.3:80"),
        method: ForwardingMethod::Nat,
        tunnel: Tunnel::default(),
        inhibit,
    };
    VirtualServer { quorum: 2, sorry_server: Some(sorry), ..service("10.1.0.100:80", servers) }
}

#[test]
fn a_quorum_that_is_missing_at_the_start_is_told_where_a_sorry_server_stands_in() {
    let command = Command { program: "/qdown".to_owned(), args: Vec::new(), user: None };
    let servers = || vec![alpha(checked("127.0.0.2:80", 1, 0))];
    let sorry =
        VirtualServer { quorum_down: Some(command.clone()), ..with_sorry(false, servers()) };
    let world = World::new(&lvs(vec![sorry]));
    assert_eq!(world.told, ["VS [10.1.0.100]:tcp:80 DOWN\n"]);
    assert_eq!(world.notified, [(0, "/qdown".to_owned())]);
    let without =
        VirtualServer { quorum_down: Some(command), ..service("10.1.0.100:80", servers()) };
    assert!(World::new(&lvs(vec![without])).told.is_empty());
}

#[test]
fn the_sorry_server_stands_in_while_the_quorum_is_lost() {
    let servers = vec![
        inhibited(checked("127.0.0.2:80", 1, 0)),
        checked("127.0.0.3:80", 1, 0),
        inhibited(checked("127.0.0.4:80", 1, 0)),
    ];
    let mut world = World::new(&lvs(vec![with_sorry(false, servers)]));
    world.listening.extend(["127.0.0.2:80", "127.0.0.3:80", "127.0.0.4:80"].map(at));
    world.run_until(3_500);
    assert_eq!(world.table().len(), 4);
    world.take_lines();
    world.listening.remove(&at("127.0.0.2:80"));
    world.listening.remove(&at("127.0.0.4:80"));
    world.run_until(4_500);
    assert_eq!(
        world.take_lines(),
        [
            "TCP_CHECK on service [127.0.0.2]:tcp:80 failed.",
            "Disabling service [127.0.0.2]:tcp:80 of VS [10.1.0.100]:tcp:80",
            "TCP_CHECK on service [127.0.0.4]:tcp:80 failed.",
            "Disabling service [127.0.0.4]:tcp:80 of VS [10.1.0.100]:tcp:80",
            "Lost quorum 2-0=2 > 1 for VS [10.1.0.100]:tcp:80",
            "Adding sorry server [10.3.3.3]:tcp:80 to VS [10.1.0.100]:tcp:80",
            "Removing alive servers from the pool for VS [10.1.0.100]:tcp:80",
        ],
    );
    let sorry_table = [
        "-A -t 10.1.0.100:80 -s rr",
        "-a -t 10.1.0.100:80 -r 10.3.3.3:80 -m -w 1",
        "-a -t 10.1.0.100:80 -r 127.0.0.2:80 -m -w 0",
        "-a -t 10.1.0.100:80 -r 127.0.0.4:80 -m -w 0",
    ];
    assert_eq!(world.table(), sorry_table);
    world.listening.insert(at("127.0.0.2:80"));
    world.run_until(7_500);
    assert_eq!(
        world.take_lines(),
        [
            "TCP connection to [127.0.0.2]:tcp:80 success.",
            "Enabling service [127.0.0.2]:tcp:80 of VS [10.1.0.100]:tcp:80",
            "Gained quorum 2+0=2 <= 2 for VS [10.1.0.100]:tcp:80",
            "Removing sorry server [10.3.3.3]:tcp:80 from VS [10.1.0.100]:tcp:80",
            "Adding alive servers to the pool for VS [10.1.0.100]:tcp:80",
        ],
    );
    world.listening.remove(&at("127.0.0.3:80"));
    world.run_until(10_500);
    assert_eq!(world.table(), sorry_table, "127.0.0.2 is up, but inhibited to weight 0");
}

#[test]
fn an_inhibited_sorry_server_is_always_there() {
    let servers = ["127.0.0.2:80", "127.0.0.3:80", "127.0.0.4:80"]
        .map(|address| alpha(checked(address, 1, 0)))
        .to_vec();
    let config = VirtualServer { hysteresis: 1, ..with_sorry(true, servers) };
    let mut world = World::new(&lvs(vec![config]));
    assert_eq!(
        world.take_news(),
        [
            "Starting with quorum down 2-1=3 > 0 for VS [10.1.0.100]:tcp:80",
            "Enabling sorry server [10.3.3.3]:tcp:80 to VS [10.1.0.100]:tcp:80",
            "Removing alive servers from the pool for VS [10.1.0.100]:tcp:80",
        ],
    );
    let sorry_only = ["-A -t 10.1.0.100:80 -s rr", "-a -t 10.1.0.100:80 -r 10.3.3.3:80 -m -w 1"];
    assert_eq!(world.table(), sorry_only);
    world.listening.extend(["127.0.0.2:80", "127.0.0.3:80"].map(at));
    world.run_until(1_500);
    assert_eq!(world.table(), sorry_only, "two are up, but 2+1 are needed");
    world.take_lines();
    world.listening.insert(at("127.0.0.4:80"));
    world.run_until(4_500);
    assert_eq!(
        world.take_lines(),
        [
            "TCP connection to [127.0.0.4]:tcp:80 success.",
            "Adding service [127.0.0.4]:tcp:80 to VS [10.1.0.100]:tcp:80",
            "Gained quorum 2+1=3 <= 3 for VS [10.1.0.100]:tcp:80",
            "Disabling sorry server [10.3.3.3]:tcp:80 from VS [10.1.0.100]:tcp:80",
            "Adding alive servers to the pool for VS [10.1.0.100]:tcp:80",
        ],
    );
    assert_eq!(world.table().len(), 5);
    assert_eq!(world.table()[1], "-a -t 10.1.0.100:80 -r 10.3.3.3:80 -m -w 0");
}

#[test]
fn a_sorry_server_may_be_one_of_the_real_servers() {
    let servers = vec![checked("10.3.3.3:80", 5, 0), checked("127.0.0.3:80", 1, 0)];
    let config = VirtualServer { quorum: 6, ..with_sorry(false, servers) };
    let mut world = World::new(&lvs(vec![config]));
    world.listening.extend(["10.3.3.3:80", "127.0.0.3:80"].map(at));
    world.run_until(1_500);
    assert_eq!(world.table()[1], "-a -t 10.1.0.100:80 -r 10.3.3.3:80 -m -w 5");
    world.listening.remove(&at("127.0.0.3:80"));
    world.run_until(4_500);
    let alone = ["-A -t 10.1.0.100:80 -s rr", "-a -t 10.1.0.100:80 -r 10.3.3.3:80 -m -w 1"];
    assert_eq!(world.table(), alone);
    world.listening.clear();
    world.run_until(7_500);
    assert_eq!(world.table(), alone, "a sorry server is used whatever its own check says");
    world.listening.extend(["10.3.3.3:80", "127.0.0.3:80"].map(at));
    world.run_until(10_500);
    assert_eq!(world.table()[1], "-a -t 10.1.0.100:80 -r 10.3.3.3:80 -m -w 5");
}

#[test]
fn a_stop_names_every_server_and_leaves_nothing() {
    let servers = vec![
        checked("127.0.0.2:80", 1, 0),
        checked("127.0.0.3:80", 1, 0),
        inhibited(checked("127.0.0.4:80", 1, 0)),
    ];
    let mut world = World::new(&lvs(vec![service("10.1.0.100:80", servers)]));
    world.listening.insert(at("127.0.0.2:80"));
    world.run_until(1_500);
    world.silent.insert(at("127.0.0.2:80"));
    world.run_until(4_500);
    assert_eq!(world.in_flight.len(), 1);
    world.take_lines();
    world.machine.take_touched();
    world.input(Input::Stop);
    assert_eq!(
        world.take_lines(),
        [
            "Shutting down service [127.0.0.2]:tcp:80 from VS [10.1.0.100]:tcp:80",
            "Shutting down service [127.0.0.3]:tcp:80 from VS [10.1.0.100]:tcp:80",
            "Shutting down (inhibited) service [127.0.0.4]:tcp:80 from VS [10.1.0.100]:tcp:80",
        ],
    );
    assert!(world.in_flight.is_empty(), "the probe that ran is aborted");
    assert_eq!(world.table(), [""; 0]);
    assert_eq!(world.machine.managed().len(), 1, "still ours, so that it can be removed");
    assert_eq!(world.machine.take_touched().len(), 1);
    assert_eq!(world.machine.next_timeout(), None);
    world.input(Input::Timeout);
    world.input(Input::Stop);
    assert_eq!(world.take_lines(), [""; 0]);
    world.machine.kernel_is_current();
    assert!(world.machine.managed().is_empty());
}
