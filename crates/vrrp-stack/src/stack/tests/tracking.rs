//! Links and scripts: FAULT and effective priority.

use base::{Duration, Weight};
use control_plane::model::tracking::TrackInterface;
use control_plane::model::vrrp::TrackWeight;
use control_plane::model::{Instance, ScriptId, TrackScript, VrrpScript};

use crate::fixture::*;
use crate::input::Input;
use crate::output::{KillSignal, Output};
use crate::router::Fault;

fn script(weight: i32) -> VrrpScript {
    let mut script = VrrpScript::new("chk", command("/bin/chk"));
    script.weight = Weight::new(weight).unwrap();
    script
}

/// A bench whose script, run every second, has ended once with that code.
fn after_first_result(priority: u8, script: VrrpScript, code: i32) -> Bench {
    let mut bench = Bench::new(&with_script(instance(priority), script));
    let run = bench.started()[0];
    bench.out.clear();
    bench.exit(run, code);
    bench
}

/// Ends the next runs with that code.
fn results(bench: &mut Bench, code: i32, times: u32) {
    for _ in 0..times {
        bench.run(SECOND);
        let run = *bench.started().last().unwrap();
        bench.exit(run, code);
    }
}

fn priority(bench: &Bench) -> u8 {
    bench.stack.routers()[0].priority().get()
}

#[test]
fn all_that_the_interface_lacks_is_named_at_once() {
    let bare = crate::Link { primary_v4: None, ..down(eth0()) };
    let mut bench = Bench::on(&only(instance(100)), &[bare], None);
    let (is_down, no_address) =
        ("interface eth0 is down", "interface eth0 has no IPv4 address to send from");
    let come = [is_down, no_address].map(|cause| format!("(VI_1) fault: {cause}"));
    assert_eq!(bench.causes(), come);
    bench.give(Input::Link(crate::Link { primary_v4: None, ..eth0() }));
    assert_eq!(bench.causes(), [format!("(VI_1) fault is over: {is_down}")]);
    bench.give(Input::Link(eth0()));
    assert_eq!(bench.causes(), [format!("(VI_1) fault is over: {no_address}")]);
    assert_eq!(bench.state(), "BACKUP");
}

#[test]
fn a_master_whose_link_fails_says_goodbye_twice() {
    let mut bench = Bench::master(&only(instance(150)));
    bench.give(Input::Link(down(eth0())));
    assert_eq!(
        bench.log(),
        [
            "Netlink reports eth0 down",
            "(VI_1) Entering FAULT STATE",
            "(VI_1) sent 0 priority",
            "(VI_1) removing VIPs.",
        ]
    );
    assert_eq!(bench.adverts(), [0, 0]);
    assert_eq!(bench.notified(), ["/bin/fault", "/bin/generic INSTANCE VI_1 FAULT 150"]);

    bench.give(Input::Link(eth0()));
    assert_eq!(bench.log(), ["Netlink reports eth0 up", "(VI_1) Entering BACKUP STATE"]);
    bench.run(Duration::from_micros(3_414_061));
    assert_eq!(bench.state(), "BACKUP", "a full election time");
    bench.run(Duration::from_micros(1));
    assert_eq!(bench.state(), "MASTER");
}

#[test]
fn a_start_without_link_is_a_fault() {
    let mut bench = Bench::on(&only(instance(100)), &[down(eth0())], None);
    assert_eq!(bench.log(), ["(VI_1) removing VIPs.", "(VI_1) Entering FAULT STATE"]);
    assert_eq!(bench.notified(), ["/bin/fault", "/bin/generic INSTANCE VI_1 FAULT 100"]);
}

#[test]
fn an_interface_that_comes_later_is_taken_up() {
    let mut bench = Bench::on(&only(instance(100)), &[], None);
    assert!(bench.stack.routers()[0].faults().contains(&Fault::InterfaceMissing));
    assert!(bench.stack.desired_sockets().is_empty());
    bench.give(Input::Link(eth0()));
    assert_eq!((bench.state(), bench.stack.desired_sockets().len()), ("BACKUP", 1));
    bench.hear(HIGH, 150);
    assert_eq!(bench.log().last().unwrap(), "(VI_1) master set to 10.9.0.9", "it listens");
}

#[test]
fn every_cause_has_to_go_before_fault_is_left() {
    let mut bench = after_first_result(100, script(0), 1);
    bench.give(Input::Link(down(eth0())));
    assert_eq!(bench.stack.routers()[0].faults().len(), 2);
    bench.give(Input::Link(eth0()));
    assert_eq!(bench.state(), "FAULT");
    results(&mut bench, 0, 1);
    assert_eq!(bench.state(), "BACKUP");
}

#[test]
fn an_instance_waits_silently_for_the_first_result() {
    let mut bench = Bench::new(&with_script(instance(100), script(0)));
    assert_eq!((bench.state(), bench.notified().len()), ("FAULT", 0));
    assert_eq!(bench.log(), ["(VI_1) removing VIPs."]);
    let run = bench.started()[0];
    bench.exit(run, 0);
    assert_eq!(bench.log(), ["VRRP_Script(chk) succeeded", "(VI_1) Entering BACKUP STATE"]);
    assert_eq!(bench.notified()[0], "/bin/backup");
}

#[test]
fn a_first_failure_is_notified_though_no_line_says_so() {
    let mut bench = after_first_result(100, script(0), 1);
    assert_eq!(
        bench.log(),
        ["Script `chk` now returning 1", "VRRP_Script(chk) failed (exited with status 1)"]
    );
    assert_eq!(bench.notified(), ["/bin/fault", "/bin/generic INSTANCE VI_1 FAULT 100"]);
}

#[test]
fn weight_0_makes_a_failure_a_fault_after_fall_results() {
    let mut chk = script(0);
    (chk.fall, chk.rise) = (2, 3);
    let mut bench = after_first_result(100, chk, 0);
    results(&mut bench, 0, 4);
    assert_eq!(bench.state(), "MASTER");
    bench.out.clear();
    results(&mut bench, 1, 1);
    assert_eq!(bench.log(), ["Script `chk` now returning 1"]);
    results(&mut bench, 1, 1);
    assert_eq!(
        bench.log(),
        [
            "VRRP_Script(chk) failed (exited with status 1)",
            "(VI_1) Entering FAULT STATE",
            "(VI_1) sent 0 priority",
            "(VI_1) removing VIPs.",
        ]
    );
    results(&mut bench, 0, 2);
    assert_eq!(bench.state(), "FAULT");
    results(&mut bench, 0, 1);
    assert_eq!(bench.state(), "BACKUP");
}

#[test]
fn a_negative_weight_is_taken_off_while_the_script_is_down() {
    let mut bench = Bench::new(&with_script(instance(120), script(-20)));
    assert_eq!(bench.state(), "BACKUP", "the first result is not waited for");
    let run = bench.started()[0];
    bench.exit(run, 1);
    let line = "(VI_1) Changing effective priority from 120 to 100";
    assert_eq!(bench.log().last().unwrap(), line);
    results(&mut bench, 0, 1);
    assert_eq!(priority(&bench), 120);
}

#[test]
fn a_positive_weight_is_added_while_the_script_is_up() {
    let mut bench = Bench::new(&with_script(instance(100), script(10)));
    assert_eq!(priority(&bench), 100, "not known yet: not added");
    let run = bench.started()[0];
    bench.exit(run, 0);
    assert_eq!(priority(&bench), 110);
    results(&mut bench, 1, 1);
    assert_eq!(priority(&bench), 100);
}

#[test]
fn reverse_exchanges_up_and_down() {
    let reversed = |weight| VrrpScript { reverse: true, ..script(weight) };
    assert_eq!(priority(&after_first_result(100, reversed(-30), 0)), 70);
    assert_eq!(priority(&after_first_result(100, reversed(-30), 1)), 100);
    assert_eq!(priority(&after_first_result(100, reversed(30), 1)), 130);
    assert_eq!(after_first_result(100, reversed(0), 0).state(), "FAULT");
}

#[test]
fn a_failed_script_lets_a_master_yield_to_what_was_lower() {
    let mut bench = after_first_result(100, script(-20), 0);
    results(&mut bench, 0, 4);
    assert_eq!(bench.state(), "MASTER");
    bench.hear(LOW, 90);
    assert_eq!(bench.state(), "MASTER");
    results(&mut bench, 1, 1);
    bench.hear(LOW, 90);
    assert_eq!(bench.state(), "BACKUP", "90 is more than 80");
}

#[test]
fn an_owner_is_not_moved_by_weights() {
    assert_eq!(priority(&after_first_result(255, script(-20), 1)), 255);
}

#[test]
fn a_stop_ends_scripts_that_run() {
    let mut bench = Bench::new(&with_script(instance(100), script(-20)));
    let run = bench.started()[0];
    bench.give(Input::Stop);
    assert!(bench.out.contains(&Output::KillScript { run, signal: KillSignal::Term }));
}

#[test]
fn the_end_of_a_run_that_nobody_knows_means_nothing() {
    let mut bench = after_first_result(100, script(0), 0);
    bench.out.clear();
    bench.exit(crate::RunId(77), 1);
    assert_eq!((bench.state(), bench.out.len()), ("BACKUP", 0));
}

#[test]
fn a_verdict_survives_a_respawn() {
    let config = with_script(instance(100), script(0));
    let mut first = Bench::new(&config);
    let run = first.started()[0];
    first.exit(run, 0);
    first.run(Duration::from_millis(900));
    let told = first.stack.take_changes().into_iter().collect();
    let mut second = Bench::on(&config, &[eth0()], Some(&told));
    assert_eq!(second.state(), "BACKUP", "it does not wait for a first result again");
    assert_eq!(second.started().len(), 1);
}

/// VI_1 that tracks eth1, and the two states of eth1.
fn tracking_eth1(weight: i32) -> (Instance, [crate::Link; 2]) {
    let mut config = instance(100);
    let weight = TrackWeight { weight: Weight::new(weight).unwrap(), reverse: false };
    config.track_interfaces = vec![TrackInterface { interface: "eth1".into(), weight }];
    let up = crate::Link { index: base::IfIndex::new(3).unwrap(), name: "eth1".into(), ..eth0() };
    (config, [up.clone(), down(up)])
}

#[test]
fn a_tracked_interface_that_is_down_is_a_fault() {
    let (config, [eth1, eth1_down]) = tracking_eth1(0);
    let mut bench = Bench::on(&only(config), &[eth0(), eth1.clone()], None);
    assert_eq!(bench.state(), "BACKUP");
    bench.give(Input::Link(eth1_down));
    assert_eq!(bench.state(), "FAULT");
    assert!(bench.stack.routers()[0].faults().contains(&Fault::TrackedLinkDown(0)));
    bench.give(Input::Link(eth1));
    assert_eq!(bench.state(), "BACKUP");
}

#[test]
fn a_tracked_interface_with_a_weight_moves_the_priority() {
    let (config, [eth1, eth1_down]) = tracking_eth1(7);
    let mut bench = Bench::on(&only(config), &[eth0(), eth1], None);
    assert_eq!(priority(&bench), 107);
    bench.give(Input::Link(eth1_down));
    assert_eq!((priority(&bench), bench.state()), (100, "BACKUP"));
    assert!(bench.log().contains(&"(VI_1) Changing effective priority from 107 to 100".to_owned()));
}

#[test]
fn dont_track_primary_goes_on_without_a_carrier() {
    let mut config = instance(100);
    config.dont_track_primary = true;
    let mut bench = Bench::master(&only(config));
    bench.give(Input::Link(down(eth0())));
    assert_eq!(bench.state(), "MASTER");
}

#[test]
fn every_cause_of_a_fault_is_said_when_it_comes_and_when_it_goes() {
    let (mut config, [eth1, eth1_down]) = tracking_eth1(0);
    config.track_scripts = with_script(config.clone(), script(0)).instances.remove(0).track_scripts;
    let config = control_plane::model::Vrrp {
        instances: vec![config].into(),
        scripts: vec![script(0)],
        ..control_plane::model::Vrrp::default()
    };
    let mut bench = Bench::on(&config, std::slice::from_ref(&eth1), None);
    let run = bench.started()[0];
    bench.exit(run, 1);
    bench.give(Input::Link(down(eth0())));
    bench.give(Input::Link(eth1_down));
    bench.give(Input::Link(crate::Link { primary_v4: None, ..eth0() }));
    bench.give(Input::Link(eth0()));
    bench.give(Input::Link(eth1));
    results(&mut bench, 0, 1);
    assert_eq!(
        bench.causes(),
        [
            "(VI_1) fault: interface eth0 does not exist",
            "(VI_1) fault: script chk has not ended for the first time",
            "(VI_1) fault is over: script chk has not ended for the first time",
            "(VI_1) fault: script chk is down",
            "(VI_1) fault is over: interface eth0 does not exist",
            "(VI_1) fault: interface eth0 is down",
            "(VI_1) fault: tracked interface eth1 is down",
            "(VI_1) fault is over: interface eth0 is down",
            "(VI_1) fault: interface eth0 has no IPv4 address to send from",
            "(VI_1) fault is over: interface eth0 has no IPv4 address to send from",
            "(VI_1) fault is over: tracked interface eth1 is down",
            "(VI_1) fault is over: script chk is down",
        ]
    );
    assert_eq!(bench.state(), "BACKUP");
}

/// VI_1 where eth0 counts as down after 2 s and as up after 3 s.
fn delayed() -> control_plane::model::Vrrp {
    let delay = control_plane::model::vrrp::LinkDelay {
        interface: "eth0".into(),
        down: Duration::from_secs(2),
        up: Duration::from_secs(3),
    };
    control_plane::model::Vrrp { link_delays: vec![delay], ..only(instance(100)) }
}

#[test]
fn a_link_that_is_down_for_a_short_time_is_not_noticed() {
    let mut bench = Bench::master(&delayed());
    bench.give(Input::Link(down(eth0())));
    bench.run(Duration::from_millis(1_999));
    bench.give(Input::Link(eth0()));
    bench.run(Duration::from_secs(10));
    assert_eq!((bench.state(), bench.notified().len()), ("MASTER", 0));
}

#[test]
fn a_link_has_to_stay_down_and_to_stay_up() {
    let mut bench = Bench::master(&delayed());
    assert_eq!(bench.stack.view().delayed, []);
    bench.give(Input::Link(down(eth0())));
    bench.run(SECOND);
    assert_eq!(bench.stack.view().delayed, [eth0().index]);
    bench.give(Input::Link(crate::Link { mtu: 1_400, ..down(eth0()) }));
    bench.run(Duration::from_millis(999));
    assert_eq!(bench.state(), "MASTER");
    bench.run(Duration::from_millis(1));
    assert_eq!(bench.state(), "FAULT", "another change in between does not start it anew");
    assert_eq!(bench.stack.view().delayed, []);
    bench.give(Input::Link(eth0()));
    bench.run(Duration::from_millis(2_999));
    assert_eq!(bench.state(), "FAULT");
    bench.run(Duration::from_millis(1));
    assert_eq!(bench.state(), "BACKUP");
}

#[test]
fn a_change_of_priority_is_told_to_those_who_asked_and_to_no_script() {
    let mut config = with_script(instance(100), script(10));
    config.instances[0].notify_priority_changes = true;
    let mut bench = Bench::new(&config);
    let run = bench.started()[0];
    bench.exit(run, 0);
    bench.run(Duration::from_millis(900));
    results(&mut bench, 0, 3);
    results(&mut bench, 1, 1);
    let lines: Vec<String> = bench
        .out
        .iter()
        .filter_map(|output| match output {
            Output::Notify(told) => Some(told.line()),
            _ => None,
        })
        .collect();
    assert_eq!(
        lines,
        [
            "INSTANCE \"VI_1\" BACKUP 100\n",
            "INSTANCE \"VI_1\" BACKUP_PRIORITY 110\n",
            "INSTANCE \"VI_1\" MASTER 110\n",
            "INSTANCE \"VI_1\" MASTER_PRIORITY 100\n",
        ]
    );
    let told = bench.notified();
    assert!(!told.iter().any(|line| line.contains("PRIORITY")), "{told:?}");
}

#[test]
fn track_src_ip_is_a_fault_while_the_source_of_adverts_is_not_on_the_interface() {
    let source: std::net::IpAddr = "10.9.0.77".parse().unwrap();
    let there = [(eth0().index, source)].into();
    let elsewhere = [(base::IfIndex::new(9).unwrap(), source)].into();
    let tracking = Instance { source: Some(source), track_source: true, ..instance(100) };

    let mut bench = Bench::new(&only(tracking.clone()));
    assert_eq!(bench.causes(), ["(VI_1) fault: interface eth0 has no address 10.9.0.77"]);
    bench.give(Input::Sources(&elsewhere));
    assert_eq!(bench.state(), "FAULT");
    bench.give(Input::Sources(&there));
    assert_eq!(bench.state(), "BACKUP");
    bench.run(Duration::from_secs(4));
    bench.out.clear();
    bench.give(Input::Sources(&elsewhere));
    assert_eq!((bench.state(), bench.adverts()), ("FAULT", vec![0, 0]));

    for careless in [
        Instance { track_source: false, ..tracking.clone() },
        Instance { source: None, ..tracking },
    ] {
        assert_eq!(Bench::new(&only(careless)).state(), "BACKUP", "there is nothing to look for");
    }
}

#[test]
fn what_is_polled_is_said_of_the_linkbeat() {
    let entry = control_plane::model::vrrp::Linkbeat {
        interface: "eth0".into(),
        method: control_plane::model::vrrp::LinkbeatMethod::Auto,
    };
    let mut config = only(instance(150));
    config.linkbeat = vec![entry];
    let mut bench = Bench::master(&config);
    bench.give(Input::Link(down(eth0())));
    assert_eq!(bench.log()[0], "Linkbeat reports eth0 down");
    bench.give(Input::Link(eth0()));
    assert_eq!(bench.log()[0], "Linkbeat reports eth0 up");
}

#[test]
fn a_thousand_scripts_that_are_due_together_start_in_turns_between_which_adverts_leave() {
    let mut config = only(instance(100));
    let weight = Weight::new(0).unwrap();
    config.scripts =
        (0..1_000).map(|n| VrrpScript::new(format!("s{n}"), command("/bin/chk"))).collect();
    let tracked = (0..1_000).map(|n| TrackScript { script: ScriptId(n), weight, reverse: false });
    config.instances[0].track_scripts = tracked.collect();
    let mut bench = Bench::new(&config);
    let mut started = bench.started();
    let (mut turns, now) = (0, bench.now);
    while started.len() < 1_000 {
        assert!(bench.stack.next_timeout().is_some_and(|at| at <= now), "the rest is due still");
        bench.out.clear();
        bench.give(Input::Timeout);
        let more = bench.started();
        assert!((1..=200).contains(&more.len()), "{} in one turn", more.len());
        started.extend(more);
        turns += 1;
    }
    assert!(turns >= 5);
    started.sort_unstable();
    started.dedup();
    assert_eq!(started.len(), 1_000, "each once");
}

#[test]
fn scripts_that_time_out_together_are_one_look_at_what_is_tracked() {
    let mut config = only(instance(100));
    let weight = Weight::new(-1).unwrap();
    config.scripts = ["one", "two"]
        .map(|name| VrrpScript { init_fail: false, ..VrrpScript::new(name, command("/bin/chk")) })
        .to_vec();
    config.instances[0].notify_priority_changes = true;
    let tracked = (0..2).map(|n| TrackScript { script: ScriptId(n), weight, reverse: false });
    config.instances[0].track_scripts = tracked.collect();
    let mut bench = Bench::new(&config);
    bench.run(Duration::from_secs(5));
    assert_eq!(priority(&bench), 98);
    let log = bench.log();
    let changes: Vec<_> = log.iter().filter(|line| line.contains("effective priority")).collect();
    assert_eq!(changes, ["(VI_1) Changing effective priority from 100 to 98"], "not by 99");
}
