//! A reload: what is the same goes on, what is new begins as at a start, what is gone is told.

mod common;

use base::Duration;
use checkers::{Input, StateChange};
use common::{World, alpha, at, checked, inhibited, lvs, server, service, tcp};
use control_plane::model::checks::Checker;
use control_plane::model::lvs::{
    GroupId, Protocol, RealServer, Scheduler, ServerGroup, ServiceAddress, SorryServer, Tunnel,
    VirtualServer,
};
use control_plane::model::{ForwardingMethod, GroupNames, Lvs};

/// Two services; of the four servers, 127.0.0.2 and .4 are up after the first check.
fn running() -> (Lvs, World) {
    let config = lvs(vec![
        service(
            "10.1.0.100:80",
            vec![checked("127.0.0.2:80", 1, 1), checked("127.0.0.3:80", 1, 1)],
        ),
        service(
            "10.1.0.101:80",
            vec![checked("127.0.0.4:80", 1, 1), inhibited(checked("127.0.0.9:80", 1, 1))],
        ),
    ]);
    let mut world = World::new(&config);
    world.listening.extend(["127.0.0.2:80", "127.0.0.4:80"].map(at));
    world.run_until(2_000);
    world.take_lines();
    world.machine.take_touched();
    world.machine.take_changes();
    (config, world)
}

fn with_servers(service: &VirtualServer, real_servers: Vec<RealServer>) -> VirtualServer {
    VirtualServer { real_servers, ..service.clone() }
}

#[test]
fn a_reload_that_changes_nothing_touches_nothing_and_disturbs_no_check() {
    let (config, mut world) = running();
    let mut before = world.machine.clone();
    assert_eq!(world.plan(&config), []);
    world.reload(&config);
    let lines = world.take_lines();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("Activating healthchecker")), "{lines:?}");
    assert!(world.machine.take_touched().is_empty());
    assert!(world.machine.take_changes().is_empty());
    before.take_touched();
    assert_eq!(world.machine.snapshot(), before.snapshot());
    assert_eq!(world.machine.next_timeout(), before.next_timeout());
    world.run_until(4_500);
    assert_eq!(world.probed.iter().filter(|probe| probe.0 == 4_000).count(), 4);
}

#[test]
fn a_running_probe_survives_a_reload_and_its_result_counts() {
    let (config, mut world) = running();
    world.silent.insert(at("127.0.0.2:80"));
    world.run_until(4_500);
    assert_eq!(world.in_flight.len(), 1);
    let mut moved = config.clone();
    moved.virtual_servers.reverse();
    world.reload(&moved);
    assert_eq!(world.in_flight.len(), 1, "also when its place in the lists is another");
    world.run_until(9_500);
    let lines = world.take_news();
    assert!(
        lines.contains(&"Removing service [127.0.0.2]:tcp:80 from VS [10.1.0.100]:tcp:80".into()),
        "timeouts at 6 and 9 s use up the one retry: {lines:?}"
    );
}

#[test]
fn the_probe_of_a_server_that_is_gone_is_aborted_and_its_late_result_ignored() {
    let (mut config, mut world) = running();
    world.silent.insert(at("127.0.0.2:80"));
    world.run_until(4_500);
    let probe = *world.in_flight.keys().next().unwrap();
    config.virtual_servers.remove(0);
    world.reload(&config);
    assert!(world.in_flight.is_empty());
    let before = world.machine.clone();
    world.input(Input::ProbeDone { probe, outcome: checkers::Outcome::Connected });
    assert_eq!(world.machine, before);
}

#[test]
fn what_is_gone_is_told_in_keepaliveds_words_and_stays_ours_until_the_kernel_has_lost_it() {
    let (config, mut world) = running();
    let first = &config.virtual_servers[0];
    let new = lvs(vec![with_servers(
        first,
        vec![checked("127.0.0.2:80", 1, 1), checked("127.0.0.7:80", 1, 1)],
    )]);
    world.reload(&new);
    assert_eq!(
        world.take_news(),
        [
            "service [127.0.0.3]:tcp:80 no longer exist",
            "Removing Virtual Server [10.1.0.101]:tcp:80",
            "Removing service [127.0.0.4]:tcp:80 from VS [10.1.0.101]:tcp:80",
            "Removing (inhibited) service [127.0.0.9]:tcp:80 from VS [10.1.0.101]:tcp:80",
        ],
    );
    assert_eq!(
        world.table(),
        [
            "-A -t 10.1.0.100:80 -s rr",
            "-a -t 10.1.0.100:80 -r 127.0.0.2:80 -m -w 1",
            "-a -t 10.1.0.100:80 -r 127.0.0.7:80 -m -w 1",
        ],
        "a new server is used at once, as at a start"
    );
    let (service_101, service_100) =
        (config.virtual_servers[1].address, config.virtual_servers[0].address);
    assert_eq!(world.machine.managed()[&service_101].len(), 2);
    assert_eq!(world.machine.managed()[&service_100].len(), 3);
    world.machine.kernel_is_current();
    assert!(!world.machine.managed().contains_key(&service_101));
    let left: Vec<_> = world.machine.managed()[&service_100].iter().copied().collect();
    assert_eq!(left, [at("127.0.0.2:80"), at("127.0.0.7:80")]);
}

#[test]
fn a_server_that_comes_back_before_the_kernel_has_lost_it_is_not_forgotten() {
    let (config, mut world) = running();
    world.reload(&lvs(vec![]));
    assert_eq!(world.table(), [""; 0]);
    world.reload(&config);
    world.machine.kernel_is_current();
    assert_eq!(world.machine.managed().len(), 2);
    assert!(world.machine.managed().values().all(|servers| servers.len() == 2));
}

#[test]
fn one_changed_weight_touches_one_destination() {
    let (config, mut world) = running();
    let mut new = config.clone();
    for server in &mut new.virtual_servers[0].real_servers {
        server.weight = 4;
    }
    let planned: Vec<_> =
        world.plan(&new).iter().map(|one| one.named(&GroupNames::NONE).to_string()).collect();
    assert_eq!(
        planned,
        [
            "real server [127.0.0.2]:tcp:80 of virtual server [10.1.0.100]:tcp:80: weight 1 becomes 4",
            "real server [127.0.0.3]:tcp:80 of virtual server [10.1.0.100]:tcp:80: weight 1 becomes 4",
        ],
    );
    world.reload(&new);
    assert_eq!(
        world.take_news(),
        [
            "Changing weight from 1 to 4 for active service [127.0.0.2]:tcp:80 of VS [10.1.0.100]:tcp:80",
            "Changing weight from 1 to 4 for inactive service [127.0.0.3]:tcp:80 of VS [10.1.0.100]:tcp:80",
        ],
    );
    let touched = world.machine.take_touched();
    assert_eq!(touched.len(), 1);
    let servers: Vec<_> = touched[&config.virtual_servers[0].address].iter().copied().collect();
    assert_eq!(servers, [at("127.0.0.2:80")], "the other one is down and not in the table");
    assert_eq!(world.table()[1], "-a -t 10.1.0.100:80 -r 127.0.0.2:80 -m -w 4");
}

#[test]
fn another_scheduler_touches_the_service_and_none_of_its_servers() {
    let (config, mut world) = running();
    let mut new = config.clone();
    new.virtual_servers[1].scheduler = Scheduler::SourceHashing;
    let planned: Vec<_> =
        world.plan(&new).iter().map(|one| one.named(&GroupNames::NONE).to_string()).collect();
    assert_eq!(planned, ["virtual server [10.1.0.101]:tcp:80 changed"]);
    world.reload(&new);
    assert_eq!(world.take_news(), [""; 0]);
    let touched = world.machine.take_touched();
    assert_eq!(touched.len(), 1);
    assert!(touched[&config.virtual_servers[1].address].is_empty());
}

#[test]
fn a_changed_check_keeps_the_verdict_and_begins_its_retries_anew() {
    let (config, mut world) = running();
    world.listening.clear();
    world.run_until(4_500);
    assert_eq!(world.take_lines(), [""; 0], "both live servers have used their one retry");
    let mut new = config.clone();
    for server in new.virtual_servers.iter_mut().flat_map(|service| &mut service.real_servers) {
        server.checkers[0].delay_before_retry = Duration::from_secs(2);
    }
    assert_eq!(world.plan(&new).len(), 4);
    let table = world.table();
    world.reload(&new);
    assert_eq!(world.take_news(), [""; 0]);
    assert_eq!(world.table(), table, "who is up stays up, who is down stays down");
    world.run_until(7_000);
    assert_eq!(world.table(), table, "a first failure at 5.5 s is within the retries");
    world.run_until(7_500);
    let lines = world.take_lines();
    assert_eq!(lines[0], "TCP_CHECK on service [127.0.0.2]:tcp:80 failed after 1 retries.");
}

#[test]
fn alpha_on_a_reload_takes_no_live_server_down() {
    let (config, mut world) = running();
    let mut new = config.clone();
    let first = &mut new.virtual_servers[0].real_servers[0];
    first.checkers.push(tcp("127.0.0.2:81", 1));
    *first = alpha(first.clone());
    world.reload(&new);
    assert_eq!(world.take_news(), [""; 0]);
    assert_eq!(world.table()[1], "-a -t 10.1.0.100:80 -r 127.0.0.2:80 -m -w 1");
    world.run_until(3_500);
    assert!(
        world.take_news()[0].starts_with("TCP_CHECK on service [127.0.0.2]:tcp:80 failed."),
        "but the first result of the new check decides"
    );
}

#[test]
fn a_new_alpha_server_waits_for_its_check() {
    let (config, mut world) = running();
    let mut new = config.clone();
    new.virtual_servers[0].real_servers.push(alpha(checked("127.0.0.8:80", 1, 1)));
    world.listening.insert(at("127.0.0.8:80"));
    world.reload(&new);
    assert_eq!(world.take_news(), [""; 0]);
    assert!(!world.table().iter().any(|line| line.contains("127.0.0.8")));
    world.run_until(3_500);
    assert_eq!(
        world.take_news(),
        [
            "TCP connection to [127.0.0.8]:tcp:80 success.",
            "Adding service [127.0.0.8]:tcp:80 to VS [10.1.0.100]:tcp:80",
        ],
    );
}

#[test]
fn a_failed_check_that_is_taken_away_brings_the_server_back() {
    let good: Checker = tcp("127.0.0.2:80", 0);
    let both = vec![good.clone(), tcp("127.0.0.2:81", 0)];
    let config = lvs(vec![service("10.1.0.100:80", vec![server("127.0.0.2:80", 1, both)])]);
    let mut world = World::new(&config);
    world.listening.insert(at("127.0.0.2:80"));
    world.run_until(2_000);
    assert_eq!(world.table().len(), 1);
    world.take_lines();
    let new = lvs(vec![service("10.1.0.100:80", vec![server("127.0.0.2:80", 1, vec![good])])]);
    world.reload(&new);
    assert_eq!(
        world.take_news(),
        [
            "Adding service [127.0.0.2]:tcp:80 to VS [10.1.0.100]:tcp:80",
            "Gained quorum 1+0=1 <= 1 for VS [10.1.0.100]:tcp:80",
        ],
    );
    assert_eq!(world.table().len(), 2);
}

#[test]
fn the_last_live_server_that_goes_takes_the_quorum_along() {
    let (config, mut world) = running();
    let new = lvs(vec![
        with_servers(&config.virtual_servers[0], vec![checked("127.0.0.3:80", 1, 1)]),
        config.virtual_servers[1].clone(),
    ]);
    world.reload(&new);
    assert_eq!(
        world.take_news(),
        [
            "service [127.0.0.2]:tcp:80 no longer exist",
            "Removing service [127.0.0.2]:tcp:80 from VS [10.1.0.100]:tcp:80",
            "Starting with quorum down 1-0=1 > 0 for VS [10.1.0.100]:tcp:80",
        ],
    );
}

#[test]
fn another_quorum_holds_at_once() {
    let (config, mut world) = running();
    let mut new = config.clone();
    new.virtual_servers[0].quorum = 2;
    new.virtual_servers[0].sorry_server = Some(sorry("10.3.3.3:80"));
    world.reload(&new);
    assert_eq!(
        world.take_news(),
        [
            "Starting with quorum down 2-0=2 > 1 for VS [10.1.0.100]:tcp:80",
            "Adding sorry server [10.3.3.3]:tcp:80 to VS [10.1.0.100]:tcp:80",
            "Removing alive servers from the pool for VS [10.1.0.100]:tcp:80",
        ],
    );
    let sorry_only = ["-A -t 10.1.0.100:80 -s rr", "-a -t 10.1.0.100:80 -r 10.3.3.3:80 -m -w 1"];
    assert_eq!(world.table()[..2], sorry_only);
    new.virtual_servers[0].sorry_server = Some(sorry("10.3.3.4:80"));
    world.reload(&new);
    assert_eq!(
        world.take_news(),
        [
            "Removing sorry server [10.3.3.3]:tcp:80 from VS [10.1.0.100]:tcp:80",
            "Starting with quorum down 2-0=2 > 1 for VS [10.1.0.100]:tcp:80",
            "Adding sorry server [10.3.3.4]:tcp:80 to VS [10.1.0.100]:tcp:80",
            "Removing alive servers from the pool for VS [10.1.0.100]:tcp:80",
        ],
    );
    new.virtual_servers[0].quorum = 1;
    world.reload(&new);
    assert_eq!(
        world.take_news(),
        [
            "Gained quorum 1+0=1 <= 1 for VS [10.1.0.100]:tcp:80",
            "Removing sorry server [10.3.3.4]:tcp:80 from VS [10.1.0.100]:tcp:80",
            "Adding alive servers to the pool for VS [10.1.0.100]:tcp:80",
        ],
    );
    assert_eq!(world.table()[1], "-a -t 10.1.0.100:80 -r 127.0.0.2:80 -m -w 1");
}

fn sorry(address: &str) -> SorryServer {
    SorryServer {
        address: at(address),
        method: ForwardingMethod::Nat,
        tunnel: Tunnel::default(),
        inhibit: false,
    }
}

#[test]
fn inhibit_that_is_switched_on_brings_a_dead_server_in_with_weight_0() {
    let (config, mut world) = running();
    let mut new = config.clone();
    new.virtual_servers[0].real_servers[1].inhibit_on_failure = true;
    world.reload(&new);
    assert_eq!(world.table()[2], "-a -t 10.1.0.100:80 -r 127.0.0.3:80 -m -w 0");
}

#[test]
fn the_parent_hears_of_exactly_what_changed() {
    let (config, mut world) = running();
    let mut new = config.clone();
    new.virtual_servers.remove(1);
    new.virtual_servers[0].real_servers[0].weight = 9;
    world.reload(&new);
    let mut changed = Vec::new();
    let mut gone = Vec::new();
    for change in world.machine.take_changes() {
        match change {
            StateChange::FormerTimeouts(_)
            | StateChange::Mark(..)
            | StateChange::MarkTable(_)
            | StateChange::Service(_, Some(_)) => {
                panic!("{change:?}")
            }
            StateChange::Service(_, None) => gone.push("service".to_owned()),
            StateChange::Server(id, Some(state)) => changed.push((id.server, state.weight)),
            StateChange::Server(id, None) => gone.push(id.server.to_string()),
        }
    }
    assert_eq!(changed, [(at("127.0.0.2:80"), 9)]);
    assert_eq!(gone, ["service", "127.0.0.4:80", "127.0.0.9:80"]);
}

#[test]
fn the_plan_names_what_comes_and_goes() {
    let (config, world) = running();
    let new = lvs(vec![
        with_servers(
            &config.virtual_servers[0],
            vec![inhibited(checked("127.0.0.2:80", 1, 5)), checked("127.0.0.7:80", 1, 1)],
        ),
        service("10.1.0.102:80", vec![checked("127.0.0.4:80", 1, 1)]),
    ]);
    let planned: Vec<_> =
        world.plan(&new).iter().map(|one| one.named(&GroupNames::NONE).to_string()).collect();
    let of = "virtual server [10.1.0.100]:tcp:80";
    assert_eq!(
        planned,
        [
            "virtual server [10.1.0.101]:tcp:80 removed".to_owned(),
            format!("real server [127.0.0.3]:tcp:80 removed from {of}"),
            format!("real server [127.0.0.2]:tcp:80 of {of}: settings changed"),
            format!("real server [127.0.0.2]:tcp:80 of {of}: checks changed"),
            format!("real server [127.0.0.7]:tcp:80 added to {of}"),
            "virtual server [10.1.0.102]:tcp:80 added".to_owned(),
        ],
    );
}

/// A service for each group, with one server at port 80 of the address that stands with it.
fn groups(wanted: &[(&str, &str)]) -> Lvs {
    let service = |(name, server): &(&str, &str)| {
        let group = GroupId::of(name);
        let address = ServiceAddress::Group { group, protocol: Protocol::Tcp, ipv6: false };
        let real_servers = vec![checked(&format!("{server}:80"), 1, 0)];
        VirtualServer { real_servers, ..VirtualServer::new(address) }
    };
    Lvs {
        groups: wanted.iter().map(|(name, _)| ServerGroup::new(*name, Vec::new())).collect(),
        ..lvs(wanted.iter().map(service).collect())
    }
}

#[test]
fn a_group_is_the_same_one_wherever_it_stands_in_the_file() {
    let mut world = World::new(&groups(&[("web", "127.0.0.2"), ("mail", "127.0.0.3")]));
    world.listening.insert(at("127.0.0.2:80"));
    world.run_until(2_000);
    world.take_lines();
    let before = world.machine.snapshot();
    world.machine.take_touched();
    world.reload(&groups(&[("mail", "127.0.0.3"), ("web", "127.0.0.2")]));
    assert_eq!(world.take_news(), [""; 0]);
    assert_eq!(world.machine.snapshot(), before);
    assert!(world.machine.take_touched().is_empty());

    let new = groups(&[("dns", "127.0.0.2"), ("web", "127.0.0.2")]);
    let plan: Vec<_> = world.plan(&new);
    let named = world.machine.names_with(&new);
    let plan: Vec<_> = plan.iter().map(|change| change.named(&named).to_string()).collect();
    assert_eq!(plan, ["virtual server [mail]:0 removed", "virtual server [dns]:0 added"]);
    world.reload(&new);
    assert_eq!(
        world.take_news(),
        ["Removing Virtual Server [mail]:0", "Gained quorum 1+0=1 <= 1 for VS [dns]:0",],
        "a group that is gone still has its name"
    );
}

#[test]
fn virtual_servers_of_one_group_have_different_names_everywhere() {
    let of = |protocol, server: &str| {
        let address = ServiceAddress::Group { group: GroupId::of("G"), protocol, ipv6: false };
        let real_servers = vec![checked(&format!("{server}:80"), 1, 0)];
        VirtualServer { real_servers, smtp_alert: true, ..VirtualServer::new(address) }
    };
    let groups = vec![ServerGroup::new("G", Vec::new())];
    let of_tcp = of(Protocol::Tcp, "127.0.0.2");
    let both = vec![of_tcp, of(Protocol::Udp, "127.0.0.3")];
    let mut config = Lvs { groups, ..lvs(both) };
    let mut world = World::new(&config);
    assert_eq!(world.told, ["VS [G]:0 UP\n", "VS [G]:1 UP\n"]);
    let subjects: Vec<_> = world.mails.drain(..).map(|mail| mail.subject).collect();
    assert_eq!(subjects, ["Virtualserver [G]:0 - UP", "Virtualserver [G]:1 - UP"]);
    assert_eq!(
        world.take_news(),
        ["Gained quorum 1+0=1 <= 1 for VS [G]:0", "Gained quorum 1+0=1 <= 1 for VS [G]:1",]
    );

    config.virtual_servers.remove(0);
    let named = world.machine.names_with(&config);
    let plan: Vec<_> =
        world.plan(&config).iter().map(|one| one.named(&named).to_string()).collect();
    assert_eq!(plan, ["virtual server [G]:0 removed"]);
    let before = world.machine.desired().clone();
    world.reload(&config);
    assert_eq!(world.take_news()[0], "Removing Virtual Server [G]:0");
    let udp = config.virtual_servers[0].address;
    assert_eq!(world.machine.desired()[&udp], before[&udp], "it is the same one");
    world.run_until(4_000);
    assert_eq!(
        world.take_news().last().unwrap(),
        "Lost quorum 1-0=1 > 0 for VS [G]:0",
        "and the first now"
    );
}
