use base::{Duration, Weight};
use control_plane::model::Instance;
use control_plane::model::vrrp::{Unicast, UnicastPeer};

use crate::fixture::*;
use crate::input::Input;
use crate::output::{KillSignal, Output};
use crate::script::RunId;

use super::*;

fn plan(bench: &Bench, new: &Vrrp) -> Vec<String> {
    bench.stack.plan(new).iter().map(Change::to_string).collect()
}

#[test]
fn a_reload_that_changes_nothing_does_nothing() {
    let config = with_script(instance(100), {
        let mut script = VrrpScript::new("chk", command("/bin/chk"));
        script.weight = Weight::new(5).unwrap();
        script
    });
    let mut bench = Bench::master(&config);
    let (before, desired) = (bench.stack.snapshot(), bench.stack.desired_addresses());
    assert_eq!(plan(&bench, &config), [""; 0]);
    bench.give(Input::Reload(&config));
    assert_eq!(bench.log(), ["VRRP_Script(chk) considered unsuccessful on reload"]);
    assert_eq!(bench.out, []);
    assert_eq!(bench.stack.snapshot(), before);
    assert_eq!(bench.stack.desired_addresses(), desired);
}

#[test]
fn an_added_address_is_installed_and_announced_and_nothing_else() {
    let mut bench = Bench::master(&only(instance(100)));
    let mut new = instance(100);
    new.virtual_addresses.push(vip("10.9.0.161/24"));
    let new = only(new);
    assert_eq!(plan(&bench, &new), ["(VI_1) add 10.9.0.161"]);
    bench.give(Input::Reload(&new));
    assert_eq!(bench.announced(), [IpAddr::from([10, 9, 0, 161]); 5]);
    assert_eq!(bench.desired(), ["10.9.0.160/24", "10.9.0.161/24"]);
    assert_eq!((bench.state(), bench.notified().len()), ("MASTER", 0));
}

#[test]
fn a_removed_address_stays_managed_until_the_kernel_has_been_told() {
    let mut config = instance(100);
    config.virtual_addresses.push(vip("10.9.0.161/24"));
    let mut bench = Bench::master(&only(config));
    let new = only(instance(100));
    assert_eq!(plan(&bench, &new), ["(VI_1) remove 10.9.0.161"]);
    bench.give(Input::Reload(&new));
    assert_eq!(bench.desired(), ["10.9.0.160/24"]);
    let gone = (eth0().index, vip("10.9.0.161/24").net);
    assert!(bench.stack.managed_addresses().contains(&gone));
    bench.stack.forget_retired();
    assert!(!bench.stack.managed_addresses().contains(&gone));
}

#[test]
fn what_an_earlier_reload_has_left_stays_left_when_a_later_one_changes_no_address() {
    let mut config = instance(100);
    config.virtual_addresses.push(vip("10.9.0.161/24"));
    let mut bench = Bench::master(&only(config.clone()));
    let gone = (eth0().index, vip("10.9.0.161/24").net);
    for _ in 0..2 {
        bench.give(Input::Reload(&only(instance(100))));
        assert!(bench.stack.managed_addresses().contains(&gone));
    }
    // It is wanted again, and then once more nobody's.
    bench.give(Input::Reload(&only(config)));
    bench.stack.forget_retired();
    assert!(bench.stack.managed_addresses().contains(&gone));
    assert_eq!(bench.desired(), ["10.9.0.160/24", "10.9.0.161/24"]);
}

#[test]
fn without_a_reader_of_details_the_announced_addresses_are_no_lines() {
    for (wanted, lines) in [(true, 1), (false, 0)] {
        let mut bench = Bench::master(&only(instance(100)));
        bench.stack.tell_details(wanted);
        let mut new = instance(100);
        new.virtual_addresses.push(vip("10.9.0.161/24"));
        bench.give(Input::Reload(&only(new)));
        let is_detail = |output: &Output| matches!(output, Output::Log(event) if event.detail() && event.to_string().contains("10.9.0.161"));
        assert_eq!(bench.out.iter().filter(|output| is_detail(output)).count(), lines);
        assert_eq!(bench.announced(), [IpAddr::from([10, 9, 0, 161]); 5]);
    }
}

#[test]
fn a_removed_instance_says_goodbye_and_reports_fault() {
    let mut bench = Bench::master(&only(instance(100)));
    let new = Vrrp::default();
    assert_eq!(plan(&bench, &new), ["remove vrrp_instance VI_1"]);
    bench.give(Input::Reload(&new));
    assert_eq!(bench.adverts(), [0]);
    assert_eq!(bench.notified(), ["/bin/fault", "/bin/generic INSTANCE VI_1 FAULT 100"]);
    assert_eq!(bench.stack.managed_addresses().len(), 1);
    assert_eq!(bench.desired(), [""; 0]);
}

#[test]
fn an_added_instance_starts_as_at_start() {
    let mut bench = Bench::master(&only(instance(100)));
    let mut other = instance(100);
    (other.name, other.vrid) = ("VI_2".into(), base::Vrid::new(52).unwrap());
    let new = Vrrp { instances: vec![other, instance(100)].into(), ..Vrrp::default() };
    assert_eq!(plan(&bench, &new), ["add vrrp_instance VI_2"]);
    bench.give(Input::Reload(&new));
    assert!(bench.log().contains(&"(VI_2) Entering BACKUP STATE (init)".to_owned()));
    let states: Vec<bool> = bench.stack.routers().iter().map(|r| r.state().is_master()).collect();
    assert_eq!(states, [false, true], "the order of the file, the state of the instance");
}

#[test]
fn another_identity_is_another_instance() {
    let mut bench = Bench::master(&only(instance(100)));
    let mut new = instance(100);
    new.vrid = base::Vrid::new(52).unwrap();
    let new = only(new);
    assert_eq!(plan(&bench, &new), ["remove vrrp_instance VI_1", "add vrrp_instance VI_1"]);
    bench.give(Input::Reload(&new));
    assert_eq!((bench.state(), bench.adverts()), ("BACKUP", vec![0]));
    let addresses = bench.stack.managed_addresses();
    assert_eq!(addresses.len(), 1, "the address changed hands and is nobody's left-over");
}

/// From where to where the adverts since the last look went, and their priorities.
fn ways(bench: &mut Bench) -> Vec<(IpAddr, IpAddr, u8)> {
    let sent = bench.out.iter().filter_map(|output| match output {
        Output::SendAdvert(advert) => {
            let datagram = wire::ipv4::parse(&advert.datagram).unwrap();
            Some((advert.source, advert.destination, datagram.payload[2]))
        }
        _ => None,
    });
    let sent = sent.collect();
    bench.out.clear();
    sent
}

#[test]
fn a_master_stays_master_when_its_source_or_its_way_changes() {
    let group = IpAddr::from(wire::vrrp::GROUP_V4);
    let (other, peer) = (IpAddr::from([10, 9, 0, 6]), IpAddr::from(LOW));
    let peers = Unicast {
        peers: vec![UnicastPeer { address: peer, min_ttl: 0, max_ttl: 255 }],
        ..Unicast::default()
    };
    let moved = Instance { source: Some(other), ..instance(100) };
    let unicast = Instance { unicast: Some(peers), ..instance(100) };
    let cases = [
        (instance(100), moved, (other, group, 100)),
        (instance(100), unicast.clone(), (IpAddr::from(OURS), peer, 100)),
        (unicast, instance(100), (IpAddr::from(OURS), group, 100)),
    ];
    for (before, after, way) in cases {
        let mut bench = Bench::master(&only(before));
        bench.give(Input::Reload(&only(after)));
        assert_eq!((bench.state(), bench.notified().len()), ("MASTER", 0));
        assert_eq!(bench.desired(), ["10.9.0.160/24"]);
        bench.give(Input::Timeout);
        assert_eq!(ways(&mut bench), [way], "at once, for whom nobody has heard there");
        bench.run(SECOND);
        assert_eq!(ways(&mut bench), [way]);
    }
}

#[test]
fn another_priority_takes_effect_at_once() {
    let mut bench = Bench::master(&only(instance(100)));
    let new = only(instance(90));
    assert_eq!(plan(&bench, &new), ["change vrrp_instance VI_1"]);
    bench.give(Input::Reload(&new));
    bench.give(Input::Timeout);
    assert_eq!((bench.state(), bench.adverts()), ("MASTER", vec![90]));
}

#[test]
fn another_interval_winds_a_backup_up_again() {
    let mut bench = Bench::new(&only(instance(100)));
    bench.run(Duration::from_secs(2));
    let mut new = instance(100);
    new.advert_interval = Duration::from_secs(3);
    bench.give(Input::Reload(&only(new)));
    bench.run(Duration::from_micros(9_609_374));
    assert_eq!(bench.state(), "BACKUP");
    bench.run(Duration::from_micros(1));
    assert_eq!(bench.state(), "MASTER");
}

/// A backup of version 3 with an interval of 0.1 s, whose master speaks each second.
fn backup_of_a_slow_master() -> (Bench, Instance) {
    let mut config = instance(100);
    config.version = control_plane::model::Version::V3;
    config.advert_interval = Duration::from_millis(100);
    let mut bench = Bench::new(&only(config.clone()));
    bench.hear_advert(HIGH, 150, |advert| advert.body = wire::vrrp::Body::V3 { centis: 100 });
    (bench, config)
}

#[test]
fn a_reload_does_not_forget_how_often_the_master_speaks() {
    let changes: [fn(&mut Instance); 2] = [
        |new| new.priority = base::Priority::new(101).unwrap(),
        |new| new.advert_interval = Duration::from_millis(200),
    ];
    for change in changes {
        let (mut bench, mut config) = backup_of_a_slow_master();
        change(&mut config);
        bench.run(Duration::from_millis(900));
        bench.give(Input::Reload(&only(config)));
        bench.run(Duration::from_millis(2_700));
        assert_eq!(bench.state(), "BACKUP", "3 s and the skew after it was heard");
        bench.run(Duration::from_millis(100));
        assert_eq!(bench.state(), "MASTER", "the reload was no sign of life");
    }
}

#[test]
fn a_reload_that_counts_more_adverts_counts_those_of_the_master() {
    let (mut bench, mut config) = backup_of_a_slow_master();
    config.down_timer_adverts = 5;
    bench.give(Input::Reload(&only(config)));
    bench.run(Duration::from_millis(5_600));
    assert_eq!(bench.state(), "BACKUP");
    bench.run(Duration::from_millis(100));
    assert_eq!(bench.state(), "MASTER");
}

#[test]
fn a_master_refreshes_as_the_new_configuration_says() {
    let refreshing = |seconds: u64| {
        let mut config = instance(100);
        config.garp.refresh = Duration::from_secs(seconds);
        only(config)
    };
    for (before, after, first) in [(0, 60, Some(60)), (3_600, 10, Some(10)), (60, 0, None)] {
        let mut bench = Bench::master(&refreshing(before));
        bench.run(Duration::from_secs(10));
        bench.give(Input::Reload(&refreshing(after)));
        bench.announced();
        let seen = (1..=70).find(|_| {
            bench.run(SECOND);
            !bench.announced().is_empty()
        });
        assert_eq!(seen, first, "from {before} to {after}");
    }
}

#[test]
fn scripts_keep_their_verdict_by_name() {
    let script = |name: &str| {
        let mut script = VrrpScript::new(name, command("/bin/chk"));
        script.weight = Weight::new(10).unwrap();
        script
    };
    let mut bench = Bench::new(&with_script(instance(100), script("chk")));
    let run = bench.started()[0];
    bench.exit(run, 0);
    bench.out.clear();

    let mut new = with_script(instance(100), script("chk"));
    new.scripts.insert(0, script("unused"));
    new.instances[0].track_scripts[0].script = ScriptId(1);
    bench.give(Input::Reload(&new));
    assert_eq!(bench.log(), ["VRRP_Script(chk) considered successful on reload"]);
    assert_eq!(bench.stack.routers()[0].priority().get(), 110);
    bench.run(Duration::from_secs(1));
    assert_eq!(bench.started().len(), 1, "and it goes on");
}

#[test]
fn a_script_nobody_tracks_any_longer_is_ended() {
    let chk = VrrpScript::new("chk", command("/bin/chk"));
    let mut bench = Bench::new(&with_script(instance(100), chk));
    let new = only(instance(100));
    assert_eq!(plan(&bench, &new), ["change vrrp_instance VI_1", "remove vrrp_script chk"][..]);
    bench.give(Input::Reload(&new));
    assert_eq!(bench.state(), "BACKUP", "its fault is gone with it");
    assert!(bench.out.iter().any(|output| matches!(output, crate::Output::KillScript { .. })));
}

#[test]
fn causes_keep_their_names_when_the_numbers_of_a_configuration_move() {
    let script = |name: &str| VrrpScript::new(name, command("/bin/chk"));
    let tracking = |names: &[&str]| {
        let mut config = instance(100);
        let track = |at| model::TrackScript {
            script: ScriptId(at),
            weight: Weight::default(),
            reverse: false,
        };
        config.track_scripts = (0..names.len()).map(track).collect();
        Vrrp { scripts: names.iter().map(|name| script(name)).collect(), ..only(config) }
    };
    let of_b: &[&str] = &[];
    let of_a: &[&str] = &["(VI_1) fault is over: script a is down"];
    for (down, said) in [("b", of_b), ("a", of_a)] {
        let mut bench = Bench::new(&tracking(&["a", "b"]));
        for (name, run) in ["a", "b"].into_iter().zip(bench.started()) {
            bench.exit(run, i32::from(name == down));
        }
        assert_eq!(bench.state(), "FAULT");
        bench.causes();
        bench.give(Input::Reload(&tracking(&["b"])));
        assert_eq!(bench.causes(), said);
        assert_eq!(bench.state(), if down == "b" { "FAULT" } else { "BACKUP" });
    }
}

/// Signals to scripts since the last look.
fn signals(bench: &mut Bench) -> Vec<(RunId, KillSignal)> {
    let signals = bench.out.iter().filter_map(|output| match output {
        Output::KillScript { run, signal } => Some((*run, *signal)),
        _ => None,
    });
    let signals = signals.collect();
    bench.out.clear();
    signals
}

#[test]
fn a_script_that_a_reload_ends_is_killed_when_it_does_not_hear() {
    let before = with_script(instance(100), VrrpScript::new("chk", command("/bin/chk")));
    let other = with_script(instance(100), VrrpScript::new("chk", command("/bin/other")));
    for after in [only(instance(100)), other] {
        for hears in [false, true] {
            let mut bench = Bench::new(&before);
            let run = bench.started()[0];
            bench.give(Input::Reload(&after));
            assert_eq!(signals(&mut bench), [(run, KillSignal::Term)]);
            if hears {
                bench.give(Input::ScriptsEnded(&[run].into()));
            }
            bench.run(SECOND);
            let killed = signals(&mut bench).contains(&(run, KillSignal::Kill));
            assert_eq!(killed, !hears);
            bench.run(Duration::from_secs(3));
            assert!(!signals(&mut bench).contains(&(run, KillSignal::Kill)), "once");
        }
    }
}

#[test]
fn a_removed_instance_reports_deleted_if_that_was_asked_for() {
    let mut config = instance(100);
    config.notify.report_deleted = true;
    config.notify.deleted = Some(command("/bin/deleted"));
    let mut bench = Bench::master(&only(config));
    bench.give(Input::Reload(&Vrrp::default()));
    assert_eq!(bench.notified(), ["/bin/deleted", "/bin/generic INSTANCE VI_1 DELETED 100"]);
}
