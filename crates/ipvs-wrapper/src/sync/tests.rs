use netlink::fake::{Asked, Fake, Queued, attribute, done, error, message};

use super::*;
use crate::request::command;

const IPVS: u16 = 28;

/// What the kernel says of a master on eth0 that was started with id 7 and nothing else.
fn running_master() -> Vec<u8> {
    let fields = [
        attribute(1, &1u32.to_ne_bytes()),
        attribute(2, b"eth0\0"),
        attribute(3, &7u32.to_ne_bytes()),
        attribute(4, &1472u16.to_ne_bytes()),
        attribute(5, &[224, 0, 0, 81]),
        attribute(7, &8848u16.to_ne_bytes()),
        attribute(8, &[1]),
    ];
    [vec![command::NEW_DAEMON, 1, 0, 0], attribute(3, &fields.concat())].concat()
}

fn kernel(asked: &[Asked]) -> Vec<Queued> {
    let sequence = asked[0].sequence;
    match (asked[0].kind, asked[0].payload[0]) {
        (0x10, _) => vec![
            Ok(message(0x10, 0, sequence, &[vec![1, 1, 0, 0], attribute(1, &[28, 0])].concat())),
            Ok(error(sequence, 0, None)),
        ],
        (IPVS, command::GET_DAEMON) => {
            vec![Ok(message(IPVS, 2, sequence, &running_master())), Ok(done(sequence))]
        }
        _ => vec![Ok(error(asked.last().unwrap().sequence, 0, None))],
    }
}

fn daemon(role: Role) -> Daemon {
    let interface = "eth0".to_owned();
    Daemon { role, interface, id: 7, max_length: None, port: None, ttl: None, group: None }
}

/// The commands that the kernel gets to come from a running master to `desired`.
fn commands(desired: &[Daemon]) -> Vec<u8> {
    let mut daemons = SyncDaemons::over(Fake::new(kernel));
    assert_eq!(daemons.reconcile(desired).unwrap(), []);
    let sent = daemons.engine.transport().sent.iter().skip(2).flatten();
    sent.map(|asked| asked.payload[0]).collect()
}

#[test]
fn a_daemon_that_runs_as_it_should_is_left_alone() {
    assert_eq!(commands(&[daemon(Role::Master)]), []);
    let exact = Daemon {
        max_length: Some(1472),
        port: Some(8848),
        ttl: Some(1),
        group: Some([224, 0, 0, 81].into()),
        ..daemon(Role::Master)
    };
    assert_eq!(commands(&[exact]), []);
}

#[test]
fn the_other_role_takes_the_place_of_a_running_one() {
    let wanted = [daemon(Role::Backup)];
    assert_eq!(commands(&wanted), [command::DEL_DAEMON, command::NEW_DAEMON]);
}

#[test]
fn another_setting_is_a_new_daemon() {
    let wanted = [Daemon { ttl: Some(5), ..daemon(Role::Master) }];
    assert_eq!(commands(&wanted), [command::DEL_DAEMON, command::NEW_DAEMON]);
}

#[test]
fn ipvs_that_is_not_there_yet_is_found_the_next_time() {
    const ENOENT: i32 = 2;
    let mut is_loaded = false;
    let mut daemons = SyncDaemons::over(Fake::new(move |asked| {
        if std::mem::replace(&mut is_loaded, true) {
            kernel(asked)
        } else {
            vec![Ok(error(asked[0].sequence, ENOENT, None))]
        }
    }));
    assert!(matches!(daemons.list(), Err(Error::NoIpvs)));
    assert_eq!(daemons.list().unwrap().len(), 1);
}

#[test]
fn none_wanted_is_none_left() {
    assert_eq!(commands(&[]), [command::DEL_DAEMON]);
}
