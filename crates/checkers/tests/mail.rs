//! Mails of `smtp_alert`, in keepalived's words.

mod common;

use base::MailAbout;
use checkers::Input;
use common::{World, alpha, at, checked, lvs, server, service, tcp};
use control_plane::model::ForwardingMethod;
use control_plane::model::lvs::{RealServer, SorryServer, Tunnel, VirtualServer};

const SERVER: &str = "Realserver [127.0.0.2]:tcp:80 of virtual server [10.0.0.1]:tcp:80";
const SERVICE: &str = "Virtualserver [10.0.0.1]:tcp:80";

fn alerting(servers: Vec<RealServer>) -> VirtualServer {
    VirtualServer { smtp_alert: true, ..service("10.0.0.1:80", servers) }
}

fn sorry(address: &str) -> SorryServer {
    SorryServer {
        address: at(address),
        inhibit: false,
        method: ForwardingMethod::Nat,
        tunnel: Tunnel::default(),
    }
}

fn take(world: &mut World) -> Vec<String> {
    let mails = std::mem::take(&mut world.mails);
    mails.into_iter().map(|mail| format!("{} => {}", mail.subject, mail.body)).collect()
}

#[test]
fn a_service_says_how_it_starts() {
    let mut world = World::new(&lvs(vec![alerting(vec![checked("127.0.0.2:80", 2, 0)])]));
    let up = format!("{SERVICE} - UP => Starting with quorum up 1+0=1 <= 2");
    assert_eq!(take(&mut world), [up]);
    let down = alerting(vec![alpha(checked("127.0.0.2:80", 2, 0))]);
    let silent = World::new(&lvs(vec![down.clone()])).mails;
    assert_eq!(silent, [], "without a sorry server nothing is lost yet");
    let sorry_server = Some(sorry("127.0.0.9:80"));
    let down = VirtualServer { quorum: 2, hysteresis: 1, sorry_server, ..down };
    let mut world = World::new(&lvs(vec![down]));
    let down = format!("{SERVICE} - DOWN => Starting with quorum down 2+1=3 <= 0");
    assert_eq!(take(&mut world), [down]);
}

#[test]
fn the_service_speaks_before_its_server() {
    let mut world = World::new(&lvs(vec![alerting(vec![checked("127.0.0.2:80", 1, 0)])]));
    take(&mut world);
    world.run_until(1000);
    let lost = format!("{SERVICE} - DOWN => Lost quorum 1+0=1 <= 0");
    let failed = format!("{SERVER} - DOWN => TCP CHECK failed on service");
    assert_eq!(take(&mut world), [lost, failed]);
    world.listening.insert(at("127.0.0.2:80"));
    world.run_until(6000);
    let gained = format!("{SERVICE} - UP => Gained quorum 1+0=1 <= 1");
    let works = format!("{SERVER} - UP => TCP CHECK succeed on service");
    assert_eq!(take(&mut world), [gained, works]);
}

#[test]
fn a_first_success_of_a_server_that_is_up_is_no_news() {
    let mut world = World::new(&lvs(vec![alerting(vec![checked("127.0.0.2:80", 1, 0)])]));
    take(&mut world);
    world.listening.insert(at("127.0.0.2:80"));
    world.run_until(10_000);
    assert_eq!(take(&mut world), Vec::<String>::new());
}

#[test]
fn each_check_that_turns_sends_a_mail_with_the_state_of_its_server() {
    let checks = vec![tcp("127.0.0.2:80", 0), tcp("127.0.0.2:81", 0)];
    let mut world = World::new(&lvs(vec![alerting(vec![server("127.0.0.2:80", 1, checks)])]));
    world.run_until(1000);
    world.mails.clear();
    world.listening.insert(at("127.0.0.2:80"));
    world.run_until(6000);
    let about: Vec<_> = world.mails.iter().map(|mail| mail.about).collect();
    assert_eq!(about, [MailAbout::Check]);
    assert_eq!(take(&mut world), [format!("{SERVER} - DOWN => TCP CHECK succeed on service")]);
}

#[test]
fn nobody_speaks_without_smtp_alert() {
    let mut quiet = checked("127.0.0.2:80", 1, 0);
    quiet.smtp_alert = false;
    let mut world = World::new(&lvs(vec![service("10.0.0.1:80", vec![quiet])]));
    world.run_until(10_000);
    assert_eq!(take(&mut world), Vec::<String>::new());
}

#[test]
fn what_a_reload_removes_says_so() {
    let both = vec![checked("127.0.0.2:80", 1, 0), checked("127.0.0.3:80", 1, 0)];
    let mut world = World::new(&lvs(vec![alerting(both)]));
    take(&mut world);
    let one = lvs(vec![alerting(vec![checked("127.0.0.3:80", 1, 0)])]);
    world.reload(&one);
    assert_eq!(take(&mut world), [format!("{SERVER} - DOWN => Removing")]);
    world.reload(&lvs(Vec::new()));
    assert_eq!(take(&mut world)[0], format!("{SERVICE} - DOWN => Removing"));
}

#[test]
fn a_stop_is_told_with_omega() {
    let mut config = lvs(vec![alerting(vec![checked("127.0.0.2:80", 1, 0)])]);
    config.virtual_servers[0].omega = true;
    let mut world = World::new(&config);
    take(&mut world);
    world.input(Input::Stop);
    let server = format!("{SERVER} - DOWN => Shutting down");
    assert_eq!(take(&mut world), [server, format!("{SERVICE} - DOWN => Shutting down")]);
}
