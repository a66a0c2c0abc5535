//! `vip_lease`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base::{Duration, IfIndex, Instant};
use control_plane::model::split_brain::Lease;
use control_plane::model::{Instance, Vrrp};

use crate::fixture::*;
use crate::input::Input;
use crate::output::Output;
use crate::stack::{Stack, Surroundings};

fn leased(priority: u8) -> Instance {
    let mut instance = instance(priority);
    instance.split_brain.lease = Some(Lease::Auto);
    instance
}

/// Moves the clock on with a kernel that takes adverts, or not; how often it was told to renew.
fn run(bench: &mut Bench, span: Duration, adverts_leave: bool) -> usize {
    let end = bench.now + span;
    let mut renewals = 0;
    while let Some(due) = bench.stack.next_timeout().filter(|due| *due <= end) {
        bench.now = bench.now.max(due);
        bench.give(Input::Timeout);
        renewals += tell(bench, adverts_leave);
    }
    bench.now = end;
    renewals
}

fn tell(bench: &mut Bench, adverts_leave: bool) -> usize {
    let sent = bench.out.iter().any(|output| matches!(output, Output::SendAdvert(_)));
    bench.adverts();
    if sent && adverts_leave {
        bench.give(Input::AdvertLeft { instance: "VI_1" });
    }
    bench.stack.take_renewals().len()
}

fn master(config: &Vrrp) -> Bench {
    let mut bench = Bench::new(config);
    run(&mut bench, Duration::from_secs(15), true);
    assert_eq!(bench.state(), "MASTER");
    bench.log();
    bench
}

#[test]
fn adverts_that_leave_renew_the_lease_for_ever() {
    let mut bench = master(&only(leased(100)));
    assert_eq!(bench.stack.desired_addresses()[0].lease, Some(3));
    assert_eq!(run(&mut bench, Duration::from_secs(3_600), true), 3_600, "once a second");
    assert_eq!(bench.desired(), ["10.9.0.160/24"]);
    assert_eq!(bench.log(), [] as [&str; 0]);
}

#[test]
fn adverts_that_do_not_leave_cost_the_addresses_and_one_that_leaves_brings_them_back() {
    let mut bench = master(&only(leased(100)));
    bench.announced();
    let before = bench.stack.wants_generation();
    run(&mut bench, Duration::from_secs(10), false);
    assert_eq!(bench.desired(), [] as [&str; 0]);
    assert!(bench.stack.wants_generation() > before);
    assert_eq!(bench.state(), "MASTER", "it goes on trying");
    assert_eq!(bench.stack.routers()[0].statistics().split_brain.leases_ended, 1);
    assert_eq!(
        bench.log(),
        ["(VI_1) no advert has left for 3 s: the lease of the addresses has ended"]
    );
    assert_eq!(
        bench.announced(),
        [] as [std::net::IpAddr; 0],
        "what is not there is not announced"
    );
    run(&mut bench, Duration::from_secs(2), true);
    assert_eq!(bench.desired(), ["10.9.0.160/24"]);
    assert_eq!(bench.announced().len(), 5);
    assert!(bench.log().iter().any(|line| line.contains("the addresses have a lease again")));
}

#[test]
fn a_process_that_slept_comes_back_with_an_advert_first() {
    let mut bench = master(&only(leased(100)));
    bench.freeze(Duration::from_secs(30));
    bench.give(Input::Timeout);
    assert_eq!(bench.desired(), [] as [&str; 0]);
    tell(&mut bench, true);
    assert_eq!(bench.desired(), ["10.9.0.160/24"]);
}

#[test]
fn the_first_advert_of_a_successor_renews_what_the_predecessor_left() {
    let bench = master(&only(leased(100)));
    let known = bench.stack.snapshot();
    let mut successor = Bench::on(&only(leased(100)), &[eth0()], Some(&known));
    assert_eq!(successor.desired(), ["10.9.0.160/24"], "there was no gap");
    successor.give(Input::Timeout);
    assert_eq!(tell(&mut successor, true), 1);
}

/// Found by the simulator: a successor that did not know it put the addresses back for another lease.
#[test]
fn a_successor_does_not_bring_back_what_the_kernel_has_removed() {
    let known = master(&only(leased(100))).stack.snapshot();
    let successor = |held: &BTreeSet<(IfIndex, IpAddr)>| {
        let around = Surroundings { held: Some(held), ..Surroundings::default() };
        let (now, mut out) = (Instant::from_micros(1_000_000_000), Vec::new());
        let config = only(leased(100));
        let stack = Stack::new_in(now, &config, &[eth0()], Some(&known), around, &mut out);
        Bench { stack, now, out }
    };
    let address: IpAddr = "10.9.0.160".parse().unwrap();
    let mut late = successor(&BTreeSet::new());
    assert_eq!(late.desired(), [] as [&str; 0]);
    run(&mut late, Duration::from_secs(2), true);
    assert_eq!(late.desired(), ["10.9.0.160/24"], "an advert has left");

    let mut mute = successor(&BTreeSet::from([(eth0().index, address)]));
    assert_eq!(mute.desired(), ["10.9.0.160/24"]);
    run(&mut mute, SECOND, false);
    mute.give(Input::AddressRepaired(eth0().index, address));
    assert_eq!(mute.desired(), [] as [&str; 0], "the predecessor's lease has ended");
    run(&mut mute, Duration::from_secs(2), true);
    assert_eq!(mute.desired(), ["10.9.0.160/24"]);
    mute.give(Input::AddressRepaired(eth0().index, address));
    assert_eq!(mute.desired(), ["10.9.0.160/24"], "somebody has removed it");
}

#[test]
fn another_lease_does_not_bring_back_what_has_ended() {
    let mut bench = master(&only(leased(100)));
    run(&mut bench, Duration::from_secs(10), false);
    let mut longer = leased(100);
    longer.split_brain.lease = Some(Lease::Seconds(9));
    bench.give(Input::Reload(&only(longer)));
    assert_eq!(bench.desired(), [] as [&str; 0]);
    run(&mut bench, Duration::from_secs(2), true);
    assert_eq!(bench.desired(), ["10.9.0.160/24"]);
}

#[test]
fn a_reload_gives_and_takes_a_lease_of_a_master() {
    let mut bench = master(&only(instance(100)));
    assert_eq!(bench.stack.desired_addresses()[0].lease, None);
    bench.give(Input::Reload(&only(leased(100))));
    assert_eq!(bench.stack.desired_addresses()[0].lease, Some(3));
    assert_eq!(run(&mut bench, Duration::from_secs(10), true), 10);
    bench.give(Input::Reload(&only(instance(100))));
    run(&mut bench, Duration::from_secs(10), false);
    assert_eq!(bench.desired(), ["10.9.0.160/24"]);
}

#[test]
fn without_the_keyword_nothing_of_it_happens() {
    let mut bench = Bench::master(&only(instance(100)));
    bench.run(Duration::from_secs(60));
    assert_eq!(bench.desired(), ["10.9.0.160/24"]);
    assert_eq!(bench.stack.take_renewals(), []);
}
