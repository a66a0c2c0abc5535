//! What the stack does, seen from outside: RFC 9568 section 6.4 and what keepalived logs.

mod arbitration;
mod conflict;
mod election;
mod heartbeat;
mod hmac;
mod identity;
mod ipv6;
mod lease;
mod lengths;
mod outside;
mod own_links;
mod reception;
mod rfc9568;
mod table;
mod tracking;
mod unicast;

use base::Duration;
use control_plane::model::network::{Route, Rule};
use control_plane::model::vrrp::TrackGroup;
use control_plane::model::{Vrrp, VrrpScript};

use crate::fixture::*;
use crate::input::{Input, Packet};
use crate::output::Output;
use crate::snapshot::Snapshot;

#[test]
fn a_new_master_sends_its_advert_before_anything_else() {
    let mut bench = Bench::new(&only(instance(100)));
    bench.out.clear();
    bench.run(Duration::from_micros(3_609_375));
    let kinds: Vec<&str> = bench
        .out
        .iter()
        .map(|output| match output {
            Output::SendAdvert(_) => "advert",
            Output::Announce { .. } => "announce",
            Output::Notify(_) => "notify",
            Output::Log(_) => "log",
            Output::StartScript { .. } | Output::KillScript { .. } => "script",
            Output::Probe { .. } | Output::ProbeAddress { .. } => "probe",
        })
        .filter(|kind| *kind != "log")
        .collect();
    assert_eq!(
        kinds,
        ["advert", "notify", "announce", "announce", "announce", "announce", "announce"]
    );
    assert_eq!(bench.desired(), ["10.9.0.160/24"]);
}

#[test]
fn the_advert_is_the_one_that_keepalived_sends() {
    let mut config = instance(100);
    config.virtual_addresses = vec![vip("10.9.0.202/32"), vip("10.9.0.212/32")];
    config.authentication = control_plane::model::Authentication::Pass(*b"abc\0\0\0\0\0");
    let mut bench = Bench::new(&only(config));
    bench.run(Duration::from_secs(5));
    let sent: Vec<Vec<u8>> = bench
        .out
        .iter()
        .filter_map(|output| match output {
            Output::SendAdvert(advert) => Some(advert.datagram.clone()),
            _ => None,
        })
        .collect();
    let identification = |bytes: &[u8]| u16::from_be_bytes([bytes[4], bytes[5]]);
    assert_eq!(sent.iter().map(|b| identification(b)).collect::<Vec<_>>(), [1, 2], "counts from 1");
    assert_eq!(sent[0][..4], [0x45, 0xc0, 0, 44]);
    assert_eq!(sent[0][6..10], [0, 0, 255, 112], "no flags, TTL 255, protocol 112");
    assert_eq!(sent[0][20..26], [0x21, 51, 100, 2, 1, 1]);
    assert_eq!(sent[0][28..], [10, 9, 0, 202, 10, 9, 0, 212, b'a', b'b', b'c', 0, 0, 0, 0, 0]);
}

#[test]
fn a_stop_says_goodbye_and_leaves_nothing_behind() {
    let mut bench = Bench::master(&only(instance(100)));
    bench.give(Input::Stop);
    assert_eq!(bench.adverts(), [0]);
    assert_eq!(bench.log(), ["(VI_1) sent 0 priority", "(VI_1) removing VIPs."]);
    assert_eq!(bench.notified(), ["/bin/stop", "/bin/generic INSTANCE VI_1 STOP 100"]);
    assert_eq!(bench.desired(), [""; 0]);
    assert_eq!(bench.stack.managed_addresses().len(), 1, "what is there has to be removed");
    assert_eq!(bench.stack.next_timeout(), None);
    assert!(bench.stack.desired_sockets().is_empty());
}

#[test]
fn a_backup_that_stops_has_nobody_to_say_goodbye_to() {
    let mut bench = Bench::new(&only(instance(100)));
    bench.give(Input::Stop);
    assert_eq!(bench.adverts(), [0; 0]);
}

#[test]
fn a_resumed_master_stays_master_and_speaks_at_once() {
    let config = only(instance(100));
    let mut first = Bench::master(&config);
    let told: Snapshot = first.stack.take_changes().into_iter().collect();
    assert_eq!(told.instances[0].state, *first.stack.routers()[0].state());

    let mut second = Bench::on(&config, &[eth0()], Some(&told));
    assert_eq!(second.state(), "MASTER");
    assert_eq!(second.adverts(), [100], "before any backup times out");
    assert_eq!(second.notified(), [""; 0], "nothing has changed for anybody");
    assert_eq!(second.desired(), ["10.9.0.160/24"]);
    assert_eq!(second.stack.routers()[0].statistics().become_master, 1, "counters go on");
}

#[test]
fn a_resumed_backup_waits_its_full_time_again() {
    let config = only(instance(100));
    let mut first = Bench::new(&config);
    first.hear(HIGH, 150);
    let told: Snapshot = first.stack.take_changes().into_iter().collect();
    let mut second = Bench::on(&config, &[eth0()], Some(&told));
    second.run(Duration::from_millis(3_609));
    assert_eq!(second.state(), "BACKUP");
    second.hear(HIGH, 150);
    assert_eq!(second.log(), [""; 0], "the master is known");
}

#[test]
fn a_resumed_master_without_its_link_goes_to_fault() {
    let config = only(instance(100));
    let told = Bench::master(&config).stack.snapshot();
    let second = Bench::on(&config, &[down(eth0())], Some(&told));
    assert_eq!(second.state(), "FAULT");
    assert_eq!(second.desired(), [""; 0]);
}

#[test]
fn a_resumed_fault_is_not_told_again() {
    let config = only(instance(100));
    let mut first = Bench::on(&config, &[down(eth0())], None);
    let told: Snapshot = first.stack.take_changes().into_iter().collect();
    let mut second = Bench::on(&config, &[down(eth0())], Some(&told));
    assert_eq!((second.state(), second.notified().len()), ("FAULT", 0));
    let healed = Bench::on(&config, &[eth0()], Some(&told));
    assert_eq!(healed.state(), "BACKUP");
}

#[test]
fn another_identity_is_not_resumed() {
    let told = Bench::master(&only(instance(100))).stack.snapshot();
    let mut other = instance(100);
    other.name = "VI_2".into();
    assert_eq!(Bench::on(&only(other), &[eth0()], Some(&told)).state(), "BACKUP");
}

#[test]
fn changes_are_told_once_and_an_advert_alone_is_no_change() {
    let mut bench = Bench::master(&only(instance(100)));
    assert_eq!(bench.stack.take_changes().len(), 1);
    bench.run(Duration::from_secs(5));
    assert_eq!(bench.stack.take_changes(), []);
}

#[test]
fn counters_and_sequence_numbers_are_told_along_every_ten_seconds() {
    let mut bench = Bench::master(&only(instance(100)));
    bench.stack.take_changes();
    let mut told = Vec::new();
    for _ in 0..40 {
        bench.run(SECOND);
        told.extend(bench.stack.take_changes());
    }
    assert_eq!(told.len(), 4);
    let known: Snapshot = told.into_iter().collect();
    let known = &known.instances[0];
    assert!(known.statistics.advert_sent >= 30 && known.sequence >= 30, "{known:?}");
}

#[test]
fn adverts_of_unknown_routers_are_told_when_asked_for() {
    let log_unknown_vrids = true;
    let mut bench = Bench::new(&Vrrp { log_unknown_vrids, ..only(instance(100)) });
    bench.out.clear();
    bench.hear_bytes(HIGH, 255, &[0x21, 52, 100, 0, 0, 1, 0, 0]);
    assert_eq!(bench.log(), ["unknown VRID 52 received from 10.9.0.9 on eth0"]);
    bench.give(Input::Reload(&only(instance(100))));
    bench.out.clear();
    bench.hear_bytes(HIGH, 255, &[0x21, 52, 100, 0, 0, 1, 0, 0]);
    assert_eq!(bench.log(), [""; 0]);
}

#[test]
fn pipes_hear_all_states_again_after_a_reload_when_asked_for() {
    let mut bench = Bench::master(&only(instance(100)));
    let again = Vrrp { fifo_states_on_reload: true, ..only(instance(100)) };
    bench.give(Input::Reload(&again));
    let told: Vec<(String, usize)> = bench
        .out
        .iter()
        .filter_map(|output| match output {
            Output::Notify(news) => Some((news.line(), news.commands.len())),
            _ => None,
        })
        .collect();
    assert_eq!(told, [("INSTANCE \"VI_1\" MASTER 100\n".to_owned(), 0)]);
    bench.out.clear();
    bench.give(Input::Reload(&only(instance(100))));
    assert!(!bench.out.iter().any(|output| matches!(output, Output::Notify(_))));
}

#[test]
fn everything_that_a_master_gets_and_loses_is_said_in_keepaliveds_order() {
    let mut config = instance(100);
    config.excluded_addresses = vec![vip("10.9.0.161/24")];
    config.routes = vec![Route::default()];
    config.rules = vec![Rule::default()];
    let mut bench = Bench::new(&only(config));
    bench.run(Duration::from_secs(4));
    let log = bench.log();
    let of = |log: &[String], word: &str| -> Vec<String> {
        log.iter().filter(|line| line.contains(word)).cloned().collect()
    };
    assert_eq!(
        of(&log, " setting "),
        [
            "(VI_1) setting VIPs.",
            "(VI_1) setting E-VIPs.",
            "(VI_1) setting Virtual Routes",
            "(VI_1) setting Virtual Rules",
        ]
    );
    bench.hear(HIGH, 200);
    assert_eq!(
        of(&bench.log(), " removing "),
        [
            "(VI_1) removing Virtual Rules",
            "(VI_1) removing Virtual Routes",
            "(VI_1) removing VIPs.",
            "(VI_1) removing E-VIPs.",
        ]
    );
}

#[test]
fn packets_for_nobody_are_counted_and_nothing_else() {
    let mut bench = Bench::new(&only(instance(100)));
    bench.out.clear();
    bench.hear_bytes(HIGH, 255, &[0x21, 52, 100]);
    bench.hear_bytes(HIGH, 255, &[0x21, 52, 100, 0, 0, 1, 0, 0]);
    bench.give(Input::Packet { index: eth0().index, packet: Packet::Ipv4(&[]) });
    let stray = bench.stack.stray_statistics();
    assert_eq!((stray.unreadable, stray.unknown_vrid), (2, 1));
    assert_eq!(bench.out, []);
}

#[test]
fn a_repaired_address_is_announced_again() {
    let mut bench = Bench::master(&only(instance(100)));
    let index = eth0().index;
    bench.give(Input::AddressRepaired(index, "10.9.0.160".parse().unwrap()));
    bench.give(Input::AddressRepaired(index, "10.9.0.99".parse().unwrap()));
    assert_eq!(bench.announced(), ["10.9.0.160".parse::<std::net::IpAddr>().unwrap(); 5]);
}

#[test]
fn an_address_nobody_may_talk_to_is_guarded_while_it_is_here() {
    let mut config = instance(100);
    config.accept = false;
    let mut bench = Bench::new(&only(config.clone()));
    assert!(bench.stack.dropped_addresses().is_empty());
    bench.run(Duration::from_secs(4));
    assert_eq!(bench.stack.dropped_addresses().len(), 1);

    config.priority = base::Priority::OWNER;
    let owner = Bench::new(&only(config));
    assert!(owner.stack.dropped_addresses().is_empty(), "the owner accepts always");
}

#[test]
fn addresses_on_another_interface_wait_for_it() {
    let mut config = instance(100);
    config.virtual_addresses[0].interface = "eth1".into();
    let mut bench = Bench::master(&only(config));
    assert!(bench.stack.managed_addresses().is_empty());
    let eth1 = crate::Link { index: base::IfIndex::new(3).unwrap(), name: "eth1".into(), ..eth0() };
    bench.give(Input::Link(eth1.clone()));
    let desired = bench.stack.desired_addresses();
    assert_eq!(desired.first().unwrap().index, eth1.index);
}

#[test]
fn an_empty_configuration_has_nothing_to_do() {
    let bench = Bench::new(&Vrrp::default());
    assert_eq!((bench.stack.next_timeout(), bench.out.len()), (None, 0));
}

#[test]
fn the_generation_grows_with_what_is_wanted_and_not_with_adverts() {
    let mut bench = Bench::new(&only(instance(100)));
    let mut last = 0;
    let mut grown = |bench: &Bench| {
        let now = bench.stack.wants_generation();
        std::mem::replace(&mut last, now) < now
    };
    assert!(grown(&bench));
    bench.hear(HIGH, 150);
    bench.run(SECOND);
    assert!(!grown(&bench), "a backup that hears its master wants nothing new");
    bench.run(Duration::from_secs(4));
    assert!(grown(&bench), "master");
    bench.run(Duration::from_secs(60));
    assert!(!grown(&bench), "adverts and announcements");
    bench.give(Input::Link(down(eth0())));
    assert!(grown(&bench), "fault");
    bench.give(Input::Stop);
    assert!(grown(&bench), "stop");
}

#[test]
fn excluded_addresses_are_held_and_announced_but_not_advertised() {
    let mut config = instance(100);
    config.excluded_addresses = vec![vip("10.9.0.170/32")];
    let mut bench = Bench::master(&only(config));
    assert_eq!(bench.desired(), ["10.9.0.160/24", "10.9.0.170/32"]);
    bench.run(SECOND);
    let advert = bench.out.iter().find_map(|output| match output {
        Output::SendAdvert(advert) => Some(advert.datagram.clone()),
        _ => None,
    });
    assert_eq!(advert.unwrap()[23], 1, "one address is listed");
    bench.run(Duration::from_secs(10));
    assert_eq!(bench.announced().len(), 10, "the second burst");
}

#[test]
fn how_long_an_address_may_be_a_source_is_what_the_configuration_says() {
    let mut config = instance(100);
    let single =
        control_plane::model::VirtualAddress { preferred_lifetime: Some(0), ..vip("fe80::53/128") };
    config.excluded_addresses = vec![single, vip("2001:db8::54/128"), vip("2001:db8::53/64")];
    let bench = Bench::master(&only(config));
    let desired = bench.stack.desired_addresses();
    let told: Vec<_> =
        desired.iter().map(|d| (d.net.to_string(), d.nodad, d.preferred_lifetime)).collect();
    assert_eq!(
        told,
        [
            ("10.9.0.160/24".to_owned(), false, None),
            ("fe80::53/128".to_owned(), true, Some(0)),
            ("2001:db8::54/128".to_owned(), true, None),
            ("2001:db8::53/64".to_owned(), true, None),
        ]
    );
}

#[test]
fn a_link_that_is_told_again_as_it_was_changes_nothing() {
    let mut bench = Bench::master(&only(instance(100)));
    let before = bench.stack.clone();
    bench.give(Input::Link(eth0()));
    assert_eq!(bench.stack, before);
}

#[test]
fn addresses_are_wanted_in_the_order_of_the_file_and_once() {
    let mut config = instance(100);
    config.virtual_addresses = ["10.9.0.9/24", "10.9.0.1/24", "10.9.0.9/24"].map(vip).into();
    assert_eq!(Bench::master(&only(config)).desired(), ["10.9.0.9/24", "10.9.0.1/24"]);
}

#[test]
fn a_startup_delay_lets_nothing_begin() {
    let config = Vrrp { startup_delay: Duration::from_secs(10), ..only(instance(255)) };
    let mut bench = Bench::on(&config, &[], None);
    bench.give(Input::Link(eth0()));
    bench.hear(HIGH, 200);
    bench.run(Duration::from_millis(9_999));
    assert_eq!((bench.state(), bench.out.len()), ("INIT", 0));
    assert_eq!(bench.stack.desired_sockets().len(), 1);
    bench.run(Duration::from_millis(1));
    assert_eq!((bench.state(), bench.adverts()), ("MASTER", vec![255]));
    assert_eq!(bench.log()[0], "Delayed start completed");
}

#[test]
fn a_successor_does_not_wait_again() {
    let config = Vrrp { startup_delay: Duration::from_secs(10), ..only(instance(100)) };
    let told = Bench::master(&only(instance(100))).stack.snapshot();
    assert_eq!(Bench::on(&config, &[eth0()], Some(&told)).state(), "MASTER");
}

#[test]
fn a_reload_or_a_stop_in_the_startup_delay_is_obeyed() {
    let config = Vrrp { startup_delay: Duration::from_secs(10), ..only(instance(100)) };
    let mut bench = Bench::on(&config, &[eth0()], None);
    let mut other = instance(200);
    other.name = "VI_2".into();
    bench.run(SECOND);
    bench.give(Input::Reload(&only(other)));
    bench.run(Duration::from_secs(9));
    assert_eq!(bench.stack.routers()[0].config().name, "VI_2");
    assert_eq!(bench.state(), "BACKUP", "the delay counts from the start");

    let mut bench = Bench::on(&config, &[eth0()], None);
    bench.give(Input::Stop);
    assert_eq!(bench.stack.next_timeout(), None);
}

#[test]
fn a_reload_that_takes_the_startup_delay_out_starts_nothing_before_its_time() {
    let script = || {
        let mut script = VrrpScript::new("chk", command("/bin/chk"));
        (script.interval, script.timeout) = (SECOND, SECOND);
        script
    };
    let before = with_script(instance(100), script());
    let before = Vrrp { startup_delay: Duration::from_secs(10), ..before };
    let mut bench = Bench::on(&before, &[eth0()], None);
    bench.run(Duration::from_secs(2));
    bench.give(Input::Reload(&with_script(instance(100), script())));
    assert_eq!((bench.started().len(), bench.state()), (0, "INIT"));
    bench.run(Duration::from_secs(8));
    let runs = bench.started();
    assert_eq!(runs.len(), 1);
    bench.exit(runs[0], 0);
    let lines = [
        "Delayed start completed",
        "(VI_1) removing VIPs.",
        "VRRP_Script(chk) succeeded",
        "(VI_1) Entering BACKUP STATE",
    ];
    assert_eq!(bench.log(), lines);
    assert_eq!(bench.notified(), ["/bin/backup", "/bin/generic INSTANCE VI_1 BACKUP 100"]);
}

#[test]
fn what_is_missing_before_the_delayed_start_is_known_after_a_reload() {
    let mut config = only(instance(100));
    config.track_groups = vec![TrackGroup { name: "T".into(), members: vec!["VI_1".into()] }];
    let delayed = Vrrp { startup_delay: Duration::from_secs(10), ..config.clone() };
    let mut bench = Bench::on(&delayed, &[eth0()], None);
    bench.give(Input::StaticsMissing(&["T".to_owned()].into()));
    bench.give(Input::Reload(&config));
    bench.run(Duration::from_secs(10));
    assert_eq!(bench.state(), "FAULT");
}

#[test]
fn a_delay_after_boot_counts_from_the_boot() {
    let config = Vrrp { delay_after_boot: Duration::from_secs(1_003), ..only(instance(100)) };
    let mut bench = Bench::on(&config, &[eth0()], None);
    bench.run(Duration::from_secs(2));
    assert_eq!(bench.state(), "INIT");
    bench.run(SECOND);
    assert_eq!(bench.state(), "BACKUP", "the bench was booted 1000 s before it starts");
}
