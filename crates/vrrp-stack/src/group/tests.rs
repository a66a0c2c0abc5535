//! Sync groups, line by line as keepalived logs them.

use base::{Duration, IfIndex, Vrid};
use control_plane::model::{Preempt, ScriptId, TrackScript, VrrpScript};

use crate::fixture::*;
use crate::input::{Input, Packet};
use crate::link::Link;

use super::*;

fn eth1() -> Link {
    Link { index: IfIndex::new(3).unwrap(), name: "eth1".into(), ..eth0() }
}

/// V1 on eth0 and V2 on eth1 in group G.
fn config(priority: u8) -> Vrrp {
    let mut one = instance(priority);
    one.name = "V1".into();
    let mut two = instance(priority);
    (two.name, two.vrid, two.interface) = ("V2".into(), Vrid::new(52).unwrap(), "eth1".into());
    two.virtual_addresses = vec![vip("10.8.0.160/24")];
    two.virtual_addresses[0].interface = "eth1".into();
    let group = SyncGroupConfig {
        name: "G".into(),
        members: vec!["V1".into(), "V2".into()],
        notify: (*one.notify).clone(),
        ..SyncGroupConfig::default()
    };
    for member in [&mut one, &mut two] {
        member.notify = Default::default();
    }
    Vrrp { instances: vec![one, two].into(), sync_groups: vec![group], ..Vrrp::default() }
}

fn bench(config: &Vrrp) -> Bench {
    Bench::on(config, &[eth0(), eth1()], None)
}

/// Both masters, nothing said yet.
fn masters(config: &Vrrp) -> Bench {
    let mut bench = bench(config);
    bench.run(Duration::from_secs(4));
    assert_eq!(states(&bench), ["MASTER", "MASTER"]);
    bench.out.clear();
    bench
}

fn states(bench: &Bench) -> Vec<&'static str> {
    let word = |router: &VirtualRouter| match router.state() {
        State::Init => "INIT",
        State::Backup(_) => "BACKUP",
        State::Master(_) => "MASTER",
        State::Fault { .. } => "FAULT",
        State::Stopped => "STOPPED",
    };
    bench.stack.routers().iter().map(word).collect()
}

/// V2 hears this priority on eth1.
fn hear_on_eth1(bench: &mut Bench, priority: u8) {
    let advert = wire::Advert {
        vrid: Vrid::new(52).unwrap(),
        priority: base::Priority::new(priority).ok(),
        addresses: vec!["10.8.0.160".parse().unwrap()],
        body: wire::Body::V2 { seconds: 1, password: wire::Password::None },
    };
    let group = wire::vrrp::GROUP_V4;
    let payload = advert.emit(HIGH.into(), group.into());
    let header = wire::ipv4::Header {
        identification: 1,
        ttl: 255,
        protocol: 112,
        source: HIGH,
        destination: group,
    };
    let bytes = wire::ipv4::emit(&header, &payload).unwrap();
    bench.give(Input::Packet { index: eth1().index, packet: Packet::Ipv4(&bytes) });
}

#[test]
fn members_become_master_together_the_last_one_first() {
    let mut bench = bench(&config(100));
    assert_eq!(bench.notified(), ["/bin/backup", "/bin/generic GROUP G BACKUP 0"]);
    bench.run(Duration::from_secs(2));
    hear_on_eth1(&mut bench, 100);
    bench.out.clear();
    bench.run(Duration::from_millis(1_700));
    assert_eq!(bench.log(), ["(V1) Receive advertisement timeout"], "it waits for V2");
    assert_eq!(states(&bench), ["BACKUP", "BACKUP"]);
    bench.run(Duration::from_secs(2));
    assert_eq!(
        bench.log(),
        [
            "(V2) Receive advertisement timeout",
            "(V2) Entering MASTER STATE",
            "(V2) setting VIPs.",
            "(V2) Sending/queueing gratuitous ARPs on eth1 for 10.8.0.160",
            "VRRP_Group(G) Syncing instances to MASTER state",
            "(V1) Entering MASTER STATE",
            "(V1) setting VIPs.",
            "(V1) Sending/queueing gratuitous ARPs on eth0 for 10.9.0.160",
        ]
    );
    assert_eq!(bench.notified(), ["/bin/master", "/bin/generic GROUP G MASTER 0"]);
}

#[test]
fn a_member_that_waits_and_hears_a_master_again_waits_no_longer() {
    let mut bench = bench(&config(100));
    bench.run(Duration::from_secs(2));
    hear_on_eth1(&mut bench, 200);
    bench.run(Duration::from_secs(2));
    bench.hear(HIGH, 200);
    bench.run(Duration::from_secs(3));
    assert_eq!(states(&bench), ["BACKUP", "BACKUP"]);
    bench.run(Duration::from_secs(1));
    assert_eq!(states(&bench), ["MASTER", "MASTER"]);
}

#[test]
fn a_fault_of_one_is_a_fault_of_all() {
    let mut bench = masters(&config(100));
    bench.give(Input::Link(down(eth0())));
    assert_eq!(
        bench.log(),
        [
            "Netlink reports eth0 down",
            "(V1) Entering FAULT STATE",
            "(V1) sent 0 priority",
            "(V1) removing VIPs.",
            "VRRP_Group(G) Syncing instances to FAULT state",
            "(V2) Entering FAULT STATE",
            "(V2) sent 0 priority",
            "(V2) removing VIPs.",
        ]
    );
    assert_eq!(bench.notified(), ["/bin/fault", "/bin/generic GROUP G FAULT 0"]);
    assert!(bench.desired().is_empty());

    bench.give(Input::Link(eth0()));
    assert_eq!(
        bench.log(),
        [
            "Netlink reports eth0 up",
            "(V1) Entering BACKUP STATE",
            "VRRP_Group(G) Syncing instances to BACKUP state",
            "(V2) Entering BACKUP STATE",
        ]
    );
    assert_eq!(bench.notified(), ["/bin/backup", "/bin/generic GROUP G BACKUP 0"]);
}

#[test]
fn every_member_has_to_recover() {
    let mut bench = masters(&config(100));
    bench.give(Input::Link(down(eth0())));
    bench.give(Input::Link(down(eth1())));
    bench.give(Input::Link(eth0()));
    assert_eq!(states(&bench), ["FAULT", "FAULT"]);
    bench.give(Input::Link(eth1()));
    assert_eq!(states(&bench), ["BACKUP", "BACKUP"]);
}

#[test]
fn a_member_that_yields_takes_all_along() {
    let mut bench = masters(&config(100));
    hear_on_eth1(&mut bench, 150);
    assert_eq!(
        bench.log(),
        [
            "(V2) Master received advert from 10.9.0.9 with higher priority 150, ours 100",
            "(V2) Entering BACKUP STATE",
            "(V2) removing VIPs.",
            "VRRP_Group(G) Syncing instances to BACKUP state",
            "(V1) Entering BACKUP STATE",
            "(V1) removing VIPs.",
        ]
    );
    assert_eq!(bench.notified(), ["/bin/backup", "/bin/generic GROUP G BACKUP 0"]);
}

#[test]
fn all_masters_of_a_group_announce_when_one_hears_a_lower_one() {
    let mut config = config(100);
    for (at, repeat) in [(0, 2), (1, 3)] {
        config.instances[at].garp.lower_prio_repeat = repeat;
        config.instances[at].garp.lower_prio_delay = Duration::from_secs(2);
    }
    let mut bench = masters(&config);
    bench.run(Duration::from_secs(10));
    bench.announced();
    let both: Vec<std::net::IpAddr> = ["10.9.0.160", "10.9.0.160"]
        .into_iter()
        .chain(["10.8.0.160"; 3])
        .map(|text| text.parse().unwrap())
        .collect();
    hear_on_eth1(&mut bench, 50);
    let mut seen = bench.announced();
    seen.sort_by_key(|address| both.iter().position(|one| one == address));
    assert_eq!(seen, both);
    bench.run(Duration::from_millis(1_999));
    assert_eq!(bench.announced().len(), 0);
    bench.run(Duration::from_millis(1));
    assert_eq!(bench.announced().len(), 5, "and once more after the delay");
    bench.run(Duration::from_secs(10));
    assert_eq!(bench.announced().len(), 0);
}

#[test]
fn owners_of_a_group_are_masters_at_once() {
    let bench = bench(&config(255));
    assert_eq!(states(&bench), ["MASTER", "MASTER"]);
}

#[test]
fn owners_of_a_group_lower_themselves_together() {
    let mut bench = masters(&config(255));
    // Another owner with a higher address, heard on one interface only.
    for _ in 0..3 {
        hear_on_eth1(&mut bench, 255);
        bench.run(Duration::from_secs(1));
    }
    let priorities = |bench: &Bench| -> Vec<u8> {
        bench.stack.routers().iter().map(|router| router.priority().get()).collect()
    };
    assert_eq!(priorities(&bench), [254, 254], "they agree about who is best");
    assert_eq!(states(&bench), ["BACKUP", "BACKUP"]);
    bench.give(Input::Reload(&config(255)));
    assert_eq!(priorities(&bench), [254, 254], "a reload says nothing about that");
    bench.run(Duration::from_secs(4));
    assert_eq!(states(&bench), ["MASTER", "MASTER"], "once the other is gone");
}

#[test]
fn a_group_waits_silently_for_the_first_result_of_one_member() {
    let mut config = config(100);
    config.scripts = vec![VrrpScript::new("chk", command("/bin/chk"))];
    let tracked = TrackScript { script: ScriptId(0), weight: Default::default(), reverse: false };
    config.instances[0].track_scripts = vec![tracked];
    let mut bench = bench(&config);
    assert_eq!((states(&bench), bench.notified().len()), (vec!["FAULT", "FAULT"], 0));
    let run = bench.started()[0];
    bench.out.clear();
    bench.exit(run, 0);
    assert_eq!(
        bench.log(),
        [
            "VRRP_Script(chk) succeeded",
            "(V1) Entering BACKUP STATE",
            "VRRP_Group(G) Syncing instances to BACKUP state",
            "(V2) Entering BACKUP STATE",
        ]
    );
    assert_eq!(bench.notified(), ["/bin/backup", "/bin/generic GROUP G BACKUP 0"]);
}

#[test]
fn what_a_group_tracks_counts_for_every_member() {
    let mut config = config(100);
    config.scripts = vec![VrrpScript::new("chk", command("/bin/chk"))];
    let tracked = TrackScript { script: ScriptId(0), weight: Default::default(), reverse: false };
    config.sync_groups[0].track_scripts = vec![tracked];
    let mut bench = bench(&config);
    let run = bench.started()[0];
    bench.exit(run, 1);
    for router in bench.stack.routers() {
        assert!(router.faults().contains(&Fault::ScriptDown(ScriptId(0))));
    }
    assert_eq!(bench.stack.plan(&config), []);
}

#[test]
fn a_stop_is_told_by_the_members_and_then_by_the_group() {
    let mut bench = masters(&config(100));
    bench.give(Input::Stop);
    assert_eq!(bench.adverts(), [0, 0]);
    assert_eq!(bench.notified(), ["/bin/stop", "/bin/generic GROUP G STOP 0"]);
}

#[test]
fn a_respawn_and_a_reload_tell_nothing_twice() {
    let config = config(100);
    let mut first = masters(&config);
    let told = first.stack.take_changes().into_iter().collect();
    let mut second = Bench::on(&config, &[eth0(), eth1()], Some(&told));
    assert_eq!((states(&second), second.notified().len()), (vec!["MASTER", "MASTER"], 0));
    second.give(Input::Reload(&config));
    assert_eq!(second.notified(), [""; 0]);
}

#[test]
fn a_nopreempt_member_holds_the_group_back() {
    let mut config = config(150);
    config.instances[1].preempt = Preempt::Never;
    let mut bench = bench(&config);
    for _ in 0..6 {
        bench.hear(LOW, 100);
        hear_on_eth1(&mut bench, 100);
        bench.run(SECOND);
    }
    assert_eq!(states(&bench), ["BACKUP", "BACKUP"], "V1 alone would have taken over");
}

#[test]
fn members_that_join_by_reload_follow_the_group() {
    let mut alone = config(100);
    alone.sync_groups.clear();
    let mut bench = masters(&alone);
    hear_on_eth1(&mut bench, 200);
    assert_eq!(states(&bench), ["MASTER", "BACKUP"]);
    bench.give(Input::Reload(&config(100)));
    assert_eq!(states(&bench), ["BACKUP", "BACKUP"]);
}

#[test]
fn a_fault_of_the_group_ends_with_the_group() {
    let mut alone = config(100);
    alone.sync_groups.clear();
    let mut smaller = config(100);
    smaller.sync_groups[0].members = vec!["V2".into()];
    for new in [alone, smaller] {
        let mut bench = masters(&config(100));
        bench.give(Input::Link(down(eth1())));
        assert_eq!(states(&bench), ["FAULT", "FAULT"]);
        bench.causes();
        bench.give(Input::Reload(&new));
        assert_eq!(states(&bench), ["BACKUP", "FAULT"]);
        assert_eq!(bench.causes(), ["(V1) fault is over: a member of the sync group is in FAULT"]);
        bench.run(Duration::from_secs(4));
        assert_eq!(states(&bench), ["MASTER", "FAULT"]);
    }
}

#[test]
fn who_has_waited_for_his_group_takes_over_when_it_is_dissolved() {
    let mut bench = bench(&config(100));
    for _ in 0..4 {
        hear_on_eth1(&mut bench, 200);
        bench.run(SECOND);
    }
    assert_eq!((states(&bench), bench.notified().len()), (vec!["BACKUP", "BACKUP"], 2));
    let mut alone = config(100);
    alone.sync_groups.clear();
    bench.give(Input::Reload(&alone));
    assert_eq!(states(&bench), ["MASTER", "BACKUP"]);
    assert_eq!(bench.adverts(), [100]);
}

#[test]
fn notify_priority_changes_of_a_group_holds_for_its_members() {
    let mut config = config(100);
    config.sync_groups[0].notify_priority_changes = true;
    let tracked =
        TrackScript { script: ScriptId(0), weight: base::Weight::new(10).unwrap(), reverse: false };
    config.instances[1].track_scripts = vec![tracked];
    config.scripts = vec![VrrpScript::new("chk", command("/bin/chk"))];
    let mut bench = bench(&config);
    let run = bench.started()[0];
    bench.out.clear();
    bench.exit(run, 0);
    let lines: Vec<String> = bench
        .out
        .iter()
        .filter_map(|output| match output {
            Output::Notify(news) => Some(news.line()),
            _ => None,
        })
        .collect();
    assert_eq!(lines, ["INSTANCE \"V2\" BACKUP_PRIORITY 110\n"]);
}
