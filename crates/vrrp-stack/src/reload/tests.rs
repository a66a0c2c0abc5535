use base::{Duration, Weight};

use crate::fixture::*;
use crate::input::Input;
use crate::output::Output;

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
fn a_removed_instance_reports_deleted_if_that_was_asked_for() {
    let mut config = instance(100);
    config.notify.report_deleted = true;
    config.notify.deleted = Some(command("/bin/deleted"));
    let mut bench = Bench::master(&only(config));
    bench.give(Input::Reload(&Vrrp::default()));
    assert_eq!(bench.notified(), ["/bin/deleted", "/bin/generic INSTANCE VI_1 DELETED 100"]);
}
